"""Let a teacher score texts: in planned batches, never the same text twice, through a cache on disk."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass as section

from ..core.messages import quote
from ..core.sections import STRICT, Count
from ..data.teacher_scores import Scores
from ..data.text_spool import TextSpool
from ..teacher.teachers import Teacher
from .cache import ScoreCache


@section(frozen=True, config=STRICT)
class BatchSettings:
    """How many texts are scored, and then committed, at a time: as many as keep within both limits.

    texts (int): Texts, at most.
    characters (int): Characters, at most, counting each text as long as the batch's longest; one text
        may have more.
    """

    texts: Count = 128
    characters: Count = 40_000


@dataclass(frozen=True)
class Batch:
    """Texts that are scored together."""

    number: int
    texts: list[str]


@dataclass(frozen=True)
class ScoredBatch:
    """What a teacher said about a batch.

    scores (NDArray[float32]): Shape (n_texts, n_labels).
    seconds (float): How long that took.
    """

    number: int
    scores: Scores
    seconds: float


# Scores batches, in any order: `run_here`, or on other machines.
Engine = Callable[[Iterable[Batch]], Iterable[ScoredBatch]]


def run_here(teacher: Teacher) -> Engine:
    """Make an engine that scores one batch after the other in this process."""
    return lambda batches: (score_batch(teacher, batch) for batch in batches)


def score_batch(teacher: Teacher, batch: Batch) -> ScoredBatch:
    """Let a teacher score a batch.

    RAISES (ValueError): If what comes back is not one distribution over the labels for each text, or a row of NaN.
    """
    start = time.perf_counter()
    scores = numpy.asarray(teacher.predict(batch.texts), dtype="float32")
    seconds = time.perf_counter() - start
    expected = (len(batch.texts), len(teacher.labels))
    if scores.shape != expected:
        raise ValueError(f"The teacher {teacher.name} gave scores of shape {scores.shape}, expected {expected}")
    wrong = (abs(scores.sum(axis=1) - 1) > 1e-3) | (scores < 0).any(axis=1)  # False for NaN
    if wrong.any():
        i = int(wrong.argmax())
        raise ValueError(
            f"The teacher {teacher.name} gave {scores[i].tolist()} for the text {quote(batch.texts[i])}: not "
            "probabilities that sum to 1. Its labels must be exclusive (textcat, not textcat_multilabel)"
        )
    return ScoredBatch(batch.number, scores, seconds)


class Scorer:
    """Scores the texts of a spool; what is in the cache is not scored again.

    The batches of a job, that is of a teacher and a set of texts, are planned once, from those texts that are not in
    the cache when it begins. The plan is in the cache, too. Probabilities depend on a text's batch in their last
    digits: so a job that was killed and run again ends with the same ones as an undisturbed one.

    Make one, and run it, while the lock of the cache is held.
    """

    def __init__(self, spool: TextSpool, teacher: Teacher, cache: ScoreCache, settings: BatchSettings) -> None:
        """Plan the job.

        spool (TextSpool): The texts.
        teacher (Teacher): Its labels, name and fingerprint are used; it is kept as `teacher`.
        cache (ScoreCache): Where probabilities are kept.
        settings (BatchSettings): How many texts to score at a time.
        """
        self._spool, self._cache, self.teacher = spool, cache, teacher
        self._teacher = cache.add_teacher(teacher.fingerprint, teacher.name, teacher.labels)
        self._labels = len(teacher.labels)
        self._keys = spool.keys
        self._sorted = numpy.argsort(self._keys, kind="stable")
        parts = f"{teacher.fingerprint} {settings} ".encode(), self._keys[self._sorted].tobytes()
        self._job = hashlib.sha256(b"".join(parts)).hexdigest()
        cache.plan(self._job, self._plan(settings))
        self.planned = cache.remaining(self._job)

    def _plan(self, settings: BatchSettings) -> Iterator[list[bytes]]:
        for batch in plan_batches(self._spool.lengths, self._keys, self.missing(), settings):
            yield [self._spool.key(i) for i in batch]

    def missing(self) -> NDArray[numpy.int64]:
        """Return the indices of texts that have no probabilities in the cache, each text once."""
        # One of the texts that are the same, if there are such.
        _, first = numpy.unique(self._keys, return_index=True)
        missing = []
        for part in numpy.array_split(first, max(1, len(first) // 100_000)):
            keys = [self._spool.key(i) for i in part]
            found = self._cache.read(self._teacher, keys)
            missing += [i for i, key in zip(part, keys, strict=True) if key not in found]
        return numpy.asarray(missing, dtype="int64")

    def run(self, engine: Engine) -> Iterator[bytes]:
        """Score what is planned.

        engine (Engine): Scores batches.
        YIELDS (bytes): The key of each text whose probabilities are kept now.
        """
        waiting: dict[int, list[bytes]] = {}
        for scored in engine(self._batches(waiting)):
            keys = waiting.pop(scored.number)
            self._cache.commit(self._teacher, self._job, scored.number, keys, scored.scores, scored.seconds)
            yield from keys

    def _batches(self, waiting: dict[int, list[bytes]]) -> Iterator[Batch]:
        for number, keys in self._cache.batches(self._job):
            waiting[number] = keys
            places = numpy.searchsorted(self._keys, numpy.asarray(keys, dtype=self._keys.dtype), sorter=self._sorted)
            yield Batch(number, self._spool.texts(self._sorted[places]))

    def read(self, indices: Sequence[int]) -> Scores:
        """Return the probabilities of some texts.

        RETURNS (NDArray[float32]): Shape (n, n_labels); a row of NaN for a text that has none.
        """
        keys = [self._spool.key(i) for i in indices]
        found = self._cache.read(self._teacher, keys)
        none = numpy.full(self._labels, numpy.nan, dtype="float32")
        return numpy.stack([found.get(key, none) for key in keys]) if keys else none[None][:0]


def plan_batches(
    lengths: NDArray[numpy.int32], keys: NDArray[numpy.bytes_], indices: NDArray[numpy.int64], settings: BatchSettings
) -> Iterator[list[int]]:
    """Put texts of similar length together, the longest first.

    lengths, keys (NDArray): Of all texts, shape (n,); the keys decide between texts of the same length.
    indices (NDArray[int64]): Which texts.
    YIELDS (list[int]): The indices of a batch.
    """
    order = indices[numpy.lexsort((keys[indices], -lengths[indices]))]
    start = 0
    while start < len(order):
        fit = settings.characters // max(1, int(lengths[order[start]]))
        end = start + max(1, min(fit, settings.texts))
        yield [int(i) for i in order[start:end]]
        start = end
