import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import pytest

from scripts.distill.score import cache as cache_module
from scripts.distill.score.cache import CHUNK, CachedTeacher, ScoreCache
from tests.helpers import ROOT

LABELS = ["NEG", "POS"]
KEYS = [bytes([i]) * 16 for i in range(1, 7)]
TODAY = date.today().isoformat()
BATCHES = [KEYS[:3], KEYS[3:5], KEYS[5:]]


def make_scores(count: int, start: int = 0) -> numpy.ndarray:
    shares = (numpy.arange(start, start + count, dtype="float32") + 1) / 7
    return numpy.stack([shares, 1 - shares], axis=1)


def score_all(cache: ScoreCache, teacher: int, keys: list[bytes], seconds: float = 0.0, job: str = "all") -> None:
    cache.plan(job, [keys])
    assert list(cache.batches(job)) == [(0, keys)]
    cache.commit(teacher, job, 0, keys, make_scores(len(keys)), seconds)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "scores.sqlite"


@pytest.fixture
def cache(path: Path) -> Iterator[ScoreCache]:
    with ScoreCache(path) as cache:
        yield cache


def test_score_cache_keeps_probabilities_exactly_and_for_good(path: Path) -> None:
    scores = numpy.asarray([[1 / 3, 2 / 3], [1e-38, 1.0]], dtype="float32")
    with ScoreCache(path) as cache:
        teacher = cache.add_teacher("f" * 64, "one", LABELS)
        cache.plan("job", [KEYS[:2]])
        cache.commit(teacher, "job", 0, KEYS[:2], scores)
    with ScoreCache(path) as cache:
        assert cache.add_teacher("f" * 64, "renamed", LABELS) == teacher
        found = cache.read(teacher, KEYS)
    assert list(found) == KEYS[:2]
    assert numpy.array_equal(numpy.stack([found[key] for key in KEYS[:2]]), scores)
    assert found[KEYS[0]].dtype == numpy.dtype("float32")


@pytest.mark.parametrize("count", [0, 1, CHUNK, CHUNK + 1, 2 * CHUNK + 7])
def test_score_cache_reads_any_number_of_keys(cache: ScoreCache, count: int) -> None:
    keys = [i.to_bytes(16) for i in range(count)]  # among them some that end in zeros
    teacher = cache.add_teacher("f", "one", LABELS)
    score_all(cache, teacher, keys)
    found = cache.read(teacher, keys)
    assert sorted(found) == keys
    assert [found[key].tolist() for key in keys] == make_scores(count).tolist()


@pytest.mark.parametrize("end", [b"\0", b"\0\0", b"\0" * 16, b"\n", b"\xff", b"'"])
def test_score_cache_takes_any_bytes_as_a_key(cache: ScoreCache, end: bytes) -> None:
    keys = [(b"a" * 16)[: 16 - len(end)] + end, b"b" * 16]
    teacher = cache.add_teacher("f", "one", LABELS)
    score_all(cache, teacher, keys)
    assert {key: row.tolist() for key, row in cache.read(teacher, keys).items()} == dict(
        zip(keys, make_scores(2).tolist(), strict=True)
    )


def test_score_cache_does_not_mix_teachers(cache: ScoreCache) -> None:
    one, two = cache.add_teacher("1", "one", LABELS), cache.add_teacher("2", "one", LABELS)
    score_all(cache, one, KEYS)
    assert one != two
    assert cache.read(two, KEYS) == {}


@pytest.mark.parametrize("row", [[numpy.nan, numpy.nan], [numpy.nan, 1.0], [0.0, numpy.nan]])
def test_score_cache_stores_no_row_of_nan(cache: ScoreCache, row: list[float]) -> None:
    teacher = cache.add_teacher("f", "one", LABELS)
    scores = make_scores(3)
    scores[1] = row
    cache.plan("job", [KEYS[:3]])
    cache.commit(teacher, "job", 0, KEYS[:3], scores)
    assert sorted(cache.read(teacher, KEYS)) == [KEYS[0], KEYS[2]]
    assert cache.remaining("job") == 0


