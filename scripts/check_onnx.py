"""Checks an ONNX file that Espalier wrote: python3 scripts/check_onnx.py FILE

Runs onnx.checker (structure, opset, shapes) and prints what the file holds. Needs the Python package onnx
(last run with 1.23.1); the tests of the toolkit do not.
"""

import sys
from collections import Counter

import onnx

if len(sys.argv) != 2:
    sys.exit(__doc__)
model = onnx.load(sys.argv[1])
onnx.checker.check_model(model, full_check=True)


def describe(values):
    for value in values:
        tensor = value.type.tensor_type
        dimensions = [d.dim_param or d.dim_value for d in tensor.shape.dim]
        print(f"  {value.name}: {onnx.TensorProto.DataType.Name(tensor.elem_type)} {dimensions}")


print(f"valid: IR version {model.ir_version}, opsets {[(o.domain, o.version) for o in model.opset_import]}")
print("inputs")
describe(model.graph.input)
print("outputs")
describe(model.graph.output)
print(f"{len(model.graph.initializer)} initialisers")
print("nodes", dict(Counter(node.op_type for node in model.graph.node)))
