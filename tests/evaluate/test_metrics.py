import tracemalloc
import warnings

import numpy
import pytest
from sklearn.calibration import calibration_curve

from scripts.distill.core.probabilities import soften
from scripts.distill.evaluate.metrics import (
    Labels,
    accuracy_and_macro_f,
    agreement,
    compare,
    coverage_curve,
    error_reduction,
    expected_calibration_error,
    gain_recovered,
    mcnemar,
    negative_log_likelihood,
    p_above_majority,
    reliability,
    share,
    share_interval,
)


def labels(text: str) -> Labels:
    """Read label indices: "011" → [0, 1, 1]."""
    return numpy.asarray([int(char) for char in text], dtype="int64")


def differing_systems(better: int, worse: int, total: int) -> tuple[Labels, Labels, Labels]:
    """Make a system, a reference and gold: the reference alone is right `better` times, the system alone `worse`."""
    gold = numpy.zeros(total, dtype="int64")
    system, reference = gold.copy(), gold.copy()
    system[:better] = 1
    reference[better : better + worse] = 1
    return system, reference, gold


def test_metrics_mcnemar_is_a_sign_test_of_the_texts_that_only_one_gets_right() -> None:
    better, other, gold = differing_systems(5, 1, 20)
    # Of 6 texts, 5 or more, or 1 or fewer: 2 (1 + 6) / 64.
    assert mcnemar(better, other, gold) == mcnemar(other, better, gold) == pytest.approx(14 / 64)
    assert mcnemar(better, better, gold) == 1


@pytest.mark.parametrize(
    "predicted,gold,accuracy,macro_f",
    [
        pytest.param("0011", "0011", 1.0, 1.0, id="perfect"),
        pytest.param("1100", "0011", 0.0, 0.0, id="all-wrong"),
        # F of 0: P 1, R 1/2 → 2/3; F of 1: P 2/3, R 1 → 4/5
        pytest.param("0111", "0011", 0.75, (2 / 3 + 4 / 5) / 2, id="one-error"),
        # F of 0: P 3/4, R 1 → 6/7; 1 is never predicted
        pytest.param("0000", "0001", 0.75, (6 / 7) / 2, id="never-predicted"),
        # F of 0: 1; F of 1: P 1/2, R 1 → 2/3; F of 2: P 1, R 1/2 → 2/3
        pytest.param("0112", "0122", 0.75, (1 + 2 / 3 + 2 / 3) / 3, id="three-labels"),
    ],
)
def test_metrics_score_matches_hand_computed(predicted: str, gold: str, accuracy: float, macro_f: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = accuracy_and_macro_f(labels(predicted), labels(gold))
    assert result == {"accuracy": pytest.approx(accuracy), "macro_f": pytest.approx(macro_f)}
    assert all(type(value) is float for value in result.values())


@pytest.mark.parametrize(
    "confidences,right,bins,ece",
    [
        pytest.param([0.75] * 4, "1110", 15, 0.0, id="calibrated"),
        pytest.param([1.0] * 4, "1100", 15, 0.5, id="over-confident"),
        pytest.param([0.625] * 2, "11", 15, 0.375, id="under-confident"),
        # In one bin, errors in both directions cancel out: |1/2 − 0.75|
        pytest.param([0.5625, 0.9375], "10", 1, 0.25, id="one-bin"),
        # (1 − 0.5625 + 0.9375 − 0) / 2
        pytest.param([0.5625, 0.9375], "10", 15, 0.6875, id="two-bins"),
        # Weighted by share: (3 · |2/3 − 0.625| + 1 · |0 − 0.875|) / 4
        pytest.param([0.625, 0.625, 0.625, 0.875], "1100", 4, 0.25, id="weighted"),
        # A bin ends with its upper limit: 0.625 and 0.75 together, |1/2 − 0.6875|
        pytest.param([0.625, 0.75], "10", 4, 0.1875, id="upper-limit"),
        # … and 0.75 and 0.875 apart
        pytest.param([0.75, 0.875], "10", 4, (0.25 + 0.875) / 2, id="lower-limit"),
    ],
)
def test_metrics_ece_matches_hand_computed(confidences: list[float], right: str, bins: int, ece: float) -> None:
    probabilities = numpy.asarray([[p, 1 - p] for p in confidences])
    gold = 1 - labels(right)
    result = expected_calibration_error(probabilities, gold, bins)
    assert type(result) is float
    assert result == pytest.approx(ece)
    assert expected_calibration_error(probabilities[:, ::-1], 1 - gold, bins) == result
    assert expected_calibration_error(probabilities.astype("float32"), gold, bins) == pytest.approx(ece)


def test_metrics_ece_has_15_bins_and_takes_the_predicted_label() -> None:
    # 0.4 and 0.45 are below and above 6/15; the gold label is in the second column.
    probabilities = numpy.asarray([[0.25, 0.4, 0.35], [0.45, 0.25, 0.3]])
    assert expected_calibration_error(probabilities, labels("11")) == pytest.approx((0.6 + 0.45) / 2)
    assert expected_calibration_error(probabilities, labels("11"), 1) == pytest.approx(0.5 - 0.425)


def test_metrics_nll_matches_hand_computed() -> None:
    probabilities = numpy.asarray([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]])
    result = negative_log_likelihood(probabilities, labels("100"))
    assert type(result) is float
    assert result == pytest.approx((numpy.log(4 / 3) + numpy.log(2)) / 3)


