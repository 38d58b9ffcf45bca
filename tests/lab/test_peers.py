"""Other systems beside ours. The peers here are fakes, which this Python runs: nothing is installed."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest
from packaging.requirements import Requirement

from scripts.distill.data.corpus import GoldSplit
from scripts.distill.evaluate.tfidf import fit_tfidf
from scripts.distill.release import wheel as wheel_module
from scripts.distill.release.wheel import WheelError
from scripts.lab import peers as peers_module
from scripts.lab import system_speed
from scripts.lab.peer_table import TABLE_HEADER, measure_rows, table_rows
from scripts.lab.peers import (
    PEERS,
    Peer,
    Task,
    environment_size,
    find_peers,
    make_jobs,
    package_size,
    peer_environment,
    read_elsewhere,
)  # fmt: skip
from scripts.lab.recipes import tfidf
from tests.helpers import ROOT

# Notes each training, and says always what the first train text has.
WORKS = """
from pathlib import Path
def train(job):
    with (Path(job["folder"]).parent / "trainings.txt").open("a") as file:
        file.write("x")
    assert len(job["dev_texts"]) == len(job["dev_labels"])
    (Path(job["folder"]) / "label").write_text(str(job["labels"][0]))
def load(folder):
    label = int((Path(folder) / "label").read_text())
    return lambda texts: [label] * len(texts)
"""
FAILS = 'def train(job):\n    raise RuntimeError("no such instruction")\n'
FIELDS = {"accuracy", "accuracy_other", "docs_per_second", "startup_s", "peak_rss_bytes", "size_bytes",
          "environment_bytes", "training_s", "job", "key"}  # fmt: skip


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_speed, "ROUNDS", 1)
    monkeypatch.setattr(peers_module, "environment_size", lambda python: 7)


@pytest.fixture
def peers(tmp_path: Path) -> list[Peer]:
    """One that can't be installed, one that fails, one that works."""
    found = []
    for name, code in (("uninstallable", WORKS), ("broken", FAILS), ("working", WORKS)):
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
        (tmp_path / f"{name}.txt").write_text("a==1\n", encoding="utf-8")
        found.append(Peer(name, tmp_path / f"{name}.py", tmp_path / f"{name}.txt", None, slow=False))
    return found


@pytest.fixture
def task(tmp_path: Path) -> Task:
    (tmp_path / "encoder").mkdir()
    split = GoldSplit(["good", "bad", "fine", "nice"], ["en"] * 4, numpy.asarray([1, 0, 1, 1]))
    other = GoldSplit(["bad", "good"], ["en"] * 2, numpy.asarray([0, 1]))
    return Task(split, split, split, other, tmp_path / "encoder", tmp_path / "teacher", seed=0)


def environment(requirements: Path) -> str:
    if requirements.stem == "uninstallable":
        raise WheelError("pip failed:\nno wheel for this Python")
    return sys.executable


@pytest.fixture
def run(peers: list[Peer], task: Task, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def run(task: Task = task, environment: Callable[[Path], str] = environment) -> dict[str, Any]:
        return measure_rows(make_jobs(peers, task, tmp_path / "trained", environment), tmp_path / "rows.json")

    return run


def trainings(tmp_path: Path) -> int:
    return len((tmp_path / "trained/trainings.txt").read_text(encoding="utf-8"))


def test_peers_go_on_after_one_that_fails_and_say_why(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    rows = run()
    assert list(rows) == ["uninstallable", "broken", "working"]
    assert rows["uninstallable"]["why_not"].endswith("no wheel for this Python")
    assert "broken can't train" in rows["broken"]["why_not"]
    assert set(rows["working"]) == FIELDS
    assert (rows["working"]["accuracy"], rows["working"]["accuracy_other"]) == (0.75, 0.5)
    assert (rows["working"]["size_bytes"], rows["working"]["environment_bytes"]) == (1, 7)
    assert all(rows["working"][name] > 0 for name in ("docs_per_second", "startup_s", "peak_rss_bytes"))
    assert json.loads((tmp_path / "rows.json").read_text(encoding="utf-8")) == rows
    table = table_rows(rows)
    assert {len(row) for row in table} == {len(TABLE_HEADER)}
    assert table[0][:3] == ("working", "75.0", "50.0")
    assert [row[:2] for row in table[1:]] == [
        ("uninstallable", "did not run: no wheel for this Python"),
        ("broken", "did not run: RuntimeError: no such instruction"),
    ]


def test_peers_finished_rows_are_not_measured_again(
    run: Callable[..., dict[str, Any]], peers: list[Peer], task: Task, tmp_path: Path
) -> None:
    before = run()
    again = run(environment=lambda requirements: sys.executable)
    assert again["working"] == before["working"]
    assert "why_not" not in again["uninstallable"]
    # One training of the peer that was finished, one of the peer that could not be installed at first.
    assert trainings(tmp_path) == 2
    peers[2].recipe.write_text(f"{WORKS}\n", encoding="utf-8")
    run(environment=lambda requirements: sys.executable)
    assert trainings(tmp_path) == 3
    run(replace(task, seed=1), environment=lambda requirements: sys.executable)
    assert trainings(tmp_path) == 5


def test_peers_an_interruption_loses_no_finished_row(tmp_path: Path) -> None:
    done: list[str] = []

    def measure(name: str) -> Callable[[], dict[str, Any]]:
        def one() -> dict[str, Any]:
            if name == "c" and done == ["a", "b"]:
                done.append("interrupted")
                raise KeyboardInterrupt
            done.append(name)
            return {name: {"accuracy": 1.0}}

        return one

    jobs = {name: ("key", measure(name)) for name in "abcd"}
    with pytest.raises(KeyboardInterrupt):
        measure_rows(jobs, tmp_path / "rows.json")
    assert list(measure_rows(jobs, tmp_path / "rows.json")) == ["a", "b", "c", "d"]
    assert done == ["a", "b", "interrupted", "c", "d"]
    # A command with some of the jobs keeps the rows of the others.
    measure_rows({"b": ("new", measure("b"))}, tmp_path / "rows.json")
    assert set(json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))) == set("abcd")


