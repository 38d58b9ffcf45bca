"""A durable store of a teacher's probabilities, so that nothing is ever scored twice."""

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy
from filelock import FileLock, Timeout
from wasabi import msg

from ..core.files import FullDiskError, naming_full_disk
from ..data.teacher_scores import Scores
from ..data.text_keys import KEY_BYTES

# What score.json calls the fingerprints under which the cache has its scores: of each teacher of a mean, or of the one.
MEMBERS = "member_fingerprints"
# Keys that are looked up at a time.
CHUNK = 500
# How long to wait for another process to finish writing.
TIMEOUT_SECONDS = 60

# teachers: `scored` is how many texts the teacher was ever asked about, `seconds` how long that took. scores: `row` is
# little-endian float32, or empty if the teacher has no answer. batches: `keys` are the keys of the batch's texts, one
# after the other. uses: the day on which a teacher was last used; a table of its own, added to files that have none.
_TABLES = """
CREATE TABLE IF NOT EXISTS teachers (
    id INTEGER PRIMARY KEY AUTOINCREMENT, fingerprint TEXT NOT NULL UNIQUE, name TEXT NOT NULL, labels TEXT NOT NULL,
    scored INTEGER NOT NULL DEFAULT 0, seconds REAL NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS scores (
    teacher INTEGER NOT NULL, key BLOB NOT NULL, row BLOB NOT NULL, PRIMARY KEY (teacher, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batches (
    job TEXT NOT NULL, number INTEGER NOT NULL, keys BLOB NOT NULL, PRIMARY KEY (job, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uses (teacher INTEGER PRIMARY KEY, day TEXT NOT NULL);
"""
_TEACHERS = ["id", "fingerprint", "name", "labels", "scored", "seconds"]


@dataclass(frozen=True)
class CachedTeacher:
    """What the cache says of a teacher.

    name (str): The teacher's name for people.
    fingerprint (str): Stands for what decides the teacher's probabilities.
    labels (list[str]): The labels, in the order of the columns.
    texts (int): How many texts the cache has the teacher's probabilities of.
    texts_per_second (float | None): How fast the teacher was, over all texts that it was ever asked about. None if it
        has never been asked.
    last_used (str | None): The day on which a scoring or an evaluation last used the teacher: "2026-01-31". None if
        that was before the cache kept it.
    """

    name: str
    fingerprint: str
    labels: list[str]
    texts: int
    texts_per_second: float | None
    last_used: str | None


