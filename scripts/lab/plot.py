"""Draw what the benchmark of trained systems measured: accuracy against speed."""

import json
from pathlib import Path

import typer
from wasabi import msg

# System in the measurements → its name in the drawing; others keep their name.
NAMES = {"tfidf_logreg": "TF-IDF + LR", "bow": "spaCy's bag of words"}
HIGHLIGHTED = "student"


def main(
    measured: Path = typer.Argument(..., help="What `benchmark student` wrote", exists=True, dir_okay=False),
    output: Path = typer.Argument(..., help="SVG file to write"),
) -> None:
    """Draw each system as a point: docs/s on one core (logarithmic) and accuracy on the test texts.

    In: what `benchmark student` wrote. Out: a drawing.

    Example: python -m scripts.lab.plot metrics/benchmark_student.json docs/frontier.svg
    """
    from matplotlib import pyplot

    result = json.loads(measured.read_text(encoding="utf-8"))
    pyplot.rcParams.update({"svg.hashsalt": "fixed", "svg.fonttype": "none", "font.family": "sans-serif"})
    figure, axes = pyplot.subplots(figsize=(7, 3.6), layout="constrained")
    for name, system in result["systems"].items():
        if system["accuracy"] is None or system["docs_per_second"] is None:
            continue
        x, y = system["docs_per_second"], 100 * system["accuracy"]
        axes.scatter(x, y, s=70, color="#d1495b" if name == HIGHLIGHTED else "#30638e", zorder=3)
        axes.annotate(NAMES.get(name, name), (x, y), xytext=(0, 8), textcoords="offset points", ha="center")
    axes.axvline(result["tokenizer_docs_per_second"], color="grey", linestyle=":", label="spaCy's tokenizer alone")
    axes.legend(loc="lower left")
    axes.set(xscale="log", xlabel="docs/s on one core", ylabel=f"accuracy on {result['n']} {result['split']} texts, %")
    axes.margins(x=0.2, y=0.2)
    axes.grid(alpha=0.3)
    figure.savefig(output, metadata={"Date": None})
    msg.good(f"Wrote {output}")


if __name__ == "__main__":
    typer.run(main)
