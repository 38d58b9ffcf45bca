import gzip
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import spacy

from scripts.distill.data.records import MAX_CHARACTERS, Drop, Record, read_records, stream_records
from scripts.distill.data.text_files import split_name

UNLABELLED_INSTEAD = "Give one, or move the text to the unlabelled texts"

# One file of each kind, with a good record, a bad one and another good one.
ORIGINS = {
    ".jsonl": '{"text": "Één.", "stars": 5}\n{"text": "", "stars": 1}\n\n{"text": "Twee\\n.", "stars": 1}\n',
    ".csv": 'text,stars\nÉén.,5\n,1\n"Twee\n.",1\n',
    ".tsv": 'text\tstars\nÉén.\t5\n\t1\n"Twee\n."\t1\n',
    ".txt": "Één.\n\nTwee .\n",
}
# Random, so that it stays long when it is compressed: longer than what is read ahead.
NOISE = "".join(random.Random(0).choices("abcdefghijklmnopqrstuvwxyz", k=200_000))


def read_one(folder: Path, record: dict[str, Any], *, labelled: bool = True) -> Record | Drop:
    """Read a JSONL file of one record: the record it became, or the reason why it did not."""
    path = folder / "one.jsonl"
    path.write_text(json.dumps(record), encoding="utf-8")
    records, drops = read_records(path, lang="en", labelled=labelled)
    assert len(records) + len(drops) == 1
    return (*records, *drops)[0]


def read_text(
    folder: Path, name: str, content: str | bytes, *, labelled: bool = True
) -> tuple[list[Record], list[Drop]]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_records(path, lang="en", labelled=labelled)


def test_records_jsonl_keeps_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    lines = ['{"text": " Fijn. ", "stars": 5}', "", '{"text": "Één\\nslecht.", "label": "bad", "lang": "nl"}', "  "]
    path.write_text("\n".join(lines), encoding="utf-8")
    records, drops = read_records(path, lang="nl")
    assert records == [
        Record(text="Fijn.", label="POS", lang="nl", file=str(path), line=1),
        Record(text="Één\nslecht.", label="bad", lang="nl", file=str(path), line=3),
    ]
    assert drops == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": "Nice"', "not valid JSON: Expecting ',' delimiter"),
        ("Nice", "not valid JSON: Expecting value: line 1 column 1 (char 0)"),
        ("{'text': 'Nice'}", "not valid JSON: Expecting property name enclosed in double quotes"),
        ('["Nice", 4]', "expected a JSON object, found a list"),
        ('"Nice"', "expected a JSON object, found a str"),
        ("4", "expected a JSON object, found a int"),
        ("null", "expected a JSON object, found a NoneType"),
        ('{"text": "Nice", "text": "Bad", "stars": 4}', "not valid JSON: key 'text' is there twice"),
        # Half a surrogate pair can be read but never written; it may stand in any place.
        ('{"text": "Nice \\ud83d", "stars": 4}', "not valid JSON: 'utf-8' codec can't encode character '\\ud83d'"),
        ('{"\\ud83d": 1}', "not valid JSON: 'utf-8' codec can't encode character '\\ud83d'"),
        # Python's own limits.
        ('{"text": "Nice", "stars": ' + "9" * 5000 + "}", "not valid JSON: Exceeds the limit"),
        ("[" * 100_000, "not valid JSON: maximum recursion depth exceeded"),
    ],
    ids=[
        "cut", "no-json", "single-quotes", "list", "string", "number", "null", "key-twice", "surrogate",
        "surrogate-key", "digits", "deep",
    ],
)  # fmt: skip
def test_records_line_that_is_no_object_is_rejected(tmp_path: Path, line: str, reason: str) -> None:
    good = '{"text": "Good.", "stars": 4}'
    records, drops = read_text(tmp_path, "a.jsonl", f"{good}\n{line}\n{good}\n")
    assert [record.line for record in records] == [1, 3]
    assert [(drop.file, drop.line, drop.kind) for drop in drops] == [(str(tmp_path / "a.jsonl"), 2, "rejected")]
    assert drops[0].reason.startswith(reason)
    assert drops[0].text == ""


