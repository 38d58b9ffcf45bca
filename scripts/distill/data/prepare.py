"""The whole step: a data folder → gold corpora, unlabelled texts and a list of what was dropped."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import spacy
import srsly
from spacy.tokens import Doc

from ..core.files import (
    hash_file,
    hash_path,
    json_line,
    list_hashes,
    naming_full_disk,
    replacing_file,
    replacing_folder,
    settle,
    write_json,
)
from ..core.progress import track
from .docbins import write_docs
from .origins import GOLD, LABELLED, LANG, ORIGIN, UNLABELLED
from .records import Drop, Record
from .splits import PRECEDENCE, Splits, find_languages, read_splits, stream_unlabelled

# What `prepare` writes, beside prepare.json.
OUTPUTS = ("gold", "unlabelled.jsonl", "labels.json", "dropped.jsonl")
# What `prepare_if_changed` remembers.
RECORD = "made_from.json"
# A data folder has languages, in them splits, and a folder of unlabelled texts has files.
DEPTH = 3
# The library code that makes the corpora: this package, and what it imports.
CODE = tuple(Path(__file__).parents[1] / package for package in ("core", "data"))


@dataclass
class Counts:
    """What became of the unlabelled texts.

    read (Counter[str]): File → records read.
    lines (dict[str, int]): File → lines read, up to the last record.
    kept (Counter[str]): Language → texts kept.
    dropped (dict[str, Counter[str]]): File → kind of `Drop` → records dropped.
    """

    read: Counter[str] = field(default_factory=Counter)
    lines: dict[str, int] = field(default_factory=dict)
    kept: Counter[str] = field(default_factory=Counter)
    dropped: dict[str, Counter[str]] = field(default_factory=dict)


def prepare(
    data: Path, corpus: Path, *, lang: str, seed: int, max_gold: int | None = None, max_unlabelled: int | None = None
) -> dict[str, Any]:  # fmt: skip
    """Turn a data folder into the project's corpora.

    data (Path): The data folder, see `read_splits`.
    corpus (Path): The folder to write: gold/{train,dev,test}.spacy, unlabelled.jsonl, labels.json, dropped.jsonl and
        prepare.json.
    lang (str): A language code, or "xx" for all languages of the data.
    seed (int): Decides random splits.
    max_gold (int | None): How many train texts of each language are kept, the first ones; None: all.
    max_unlabelled (int | None): How many unlabelled texts of each language are kept, the first ones; None: all.
    RETURNS (dict[str, Any]): The contents of prepare.json: "lang", "data", "seed", what `summarize` counts, and
        "outputs": file or folder → sha256.
    RAISES (ValueError): If the data can't be used. Nothing is written then.
    """
    splits = read_splits(data, lang=lang, seed=seed, max_gold=max_gold)
    counts = Counts()
    with (
        replacing_folder(corpus / "gold") as gold,
        replacing_file(corpus / "dropped.jsonl") as drops,
        replacing_file(corpus / "unlabelled.jsonl") as texts,
    ):
        for drop in splits.drops:
            drops.write(json_line(asdict(drop)))
        for item in track(stream_unlabelled(splits), "reading unlabelled texts"):
            counts.read[item.file] += 1
            counts.lines[item.file] = item.line
            if isinstance(item, Drop):
                counts.dropped.setdefault(item.file, Counter())[item.kind] += 1
                drops.write(json_line(asdict(item)))
            elif max_unlabelled is None or counts.kept[item.lang] < max_unlabelled:
                counts.kept[item.lang] += 1
                texts.write(json_line({"text": item.text, LANG: item.lang}))
        for split in LABELLED:
            with naming_full_disk(corpus / "gold"):
                write_gold(gold / f"{split}.spacy", splits.records[split], splits.labels, lang=lang)
        # prepare.json is written last, and says that the rest is complete. Until then there must be none.
        (corpus / "prepare.json").unlink(missing_ok=True)
    write_json(corpus / "labels.json", splits.labels)
    outputs = {name: hash_path(corpus / name) for name in OUTPUTS}
    summary = {"lang": lang, "data": str(data), "seed": seed, **summarize(splits, counts), "outputs": outputs}
    write_json(corpus / "prepare.json", summary)
    return summary


def prepare_if_changed(
    data: Path, corpus: Path, command: Path, *, lang: str, seed: int, max_gold: int | None = None,
    max_unlabelled: int | None = None, force: bool = False,
) -> dict[str, Any] | None:  # fmt: skip
    """Call `prepare`, unless the corpora were made from the same files by the same code, and are as it left them.

    weasel can't decide that: it joins the contents of a folder's files without their names, and follows no links.

    data, corpus, lang, seed, max_gold, max_unlabelled: As of `prepare`.
    command (Path): The file of the command, whose changes count, too.
    force (bool): Whether to call `prepare` anyway.
    RETURNS (dict[str, Any] | None): What `prepare` returns; None if nothing has changed.
    RAISES (OSError, ValueError): As `prepare` does.
    """
    find_languages(data)  # before gigabytes of a folder that holds no data are read
    if corpus.resolve().is_relative_to(data.resolve()):
        raise ValueError(
            f"{corpus}: lies in the data folder {data}, where files of the same name would be lost. Give a folder "
            "outside of it"
        )
    for name in (*OUTPUTS, "prepare.json", RECORD):
        settle(corpus / name)
    limits = {"max_gold": max_gold, "max_unlabelled": max_unlabelled}
    code = [path for folder in CODE for path in sorted(folder.glob("*.py"))]
    # Listed before the data is read: what changes meanwhile is seen next time.
    made_from = {
        "settings": {"data": str(data), "lang": lang, "seed": seed, **limits},
        "data": list_hashes(data, DEPTH),
        "code": {f"{path.parent.name}/{path.name}": hash_file(path) for path in (command, *code)},
        "spacy": spacy.__version__,
    }
    record = corpus / RECORD
    if not force and _is_current(corpus, record, made_from):
        return None
    summary = prepare(data, corpus, lang=lang, seed=seed, **limits)
    write_json(record, {**made_from, "prepare.json": hash_file(corpus / "prepare.json")})
    return summary


def _is_current(corpus: Path, record: Path, made_from: dict[str, Any]) -> bool:
    try:
        known = srsly.read_json(record)
        if known != {**made_from, "prepare.json": hash_file(corpus / "prepare.json")}:
            return False
        outputs = srsly.read_json(corpus / "prepare.json")["outputs"]
        return all(hash_path(corpus / name) == sha256 for name, sha256 in outputs.items())
    except (OSError, ValueError):  # one of them is missing or broken
        return False


def summarize(splits: Splits, unlabelled: Counts) -> dict[str, Any]:
    """Count what was read, kept and dropped.

    splits (Splits): The labelled records.
    unlabelled (Counts): What became of the unlabelled records.
    RETURNS (dict[str, Any]): "languages"; "labels": label → split → texts; "kept": language → split or "unlabelled" →
        texts; "unused": places of languages that were not chosen; "files": file → "read" (records), "lines", "sha256",
        the records dropped of each kind, and "labels_changed" where `labels.normalize_label` changed some.
    """
    kept = {
        lang: {
            **{s: sum(r.lang == lang for r in splits.records[s]) for s in PRECEDENCE},
            UNLABELLED: unlabelled.kept[lang],
        }
        for lang in splits.languages
    }
    drops: dict[str, Counter[str]] = {
        file: Counter(drop.kind for drop in splits.drops if drop.file == file) for file in splits.read
    }
    drops |= unlabelled.dropped
    files = {str(path): unlabelled.read[str(path)] for paths in splits.unlabelled.values() for path in paths}
    lines = splits.lines | unlabelled.lines
    changed = {file: {"labels_changed": count} for file, count in splits.changed.items() if count}
    return {
        "languages": splits.languages,
        "labels": {label: _count_label(splits, label) for label in splits.labels},
        "kept": kept,
        "unused": splits.unused,
        "files": {
            file: {
                "read": read, "lines": lines.get(file, 0), "sha256": hash_file(Path(file)),
                **drops.get(file, {}), **changed.get(file, {}),
            }
            for file, read in (splits.read | files).items()
        },
    }  # fmt: skip


def _count_label(splits: Splits, label: str) -> dict[str, int]:
    return {s: sum(record.label == label for record in splits.records[s]) for s in LABELLED}


def write_gold(path: Path, records: Iterable[Record], labels: list[str], *, lang: str) -> None:
    """Write labelled records as a DocBin: labels as exact 0.0 and 1.0 in `doc.cats`, language and origin in user data.

    path (Path): The *.spacy file to write.
    records (Iterable[Record]): The records.
    labels (list[str]): The project's labels, in their order.
    lang (str): The language whose tokenizer is used, or "xx".
    """
    nlp = spacy.blank(lang)

    def make_docs() -> Iterator[Doc]:
        for record in records:
            doc = nlp.make_doc(record.text)
            doc.cats = {label: float(label == record.label) for label in labels}
            doc.user_data = {LANG: record.lang, ORIGIN: GOLD}
            yield doc

    write_docs(make_docs(), path)
