from typing import Any

import pytest

from scripts.distill.evaluate.verdict import DO_NOT_SHIP, SHIP, SHIP_WITH_THRESHOLD, judge, percent, points

KEEPS = {"A": {"threshold": 0.9}, "B": None}


def make_result(
    *, gap: float = 0.01, interval: tuple[float, float] = (-0.01, 0.02), tfidf: float = 0.7, baseline: float = 0.6,
    p: float = 0.001, limits: Any = None, right: float = 0.96, upper: float = 0.98, said: int = 40, n: int = 100,
) -> dict[str, Any]:  # fmt: skip
    """Make what the verdict reads, of a student that is right on 80 % of the texts."""
    systems = {
        "student": {"accuracy": 0.8, "p_above_majority": p},
        "teacher": {"accuracy": 0.8 + gap, "p_above_majority": 0.001},
        "tfidf_logreg": {"accuracy": tfidf},
        "baseline": {"accuracy": baseline},
    }
    limits = limits or {"A": None, "B": None}
    answered = {"n": 50, "accuracy": right, "ci95": [0.5, upper]} if any(limits.values()) else None
    return {
        "split": "test", "why_no_teacher": None, "overall": {"n": n, "systems": systems},
        "pairs": {"student": {"teacher": {"gap": gap, "ci95": interval}}},
        "thresholds": {"0.95": {"labels": limits, "needed": 104, "coverage": 0.4, "answered": answered}},
        "dev": {"said": {"A": said, "B": 10}},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "decision", "reason"),
    [
        ({}, SHIP, "1 points under its teacher (95 % interval: 1.0 above to 2.0 under), surely less than the 3 points"),
        ({"gap": -0.02, "interval": (-0.05, 0.03)}, SHIP, "2 points above its teacher"),
        ({"p": 0.01}, DO_NOT_SHIP, "not surely better than always saying the most frequent label"),
        ({"n": 99}, DO_NOT_SHIP, "99 test texts are too few to tell it from its teacher. Label more test texts: 100 at least, better 1,000"),  # noqa: E501
        ({"tfidf": 0.8}, DO_NOT_SHIP, "TF-IDF + logistic regression is right on 80 % of the texts, the student on"),
        ({"baseline": 0.85}, DO_NOT_SHIP, "the baseline is right on 85 % of the texts"),
        ({"interval": (-0.01, 0.031), "limits": KEEPS}, SHIP_WITH_THRESHOLD,
         "answers 40 % of the texts, and is right on 96 %"),
        ({"interval": (0, 0.1)}, DO_NOT_SHIP,
         "too few to promise 95 % right answers: the student says no label more often than 40 times, and 104 right"),
        ({"interval": (0, 0.1), "said": 200}, DO_NOT_SHIP, "on dev, too few of its surest answers are right"),
        ({"interval": (0, 0.1), "limits": KEEPS, "right": 0.8, "upper": 0.94}, DO_NOT_SHIP,
         "above the threshold that promises 95 % only 80 % are right"),
    ],
)  # fmt: skip
def test_verdict_has_a_decision_and_its_reason(given: dict[str, Any], decision: str, reason: str) -> None:
    verdict = judge(make_result(**given))
    assert verdict.decision == decision
    assert reason in verdict.reason


def test_verdict_without_a_teacher_needs_a_threshold() -> None:
    for limits, decision in ((KEEPS, SHIP_WITH_THRESHOLD), (None, DO_NOT_SHIP)):
        result = make_result(limits=limits)
        result |= {"pairs": {"student": {}}, "why_no_teacher": "it has no answer for 1 of 7 texts"}
        result["overall"]["systems"]["teacher"] = None
        verdict = judge(result)
        assert verdict.decision == decision
        assert "the teacher can't be compared (it has no answer for 1 of 7 texts)" in verdict.reason


def test_verdict_of_a_threshold_that_no_text_reaches() -> None:
    result = make_result(interval=(0, 0.1), limits=KEEPS)
    result["thresholds"]["0.95"]["answered"] = None
    assert judge(result).reason.endswith("none of the test texts is above the threshold")


def test_verdict_of_a_student_that_was_not_exported() -> None:
    result = make_result(interval=(0, 0.1))
    result["thresholds"] = {}
    assert judge(result).decision == DO_NOT_SHIP
    assert "was not made by this project's export" in judge(result).reason


def test_verdict_numbers_are_short() -> None:
    assert (percent(0.729166), percent(1), percent(0.99999)) == ("72.9 %", "100 %", "100 %")
    assert (points(0.0154), points(0.03)) == ("1.5 points", "3 points")
