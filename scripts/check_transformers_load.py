"""Does transformers load a folder that Espalier wrote, with no missing, unexpected or mismatched tensor?

Prints what `output_loading_info` says and what the tokenizer makes of a sentence; exits with 1 if anything is off.
The class of the model is the one config.json names.

    pip install torch transformers
    python3 scripts/check_transformers_load.py DIR [--auto AutoModelForSequenceClassification]
"""

import argparse
import json
import sys
from pathlib import Path

import torch
import transformers


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--auto", help="load with this class instead of the one in config.json")
    options = parser.parse_args()

    config = json.loads((options.folder / "config.json").read_text())
    model_class = getattr(transformers, options.auto or config["architectures"][0])
    model, info = model_class.from_pretrained(options.folder, output_loading_info=True)
    faults = {key: sorted(map(str, found)) for key, found in info.items() if found}
    print(f"transformers {transformers.__version__}, {type(model).__name__}, {model.dtype}")
    print(f"loading info: {faults or 'nothing missing, unexpected or mismatched'}")

    ids = torch.arange(8)[None] % config["vocab_size"]
    if any((options.folder / name).exists() for name in ("vocab.txt", "tokenizer.json")):
        tokenizer = transformers.AutoTokenizer.from_pretrained(options.folder, local_files_only=True)
        encoded = tokenizer("A Tree, pruned & trained.", return_tensors="pt")
        ids = encoded["input_ids"]
        print(f"tokenizer: {type(tokenizer).__name__}, {len(tokenizer)} tokens")
        print(f"  {tokenizer.convert_ids_to_tokens(ids[0])}")
    with torch.no_grad():
        outputs = model.eval()(input_ids=ids)
    shapes = {name: tuple(value.shape) for name, value in outputs.items() if torch.is_tensor(value)}
    print(f"outputs: {shapes}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
