"""Find a data folder's files, make splits, and keep texts from being in two of them."""

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from sklearn.model_selection import train_test_split

from ..core.messages import name_missing
from .languages import MULTI_LANGUAGE, find_language, is_language
from .near_duplicates import NearDuplicates
from .origins import LABELLED, UNLABELLED
from .records import Drop, Kind, Record, read_records, stream_records
from .text_files import DELIMITERS, SUFFIXES, TXT, split_name, suffixes
from .text_keys import normalize, normalize_but_case, text_key

# Instead of train, dev and test, one file with all labelled texts of a language.
UNSPLIT = "labelled"
# What to put into a data folder, for messages.
LAYOUT = f"<lang>/{UNSPLIT}.csv and <lang>/{UNLABELLED}.txt, or other files, see docs/data.md"
# A text that stands in two splits is kept in the first of these; unlabelled texts come last.
PRECEDENCE = ("test", "dev", "train")
# Of one file with all labelled texts, the shares of the texts that become dev and test.
DEV_SHARE = TEST_SHARE = 0.2
# Of the labelled records of a file, or the unlabelled ones of a language, the share that may be rejected; and how many
# may be, whatever their share. The same holds for the lines of rejected records: each may be a record that was lost.
MAX_REJECTED, FEW_REJECTED = 0.2, 10


@dataclass
class Rejected:
    """The rejected records of a file or folder, counted: a misread file may have millions.

    count (int): How many.
    lines (int): The lines that they take.
    first (Drop | None): The first of them.
    longest (Drop | None): The one that takes the most lines; of several such, the first.
    """

    count: int = 0
    lines: int = 0
    first: Drop | None = None
    longest: Drop | None = None

    def add(self, drop: Drop) -> None:
        """Count one more."""
        self.count += 1
        self.lines += drop.lines
        self.first = self.first or drop
        if self.longest is None or drop.lines > self.longest.lines:
            self.longest = drop


@dataclass
class Splits:
    """The labelled texts of a data folder by split, and what was dropped on the way.

    records (dict[str, list[Record]]): Split → its records.
    drops (list[Drop]): The labelled records that were not kept.
    read (dict[str, int]): Labelled file → records read.
    lines (dict[str, int]): Labelled file → lines read, up to the last record.
    changed (dict[str, int]): Labelled file → labels that it has in another way, see `labels.normalize_label`.
    unlabelled (dict[str, list[Path]]): Language → files of unlabelled texts, see `stream_unlabelled`.
    unused (list[str]): Files and folders of languages that were not chosen.
    """

    records: dict[str, list[Record]] = field(default_factory=lambda: {s: [] for s in PRECEDENCE})
    drops: list[Drop] = field(default_factory=list)
    read: dict[str, int] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    unlabelled: dict[str, list[Path]] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)

    @cached_property
    def _held_out(self) -> tuple[list[Record], NearDuplicates]:
        texts = [record for split in ("test", "dev") for record in self.records[split]]
        return texts, NearDuplicates([normalize(record.text) for record in texts])

    def near_copy(self, text: str) -> str | None:
        """Return why a text is dropped that nearly equals a dev or test text; None if it does not.

        text (str): A normalised text. Dev and test must be complete.
        """
        texts, copies = self._held_out
        index = copies.find(text)
        return None if index is None else f"nearly the same text as {texts[index].file}:{texts[index].line}"

    @property
    def labels(self) -> list[str]:
        """The labels of all labelled texts, sorted: the project's label order."""
        return sorted({str(r.label) for s in LABELLED for r in self.records[s]})

    @property
    def languages(self) -> list[str]:
        """The languages of the labelled texts, sorted."""
        return sorted({record.lang for split in self.records.values() for record in split})


def read_splits(data: Path, *, lang: str, seed: int, max_gold: int | None = None) -> Splits:
    """Read a data folder into train, dev and test texts without duplicates, and find its unlabelled ones.

    data (Path): A folder with `<lang>/{train,dev,test[,unlabelled]}.jsonl`, `<lang>/{labelled[,unlabelled]}.jsonl`
        or one `<lang>.jsonl` for each language. Files may also be .csv or .tsv, and gzipped. Unlabelled texts may also
        be .txt, with one text per line, and there may be a folder `<lang>/unlabelled/` of such files.
    lang (str): A language code, or "xx" for all languages of the folder.
    seed (int): Decides the split of a language whose labelled texts come as one file.
    max_gold (int | None): How many train texts of each language are kept, the first ones; None: all.
    RETURNS (Splits): The labelled texts, and the files of the unlabelled ones.
    RAISES (ValueError): If the folder or a file in it can't be understood, the language is not there, there is only one
        label, or a split has no text with one of the labels.
    """
    splits = Splits()
    places = find_languages(data)
    if lang != MULTI_LANGUAGE and lang not in places:
        raise ValueError(f"{data}: no data for language {lang!r}. Found: {', '.join(sorted(places))}")
    used = sorted(places) if lang == MULTI_LANGUAGE else [lang]
    splits.unused = [str(places[code]) for code in places if code not in used]
    for code in used:
        place = places[code]
        if place.is_dir():
            _read_folder(place, code, seed, splits)
        else:
            _read_file(place, code, seed, splits)
    _drop_duplicates(splits)
    _drop_near_copies(splits)
    if max_gold is not None:
        splits.records["train"] = first_of_each_language(splits.records["train"], max_gold)
    _check_labels(data, splits)
    return splits


