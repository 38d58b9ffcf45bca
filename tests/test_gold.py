import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from spacy.tokens import Doc
from spacy.vocab import Vocab

from scripts.distil.gold import gold_label, prepare, read_gold, write_gold
from scripts.distil.reviews import Review
from scripts.prepare import main

ROOT = Path(__file__).parent.parent
OUTPUTS = (
    "dropped.jsonl", "gold/dev.spacy", "gold/test.spacy", "gold/train.spacy", "labels.json", "prepare.json",
    "unlabelled.jsonl",
)  # fmt: skip


def write_records(path: Path, records: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """English in splits, with every kind of drop; Dutch in one file, with a third label."""
    data = tmp_path / "data"
    write_records(data / "en" / "train.jsonl", [
        {"text": "Great  book, don't miss it.\nReally!", "stars": 5},
        {"text": "Awful.", "stars": 1},
        {"text": "So so.", "stars": 3},
        {"text": "", "stars": 1},
        {"text": "What?", "stars": 9},
        {"text": "AWFUL.", "stars": 4},
        {"text": "Fine test.", "stars": 4},
        {"text": "Bad from the first page to the last!!", "stars": 1},
    ])  # fmt: skip
    write_records(data / "en" / "dev.jsonl", [
        {"text": "Fine dev.", "stars": 4}, {"text": "Bad from the first page to the last.", "stars": 2},
    ])  # fmt: skip
    write_records(data / "en" / "test.jsonl", [{"text": "Fine test.", "stars": 4}, {"text": "Bad test.", "stars": 2}])
    write_records(data / "en" / "unlabelled.jsonl", [
        {"text": "Unseen — één."}, {"text": "Awful."}, {"text": "Really bad from the FIRST page to the last."},
    ])  # fmt: skip
    counts = {"NEG": 10, "POS": 10, "MIXED": 5}
    write_records(
        data / "nl.jsonl",
        [{"text": f"{label} {i} tekst", "label": label} for label, count in counts.items() for i in range(count)],
    )
    return data


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return tmp_path / "corpus"


def read_outputs(corpus: Path) -> dict[str, bytes]:
    return {str(path.relative_to(corpus)): path.read_bytes() for path in sorted(corpus.rglob("*")) if path.is_file()}


def test_gold_prepare_writes_labels_in_order(data: Path, corpus: Path) -> None:
    prepare(data, corpus, lang="xx", seed=0)
    assert tuple(read_outputs(corpus)) == OUTPUTS
    assert json.loads((corpus / "labels.json").read_text(encoding="utf-8")) == ["MIXED", "NEG", "POS"]


def test_gold_prepare_writes_docs(data: Path, corpus: Path) -> None:
    prepare(data, corpus, lang="en", seed=0)
    docs = list(read_gold(corpus / "gold" / "train.spacy"))
    assert [doc.text for doc in docs] == ["Great  book, don't miss it.\nReally!", "Awful."]
    assert [token.text for token in docs[0]][3:7] == [",", "do", "n't", "miss"]
    # Exact numbers, in the order of the labels.
    assert [list(doc.cats.items()) for doc in docs] == [
        [("NEG", 0.0), ("POS", 1.0)], [("NEG", 1.0), ("POS", 0.0)],
    ]  # fmt: skip
    assert all(type(value) is float for doc in docs for value in doc.cats.values())
    assert [doc.user_data for doc in docs] == [{"lang": "en", "source": "gold"}] * 2


def test_gold_prepare_takes_all_languages_as_multilingual(data: Path, corpus: Path) -> None:
    prepare(data, corpus, lang="xx", seed=0)
    docs = {split: list(read_gold(corpus / "gold" / f"{split}.spacy")) for split in ("train", "dev", "test")}
    assert {split: [doc.user_data["lang"] for doc in part] for split, part in docs.items()} == {
        "train": ["en"] * 2 + ["nl"] * 15, "dev": ["en"] * 2 + ["nl"] * 5, "test": ["en"] * 2 + ["nl"] * 5,
    }  # fmt: skip
    # The multi-language tokenizer has no English contractions.
    assert "don't" in [token.text for token in docs["train"][0]]
    assert docs["train"][0].text == "Great  book, don't miss it.\nReally!"
    assert list(docs["train"][0].cats.items()) == [("MIXED", 0.0), ("NEG", 0.0), ("POS", 1.0)]


def test_gold_prepare_writes_unlabelled_texts(data: Path, corpus: Path) -> None:
    prepare(data, corpus, lang="en", seed=0)
    content = (corpus / "unlabelled.jsonl").read_text(encoding="utf-8")
    assert content == '{"text": "Unseen — één.", "lang": "en"}\n'


def test_gold_prepare_writes_an_empty_file_for_no_unlabelled_texts(data: Path, corpus: Path) -> None:
    prepare(data, corpus, lang="nl", seed=0)
    assert (corpus / "unlabelled.jsonl").read_bytes() == b""


def test_gold_prepare_lists_what_was_dropped(data: Path, corpus: Path) -> None:
    prepare(data, corpus, lang="en", seed=0)
    drops = [json.loads(line) for line in (corpus / "dropped.jsonl").read_text(encoding="utf-8").splitlines()]
    train, test, unlabelled = (f"{data}/en/{split}.jsonl" for split in ("train", "test", "unlabelled"))
    nearly = f"nearly the same text as {data}/en/dev.jsonl:2"
    reason = "'stars' must be 1, 2, 3, 4 or 5, found 9"
    assert [tuple(drop.values()) for drop in drops] == [
        (train, 3, "neutral", "3 stars", "So so."),
        (train, 4, "rejected", "'text' is empty", ""),
        (train, 5, "rejected", reason, "What?"),
        (train, 6, "duplicate", f"same text as {train}:2, which has label NEG, not POS", "AWFUL."),
        (train, 7, "duplicate", f"same text as {test}:1", "Fine test."),
        (unlabelled, 2, "duplicate", f"same text as {train}:2", "Awful."),
        (train, 8, "near_copy", nearly, "Bad from the first page to the last!!"),
        (unlabelled, 3, "near_copy", nearly, "Really bad from the FIRST page to the last."),
    ]
    assert list(drops[0]) == ["file", "line", "kind", "reason", "text"]


def test_gold_prepare_summary_says_what_was_read_kept_and_dropped(data: Path, corpus: Path) -> None:
    summary = prepare(data, corpus, lang="xx", seed=3)
    assert json.loads((corpus / "prepare.json").read_text(encoding="utf-8")) == summary
    hashes = {
        name: hashlib.sha256((data / name).read_bytes()).hexdigest()
        for name in ("en/train.jsonl", "en/dev.jsonl", "en/test.jsonl", "en/unlabelled.jsonl", "nl.jsonl")
    }
    assert summary == {
        "lang": "xx", "data": str(data), "seed": 3, "languages": ["en", "nl"],
        "labels": {
            "MIXED": {"train": 3, "dev": 1, "test": 1},
            "NEG": {"train": 7, "dev": 3, "test": 3},
            "POS": {"train": 7, "dev": 3, "test": 3},
        },
        "unused": [],
        "kept": {
            "en": {"test": 2, "dev": 2, "train": 2, "unlabelled": 1},
            "nl": {"test": 5, "dev": 5, "train": 15, "unlabelled": 0},
        },
        "files": {
            f"{data}/en/train.jsonl": {
                "read": 8, "sha256": hashes["en/train.jsonl"], "neutral": 1, "rejected": 2, "duplicate": 2,
                "near_copy": 1,
            },
            f"{data}/en/dev.jsonl": {"read": 2, "sha256": hashes["en/dev.jsonl"]},
            f"{data}/en/test.jsonl": {"read": 2, "sha256": hashes["en/test.jsonl"]},
            f"{data}/en/unlabelled.jsonl": {
                "read": 3, "sha256": hashes["en/unlabelled.jsonl"], "duplicate": 1, "near_copy": 1,
            },
            f"{data}/nl.jsonl": {"read": 25, "sha256": hashes["nl.jsonl"]},
        },
    }  # fmt: skip


def test_gold_prepare_prints_what_was_kept_and_dropped(
    data: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(data, corpus, lang="en", seed=0)
    output = capsys.readouterr().out
    # lang, train, dev, test, unlabelled
    assert ["en", "2", "2", "2", "1"] in [line.split() for line in output.splitlines()]
    # Long lines are wrapped.
    assert "Dropped: 1 neutral, 3 duplicate, 2 near copies, 2 rejected." in " ".join(output.split())
    assert f"{data}/en/train.jsonl:4: 'text' is empty" in output


@pytest.mark.parametrize("lang", ["xx", "en", "nl"])
def test_gold_prepare_counts_add_up(data: Path, corpus: Path, lang: str) -> None:
    summary = prepare(data, corpus, lang=lang, seed=0)
    read = sum(file["read"] for file in summary["files"].values())
    kept = sum(sum(splits.values()) for splits in summary["kept"].values())
    kinds = ("neutral", "rejected", "duplicate", "near_copy")
    dropped = sum(file.get(kind, 0) for file in summary["files"].values() for kind in kinds)
    assert read == kept + dropped == {"xx": 40, "en": 15, "nl": 25}[lang]
    assert len((corpus / "dropped.jsonl").read_text(encoding="utf-8").splitlines()) == dropped
    docs = {split: len(list(read_gold(corpus / "gold" / f"{split}.spacy"))) for split in ("train", "dev", "test")}
    unlabelled = len((corpus / "unlabelled.jsonl").read_text(encoding="utf-8").splitlines())
    assert sum(docs.values()) + unlabelled == kept
    for split, count in docs.items():
        assert sum(splits[split] for splits in summary["kept"].values()) == count
        assert sum(counts[split] for counts in summary["labels"].values()) == count


def test_gold_prepare_is_the_same_for_the_same_seed(data: Path, tmp_path: Path) -> None:
    prepare(data, tmp_path / "here", lang="xx", seed=7)
    # Another process with another order of hashes.
    code = (
        "import sys, pathlib, scripts.distil.gold as g; g.prepare(*map(pathlib.Path, sys.argv[1:]), lang='xx', seed=7)"
    )
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    subprocess.run(
        [sys.executable, "-c", code, str(data), str(tmp_path / "there")],
        check=True, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed},
    )  # fmt: skip
    here = read_outputs(tmp_path / "here")
    assert tuple(here) == OUTPUTS
    assert here == read_outputs(tmp_path / "there")


def test_gold_prepare_splits_otherwise_for_another_seed(data: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        prepare(data, tmp_path / str(seed), lang="nl", seed=seed)
    zero, one = ([doc.text for doc in read_gold(tmp_path / seed / "gold" / "test.spacy")] for seed in "01")
    assert len(zero) == len(one) == 5
    assert set(zero) != set(one)


def test_gold_prepare_replaces_old_corpora(data: Path, corpus: Path) -> None:
    prepare(data, corpus, lang="xx", seed=0)
    (corpus / "README.md").write_text("kept", encoding="utf-8")
    (corpus / "gold" / "extra.spacy").touch()
    prepare(data, corpus, lang="en", seed=0)
    assert tuple(read_outputs(corpus)) == ("README.md", *OUTPUTS)
    assert json.loads((corpus / "labels.json").read_text(encoding="utf-8")) == ["NEG", "POS"]


def test_gold_prepare_writes_nothing_if_the_data_is_bad(data: Path, corpus: Path) -> None:
    prepare(data, corpus, lang="xx", seed=0)
    before = read_outputs(corpus)
    (data / "en" / "dev.jsonl").unlink()
    with pytest.raises(ValueError, match="en: no dev file"):
        prepare(data, corpus, lang="xx", seed=0)
    assert read_outputs(corpus) == before
    with pytest.raises(ValueError, match="en: no dev file"):
        prepare(data, corpus.with_name("new"), lang="xx", seed=0)
    assert not corpus.with_name("new").exists()


def test_gold_docs_come_back_as_they_were_written(tmp_path: Path) -> None:
    texts = ["Één  tekst.\n\nMet 😀, «aanhalingen» en\ttab", "l'eau n'est pas", "a"]
    reviews = [Review(text, label, "fr", "a.jsonl", 1) for text, label in zip(texts, "BCA", strict=True)]
    write_gold(tmp_path / "a.spacy", reviews, ["A", "B", "C"], lang="xx")
    docs = list(read_gold(tmp_path / "a.spacy"))
    assert [doc.text for doc in docs] == texts
    assert [gold_label(doc) for doc in docs] == ["B", "C", "A"]
    assert docs[0].cats == {"A": 0.0, "B": 1.0, "C": 0.0}


def test_gold_missing_corpus_names_the_command_that_makes_it(tmp_path: Path) -> None:
    path = tmp_path / "train.spacy"
    with pytest.raises(ValueError) as raised:
        list(read_gold(path))
    assert str(raised.value) == f"{path}: no such file. Make it with: python -m spacy project run prepare ."


@pytest.mark.parametrize(
    ("cats", "expected"), [({"NEG": 1.0, "POS": 0.0}, "NEG"), ({"a": 0.0, "b": 0.0, "c": 1.0}, "c")]
)
def test_gold_label_is_the_one_that_holds(cats: dict[str, float], expected: str) -> None:
    doc = Doc(Vocab(), words=["Nice"])
    doc.cats = cats
    assert gold_label(doc) == expected
