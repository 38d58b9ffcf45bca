"""Tables of experiments: settings × data × seeds, each cell trained once, scored, and kept.

The steps are the project's own commands, run as subprocesses. What they print is in a log beside what they make.
"""

import fcntl
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, field, replace
from pathlib import Path
from typing import Any

import numpy
from confection import Config
from pydantic.dataclasses import dataclass as section
from spacy.util import dot_to_object

from scripts.distill.core.files import folder_size, hash_path, write_json
from scripts.distill.core.lock import NESTED
from scripts.distill.core.sections import STRICT, Count, Whole, read_config, validate
from scripts.distill.core.threads import ONE_THREAD
from scripts.distill.data.corpus import Corpus
from scripts.distill.evaluate.eval_set import load_eval_set
from scripts.distill.release.export import exported_size
from scripts.distill.teacher.spec import SPACY, TRAIN, check_spec, find_local_path, spec_members

from .controls import CONTROLS
from .results import DEV, Cell, Place, read_result, score_cell, teacher_labels

AUGMENT, SCORE, VECTOR_SETTINGS = Path("configs/augment.cfg"), Path("configs/score.cfg"), Path("configs/vectors.cfg")
VECTORS = Path("corpus/vectors")
TEACHER, ENCODER = Path("configs/teacher.cfg"), Path("assets/encoder")
# What the paths in a config begin with that are replaced by those of a cell's own corpora.
CORPUS = "corpus/"


class ExperimentError(ValueError):
    """A command of an experiment failed."""


def load_experiment(path: Path) -> list[Cell]:
    """Read a table of experiments.

    path (Path): A config: [experiment] with the seeds, a section [data.<name>] for each column, and a section
        [settings.<name>] for each row. Where both have settings for configs/augment.cfg, the row's hold.
    RETURNS (list[Cell]): All cells, seed by seed.
    RAISES (ValueError): If the file is no config, or something is missing, misspelt or does not exist.
    """
    table = validate(path, _Table, _read(path), all_given=False)
    for name, about in table.data.items():
        try:
            check_spec(about.teacher)
        except ValueError as err:
            raise ValueError(f"{path}: [data.{name}] teacher: {err}") from err
        _check_settings(f"{path}: [data.{name}.augment]", AUGMENT, about.augment)
    for name, row in table.settings.items():
        place = f"{path}: [settings.{name}"
        if row.config in CONTROLS:
            if row.train or row.vectors:
                raise ValueError(f"{place}] config: the control {row.config} has no settings for train and vectors")
        elif not Path(row.config).is_file():
            controls = ", ".join(CONTROLS)
            raise ValueError(f"{place}] config: there is no {row.config}, and it is none of the controls: {controls}")
        _check_settings(f"{place}.train]", row.config, row.train)
        _check_settings(f"{place}.augment]", AUGMENT, row.augment)
        _check_settings(f"{place}.vectors]", VECTOR_SETTINGS, row.vectors)
    return [
        Cell(setting, data, seed, **{**asdict(about), **asdict(row), "augment": {**about.augment, **row.augment}})
        for seed in table.experiment.seeds
        for data, about in table.data.items()
        for setting, row in table.settings.items()
    ]


def _check_settings(place: str, config: str | Path, given: Mapping[str, Any]) -> None:
    """Check that a config has the settings that are to be replaced: `spacy train` would accept unknown ones."""
    known = _read(config) if given else Config()
    for setting in given:
        # Any language may be given a tagger of its own.
        if config == AUGMENT and setting.startswith("taggers."):
            continue
        try:
            dot_to_object(known, setting)
        except KeyError as err:
            raise ValueError(f"{place}: {config} has no setting {setting}") from err


@section(frozen=True, config=STRICT)
class _Experiment:
    seeds: list[int]


@section(frozen=True, config=STRICT)
class _Column:
    folder: str
    lang: str
    teacher: str
    augment: dict[str, Any] = field(default_factory=dict)
    max_gold: Count | None = None
    max_unlabelled: Whole | None = None


@section(frozen=True, config=STRICT)
class _Row:
    config: str
    train: dict[str, Any] = field(default_factory=dict)
    augment: dict[str, Any] = field(default_factory=dict)
    vectors: dict[str, Any] = field(default_factory=dict)


@section(frozen=True, config=STRICT)
class _Table:
    experiment: _Experiment
    data: dict[str, _Column]
    settings: dict[str, _Row]


def find_places(cells: Sequence[Cell], home: Path) -> list[Place]:
    """Return the folders of cells, which may not exist yet.

    cells (Sequence[Cell]): The cells.
    home (Path): The folder where experiments are kept.
    RETURNS (list[Place]): The folders of each cell.
    RAISES (ValueError): If a cell's data folder does not exist.
    """
    # Each file is hashed once, however many cells depend on it.
    sha256 = functools.cache(hash_path)
    return [_find_place(cell, home, sha256) for cell in cells]


