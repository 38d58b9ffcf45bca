"""Temperature scaling: the fit on values, the folding on every stock architecture."""

from typing import Any

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from spacy.language import Language
from thinc.api import Adam

from scripts.distill.core.probabilities import shift, soften
from scripts.distill.data.corpus import GoldSplit
from scripts.distill.evaluate.evaluate import read_calibration
from scripts.distill.release.calibration import calibrate, fit_bias, fit_temperature, fold_bias, fold_temperature
from scripts.distill.student.output_layers import find_output
from scripts.distill.student.to_stock import to_stock
from tests.student.test_component import LABELS, MODELS, REFUSED, SOFT, make_examples, make_pipeline
from tests.teacher.test_teachers import textcat_pipeline

# "good" is positive three times in four, "bad" negative.
SPLIT = GoldSplit(["good"] * 4 + ["bad"] * 4, ["en"] * 8, numpy.asarray([1, 1, 1, 0, 0, 0, 0, 1]))


def trained_student(model: dict[str, Any]) -> Language:
    nlp, pipe = make_pipeline(model)
    sgd = Adam(0.01)
    for _ in range(30):
        pipe.update(make_examples(nlp), sgd=sgd)
    return to_stock(nlp)


def predict(nlp: Language, texts: list[str], labels: list[str]) -> NDArray[Any]:
    return numpy.asarray([[doc.cats[label] for label in labels] for doc in nlp.pipe(texts)])


def calibrated_rows() -> tuple[NDArray[Any], NDArray[Any]]:
    """Make predictions that are right exactly as often as they say: 9 of 10, 3 of 5 and 2 of 4, of three labels."""
    rows, gold = [], []
    for p, counts in (([0.9, 0.05, 0.05], (18, 1, 1)), ([0.2, 0.6, 0.2], (1, 3, 1)), ([0.25, 0.25, 0.5], (1, 1, 2))):
        for label, count in enumerate(counts):
            rows += [p] * count
            gold += [label] * count
    return numpy.asarray(rows), numpy.asarray(gold)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0, 2.5, 10.0])
def test_calibration_fit_recovers_a_known_temperature(temperature: float) -> None:
    probabilities, gold = calibrated_rows()
    distorted = soften(probabilities, 1 / temperature)
    assert fit_temperature(distorted, gold) == pytest.approx(temperature, rel=1e-4)


def test_calibration_fit_of_float32_is_the_same() -> None:
    probabilities, gold = calibrated_rows()
    distorted = soften(probabilities, 1 / 3).astype("float32")
    assert fit_temperature(distorted, gold) == pytest.approx(3, rel=1e-4)


def test_calibration_fit_takes_certain_errors() -> None:
    probabilities = numpy.asarray([[1.0, 0.0]] * 100, dtype="float32")
    # The probability 0 is read as 1e-30: the logit of 99/100 is ln 1e30 / T
    temperature = fit_temperature(probabilities, numpy.asarray([0] * 99 + [1]))
    assert temperature == pytest.approx(30 * numpy.log(10) / numpy.log(99), rel=1e-3)


@pytest.mark.parametrize(
    "row,gold,bound",
    [
        pytest.param([0.25, 0.75], [1] * 9, 0.05, id="all-right"),
        pytest.param([0.4, 0.6], [1] * 9, 0.05, id="all-right-and-timid"),
        pytest.param([0.4999, 0.5001], [1] * 8 + [0], 0.05, id="nearly-undecided"),
        pytest.param([0.25, 0.75], [0] * 8 + [1], 20, id="mostly-wrong"),
    ],
)
def test_calibration_fit_ends_at_a_bound(row: list[float], gold: list[int], bound: float) -> None:
    assert fit_temperature(numpy.asarray([row] * 9), numpy.asarray(gold)) == bound


