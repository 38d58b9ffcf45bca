import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy
import pytest

from scripts.distill.core.messages import quote
from scripts.distill.data import text_spool
from scripts.distill.data.text_keys import KEY_BYTES, text_key
from scripts.distill.data.text_spool import spool_texts
from scripts.distill.score.cache import ScoreCache
from scripts.distill.score.scorer import (
    Batch,
    BatchSettings,
    ScoredBatch,
    Scorer,
    plan_batches,
    run_here,
    score_batch,
)
from tests.helpers import ROOT, predict_all

LABELS = ["NEG", "POS"]
TEXTS = [f"text {'and more ' * (i % 5)}number {i}" for i in range(12)]
# Their keys end in one and in two zero bytes.
ZEROS = ["text 7", "text 52", "text 61700"]
SETTINGS = BatchSettings(texts=3, characters=100)


class FakeTeacher:
    """Gives probabilities that depend on the text, its place in the batch and the size of the batch.

    batches (list[list[str]]): What it was asked.
    """

    def __init__(
        self, *, silent: Iterable[str] = (), fail_at: int | None = None, error: BaseException | None = None,
        fingerprint: str = "f" * 64,
    ) -> None:  # fmt: skip
        self.labels, self.name, self.fingerprint = LABELS, "fake", fingerprint
        self.batches: list[list[str]] = []
        self._silent, self._fail_at, self._error = set(silent), fail_at, error

    @property
    def texts(self) -> list[str]:
        return [text for batch in self.batches for text in batch]

    def predict(self, texts: Sequence[str]) -> numpy.ndarray:
        self.batches.append(list(texts))
        if len(self.batches) == self._fail_at and self._error:
            raise self._error
        places = numpy.arange(1, len(texts) + 1) / (len(texts) + 1)
        shares = (places + [text_key(text)[0] / 255 for text in texts]) / 2
        shares[[text in self._silent for text in texts]] = numpy.nan
        return numpy.stack([shares, 1 - shares], axis=1).astype("float32")


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[ScoreCache]:
    with ScoreCache(tmp_path / "scores.sqlite") as cache:
        yield cache


def score(
    texts: Sequence[str], teacher: FakeTeacher, cache: ScoreCache, settings: BatchSettings = SETTINGS
) -> numpy.ndarray:
    scorer = Scorer(spool_texts(texts), teacher, cache, settings)
    list(scorer.run(run_here(teacher)))
    return scorer.read(range(len(texts)))


def plan(texts: Sequence[str], settings: BatchSettings, indices: Sequence[int] | None = None) -> list[list[int]]:
    spool = spool_texts(texts)
    chosen = numpy.asarray(range(len(texts)) if indices is None else indices, dtype="int64")
    return list(plan_batches(spool.lengths, spool.keys, chosen, settings))


# Batches.


@pytest.mark.parametrize(
    "lengths,texts,characters,batches",
    [
        pytest.param([], 3, 10, [], id="none"),
        pytest.param([1, 1, 1, 1, 1], 2, 1000, [[1, 1], [1, 1], [1]], id="limit-of-texts"),
        pytest.param([5, 5, 5, 5, 5], 9, 10, [[5, 5], [5, 5], [5]], id="limit-of-characters"),
        pytest.param([4, 1, 1, 1, 1], 9, 12, [[4, 1, 1], [1, 1]], id="each-as-long-as-the-longest"),
        pytest.param([4, 1, 1, 1, 1], 9, 11, [[4, 1], [1, 1, 1]], id="one-character-too-few"),
        pytest.param([1, 30, 2, 25], 9, 10, [[30], [25], [2, 1]], id="longer-than-the-limit"),
        pytest.param([3, 9, 1, 5], 9, 1000, [[9, 5, 3, 1]], id="longest-first"),
        pytest.param([0, 0, 1], 9, 2, [[1, 0], [0]], id="empty-texts"),
        pytest.param([2, 1], 1, 1, [[2], [1]], id="one-at-a-time"),
    ],
)
def test_scoring_batches_keep_within_both_limits(
    lengths: list[int], texts: int, characters: int, batches: list[list[int]]
) -> None:
    planned = plan([chr(97 + i) * length for i, length in enumerate(lengths)], BatchSettings(texts, characters))
    assert [[lengths[i] for i in batch] for batch in planned] == batches


