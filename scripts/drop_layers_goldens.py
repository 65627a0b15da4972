"""Golden logits of tiny models of every family from which transformers' own layers were deleted, and how far each layer
turns the token that the head reads: the first, or XLNet's last.

dropped-FAMILY.safetensors (bert, distilbert, roberta, electra, xlnet) holds
  <parameter>          weights of the whole model of four layers, Hugging Face names
  input_ids attention_mask
  logits.<layers>      of the model without these layers, from 1, as `logits.3-4`
  contributions        mean over the rows of cos(that token before a layer, after it), whole model, in float64
As JSON under the metadata key `golden` stand the configuration and the versions.

    python3 scripts/drop_layers_goldens.py
"""

import copy
import json

import torch
import transformers
from safetensors.torch import save_file

from bert_goldens import FIXTURES, VERSIONS, unsettled

ROWS, LENGTH, VOCABULARY = 4, 9, 30
DROPPED = [[1], [2], [3], [4], [1, 2], [1, 3], [2, 3], [2, 4], [3, 4], [2, 3, 4], [1, 2, 3]]

COMMON = {"vocab_size": VOCABULARY, "initializer_range": 0.3, "num_labels": 3, "attn_implementation": "eager"}
BERT_LIKE = COMMON | {
    "hidden_size": 8,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 16,
}
MODELS = {
    "bert": (transformers.BertForSequenceClassification, transformers.BertConfig(**BERT_LIKE)),
    "distilbert": (
        transformers.DistilBertForSequenceClassification,
        transformers.DistilBertConfig(
            **COMMON, dim=8, n_layers=4, n_heads=2, hidden_dim=12, max_position_embeddings=16
        ),
    ),
    "roberta": (
        transformers.RobertaForSequenceClassification,
        transformers.RobertaConfig(**BERT_LIKE, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1),
    ),
    "electra": (
        transformers.ElectraForSequenceClassification,
        transformers.ElectraConfig(**BERT_LIKE, embedding_size=4),
    ),
    "xlnet": (
        transformers.XLNetForSequenceClassification,
        transformers.XLNetConfig(**COMMON, d_model=8, n_layer=4, n_head=2, d_inner=12, use_mems_eval=False),
    ),
}


def layers_of(model):
    base = model.base_model
    if hasattr(base, "layer"):
        return base.layer
    return base.transformer.layer if hasattr(base, "transformer") else base.encoder.layer


def without(model, dropped):
    smaller = copy.deepcopy(model)
    for layer in sorted(dropped, reverse=True):
        del layers_of(smaller)[layer - 1]
    smaller.config.num_hidden_layers = len(layers_of(smaller))
    return smaller


def batch(padding, left):
    generator = torch.Generator().manual_seed(3)
    lengths = torch.tensor([[9], [5], [7], [2]])
    positions = torch.arange(LENGTH).expand(ROWS, LENGTH)
    mask = ((positions >= LENGTH - lengths) if left else (positions < lengths)).long()
    ids = torch.randint(3, VOCABULARY, (ROWS, LENGTH), generator=generator)
    return {"input_ids": torch.where(mask == 1, ids, padding), "attention_mask": mask}


@torch.no_grad()
def contributions(model, inputs):
    states = model.double()(**inputs, output_hidden_states=True).hidden_states
    read = [state[:, -1 if model.config.model_type == "xlnet" else 0] for state in states]
    return torch.stack([torch.cosine_similarity(a, b).mean() for a, b in zip(read, read[1:])])


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    for family, (kind, config) in MODELS.items():
        torch.manual_seed(4)
        model = unsettled(kind(config)).eval()
        inputs = batch(config.pad_token_id, left=family == "xlnet")
        tensors = {n: p.detach().clone() for n, p in model.named_parameters()}
        tensors |= {key: value.int() for key, value in inputs.items()}
        for dropped in DROPPED:
            tensors["logits." + "-".join(map(str, dropped))] = without(model, dropped)(**inputs).logits
        tensors["contributions"] = contributions(model, inputs)
        golden = {"config": config.to_dict(), "versions": VERSIONS}
        path = FIXTURES / f"dropped-{family}.safetensors"
        save_file(tensors, path, {"golden": json.dumps(golden, sort_keys=True)})
        print(path.name, path.stat().st_size, "bytes, contributions", tensors["contributions"].tolist())


if __name__ == "__main__":
    main()
