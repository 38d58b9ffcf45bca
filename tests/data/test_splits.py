import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from scripts.distill.data.near_duplicates import similarity
from scripts.distill.data.records import Drop, Kind, Record
from scripts.distill.data.splits import LAYOUT, Splits, find_languages, normalize, read_splits, stream_unlabelled

Rows = list[tuple[str, str | None]]
# Texts by split with two labels each: the least that is accepted.
LEAST: dict[str, Rows] = {
    "train": [("Train good", "POS"), ("Train bad", "NEG")],
    "dev": [("Dev good", "POS"), ("Dev bad", "NEG")],
    "test": [("Test good", "POS"), ("Test bad", "NEG")],
}
EXPECTED = "Expected <lang>/, or <lang> with one of .jsonl, .csv, .tsv, each also with .gz"
# Normalised, it has 48 n-grams.
LONG = "The plot is thin with some holes, but who would care"


def write_rows(path: Path, rows: Rows) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    records = ({"text": text, "label": label} if label else {"text": text} for text, label in rows)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def write_language(folder: Path, **splits: Rows) -> Path:
    for split, rows in {**LEAST, **splits}.items():
        write_rows(folder / f"{split}.jsonl", rows)
    return folder


def make_rows(**counts: int) -> Rows:
    """Rows with so many texts of each label, mixed."""
    return [
        (f"text {i} {label}", label)
        for i in range(max(counts.values()))
        for label, count in counts.items()
        if i < count
    ]


def unlabelled(splits: Splits) -> list[Record]:
    return [item for item in stream_unlabelled(splits) if isinstance(item, Record)]


def texts(splits: Splits) -> dict[str, list[str]]:
    records = {**splits.records, "unlabelled": unlabelled(splits)}
    return {split: [record.text for record in part] for split, part in records.items()}


def drops(splits: Splits) -> list[Drop]:
    return [*splits.drops, *(item for item in stream_unlabelled(splits) if isinstance(item, Drop))]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Nice book", "nice  BOOK\n"),
        ("Nice book", " Nice\tbook"),
        ("Nice book", "Nice\u00a0book"),
        ("caf\u00e9", "cafe\u0301"),
        ("STRASSE", "straße"),
        ("ﬁne", "fine"),
    ],
    ids=["case", "space", "no-break", "accent", "sharp-s", "ligature"],
)
def test_splits_normalize_makes_the_same_text_equal(one: str, other: str) -> None:
    assert normalize(one) == normalize(other)


@pytest.mark.parametrize(("one", "other"), [("a b", "ab"), ("Nice!", "Nice"), ("café", "cafe"), ("7", "8")])
def test_splits_normalize_keeps_other_texts_apart(one: str, other: str) -> None:
    assert normalize(one) != normalize(other)


def test_splits_find_languages(tmp_path: Path) -> None:
    (tmp_path / "nl").mkdir()
    (tmp_path / ".git").mkdir()
    for name in ("en.jsonl", "fr.csv", "de.tsv", "es.jsonl.gz", "it.csv.gz", "README.md", "LICENSE", ".hidden.csv"):
        (tmp_path / name).touch()
    expected = {
        "de": "de.tsv", "en": "en.jsonl", "es": "es.jsonl.gz", "fr": "fr.csv", "it": "it.csv.gz", "nl": "nl",
    }  # fmt: skip
    assert find_languages(tmp_path) == {code: tmp_path / name for code, name in expected.items()}


@pytest.mark.parametrize(
    ("places", "message"),
    [
        (["en/", "english/"], "{}/english: 'english' is not the code of a language that spaCy knows (en, "),
        (["en/", "EN/"], "{}/EN: 'EN' is not the code of a language"),
        (["en/", "train.jsonl"], "{0}/train.jsonl: belongs into the folder of its language. If its texts are Engl"),
        (["unlabelled.txt"], "{0}/unlabelled.txt: belongs into the folder of its language. If its texts are English, "),
        (["test/"], "{0}/test: belongs into the folder of its language. If its texts are English, put it in {0}/en/"),
        (["en.old.csv"], "{}/en.old.csv: 'en.old' is not the code of a language"),
        # Training would end with E958.
        (["deu/"], "{}/deu: spaCy's code for 'deu' is 'de'. Rename it"),
        (["pt-BR/"], "{}/pt-BR: spaCy's code for 'pt-BR' is 'pt'. Rename it"),
        (["iw.csv"], "{}/iw.csv: spaCy's code for 'iw' is 'he'. Rename it"),
        (["mul/"], "{}/mul: 'mul' is not the code of a language"),
        (["zho/"], "{}/zho: 'zho' is not the code of a language"),
        # Japanese needs another tokenizer.
        (["ja/"], "{}/ja: 'ja' is not the code of a language"),
        (["de.json"], f"{{}}/de.json: can't be read. {EXPECTED}"),
        # Labels have no place in it.
        (["de.txt"], f"{{}}/de.txt: can't be read. {EXPECTED}"),
        (["de.txt.gz"], f"{{}}/de.txt.gz: can't be read. {EXPECTED}"),
        (["de.gz"], f"{{}}/de.gz: can't be read. {EXPECTED}"),
        (["de"], f"{{}}/de: can't be read. {EXPECTED}"),
        (["FR.JSONL"], "{}/FR.JSONL: can't be read. Expected"),
        (["xx/"], "{}/xx: 'xx' is not the code of a language"),
        # Modules of spaCy that stand beside or in those of the languages.
        (["punctuation/"], "{}/punctuation: 'punctuation' is not the code of a language"),
        (["en.examples.jsonl"], "{}/en.examples.jsonl: 'en.examples' is not the code of a language"),
        (["en/", "en.jsonl"], "{0}/en.jsonl: language 'en' has a second place, {0}/en. Keep one"),
        (["nl.csv", "nl.tsv"], "{0}/nl.tsv: language 'nl' has a second place, {0}/nl.csv. Keep one"),
        (["nl.csv", "nl.csv.gz"], "{0}/nl.csv.gz: language 'nl' has a second place, {0}/nl.csv. Keep one"),
        ([], "{}: nothing to read. It must hold <lang>/labelled.csv and <lang>/unlabelled.txt, or other files, see "
             "docs/data.md"),
        (["README.md", ".git/"], "{}: nothing to read. It must hold " + LAYOUT),
    ],
    ids=[
        "word", "capitals", "split", "split-txt", "split-folder", "dot", "three-letters", "region", "old-code", "mul",
        "three-letters-tokenizer", "tokenizer", "json", "txt", "gzipped-txt", "gzip-of-what", "no-suffix",
        "suffix", "xx", "module", "submodule", "folder-and-file", "two-files", "plain-and-gzipped", "empty", "no-data",
    ],
)  # fmt: skip
def test_splits_folder_that_is_no_data_is_an_error(tmp_path: Path, places: list[str], message: str) -> None:
    for place in places:
        if place.endswith("/"):
            (tmp_path / place).mkdir()
        else:
            (tmp_path / place).touch()
    with pytest.raises(ValueError) as raised:
        read_splits(tmp_path, lang="xx", seed=0)
    assert str(raised.value).startswith(message.format(tmp_path))


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_splits_data_must_be_a_folder(tmp_path: Path, kind: str) -> None:
    data = tmp_path / "data"
    if kind == "file":
        data.touch()
    with pytest.raises(ValueError) as raised:
        read_splits(data, lang="xx", seed=0)
    problem = "a file" if kind == "file" else "no such folder"
    assert str(raised.value) == f"{data}: {problem}. Give a folder that holds {LAYOUT}"


