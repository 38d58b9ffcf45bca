"""The library on real reviews and treebanks, where they are at hand beside the project."""

import json
from pathlib import Path

import pytest

from scripts.distill.data.prepare import prepare

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
