"""Pure functions over arrays of predictions: what an evaluation reports."""

import math
from typing import Any

import numpy
from numpy.typing import NDArray
from scipy.special import log_softmax
from scipy.stats import binomtest, bootstrap
from sklearn.metrics import accuracy_score, f1_score

from ..core.probabilities import log

Labels = NDArray[numpy.int64]
Probabilities = NDArray[Any]
# The confidence of all intervals, and how many resamples the bootstrap draws.
CONFIDENCE = 0.95
RESAMPLES = 9999
# Resamples in memory at a time. It changes nothing in the result.
BATCH = 100


def accuracy_and_macro_f(predicted: Labels, gold: Labels) -> dict[str, float]:
    """Return accuracy and macro-averaged F-score.

    predicted, gold (NDArray[int64]): Label indices, shape (n,).
    RETURNS (dict[str, float]): "accuracy" and "macro_f", each from 0 to 1.
    """
    return {
        "accuracy": float(accuracy_score(gold, predicted)),
        "macro_f": float(f1_score(gold, predicted, average="macro", zero_division=0)),
    }


def share_interval(count: int, n: int) -> list[float]:
    """Return the 95 % confidence interval of a share (Wilson 1927; Brown et al. 2001 recommend it for small n).

    It has a width at 0 and 1 as well: of 18 right answers in 18 texts, the share is 0.82 to 1.

    count (int): How many of the texts, 0 to n.
    n (int): The number of texts, 1 or more.
    RETURNS (list[float]): The lower and the upper limit, from 0 to 1.
    """
    return [float(limit) for limit in binomtest(count, n).proportion_ci(CONFIDENCE, method="wilson")]


def expected_calibration_error(probabilities: Probabilities, gold: Labels, bins: int = 15) -> float:
    """Return how far confidence is from accuracy, on average (ECE; Guo et al. 2017, section 2).

    The confidence of a text is the probability of its predicted label. Texts are binned by their confidence. Each bin
    counts with its share of the texts.

    probabilities (NDArray): Shape (n, n_labels), rows sum to 1.
    gold (NDArray[int64]): Label indices, shape (n,).
    bins (int): How many bins of equal width, 1 or more: (0, 1 / bins], (1 / bins, 2 / bins], …
    RETURNS (float): From 0 (perfectly calibrated) to 1.
    """
    confidence, right, bin_of = _bin_by_confidence(probabilities, gold, bins)
    # Of a bin with m texts, |accuracy − confidence| · m / n is |Σ (right − confidence)| / n.
    return float(abs(numpy.bincount(bin_of, weights=right - confidence)).sum() / len(gold))


def reliability(probabilities: Probabilities, gold: Labels, bins: int = 15) -> list[dict[str, Any]]:
    """Return the points of a reliability diagram (Guo et al. 2017, section 2), from the least sure texts on.

    The mean distance of the points from the diagonal, weighted by "n", is `expected_calibration_error`.

    probabilities (NDArray): Shape (n, n_labels), rows sum to 1.
    gold (NDArray[int64]): Label indices, shape (n,).
    bins (int): How many bins of equal width, 1 or more, as of `expected_calibration_error`.
    RETURNS (list[dict[str, Any]]): Of each bin that has texts: "n", "confidence" and "accuracy", the mean of its texts,
        and "ci95", see `share_interval`.
    """
    confidence, right, bin_of = _bin_by_confidence(probabilities, gold, bins)
    masks = [bin_of == index for index in numpy.unique(bin_of)]
    return [{"confidence": float(confidence[rows].mean()), **share(right[rows])} for rows in masks]


def _bin_by_confidence(probabilities: Probabilities, gold: Labels, bins: int) -> tuple[Any, Any, Any]:
    """Return of each text: its confidence, whether its predicted label is right, and its bin; each of shape (n,)."""
    confidence = probabilities.max(axis=1).astype("float64")
    bin_of = numpy.digitize(confidence, numpy.linspace(0, 1, bins + 1)[1:-1], right=True)
    return confidence, probabilities.argmax(axis=1) == gold, bin_of


def share(right: NDArray[numpy.bool_]) -> dict[str, Any]:
    """Return how many of some texts are right.

    right (NDArray[bool]): Whether each text is right, shape (n,), with n ≥ 1.
    RETURNS (dict[str, Any]): "n"; "accuracy", the share that is right; "ci95", see `share_interval`.
    """
    hits, n = int(right.sum()), len(right)
    return {"n": n, "accuracy": hits / n, "ci95": share_interval(hits, n)}