def test_splits_message_says_where_a_relative_path_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError) as raised:
        read_splits(Path("my_data"), lang="xx", seed=0)
    assert str(raised.value).startswith(f"my_data (looked for at {tmp_path}/my_data): no such folder. Give a folder ")


def test_splits_language_without_data_is_an_error(tmp_path: Path) -> None:
    write_language(tmp_path / "nl")
    write_language(tmp_path / "en")
    with pytest.raises(ValueError) as raised:
        read_splits(tmp_path, lang="fr", seed=0)
    assert str(raised.value) == f"{tmp_path}: no data for language 'fr'. Found: en, nl"


def test_splits_folders_are_read_as_they_are(tmp_path: Path) -> None:
    write_language(tmp_path / "nl", unlabelled=[("Zonder label", None), ("Met label", "POS")])
    splits = read_splits(tmp_path, lang="nl", seed=0)
    folder = tmp_path / "nl"
    assert splits.records["train"] == [
        Record("Train good", "POS", "nl", str(folder / "train.jsonl"), 1),
        Record("Train bad", "NEG", "nl", str(folder / "train.jsonl"), 2),
    ]
    assert texts(splits) == {
        "test": ["Test good", "Test bad"], "dev": ["Dev good", "Dev bad"], "train": ["Train good", "Train bad"],
        "unlabelled": ["Zonder label", "Met label"],
    }  # fmt: skip
    assert unlabelled(splits) == [
        Record("Zonder label", None, "nl", str(folder / "unlabelled.jsonl"), 1),
        Record("Met label", None, "nl", str(folder / "unlabelled.jsonl"), 2),
    ]
    assert splits.labels == ["NEG", "POS"]
    assert splits.languages == ["nl"]
    assert list(splits.read) == [str(folder / f"{split}.jsonl") for split in ("train", "dev", "test")]
    assert splits.read == dict.fromkeys(splits.read, 2)
    assert splits.unlabelled == {"nl": [folder / "unlabelled.jsonl"]}
    assert drops(splits) == []


def test_splits_all_languages_are_read_in_alphabetical_order(tmp_path: Path) -> None:
    for code in ("nl", "en"):
        write_language(
            tmp_path / code, **{split: [(f"{code} {text}", label) for text, label in LEAST[split]] for split in LEAST}
        )
    write_rows(tmp_path / "de.jsonl", make_rows(NEG=5, POS=5, MIXED=5))
    splits = read_splits(tmp_path, lang="xx", seed=0)
    assert splits.languages == ["de", "en", "nl"]
    assert splits.labels == ["MIXED", "NEG", "POS"]
    assert [record.lang for record in splits.records["dev"]] == ["de"] * 3 + ["en"] * 2 + ["nl"] * 2
    alone = read_splits(tmp_path, lang="en", seed=0)
    assert alone.languages == ["en"]
    assert texts(alone)["train"] == ["en Train good", "en Train bad"]


def test_splits_other_languages_are_not_read_for_one_language(tmp_path: Path) -> None:
    write_language(tmp_path / "nl")
    (tmp_path / "en").mkdir()
    assert read_splits(tmp_path, lang="nl", seed=0).languages == ["nl"]
    with pytest.raises(ValueError, match="en: no train file"):
        read_splits(tmp_path, lang="xx", seed=0)


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_splits_missing_split_is_an_error(tmp_path: Path, split: str) -> None:
    folder = write_language(tmp_path / "nl")
    (folder / f"{split}.jsonl").unlink()
    with pytest.raises(ValueError) as raised:
        read_splits(tmp_path, lang="nl", seed=0)
    assert str(raised.value) == (
        f"{folder}: no {split} file. Add {split} as one of .jsonl, .csv, .tsv, each also with .gz, or give one file "
        f"{folder}/labelled.csv instead, which is split by seed"
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [("labeled.csv", "labelled.csv"), ("Labelled.CSV", "labelled.csv"), ("unlabeled.txt", "unlabelled.txt"),
     ("unlabeled.jsonl", "unlabelled.jsonl"), ("labeled.csv.gz", "labelled.csv.gz"),
     ("labeled.txt", None), ("labelled.xlsx", None)],
)  # fmt: skip
def test_splits_name_that_is_nearly_right_is_named(tmp_path: Path, name: str, meant: str | None) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / name).touch()
    with pytest.raises(ValueError, match="not a split that can be read") as raised:
        read_splits(tmp_path, lang="en", seed=0)
    assert ("Did you mean" in str(raised.value)) == (meant is not None)
    assert meant is None or f"Did you mean {meant}?" in str(raised.value)


