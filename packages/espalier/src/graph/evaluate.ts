// Naive evaluation in f64: the twin that finite differences run on and that ONNX Runtime is compared with.
import { sizeOf } from '../tensor/tensor.js';
import type { F64Tensor, Node } from './node.js';
import { isConstant, isInput, reachable } from './program.js';

/** Evaluates nodes from named feeds (flat, row-major); one tensor per node. */
export function evaluate(nodes: readonly Node[], feeds: ReadonlyMap<string, ArrayLike<number>>): F64Tensor[] {
  const values = new Map<Node, F64Tensor>();
  for (const application of reachable(nodes)) {
    const first = application.outputs[0]!;
    if (isInput(first)) {
      const { name } = first.apply.attributes;
      const data = feeds.get(name);
      if (data?.length !== sizeOf(first.shape)) {
        throw new Error(
          `evaluate: feed "${name}" needs ${sizeOf(first.shape)} values, found ${data?.length}`,
        );
      }
      values.set(first, { shape: first.shape, data: Float64Array.from(data) });
    } else if (isConstant(first)) {
      values.set(first, { shape: first.shape, data: Float64Array.from(first.apply.attributes.data, Number) });
    } else {
      const inputs = application.inputs.map((node) => values.get(node)!);
      const outputs = application.op.evaluate(inputs, application.attributes, application);
      for (const [index, node] of application.outputs.entries()) values.set(node, outputs[index]!);
    }
  }
  return nodes.map((node) => values.get(node)!);
}
