"""Whatever runs begin, end or are killed: no two of them work in one folder, and no dead one keeps another out."""

import multiprocessing
import os
import shutil
import signal
import tempfile
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from scripts.distill.core import lock as lock_module
from scripts.distill.core.lock import HOLDER, LOCK, NESTED, BusyError, hold_folder

FORKS = multiprocessing.get_context("fork")
HELD, LEFT = "held", "left"
RUNS = st.integers(0, 2)


def obey(folder: Path, orders: Connection) -> None:
    """Take the folder, leave it or end, as a test says; answer what came of it."""
    lock_module.PATIENCE = 0
    os.environ.pop(NESTED, None)
    held = ExitStack()
    while (order := orders.recv()) != "end":
        try:
            held.enter_context(hold_folder(folder)) if order == "hold" else held.close()
            orders.send(HELD if order == "hold" else LEFT)
        except BusyError as err:
            orders.send(str(err))
    held.close()


class Run:
    """A process that works for a test."""

    def __init__(self, folder: Path) -> None:
        self._orders, orders = FORKS.Pipe()
        self._process = FORKS.Process(target=obey, args=(folder, orders), daemon=True)
        self._process.start()
        self.pid = self._process.pid or 0

    def tell(self, order: str) -> None:
        self._orders.send(order)

    def answer(self) -> str:
        return str(self._orders.recv())

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self._process.join()

    def end(self) -> None:
        self.tell("end")
        self._process.join()


class Runs(RuleBasedStateMachine):
    """Three runs and a folder.

    A run that has taken the folder owns it until its process ends, as a workflow does between its commands.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runs: dict[int, Run] = {}
        self.owner: int | None = None
        self.inside = False  # the owner is at work

    def run(self, number: int) -> Run:
        if number not in self.runs:
            self.runs[number] = Run(self.folder)
        return self.runs[number]

    def forget(self, number: int) -> None:
        del self.runs[number]
        if self.owner == number:
            self.owner, self.inside = None, False

    @rule(number=RUNS)
    def hold(self, number: int) -> None:
        if self.owner == number and self.inside:
            return
        run = self.run(number)
        run.tell("hold")
        said = run.answer()
        if self.owner in (None, number):
            assert said == HELD
            self.owner, self.inside = number, True
        else:
            assert f"process {self.runs[self.owner].pid} " in said

    @rule()
    def hold_all_at_once(self) -> None:
        asked = [number for number in range(3) if not (self.owner == number and self.inside)]
        for run in [self.run(number) for number in asked]:
            run.tell("hold")
        held = [number for number in asked if self.runs[number].answer() == HELD]
        if self.owner is None:
            assert len(held) == 1
        else:  # between two commands, it may have met another that was looking who is there
            assert held in ([], [self.owner])
        if held:
            self.owner, self.inside = held[0], True

    @rule(number=RUNS)
    def leave(self, number: int) -> None:
        if self.owner == number and self.inside:
            self.runs[number].tell("leave")
            assert self.runs[number].answer() == LEFT
            self.inside = False

    @rule(number=RUNS, killed=st.booleans())
    def end(self, number: int, killed: bool) -> None:
        run = self.run(number)
        run.kill() if killed else run.end()
        self.forget(number)

    @rule(number=RUNS)
    def kill_while_it_takes_the_folder(self, number: int) -> None:
        run = self.run(number)
        run.tell("hold")
        run.kill()
        self.forget(number)

    def teardown(self) -> None:
        for number in list(self.runs):
            self.end(number, killed=True)
        self.hold(0)
        assert {path.name for path in self.folder.iterdir()} <= {LOCK, HOLDER}
        self.end(0, killed=False)
        shutil.rmtree(self.folder)


TestLockOfAnyRuns = Runs.TestCase
TestLockOfAnyRuns.settings = settings(
    max_examples=25, stateful_step_count=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