def test_score_cache_keeps_what_was_stored_first(cache: ScoreCache) -> None:
    teacher = cache.add_teacher("f", "one", LABELS)
    score_all(cache, teacher, KEYS[:2])
    cache.plan("other", [KEYS[:2]])
    cache.commit(teacher, "other", 0, KEYS[:2], make_scores(2, start=4))
    found = cache.read(teacher, KEYS[:2])
    assert [found[key].tolist() for key in KEYS[:2]] == make_scores(2).tolist()


def test_score_cache_takes_batches_off_the_plan_as_they_are_scored(cache: ScoreCache) -> None:
    teacher = cache.add_teacher("f", "one", LABELS)
    assert (cache.remaining("job"), list(cache.batches("job"))) == (0, [])
    cache.plan("job", BATCHES)
    cache.plan("other job", BATCHES[:1])
    assert cache.remaining("job") == 6
    left = []
    for number, keys in cache.batches("job"):
        assert keys == BATCHES[number]
        cache.commit(teacher, "job", number, keys, make_scores(len(keys)))
        left.append(cache.remaining("job"))
    assert left == [3, 1, 0]
    assert list(cache.batches("job")) == []
    assert (cache.remaining("other job"), list(cache.batches("other job"))) == (3, [(0, BATCHES[0])])


def test_score_cache_plans_a_job_once(cache: ScoreCache) -> None:
    cache.plan("job", BATCHES)
    cache.plan("job", [KEYS[:1], KEYS[1:]])
    assert list(cache.batches("job")) == list(enumerate(BATCHES))


@pytest.mark.parametrize("kind", ["ABORT", "FAIL", "ROLLBACK"])
def test_score_cache_commits_scores_and_plan_together(path: Path, cache: ScoreCache, kind: str) -> None:
    teacher = cache.add_teacher("f", "one", LABELS)
    cache.plan("job", BATCHES)
    cache.connection.execute(
        f"CREATE TRIGGER full BEFORE UPDATE ON teachers BEGIN SELECT RAISE({kind}, 'disk full'); END"
    )
    with pytest.raises(ValueError) as error:
        cache.commit(teacher, "job", 0, BATCHES[0], make_scores(3))
    assert str(error.value) == f"{path}: the score cache can't be used (disk full)"
    assert cache.read(teacher, KEYS) == {}
    assert cache.remaining("job") == 6
    cache.connection.execute("DROP TRIGGER full")
    cache.commit(teacher, "job", 0, BATCHES[0], make_scores(3))
    assert sorted(cache.read(teacher, KEYS)) == BATCHES[0]
    assert cache.remaining("job") == 3


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), ValueError("wrong")], ids=repr)
def test_score_cache_plans_all_batches_or_none(cache: ScoreCache, error: BaseException) -> None:
    def batches() -> Iterator[list[bytes]]:
        yield KEYS[:2]
        raise error

    with pytest.raises(type(error)) as raised:
        cache.plan("job", batches())
    assert raised.value is error
    assert cache.remaining("job") == 0
    cache.plan("job", BATCHES)
    assert cache.remaining("job") == 6


def test_score_cache_lists_teachers_with_their_speed(cache: ScoreCache) -> None:
    assert cache.teachers() == []
    one = cache.add_teacher("1" * 64, "one", LABELS)
    cache.add_teacher("2" * 64, "two", ["A", "B", "C"])
    score_all(cache, one, KEYS[:2], seconds=0.5)
    cache.plan("again", [KEYS[1:5]])
    scores = make_scores(4)
    scores[3] = numpy.nan
    cache.commit(one, "again", 0, KEYS[1:5], scores, 1.0)
    # Six texts were scored, one of them twice and one without an answer.
    assert cache.teachers() == [
        CachedTeacher("one", "1" * 64, LABELS, 4, 4.0, TODAY),
        CachedTeacher("two", "2" * 64, ["A", "B", "C"], 0, None, TODAY),
    ]


