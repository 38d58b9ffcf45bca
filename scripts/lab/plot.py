"""Draw what benchmarks and experiments measured."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from wasabi import msg

from scripts.distill.core.messages import stopping_with

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

app = typer.Typer(help=__doc__)
# System in the measurements → its name in the drawing; others keep their name.
NAMES = {"tfidf_logreg": "TF-IDF + LR", "bow": "spaCy's bag of words", "tfidf": "TF-IDF + LR", "texts": "student"}
HIGHLIGHTED = "student"
RED, BLUE, YELLOW = "#d1495b", "#30638e", "#edae49"
COLORS = {HIGHLIGHTED: RED, "teacher": BLUE, "TF-IDF + LR": YELLOW}
OUTPUT = typer.Argument(..., help="SVG file to write")


class Amount(StrEnum):
    """What columns of a table differ by."""

    GOLD = "gold"
    UNLABELLED = "unlabelled"
    AUGMENTED = "augmented"


@app.command()
def frontier(
    measured: Path = typer.Argument(..., help="What `benchmark student` wrote", exists=True, dir_okay=False),
    output: Path = OUTPUT,
) -> None:
    """Draw each system as a point: docs/s on one core (logarithmic) and accuracy on the test texts.

    In: what `benchmark student` wrote. Out: a drawing.

    Example: python -m scripts.lab.plot frontier metrics/benchmark_student.json docs/frontier.svg
    """
    result = json.loads(measured.read_text(encoding="utf-8"))
    figure, axes = _start()
    for name, system in result["systems"].items():
        if system["accuracy"] is None or system["docs_per_second"] is None:
            continue
        x, y = system["docs_per_second"], 100 * system["accuracy"]
        axes.scatter(x, y, s=70, color=RED if name == HIGHLIGHTED else BLUE, zorder=3)
        axes.annotate(NAMES.get(name, name), (x, y), xytext=(0, 8), textcoords="offset points", ha="center")
    axes.axvline(result["tokenizer_docs_per_second"], color="grey", linestyle=":", label="spaCy's tokenizer alone")
    axes.legend(loc="lower left")
    axes.set(xscale="log", xlabel="docs/s on one core", ylabel=f"accuracy on {result['n']} {result['split']} texts, %")
    axes.margins(x=0.2, y=0.2)
    _write(figure, output)


@app.command()
def memory(
    measured: Path = typer.Argument(..., help="What `benchmark memory` wrote", exists=True, dir_okay=False),
    output: Path = OUTPUT,
) -> None:
    """Draw the memory of a process against the number of texts that it has read.

    In: what `benchmark memory` wrote. Out: a drawing.

    Example: python -m scripts.lab.plot memory metrics/benchmark_memory.json docs/memory.svg
    """
    result = json.loads(measured.read_text(encoding="utf-8"))
    figure, axes = _start()
    for (way, noted), color in zip(result["bytes"].items(), (RED, BLUE), strict=True):
        axes.plot([read / 1000 for read in result["texts"]], [size / 1e6 for size in noted], color=color, label=way)
    axes.legend(loc="upper left")
    axes.set(xlabel="thousand texts read", ylabel="memory of the process, MB")
    axes.set_ylim(bottom=0)
    _write(figure, output)


@app.command()
def curve(
    path: Path = typer.Argument(..., help="The table, whose columns differ by an amount", exists=True, dir_okay=False),
    output: Path = OUTPUT,
    x: Amount = typer.Option(..., help="The texts that the columns differ by"),
    home: Path = typer.Option("experiments", help="Where corpora and cells are kept"),
) -> None:
    """Draw the accuracy on dev of each row of a table of experiments, and of the teacher, against an amount of texts.

    In: a table, as far as its cells are trained. Out: a drawing.

    Example: python -m scripts.lab.plot curve configs/experiments/curve_gold.cfg docs/curve_gold.svg --x gold
    """
    from scripts.lab.curves import read_curves
    from scripts.lab.tables import find_places, load_experiment

    with stopping_with("Can't draw the curve"):
        cells = load_experiment(path)
        curves = read_curves(cells, find_places(cells, home), x.value)
    amounts = sorted({point.amount for points in curves.values() for point in points})
    figure, axes = _start()
    for name, points in curves.items():
        label = NAMES.get(name, name)
        at = [amounts.index(point.amount) for point in points]
        values = [100 * point.accuracy for point in points]
        ends = [[100 * abs(point.accuracy - limit) for point, limit in zip(points, limits, strict=True)]
                for limits in zip(*(point.ci95 for point in points), strict=True)]  # fmt: skip
        axes.errorbar(at, values, yerr=ends, color=COLORS.get(label), marker="o", capsize=3, label=label)
    axes.legend(loc="best")
    axes.set(xlabel=f"{x.value} texts", ylabel="accuracy on the dev texts, %")
    axes.set_xticks(range(len(amounts)), [f"{amount:,}" for amount in amounts])
    _write(figure, output)


def _start() -> "tuple[Figure, Axes]":
    from matplotlib import pyplot

    pyplot.rcParams.update({"svg.hashsalt": "fixed", "svg.fonttype": "none", "font.family": "sans-serif"})
    found: Any = pyplot.subplots(figsize=(7, 3.6), layout="constrained")
    return found


def _write(figure: "Figure", output: Path) -> None:
    for axes in figure.axes:
        axes.grid(alpha=0.3)
    figure.savefig(output, metadata={"Date": None})
    msg.good(f"Wrote {output}")


if __name__ == "__main__":
    app()
