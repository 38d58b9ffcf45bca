"""The distilled text classifier on toy data."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab
from thinc.api import Adam, fix_random_seed

from scripts.distil.component import FACTORY, DistilledTextCategorizer
from scripts.distil.output_layers import find_output
from scripts.distil.teacher_scores import set_teacher_scores

LABELS = ["A", "B", "C"]
SOFT = {
    "one fine red apple": [0.7, 0.2, 0.1],
    "two green pears": [0.1, 0.6, 0.3],
    "an old grey stone": [0.2, 0.1, 0.7],
    "three blue plums": [0.34, 0.33, 0.33],
}
TOK2VEC = {
    "@architectures": "spacy.HashEmbedCNN.v2", "pretrained_vectors": None, "width": 16, "depth": 1, "embed_size": 200,
    "window_size": 1, "maxout_pieces": 2, "subword_features": True,
}  # fmt: skip
BOW = {
    "@architectures": "spacy.TextCatBOW.v3",
    "exclusive_classes": True,
    "ngram_size": 1,
    "no_output_layer": False,
    "length": 1024,
}
REDUCE = {"use_reduce_first": False, "use_reduce_last": False, "use_reduce_max": True, "use_reduce_mean": True}
# Every stock architecture for exclusive labels
MODELS: dict[str, dict[str, Any]] = {
    "bow": BOW,
    "ensemble": {"@architectures": "spacy.TextCatEnsemble.v2", "tok2vec": TOK2VEC, "linear_model": BOW},
    "cnn": {"@architectures": "spacy.TextCatCNN.v2", "tok2vec": TOK2VEC, "exclusive_classes": True},
    "reduce": {"@architectures": "spacy.TextCatReduce.v1", "tok2vec": TOK2VEC, "exclusive_classes": True, **REDUCE},
    "attention": {"@architectures": "spacy.TextCatParametricAttention.v1", "tok2vec": TOK2VEC,
                  "exclusive_classes": True},
}  # fmt: skip
# One of each kind of source; "mask" and "swap" are methods of augmentation.
SOURCES = ("gold", "unlabelled", "mask", "swap")
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no output layer": ({**BOW, "no_output_layer": True}, "sparse_linear"),
    "several labels at once": ({**BOW, "exclusive_classes": False}, "logistic"),
}


def make_examples(nlp: Language, labels: list[str] = LABELS, sources: Sequence[str] = ("gold",)) -> list[Example]:
    examples = []
    for (text, scores), source in zip(SOFT.items(), itertools.cycle(sources), strict=False):
        doc = nlp.make_doc(text)
        doc.user_data["source"] = source
        set_teacher_scores(doc, labels, numpy.asarray(scores, dtype="float32"))
        examples.append(Example(nlp.make_doc(text), doc))
    return examples


def make_pipeline(model: dict[str, Any], **settings: Any) -> tuple[Language, DistilledTextCategorizer]:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe(FACTORY, name="textcat", config={"model": model, **settings})
    assert isinstance(pipe, DistilledTextCategorizer)
    pipe.initialize(lambda: make_examples(nlp), nlp=nlp, labels=LABELS)
    return nlp, pipe


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_component_learns_the_teachers_probabilities(model: dict[str, Any]) -> None:
    nlp, pipe = make_pipeline(model)
    sgd = Adam(0.01)
    for _ in range(200):
        losses = pipe.update(make_examples(nlp), sgd=sgd)
    for text, expected in SOFT.items():
        cats = nlp(text).cats
        assert_allclose([cats[label] for label in LABELS], expected, atol=0.03)
    entropy = -sum(q * numpy.log(q) for row in SOFT.values() for q in row)
    assert_allclose(losses["textcat"], entropy, rtol=0.01)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_component_gradient_equals_finite_differences(model: dict[str, Any]) -> None:
    """The gradient of the output bias: what the loss's gradient is after the output layer."""
    nlp, pipe = make_pipeline(model)
    examples = make_examples(nlp)
    docs = [eg.predicted for eg in examples]
    layer = find_output(pipe.model).linear
    layer.set_param("b", numpy.asarray([0.3, -0.2, 0.1], dtype="float32"))
    pipe.update(examples)
    gradient = layer.get_grad("b").copy()
    epsilon = 1e-2
    for i in range(len(LABELS)):
        values = []
        for sign in (1, -1):
            bias = numpy.asarray([0.3, -0.2, 0.1], dtype="float32")
            bias[i] += sign * epsilon
            layer.set_param("b", bias)
            loss, _ = pipe.get_loss(examples, pipe.model.predict(docs))
            values.append(loss)
        assert_allclose(gradient[i], (values[0] - values[1]) / (2 * epsilon), rtol=2e-2, atol=2e-3)