def test_scoring_batches_hold_each_text_once_within_the_limits() -> None:
    rng = random.Random(0)
    texts = ["".join(rng.choices("ab é", k=rng.randrange(120))) + str(i) for i in range(300)]
    planned = plan(texts, BatchSettings(8, 300))
    assert sorted(i for batch in planned for i in batch) == list(range(300))
    assert len(planned) < 150
    for batch in planned:
        longest = max(len(texts[i]) for i in batch)
        assert len(batch) == 1 or (len(batch) <= 8 and len(batch) * longest <= 300)
    sizes = [len(texts[i]) for batch in planned for i in batch]
    assert sizes == sorted(sizes, reverse=True)


def test_scoring_batches_do_not_depend_on_the_order_of_the_texts() -> None:
    texts = [*TEXTS, *ZEROS, *(f"{i:03}" for i in range(40))]
    plans = []
    for seed in range(3):
        shuffled = random.Random(seed).sample(texts, len(texts))
        plans.append([[shuffled[i] for i in batch] for batch in plan(shuffled, SETTINGS)])
    assert plans[0] == plans[1] == plans[2]


def test_scoring_batches_hold_only_the_texts_that_are_asked_for() -> None:
    planned = plan(TEXTS, SETTINGS, [7, 2, 11, 3])
    assert sorted(i for batch in planned for i in batch) == [2, 3, 7, 11]
    assert all(type(i) is int for batch in planned for i in batch)


# What a teacher may answer.


def test_scoring_batch_returns_what_the_teacher_said() -> None:
    teacher = FakeTeacher(silent=["b"])
    scored = score_batch(teacher, Batch(5, ["a", "b", "c"]))
    assert (scored.number, scored.scores.dtype) == (5, numpy.dtype("float32"))
    assert numpy.array_equal(scored.scores, teacher.predict(["a", "b", "c"]), equal_nan=True)
    assert 0 <= scored.seconds < 10


def test_scoring_batch_measures_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "perf_counter", iter([10.0, 12.5]).__next__)
    assert score_batch(FakeTeacher(), Batch(0, ["a"])).seconds == 2.5


class Answer(FakeTeacher):
    def __init__(self, answer: object) -> None:
        super().__init__()
        self._answer = answer

    def predict(self, texts: Sequence[str]) -> numpy.ndarray:
        return self._answer  # type: ignore[return-value]


@pytest.mark.parametrize(
    "shape", [(1, 2), (3, 2), (2, 1), (2, 3), (2,), (4,), (0, 2), (2, 2, 1)], ids=lambda shape: str(shape)
)
def test_scoring_batch_refuses_a_wrong_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError) as error:
        score_batch(Answer(numpy.full(shape, 0.5)), Batch(0, ["a", "b"]))
    assert f"The teacher fake gave scores of shape {shape}, expected (2, 2)" in str(error.value)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param([0.9, 0.9], id="multilabel"),
        pytest.param([0.25, 0.25], id="too-little"),
        pytest.param([0.5, 0.502], id="a-bit-too-much"),
        pytest.param([-0.25, 1.25], id="negative"),
        pytest.param([0.0, 0.0], id="zeros"),
        pytest.param([numpy.inf, 0.0], id="infinite"),
        pytest.param([numpy.inf, -numpy.inf], id="both-infinite"),
    ],
)
@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_scoring_batch_refuses_what_are_no_probabilities(row: list[float], place: int) -> None:
    rows = [[0.25, 0.75], [numpy.nan, numpy.nan]]
    rows.insert(place, row)
    texts = ["fine", "silent"]
    texts.insert(place, "wrong text " * 20)
    with pytest.raises(ValueError) as error:
        score_batch(Answer(rows), Batch(0, texts))
    assert "The teacher fake gave" in str(error.value)
    assert quote("wrong text " * 20) in str(error.value)
    assert str(numpy.asarray(row, dtype="float32").tolist()) in str(error.value)