def test_records_surrogate_pair_is_a_character(tmp_path: Path) -> None:
    records, drops = read_text(tmp_path, "a.jsonl", '{"text": "Nice \\ud83d\\ude00", "stars": 4}')
    assert [record.text for record in records] == ["Nice 😀"]
    assert drops == []


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"review": "Nice", "stars": 4}, "no 'text'. Found: 'review', 'stars'"),
        ({}, "no 'text'. Found: nothing"),
        ({"text": None, "stars": 4}, "'text' is empty"),
        ({"text": "", "stars": 4}, "'text' is empty"),
        ({"text": " \n\t", "stars": 4}, "'text' is empty"),
        ({"text": 42, "stars": 4}, "'text' must be a string, found 42"),
        ({"text": False, "stars": 4}, "'text' must be a string, found False"),
        ({"text": ["Nice"], "stars": 4}, "'text' must be a string, found ['Nice']"),
        ({"text": "Ni\0ce", "stars": 4}, "'text' has the character NUL. It was damaged on its way here"),
        (
            {"text": "a " * 500_000 + "end", "stars": 4},
            "'text' has 1,000,003 characters, spaCy takes 1,000,000. Cut it, or split it",
        ),
    ],
    ids=["other-name", "empty-object", "null", "empty", "blank", "number", "bool", "list", "nul", "too-long"],
)
def test_records_text_is_required(tmp_path: Path, record: dict[str, Any], reason: str) -> None:
    for labelled in (True, False):
        found = read_one(tmp_path, record, labelled=labelled)
        assert found == Drop(str(tmp_path / "one.jsonl"), 1, "rejected", reason, "")