def _read(config: str | Path) -> Config:
    """Return what a config says, comments aside."""
    return read_config(Path(config), interpolate=False)


def _find_place(cell: Cell, home: Path, sha256: Callable[[Path], str]) -> Place:
    if not Path(cell.folder).exists():
        raise ValueError(f"[data.{cell.data}] folder: there is no {cell.folder}")
    # That it was trained on these data, by this config, stands in the key; the files differ in each training.
    teachers = [find_local_path(member) for member in spec_members(cell.teacher) if member != TRAIN]
    encoder = sha256(ENCODER) if ENCODER.exists() else None
    data = [cell.lang, cell.max_gold, sha256(Path(cell.folder)), _read(TEACHER), encoder]
    trained = home / "teachers" / f"{cell.lang}-{_key(data)}"
    taggers = {f"taggers.{lang}": name for lang, name in _read(AUGMENT).get("taggers", {}).items()}
    taggers |= {name: value for name, value in cell.augment.items() if name.startswith("taggers.")}
    files = [*(find_local_path(f"{SPACY}:{name}") for name in taggers.values() if name), *teachers]
    corpora = [
        cell.lang, cell.max_gold, cell.max_unlabelled, cell.teacher, cell.augment, sha256(Path(cell.folder)),
        _read(AUGMENT), _read(SCORE), [sha256(path) if path and path.exists() else None for path in files],
        data if TRAIN in spec_members(cell.teacher) else None,
    ]  # fmt: skip
    corpus = home / "corpora" / f"{cell.data}-{_key(corpora)}"
    vectors = corpus / f"vectors-{_key([cell.vectors, _read(VECTOR_SETTINGS), encoder])}"
    used = vectors.name if _has_vectors(cell) else None
    config = cell.config if cell.config in CONTROLS else _read(cell.config)
    folder = home / f"{cell.name}-{_key([asdict(cell), config, corpus.name, used])}"
    return Place(folder, corpus, vectors, trained)


def _key(made_of: Any) -> str:
    """Return a short hash of what JSON can hold."""
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:8]


