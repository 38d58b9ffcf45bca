"""Commands whose disk is full: a message that names the file, the old outputs as they were, and a next run that works.

A limit on the size of files stands for a full disk: a write fails in the middle of a file, with an error of its own.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from typer.testing import CliRunner

from scripts import score
from scripts.distill.score.cache import ScoreCache
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
# How SQLite tells of the limit.
UNWRITTEN = r"disk I/O error\)\. Its disk is full, or broken: free or check it"


@pytest.mark.parametrize("name", PARAMETERS)
def test_full_disk_leaves_the_old_outputs_and_the_next_run_works(project: Project, name: str) -> None:
    stage, expected, folder = STAGES[name], project.finish(name).made, project.folder
    last, there = LAST.intersection(expected), names(folder)
    code, output = start(folder, stage.again, largest=stage.room or max(sizes(folder, stage.made)) // 2).end()
    assert code == 1, output
    said = " ".join(output.split())
    [place] = re.findall(rf"(\S+): can't be written \((?:File too large\)\. Free its disk|{UNWRITTEN})", said)
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
    assert re.search(rf"{CACHE}: can't be written \({UNWRITTEN}", " ".join(output.split()))
    assert "Traceback" not in output
    _, kept, planned = read(folder, [CACHE])[CACHE]
    assert 0 < len(kept) < len(undisturbed.made[CACHE][1])
    assert planned
    start(folder, stage.command).finish()
    assert read(folder, stage.made) == undisturbed.made


def run_on_a_disk_of_its_own(folder: Path, size: str, *commands: str) -> subprocess.CompletedProcess[str]:
    """Run commands of the shell to which the folder `corpus` is an empty disk of that size, which they alone see."""
    (folder / "corpus").mkdir()
    alone = [shutil.which("unshare") or "unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = f"mount -t tmpfs -o size={size} none corpus"
    try:
        subprocess.run([*alone, mount], cwd=folder, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as err:
        pytest.skip(f"no user may mount a disk of its own here: {err}")
    words = [*alone, " && ".join([mount, *commands])]
    return subprocess.run(words, cwd=folder, env=environment(), capture_output=True, text=True)


def test_full_disk_is_named_by_prepare(tmp_path: Path) -> None:
    write_data(tmp_path / "data")
    done = run_on_a_disk_of_its_own(
        tmp_path, "16k", f"exec {sys.executable} -m scripts.prepare data corpus --lang nl"
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    said = " ".join((done.stdout + done.stderr).split())
    assert re.search(r"corpus/\S+: can't be written \(No space left on device\)\. Free its disk", said), said
    assert "Traceback" not in said


def test_full_disk_lets_scores_be_removed_and_the_file_gets_smaller_later(tmp_path: Path) -> None:
    cache = tmp_path / "scores.sqlite"
    with ScoreCache(cache) as scores:
        for fingerprint in ("a", "b"):
            teacher, keys = (
                scores.add_teacher(fingerprint, "one", ["NEG", "POS"]),
                [os.urandom(16) for _ in range(9000)],
            )
            scores.plan("job", [keys])
            scores.commit(teacher, "job", 0, keys, numpy.ones((9000, 2), dtype="float32"))
    size = cache.stat().st_size
    done = run_on_a_disk_of_its_own(
        tmp_path, str(size + 200_000), f"cp {cache.name} corpus",
        f"{sys.executable} -m scripts.score prune a --cache {CACHE}", f"cp {CACHE} {cache.name}",
    )  # fmt: skip
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 0, said
    assert "Removed the scores of 9000 texts" in said
    assert re.search(r"The file keeps its size.* run: python -m scripts\.score prune$", said)
    assert cache.stat().st_size == size
    result = CliRunner().invoke(score.app, ["prune", "--cache", str(cache)])
    assert result.exit_code == 0, result.output
    assert "is as small as it can be" in " ".join(result.output.split())
    assert cache.stat().st_size < 0.6 * size
    with ScoreCache(cache) as scores:
        assert [(teacher.fingerprint, teacher.texts) for teacher in scores.teachers()] == [("b", 9000)]