@pytest.mark.parametrize(
    "name",
    ["valid.jsonl", "train-2.csv", "Train.jsonl", "train.txt", "dev.txt.gz", "test.jsonl.zip",
     "unlabelled.json", "unlabelled.gz", "unlabelled", "extra", "extra/", "train/", "train.jsonl.d/", "unlabelled.d/"],
)  # fmt: skip
def test_splits_unknown_split_is_an_error(tmp_path: Path, name: str) -> None:
    folder = write_language(tmp_path / "nl")
    if name.endswith("/"):
        (folder / name).mkdir()
    else:
        (folder / name).touch()
    (folder / "README.md").touch()
    with pytest.raises(ValueError) as raised:
        read_splits(tmp_path, lang="nl", seed=0)
    assert str(raised.value) == (
        f"{folder / name}: not a split that can be read. Expected: train, dev, test, unlabelled, as one of .jsonl, "
        ".csv, .tsv, each also with .gz, or labelled instead of the first three; unlabelled also as .txt, or as a "
        "folder of files"
    )


@pytest.mark.parametrize(
    ("split", "first", "second"),
    [
        ("dev", "dev.csv", "dev.jsonl"),
        ("train", "train.jsonl", "train.jsonl.gz"),
        ("unlabelled", "unlabelled.jsonl", "unlabelled.jsonl.gz"),
        ("unlabelled", "unlabelled.csv.gz", "unlabelled.txt"),
        ("unlabelled", "unlabelled/", "unlabelled.jsonl"),
        ("unlabelled", "unlabelled/", "unlabelled.txt.gz"),
    ],
)
def test_splits_split_with_two_places_is_an_error(tmp_path: Path, split: str, first: str, second: str) -> None:
    folder = write_language(tmp_path / "nl")
    for name in (first, second):
        if name.endswith("/"):
            write_rows(folder / name / "a.jsonl", [("Unlabelled", None)])
        else:
            (folder / name).touch()
    with pytest.raises(ValueError) as raised:
        read_splits(tmp_path, lang="nl", seed=0)
    assert str(raised.value) == f"{folder / second}: split {split!r} has a second place, {folder / first}. Keep one"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "none of its 0 records can be used. Add texts, or remove it"),
        ('{"text": "A."}\n{"text": ""}', "none of its 2 records can be used. The first problem: line 1: neither 'labe"),
    ],
    ids=["empty", "rejected"],
)
def test_splits_file_without_texts_is_an_error(tmp_path: Path, content: str, message: str) -> None:
    path = write_language(tmp_path / "nl") / "dev.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError) as raised:
        read_splits(tmp_path, lang="nl", seed=0)
    assert str(raised.value).startswith(f"{path}: {message}")


def test_splits_one_file_is_split_by_label(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "nl.jsonl", make_rows(NEG=30, POS=20, MIXED=10))
    splits = read_splits(tmp_path, lang="nl", seed=0)
    counts = {split: Counter(record.label for record in records) for split, records in splits.records.items()}
    assert counts == {
        "train": {"NEG": 18, "POS": 12, "MIXED": 6},
        "dev": {"NEG": 6, "POS": 4, "MIXED": 2},
        "test": {"NEG": 6, "POS": 4, "MIXED": 2},
    }
    assert (splits.unlabelled, list(stream_unlabelled(splits))) == ({}, [])
    lines = [[record.line for record in records] for records in splits.records.values()]
    assert all(part == sorted(part) for part in lines)
    assert sorted(line for part in lines for line in part) == list(range(1, 61))
    assert splits.read == {str(path): 60}


def test_splits_one_file_is_split_by_seed(tmp_path: Path) -> None:
    write_rows(tmp_path / "nl.jsonl", make_rows(NEG=20, POS=20))
    first, again, other = (texts(read_splits(tmp_path, lang="nl", seed=seed)) for seed in (0, 0, 1))
    assert first == again
    assert all(set(first[split]) != set(other[split]) for split in ("train", "dev", "test"))


@pytest.mark.parametrize("counts", [{"A": 5, "B": 5}, {"A": 5, "B": 6, "C": 40}, {"A": 9, "B": 5, "C": 7}], ids=str)
def test_splits_five_texts_of_a_label_are_enough(tmp_path: Path, counts: dict[str, int]) -> None:
    write_rows(tmp_path / "nl.jsonl", make_rows(**counts))
    for seed in range(3):
        splits = read_splits(tmp_path, lang="nl", seed=seed)
        for split in ("train", "dev", "test"):
            assert {record.label for record in splits.records[split]} == set(counts)


def test_splits_one_file_with_a_rare_label_is_an_error(tmp_path: Path) -> None:
    # The fifth is the same text as the fourth.
    rows = [*make_rows(NEG=5, POS=4), ("TEXT  3 pos", "POS")]
    path = write_rows(tmp_path / "nl.jsonl", rows)
    with pytest.raises(ValueError) as raised:
        read_splits(tmp_path, lang="nl", seed=0)
    assert str(raised.value) == (
        f"{path}:2: label 'POS' has 4 texts, and needs 5 to be split into train, dev and test. Other labels: 'NEG' 5. "
        "Correct the label if it is misspelt, or add texts"
    )


def test_splits_duplicates_in_one_file_are_dropped_before_it_is_split(tmp_path: Path) -> None:
    rows = make_rows(NEG=10, POS=10)
    path = write_rows(tmp_path / "nl.jsonl", [*rows, *((text.upper(), label) for text, label in rows)])
    splits = read_splits(tmp_path, lang="nl", seed=0)
    assert sorted(text for part in texts(splits).values() for text in part) == sorted(text for text, _ in rows)
    assert [(drop.file, drop.line, drop.kind, drop.reason) for drop in splits.drops] == [
        (str(path), line + 20, "case_duplicate", f"same text as {path}:{line}, but for case") for line in range(1, 21)
    ]
    assert len(texts(splits)["test"]) == len(texts(splits)["dev"]) == 4


