"""The distilled text classifier on toy data."""

from typing import Any

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam, fix_random_seed

from scripts.distil.component import FACTORY, DistilledTextCategorizer
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
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no output layer": ({**BOW, "no_output_layer": True}, "sparse_linear"),
    "several labels at once": ({**BOW, "exclusive_classes": False}, "logistic"),
}


def make_examples(nlp: Language, labels: list[str] = LABELS) -> list[Example]:
    examples = []
    for text, scores in SOFT.items():
        doc = nlp.make_doc(text)
        set_teacher_scores(doc, labels, numpy.asarray(scores, dtype="float32"))
        examples.append(Example(nlp.make_doc(text), doc))
    return examples


def make_pipeline(model: dict[str, Any]) -> tuple[Language, DistilledTextCategorizer]:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe(FACTORY, name="textcat", config={"model": model})
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
    layer = next(node for node in pipe.model.walk() if node.has_param("b") and node.has_dim("nO") and
                 node.get_dim("nO") == len(LABELS) and node.name in ("softmax", "sparse_linear") and
                 (node.name == "softmax" or model is BOW))  # fmt: skip
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
