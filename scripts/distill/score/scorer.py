"""Let a teacher score texts: in planned batches, never the same text twice, through a cache on disk."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass as section

from ..core.batches import group_by_length
from ..core.messages import quote
from ..core.sections import STRICT, Count
from ..data.teacher_scores import Scores
from ..data.text_spool import TextSpool
from ..teacher.teachers import Teacher
from .cache import ScoreCache


@section(frozen=True, config=STRICT)
class BatchSettings:
    """How many texts are scored, and then committed, at a time: as many as keep within both limits.

    texts (int): Texts at most, 1 or more.
    characters (int): Characters at most, 1 or more, where each text counts as long as the longest one of its batch. A
        single text that is longer is a batch of its own.
    """

    texts: Count = 128
    characters: Count = 40_000


@dataclass(frozen=True)
class Batch:
    """Texts that are scored together.

    number (int): The number of the batch in its job, from 0 on.
    texts (list[str]): The texts.
    """

    number: int
    texts: list[str]


@dataclass(frozen=True)
class ScoredBatch:
    """What a teacher said about a batch.

    number (int): The number of the batch in its job.
    scores (NDArray[float32]): The probabilities, shape (n_texts, n_labels).
    seconds (float): How long the teacher worked.
    """

    number: int
    scores: Scores
    seconds: float


# Scores batches, in this process or on other machines. The scored batches may come in any order.
Engine = Callable[[Iterable[Batch]], Iterable[ScoredBatch]]


def run_here(teacher: Teacher) -> Engine:
    """Make an engine that scores one batch after the other in this process."""
    return lambda batches: (score_batch(teacher, batch) for batch in batches)


def score_batch(teacher: Teacher, batch: Batch) -> ScoredBatch:
    """Let a teacher score a batch.

    teacher (Teacher): The teacher.
    batch (Batch): The texts.
    RETURNS (ScoredBatch): The probabilities, and how long the teacher worked.
    RAISES (ValueError): If a row is neither NaN nor probabilities that sum to 1, within 0.001, or if there is not one
        row for each text.
    """
    start = time.perf_counter()
    scores = numpy.asarray(teacher.predict(batch.texts), dtype="float32")
    seconds = time.perf_counter() - start
    expected = (len(batch.texts), len(teacher.labels))
    if scores.shape != expected:
        raise ValueError(f"The teacher {teacher.name} gave scores of shape {scores.shape}, expected {expected}")
    wrong = (abs(scores.sum(axis=1) - 1) > 1e-3) | (scores < 0).any(axis=1)  # False for a row of NaN
    if wrong.any():
        i = int(wrong.argmax())
        raise ValueError(
            f"The teacher {teacher.name} gave {scores[i].tolist()} for the text {quote(batch.texts[i])}: not "
            "probabilities that sum to 1. Its labels must be exclusive (textcat, not textcat_multilabel)"
        )
    return ScoredBatch(batch.number, scores, seconds)


class Scorer:
    """Scores the texts of a spool. What is in the cache is not scored again.

    A job is a teacher and a set of texts. Its batches are planned once, from those texts that are not in the cache when
    the job begins. The plan is in the cache, too. The last digits of a probability depend on what else is in the
    batch. Thanks to the plan, a job that is killed and run again ends with the same probabilities as an undisturbed
    one.

    A Scorer is made and run while the lock of the cache is held.

    teacher (Teacher): The teacher.
    planned (int): How many texts are planned, and not scored yet, when the Scorer is made.
    """

    def __init__(
        self, spool: TextSpool, teacher: Teacher, cache: ScoreCache, settings: BatchSettings, limit: int | None = None
    ) -> None:
        """Plan the job.

        spool (TextSpool): The texts.
        teacher (Teacher): The teacher. Only its labels, name and fingerprint are used here.
        cache (ScoreCache): Where probabilities and plans are kept.
        settings (BatchSettings): How many texts to score at a time.
        limit (int | None): How many texts are planned at most, a random choice; None: all that are not in the cache.
        """
        self._spool, self._cache, self.teacher = spool, cache, teacher
        self._teacher = cache.add_teacher(teacher.fingerprint, teacher.name, teacher.labels)
        self._labels = len(teacher.labels)
        self._keys = spool.keys
        # Sorted, so that a key is found by halving, and the job's name does not depend on the order of the texts.
        self._sorted = numpy.argsort(self._keys, kind="stable")
        parts = (
            f"{teacher.fingerprint} {settings} {'' if limit is None else limit}".encode(),
            self._keys[self._sorted].tobytes(),
        )
        self._job = hashlib.sha256(b"".join(parts)).hexdigest()
        self._drop_known()
        cache.plan(self._job, self._plan(settings, limit))
        self.planned = cache.remaining(self._job)

    def _plan(self, settings: BatchSettings, limit: int | None) -> Iterator[list[bytes]]:
        # They come in the order of their hashes, so the first ones are of all kinds.
        for batch in plan_batches(self._spool.lengths, self._keys, self.missing()[:limit], settings):
            yield [self._spool.key(i) for i in batch]

    def _drop_known(self) -> None:
        """Take off an old plan what other jobs have scored since: no text is asked about twice."""
        for number, keys in self._cache.batches(self._job):
            known = self._cache.known(self._teacher, keys)
            if known:
                self._cache.replan(self._job, number, [key for key in keys if key not in known])

    def missing(self) -> NDArray[numpy.int64]:
        """Return the indices of texts that the teacher was not asked about, each text once. Shape (n_missing,)."""
        # Of texts that are the same, the first one.
        _, first = numpy.unique(self._keys, return_index=True)
        missing = []
        # In parts, so that the keys of all texts are not in memory as objects.
        for part in numpy.array_split(first, max(1, len(first) // 100_000)):
            keys = [self._spool.key(i) for i in part]
            known = self._cache.known(self._teacher, keys)
            missing += [i for i, key in zip(part, keys, strict=True) if key not in known]
        return numpy.asarray(missing, dtype="int64")

    def run(self, engine: Engine) -> Iterator[bytes]:
        """Score what is planned.

        engine (Engine): Scores batches.
        YIELDS (bytes): The key of each text whose probabilities are kept now.
        """
        # Batches that the engine has been given, and has not scored yet: number → keys.
        waiting: dict[int, list[bytes]] = {}
        for scored in engine(self._batches(waiting)):
            keys = waiting.pop(scored.number)
            self._cache.commit(self._teacher, self._job, scored.number, keys, scored.scores, scored.seconds)
            yield from keys

    def _batches(self, waiting: dict[int, list[bytes]]) -> Iterator[Batch]:
        """Yield the planned batches with their texts; their keys are noted in `waiting`."""
        for number, keys in self._cache.batches(self._job):
            waiting[number] = keys
            places = numpy.searchsorted(self._keys, numpy.asarray(keys, dtype=self._keys.dtype), sorter=self._sorted)
            yield Batch(number, self._spool.texts(self._sorted[places]))

    def read(self, indices: Sequence[int]) -> Scores:
        """Return the probabilities of some texts from the cache.

        indices (Sequence[int]): The indices of the texts in the spool.
        RETURNS (NDArray[float32]): Shape (n_indices, n_labels). A row of NaN for a text that has no probabilities.
        """
        keys = [self._spool.key(i) for i in indices]
        found = self._cache.read(self._teacher, keys)
        none = numpy.full(self._labels, numpy.nan, dtype="float32")
        return numpy.stack([found.get(key, none) for key in keys]) if keys else none[None][:0]


def plan_batches(
    lengths: NDArray[numpy.int32], keys: NDArray[numpy.bytes_], indices: NDArray[numpy.int64], settings: BatchSettings
) -> Iterator[list[int]]:
    """Put texts of similar length together, the longest texts first.

    lengths (NDArray[int32]): Characters of each text, shape (n_texts,).
    keys (NDArray[bytes_]): The key of each text, shape (n_texts,). Texts of the same length are in the order of keys.
    indices (NDArray[int64]): The texts to put into batches, shape (n_indices,).
    settings (BatchSettings): How large a batch may be.
    YIELDS (list[int]): The indices of the texts of a batch.
    """
    by_key = indices[numpy.argsort(keys[indices], kind="stable")]
    for batch in group_by_length(lengths[by_key], settings.characters, settings.texts):
        yield by_key[batch].tolist()
