import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose
from spacy.attrs import LOWER
from spacy.tokens import Doc
from spacy.training.initialize import load_vectors_into_model
from threadpoolctl import threadpool_limits

from scripts.distill.core.files import hash_file
from scripts.distill.data.corpus import Corpus
from scripts.distill.data.docbins import write_docs
from scripts.distill.student.vectors import (
    VectorSettings,
    Word,
    choose_words,
    count_forms,
    encode_words,
    load_vector_settings,
    make_vectors,
    mix_with_contexts,
    reduce_vectors,
    spread_evenly,
    write_vectors,
)
from scripts.distill.teacher.word_encoder import Floats, WordEncoder

COMMITTED = Path("configs/vectors.cfg")
TEXTS = [("Het boek was GOED", "gold"), ("het boek \n viel tegen", "unlabelled"), ("vreemde woorden", "ngram")]


class FakeEncoder(WordEncoder):
    """A word's vector is made of its letters."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.read: list[str] = []

    def encode(self, words: Any, batch_tokens: int) -> Floats:
        self.asked += words
        return count_letters(words)

    def encode_tokens(self, docs: Any, batch_tokens: int) -> Any:
        """Each token but the first of a text, with the text's number of tokens added."""
        for doc in docs:
            self.read.append(doc.text)
            yield doc, numpy.arange(1, len(doc)), count_letters([t.text for t in doc[1:]]) + numpy.float32(len(doc))


def count_letters(words: list[str]) -> Floats:
    return numpy.asarray([[word.count(c) + 0.1 * len(word) for c in "aeo"] for word in words], dtype="float32")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    nlp = spacy.blank("nl")
    docs = []
    for text, source in TEXTS:
        docs.append(nlp.make_doc(text))
        docs[-1].user_data = {"lang": "nl", "origin": source}
    (tmp_path / "transfer").mkdir()
    for number, part in enumerate((docs[:2], docs[2:])):
        write_docs(part, tmp_path / "transfer" / f"{number:05}.spacy")
    (tmp_path / "prepare.json").write_text('{"lang": "nl", "languages": ["nl"]}', encoding="utf-8")
    about = {"prepare_sha256": hash_file(tmp_path / "prepare.json"), "teacher": "train", "transfer_sha256": "a"}
    (tmp_path / "score.json").write_text(json.dumps(about), encoding="utf-8")
    return tmp_path


def test_vectors_are_of_the_words_of_train_and_unlabelled_texts(corpus: Path) -> None:
    encoder = FakeEncoder()
    settings = VectorSettings(words=8, pca_dims=2, mantissa_bits=7)
    summary = make_vectors(Corpus(corpus), corpus, encoder, settings, spec="train")
    # Those of the texts, then the most frequent ones of Dutch.
    assert encoder.asked[:5] == ["Het", "boek", "GOED", "tegen", "viel"]
    assert encoder.asked[5:] == ["was", "de", "van"]
    # Words are read in the texts, too, but for those that augmentation made.
    assert encoder.read == ["Het boek was GOED", "het boek \n viel tegen"]
    assert summary["words"] == 8
    assert summary["transfer_sha256"] == "a"
    assert summary["coverage"] == 1
    assert json.loads((corpus / "vectors.json").read_text(encoding="utf-8")) == summary
    nlp = spacy.blank("nl")
    load_vectors_into_model(nlp, corpus / "vectors")
    assert nlp.vocab.vectors.shape == (8, 2)
    assert nlp.vocab.vectors.attr == LOWER
    assert nlp.vocab.get_vector("goed").any()
    assert "boek" not in set(nlp.vocab.strings)  # the words themselves are not kept


