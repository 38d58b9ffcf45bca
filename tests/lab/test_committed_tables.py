"""The committed tables of experiments."""

from pathlib import Path

import pytest

from scripts.lab.tables import load_experiment

TABLES = sorted(Path("configs/experiments").glob("*.cfg"))
EMBED = "components.textcat.model.tok2vec.embed"


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_experiment_tables_can_be_read(path: Path) -> None:
    cells = load_experiment(path)
    assert len({cell.name for cell in cells}) == len(cells)
    assert all(cell.folder.startswith("../shared/") for cell in cells)


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_experiment_tables_give_each_word_feature_its_rows(path: Path) -> None:
    for cell in load_experiment(path):
        attrs, rows = cell.train.get(f"{EMBED}.attrs", []), cell.train.get(f"{EMBED}.rows", [])
        assert len(attrs) == len(rows), cell.name