def test_splits_duplicates_within_a_split_keep_the_first(tmp_path: Path) -> None:
    train = [("Good", "POS"), ("Bad", "NEG"), ("GOOD ", "POS"), ("bad", "POS"), (" Good", "POS"), ("Bad", "POS")]
    path = write_language(tmp_path / "nl", train=train) / "train.jsonl"
    splits = read_splits(tmp_path, lang="nl", seed=0)
    assert texts(splits)["train"] == ["Good", "Bad"]
    assert [(drop.file, drop.line, drop.kind, drop.reason, drop.text) for drop in splits.drops] == [
        (str(path), 3, "case_duplicate", f"same text as {path}:1, but for case", "GOOD"),
        (str(path), 4, "contradiction", f"same text as {path}:2, but for case, which has label NEG, not POS", "bad"),
        (str(path), 5, "duplicate", f"same text as {path}:1", "Good"),
        (str(path), 6, "contradiction", f"same text as {path}:2, which has label NEG, not POS", "Bad"),
    ]


@pytest.mark.parametrize(
    ("keeps", "loses"),
    [("test", "dev"), ("test", "train"), ("test", "unlabelled"), ("dev", "train"), ("dev", "unlabelled"),
     ("train", "unlabelled")],
)  # fmt: skip
@pytest.mark.parametrize("label", ["POS", "NEG"], ids=["same-label", "other-label"])
def test_splits_duplicates_stay_in_the_split_that_matters_most(
    tmp_path: Path, keeps: str, loses: str, label: str
) -> None:
    rows = {**LEAST, "unlabelled": [("Unlabelled", None)]}
    changed = {
        keeps: [*rows[keeps], ("Twice told", "POS")],
        loses: [("Twice  told ", label if loses != "unlabelled" else None), *rows[loses]],
    }
    folder = write_language(tmp_path / "nl", **{**rows, **changed})
    splits = read_splits(tmp_path, lang="nl", seed=0)
    assert texts(splits)[keeps][-1] == "Twice told"
    assert texts(splits)[loses] == [text for text, _ in rows[loses]]
    line = len(changed[keeps])
    kind, reason = "duplicate", f"same text as {folder}/{keeps}.jsonl:{line}"
    if label == "NEG" and loses != "unlabelled":
        kind, reason = "contradiction", f"{reason}, which has label POS, not NEG"
    assert [(drop.file, drop.line, drop.kind, drop.reason) for drop in drops(splits)] == [
        (f"{folder}/{loses}.jsonl", 1, kind, reason)
    ]


def test_splits_duplicates_across_languages_are_dropped(tmp_path: Path) -> None:
    write_language(tmp_path / "en", train=[*LEAST["train"], ("Super!", "POS")])
    own = {split: [(f"nl {text}", label) for text, label in LEAST[split]] for split in LEAST}
    write_language(tmp_path / "nl", **{**own, "test": [*own["test"], ("super!", "POS")]})
    splits = read_splits(tmp_path, lang="xx", seed=0)
    assert "super!" in texts(splits)["test"]
    assert "Super!" not in texts(splits)["train"]
    assert [drop.reason for drop in splits.drops] == [f"same text as {tmp_path}/nl/test.jsonl:3, but for case"]


@pytest.mark.parametrize("keeps", ["test", "dev"])
@pytest.mark.parametrize(("loses", "label"), [("train", "POS"), ("train", "NEG"), ("unlabelled", None)])
def test_splits_near_copies_of_held_out_texts_are_dropped(
    tmp_path: Path, keeps: str, loses: str, label: str | None
) -> None:
    rows: dict[str, Rows] = {**LEAST, "unlabelled": [("Unlabelled", None)]}
    copy = f"{LONG.upper()}  … really!"
    changed: dict[str, Rows] = {keeps: [*rows[keeps], (f"{LONG}!", "POS")], loses: [(copy, label), *rows[loses]]}
    folder = write_language(tmp_path / "nl", **{**rows, **changed})
    splits = read_splits(tmp_path, lang="nl", seed=0)
    assert texts(splits) == {
        name: [text for text, _ in (rows if name == loses else {**rows, **changed})[name]] for name in rows
    }
    reason = f"nearly the same text as {folder}/{keeps}.jsonl:3"
    assert drops(splits) == [Drop(f"{folder}/{loses}.jsonl", 1, "near_copy", reason, copy)]


@pytest.mark.parametrize(
    ("one", "other"),
    [("test", "dev"), ("train", "unlabelled"), ("test", "test"), ("dev", "dev"), ("train", "train"),
     ("unlabelled", "unlabelled")],
)  # fmt: skip
def test_splits_other_near_copies_stay(tmp_path: Path, one: str, other: str) -> None:
    rows: dict[str, Rows] = {**LEAST, "unlabelled": [("Unlabelled", None)]}
    changed = {split: list(split_rows) for split, split_rows in rows.items()}
    changed[one].append((f"{LONG}!", "POS"))
    changed[other].append((f"{LONG}?", "POS"))
    write_language(tmp_path / "nl", **changed)
    splits = read_splits(tmp_path, lang="nl", seed=0)
    assert texts(splits) == {split: [text for text, _ in changed[split]] for split in rows}
    assert drops(splits) == []


@pytest.mark.parametrize(
    ("test", "dev", "named"),
    [("?!", "?!!", "dev"), ("?!!", "?!", "test"), ("?!!:", "?!!,", "test")],
    ids=["dev", "test", "tie"],
)
def test_splits_near_copy_names_the_most_similar_text(tmp_path: Path, test: str, dev: str, named: str) -> None:
    rows = {split: [*LEAST[split], (LONG + end, "POS")] for split, end in (("test", test), ("dev", dev))}
    folder = write_language(tmp_path / "nl", train=[*LEAST["train"], (f"{LONG}?!!;", "POS")], **rows)
    [drop] = read_splits(tmp_path, lang="nl", seed=0).drops
    assert (drop.kind, drop.line) == ("near_copy", 3)
    assert drop.reason == f"nearly the same text as {folder}/{named}.jsonl:3"


def test_splits_texts_below_the_threshold_stay(tmp_path: Path) -> None:
    # Seven n-grams of ten, and seven of eleven.
    test = [*LEAST["test"], ("Great movie", "POS")]
    write_language(
        tmp_path / "en", test=test, train=[("Great movie!!!", "POS"), ("Great movie?!?!", "POS"), ("Bad", "NEG")]
    )
    splits = read_splits(tmp_path, lang="en", seed=0)
    assert texts(splits)["train"] == ["Great movie?!?!", "Bad"]
    assert [(drop.line, drop.kind) for drop in splits.drops] == [(1, "near_copy")]


