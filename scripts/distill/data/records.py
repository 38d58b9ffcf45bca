"""Read labelled and unlabelled texts from JSONL, CSV, TSV or TXT, plain or gzipped, into validated records."""

import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

SUFFIXES = (".jsonl", ".csv", ".tsv")
# One text per line: there is no place for a label.
TXT = ".txt"
GZIP = ".gz"
# The first bytes of every gzipped file.
_GZIP_START = b"\x1f\x8b"
STARS_TO_LABEL = {1: "NEG", 2: "NEG", 4: "POS", 5: "POS"}
NEUTRAL_STARS = 3


@dataclass(frozen=True)
class Record:
    """One valid text with its label, and the place where it was read.

    text (str): The text, without white space at its ends.
    label (str | None): The label; None for an unlabelled text.
    lang (str): The language code.
    file (str): The file.
    line (int): The line where the record ends, from 1 on.
    """

    text: str
    label: str | None
    lang: str
    file: str
    line: int


@dataclass(frozen=True)
class Drop:
    """One record that was read and not kept.

    file (str): The file.
    line (int): The line where the record ends, from 1 on.
    kind (str): "rejected" for bad input, "neutral" for three stars, "duplicate" for a text that was seen before,
        "near_copy" for a text that nearly equals a dev or test text.
    reason (str): Why the record was not kept, for people.
    text (str): The text; "" if the record has no valid one.
    """

    file: str
    line: int
    kind: Literal["rejected", "neutral", "duplicate", "near_copy"]
    reason: str
    text: str = ""


class _InvalidRecord(ValueError):
    """A record that breaks the input contract; the message is the reason."""


def read_records(path: Path, *, lang: str, labelled: bool = True) -> tuple[list[Record], list[Drop]]:
    """Read one file of texts.

    path (Path): A .jsonl, .csv or .tsv file with `text`, and optionally `label`, `stars` and `lang`. If `labelled` is
        False, it may also be a .txt file with one text per line. Each may be gzipped, with .gz at the end of its name.
    lang (str): The language of the texts, which the file's place says.
    labelled (bool): Whether a record must have a label or stars. If False, labels and stars are ignored.
    RETURNS (tuple[list[Record], list[Drop]]): The valid records, and all other records, each with the reason why it
        was dropped.
    RAISES (ValueError): See `stream_records`.
    """
    reviews: list[Record] = []
    drops: list[Drop] = []
    for item in stream_records(path, lang=lang, labelled=labelled):
        if isinstance(item, Drop):
            drops.append(item)
        else:
            reviews.append(item)
    return reviews, drops


def stream_records(path: Path, *, lang: str, labelled: bool = True) -> Iterator[Record | Drop]:
    """Read one file of texts, a record at a time. The arguments are those of `read_records`.

    YIELDS (Record | Drop): Each record of the file.
    RAISES (ValueError): If the file as a whole can't be read: an unknown suffix, no UTF-8, broken gzip, or a table
        without a column `text`.
    """
    for line, record in _read_records(path, labelled=labelled):
        text = ""
        try:
            if isinstance(record, _InvalidRecord):
                raise record
            text = _get_text(record)
            _check_lang(record, lang)
            stars = _get_stars(record)
            if labelled and stars == NEUTRAL_STARS:
                yield Drop(str(path), line, "neutral", f"{NEUTRAL_STARS} stars", text)
                continue
            label = _get_label(record, stars) if labelled else None
        except _InvalidRecord as err:
            yield Drop(str(path), line, "rejected", str(err), text)
        else:
            yield Record(text, label, lang, str(path), line)


def split_name(path: Path) -> tuple[str, str]:
    """Return a file's name without its suffixes, and the suffix that says its kind: ".csv" of train.csv.gz."""
    inner = path.with_suffix("") if path.suffix == GZIP else path
    return inner.stem, inner.suffix


def suffixes(labelled: bool = True) -> str:
    """Return the suffixes that can be read, to be named in messages.

    labelled (bool): Whether the texts have labels, which .txt has no place for.
    """
    return ", ".join(SUFFIXES if labelled else (*SUFFIXES, TXT)) + f", each also with {GZIP}"