@pytest.mark.parametrize("row", [[0.0, 1.0], [0.5, 0.5004], [numpy.nan, numpy.nan]])
def test_scoring_batch_takes_probabilities_and_rows_of_nan(row: list[float]) -> None:
    scored = score_batch(Answer([row]), Batch(0, ["a"]))
    assert numpy.array_equal(scored.scores, numpy.asarray([row], dtype="float32"), equal_nan=True)


# What is scored, and what is not again.


def test_scoring_scores_each_text_once_in_planned_batches(cache: ScoreCache) -> None:
    teacher = FakeTeacher()
    scores = score(TEXTS, teacher, cache)
    assert teacher.batches == [[TEXTS[i] for i in batch] for batch in plan(TEXTS, SETTINGS)]
    for batch in teacher.batches:
        assert numpy.array_equal(scores[[TEXTS.index(text) for text in batch]], FakeTeacher().predict(batch))
    assert scores.dtype == numpy.dtype("float32")


@pytest.mark.parametrize("order", ["same", "other"])
def test_scoring_scores_nothing_the_second_time(cache: ScoreCache, order: str) -> None:
    first, teacher = score(TEXTS, FakeTeacher(), cache), FakeTeacher()
    again = score(TEXTS if order == "same" else TEXTS[::-1], teacher, cache)
    assert teacher.batches == []
    assert numpy.array_equal(again if order == "same" else again[::-1], first)


@pytest.mark.parametrize("count", [1, 4])
def test_scoring_scores_only_the_texts_that_are_new(cache: ScoreCache, count: int) -> None:
    first, teacher = score(TEXTS, FakeTeacher(), cache), FakeTeacher()
    new = [f"new {i}" for i in range(count)]
    scores = score([*new[:1], *TEXTS, *new[1:]], teacher, cache)
    assert sorted(teacher.texts) == new
    assert numpy.array_equal(scores[1 : len(TEXTS) + 1], first)
    assert not numpy.isnan(scores).any()


def test_scoring_scores_all_again_for_another_teacher(cache: ScoreCache) -> None:
    score(TEXTS, FakeTeacher(), cache)
    other = FakeTeacher(fingerprint="e" * 64)
    score(TEXTS, other, cache)
    assert sorted(other.texts) == sorted(TEXTS)
    assert [teacher.texts for teacher in cache.teachers()] == [12, 12]


def test_scoring_takes_over_scores_when_only_the_batches_change(cache: ScoreCache) -> None:
    first, teacher = score(TEXTS, FakeTeacher(), cache), FakeTeacher()
    assert numpy.array_equal(score(TEXTS, teacher, cache, BatchSettings(5, 400)), first)
    assert teacher.batches == []


def test_scoring_scores_equal_texts_once(cache: ScoreCache) -> None:
    teacher = FakeTeacher()
    texts = ["b", "a", "b", "c", "a", "b"]
    scores = score(texts, teacher, cache)
    assert teacher.batches == [sorted("abc", key=text_key)]
    expected = dict(zip(teacher.batches[0], FakeTeacher().predict(teacher.batches[0]).tolist(), strict=True))
    assert scores.tolist() == [expected[text] for text in texts]


