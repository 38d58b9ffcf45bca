"""A bag of n-grams divides its sums by the text's norm."""

from typing import Any

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose
from spacy.tokens import Doc
from thinc.api import Model

from scripts.distill.student.norm_sketch import create_init_norm_sketch, init_norm_sketch
from scripts.distill.student.output_layers import find_output
from tests.student.test_component import BOW, LABELS, LAYERS, MODELS, make_examples, make_pipeline

WIDTH = 67


def with_sum(**settings: Any) -> dict[str, Any]:
    """Change settings of the layer that adds up the n-grams' weights."""
    return {**LAYERS, "*": {**LAYERS["*"], "sum": {**LAYERS["*"]["sum"], **settings}}}


def without(name: str) -> dict[str, Any]:
    return {**LAYERS, "*": {key: layer for key, layer in LAYERS["*"].items() if key != name}}


def with_hidden() -> dict[str, Any]:
    """Add a layer before the output."""
    before = ("ngrams", "sum", "norm")
    layers = {name: LAYERS["*"][name] for name in before}
    layers["hidden"] = {"@layers": "Maxout.v1", "nO": 8}
    return {**LAYERS, "*": layers | {name: layer for name, layer in LAYERS["*"].items() if name not in before}}


def make_docs(sizes: list[int]) -> list[Doc]:
    """Make texts of so many different words."""
    blank = spacy.blank("en")
    return [Doc(blank.vocab, words=[f"w{i}" for i in range(size)]) for size in sizes]


def find_sum(model: Model[Any, Any]) -> Model[Any, Any]:
    return next(layer for layer in model.walk() if layer.name == "sparse_linear")


def test_norm_sketch_makes_scores_of_sums_divided_by_the_norm() -> None:
    _, pipe = make_pipeline(with_sum(nO=WIDTH, length=65536))
    init_norm_sketch(pipe.model, scale=10.0, seed=0)
    sizes = [1, 4, 25, 100, 400]
    docs = make_docs(sizes)
    assert_allclose(pipe.model.predict(docs), 1 / 3, atol=1e-6)
    layer = find_sum(pipe.model)
    weights = layer.get_param("W").reshape(WIDTH, -1).copy()
    weights[0] = 1
    layer.set_param("W", weights.ravel())
    logs = numpy.log(pipe.model.predict(docs))
    # Each of the n words is worth as much, so a sum is n, and the norm √n, but for what chance does to the signs.
    assert_allclose((logs[:, 0] - logs[:, 1]) / numpy.sqrt(sizes), logs[0, 0] - logs[0, 1], rtol=0.25)


@pytest.mark.parametrize("width", [5, 6, 8])
def test_norm_sketch_leaves_the_mean_as_it_is(width: int) -> None:
    _, pipe = make_pipeline(with_sum(nO=width))
    init_norm_sketch(pipe.model, scale=0.5, seed=0)
    weights = find_sum(pipe.model).get_param("W").reshape(width, -1)
    assert set(numpy.abs(weights[3 : 3 + (width - 3) // 2 * 2]).ravel().tolist()) == {0.5}
    assert_allclose(weights.sum(axis=0), 0)
    assert find_output(pipe.model).linear.get_param("W").tolist() == numpy.eye(3, width).tolist()


def test_norm_sketch_callback_has_its_seed() -> None:
    first, again, other = (make_initialized(seed) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


def make_initialized(seed: int) -> Any:
    nlp, pipe = make_pipeline(LAYERS)
    assert create_init_norm_sketch(scale=0.1, seed=seed)(nlp) is nlp
    return find_sum(pipe.model).get_param("W")


OTHERS = {
    "bow": (BOW, "output layer 'sparse_linear' follows extract_ngrams"),
    "reduce": (MODELS["reduce"], "output layer 'softmax' follows"),
    "ensemble": (MODELS["ensemble"], "output layer .* follows"),
    "no norm": (without("norm"), "output layer 'linear' follows extract_ngrams and sparse_linear"),
    "other indexing": (with_sum(**{"@layers": "SparseLinear.v1"}), "is for SparseLinear.v2"),
    "hidden layer": (with_hidden(), "output layer 'linear' follows layernorm and maxout"),
}


@pytest.mark.parametrize(("model", "message"), OTHERS.values(), ids=OTHERS)
def test_norm_sketch_refuses_other_models(model: dict[str, Any], message: str) -> None:
    _, pipe = make_pipeline(model)
    with pytest.raises(ValueError, match=message):
        init_norm_sketch(pipe.model, scale=0.1, seed=0)


def test_norm_sketch_leaves_other_classifiers_alone() -> None:
    nlp, pipe = make_pipeline(LAYERS)
    other = nlp.add_pipe("textcat_multilabel", config={"model": {**BOW, "exclusive_classes": False}})
    other.initialize(lambda: make_examples(nlp), nlp=nlp, labels=LABELS)
    create_init_norm_sketch(scale=0.1, seed=0)(nlp)
    assert find_sum(pipe.model).get_param("W").any()
    assert not find_sum(other.model).get_param("W").any()


def test_norm_sketch_names_the_setting_that_is_too_small() -> None:
    _, pipe = make_pipeline(with_sum(nO=4))
    with pytest.raises(ValueError, match=rf"nO = 4, .* too small for {len(LABELS)} labels .* set it to 9 in"):
        init_norm_sketch(pipe.model, scale=0.1, seed=0)
