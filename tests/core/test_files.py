import errno
import hashlib
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
from safetensors.numpy import save_file

from scripts.distill.core.files import (
    FullDiskError,
    folder_size,
    hash_file,
    naming_full_disk,
    replacing_file,
    replacing_folder,
    settle_folder,
    write_json,
    write_jsonl,
    zipped_size,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def make_folder(path: Path, **contents: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (path / name).write_text(content, encoding="utf-8")
    return path


def test_files_replacing_file_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old", encoding="utf-8")
    with replacing_file(path) as file:
        file.write("nieuw: één\n")
        file.flush()
        assert path.read_text(encoding="utf-8") == "old"
    assert path.read_bytes() == "nieuw: één\n".encode()
    assert names(tmp_path) == ["a.txt"]


def test_files_replacing_file_makes_its_folder(tmp_path: Path) -> None:
    with replacing_file(tmp_path / "a" / "b" / "c.txt") as file:
        file.write("new")
    assert (tmp_path / "a" / "b" / "c.txt").read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_files_replacing_file_keeps_the_old_on_an_error(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(error), replacing_file(path) as file:
        file.write("half")
        raise error
    assert path.read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["a.txt"]


def test_files_replacing_file_makes_nothing_on_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"), replacing_file(tmp_path / "a.txt"):
        raise ValueError("stop")
    assert names(tmp_path) == []


def test_files_replacing_folder_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = make_folder(tmp_path / "model", old="old", both="old")
    with replacing_folder(path) as folder:
        assert folder.parent == tmp_path
        assert names(folder) == []
        (folder / "both").write_text("new", encoding="utf-8")
        assert names(path) == ["both", "old"]
    assert names(path) == ["both"]
    assert (path / "both").read_text(encoding="utf-8") == "new"
    assert names(tmp_path) == ["model"]


def test_files_replacing_folder_replaces_no_folder_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "training"
    make_folder(path / "teacher" / "model-best", **{"meta.json": "weeks of work"})
    with pytest.raises(ValueError, match=r"training: .* has no meta.json"), replacing_folder(path, marker="meta.json"):
        raise AssertionError
    assert (path / "teacher" / "model-best" / "meta.json").read_text(encoding="utf-8") == "weeks of work"
    shutil.rmtree(path / "teacher")
    for content in ("first", "second"):
        with replacing_folder(path, marker="meta.json") as folder:
            (folder / "meta.json").write_text(content, encoding="utf-8")
    assert (path / "meta.json").read_text(encoding="utf-8") == "second"


def test_files_replacing_folder_makes_its_parents(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "a" / "b") as folder:
        (folder / "c").write_text("new", encoding="utf-8")
    assert names(tmp_path / "a" / "b") == ["c"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_files_replacing_folder_keeps_the_old_on_an_error(tmp_path: Path, error: type[BaseException]) -> None:
    path = make_folder(tmp_path / "model", old="old")
    with pytest.raises(error), replacing_folder(path) as folder:
        (folder / "half").write_text("half", encoding="utf-8")
        raise error
    assert names(path) == ["old"]
    assert names(tmp_path) == ["model"]


def test_files_replacing_folder_puts_the_old_back_if_the_new_is_gone(tmp_path: Path) -> None:
    path = make_folder(tmp_path / "model", old="old")
    with pytest.raises(FileNotFoundError), replacing_folder(path) as folder:
        shutil.rmtree(folder)
    assert names(path) == ["old"]
    assert names(tmp_path) == ["model"]


# A process that has ended, and this one: in a container, the next run can have the same process id.
ENDED = subprocess.Popen([sys.executable, "-c", ""])
ENDED.wait()


@pytest.mark.parametrize("pid", [ENDED.pid, os.getpid()], ids=["ended", "own"])
def test_files_replacing_folder_removes_what_a_killed_run_left(tmp_path: Path, pid: int) -> None:
    path = make_folder(tmp_path / "model", old="old")
    make_folder(tmp_path / f".model.{pid}-0a.tmp", half="half")
    make_folder(tmp_path / f".model.{pid}-0b.old", older="older")
    with replacing_folder(path) as folder:
        (folder / "new").write_text("new", encoding="utf-8")
    assert names(path) == ["new"]
    assert names(tmp_path) == ["model"]


@pytest.mark.parametrize("pid", [ENDED.pid, os.getpid()], ids=["ended", "own"])
def test_files_replacing_folder_recovers_the_old_that_a_killed_run_moved_away(tmp_path: Path, pid: int) -> None:
    path = tmp_path / "model"
    make_folder(tmp_path / f".model.{pid}-0a.old", old="old")
    with pytest.raises(ValueError, match="stop"), replacing_folder(path):
        raise ValueError("stop")
    assert names(path) == ["old"]
    assert names(tmp_path) == ["model"]


def test_files_replacing_file_removes_what_a_killed_run_left(tmp_path: Path) -> None:
    (tmp_path / f".a.txt.{ENDED.pid}-0a.tmp").write_text("half", encoding="utf-8")
    with replacing_file(tmp_path / "a.txt") as file:
        file.write("new")
    assert names(tmp_path) == ["a.txt"]


def test_files_two_processes_do_not_write_each_others_temporary_files(tmp_path: Path) -> None:
    parent = os.getppid()
    (tmp_path / f".a.txt.{parent}-0a.tmp").write_text("its half", encoding="utf-8")
    make_folder(tmp_path / f".model.{parent}-0a.tmp", half="its half")
    with replacing_file(tmp_path / "a.txt") as file, replacing_folder(tmp_path / "model") as folder:
        file.write("ours")
        (folder / "whole").touch()
    assert names(tmp_path) == [f".a.txt.{parent}-0a.tmp", f".model.{parent}-0a.tmp", "a.txt", "model"]
    assert names(tmp_path / f".model.{parent}-0a.tmp") == ["half"]
    with replacing_file(tmp_path / "b.txt") as one:
        temporary = Path(one.name)
    with replacing_file(tmp_path / "b.txt") as other:
        assert Path(other.name) != temporary


def test_files_write_json_is_indented_and_readable(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"b": ["é"], "a": None})
    assert path.read_bytes() == '{\n  "b": [\n    "é"\n  ],\n  "a": null\n}\n'.encode()


def test_files_write_json_keeps_the_old_if_the_new_is_no_json(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, [1])
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert path.read_text(encoding="utf-8") == "[\n  1\n]\n"
    assert names(tmp_path) == ["a.json"]


def test_files_write_jsonl_writes_a_line_for_each_row(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    assert write_jsonl(path, ({"text": text} for text in ["één\ntwee", ""])) == 2
    assert path.read_bytes() == '{"text": "één\\ntwee"}\n{"text": ""}\n'.encode()
    assert write_jsonl(path, []) == 0
    assert path.read_bytes() == b""


def test_files_write_jsonl_keeps_the_old_if_the_rows_fail(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write_jsonl(path, [{"a": 1}])
    with pytest.raises(ZeroDivisionError):
        write_jsonl(path, ({"a": 1 // n} for n in [1, 0]))
    assert path.read_text(encoding="utf-8") == '{"a": 1}\n'
    assert names(tmp_path) == ["a.jsonl"]


def test_files_hash_file_is_the_sha256(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert hash_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    large = bytes(range(256)) * 2000
    path.write_bytes(large)
    assert hash_file(path) == hashlib.sha256(large).hexdigest()


def test_files_folder_size_counts_the_files_at_every_depth(tmp_path: Path) -> None:
    assert folder_size(tmp_path) == 0
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "one").write_bytes(b"x")
    (tmp_path / "a" / "two").write_bytes(b"xx")
    (tmp_path / "a" / "b" / ".three").write_bytes(b"xxx")
    assert folder_size(tmp_path) == 6


def test_files_zipped_size_is_that_of_a_deflated_archive(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "one").write_bytes(b"x" * 100_000)
    (folder / "two").write_bytes(bytes(range(256)))
    with zipfile.ZipFile(tmp_path / "made.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "a" / "one", "a/one")
        archive.write(folder / "two", "two")
    assert zipped_size(folder) == (tmp_path / "made.zip").stat().st_size < 1000
    os.utime(folder / "two", (0, 0))  # older than zip can say
    assert zipped_size(folder) < 1000


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_files_full_disk_is_named_once(tmp_path: Path, number: int) -> None:
    (tmp_path / "inner").write_text("old", encoding="utf-8")
    with (
        pytest.raises(OSError, match=f"^{tmp_path}/inner: can't be written .*Free its disk") as error,
        replacing_folder(tmp_path / "outer"),
        replacing_file(tmp_path / "inner"),
    ):
        raise OSError(number, os.strerror(number))
    assert str(error.value).count("can't be written") == 1
    assert names(tmp_path) == ["inner"]
    assert (tmp_path / "inner").read_text(encoding="utf-8") == "old"


FILL: dict[str, Callable[[Path], object]] = {
    "shutil": lambda folder: shutil.copytree(folder / "from", folder / "to"),
    "numpy": lambda folder: numpy.save((folder / "array").open("wb"), numpy.zeros(10_000)),
    "safetensors": lambda folder: save_file({"a": numpy.zeros(10_000)}, folder / "tensors"),
}


@pytest.mark.parametrize("fill", FILL.values(), ids=FILL.keys())
def test_files_full_disk_is_known_by_the_words_of_a_library(tmp_path: Path, fill: Callable[[Path], object]) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "file").write_bytes(b"x" * 10_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(OSError, match=f"^{tmp_path}: can't be written .*Free its disk"), naming_full_disk(tmp_path):
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))
        try:
            fill(tmp_path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_files_other_errors_stay_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"), naming_full_disk(tmp_path):
        (tmp_path / "nowhere").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "full"), [("WRITE", True), ("SHMSIZE", True), ("READ", False), ("FSYNC", False)])
def test_files_only_a_write_that_fails_may_be_a_full_disk(tmp_path: Path, name: str, full: bool) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = f"SQLITE_IOERR_{name}"
    with pytest.raises(FullDiskError if full else sqlite3.OperationalError) as raised, naming_full_disk(tmp_path):
        raise error
    said = "can't be written (disk I/O error). Its disk is full, or broken: free or check it, and run this again"
    assert str(raised.value) == (f"{tmp_path}: {said}" if full else "disk I/O error")


@pytest.mark.parametrize("place", ["", "training", "training/teacher"])
def test_files_settle_folder_removes_what_killed_runs_left(tmp_path: Path, place: str) -> None:
    folder = tmp_path / place
    make_folder(folder / f".model.{ENDED.pid}-0a.tmp", half="half")
    make_folder(folder / f".model.{ENDED.pid}-0b.old", old="old")
    make_folder(folder / f".model.{os.getppid()}-0a.tmp", half="of a living run")
    make_folder(folder / f".not ours.{ENDED.pid}-.tmp")
    (folder / f".a.json.{ENDED.pid}-0a.tmp").touch()
    settle_folder(tmp_path)
    assert names(folder) == [f".model.{os.getppid()}-0a.tmp", f".not ours.{ENDED.pid}-.tmp", "model"]
    assert names(folder / "model") == ["old"]


def test_files_settle_folder_passes_over_what_it_may_not_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    (tmp_path / f".a.{ENDED.pid}-0a.tmp").touch()
    monkeypatch.setattr(Path, "unlink", refuse)
    settle_folder(tmp_path)
    assert names(tmp_path) == [f".a.{ENDED.pid}-0a.tmp"]
