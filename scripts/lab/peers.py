"""What a user would take instead of a distilled student: other systems beside ours, on the same texts, in one run."""

import hashlib
import importlib.metadata
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.distill.core.files import folder_size, hash_file, hash_folder, replacing_folder
from scripts.distill.data.corpus import Corpus, GoldSplit
from scripts.distill.data.splits import first_of_each_language, read_splits
from scripts.distill.evaluate.comparison import BASELINE, STUDENT, TEACHER, TFIDF
from scripts.distill.evaluate.eval_set import load_eval_set
from scripts.distill.evaluate.evaluate import Paths, ask_all
from scripts.distill.release.wheel import keep_environment
from scripts.distill.teacher.teachers import load_pipeline

from . import peer_worker
from .system_speed import TimedSystem, isolated, run_worker, time_systems
from .systems import BOW, measure_systems

RECIPES, REQUIREMENTS = Path(__file__).parent / "recipes", Path("requirements-peers")
WORKER = Path(peer_worker.__file__)
# Name → whether it is slow, so that fewer texts are timed.
PEERS = {"tfidf": False, "fasttext": False, "model2vec": False, "setfit": True, "teacher_int8": True}
ACCURACY, OTHER = "accuracy", "accuracy_other"
Row = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """A system that a user could take instead of a distilled student.

    name (str): Its name.
    recipe (Path): The file with its `train` and `load`, see `recipes`.
    requirements (Path): What is installed to run it, each package with its version.
    training (Path | None): What is installed to train it, if that is more.
    slow (bool): Whether fewer texts are timed.
    """

    name: str
    recipe: Path
    requirements: Path
    training: Path | None
    slow: bool

    @property
    def fingerprint(self) -> str:
        """The sha256 over the files that decide what the peer does."""
        files = [self.recipe, self.requirements, *([self.training] if self.training else [])]
        return hashlib.sha256("".join(map(hash_file, files)).encode()).hexdigest()


@dataclass(frozen=True)
class Task:
    """What all peers learn from, and are asked.

    train, dev (GoldSplit): The labelled texts.
    test (GoldSplit): The texts that accuracy and speed are measured on.
    other (GoldSplit | None): Texts from elsewhere, for a second accuracy.
    encoder (Path): The teacher's encoder, untrained.
    teacher (Path): What `keep_plain_teacher` wrote.
    seed (int): The seed.
    """

    train: GoldSplit
    dev: GoldSplit
    test: GoldSplit
    other: GoldSplit | None
    encoder: Path
    teacher: Path
    seed: int

    @property
    def fingerprint(self) -> str:
        """The sha256 over the texts, the seed and the weights."""
        digest = hashlib.sha256(str(self.seed).encode())
        for split in (self.train, self.dev, self.test, self.other):
            digest.update(json.dumps([split.texts, split.labels.tolist()] if split else None).encode())
        for folder in (self.encoder, self.teacher):
            digest.update(hash_folder(folder).encode())
        return digest.hexdigest()


def find_peers(names: Iterable[str]) -> list[Peer]:
    """Return peers by their names.

    RAISES (ValueError): If there is no such peer.
    """
    names = list(names) or list(PEERS)
    if unknown := [name for name in names if name not in PEERS]:
        raise ValueError(f"--peer {unknown[0]}: no such peer. There are {', '.join(PEERS)}")
    peers = []
    for name in names:
        training = REQUIREMENTS / f"{name}-train.txt"
        recipe, requirements = RECIPES / f"{name}.py", REQUIREMENTS / f"{name}.txt"
        peers.append(Peer(name, recipe, requirements, training if training.exists() else None, PEERS[name]))
    return peers


def peer_environment(requirements: Path, folder: Path, cpu: Path) -> str:
    """Make a virtual environment with what a list names, unless it is there.

    requirements (Path): The list.
    folder (Path): Where environments are kept. This one is made anew when its list has changed.
    cpu (Path): The list with torch for CPUs alone, see requirements-cpu.txt.
    RETURNS (str): The path of its Python.
    RAISES (WheelError): If something can't be installed.
    """
    needs_torch = re.search(r"^torch==", requirements.read_text(encoding="utf-8"), re.MULTILINE)
    # Where there is no torch for CPUs alone, the list takes the one of PyPI.
    first = ["--no-deps", "-r", str(cpu.resolve())] if needs_torch else []
    return keep_environment(folder / requirements.stem, requirements, ["-r", str(requirements.resolve())], first=first)


def measure_peer(peer: Peer, task: Task, folder: Path, environment: Callable[[Path], str]) -> Row:
    """Install, train, ask and time a peer.

    peer (Peer): The peer.
    task (Task): The texts.
    folder (Path): Where to keep what it learnt.
    environment (Callable[[Path], str]): Makes an environment of a list of packages, and returns its Python.
    RETURNS (Row): "accuracy"; "accuracy_other", None without other texts; "docs_per_second", "startup_s" and
        "peak_rss_bytes", see `time_systems`; "size_bytes", of what was trained; "environment_bytes", of what is
        installed to run it; "training_s".
    RAISES (OSError, ValueError): If the peer can't be installed or fails.
    """
    python = environment(peer.requirements)
    trainer = environment(peer.training) if peer.training else python
    with replacing_folder(folder) as new:
        seconds = _ask(trainer, peer, new, "train", {
            "texts": task.train.texts, "labels": task.train.labels.tolist(), "dev_texts": task.dev.texts,
            "dev_labels": task.dev.labels.tolist(), "encoder": str(task.encoder.resolve()),
            "teacher": str(task.teacher.resolve()), "seed": task.seed,
        })  # fmt: skip

    def accuracy(split: GoldSplit) -> float:
        found = _ask(python, peer, folder, "predict", {"texts": split.texts})
        return float(numpy.mean(numpy.asarray(found) == split.labels))

    kind = "slow_peer" if peer.slow else "peer"
    system = TimedSystem(kind, folder.resolve(), {"recipe": str(peer.recipe.resolve())})
    times = time_systems({peer.name: system}, task.test.texts, task.train.texts, python)[peer.name]
    return {
        ACCURACY: accuracy(task.test), OTHER: accuracy(task.other) if task.other else None, **times,
        "size_bytes": folder_size(folder), "environment_bytes": environment_size(python), "training_s": seconds,
    }  # fmt: skip


