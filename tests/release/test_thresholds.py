import numpy
import pytest
from scipy.stats import binomtest

from scripts.distill.release.thresholds import find_thresholds


def probabilities(scores: list[float], label: int) -> numpy.ndarray:
    """Return rows in which a label has these scores; it is the predicted one if its score is above 0.5."""
    rows = numpy.asarray([scores, [1 - score for score in scores]]).T
    return rows if label == 0 else rows[:, ::-1]


def test_thresholds_are_the_smallest_that_keep_the_promise() -> None:
    # 100 texts at 0.9 of which all are right; 100 at 0.7 of which 80 are.
    rows = probabilities([0.9] * 100 + [0.7] * 100, 0)
    gold = numpy.asarray([0] * 180 + [1] * 20)
    found = find_thresholds(rows, gold, ["A", "B"])
    assert found["0.95"]["A"] == {
        "threshold": 0.9, "coverage": 0.5, "accuracy": 1.0,
        "lower": pytest.approx(binomtest(100, 100).proportion_ci(0.95, "wilson").low),
    }  # fmt: skip
    assert found["0.99"] == {"A": None, "B": None}
    # 160 of 180 right would be 0.84 to 0.93: too little for 0.9 with all of them.
    assert found["0.9"]["A"] == {**found["0.95"]["A"]}


def test_thresholds_of_all_texts_cover_all() -> None:
    rows = probabilities([0.6, 0.7, 0.8, 0.9] * 30, 1)
    found = find_thresholds(rows, numpy.ones(120, dtype="int64"), ["A", "B"])
    assert found["0.95"]["B"] is not None
    assert (found["0.95"]["B"]["threshold"], found["0.95"]["B"]["coverage"]) == (pytest.approx(0.6), 1.0)


@pytest.mark.parametrize(("target", "needed"), [("0.9", 35), ("0.95", 73), ("0.99", 381)])
def test_thresholds_need_so_many_right_answers(target: str, needed: int) -> None:
    for n, there in ((needed, True), (needed - 1, False)):
        found = find_thresholds(probabilities([0.9] * n, 0), numpy.zeros(n, dtype="int64"), ["A", "B"])
        assert (found[target]["A"] is not None) is there
        assert found[target]["B"] is None


def test_thresholds_hold_on_new_texts() -> None:
    rng = numpy.random.default_rng(0)

    def draw(n: int) -> tuple[numpy.ndarray, numpy.ndarray]:
        scores = rng.uniform(0.5, 1, n)
        return probabilities(scores.tolist(), 0), (rng.uniform(size=n) > scores).astype("int64")

    broken = 0
    for _ in range(40):
        gate = find_thresholds(*draw(1000), ["A", "B"])["0.9"]["A"]
        assert gate
        rows, gold = draw(5000)
        broken += (gold[rows[:, 0] >= gate["threshold"]] == 0).mean() < 0.9
    assert broken <= 4
