import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scripts.distill.core.files import hash_path
from scripts.distill.data.corpus import Corpus, gold_label
from scripts.distill.data.docbins import read_docs
from scripts.distill.data.prepare import prepare, prepare_if_changed, write_gold
from scripts.distill.data.records import KINDS, MAX_CHARACTERS, Drop, Record
from scripts.prepare import main
from tests.helpers import ROOT
from tests.workflow.test_docs import find_app

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


def test_prepare_writes_labels_in_order(data: Path, corpus: Path) -> None:
    prepare(data, corpus, lang="xx", seed=0)
    assert tuple(read_outputs(corpus)) == OUTPUTS
    assert json.loads((corpus / "labels.json").read_text(encoding="utf-8")) == ["MIXED", "NEG", "POS"]


def test_prepare_keeps_the_first_unlabelled_texts(data: Path, corpus: Path) -> None:
    write_records(data / "en" / "unlabelled.jsonl", [{"text": f"An unseen text about {i}."} for i in "abcd"])
    write_records(data / "de" / "unlabelled.jsonl", [{"text": f"Ein neuer Text zu {i}."} for i in "abcd"])
    write_records(data / "de" / "labelled.jsonl", [{"text": f"{x} Sache {i}", "label": x} for i in "abcdefghijkl"
                                                for x in ("NEG", "POS")])  # fmt: skip
    for limit, kept in ((None, 4), (2, 2), (0, 0)):
        summary = prepare(data, corpus, lang="xx", seed=0, max_unlabelled=limit)
        texts = [json.loads(line)["text"] for line in (corpus / "unlabelled.jsonl").open(encoding="utf-8")]
        assert (
            sorted(text for text in texts if "unseen" in text) == [f"An unseen text about {i}." for i in "abcd"][:kept]
        )
        assert len(texts) == 2 * kept
        assert summary["kept"]["en"]["unlabelled"] == kept


def test_prepare_keeps_the_first_train_texts_of_each_language(data: Path, corpus: Path) -> None:
    all_texts = prepare_texts(data, corpus)
    assert len(all_texts) == 2 + 15
    some = prepare_texts(data, corpus, max_gold=13)
    assert some == [*all_texts[:2], *all_texts[2:15]]
    with pytest.raises(ValueError, match="no text with label NEG in split 'train'"):
        prepare(data, corpus, lang="en", seed=0, max_gold=1)


def prepare_texts(data: Path, corpus: Path, **limits: int) -> list[str]:
    summary = prepare(data, corpus, lang="xx", seed=0, **limits)
    texts = [doc.text for doc in Corpus(corpus).gold_docs("train")]
    assert sum(kept["train"] for kept in summary["kept"].values()) == len(texts)
    return texts


def test_prepare_writes_docs(data: Path, corpus: Path) -> None:
    prepare(data, corpus, lang="en", seed=0)
    docs = list(Corpus(corpus).gold_docs("train"))
    assert [doc.text for doc in docs] == ["Great  book, don't miss it.\nReally!", "Awful."]
    assert [token.text for token in docs[0]][3:7] == [",", "do", "n't", "miss"]
    # Exact numbers, in the order of the labels.
    assert [list(doc.cats.items()) for doc in docs] == [
        [("NEG", 0.0), ("POS", 1.0)], [("NEG", 1.0), ("POS", 0.0)],
    ]  # fmt: skip
    assert all(type(value) is float for doc in docs for value in doc.cats.values())
    assert [doc.user_data for doc in docs] == [{"lang": "en", "origin": "gold"}] * 2


