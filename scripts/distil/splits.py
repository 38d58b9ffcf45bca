"""Find a data folder's files, make splits, and keep texts from being in two of them."""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from sklearn.model_selection import train_test_split
from spacy.util import get_lang_class

from .near_copies import find_near_copies
from .reviews import SUFFIXES, Drop, Review, read_reviews

LABELLED = ("train", "dev", "test")
UNLABELLED = "unlabelled"
# A text that stands in two splits is kept in the first of these.
PRECEDENCE = ("test", "dev", "train", UNLABELLED)
DEV_SHARE = TEST_SHARE = 0.2
MULTI_LANGUAGE = "xx"


@dataclass
class Splits:
    """The texts of a data folder by split, and what was dropped on the way.

    files (list[str]): The files that were read.
    read (dict[str, int]): The number of records read from each file.
    unused (list[str]): Places of other languages than the chosen one.
    """

    reviews: dict[str, list[Review]] = field(default_factory=lambda: {s: [] for s in PRECEDENCE})
    drops: list[Drop] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    read: dict[str, int] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)

    @property
    def labels(self) -> list[str]:
        """The labels of all labelled texts, sorted: the project's label order."""
        return sorted({str(r.label) for s in LABELLED for r in self.reviews[s]})

    @property
    def languages(self) -> list[str]:
        """The languages of all texts, sorted."""
        return sorted({review.lang for split in self.reviews.values() for review in split})


def normalize(text: str) -> str:
    """Return the key by which two texts count as the same: case and white space are ignored."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def read_splits(data: Path, *, lang: str, seed: int) -> Splits:
    """Read a data folder into train, dev, test and unlabelled texts without duplicates.

    data (Path): A folder with `<lang>/{train,dev,test[,unlabelled]}.jsonl` or one `<lang>.jsonl`
        (or .csv, .tsv) for each language.
    lang (str): A language code, or "xx" for all languages of the folder.
    seed (int): Decides the split of a language that comes as one file.
    RETURNS (Splits): The texts.
    RAISES (ValueError): If the folder can't be understood or a split lacks a label.
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
            _read_folder(place, code, splits)
        else:
            _read_file(place, code, seed, splits)
    _drop_duplicates(splits)
    _drop_near_copies(splits)
    _check_labels(data, splits)
    return splits


def find_languages(data: Path) -> dict[str, Path]:
    """Find the file or folder of each language in a data folder.

    RAISES (ValueError): If `data` is no folder or holds none, or if a folder or data file in it
        is not named after a language that spaCy knows, or one language has two places.
    """
    if not data.is_dir():
        raise ValueError(f"{data}: no such folder. It must hold <lang>/train.jsonl … or <lang>.jsonl")
    places: dict[str, Path] = {}
    for path in sorted(data.iterdir()):
        if _is_ignored(path):
            continue
        code = path.name if path.is_dir() else path.stem
        if not path.is_dir() and path.suffix not in SUFFIXES:
            raise ValueError(f"{path}: can't be read. Expected <lang>/ or <lang>{', <lang>'.join(SUFFIXES)}")
        if not is_language(code):
            raise ValueError(
                f"{path}: {code!r} is not the code of a language that spaCy knows (en, nl, fr …) and tokenises "
                "without another library. Rename it, or move it out of the data folder"
            )
        if code in places:
            raise ValueError(f"{path}: language {code!r} has a second place, {places[code]}. Keep one")
        places[code] = path
    if not places:
        raise ValueError(f"{data}: nothing to read. It must hold <lang>/train.jsonl … or <lang>.jsonl")
    return places


def _is_ignored(path: Path) -> bool:
    """Return whether a file in a data folder is not meant as data."""
    return path.name.startswith(".") or path.stem.upper() in ("README", "LICENSE")


def is_language(code: str) -> bool:
    """Return whether spaCy knows a language, and its usual tokenizer serves it (unlike zh, ja, ko, th, vi)."""
    try:
        language = get_lang_class(code)
    except (ImportError, AttributeError):  # the latter for modules beside the languages: spacy.lang.punctuation
        return False
    return code != MULTI_LANGUAGE and "tokenizer" not in language.Defaults.config.get("nlp", {})


