"""Dense fine-tuning in PyTorch: the oracle for the accuracy `espalier finetune` should reach.

The recipe is that of the BERT paper (Devlin et al. 2019) as GLUE code runs it: AdamW without decay on biases
and LayerNorm, linear warm-up and linear decay to zero, gradients clipped to norm 1, dropout 0.1, a new
classifier on the checkpoint's own pooler. Batches hold rows of one length bucket, padded to a multiple of 16.
Reads GLUE's official TSV files and scores the dev split once, after the last step.

    python3 scripts/torch_finetune.py --model DIR --task mrpc --data GLUE_DIR --seeds 0,1,2,3,4
"""

import argparse
import csv
import json
import random
import statistics
import sys
import time
from collections import namedtuple
from itertools import count
from pathlib import Path

import torch
import transformers
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef
from transformers import AutoTokenizer, BertForSequenceClassification

METRICS = {  # of (labels, predictions)
    "accuracy": accuracy_score,
    "f1": f1_score,
    "matthews": matthews_corrcoef,
    "pearson": lambda labels, predictions: stats.pearsonr(labels, predictions).statistic,
    "spearman": lambda labels, predictions: stats.spearmanr(labels, predictions).statistic,
}

# Columns of the official files; one class, number 1, means regression.
Task = namedtuple("Task", "folder header_rows texts label classes metrics")
TASKS = {
    "sst2": Task("SST-2", 1, [0], 1, 2, ["accuracy"]),
    "cola": Task("CoLA", 0, [3], 1, 2, ["matthews", "accuracy"]),
    "mrpc": Task("MRPC", 1, [3, 4], 0, 2, ["f1", "accuracy"]),
    "stsb": Task("STS-B", 1, [7, 8], 9, 1, ["pearson", "spearman"]),
}

Example = namedtuple("Example", "ids types label")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="BERT checkpoint in Hugging Face layout")
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--data", type=Path, required=True, help="the task's folder, or the GLUE root")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--steps", type=int, help="wins over --epochs")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=5e-5)
    parser.add_argument("--warmup", type=float, default=0.1, help="fraction of the steps")
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--limit", type=int, help="first N training examples after the seeded shuffle")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser.parse_args()


def read_split(task, data, split, tokenizer, max_length):
    folder = data / task.folder if (data / task.folder).is_dir() else data
    # MRPC opens with a byte order mark; quotation marks are text in all four.
    with open(folder / f"{split}.tsv", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[task.header_rows :]
    encoded = tokenizer(
        *([row[column] for row in rows] for column in task.texts),
        truncation=True,
        max_length=max_length,
        padding=False,
        return_token_type_ids=True,
    )
    number = float if task.classes == 1 else int
    labels = [number(row[task.label]) for row in rows]
    return [Example(*e) for e in zip(encoded["input_ids"], encoded["token_type_ids"], labels)]


def bucket(example):
    return -(-len(example.ids) // 16) * 16


def make_batches(examples, batch_size, shuffler=None):
    """Lists of examples of one bucket; in random order if there is a shuffler."""
    order = list(examples)
    if shuffler:
        shuffler.shuffle(order)
    buckets = {}
    for example in order:
        buckets.setdefault(bucket(example), []).append(example)
    batches = [rows[i : i + batch_size] for rows in buckets.values() for i in range(0, len(rows), batch_size)]
    if shuffler:
        shuffler.shuffle(batches)
    return batches


def tensors(examples):
    length = bucket(examples[0])

    def padded(rows):
        return torch.tensor([list(row) + [0] * (length - len(row)) for row in rows])

    return {
        "input_ids": padded(e.ids for e in examples),
        "token_type_ids": padded(e.types for e in examples),
        "attention_mask": padded([1] * len(e.ids) for e in examples),
        "labels": torch.tensor([e.label for e in examples]),
    }


def load(path, task):
    model = BertForSequenceClassification.from_pretrained(
        path,
        num_labels=task.classes,
        problem_type="regression" if task.classes == 1 else "single_label_classification",
        hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.1,
        attn_implementation="sdpa",
        dtype=torch.float32,
    )
    torch.nn.init.normal_(model.classifier.weight, std=0.02)
    torch.nn.init.zeros_(model.classifier.bias)
    return model


def decay_groups(model):
    named = list(model.named_parameters())
    kept = [p for n, p in named if n.endswith("bias") or "LayerNorm" in n]
    decayed = [p for n, p in named if not (n.endswith("bias") or "LayerNorm" in n)]
    return [{"params": decayed, "weight_decay": 0.01}, {"params": kept, "weight_decay": 0.0}]


def fine_tune(options, task, train, seed):
    torch.manual_seed(seed)
    shuffler = random.Random(seed)
    if options.limit:
        train = shuffler.sample(train, len(train))[: options.limit]
    model = load(options.model, task).train()
    steps = options.steps or options.epochs * len(make_batches(train, options.batch_size))
    optimiser = torch.optim.AdamW(decay_groups(model), lr=options.lr, betas=(0.9, 0.999), eps=1e-8, fused=True)
    schedule = transformers.get_linear_schedule_with_warmup(optimiser, round(options.warmup * steps), steps)
    stream = (b for _ in count() for b in make_batches(train, options.batch_size, shuffler))
    for step, batch in zip(range(steps), stream):
        loss = model(**tensors(batch)).loss
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 50 == 0:
            print(f"seed {seed} step {step}/{steps} loss {loss.item():.4f}", file=sys.stderr)
    return model, steps


@torch.inference_mode()
def evaluate(model, task, dev):
    model.eval()
    predictions, labels = [], []
    for batch in make_batches(dev, 64):
        inputs = tensors(batch)
        labels += inputs.pop("labels").tolist()
        logits = model(**inputs).logits
        predictions += (logits[:, 0] if task.classes == 1 else logits.argmax(-1)).tolist()
    return {name: float(METRICS[name](labels, predictions)) for name in task.metrics}


def summary(values):
    # One seed has no spread.
    return {"mean": statistics.mean(values), "sd": statistics.stdev(values) if len(values) > 1 else None}


def main():
    options = parse()
    torch.set_num_threads(options.threads)
    transformers.utils.logging.set_verbosity_error()
    task = TASKS[options.task]
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    train, dev = (
        read_split(task, options.data, split, tokenizer, options.max_length) for split in ("train", "dev")
    )

    runs = []
    for seed in map(int, options.seeds.split(",")):
        start = time.perf_counter()
        model, steps = fine_tune(options, task, train, seed)
        metrics = evaluate(model, task, dev)
        runs.append({"seed": seed, "steps": steps, "seconds": time.perf_counter() - start, "metrics": metrics})
        if not options.json:
            print(f"seed {seed}: " + ", ".join(f"{n} {v:.4f}" for n, v in metrics.items()))

    summaries = {name: summary([run["metrics"][name] for run in runs]) for name in task.metrics}
    if options.json:
        versions = {"torch": torch.__version__, "transformers": transformers.__version__}
        report = {
            "task": options.task,
            "rows": {"train": min(len(train), options.limit or len(train)), "dev": len(dev)},
            "options": {k: v for k, v in vars(options).items() if k not in ("model", "data", "json")},
            "runs": runs,
            "summary": summaries,
            "versions": versions,
        }
        print(json.dumps(report))
    else:
        for name, s in summaries.items():
            print(f"{name}: {s['mean']:.4f}" + (f" +- {s['sd']:.4f}" if s["sd"] is not None else ""))


if __name__ == "__main__":
    main()
