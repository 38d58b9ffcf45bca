"""The library on real reviews and treebanks, where they are at hand beside the project."""

import json
from pathlib import Path

import pytest
import spacy

from scripts.distil.gold import prepare
from scripts.distil.tagging import tag_texts
from scripts.distil.treebanks import HELD_OUT, read_treebank

SHARED = Path("../shared")
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs the real data in ../shared, which does not ship")
LANGUAGES = ("de", "en", "es", "fr", "it", "nl")


@needs_shared
def test_real_reviews_of_six_languages_are_all_kept(tmp_path: Path) -> None:
    summary = prepare(SHARED / "reviews", tmp_path, lang="xx", seed=0)
    assert tuple(summary["languages"]) == LANGUAGES
    for counts in summary["labels"].values():
        assert counts["train"] == 3000
        assert 2790 < counts["test"] <= counts["dev"] <= 2800
    read = sum(file["read"] for file in summary["files"].values())
    kept = sum(sum(splits.values()) for splits in summary["kept"].values())
    dropped = (tmp_path / "dropped.jsonl").read_text(encoding="utf-8").splitlines()
    assert read == kept + len(dropped)
    assert len(dropped) < 0.01 * read
    assert all(json.loads(line)["reason"] for line in dropped)


@needs_shared
@pytest.mark.parametrize("lang", LANGUAGES)
def test_real_tagger_knows_the_language(lang: str) -> None:
    """Far above what another language's tagger would do; the exact figures are for the docs."""
    name = next(name for name in HELD_OUT if (SHARED / "ud" / lang / f"{name}.conllu").exists())
    docs = list(read_treebank(SHARED / "ud" / lang / f"{name}.conllu"))[:30]
    tagger = spacy.load("assets/tagger")
    correct = total = 0
    for doc, tagged in zip(docs, tag_texts(tagger, [(doc.text, lang) for doc in docs]), strict=True):
        gold = {token.idx: (token.text, token.pos_) for token in doc}
        start = 0
        for word, space, pos in zip(tagged.words, tagged.spaces, tagged.pos, strict=True):
            total += 1
            correct += gold.get(start) == (word, pos)
            start += len(word) + len(space)
    assert correct / total > 0.75
