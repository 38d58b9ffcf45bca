"""Texts on disk, of which only a key, a length and a place stay in memory."""

import json
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray

from ..core.files import json_line, naming_full_disk
from .text_keys import KEY_BYTES, text_key


class TextSpool:
    """Rows with a text each, in a temporary file that goes with the object. A row takes 28 bytes in memory."""

    def __init__(self, folder: Path | None = None) -> None:
        """Make an empty spool.

        folder (Path | None): Where the temporary file is made; None: where the system puts such files.
        """
        self._folder = folder or Path(tempfile.gettempdir())
        self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
        self._offsets = array("q")
        self._lengths = array("i")
        self._keys = bytearray()

    def __len__(self) -> int:
        return len(self._lengths)

    def append(self, row: dict[str, Any]) -> None:
        """Add a row.

        row (dict[str, Any]): What JSON can hold, with a string under "text".
        RAISES (OSError): If the disk is full, see `naming_full_disk`.
        """
        self._offsets.append(self._file.tell())
        self._lengths.append(len(row["text"]))
        self._keys += text_key(row["text"])
        with naming_full_disk(self._folder):
            self._file.write(json_line(row).encode())

    @property
    def lengths(self) -> NDArray[numpy.int32]:
        """Characters of each text, shape (n_rows,)."""
        return numpy.asarray(self._lengths, dtype="int32")

    @property
    def keys(self) -> NDArray[numpy.bytes_]:
        """The key of each text, shape (n_rows,).

        These are for comparing only, since numpy takes zeros off the end of bytes. `key` keeps them.
        """
        return numpy.frombuffer(bytes(self._keys), dtype=f"S{KEY_BYTES}")

    def key(self, index: int) -> bytes:
        """Return the key of one text, with all of its bytes, see `text_key`."""
        return bytes(self._keys[KEY_BYTES * index : KEY_BYTES * (index + 1)])

    def rows(self, indices: Iterable[int]) -> Iterator[dict[str, Any]]:
        """Yield some rows, in the order of the indices."""
        with naming_full_disk(self._folder):  # the last rows may not have been written so far
            end = self._file.seek(0, 2)
        try:
            for index in indices:
                self._file.seek(self._offsets[index])
                yield json.loads(self._file.readline())
        finally:
            self._file.seek(end)

    def texts(self, indices: Iterable[int]) -> list[str]:
        """Return some texts, in the order of the indices."""
        return [row["text"] for row in self.rows(indices)]


def spool_texts(texts: Sequence[str]) -> TextSpool:
    """Make a spool of texts."""
    spool = TextSpool()
    for text in texts:
        spool.append({"text": text})
    return spool
