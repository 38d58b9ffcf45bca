from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.distill.evaluate import eval_set
from scripts.distill.evaluate.eval_set import load_eval_set
from tests.helpers import ROOT


def test_eval_set_compares_with_the_same_teacher_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scored = {"teacher_fingerprint": "abc"}
    corpus: Any = SimpleNamespace(scored_by=lambda spec: scored, labels=["A", "B"], gold=lambda split: None)
    monkeypatch.setattr(eval_set, "check_trained_on", lambda *given: None)
    monkeypatch.setattr(eval_set, "load_teacher", lambda *given, **more: SimpleNamespace(fingerprint="abc"))
    settings: Any = {"teacher_model": tmp_path, "settings_path": ROOT / "configs/score.cfg"}
    assert load_eval_set(corpus, "dev", "hf:a", **settings).teacher.fingerprint == "abc"
    scored["teacher_fingerprint"] = "abd"
    with pytest.raises(ValueError, match=r"has changed.*python -m spacy project run score \."):
        load_eval_set(corpus, "dev", "hf:a", **settings)
