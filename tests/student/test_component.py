"""The distilled text classifier on toy data."""

import itertools
import re
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
from thinc.api import Adam, Linear, Model, Softmax, chain, concatenate, fix_random_seed, residual

from scripts.distill.data.teacher_scores import set_teacher_scores
from scripts.distill.student.component import FACTORY, DistilledTextCategorizer
from scripts.distill.student.losses import configure_cross_entropy
from scripts.distill.student.output_layers import find_output

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
OLD_BOW = {key: value for key, value in BOW.items() if key != "length"}
# Layers joined in a config.
LAYERS: dict[str, Any] = {
    "@layers": "chain.v1",
    "*": {
        "ngrams": {"@layers": "spacy.extract_ngrams.v1", "ngram_size": 1},
        "sum": {"@layers": "SparseLinear.v2", "nO": 8, "length": 1024},
        "norm": {"@layers": "LayerNorm.v1"},
        "output": {"@layers": "Linear.v1"},
        "softmax": {"@layers": "softmax_activation.v1"},
    },
}
# Every stock architecture for exclusive labels, and layers
MODELS: dict[str, dict[str, Any]] = {
    "bow": BOW,
    "ensemble": {"@architectures": "spacy.TextCatEnsemble.v2", "tok2vec": TOK2VEC, "linear_model": BOW},
    "cnn": {"@architectures": "spacy.TextCatCNN.v2", "tok2vec": TOK2VEC, "exclusive_classes": True},
    "reduce": {"@architectures": "spacy.TextCatReduce.v1", "tok2vec": TOK2VEC, "exclusive_classes": True, **REDUCE},
    "attention": {"@architectures": "spacy.TextCatParametricAttention.v1", "tok2vec": TOK2VEC,
                  "exclusive_classes": True},
    "layers": LAYERS,
}  # fmt: skip
OLD_MODELS: dict[str, dict[str, Any]] = {
    "bow v1": {**OLD_BOW, "@architectures": "spacy.TextCatBOW.v1"},
    "bow v2": {**OLD_BOW, "@architectures": "spacy.TextCatBOW.v2"},
    "cnn v1": {"@architectures": "spacy.TextCatCNN.v1", "tok2vec": TOK2VEC, "exclusive_classes": True},
    "ensemble v1": {"@architectures": "spacy.TextCatEnsemble.v1", "width": 16, "embed_size": 200,
                    "pretrained_vectors": None, "exclusive_classes": True, "ngram_size": 1, "window_size": 1,
                    "conv_depth": 1, "dropout": None},
}  # fmt: skip
WEIGHTS = {"gold": 2.0, "unlabelled": 1.0, "augmented": 0.5}
# Settings of the component
SETTINGS: dict[str, dict[str, Any]] = {
    "cross-entropy": {"loss": {"@losses": "distill.cross_entropy.v1"}},
    "temperature": {"loss": {"@losses": "distill.cross_entropy.v1", "temperature": 2.0}},
    "mse-logits": {"loss": {"@losses": "distill.mse_logits.v1"}},
    "mse-probs": {"loss": {"@losses": "distill.mse_probs.v1"}},
    "gold": {"loss": {"@losses": "distill.mse_logits.v1"}, "gold_weight": 0.3, "origin_weights": WEIGHTS},
}
# One of each kind of source; "mask" and "swap" are methods of augmentation.
SOURCES = ("gold", "unlabelled", "mask", "swap")
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no output layer": ({**BOW, "no_output_layer": True}, "sparse_linear"),
    "no output layer v1": ({**OLD_MODELS["bow v1"], "no_output_layer": True}, "sparse_linear"),
    **{f"{name}, several labels": ({**model, "exclusive_classes": False}, "logistic")
       for name, model in (MODELS | OLD_MODELS).items() if "exclusive_classes" in model},
    "ensemble, several labels":
        ({**MODELS["ensemble"], "linear_model": {**BOW, "exclusive_classes": False}}, "logistic"),
    "low data": ({"@architectures": "spacy.TextCatLowData.v1", "width": 8, "dropout": None}, "logistic"),
}  # fmt: skip


def make_examples(
    nlp: Language,
    labels: Sequence[str] = LABELS,
    sources: Sequence[str] = ("gold",),
    soft: dict[str, list[float]] = SOFT,
    gold: str | None = None,
) -> list[Example]:
    """Make examples with teacher probabilities; those of source "gold" have the gold label `gold`, if given."""
    examples = []
    for (text, scores), source in zip(soft.items(), itertools.cycle(sources), strict=False):
        doc = nlp.make_doc(text)
        doc.user_data["origin"] = source
        if gold and source == "gold":
            doc.cats = {label: float(label == gold) for label in labels}
        set_teacher_scores(doc, labels, numpy.asarray(scores, dtype="float32"))
        examples.append(Example(nlp.make_doc(text), doc))
    return examples


