"""Commands that are killed at random moments, or run twice at once: the end is that of an undisturbed run.

DISTILL_KILLS=100 kills each command a hundred times.
"""

import itertools
import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.workflow.stages import PARAMETERS, STAGES, Project, names, project, read, remove, start, write_data

__all__ = ["project"]  # a fixture
pytestmark = pytest.mark.long

KILLS = int(os.environ.get("DISTILL_KILLS", "1"))
# Kills that may come too late, one after the other, before the test fails.
MISSES = 5


# `verify` takes too long.
@pytest.mark.parametrize("name", [parameter for parameter in PARAMETERS if parameter.values != ("verify",)])
def test_kills_at_any_moment_change_nothing(project: Project, name: str) -> None:
    """Half of the kills come at any time, half when a file is about to be changed. At least one meets it at work."""
    rng = random.Random(name)
    undisturbed, stage, folder = project.finish(name), STAGES[name], project.folder
    there, hits = names(folder), 0
    for number in itertools.count():
        # Half of the kills meet outputs of an earlier run.
        if fresh := rng.random() < 0.5:
            remove(folder, undisturbed.names)
        if at_change := rng.random() < 0.5:
            running = start(folder, stage.again, last=rng.randint(1, undisturbed.changes))
        else:
            running = start(folder, stage.again)
            time.sleep(undisturbed.seconds * rng.random())
            running.kill()
        code, _ = running.end()
        hits += code == -signal.SIGKILL
        if fresh and at_change:  # as often as the undisturbed run, it changes files
            assert code == -signal.SIGKILL, f"{name}, kill {number}: the kill came too late"
        start(folder, stage.command).finish()
        about = f"{name}, kill {number}: {fresh=} {at_change=}"
        assert read(folder, stage.made) == undisturbed.made, about
        assert names(folder) == there, about
        if number + 1 >= KILLS and hits:
            break
        assert number < KILLS + MISSES, f"{name}: none of {number + 1} kills met it at work"
    print(f"{name}: {hits} of {number + 1} kills met it at work")  # noqa: T201  # pytest -rP shows it


def test_two_prepares_at_once_do_not_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    folder = tmp_path / "project"
    write_data(folder / "data")
    write_data(folder / "other", word="Zeg: ")
    for _ in range(KILLS):
        both = [start(folder, f"scripts.prepare {data} corpus --lang nl") for data in ("data", "other")]
        ended = [running.end() for running in both]
        assert 0 in [code for code, _ in ended]
        for code, output in ended:
            assert code == 0 or "is at work here" in " ".join(output.split())
        made = json.loads((folder / "corpus/prepare.json").read_text())
        rows = [json.loads(line)["text"] for line in (folder / "corpus/unlabelled.jsonl").open(encoding="utf-8")]
        assert {text.startswith("Zeg: ") for text in rows} == {made["data"] == "other"}
        assert not list((folder / "corpus").glob(".*"))