def test_score_cache_of_before_it_kept_days_is_read(path: Path) -> None:
    with ScoreCache(path) as cache:
        for name in ("one", "two"):
            score_all(cache, cache.add_teacher(name, name, LABELS), KEYS[:2], job=name)
        cache.connection.execute("DROP TABLE uses")
    with ScoreCache(path) as cache:
        assert [teacher.last_used for teacher in cache.teachers()] == [None, None]
        two = cache.add_teacher("two", "two", LABELS)
        assert sorted(cache.read(two, KEYS)) == KEYS[:2]
        assert [teacher.last_used for teacher in cache.teachers()] == [None, TODAY]


def test_score_cache_keeps_the_day_of_the_last_use(cache: ScoreCache) -> None:
    cache.add_teacher("one", "one", LABELS)
    cache.connection.execute("UPDATE uses SET day = '2020-02-29'")
    assert cache.teachers()[0].last_used == "2020-02-29"
    cache.add_teacher("one", "one", LABELS)
    assert cache.teachers()[0].last_used == TODAY
    cache.prune("one")
    assert cache.connection.execute("SELECT * FROM uses").fetchall() == []


@pytest.mark.parametrize("fingerprint", ["abc1", "ab" + "c1" * 31, "abc"])
def test_score_cache_prune_removes_one_teacher(cache: ScoreCache, fingerprint: str) -> None:
    one, two = (cache.add_teacher(f, f, LABELS) for f in ("ab" + "c1" * 31, "b" * 64))
    score_all(cache, one, KEYS[:4])
    score_all(cache, two, KEYS[3:])
    assert cache.prune(fingerprint) == 4
    assert [teacher.fingerprint for teacher in cache.teachers()] == ["b" * 64]
    with pytest.raises(ValueError, match="the teacher was removed meanwhile"):
        cache.read(one, KEYS)
    assert sorted(cache.read(two, KEYS)) == KEYS[3:]


def test_score_cache_numbers_are_not_used_again(path: Path, cache: ScoreCache) -> None:
    first = cache.add_teacher("a", "one", LABELS)
    score_all(cache, first, KEYS[:2])
    cache.prune("a")
    with ScoreCache(path) as other:
        second = other.add_teacher("b", "two", LABELS)
        score_all(other, second, KEYS)
        again = other.add_teacher("a", "one", LABELS)
    assert len({first, second, again}) == 3
    assert cache.read(again, KEYS) == {}
    for keys in (KEYS, []):
        with pytest.raises(ValueError) as error:
            cache.read(first, keys)
        assert f"{path}: the teacher was removed meanwhile" in str(error.value)


def test_score_cache_prune_removes_unfinished_plans(cache: ScoreCache) -> None:
    cache.add_teacher("a", "one", LABELS)
    cache.plan("job", BATCHES)
    assert cache.prune("a") == 0
    assert cache.remaining("job") == 0


