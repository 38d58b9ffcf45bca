"""A teacher that is a file: probabilities that were computed elsewhere."""

import gzip
import hashlib
import json
import zlib
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy

from ..data.labels import normalize_label
from ..data.teacher_scores import Scores
from ..data.text_keys import KEY_BYTES, text_key


class JsonlTeacher:
    """A Teacher whose probabilities are in a file: {"text": …, "cats": {label: probability, …}} on each line.

    It has no answer for texts that the file does not have. Of each text 16 bytes, and 4 more for each label, stay in
    memory.

    labels (list[str]): The labels, in the order of the columns.
    name (str): The teacher's name for people, "jsonl:<path>".
    fingerprint (str): sha256 over the file and the labels.
    """

    def __init__(self, path: Path, labels: list[str]) -> None:
        """Read the file.

        path (Path): The file, in UTF-8; gzipped if its name ends in .gz.
        labels (list[str]): The project's labels, in their order.
        RAISES (ValueError): If the file can't be read or has no probabilities, or a line of it is no such object, has
            other labels, or has probabilities that do not sum to 1, within 0.001.
        """
        self.labels, self.name = labels, f"jsonl:{path}"
        digest = hashlib.sha256(json.dumps(labels).encode())
        keys, values = bytearray(), array("f")
        try:
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    digest.update(line)
                    if line.strip():
                        key, row = _read_row(path, number, line, labels)
                        keys += key
                        values.extend(row)
        except (OSError, EOFError, zlib.error) as err:
            raise ValueError(f"{path}: can't read the teacher's probabilities: {err}") from err
        if not values:
            raise ValueError(f'{path}: no probabilities. Expected lines such as {{"text": "…", "cats": {{…}}}}')
        self.fingerprint = digest.hexdigest()
        # Sorted by key, so that `predict` can search by halving. Stable: of equal texts, the first one comes first.
        unsorted = numpy.frombuffer(bytes(keys), dtype=f"S{KEY_BYTES}")
        order = numpy.argsort(unsorted, kind="stable")
        self._keys = unsorted[order]
        self._rows = numpy.frombuffer(values, dtype="float32").reshape(-1, len(labels))[order]

    def predict(self, texts: Sequence[str]) -> Scores:
        """Return the probabilities of texts. Of a text that is in the file more than once, those that come first.

        texts (Sequence[str]): The texts.
        RETURNS (NDArray[float32]): Shape (n_texts, n_labels); a row of NaN for a text that is not in the file.
        """
        keys = numpy.asarray([text_key(text) for text in texts], dtype=self._keys.dtype)
        # Where each key is, or would be. A key beyond the last one is compared with the last one.
        places = numpy.searchsorted(self._keys, keys).clip(max=len(self._keys) - 1)
        rows = self._rows[places]
        rows[self._keys[places] != keys] = numpy.nan
        return rows


def _read_row(path: Path, number: int, line: bytes, labels: Sequence[str]) -> tuple[bytes, list[float]]:
    """Return the key of a line's text, and its probabilities in the order of the labels, scaled to sum to 1."""
    try:
        record: Any = json.loads(line.decode("utf-8-sig"))
        text = record["text"]
        cats = {normalize_label(label): p for label, p in record["cats"].items()}
        row = [cats[label] for label in labels]
        if not isinstance(text, str) or len(cats) != len(labels) or not all(_is_probability(p) for p in row):
            raise TypeError
        key = text_key(text.strip())  # fails for half a surrogate pair, which is no text
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise ValueError(
            f"{path}:{number}: found {line[:120]!r}, expected an object with a string 'text' and under 'cats' a "
            f"probability for each of the labels {', '.join(labels)}, and no others"
        ) from err
    total = sum(row)
    if not abs(total - 1) <= 1e-3:
        raise ValueError(f"{path}:{number}: the probabilities sum to {total:.4f}, not to 1: {cats}")
    return key, [p / total for p in row]


def _is_probability(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