def test_peers_are_trained_where_more_is_installed(peers: list[Peer], task: Task, tmp_path: Path) -> None:
    asked: list[str] = []

    def environment(requirements: Path) -> str:
        asked.append(requirements.stem)
        return sys.executable

    peer = replace(peers[2], training=peers[0].requirements)
    measure_rows(make_jobs([peer], task, tmp_path / "trained", environment), tmp_path / "rows.json")
    assert asked == ["working", "uninstallable"]


def test_peers_each_have_a_recipe_and_exact_versions() -> None:
    assert [peer.name for peer in find_peers([])] == list(PEERS)
    assert [peer.name for peer in find_peers(["setfit"])] == ["setfit"]
    with pytest.raises(ValueError, match=r"--peer x: no such peer\. There are tfidf, "):
        find_peers(["x"])
    for path in (ROOT / "requirements-peers").glob("*.txt"):
        assert path.stem.removesuffix("-train") in PEERS
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        assert [line for line in lines if not str(Requirement(line).specifier).startswith("==")] == []
    for peer in find_peers([]):
        code = (ROOT / peer.recipe).read_text(encoding="utf-8")
        assert "def train(job" in code
        assert "def load(folder" in code
        assert "scripts" not in code


def test_peers_take_torch_for_cpus_alone_if_there_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commands: list[list[str]] = []

    def run_command(command: list[str], folder: str) -> str:
        commands.append(command)
        if "--no-deps" in command:
            raise WheelError("no such wheel")
        return ""

    monkeypatch.setattr(wheel_module, "run_command", run_command)
    requirements, cpu = tmp_path / "some.txt", tmp_path / "cpu.txt"
    requirements.write_text("torch==1\n", encoding="utf-8")
    python = peer_environment(requirements, tmp_path / "all", cpu)
    assert Path(python).is_relative_to(tmp_path / "all/some")
    assert [command[7:] for command in commands[1:]] == [["--no-deps", "-r", str(cpu)], ["-r", str(requirements)]]
    requirements.write_text("numpy==1\n", encoding="utf-8")
    peer_environment(requirements, tmp_path / "all", cpu)
    assert [command[7:] for command in commands[4:]] == [["-r", str(requirements)]]


@pytest.mark.parametrize("labels", [[1, 0, 1, 0], [1, 0, 1, 1]], ids=["two-each", "one-of-a-label"])
def test_peers_tfidf_is_the_control(tmp_path: Path, labels: list[int]) -> None:
    texts = ["good film", "bad film", "very good", "so bad"]
    tfidf.train({"texts": texts, "labels": labels, "folder": str(tmp_path)})
    asked = ["good", "bad bad", "film", "very bad film"]
    expected = fit_tfidf(texts, numpy.asarray(labels)).predict(asked)
    assert tfidf.load(str(tmp_path))(asked) == expected.tolist()


def test_peers_elsewhere_are_dev_texts_of_each_language(tmp_path: Path) -> None:
    for lang in ("en", "nl"):
        (tmp_path / lang).mkdir()
        for split in ("train", "dev", "test"):
            rows = [{"text": f"{lang} {split} {i}", "label": "NP"[i % 2]} for i in range(6)]
            lines = "".join(f"{json.dumps(row)}\n" for row in rows)
            (tmp_path / lang / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    found = read_elsewhere(tmp_path, "xx", ["P", "N"], limit=3)
    assert found.texts == [f"{lang} dev {i}" for lang in ("en", "nl") for i in range(3)]
    assert found.labels.tolist() == [1, 0, 1] * 2
    assert len(read_elsewhere(tmp_path, "nl", ["P", "N"], limit=0).texts) == 6
    with pytest.raises(ValueError, match="has the label 'N', the corpora have P"):
        read_elsewhere(tmp_path, "xx", ["P"], limit=0)


def test_peers_size_of_a_package_has_that_of_what_it_needs() -> None:
    assert package_size("typer") > package_size("click") > 10_000


def test_peers_size_of_an_environment_is_that_of_its_packages(tmp_path: Path) -> None:
    for place in ("bin", "lib/python3.11/site-packages"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "python").write_bytes(bytes(100))
    assert environment_size(str(tmp_path / "bin/python")) == 100
