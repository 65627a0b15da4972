"""Logits of a tiny BERT in post-training int8, by ONNX Runtime's own quantiser.

Writes bert-step.safetensors (scripts/bert_goldens.py) as a Hugging Face folder, has Espalier export it as float32
ONNX, and gives that file to onnxruntime.quantization.quantize_dynamic: int8 weights, one scale a matrix and one for
each output unit, embeddings in float32. dynamic-int8.json holds the logits of the fixture's four examples, padded to
one batch, and the size of each file.

    python3 scripts/dynamic_int8_goldens.py
"""

import json
import subprocess
import tempfile
from pathlib import Path

import onnx
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import load_file, safe_open, save_file

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "packages/espalier/test/fixtures"
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def float_file(folder, tensors, config):
    weights = {n: t for n, t in tensors.items() if n.startswith(("bert.", "classifier."))}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words += [f"w{i}" for i in range(len(words), config["vocab_size"])]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    file = folder / "model.onnx"
    command = ["npx", "espalier", "export", folder, "--to", "onnx", "--out", file, "--quiet"]
    subprocess.run(command, cwd=ROOT, check=True)
    return file


def logits(file, feeds):
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return session.run(["logits"], feeds)[0].tolist()


def main():
    source = FIXTURES / "bert-step.safetensors"
    tensors = load_file(source)
    with safe_open(source, "numpy") as opened:
        config = json.loads(opened.metadata()["golden"])["config"]
    feeds = {name: tensors[name].astype("int64") for name in INPUTS}
    golden = {"versions": {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = float_file(folder, tensors, config)
        golden["float32"] = {"logits": logits(file, feeds), "bytes": file.stat().st_size}
        for kind, per_row in (("perTensor", False), ("perRow", True)):
            target = folder / f"{kind}.onnx"
            quantize_dynamic(
                file,
                target,
                op_types_to_quantize=["MatMul", "Gemm"],
                weight_type=QuantType.QInt8,
                per_channel=per_row,
            )
            golden[kind] = {"logits": logits(target, feeds), "bytes": target.stat().st_size}
    (FIXTURES / "dynamic-int8.json").write_text(json.dumps(golden) + "\n")
    print(json.dumps(golden, indent=1))


if __name__ == "__main__":
    main()
