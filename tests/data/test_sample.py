import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from scripts.distill.data.prepare import prepare
from scripts.distill.data.splits import find_languages
from tests.helpers import ROOT

SAMPLE = ROOT / "assets" / "sample"
LANGUAGES = sorted(find_languages(SAMPLE))
# Split → labelled reviews, and the range of those with three stars.
SIZES = {"train": (48, range(1, 7)), "dev": (16, range(1, 2)), "test": (40, range(1, 4))}
UNLABELLED = 600
WORDS = range(5, 151)
# A third of the reviews is as long as many real ones are.
LONG = range(60, 151)
OVERLAP = 5


def read_sample(lang: str, split: str) -> list[dict[str, Any]]:
    lines = (SAMPLE / lang / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_sample_has_languages() -> None:
    assert {"en", "nl"} <= set(LANGUAGES)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_sample_has_these_files_alone(lang: str) -> None:
    names = {path.name for path in (SAMPLE / lang).iterdir()}
    assert names == {"train.jsonl", "dev.jsonl", "test.jsonl", "unlabelled.jsonl"}


@pytest.mark.parametrize("split", SIZES)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_sample_is_balanced(lang: str, split: str) -> None:
    stars = Counter(record["stars"] for record in read_sample(lang, split))
    labelled, neutral = SIZES[split]
    assert stars[1] + stars[2] == stars[4] + stars[5] == labelled / 2
    assert stars[3] in neutral
    assert set(stars) <= {1, 2, 3, 4, 5}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_sample_has_unlabelled_reviews(lang: str) -> None:
    assert len(read_sample(lang, "unlabelled")) == UNLABELLED


@pytest.mark.parametrize("split", [*SIZES, "unlabelled"])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_sample_records_are_well_formed(lang: str, split: str) -> None:
    fields = ["text", "lang"] if split == "unlabelled" else ["text", "stars", "lang"]
    for record in read_sample(lang, split):
        assert list(record) == fields
        assert record["lang"] == lang
        assert type(record.get("stars", 1)) is int
        assert record["text"] == record["text"].strip()
        assert len(record["text"].split()) in WORDS, record["text"]


@pytest.mark.parametrize("split", [*SIZES, "unlabelled"])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_sample_has_a_third_of_long_reviews(lang: str, split: str) -> None:
    records = read_sample(lang, split)
    long = [record for record in records if len(record["text"].split()) in LONG]
    assert 0.32 <= len(long) / len(records) <= 0.36
    # Length says nothing about the stars.
    negative, positive = (sum(record.get("stars") in stars for record in long) for stars in ((1, 2), (4, 5)))
    assert abs(negative - positive) <= 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_sample_reviews_share_no_five_words(lang: str) -> None:
    texts = [record["text"] for split in (*SIZES, "unlabelled") for record in read_sample(lang, split)]
    first: dict[tuple[str, ...], int] = {}
    shared = []
    for i, text in enumerate(texts):
        words = re.findall(r"\w+", text.lower())
        for start in range(len(words) - OVERLAP + 1):
            gram = tuple(words[start : start + OVERLAP])
            other = first.setdefault(gram, i)
            if other != i:
                shared.append((" ".join(gram), texts[other], text))
    assert shared == []


def test_sample_is_accepted_whole(tmp_path: Path) -> None:
    summary = prepare(SAMPLE, tmp_path, lang="xx", seed=0)
    assert summary["languages"] == LANGUAGES
    kept = {"train": 48, "dev": 16, "test": 40, "unlabelled": UNLABELLED}
    assert summary["kept"] == {lang: kept for lang in LANGUAGES}
    half = {split: len(LANGUAGES) * count // 2 for split, count in kept.items() if split != "unlabelled"}
    assert summary["labels"] == {"NEG": half, "POS": half}
    # Nothing is dropped but reviews with three stars.
    assert {kind for file in summary["files"].values() for kind in file} == {"read", "lines", "sha256", "neutral"}