def _read_records(path: Path, *, labelled: bool) -> Iterator[tuple[int, dict[str, Any] | _InvalidRecord]]:
    """Yield each record of a file with the number of the line it ends on."""
    kind = split_name(path)[1]
    if kind not in SUFFIXES and (labelled or kind != TXT):
        raise ValueError(f"{path}: unknown kind of file. Expected one of: {suffixes(labelled)}")
    try:
        if kind == ".jsonl":
            yield from _read_jsonl(path)
        elif kind == TXT:
            yield from _read_lines(path)
        else:
            yield from _read_table(path, delimiter="\t" if kind == ".tsv" else ",")
    except UnicodeDecodeError as err:
        if path.suffix != GZIP and err.object.startswith(_GZIP_START):
            raise ValueError(f"{path}: gzipped, but its name says otherwise. Rename it to {path.name}{GZIP}") from err
        raise ValueError(
            f"{path}: not UTF-8 ({err.reason}, bytes {err.object[err.start : err.end]!r}). "
            f"Convert it, for example with: iconv -f LATIN1 -t UTF-8 {path.name} > new{path.suffix}"
        ) from err
    except csv.Error as err:
        raise ValueError(f"{path}:1: can't read the names of the columns: {err}") from err
    except (EOFError, zlib.error, gzip.BadGzipFile) as err:
        raise ValueError(f"{path}: broken gzip ({err}). Compress it anew; `gzip -t` tests it") from err


def _open(path: Path, newline: str | None = None) -> IO[str]:
    if path.suffix == GZIP:
        if not path.stat().st_size:  # gzip would read it as no text, but even no text is some bytes when compressed
            raise EOFError("the file is empty")
        return gzip.open(path, "rt", encoding="utf-8-sig", newline=newline)
    return path.open(encoding="utf-8-sig", newline=newline)


def _read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, {"text": line}


def _read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any] | _InvalidRecord]]:
    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
                # Half a surrogate pair ("\ud83d") is valid JSON, but can't be written again.
                json.dumps(record, ensure_ascii=False).encode("utf-8")
            except (ValueError, RecursionError) as err:
                yield number, _InvalidRecord(f"not valid JSON: {err}")
                continue
            if isinstance(record, dict):
                yield number, record
            else:
                kind = type(record).__name__
                yield number, _InvalidRecord(f"expected a JSON object, found a {kind}")


def _read_table(path: Path, delimiter: str) -> Iterator[tuple[int, dict[str, Any] | _InvalidRecord]]:
    with _open(path, newline="") as file:
        # If not strict, a quote that is never closed makes one text of all records after it.
        reader = csv.DictReader(file, delimiter=delimiter, strict=True)
        if "text" not in (reader.fieldnames or []):
            raise ValueError(
                f"{path}:1: no column 'text'. Found: {reader.fieldnames}. The first line must "
                "name the columns: text, and label or stars"
            )
        while True:
            start = reader.reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as err:
                end = reader.reader.line_num  # the DictReader's own does not count this record
                reason = f"lines {start} to {end}: {err}. Close its quotes, and double those inside quotes"
                yield end, _InvalidRecord(reason)
                continue
            if None in row or None in row.values():
                found = sum(value is not None for value in row.values() if not isinstance(value, list))
                found += len(row.get(None, []))
                expected = len(reader.fieldnames or [])
                reason = f"expected {expected} columns, found {found}"
                yield reader.line_num, _InvalidRecord(reason)
            else:
                yield reader.line_num, {key: value or None for key, value in row.items()}


def _get_text(record: dict[str, Any]) -> str:
    if "text" not in record:
        raise _InvalidRecord(f"no 'text'. Found: {', '.join(record) or 'nothing'}")
    text = "" if record["text"] is None else record["text"]
    if not isinstance(text, str):
        raise _InvalidRecord(f"'text' must be a string, found {text!r}")
    if not text.strip():
        raise _InvalidRecord("'text' is empty")
    return text.strip()


def _check_lang(record: dict[str, Any], lang: str) -> None:
    found = record.get("lang")
    if found is not None and found != lang:
        raise _InvalidRecord(f"'lang' is {found!r}, but the file is in the place for {lang!r}")


def _get_stars(record: dict[str, Any]) -> int | None:
    stars = record.get("stars")
    if stars is None:
        return None
    try:
        number = None if isinstance(stars, bool) else float(stars)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number not in (1, 2, 3, 4, 5):
        raise _InvalidRecord(f"'stars' must be 1, 2, 3, 4 or 5, found {stars!r}")
    return int(number)


def _get_label(record: dict[str, Any], stars: int | None) -> str:
    label = record.get("label")
    if isinstance(label, int) and not isinstance(label, bool):
        label = str(label)
    if label is not None and (not isinstance(label, str) or not label.strip()):
        raise _InvalidRecord(f"'label' must be a string, found {label!r}")
    from_stars = STARS_TO_LABEL[stars] if stars else None
    if label is None and from_stars is None:
        raise _InvalidRecord(f"neither 'label' nor 'stars'. Found: {', '.join(record)}")
    if label is not None and from_stars is not None and label.strip() != from_stars:
        raise _InvalidRecord(f"label {label!r} contradicts {stars} stars ({from_stars})")
    return label.strip() if label is not None else str(from_stars)