def first_of_each_language(records: Iterable[Record], limit: int | None) -> list[Record]:
    """Return the first records of each language, one language after the other.

    records (Iterable[Record]): The records.
    limit (int | None): How many of each language, at most; None: all.
    """
    by_language: dict[str, list[Record]] = {}
    for record in records:
        by_language.setdefault(record.lang, []).append(record)
    return [record for found in by_language.values() for record in found[:limit]]


def find_languages(data: Path) -> dict[str, Path]:
    """Find the file or folder of each language in a data folder.

    data (Path): The data folder, see `read_splits`.
    RETURNS (dict[str, Path]): Language code → file or folder.
    RAISES (ValueError): If there is no such folder, nothing in it can be read, a file or folder in it is not named
        after a language that `is_language` accepts, or one language has two places.
    """
    if not data.is_dir():
        problem = f"{data}: a file" if data.exists() else f"{name_missing(data)}: no such folder"
        raise ValueError(f"{problem}. Give a folder that holds {LAYOUT}")
    places: dict[str, Path] = {}
    for path in sorted(data.iterdir()):
        if _is_ignored(path):
            continue
        code, kind = (path.name, "") if path.is_dir() else split_name(path)
        if code in (*LABELLED, UNSPLIT, UNLABELLED):
            raise ValueError(
                f"{path}: belongs into the folder of its language. If its texts are English, put it in {data / 'en'}/"
            )
        if not path.is_dir() and kind not in SUFFIXES:
            raise ValueError(f"{path}: can't be read. Expected <lang>/, or <lang> with one of {suffixes()}")
        if not is_language(code):
            _refuse_language(path, code)
        if code in places:
            raise ValueError(f"{path}: language {code!r} has a second place, {places[code]}. Keep one")
        places[code] = path
    if not places:
        raise ValueError(f"{data}: nothing to read. It must hold {LAYOUT}")
    return places


def _is_ignored(path: Path) -> bool:
    """Return whether a file in a data folder is not meant as data: hidden files, a README, a licence."""
    return path.name.startswith(".") or path.stem.upper() in ("README", "LICENSE")


def _refuse_language(path: Path, code: str) -> NoReturn:
    if other := find_language(code):
        new = other + path.name.removeprefix(code)
        raise ValueError(f"{path}: spaCy's code for {code!r} is {other!r}. Rename it to {new}")
    raise ValueError(
        f"{path}: {code!r} is not the code of a language that spaCy knows (en, nl, fr …) and tokenises "
        "without another library. If its texts are of such a language, rename it to the language's code. If not, move "
        "it out of the data folder"
    )


def _read_folder(folder: Path, lang: str, seed: int, splits: Splits) -> None:
    found = _find_splits(folder)
    if UNSPLIT in found:
        others = [found[split] for split in LABELLED if split in found]
        if others:
            raise ValueError(f"{found[UNSPLIT]}: is split by seed, but there is {others[0]}, too. Keep one of the two")
        _read_file(found[UNSPLIT], lang, seed, splits)
    for split in () if UNSPLIT in found else LABELLED:
        if split not in found:
            raise ValueError(
                f"{folder}: no {split} file. Add {split} as one of {suffixes()}, or give one file "
                f"{folder}/{UNSPLIT}.csv instead, which is split by seed"
            )
        splits.records[split] += _read(found[split], lang, splits)
    if UNLABELLED in found:
        splits.unlabelled[lang] = _find_unlabelled(found[UNLABELLED])


def _is_split(split: str, kind: str) -> bool:
    """Return whether a file with this name and suffix is read as a split."""
    if split == UNLABELLED:
        return kind in (*SUFFIXES, TXT)
    return split in (*LABELLED, UNSPLIT) and kind in SUFFIXES


