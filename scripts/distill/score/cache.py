"""A durable store of teacher probabilities, so that nothing is ever scored twice."""

import json
import os
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from ..data.teacher_scores import Scores
from ..data.text_keys import KEY_BYTES

# Keys that are looked up at a time.
CHUNK = 500
# How long a batch is left to a process on another machine, which can't be asked whether it lives.
LEASE_SECONDS = 600
# How long to wait for another process to finish writing.
TIMEOUT_SECONDS = 60

_TABLES = """
CREATE TABLE IF NOT EXISTS teachers (
    id INTEGER PRIMARY KEY AUTOINCREMENT, fingerprint TEXT NOT NULL UNIQUE, name TEXT NOT NULL, labels TEXT NOT NULL,
    scored INTEGER NOT NULL DEFAULT 0, seconds REAL NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS scores (
    teacher INTEGER NOT NULL, key BLOB NOT NULL, row BLOB NOT NULL, PRIMARY KEY (teacher, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batches (
    job TEXT NOT NULL, number INTEGER NOT NULL, keys BLOB NOT NULL, owner TEXT, since REAL,
    PRIMARY KEY (job, number)) WITHOUT ROWID;
"""
_TEACHERS = ["id", "fingerprint", "name", "labels", "scored", "seconds"]


@dataclass(frozen=True)
class CachedTeacher:
    """A teacher in the cache.

    texts (int): How many texts the cache has its probabilities of.
    texts_per_second (float | None): How fast it was, over all it was ever asked; None if it never was.
    """

    name: str
    fingerprint: str
    labels: list[str]
    texts: int
    texts_per_second: float | None


