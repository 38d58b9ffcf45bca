"""A student that computes each word once gives the same answers, and needs no vectors in the vocabulary."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from spacy.attrs import LOWER, ORTH
from spacy.language import Language
from spacy.strings import get_string_id
from spacy.training import Example
from spacy.util import fix_random_seed
from spacy.vectors import Vectors
from thinc.api import Adam, Config, Model, set_dropout_rate

from scripts.distill.data.known_words import vector_rows
from scripts.distill.student.to_stock import to_stock
from scripts.distill.student.words_once import LEXICAL, compute_words_once
from tests.helpers import ROOT

WORDS = ["good", "bad", "very", "old", "book"]
TEXTS = [
    "good book", "BAD bad Bad book", "very very very very good", "a zyzzyva", "naïve 漢字 🙂 !!!", "x", "old " * 50,
    "not bad , not good", "\n\t book",
]  # fmt: skip

OPTIMIZER = Config().from_disk(ROOT / "configs/student.cfg", interpolate=False)["training"]["optimizer"]
REDUCE = {
    "@architectures": "spacy.TextCatReduce.v1", "exclusive_classes": True, "use_reduce_first": False,
    "use_reduce_last": False, "use_reduce_max": True, "use_reduce_mean": True,
}  # fmt: skip
ATTENTION = {"@architectures": "spacy.TextCatParametricAttention.v1", "exclusive_classes": True}
LINEAR = {
    "@architectures": "spacy.TextCatBOW.v3", "exclusive_classes": True, "length": 100, "ngram_size": 1,
    "no_output_layer": False,
}  # fmt: skip
ENSEMBLE = {"@architectures": "spacy.TextCatEnsemble.v2", "linear_model": LINEAR}


def make_student(
    attrs: tuple[str, ...] = LEXICAL, *, vectors: bool = True, by: str = "LOWER", mode: str = "default",
    classify: dict[str, Any] = REDUCE,
) -> Language:  # fmt: skip
    """A trained classifier. One row of its vectors belongs to no word."""
    nlp = spacy.blank("en")
    rng = numpy.random.default_rng(0)
    data = rng.normal(size=(len(WORDS) + 1, 6)).astype("float32")
    if mode == "floret":
        nlp.vocab.vectors = Vectors(
            data=data, mode=mode, strings=nlp.vocab.strings, minn=2, maxn=3, hash_count=2, attr=by
        )
    elif vectors:
        nlp.vocab.vectors = Vectors(data=data, name="teacher", attr=by, strings=nlp.vocab.strings)
        for row, word in enumerate(WORDS):
            nlp.vocab.vectors.add(word, row=row)
    embed = {
        "@architectures": "spacy.MultiHashEmbed.v2", "width": 8, "attrs": list(attrs), "rows": [50] * len(attrs),
        "include_static_vectors": vectors,
    }  # fmt: skip
    encode = {
        "@architectures": "spacy.MaxoutWindowEncoder.v2", "width": 8, "window_size": 1, "maxout_pieces": 3, "depth": 1,
    }  # fmt: skip
    tok2vec = {"@architectures": "spacy.Tok2Vec.v2", "embed": embed, "encode": encode}
    nlp.add_pipe("textcat", config={"model": {**classify, "tok2vec": tok2vec}})
    # As in configs/student.cfg: it takes the number of updates from the rest of the config.
    nlp.config["training"]["optimizer"] = OPTIMIZER
    return train(nlp, ["good" in text for text in TEXTS], 3)


def train(nlp: Language, positive: Iterable[bool], updates: int) -> Language:
    """Initialize and train a classifier."""
    fix_random_seed(0)
    examples = make_examples(nlp, positive)
    nlp.initialize(lambda: examples, sgd=Adam(0.02))
    for _ in range(updates):
        nlp.update(examples, sgd=Adam(0.02), drop=0.1)
    return nlp


def make_examples(nlp: Language, positive: Iterable[bool]) -> list[Example]:
    return [
        Example.from_dict(nlp.make_doc(text), {"cats": {"POS": float(found), "NEG": float(not found)}})
        for text, found in zip(TEXTS, positive, strict=True)
    ]


def predict(nlp: Language, texts: list[str] = TEXTS, batch_size: int = 100) -> NDArray[numpy.float64]:
    return numpy.asarray([list(doc.cats.values()) for doc in nlp.pipe(texts, batch_size=batch_size)])


def convert(nlp: Language) -> Language:
    """Return a copy that computes words once."""
    stock = to_stock(nlp)
    assert "MultiHashEmbed" not in stock.config.to_str()
    return stock


@pytest.fixture
def before() -> Language:
    return make_student()


@pytest.fixture
def after(before: Language) -> Language:
    return convert(before)


@pytest.mark.parametrize("by", ["ORTH", "LOWER"])
@pytest.mark.parametrize("attrs", [LEXICAL, ("SHAPE", "PREFIX")])
def test_words_once_change_no_answer(attrs: tuple[str, ...], by: str, tmp_path: Path) -> None:
    before = make_student(attrs, by=by)
    after, expected = convert(before), predict(before)
    assert expected.std(axis=0).min() > 0.01
    after.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    restored = spacy.blank("en").from_config(after.config).from_bytes(after.to_bytes())
    for nlp in (after, loaded, restored):
        assert_allclose(predict(nlp), expected, atol=1e-6)
        assert_allclose(predict(nlp, batch_size=1), expected, atol=1e-6)
        assert not len(nlp.vocab.vectors)


def test_words_once_compute_each_distinct_word_of_a_batch_once(
    before: Language, after: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[Language, list[int]] = {}
    for nlp in (before, after):
        pipe: Any = nlp.get_pipe("textcat")
        mix: Model[Any, Any] = next(layer for layer in pipe.model.walk(order="dfs_pre") if layer.name == "maxout")
        forward, rows = mix._func, seen.setdefault(nlp, [])

        def note(layer: Any, X: Any, is_train: bool, forward: Any = forward, rows: list[int] = rows) -> Any:
            rows.append(len(X))
            return forward(layer, X, is_train)

        monkeypatch.setattr(mix, "_func", note)
        predict(nlp, ["bad bad bad", "very bad", "bad Bad"])
    assert list(seen.values()) == [[7], [3]]


def test_words_once_keep_the_vectors_in_the_classifier(before: Language, after: Language) -> None:
    rows = {get_string_id(word): row for row, word in enumerate(WORDS)}
    assert vector_rows(before) == vector_rows(after) == (LOWER, rows)
    by_form = make_student(by="ORTH")
    assert vector_rows(by_form) == vector_rows(convert(by_form)) == (ORTH, rows)
    assert vector_rows(make_student(vectors=False))[1] == {}


def test_words_once_can_be_taken_into_another_pipeline(before: Language, after: Language) -> None:
    other = spacy.blank("en")
    vector: Any = numpy.ones(3, dtype="float32")
    other.vocab.set_vector("good", vector)
    with pytest.warns(UserWarning, match="W113"):
        other.add_pipe("textcat", source=after)
    assert_allclose(predict(other), predict(before), atol=1e-6)


def test_words_once_can_be_trained_further(before: Language, after: Language) -> None:
    gradients = []
    for nlp in (before, after):
        pipe: Any = nlp.get_pipe("textcat")
        set_dropout_rate(pipe.model, 0.0)
        probabilities, backprop = pipe.model.begin_update([nlp.make_doc(text) for text in TEXTS])
        backprop(probabilities - numpy.asarray([1.0, 0.0], dtype="float32"))
        layers = [layer for layer in pipe.model.walk(order="dfs_pre") if layer.name in ("hashembed", "maxout")]
        gradients.append([layer.get_grad(name) for layer in layers for name in layer.param_names])
    for expected, found in zip(*gradients, strict=True):
        assert numpy.abs(expected).max() > 0
        assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_words_once_learn_other_answers(after: Language, tmp_path: Path) -> None:
    after.to_disk(tmp_path)
    turned = predict(after)[:, 0] < 0.5
    alone, other = spacy.load(tmp_path), spacy.blank("de")
    other.add_pipe("textcat", source=spacy.load(tmp_path))
    for nlp in (alone, other):
        optimizer = nlp.resume_training()
        for _ in range(90):
            nlp.update(make_examples(nlp, turned), sgd=optimizer, drop=0.1)
        assert (predict(nlp)[:, 0] > 0.5).tolist() == turned.tolist()


def test_words_once_can_be_trained_from_the_saved_config(after: Language) -> None:
    positive = [len(text) > 10 for text in TEXTS]
    for nlp in (spacy.util.load_model_from_config(after.config), after):
        assert (predict(train(nlp, positive, 60))[:, 0] > 0.5).tolist() == positive


@pytest.mark.parametrize("classify", [ATTENTION, ENSEMBLE], ids=["attention", "ensemble"])
def test_words_once_with_any_classifier(classify: dict[str, Any]) -> None:
    before = make_student(classify=classify)
    assert_allclose(predict(convert(before)), predict(before), atol=1e-6)


@pytest.mark.parametrize(
    "kind", [{"mode": "floret", "by": "ORTH"}, {"attrs": ("LOWER", "LOWER")}, {"attrs": ("NORM",)}]
)
def test_words_once_or_not_the_answers_are_the_same(kind: dict[str, Any], tmp_path: Path) -> None:
    nlp = make_student(**kind)
    stock = to_stock(nlp)
    stock.to_disk(tmp_path)
    assert "MultiHashEmbed" in stock.config.to_str()
    for saved in (stock, spacy.load(tmp_path)):
        assert_allclose(predict(saved), predict(nlp), atol=1e-6)


def test_words_once_leave_other_pipelines_as_they_are() -> None:
    two = make_student()
    two.add_pipe("sentencizer")
    for nlp in (make_student(("NORM", "SUFFIX")), make_student(vectors=False), two, spacy.blank("en")):
        config, rows, expected = nlp.config.to_str(), nlp.vocab.vectors.key2row, predict(nlp)
        compute_words_once(nlp)
        assert nlp.config.to_str() == config
        assert nlp.vocab.vectors.key2row == rows
        assert_allclose(predict(nlp), expected)


def test_words_once_or_not_the_stock_student_finds_its_vectors(tmp_path: Path) -> None:
    nlp = make_student(("NORM", "SUFFIX"))
    to_stock(nlp).to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert_allclose(predict(loaded), predict(nlp), atol=1e-6)
    words = {word for word in nlp.vocab.strings if word.lower() in WORDS}
    assert {"good", "BAD", "Bad"} <= words
    assert vector_rows(loaded)[1].keys() == {get_string_id(word) for word in words}