def test_records_text_may_be_as_long_as_spacy_takes_it(tmp_path: Path) -> None:
    assert spacy.blank("xx").max_length == MAX_CHARACTERS
    text = "a " * (MAX_CHARACTERS // 2 - 1) + "b."
    assert read_one(tmp_path, {"text": f" {text}\n", "stars": 4}) == Record(
        text, "POS", "en", f"{tmp_path}/one.jsonl", 1
    )


@pytest.mark.parametrize(
    ("stars", "label"),
    [(1, "NEG"), (2, "NEG"), (4, "POS"), (5, "POS"), (4.0, "POS"), (1.0, "NEG"), ("4", "POS"), ("1", "NEG"),
     (" 5 ", "POS"), ("2.0", "NEG")],
)  # fmt: skip
def test_records_stars_become_labels(tmp_path: Path, stars: Any, label: str) -> None:
    assert read_one(tmp_path, {"text": "A.", "stars": stars}) == Record("A.", label, "en", f"{tmp_path}/one.jsonl", 1)


@pytest.mark.parametrize("stars", [3, 3.0, "3"])
@pytest.mark.parametrize("label", [None, "NEG", ""])
def test_records_three_stars_are_neutral(tmp_path: Path, stars: Any, label: str | None) -> None:
    found = read_one(tmp_path, {"text": "So so.", "stars": stars, "label": label})
    assert found == Drop(str(tmp_path / "one.jsonl"), 1, "neutral", "3 stars", "So so.")


@pytest.mark.parametrize(
    "stars",
    [0, 6, -4, 3.5, 4.5, True, False, "four", "", [4], {"n": 4}, float("nan"), float("inf"), 10**400],
    ids=[
        "zero", "six", "negative", "halved", "half", "true", "false", "word", "empty", "list", "object", "nan",
        "inf", "too-large-for-a-float",
    ],
)  # fmt: skip
def test_records_impossible_stars_are_rejected(tmp_path: Path, stars: Any) -> None:
    record = {"text": "A.", "stars": stars, "label": "POS"}
    reason = f"'stars' must be 1, 2, 3, 4 or 5, found {stars!r}"
    assert read_one(tmp_path, record) == Drop(str(tmp_path / "one.jsonl"), 1, "rejected", reason, "A.")
    assert read_one(tmp_path, record, labelled=False) == Record("A.", None, "en", str(tmp_path / "one.jsonl"), 1)


@pytest.mark.parametrize("stars", [1, 3, 5, "n/a"])
def test_records_stars_say_nothing_about_a_label_that_is_no_sentiment(tmp_path: Path, stars: Any) -> None:
    found = read_one(tmp_path, {"text": "A.", "stars": stars, "label": "books"})
    assert found == Record("A.", "books", "en", str(tmp_path / "one.jsonl"), 1)


@pytest.mark.parametrize(
    ("label", "expected"),
    [("POS", "POS"), (" a b ", "a b"), ("pos", "pos"), (0, "0"), (7, "7"), ("7", "7"), (1.0, "1")],
    ids=["string", "trimmed", "case", "zero", "integer", "digit", "float"],
)
def test_records_any_label_without_stars_is_taken(tmp_path: Path, label: Any, expected: str) -> None:
    for record in ({"text": "A.", "label": label}, {"text": "A.", "label": label, "stars": None}):
        assert read_one(tmp_path, record) == Record("A.", expected, "en", str(tmp_path / "one.jsonl"), 1)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"label": "NEG", "stars": 5}, "label 'NEG' contradicts 5 stars (POS)"),
        ({"label": "POS", "stars": "2"}, "label 'POS' contradicts 2 stars (NEG)"),
        ({"label": "Pos", "stars": 1}, "label 'Pos' contradicts 1 stars (NEG)"),
        ({}, "neither 'label' nor 'stars'. Found: 'text'. Call what holds the labels 'label'"),
        ({" label": "POS"}, "neither 'label' nor 'stars'. Found: 'text', ' label'. Call what holds the labels 'label'"),
        ({"label": None, "stars": None}, f"'label' and 'stars' are empty. {UNLABELLED_INSTEAD}"),
        ({"label": None}, f"'label' is empty. {UNLABELLED_INSTEAD}"),
        ({"stars": None}, f"'stars' is empty. {UNLABELLED_INSTEAD}"),
        ({"label": ""}, f"'label' is empty. {UNLABELLED_INSTEAD}"),
        ({"label": "  ", "stars": 4}, f"'label' is empty. {UNLABELLED_INSTEAD}"),
        ({"label": "\u200b"}, f"'label' is empty. {UNLABELLED_INSTEAD}"),
        ({"label": True}, "'label' must be a string or a whole number, found True"),
        ({"label": 1.5}, "'label' must be a string or a whole number, found 1.5"),
        ({"label": float("nan")}, "'label' must be a string or a whole number, found nan"),
        ({"label": ["POS"]}, "'label' must be a string or a whole number, found ['POS']"),
    ],
)
def test_records_bad_labels_are_rejected(tmp_path: Path, record: dict[str, Any], reason: str) -> None:
    found = read_one(tmp_path, {"text": "A.", **record})
    assert found == Drop(str(tmp_path / "one.jsonl"), 1, "rejected", reason, "A.")


@pytest.mark.parametrize("label", ["po\u0301s", "p\xf3s\u200b", "\ufeffp\xf3s", "p\xf3\xads"])
def test_records_label_that_looks_the_same_is_the_same(tmp_path: Path, label: str) -> None:
    found = read_one(tmp_path, {"text": "A.", "label": label})
    assert found == Record("A.", "p\xf3s", "en", f"{tmp_path}/one.jsonl", 1, label_changed=True)


def test_records_label_may_repeat_the_stars(tmp_path: Path) -> None:
    found = read_one(tmp_path, {"text": "A.", "label": " POS", "stars": 4})
    assert found == Record("A.", "POS", "en", str(tmp_path / "one.jsonl"), 1)


