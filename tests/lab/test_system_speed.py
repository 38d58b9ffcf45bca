import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest

from scripts.distill.core.threads import ONE_THREAD
from scripts.distill.evaluate.tfidf import fit_tfidf, write_tfidf
from scripts.lab import system_speed
from scripts.lab.system_speed import TimedSystem, pick_texts, run_system, time_systems
from tests.helpers import ROOT
from tests.teacher.test_teachers import LABELS, textcat_pipeline

# Says how it was started.
ECHO = """
import json, os, sys
job = json.load(sys.stdin)
cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
print("noise of a library")
print(json.dumps({"job": job, "environment": dict(os.environ), "cores": cores, "isolated": sys.flags.isolated}))
"""
PIPELINE = TimedSystem("pipeline", Path("some/model"))


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "echo.py").write_text(ECHO, encoding="utf-8")
    monkeypatch.setattr(system_speed, "WORKER", tmp_path / "echo.py")


def test_system_speed_starts_with_one_thread(echo: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ONE_THREAD:
        monkeypatch.setenv(name, "8")
    found: dict[str, Any] = run_system(PIPELINE, ["a"], ["b"], sys.executable)
    variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    assert [found["environment"][name] for name in variables] == ["1", "1", "1"]
    assert found["isolated"] == 1
    serving = str(ROOT / "scripts/distill/release")
    expected = {"kind": "pipeline", "folder": "some/model", "serving": serving, "texts": ["a"], "warm_up": ["b"]}
    assert found["job"] == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system can't pin processes")
def test_system_speed_stays_on_the_callers_core(echo: None) -> None:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        assert run_system(PIPELINE, ["a"], ["b"], sys.executable)["cores"] == 1
    finally:
        os.sched_setaffinity(0, cores)


def test_system_speed_failure_names_the_system(echo: None) -> None:
    system_speed.WORKER.write_text("import sys; sys.exit('no torch here')", encoding="utf-8")
    with pytest.raises(ValueError, match=r"some/model can't be timed by .*:\nno torch here"):
        run_system(PIPELINE, ["a"], ["b"], sys.executable)


def test_system_speed_runs_a_stock_pipeline_and_the_control(tmp_path: Path) -> None:
    nlp = textcat_pipeline()
    nlp.to_disk(tmp_path / "model")
    nlp.meta.update(tokenizer_cache=500, label_shares=dict.fromkeys(LABELS, 0.5))
    nlp.to_disk(tmp_path / "exported")
    (tmp_path / "control").mkdir()
    write_tfidf(fit_tfidf(["good", "bad"], numpy.asarray([1, 0])), tmp_path / "control", {})
    kinds = {"pipeline": ("model", "exported"), "served_tokenizer": ("exported",), "control": ("control",)}
    for kind, name in ((kind, name) for kind, names in kinds.items() for name in names):
        found = run_system(TimedSystem(kind, tmp_path / name), ["good", "bad"], ["good"], sys.executable)
        assert set(found) == {"startup_s", "docs_per_second", "peak_rss_bytes"}
        assert all(value > 0 for value in found.values())


def test_system_speed_takes_turns_and_the_best_of_all_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_speed, "ROUNDS", 5)
    monkeypatch.setattr(system_speed, "SLOW_ROUNDS", 3)
    kinds = {"a": "pipeline", "b": "tokenizer", "c": "transformer"}
    systems = {name: TimedSystem(kind, Path(name)) for name, kind in kinds.items()}
    turns: list[str] = []

    def run(system: TimedSystem, *_: object) -> dict[str, float]:
        turns.append(str(system.folder))
        turn = [3, 1, 2, 10, 4][turns.count(turns[-1]) - 1]
        return {"docs_per_second": 100 * turn, "startup_s": turn, "peak_rss_bytes": turn}

    monkeypatch.setattr(system_speed, "run_system", run)
    times = time_systems(systems, ["x"], ["y"], sys.executable)
    assert turns == ["a", "b", "c"] * 3 + ["a", "b"] * 2
    assert times["a"] == times["b"] == {"docs_per_second": 1000, "startup_s": 3, "peak_rss_bytes": 10}
    assert times["c"] == {"docs_per_second": 300, "startup_s": 2, "peak_rss_bytes": 3}
    assert set(times) == set(systems)


@pytest.mark.parametrize(
    "kind,texts,warm_up", [("transformer", 64, 8), ("hugging_face", 64, 8), ("pipeline", 1000, 500)]
)
def test_system_speed_gives_slow_systems_fewer_texts(
    monkeypatch: pytest.MonkeyPatch, kind: str, texts: int, warm_up: int
) -> None:
    jobs: list[dict[str, Any]] = []

    class Done:
        returncode, stdout = 0, "{}"

    def run(command: list[str], *, input: str, **_: object) -> Done:
        jobs.append(json.loads(input))
        return Done()

    monkeypatch.setattr(system_speed.subprocess, "run", run)
    run_system(TimedSystem(kind, Path("x"), {"labels": ["A"]}), ["t"] * 3000, ["w"] * 500, sys.executable)
    assert (len(jobs[0]["texts"]), len(jobs[0]["warm_up"])) == (texts, warm_up)
    assert jobs[0]["labels"] == ["A"]


def test_system_speed_picks_texts_of_all_lengths_in_their_order() -> None:
    texts = ["xxxxxx", "x", "xxx", "xx", "xxxxx", "xxxx"]
    assert pick_texts(texts, 3) == ["xxxxxx", "xx", "xxxx"]
    assert pick_texts(texts, 99) == texts
    assert pick_texts(texts, 6) == texts
