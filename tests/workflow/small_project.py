"""A copy of the project with short trainings, on a few of the sample's reviews, whose commands tests run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import srsly

from scripts.distill.core.lock import NESTED
from tests.helpers import ROOT

PROJECT = srsly.read_yaml(ROOT / "project.yml")
COMMANDS: dict[str, dict[str, Any]] = {command["name"]: command for command in PROJECT["commands"]}
SMALL = {
    "teacher.cfg": {"min_updates": "4", "max_updates": "4", "evaluations": "2"},
    "baseline.cfg": {"max_steps": "20", "eval_frequency": "10"},
    "student.cfg": {"min_updates": "20", "max_updates": "20", "evaluations": "2"},
    "augment.cfg": {"variants": "3"},
    "vectors.cfg": {"words": "500"},
    # In bfloat16 the probabilities of untrained teachers are all alike.
    "score.cfg": {"dtype": '"float32"'},
}
WITHOUT_INDEX = ("package", "verify", "summary")


def run_project(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != NESTED} | {"OMP_NUM_THREADS": "1"}
    # weasel is what `python -m spacy project` calls, and starts ten times faster.
    command = [sys.executable, "-m", "weasel", "run", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the project, with short trainings and half of two languages' labelled reviews."""
    folder = tmp_path_factory.mktemp("project with blanks")
    for name in ("project.yml", "constraints.txt", "README.md"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "configs", folder / "configs")
    shutil.copytree(ROOT / "assets/tagger", folder / "assets/tagger")
    for name, values in SMALL.items():
        path = folder / "configs" / name
        text = path.read_text(encoding="utf-8")
        for key, value in values.items():
            text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
            assert count == (2 if key == "variants" else 1)
        path.write_text(text, encoding="utf-8")
    for lang in ("en", "nl"):
        for path in (ROOT / "assets/sample" / lang).glob("*.jsonl"):
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            (folder / "my data" / lang).mkdir(parents=True, exist_ok=True)
            kept = 60 if path.stem == "unlabelled" else len(lines) // 2
            (folder / "my data" / lang / path.name).write_text("".join(lines[:kept]), encoding="utf-8")
    project = (folder / "project.yml").read_text(encoding="utf-8")
    # The smaller encoder is quicker to train and to write.
    for default, other in (('data: "assets/sample"', 'data: "my data"'), ('encoder: "e5"', 'encoder: "minilm"')):
        assert default in project
        project = project.replace(default, other)
    (folder / "project.yml").write_text(project, encoding="utf-8")
    return folder


def copy_without(project: Path, to: Path, *folders: str) -> None:
    """Copy a project, but for some of its folders."""
    without = {project / folder for folder in folders}
    shutil.copytree(project, to, ignore=lambda parent, names: [n for n in names if Path(parent, n) in without])