def train_teacher(cell: Cell, place: Place) -> None:
    """Train a cell's teacher by configs/teacher.cfg on the cell's data, unless it is trained or from elsewhere.

    cell (Cell): The cell.
    place (Place): The folders of the cell.
    RAISES (ExperimentError): If a command fails.
    """
    folder, corpus = place.teacher_folder, place.teacher_folder / "corpus"
    if TRAIN not in spec_members(cell.teacher) or (folder / "trained.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    # It learns from the labelled texts alone. So one teacher is enough, however many unlabelled texts a cell has.
    run_logged(_prepare(replace(cell, max_unlabelled=0), corpus), folder / "prepare.log")
    settings = {name: _move(value, corpus) for name, value in _config_paths(TEACHER).items()}
    start = time.perf_counter()
    command = ["scripts.train", str(TEACHER), "--output", str(folder), "--corpus", str(corpus), *_options(settings)]
    run_logged(command, folder / "train.log")
    shutil.rmtree(folder / "model-last")
    # trained.json is written last, and says that the training has ended.
    write_json(folder / "trained.json", {"seconds": time.perf_counter() - start})


def _prepare(cell: Cell, corpus: Path) -> list[str]:
    """Return the command that makes a cell's gold corpora."""
    limits = {"max-gold": cell.max_gold, "max-unlabelled": cell.max_unlabelled}
    given = {name: limit for name, limit in limits.items() if limit is not None}
    return ["scripts.prepare", cell.folder, str(corpus), "--lang", cell.lang, *_options(given)]


def make_corpora(cell: Cell, place: Place, cache: Path) -> None:
    """Make a cell's teacher and corpora, unless they are there: what `project.yml` does before `train-student`.

    cell (Cell): The cell.
    place (Place): The folders of the cell.
    cache (Path): The file with all scores.
    RAISES (ExperimentError): If a command fails.
    RAISES (ValueError): If the teacher can't be used.
    """
    corpus, vectors = place.corpus, place.vectors
    train_teacher(cell, place)
    corpus.mkdir(parents=True, exist_ok=True)
    teacher = ["--teacher", cell.teacher, "--teacher-model", str(place.teacher_model)]
    transfer = [str(corpus), str(SCORE), str(corpus / "transfer")]
    commands = {
        "prepare": _prepare(cell, corpus),
        "augment": ["scripts.augment", "run", str(corpus), str(AUGMENT), *_options(cell.augment)],
        "score": ["scripts.score", "run", *transfer, *teacher, "--cache", str(cache)],
    }
    if not teacher_labels(corpus, DEV).exists():
        for name, command in commands.items():
            run_logged(command, corpus / f"{name}.log")
        ask_teacher(cell, place, cache, DEV)
    if _has_vectors(cell) and not (vectors / "vectors.json").exists():
        vectors.mkdir(exist_ok=True)
        command = ["scripts.vectors", str(corpus), str(VECTOR_SETTINGS), str(vectors), *teacher]
        run_logged([*command, *_options(cell.vectors)], vectors / "vectors.log")


def ask_teacher(cell: Cell, place: Place, cache: Path, split: str) -> None:
    """Write down which labels the teacher of a cell gives the texts of a split, unless that has been done.

    cell (Cell): The cell.
    place (Place): The folders of the cell.
    cache (Path): The file with all scores.
    split (str): "dev" or "test".
    RAISES (ValueError): If the teacher can't be used, or has no answer for some text.
    """
    path = teacher_labels(place.corpus, split)
    if path.exists():
        return
    eval_set = load_eval_set(
        Corpus(place.corpus), split, cell.teacher, teacher_model=place.teacher_model, settings_path=SCORE
    )
    rows = eval_set.ask_teacher(cache)
    if missing := int(numpy.isnan(rows).any(axis=1).sum()):
        raise ValueError(
            f"The teacher {cell.teacher} has no answer for {missing} of {len(rows)} {split} texts of "
            f"{cell.folder}. Experiments compare with its answers: add these texts to its file"
        )
    write_json(path, rows.argmax(axis=1).tolist())


def run_cell(cell: Cell, place: Place, *, one_thread: bool = False) -> dict[str, Any]:
    """Train a cell and score it on dev, unless that has been done.

    cell (Cell): The cell.
    place (Place): The folders of the cell; its corpora must have been made.
    one_thread (bool): Whether the training is to use one thread alone.
    RETURNS (dict[str, Any]): The result, see `read_result`.
    RAISES (ExperimentError): If the training fails.
    """
    folder, corpus = place.folder, place.corpus
    if result := read_result(folder):
        return result
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("predicted_*.json"):  # of a model that is trained again
        old.unlink()
    start = time.perf_counter()
    model = None if cell.config in CONTROLS else _train(cell, place, one_thread=one_thread)
    result = {
        "made_of": {**asdict(cell), "corpora": corpus.name}, "seconds": time.perf_counter() - start,
        "bytes": folder_size(model) if model else None, "wheel_bytes": exported_size(model) if model else None,
        DEV: score_cell(cell, place, DEV),
    }  # fmt: skip
    write_json(folder / "result.json", result)
    return result


def _train(cell: Cell, place: Place, *, one_thread: bool) -> Path:
    """Train a cell, and return the folder of its pipeline."""
    folder, corpus = place.folder, place.corpus
    settings = {"system.seed": cell.seed, **cell.train, **_paths(cell)}
    moved = {name: _move(value, corpus, place.vectors) for name, value in settings.items()}
    command = ["scripts.train", cell.config, "--output", str(folder), "--corpus", str(corpus), *_options(moved)]
    run_logged(command, folder / "train.log", one_thread=one_thread)
    shutil.rmtree(folder / "model-last")
    return place.model


def _paths(cell: Cell) -> dict[str, Any]:
    """Return the [paths] of a cell's config, with the cell's overrides, as they are in the project's own folder."""
    paths = _config_paths(cell.config)
    return paths | {name: value for name, value in cell.train.items() if name in paths}


def _config_paths(config: str | Path) -> dict[str, Any]:
    """Return the [paths] of a config: "paths.<name>" → value."""
    return {f"paths.{name}": value for name, value in Config().from_disk(config).get("paths", {}).items()}


def _has_vectors(cell: Cell) -> bool:
    """Return whether a cell uses the word vectors that are made from its corpora."""
    return cell.config not in CONTROLS and str(VECTORS) in _paths(cell).values()


def _move(value: Any, corpus: Path, vectors: Path | None = None) -> Any:
    """Return a path in corpus/ as the same path in a cell's own corpora. Other values are returned as they are."""
    if not (isinstance(value, str) and value.startswith(CORPUS)):
        return value
    return str((vectors if vectors and value == str(VECTORS) else corpus) / value.removeprefix(CORPUS))


def _options(overrides: Mapping[str, Any]) -> list[str]:
    """Return overrides as options of the command line, as spaCy reads them."""
    return [
        text
        for name, value in overrides.items()
        for text in (f"--{name}", value if isinstance(value, str) else json.dumps(value))
    ]


def run_logged(command: Sequence[str], log: Path, *, one_thread: bool = False) -> None:
    """Run a command of the project. What the command prints goes into a log, which is locked meanwhile.

    command (Sequence[str]): A module and its arguments, as after `python -m`.
    log (Path): The file to write.
    one_thread (bool): Whether the command may use one thread alone.
    RAISES (ExperimentError): If the command fails, or another process holds the log.
    """
    # Cells have folders of their own, so they need not wait for the lock of the project folder.
    environment = {**os.environ, NESTED: str(os.getpid()), **(ONE_THREAD if one_thread else {})}
    with log.open("a", encoding="utf-8") as file:
        try:
            # The command inherits the lock with its output. So the lock lasts until both this process and the command
            # have ended.
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
