"""The commands of a whole run, on a few texts and with a tiny encoder, that tests kill or let run into a full disk.

They are forked from a process that has the libraries in memory: so they start at once, and a kill meets their work.
"""

import io
import itertools
import json
import multiprocessing
import os
import re
import resource
import runpy
import shutil
import signal
import sqlite3
import sys
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from scripts.distill.core.lock import NESTED
from tests.helpers import ROOT

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["scripts.functions", "scripts.distill.score.score", "scripts.distill.student.vectors",
                              "scripts.distill.teacher.word_encoder", "scripts.distill.teacher.encoder",
                              "scripts.distill.release.wheel", "scripts.distill.evaluate.report",
                              "scripts.distill.augment.plan", "spacy.cli.train", "spacy_transformers",
                              "transformers.models.bert.modeling_bert", "tests.workflow.stages"])  # fmt: skip
NUMBERS = itertools.count()
# What changes files, among the events of Python that a hook can hear.
CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "sqlite3.connect"}
SHORT = "--schedule.warmup 0 --schedule.min_updates 4 --schedule.max_updates 4 --schedule.evaluations 2"
CACHE, EVALUATED = "corpus/scores.sqlite", "metrics/scores.sqlite"


@dataclass(frozen=True)
class Stage:
    """A command, and what it makes.

    command (str): What comes after `python -m`.
    made (Sequence[str]): Files and folders.
    room (int): Bytes that a file may have on a full disk; 0: half of those of the largest file that is made.
    """

    command: str
    made: Sequence[str]
    room: int = 0

    @property
    def again(self) -> str:
        """The command that makes all of it though nothing has changed."""
        return self.command + (" --force" if "prepare" in self.command else "")


STAGES = {
    "prepare": Stage("scripts.prepare data corpus --lang nl",
                     ["corpus/gold", "corpus/labels.json", "corpus/unlabelled.jsonl", "corpus/prepare.json"]),
    "encoder": Stage("scripts.encoder tiny assets/encoder", ["assets/encoder"]),
    "train-tfidf": Stage("scripts.tfidf corpus training/tfidf", ["training/tfidf"]),
    "train-teacher": Stage(f"scripts.train configs/teacher.cfg --output training/teacher {SHORT}",
                           ["training/teacher/model-best", "training/teacher/model-last"]),
    "augment": Stage(
        "scripts.augment run corpus configs/augment.cfg --augment.variants 3 --unlabelled.variants 1",
        ["corpus/augmented.jsonl", "corpus/augment.json", "corpus/tokenizer"],
    ),
    "score": Stage("scripts.score run corpus configs/score.cfg corpus/transfer",
                   ["corpus/transfer", "corpus/score.json", CACHE]),
    "vectors": Stage("scripts.vectors corpus configs/vectors.cfg corpus --vectors.words 300",
                     ["corpus/vectors", "corpus/vectors.json"]),
    "train-student": Stage(f"scripts.train configs/student.cfg --output training/student {SHORT}",
                           ["training/student/model-best", "training/student/model-last"]),
    "export": Stage(
        "scripts.export training/student/model-best training/student/export --config configs/student.cfg "
        "--name tiny --version 0.1.0",
        ["training/student/export"],
    ),
    "evaluate": Stage(
        "scripts.evaluate corpus metrics/evaluation.json reports/evaluation.html "
        f"--baseline training/student/model-best --cache {EVALUATED}",
        ["metrics/evaluation.json", "reports/evaluation.html", EVALUATED],
    ),
    "package": Stage("scripts.package training/student/export packages", ["packages"]),
    # The disk is full in the middle of the installation.
    "verify": Stage(
        "scripts.verify packages/nl_tiny-0.1.0/dist/nl_tiny-0.1.0-py3-none-any.whl training/student/export "
        f"metrics/verify.json --constraints {ROOT / 'constraints.txt'}", ["metrics/verify.json"], room=1_000_000,
    ),
}  # fmt: skip
# These ask a package index.
ASKING = ("package", "verify")
PARAMETERS = [pytest.param(name, marks=[pytest.mark.network] if name in ASKING else []) for name in STAGES]


@dataclass(frozen=True)
class Running:
    """A command that was started, and the file of what it prints."""

    process: BaseProcess
    log: Path

    def kill(self) -> None:
        """Kill the command, and all that it has started."""
        try:
            os.killpg(self.process.pid or 0, signal.SIGKILL)
        except ProcessLookupError:  # it has ended, or has hardly begun
            self.process.kill()

    def end(self) -> tuple[int | None, str]:
        """Wait for the end; return the exit status, or minus the signal, and what was printed."""
        self.process.join()
        return self.process.exitcode, self.log.read_text(encoding="utf-8", errors="replace")

    def finish(self) -> int:
        """Wait for the end, which must be a good one; return how often files were changed."""
        code, output = self.end()
        assert code == 0, output
        return int(self.log.with_suffix(".changes").read_text())


def environment() -> dict[str, str]:
    """Return the environment of a command that takes the lock of its folder, as users' commands do."""
    kept = {name: value for name, value in os.environ.items() if name != NESTED}
    return kept | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def start(folder: Path, command: str, *, largest: int = resource.RLIM_INFINITY, last: int = 0) -> Running:
    """Start a command.

    largest (int): How many bytes a file that it writes may have.
    last (int): The command is killed when it is about to change files for the last-th time; 0: it is not.
    """
    log = folder.parent / f"{next(NUMBERS)}.log"
    log.touch()
    process = FORKS.Process(target=_run, args=(folder, command, log, largest, last))
    process.start()
    return Running(process, log)


