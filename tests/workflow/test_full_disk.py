"""Commands whose disk is full: a message that names the file, the old outputs as they were, and a next run that works.

A limit on the size of files stands for a full disk: a write fails in the middle of a file, with an error of its own.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflow.test_kills import STAGES, environment, finish, names, project, read, start

__all__ = ["project"]  # a fixture

# What says that the rest of a command's outputs is complete, and is missing while they are made.
LAST = {"corpus/augment.json"}


@pytest.mark.long
def test_full_disk_leaves_the_old_outputs_and_the_next_run_works(project: Path) -> None:
    for command, made in STAGES.items():
        again = command + (" --force" if "prepare" in command else "")
        finish(start(project, command))
        if "scripts.score" in command:
            continue  # SQLite has files of its own, larger than these outputs: tests/score/test_cache.py fills its disk
        expected, there = read(project, made), names(project)
        last = LAST.intersection(expected)
        process = start(project, again, largest=max(map(len, expected.values())) // 2)
        output, _ = process.communicate()
        assert process.returncode == 1, output
        said = " ".join(output.split())
        assert re.search(r"(corpus|training)\S*: can't be written \(File too large\)\. Free its disk", said), output
        assert "Traceback" not in output
        assert read(project, made) == {name: expected[name] for name in expected if name not in last}, command
        assert names(project) == there - last, command
        finish(start(project, again))
        assert read(project, made) == expected, command


def test_full_disk_is_named_by_prepare(project: Path) -> None:
    """A disk of 16 kB, which only this command sees."""
    (project / "corpus").mkdir()
    alone = [shutil.which("unshare") or "unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = "mount -t tmpfs -o size=16k none corpus"
    try:
        subprocess.run([*alone, mount], cwd=project, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as err:
        pytest.skip(f"no user may mount a disk of its own here: {err}")
    command = f"{mount} && exec {sys.executable} -m scripts.prepare data corpus --lang nl"
    done = subprocess.run([*alone, command], cwd=project, env=environment(), capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    said = " ".join((done.stdout + done.stderr).split())
    assert re.search(r"corpus/\S+: can't be written \(No space left on device\)\. Free its disk", said), said
    assert "Traceback" not in said
