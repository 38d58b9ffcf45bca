"""Labels: each is written in one way, and labels that a person may take for the same are found."""

import math
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from .text_keys import normalize


# Asked for each label of each text that a teacher scores; there are few labels.
@lru_cache(maxsize=1024)
def normalize_label(label: str) -> str:
    """Return a label as the project writes it: NFC, single spaces within, no invisible characters."""
    before = ["", *label[:-1]] if label else []
    visible = "".join(char for char, last in zip(label, before, strict=True) if not _is_invisible(char, last))
    return " ".join(unicodedata.normalize("NFC", visible).split())


def _is_invisible(char: str, last: str) -> bool:
    """Return whether a character is a control or format character, or chooses a variant of the one before it.

    Persian and Indic words are written with the joiners U+200C and U+200D: after their letters these are none.

    last (str): The character before it, or "".
    """
    if char in "\u200c\u200d":
        return not last or unicodedata.category(last) not in ("Lo", "Mn", "Mc")
    if char.isspace():
        return False
    return unicodedata.category(char) in ("Cc", "Cf") or "\ufe00" <= char <= "\ufe0f"


def find_lookalikes(labels: Iterable[str]) -> list[list[str]]:
    """Return the groups of labels that differ only by case, or are one number (1 and 1.0).

    labels (Iterable[str]): The labels.
    RETURNS (list[list[str]]): The groups of two labels or more, in the order of their first label.
    """
    groups: dict[str | float, list[str]] = defaultdict(list)
    for label in labels:
        groups[_lookalike_key(label)].append(label)
    return [group for group in groups.values() if len(group) > 1]


def find_missing_values(labels: Iterable[str]) -> list[str]:
    """Return the labels that tables and programs write where a value is missing, in their order.

    labels (Iterable[str]): The labels.
    """
    return [label for label in labels if label.lower() in ("nan", "null", "#n/a", "n/a")]


def _lookalike_key(label: str) -> str | float:
    try:
        number = float(label)
    except ValueError:
        return normalize(label)
    return number if math.isfinite(number) else normalize(label)  # "nan" is a word, too, and equals no number