def test_scoring_does_not_ask_again_about_texts_without_an_answer(cache: ScoreCache) -> None:
    silent = [TEXTS[0], TEXTS[7]]
    scores = score(TEXTS, FakeTeacher(silent=silent), cache)
    assert [TEXTS[i] for i in numpy.flatnonzero(numpy.isnan(scores).any(axis=1))] == silent
    teacher = FakeTeacher()
    numpy.testing.assert_array_equal(score(TEXTS, teacher, cache), scores)
    assert teacher.texts == []
    # Another teacher is asked.
    other = FakeTeacher(fingerprint="o" * 64)
    assert not numpy.isnan(score(TEXTS, other, cache)).any()
    assert sorted(other.texts) == sorted(TEXTS)


@pytest.mark.parametrize("crafted", [False, True])
def test_scoring_keys_may_end_in_zeros(cache: ScoreCache, monkeypatch: pytest.MonkeyPatch, crafted: bool) -> None:
    texts = [*ZEROS, "text 1", "text 2"]
    if crafted:
        ends = {text: bytes([i, 0]) for i, text in enumerate(texts)}
        monkeypatch.setattr(text_spool, "text_key", lambda text: ends[text] + b"\0" * 14)
    else:
        assert all(text_key(text)[-1] == 0 for text in ZEROS)
    teacher = FakeTeacher()
    scorer = Scorer(spool_texts(texts), teacher, cache, SETTINGS)
    assert (scorer.planned, scorer.missing().tolist() != []) == (5, True)
    list(scorer.run(run_here(teacher)))
    assert sorted(teacher.texts) == sorted(texts)
    assert scorer.missing().tolist() == []
    scores = scorer.read(range(5))
    for batch in teacher.batches:
        assert numpy.array_equal(scores[[texts.index(text) for text in batch]], FakeTeacher().predict(batch))
    assert Scorer(spool_texts(texts), teacher, cache, SETTINGS).planned == 0


def test_scoring_no_texts(cache: ScoreCache) -> None:
    teacher = FakeTeacher()
    assert score([], teacher, cache).shape == (0, 2)
    assert teacher.batches == []


def test_scoring_reads_the_rows_that_are_asked_for(cache: ScoreCache) -> None:
    scorer = Scorer(spool_texts(TEXTS), FakeTeacher(), cache, SETTINGS)
    assert numpy.isnan(scorer.read([3, 1])).all()
    list(scorer.run(run_here(FakeTeacher())))
    everything = scorer.read(range(12))
    assert numpy.array_equal(scorer.read([3, 11, 3]), everything[[3, 11, 3]])
    assert scorer.read([]).shape == (0, 2)


def test_scoring_tells_how_many_texts_were_committed(cache: ScoreCache) -> None:
    teacher, steps = FakeTeacher(silent=TEXTS[:2]), []
    scorer = Scorer(spool_texts(TEXTS), teacher, cache, SETTINGS)
    for _ in scorer.run(run_here(teacher)):
        steps.append(len(teacher.batches))
    # One step for each text, after its batch and before the next.
    assert steps == [i for i, batch in enumerate(teacher.batches, start=1) for _ in batch]
    assert len(steps) == scorer.planned == 12


def test_scoring_takes_batches_in_any_order(cache: ScoreCache, tmp_path: Path) -> None:
    def backwards(batches: Iterable[Batch]) -> list[ScoredBatch]:
        return [score_batch(FakeTeacher(), batch) for batch in batches][::-1]

    scorer = Scorer(spool_texts(TEXTS), FakeTeacher(), cache, SETTINGS)
    list(scorer.run(backwards))
    with ScoreCache(tmp_path / "other.sqlite") as other:
        assert numpy.array_equal(scorer.read(range(12)), score(TEXTS, FakeTeacher(), other))


@pytest.mark.parametrize("count", [0, 1, 12])
def test_scoring_predict_all_equals_scoring_through_a_cache(cache: ScoreCache, count: int) -> None:
    scores = predict_all(FakeTeacher(silent=TEXTS[3:4]), TEXTS[:count], SETTINGS)
    cached = score(TEXTS[:count], FakeTeacher(silent=TEXTS[3:4]), cache)
    assert numpy.array_equal(scores, cached, equal_nan=True)
    assert (scores.shape, scores.dtype) == ((count, 2), numpy.dtype("float32"))