def _read_folder(folder: Path, lang: str, splits: Splits) -> None:
    for path in sorted(folder.iterdir()):
        if not _is_ignored(path) and (path.suffix not in SUFFIXES or path.stem not in PRECEDENCE):
            raise ValueError(
                f"{path}: not a split that can be read. Expected: {', '.join((*LABELLED, UNLABELLED))}, as one of "
                f"{', '.join(SUFFIXES)}"
            )
    for split in (*LABELLED, UNLABELLED):
        paths = [folder / f"{split}{suffix}" for suffix in SUFFIXES]
        paths = [path for path in paths if path.exists()]
        if len(paths) > 1:
            raise ValueError(f"{paths[1]}: split {split!r} has a second file, {paths[0]}. Keep one")
        if paths:
            splits.reviews[split] += _read(paths[0], lang, splits, labelled=split != UNLABELLED)
        elif split != UNLABELLED:
            raise ValueError(
                f"{folder}: no {split} file. Add {split}.jsonl, or give one file {folder}.jsonl "
                "instead, which is split by seed"
            )


def _read_file(path: Path, lang: str, seed: int, splits: Splits) -> None:
    reviews = _unique(_read(path, lang, splits), splits.drops)
    counts = Counter(review.label for review in reviews)
    # Five texts leave one each for dev and test.
    for label, count in counts.items():
        if count < 5:
            raise ValueError(f"{path}: label {label!r} has {count} texts; a split by seed needs 5")
    labels = [review.label for review in reviews]
    rest, test = train_test_split(reviews, test_size=TEST_SHARE, stratify=labels, random_state=seed)
    labels = [review.label for review in rest]
    dev_share = DEV_SHARE / (1 - TEST_SHARE)
    train, dev = train_test_split(rest, test_size=dev_share, stratify=labels, random_state=seed)
    for split, part in (("train", train), ("dev", dev), ("test", test)):
        splits.reviews[split] += sorted(part, key=lambda review: review.line)


def _read(path: Path, lang: str, splits: Splits, labelled: bool = True) -> list[Review]:
    reviews, drops = read_reviews(path, lang=lang, labelled=labelled)
    splits.files.append(str(path))
    splits.read[str(path)] = len(reviews) + len(drops)
    splits.drops += drops
    if not reviews:
        reason = f" The first problem: line {drops[0].line}: {drops[0].reason}" if drops else ""
        raise ValueError(f"{path}: none of its {len(drops)} records can be used.{reason}")
    return reviews


def _drop_near_copies(splits: Splits) -> None:
    """Drop train and unlabelled texts that nearly equal a dev or test text."""
    held_out = [review for split in ("test", "dev") for review in splits.reviews[split]]
    keys = [normalize(review.text) for review in held_out]
    for split in ("train", UNLABELLED):
        reviews = splits.reviews[split]
        others = {i: held_out[j] for i, j in find_near_copies([normalize(r.text) for r in reviews], keys)}
        for i, other in others.items():
            reason = f"nearly the same text as {other.file}:{other.line}"
            splits.drops.append(Drop(reviews[i].file, reviews[i].line, "near_copy", reason, reviews[i].text))
        splits.reviews[split] = [review for i, review in enumerate(reviews) if i not in others]


def _drop_duplicates(splits: Splits) -> None:
    in_order = [review for split in PRECEDENCE for review in splits.reviews[split]]
    kept = {id(review) for review in _unique(in_order, splits.drops)}
    for split in PRECEDENCE:
        splits.reviews[split] = [review for review in splits.reviews[split] if id(review) in kept]


def _unique(reviews: Iterable[Review], drops: list[Drop]) -> list[Review]:
    """Keep the first of the reviews that are the same text; add the others to `drops`."""
    first: dict[str, Review] = {}
    for review in reviews:
        other = first.setdefault(normalize(review.text), review)
        if other is not review:
            reason = f"same text as {other.file}:{other.line}"
            if review.label is not None and review.label != other.label:
                reason += f", which has label {other.label}, not {review.label}"
            drops.append(Drop(review.file, review.line, "duplicate", reason, review.text))
    return list(first.values())


def _check_labels(data: Path, splits: Splits) -> None:
    labels = splits.labels
    if len(labels) < 2:
        raise ValueError(f"{data}: at least two labels are needed. Found: {', '.join(labels)}")
    for split in LABELLED:
        missing = sorted(set(labels) - {str(review.label) for review in splits.reviews[split]})
        if missing:
            texts = [r for other in LABELLED for r in splits.reviews[other] if r.label == missing[0]]
            copies = sum(drop.kind == "near_copy" for drop in splits.drops)
            dropped = f". {copies} texts were dropped as near copies of dev or test texts" if copies else ""
            raise ValueError(
                f"{data}: no text with label {missing[0]} in split {split!r}. The label is on {len(texts)} texts "
                f"elsewhere, the first {texts[0].file}:{texts[0].line}. All labels: {', '.join(labels)}. If it is "
                f"not misspelt, add texts with it{dropped}"
            )