def _run(folder: Path, command: str, log: Path, largest: int, last: int) -> None:
    """Run a command in this process."""
    os.setsid()
    for stream in (1, 2):
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    os.chdir(folder)
    os.environ.pop(NESTED, None)
    os.environ.update(environment())
    changes = 0

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal changes
        opened = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if (opened or event in CHANGES) and (folder / str(arguments[0])).is_relative_to(folder):
            changes += 1
            if changes == last:
                os.killpg(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    module, *sys.argv[1:] = command.split()
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        sys.stdout.flush()
        log.with_suffix(".changes").write_text(str(changes))


def read(folder: Path, made: Sequence[str]) -> dict[str, Any]:
    """Return what a command made, without what differs by nature.

    That is: the words per second that spaCy notes, how long a teacher worked and when, the times in a wheel, and how
    long it takes to load.
    """
    paths = [path for name in made for path in (folder / name, *sorted((folder / name).rglob("*"))) if path.is_file()]
    found: dict[str, Any] = {str(path.relative_to(folder)): path.read_bytes() for path in paths}
    for name in found:
        if name.endswith("meta.json") and name.startswith("training"):
            found[name] = json.dumps({**json.loads(found[name]), "speed": None}).encode()
        elif name == "metrics/verify.json":
            found[name] = json.dumps({**json.loads(found[name]), "load_seconds": None, "sha256": None}).encode()
        elif name.endswith(".whl"):
            with zipfile.ZipFile(io.BytesIO(found[name])) as archive:
                found[name] = {inside: archive.read(inside) for inside in archive.namelist()}
        elif name.endswith(".sqlite"):
            with closing(sqlite3.connect(folder / name)) as cache:
                # `scored`: no text twice.
                queries = (
                    "SELECT fingerprint, labels, scored FROM teachers",
                    "SELECT * FROM scores",
                    "SELECT * FROM batches",
                )
                found[name] = [cache.execute(query).fetchall() for query in queries]
    return found


def sizes(folder: Path, made: Sequence[str]) -> list[int]:
    """Return the sizes in bytes of the files that a command made."""
    return [
        path.stat().st_size for name in made for path in (folder / name, *(folder / name).rglob("*")) if path.is_file()
    ]


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if ".run." not in path.name}


def remove(folder: Path, paths: set[str]) -> None:
    """Remove files and folders with all that is in them."""
    for name in sorted(paths, reverse=True):
        path = folder / name
        path.rmdir() if path.is_dir() else path.unlink()


def write_data(folder: Path, word: str = "") -> None:
    """Write a few of the sample's reviews, each with a word before it."""
    for path in (ROOT / "assets/sample/nl").glob("*.jsonl"):
        rows = [json.loads(line) for line in path.open(encoding="utf-8")][:24]
        (folder / "nl").mkdir(parents=True, exist_ok=True)
        lines = [json.dumps({**row, "text": word + row["text"]}) + "\n" for row in rows]
        (folder / "nl" / path.name).write_text("".join(lines), encoding="utf-8")


def write_encoder(folder: Path) -> None:
    """Write a BERT that knows letters alone, of two layers of width 16, in Hugging Face format."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir()
    letters = [prefix + letter for letter in "abcdefghijklmnopqrstuvwxyz" for prefix in ("", "##")]
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", *letters]
    (folder / "vocab.txt").write_text("\n".join(vocab), encoding="utf-8")
    BertTokenizerFast(str(folder / "vocab.txt"), do_lower_case=True, model_max_length=512).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocab), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    BertModel(config).save_pretrained(folder, safe_serialization=True)


def write_project(folder: Path) -> None:
    """Write what the stages read."""
    for name in ("configs", "assets/tagger"):
        shutil.copytree(ROOT / name, folder / name)
    # Many batches, which are committed one by one; in bfloat16, scores of a tiny teacher are all alike.
    score = (folder / "configs/score.cfg").read_text(encoding="utf-8")
    for key, value in (("texts", "4"), ("dtype", '"float32"')):
        score, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", score)
        assert count == 1
    (folder / "configs/score.cfg").write_text(score, encoding="utf-8")
    write_data(folder / "data")
    write_encoder(folder / "tiny")


@dataclass(frozen=True)
class Undisturbed:
    """What a stage does if nothing disturbs it.

    seconds (float): How long it takes.
    changes (int): How often it changes files.
    names (set[str]): The files and folders that it adds.
    made (dict[str, Any]): What it makes, see `read`.
    """

    seconds: float
    changes: int
    names: set[str]
    made: dict[str, Any]


class Project:
    """A folder in which stages run.

    folder (Path): The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._done: dict[str, Undisturbed] = {}
        write_project(folder)

    def finish(self, name: str) -> Undisturbed:
        """Run a stage, and those before it, unless that was done; return what it did."""
        for each in list(STAGES)[: list(STAGES).index(name) + 1]:
            if each not in self._done:
                before, began = names(self.folder), time.monotonic()
                changes = start(self.folder, STAGES[each].command).finish()
                seconds, made = time.monotonic() - began, read(self.folder, STAGES[each].made)
                assert made
                self._done[each] = Undisturbed(seconds, changes, names(self.folder) - before, made)
        return self._done[name]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project that all tests of a run share: each leaves it as undisturbed runs would."""
    with pytest.MonkeyPatch.context() as patch:
        # Read by the process that all commands are forked from, when it starts.
        patch.setenv("OMP_NUM_THREADS", "1")
        # It starts now, so that no stage seems to take as long.
        first = FORKS.Process(target=int)
        first.start()
        first.join()
        yield Project(tmp_path_factory.mktemp("stages") / "project")