def coverage_curve(probabilities: Probabilities, gold: Labels, points: int = 40) -> list[dict[str, Any]]:
    """Return how often answers are right if only the surest are given, from few answers to all.

    probabilities (NDArray): Shape (n, n_labels), rows sum to 1.
    gold (NDArray[int64]): Label indices, shape (n,).
    points (int): How many points at most. Texts of the same confidence are answered together, or not.
    RETURNS (list[dict[str, Any]]): Of each point: "coverage", the share of the texts that are answered; "confidence",
        that of the least sure answer; "n", "accuracy" and "ci95" of the answers, see `share`.
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == gold
    descending, n = -numpy.sort(-confidence), len(gold)
    limits = {float(descending[math.ceil(n * point / points) - 1]) for point in range(1, points + 1)}
    kept = {limit: confidence >= limit for limit in sorted(limits, reverse=True)}
    return [{"coverage": float(rows.mean()), "confidence": limit, **share(right[rows])} for limit, rows in kept.items()]


def negative_log_likelihood(probabilities: Probabilities, gold: Labels, temperature: float = 1.0) -> float:
    """Return the mean of −log p of the gold labels (NLL; Guo et al. 2017, section 2).

    probabilities (NDArray): Shape (n, n_labels), rows sum to 1.
    gold (NDArray[int64]): Label indices, shape (n,).
    temperature (float): T > 0. The probabilities are softened first, to softmax(log p / T).
    """
    logits = log(probabilities.astype("float64")) / temperature
    return float(-log_softmax(logits, axis=1)[numpy.arange(len(gold)), gold].mean())


def p_above_majority(predicted: Labels, gold: Labels) -> float:
    """Return the probability of so many right labels, or more, if each were right with the majority's probability.

    The majority is the share of the most frequent gold label. This is the p of a one-sided binomial test: below 0.01,
    the system has learnt more than which label is frequent.

    predicted, gold (NDArray[int64]): Label indices, shape (n,).
    """
    majority = float(numpy.bincount(gold).max() / len(gold))
    return float(binomtest(int((predicted == gold).sum()), len(gold), majority, alternative="greater").pvalue)


def agreement(a: Labels, b: Labels) -> float:
    """Return the share of texts on which two systems predict the same label.

    a, b (NDArray[int64]): Label indices, shape (n,).
    """
    return float((a == b).mean())


def error_reduction(baseline: float, system: float) -> float | None:
    """Return which share of the baseline's errors the system avoids.

    baseline, system (float): Accuracies, from 0 to 1.
    RETURNS (float | None): 1 if no error is left, below 0 if there are more errors than the baseline makes. None if the
        baseline makes none.
    """
    return (system - baseline) / (1 - baseline) if baseline < 1 else None


def gain_recovered(baseline: float, teacher: float, student: float) -> float | None:
    """Return which share of the teacher's gain over the baseline the student keeps.

    baseline, teacher, student (float): Accuracies, from 0 to 1.
    RETURNS (float | None): 1 if the student is as accurate as the teacher, 0 if it is like the baseline. None if the
        teacher is not above the baseline.
    """
    return (student - baseline) / (teacher - baseline) if teacher > baseline else None


def compare(system: Labels, reference: Labels, gold: Labels, *, seed: int) -> dict[str, object]:
    """Compare two systems on the same texts.

    system, reference, gold (NDArray[int64]): Label indices, shape (n,).
    seed (int): Decides the resamples of the bootstrap.
    RETURNS (dict[str, object]): "gap": accuracy of the reference minus accuracy of the system; "ci95": the 95 %
        confidence interval of the gap, by a paired percentile bootstrap over texts, or see `_constant_interval`;
        "agreement", see `agreement`.
    """
    # Of each text: 1 if only the reference is right, −1 if only the system is, else 0.
    difference = (reference == gold).astype(float) - (system == gold).astype(float)
    return {
        "gap": float(difference.mean()),
        "ci95": paired_interval(difference, seed=seed),
        "agreement": agreement(system, reference),
    }


def paired_interval(difference: NDArray[numpy.float64], *, seed: int) -> list[float]:
    """Return the 95 % confidence interval of a gap, by a paired percentile bootstrap over texts.

    difference (NDArray[float64]): Of each text, by how much the reference is more often right than the system, from −1
        to 1, shape (n,). If it is the same for all texts, see `_constant_interval`.
    seed (int): Decides the resamples.
    RETURNS (list[float]): The lower and the upper limit.
    """
    if (difference == difference[0]).all():
        low, high = _constant_interval(difference[0], len(difference))
    else:
        result = bootstrap(
            (difference,), numpy.mean, confidence_level=CONFIDENCE, n_resamples=RESAMPLES,
            batch=BATCH, method="percentile", rng=numpy.random.default_rng(seed),
        )  # fmt: skip
        low, high = result.confidence_interval
    return [float(low), float(high)]


def mcnemar(a: Labels, b: Labels, gold: Labels) -> float:
    """Return the p of McNemar's exact test (McNemar 1947): whether two systems are right equally often.

    a, b, gold (NDArray[int64]): Label indices, shape (n,).
    RETURNS (float): The probability of a difference as large as this one, or larger, by chance: two-sided, from 0 to 1.
        1 if the same texts are right.
    """
    only_a, only_b = int(((a == gold) & (b != gold)).sum()), int(((a != gold) & (b == gold)).sum())
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def _constant_interval(difference: float, n: int) -> tuple[float, float]:
    """Return the confidence interval of a gap if the difference is the same for each text.

    Each resample of a bootstrap would be equal, as if the gap were known. But of texts that were not drawn, a share of
    up to u may have another difference. u is the upper limit of `share_interval` for none of n, near 3.8 / n for many
    texts (the rule of three has 3 / n, for one side alone). The gap is then off by up to u, or, between systems of
    which always the same one was right, by up to 2 u.
    """
    u = share_interval(0, n)[1]
    if difference == 0:
        return -u, u
    return (difference - 2 * u, difference) if difference > 0 else (difference, difference + 2 * u)
