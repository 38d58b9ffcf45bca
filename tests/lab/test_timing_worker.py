import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from numpy.testing import assert_equal
from spacy.language import Language
from spacy.tokens import Doc

from scripts.distill.teacher.hugging_face import HuggingFaceSettings, HuggingFaceTeacher
from scripts.lab import timing_worker
from scripts.lab.system_speed import SERVING
from scripts.lab.timing_worker import load_hugging_face, load_pipeline, load_served_tokenizer, load_tokenizer, main
from tests.helpers import ROOT
from tests.teacher.test_hugging_face import LABELS, save_classifier

SEEN: list[str] = []


@Language.component("test_timing_worker_note")
def note_text(doc: Doc) -> Doc:
    SEEN.append(doc.text)
    return doc


@pytest.fixture
def folder(tmp_path: Path) -> str:
    SEEN.clear()
    nlp = spacy.blank("xx")
    nlp.add_pipe("test_timing_worker_note")
    nlp.to_disk(tmp_path / "model")
    return str(tmp_path / "model")


def test_timing_worker_pipeline_runs_its_components_on_every_text(folder: str) -> None:
    load_pipeline({"folder": folder, "serving": str(SERVING)})(["a", "b c"])
    assert SEEN == ["a", "b c"]


@pytest.mark.parametrize("meta,expected", [({}, 10_000), ({"tokenizer_cache": 123, "label_shares": {}}, 123)])
def test_timing_worker_loads_an_exported_student_as_its_wheel_does(
    folder: str, meta: dict[str, Any], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    nlp = spacy.load(folder)
    nlp.meta.update(meta)
    monkeypatch.setattr(spacy, "load", lambda path: nlp)
    job = {"folder": folder, "serving": str(SERVING)}
    load_served_tokenizer(job)(["a"])
    load_pipeline(job)(["a"])
    tokenizer: Any = nlp.tokenizer
    assert tokenizer.max_cache_size == expected


def test_timing_worker_limit_is_the_tokenizer_without_components(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nlp = spacy.load(folder)
    monkeypatch.setattr(spacy, "load", lambda path: nlp)
    run = load_tokenizer({"folder": folder})
    assert "zebra" not in nlp.vocab.strings
    run(["a", "zebra crossing"])
    assert "zebra" in nlp.vocab.strings
    assert SEEN == []


def test_timing_worker_warms_up_on_other_texts_and_times_one_pass(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    for clock, times in {"perf_counter": [10.0, 10.5], "process_time": [20.0, 24.0]}.items():
        monkeypatch.setattr(timing_worker.time, clock, iter(times).__next__)
    job = {"kind": "pipeline", "folder": folder, "serving": str(SERVING)}
    found = main({**job, "warm_up": ["w1", "w2"], "texts": ["t1", "t2"]})
    assert SEEN == ["w1", "w2", "t1", "t2"]
    assert found["startup_s"] == 0.5
    assert found["docs_per_second"] == 0.5
    assert threads == [1]


def test_timing_worker_memory_is_not_that_of_the_process_that_starts_it() -> None:
    code = f"import runpy; print(runpy.run_path({timing_worker.__file__!r})['peak_memory']())"
    large = bytearray(300_000_000)
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert 1_000_000 < int(done.stdout) < 100_000_000 < len(large)


def test_timing_worker_imports_nothing_of_a_system_before_it_is_loaded() -> None:
    code = (
        f"import runpy, sys; runpy.run_path({timing_worker.__file__!r}); print({{'spacy', 'numpy'}} & {{*sys.modules}})"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_timing_worker_hugging_face_teacher_reads_as_the_settings_say(tmp_path: Path) -> None:
    settings = (ROOT / "configs/score.cfg").read_text(encoding="utf-8")
    settings = settings.replace("max_length = 128", "max_length = 8").replace("overlap = 32", "overlap = 2")
    (tmp_path / "score.cfg").write_text(settings, encoding="utf-8")
    folder, texts = save_classifier(tmp_path / "classifier"), ["good", "bad book " * 10]
    job = {"folder": str(folder), "labels": LABELS, "settings": str(tmp_path / "score.cfg")}
    teacher = HuggingFaceTeacher(str(folder), LABELS, HuggingFaceSettings(max_length=8, overlap=2, dtype="auto"))
    assert_equal(load_hugging_face(job)(texts), teacher.predict(texts))