def test_score_cache_prune_that_is_cut_off_leaves_whole_plans(
    cache: ScoreCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.add_teacher("a", "one", LABELS)
    for job in ("first", "second"):
        cache.plan(job, BATCHES)
    query = cache._query

    def stop(text: str, *values: Any) -> Any:
        if "checkpoint" in text:
            raise KeyboardInterrupt
        return query(text, *values)

    monkeypatch.setattr(cache, "_query", stop)
    with pytest.raises(KeyboardInterrupt):
        cache.prune("a")
    monkeypatch.undo()
    assert sorted([cache.remaining("first"), cache.remaining("second")]) == [0, len(KEYS)]


@pytest.mark.parametrize("fingerprint,found", [("a", 2), ("c", 0), ("", 3), ("b" * 65, 0), ("%", 0)])
def test_score_cache_prune_refuses_what_is_not_one_teacher(cache: ScoreCache, fingerprint: str, found: int) -> None:
    known = ["a1" * 32, "a2" * 32, "b" * 64]
    numbers = [cache.add_teacher(f, "one", LABELS) for f in known]
    score_all(cache, numbers[0], KEYS)
    with pytest.raises(ValueError) as error:
        cache.prune(fingerprint)
    assert f"{found} teachers have a fingerprint that begins with {fingerprint!r}" in str(error.value)
    assert ", ".join(f[:12] for f in known) in str(error.value)
    assert [teacher.fingerprint for teacher in cache.teachers()] == known
    assert sorted(cache.read(numbers[0], KEYS)) == KEYS


def test_score_cache_prune_refuses_the_empty_string_even_with_one_teacher(cache: ScoreCache) -> None:
    cache.add_teacher("a" * 64, "one", LABELS)
    with pytest.raises(ValueError, match="a" * 12):
        cache.prune("")
    assert len(cache.teachers()) == 1


def make_database(path: Path, columns: str) -> None:
    db = sqlite3.connect(path)
    db.execute(f"CREATE TABLE teachers ({columns})")
    db.commit()
    db.close()


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda path: path.write_text("text " * 400, encoding="utf-8"), id="text"),
        pytest.param(lambda path: path.write_bytes(b"SQLite format 3\0" + b"\1" * 4000), id="broken"),
        pytest.param(lambda path: path.mkdir(), id="folder"),
        pytest.param(partial(make_database, columns="id INTEGER PRIMARY KEY, school TEXT"), id="other-table"),
        pytest.param(partial(make_database, columns="id INTEGER PRIMARY KEY, fingerprint TEXT, name TEXT, labels TEXT"),
                     id="fewer-columns"),
    ],
)  # fmt: skip
def test_score_cache_refuses_what_is_no_cache(tmp_path: Path, make: Callable[[Path], object]) -> None:
    path = tmp_path / "scores.sqlite"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(ValueError) as error:
        ScoreCache(path)
    assert f"{path}: can't be used as a score cache" in str(error.value)
    assert (path.read_bytes() if path.is_file() else None) == before
    assert list(tmp_path.iterdir()) == [path]


def plan_and_score(cache: ScoreCache) -> None:
    teacher = cache.add_teacher("a", "one", LABELS)
    keys = [i.to_bytes(16) for i in range(500)]
    score_all(cache, teacher, keys)
    cache.plan("job", [keys[i : i + 5] for i in range(0, 500, 5)])


READS: dict[str, Callable[[ScoreCache], object]] = {
    "read": lambda cache: cache.read(1, KEYS), "batches": lambda cache: list(cache.batches("job")),
    "remaining": lambda cache: cache.remaining("job"),
    "teachers": lambda cache: cache.teachers(),
}  # fmt: skip
WRITES: dict[str, Callable[[ScoreCache], object]] = {
    "add": lambda cache: cache.add_teacher("b" * 64, "two", LABELS), "plan": lambda cache: cache.plan("new", BATCHES),
    "commit": lambda cache: cache.commit(1, "job", 0, KEYS, make_scores(6)), "prune": lambda cache: cache.prune("a"),
}  # fmt: skip


@pytest.mark.parametrize("use", (READS | WRITES).values(), ids=(READS | WRITES).keys())
def test_score_cache_says_if_the_file_is_corrupted(path: Path, use: Callable[[ScoreCache], object]) -> None:
    with ScoreCache(path) as cache:
        plan_and_score(cache)
        [(size,)] = cache.connection.execute("PRAGMA page_size").fetchall()
    content = path.read_bytes()
    # The first page, with the names of the tables, stays.
    path.write_bytes(content[:size] + b"\xa5" * (len(content) - size))
    with ScoreCache(path) as cache, pytest.raises(ValueError) as error:
        use(cache)
    assert str(error.value) == f"{path}: the score cache can't be used (database disk image is malformed)"


@pytest.mark.parametrize("use", WRITES.values(), ids=WRITES.keys())
def test_score_cache_says_if_it_stays_locked_while_open(
    path: Path, monkeypatch: pytest.MonkeyPatch, use: Callable[[ScoreCache], object]
) -> None:
    monkeypatch.setattr(cache_module, "TIMEOUT_SECONDS", 0.05)
    with ScoreCache(path) as cache:
        plan_and_score(cache)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ValueError) as error:
            use(cache)
        assert str(error.value) == f"{path}: the score cache can't be used (database is locked)"
        other.close()
        use(cache)