@pytest.mark.parametrize(("model", "layer"), REFUSED.values(), ids=REFUSED)
def test_component_refuses_an_output_layer_by_name(model: dict[str, Any], layer: str) -> None:
    with pytest.raises(ValueError, match=f"output layer '{layer}'"):
        spacy.blank("en").add_pipe(FACTORY, config={"model": model})


def test_component_aligns_labels_by_name() -> None:
    nlp, pipe = make_pipeline(BOW)
    scores = pipe.model.predict([eg.predicted for eg in make_examples(nlp)])
    loss, gradient = pipe.get_loss(make_examples(nlp), scores)
    other = make_examples(nlp)
    for eg in other:
        eg.reference.user_data["teacher_cats"] = dict(reversed(eg.reference.user_data["teacher_cats"].items()))
    other_loss, other_gradient = pipe.get_loss(other, scores)
    assert loss == other_loss
    assert_allclose(gradient, other_gradient)


def test_component_without_teacher_scores_names_text_and_command() -> None:
    nlp, pipe = make_pipeline(BOW)
    example = Example(nlp.make_doc("no scores here"), nlp.make_doc("no scores here"))
    with pytest.raises(ValueError, match=r"'no scores here'.*spacy project run score"):
        pipe.update([example])


def test_component_takes_an_empty_doc() -> None:
    nlp, pipe = make_pipeline(MODELS["ensemble"])
    examples = make_examples(nlp)
    empty = Doc(nlp.vocab)
    empty.user_data["source"] = "gold"
    set_teacher_scores(empty, LABELS, numpy.asarray([1, 0, 0], dtype="float32"))
    losses = pipe.update([*examples, Example(Doc(nlp.vocab), empty)])
    assert numpy.isfinite(losses["textcat"])
    assert_allclose(pipe.update([Example(Doc(nlp.vocab), empty)])["textcat"], 0)


def test_component_gives_the_same_scores_after_a_round_trip() -> None:
    nlp, pipe = make_pipeline(MODELS["ensemble"])
    pipe.update(make_examples(nlp), sgd=Adam(0.01))
    other = spacy.blank("en")
    other.add_pipe(FACTORY, name="textcat", config={"model": MODELS["ensemble"]})
    other.from_bytes(nlp.to_bytes())
    for text in SOFT:
        assert nlp(text).cats == other(text).cats


