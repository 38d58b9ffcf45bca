"""Where the student is weak: its accuracy on texts that have something in common."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.language import Language

from ..data.corpus import GoldSplit
from ..data.known_words import vector_rows
from .metrics import share

# With fewer texts than these, a slice is left out: its interval would span most of the scale.
SMALLEST_SLICE = 10
# Language → what negates there. Words that often do not, such as the French "plus", are left out.
NEGATIONS = {
    lang: re.compile(pattern, re.IGNORECASE)
    for lang, pattern in {
        "en": r"\b(not|no|never|nothing|nobody|none|nowhere|neither|nor|cannot)\b|n['’]t\b",
        "nl": r"\b(niet|geen|nooit|niets|niks|niemand|nergens|noch)\b",
        "fr": r"\b(ne|pas|jamais|rien|aucune?)\b|\bn['’]",
        "de": r"\b(nicht|kein(e[mnrs]?)?|nie|niemals|nichts|niemand|nirgends|weder)\b",
        "it": r"\b(non|mai|nessun[oa]?|niente|nulla|né|neanche|nemmeno|neppure)\b",
        "es": r"\b(no|nunca|jamás|nada|nadie|ning[uú]n[oa]?|ni|tampoco)\b",
    }.items()
}
# Up to this share of words without a vector, they are few.
FEW_UNKNOWN = 0.1

# Kind and name of a slice → whether each text belongs to it, shape (n_texts,).
Slices = dict[tuple[str, str], NDArray[numpy.bool_]]


def slice_texts(split: GoldSplit, unknown: NDArray[numpy.float64] | None) -> Slices:
    """Sort texts into slices. A text is in one slice of each kind at most.

    split (GoldSplit): The texts.
    unknown (NDArray[float64] | None): What `unknown_shares` returned.
    RETURNS (Slices): The slices, also those without texts.
    """
    langs = numpy.asarray(split.langs)
    slices: Slices = {("language", f"language {lang}"): langs == lang for lang in sorted(set(split.langs))}
    for (shortest, longest), rows in thirds_by_length(split.texts):
        slices["length", f"{shortest}–{longest} words"] = numpy.isin(numpy.arange(len(langs)), rows)
    negated = [NEGATIONS[lang].search(text) if lang in NEGATIONS else None
               for text, lang in zip(split.texts, split.langs, strict=True)]  # fmt: skip
    has_negation, known = numpy.asarray([found is not None for found in negated]), numpy.isin(langs, list(NEGATIONS))
    slices["negation", "with a negation"] = has_negation
    slices["negation", "without a negation"] = known & ~has_negation
    if unknown is not None:
        slices["vectors", "every word has a vector"] = unknown == 0
        slices["vectors", f"up to {FEW_UNKNOWN:.0%} without a vector"] = (unknown > 0) & (unknown <= FEW_UNKNOWN)
        slices["vectors", f"over {FEW_UNKNOWN:.0%} without a vector"] = unknown > FEW_UNKNOWN
    return slices


def thirds_by_length(texts: Sequence[str]) -> list[tuple[list[int], NDArray[numpy.int64]]]:
    """Return the short, the middle and the long third of some texts, as far as they have texts.

    Two thirds whose texts are all of one length are one.

    RETURNS (list[tuple[list[int], NDArray[int64]]]): Of each third, the numbers of words of its shortest and its
        longest text, and the indices of its texts.
    """
    words = numpy.asarray([len(text.split()) for text in texts])
    thirds = numpy.array_split(numpy.argsort(words, kind="stable"), 3)
    found: dict[tuple[int, int], list[NDArray[numpy.int64]]] = {}
    for rows in thirds:
        if len(rows):
            found.setdefault((int(words[rows].min()), int(words[rows].max())), []).append(rows)
    return [([*limits], numpy.concatenate(parts)) for limits, parts in found.items()]


def score_slices(slices: Slices, right: Mapping[str, NDArray[numpy.bool_]], by: str) -> list[dict[str, Any]]:
    """Return how good the systems are on each slice, the weakest slice first.

    slices (Slices): What `slice_texts` returned. Slices of fewer than ten texts, or of all texts, are left out.
    right (Mapping[str, NDArray[bool]]): System → whether each text is right, shape (n_texts,).
    by (str): The system that decides the order.
    RETURNS (list[dict[str, Any]]): Of each slice: "kind", "name", and system → see `metrics.share`.
    """
    rows = [
        {"kind": kind, "name": name, **{system: share(found[texts]) for system, found in right.items()}}
        for (kind, name), texts in slices.items()
        if texts.sum() >= SMALLEST_SLICE and not texts.all()
    ]
    return sorted(rows, key=lambda row: row[by]["accuracy"])


def unknown_shares(nlp: Language, texts: Sequence[str]) -> NDArray[numpy.float64] | None:
    """Return the share of each text's words that a pipeline has no vector for.

    nlp (Language): The pipeline.
    texts (Sequence[str]): The texts.
    RETURNS (NDArray[float64] | None): Shape (n_texts,), 0 for a text without words; None if the pipeline has no
        vectors.
    """
    attr, rows = vector_rows(nlp)
    if not rows:
        return None
    shares = []
    with nlp.memory_zone():
        for text in texts:
            doc = nlp.make_doc(text)
            found = [key in rows for token, key in zip(doc, doc.to_array(attr), strict=True) if is_word(token.text)]
            shares.append(1 - sum(found) / len(found) if found else 0.0)
    return numpy.asarray(shares)


def is_word(token: str) -> bool:
    """Return whether a token has a letter or a digit."""
    return any(char.isalnum() for char in token)