def make_pipeline(
    model: dict[str, Any], labels: Sequence[str] = LABELS, **settings: Any
) -> tuple[Language, DistilledTextCategorizer]:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe(FACTORY, name="textcat", config={"model": model, **settings})
    assert isinstance(pipe, DistilledTextCategorizer)
    pipe.initialize(lambda: make_examples(nlp), nlp=nlp, labels=labels)
    return nlp, pipe


def make_soft(n_labels: int) -> dict[str, list[float]]:
    """Draw teacher probabilities for the texts of SOFT."""
    rows = numpy.random.default_rng(n_labels).dirichlet(numpy.ones(n_labels), size=len(SOFT))
    return dict(zip(SOFT, rows.tolist(), strict=True))


def check_gradient(pipe: DistilledTextCategorizer, examples: list[Example]) -> None:
    """Compare the gradient of all biases and some weights of the output layer with finite differences of the loss."""
    docs = [eg.predicted for eg in examples]
    layer = find_output(pipe.model).linear
    rng = numpy.random.default_rng(0)
    for node in pipe.model.walk():
        if node is layer or node.name == "sparse_linear":
            for name in ("W", "b"):
                node.set_param(name, rng.normal(scale=0.3, size=node.get_param(name).shape).astype("float32"))
    losses = pipe.update(examples)
    assert losses["textcat"] == pytest.approx(pipe.get_loss(examples, pipe.model.predict(docs))[0], rel=1e-5)
    assert abs(layer.get_grad("W")).max() > 0.02
    epsilon = 1e-2
    for name in ("W", "b"):
        start, gradient = layer.get_param(name).copy(), layer.get_grad(name).copy()
        for index in abs(gradient).argsort(axis=None)[-5:]:
            values = []
            for sign in (1, -1):
                moved = start.copy()
                moved.flat[index] += sign * epsilon
                layer.set_param(name, moved)
                values.append(pipe.get_loss(examples, pipe.model.predict(docs))[0])
            layer.set_param(name, start)
            difference = (values[0] - values[1]) / (2 * epsilon)
            assert_allclose(gradient.flat[index], difference, rtol=5e-3, atol=5e-4)


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


@pytest.mark.parametrize("loss", ["mse_logits", "mse_probs"])
@pytest.mark.parametrize("model", [BOW, MODELS["cnn"]], ids=["softmax_activation", "softmax"])
def test_component_learns_by_other_losses(model: dict[str, Any], loss: str) -> None:
    nlp, pipe = make_pipeline(model, loss={"@losses": f"distill.{loss}.v1"})
    sgd = Adam(0.01)
    for _ in range(300):
        losses = pipe.update(make_examples(nlp), sgd=sgd)
    for text, expected in SOFT.items():
        assert_allclose([nlp(text).cats[label] for label in LABELS], expected, atol=0.05)
    assert losses["textcat"] < 0.01


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("model", (MODELS | OLD_MODELS).values(), ids=MODELS | OLD_MODELS)
def test_component_gradient_equals_finite_differences(model: dict[str, Any], settings: dict[str, Any]) -> None:
    nlp, pipe = make_pipeline(model, **settings)
    check_gradient(pipe, make_examples(nlp, sources=SOURCES, gold="B"))


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("labels", ["AB", "ABCDE"], ids=["2 labels", "5 labels"])
@pytest.mark.parametrize("model", [BOW, MODELS["ensemble"]], ids=["bow", "ensemble"])
def test_component_gradient_with_any_number_of_labels(
    model: dict[str, Any], labels: str, settings: dict[str, Any]
) -> None:
    nlp, pipe = make_pipeline(model, list(labels), **settings)
    check_gradient(pipe, make_examples(nlp, list(labels), SOURCES, make_soft(len(labels)), gold="B"))


@pytest.mark.parametrize("labels", ["AB", "ABCDE"], ids=["2 labels", "5 labels"])
def test_component_learns_any_number_of_labels(labels: str) -> None:
    nlp, pipe = make_pipeline(MODELS["ensemble"], list(labels))
    soft = make_soft(len(labels))
    sgd = Adam(0.01)
    for _ in range(200):
        pipe.update(make_examples(nlp, list(labels), soft=soft), sgd=sgd)
    for text, expected in soft.items():
        assert_allclose([nlp(text).cats[label] for label in labels], expected, atol=0.03)


