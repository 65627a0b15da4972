"""Golden scores for test/train/metrics.test.ts, by scikit-learn and SciPy.

Where SciPy's own rounding shows (values far from zero), the correlation is taken from exact rational
arithmetic instead and the case says so. An undefined score is written as null.

    python3 scripts/metrics_goldens.py
"""

import json
import math
import warnings
from decimal import Decimal, getcontext
from fractions import Fraction
from pathlib import Path

import numpy
import scipy
import sklearn
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

FIXTURES = Path(__file__).resolve().parent.parent / "packages/espalier/test/fixtures"
TOLERANCE = 1e-12

getcontext().prec = 60
warnings.simplefilter("ignore")  # undefined scores are the point of some cases
random = numpy.random.default_rng(20191127)


def exact_pearson(predictions, labels):
    x = [Fraction(value) for value in predictions]
    y = [Fraction(value) for value in labels]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    covariance = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y))
    spread = sum((a - mean_x) ** 2 for a in x) * sum((b - mean_y) ** 2 for b in y)
    if spread == 0:
        return math.nan
    squared = covariance**2 / spread
    root = (Decimal(squared.numerator) / Decimal(squared.denominator)).sqrt()
    return float(root) if covariance > 0 else -float(root)


def classification(name, predictions, labels):
    predictions, labels = list(map(int, predictions)), list(map(int, labels))
    case = {
        "name": name,
        "predictions": predictions,
        "labels": labels,
        "accuracy": accuracy_score(labels, predictions),
        "matthews": matthews_corrcoef(labels, predictions),
    }
    if max(labels + predictions) < 2:
        case["f1"] = f1_score(labels, predictions, pos_label=1, zero_division=0)
    counts = numpy.bincount(labels)
    guess = [int(counts.argmax())] * len(labels)  # of equally common labels, the smallest
    case["majority"] = {"accuracy": accuracy_score(labels, guess)}
    if "f1" in case:
        case["majority"]["f1"] = f1_score(labels, guess, pos_label=1, zero_division=0)
    return case


def regression(name, predictions, labels):
    predictions, labels = list(map(float, predictions)), list(map(float, labels))
    exact = exact_pearson(predictions, labels)
    if len(labels) > 1:
        pearson = stats.pearsonr(predictions, labels).statistic
        spearman = stats.spearmanr(predictions, labels).statistic
    else:
        pearson = spearman = math.nan  # SciPy refuses one example
    agrees = math.isnan(exact) == math.isnan(pearson) and not abs(exact - pearson) > TOLERANCE / 10
    return {
        "name": name,
        "predictions": predictions,
        "labels": labels,
        "pearson": nullable(pearson if agrees else exact),
        "pearsonOracle": "scipy" if agrees else "exact",
        "spearman": nullable(spearman),
    }


def nullable(value):
    return None if math.isnan(value) else float(value)


def noisy(labels, classes, error_rate):
    wrong = random.random(len(labels)) < error_rate
    return numpy.where(wrong, random.integers(0, classes, len(labels)), labels)


def classification_cases():
    binary = (random.random(150) < 0.68).astype(int)
    three = random.integers(0, 3, 120)
    skewed = numpy.where(random.random(90) < 0.9, 4, random.integers(0, 7, 90))
    return [
        classification("binary, mostly right", noisy(binary, 2, 0.3), binary),
        classification("binary, chance", random.integers(0, 2, 150), binary),
        classification("binary, all right", binary, binary),
        classification("binary, all wrong", 1 - binary, binary),
        classification("constant prediction 0", numpy.zeros(150), binary),
        classification("constant prediction 1", numpy.ones(150), binary),
        classification("all labels 0", binary, numpy.zeros(150)),
        classification("all labels 1", binary, numpy.ones(150)),
        classification("nothing but 0", numpy.zeros(5), numpy.zeros(5)),
        classification("nothing but 1", numpy.ones(5), numpy.ones(5)),
        classification("one example, right", [1], [1]),
        classification("one example, wrong", [0], [1]),
        classification("equally common labels", [1, 1, 0, 1], [1, 0, 1, 0]),
        classification("three classes", noisy(three, 3, 0.4), three),
        classification("three classes, one never predicted", numpy.minimum(three, 1), three),
        classification("seven classes, one common", noisy(skewed, 7, 0.5), skewed),
        classification("no class in common", [0, 1, 0, 1], [2, 3, 3, 2]),
    ]


def regression_cases():
    scores = numpy.round(random.uniform(0, 5, 60) * 4) / 4
    guesses = scores + random.normal(0, 1, 60)
    noise = random.normal(0, 1, 60)
    return [
        regression("scores with ties", guesses, scores),
        regression("ties on both sides", numpy.round(guesses), numpy.round(scores)),
        regression("unrelated", noise, scores),
        regression("equal", scores, scores),
        regression("opposite", -2 * scores + 7, scores),
        regression("monotone, not linear", numpy.exp(3 * scores), scores),
        regression("constant prediction", numpy.full(60, 0.1), scores),
        regression("constant labels", guesses, numpy.full(60, 2.7)),
        regression("both constant", [0.1, 0.1, 0.1], [3, 3, 3]),
        regression("one example", [1.5], [2.5]),
        regression("two examples", [1, 2], [4, 3]),
        regression("offset 1e9", guesses + 1e9, scores),
        regression("offset 1e12, both", guesses + 1e12, scores - 1e12),
        regression("offset 1e15", guesses + 1e15, scores),
        regression("tiny values", guesses * 1e-200, scores * 1e-200),
        regression("huge values", guesses * 1e200, scores * 1e200),
        regression("one outlier", numpy.append(noise, 1e8), numpy.append(scores, 1e8)),
        regression("one rounding apart", [0.3, 0.1 + 0.2, 0.3], [1, 2, 3]),
    ]


def summaries():
    cases = []
    for values in ([3.5], [1, 2], [5, 1, 4], [0.1] * 7, [2e9 + 1, 2e9 + 2, 2e9 + 4], [10, 9, 100, -1]):
        cases.append(
            {
                "values": values,
                "mean": float(numpy.mean(values)),
                "standardDeviation": nullable(numpy.std(values, ddof=1)),
                "standardError": nullable(stats.sem(values)) if len(values) > 1 else None,
                "median": float(numpy.median(values)),
            }
        )
    return cases


def main():
    fixture = {
        "versions": {
            "scikit-learn": sklearn.__version__,
            "scipy": scipy.__version__,
            "numpy": numpy.__version__,
        },
        "classification": classification_cases(),
        "regression": regression_cases(),
        "statistics": summaries(),
    }
    path = FIXTURES / "metrics.json"
    path.write_text(json.dumps(fixture, allow_nan=False) + "\n")
    exact = [case["name"] for case in fixture["regression"] if case["pearsonOracle"] == "exact"]
    print(f"{path}: {fixture['versions']}; exact arithmetic for {exact}")


if __name__ == "__main__":
    main()