def test_vectors_of_stale_or_missing_texts_are_an_error(corpus: Path) -> None:
    (corpus / "prepare.json").write_text('{"seed": 1}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"made from other data .* project run score \."):
        make_vectors(Corpus(corpus), corpus, FakeEncoder(), VectorSettings(), spec="train")
    assert not (corpus / "vectors").exists()


def test_vectors_of_another_teacher_than_the_transfer_sets_are_an_error(corpus: Path) -> None:
    with pytest.raises(
        ValueError, match=r"scored by the teacher 'train', .* given 'hf:other'\. Run it with --vars\.teacher train"
    ):
        make_vectors(Corpus(corpus), corpus, FakeEncoder(), VectorSettings(), spec="hf:other")
    assert not (corpus / "vectors").exists()


def test_vectors_are_found_in_any_case_and_with_any_apostrophe(tmp_path: Path) -> None:
    vectors = numpy.asarray([[1.0, 2.0], [3.0, 4.0]], dtype="float32")
    write_vectors(tmp_path / "vectors", "nl", [Word("Boek", 2), Word("foto’s", 0)], vectors)
    nlp = spacy.blank("nl")
    load_vectors_into_model(nlp, tmp_path / "vectors")
    layer = spacy.registry.layers.get("spacy.StaticVectors.v2")(2)
    docs = [Doc(nlp.vocab, ["BoeK", "foto's", "FOTO’S", "onbekend"])]
    layer.initialize(docs)
    layer.set_param("W", numpy.eye(2, dtype="float32"))
    assert_allclose(layer.predict(docs).data, [[1, 2], [3, 4], [3, 4], [0, 0]])


def test_vectors_count_forms_leaves_out_white_space() -> None:
    docs = [Doc(spacy.blank("xx").vocab, ["A", "a", " \n", "B", "a"])]
    assert count_forms(docs) == ({"a": 2, "A": 1, "B": 1}, 1)


def test_vectors_without_context_texts_are_of_words_by_themselves(corpus: Path) -> None:
    encoder = FakeEncoder()
    make_vectors(Corpus(corpus), corpus, encoder, VectorSettings(words=8, context_texts=0), spec="train")
    assert len(encoder.asked) == 8
    assert encoder.read == []


def test_vectors_of_words_are_read_in_texts_in_any_form() -> None:
    vocab = spacy.blank("xx").vocab
    docs = [Doc(vocab, ["x", "Alle", "ALLE", "o"]), Doc(vocab, ["alle", "alle"])]
    settings = VectorSettings(isolated_count=2.0)
    words = [Word("alle", 4), Word("o", 1), Word("e", 0)]
    found = encode_words(FakeEncoder(), words, docs, settings)
    alone, capitals = count_letters(["alle", "o", "e"]), count_letters(["Alle", "ALLE"])
    # "x" and the first "alle" are first in their texts, which this encoder does not read.
    sums = numpy.asarray([capitals[0] + 4 + capitals[1] + 4 + alone[0] + 2, alone[1] + 4, [0, 0, 0]], dtype="float32")
    assert_allclose(found, mix_with_contexts(alone, sums, numpy.asarray([3, 1, 0], dtype="float32"), 2.0), rtol=1e-5)


def test_vectors_mixed_with_contexts_are_weighted_means() -> None:
    isolated = numpy.asarray([[1, 0], [3, 4], [8, 8]], dtype="float32")  # mean: [4, 4]
    counts = numpy.asarray([1, 9, 0], dtype="float32")
    # The means in texts are [12, 2] and [10, 6]. Less their mean, these are [1, −2] and [−1, 2].
    sums = numpy.asarray([[12, 2], [90, 54], [0, 0]], dtype="float32")
    # Only the second word is in more than three texts: its spread is that of −1 and 2.
    scale = numpy.std([-3, -4, -1, 0]) / numpy.std([-1, 2])
    expected = [
        [(3 * -3 + scale * 1) / 4, (3 * -4 + scale * -2) / 4], [(3 * -1 + 9 * scale * -1) / 12, 9 * scale * 2 / 12],
        [4, 4],
    ]  # fmt: skip
    assert_allclose(mix_with_contexts(isolated, sums, counts, 3.0), expected, rtol=1e-5)


def test_vectors_in_texts_are_not_scaled_without_bound() -> None:
    isolated = numpy.asarray([[1, -1], [-1, 1], [2, 0], [-2, 0]], dtype="float32")
    # The one frequent word is the mean of the others.
    counts, contexts = numpy.asarray([4, 1, 1, 1], dtype="float32"), isolated * [[0], [1], [-1], [0]]
    contexts[0] = contexts[1:].mean(axis=0)
    mixed = mix_with_contexts(isolated, (contexts * counts[:, None]).astype("float32"), counts, 3.0)
    assert abs(mixed).max() < 10


def test_vectors_of_words_that_are_rare_in_texts_are_of_words_by_themselves() -> None:
    isolated, counts = numpy.ones((2, 2), dtype="float32"), numpy.asarray([3, 0], dtype="float32")
    assert mix_with_contexts(isolated, isolated, counts, 3.0) is isolated


@pytest.mark.parametrize(
    ("size", "kept"), [(0, []), (1, [4]), (2, [2, 4]), (3, [1, 3, 4]), (5, [0, 1, 2, 3, 4]), (9, [0, 1, 2, 3, 4])]
)
def test_vectors_texts_are_spread_evenly(size: int, kept: list[int]) -> None:
    docs: Any = range(5)
    assert list(spread_evenly(docs, 5, size)) == kept


def test_vectors_without_context_texts_do_not_read_the_texts_again() -> None:
    docs: Any = iter(range(5))
    assert list(spread_evenly(docs, 5, 0)) == []
    assert next(docs) == 0


def test_vectors_choose_words_takes_frequent_ones_first() -> None:
    counts = Counter({"z’": 1, "a": 1, "A": 2, "b": 4, "c": 3, "d": 1})
    # Those of the texts, then the frequent ones.
    expected = [
        Word("b", 4), Word("A", 3), Word("c", 3), Word("d", 1), Word("z’", 1), Word("w", 0), Word("u", 0),
    ]  # fmt: skip
    assert choose_words(counts, ["c", "z'", "w", "u"], 9) == expected
    assert choose_words(counts, ["c", "w", "u"], 4) == expected[:4]


def test_vectors_reduced_are_principal_components_with_unit_spread() -> None:
    rng = numpy.random.default_rng(0)
    encoded = (rng.normal(size=(200, 5)) * [10, 5, 1, 0.1, 0.1] + 3).astype("float32")
    settings = VectorSettings(pca_dims=2, sif_coefficient=0, mantissa_bits=23)
    reduced = reduce_vectors(encoded, numpy.ones(200, dtype="float32"), settings)
    assert reduced.shape == (200, 2)
    assert reduced.dtype == numpy.float32
    assert_allclose((reduced**2).mean(), 1, rtol=1e-5)
    assert abs(numpy.corrcoef(reduced[:, 0], encoded[:, 0])[0, 1]) > 0.99
    assert_allclose(reduced[:, 0].std() / reduced[:, 1].std(), 2, rtol=0.2)
    weighted = reduce_vectors(
        encoded, numpy.full(200, 0.003, dtype="float32"), VectorSettings(pca_dims=2, mantissa_bits=7)
    )
    assert_allclose(weighted, reduced / 4, rtol=0.01)


def test_vectors_do_not_depend_on_the_number_of_threads() -> None:
    encoded = numpy.random.default_rng(0).normal(size=(1000, 256)).astype("float32")
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(reduce_vectors(encoded, numpy.zeros(1000, dtype="float32"), VectorSettings(mantissa_bits=23)))
    assert found[0].tobytes() == found[1].tobytes()


@pytest.mark.parametrize("shape", [(3, 5), (5, 3)])
def test_vectors_of_few_words_have_fewer_dimensions(shape: tuple[int, int]) -> None:
    encoded = numpy.random.default_rng(0).normal(size=shape).astype("float32")
    reduced = reduce_vectors(encoded, numpy.zeros(shape[0], dtype="float32"), VectorSettings(pca_dims=8))
    assert reduced.shape == (shape[0], min(shape))
    assert numpy.isfinite(reduced).all()


def test_vectors_committed_settings_are_the_defaults_of_the_code() -> None:
    assert load_vector_settings(COMMITTED) == VectorSettings()
    assert load_vector_settings(COMMITTED, {"vectors.words": 7}) == VectorSettings(words=7)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"vectors.words": 1}, "words: must be greater than or equal to 2. Found: 1"),
        ({"vectors.words": "many"}, "words: must be a valid integer. Found: 'many'"),
        ({"vectors.sif_coefficient": "a"}, "sif_coefficient: must be a valid number"),
        ({"vectors.sif_coefficient": -1}, "sif_coefficient: must be greater than or equal to 0. Found: -1"),
        ({"vectors.sif_coefficient": float("nan")}, "sif_coefficient: must be a finite number. Found: nan"),
        ({"vectors.isolated_count": 0}, "isolated_count: must be greater than 0. Found: 0"),
        ({"vectors.context_texts": -1}, "context_texts: must be greater than or equal to 0. Found: -1"),
        ({"vectors.mantissa_bits": 24}, "mantissa_bits: must be less than or equal to 23. Found: 24"),
        ({"vectors.wrods": 5}, r"\[vectors\] wrods: unknown\. Known: words, context_texts"),
    ],
)
def test_vectors_settings_that_are_wrong_are_an_error(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_vector_settings(COMMITTED, overrides)