def test_splits_near_copies_across_languages_are_dropped(tmp_path: Path) -> None:
    write_language(tmp_path / "en", train=[*LEAST["train"], ("Absolutely super!", "POS")])
    own = {split: [(f"nl {text}", label) for text, label in LEAST[split]] for split in LEAST}
    write_language(tmp_path / "nl", **{**own, "dev": [*own["dev"], ("absolutely super", "POS")]})
    splits = read_splits(tmp_path, lang="xx", seed=0)
    assert "Absolutely super!" not in texts(splits)["train"]
    assert [drop.reason for drop in splits.drops] == [f"nearly the same text as {tmp_path}/nl/dev.jsonl:3"]


def test_splits_near_copies_are_dropped_where_one_file_is_split(tmp_path: Path) -> None:
    rows: Rows = [
        (f"{i} {label} {start} and nothing else{end}", label)
        for i, start in enumerate(["plot", "cast", "songs", "light", "jokes", "pace", "script", "twist"])
        for label in ("POS", "NEG")
        for end in ("", "!", "?")
    ]
    path = write_rows(tmp_path / "en.jsonl", rows)
    splits = read_splits(tmp_path, lang="en", seed=0)
    kept = {split: [normalize(text) for text in part] for split, part in texts(splits).items()}
    held_out = [*kept["dev"], *kept["test"]]
    assert kept["train"]
    assert max(similarity(text, other) for text in kept["train"] for other in held_out) < 0.7
    # Dev and test are whole, and of what was to be train each is kept or dropped with a reason.
    assert (len(kept["dev"]), len(kept["test"])) == (10, 10)
    lines = {line: normalize(text) for line, (text, _) in enumerate(rows, start=1)}
    assert {drop.kind for drop in splits.drops} == {"near_copy"}
    for drop in splits.drops:
        other = lines[int(drop.reason.removeprefix(f"nearly the same text as {path}:"))]
        assert other in held_out
        assert similarity(lines[drop.line], other) >= 0.7
    assert len(splits.drops) + sum(map(len, kept.values())) == splits.read[str(path)] == 48


def test_splits_label_may_go_missing_as_a_near_copy(tmp_path: Path) -> None:
    test = [("Test good", "POS"), (f"{LONG}.", "NEG")]
    write_language(tmp_path / "nl", test=test, train=[("Train good", "POS"), (f"{LONG}!", "NEG")])
    with pytest.raises(ValueError, match="no text with label NEG in split 'train'"):
        read_splits(tmp_path, lang="nl", seed=0)