@pytest.mark.parametrize("temperature", [0.5, 3.0])
def test_metrics_nll_at_a_temperature_is_that_of_softened_probabilities(temperature: float) -> None:
    probabilities = numpy.asarray([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]])
    expected = negative_log_likelihood(soften(probabilities, temperature), labels("20"))
    assert negative_log_likelihood(probabilities, labels("20"), temperature) == pytest.approx(expected)


def test_metrics_nll_of_a_certain_error_is_finite_and_grows_with_certainty() -> None:
    values = [negative_log_likelihood(numpy.asarray([[1.0, 0.0]]), labels("1"), t) for t in (0.05, 1.0)]
    assert values == pytest.approx([30 * numpy.log(10) / 0.05, 30 * numpy.log(10)])


@pytest.mark.parametrize(
    "predicted,gold,p",
    [
        pytest.param("0011", "0011", 1 / 16, id="all-right"),
        # 0 to 4 right: (4 + 1) / 16 for at least 3
        pytest.param("0111", "0011", 5 / 16, id="one-error"),
        pytest.param("0000", "0000", 1.0, id="one-label"),
        # Three quarters are the majority: 0.75⁴
        pytest.param("0001", "0001", 0.75**4, id="skewed"),
    ],
)
def test_metrics_p_above_majority_is_a_binomial_test(predicted: str, gold: str, p: float) -> None:
    assert p_above_majority(labels(predicted), labels(gold)) == pytest.approx(p)


@pytest.mark.parametrize("a,b,share", [("012", "012", 1.0), ("0120", "0121", 0.75), ("01", "10", 0.0)])
def test_metrics_agreement_is_share_of_equal_labels(a: str, b: str, share: float) -> None:
    assert agreement(labels(a), labels(b)) == share


@pytest.mark.parametrize(
    "baseline,system,expected",
    [
        pytest.param(0.75, 0.875, 0.5, id="half"),
        pytest.param(0.75, 1.0, 1.0, id="all"),
        pytest.param(0.75, 0.75, 0.0, id="none"),
        pytest.param(0.75, 0.5, -1.0, id="twice-as-many"),
        pytest.param(0.0, 0.25, 0.25, id="baseline-0"),
        pytest.param(1.0, 1.0, None, id="baseline-perfect"),
        pytest.param(1.0, 0.5, None, id="baseline-perfect-system-worse"),
    ],
)
def test_metrics_error_reduction(baseline: float, system: float, expected: float | None) -> None:
    assert error_reduction(baseline, system) == expected


@pytest.mark.parametrize(
    "baseline,teacher,student,expected",
    [
        pytest.param(0.5, 0.75, 0.625, 0.5, id="half"),
        pytest.param(0.5, 0.75, 0.75, 1.0, id="all"),
        pytest.param(0.5, 0.75, 0.875, 1.5, id="above-teacher"),
        pytest.param(0.5, 0.75, 0.25, -1.0, id="below-baseline"),
        pytest.param(0.5, 0.5, 0.75, None, id="teacher-equal"),
        pytest.param(0.5, 0.25, 0.75, None, id="teacher-below"),
    ],
)
def test_metrics_gain_recovered(baseline: float, teacher: float, student: float, expected: float | None) -> None:
    assert gain_recovered(baseline, teacher, student) == expected


def test_metrics_compare_gap_is_the_references_lead() -> None:
    system, reference, gold = differing_systems(better=5, worse=1, total=16)
    result = compare(system, reference, gold, seed=0)
    assert result["gap"] == 0.25
    assert result["agreement"] == 10 / 16
    assert compare(reference, system, gold, seed=0)["gap"] == -0.25


def test_metrics_compare_interval_is_the_paired_95_percent() -> None:
    system, reference, gold = differing_systems(better=300, worse=100, total=1000)
    result = compare(system, reference, gold, seed=0)
    low, high = result["ci95"]
    assert type(low) is type(high) is float
    assert low < result["gap"] < high
    # Mean 0.2, standard error √((0.4 − 0.2²) / 1000); for unpaired systems it would be 1.2 times as wide
    half_width = 1.96 * (0.36 / 1000) ** 0.5
    assert [low, high] == pytest.approx([0.2 - half_width, 0.2 + half_width], abs=0.002)


