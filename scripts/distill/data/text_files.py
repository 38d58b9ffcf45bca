"""Files of texts: what their names say, how they are opened, and why one can't be read."""

import codecs
import gzip
import io
import shlex
from pathlib import Path
from typing import IO

# The separator of each kind of table.
DELIMITERS = {".csv": ",", ".tsv": "\t"}
SUFFIXES = (".jsonl", *DELIMITERS)
# One text per line: there is no place for a label.
TXT = ".txt"
GZIP = ".gz"
# In a table's name, before its suffix: quotes in it are characters like all others.
UNQUOTED = ".unquoted"
# The first bytes of every gzipped file.
_GZIP_START = b"\x1f\x8b"
# The first bytes of a file, if its encoding is one of these. UTF-32's begin with those of UTF-16.
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip


class InvalidRecord(ValueError):
    """A record that breaks the input contract; the message is the reason.

    lines (int): The lines of the file that the record takes. If quotes are wrong, there may be many.
    """

    def __init__(self, reason: str, lines: int = 1) -> None:
        """Create the error."""
        super().__init__(reason)
        self.lines = lines


def split_name(path: Path) -> tuple[str, str]:
    """Return a file's name without its suffixes, and the suffix that says its kind: ".csv" of train.csv.gz."""
    inner = path.with_suffix("") if path.suffix == GZIP else path
    stem = inner.stem.removesuffix(UNQUOTED) if inner.suffix in DELIMITERS else inner.stem
    return stem, inner.suffix


def is_unquoted(path: Path) -> bool:
    """Return whether a table's name says that it has no quoting: train.unquoted.tsv."""
    return path.name.removesuffix(GZIP).endswith(tuple(UNQUOTED + suffix for suffix in DELIMITERS))


def unquoted_name(path: Path) -> str:
    """Return the name that says of a table that it has no quoting: train.unquoted.tsv.gz of train.tsv.gz."""
    stem, suffix = split_name(path)
    return stem + UNQUOTED + suffix + (GZIP if path.suffix == GZIP else "")


def suffixes(labelled: bool = True) -> str:
    """Return the suffixes that can be read, to be named in messages.

    labelled (bool): Whether the texts have labels, which .txt has no place for.
    """
    return ", ".join(SUFFIXES if labelled else (*SUFFIXES, TXT)) + f", each also with {GZIP}"


def open_text(path: Path, newline: str | None = None) -> IO[str]:
    """Open a plain or gzipped file of UTF-8, or of UTF-16 or UTF-32 with a byte order mark.

    path (Path): The file.
    newline (str | None): See `open`.
    RETURNS (IO[str]): The open file.
    RAISES (ValueError): If its first bytes are those of no such text.
    RAISES (EOFError): If it has the name of a gzipped file, and is empty.
    """
    if path.suffix == GZIP and not path.stat().st_size:
        # gzip would read it as no text, but even no text is some bytes when compressed.
        raise EOFError("the file is empty")
    with _open_bytes(path) as file:
        encoding = _find_encoding(path, file.read(4))
    return io.TextIOWrapper(_open_bytes(path), encoding=encoding, newline=newline)


def _open_bytes(path: Path) -> gzip.GzipFile | io.BufferedReader:
    return gzip.open(path, "rb") if path.suffix == GZIP else path.open("rb")


def _find_encoding(path: Path, start: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            return encoding
    if 0 in start[:2]:
        raise ValueError(
            f"{path}:1: begins with the bytes {start!r}: UTF-16 without a byte order mark, or no text at all. "
            "Save it as UTF-8"
        )
    return "utf-8-sig"


def explain_undecodable(path: Path, err: UnicodeDecodeError) -> str:
    """Return why a file is no text in the expected encoding, where, and what to do.

    path (Path): The file.
    err (UnicodeDecodeError): What was raised while the file was read.
    """
    if path.suffix != GZIP and err.object.startswith(_GZIP_START):
        return f"{path}: gzipped, but its name says otherwise. Rename it to {path.name}{GZIP}"
    if not err.encoding.startswith("utf-8"):
        return f"{path}: begins as {err.encoding.upper()}, but is not ({err.reason}). Save it anew, as UTF-8"
    if 0 in err.object:
        return f"{path}: not text: it has bytes of zero. Save what it holds as text, in UTF-8"
    found = f"{err.reason}, bytes {err.object[err.start : err.end]!r}"
    name, kind = shlex.quote(str(path)), split_name(path)[1]
    convert = "iconv -f CP1252 -t UTF-8"
    if path.suffix == GZIP:
        command = f"gunzip -c {name} | {convert} | gzip > new{kind}{GZIP}"
    else:
        command = f"{convert} {name} > new{kind}"
    return (
        f"{path}:{_undecodable_line(path)}: not UTF-8 ({found}). Convert it. If it comes from Windows, it is probably "
        f"CP1252: {command}"
    )


def _undecodable_line(path: Path) -> int:
    """Return the number of the first line that is not UTF-8; there is one."""
    with _open_bytes(path) as file:
        return next(number for number, line in enumerate(file, start=1) if not _is_utf8(line))


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