def test_prepare_writes_nothing_outside_its_folder(tmp_path: Path, corpus: Path) -> None:
    """Labels are words for it, and languages are those that spaCy knows."""
    labels = ["../up", f"{tmp_path}/abs"]
    records = [{"text": f"{label[-2:]} {i} tekst", "label": label} for label in labels for i in range(10)]
    write_records(tmp_path / "data" / "nl.jsonl", records)
    with pytest.raises(ValueError, match=r"\.\./nl"):
        prepare(tmp_path / "data", corpus, lang="../nl", seed=0)
    assert not corpus.exists()
    prepare(tmp_path / "data", corpus, lang="nl", seed=0)
    assert Corpus(corpus).labels == sorted(labels)
    assert tuple(read_outputs(corpus)) == OUTPUTS
    assert {path.name for path in tmp_path.iterdir()} == {"data", "corpus"}


def test_prepare_takes_all_languages_as_multilingual(data: Path, corpus: Path) -> None:
    prepare(data, corpus, lang="xx", seed=0)
    docs = {split: list(Corpus(corpus).gold_docs(split)) for split in ("train", "dev", "test")}
    assert {split: [doc.user_data["lang"] for doc in part] for split, part in docs.items()} == {
        "train": ["en"] * 2 + ["nl"] * 15, "dev": ["en"] * 2 + ["nl"] * 5, "test": ["en"] * 2 + ["nl"] * 5,
    }  # fmt: skip
    # The multi-language tokenizer has no English contractions.
    assert "don't" in [token.text for token in docs["train"][0]]
    assert docs["train"][0].text == "Great  book, don't miss it.\nReally!"
    assert list(docs["train"][0].cats.items()) == [("MIXED", 0.0), ("NEG", 0.0), ("POS", 1.0)]


def test_prepare_writes_unlabelled_texts(data: Path, corpus: Path) -> None:
    prepare(data, corpus, lang="en", seed=0)
    content = (corpus / "unlabelled.jsonl").read_text(encoding="utf-8")
    assert content == '{"text": "Unseen — één.", "lang": "en"}\n'


def test_prepare_writes_an_empty_file_for_no_unlabelled_texts(data: Path, corpus: Path) -> None:
    prepare(data, corpus, lang="nl", seed=0)
    assert (corpus / "unlabelled.jsonl").read_bytes() == b""


def test_prepare_writes_nothing_into_the_data(data: Path) -> None:
    for corpus in (data, data / "en", data / "corpus"):
        before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
        with pytest.raises(ValueError, match=f"{corpus}: lies in the data folder {data}"):
            prepare_if_changed(data, corpus, Path(__file__), lang="en", seed=0)
        assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


def test_prepare_warns_of_labels_that_mean_none(tmp_path: Path) -> None:
    labels = ("good", "bad", "NaN")
    write_records(tmp_path / "data/en.jsonl", [{"text": f"{x} {i}", "label": x} for x in labels for i in range(9)])
    done = CliRunner().invoke(find_app("scripts.prepare"), [str(tmp_path / "data"), str(tmp_path / "corpus")])
    assert done.exit_code == 0, done.output
    assert "9 texts have the label 'NaN', like any other label" in " ".join(done.output.split())


def test_prepare_lists_what_was_dropped(data: Path, corpus: Path) -> None:
    prepare(data, corpus, lang="en", seed=0)
    drops = [json.loads(line) for line in (corpus / "dropped.jsonl").read_text(encoding="utf-8").splitlines()]
    train, test, unlabelled = (f"{data}/en/{split}.jsonl" for split in ("train", "test", "unlabelled"))
    nearly = f"nearly the same text as {data}/en/dev.jsonl:2"
    reason = "'stars' must be 1, 2, 3, 4 or 5, found 9"
    assert [tuple(drop.values())[:-1] for drop in drops] == [
        (train, 3, "neutral", "3 stars", "So so."),
        (train, 4, "rejected", "'text' is empty", ""),
        (train, 5, "rejected", reason, "What?"),
        (train, 6, "contradiction", f"same text as {train}:2, but for case, which has label NEG, not POS", "AWFUL."),
        (train, 7, "duplicate", f"same text as {test}:1", "Fine test."),
        (train, 8, "near_copy", nearly, "Bad from the first page to the last!!"),
        (unlabelled, 2, "duplicate", f"same text as {train}:2", "Awful."),
        (unlabelled, 3, "near_copy", nearly, "Really bad from the FIRST page to the last."),
    ]
    assert list(drops[0]) == ["file", "line", "kind", "reason", "text", "lines"]
    assert {drop["lines"] for drop in drops} == {1}


