"""Where a text of the transfer set comes from."""

import math
from collections.abc import Mapping

from spacy.tokens import Doc

from ..core.messages import quote

ORIGIN, LANG, METHOD = "origin", "lang", "method"
GOLD, UNLABELLED, AUGMENTED = "gold", "unlabelled", "augmented"
ORIGINS = (GOLD, UNLABELLED, AUGMENTED)


def find_origin(doc: Doc) -> str:
    """Return what kind of source a doc has: "gold", "unlabelled" or "augmented", which is any method of augmentation.

    RAISES (ValueError): If the doc does not say where it comes from.
    """
    source = doc.user_data.get(ORIGIN)
    if source is None:
        raise ValueError(
            f"No origin on the text {quote(doc.text)}. Make the transfer set with: python -m spacy project run score ."
        )
    return source if source in ORIGINS else AUGMENTED


def check_by_origin(name: str, values: Mapping[str, float]) -> None:
    """Check a setting that has a number of 0 or more for each kind of source.

    RAISES (ValueError): If it has not.
    """
    if set(values) != set(ORIGINS) or not all(0 <= value < math.inf for value in values.values()):
        raise ValueError(
            f"{name} must have a number, 0 or more, for each of {', '.join(ORIGINS)}. Found: {dict(values)}"
        )
