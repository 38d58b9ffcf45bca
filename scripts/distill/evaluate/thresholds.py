"""From which score on the student's answer is good enough, so that the rest goes to the teacher or to a person."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy
from numpy.typing import NDArray
from scipy.stats import beta

from .metrics import Labels, Probabilities

# The shares of right answers that users may want.
TARGETS = (0.9, 0.95, 0.99)
# The coverages that are tried, from all texts to a tenth of them.
COVERAGES = tuple(tenths / 10 for tenths in range(10, 0, -1))
# How likely a promise may be that chance alone makes, all tries of a label together.
ERROR = 0.05
# Scores are rounded down to a multiple of this: the wheel's may differ by as much from those of this machine.
STEP = 1e-6


def find_thresholds(
    probabilities: Probabilities, gold: Labels, labels: Sequence[str]
) -> dict[str, dict[str, dict[str, float] | None]]:
    """Return a threshold for each target and label.

    Of the texts for which the student says a label with a score of at least the threshold, a share is right. Ten
    thresholds are tried, which keep ten, nine, … tenths of these texts. The first one counts whose share has a lower
    limit of at least the target. That limit is Clopper & Pearson's (1934), with Bonferroni's correction for ten tries.

    The student must be good for that, and the dev texts many. Where all answers are right, 51 texts above the threshold
    are enough for 0.9, 104 for 0.95, 528 for 0.99.

    probabilities (NDArray): The calibrated probabilities of the dev texts, shape (n, n_labels).
    gold (NDArray[int64]): Label indices, shape (n,).
    labels (Sequence[str]): The labels, in the order of the columns.
    RETURNS (dict): Target, as a text such as "0.95" → label → "threshold", "coverage" (of the texts for which the
        student says the label, the share that has such a score), "accuracy" (of these), and "lower" (its lower limit).
        None for a label if no threshold meets the target.
    """
    predicted = probabilities.argmax(axis=1)
    return {
        str(target): {
            label: _find_threshold(probabilities[predicted == index, index], gold[predicted == index] == index, target)
            for index, label in enumerate(labels)
        }
        for target in TARGETS
    }


def texts_needed(target: float) -> int:
    """Return how many dev texts of a label a threshold must keep at least to meet a target: so many if all are right.

    target (float): A share of right answers, between 0 and 1.
    """
    # Of n right answers in n, the lower limit of the share is e^(1/n), where e is the error of one try.
    return math.ceil(math.log(ERROR / len(COVERAGES)) / math.log(target))


def find_answered(
    thresholds: Mapping[str, Mapping[str, float] | None], probabilities: Probabilities, labels: Sequence[str]
) -> NDArray[numpy.bool_]:
    """Return which texts the student answers by itself.

    thresholds (Mapping): Label → what `find_thresholds` found for one target. A label without one is never said.
    probabilities (NDArray): The calibrated probabilities, shape (n, n_labels).
    labels (Sequence[str]): The labels, in the order of the columns.
    RETURNS (NDArray[bool]): Shape (n,).
    """
    found = [thresholds[label] for label in labels]
    limits = numpy.asarray([math.inf if limit is None else limit["threshold"] for limit in found])
    return probabilities.max(axis=1) >= limits[probabilities.argmax(axis=1)]


def _find_threshold(scores: Any, right: Any, target: float) -> dict[str, float] | None:
    """Return the threshold with the largest coverage that meets a target.

    scores (NDArray): The scores of the texts for which the student says the label, shape (n,).
    right (NDArray[bool]): Whether it is the gold label, shape (n,).
    """
    descending = sorted(scores.tolist(), reverse=True)
    for coverage in COVERAGES if descending else ():
        threshold = math.floor(descending[math.ceil(coverage * len(descending)) - 1] / STEP) * STEP
        kept = right[scores >= threshold]
        hits, n = int(kept.sum()), len(kept)
        lower = float(beta.ppf(ERROR / len(COVERAGES), hits, n - hits + 1)) if hits else 0.0
        if lower >= target:
            return {"threshold": threshold, "coverage": n / len(scores), "accuracy": hits / n, "lower": lower}
    return None
