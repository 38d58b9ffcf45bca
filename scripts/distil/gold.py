"""Write and read the gold corpora: tokenised texts with hard labels and their provenance."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import spacy
from spacy.tokens import Doc

from .docbins import new_doc_bin, read_docs
from .files import hash_file, replacing_folder, write_json, write_jsonl
from .reviews import Review
from .splits import LABELLED, UNLABELLED, Splits, read_splits

LANG = "lang"
SOURCE = "source"
GOLD = "gold"
METHOD = "method"


def prepare(data: Path, corpus: Path, *, lang: str, seed: int) -> dict[str, Any]:
    """Turn a data folder into the project's corpora.

    data (Path): The data folder, see `read_splits`.
    corpus (Path): The folder to write: gold/{train,dev,test}.spacy, unlabelled.jsonl,
        labels.json, dropped.jsonl and prepare.json.
    lang (str): A language code, or "xx" for all languages.
    seed (int): Decides random splits.
    RETURNS (dict[str, Any]): What was read, kept and dropped: the contents of prepare.json.
    RAISES (ValueError): If the data can't be used; nothing is written then.
    """
    splits = read_splits(data, lang=lang, seed=seed)
    # Written last, it says that the rest is complete.
    (corpus / "prepare.json").unlink(missing_ok=True)
    with replacing_folder(corpus / "gold") as folder:
        for split in LABELLED:
            write_gold(folder / f"{split}.spacy", splits.reviews[split], splits.labels, lang=lang)
    unlabelled = ({"text": r.text, LANG: r.lang} for r in splits.reviews[UNLABELLED])
    write_jsonl(corpus / "unlabelled.jsonl", unlabelled)
    write_jsonl(corpus / "dropped.jsonl", (asdict(drop) for drop in splits.drops))
    write_json(corpus / "labels.json", splits.labels)
    summary = {"lang": lang, "data": str(data), "seed": seed, **summarize(splits)}
    write_json(corpus / "prepare.json", summary)
    return summary


def summarize(splits: Splits) -> dict[str, Any]:
    """Count what was read, kept and dropped."""
    kept = {
        lang: {split: sum(r.lang == lang for r in reviews) for split, reviews in splits.reviews.items()}
        for lang in splits.languages
    }
    drops = {file: Counter(drop.kind for drop in splits.drops if drop.file == file) for file in splits.files}
    return {
        "languages": splits.languages,
        "labels": {label: _count_label(splits, label) for label in splits.labels},
        "kept": kept,
        "unused": splits.unused,
        "files": {
            file: {"read": splits.read[file], "sha256": hash_file(Path(file)), **drops[file]} for file in splits.files
        },
    }


def _count_label(splits: Splits, label: str) -> dict[str, int]:
    return {s: sum(review.label == label for review in splits.reviews[s]) for s in LABELLED}


def write_gold(path: Path, reviews: Iterable[Review], labels: list[str], *, lang: str) -> None:
    """Write reviews as a DocBin, with their labels as exact 0.0/1.0 in `doc.cats`."""
    nlp = spacy.blank(lang)
    doc_bin = new_doc_bin()
    for review in reviews:
        doc = nlp.make_doc(review.text)
        doc.cats = {label: float(label == review.label) for label in labels}
        doc.user_data = {LANG: review.lang, SOURCE: GOLD}
        doc_bin.add(doc)
    doc_bin.to_disk(path)


def read_gold(path: Path) -> Iterator[Doc]:
    """Yield the docs of a gold corpus.

    RAISES (ValueError): If the file is missing; the message names the command that makes it.
    """
    if not path.exists():
        raise ValueError(f"{path}: no such file. Make it with: python -m spacy project run prepare .")
    yield from read_docs(path)


def gold_label(doc: Doc) -> str:
    """Return the label of a gold doc."""
    return max(doc.cats, key=doc.cats.__getitem__)
