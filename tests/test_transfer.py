import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from scripts.distil.augmented import write_tokenizer
from scripts.distil.transfer import count_sources, finish_docs, gather_docs

LABELS = ["NEG", "POS"]
POSITIVE = {"NEG": 0.0, "POS": 1.0}
NEGATIVE = {"NEG": 1.0, "POS": 0.0}
Gold = Sequence[tuple[str, Mapping[str, float]]]


def write_corpus(
    folder: Path,
    *,
    train: Gold = (("train text", POSITIVE),),
    dev: Gold = (("dev text", POSITIVE),),
    test: Gold = (("test text", NEGATIVE),),
    unlabelled: Sequence[Mapping[str, Any]] = (),
    augmented: Sequence[Mapping[str, Any]] = (),
) -> Path:
    nlp = spacy.blank("xx")
    write_tokenizer(folder / "tokenizer", "xx", "[MASK]")
    (folder / "gold").mkdir()
    for split, rows in (("train", train), ("dev", dev), ("test", test)):
        doc_bin = DocBin(attrs=["ORTH", "SPACY"], store_user_data=True)
        for text, cats in rows:
            doc = nlp.make_doc(text)
            doc.cats = dict(cats)
            doc.user_data = {"lang": "nl", "source": "gold"}
            doc_bin.add(doc)
        doc_bin.to_disk(folder / "gold" / f"{split}.spacy")
    for name, records in (("unlabelled", unlabelled), ("augmented", augmented)):
        lines = [json.dumps(record) + "\n" for record in records]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


def unlabelled_row(text: str, lang: str = "en") -> dict[str, str]:
    return {"text": text, "lang": lang}


def augmented_row(text: str, lang: str = "fr", method: str = "swap") -> dict[str, str]:
    return {"text": text, "lang": lang, "method": method}


def make_docs(count: int) -> list[Doc]:
    return [
        Doc(Vocab(), words=[f"text{i}"], spaces=[False], user_data={"lang": "en", "source": "gold"})
        for i in range(count)
    ]


def make_scores(count: int) -> numpy.ndarray:
    shares = numpy.arange(count, dtype="float32") / count
    return numpy.stack([shares, 1 - shares], axis=1)


def test_transfer_gathers_all_three_sources_with_provenance_and_gold(tmp_path: Path) -> None:
    corpus = write_corpus(
        tmp_path,
        train=[("Mooi boek!", POSITIVE), ("Slecht boek.", NEGATIVE)],
        unlabelled=[unlabelled_row("A book.")],
        augmented=[augmented_row("Beau livre !", "fr", "swap"), augmented_row("Bad book", "en", "replace")],
    )
    docs = gather_docs(corpus)
    assert [(doc.text, doc.user_data) for doc in docs] == [
        ("Mooi boek!", {"lang": "nl", "source": "gold"}),
        ("Slecht boek.", {"lang": "nl", "source": "gold"}),
        ("A book.", {"lang": "en", "source": "unlabelled"}),
        ("Beau livre !", {"lang": "fr", "source": "swap"}),
        ("Bad book", {"lang": "en", "source": "replace"}),
    ]
    assert [doc.cats for doc in docs] == [POSITIVE, NEGATIVE, {}, {}, {}]


def test_transfer_keeps_the_first_of_equal_texts(tmp_path: Path) -> None:
    corpus = write_corpus(
        tmp_path,
        train=[("In all three", POSITIVE), ("in train and  augmented", POSITIVE), ("IN ALL THREE", NEGATIVE)],
        unlabelled=[unlabelled_row("in ALL three"), unlabelled_row("In two"), unlabelled_row("in two ")],
        augmented=[
            augmented_row("in  two", method="swap"),
            augmented_row("in all three"),
            augmented_row("In train and augmented"),
            augmented_row("new", method="swap"),
            augmented_row("New", method="replace"),
        ],
    )
    docs = gather_docs(corpus)
    assert [(doc.text, doc.user_data["source"]) for doc in docs] == [
        ("In all three", "gold"),
        ("in train and  augmented", "gold"),
        ("In two", "unlabelled"),
        ("new", "swap"),
    ]
    assert docs[0].cats == POSITIVE


