"""Golden steps of tiny models some of whose heads and neurons are zero, by PyTorch and transformers: what a model that
has lost them must compute.

bert-structured.safetensors and the same of distilbert, roberta and electra hold what families_goldens.py writes of a
step on a task. By block, the heads [0, 1] and [0] are zero, and the neurons [0, 7, 23] and all.

    python3 scripts/structured_goldens.py
"""

import torch
import transformers

from families_goldens import BERT_LIKE, MODELS, batch, tiny_model, write

HEADS, NEURONS = 2, 24
GONE = {"heads": [[0, 1], [0]], "neurons": [[0, 7, 23], list(range(NEURONS))]}

BERT = (
    transformers.BertForSequenceClassification,
    transformers.BertConfig(**BERT_LIKE, max_position_embeddings=20),
)


def parts(model):
    """By block: what reads into heads, what reads them, what reads into neurons, what reads them."""
    encoder = model.base_model
    if hasattr(encoder, "transformer"):
        for block in encoder.transformer.layer:
            a = block.attention
            yield [a.q_lin, a.k_lin, a.v_lin], a.out_lin, [block.ffn.lin1], block.ffn.lin2
    else:
        for block in encoder.encoder.layer:
            a = block.attention
            yield [a.self.query, a.self.key, a.self.value], a.output.dense, [block.intermediate.dense], block.output.dense


@torch.no_grad()
def remove(model):
    for index, (to_heads, from_heads, to_neurons, from_neurons) in enumerate(parts(model)):
        size = from_heads.in_features // HEADS
        gone = [row for head in GONE["heads"][index] for row in range(head * size, (head + 1) * size)]
        for rows, readers, reader in [
            (gone, to_heads, from_heads),
            (GONE["neurons"][index], to_neurons, from_neurons),
        ]:
            for layer in readers:
                layer.weight[rows] = 0
                layer.bias[rows] = 0
            reader.weight[:, rows] = 0
    return model


def main():
    torch.set_num_threads(1)
    for family, (kind, config) in {"bert": BERT, **MODELS}.items():
        inputs = batch("electra" if family == "bert" else family)
        write(f"{family}-structured", remove(tiny_model(kind, config)), inputs)


if __name__ == "__main__":
    main()