@pytest.mark.parametrize("model", [BOW, MODELS["cnn"]], ids=["softmax_activation", "softmax"])
@pytest.mark.parametrize(
    "weights,rows",
    [
        ({"gold": 2.0, "unlabelled": 0.5, "augmented": 0.25}, [2.0, 0.5, 0.25, 0.25]),
        ({"gold": 0.0, "unlabelled": 1.0, "augmented": 3}, [0.0, 1.0, 3.0, 3.0]),
        ({"gold": 1.0, "unlabelled": 0.0, "augmented": 0.0}, [1.0, 0.0, 0.0, 0.0]),
        ({"gold": 0.0, "unlabelled": 0.0, "augmented": 0.0}, [0.0, 0.0, 0.0, 0.0]),
    ],
    ids=["different", "no-gold", "gold-only", "none"],
)
def test_component_weights_loss_and_gradient_by_source(
    model: dict[str, Any], weights: dict[str, float], rows: list[float]
) -> None:
    nlp, pipe = make_pipeline(model, source_weights=weights)
    examples = make_examples(nlp, sources=SOURCES)
    scores = pipe.model.predict([eg.predicted for eg in examples])
    loss, gradient = pipe.get_loss(examples, scores)
    teacher = numpy.asarray(list(SOFT.values()), dtype="float32")
    parts = [pipe.get_teacher_student_loss(teacher[i : i + 1], scores[i : i + 1]) for i in range(4)]
    assert loss == pytest.approx(sum(weight * part for weight, (part, _) in zip(rows, parts, strict=True)), abs=1e-5)
    expected = numpy.concatenate([weight * part for weight, (_, part) in zip(rows, parts, strict=True)])
    assert gradient.dtype == numpy.float32
    assert_allclose(gradient, expected, atol=1e-6)
    assert min(abs(part).max() for _, part in parts) > 1e-3


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_component_default_weights_equal_the_unweighted(model: dict[str, Any]) -> None:
    nlp, pipe = make_pipeline(model)
    assert pipe.source_weights == {"gold": 1.0, "unlabelled": 1.0, "augmented": 1.0}
    assert DistilledTextCategorizer(nlp.vocab, pipe.model, loss=pipe.loss).source_weights == pipe.source_weights
    examples = make_examples(nlp, sources=SOURCES)
    scores = pipe.model.predict([eg.predicted for eg in examples])
    expected_loss, expected = pipe.get_teacher_student_loss(numpy.asarray(list(SOFT.values()), dtype="float32"), scores)
    loss, gradient = pipe.get_loss(examples, scores)
    assert loss == expected_loss
    assert numpy.array_equal(gradient, expected)


def test_component_does_not_learn_from_what_counts_nothing() -> None:
    nlp, pipe = make_pipeline(BOW, source_weights={"gold": 1.0, "unlabelled": 0.0, "augmented": 0.0})
    sgd = Adam(0.05)
    for _ in range(100):
        pipe.update(make_examples(nlp, sources=SOURCES), sgd=sgd)
    first, *others = ([nlp(text).cats[label] for label in LABELS] for text in SOFT)
    assert_allclose(first, SOFT["one fine red apple"], atol=0.03)
    for other, scores in zip(others[:2], list(SOFT.values())[1:], strict=False):
        assert abs(numpy.asarray(other) - scores).max() > 0.2


@pytest.mark.parametrize(
    "weights",
    [
        {"gold": -1.0, "unlabelled": 1.0, "augmented": 1.0},
        {"gold": 1.0, "unlabelled": 1.0, "augmented": 1.0, "mask": 2.0},
    ],
    ids=["negative", "method"],
)
def test_component_refuses_bad_weights(weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="source_weights must have a number, 0 or more, for each of gold, unlabelled"):
        spacy.blank("en").add_pipe(FACTORY, config={"model": BOW, "source_weights": weights})


def test_component_refuses_a_weight_that_is_missing() -> None:
    _, pipe = make_pipeline(BOW)
    with pytest.raises(ValueError, match=r"source_weights must have .*Found: \{'gold': 1\.0\}"):
        DistilledTextCategorizer(Vocab(), pipe.model, loss=pipe.loss, source_weights={"gold": 1.0})


def test_component_without_a_source_names_text_and_command() -> None:
    nlp, pipe = make_pipeline(BOW)
    examples = make_examples(nlp)
    del examples[1].reference.user_data["source"]
    with pytest.raises(ValueError, match=r"No source on the text 'two green pears'.*spacy project run score"):
        pipe.update(examples)


def test_component_weights_are_in_the_config_that_is_saved() -> None:
    weights = {"gold": 2.0, "unlabelled": 0.5, "augmented": 0.25}
    nlp, _ = make_pipeline(BOW, source_weights=weights)
    assert nlp.config["components"]["textcat"]["source_weights"] == weights
    other = spacy.util.load_model_from_config(nlp.config)
    pipe = other.get_pipe("textcat")
    assert isinstance(pipe, DistilledTextCategorizer)
    assert pipe.source_weights == weights
