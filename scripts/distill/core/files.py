"""Files and folders: written so that a kill leaves the old or the new one, never half of it; hashed; measured."""

import errno
import glob
import hashlib
import json
import os
import re
import secrets
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from .messages import run_again
from .processes import start_of

# The errors of a write for which there is no room: on the disk, within a quota, within the limit for one file.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# How they read in errors that have no such number: of shutil, safetensors or another process; of numpy; and of SQLite.
FULL_WORDS = re.compile(
    "|".join([*(re.escape(os.strerror(number)) for number in FULL), r"\d+ requested and \d+ written",
              "database or disk is full"])
)  # fmt: skip
# SQLite's names for a write that failed: a quota, a limit for one file and a broken disk are one to it.
UNWRITTEN = ("SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE")
# What `_beside` calls a file or folder: for which one, the process, the kind.
TEMPORARY = re.compile(r"\.(?P<name>.+)\.(?P<pid>\d+)-[0-9a-f]+(?P<kind>\.tmp|\.old)")
# How deep in a project folder commands write: training/teacher/model-best.
DEPTH = 3


class FullDiskError(OSError):
    """There is no room for what is to be written."""


@contextmanager
def naming_full_disk(path: Path) -> Iterator[None]:
    """Name what could not be written if a disk is full; the system's own error often names nothing.

    path (Path): The file or folder that the block writes.
    RAISES (FullDiskError): If there is no room for it; the message has the path, and says what to do.
    """
    try:
        yield
    except (ValueError, FullDiskError):
        raise  # ours: it may quote any text, or was named already
    except Exception as err:
        if found := FULL_WORDS.search(str(err)):
            raise FullDiskError(f"{path}: can't be written ({found[0]}). Free its disk, and run this again") from err
        if getattr(err, "sqlite_errorname", None) in UNWRITTEN:
            raise FullDiskError(
                f"{path}: can't be written ({err}). Its disk is full, or broken: free or check it, and run this again"
            ) from err
        raise


@contextmanager
def replacing_file(path: Path) -> Iterator[IO[str]]:
    """Open a temporary UTF-8 text file that takes the place of `path` on success.

    If the block raises, the file at `path` stays as it was.

    path (Path): The file to make or replace. Its folder is made where it is missing.
    YIELDS (IO[str]): The open temporary file, beside `path`.
    RAISES (OSError): If the disk is full, see `naming_full_disk`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    settle(path)
    temporary = _beside(path, "tmp")
    try:
        with naming_full_disk(path), temporary.open("w", encoding="utf-8", newline="\n") as file:
            yield file
            # On the disk before the rename: a power cut leaves no empty file under the name.
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path, *, marker: str = "") -> Iterator[Path]:
    """Make a temporary folder that takes the place of `path` on success.

    If the block raises, the folder at `path` stays as it was.

    path (Path): The folder to make or replace. The folder around it is made where it is missing.
    marker (str): A file that the new folder will have. A folder that has files, but not this one, is not replaced: it
        is something else. "" where no user chooses the path.
    YIELDS (Path): The empty temporary folder, beside `path`.
    RAISES (ValueError): If there is something else at `path`.
    """
    with temporary_folder(path) as temporary:
        empty = path.is_dir() and not any(path.iterdir())
        if marker and path.exists() and not empty and not (path / marker).exists():
            raise ValueError(f"{path}: would be replaced, but has no {marker}. Move it away, or name another folder")
        yield temporary
        replace_folder(temporary, path)


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Make a folder beside `path` that is removed in the end, unless it was moved away.

    path (Path): What is made there. The folder around it is made where it is missing.
    YIELDS (Path): The empty temporary folder.
    RAISES (OSError): If the disk is full, see `naming_full_disk`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    settle(path)
    temporary = _beside(path, "tmp")
    temporary.mkdir()
    try:
        with naming_full_disk(path):
            yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def replace_folder(new: Path, path: Path) -> None:
    """Move a folder to the place of another, which is removed.

    new (Path): The folder to move, on the same disk. If it can't be moved, the folder at `path` stays as it was.
    path (Path): Where it goes.
    """
    old = _beside(path, "old")
    try:
        if path.exists():
            path.rename(old)
        new.rename(path)
    finally:
        _put_back(old, path)


def _beside(path: Path, kind: str) -> Path:
    """Return a hidden name beside `path` that no other process has: of kind "tmp" or "old"."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.{kind}")