@pytest.mark.parametrize("temperature", [0.051, 19.9])
def test_calibration_fit_finds_temperatures_near_its_bounds(temperature: float) -> None:
    row = soften(numpy.asarray([[0.25, 0.75]] * 4), 1 / temperature)
    assert fit_temperature(row, numpy.asarray([1, 1, 1, 0])) == pytest.approx(temperature, rel=1e-4)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5, 20.0])
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_calibration_folding_is_exact(model: dict[str, Any], temperature: float) -> None:
    nlp = trained_student(model)
    texts = [*SOFT, "green apple", "stone unknown words"]
    before = predict(nlp, texts, LABELS)
    fold_temperature(nlp.get_pipe("textcat").model, temperature)
    after = predict(nlp, texts, LABELS)
    assert_allclose(after, soften(before, temperature), atol=1e-6, rtol=0)
    assert_array_equal(after.argmax(axis=1), before.argmax(axis=1))
    assert numpy.ptp(before) > 0.2


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_calibration_folding_changes_two_parameters_only(model: dict[str, Any]) -> None:
    pipe = trained_student(model).get_pipe("textcat")
    before = [(node, name, node.get_param(name).copy()) for node in pipe.model.walk() for name in node.param_names]
    attributes = [dict(node.attrs) for node in pipe.model.walk()]
    fold_temperature(pipe.model, 2.0)
    changed = [(node, name) for node, name, values in before if not numpy.array_equal(values, node.get_param(name))]
    linear = find_output(pipe.model).linear
    assert {(node.id, name) for node, name in changed} == {(linear.id, "W"), (linear.id, "b")}
    assert all(linear.get_param(name).dtype == "float32" for name in ("W", "b"))
    assert [dict(node.attrs) for node in pipe.model.walk()] == attributes


@pytest.mark.parametrize(("model", "layer"), REFUSED.values(), ids=REFUSED)
def test_calibration_refuses_an_output_layer_by_name(model: dict[str, Any], layer: str) -> None:
    pipe = spacy.blank("en").add_pipe("textcat", config={"model": model})
    with pytest.raises(ValueError, match=f"output layer '{layer}'"):
        fold_temperature(pipe.model, 2.0)


@pytest.mark.parametrize("order", [["NEG", "POS"], ["POS", "NEG"]], ids=["same-order", "other-order"])
def test_calibration_of_a_pipeline_matches_hand_computed(order: list[str]) -> None:
    nlp = textcat_pipeline(order)
    before = predict(nlp, SPLIT.texts, ["NEG", "POS"])
    confidence = before[0].max()
    assert before.max(axis=1) == pytest.approx(confidence)
    result = calibrate(nlp, SPLIT, ["NEG", "POS"])
    after = predict(nlp, SPLIT.texts, ["NEG", "POS"])
    assert_allclose(after, soften(before, result["temperature"]), atol=1e-5)
    assert result.pop("bias") == {"NEG": pytest.approx(0, abs=1e-5), "POS": pytest.approx(0, abs=1e-5)}
    # Three in four are right, the odds 3 : 1
    odds = confidence / (1 - confidence)
    assert result == {
        "temperature": pytest.approx(numpy.log(odds) / numpy.log(3), rel=1e-4),
        "dev_ece_before": pytest.approx(abs(confidence - 0.75)),
        "dev_ece_after": pytest.approx(0, abs=1e-4),
        "dev_nll_before": pytest.approx(-(3 * numpy.log(confidence) + numpy.log(1 - confidence)) / 4),
        "dev_nll_after": pytest.approx(-(3 * numpy.log(0.75) + numpy.log(0.25)) / 4),
    }
    assert all(type(value) is float for value in result.values())


def test_calibration_leaves_no_dev_words_in_the_vocabulary() -> None:
    nlp = textcat_pipeline()
    split = GoldSplit(["good zyzzyva", "bad", "good"], ["en"] * 3, numpy.asarray([1, 0, 0]))
    calibrate(nlp, split, ["NEG", "POS"])
    assert "zyzzyva" not in nlp.vocab.strings


def test_calibration_refuses_other_labels() -> None:
    with pytest.raises(ValueError, match=r"labels \['NEG', 'POS'\].*\['MIX', 'NEG', 'POS'\].*run train-student"):
        calibrate(textcat_pipeline(), SPLIT, ["NEG", "MIX", "POS"])


