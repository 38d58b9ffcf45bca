"""Each committed student can be trained, and is saved as a stock pipeline."""

import json
from pathlib import Path

import numpy
import pytest
import spacy
from spacy.cli.train import train
from spacy.tokens import Doc
from spacy.training.initialize import init_nlp
from spacy.util import load_config

import scripts.functions  # noqa: F401
from scripts.distill.data.docbins import write_docs
from scripts.distill.data.known_words import vector_rows
from scripts.distill.data.prepare import write_gold
from scripts.distill.data.records import Record
from scripts.distill.data.teacher_scores import set_teacher_scores
from scripts.distill.data.tokenizer import write_tokenizer
from scripts.distill.student.output_layers import unwrap
from scripts.distill.student.vectors import Word, write_vectors

STUDENTS = sorted(Path("configs").glob("student*.cfg"))
LABELS = ["NEG", "POS"]
GOOD, BAD = ["goed", "mooi", "prachtig"], ["slecht", "saai", "lelijk"]
# The config's path → its place in the fixture's folder
MOVED = {"train": "transfer", "dev": "gold/dev.spacy", "labels": "labels.json", "tokenizer": "tokenizer"}
OTHER = ["het", "boek", "was", "de", "film", "erg"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts with one word that counts among others; the teacher is sure, but not quite."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = numpy.random.default_rng(0)
    texts = [
        (" ".join(rng.permutation([*rng.choice(OTHER, 4), rng.choice(words)])), label)
        for label, words in ((1, GOOD), (0, BAD)) for _ in range(60)
    ]  # fmt: skip
    nlp = spacy.blank("xx")
    docs: list[Doc] = []
    for text, label in texts:
        docs.append(nlp.make_doc(text))
        docs[-1].user_data = {"lang": "nl", "origin": "unlabelled"}
        set_teacher_scores(docs[-1], LABELS, numpy.asarray([0.1, 0.9] if label else [0.8, 0.2], dtype="float32"))
    (folder / "transfer").mkdir()
    write_docs(docs, folder / "transfer" / "00000.spacy")
    (folder / "gold").mkdir()
    reviews = [Record(text, LABELS[label], "nl", "dev", i) for i, (text, label) in enumerate(texts[::7])]
    write_gold(folder / "gold" / "dev.spacy", reviews, LABELS, lang="xx")
    (folder / "labels.json").write_text(json.dumps(LABELS), encoding="utf-8")
    write_tokenizer(folder / "tokenizer", "xx", "[MASK]")
    words = [*GOOD, *BAD, *OTHER]
    vectors = rng.normal(size=(len(words), 8)).astype("float32")
    write_vectors(folder / "vectors", "xx", [Word(word, 1) for word in words], vectors)
    return folder


@pytest.mark.parametrize("path", STUDENTS, ids=lambda path: path.stem)
def test_students_learn_and_are_saved_as_stock(path: Path, corpus: Path, tmp_path: Path) -> None:
    moved = MOVED
    if 'vectors = "corpus/vectors"' in path.read_text(encoding="utf-8"):
        moved = {**MOVED, "vectors": "vectors"}
    overrides = {f"paths.{name}": str(corpus / value) for name, value in moved.items()}
    steps = {"training.max_steps": 80, "training.eval_frequency": 40}
    if "warmup_steps" in path.read_text(encoding="utf-8"):
        steps["training.optimizer.learn_rate.warmup_steps"] = 8
    train(path, tmp_path, overrides={**overrides, **steps})
    nlp = spacy.load(tmp_path / "model-best")
    assert nlp.get_pipe_meta("textcat").factory == "textcat"
    assert "distill." not in nlp.config.to_str()
    assert nlp("de film was mooi").cats["POS"] > 0.6
    assert nlp("het boek was saai").cats["NEG"] > 0.6
    assert len(vector_rows(nlp)[1]) == (len([*GOOD, *BAD, *OTHER]) if "vectors" in moved else 0)
    assert not len(nlp.vocab.vectors)


def test_students_bow_counts_without_case_and_hardly_counts_repetition(corpus: Path) -> None:
    overrides = {f"paths.{name}": str(corpus / value) for name, value in MOVED.items()}
    nlp = init_nlp(load_config("configs/student_bow.cfg", overrides=overrides))
    ngrams, saturate, sums, *_ = layers = unwrap(nlp.get_pipe("textcat").model)
    # SparseLinear can't use a GPU.
    assert {layer.ops.name for layer in layers} == {"numpy"}
    once, title, often = (
        saturate.predict(ngrams.predict([nlp.make_doc(text)])) for text in ("mooi", "Mooi", "mooi mooi mooi mooi mooi")
    )
    assert (once[0] == title[0]).all()
    assert often[1].max() < 1.4 * once[1].max()
    weights = sums.get_param("W").reshape(sums.get_dim("nO"), -1)
    assert not weights[: len(LABELS)].any()
    assert weights[len(LABELS) :].all()
