"""The origin of a text of the transfer set: gold, unlabelled or augmented."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from spacy.tokens import Doc

from ..core.messages import quote, run_again

# Keys of `doc.user_data`: where a text comes from ("gold", "unlabelled" or the name of a method), and its language.
# In rows of JSONL files, the method has a key of its own.
ORIGIN, LANG, METHOD = "origin", "lang", "method"
GOLD, UNLABELLED, AUGMENTED = "gold", "unlabelled", "augmented"
ORIGINS = (GOLD, UNLABELLED, AUGMENTED)
# The splits of the gold texts.
LABELLED = ("train", "dev", "test")


def find_origin(doc: Doc) -> str:
    """Return the origin of a doc: "gold", "unlabelled" or, whatever the method of augmentation, "augmented".

    RAISES (ValueError): If `doc.user_data` does not say where the doc comes from.
    """
    origin = doc.user_data.get(ORIGIN)
    if origin is None:
        raise ValueError(f"No origin on the text {quote(doc.text)}. {run_again('score')}")
    return origin if origin in ORIGINS else AUGMENTED


def check_some_left(path: Path, repeats: Mapping[str, float], origins: Iterable[str]) -> None:
    """Check that some texts are left, once each is repeated as often as its origin says.

    path (Path): The texts' file or folder, for the message.
    repeats (Mapping[str, float]): Origin → how often.
    origins (Iterable[str]): The origin of each text.
    RAISES (ValueError): If there is no text whose origin has more than 0.
    """
    found = set(origins)
    if not any(repeats[origin] for origin in found):
        raise ValueError(
            f"{path}: repeats leaves no text to train on. It has 0 for {', '.join(sorted(found))}, which is all "
            "that is there. Change [corpora.train.repeats]"
        )


def check_by_origin(name: str, values: Mapping[str, float]) -> None:
    """Check a setting that has a number for each origin.

    name (str): The setting, for the message.
    values (Mapping[str, float]): Origin → number.
    RAISES (ValueError): If an origin is missing or unknown, or a number is below 0, infinite or NaN.
    """
    if set(values) != set(ORIGINS) or not all(0 <= value < math.inf for value in values.values()):
        raise ValueError(
            f"{name} must have a number, 0 or more, for each of {', '.join(ORIGINS)}. Found: {dict(values)}"
        )