def _ask(python: str, peer: Peer, folder: Path, task: str, job: Mapping[str, Any]) -> Any:
    job = {**job, "recipe": str(peer.recipe.resolve()), "folder": str(folder.resolve()), "task": task}
    return run_worker(isolated(python, WORKER), job, f"{peer.name} can't {task}")


def environment_size(python: str) -> int:
    """Return the bytes of the packages in the virtual environment of a Python."""
    root = Path(python).parents[1]
    return sum(folder_size(root / name) for name in ("lib", "Lib") if (root / name).is_dir())


def package_size(name: str) -> int:
    """Return the bytes of an installed package and of all that it needs, without extras.

    name (str): The package, which this environment has.
    """
    waiting, seen, size = [name], set(), 0
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in seen:
            continue
        seen.add(name)
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # needed on other systems
        paths = [Path(str(file.locate())) for file in found.files or []]
        size += sum(path.stat().st_size for path in paths if path.is_file())
        needs = map(Requirement, found.requires or [])
        waiting += [need.name for need in needs if not need.marker or need.marker.evaluate({"extra": ""})]
    return size


def our_fingerprint(task: Task, spec: str, paths: Paths, bow: Path) -> str:
    """Return the sha256 over all that decides the rows of `measure_ours`."""
    folders = (paths.student, paths.baseline, paths.teacher_model, bow)
    return hashlib.sha256(json.dumps([task.fingerprint, spec, *map(hash_folder, folders)]).encode()).hexdigest()


def measure_ours(
    corpus: Corpus, split: str, spec: str, paths: Paths, *, bow: Path, other: GoldSplit | None,
    make_python: Callable[[], str],
) -> dict[str, Row]:  # fmt: skip
    """Measure student, baseline, bag of words and teacher; the arguments are as of `measure_systems`.

    other (GoldSplit | None): Texts from elsewhere, for a second accuracy.
    RETURNS (dict[str, Row]): Name → row, see `measure_peer`.
    RAISES (OSError, ValueError): If a system or a corpus is missing, broken or of other data, or a system fails.
    """
    result = measure_systems(corpus, split, None, spec, paths, bow=bow, more=[], make_python=make_python)
    folders = {STUDENT: paths.student, BASELINE: paths.baseline, BOW: bow}
    elsewhere = {}
    if other:
        eval_set = load_eval_set(
            corpus, split, spec, teacher_model=paths.teacher_model, settings_path=paths.settings
        )  # fmt: skip
        there = {name: folder for name, folder in folders.items() if name in result["systems"]}
        loaded = {name: load_pipeline(str(folder), corpus.labels) for name, folder in there.items()}
        scores, _ = ask_all(replace(eval_set, gold=other), loaded, paths)
        elsewhere = {name: float(numpy.mean(found.argmax(axis=1) == other.labels)) for name, found in scores.items()}
    sizes = {True: package_size("spacy-transformers"), False: package_size("spacy")}
    return {
        name: {**row, OTHER: elsewhere.get(name), "environment_bytes": sizes[name == TEACHER]}
        for name, row in result["systems"].items() if name != TFIDF
    }  # fmt: skip


def read_elsewhere(data: Path, lang: str, labels: Sequence[str], limit: int) -> GoldSplit:
    """Return dev texts of another data folder.

    data (Path): The folder, see docs/data.md.
    lang (str): A language code, or "xx" for all languages.
    labels (Sequence[str]): The project's labels, in their order.
    limit (int): How many texts of each language, at most; 0: all.
    RAISES (ValueError): If the folder can't be read, or has other labels.
    """
    records = first_of_each_language(read_splits(data, lang=lang, seed=0).records["dev"], limit or None)
    found = [str(record.label) for record in records]  # a dev text has one
    if unknown := sorted(set(found) - set(labels)):
        raise ValueError(f"{data}: has the label {unknown[0]!r}, the corpora have {', '.join(labels)}")
    indices = numpy.asarray([labels.index(label) for label in found])
    return GoldSplit([record.text for record in records], [record.lang for record in records], indices)


def make_jobs(
    peers: Sequence[Peer], task: Task, folder: Path, environment: Callable[[Path], str]
) -> dict[str, tuple[str, Callable[[], dict[str, Row]]]]:
    """Return what `measure_rows` does for peers.

    peers (Sequence[Peer]): The peers.
    task (Task): The texts.
    folder (Path): Has a folder for what each peer learns.
    environment (Callable[[Path], str]): See `measure_peer`.
    """

    def make(peer: Peer) -> Callable[[], dict[str, Row]]:
        return lambda: {peer.name: measure_peer(peer, task, folder / peer.name, environment)}

    return {peer.name: (peer.fingerprint + task.fingerprint, make(peer)) for peer in peers}