# Interruptions.


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("out of memory"), ValueError("wrong")], ids=repr)
def test_scoring_that_is_interrupted_goes_on_where_it_stopped(
    cache: ScoreCache, tmp_path: Path, error: BaseException
) -> None:
    teacher = FakeTeacher(fail_at=3, error=error)
    with pytest.raises(type(error)):
        score(TEXTS, teacher, cache)
    committed = [text for batch in teacher.batches[:2] for text in batch]
    spool, after = spool_texts(TEXTS), FakeTeacher()
    scorer = Scorer(spool, after, cache, SETTINGS)
    assert spool.texts(range(12)) == TEXTS
    assert sorted([*committed, *spool.texts(scorer.missing())]) == sorted(TEXTS)
    assert scorer.planned == 12 - len(committed)
    list(scorer.run(run_here(after)))
    assert after.batches[0] == teacher.batches[2]
    assert not set(after.texts) & set(committed)
    with ScoreCache(tmp_path / "other.sqlite") as other:
        assert numpy.array_equal(scorer.read(range(12)), score(TEXTS, FakeTeacher(), other))


def test_scoring_says_if_the_teacher_is_removed_meanwhile(tmp_path: Path, cache: ScoreCache) -> None:
    scorer = Scorer(spool_texts(TEXTS), FakeTeacher(), cache, SETTINGS)
    with ScoreCache(tmp_path / "scores.sqlite") as other:
        other.prune("f")
        score(TEXTS, FakeTeacher(fingerprint="e" * 64), other)
    list(scorer.run(run_here(FakeTeacher())))
    for use in (scorer.missing, lambda: scorer.read([0])):
        with pytest.raises(ValueError, match="the teacher was removed meanwhile"):
            use()


def test_scoring_goes_on_only_with_a_plan_of_the_same_teacher(cache: ScoreCache) -> None:
    with pytest.raises(KeyboardInterrupt):
        score(TEXTS, FakeTeacher(fail_at=3, error=KeyboardInterrupt()), cache)
    other = FakeTeacher(fingerprint="e" * 64)
    score(TEXTS, other, cache)
    assert sorted(other.texts) == sorted(TEXTS)


MANY = [f"text {'and more ' * (i % 5)}number {i}" for i in range(30)]
WORKER = """
import json, os, signal, sqlite3, sys, time, types
from pathlib import Path
import numpy
# spaCy and torch would take seconds.
for name, attribute in (("data.teacher_scores", "Scores"), ("teacher.teachers", "Teacher")):
    module = types.ModuleType(f"scripts.distill.{name}")
    setattr(module, attribute, numpy.ndarray)
    sys.modules[module.__name__] = module
from scripts.distill.score.cache import ScoreCache
from scripts.distill.score.scorer import BatchSettings, Scorer, run_here
from scripts.distill.data.text_spool import spool_texts

folder, result, moment = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
texts = json.loads(sys.stdin.read())


class Teacher:
    labels, name, fingerprint, asked = ["NEG", "POS"], "fake", "f" * 64, 0

    def predict(self, texts):
        with (folder / "log").open("a") as log:
            log.write(json.dumps([os.getpid(), texts]) + "\\n")
        self.asked += 1
        if moment == "hang" and self.asked == 4:
            time.sleep(60)
        places = numpy.arange(1, len(texts) + 1) / (len(texts) + 1)
        shares = (places + [len(text) % 7 / 7 for text in texts]) / 2
        return numpy.stack([shares, 1 - shares], axis=1).astype("float32")


teacher = Teacher()


def die(statement):
    if teacher.asked == 4 and statement.startswith(moment):
        os.kill(os.getpid(), signal.SIGKILL)


def connect(*args, connect=sqlite3.connect, **kwargs):
    db = connect(*args, **kwargs)
    db.set_trace_callback(die)
    return db


sqlite3.connect = connect
with ScoreCache(folder / "scores.sqlite") as cache, cache.lock():
    scorer = Scorer(spool_texts(texts), teacher, cache, BatchSettings(texts=4, characters=120))
    list(scorer.run(run_here(teacher)))
    numpy.save(result, scorer.read(range(len(texts))))
"""