@pytest.mark.parametrize("names", [[], ["textcat", "other"]], ids=["none", "two"])
def test_calibration_needs_one_classifier(names: list[str]) -> None:
    nlp = spacy.blank("en")
    for name in names:
        nlp.add_pipe("textcat", name=name)
    with pytest.raises(ValueError, match=rf"has {len(names)} text classifiers.*run train-student"):
        calibrate(nlp, SPLIT, ["NEG", "POS"])


@pytest.mark.parametrize(
    "meta,temperature,bias",
    [
        pytest.param({"distillation": {"calibration": {"temperature": 2.5, "bias": {"NEG": 0.25, "POS": -0.25}}}}, 2.5,
                     [-0.25, 0.25], id="calibrated"),
        pytest.param({"distillation": {"teacher": "train"}}, 1, [0, 0], id="exported-before"),
        pytest.param({"lang": "xx"}, 1, [0, 0], id="not-exported"),
    ],
)  # fmt: skip
def test_calibration_is_read(meta: dict[str, Any], temperature: float, bias: list[float]) -> None:
    assert read_calibration(spacy.blank("xx", meta=meta), ["POS", "NEG"]) == (temperature, bias)


@pytest.mark.parametrize("bias", [[0.0, 0.0], [0.75, -0.75], [-1.5, 1.5]])
def test_calibration_fit_recovers_a_known_bias(bias: list[float]) -> None:
    p = numpy.linspace(0.05, 0.95, 19)
    rows = numpy.repeat(numpy.stack([1 - p, p], axis=1), 2000, axis=0)
    gold = numpy.concatenate([numpy.arange(2000) < 2000 * share for share in p]).astype("int64")
    moved = shift(rows, -numpy.asarray(bias))
    assert fit_bias(moved, gold) == pytest.approx(bias, abs=0.01)


def test_calibration_bias_of_few_texts_stays_small() -> None:
    """Without its prior, it would be without end."""
    assert fit_bias(numpy.asarray([[0.5, 0.5]] * 2), numpy.asarray([1, 1])) == pytest.approx([-0.55, 0.55], abs=0.1)


@pytest.mark.parametrize("order", [["NEG", "POS"], ["POS", "NEG"]], ids=["same-order", "other-order"])
def test_calibration_gives_a_leaning_student_its_balance_back(order: list[str]) -> None:
    nlp = textcat_pipeline(order)
    linear = find_output(nlp.get_pipe("textcat").model).linear
    lean = [4.0 if label == "POS" else 0.0 for label in order]
    linear.set_param("b", linear.get_param("b") + linear.ops.asarray1f(lean))
    before = predict(nlp, SPLIT.texts, ["NEG", "POS"])
    assert before.argmax(axis=1).tolist() == [1] * 8
    split = GoldSplit(SPLIT.texts * 20, SPLIT.langs * 20, numpy.tile(SPLIT.labels, 20))
    result = calibrate(nlp, split, ["NEG", "POS"])
    after = predict(nlp, SPLIT.texts, ["NEG", "POS"])
    assert after.argmax(axis=1).tolist() == [1] * 4 + [0] * 4
    assert result["bias"]["POS"] < -0.5 < 0.5 < result["bias"]["NEG"]
    bias = numpy.asarray([result["bias"][label] for label in ("NEG", "POS")])
    assert_allclose(after, soften(shift(before, bias), result["temperature"]), atol=1e-5)


def test_calibration_bias_sees_that_sentences_without_an_opinion_lean_to_a_label() -> None:
    nlp, labels = textcat_pipeline(updates=200), ["NEG", "POS"]
    fold_bias(nlp.get_pipe("textcat").model, [0, 1.0])
    texts = ["good good good good. Then it rained.", "bad bad bad bad. Then it rained."] * 8
    split = GoldSplit(texts, ["en"] * len(texts), numpy.asarray([1, 0] * 8))
    before = predict(nlp, ["Then it rained."], labels)
    assert before[0, 1] > 0.6
    of_texts_alone = fit_bias(predict(nlp, texts, labels), split.labels)
    result = calibrate(nlp, split, labels)
    assert result["bias"]["POS"] < of_texts_alone[1] - 0.05
    after = shift(before, numpy.asarray([result["bias"][label] for label in labels]))
    assert abs(after[0, 1] - 0.5) < abs(before[0, 1] - 0.5)