def test_prepare_summary_says_what_was_read_kept_and_dropped(data: Path, corpus: Path) -> None:
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
                "read": 8, "lines": 8, "sha256": hashes["en/train.jsonl"], "neutral": 1, "rejected": 2, "duplicate": 1,
                "contradiction": 1, "near_copy": 1,
            },
            f"{data}/en/dev.jsonl": {"read": 2, "lines": 2, "sha256": hashes["en/dev.jsonl"]},
            f"{data}/en/test.jsonl": {"read": 2, "lines": 2, "sha256": hashes["en/test.jsonl"]},
            f"{data}/en/unlabelled.jsonl": {
                "read": 3, "lines": 3, "sha256": hashes["en/unlabelled.jsonl"], "duplicate": 1, "near_copy": 1,
            },
            f"{data}/nl.jsonl": {"read": 25, "lines": 25, "sha256": hashes["nl.jsonl"]},
        },
        "outputs": {name: hash_path(corpus / name) for name in ("gold", "unlabelled.jsonl", "labels.json",
                                                                "dropped.jsonl")},
    }  # fmt: skip


def test_prepare_prints_what_was_kept_and_dropped(data: Path, corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(data, corpus, lang="en", seed=0, max_gold=None, max_unlabelled=None, force=False)
    output = capsys.readouterr().out
    # lang, train, dev, test, unlabelled
    assert ["en", "2", "2", "2", "1"] in [line.split() for line in output.splitlines()]
    # Long lines are wrapped.
    words = " ".join(output.split())
    assert "Read 15 lines of 4 files: 15 records" in words
    assert (
        "Dropped: 1 neutral, 2 duplicate, 0 duplicate but for case, 1 duplicate with another label, 2 near copies, "
        "2 rejected." in words
    )
    assert "1 texts are there again with another label, the first of them:" in words
    assert f"{data}/en/train.jsonl:6: same text as {data}/en/train.jsonl:2, but for case, which has label NEG" in output
    assert f"{data}/en/train.jsonl:4: 'text' is empty" in output


@pytest.mark.parametrize("lang", ["xx", "en", "nl"])
def test_prepare_counts_add_up(data: Path, corpus: Path, lang: str) -> None:
    summary = prepare(data, corpus, lang=lang, seed=0)
    read = sum(file["read"] for file in summary["files"].values())
    kept = sum(sum(splits.values()) for splits in summary["kept"].values())
    dropped = sum(file.get(kind, 0) for file in summary["files"].values() for kind in KINDS)
    assert read == kept + dropped == {"xx": 40, "en": 15, "nl": 25}[lang]
    assert len((corpus / "dropped.jsonl").read_text(encoding="utf-8").splitlines()) == dropped
    docs = {split: len(list(Corpus(corpus).gold_docs(split))) for split in ("train", "dev", "test")}
    unlabelled = len((corpus / "unlabelled.jsonl").read_text(encoding="utf-8").splitlines())
    assert sum(docs.values()) + unlabelled == kept
    for split, count in docs.items():
        assert sum(splits[split] for splits in summary["kept"].values()) == count
        assert sum(counts[split] for counts in summary["labels"].values()) == count


def test_prepare_is_the_same_for_the_same_seed(data: Path, tmp_path: Path) -> None:
    prepare(data, tmp_path / "here", lang="xx", seed=7)
    # Another process with another order of hashes.
    code = (
        "import sys, pathlib; from scripts.distill.data.prepare import prepare;"
        "prepare(*map(pathlib.Path, sys.argv[1:]), lang='xx', seed=7)"
    )
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    subprocess.run(
        [sys.executable, "-c", code, str(data), str(tmp_path / "there")],
        check=True, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed},
    )  # fmt: skip
    here = read_outputs(tmp_path / "here")
    assert tuple(here) == OUTPUTS
    assert here == read_outputs(tmp_path / "there")