def test_splits_every_record_is_kept_or_dropped(tmp_path: Path) -> None:
    write_language(
        tmp_path / "nl", train=[*LEAST["train"], ("Dev good", "POS"), ("Train good", "NEG"), ("Dev good!", "POS")]
    )
    with (tmp_path / "nl" / "train.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"text": "So so", "stars": 3}\n{"text": ""}\n')
    splits = read_splits(tmp_path, lang="nl", seed=0)
    assert splits.read[f"{tmp_path}/nl/train.jsonl"] == 7
    assert Counter(drop.kind for drop in splits.drops) == {
        "neutral": 1, "rejected": 1, "duplicate": 1, "contradiction": 1, "near_copy": 1,
    }  # fmt: skip
    assert sum(splits.read.values()) == 11 == len(splits.drops) + sum(map(len, splits.records.values()))


@pytest.mark.parametrize(("rejected", "stops"), [(10, False), (11, True)])
def test_splits_file_of_which_much_is_rejected_is_an_error(tmp_path: Path, rejected: int, stops: bool) -> None:
    path = write_language(tmp_path / "nl") / "train.jsonl"
    path.rename(path.with_suffix(".old"))
    table = path.with_suffix(".csv")
    lines = ["text,label", "Train good,POS", "Train bad,NEG", *(f'"Not" quoted {i},POS' for i in range(rejected))]
    table.write_text("\n".join(lines), encoding="utf-8")
    path.with_suffix(".old").unlink()
    if not stops:
        assert len(read_splits(tmp_path, lang="nl", seed=0).drops) == rejected
        return
    with pytest.raises(ValueError) as raised:
        read_splits(tmp_path, lang="nl", seed=0)
    message = str(raised.value)
    assert message.startswith(f"{table}: 11 of its 13 records are rejected, more than 20%. The first problem: line 4: ")
    assert message.endswith("name it train.unquoted.csv. In tables, quotes are the usual reason, see docs/data.md")


@pytest.mark.parametrize("labelled", [True, False])
def test_splits_lines_that_a_quote_swallows_are_counted(tmp_path: Path, labelled: bool) -> None:
    lines = [f"A text about {i},POS" for i in range(40)]
    lines[28] = f'"{lines[28]}'
    table = "\n".join(["text,label", "Train good,POS", "Train bad,NEG", *lines])
    folder = write_language(tmp_path / "nl")
    if labelled:
        (folder / "train.jsonl").unlink()
    path = folder / ("train.csv" if labelled else "unlabelled.csv")
    path.write_text(table, encoding="utf-8")
    with pytest.raises(ValueError) as raised:
        list(stream_unlabelled(read_splits(tmp_path, lang="nl", seed=0)))
    assert str(raised.value).startswith(
        f"{path}: 12 of its 43 lines are in records that are rejected, more than 20%. The largest problem: line 43: "
        "lines 32 to 43: unexpected end of data. Close its quotes"
    )


def test_splits_few_rejected_records_of_many_lines_are_no_error(tmp_path: Path) -> None:
    text = "\n".join(["A line"] * 15)
    rows = [f'"{i} {text}",{label}{",more" if i % 50 == 0 else ""}' for i in range(100) for label in ("POS", "NEG")]
    path = write_language(tmp_path / "nl") / "unlabelled.csv"
    path.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    splits = read_splits(tmp_path, lang="nl", seed=0)
    rejected = [item for item in stream_unlabelled(splits) if isinstance(item, Drop) and item.kind == "rejected"]
    assert [drop.lines for drop in rejected] == [15] * 4


@pytest.mark.parametrize(("good", "stops"), [(80, False), (79, True)])
def test_splits_unlabelled_texts_of_which_much_is_rejected_are_an_error(tmp_path: Path, good: int, stops: bool) -> None:
    lines = [*(json.dumps({"text": f"A text about {i}"}) for i in range(good)), *('{"text": 4}' for _ in range(20))]
    folder = write_unlabelled(
        write_language(tmp_path / "nl"), {"a.jsonl": "\n".join(lines[:90]), "b.jsonl": "\n".join(lines[90:])}
    )
    splits = read_splits(tmp_path, lang="nl", seed=0)
    if not stops:
        assert len(drops(splits)) == 20
        return
    with pytest.raises(ValueError) as raised:
        list(stream_unlabelled(splits))
    assert str(raised.value) == (
        f"{folder}: 20 of its 99 records are rejected, more than 20%. The first problem: {folder}/a.jsonl:80: 'text' "
        "must be a string, found 4"
    )


def test_splits_labels_that_look_the_same_are_one_and_counted(tmp_path: Path) -> None:
    rows = {split: [(f"{split} {label}", label) for label in ("p\xf3s", "neg")] for split in LEAST}
    rows["train"] += [("Een", "po\u0301s"), ("Twee", "p\xf3s\u200b")]
    folder = write_language(tmp_path / "nl", **rows)
    splits = read_splits(tmp_path, lang="nl", seed=0)
    assert splits.labels == ["neg", "p\xf3s"]
    assert splits.changed == {str(folder / f"{split}.jsonl"): 2 * (split == "train") for split in LEAST}


def test_splits_one_label_is_an_error(tmp_path: Path) -> None:
    write_language(tmp_path / "nl", **{split: [(f"{split} text", "POS")] for split in LEAST})
    with pytest.raises(ValueError) as raised:
        read_splits(tmp_path, lang="nl", seed=0)
    assert str(raised.value) == (
        f"{tmp_path}: at least two labels are needed. Found: POS. Add texts with another label, or check that the "
        "column 'label' holds the labels"
    )


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_splits_label_missing_from_a_split_is_an_error(tmp_path: Path, split: str) -> None:
    write_language(tmp_path / "nl", **{split: LEAST[split][:1]})
    with pytest.raises(ValueError) as raised:
        read_splits(tmp_path, lang="nl", seed=0)
    first = tmp_path / "nl" / ("dev.jsonl" if split == "train" else "train.jsonl")
    assert str(raised.value) == (
        f"{tmp_path}: no text with label NEG in split '{split}'. The label is on 2 texts elsewhere, the first "
        f"{first}:2. All labels: NEG, POS. If it is not misspelt, add texts with it"
    )


def test_splits_label_may_go_missing_as_a_duplicate(tmp_path: Path) -> None:
    write_language(tmp_path / "nl", dev=[("Dev good", "POS"), ("Test bad", "NEG")])
    with pytest.raises(ValueError, match="no text with label NEG in split 'dev'"):
        read_splits(tmp_path, lang="nl", seed=0)


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_splits_tables_are_read_too(tmp_path: Path, suffix: str) -> None:
    delimiter = "," if suffix == ".csv" else "\t"
    (tmp_path / "nl").mkdir()
    for split, rows in LEAST.items():
        lines = [delimiter.join(map(str, row)) for row in [("text", "label"), *rows]]
        (tmp_path / "nl" / f"{split}{suffix}").write_text("\n".join(lines), encoding="utf-8")
    splits = read_splits(tmp_path, lang="nl", seed=0)
    assert texts(splits)["dev"] == ["Dev good", "Dev bad"]


def gzipped(path: Path) -> Path:
    """Put a gzipped file in the place of a plain one."""
    target = path.with_name(f"{path.name}.gz")
    target.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return target


def write_unlabelled(folder: Path, files: dict[str, str]) -> Path:
    """Write files below <folder>/unlabelled/, gzipped where the name says so."""
    for name, content in files.items():
        path = folder / "unlabelled" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    return folder / "unlabelled"


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".tsv"])
def test_splits_gzipped_files_are_read_like_plain_ones(tmp_path: Path, suffix: str) -> None:
    delimiter = "\t" if suffix == ".tsv" else ","
    rows: dict[str, Rows] = {
        **LEAST, "train": [*LEAST["train"], ("Dev good", "POS"), ("", "POS")],
        "unlabelled": [("Unlabelled", None), ("test GOOD", None), ("", None)],
    }  # fmt: skip
    for split, part in rows.items():
        path = tmp_path / "nl" / f"{split}{suffix}"
        write_rows(path, part)
        if suffix != ".jsonl":
            lines = [delimiter.join((text, label or "")) for text, label in [("text", "label"), *part]]
            path.write_text("\n".join(lines), encoding="utf-8")
    plain = read_splits(tmp_path, lang="nl", seed=0)
    kept, dropped = texts(plain), drops(plain)
    assert kept["unlabelled"] == ["Unlabelled"]
    assert [drop.kind for drop in dropped] == ["rejected", "duplicate", "case_duplicate", "rejected"]
    for split in rows:
        gzipped(tmp_path / "nl" / f"{split}{suffix}")
    splits = read_splits(tmp_path, lang="nl", seed=0)
    assert texts(splits) == kept
    assert [record.label for record in splits.records["dev"]] == ["POS", "NEG"]
    assert [(d.file, d.line, d.kind, d.text) for d in drops(splits)] == [
        (f"{d.file}.gz", d.line, d.kind, d.text) for d in dropped
    ]
    assert list(splits.read) == [f"{file}.gz" for file in plain.read]
    assert splits.read == {f"{file}.gz": read for file, read in plain.read.items()}


def test_splits_one_gzipped_file_is_split_like_the_plain_one(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "nl.jsonl", make_rows(NEG=20, POS=20))
    plain = texts(read_splits(tmp_path, lang="nl", seed=3))
    gzipped(path)
    splits = read_splits(tmp_path, lang="nl", seed=3)
    assert texts(splits) == plain
    assert splits.read == {f"{path}.gz": 40}


