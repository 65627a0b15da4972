"""A golden step of pre-training for a tiny BERT, by PyTorch and transformers: pretrain-step.safetensors.

  <parameter>                  weights, Hugging Face names (the decoder is tied); teacher.<parameter> of a teacher
  input_ids attention_mask token_type_ids next_sentence_label
  labels                       the word at a masked position, -100 elsewhere
  losses                       masked words, next sentence, distillation at all tokens, at masked ones, of next sentence
  grad.<parameter>             of masked words + next sentence
  distilled.<parameter>        of 0.5 (words + sentence) + 0.5 (distillation at all tokens + of the next sentence), T = 2

    python3 scripts/pretrain_goldens.py
"""

import json

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import BertConfig, BertForPreTraining

from bert_goldens import FIXTURES, VERSIONS, unsettled

ROWS, LENGTH, TEMPERATURE = 3, 14, 2.0


def tiny(seed, layers):
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=97,
        hidden_size=24,
        num_hidden_layers=layers,
        num_attention_heads=3,
        intermediate_size=40,
        max_position_embeddings=32,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.15,
        attn_implementation="eager",
    )
    return unsettled(BertForPreTraining(config).train())


def batch():
    generator = torch.Generator().manual_seed(3)
    lengths = torch.tensor([[14], [6], [11]])
    positions = torch.arange(LENGTH).expand(ROWS, LENGTH)
    mask = (positions < lengths).long()
    ids = torch.randint(1, 97, (ROWS, LENGTH), generator=generator) * mask
    types = (positions >= lengths // 2).long() * mask
    labels = torch.full((ROWS, LENGTH), -100)
    for row, position, word in [(0, 2, 5), (0, 3, 5), (0, 9, 60), (1, 4, 96), (2, 1, 8), (2, 10, 1)]:
        labels[row, position] = word
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}, labels, torch.tensor([1, 0, 0])


def divergence(student, teacher):
    """T^2 KL(teacher || student), mean over rows."""
    soft = F.log_softmax(teacher / TEMPERATURE, -1)
    apart = F.kl_div(F.log_softmax(student / TEMPERATURE, -1), soft, reduction="batchmean", log_target=True)
    return TEMPERATURE**2 * apart


def main():
    student, teacher = tiny(1, 2), tiny(2, 1).eval()
    inputs, labels, follows = batch()
    tensors = {n: p.detach().clone() for n, p in student.named_parameters()}
    tensors |= {f"teacher.{n}": p.detach().clone() for n, p in teacher.named_parameters()}
    for key, value in (inputs | {"labels": labels, "next_sentence_label": follows}).items():
        tensors[key] = value.int()
    out = student(**inputs)
    with torch.no_grad():
        soft = teacher(**inputs)
    words = F.cross_entropy(out.prediction_logits.flatten(0, 1), labels.flatten())
    sentence = F.cross_entropy(out.seq_relationship_logits, follows)
    real, masked = inputs["attention_mask"] == 1, labels != -100
    every = divergence(out.prediction_logits[real], soft.prediction_logits[real])
    some = divergence(out.prediction_logits[masked], soft.prediction_logits[masked])
    next_sentence = divergence(out.seq_relationship_logits, soft.seq_relationship_logits)
    tensors["losses"] = torch.stack([words, sentence, every, some, next_sentence]).detach()
    print(tensors["losses"].tolist())
    distilled = 0.5 * (words + sentence) + 0.5 * (every + next_sentence)
    for prefix, loss in (("grad", words + sentence), ("distilled", distilled)):
        names, parameters = zip(*student.named_parameters())
        for name, gradient in zip(names, torch.autograd.grad(loss, parameters, retain_graph=True)):
            tensors[f"{prefix}.{name}"] = gradient.contiguous()
    golden = {
        "config": student.config.to_dict(),
        "teacher": teacher.config.to_dict(),
        "versions": VERSIONS,
    }
    save_file(tensors, FIXTURES / "pretrain-step.safetensors", {"golden": json.dumps(golden, sort_keys=True)})


if __name__ == "__main__":
    main()