def test_prepare_splits_otherwise_for_another_seed(data: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        prepare(data, tmp_path / str(seed), lang="nl", seed=seed)
    zero, one = ([doc.text for doc in Corpus(tmp_path / seed).gold_docs("test")] for seed in "01")
    assert len(zero) == len(one) == 5
    assert set(zero) != set(one)


def test_prepare_replaces_old_corpora(data: Path, corpus: Path) -> None:
    prepare(data, corpus, lang="xx", seed=0)
    (corpus / "README.md").write_text("kept", encoding="utf-8")
    (corpus / "gold" / "extra.spacy").touch()
    prepare(data, corpus, lang="en", seed=0)
    assert tuple(read_outputs(corpus)) == ("README.md", *OUTPUTS)
    assert json.loads((corpus / "labels.json").read_text(encoding="utf-8")) == ["NEG", "POS"]


def test_prepare_writes_nothing_if_the_data_is_bad(data: Path, corpus: Path) -> None:
    prepare(data, corpus, lang="xx", seed=0)
    before = read_outputs(corpus)
    (data / "en" / "dev.jsonl").unlink()
    with pytest.raises(ValueError, match="en: no dev file"):
        prepare(data, corpus, lang="xx", seed=0)
    assert read_outputs(corpus) == before
    with pytest.raises(ValueError, match="en: no dev file"):
        prepare(data, corpus.with_name("new"), lang="xx", seed=0)
    assert not corpus.with_name("new").exists()


@pytest.fixture
def folder(data: Path) -> Path:
    """English unlabelled texts as a folder of files, in every way that they may be written."""
    (data / "en" / "unlabelled.jsonl").unlink()
    folder = data / "en" / "unlabelled"
    write_records(folder / "a.jsonl", [{"text": "One."}, {"text": "Awful."}, {"text": ""}])
    (folder / "b.txt.gz").write_bytes(gzip.compress(b"Two.\n\nONE.\nfine  TEST.\nThree.\n"))
    (folder / "c.csv").write_text("text,lang\nFour.,\nVier.,nl\nReally,bad,one\n", encoding="utf-8")
    near = "Really bad from the FIRST page to the last."
    (folder / "d.tsv.gz").write_bytes(gzip.compress(f"text\n{near}\nTwo.\n".encode()))
    (folder / "e.txt").touch()
    return folder


def test_prepare_reads_a_folder_of_unlabelled_files(folder: Path, corpus: Path) -> None:
    summary = prepare(folder.parent.parent, corpus, lang="en", seed=0)
    lines = (corpus / "unlabelled.jsonl").read_text(encoding="utf-8").splitlines()
    texts = ["One.", "Two.", "Three.", "Four."]
    assert [json.loads(line) for line in lines] == [{"text": text, "lang": "en"} for text in texts]
    assert summary == json.loads((corpus / "prepare.json").read_text(encoding="utf-8"))
    assert summary["kept"] == {"en": {"test": 2, "dev": 2, "train": 2, "unlabelled": 4}}
    counts: dict[str, dict[str, int]] = {
        "a.jsonl": {"read": 3, "lines": 3, "rejected": 1, "duplicate": 1},
        "b.txt.gz": {"read": 4, "lines": 5, "case_duplicate": 2},
        "c.csv": {"read": 3, "lines": 4, "rejected": 2},
        "d.tsv.gz": {"read": 2, "lines": 3, "duplicate": 1, "near_copy": 1},
        "e.txt": {"read": 0, "lines": 0},
    }
    labelled = [str(folder.parent / f"{split}.jsonl") for split in ("train", "dev", "test")]
    assert list(summary["files"]) == [*labelled, *(str(folder / name) for name in counts)]
    assert {name: summary["files"][str(folder / name)] for name in counts} == {
        name: {**count, "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest()}
        for name, count in counts.items()
    }
    # Labelled files are counted as without the folder.
    assert summary["files"][labelled[0]].items() >= {"read": 8, "neutral": 1, "rejected": 2, "duplicate": 1}.items()
    drops = [json.loads(line) for line in (corpus / "dropped.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(drop["file"], drop["line"], drop["kind"]) for drop in drops if drop["file"] not in labelled] == [
        (str(folder / name), line, kind)
        for name, line, kind in [
            ("a.jsonl", 2, "duplicate"), ("a.jsonl", 3, "rejected"), ("b.txt.gz", 3, "case_duplicate"),
            ("b.txt.gz", 4, "case_duplicate"), ("c.csv", 3, "rejected"), ("c.csv", 4, "rejected"),
            ("d.tsv.gz", 2, "near_copy"), ("d.tsv.gz", 3, "duplicate"),
        ]
    ]  # fmt: skip


@pytest.mark.parametrize("lang", ["xx", "en"])
def test_prepare_counts_of_a_folder_add_up(folder: Path, corpus: Path, lang: str) -> None:
    summary = prepare(folder.parent.parent, corpus, lang=lang, seed=0)
    kept = sum(sum(splits.values()) for splits in summary["kept"].values())
    dropped = len((corpus / "dropped.jsonl").read_text(encoding="utf-8").splitlines())
    assert sum(file["read"] for file in summary["files"].values()) == kept + dropped == {"xx": 49, "en": 24}[lang]


def test_prepare_makes_the_same_of_gzipped_files(data: Path, tmp_path: Path) -> None:
    plain = prepare(data, tmp_path / "plain", lang="xx", seed=0)
    for path in list(data.rglob("*.jsonl")):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    summary = prepare(data, tmp_path / "gzipped", lang="xx", seed=0)
    # Places in the data have other names.
    same = [name for name in OUTPUTS if name not in ("dropped.jsonl", "prepare.json")]
    expected, found = (read_outputs(tmp_path / name) for name in ("plain", "gzipped"))
    assert {name: found[name] for name in same} == {name: expected[name] for name in same}
    assert found["dropped.jsonl"] == expected["dropped.jsonl"].replace(b".jsonl", b".jsonl.gz")
    counts = [
        [{key: value for key, value in file.items() if key != "sha256"} for file in one["files"].values()]
        for one in (plain, summary)
    ]
    assert counts[0] == counts[1]
    assert list(summary["files"]) == [f"{file}.gz" for file in plain["files"]]
    assert summary["kept"] == plain["kept"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("z.jsonl.gz", gzip.compress(b'{"text": "Last."}')[:-9], "/z.jsonl.gz: broken gzip (Compressed file ended "),
        ("z.txt.gz", b"Last.", "/z.txt.gz: broken gzip (Not a gzipped file (b'La')). Compress it anew"),
        ("z.txt.gz", b"", "/z.txt.gz: broken gzip (the file is empty). Compress it anew"),
        ("z.txt", "Café.".encode("latin-1"), "/z.txt:1: not UTF-8 (invalid continuation byte, bytes b'\\xe9'). Con"),
        ("z.csv", b"review\nLast.\n", "/z.csv:1: no column 'text'. Found: ['review']. The first line must name "),
    ],
    ids=["cut", "no-gzip", "empty-gzip", "latin-1", "columns"],
)
def test_prepare_writes_nothing_if_unlabelled_files_are_bad(
    folder: Path, corpus: Path, name: str, content: bytes, message: str
) -> None:
    data = folder.parent.parent
    prepare(data, corpus, lang="xx", seed=0)
    before = read_outputs(corpus)
    # The last that is read: by then, other texts would have been written.
    (folder / name).write_bytes(content)
    (folder / "a.jsonl").write_text('{"text": "Another."}\n', encoding="utf-8")
    new = corpus.with_name("new")
    for target in (corpus, new):
        with pytest.raises(ValueError) as raised:
            prepare(data, target, lang="xx", seed=0)
        assert str(raised.value).startswith(f"{folder}{message}")
    # Nor is there a temporary file.
    assert tuple(before) == OUTPUTS
    assert read_outputs(corpus) == before
    assert read_outputs(new) == {}


def test_prepare_writes_nothing_if_no_unlabelled_text_can_be_used(data: Path, corpus: Path) -> None:
    prepare(data, corpus, lang="xx", seed=0)
    before = read_outputs(corpus)
    write_records(data / "en" / "unlabelled.jsonl", [{"review": "One."}, {"review": "Two."}])
    with pytest.raises(ValueError) as raised:
        prepare(data, corpus, lang="xx", seed=0)
    reason = "none of its 2 records can be used. The first problem: line 1: no 'text'. Found: 'review'"
    assert str(raised.value) == f"{data}/en/unlabelled.jsonl: {reason}"
    assert read_outputs(corpus) == before


@pytest.mark.parametrize("split", ["train", "unlabelled"])
def test_prepare_rejects_a_text_too_long_for_spacy(data: Path, corpus: Path, split: str) -> None:
    with (data / "en" / f"{split}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"text": "word " * (MAX_CHARACTERS // 5) + "word", "stars": 4}) + "\n")
    summary = prepare(data, corpus, lang="en", seed=0)
    assert summary["kept"]["en"] == {"test": 2, "dev": 2, "train": 2, "unlabelled": 1}
    [drop] = [
        drop for drop in map(json.loads, (corpus / "dropped.jsonl").open(encoding="utf-8"))
        if "characters" in drop["reason"]
    ]  # fmt: skip
    line = {"train": 9, "unlabelled": 4}[split]
    assert (drop["file"], drop["line"], drop["kind"]) == (f"{data}/en/{split}.jsonl", line, "rejected")
    assert drop["reason"] == "'text' has 1,000,004 characters, spaCy takes 1,000,000. Cut it, or split it"


def test_prepare_warns_of_labels_that_look_alike(
    tmp_path: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = {"pos": 6, "Pos": 5, "neg": 7}
    records = [
        {"text": f"{len(label) + count} {i} tekst", "label": label}
        for label, count in labels.items()
        for i in range(count)
    ]
    records += [{"text": f"neg {i} meer", "label": f"neg{invisible}"} for i, invisible in enumerate("\u200b\xad\ufeff")]
    write_records(tmp_path / "data" / "nl.jsonl", records)
    main(tmp_path / "data", corpus, lang="nl", seed=0, max_gold=None, max_unlabelled=None)
    output = " ".join("".join(capsys.readouterr()).split())
    assert "These labels differ only by case or as numbers, and stay apart: 'Pos' (5 texts), 'pos' (6 texts)" in output
    assert "3 labels had invisible characters, odd spaces or another Unicode form, which were mended" in output
    summary = json.loads((corpus / "prepare.json").read_text(encoding="utf-8"))
    assert summary["files"][f"{tmp_path}/data/nl.jsonl"]["labels_changed"] == 3
    assert list(summary["labels"]) == ["Pos", "neg", "pos"]


def test_prepare_counts_lines_and_records_of_tables(
    data: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "en" / "train.jsonl").unlink()
    lines = ["text\tlabel", "Great book\tPOS", "Awful\tNEG", '"Never, she said\tNEG', "Nice\tPOS", 'A 5" one\tNEG',
             'My 7"\tPOS']  # fmt: skip
    table = data / "en" / "train.tsv"
    table.write_text("\n".join(lines), encoding="utf-8")
    main(data, corpus, lang="en", seed=0, max_gold=None, max_unlabelled=None)
    summary = json.loads((corpus / "prepare.json").read_text(encoding="utf-8"))
    assert summary["files"][str(table)].items() >= {"read": 4, "lines": 7, "rejected": 1}.items()
    assert "Read 14 lines of 4 files: 11 records" in " ".join(capsys.readouterr().out.split())
    table.rename(table.with_name("train.unquoted.tsv"))
    summary = prepare(data, corpus, lang="en", seed=0)
    assert summary["files"][f"{data}/en/train.unquoted.tsv"].items() >= {"read": 6, "lines": 7}.items()
    assert summary["kept"]["en"]["train"] == 6


def test_prepare_stops_without_a_tick_if_much_is_rejected(
    data: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(data, corpus, lang="en", seed=0)
    before = read_outputs(corpus)
    rows = ['"Fine" is what they say of this,POS', "A poor one,NEG", "Plain text,POS"] * 30
    (data / "en" / "train.jsonl").unlink()
    (data / "en" / "train.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(data, corpus, lang="en", seed=0, max_gold=None, max_unlabelled=None)
    output = " ".join("".join(capsys.readouterr()).split())
    assert "30 of its 90 records are rejected, more than 20%" in output
    assert "quotes are the usual reason" in output
    assert "Wrote" not in output
    assert read_outputs(corpus) == before


def test_prepare_says_which_unlabelled_file_is_bad(
    folder: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "z.txt.gz").write_bytes(b"Last.")
    with pytest.raises(SystemExit) as raised:
        main(folder.parent.parent, corpus, lang="en", seed=0, max_gold=None, max_unlabelled=None, force=False)
    assert raised.value.code == 1
    output = "".join("".join(capsys.readouterr()).split())
    assert f"{folder}/z.txt.gz:brokengzip(Notagzippedfile(b'La')).Compressitanew" in output


def test_prepare_shows_progress_on_every_unlabelled_record(
    folder: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []

    def track(items: Iterable[Record | Drop], description: str) -> Iterable[Record | Drop]:
        for item in items:
            seen.append((Path(item.file).name, item.line))
            yield item

    monkeypatch.setattr("scripts.distill.data.prepare.track", track)
    prepare(folder.parent.parent, corpus, lang="en", seed=0)
    assert seen == [
        ("a.jsonl", 1), ("a.jsonl", 2), ("a.jsonl", 3), ("b.txt.gz", 1), ("b.txt.gz", 3), ("b.txt.gz", 4),
        ("b.txt.gz", 5), ("c.csv", 2), ("c.csv", 3), ("c.csv", 4), ("d.tsv.gz", 2), ("d.tsv.gz", 3),
    ]  # fmt: skip


def test_prepare_docs_come_back_as_they_were_written(tmp_path: Path) -> None:
    texts = ["Één  tekst.\n\nMet 😀, «aanhalingen» en\ttab", "l'eau n'est pas", "a"]
    reviews = [Record(text, label, "fr", "a.jsonl", 1) for text, label in zip(texts, "BCA", strict=True)]
    write_gold(tmp_path / "a.spacy", reviews, ["A", "B", "C"], lang="xx")
    docs = list(read_docs(tmp_path / "a.spacy"))
    assert [doc.text for doc in docs] == texts
    assert [gold_label(doc) for doc in docs] == ["B", "C", "A"]
    assert docs[0].cats == {"A": 0.0, "B": 1.0, "C": 0.0}


def test_prepare_prints_labels_that_the_terminal_does_not_have(tmp_path: Path) -> None:
    rows = [{"text": f"{label} {i} text", "label": label} for label in "✓✗" for i in range(10)]
    write_records(tmp_path / "data/en.jsonl", rows)
    command = [sys.executable, "-m", "scripts.prepare", str(tmp_path / "data"), str(tmp_path / "corpus")]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert r"labels: \u2713 10, \u2717 10" in done.stdout
    assert "Only 4 test texts" in done.stdout
    assert "No unlabelled texts" in done.stdout


# --- What counts as a change ---


def rename_language(data: Path) -> None:
    (data / "en").rename(data / "de")


def move_a_line(data: Path) -> None:
    """Put the last line of `dev` at the head of `test`: joined, the files are the same."""
    *kept, moved = (data / "en/dev.jsonl").read_text().splitlines(keepends=True)
    (data / "en/dev.jsonl").write_text("".join(kept))
    (data / "en/test.jsonl").write_text(moved + (data / "en/test.jsonl").read_text())


def rename_a_file(data: Path) -> None:
    (data / "en/test.jsonl").rename(data / "en/other")
    (data / "en/dev.jsonl").rename(data / "en/test.jsonl")
    (data / "en/other").rename(data / "en/dev.jsonl")


def change_behind_a_link(data: Path) -> None:
    path = data.parent / "elsewhere/train.jsonl"
    path.write_text(path.read_text().replace("Awful", "Terrible"))


def add_an_empty_language(data: Path) -> None:
    (data / "fr").mkdir()


CHANGES = [rename_language, move_a_line, rename_a_file, change_behind_a_link, add_an_empty_language]


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """Three texts in each split; `en` is a link to a folder elsewhere."""
    for split in ("train", "dev", "test"):
        rows = [{"text": f"{word} {split} text.", "stars": stars} for word, stars in
                (("Awful", 1), ("Great", 5), ("Fine", 4))]  # fmt: skip
        write_records(tmp_path / "elsewhere" / f"{split}.jsonl", [*rows, {"text": "So so.", "stars": 3}])
    (tmp_path / "data").mkdir()
    (tmp_path / "data/en").symlink_to(tmp_path / "elsewhere")
    return tmp_path / "data"


def run_again(data: Path, corpus: Path, **settings: Any) -> bool:
    """Return whether `prepare` did its work."""
    given = {"lang": "xx", "seed": 0, **settings}
    try:
        return prepare_if_changed(data, corpus, Path(__file__), **given) is not None
    except ValueError:
        return True


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_prepare_sees_a_change_that_weasel_does_not(linked: Path, corpus: Path, change: Callable[[Path], None]) -> None:
    assert run_again(linked, corpus)
    before = read_outputs(corpus)
    assert not run_again(linked, corpus)
    assert read_outputs(corpus) == before
    change(linked)
    assert run_again(linked, corpus)


def test_prepare_reads_the_data_again_where_it_must(linked: Path, corpus: Path) -> None:
    write_records(linked / "en/unlabelled.jsonl", [{"text": "An unseen text."}])
    assert run_again(linked, corpus)
    for settings in ({"seed": 1}, {"lang": "en"}, {"max_unlabelled": 1}, {"max_gold": 3}, {}):
        assert run_again(linked, corpus, **settings)
        assert not run_again(linked, corpus, **settings)
    assert run_again(linked, corpus, force=True)
    made = read_outputs(corpus)
    for name in made:
        for broken in (b"", made[name][:-2], None):
            (corpus / name).write_bytes(broken) if broken is not None else (corpus / name).unlink()
            assert run_again(linked, corpus), name
            assert read_outputs(corpus) == made
    (linked.parent / "elsewhere/.hidden").touch()
    assert not run_again(linked, corpus)


def test_prepare_removes_what_a_killed_run_left_even_if_nothing_has_changed(linked: Path, corpus: Path) -> None:
    assert run_again(linked, corpus)
    nobody = 2**22 + 1  # above the largest number of a process
    (corpus / f".gold.{nobody}-12345678.tmp").mkdir()
    (corpus / f".dropped.jsonl.{nobody}-12345678.tmp").touch()
    assert not run_again(linked, corpus)
    assert not list(corpus.glob(".*"))


def test_prepare_ends_on_a_link_that_leads_up(linked: Path, corpus: Path) -> None:
    (linked / "en/unlabelled").symlink_to(linked)
    assert run_again(linked, corpus)


def test_prepare_runs_again_if_its_code_has_changed(linked: Path, corpus: Path, monkeypatch: Any) -> None:
    assert run_again(linked, corpus)
    (linked.parent / "core").mkdir()
    (linked.parent / "core/new.py").touch()
    monkeypatch.setattr("scripts.distill.data.prepare.CODE", (linked.parent / "core",))
    assert run_again(linked, corpus)
