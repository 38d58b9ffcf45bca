"""Run tables of experiments, and print them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import typer
from wasabi import msg

from scripts.distill.core.lock import hold_folder
from scripts.distill.core.messages import stopping_with
from scripts.distill.core.progress import track
from scripts.distill.score import CACHE_PATH

if TYPE_CHECKING:
    from scripts.lab.results import Cell, Place

app = typer.Typer(help=__doc__)
TABLE = typer.Argument(..., help="The table, such as configs/experiments/imdb.cfg", exists=True, dir_okay=False)
CACHE = typer.Option(CACHE_PATH, help="The file with all scores")
HOME = typer.Option("experiments", help="Where corpora and cells are kept")


@app.command()
def run(
    path: Path = TABLE,
    home: Path = HOME,
    cache: Path = CACHE,
    processes: int = typer.Option(1, help="Cells trained at a time; with one thread each if it is more than 1", min=1),
) -> None:
    """Train each cell of a table that has no result yet, score it on dev, and print the table.

    A cell's corpora are made just before it is trained, so the first results come early.

    In: a table. Out: corpora, models and results of its cells.

    Example: python -m scripts.lab.experiments run configs/experiments/imdb.cfg
    """
    from scripts.lab.tables import find_places, load_experiment

    with stopping_with("Can't run the experiments"):
        cells = load_experiment(path)
        places = find_places(cells, home)
        with hold_folder(home):
            failures = _train(cells, places, cache, processes)
    _print(cells, places)
    for failure in failures:
        msg.fail("A cell has failed", failure)
    if failures:
        raise typer.Exit(1)


def _train(cells: Sequence["Cell"], places: Sequence["Place"], cache: Path, processes: int) -> list[str]:
    """Train cells, and return what is wrong with those that failed."""
    from scripts.lab.results import read_result
    from scripts.lab.tables import make_corpora, run_cell

    # Cells share corpora and scores.
    making = Lock()

    def train(cell: "Cell", place: "Place") -> str | None:
        try:
            if read_result(place.folder) is None:
                with making:
                    make_corpora(cell, place, cache)
            run_cell(cell, place, one_thread=processes > 1)
        except (OSError, ValueError) as err:
            return f"{cell.name}: {err}"
        return None

    with ThreadPoolExecutor(processes) as pool:
        failures = list(track(pool.map(train, cells, places), "training", len(cells), "cells"))
    return [failure for failure in failures if failure]


@app.command()
def test(path: Path = TABLE, home: Path = HOME, cache: Path = CACHE) -> None:
    """Score the trained cells of a table on the test texts and print it: once, for final settings.

    In: a table whose cells are trained. Out: their results on test.

    Example: python -m scripts.lab.experiments test configs/experiments/imdb.cfg
    """
    from scripts.lab.results import TEST, add_test, check_trained
    from scripts.lab.tables import ask_teacher, find_places, load_experiment

    with stopping_with("Can't score the cells"):
        cells = load_experiment(path)
        places = find_places(cells, home)
        check_trained(places)
        with hold_folder(home):
            for cell, place in zip(cells, places, strict=True):
                ask_teacher(cell, place, cache, TEST)
                add_test(cell, place)
    _print(cells, places, TEST)


@app.command()
def show(path: Path = TABLE, home: Path = HOME) -> None:
    """Print a table as far as it has results on dev.

    In: a table. Out: nothing but what is printed.

    Example: python -m scripts.lab.experiments show configs/experiments/imdb.cfg
    """
    from scripts.lab.tables import find_places, load_experiment

    with stopping_with("Can't read the experiments"):
        cells = load_experiment(path)
        _print(cells, find_places(cells, home))


@app.command()
def compare(
    path: Path = TABLE, home: Path = HOME, split: str = typer.Option("dev", help="dev, or test once it is scored")
) -> None:
    """Compare the rows of a table with each other on the same texts: paired bootstrap and McNemar's test.

    In: a table, as far as its cells are trained. Out: nothing but what is printed.

    Example: python -m scripts.lab.experiments compare configs/experiments/controls.cfg
    """
    from scripts.lab.pairs import compare_rows, pairs_table, predict_rows, spread_table
    from scripts.lab.tables import find_places, load_experiment

    with stopping_with("Can't compare the cells"):
        cells = load_experiment(path)
        for name, (rows, gold) in predict_rows(cells, find_places(cells, home), split).items():
            msg.divider(name)
            for header, *table in (spread_table(rows, gold), pairs_table(compare_rows(rows, gold))):
                msg.table(table, header=header, divider=True)


def _print(cells: "Sequence[Cell]", places: "Sequence[Place]", split: str = "dev") -> None:
    from scripts.lab.results import read_result, table

    header, *rows = table(cells, [read_result(place.folder) for place in places], split)
    msg.table(rows, header=header, divider=True, aligns=("l", *"r" * (len(header) - 1)))


if __name__ == "__main__":
    app()
