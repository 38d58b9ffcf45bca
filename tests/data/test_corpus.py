"""The class that knows the files of a corpus folder."""

import json
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from scripts.distill.data.corpus import PREPARE_SHA256, Corpus, gold_label


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "prepare.json", {"lang": "xx", "languages": ["en", "nl"]})
    write(tmp_path / "labels.json", ["NEG", "POS"])
    return tmp_path


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def write_split(path: Path) -> None:
    nlp, doc_bin = spacy.blank("xx"), DocBin(store_user_data=True)
    rows = [("Mooi!", "nl", {"NEG": 0.0, "POS": 1.0}), ("Bad", "en", {"NEG": 1.0, "POS": 0.0})]
    for text, lang, cats in (*rows, ("Good", "en", {"POS": 1.0, "NEG": 0.0})):
        doc = nlp.make_doc(text)
        doc.cats, doc.user_data = cats, {"lang": lang, "origin": "gold"}
        doc_bin.add(doc)
    path.parent.mkdir(exist_ok=True)
    doc_bin.to_disk(path)


def test_corpus_names_each_file_of_the_data_by_its_path_in_the_data_folder(folder: Path) -> None:
    files = ["/home/me/data/en/train.csv", "/home/me/data/en/unlabelled/0.txt", "/home/me/data/nl/unlabelled/0.txt"]
    prepared = {"data": "/home/me/data", "files": {file: {"sha256": file[-7:]} for file in files}}
    write(folder / "prepare.json", prepared)
    assert list(Corpus(folder).data_hashes) == ["en/train.csv", "en/unlabelled/0.txt", "nl/unlabelled/0.txt"]


@pytest.mark.parametrize("labels,indices", [(["NEG", "POS"], [1, 0, 1]), (["POS", "NEG"], [0, 1, 0])])
def test_corpus_gold_uses_the_projects_label_order(folder: Path, labels: list[str], indices: list[int]) -> None:
    write(folder / "labels.json", labels)
    write_split(folder / "gold" / "test.spacy")
    split = Corpus(folder).gold("test")
    assert split.texts == ["Mooi!", "Bad", "Good"]
    assert split.langs == ["nl", "en", "en"]
    assert split.labels.tolist() == indices


def test_corpus_holds_out_dev_and_test(folder: Path) -> None:
    write_split(folder / "gold" / "dev.spacy")
    write_split(folder / "gold" / "test.spacy")
    assert Corpus(folder).held_out() == {"mooi!": "test", "bad": "test", "good": "test"}


@pytest.mark.parametrize(
    "read,file,command",
    [
        (lambda corpus: list(corpus.gold_docs("train")), "gold/train.spacy", "prepare"),
        (lambda corpus: corpus.gold("dev"), "gold/dev.spacy", "prepare"),
        (lambda corpus: corpus.prepared, "prepare.json", "prepare"),
        (lambda corpus: corpus.lang, "prepare.json", "prepare"),
        (lambda corpus: corpus.fingerprint, "prepare.json", "prepare"),
        (lambda corpus: corpus.labels, "labels.json", "prepare"),
        (lambda corpus: list(corpus.unlabelled()), "unlabelled.jsonl", "prepare"),
        (lambda corpus: list(corpus.augmented()), "augmented.jsonl", "augment"),
    ],
)
def test_corpus_missing_files_name_the_command_that_makes_them(
    tmp_path: Path, read: Any, file: str, command: str
) -> None:
    with pytest.raises(ValueError) as raised:
        read(Corpus(tmp_path))
    assert str(raised.value) == (
        f"{tmp_path / file}: no such file. Run, with the same --vars: python -m spacy project run {command} ."
    )


def test_corpus_summary_must_be_of_the_present_corpora(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"score\.json: no such file\. Run, .*project run score \."):
        Corpus(folder).summary("score")
    summary = {PREPARE_SHA256: Corpus(folder).fingerprint, "teacher": "train"}
    write(folder / "score.json", summary)
    assert Corpus(folder).summary("score") == Corpus(folder).scored_by("train") == summary
    with pytest.raises(
        ValueError, match=r"scored by the teacher 'train', .* 'hf:a'\. Run it with --vars\.teacher train"
    ):
        Corpus(folder).scored_by("hf:a")
    write(folder / "prepare.json", {"lang": "nl"})
    with pytest.raises(ValueError, match=r"score\.json: made from other data .*project run score \."):
        Corpus(folder).summary("score")


@pytest.mark.parametrize(
    ("cats", "expected"), [({"NEG": 1.0, "POS": 0.0}, "NEG"), ({"a": 0.0, "b": 0.0, "c": 1.0}, "c")]
)
def test_gold_label_is_the_one_that_holds(cats: dict[str, float], expected: str) -> None:
    doc = Doc(Vocab(), words=["Nice"])
    doc.cats = cats
    assert gold_label(doc) == expected


def test_corpus_split_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"split = tset: there is no such split\. Known: train, dev, test"):
        Corpus(tmp_path).gold("tset")
