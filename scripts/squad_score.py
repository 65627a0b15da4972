"""Scores answers to SQuAD 1.1 by its rules, written down anew: what `espalier evaluate` must print, from its predictions.

Lower case, without ASCII punctuation, then without the articles as whole words, single spaces; exact match is equal text,
F1 the harmonic mean of precision and recall over words with their multiplicity. The best reference counts, and a question
without a prediction counts as 0. Python's standard library is enough.

    espalier evaluate DIR --task squad --data SQUAD --predictions answers.json
    python3 scripts/squad_score.py SQUAD/dev-v1.1.json answers.json
"""

import collections
import json
import re
import string
import sys
from pathlib import Path


def normalised(text):
    kept = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(?:a|an|the)\b", " ", kept).split())


def exact_match(prediction, reference):
    return float(normalised(prediction) == normalised(reference))


def f1(prediction, reference):
    found, wanted = normalised(prediction).split(), normalised(reference).split()
    shared = sum((collections.Counter(found) & collections.Counter(wanted)).values())
    if shared == 0:
        return 0.0
    precision, recall = shared / len(found), shared / len(wanted)
    return 2 * precision * recall / (precision + recall)


def main():
    data, predictions = (json.loads(Path(path).read_text()) for path in sys.argv[1:3])
    questions = [qa for article in data["data"] for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
    totals = {"exactMatch": 0.0, "f1": 0.0}
    for question in questions:
        for name, measure in (("exactMatch", exact_match), ("f1", f1)):
            found = predictions.get(question["id"])
            if found is not None:
                totals[name] += max(measure(found, answer["text"]) for answer in question["answers"])
    print(json.dumps({name: total / len(questions) for name, total in totals.items()}))


if __name__ == "__main__":
    main()