def settle(path: Path) -> None:
    """Put right what killed processes left beside `path`: they may have moved the old away, and made half of the new.

    In a container, this process can have the id of a killed one.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.*-*.*"):
        found = TEMPORARY.fullmatch(left.name)
        if found and found["name"] == path.name:
            _settle(left, found)


def _settle(left: Path, found: re.Match[str]) -> None:
    """Put right one file or folder of a name that `TEMPORARY` matches, if its process has ended."""
    pid = int(found["pid"])
    if pid != os.getpid() and start_of(pid):
        return
    if found["kind"] == ".old":
        _put_back(left, left.with_name(found["name"]))
    elif left.is_dir():
        shutil.rmtree(left, ignore_errors=True)
    else:
        left.unlink(missing_ok=True)


def settle_folder(folder: Path) -> None:
    """Put right what killed processes left in a project folder, see `settle`. What may not be changed there stays.

    folder (Path): The project folder. This process holds its lock, and has written nothing there yet.
    """
    for level in range(DEPTH):
        # A folder may go meanwhile, or lie on a disk that does not answer.
        with suppress(OSError):
            for left in sorted(folder.glob("*/" * level + ".*-*.*")):
                if found := TEMPORARY.fullmatch(left.name):
                    with suppress(OSError):
                        _settle(left, found)


def _put_back(old: Path, path: Path) -> None:
    """Move the old folder back if there is none at `path`, else remove it."""
    if old.exists() and not path.exists():
        old.rename(path)
    shutil.rmtree(old, ignore_errors=True)


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as indented JSON that a person can read."""
    with replacing_file(path) as file:
        file.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def json_line(row: dict[str, Any]) -> str:
    """Return `row` as a line of JSONL."""
    return json.dumps(row, ensure_ascii=False) + "\n"


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write `rows` to `path`, one JSON object per line.

    path (Path): The file to make or replace.
    rows (Iterable[dict[str, Any]]): The objects. They may come from a generator: one at a time is in memory.
    RETURNS (int): The number of rows written.
    """
    count = 0
    with replacing_file(path) as file:
        for row in rows:
            count += 1
            file.write(json_line(row))
    return count


def hash_file(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_folder(folder: Path) -> str:
    """Return the sha256 over the names and contents of all files below a folder, in hexadecimal.

    A file's name is its path within the folder, so a copy elsewhere has the same hash.
    """
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\n{hash_file(path)}\n".encode())
    return digest.hexdigest()


def hash_path(path: Path) -> str:
    """Return the sha256 of a file, or of all that is below a folder, in hexadecimal."""
    return hash_folder(path) if path.is_dir() else hash_file(path)


def list_hashes(folder: Path, depth: int) -> dict[str, str]:
    """Return what lies in a folder: names and contents, wherever links lead.

    folder (Path): The folder. Hidden files and folders in it are passed over.
    depth (int): How deep to look: 1 for what lies in the folder itself. A link that leads back up is so no endless way.
    RETURNS (dict[str, str]): Path within the folder → sha256 of a file, "folder", or "neither" for a broken link.
    """
    found = {}
    for path in sorted(path for level in range(1, depth + 1) for path in folder.glob("/".join("*" * level))):
        name = path.relative_to(folder).as_posix()
        if not any(part.startswith(".") for part in name.split("/")):
            found[name] = hash_file(path) if path.is_file() else "folder" if path.is_dir() else "neither"
    return found


def require_file(path: Path, command: str) -> Path:
    """Return a file or folder that a command of the project makes.

    RAISES (ValueError): If there is none; the message names the command.
    """
    if not path.exists():
        raise ValueError(f"{path}: no such file. {run_again(command)}")
    return path


def folder_size(folder: Path) -> int:
    """Return the size in bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def zipped_size(folder: Path) -> int:
    """Return the size in bytes of a zip file of all files below a folder, compressed as in a wheel."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                archive.write(path, path.relative_to(folder))
        return file.tell()
