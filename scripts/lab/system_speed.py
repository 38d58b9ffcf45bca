"""Time trained systems on one thread, in turn, each in processes of its own."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy

from scripts.distill.core.progress import track
from scripts.distill.core.threads import ONE_THREAD
from scripts.distill.release import serving

from . import timing_worker

WORKER = Path(timing_worker.__file__)
# Where the file lies that a wheel's `load` calls.
SERVING = Path(serving.__file__).parent
# Even by processor time, the same system can be twice as fast a moment later. So each has many turns.
ROUNDS = 15
SLOW_ROUNDS = 5
# Texts to warm up with, and texts to time. A tokenizer remembers each word: it is warm when it has seen many texts, but
# it must not have seen the texts that are timed.
TEXTS = 1000
# The same for kinds of systems that are slow. A transformer has no such memory.
SLOW_WARM_UP, SLOW_TEXTS = 8, 64
SLOW = ("transformer", "hugging_face", "slow_peer")
# Kinds of systems that need nothing but spaCy.
STOCK = ("tokenizer", "served_tokenizer", "pipeline")
# Kinds of systems that need nothing of the project, but packages of their own, see `peers.py`.
PEERS = ("peer", "slow_peer")


@dataclass(frozen=True)
class TimedSystem:
    """A system to be timed.

    kind (str): How the system is loaded: a key of `timing_worker.LOADERS`.
    folder (Path): Where the system lies.
    settings (Mapping[str, Any]): What else the loader needs.
    """

    kind: str
    folder: Path
    settings: Mapping[str, Any] = field(default_factory=dict)


def time_systems(
    systems: Mapping[str, TimedSystem], texts: Sequence[str], warm_up: Sequence[str], python: str
) -> dict[str, dict[str, float]]:
    """Time systems in rounds, in each of which every system has its turn, in a new process with one thread.

    There are 15 rounds; slow systems have their turn in five of them.
    These processes run on the cores that the calling process may use, see `use_one_core`.

    systems (Mapping[str, TimedSystem]): Name → system.
    texts (Sequence[str]): The texts to time.
    warm_up (Sequence[str]): Other texts, which each system reads before.
    python (str): The path of a Python that runs stock pipelines and peers. All else is run by the present Python.
    RETURNS (dict[str, dict[str, float]]): Name → "docs_per_second", of the best round; "startup_s", seconds of import
        and loading, the median; "peak_rss_bytes", the largest.
    RAISES (ValueError): If a system fails.
    """
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in systems}
    turns = [name for turn in range(ROUNDS) for name in systems if turn < SLOW_ROUNDS or systems[name].kind not in SLOW]
    for name in track(turns, "timing", unit="starts"):
        rounds[name].append(run_system(systems[name], texts, warm_up, python))
    return {
        name: {
            "docs_per_second": max(run["docs_per_second"] for run in runs),
            "startup_s": statistics.median(run["startup_s"] for run in runs),
            "peak_rss_bytes": max(run["peak_rss_bytes"] for run in runs),
        }
        for name, runs in rounds.items()
    }


def run_system(system: TimedSystem, texts: Sequence[str], warm_up: Sequence[str], python: str) -> dict[str, float]:
    """Time a system once, in a new process with one thread; the arguments are as of `time_systems`.

    RETURNS (dict[str, float]): What `timing_worker.main` returned.
    RAISES (ValueError): If the process fails.
    """
    slow = system.kind in SLOW
    job = {
        **system.settings, "kind": system.kind, "folder": str(system.folder), "serving": str(SERVING),
        "warm_up": pick_texts(warm_up, SLOW_WARM_UP if slow else TEXTS),
        "texts": pick_texts(texts, SLOW_TEXTS if slow else TEXTS),
    }  # fmt: skip
    if system.kind not in (*STOCK, *PEERS):
        command = [sys.executable, "-m", f"{__package__}.{WORKER.stem}"]
        return dict(run_worker(command, job, f"{system.folder} can't be timed by {sys.executable}"))
    remedy = (
        "\nIf it needs more than spaCy, torch perhaps, add --here"
        if system.kind in STOCK and python != sys.executable
        else ""
    )
    return dict(run_worker(isolated(python, WORKER), job, f"{system.folder} can't be timed by {python}", remedy))


def isolated(python: str, worker: Path) -> list[str]:
    """Return the command that runs a file without this project's folder on the path: it can't use the project's code.

    python (str): The path of a Python.
    worker (Path): The file.
    """
    # -B: nothing compiled is written beside the project's files.
    return [python, "-I", "-B", str(worker)]


def run_worker(command: Sequence[str], job: Mapping[str, Any], failure: str, remedy: str = "") -> Any:
    """Run a command with one thread, which reads a job and prints a result, both as JSON.

    command (Sequence[str]): The command.
    job (Mapping[str, Any]): What it reads.
    failure, remedy (str): What stands before and after the command's error, if it fails.
    RETURNS (Any): The result.
    RAISES (ValueError): If the command fails.
    """
    done = subprocess.run(
        command, env={**os.environ, **ONE_THREAD}, input=json.dumps(job), capture_output=True, text=True
    )
    if done.returncode:
        raise ValueError(f"{failure}:\n{done.stderr[-2000:]}{remedy}")
    # Libraries may print, too: the result is the last line.
    return json.loads(done.stdout.splitlines()[-1])


def pick_texts(texts: Sequence[str], count: int) -> list[str]:
    """Return some texts, of all lengths, in the order that they have.

    texts (Sequence[str]): The texts.
    count (int): How many texts to return. All are returned if there are not more.
    """
    by_length = numpy.argsort([len(text) for text in texts], kind="stable")
    count = min(count, len(texts))
    # The middle of each of `count` equal parts of the texts, sorted by length.
    middles = ((numpy.arange(count) + 0.5) * len(texts) / count).astype(int)
    return [texts[i] for i in sorted(by_length[middles])]
