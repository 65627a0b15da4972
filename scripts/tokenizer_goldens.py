"""Goldens for the tokenizer tests, from the fast tokenizers of Hugging Face transformers.

Oracle: transformers 5.18 with tokenizers 0.23. Run from the repository's root:

    python3 scripts/tokenizer_goldens.py [DATA]

DATA (default ../shared/data) holds tokenizers/bert-base-uncased, tokenizers/gpt2, tokenizers/xlnet-base-cased,
glue/SST-2 and glue/MRPC.
The fixture holds ids for sentences written for this project; of GLUE it holds SHA-256 digests only.
"""

import hashlib
import json
import struct
import sys
import tempfile
from pathlib import Path

import tokenizers
import transformers
from transformers import AddedToken, BertTokenizerFast, PreTrainedTokenizerFast, RobertaTokenizerFast

FIXTURE = Path("packages/espalier/test/fixtures/tokenizer.json")

SINGLES = [
    "",
    " ",
    "An espalier is pruned while it grows.",
    "  tabs\tand\r\nline ends\u2028and \u00a0 wide\u3000spaces  ",
    "Don't stop: it's 3.14, $5 or 100% (e.g. <b>x^2</b>) ~ `code` | a_b + c = d.",
    "cafe\u0301 na\u00efve \u00c5ngstr\u00f6m co\u0308operate \u1e9e stra\u00dfe",
    "\u03a3\u0391\u03a3 \u039f\u0394\u039f\u03a3 \u03bf\u03b4\u03cc\u03c2 \u03a3",
    "\u0130stanbul I\u0131 \u01c4 \ufb01sh \u2160\u2167",
    "\u6f22\u5b57\u3068kana\u30ab\u30ca \u65e5\u672c\u8a9e \ud55c\uad6d\uc5b4 \U00020000\U0002f800x\u3400",
    "emoji \U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f \U0001f1e9\U0001f1ea ok",
    "a\u0000b\ufffdc\u200bd\u00ade\ue000f\u0007g\u0085h\u007fi",
    "[CLS] [SEP] [MASK] [mask] [PAD][UNK] <s> </s> <mask> a<mask>b",
    "x" * 100,
    "x" * 101,
    "\u00e9" * 60,
    "\U0001d518\U0001d52b\U0001d526 \u0928\u092e\u0938\u094d\u0924\u0947 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u05e9\u05b8\u05c1 \u0645\u0631\u062d\u0628\u0627",
    "\u00a1hola! \u00bfqu\u00e9? \u00abbon\u00bb \u201cquoted\u201d \u2014 \u2026 \u20ac\u00a3\u00a5 \u2020 \u30fb",
    "word " * 140,
]

PAIRS = [
    ("", ""),
    ("The gardener ties the branch.", ""),
    ("", "The branch is tied."),
    ("The gardener ties the branch.", "The branch is tied by the gardener."),
    ("leaf " * 10, "root " * 200),
    ("leaf " * 200, "root " * 10),
    ("leaf " * 200, "root " * 200),
    ("leaf " * 14, "root " * 15),
    ("leaf " * 15, "root " * 15),
    ("leaf " * 15, "root " * 14),
    ("leaf " * 62, "root " * 64),
    ("leaf " * 64, "root " * 62),
    ("leaf " * 29, "root"),
    ("leaf", "root " * 29),
    # Word pieces only: a word of several pieces at the cut.
    ("leaf " * 31 + "espalier leaf", "root " * 32),
    ("leaf " * 32 + "espalier leaf", "root " * 32),
]

LENGTHS = [5, 32, 128]


def encode(tokenizer, text, pair, length):
    # As a batch: given one pair alone, transformers takes an empty second text for none.
    pairs = None if pair is None else [pair]
    encoded = tokenizer([text], pairs, truncation="longest_first", max_length=length, return_token_type_ids=True)
    return encoded["input_ids"][0], encoded["token_type_ids"][0]


