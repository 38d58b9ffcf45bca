"""Score batches with Ray Data: on the cores and GPUs of this machine, or of a cluster."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import ray
from ray.data import ActorPoolStrategy, DataContext
from ray.exceptions import RayError

from ..teacher.teachers import Teacher
from .scorer import Batch, Engine, ScoredBatch, score_batch

_SCHEMA = pyarrow.schema({
    "number": pyarrow.int64(), "scores": pyarrow.list_(pyarrow.list_(pyarrow.float32())),
    "seconds": pyarrow.float64(), "error": pyarrow.string(),
})  # fmt: skip
# The folder of the package that holds this library, which the actors import.
CODE = Path(__file__).parents[2]


def run_on_ray(load: Callable[[], Teacher], *, gpu: bool) -> Engine:
    """Make an engine that scores batches in actors, one for each slot.

    load (Callable[[], Teacher]): Loads the teacher, in each actor. The files that it reads must be on every machine.
    gpu (bool): Whether a slot is a GPU. If not, a slot is a core.
    RETURNS (Engine): The engine. It connects to the cluster at RAY_ADDRESS or, where that is not set, starts Ray on
        this machine. It raises ValueError if there is no such cluster, no slot in it, or the teacher fails.
    """

    def run(batches: Iterable[Batch]) -> Iterator[ScoredBatch]:
        try:
            _connect()
            yield from _score(load, batches, gpu)
        except (RayError, ConnectionError) as err:
            raise ValueError(f"Ray can't score the texts: {err}") from err

    return run


def _connect() -> None:
    if not ray.is_initialized():
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # The code travels with the job.
        ray.init(
            os.environ.get("RAY_ADDRESS", "local"), runtime_env={"py_modules": [str(CODE)]}, log_to_driver=False,
            include_dashboard=False,
            logging_level=logging.WARNING,
        )  # fmt: skip
    # The caller shows progress.
    DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)


def _score(load: Callable[[], Teacher], batches: Iterable[Batch], gpu: bool) -> Iterator[ScoredBatch]:
    """Yield the scored batches, in any order."""
    # Ray's object store puts on disk what does not fit into memory.
    blocks: Any = [ray.put(pyarrow.table({"number": [b.number] * len(b.texts), "text": b.texts})) for b in batches]
    slots = int(ray.cluster_resources().get("GPU" if gpu else "CPU", 0))
    if not slots:
        raise ValueError(f"Ray has no {'GPU' if gpu else 'core'} to score with: {ray.cluster_resources()}")
    if not blocks:
        return
    scored = ray.data.from_arrow_refs(blocks).map_batches(
        _Actor,
        fn_constructor_kwargs={"load": load, "folder": str(Path.cwd())},
        batch_size=None,
        batch_format="pyarrow",
        compute=ActorPoolStrategy(size=min(slots, len(blocks))),
        num_gpus=1 if gpu else None,
        num_cpus=None if gpu else 1,
    )
    tables: Iterable[Any] = scored.iter_batches(batch_size=None, batch_format="pyarrow")
    for table in tables:
        for row in table.to_pylist():
            if row["error"]:
                raise ValueError(row["error"])
            yield ScoredBatch(row["number"], numpy.asarray(row["scores"], dtype="float32"), row["seconds"])


class _Actor:
    """Holds a teacher. The teacher's errors come back as rows: Ray would bury them in its own errors, and try again."""

    def __init__(self, load: Callable[[], Teacher], folder: str) -> None:
        # Relative paths are meant from the folder where the job was sent, if this machine has that folder, too.
        if Path(folder).is_dir():
            os.chdir(folder)
        self._load = lru_cache(load)

    def __call__(self, table: pyarrow.Table) -> pyarrow.Table:
        """Score a batch, or several that Ray has put together. Each is scored by itself, as it was planned."""
        rows = sorted(table.to_pylist(), key=itemgetter("number"))
        try:
            scored = [
                score_batch(self._load(), Batch(number, [row["text"] for row in group]))
                for number, group in groupby(rows, key=itemgetter("number"))
            ]
        except ValueError as err:
            return pyarrow.Table.from_pylist([{"error": str(err)}], _SCHEMA)
        results = [{"number": b.number, "scores": b.scores.tolist(), "seconds": b.seconds} for b in scored]
        return pyarrow.Table.from_pylist(results, _SCHEMA)
