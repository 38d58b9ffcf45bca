"""Show what augmentation made."""

import difflib
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.provenance import read_summary
from ..data.gold import LANG, METHOD, read_gold
from .step import read_unlabelled


@dataclass(frozen=True)
class Shown:
    """A text and its variants.

    source (int): The number of the text, see `Variant`.
    text (str): The text.
    variants (list[tuple[str, str]]): Method and text of each variant, with *stars* around changed words.
    """

    source: int
    text: str
    variants: list[tuple[str, str]]


def show_variants(corpus: Path, lang: str, n: int) -> Iterator[Shown]:
    """Yield the first texts of a language that have variants: train texts, then unlabelled ones.

    corpus (Path): Holds gold/, unlabelled.jsonl, augmented.jsonl and augment.json.
    lang (str): The language code.
    n (int): How many texts at most.
    YIELDS (Shown): A text with its variants.
    RAISES (ValueError): If a file is missing or of other data, or there are no variants in this language.
    """
    path, summary = corpus / "augmented.jsonl", read_summary(corpus, "augment")
    texts = [doc.text for doc in read_gold(corpus / "gold" / "train.spacy")]
    if summary["unlabelled_sources"]:
        texts += [text for text, _ in read_unlabelled(corpus)]
    with path.open(encoding="utf-8") as file:
        rows = (row for row in map(json.loads, file) if row[LANG] == lang)
        groups = itertools.groupby(rows, key=lambda row: row["source"])
        first = next(groups, None)
        if first is None:
            known = ", ".join(summary["kept"])
            raise ValueError(f"{path}: no variants in language {lang!r}. Found: {known}")
        for source, group in itertools.islice(itertools.chain([first], groups), n):
            text = texts[source]
            yield Shown(source, text, [(row[METHOD], mark_changes(text, row["text"])) for row in group])


def mark_changes(text: str, variant: str) -> str:
    """Return the variant, with *stars* around words that are not in the text at this place.

    text (str): The text that the variant was made from.
    variant (str): The variant.
    """
    words = list(re.finditer(r"\w+|[^\w\s]", variant))
    matcher = difflib.SequenceMatcher(None, re.findall(r"\w+|[^\w\s]", text), [w[0] for w in words], autojunk=False)
    pieces, done = [], 0
    for operation, _, _, start, end in matcher.get_opcodes():
        if operation in ("insert", "replace"):
            first, last = words[start].start(), words[end - 1].end()
            pieces += [variant[done:first], "*", variant[first:last], "*"]
            done = last
    return "".join([*pieces, variant[done:]])
