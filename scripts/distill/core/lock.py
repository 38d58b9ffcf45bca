"""One run at a time writes in a project folder. A second one stops, and says whom it met."""

import json
import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from filelock import FileLock, Timeout
from wasabi import msg

from .files import settle_folder, write_json
from .messages import stopping_with
from .processes import arguments_of, start_of
from .variables import check_given

LOCK, HOLDER = ".run.lock", ".run.json"
# Seconds that a lock may take to go with a process that was killed.
PATIENCE = 1
# The exit status of a command that was interrupted by Ctrl-C.
INTERRUPTED = 130
# Set in the environment of what a holder of a lock starts: such commands work for the holder.
NESTED = "DISTILL_NESTED"

P = ParamSpec("P")
R = TypeVar("R")


class BusyError(ValueError):
    """Another run is at work in the folder."""


@dataclass(frozen=True)
class Run:
    """Who is at work: a `spacy project run` with all its commands, or a command that was started by itself.

    pid (int): The process.
    start (str): When it began, see `start_of`.
    command (str): Its command line.
    since (str): When it took the folder, for people.
    worker (int): The process of its present command.
    """

    pid: int
    start: str
    command: str
    since: str
    worker: int

    @property
    def goes_on(self) -> bool:
        """Whether the process has not ended."""
        return bool(self.start) and start_of(self.pid) == self.start


def writes(command: Callable[P, R]) -> Callable[P, R]:
    """Let a typer command hold the lock of the project folder, which it runs in.

    The command stops before it begins if another run has the lock, or if it was given a misspelt variable.
    """

    @wraps(command)
    def locked(*args: P.args, **kwargs: P.kwargs) -> R:
        with ExitStack() as stack:
            with stopping_with("Can't start"):
                check_given()
                stack.enter_context(hold_folder(Path()))
            try:
                return command(*args, **kwargs)
            except KeyboardInterrupt as err:
                msg.fail("Interrupted", "Run the same command again: finished steps and scored texts stay")
                raise SystemExit(INTERRUPTED) from err

    return locked


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Keep other runs from writing in a folder, and remove what killed ones left there half made.

    Two things together do that. A lock of the operating system, which goes with its process, lasts as long as one
    command. Between the commands of a workflow, a file names the process of the workflow; when that process has ended,
    the file means nothing.

    folder (Path): The folder. It is made where it is missing.
    RAISES (BusyError): If another run is at work there.
    RAISES (OSError): If the folder can't be written to.
    """
    if NESTED in os.environ:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout as err:
        raise _busy(folder, _read(folder / HOLDER)) from err
    except OSError as err:
        raise OSError(f"{folder.resolve()}: can't be written to ({err}). Make it writable, or free its disk") from err
    try:
        run, other = _this_run(), _read(folder / HOLDER)
        if other and other.pid != run.pid and other.goes_on:
            raise _busy(folder, other)
        if other and (other.pid, other.start) == (run.pid, run.start):
            run = replace(run, since=other.since)
        # First of all: what a killed run left can be as large as a teacher, and the disk be full of it.
        settle_folder(folder)
        write_json(folder / HOLDER, asdict(run))
        os.environ[NESTED] = str(os.getpid())
        try:
            yield
        finally:
            # A notebook goes on when its command has ended. A workflow has more commands to come.
            if run.pid == os.getpid():
                (folder / HOLDER).unlink(missing_ok=True)
    finally:
        os.environ.pop(NESTED, None)
        lock.release()


def _this_run() -> Run:
    """Return the `spacy project run` that started this process, or else this process."""
    pid = os.getppid()
    arguments = arguments_of(pid)
    if "run" not in arguments or not {"spacy", "weasel"} & {Path(argument).name for argument in arguments}:
        pid = os.getpid()
        arguments = arguments_of(pid)
    now = datetime.now().astimezone().isoformat(" ", "seconds")
    return Run(pid, start_of(pid), shlex.join(arguments), now, os.getpid())


def _read(path: Path) -> Run | None:
    """Return who took the folder last; None if the file is missing, or was cut off by a kill."""
    try:
        return Run(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _busy(folder: Path, run: Run | None) -> BusyError:
    # A workflow may have been stopped while its command goes on.
    pids = dict.fromkeys(pid for pid in (run.pid, run.worker) if start_of(pid)) if run else {}
    who = f"process {' and '.join(map(str, pids))}" if pids else "another process"
    about = f" (since {run.since}: {run.command})" if run and pids else ""
    return BusyError(
        f"{folder.resolve()}: {who}{about} is at work here. Wait for it to end, or stop it, and run this again"
    )
