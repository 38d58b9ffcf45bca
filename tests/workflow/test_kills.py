"""Commands that are killed at random moments, or run twice at once: the end is that of an undisturbed run.

DISTILL_KILLS=100 kills each command a hundred times.
"""

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.distill.core.lock import NESTED
from tests.helpers import ROOT

KILLS = int(os.environ.get("DISTILL_KILLS", "1"))
TRAIN_STUDENT = (
    "scripts.train configs/student_bow.cfg --output training --training.max_steps 20 --training.eval_frequency 5 "
    "--schedule.warmup 0 --schedule.min_updates 20 --schedule.max_updates 20"
)
# Command → what it makes.
STAGES = {
    "scripts.prepare data corpus --lang nl": ["corpus/gold", "corpus/unlabelled.jsonl", "corpus/prepare.json"],
    "scripts.augment run corpus configs/augment.cfg --augment.variants 3 --unlabelled.variants 1":
        ["corpus/augmented.jsonl", "corpus/augment.json", "corpus/tokenizer"],
    "scripts.score run corpus configs/score.cfg corpus/transfer --teacher jsonl:scores.jsonl":
        ["corpus/transfer", "corpus/score.json"],
    TRAIN_STUDENT: ["training/model-best", "training/model-last"],
}  # fmt: skip


def environment() -> dict[str, str]:
    """Return the environment of a command that takes the lock of its folder, as users' commands do."""
    kept = {name: value for name, value in os.environ.items() if name != NESTED}
    return kept | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def start(folder: Path, command: str, largest: int = resource.RLIM_INFINITY) -> subprocess.Popen[str]:
    """Start a command that may write files of `largest` bytes."""
    return subprocess.Popen(
        [sys.executable, "-m", *command.split()], cwd=folder, env=environment(), text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest)),
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return output


def read(folder: Path, names: list[str]) -> dict[str, bytes]:
    """Return what a command made, without the words per second that spaCy notes."""
    paths = [path for name in names for path in (folder / name, *sorted((folder / name).rglob("*"))) if path.is_file()]
    found = {str(path.relative_to(folder)): path.read_bytes() for path in paths}
    for name in [name for name in found if name.endswith("meta.json") and name.startswith("training")]:
        found[name] = json.dumps({**json.loads(found[name]), "speed": None}).encode()
    return found


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if ".run." not in path.name}


def write_data(folder: Path, word: str = "") -> None:
    rows = {}
    for path in (ROOT / "assets/sample/nl").glob("*.jsonl"):
        rows[path.name] = [json.loads(line) for line in path.open(encoding="utf-8")][:24]
    for name, found in rows.items():
        (folder / "nl").mkdir(parents=True, exist_ok=True)
        lines = [json.dumps({**row, "text": word + row["text"]}) + "\n" for row in found]
        (folder / "nl" / name).write_text("".join(lines), encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("configs", "assets/tagger"):
        shutil.copytree(ROOT / name, tmp_path / name)
    write_data(tmp_path / "data")
    texts = [json.loads(line)["text"] for path in (tmp_path / "data/nl").iterdir() for line in path.open()]
    cats = [{"NEG": 0.25 + 0.5 * (len(text) % 2), "POS": 0.75 - 0.5 * (len(text) % 2)} for text in texts]
    lines = [json.dumps({"text": text, "cats": row}) + "\n" for text, row in zip(texts, cats, strict=True)]
    (tmp_path / "scores.jsonl").write_text("".join(lines), encoding="utf-8")
    return tmp_path


def test_kills_at_any_moment_change_nothing(project: Path) -> None:
    rng = random.Random(0)
    for command, made in STAGES.items():
        before = names(project)
        began = time.monotonic()
        finish(start(project, command))
        seconds = time.monotonic() - began
        expected, there = read(project, made), names(project)
        assert expected
        for _ in range(KILLS):
            # Half of the kills meet outputs of an earlier run.
            if rng.random() < 0.5:
                for name in sorted(names(project) - before, reverse=True):
                    path = project / name
                    path.rmdir() if path.is_dir() else path.unlink()
            process = start(project, command + (" --force" if "prepare" in command else ""))
            time.sleep(seconds * rng.uniform(0.3, 1))
            process.kill()
            process.communicate()
            finish(start(project, command))
            assert read(project, made) == expected, command
            assert names(project) == there, command


def test_two_prepares_at_once_do_not_mix(project: Path) -> None:
    write_data(project / "other", word="Zeg: ")
    commands = [f"scripts.prepare {data} corpus --lang nl" for data in ("data", "other")]
    for _ in range(KILLS):
        both = [start(project, command) for command in commands]
        outputs = [process.communicate()[0] for process in both]
        ended = [process.returncode for process in both]
        assert 0 in ended
        for code, output in zip(ended, outputs, strict=True):
            assert code == 0 or "is at work here" in " ".join(output.split())
        made = json.loads((project / "corpus/prepare.json").read_text())
        rows = [json.loads(line)["text"] for line in (project / "corpus/unlabelled.jsonl").open(encoding="utf-8")]
        assert {text.startswith("Zeg: ") for text in rows} == {made["data"] == "other"}
        assert not list((project / "corpus").glob(".*"))
