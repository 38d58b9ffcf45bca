import numpy
import pytest
from scipy.stats import binomtest

from scripts.distill.evaluate.thresholds import find_answered, find_thresholds, texts_needed


def probabilities(scores: list[float], label: int) -> numpy.ndarray:
    """Return rows in which a label has these scores; it is the predicted one if its score is above 0.5."""
    rows = numpy.asarray([scores, [1 - score for score in scores]]).T
    return rows if label == 0 else rows[:, ::-1]


def test_thresholds_are_those_of_the_largest_coverage_that_keeps_the_promise() -> None:
    # 200 texts at 0.9 of which all are right; 200 at 0.7 of which 160 are.
    rows = probabilities([0.9] * 200 + [0.7] * 200, 0)
    gold = numpy.asarray([0] * 360 + [1] * 40)
    found = find_thresholds(rows, gold, ["A", "B"])
    assert found["0.95"]["A"] == {
        "threshold": pytest.approx(0.9, abs=2e-6), "coverage": 0.5, "accuracy": 1.0,
        # Two-sided, so twice 0.05 / 10.
        "lower": pytest.approx(binomtest(200, 200).proportion_ci(1 - 0.01, "exact").low),
    }  # fmt: skip
    assert found["0.99"] == {"A": None, "B": None}
    # 360 of 400 are right: 0.9, but for sure only 0.85.
    assert found["0.9"]["A"] == found["0.95"]["A"]
    assert found["0.95"]["A"] is not None
    assert found["0.95"]["A"]["threshold"] <= 0.9


def test_thresholds_of_all_texts_cover_all() -> None:
    rows = probabilities([0.6, 0.7, 0.8, 0.9] * 30, 1)
    found = find_thresholds(rows, numpy.ones(120, dtype="int64"), ["A", "B"])
    assert found["0.95"]["B"] is not None
    assert found["0.95"]["B"]["threshold"] == pytest.approx(0.6, abs=2e-6)
    assert found["0.95"]["B"]["coverage"] == 1


@pytest.mark.parametrize(("target", "needed"), [("0.9", 51), ("0.95", 104), ("0.99", 528)])
def test_thresholds_need_so_many_right_answers(target: str, needed: int) -> None:
    assert texts_needed(float(target)) == needed
    for n, there in ((needed, True), (needed - 1, False)):
        found = find_thresholds(probabilities([0.9] * n, 0), numpy.zeros(n, dtype="int64"), ["A", "B"])
        assert (found[target]["A"] is not None) is there
        assert found[target]["B"] is None


def test_thresholds_seldom_promise_what_is_not_so() -> None:
    rng = numpy.random.default_rng(0)
    promises = 0
    for _ in range(400):
        # Whatever the score, 89.9 % are right: no threshold can keep 0.9.
        right = rng.uniform(size=1000) < 0.899
        found = find_thresholds(probabilities(rng.uniform(0.5, 1, 1000).tolist(), 0), (~right).astype("int64"), "AB")
        promises += found["0.9"]["A"] is not None
    assert promises <= 0.05 * 400


def test_thresholds_hold_on_new_texts() -> None:
    rng = numpy.random.default_rng(0)

    def draw(n: int) -> tuple[numpy.ndarray, numpy.ndarray]:
        scores = rng.uniform(0.5, 1, n)
        return probabilities(scores.tolist(), 0), (rng.uniform(size=n) > scores).astype("int64")

    for _ in range(20):
        gate = find_thresholds(*draw(2000), ["A", "B"])["0.9"]["A"]
        assert gate
        rows, gold = draw(20_000)
        assert (gold[rows[:, 0] >= gate["threshold"]] == 0).mean() > 0.9


def test_thresholds_say_which_texts_the_student_answers() -> None:
    rows = numpy.asarray([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.45, 0.55], [0.5, 0.5]])
    limits = {"A": {"threshold": 0.8}, "B": {"threshold": 0.55}}
    assert find_answered(limits, rows, ["A", "B"]).tolist() == [True, False, True, True, False]
    assert find_answered({"A": None, "B": limits["B"]}, rows, ["A", "B"]).tolist() == [False, False, True, True, False]
    assert not find_answered({"A": None, "B": None}, rows, ["A", "B"]).any()
