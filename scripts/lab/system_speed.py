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

from . import timing_worker

WORKER = Path(timing_worker.__file__)
ROUNDS = 5
# Texts to warm up with, and to time: a tokenizer remembers each word, so it is warm when it has seen other texts, and
# must not have seen the timed ones. A transformer has no such memory, and takes long.
TEXTS = 1000
SLOW_WARM_UP, SLOW_TEXTS = 8, 64
SLOW = ("transformer", "hugging_face")
STOCK = ("tokenizer", "pipeline")


@dataclass(frozen=True)
class TimedSystem:
    """A system to be timed.

    kind (str): How it is loaded, see `timing_worker.LOADERS`.
    folder (Path): Where it lies.
    settings (Mapping): What else its loader needs.
    """

    kind: str
    folder: Path
    settings: Mapping[str, Any] = field(default_factory=dict)


def time_systems(
    systems: Mapping[str, TimedSystem], texts: Sequence[str], warm_up: Sequence[str], python: str
) -> dict[str, dict[str, float]]:
    """Time systems in five rounds, in each of which every system has its turn, in a new process with one thread.

    These processes run on the cores that the calling one may use, see `use_one_core`.

    systems (Mapping[str, TimedSystem]): The systems by name.
    texts (Sequence[str]): The texts to time.
    warm_up (Sequence[str]): Others, which each system reads before.
    python (str): Runs stock pipelines; all else is run by the present one.
    RETURNS (dict[str, dict[str, float]]): For each system "docs_per_second", of its best round; "startup_s", import and
        loading, the median; "peak_rss_bytes", the largest.
    RAISES (ValueError): If a system fails.
    """
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in systems}
    for name in track([*systems] * ROUNDS, "timing", unit="starts"):
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
    """Run a system in a new process with one thread.

    RETURNS (dict[str, float]): What `timing_worker.main` found.
    RAISES (ValueError): If it fails.
    """
    slow = system.kind in SLOW
    job = {
        **system.settings, "kind": system.kind, "folder": str(system.folder),
        "warm_up": pick_texts(warm_up, SLOW_WARM_UP if slow else TEXTS),
        "texts": pick_texts(texts, SLOW_TEXTS if slow else TEXTS),
    }  # fmt: skip
    stock = [python, "-I", str(WORKER)]
    command = stock if system.kind in STOCK else [sys.executable, "-m", f"{__package__}.{WORKER.stem}"]
    done = subprocess.run(
        command, env={**os.environ, **ONE_THREAD}, input=json.dumps(job), capture_output=True, text=True
    )
    if done.returncode:
        needs_more = python != sys.executable and system.kind in STOCK
        remedy = "\nIf it needs more than spaCy, torch perhaps, add --here" if needs_more else ""
        raise ValueError(f"{system.folder} can't be timed by {command[0]}:\n{done.stderr[-2000:]}{remedy}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def pick_texts(texts: Sequence[str], count: int) -> list[str]:
    """Return so many texts of all lengths, in their order; all of them if they are no more."""
    by_length = numpy.argsort([len(text) for text in texts], kind="stable")
    count = min(count, len(texts))
    middles = ((numpy.arange(count) + 0.5) * len(texts) / count).astype(int)
    return [texts[i] for i in sorted(by_length[middles])]