@pytest.mark.parametrize("name", ["unlabelled.txt", "unlabelled.txt.gz"])
def test_splits_unlabelled_texts_may_be_lines(tmp_path: Path, name: str) -> None:
    content = "\ufeffEen tekst\r\n\r\nTEST good\r\n  Nog een, met komma  \r\n".encode()
    path = write_language(tmp_path / "nl") / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    splits = read_splits(tmp_path, lang="nl", seed=0)
    assert splits.unlabelled == {"nl": [path]}
    assert unlabelled(splits) == [
        Record("Een tekst", None, "nl", str(path), 1), Record("Nog een, met komma", None, "nl", str(path), 4),
    ]  # fmt: skip
    reason = f"same text as {tmp_path}/nl/test.jsonl:1, but for case"
    assert drops(splits) == [Drop(str(path), 3, "case_duplicate", reason, "TEST good")]


def test_splits_unlabelled_texts_may_be_a_folder_of_files(tmp_path: Path) -> None:
    folder = write_unlabelled(
        write_language(tmp_path / "nl"),
        {
            "b.txt": "Vier\nVijf\n",
            "a.jsonl.gz": '{"text": "Een"}\n{"text": ""}\n{"text": "Twee", "lang": "nl"}\n',
            "a.csv": "id,text\n7,Drie\n",
            "empty.txt": "",
            "empty.jsonl.gz": "",
            "z.tsv.gz": "text\tlabel\nZes\tPOS\n",
            ".part.jsonl": "no data",
            "README.md": "no data",
        },
    )
    splits = read_splits(tmp_path, lang="nl", seed=0)
    names = ["a.csv", "a.jsonl.gz", "b.txt", "empty.jsonl.gz", "empty.txt", "z.tsv.gz"]
    assert splits.unlabelled == {"nl": [folder / name for name in names]}
    records = unlabelled(splits)
    assert [record.text for record in records] == ["Drie", "Een", "Twee", "Vier", "Vijf", "Zes"]
    assert [(Path(record.file).relative_to(folder).as_posix(), record.line) for record in records] == [
        ("a.csv", 2), ("a.jsonl.gz", 1), ("a.jsonl.gz", 3), ("b.txt", 1), ("b.txt", 2), ("z.tsv.gz", 2),
    ]  # fmt: skip
    assert {(record.lang, record.label) for record in records} == {("nl", None)}
    assert drops(splits) == [Drop(f"{folder}/a.jsonl.gz", 2, "rejected", "'text' is empty")]
    # The labelled files alone.
    assert list(splits.read) == [f"{tmp_path}/nl/{split}.jsonl" for split in ("train", "dev", "test")]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["a.txt", "b.json"],
            "/b.json: can't be read. Expected files with one of: .jsonl, .csv, .tsv, .txt, each also",
        ),
        (["a.txt", "b.gz"], "/b.gz: can't be read. Expected files with one of: .jsonl, "),
        (["a.txt", "part"], "/part: can't be read. Expected files with one of: .jsonl, "),
        (["a.txt", "b.txt.zip"], "/b.txt.zip: can't be read. Expected files with one of: .jsonl, "),
        (["a.txt", "more/b.txt"], "/more: can't be read. Expected files with one of: .jsonl, "),
        (["a.txt", "b.txt/b.txt"], "/b.txt: can't be read. Expected files with one of: .jsonl, "),
        ([], ": no files. Add some, or remove the folder"),
        (["README.md", ".hidden.txt"], ": no files. Add some, or remove the folder"),
    ],
    ids=["json", "gzip-of-what", "no-suffix", "zip", "folder", "folder-with-suffix", "empty", "no-data"],
)
def test_splits_unlabelled_folder_that_is_no_data_is_an_error(tmp_path: Path, names: list[str], message: str) -> None:
    folder = write_language(tmp_path / "nl") / "unlabelled"
    folder.mkdir()
    for name in names:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("Een tekst", encoding="utf-8")
    with pytest.raises(ValueError) as raised:
        read_splits(tmp_path, lang="nl", seed=0)
    assert str(raised.value).startswith(f"{folder}{message}")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.jsonl": ""}, "/a.jsonl: none of its 0 records can be used. Add texts, or remove it"),
        ({"a.txt": "\n \n", "b.jsonl.gz": ""}, ": none of its 0 records can be used. Add texts, or remove it"),
        (
            {"a.jsonl": '{"text": ""}\n{"review": "A."}'},
            "/a.jsonl: none of its 2 records can be used. The first problem: line 1: 'text' is empty",
        ),
        (
            {"a.txt": "", "b.jsonl": '\n{"review": "A."}\n{"text": 4}', "c.csv.gz": "text,lang\nA.,en\n"},
            ": none of its 3 records can be used. The first problem: {}/b.jsonl:2: no 'text'. Found: 'review'",
        ),
    ],
    ids=["empty-file", "empty-files", "file", "files"],
)
def test_splits_language_without_an_unlabelled_text_that_can_be_used_is_an_error(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    # Another language's texts do not help.
    write_unlabelled(write_language(tmp_path / "en"), {"a.txt": "An English text"})
    own = {split: [(f"nl {text}", label) for text, label in LEAST[split]] for split in LEAST}
    folder = write_unlabelled(write_language(tmp_path / "nl", **own), files)
    splits = read_splits(tmp_path, lang="xx", seed=0)
    with pytest.raises(ValueError) as raised:
        list(stream_unlabelled(splits))
    assert str(raised.value) == f"{folder}{message.format(folder)}"


@pytest.mark.parametrize("line", ["Train good", f"{LONG}!"], ids=["duplicate", "near-copy"])
def test_splits_unlabelled_texts_may_all_be_known(tmp_path: Path, line: str) -> None:
    folder = write_language(tmp_path / "nl", test=[*LEAST["test"], (LONG, "POS")])
    (folder / "unlabelled.txt").write_text(line, encoding="utf-8")
    splits = read_splits(tmp_path, lang="nl", seed=0)
    assert texts(splits)["unlabelled"] == []
    assert [(drop.file, drop.line, drop.text) for drop in drops(splits)] == [(f"{folder}/unlabelled.txt", 1, line)]


def test_splits_unlabelled_duplicates_and_near_copies_are_dropped(tmp_path: Path) -> None:
    nl = write_language(tmp_path / "nl", dev=[*LEAST["dev"], (LONG, "POS")], train=[*LEAST["train"], ("Goed!", "POS")])
    own = {split: [(f"en {text}", label) for text, label in LEAST[split]] for split in LEAST}
    en = write_language(tmp_path / "en", **own)
    write_unlabelled(en, {"a.txt": "Super\nOnly here\nNL TRAIN\n", "b.jsonl": '{"text": "only  HERE"}\n'})
    write_unlabelled(
        nl,
        {
            "a.txt": f"goed!\nSUPER\n{LONG.upper()}?\nNieuw\n",
            "b.csv.gz": f'text\nnieuw\n"{LONG.upper()}?"\n"{LONG}"\nDev GOOD\n',
        },
    )
    splits = read_splits(tmp_path, lang="xx", seed=0)
    assert [(record.lang, record.text) for record in unlabelled(splits)] == [
        ("en", "Super"), ("en", "Only here"), ("en", "NL TRAIN"), ("nl", "Nieuw"),
    ]  # fmt: skip
    earlier = "same text as an earlier unlabelled one"
    but_case: tuple[Kind, str] = ("case_duplicate", f"{earlier}, but for case")
    assert drops(splits) == [
        Drop(f"{en}/unlabelled/b.jsonl", 1, *but_case, "only  HERE"),
        Drop(f"{nl}/unlabelled/a.txt", 1, "case_duplicate", f"same text as {nl}/train.jsonl:3, but for case", "goed!"),
        Drop(f"{nl}/unlabelled/a.txt", 2, *but_case, "SUPER"),
        Drop(f"{nl}/unlabelled/a.txt", 3, "near_copy", f"nearly the same text as {nl}/dev.jsonl:3", f"{LONG.upper()}?"),
        Drop(f"{nl}/unlabelled/b.csv.gz", 2, *but_case, "nieuw"),
        Drop(f"{nl}/unlabelled/b.csv.gz", 3, "duplicate", earlier, f"{LONG.upper()}?"),
        Drop(f"{nl}/unlabelled/b.csv.gz", 4, "duplicate", f"same text as {nl}/dev.jsonl:3", LONG),
        Drop(
            f"{nl}/unlabelled/b.csv.gz", 5, "case_duplicate", f"same text as {nl}/dev.jsonl:1, but for case", "Dev GOOD"
        ),
    ]
    # Alone, Dutch does not know the English texts.
    alone = read_splits(tmp_path, lang="nl", seed=0)
    assert [record.text for record in unlabelled(alone)] == ["SUPER", "Nieuw"]


def test_splits_unlabelled_copy_of_a_dropped_train_text_is_dropped(tmp_path: Path) -> None:
    # The train text goes as a near copy of a test text, and so does the unlabelled one.
    folder = write_language(
        tmp_path / "nl",
        test=[*LEAST["test"], (LONG, "POS")],
        train=[*LEAST["train"], (f"{LONG}!", "POS")],
        unlabelled=[("Unlabelled", None), (f"{LONG}!".upper(), None)],
    )
    splits = read_splits(tmp_path, lang="nl", seed=0)
    assert texts(splits)["unlabelled"] == ["Unlabelled"]
    reason = f"nearly the same text as {folder}/test.jsonl:3"
    assert [(drop.kind, drop.reason) for drop in drops(splits)] == [("near_copy", reason)] * 2


def test_splits_unlabelled_texts_are_read_only_when_asked_for(tmp_path: Path) -> None:
    nl = write_language(tmp_path / "nl")
    folder = write_unlabelled(nl, {"a.txt": "Een\nTEST good\nTwee\n", "b.txt": "Drie"})
    (folder / "c.jsonl.gz").write_bytes(gzip.compress(b'{"text": "Vier"}')[:-1])
    splits = read_splits(tmp_path, lang="nl", seed=0)
    stream = stream_unlabelled(splits)
    assert next(stream) == Record("Een", None, "nl", f"{folder}/a.txt", 1)
    # It has not been read yet.
    (folder / "b.txt").write_text("Vijf", encoding="utf-8")
    reason = f"same text as {nl}/test.jsonl:1, but for case"
    assert next(stream) == Drop(f"{folder}/a.txt", 2, "case_duplicate", reason, "TEST good")
    assert next(stream) == Record("Twee", None, "nl", f"{folder}/a.txt", 3)
    assert next(stream) == Record("Vijf", None, "nl", f"{folder}/b.txt", 1)
    with pytest.raises(ValueError, match=r"unlabelled/c\.jsonl\.gz: broken gzip"):
        next(stream)


def test_splits_broken_labelled_gzip_is_an_error(tmp_path: Path) -> None:
    path = gzipped(write_language(tmp_path / "nl") / "dev.jsonl")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError) as raised:
        read_splits(tmp_path, lang="nl", seed=0)
    assert str(raised.value).startswith(f"{path}: broken gzip (Compressed file ended before")


