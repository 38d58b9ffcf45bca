import gzip
from pathlib import Path
from typing import Any

import pytest

from scripts.distill.data import tables
from scripts.distill.data.tables import read_table
from scripts.distill.data.text_files import InvalidRecord

ADVICE = "Close its quotes, and double those inside quotes. If quotes are characters like others in this file, name it "


def read(folder: Path, content: str, name: str = "train.tsv") -> list[tuple[int, Any]]:
    path = folder / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    return list(read_table(path))


def rejected(rows: list[tuple[int, Any]]) -> list[tuple[int, str]]:
    return [(line, str(row)) for line, row in rows if isinstance(row, InvalidRecord)]


UNQUOTED = [
    "text\tlabel", "Fine\tPOS", "Poor\tNEG", '"Great" is what they say\tPOS', '"Never again, she said\tNEG',
    "Nice\tPOS", 'The screen is 5"\tNEG', "Good\tPOS",
]  # fmt: skip


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_tables_unquoted_table_is_not_swallowed_in_silence(tmp_path: Path, end: str) -> None:
    rows = read(tmp_path, end.join(UNQUOTED) + end)
    assert [line for line, row in rows if not isinstance(row, InvalidRecord)] == [2, 3, 8]
    reason = "lines 5 to 7: in one pair of quotes, each of them a record of its own"
    assert rejected(rows) == [
        (4, f"lines 4 to 4: '\t' expected after '\"'. {ADVICE}train.unquoted.tsv"),
        (7, f"{reason}. {ADVICE}train.unquoted.tsv"),
    ]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        # The text stands first, last or between; two lines; the first records of the file; stars; no labels.
        (['"A\tPOS', 'b"\tNEG'], "text\tlabel"),
        (["POS\tNice", 'POS\t"A', 'NEG\tb"'], "label\ttext"),
        (["1\tNice\t5", "2\tBad\t1", '3\t"A\t5', '4\tb"\t1'], "id\ttext\tstars"),
        (["1\tNice", '2\t"A', '3\tb"'], "id\ttext"),
    ],
    ids=["first", "last", "between", "unlabelled"],
)
def test_tables_two_records_in_one_pair_of_quotes_are_found(tmp_path: Path, lines: list[str], found: str) -> None:
    end = len(lines) + 1
    [(line, reason)] = rejected(read(tmp_path, "\n".join([found, *lines])))
    assert line == end
    assert reason.startswith(f"lines {end - 1} to {end}: in one pair of quotes, each of them a record of its own")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('text,label\n"Good, but\ncheap",POS\n', "a.csv"),
        ('text,label\nA,POS\nB,NEG\n"It costs 1,000\nCheap",POS\n', "a.csv"),
        ('label,text\nPOS,"Good\nand cheap"\n', "a.csv"),
        ('text\n"One column\nof texts"\n', "a.csv"),
        ('id\ttext\n1\t"Line\n\nline"\n', "a.tsv"),
        ('text,id\n"Too small,too thin\nand dear",7\n', "a.csv"),
        ('id,text\n7,"Far too small\nand thin,and dear"\n', "a.csv"),
        ('id,text,label\n1,"A list:\nb,c\nd,e",POS\n', "a.csv"),
    ],
    ids=["sentence", "number", "last", "one-column", "tsv", "words-last", "words-first", "list"],
)
def test_tables_text_may_have_line_breaks(tmp_path: Path, content: str, name: str) -> None:
    rows = read(tmp_path, content, name)
    assert rejected(rows) == []
    assert "\n" in rows[-1][1]["text"]


@pytest.mark.parametrize("name", ["train.unquoted.tsv", "train.unquoted.tsv.gz"])
def test_tables_name_says_that_there_is_no_quoting(tmp_path: Path, name: str) -> None:
    rows = read(tmp_path, "\n".join(UNQUOTED), name)
    expected = [line.split("\t") for line in UNQUOTED[1:]]
    assert [(row["text"], row["label"]) for _, row in rows] == [tuple(cells) for cells in expected]
    assert [line for line, _ in rows] == list(range(2, 9))


def test_tables_long_cell_is_one_cell(tmp_path: Path) -> None:
    # Python's own limit is 131,072 characters. What follows it became a record of its own.
    long = "x" * 140_000 + "\nB,NEG\n"
    rows = read(tmp_path, f'text,label\n"{long}",POS\nC,NEG\n', "a.csv")
    assert [(line, row["text"]) for line, row in rows] == [(4, long), (5, "C")]


def test_tables_cell_without_end_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_CELL", 1000)
    with pytest.raises(ValueError) as raised:
        read(tmp_path, 'text,label\nA,POS\n"B,NEG\n' + "C,POS\n" * 500, "a.csv")
    assert str(raised.value).startswith(f"{tmp_path}/a.csv: lines 3 to 169: a cell of over 1,000 characters. Close its")


@pytest.mark.parametrize("header", ["text\tlabel\ttext", "text\tlabel\t text ", "text\tid\tid"])
def test_tables_column_named_twice_is_an_error(tmp_path: Path, header: str) -> None:
    with pytest.raises(
        ValueError, match=r"train.tsv:1: column '(text|id)' is named twice. Found: \['text', .*Keep one"
    ):
        read(tmp_path, f"{header}\nA\tPOS\tB\n")


def test_tables_names_of_columns_are_trimmed(tmp_path: Path) -> None:
    rows = read(tmp_path, " text , label,,\nA,POS,,\n", "a.csv")
    assert [(row["text"], row["label"]) for _, row in rows] == [("A", "POS")]


@pytest.mark.parametrize(
    ("name", "separator", "expected"),
    [
        (
            "a.csv",
            ";",
            "the columns are separated by ';'. .csv is read with ',' between them. Save it with ',' instead",
        ),
        (
            "a.csv",
            "|",
            "the columns are separated by '|'. .csv is read with ',' between them. Save it with ',' instead",
        ),
        ("a.csv.gz", "\t", "the columns are separated by '\\t'. .csv is read with ',' between them. Name it .tsv"),
        ("a.tsv", ",", "the columns are separated by ','. .tsv is read with '\\t' between them. Name it .csv"),
        (
            "a.tsv",
            ";",
            "the columns are separated by ';'. .tsv is read with '\\t' between them. Save it with '\\t' inst",
        ),
    ],
)
@pytest.mark.parametrize("quote", ["", '"'])
def test_tables_other_separator_is_named(tmp_path: Path, name: str, separator: str, expected: str, quote: str) -> None:
    header = separator.join(f"{quote}{column}{quote}" for column in ("text", "label"))
    with pytest.raises(ValueError) as raised:
        read(tmp_path, f"{header}\nA{separator}POS\n", name)
    assert str(raised.value).startswith(f"{tmp_path / name}:1: {expected}")


def test_tables_ragged_row_says_what_a_comma_needs(tmp_path: Path) -> None:
    rows = read(tmp_path, "text,label\nNice, cheap,POS\nNice\n", "a.csv")
    assert rejected(rows) == [
        (2, "expected 2 columns, found 3. A text with ',' in it must stand in double quotes"),
        (3, "expected 2 columns, found 1"),
    ]