def test_score_cache_says_if_the_disk_is_full_and_goes_on_later(path: Path, cache: ScoreCache) -> None:
    plan_and_score(cache)
    [(pages,)] = cache.connection.execute("PRAGMA page_count").fetchall()
    cache.connection.execute(f"PRAGMA max_page_count = {pages}")
    keys = [i.to_bytes(16) for i in range(1000, 6000)]
    full = f"{path}: can't be written (database or disk is full). Free its disk, and run this again"
    with pytest.raises(OSError) as error:
        cache.plan("large", [keys])
    assert str(error.value) == full
    with pytest.raises(OSError) as error:
        cache.commit(1, "job", 0, keys, make_scores(5000))
    assert str(error.value) == full
    assert (cache.remaining("large"), cache.remaining("job"), cache.teachers()[0].texts) == (0, 500, 500)
    cache.connection.execute("PRAGMA max_page_count = 100000")
    cache.commit(1, "job", 0, keys, make_scores(5000))
    assert (cache.remaining("job"), cache.teachers()[0].texts) == (495, 5500)


def test_score_cache_waits_while_another_process_makes_the_file(path: Path) -> None:
    path.parent.mkdir()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.2, lambda: other.execute("ROLLBACK"))
    timer.start()
    with ScoreCache(path) as cache:
        assert cache.teachers() == []
    timer.join()
    other.close()


def test_score_cache_says_if_the_file_stays_locked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "TIMEOUT_SECONDS", 0.1)
    path.parent.mkdir()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ValueError, match="locked"):
        ScoreCache(path)
    other.close()


def test_score_cache_waits_while_another_process_writes(path: Path, cache: ScoreCache) -> None:
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.2, lambda: other.execute("ROLLBACK"))
    timer.start()
    cache.plan("job", BATCHES)
    assert cache.remaining("job") == 6
    timer.join()
    other.close()


HOLD = """
import sys
from pathlib import Path
from scripts.distill.score.cache import ScoreCache
with ScoreCache(Path(sys.argv[1])) as cache, cache.lock():
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until it may go on."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.parametrize("end", ["leaves", "killed"])
def test_score_cache_a_second_process_waits_and_says_for_whom(
    path: Path, holder: subprocess.Popen[str], end: str
) -> None:
    messages: list[str] = []

    def on_wait(message: str) -> None:
        messages.append(message)
        if end == "killed":
            holder.kill()
        else:
            assert holder.stdin
            holder.stdin.write("\n")
            holder.stdin.flush()

    with ScoreCache(path, on_wait) as cache, cache.lock():
        [message] = messages
    since = r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S+"
    expected = rf"Process {holder.pid} \({since}\) is scoring with {re.escape(str(path))}\. Waiting for it to end"
    assert re.fullmatch(expected, message)
    with ScoreCache(path, messages.append) as cache, cache.lock():
        assert len(messages) == 1


def test_score_cache_lock_is_given_back_after_an_error(path: Path) -> None:
    messages: list[str] = []
    with ScoreCache(path, messages.append) as cache, pytest.raises(KeyboardInterrupt), cache.lock():
        raise KeyboardInterrupt
    with ScoreCache(path, messages.append) as other, other.lock():
        assert messages == []


def test_score_cache_prune_refuses_while_a_process_scores(path: Path, holder: subprocess.Popen[str]) -> None:
    with ScoreCache(path) as cache:
        teacher = cache.add_teacher("a", "one", LABELS)
        score_all(cache, teacher, KEYS[:2])
        with pytest.raises(ValueError, match=rf"^Process {holder.pid} \(since .*\) is scoring\. Wait for it to end"):
            cache.prune("a")
        assert [known.texts for known in cache.teachers()] == [2]
        holder.kill()
        holder.wait()
        assert cache.prune("a") == 2