class ScoreCache:
    """(Text, teacher) → probabilities, in one SQLite file that several processes of a machine can read.

    What is committed stays, even if the process is killed at any moment.

    A job is a set of texts to be scored by one teacher. Its batches are planned once, and each is taken off the plan
    when it is scored. Only the process that holds the lock plans and scores.

    connection (sqlite3.Connection): The open database.
    """

    def __init__(self, path: Path, on_wait: Callable[[str], object] = msg.info) -> None:
        """Open the cache, or make it.

        path (Path): The file, on a disk of this machine. While it is open, SQLite and the lock put files beside it.
        on_wait (Callable): Called with a message when another process must be waited for.
        RAISES (ValueError): If the file is not a score cache.
        RAISES (OSError): If the disk is full, see `naming_full_disk`.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with naming_full_disk(path):
                self.connection = _open(path)
        except sqlite3.DatabaseError as err:
            raise ValueError(f"{path}: can't be used as a score cache ({err}). Move it away to begin anew") from err
        self._path, self._on_wait = path, on_wait
        self._lock = FileLock(f"{path}.lock")
        # Says for people who holds the lock.
        self._holder = path.with_name(f"{path.name}.holder")

    def __enter__(self) -> "ScoreCache":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock: planning and scoring are done in a `with` of it.

        If another process holds the lock, wait until that process has ended. A process that is killed loses the lock.
        """
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            self._on_wait(f"{self._name_holder()} is scoring with {self._path}. Waiting for it to end")
            self._lock.acquire()
        try:
            now = datetime.now().astimezone().isoformat(" ", "seconds")
            with naming_full_disk(self._holder):
                self._holder.write_text(f"Process {os.getpid()} (since {now})", encoding="utf-8")
            yield
        finally:
            self._holder.unlink(missing_ok=True)
            self._lock.release()

    def _name_holder(self) -> str:
        try:
            return self._holder.read_text(encoding="utf-8")
        except OSError:  # it has ended just now
            return "Another process"

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn SQLite's errors into ones that name the file."""
        try:
            with naming_full_disk(self._path):
                yield
        except sqlite3.Error as err:
            raise ValueError(f"{self._path}: the score cache can't be used ({err})") from err

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Commit all that is done in a `with` of it, or nothing."""
        with self._errors():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                # Some errors, such as a full disk, may have ended the transaction already.
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def _query(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._errors():
            return self.connection.execute(query, values).fetchall()

    def add_teacher(self, fingerprint: str, name: str, labels: Sequence[str]) -> int:
        """Return the number under which a teacher's probabilities are stored; add the teacher if it is new.

        That it is used today is noted.

        fingerprint (str): Stands for everything that decides the probabilities, the order of the labels included.
        name (str): The teacher's name for people.
        labels (Sequence[str]): The labels, in the order of the columns.
        RETURNS (int): The teacher's number.
        """
        with self._transaction():
            self.connection.execute(
                "INSERT OR IGNORE INTO teachers (fingerprint, name, labels) VALUES (?, ?, ?)",
                (fingerprint, name, json.dumps(list(labels))),
            )
            self.connection.execute(
                "INSERT OR REPLACE INTO uses SELECT id, date('now', 'localtime') FROM teachers WHERE fingerprint = ?",
                (fingerprint,),
            )
        [(number,)] = self._query("SELECT id FROM teachers WHERE fingerprint = ?", fingerprint)
        return int(number)

    def read(self, teacher: int, keys: Sequence[bytes]) -> dict[bytes, Scores]:
        """Return the probabilities that are there for some texts.

        teacher (int): The teacher's number, see `add_teacher`.
        keys (Sequence[bytes]): The keys of the texts, see `text_key`.
        RETURNS (dict[bytes, NDArray[float32]]): Key → probabilities, shape (n_labels,). Keys without any are left out.
        RAISES (ValueError): If the teacher has been removed from the cache.
        """
        return {key: numpy.frombuffer(row, dtype="<f4") for key, row in self._rows(teacher, keys) if row}

    def known(self, teacher: int, keys: Sequence[bytes]) -> set[bytes]:
        """Return which texts the teacher was asked about, those that it has no answer for included.

        teacher (int): The teacher's number, see `add_teacher`.
        keys (Sequence[bytes]): The keys of the texts, see `text_key`.
        RAISES (ValueError): If the teacher has been removed from the cache.
        """
        return {key for key, _ in self._rows(teacher, keys)}

    def _rows(self, teacher: int, keys: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
        if not self._query("SELECT 1 FROM teachers WHERE id = ?", teacher):
            raise ValueError(f"{self._path}: the teacher was removed meanwhile. Score the texts again")
        for start in range(0, len(keys), CHUNK):
            part = keys[start : start + CHUNK]
            query = f"SELECT key, row FROM scores WHERE teacher = ? AND key IN ({','.join('?' * len(part))})"  # noqa: S608
            yield from self._query(query, teacher, *part)

    def plan(self, job: str, batches: Iterable[Sequence[bytes]]) -> None:
        """Plan a job, unless there is a plan of it that is not done.

        job (str): Stands for the teacher and the texts.
        batches (Iterable[Sequence[bytes]]): For each batch, the keys of the texts to score together.
        """
        with self._transaction():
            if not self.remaining(job):
                rows = ((job, number, b"".join(keys)) for number, keys in enumerate(batches))
                self.connection.executemany("INSERT INTO batches (job, number, keys) VALUES (?, ?, ?)", rows)

    def replan(self, job: str, number: int, keys: Sequence[bytes]) -> None:
        """Replace the texts of a planned batch.

        job (str): The job of the batch.
        number (int): The number of the batch.
        keys (Sequence[bytes]): The keys of its texts; without any, the batch is taken off the plan.
        """
        with self._transaction():
            if keys:
                query = "UPDATE batches SET keys = ? WHERE job = ? AND number = ?"
                self.connection.execute(query, (b"".join(keys), job, number))
            else:
                self.connection.execute("DELETE FROM batches WHERE job = ? AND number = ?", (job, number))

    def remaining(self, job: str) -> int:
        """Return how many texts of a job are planned and not scored yet."""
        [(size,)] = self._query("SELECT sum(length(keys)) FROM batches WHERE job = ?", job)
        return (size or 0) // KEY_BYTES

    def batches(self, job: str) -> Iterator[tuple[int, list[bytes]]]:
        """Yield the number of each batch of a job that is planned and not scored yet, and the keys of its texts."""
        query = "SELECT number, keys FROM batches WHERE job = ? AND number > ? ORDER BY number LIMIT 1"
        number = -1
        while found := self._query(query, job, number):
            [(number, keys)] = found
            yield number, [keys[i : i + KEY_BYTES] for i in range(0, len(keys), KEY_BYTES)]

    def commit(
        self, teacher: int, job: str, number: int, keys: Sequence[bytes], scores: Scores, seconds: float = 0.0
    ) -> None:
        """Store a batch's probabilities and take the batch off the plan, both or neither.

        teacher (int): The teacher's number, see `add_teacher`.
        job (str): The job of the batch.
        number (int): The number of the batch.
        keys (Sequence[bytes]): The keys of its texts.
        scores (NDArray[float32]): Shape (n_keys, n_labels). Of a row of NaN, for a text that the teacher has no answer
            for, it is stored that there is none.
        seconds (float): How long the teacher worked.
        """
        rows = [
            (teacher, key, b"" if numpy.isnan(row).any() else row.astype("<f4").tobytes())
            for key, row in zip(keys, scores, strict=True)
        ]
        with self._transaction():
            # What has been stored first stays.
            self.connection.executemany("INSERT OR IGNORE INTO scores (teacher, key, row) VALUES (?, ?, ?)", rows)
            self.connection.execute("DELETE FROM batches WHERE job = ? AND number = ?", (job, number))
            self.connection.execute(
                "UPDATE teachers SET scored = scored + ?, seconds = seconds + ? WHERE id = ?",
                (len(keys), seconds, teacher),
            )

    def teachers(self) -> list[CachedTeacher]:
        """Return the teachers in the cache, in the order in which they came there."""
        rows = self._query(
            "SELECT name, fingerprint, labels, (SELECT count(*) FROM scores WHERE teacher = id AND length(row)), "
            "scored / nullif(seconds, 0), (SELECT day FROM uses WHERE teacher = id) FROM teachers ORDER BY id"
        )
        return [CachedTeacher(name, sha256, json.loads(labels), *rest) for name, sha256, labels, *rest in rows]

    def prune(self, fingerprint: str) -> int:
        """Remove a teacher with its probabilities, and all plans of unfinished jobs. The file keeps its size: `shrink`.

        fingerprint (str): The teacher's fingerprint. Its first characters are enough if those of no other teacher are
            the same.
        RETURNS (int): How many texts' probabilities were removed.
        RAISES (ValueError): If not exactly one teacher is meant, or a process is scoring.
        """
        found = [teacher for teacher in self.teachers() if teacher.fingerprint.startswith(fingerprint)]
        if len(found) != 1 or not fingerprint:
            known = ", ".join(teacher.fingerprint[:12] for teacher in self.teachers())
            raise ValueError(
                f"{len(found)} teachers have a fingerprint that begins with {fingerprint!r}. Known: {known}"
            )
        [(number,)] = self._query("SELECT id FROM teachers WHERE fingerprint = ?", found[0].fingerprint)
        # Plans go only while nothing is scored. A job whose plan went would end early, and its texts would look as if
        # the teacher had no answer.
        with self._nobody_scoring():
            self._remove(number)
        return found[0].texts

    @contextmanager
    def _nobody_scoring(self) -> Iterator[None]:
        """Keep others from scoring.

        RAISES (ValueError): If a process is scoring.
        """
        try:
            lock = self._lock.acquire(timeout=0)
        except Timeout as err:
            raise ValueError(f"{self._name_holder()} is scoring. Wait for it to end, or stop it") from err
        with lock:
            yield

    def _remove(self, teacher: int) -> None:
        """Remove a teacher, in steps that need little room. A kill leaves a teacher with fewer scores, and whole plans.

        Half a plan would not do: its other texts would look as if the teacher had no answer.
        """
        plans = "DELETE FROM batches WHERE job = (SELECT job FROM batches LIMIT 1)"
        scores = "DELETE FROM scores WHERE teacher = ? AND key IN (SELECT key FROM scores WHERE teacher = ? LIMIT ?)"
        for query, values in ((plans, ()), (scores, (teacher, teacher, 4 * CHUNK))):
            removed = 1
            while removed:
                with self._transaction():
                    removed = self.connection.execute(query, values).rowcount
                # The next step writes over the log of this one.
                self._query("PRAGMA wal_checkpoint(PASSIVE)")
        with self._transaction():
            self.connection.execute("DELETE FROM teachers WHERE id = ?", (teacher,))
            self.connection.execute("DELETE FROM uses WHERE teacher = ?", (teacher,))

    def shrink(self) -> None:
        """Give the room of what was removed back to the disk.

        RAISES (FullDiskError): If there is too little room: SQLite writes all that stays, twice at most, before the old
            goes. The message says how much that is. The file stays as it was.
        RAISES (ValueError): If a process is scoring: it could not write for as long as this takes.
        """
        try:
            with self._nobody_scoring():
                self._query("VACUUM")
        except FullDiskError as err:
            [(size,)] = self._query(
                "SELECT (page_count - freelist_count) * page_size "
                "FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
            )
            raise FullDiskError(
                f"{self._path}: there is no room to make it smaller, which takes up to {2 * size / 1e6:.1f} MB for a "
                "while, there or where temporary files are (SQLITE_TMPDIR). New scores take the room of removed ones. "
                "Free its disk, and run: python -m scripts.score prune"
            ) from err


def _open(path: Path) -> sqlite3.Connection:
    """Open the file, and make what tables it lacks."""
    # isolation_level=None: transactions are begun by hand.
    db = sqlite3.connect(path, timeout=TIMEOUT_SECONDS, isolation_level=None)
    try:
        # Another program's file may have a table of the same name. Such a file is left as it is.
        columns = [name for _, name, *_ in db.execute("PRAGMA table_info(teachers)")]
        if columns and columns != _TEACHERS:
            raise sqlite3.DatabaseError(f"another table `teachers`, with the columns {', '.join(columns)}")
        _use_wal(db)
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(_TABLES)
    except BaseException:
        db.close()
        raise
    return db


def _use_wal(db: sqlite3.Connection) -> None:
    """Let other processes read while this one writes (write-ahead log)."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as err:
            # For this statement alone, SQLite fails at once when the file is busy, instead of waiting.
            if err.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.02)
