"""Goldens of answer spans: scores of answers by SQuAD 1.1's rules, and a golden step of tiny models by transformers.

squad-scores.json holds predictions with their references and the exact match and F1 of each, from 0 to 1. The rules are
those of squad_score.py; the best reference counts.

bert-span.safetensors, and the same of distilbert, roberta, electra and xlnet, hold
  <parameter>          weights, Hugging Face names
  input_ids attention_mask labels ends, and token_type_ids where the family has them; labels are the start positions,
                       counted from a row's first token, which in XLNet's batch is not the first place
  start_logits end_logits loss
  grad.<parameter>     of that loss
BERT's batch has no padding and its loss is that of transformers. The others have padding, which transformers leaves in
the softmax: there the loss is the mean of the two cross-entropies over the real positions.

    python3 scripts/squad_goldens.py
"""

import json

import torch
import transformers
from safetensors.torch import save_file

from bert_goldens import FIXTURES, VERSIONS, unsettled
from families_goldens import BERT_LIKE, LENGTH, MODELS, ROWS, VOCABULARY, batch
from squad_score import exact_match, f1

CASES = [
    # F.3 of the methods reference
    ("The Denver Broncos", ["Denver Broncos!"]),
    ("in 1867 at Paris", ["1867"]),
    # references, articles, punctuation, spaces
    ("Broncos", ["Denver Broncos", "the Broncos", "Carolina Panthers"]),
    ("a an the", ["the"]),
    ("the", ["a"]),
    ("", ["the"]),
    ("", [""]),
    ("", ["Paris"]),
    ("Paris", ["..."]),
    ("a.n apple", ["apple"]),
    ("The-Who", ["Who"]),
    ("thea an1 the_x", ["thea an1 the_x"]),
    ("the_x", ["x"]),
    ("théâtre the", ["théâtre"]),
    ("éa", ["é a"]),
    ("éthe", ["the éthe"]),
    ("a² x", ["² x"]),
    ("1,000,000", ["1000000"]),
    ("$5.3 million", ["5.3 million dollars", "$5.3 Million"]),
    ("U.S.", ["us", "United States"]),
    ("New\tYork\n City ", ["new york city"]),
    ("two\u00a0words\u2003here\u0085now\x1cthen", ["two words here now then"]),
    ("one\ufeffword", ["one word"]),
    ("one\u200bword", ["one word"]),
    # words that repeat
    ("to be or not to be", ["to be"]),
    ("be", ["to be or not to be"]),
    ("la la la la", ["la la"]),
    ("b a c", ["c b"]),
    # Unicode
    ("ΟΔΟΣ ΣΑΣ", ["οδος σας"]),
    ("İstanbul", ["i̇stanbul", "istanbul"]),
    ("Straße", ["strasse", "STRASSE"]),
    ("«Paris»", ["Paris"]),
    ("“Paris”", ["“paris”", "paris"]),
    ("北京 大学", ["北京大学", "大学"]),
    ("𝒳 and 😀", ["😀"]),
    ("cafe\u0301", ["café", "cafe"]),
    ("the\u0301 x", ["\u0301 x"]),
    ("a\u2019s", ["s", "\u2019s"]),
]


def write_scores():
    cases = [
        {
            "prediction": prediction,
            "answers": answers,
            "exactMatch": max(exact_match(prediction, answer) for answer in answers),
            "f1": max(f1(prediction, answer) for answer in answers),
        }
        for prediction, answers in CASES
    ]
    totals = {key: sum(case[key] for case in cases) / len(cases) for key in ("exactMatch", "f1")}
    path = FIXTURES / "squad-scores.json"
    path.write_text(json.dumps({"cases": cases, **totals}, indent=1, ensure_ascii=False) + "\n")
    print(path.name, len(cases), "cases", totals)


SPANS = {
    "bert": (
        transformers.BertForQuestionAnswering,
        transformers.BertConfig(**{k: v for k, v in BERT_LIKE.items() if k != "num_labels"}, max_position_embeddings=20),
    ),
    "distilbert": (transformers.DistilBertForQuestionAnswering, MODELS["distilbert"][1]),
    "roberta": (transformers.RobertaForQuestionAnswering, MODELS["roberta"][1]),
    "electra": (transformers.ElectraForQuestionAnswering, MODELS["electra"][1]),
    "xlnet": (transformers.XLNetForQuestionAnsweringSimple, MODELS["xlnet"][1]),
}
STARTS, ENDS = torch.tensor([2, 0, 7, 1]), torch.tensor([5, 0, 7, 1])


def span_batch(family):
    if family != "bert":
        return batch(family)
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(3, VOCABULARY, (ROWS, LENGTH), generator=generator)
    types = (torch.arange(LENGTH) >= LENGTH // 2).long().expand(ROWS, LENGTH).contiguous()
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": types}


def masked_loss(output, mask):
    def half(logits, positions):
        places = mask.argmax(1) + positions
        return torch.nn.functional.cross_entropy(logits.masked_fill(mask == 0, -torch.inf), places)

    return (half(output.start_logits, STARTS) + half(output.end_logits, ENDS)) / 2


def write_step(family):
    kind, config = SPANS[family]
    config.num_labels, config.problem_type = 2, None
    if family == "distilbert":
        config.qa_dropout = 0.0
    torch.manual_seed(4)
    model = unsettled(kind(config).train())
    inputs = {key: value for key, value in span_batch(family).items() if key != "labels"}
    tensors = {n: p.detach().clone() for n, p in model.named_parameters()}
    tensors |= {key: value.int() for key, value in inputs.items()}
    tensors |= {"labels": STARTS.int(), "ends": ENDS.int()}
    positions = {"start_positions": STARTS, "end_positions": ENDS} if family == "bert" else {}
    output = model(**inputs, **positions)
    loss = output.loss if family == "bert" else masked_loss(output, inputs["attention_mask"])
    loss.backward()
    tensors |= {"loss": loss.detach()}
    tensors |= {key: output[key].detach().contiguous() for key in ("start_logits", "end_logits")}
    tensors |= {f"grad.{n}": p.grad for n, p in model.named_parameters() if p.grad is not None}
    golden = {"config": model.config.to_dict(), "versions": VERSIONS}
    path = FIXTURES / f"{family}-span.safetensors"
    save_file(tensors, path, {"golden": json.dumps(golden, sort_keys=True)})
    print(path.name, path.stat().st_size, "bytes, loss", loss.item())


def main():
    torch.set_num_threads(1)
    write_scores()
    for family in SPANS:
        write_step(family)


if __name__ == "__main__":
    main()
