"""The whole step: a data folder → gold corpora, unlabelled texts and a list of what was dropped."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import spacy
from spacy.tokens import Doc

from ..core.files import hash_file, json_line, replacing_file, replacing_folder, write_json
from ..core.progress import track
from .docbins import write_docs
from .origins import GOLD, LANG, ORIGIN, UNLABELLED
from .records import Drop, Record
from .splits import LABELLED, PRECEDENCE, Splits, read_splits, stream_unlabelled


@dataclass
class Counts:
    """How many unlabelled texts were read from each file, kept of each language, and dropped of each file."""

    read: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    dropped: dict[str, Counter[str]] = field(default_factory=dict)


def prepare(data: Path, corpus: Path, *, lang: str, seed: int, max_unlabelled: int | None = None) -> dict[str, Any]:
    """Turn a data folder into the project's corpora.

    data (Path): The data folder, see `read_splits`.
    corpus (Path): The folder to write: gold/{train,dev,test}.spacy, unlabelled.jsonl,
        labels.json, dropped.jsonl and prepare.json.
    lang (str): A language code, or "xx" for all languages.
    seed (int): Decides random splits.
    max_unlabelled (int | None): How many unlabelled texts of each language are kept, the first ones; None: all.
    RETURNS (dict[str, Any]): What was read, kept and dropped: the contents of prepare.json.
    RAISES (ValueError): If the data can't be used; nothing is written then.
    """
    splits = read_splits(data, lang=lang, seed=seed)
    counts = Counts()
    unlabelled, dropped = corpus / "unlabelled.jsonl", corpus / "dropped.jsonl"
    with replacing_file(unlabelled) as texts, replacing_file(dropped) as drops:
        for drop in splits.drops:
            drops.write(json_line(asdict(drop)))
        for item in track(stream_unlabelled(splits), "reading unlabelled texts"):
            counts.read[item.file] += 1
            if isinstance(item, Drop):
                counts.dropped.setdefault(item.file, Counter())[item.kind] += 1
                drops.write(json_line(asdict(item)))
            elif max_unlabelled is None or counts.kept[item.lang] < max_unlabelled:
                counts.kept[item.lang] += 1
                texts.write(json_line({"text": item.text, LANG: item.lang}))
        # Written last, it says that the rest is complete.
        (corpus / "prepare.json").unlink(missing_ok=True)
    with replacing_folder(corpus / "gold") as folder:
        for split in LABELLED:
            write_gold(folder / f"{split}.spacy", splits.reviews[split], splits.labels, lang=lang)
    write_json(corpus / "labels.json", splits.labels)
    summary = {"lang": lang, "data": str(data), "seed": seed, **summarize(splits, counts)}
    write_json(corpus / "prepare.json", summary)
    return summary


def summarize(splits: Splits, unlabelled: Counts) -> dict[str, Any]:
    """Count what was read, kept and dropped."""
    kept = {
        lang: {
            **{s: sum(r.lang == lang for r in splits.reviews[s]) for s in PRECEDENCE},
            UNLABELLED: unlabelled.kept[lang],
        }
        for lang in splits.languages
    }
    drops: dict[str, Counter[str]] = {
        file: Counter(drop.kind for drop in splits.drops if drop.file == file) for file in splits.files
    }
    drops |= unlabelled.dropped
    files = {str(path): unlabelled.read[str(path)] for paths in splits.unlabelled.values() for path in paths}
    return {
        "languages": splits.languages,
        "labels": {label: _count_label(splits, label) for label in splits.labels},
        "kept": kept,
        "unused": splits.unused,
        "files": {
            file: {"read": read, "sha256": hash_file(Path(file)), **drops.get(file, {})}
            for file, read in (splits.read | files).items()
        },
    }


def _count_label(splits: Splits, label: str) -> dict[str, int]:
    return {s: sum(review.label == label for review in splits.reviews[s]) for s in LABELLED}


def write_gold(path: Path, reviews: Iterable[Record], labels: list[str], *, lang: str) -> None:
    """Write reviews as a DocBin, with their labels as exact 0.0/1.0 in `doc.cats`."""
    nlp = spacy.blank(lang)

    def make_docs() -> Iterator[Doc]:
        for review in reviews:
            doc = nlp.make_doc(review.text)
            doc.cats = {label: float(label == review.label) for label in labels}
            doc.user_data = {LANG: review.lang, ORIGIN: GOLD}
            yield doc

    write_docs(make_docs(), path)
