"""Show what augmentation made."""

import difflib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..data.corpus import Corpus
from ..data.origins import LANG, METHOD


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


def show_variants(corpus: Corpus, lang: str, n: int) -> Iterator[Shown]:
    """Yield the first texts of a language that have variants: train texts, then unlabelled ones.

    corpus (Corpus): Holds gold/, unlabelled.jsonl, augmented.jsonl and augment.json.
    lang (str): The language code.
    n (int): How many texts at most.
    YIELDS (Shown): A text with its variants.
    RAISES (ValueError): If a file is missing or of other data, or there are no variants in this language.
    """
    summary = corpus.summary("augment")
    texts = [doc.text for doc in corpus.gold_docs("train")]
    if summary["unlabelled_sources"]:
        texts += [row["text"] for row in corpus.unlabelled()]
    if lang not in summary["kept"]:
        known = ", ".join(summary["kept"])
        raise ValueError(f"{corpus.folder / 'augmented.jsonl'}: no variants in language {lang!r}. Found: {known}")
    rows = (row for row in corpus.augmented() if row[LANG] == lang)
    for source, group in itertools.islice(itertools.groupby(rows, key=lambda row: row["source"]), n):
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