def _find_splits(folder: Path) -> dict[str, Path]:
    """Return the file or folder of each split that a language's folder has."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if _is_ignored(path):
            continue
        split, kind = (path.name, "") if path.is_dir() else split_name(path)
        if not (_is_split(split, kind) or (split == UNLABELLED and path.is_dir())):
            meant, suffix = split.lower().replace("labeled", "labelled"), kind.lower()
            packed = ".gz" if path.name.lower().endswith(".gz") else ""
            near = meant in (UNSPLIT, UNLABELLED) and _is_split(meant, suffix)
            raise ValueError(
                f"{path}: not a split that can be read. "
                + (f"Did you mean {meant}{suffix}{packed}? " if near else "")
                + f"Expected: {', '.join((*LABELLED, UNLABELLED))}, as one of "
                f"{suffixes()}, or {UNSPLIT} instead of the first three; "
                f"{UNLABELLED} also as {TXT}, or as a folder of files"
            )
        if split in found:
            raise ValueError(f"{path}: split {split!r} has a second place, {found[split]}. Keep one")
        found[split] = path
    return found


def _find_unlabelled(place: Path) -> list[Path]:
    if not place.is_dir():
        return [place]
    files = [path for path in sorted(place.iterdir()) if not _is_ignored(path)]
    for path in files:
        if path.is_dir() or split_name(path)[1] not in (*SUFFIXES, TXT):
            raise ValueError(f"{path}: can't be read. Expected files with one of: {suffixes(labelled=False)}")
    if not files:
        raise ValueError(f"{place}: no files. Add some, or remove the folder")
    return files


def _read_file(path: Path, lang: str, seed: int, splits: Splits) -> None:
    records = _unique(_read(path, lang, splits), splits.drops)
    counts = Counter(record.label for record in records)
    # Of five texts of a label, one goes to dev and one to test.
    for label, count in counts.items():
        if count < 5:
            line = next(record.line for record in records if record.label == label)
            found = [f"{other!r} {n}" for other, n in counts.items() if other != label]
            others = ", ".join([*found[:10], *([f"and {len(found) - 10} more"] if len(found) > 10 else [])])
            raise ValueError(
                f"{path}:{line}: label {label!r} has {count} texts, and needs 5 to be split into train, dev and test. "
                f"Other labels: {others or 'none'}. Correct the label if it is misspelt, or add texts"
            )
    labels = [record.label for record in records]
    rest, test = train_test_split(records, test_size=TEST_SHARE, stratify=labels, random_state=seed)
    labels = [record.label for record in rest]
    # The share of dev in what is left after test.
    dev_share = DEV_SHARE / (1 - TEST_SHARE)
    train, dev = train_test_split(rest, test_size=dev_share, stratify=labels, random_state=seed)
    for split, part in (("train", train), ("dev", dev), ("test", test)):
        splits.records[split] += sorted(part, key=lambda record: record.line)


def _read(path: Path, lang: str, splits: Splits) -> list[Record]:
    records, drops = read_records(path, lang=lang)
    splits.read[str(path)] = len(records) + len(drops)
    splits.lines[str(path)] = max([record.line for record in records] + [drop.line for drop in drops], default=0)
    splits.changed[str(path)] = sum(record.label_changed for record in records)
    splits.drops += drops
    if not records:
        _refuse(path, len(drops), drops[0] if drops else None)
    rejected = Rejected()
    for drop in drops:
        if drop.kind == "rejected":
            rejected.add(drop)
    _check_rejected(path, splits.read[str(path)], splits.lines[str(path)], rejected)
    return records


def stream_unlabelled(splits: Splits) -> Iterator[Record | Drop]:
    """Read the unlabelled texts of a data folder, one at a time; only a key of each text stays in memory.

    splits (Splits): The labelled texts, and the files of the unlabelled ones, see `read_splits`.
    YIELDS (Record | Drop): Each record: a text, or why the text is dropped. Texts are dropped that equal a labelled or
        an earlier text, or nearly equal a dev or test text.
    RAISES (ValueError): If a file can't be read, or too many of a language's unlabelled records can't be read as
        texts.
    """
    labelled = {normalize(record.text): record for split in LABELLED for record in splits.records[split]}
    # Key → what is left of the text's case.
    seen: dict[bytes, int] = {}
    for lang, files in splits.unlabelled.items():
        read, rejected = 0, Rejected()
        lines: dict[str, int] = {}
        place = files[0] if len(files) == 1 else files[0].parent
        for item in (item for path in files for item in stream_records(path, lang=lang, labelled=False)):
            read += 1
            lines[item.file] = item.line
            if isinstance(item, Drop):
                rejected.add(item)
                yield item
                continue
            text, cased = normalize(item.text), zlib.crc32(normalize_but_case(item.text).encode())
            key = text_key(text)
            if text in labelled:
                yield _duplicate(item, labelled[text])
            elif key in seen:
                kind: Kind = "duplicate" if seen[key] == cased else "case_duplicate"
                yield _drop(item, kind, "same text as an earlier unlabelled one" + _BUT_CASE[kind])
            elif reason := splits.near_copy(text):
                yield _drop(item, "near_copy", reason)
            else:
                yield item
            seen.setdefault(key, cased)
        if rejected.count == read:
            _refuse(place, read, rejected.first)
        _check_rejected(place, read, sum(lines.values()), rejected)


def _refuse(path: Path, read: int, first: Drop | None) -> NoReturn:
    """Refuse a file or folder none of whose records can be used; `first` is the first record that was dropped."""
    remedy = _describe_problem(path, first) if first else "Add texts, or remove it"
    raise ValueError(f"{path}: none of its {read} records can be used. {remedy}")


def _check_rejected(path: Path, read: int, lines: int, rejected: Rejected) -> None:
    """Refuse a file or folder of which a large share is rejected: then the file is misread, not some records.

    path (Path): The file or folder.
    read, lines (int): How many records were read, on how many lines.
    rejected (Rejected): Those that were rejected.
    """

    def is_much(count: int, total: int) -> bool:
        return count > max(FEW_REJECTED, MAX_REJECTED * total)

    if rejected.first and is_much(rejected.count, read):
        found, worst = f"{rejected.count} of its {read} records are rejected", rejected.first
    elif rejected.longest and is_much(rejected.lines, lines):
        found = f"{rejected.lines} of its {lines} lines are in records that are rejected"
        worst = rejected.longest
    else:
        return
    misread = split_name(Path(worst.file))[1] in DELIMITERS and not worst.text
    raise ValueError(
        f"{path}: {found}, more than {MAX_REJECTED:.0%}. {_describe_problem(path, worst)}"
        + (". In tables, quotes are the usual reason, see docs/data.md" if misread else "")
    )


def _describe_problem(path: Path, worst: Drop) -> str:
    place = f"line {worst.line}" if worst.file == str(path) else f"{worst.file}:{worst.line}"
    return f"The {'largest' if worst.lines > 1 else 'first'} problem: {place}: {worst.reason}"


_BUT_CASE = {"duplicate": "", "case_duplicate": ", but for case"}


def _duplicate(record: Record, other: Record) -> Drop:
    """Drop a record with the same text as another."""
    same = normalize_but_case(record.text) == normalize_but_case(other.text)
    kind: Kind = "duplicate" if same else "case_duplicate"
    reason = f"same text as {other.file}:{other.line}{_BUT_CASE[kind]}"
    if record.label is not None and record.label != other.label:
        return _drop(record, "contradiction", f"{reason}, which has label {other.label}, not {record.label}")
    return _drop(record, kind, reason)


def _drop(record: Record, kind: Kind, reason: str) -> Drop:
    return Drop(record.file, record.line, kind, reason, record.text)


def _drop_near_copies(splits: Splits) -> None:
    """Drop train texts that nearly equal a dev or test text."""
    kept = []
    for record in splits.records["train"]:
        if reason := splits.near_copy(normalize(record.text)):
            splits.drops.append(_drop(record, "near_copy", reason))
        else:
            kept.append(record)
    splits.records["train"] = kept


def _drop_duplicates(splits: Splits) -> None:
    in_order = [record for split in PRECEDENCE for record in splits.records[split]]
    kept = {id(record) for record in _unique(in_order, splits.drops)}
    for split in PRECEDENCE:
        splits.records[split] = [record for record in splits.records[split] if id(record) in kept]


def _unique(records: Iterable[Record], drops: list[Drop]) -> list[Record]:
    """Return the first record of each text; add the other records of the same text to `drops`."""
    first: dict[str, Record] = {}
    for record in records:
        other = first.setdefault(normalize(record.text), record)
        if other is not record:
            drops.append(_duplicate(record, other))
    return list(first.values())


def _check_labels(data: Path, splits: Splits) -> None:
    """Check that there are two labels or more, and that every split has a text with each label."""
    labels = splits.labels
    if len(labels) < 2:
        raise ValueError(
            f"{data}: at least two labels are needed. Found: {', '.join(labels)}. Add texts with another label, or "
            "check that the column 'label' holds the labels"
        )
    for split in LABELLED:
        missing = sorted(set(labels) - {str(record.label) for record in splits.records[split]})
        if missing:
            texts = [r for other in LABELLED for r in splits.records[other] if r.label == missing[0]]
            copies = sum(drop.kind == "near_copy" for drop in splits.drops)
            dropped = f". {copies} texts were dropped as near copies of dev or test texts" if copies else ""
            raise ValueError(
                f"{data}: no text with label {missing[0]} in split {split!r}. The label is on {len(texts)} texts "
                f"elsewhere, the first {texts[0].file}:{texts[0].line}. All labels: {', '.join(labels)}. If it is "
                f"not misspelt, add texts with it{dropped}"
            )