def test_splits_one_labelled_and_one_unlabelled_file_are_enough(tmp_path: Path) -> None:
    write_rows(tmp_path / "nl" / "labelled.jsonl", make_rows(POS=10, NEG=10))
    (tmp_path / "nl" / "unlabelled.txt").write_text("Gisteren ontvangen\n", encoding="utf-8")
    splits = read_splits(tmp_path, lang="nl", seed=0)
    assert {split: len(part) for split, part in splits.records.items()} == {"train": 12, "dev": 4, "test": 4}
    assert [record.text for record in unlabelled(splits)] == ["Gisteren ontvangen"]
    # The same split as of one file for the language.
    write_rows(tmp_path / "other" / "nl.jsonl", make_rows(POS=10, NEG=10))
    assert texts(splits)["test"] == texts(read_splits(tmp_path / "other", lang="nl", seed=0))["test"]


def test_splits_labelled_file_beside_a_split_is_an_error(tmp_path: Path) -> None:
    write_language(tmp_path / "nl")
    labelled = write_rows(tmp_path / "nl" / "labelled.jsonl", make_rows(POS=10, NEG=10))
    with pytest.raises(ValueError, match=f"{labelled}: is split by seed, but there is .*train.jsonl, too. Keep one"):
        read_splits(tmp_path, lang="nl", seed=0)
