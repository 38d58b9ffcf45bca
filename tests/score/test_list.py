"""The command that lists the teachers whose scores are kept."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from scripts.distill.core.files import write_json
from scripts.distill.score.cache import ScoreCache
from scripts.score import app

ONE, TWO = "1" * 64, "2" * 64


def run_list(folder: Path) -> list[list[str]]:
    """Return the words of each line below the header."""
    arguments = ["list", "--cache", str(folder / "scores.sqlite"), "--corpus", str(folder)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    header, _, *rows = [line.split() for line in result.output.splitlines() if line.strip()]
    assert header == ["teacher", "name", "labels", "texts", "texts/s", "last", "used", "current"]
    return rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with ScoreCache(tmp_path / "scores.sqlite") as cache:
        cache.add_teacher(ONE, "one", ["NEG", "POS"])
        cache.add_teacher(TWO, "two", ["A"])
        cache.connection.execute("UPDATE uses SET day = '2020-02-29' WHERE teacher = 1")
        cache.connection.execute("DELETE FROM uses WHERE teacher = 2")
    return tmp_path


@pytest.mark.parametrize(
    ("scored", "current"),
    [
        (None, []),
        ({"teacher_fingerprint": ONE}, [0]),
        ({"teacher_fingerprint": TWO, "member_fingerprints": [TWO]}, [1]),
        ({"teacher_fingerprint": "m" * 64, "member_fingerprints": [ONE, TWO]}, [0, 1]),
        ({"teacher_fingerprint": "3" * 64, "member_fingerprints": ["3" * 64]}, []),
    ],
    ids=["none", "older", "one", "mean", "pruned"],
)
def test_score_list_shows_the_last_use_and_the_current_teacher(
    folder: Path, scored: dict[str, object] | None, current: list[int]
) -> None:
    if scored:
        write_json(folder / "score.json", scored)
    rows = [
        [ONE[:12], "one", "NEG,", "POS", "0", "0", "2020-02-29"],
        [TWO[:12], "two", "A", "0", "0", "not", "known"],
    ]
    for number in current:
        rows[number].append("yes")
    assert run_list(folder) == rows