def runs(tokenizer, singles, pairs, lengths):
    cases = []
    for text, pair in [(single, None) for single in singles] + pairs:
        for length in lengths:
            specials = tokenizer.num_special_tokens_to_add(pair is not None)
            if length < specials:
                continue
            ids, types = encode(tokenizer, text, pair, length)
            case = {"text": text, "maxLength": length, "ids": ids, "second": types.count(1)}
            cases.append(case if pair is None else {**case, "pair": pair})
    return cases


def digest(tokenizer, rows, length):
    """SHA-256 over little-endian int32: for each row the count, the ids, the types."""
    state = hashlib.sha256()
    for text, pair in rows:
        ids, types = encode(tokenizer, text, pair, length)
        state.update(struct.pack(f"<{1 + 2 * len(ids)}i", len(ids), *ids, *types))
    return state.hexdigest()


def digests(tokenizer, tasks):
    return {f"{name} {length}": digest(tokenizer, rows, length) for name, rows in tasks.items() for length in [32, 128]}


def tsv(path):
    lines = path.read_text(encoding="utf-8-sig").rstrip("\n").split("\n")
    return [line.split("\t") for line in lines[1:]]


def roberta(data):
    """GPT-2's pieces with RoBERTa's special tokens appended: the layout of RoBERTa, made of what is there."""
    vocab = json.loads((data / "tokenizers/gpt2/vocab.json").read_text())
    for token in ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]:
        vocab[token] = len(vocab)
    folder = Path(tempfile.mkdtemp())
    (folder / "vocab.json").write_text(json.dumps(vocab))
    (folder / "merges.txt").write_text((data / "tokenizers/gpt2/merges.txt").read_text())
    return RobertaTokenizerFast(
        vocab=str(folder / "vocab.json"),
        merges=str(folder / "merges.txt"),
        mask_token=AddedToken("<mask>", lstrip=True, special=True),  # as in the published roberta-base
    )


def xlnet(data):
    """XLNet's published tokenizer.json, without the settings that transformers 5 puts in their place."""
    return PreTrainedTokenizerFast(
        tokenizer_file=str(data / "tokenizers/xlnet-base-cased/tokenizer.json"),
        pad_token="<pad>",
        cls_token="<cls>",
        sep_token="<sep>",
    )


def main():
    data = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data")
    vocab = str(data / "tokenizers/bert-base-uncased/vocab.txt")
    uncased = BertTokenizerFast(vocab=vocab)
    settings = [
        {"do_lower_case": False},
        {"do_lower_case": False, "strip_accents": True},
        {"do_lower_case": True, "strip_accents": False},
        {"do_lower_case": True, "tokenize_chinese_chars": False},
    ]
    sst2 = [(row[0], None) for row in tsv(data / "glue/SST-2/dev.tsv")]
    mrpc = [(row[3], row[4]) for row in tsv(data / "glue/MRPC/dev.tsv")]
    fixture = {
        "oracle": f"transformers {transformers.__version__}, tokenizers {tokenizers.__version__}",
        "bert": runs(uncased, SINGLES, PAIRS, LENGTHS) + runs(uncased, [], PAIRS, [3, 4, 33]),
        "bertSettings": [
            {"config": config, "cases": runs(BertTokenizerFast(vocab=vocab, **config), SINGLES, [], [128])}
            for config in settings
        ],
        "roberta": runs(roberta(data), SINGLES, PAIRS[:-2], [33, 128]),
        "xlnet": [
            {"text": text, "pair": pair, "ids": ids, "types": types}
            for text, pair in [(single, None) for single in SINGLES] + PAIRS[:-2]
            for ids, types in [encode(xlnet(data), text, pair, 33)]
        ],
        "glue": digests(uncased, {"sst2": sst2, "mrpc": mrpc}),
        "xlnetGlue": digests(xlnet(data), {"sst2": sst2, "mrpc": mrpc}),
    }
    lines = json.dumps(fixture, separators=(",", ":")).replace('{"text"', '\n{"text"')
    FIXTURE.write_text(lines + "\n")
    print(f"{FIXTURE}: {FIXTURE.stat().st_size} bytes")


main()
