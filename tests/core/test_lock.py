"""One run at a time writes in a project folder."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.distill.core.lock import HOLDER, LOCK, NESTED, BusyError, hold_folder, writes
from scripts.distill.core.processes import start_of
from tests.helpers import ROOT

HOLD = """
import sys
from pathlib import Path
from scripts.distill.core.lock import hold_folder
with hold_folder(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""
# Runs commands one after the other, as `spacy project run` does.
RUN = """
import subprocess, sys
for _ in range(2):
    subprocess.run([sys.executable, "-c", sys.argv[1], sys.argv[2]], check=True)
    print("command has ended", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NESTED, raising=False)


def start(*command: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, *command]
    return subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until it may go on."""
    with start("-c", HOLD, str(tmp_path)) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def test_lock_a_second_run_stops_and_says_whom_it_met(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(BusyError) as raised, hold_folder(tmp_path):
        pass
    since = r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S+"
    assert re.match(rf"{re.escape(str(tmp_path))}: process {holder.pid} \({since}: .*python", str(raised.value))
    assert str(raised.value).endswith("is at work here. Wait for it to end, or stop it, and run this again")


@pytest.mark.parametrize("end", ["leaves", "killed"])
def test_lock_is_free_when_its_holder_has_ended(tmp_path: Path, holder: subprocess.Popen[str], end: str) -> None:
    holder.kill() if end == "killed" else go_on(holder)
    holder.wait()
    with hold_folder(tmp_path):
        assert json.loads((tmp_path / HOLDER).read_text())["pid"] in (os.getpid(), os.getppid())


@pytest.mark.parametrize("end", ["waits", "killed"])
def test_lock_of_a_workflow_lasts_between_its_commands(tmp_path: Path, end: str) -> None:
    code = HOLD.replace("sys.stdin.readline()", "")
    (tmp_path / "weasel").write_text(RUN, encoding="utf-8")
    with start(str(tmp_path / "weasel"), code, str(tmp_path / "project"), "run") as run:
        assert run.stdout
        assert [run.stdout.readline() for _ in range(2)] == ["held\n", "command has ended\n"]
        if end == "killed":
            run.kill()
            run.wait()
            with hold_folder(tmp_path / "project"):
                return
        with pytest.raises(BusyError, match=f"process {run.pid} .*weasel"), hold_folder(tmp_path / "project"):
            pass
        # Its own next command goes on.
        go_on(run)
        assert run.stdout.readline() == "held\n"
        run.kill()


def test_lock_goes_with_a_killed_holder_though_its_workers_live(tmp_path: Path) -> None:
    # The worker itself says that it is there: only then has it left the lock that it was born with.
    work = """
import os, time
from multiprocessing import get_context

def work():
    print(os.getpid(), flush=True)
    time.sleep(600)
"""
    code = work + HOLD.replace('print("held", flush=True)', 'get_context("fork").Process(target=work).start()')
    with start("-c", code, str(tmp_path)) as process:
        assert process.stdout
        worker = int(process.stdout.readline())
        process.kill()
        process.wait()
        assert start_of(worker)
        with hold_folder(tmp_path):
            os.kill(worker, signal.SIGKILL)


def test_lock_removes_what_a_killed_run_left_in_the_folder(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    left = [tmp_path / f"training/.teacher.{pid}-0a.tmp" for pid in (holder.pid, os.getppid())]
    for folder in left:
        folder.mkdir(parents=True)
    with pytest.raises(BusyError), hold_folder(tmp_path):
        pass
    assert [folder.exists() for folder in left] == [True, True]
    holder.kill()
    holder.wait()
    with hold_folder(tmp_path):
        assert [folder.exists() for folder in left] == [False, True]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}'])
def test_lock_a_broken_holder_means_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / HOLDER).write_text(content, encoding="utf-8")
    with hold_folder(tmp_path):
        pass


def test_lock_a_later_process_with_the_same_id_is_another(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with hold_folder(tmp_path / "other"):
        about = json.loads((tmp_path / "other" / HOLDER).read_text())
    (tmp_path / "other" / HOLDER).write_text(json.dumps({**about, "pid": holder.pid}), encoding="utf-8")
    with hold_folder(tmp_path / "other"):
        pass


def test_lock_what_the_holder_starts_works_for_it(tmp_path: Path) -> None:
    with hold_folder(tmp_path), start("-c", HOLD, str(tmp_path)) as process:
        go_on(process)
        assert process.communicate()[0] == "held\n"
    assert NESTED not in os.environ


def test_lock_of_a_command_is_that_of_its_folder(
    tmp_path: Path, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @writes
    def command(name: str, *, number: int = 0) -> str:
        """Do something."""
        return f"{name} {number}"

    assert command.__doc__ == "Do something."
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as raised:
        command("a")
    assert raised.value.code == 1
    assert f"process {holder.pid}" in " ".join("".join(capsys.readouterr()).split())
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert command("a", number=1) == "a 1"


def test_lock_of_a_notebook_goes_with_its_command(tmp_path: Path) -> None:
    with hold_folder(tmp_path):
        assert json.loads((tmp_path / HOLDER).read_text(encoding="utf-8"))["pid"] == os.getpid()
    assert not (tmp_path / HOLDER).exists()


def test_lock_says_if_the_folder_cannot_be_written_to(tmp_path: Path) -> None:
    # The administrator may write everywhere: a folder in the lock's place stops even them.
    (tmp_path / LOCK).mkdir()
    message = r"can't be written to \(.*\)\. Make it writable, or free its disk"
    with pytest.raises(OSError, match=message), hold_folder(tmp_path):
        pass


def test_lock_interrupted_command_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @writes
    def command() -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        command()
    assert stopped.value.code == 130
    assert "Run the same command again" in capsys.readouterr().out
