"""The opponent of the step benchmarks: the same BERT, batch and optimiser in PyTorch.

What a competent user would turn on is on: scaled dot-product attention, no mask when nothing is padded,
the fused AdamW, foreach clipping, gradients set to None. Tried for mini on 2 cores of an
Intel Xeon with AVX-512 and left out: torch.compile (1.1-1.2 times slower), flushing denormals and larger
glibc pools (no difference). In pre-training the decoder runs at the masked positions only, as ours does;
the stock BertForPreTraining computes it everywhere (--decoder everywhere). Reduced-precision products are off: they are not the same arithmetic.
Prints one JSON line.

    python3 bench/torch_step.py --objective train --size mini --steps 20 --warmup 3 --threads 2
"""

import argparse
import json
import resource
import statistics
import time

import torch
import transformers
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertForPreTraining, BertForSequenceClassification

SIZES = {  # layers, hidden, heads, intermediate, rows, tokens
    "mini": (4, 256, 4, 1024, 32, 64),
    "base": (12, 768, 12, 3072, 8, 128),
    "large": (24, 1024, 16, 4096, 4, 128),
}

PRETRAIN_TOKENS, MASKED = 128, 19


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objective", choices=["train", "pretrain"], default="train")
    parser.add_argument("--decoder", choices=["masked", "everywhere"], default="masked")
    parser.add_argument("--size", choices=SIZES, default="mini")
    parser.add_argument("--steps", type=int, default=20, help="timed steps")
    parser.add_argument("--warmup", type=int, default=3, help="steps before them")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="accepted for symmetry: the output is JSON anyway")
    options = parser.parse_args()
    if options.steps < 1 or options.warmup < 0 or options.threads < 1:
        parser.error("--steps and --threads start at 1, --warmup at 0")
    return options


def main():
    options = parse()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    layers, hidden, heads, intermediate, rows, tokens = SIZES[options.size]
    pretrain = options.objective == "pretrain"
    if pretrain:
        tokens = PRETRAIN_TOKENS
    config = BertConfig(
        vocab_size=30522,
        num_hidden_layers=layers,
        hidden_size=hidden,
        num_attention_heads=heads,
        intermediate_size=intermediate,
        hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.1,
        num_labels=2,
        attn_implementation="sdpa",
    )
    model = (BertForPreTraining if pretrain else BertForSequenceClassification)(config).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01, fused=True)
    ids = torch.randint(0, config.vocab_size, (rows, tokens))
    labels = torch.randint(0, 2, (rows,))

    places = torch.zeros(rows, tokens, dtype=torch.bool)
    places[:, [(6 * i + 1) % tokens for i in range(MASKED)]] = True
    words = torch.where(places, ids, -100)

    def pretrain_loss():
        if options.decoder == "everywhere":
            return model(input_ids=ids, labels=words, next_sentence_label=labels).loss
        sequence, pooled = model.bert(input_ids=ids, return_dict=False)[:2]
        found, follows = model.cls(sequence[places], pooled)
        return cross_entropy(found, words[places]) + cross_entropy(follows, labels)

    def step():
        loss = pretrain_loss() if pretrain else model(input_ids=ids, labels=labels).loss
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
        optimiser.step()
        return loss.item()

    losses, seconds = [], []
    for _ in range(options.warmup + options.steps):
        start = time.perf_counter()
        losses.append(step())
        seconds.append(time.perf_counter() - start)

    report = {
        "secondsPerStep": statistics.median(seconds[options.warmup :]),
        "steps": options.steps,
        "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "threads": options.threads,
        "size": options.size,
        "losses": losses,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