@pytest.mark.parametrize("record", [{}, {"stars": 3}, {"label": "NEG", "stars": 5}, {"label": 1.5}])
def test_records_unlabelled_texts_have_no_label(tmp_path: Path, record: dict[str, Any]) -> None:
    found = read_one(tmp_path, {"text": "A.", **record}, labelled=False)
    assert found == Record("A.", None, "en", str(tmp_path / "one.jsonl"), 1)


@pytest.mark.parametrize("lang", ["nl", "EN", "", 1], ids=str)
def test_records_other_language_is_rejected(tmp_path: Path, lang: Any) -> None:
    found = read_one(tmp_path, {"text": "A.", "stars": 4, "lang": lang})
    reason = f"'lang' is {lang!r}, but the file is in the place for 'en'. Correct it, or move the record"
    assert found == Drop(str(tmp_path / "one.jsonl"), 1, "rejected", reason, "A.")


@pytest.mark.parametrize("lang", ["en", None])
def test_records_language_may_be_left_out(tmp_path: Path, lang: str | None) -> None:
    found = read_one(tmp_path, {"text": "A.", "stars": 4, "lang": lang})
    assert found == Record("A.", "POS", "en", str(tmp_path / "one.jsonl"), 1)


@pytest.mark.parametrize("bom", ["", "\ufeff"], ids=["plain", "bom"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize(("suffix", "delimiter"), [(".csv", ","), (".tsv", "\t")])
def test_records_tables(tmp_path: Path, bom: str, end: str, suffix: str, delimiter: str) -> None:
    rows = [
        ["text", "id", "stars", "label", "lang"],
        ['"Nice, cheap; good\tvalue"', "a", "4", "", "en"],
        ['"Three\nlines,\r\n""quoted"" "', "b", "", "NEG", ""],
        ["Last", "c", "1", "", ""],
    ]
    name = f"train{suffix}"
    records, drops = read_text(tmp_path, name, bom + end.join(map(delimiter.join, rows)) + end)
    file = str(tmp_path / name)
    assert records == [
        Record("Nice, cheap; good\tvalue", "POS", "en", file, 2),
        # The line that the record ends on.
        Record('Three\nlines,\r\n"quoted"', "NEG", "en", file, 5),
        Record("Last", "NEG", "en", file, 6),
    ]
    assert drops == []


def test_records_jsonl_may_have_a_bom(tmp_path: Path) -> None:
    records, drops = read_text(tmp_path, "a.jsonl", '\ufeff{"text": "A.", "stars": 4}\r\n{"text": "B.", "stars": 1}')
    assert [(record.text, record.line) for record in records] == [("A.", 1), ("B.", 2)]
    assert drops == []


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("Nice", "expected 3 columns, found 1"),
        ("Nice,4", "expected 3 columns, found 2"),
        ("Nice, cheap,4,", "expected 3 columns, found 4"),
        ("Nice, cheap, good,4,", "expected 3 columns, found 5"),
        (",4,", "'text' is empty"),
        ("Nice,,", f"'label' and 'stars' are empty. {UNLABELLED_INSTEAD}"),
        ("Nice,9,", "'stars' must be 1, 2, 3, 4 or 5, found '9'"),
        ('"Nice" phone,4,', "lines 2 to 2: ',' expected after '\"'. Close its quotes, and double those inside quotes"),
    ],
    ids=["one", "two", "four", "five", "no-text", "no-label", "stars", "quotes"],
)
def test_records_bad_row_is_rejected(tmp_path: Path, row: str, reason: str) -> None:
    records, drops = read_text(tmp_path, "a.csv", f"text,stars,label\n{row}\nLast,1,\n")
    assert [(record.text, record.line) for record in records] == [("Last", 3)]
    assert [(drop.file, drop.line, drop.kind) for drop in drops] == [(str(tmp_path / "a.csv"), 2, "rejected")]
    assert drops[0].reason.startswith(reason)