def test_component_with_mse_probs_has_the_gradient_of_a_stock_bag_of_words() -> None:
    """Stock textcat backpropagates p − q, which softmax_activation turns into J (p − q)."""
    nlp, pipe = make_pipeline(BOW, loss={"@losses": "distill.mse_probs.v1"})
    examples = make_examples(nlp)
    scores, backprop = pipe.model.begin_update([eg.predicted for eg in examples])
    backprop(scores - numpy.asarray(list(SOFT.values()), dtype="float32"))
    layer = find_output(pipe.model).linear
    expected = layer.get_grad("b").copy()
    layer.set_grad("b", numpy.zeros_like(expected))
    pipe.update(examples)
    assert_allclose(layer.get_grad("b"), expected, atol=1e-6)
    assert abs(expected).max() > 0.02


@pytest.mark.parametrize(("model", "layer"), REFUSED.values(), ids=REFUSED)
def test_component_refuses_an_output_layer_by_name(model: dict[str, Any], layer: str) -> None:
    with pytest.raises(ValueError, match=f"output layer '{layer}'"):
        spacy.blank("en").add_pipe(FACTORY, config={"model": model})


@pytest.mark.parametrize(
    "layer",
    [residual(chain(Linear(3, 3), Softmax(3, 3))), concatenate(Linear(3, 3), chain(Linear(3, 3), Softmax(3, 3)))],
    ids=["residual", "concatenate"],
)
def test_component_refuses_a_layer_that_changes_the_gradient(layer: Model[Any, Any]) -> None:
    with pytest.raises(ValueError, match=f"output layer {re.escape(repr(layer.name))}.*project run train-student"):
        DistilledTextCategorizer(Vocab(), chain(Linear(3, 3), layer), loss=configure_cross_entropy())


@pytest.mark.parametrize(("labels", "found"), [([], "[]"), (["A"], "['A']"), (["A", "A"], "['A']"), (None, "[]")])
def test_component_refuses_fewer_than_two_labels(labels: list[str] | None, found: str) -> None:
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe(FACTORY, name="textcat", config={"model": BOW})
    assert isinstance(pipe, DistilledTextCategorizer)
    with pytest.raises(ValueError, match=f"textcat needs two or more labels.*{re.escape(found)}.*project run prepare"):
        pipe.initialize(lambda: make_examples(nlp), nlp=nlp, labels=labels)


def test_component_takes_labels_from_gold_without_a_list() -> None:
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe(FACTORY, name="textcat", config={"model": BOW})
    assert isinstance(pipe, DistilledTextCategorizer)
    pipe.initialize(lambda: make_examples(nlp, gold="B"), nlp=nlp)
    assert list(pipe.labels) == LABELS
    assert nlp("one fine red apple").cats.keys() == set(LABELS)


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
    empty.user_data["origin"] = "gold"
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
    nlp, pipe = make_pipeline(model, origin_weights=weights)
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
    assert pipe.origin_weights == {"gold": 1.0, "unlabelled": 1.0, "augmented": 1.0}
    assert pipe.gold_weight == 0
    assert DistilledTextCategorizer(nlp.vocab, pipe.model, loss=pipe.loss).origin_weights == pipe.origin_weights
    examples = make_examples(nlp, sources=SOURCES, gold="B")
    scores = pipe.model.predict([eg.predicted for eg in examples])
    expected_loss, expected = pipe.get_teacher_student_loss(numpy.asarray(list(SOFT.values()), dtype="float32"), scores)
    loss, gradient = pipe.get_loss(examples, scores)
    assert loss == expected_loss
    assert numpy.array_equal(gradient, expected)


def test_component_does_not_learn_from_what_counts_nothing() -> None:
    nlp, pipe = make_pipeline(BOW, origin_weights={"gold": 1.0, "unlabelled": 0.0, "augmented": 0.0})
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
    with pytest.raises(ValueError, match="origin_weights must have a number, 0 or more, for each of gold, unlabelled"):
        spacy.blank("en").add_pipe(FACTORY, config={"model": BOW, "origin_weights": weights})


def test_component_refuses_a_weight_that_is_missing() -> None:
    _, pipe = make_pipeline(BOW)
    with pytest.raises(ValueError, match=r"origin_weights must have .*Found: \{'gold': 1\.0\}"):
        DistilledTextCategorizer(Vocab(), pipe.model, loss=pipe.loss, origin_weights={"gold": 1.0})


def test_component_without_a_source_names_text_and_command() -> None:
    nlp, pipe = make_pipeline(BOW)
    examples = make_examples(nlp)
    del examples[1].reference.user_data["origin"]
    with pytest.raises(ValueError, match=r"No origin on the text 'two green pears'.*spacy project run score"):
        pipe.update(examples)


