"""CSV and TSV, with quotes or without, into rows. What may be several records is never read as one in silence."""

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from .text_files import DELIMITERS, InvalidRecord, is_unquoted, open_text, split_name, unquoted_name

# Characters of a cell. No text is nearly as long: such a cell is a quote that was never closed.
MAX_CELL = 2**24
# Separators that are recognised in the first line of a table that has another one.
_SEPARATORS = (",", "\t", ";", "|")


def read_table(path: Path) -> Iterator[tuple[int, dict[str, Any] | InvalidRecord]]:
    """Yield each row of a table, and the number of the line it ends on.

    path (Path): A .csv or .tsv file, perhaps gzipped. The first line names the columns.
    YIELDS (tuple[int, dict[str, Any] | InvalidRecord]): Column → cell, None for an empty one; or what is wrong.
    RAISES (ValueError): If there is no column `text`, a column is named twice, or a cell has no end.
    """
    unquoted = is_unquoted(path)
    delimiter = DELIMITERS[split_name(path)[1]]
    remedy = "Give each record a line of its own" if unquoted else (
        "Close its quotes, and double those inside quotes. If quotes are characters like others in this file, name it "
        + unquoted_name(path)
    )  # fmt: skip
    csv.field_size_limit(MAX_CELL)  # Python's own limit is 131,072, and what follows becomes a row
    with open_text(path, newline="") as file:
        # If not strict, a quote that is never closed makes one text of all rows after it.
        reader = csv.reader(
            file, delimiter=delimiter, quoting=csv.QUOTE_NONE if unquoted else csv.QUOTE_MINIMAL, strict=True
        )
        columns = _read_columns(path, reader, delimiter)
        others = [i for i, column in enumerate(columns) if column != "text"]
        marks = [i for i in others if columns[i] in ("label", "stars")]
        # The labels and stars of the rows on one line.
        known: set[tuple[str, ...]] = set()
        while True:
            start = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as err:
                lines, count = f"lines {start} to {reader.line_num}", reader.line_num - start + 1
                if "field limit" in str(err):
                    raise ValueError(f"{path}: {lines}: a cell of over {MAX_CELL:,} characters. {remedy}") from err
                yield reader.line_num, InvalidRecord(f"{lines}: {err}. {remedy}", count)
                continue
            if not row:
                continue
            count = reader.line_num - start + 1
            if len(row) != len(columns):
                reason = f"expected {len(columns)} columns, found {len(row)}"
                if len(row) > len(columns) and not unquoted:
                    reason += f". A text with {delimiter!r} in it must stand in double quotes"
                yield reader.line_num, InvalidRecord(reason, count)
            elif reader.line_num > start and _is_several(row, delimiter, others, marks, known):
                reason = f"lines {start} to {reader.line_num}: in one pair of quotes, each of them a record of its own"
                yield reader.line_num, InvalidRecord(f"{reason}. {remedy}", count)
            else:
                if reader.line_num == start:
                    known.add(_pick(row, marks))
                yield reader.line_num, {name: cell or None for name, cell in zip(columns, row, strict=True)}


def _read_columns(path: Path, reader: Iterator[list[str]], delimiter: str) -> list[str]:
    """Read the names of the columns, without white space at their ends."""
    try:
        columns = [name.strip() for name in next(reader, [])]
    except csv.Error as err:
        _check_separator(path, delimiter)
        raise ValueError(f"{path}:1: can't read the names of the columns: {err}") from err
    if "text" not in columns:
        if columns and columns[0].startswith("sep="):
            raise ValueError(f"{path}:1: {columns[0]!r} is a line for Excel. Remove it: the columns' names come first")
        _check_separator(path, delimiter)
        raise ValueError(
            f"{path}:1: no column 'text'. Found: {columns or 'nothing'}. The first line must name the columns: text, "
            "and label or stars"
        )
    twice = [name for name, count in Counter(columns).items() if name and count > 1]
    if twice:
        raise ValueError(f"{path}:1: column {twice[0]!r} is named twice. Found: {columns}. Keep one, or rename one")
    return columns


def _check_separator(path: Path, delimiter: str) -> None:
    """Refuse a table whose first line has a column `text` if it is read with another separator."""
    with open_text(path, newline="") as file:
        line = file.readline()
    for other in _SEPARATORS:
        if other != delimiter and "text" in [name.strip(' "\r\n') for name in line.split(other)]:
            kinds = [kind for kind, separator in DELIMITERS.items() if separator == other]
            remedy = f"Name it {kinds[0]}" if kinds else f"Save it with {delimiter!r} instead"
            raise ValueError(
                f"{path}:1: the columns are separated by {other!r}. {split_name(path)[1]} is read with {delimiter!r} "
                f"between them. {remedy}"
            )


def _is_several(
    row: Sequence[str],
    delimiter: str,
    others: Sequence[int],
    marks: Sequence[int],
    known: Collection[tuple[str, ...]],
) -> bool:
    """Return whether each line of a row would be a row of its own, were it not for a pair of quotes around them.

    A text with line breaks is no such row: its lines have not as many cells. If some have by chance, there are words
    where the row has one, or what stands where the label should be is no label of the file. (Which labels there are is
    known after some rows only.)

    row (Sequence[str]): The cells.
    delimiter (str): The separator.
    others (Sequence[int]): The columns that do not hold the text.
    marks (Sequence[int]): Which of them hold labels and stars.
    known (Collection[tuple[str, ...]]): The labels and stars of the rows on one line, so far.
    """
    lines = [line.split(delimiter) for line in re.split(r"[\r\n]+", delimiter.join(row)) if line.strip()]
    accepted = {*known, _pick(row, marks)}
    return len(row) > 1 and len(lines) > 1 and all(
        len(cells) == len(row)
        # In a sentence, a space follows the comma.
        and not any(cell.startswith(" ") for cell in cells[1:])
        and all(" " in row[i] or " " not in cells[i] for i in others)
        and (len(known) < 2 or _pick(cells, marks) in accepted)
        for cells in lines
    )  # fmt: skip


def _pick(cells: Sequence[str], columns: Sequence[int]) -> tuple[str, ...]:
    return tuple(cells[i] for i in columns)