def test_records_open_quote_does_not_swallow_the_rest_in_silence(tmp_path: Path) -> None:
    records, drops = read_text(tmp_path, "a.csv", 'stars,text\n4,A.\n1,"B.\n2,C.\n4,D.\n')
    assert [record.text for record in records] == ["A."]
    assert [drop.line for drop in drops] == [5]
    assert drops[0].reason.startswith("lines 3 to 5: unexpected end of data. Close its quotes")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "review,stars\nNice,4\n", ":1: no column 'text'. Found: ['review', 'stars']. The first line must "),
        ("a.tsv", "text,stars\nNice,4\n", ":1: the columns are separated by ','. .tsv is read with "),
        ("a.csv", "", ":1: no column 'text'. Found: nothing. The first line must name the col"),
        ("a.csv", '"text"s,stars\nNice,4\n', ":1: can't read the names of the columns: ',' expected after '\"'"),
        ("a.jsonl", b'{"text": "caf\xe9"}\n', ":1: not UTF-8 (invalid continuation byte, bytes b'\\xe9'). Convert"),
        ("a.csv", b"text,stars\ncaf\xe9,4\n", ":2: not UTF-8 (invalid continuation byte, bytes b'\\xe9'). Convert"),
        ("a.json", "[]", ": unknown kind of file. Expected one of: .jsonl, .csv, .tsv, each also with .gz"),
        # There is no place for a label.
        ("a.txt", "Nice", ": unknown kind of file. Expected one of: .jsonl, .csv, .tsv, each also with .gz"),
        ("a.txt.gz", "Nice", ": unknown kind of file. Expected one of: .jsonl, .csv, .tsv, each also with .gz"),
        ("a", "Nice", ": unknown kind of file. Expected one of: .jsonl, .csv, .tsv, each also with .gz"),
        ("a.gz", "Nice", ": unknown kind of file. Expected one of: .jsonl, .csv, .tsv, each also with .gz"),
        ("a.csv.zip", "Nice", ": unknown kind of file. Expected one of: .jsonl, .csv, .tsv, each also with .gz"),
        ("a.jsonl", gzip.compress(b'{"text": "A"}'), ": gzipped, but its name says otherwise. Rename it to a.jsonl.gz"),
        ("a.csv", gzip.compress(b"text,stars\nA,4"), ": gzipped, but its name says otherwise. Rename it to a.csv.gz"),
        ("a.jsonl.gz", gzip.compress(b'"caf\xe9"'), ":1: not UTF-8 (invalid continuation byte, bytes b'\\xe9'). Con"),
        ("a.csv.gz", gzip.compress(b"review\nNice\n"), ":1: no column 'text'. Found: ['review']. The first line must "),
    ],
    ids=[
        "csv", "tsv", "empty", "header", "latin-1", "latin-1-csv", "json", "txt", "gzipped-txt", "no-suffix",
        "gzip-of-what", "zip", "gzip-as-jsonl", "gzip-as-csv", "gzipped-latin-1", "gzipped-csv",
    ],
)  # fmt: skip
def test_records_file_that_cannot_be_read_is_an_error(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(ValueError) as raised:
        read_text(tmp_path, name, content)
    assert str(raised.value).startswith(f"{tmp_path / name}{message}")


def test_records_every_record_is_kept_or_dropped(tmp_path: Path) -> None:
    lines = [
        '{"text": "A.", "stars": 1}', "{", '{"text": "B.", "stars": 3}', "[]", '{"text": "C."}',
        '{"text": "D.", "label": "x"}', '{"text": "E.", "stars": 8}',
    ]  # fmt: skip
    records, drops = read_text(tmp_path, "a.jsonl", "\n".join(lines))
    assert [record.line for record in records] == [1, 6]
    assert [(drop.line, drop.kind, drop.text) for drop in drops] == [
        (2, "rejected", ""), (3, "neutral", "B."), (4, "rejected", ""), (5, "rejected", "C."), (7, "rejected", "E."),
    ]  # fmt: skip


@pytest.mark.parametrize("bom", ["", "\ufeff"], ids=["plain", "bom"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_records_txt_has_one_text_per_line(tmp_path: Path, bom: str, end: str) -> None:
    # What looks like a table or JSON, or has another separator than the end of a line, is text too.
    lines = ["Één, 1.", "", " \t", "  Twee\t. ", '{"text": "Drie"}', "", '"Vier', "Vijf\u2028.\x85"]
    records, drops = read_text(tmp_path, "a.txt", bom + end.join(lines), labelled=False)
    file = str(tmp_path / "a.txt")
    assert records == [
        Record(text, None, "en", file, line)
        for line, text in [(1, "Één, 1."), (4, "Twee\t."), (5, '{"text": "Drie"}'), (7, '"Vier'), (8, "Vijf\u2028.")]
    ]
    assert drops == []


@pytest.mark.parametrize("content", ["", "\ufeff", "\n\r\n \t\n"], ids=["empty", "bom", "blank"])
def test_records_txt_may_have_no_text(tmp_path: Path, content: str) -> None:
    assert read_text(tmp_path, "a.txt", content, labelled=False) == ([], [])


def test_records_txt_that_is_no_utf8_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError) as raised:
        read_text(tmp_path, "a.txt", "café\n".encode("latin-1"), labelled=False)
    assert str(raised.value).startswith(f"{tmp_path}/a.txt:1: not UTF-8 (invalid continuation byte, bytes b'\\xe9'). ")


def test_records_unlabelled_file_of_an_unknown_kind_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError) as raised:
        read_text(tmp_path, "a.md", "Nice", labelled=False)
    expected = ".jsonl, .csv, .tsv, .txt, each also with .gz"
    assert str(raised.value) == f"{tmp_path}/a.md: unknown kind of file. Expected one of: {expected}"


@pytest.mark.parametrize("bom", ["", "\ufeff"], ids=["plain", "bom"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize(
    ("suffix", "labelled"),
    [(suffix, labelled) for suffix in ORIGINS for labelled in (True, False) if suffix != ".txt" or not labelled],
)
def test_records_gzipped_file_is_read_like_the_plain_one(
    tmp_path: Path, suffix: str, labelled: bool, end: str, bom: str
) -> None:
    content = (bom + ORIGINS[suffix].replace("\n", end)).encode()
    plain = read_text(tmp_path, f"a{suffix}", content, labelled=labelled)
    assert [len(part) for part in plain] == [2, 0 if suffix == ".txt" else 1]
    records, drops = read_text(tmp_path, f"a{suffix}.gz", gzip.compress(content), labelled=labelled)
    assert ([record.text for record in records], records[1].line) == (
        [record.text for record in plain[0]], plain[0][1].line,
    )  # fmt: skip
    file = f"{tmp_path}/a{suffix}.gz"
    assert (records, drops) == tuple([replace(item, file=file) for item in part] for part in plain)


def test_records_gzipped_file_of_several_parts_is_read_whole(tmp_path: Path) -> None:
    content = gzip.compress(b"One\nTw") + gzip.compress(b"") + gzip.compress(b"o\nThree")
    records, drops = read_text(tmp_path, "a.txt.gz", content, labelled=False)
    assert [(record.text, record.line) for record in records] == [("One", 1), ("Two", 2), ("Three", 3)]
    assert drops == []


def _broken_gzip(kind: str, content: bytes) -> tuple[bytes, str]:
    """A gzipped file that is broken in some way, and what the message says about it."""
    whole = gzip.compress(content, mtime=0)
    cut = "Compressed file ended before the end-of-stream marker was reached"
    return {
        "plain": (content, f"Not a gzipped file ({content[:2]!r})"),
        # gzip itself would take it for a file without texts.
        "empty": (b"", "the file is empty"),
        "cut-start": (whole[:5], cut),
        "cut-text": (whole[: len(whole) // 2], cut),
        "cut-checksum": (whole[:-1], cut),
        "other-checksum": (whole[:-8] + bytes(4) + whole[-4:], "CRC check failed"),
        "other-data": (
            whole[:10] + b"\xff" * (len(whole) - 10),
            "Error -3 while decompressing data",
        ),
        "more-after": (whole + b"more", "Not a gzipped file (b'mo')"),
    }[kind]


@pytest.mark.parametrize(
    "kind", ["plain", "empty", "cut-start", "cut-text", "cut-checksum", "other-checksum", "other-data", "more-after"]
)
@pytest.mark.parametrize("suffix", ORIGINS)
def test_records_broken_gzip_is_an_error(tmp_path: Path, suffix: str, kind: str) -> None:
    content, message = _broken_gzip(kind, ORIGINS[suffix].encode())
    with pytest.raises(ValueError) as raised:
        read_text(tmp_path, f"a{suffix}.gz", content, labelled=False)
    assert str(raised.value).startswith(f"{tmp_path}/a{suffix}.gz: broken gzip ({message}")
    assert str(raised.value).endswith("). Compress it anew; `gzip -t` tests it")


@pytest.mark.parametrize(
    ("name", "head"),
    [("a.jsonl.gz", '{"text": "First"}\n'), ("a.csv.gz", "text\nFirst\n"), ("a.txt.gz", "First\n")],
)
def test_records_stream_gives_a_record_before_it_reads_the_next(tmp_path: Path, name: str, head: str) -> None:
    whole = gzip.compress((head + NOISE).encode())
    path = tmp_path / name
    path.write_bytes(whole[:-20])
    stream = stream_records(path, lang="en", labelled=False)
    assert next(stream) == Record("First", None, "en", str(path), head.count("\n"))
    with pytest.raises(ValueError, match=f"{name}: broken gzip"):
        list(stream)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("train.jsonl", ("train", ".jsonl")),
        ("train.jsonl.gz", ("train", ".jsonl")),
        ("a.b.csv.gz", ("a.b", ".csv")),
        ("train", ("train", "")),
        ("train.gz", ("train", "")),
        ("train.txt.gz.gz", ("train.txt", ".gz")),
        ("train.jsonl.GZ", ("train.jsonl", ".GZ")),
    ],
)
def test_records_name_is_split_from_its_suffixes(name: str, expected: tuple[str, str]) -> None:
    assert split_name(Path("data") / name) == expected


# --- Files of another kind than their name says ---


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("text,label", ".csv"),
        ("label\ttext\tstars", ".tsv"),
        ('"text","label"', ".csv"),
        ('{"text": "Nice."}', ".jsonl"),
    ],
)
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_records_table_or_json_in_a_txt_file_is_refused(tmp_path: Path, line: str, kind: str, packed: str) -> None:
    path = tmp_path / f"unlabelled.txt{packed}"
    content = f"{line}\nNice,POS\n".encode()
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(ValueError, match=rf"{path}:1: .* is no text, .* Rename it to unlabelled{kind}{packed}"):
        read_records(path, lang="en", labelled=False)


@pytest.mark.parametrize("line", ["Nice, text, fine", "text", '"text"', "{text}", "12", "[1, 2]", "A,text with blanks"])
def test_records_text_that_only_begins_like_a_table_is_text(tmp_path: Path, line: str) -> None:
    path = tmp_path / "unlabelled.txt"
    path.write_text(f"{line}\nNice.\n", encoding="utf-8")
    records, drops = read_records(path, lang="en", labelled=False)
    assert ([record.text for record in records], drops) == ([line, "Nice."], [])