def test_component_weights_are_in_the_config_that_is_saved() -> None:
    weights = {"gold": 2.0, "unlabelled": 0.5, "augmented": 0.25}
    nlp, _ = make_pipeline(BOW, origin_weights=weights, gold_weight=0.25)
    assert nlp.config["components"]["textcat"]["origin_weights"] == weights
    other = spacy.util.load_model_from_config(nlp.config)
    pipe = other.get_pipe("textcat")
    assert isinstance(pipe, DistilledTextCategorizer)
    assert pipe.origin_weights == weights
    assert pipe.gold_weight == 0.25


@pytest.mark.parametrize("loss", ["cross_entropy", "mse_logits", "mse_probs"])
@pytest.mark.parametrize("model", [BOW, MODELS["cnn"]], ids=["softmax_activation", "softmax"])
@pytest.mark.parametrize("gold_weight", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("weights", [WEIGHTS, dict.fromkeys(WEIGHTS, 1.0)], ids=["weights", "alike"])
def test_component_mixes_in_the_gold_label(
    model: dict[str, Any], loss: str, gold_weight: float, weights: dict[str, float]
) -> None:
    settings = {"origin_weights": weights, "loss": {"@losses": f"distill.{loss}.v1"}}
    nlp, pipe = make_pipeline(model, gold_weight=gold_weight, **settings)
    examples = make_examples(nlp, sources=SOURCES, gold="B")
    scores = numpy.asarray([[0.5, 0.2, 0.3], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.6, 0.3, 0.1]], dtype="float32")
    value, gradient = pipe.get_loss(examples, scores)

    teacher = numpy.asarray(list(SOFT.values()), dtype="float32")
    parts = [pipe.get_teacher_student_loss(teacher[i : i + 1], scores[i : i + 1]) for i in range(4)]
    expected = [value for value, _ in parts]
    expected[0] = (1 - gold_weight) * expected[0] - gold_weight * numpy.log(0.2)
    rows = numpy.concatenate([row for _, row in parts])
    to_gold = numpy.asarray([0.5, 0.2 - 1, 0.3]) / (scores[0] if model is BOW else 1)
    rows[0] = (1 - gold_weight) * rows[0] + gold_weight * to_gold
    counts = numpy.asarray([weights[kind] for kind in ("gold", "unlabelled", "augmented", "augmented")])
    assert value == pytest.approx((counts * expected).sum(), rel=1e-5)
    assert gradient.dtype == numpy.float32
    assert_allclose(gradient, counts[:, None] * rows, atol=1e-5)


def test_component_learns_the_gold_label_where_there_is_one() -> None:
    nlp, pipe = make_pipeline(BOW, gold_weight=1.0)
    sgd = Adam(0.05)
    for _ in range(100):
        pipe.update(make_examples(nlp, sources=SOURCES, gold="B"), sgd=sgd)
    first, *others = ([nlp(text).cats[label] for label in LABELS] for text in SOFT)
    assert first[1] > 0.9
    assert_allclose(others, list(SOFT.values())[1:], atol=0.03)


@pytest.mark.parametrize("gold_weight", [-0.1, 1.1, float("nan")])
def test_component_refuses_gold_weight(gold_weight: float) -> None:
    _, pipe = make_pipeline(BOW)
    with pytest.raises(ValueError, match=rf"gold_weight must be a number from 0 to 1. Found: {gold_weight}"):
        DistilledTextCategorizer(Vocab(), pipe.model, loss=pipe.loss, gold_weight=gold_weight)


@pytest.mark.parametrize("cats", [{"A": 0.5, "B": 0.5}, {"A": 1.0, "B": 1.0}, {"D": 1.0}], ids=["soft", "two", "other"])
def test_component_with_bad_gold_names_text_and_command(cats: dict[str, float]) -> None:
    nlp, pipe = make_pipeline(BOW)
    examples = make_examples(nlp, gold="B")
    examples[1].reference.cats = cats
    with pytest.raises(ValueError, match=r"'two green pears'.*spacy project run prepare \. and then augment and score"):
        pipe.update(examples)


def test_component_initialized_with_soft_gold_names_text_and_command() -> None:
    nlp, pipe = make_pipeline(BOW)
    examples = make_examples(nlp, gold="B")
    examples[1].reference.cats = {"A": 0.5, "B": 0.5}
    with pytest.raises(ValueError, match=r"'two green pears'.*spacy project run prepare \. and then augment and score"):
        pipe.initialize(lambda: examples, nlp=nlp, labels=LABELS)
