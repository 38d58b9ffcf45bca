"""Commands whose disk is full: a message that names the file, the old outputs as they were, and a next run that works.

A limit on the size of files stands for a full disk: a write fails in the middle of a file, with an error of its own.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflow.stages import (
    CACHE,
    PARAMETERS,
    STAGES,
    Project,
    environment,
    names,
    project,
    read,
    remove,
    sizes,
    start,
    write_data,
)

__all__ = ["project"]  # a fixture
pytestmark = pytest.mark.long

# What says that the rest of a command's outputs is complete, and is missing while they are made.
LAST = {"corpus/augment.json"}


@pytest.mark.parametrize("name", PARAMETERS)
def test_full_disk_leaves_the_old_outputs_and_the_next_run_works(project: Project, name: str) -> None:
    stage, expected, folder = STAGES[name], project.finish(name).made, project.folder
    last, there = LAST.intersection(expected), names(folder)
    code, output = start(folder, stage.again, largest=max(sizes(folder, stage.made)) // 2).end()
    assert code == 1, output
    said = " ".join(output.split())
    [place] = re.findall(r"(\S+): can't be written \((?:File too large|disk I/O error)\)\. Free its disk", said)
    assert Path(place).parts[0] in {Path(made).parts[0] for made in stage.made}
    assert "Traceback" not in output
    kept = {name: content for name, content in expected.items() if name not in last}
    assert read(folder, [name for name in stage.made if name not in last]) == kept
    assert names(folder) == there - last
    start(folder, stage.again).finish()
    assert read(folder, stage.made) == expected
    assert names(folder) == there


def test_full_disk_keeps_what_has_been_scored(project: Project) -> None:
    stage, undisturbed, folder = STAGES["score"], project.finish("score"), project.folder
    remove(folder, undisturbed.names)
    # Room for SQLite's index of what it has written, and for some of the batches.
    code, output = start(folder, stage.command, largest=200_000).end()
    assert code == 1, output
    assert f"{CACHE}: can't be written (disk I/O error). Free its disk" in " ".join(output.split())
    assert "Traceback" not in output
    _, kept, planned = read(folder, [CACHE])[CACHE]
    assert 0 < len(kept) < len(undisturbed.made[CACHE][1])
    assert planned
    start(folder, stage.command).finish()
    assert read(folder, stage.made) == undisturbed.made


def test_full_disk_is_named_by_prepare(tmp_path: Path) -> None:
    """A disk of 16 kB, which only this command sees."""
    write_data(tmp_path / "data")
    (tmp_path / "corpus").mkdir()
    alone = [shutil.which("unshare") or "unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = "mount -t tmpfs -o size=16k none corpus"
    try:
        subprocess.run([*alone, mount], cwd=tmp_path, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as err:
        pytest.skip(f"no user may mount a disk of its own here: {err}")
    command = f"{mount} && exec {sys.executable} -m scripts.prepare data corpus --lang nl"
    done = subprocess.run([*alone, command], cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    said = " ".join((done.stdout + done.stderr).split())
    assert re.search(r"corpus/\S+: can't be written \(No space left on device\)\. Free its disk", said), said
    assert "Traceback" not in said