def test_metrics_compare_is_deterministic() -> None:
    systems = differing_systems(better=300, worse=100, total=1000)
    first, second = ([tuple(compare(*systems, seed=seed)["ci95"]) for seed in range(5)] for _ in range(2))
    assert first == second
    assert len(set(first)) > 1


@pytest.mark.parametrize(
    "system,reference,gap,agreed",
    [
        pytest.param("0101", "0101", 0.0, 1.0, id="same"),
        pytest.param("0202", "0101", 0.0, 0.5, id="same-errors"),
        pytest.param("1111", "0000", 1.0, 0.0, id="always-behind"),
        pytest.param("0000", "1111", -1.0, 0.0, id="always-ahead"),
    ],
)
def test_metrics_compare_without_spread_still_has_a_width(
    system: str, reference: str, gap: float, agreed: float
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = compare(labels(system), labels(reference), labels("0000"), seed=0)
    # Wilson's upper limit for none of 4: z² / (n + z²)
    u = 1.959964**2 / (4 + 1.959964**2)
    low, high = {0.0: (-u, u), 1.0: (1 - 2 * u, 1.0), -1.0: (-1.0, 2 * u - 1)}[gap]
    assert result == {"gap": gap, "ci95": pytest.approx([low, high], abs=1e-6), "agreement": agreed}


@pytest.mark.parametrize("n", [1, 18, 1000])
def test_metrics_compare_of_equal_systems_is_surer_with_more_texts(n: int) -> None:
    same = numpy.zeros(n, dtype="int64")
    low, high = compare(same, same, same, seed=0)["ci95"]
    assert (low, high) == pytest.approx((-3.8415 / (n + 3.8415), 3.8415 / (n + 3.8415)), abs=1e-4)


@pytest.mark.parametrize(
    "count,n,interval",
    [(18, 18, [0.8241, 1.0]), (0, 18, [0.0, 0.1759]), (180, 240, [0.6916, 0.8006]), (1, 1, [0.2065, 1.0])],
    ids=["all", "none", "most", "one"],
)
def test_metrics_share_interval_is_wilsons(count: int, n: int, interval: list[float]) -> None:
    found = share_interval(count, n)
    assert found == pytest.approx(interval, abs=1e-3)
    assert all(type(limit) is float and 0 <= limit <= 1 for limit in found)


def test_metrics_compare_of_many_texts_needs_little_memory() -> None:
    systems = differing_systems(better=300, worse=100, total=3000)
    compare(*systems, seed=0)
    tracemalloc.start()
    compare(*systems, seed=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50e6  # all resamples at once are 480 MB


def test_metrics_reliability_has_the_points_of_scikit_learn() -> None:
    rng = numpy.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 500)
    gold = (rng.uniform(size=500) > confidence).astype("int64")
    probabilities = numpy.stack([confidence, 1 - confidence], axis=1)
    points = reliability(probabilities, gold)
    accuracy, mean = calibration_curve(gold == 0, confidence, n_bins=15)
    assert [point["accuracy"] for point in points] == pytest.approx(accuracy.tolist())
    assert [point["confidence"] for point in points] == pytest.approx(mean.tolist())
    distances = [point["n"] * abs(point["accuracy"] - point["confidence"]) for point in points]
    assert sum(distances) / 500 == pytest.approx(expected_calibration_error(probabilities, gold))
    assert sum(point["n"] for point in points) == 500


def test_metrics_share_counts_and_has_wilsons_interval() -> None:
    found = share(numpy.asarray([True, True, False, True]))
    assert found == {"n": 4, "accuracy": 0.75, "ci95": share_interval(3, 4)}


def test_metrics_coverage_answers_the_surest_first() -> None:
    probabilities = numpy.asarray([[0.9, 0.1], [0.3, 0.7], [0.8, 0.2], [0.4, 0.6]])
    curve = coverage_curve(probabilities, labels("0111"))
    found = [(point["coverage"], point["confidence"], point["n"], point["accuracy"]) for point in curve]
    assert found == [(0.25, 0.9, 1, 1.0), (0.5, 0.8, 2, 0.5), (0.75, 0.7, 3, pytest.approx(2 / 3)), (1.0, 0.6, 4, 0.75)]
    assert curve[-1]["ci95"] == share_interval(3, 4)


def test_metrics_coverage_answers_texts_of_the_same_confidence_together() -> None:
    probabilities = numpy.asarray([[0.75, 0.25]] * 3 + [[0.5, 0.5]])
    assert [point["coverage"] for point in coverage_curve(probabilities, labels("0000"))] == [0.75, 1.0]


def test_metrics_coverage_has_so_many_points_at_most() -> None:
    confidence = numpy.linspace(0.5, 1, 1000)
    curve = coverage_curve(numpy.stack([confidence, 1 - confidence], axis=1), numpy.zeros(1000, dtype="int64"), 10)
    assert [point["coverage"] for point in curve] == pytest.approx([0.1 * point for point in range(1, 11)])
