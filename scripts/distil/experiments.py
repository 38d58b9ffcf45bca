"""Tables of experiments: settings × data × seeds, each cell trained once, scored, and kept.

The steps are the project's own commands, as subprocesses; what they print is in a log beside what they make.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from configparser import Error
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy
from confection import Config, ConfigValidationError

from .cores import ONE_THREAD
from .experiment_results import DEV, Cell, read_result, score_model, teacher_labels
from .files import folder_size, hash_file, hash_path, write_json
from .progress import MakeBar
from .settings import TRAIN, check_teacher, find_teacher
from .trials import load_trial

CODE = "scripts/functions.py"
AUGMENT, SCORE, VECTOR_SETTINGS = Path("configs/augment.cfg"), Path("configs/score.cfg"), Path("configs/vectors.cfg")
VECTORS = Path("corpus/vectors")
TRAINED = Path("training/teacher/model-best")
# What a config's [paths] begin with where a cell has corpora of its own.
CORPUS = "corpus/"
_DATA, _OVERRIDES = ("folder", "lang", "teacher"), ("train", "augment", "vectors")


class ExperimentError(RuntimeError):
    """A command of an experiment failed."""


def load_experiment(path: Path) -> list[Cell]:
    """Read a table of experiments.

    path (Path): A config: [experiment] with the seeds, a section [data.<name>] for each column and
        [settings.<name>] for each row.
    RETURNS (list[Cell]): All cells, seed by seed.
    RAISES (ValueError): If the file is no config, or something is missing, misspelt or does not exist.
    """
    try:
        config = Config().from_disk(path)
    except (ConfigValidationError, Error) as err:
        raise ValueError(f"{path}: can't be read as a config: {str(err).strip()}") from err
    if set(config) != {"experiment", "data", "settings"} or set(config["experiment"]) != {"seeds"}:
        raise ValueError(
            f"{path}: expected the sections [experiment], with seeds and nothing else, [data] and [settings]"
        )
    for name, about in config["data"].items():
        _check_keys(path, f"data.{name}", about, required=_DATA)
        try:
            check_teacher(about["teacher"])
        except ValueError as err:
            raise ValueError(f"{path}: [data.{name}] teacher: {err}") from err
    for name, about in config["settings"].items():
        _check_keys(path, f"settings.{name}", about, required=("config",), optional=_OVERRIDES)
        if not Path(about["config"]).is_file():
            raise ValueError(f"{path}: [settings.{name}] config: there is no {about['config']}")
    return [
        Cell(setting, data, seed, **about, **{key: {} for key in _OVERRIDES} | values)
        for seed in config["experiment"]["seeds"]
        for data, about in config["data"].items()
        for setting, values in config["settings"].items()
    ]


def _check_keys(
    path: Path, section: str, found: Mapping[str, Any], *, required: Sequence[str], optional: Sequence[str] = ()
) -> None:
    unknown, missing = set(found) - {*required, *optional}, set(required) - set(found)
    if unknown or missing:
        raise ValueError(
            f"{path}: [{section}] has {', '.join(sorted(found))}. Required: {', '.join(required)}; "
            f"known: {', '.join((*required, *optional))}"
        )


def find_corpora(cell: Cell, home: Path) -> Path:
    """Return the folder of a cell's corpora: cells whose corpora would be the same share it.

    cell (Cell): The cell.
    home (Path): Where experiments are kept.
    RAISES (ValueError): If the teacher has not been trained yet.
    """
    place = TRAINED if cell.teacher == TRAIN else find_teacher(cell.teacher)
    if place and not place.exists():
        raise ValueError(f"{place}: no trained teacher. Train it with: python -m spacy project run train-teacher .")
    made_of = [
        cell.lang, cell.teacher, cell.augment, cell.vectors, hash_path(Path(cell.folder)),
        [hash_file(path) for path in (AUGMENT, SCORE, VECTOR_SETTINGS)],
        place and hash_path(place),
    ]  # fmt: skip
    key = hashlib.sha256(json.dumps(made_of, sort_keys=True, default=str).encode()).hexdigest()
    return home / "corpora" / f"{cell.data}-{key[:8]}"


def make_corpora(cell: Cell, corpus: Path, cache: Path, bar: MakeBar) -> None:
    """Make a cell's corpora, unless they are there: what `project.yml` does before `train-student`.

    cell (Cell): The cell.
    corpus (Path): The folder, see `find_corpora`.
    cache (Path): The file with all scores.
    bar (Callable): Shows progress of scoring dev texts.
    RAISES (ExperimentError): If a command fails.
    RAISES (ValueError): If the teacher can't be used.
    """
    corpus.mkdir(parents=True, exist_ok=True)
    teacher = ["--teacher", cell.teacher]
    transfer = [str(corpus), str(SCORE), str(corpus / "transfer")]
    commands = {
        "prepare": ["scripts.prepare", cell.folder, str(corpus), "--lang", cell.lang],
        "augment": ["scripts.augment", "run", str(corpus), str(AUGMENT), *_options(cell.augment)],
        "score": ["scripts.score", "run", *transfer, *teacher, "--cache", str(cache)],
    }
    if not teacher_labels(corpus, DEV).exists():
        for name, command in commands.items():
            _run(command, corpus / f"{name}.log")
        ask_teacher(cell, corpus, cache, bar, DEV)
    if str(VECTORS) in _paths(cell).values() and not (corpus / "vectors.json").exists():
        _run(
            ["scripts.vectors", str(corpus), str(VECTOR_SETTINGS), *teacher, *_options(cell.vectors)],
            corpus / "vectors.log",
        )


def ask_teacher(cell: Cell, corpus: Path, cache: Path, bar: MakeBar, split: str) -> None:
    """Write down which labels the teacher of a cell gives the texts of a split, unless that has been done.

    split (str): "dev" or "test".
    RAISES (ValueError): If it has no answer for some of them.
    """
    path = teacher_labels(corpus, split)
    if path.exists():
        return
    trial = load_trial(corpus, split, cell.teacher, trained=TRAINED, settings_path=SCORE)
    rows, _ = trial.ask_teacher(cache, bar)
    if missing := int(numpy.isnan(rows).any(axis=1).sum()):
        raise ValueError(
            f"The teacher {cell.teacher} has no answer for {missing} of {len(rows)} {split} texts of {cell.folder}. "
            "Experiments compare with its answers: add these texts to its file"
        )
    write_json(path, rows.argmax(axis=1).tolist())


def run_cell(cell: Cell, home: Path, corpus: Path, *, one_thread: bool = False) -> dict[str, Any]:
    """Train a cell and score it on dev, unless that has been done.

    cell (Cell): The cell.
    home (Path): Where experiments are kept: the cell in <home>/<cell>/.
    corpus (Path): Its corpora.
    one_thread (bool): Whether the training may use one thread alone.
    RETURNS (dict[str, Any]): The result, see `read_result`.
    RAISES (ExperimentError): If the training fails.
    """
    folder = home / cell.name
    made_of = {**asdict(cell), "config_sha256": hash_file(Path(cell.config)), "corpora": corpus.name}
    result = read_result(folder)
    if result and result["made_of"] == json.loads(json.dumps(made_of)):
        return result
    settings = {"nlp.lang": cell.lang, "system.seed": cell.seed, **cell.train, **_paths(cell)}
    options = _options({name: _move(value, corpus) for name, value in settings.items()})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").unlink(missing_ok=True)
    start = time.perf_counter()
    _run(
        ["spacy", "train", cell.config, "--output", str(folder), "--code", CODE, *options],
        folder / "train.log",
        one_thread=one_thread,
    )
    seconds = time.perf_counter() - start
    shutil.rmtree(folder / "model-last")
    scores = score_model(folder / "model-best", corpus, DEV)
    result = {"made_of": made_of, "seconds": seconds, "bytes": folder_size(folder / "model-best"), DEV: scores}
    write_json(folder / "result.json", result)
    return result


def _paths(cell: Cell) -> dict[str, Any]:
    """Return the paths of a cell's config, as in the project's own folder."""
    paths = {f"paths.{name}": value for name, value in Config().from_disk(cell.config)["paths"].items()}
    return paths | {name: value for name, value in cell.train.items() if name in paths}


def _move(value: Any, corpus: Path) -> Any:
    """Return a path in corpus/ as one in a cell's own corpora; other values as they are."""
    return str(corpus / value.removeprefix(CORPUS)) if isinstance(value, str) and value.startswith(CORPUS) else value


def _options(overrides: Mapping[str, Any]) -> list[str]:
    """Return overrides as options of the command line, as spaCy reads them."""
    return [
        text
        for name, value in overrides.items()
        for text in (f"--{name}", value if isinstance(value, str) else json.dumps(value))
    ]


def _run(command: Sequence[str], log: Path, *, one_thread: bool = False) -> None:
    environment = {**os.environ, **(ONE_THREAD if one_thread else {})}
    with log.open("a", encoding="utf-8") as file:
        try:
            # The command inherits the lock with its output: it lasts until both this process and the command end.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise ExperimentError(f"{log}: another process is still at it. Wait for it to end, or stop it") from err
        file.truncate(0)
        done = subprocess.run(
            [sys.executable, "-m", *command], env=environment, stdout=file, stderr=subprocess.STDOUT
        )  # fmt: skip
    if done.returncode:
        tail = log.read_text(encoding="utf-8", errors="replace")[-1500:]
        raise ExperimentError(f"{' '.join(command)}\nfailed with exit code {done.returncode}; {log} ends with:\n{tail}")
