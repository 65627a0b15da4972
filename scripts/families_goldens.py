"""Golden steps of a tiny DistilBERT, RoBERTa, ELECTRA and XLNet, on a task and of masked words, by PyTorch and
transformers.

FAMILY-step.safetensors holds
  <parameter>          weights, Hugging Face names
  input_ids attention_mask labels, and token_type_ids for ELECTRA and XLNet
  logits loss          of a forward pass without dropout
  grad.<parameter>     of that loss
and FAMILY-words.safetensors the same of the class with the head of masked words, without logits; `labels` is the word at
a masked position, -100 elsewhere. XLNet's is its language model over all tokens at once: bidirectional, without the
permutations it is made for.
As JSON under the metadata key `golden` stand the configuration and the versions.
RoBERTa has a LayerNorm epsilon and a padding id that differ from BERT's; ELECTRA has narrower embeddings; XLNet's rows
are padded on the left, and all but one are pairs with a token type of their own at the end. `mask_emb`, which
no loss reaches, has no gradient there.

    python3 scripts/families_goldens.py
"""

import json

import torch
import transformers
from safetensors.torch import save_file

from bert_goldens import FIXTURES, VERSIONS, unsettled

ROWS, LENGTH, LABELS, VOCABULARY = 4, 10, 3, 61

COMMON = {
    "vocab_size": VOCABULARY,
    "initializer_range": 0.2,
    "num_labels": LABELS,
    "problem_type": "single_label_classification",
    "attn_implementation": "eager",
}
BERT_LIKE = COMMON | {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
MODELS = {
    "distilbert": (
        transformers.DistilBertForSequenceClassification,
        transformers.DistilBertConfig(
            **COMMON,
            dim=16,
            n_layers=2,
            n_heads=2,
            hidden_dim=24,
            dropout=0.0,
            attention_dropout=0.0,
            seq_classif_dropout=0.0,
            max_position_embeddings=20,
        ),
    ),
    "roberta": (
        transformers.RobertaForSequenceClassification,
        transformers.RobertaConfig(
            **BERT_LIKE, max_position_embeddings=22, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1
        ),
    ),
    "electra": (
        transformers.ElectraForSequenceClassification,
        transformers.ElectraConfig(**BERT_LIKE, embedding_size=8, max_position_embeddings=20),
    ),
    "xlnet": (
        transformers.XLNetForSequenceClassification,
        transformers.XLNetConfig(
            **COMMON,
            d_model=16,
            n_layer=2,
            n_head=2,
            d_inner=24,
            dropout=0.0,
            summary_last_dropout=0.0,
            use_mems_eval=False,
        ),
    ),
}


WORDS = {
    "distilbert": transformers.DistilBertForMaskedLM,
    "roberta": transformers.RobertaForMaskedLM,
    "electra": transformers.ElectraForMaskedLM,
    "xlnet": transformers.XLNetLMHeadModel,
}


def tiny_model(kind, config):
    torch.manual_seed(1)
    return unsettled(kind(config).train())


def batch(family):
    generator = torch.Generator().manual_seed(2)
    lengths = torch.tensor([[10], [6], [8], [2]])
    positions = torch.arange(LENGTH).expand(ROWS, LENGTH)
    if family == "xlnet":
        positions = positions - (LENGTH - lengths)
    mask = ((positions >= 0) & (positions < lengths)).long()
    padding = MODELS[family][1].pad_token_id
    ids = torch.randint(3, VOCABULARY, (ROWS, LENGTH), generator=generator)
    inputs = {
        "input_ids": torch.where(mask == 1, ids, padding),
        "attention_mask": mask,
        "labels": torch.tensor([2, 0, 1, 2]),
    }
    if family in ("electra", "xlnet"):
        inputs["token_type_ids"] = (positions >= lengths // 2).long() * mask
    if family == "xlnet":
        inputs["token_type_ids"][:, -1] = 2
    return inputs


def masked(inputs):
    labels = torch.full((ROWS, LENGTH), -100)
    for row, position, word in [(0, 2, 5), (0, 9, 5), (1, 1, 60), (2, 4, 17), (2, 5, 3), (3, 1, 8)]:
        labels[row, inputs["attention_mask"][row].argmax() + position] = word
    return inputs | {"labels": labels}


def write(name, model, inputs):
    tensors = {n: p.detach().clone() for n, p in model.named_parameters()}
    tensors |= {key: value.int() for key, value in inputs.items()}
    output = model(**inputs)
    output.loss.backward()
    tensors["loss"] = output.loss.detach()
    if output.logits.dim() == 2:
        tensors["logits"] = output.logits.detach()
    tensors |= {f"grad.{n}": p.grad for n, p in model.named_parameters() if p.grad is not None}
    # One key: the order of several changes from run to run, and with it the bytes of the file.
    golden = {"config": model.config.to_dict(), "versions": VERSIONS}
    path = FIXTURES / f"{name}.safetensors"
    save_file(tensors, path, {"golden": json.dumps(golden, sort_keys=True)})
    print(path.name, path.stat().st_size, "bytes, loss", output.loss.item())


def main():
    torch.set_num_threads(1)
    for family, (kind, config) in MODELS.items():
        inputs = batch(family)
        write(f"{family}-step", tiny_model(kind, config), inputs)
        write(f"{family}-words", tiny_model(WORDS[family], config), masked(inputs))


if __name__ == "__main__":
    main()