@pytest.mark.parametrize("lang,words", [("en", ["Do", "n't", "[MASK]", "!"]), ("xx", ["Don't", "[MASK]", "!"])])
def test_transfer_uses_the_students_tokenizer(tmp_path: Path, lang: str, words: list[str]) -> None:
    corpus = write_corpus(tmp_path, unlabelled=[unlabelled_row("Don't [MASK]!")])
    write_tokenizer(tmp_path / "tokenizer", lang, "[MASK]")
    assert [token.text for token in gather_docs(corpus)[1]] == words


@pytest.mark.parametrize("split", ["dev", "test"])
@pytest.mark.parametrize("source", ["train", "unlabelled", "augmented"])
def test_transfer_refuses_texts_of_dev_and_test(tmp_path: Path, split: str, source: str) -> None:
    leaked = f"{split}  TEXT"
    rows: dict[str, Any] = {
        "train": [("other", POSITIVE), (leaked, POSITIVE)],
        "unlabelled": [unlabelled_row("other one"), unlabelled_row(leaked)],
        "augmented": [augmented_row("other two"), augmented_row(leaked)],
    }
    corpus = write_corpus(tmp_path, **{source: rows[source]})
    with pytest.raises(ValueError) as error:
        gather_docs(corpus)
    assert f"A text of {split} is in the transfer set: '{split} text'" in str(error.value)
    assert "python -m spacy project run prepare ." in str(error.value)


@pytest.mark.parametrize(
    "name,command",
    [
        ("gold/train.spacy", "prepare"),
        ("gold/dev.spacy", "prepare"),
        ("gold/test.spacy", "prepare"),
        ("unlabelled.jsonl", "prepare"),
        ("augmented.jsonl", "augment"),
        ("tokenizer", "augment"),
    ],
)
def test_transfer_missing_file_names_file_and_command(tmp_path: Path, name: str, command: str) -> None:
    corpus = write_corpus(tmp_path)
    (tmp_path / name).rename(tmp_path / "elsewhere")
    with pytest.raises(ValueError) as error:
        gather_docs(corpus)
    assert str(tmp_path / name) in str(error.value)
    assert f"python -m spacy project run {command} ." in str(error.value)


@pytest.mark.parametrize("name,command", [("unlabelled", "prepare"), ("augmented", "augment")])
@pytest.mark.parametrize(
    "line",
    [
        pytest.param("{", id="cut-off"),
        pytest.param("", id="blank"),
        pytest.param('"text"', id="string"),
        pytest.param('["text", "lang"]', id="list"),
        pytest.param('{"lang": "en"}', id="no-text"),
        pytest.param('{"text": "a"}', id="no-lang"),
        pytest.param('{"text": null, "lang": "en"}', id="null-text"),
        pytest.param('{"text": 5, "lang": "en"}', id="number"),
    ],
)
def test_transfer_broken_line_is_named_by_file_and_line(tmp_path: Path, name: str, command: str, line: str) -> None:
    corpus = write_corpus(tmp_path)
    path = tmp_path / f"{name}.jsonl"
    path.write_text(json.dumps(augmented_row("fine")) + f"\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError) as error:
        gather_docs(corpus)
    assert f"{path}:2: " in str(error.value)
    assert f"python -m spacy project run {command} ." in str(error.value)


def test_transfer_finish_puts_each_row_on_its_doc() -> None:
    docs, scores = make_docs(10), make_scores(10)
    finished = list(finish_docs(docs, LABELS, scores, seed=0))
    assert sorted(doc.text for doc in finished) == sorted(doc.text for doc in docs)
    for doc in finished:
        row = scores[int(doc.text.removeprefix("text"))]
        assert doc.user_data["teacher_cats"] == {"NEG": float(row[0]), "POS": float(row[1])}
        assert doc.user_data["source"] == "gold"


def test_transfer_finish_order_is_decided_by_the_seed() -> None:
    orders = [
        [doc.text for doc in finish_docs(make_docs(20), LABELS, make_scores(20), seed=seed)] for seed in (0, 0, 1)
    ]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert orders[0] != [f"text{i}" for i in range(20)]


def test_transfer_counts_docs_by_language_and_source() -> None:
    rows = [("nl", "swap"), ("en", "gold"), ("nl", "gold"), ("nl", "swap"), ("en", "unlabelled")]
    docs = [Doc(Vocab(), words=["x"], user_data={"lang": lang, "source": source}) for lang, source in rows]
    counts = count_sources(docs)
    assert counts == {"en": {"gold": 1, "unlabelled": 1}, "nl": {"gold": 1, "swap": 2}}
    assert list(counts) == ["en", "nl"]