class ScoreCache:
    """Text × teacher → probabilities, in one SQLite file that several processes of a machine can share.

    What is committed survives the process being killed at any moment. A job is a set of texts to be
    scored by one teacher; its batches are planned once and taken off the plan as they are scored.
    """

    def __init__(self, path: Path) -> None:
        """Open the cache, or make it.

        path (Path): The file, on a disk of this machine; SQLite puts two more beside it while it is open.
        RAISES (ValueError): If the file is something else.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = _open(path)
        except sqlite3.DatabaseError as err:
            raise ValueError(f"{path}: can't be used as a score cache ({err}). Move it away to begin anew") from err
        self._path = path
        self._owner = _describe_process(os.getpid())
        # Job → the last batch that was claimed: those before it need not be looked at for each claim.
        self._claimed: dict[str, int] = {}

    def __enter__(self) -> "ScoreCache":
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn SQLite's errors into ones that name the file."""
        try:
            yield
        except sqlite3.Error as err:
            raise ValueError(f"{self._path}: the score cache can't be used ({err})") from err

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                # Some errors, such as a full disk, may have ended it already.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _query(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._errors():
            return self._db.execute(query, values).fetchall()

    def add_teacher(self, fingerprint: str, name: str, labels: Sequence[str]) -> int:
        """Return the number under which a teacher's probabilities are stored.

        fingerprint (str): Stands for everything that decides them, the order of the labels included.
        name (str): Its name, for people.
        labels (Sequence[str]): The order of the columns.
        """
        with self._transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO teachers (fingerprint, name, labels) VALUES (?, ?, ?)",
                (fingerprint, name, json.dumps(list(labels))),
            )
        [(number,)] = self._query("SELECT id FROM teachers WHERE fingerprint = ?", fingerprint)
        return int(number)

    def read(self, teacher: int, keys: Sequence[bytes]) -> dict[bytes, Scores]:
        """Return the probabilities that are there for some keys, each of shape (n_labels,).

        RAISES (ValueError): If the teacher has been removed from the cache.
        """
        if not self._query("SELECT 1 FROM teachers WHERE id = ?", teacher):
            raise ValueError(f"{self._path}: the teacher was removed meanwhile. Score the texts again")
        found = {}
        for start in range(0, len(keys), CHUNK):
            part = keys[start : start + CHUNK]
            query = f"SELECT key, row FROM scores WHERE teacher = ? AND key IN ({','.join('?' * len(part))})"  # noqa: S608
            for key, row in self._query(query, teacher, *part):
                found[key] = numpy.frombuffer(row, dtype="<f4")
        return found

    def plan(self, job: str, batches: Iterable[Sequence[bytes]]) -> None:
        """Plan a job, unless that has been done.

        job (str): Stands for the teacher and the texts.
        batches (Iterable[Sequence[bytes]]): The keys of the texts to score together.
        """
        with self._transaction():
            if not self.remaining(job):
                rows = ((job, number, b"".join(keys)) for number, keys in enumerate(batches))
                self._db.executemany("INSERT INTO batches (job, number, keys) VALUES (?, ?, ?)", rows)

    def remaining(self, job: str) -> int:
        """Return how many texts of a job are planned and not scored yet."""
        [(size,)] = self._query("SELECT sum(length(keys)) FROM batches WHERE job = ?", job)
        return (size or 0) // KEY_BYTES

    def claim(self, job: str) -> tuple[int, list[bytes]] | None:
        """Take the next batch of a job that no living process works on.

        RETURNS (tuple[int, list[bytes]] | None): Its number and keys; None if there is none left.
        """
        with self._transaction():
            free = self._next_free(job)
            if not free:
                self._free_dead(job)
                free = self._next_free(job)
            if not free:
                return None
            [(number, keys)] = free
            self._claimed[job] = number
            self._db.execute(
                "UPDATE batches SET owner = ?, since = ? WHERE job = ? AND number = ?",
                (self._owner, time.time(), job, number),
            )
        return number, [keys[i : i + KEY_BYTES] for i in range(0, len(keys), KEY_BYTES)]

    def _next_free(self, job: str) -> list[tuple[int, bytes]]:
        return self._query(
            "SELECT number, keys FROM batches WHERE job = ? AND number > ? AND owner IS NULL ORDER BY number LIMIT 1",
            job, self._claimed.get(job, -1),
        )  # fmt: skip

    def _free_dead(self, job: str) -> None:
        """Free what processes hold that no longer live, and look from the first batch on again."""
        owners = self._query("SELECT owner, max(since) FROM batches WHERE job = ? GROUP BY owner", job)
        for owner, since in owners:
            if owner is not None and not _is_alive(owner, since):
                self._db.execute("UPDATE batches SET owner = NULL WHERE job = ? AND owner = ?", (job, owner))
        self._claimed.pop(job, None)

    def commit(
        self, teacher: int, job: str, number: int, keys: Sequence[bytes], scores: Scores, seconds: float = 0.0
    ) -> None:
        """Store a batch's probabilities and take it off the plan, both or neither.

        scores (NDArray[float32]): Shape (n_keys, n_labels). A row of NaN, for a text that the teacher
            has no answer for, is not stored.
        seconds (float): How long the teacher worked.
        """
        rows = [
            (teacher, key, row.astype("<f4").tobytes())
            for key, row in zip(keys, scores, strict=True)
            if not numpy.isnan(row).any()
        ]
        with self._transaction():
            # What another process has stored meanwhile stays.
            self._db.executemany("INSERT OR IGNORE INTO scores (teacher, key, row) VALUES (?, ?, ?)", rows)
            self._db.execute("DELETE FROM batches WHERE job = ? AND number = ?", (job, number))
            self._db.execute(
                "UPDATE teachers SET scored = scored + ?, seconds = seconds + ? WHERE id = ?",
                (len(keys), seconds, teacher),
            )

    def release(self, job: str) -> None:
        """Give back the batches of a job that this process has taken and not committed."""
        with self._transaction():
            self._db.execute("UPDATE batches SET owner = NULL WHERE job = ? AND owner = ?", (job, self._owner))
        self._claimed.pop(job, None)

    def teachers(self) -> list[CachedTeacher]:
        """List the teachers in the cache."""
        rows = self._query(
            "SELECT name, fingerprint, labels, (SELECT count(*) FROM scores WHERE teacher = id), "
            "scored / nullif(seconds, 0) FROM teachers ORDER BY id"
        )
        return [CachedTeacher(name, sha256, json.loads(labels), *rest) for name, sha256, labels, *rest in rows]

    def speed(self, fingerprint: str) -> float | None:
        """Return how many texts per second a teacher has scored; None if it has scored none."""
        return next((t.texts_per_second for t in self.teachers() if t.fingerprint == fingerprint), None)

    def prune(self, fingerprint: str) -> int:
        """Remove a teacher with its probabilities, and all plans of unfinished jobs.

        fingerprint (str): Its first characters are enough if no other teacher's are the same.
        RETURNS (int): How many texts' probabilities were removed.
        RAISES (ValueError): If not exactly one teacher is meant, or if a process is scoring.
        """
        found = [teacher for teacher in self.teachers() if teacher.fingerprint.startswith(fingerprint)]
        if len(found) != 1 or not fingerprint:
            known = ", ".join(teacher.fingerprint[:12] for teacher in self.teachers())
            raise ValueError(
                f"{len(found)} teachers have a fingerprint that begins with {fingerprint!r}. Known: {known}"
            )
        [(number,)] = self._query("SELECT id FROM teachers WHERE fingerprint = ?", found[0].fingerprint)
        with self._transaction():
            # Without its plan a job would end early, and its texts look as if they had no answer.
            owners = self._query("SELECT owner, max(since) FROM batches WHERE owner IS NOT NULL GROUP BY owner")
            for owner, since in owners:
                if _is_alive(owner, since):
                    raise ValueError(f"Process {owner.split()[1]} is scoring. Wait for it to end, or stop it")
            self._db.execute("DELETE FROM scores WHERE teacher = ?", (number,))
            self._db.execute("DELETE FROM teachers WHERE id = ?", (number,))
            self._db.execute("DELETE FROM batches")
        with self._errors():
            self._db.execute("VACUUM")
        return found[0].texts


def _open(path: Path) -> sqlite3.Connection:
    # Transactions are begun by hand.
    db = sqlite3.connect(path, timeout=TIMEOUT_SECONDS, isolation_level=None)
    try:
        # Another program's table may have the same name. Its file is left as it is.
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
    end = time.monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as err:
            # Of this statement alone SQLite says so at once, without waiting for the other process.
            if err.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.02)


def _describe_process(pid: int) -> str:
    return f"{socket.gethostname()} {pid} {_start_time(pid)}"


def _is_alive(owner: str, since: float) -> bool:
    host, pid, _ = owner.split(" ", 2)
    if host != socket.gethostname():
        return time.time() - since < LEASE_SECONDS
    # Numbers of processes are used again; the start tells them apart.
    return owner == _describe_process(int(pid))


def _start_time(pid: int) -> str:
    """Return when a process started, in the system's own words; "" if there is none, or it has ended."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            state, *rest = stat.read_text().rpartition(")")[2].split()
            # A process that was killed stays as a zombie until its parent looks.
            return "" if state in "ZX" else rest[18]
        except (FileNotFoundError, ProcessLookupError):
            return ""
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()