def start_worker(folder: Path, moment: str = "-", result: str = "result.npy") -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-c", WORKER, str(folder), str(folder / result), moment]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, text=True)
    assert process.stdin
    process.stdin.write(json.dumps(MANY))
    process.stdin.close()
    return process


def finish(process: subprocess.Popen[str]) -> int:
    try:
        return process.wait(timeout=30)
    finally:
        process.kill()
        process.wait()


def read_log(folder: Path) -> list[list[str]]:
    path = folder / "log"
    return [json.loads(line)[1] for line in path.read_text().splitlines()] if path.exists() else []


def read_committed(folder: Path) -> set[str]:
    db = sqlite3.connect(folder / "scores.sqlite")
    keys = {key for (key,) in db.execute("SELECT key FROM scores")}
    planned = b"".join(keys for (keys,) in db.execute("SELECT keys FROM batches"))
    db.close()
    # What is not scored is planned, and the other way round.
    assert keys.isdisjoint(planned[i : i + KEY_BYTES] for i in range(0, len(planned), KEY_BYTES))
    assert len(keys) + len(planned) // KEY_BYTES == len(MANY)
    return {text for text in MANY if text_key(text) in keys}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[numpy.ndarray, list[list[str]]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert finish(start_worker(folder)) == 0
    return numpy.load(folder / "result.npy"), read_log(folder)


Undisturbed = tuple[numpy.ndarray, list[list[str]]]


def check_after_kill(folder: Path, undisturbed: Undisturbed) -> None:
    scores, batches = undisturbed
    log, committed = read_log(folder), read_committed(folder)
    assert log == batches[:4]
    assert committed == {text for batch in log[:3] for text in batch}
    assert finish(start_worker(folder)) == 0
    # It goes on with the batch that the dead one had.
    assert read_log(folder)[4:] == batches[3:]
    assert read_committed(folder) == set(MANY)
    assert numpy.array_equal(numpy.load(folder / "result.npy"), scores)


@pytest.mark.parametrize("moment", ["INSERT OR IGNORE INTO scores", "DELETE FROM batches", "UPDATE teachers", "COMMIT"])
def test_scoring_survives_a_kill_while_it_commits(tmp_path: Path, undisturbed: Undisturbed, moment: str) -> None:
    assert finish(start_worker(tmp_path, moment)) == -signal.SIGKILL
    check_after_kill(tmp_path, undisturbed)


def test_scoring_survives_a_kill_while_the_teacher_works(tmp_path: Path, undisturbed: Undisturbed) -> None:
    process = start_worker(tmp_path, "hang")
    end = time.monotonic() + 30
    while len(read_log(tmp_path)) < 4 and time.monotonic() < end:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    # It stays as a zombie, which must not be waited for.
    check_after_kill(tmp_path, undisturbed)
    assert finish(process) == -signal.SIGKILL


def test_scoring_in_two_processes_scores_each_text_once(tmp_path: Path, undisturbed: Undisturbed) -> None:
    scores, batches = undisturbed
    workers = [start_worker(tmp_path, result=f"{i}.npy") for i in range(2)]
    assert [finish(worker) for worker in workers] == [0, 0]
    assert read_log(tmp_path) == batches
    assert read_committed(tmp_path) == set(MANY)
    for i in range(2):
        assert numpy.array_equal(numpy.load(tmp_path / f"{i}.npy"), scores)
