"""Read labelled and unlabelled texts from JSONL, CSV, TSV or TXT, plain or gzipped, into validated records."""

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ..core.messages import quote
from .labels import normalize_label
from .tables import read_table
from .text_files import DELIMITERS, SUFFIXES, TXT, InvalidRecord, explain_undecodable, open_text, split_name, suffixes

# Characters of a text: what spaCy's `nlp.max_length` lets through.
MAX_CHARACTERS = 1_000_000
STARS_TO_LABEL = {1: "NEG", 2: "NEG", 4: "POS", 5: "POS"}
NEUTRAL_STARS = 3
# Why a record is not kept: it has three stars; its text was seen before; or but for case; or with another label; it
# nearly equals a dev or test text; it is bad input.
Kind = Literal["neutral", "duplicate", "case_duplicate", "contradiction", "near_copy", "rejected"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_NO_LABEL = "Give one, or move the text to the unlabelled texts"


@dataclass(frozen=True)
class Record:
    """One valid text with its label, and the place where it was read.

    text (str): The text, without white space at its ends.
    label (str | None): The label; None for an unlabelled text.
    lang (str): The language code.
    file (str): The file.
    line (int): The line where the record ends, from 1 on.
    label_changed (bool): Whether the file has the label in another way, see `normalize_label`.
    """

    text: str
    label: str | None
    lang: str
    file: str
    line: int
    label_changed: bool = False


@dataclass(frozen=True)
class Drop:
    """One record that was read and not kept.

    file (str): The file.
    line (int): The line where the record ends, from 1 on.
    kind (str): One of `KINDS`.
    reason (str): Why the record was not kept, for people.
    text (str): The text; "" if the record has no valid one.
    lines (int): The lines that a record takes which can't be read, such as one with a quote that is never closed.
    """

    file: str
    line: int
    kind: Kind
    reason: str
    text: str = ""
    lines: int = 1


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
    records: list[Record] = []
    drops: list[Drop] = []
    for item in stream_records(path, lang=lang, labelled=labelled):
        if isinstance(item, Drop):
            drops.append(item)
        else:
            records.append(item)
    return records, drops


def stream_records(path: Path, *, lang: str, labelled: bool = True) -> Iterator[Record | Drop]:
    """Read one file of texts, a record at a time. The arguments are those of `read_records`.

    YIELDS (Record | Drop): Each record of the file.
    RAISES (ValueError): If the file as a whole can't be read: an unknown suffix, no UTF-8, broken gzip, or what
        `read_table` refuses.
    """
    for line, record in _read_records(path, labelled=labelled):
        text = ""
        try:
            if isinstance(record, InvalidRecord):
                raise record
            text = _get_text(record)
            _check_lang(record, lang)
            label, changed = _get_label(record) if labelled else (None, False)
            # Stars say a sentiment: beside a label of another kind they say nothing about it.
            if labelled and (not label or label.upper() in STARS_TO_LABEL.values()):
                stars = _get_stars(record)
                if stars == NEUTRAL_STARS:
                    yield Drop(str(path), line, "neutral", f"{NEUTRAL_STARS} stars", text)
                    continue
                label = _agree(record, label, stars)
        except InvalidRecord as err:
            yield Drop(str(path), line, "rejected", str(err), text, err.lines)
        else:
            yield Record(text, label, lang, str(path), line, changed)


def _read_records(path: Path, *, labelled: bool) -> Iterator[tuple[int, dict[str, Any] | InvalidRecord]]:
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
            yield from read_table(path)
    except UnicodeDecodeError as err:
        raise ValueError(explain_undecodable(path, err)) from err
    except (EOFError, zlib.error, gzip.BadGzipFile) as err:
        raise ValueError(f"{path}: broken gzip ({err}). Compress it anew; `gzip -t` tests it") from err


def _read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            if number == 1:
                _check_plain(path, line)
            if line.strip():
                yield number, {"text": line}


def _check_plain(path: Path, line: str) -> None:
    """Refuse a .txt file whose first line is that of a table, or a JSON object: all of it would become text."""
    rows = {kind: [cell.strip('"') for cell in line.strip().split(mark)] for kind, mark in DELIMITERS.items()}
    kinds = [kind for kind, row in rows.items() if len(row) > 1 and "text" in row and " " not in "".join(row)]
    with suppress(ValueError, RecursionError):
        kinds += [".jsonl"] if line.lstrip().startswith("{") and isinstance(json.loads(line), dict) else []
    if kinds:
        raise ValueError(
            f"{path}:1: {quote(line.strip())} is no text, but the first line of another kind of file. {TXT} has one "
            f"text in each line. Rename it to {path.name.replace(TXT, kinds[0])}"
        )


def _read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any] | InvalidRecord]]:
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line, object_pairs_hook=_make_object)
                # Half a surrogate pair ("\ud83d") is valid JSON, but can't be written again.
                json.dumps(record, ensure_ascii=False).encode("utf-8")
            except (ValueError, RecursionError) as err:
                yield number, InvalidRecord(f"not valid JSON: {err}")
                continue
            if isinstance(record, dict):
                yield number, record
            else:
                kind = type(record).__name__
                yield number, InvalidRecord(f"expected a JSON object, found a {kind}")


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a JSON object; of a key that is there twice, Python's `json` would keep the last value in silence."""
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {next(key for key in keys if keys.count(key) > 1)!r} is there twice")
    return made


