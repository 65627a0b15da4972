"""Golden training steps for a tiny BERT and for the optimisers, by PyTorch and transformers.

bert-step.safetensors (three classes) and bert-step-regression.safetensors (one value, squared error) hold
  <parameter>          weights before the first step, Hugging Face names
  input_ids attention_mask token_type_ids labels
  logits loss          of the first forward pass
  grad.<parameter>     of that loss, before clipping
  losses.decay_all losses.decay_selected
                       six AdamW steps from those weights; the loss of each step is taken before its update
  norms.decay_all norms.decay_selected
                       global gradient norm of each step before clipping
and, as JSON under the metadata key `golden`, the configuration, the optimiser's settings and the versions.
The gradients of key biases are rounding noise about an exact zero: a softmax does not see a constant.

adamw.json holds one tensor, twenty gradients, and the weights after some steps of AdamW and of SGD.

    python3 scripts/bert_goldens.py
"""

import json
from pathlib import Path

import numpy
import torch
import transformers
from safetensors.torch import save_file
from transformers import BertConfig, BertForSequenceClassification

FIXTURES = Path(__file__).resolve().parent.parent / "packages/espalier/test/fixtures"
ROWS, LENGTH, STEPS = 4, 12, 6
OPTIMISER = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01}
CLIP = 1.0
VERSIONS = {"torch": torch.__version__, "transformers": transformers.__version__}


def tiny_bert(labels):
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=101,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        hidden_act="gelu",
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.15,
        num_labels=labels,
        problem_type="regression" if labels == 1 else "single_label_classification",
        attn_implementation="eager",
    )
    return unsettled(BertForSequenceClassification(config).train())


def unsettled(model):
    """The model with biases and norms off their first values: a zero or a one would hide a mistake."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if is_bias_or_norm(name):
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def is_bias_or_norm(name):
    return name.endswith("bias") or "norm" in name.lower()


def batch(labels):
    generator = torch.Generator().manual_seed(2)
    lengths = torch.tensor([[12], [7], [9], [2]])
    positions = torch.arange(LENGTH).expand(ROWS, LENGTH)
    mask = (positions < lengths).long()
    ids = torch.randint(1, 101, (ROWS, LENGTH), generator=generator) * mask  # padding is id 0
    types = (positions >= lengths // 2).long() * mask
    answers = torch.tensor([2.5, 0.0, 4.75, 1.0]) if labels == 1 else torch.tensor([2, 0, 1, 2])
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types, "labels": answers}


def all_decayed(model):
    return model.parameters()


def selectively_decayed(model):
    named = list(model.named_parameters())
    return [
        {"params": [p for n, p in named if not is_bias_or_norm(n)]},
        {"params": [p for n, p in named if is_bias_or_norm(n)], "weight_decay": 0.0},
    ]


def train(labels, inputs, groups):
    model = tiny_bert(labels)
    optimiser = torch.optim.AdamW(groups(model), **OPTIMISER)
    losses, norms = [], []
    for _ in range(STEPS):
        loss = model(**inputs).loss
        optimiser.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP))
        optimiser.step()
        losses.append(loss.detach())
    return torch.stack(losses), torch.stack(norms)


def write_bert(name, labels):
    model = tiny_bert(labels)
    inputs = batch(labels)
    tensors = {n: p.detach().clone() for n, p in model.named_parameters()}
    for key, value in inputs.items():
        tensors[key] = value if value.is_floating_point() else value.int()
    output = model(**inputs)
    output.loss.backward()
    tensors["logits"], tensors["loss"] = output.logits.detach(), output.loss.detach()
    tensors |= {f"grad.{n}": p.grad for n, p in model.named_parameters()}
    for series, groups in (("decay_all", all_decayed), ("decay_selected", selectively_decayed)):
        tensors[f"losses.{series}"], tensors[f"norms.{series}"] = train(labels, inputs, groups)
        print(name, series, tensors[f"losses.{series}"].tolist(), tensors[f"norms.{series}"].tolist())
    # One key: the order of several changes from run to run, and with it the bytes of the file.
    golden = {"config": model.config.to_dict(), "optimiser": OPTIMISER | {"clip": CLIP}, "versions": VERSIONS}
    save_file(tensors, FIXTURES / name, {"golden": json.dumps(golden, sort_keys=True)})


def write_optimisers():
    generator = numpy.random.default_rng(3)
    # Multiples of 1/1024, so that the file is short and exact in float32. Some gradients are zero.
    start = generator.integers(-2048, 2049, 37) / 1024
    gradients = generator.integers(-1024, 1025, (20, 37)) / 1024
    gradients[:, 0] = 0
    gradients[3] = 0
    settings = {
        "adamw": (torch.optim.AdamW, {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01}),
        "sgd": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    }
    fixture = {"versions": VERSIONS, "start": start.tolist(), "gradients": gradients.tolist()}
    for name, (rule, options) in settings.items():
        weights = torch.tensor(start, dtype=torch.float32, requires_grad=True)
        optimiser = rule([weights], foreach=False, **options)
        after = {}
        for step, gradient in enumerate(gradients, start=1):
            weights.grad = torch.tensor(gradient, dtype=torch.float32)
            optimiser.step()
            if step in (1, 2, 5, 20):
                after[step] = weights.tolist()
        fixture[name] = {"options": options, "after": after}
    (FIXTURES / "adamw.json").write_text(json.dumps(fixture) + "\n")


def main():
    torch.set_num_threads(1)
    write_bert("bert-step.safetensors", 3)
    write_bert("bert-step-regression.safetensors", 1)
    write_optimisers()
    for path in sorted(FIXTURES.glob("bert-step*")) + [FIXTURES / "adamw.json"]:
        print(path.name, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
