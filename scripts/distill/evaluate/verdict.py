"""May the student be shipped? One rule, one sentence."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..data.corpus import FEW_TEXTS, MANY_TEXTS
from .comparison import BASELINE, OVERALL, STUDENT, TEACHER, TFIDF, near_majority

# The share of right answers that the page chooses a threshold for.
TARGET = "0.95"
# A student that is surely not farther than this under its teacher may take the teacher's place.
MARGIN = 0.03
SHIP, SHIP_WITH_THRESHOLD, DO_NOT_SHIP = "Ship", "Ship with a threshold", "Do not ship"
# How a sentence names a system.
NAMES = {
    TEACHER: "its teacher",
    TFIDF: "TF-IDF + logistic regression",
    BASELINE: "the baseline",
}


class Verdict(NamedTuple):
    """What to do, and why.

    decision (str): One of `SHIP`, `SHIP_WITH_THRESHOLD` and `DO_NOT_SHIP`.
    reason (str): The rest of the sentence.
    """

    decision: str
    reason: str


def judge(result: Mapping[str, Any]) -> Verdict:
    """Decide whether the student may be shipped.

    It must be surely better than the most frequent label, and better than each control, on `FEW_TEXTS` texts at least:
    with fewer, two systems can be equal by chance, and so can their intervals. Then it ships if the interval of its gap
    to the teacher ends below three points, or else with a threshold, if dev supports one and the texts of the
    evaluation do not contradict it.

    result (Mapping[str, Any]): The contents of metrics/evaluation.json.
    """
    overall, versus = result[OVERALL], result["pairs"][STUDENT]
    student = overall["systems"][STUDENT]["accuracy"]
    if STUDENT in near_majority(overall):
        return Verdict(DO_NOT_SHIP, "the student is not surely better than always saying the most frequent label")
    for control in (TFIDF, BASELINE):
        if (found := overall["systems"][control]["accuracy"]) >= student:
            return Verdict(
                DO_NOT_SHIP,
                f"{NAMES[control]} is right on {percent(found)} of the texts, the student on {percent(student)}",
            )
    if overall["n"] < FEW_TEXTS:
        few = f"{overall['n']} {result['split']} texts are too few to tell it from its teacher"
        return Verdict(DO_NOT_SHIP, f"{few}. Label more test texts: {FEW_TEXTS} at least, better {MANY_TEXTS:,}")
    gap = describe_gap(versus.get(TEACHER), result["why_no_teacher"])
    if TEACHER in versus and versus[TEACHER]["ci95"][1] <= MARGIN:
        return Verdict(SHIP, f"{gap}, surely less than the {points(MARGIN)} that may be lost")
    if reason := why_no_threshold(result):
        return Verdict(DO_NOT_SHIP, f"{gap}, and {reason}")
    found = result["thresholds"][TARGET]
    answered, promise = found["answered"], percent(float(TARGET))
    if answered["ci95"][1] < float(TARGET):
        return Verdict(
            DO_NOT_SHIP,
            f"{gap}, and above the threshold that promises {promise} only {percent(answered['accuracy'])} are right",
        )
    return Verdict(
        SHIP_WITH_THRESHOLD,
        f"{gap}, but above the threshold it answers {percent(found['coverage'])} of the texts, and is right on "
        f"{percent(answered['accuracy'])} of these",
    )


def describe_gap(gap: Mapping[str, Any] | None, why_no_teacher: str | None) -> str:
    """Return how far the student is under its teacher, as the beginning of a sentence.

    gap (Mapping[str, Any] | None): See `metrics.compare`; None without a teacher.
    why_no_teacher (str | None): Why there is none.
    """
    if gap is None:
        return f"the teacher can't be compared ({why_no_teacher})"
    side = "above" if gap["gap"] < 0 else "under"
    return f"the student is {points(abs(gap['gap']))} {side} its teacher ({describe_interval(gap)})"


def describe_interval(gap: Mapping[str, Any]) -> str:
    """Return the interval of how far a system is under another one.

    gap (Mapping[str, Any]): See `metrics.compare`.
    """
    low, high = (100 * limit for limit in gap["ci95"])
    return f"95 % interval: {abs(low):.1f} {_side(low)} to {abs(high):.1f} {_side(high)}"


def _side(points_under: float) -> str:
    return "above" if points_under < 0 else "under"


def why_no_threshold(result: Mapping[str, Any]) -> str | None:
    """Return why no threshold can be deployed, as a part of a sentence; None if one can.

    result (Mapping[str, Any]): The contents of metrics/evaluation.json.
    """
    if TARGET not in result["thresholds"]:
        return "the student has no thresholds: it was not made by this project's export"
    found, said = result["thresholds"][TARGET], result["dev"]["said"]
    promise, needed, most = percent(float(TARGET)), found["needed"], max(said.values())
    if any(found["labels"].values()):
        return None if found["answered"] else f"none of the {result['split']} texts is above the threshold"
    if most < needed:
        return (
            f"the dev texts are too few to promise {promise} right answers: the student says no label more often than "
            f"{most} times, and {needed} right answers above the threshold are the least"
        )
    return f"on dev, too few of its surest answers are right to promise {promise}"


def percent(share: float) -> str:
    """Return a share as text, such as "72.9 %"."""
    return f"{100 * share:.1f} %".replace(".0 %", " %")


def points(share: float) -> str:
    """Return a difference of shares as text, such as "1.5 points"."""
    return f"{100 * share:.1f} points".replace(".0 points", " points")