def _get_text(record: dict[str, Any]) -> str:
    if "text" not in record:
        raise InvalidRecord(f"no 'text'. Found: {_names(record)}")
    text = "" if record["text"] is None else record["text"]
    if not isinstance(text, str):
        raise InvalidRecord(f"'text' must be a string, found {text!r}")
    if not text.strip():
        raise InvalidRecord("'text' is empty")
    if "\0" in text:
        raise InvalidRecord("'text' has the character NUL. It was damaged on its way here")
    if len(text.strip()) > MAX_CHARACTERS:
        raise InvalidRecord(
            f"'text' has {len(text.strip()):,} characters, spaCy takes {MAX_CHARACTERS:,}. Cut it, or split it"
        )
    return text.strip()


def _check_lang(record: dict[str, Any], lang: str) -> None:
    found = record.get("lang")
    if found is not None and found != lang:
        raise InvalidRecord(
            f"'lang' is {found!r}, but the file is in the place for {lang!r}. Correct it, or move the record"
        )


def _get_stars(record: dict[str, Any]) -> int | None:
    stars = record.get("stars")
    if stars is None:
        return None
    try:
        number = None if isinstance(stars, bool) else float(stars)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number not in (1, 2, 3, 4, 5):
        raise InvalidRecord(f"'stars' must be 1, 2, 3, 4 or 5, found {stars!r}")
    return int(number)


def _get_label(record: dict[str, Any]) -> tuple[str | None, bool]:
    """Return a record's label, if it has one, and whether it was written in another way; see `normalize_label`."""
    written = record.get("label")
    if isinstance(written, float) and written.is_integer():
        written = int(written)
    if isinstance(written, int) and not isinstance(written, bool):
        written = str(written)
    if written is not None and not isinstance(written, str):
        raise InvalidRecord(f"'label' must be a string or a whole number, found {written!r}")
    if written is None:
        return None, False
    label = normalize_label(written)
    return label, label != written.strip()


def _agree(record: dict[str, Any], label: str | None, stars: int | None) -> str:
    """Return what a label of sentiment, in upper or lower case, and stars say together; each may be missing."""
    if label == "":
        raise InvalidRecord(f"'label' is empty. {_NO_LABEL}")
    if stars is None:
        if label is None:
            raise InvalidRecord(_no_label(record))
        return label
    from_stars = STARS_TO_LABEL[stars]
    if label and label.upper() != from_stars:
        raise InvalidRecord(f"label {label!r} contradicts {stars} stars ({from_stars})")
    return label or from_stars


def _no_label(record: dict[str, Any]) -> str:
    empty = [repr(name) for name in ("label", "stars") if name in record]
    if not empty:
        return f"neither 'label' nor 'stars'. Found: {_names(record)}. Call what holds the labels 'label'"
    return f"{' and '.join(empty)} {'are' if len(empty) > 1 else 'is'} empty. {_NO_LABEL}"


def _names(record: dict[str, Any]) -> str:
    """Return the names of a record's columns in quotes, so that white space in them is seen."""
    return ", ".join(map(repr, record)) or "nothing"
