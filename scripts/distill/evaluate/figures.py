"""The drawings of an evaluation's page: pure functions from numbers to SVG that takes its colours from the page."""

import re
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .comparison import BASELINE, STUDENT, TEACHER, TFIDF

# The page's colours by name → what stands for them while matplotlib draws.
COLOURS = {"ink": "#010101", "grid": "#020202", STUDENT: "#030303", TEACHER: "#040404", TFIDF: "#050505",
           BASELINE: "#060606"}  # fmt: skip
NAMES = {STUDENT: "student", TEACHER: "teacher", TFIDF: "TF-IDF", BASELINE: "baseline"}
# Text stays text, and is no formula. No path of this machine and no date goes into the drawing.
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none", "text.parse_math": False, "font.size": 10, "axes.spines.top": False,
    "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True, "legend.frameon": False,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), COLOURS["ink"]),
    "grid.color": COLOURS["grid"],
}  # fmt: skip
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
# Inches: so narrow that letters are large enough on a phone.
WIDTH = 4.4


def draw(name: str, height: float, paint: Callable[[Axes], None]) -> str:
    """Return a drawing as an SVG element.

    name (str): Begins all ids of the drawing, so that those of several drawings on a page differ.
    height (float): In inches.
    paint (Callable[[Axes], None]): Draws.
    """
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        paint(figure.subplots())
        file = StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata=NO_METADATA)
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    for colour, code in COLOURS.items():
        svg = svg.replace(code, f"var(--{colour})")
    # Its own size: the page decides how wide it is.
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    return re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{name}-", svg)


def _errors(rows: Sequence[Mapping[str, Any]]) -> list[list[float]]:
    """Return how far the limits of intervals are from the accuracies, in points: below, and above."""
    shares = [(row["accuracy"], *row["ci95"]) for row in rows]
    return [[100 * (share - low) for share, low, _ in shares], [100 * (high - share) for share, _, high in shares]]


def draw_gaps(gaps: Mapping[str, Mapping[str, Any]]) -> str:
    """Draw how far the student is above or under the other systems.

    gaps (Mapping[str, Mapping[str, Any]]): System → see `metrics.compare`.
    """

    def paint(axes: Axes) -> None:
        for y, (name, gap) in enumerate(gaps.items()):
            low, high = (-100 * limit for limit in reversed(gap["ci95"]))
            axes.plot([low, high], [y, y], color=COLOURS[name], linewidth=3, solid_capstyle="butt")
            axes.plot(-100 * gap["gap"], y, "o", color=COLOURS[name], markersize=8)
        axes.axvline(0, color=COLOURS["ink"], linewidth=1)
        axes.set(yticks=range(len(gaps)), yticklabels=[f"against {NAMES[name]}" for name in gaps],
                 ylim=(len(gaps) - 0.5, -0.5), xlabel="student above (+) or under (−), in points")  # fmt: skip
        axes.grid(axis="y", visible=False)

    return draw("gaps", 1.0 + 0.35 * len(gaps), paint)


def draw_languages(languages: Mapping[str, Mapping[str, Any]]) -> str:
    """Draw the accuracy of student and teacher in each language, and that of TF-IDF.

    languages (Mapping[str, Mapping[str, Any]]): Language → a comparison, see `comparison.evaluate`.
    """

    def paint(axes: Axes) -> None:
        systems = {name: {lang: row["systems"][name] for lang, row in languages.items()} for name in NAMES}
        shown = [name for name in (TEACHER, STUDENT) if None not in systems[name].values()]
        thick = 0.8 / len(shown)
        for number, name in enumerate(shown):
            rows = [{"accuracy": row["accuracy"], "ci95": row["accuracy_ci95"]} for row in systems[name].values()]
            y = [index + (number - (len(shown) - 1) / 2) * thick for index in range(len(rows))]
            axes.barh(y, [100 * row["accuracy"] for row in rows], thick, xerr=_errors(rows), color=COLOURS[name],
                      alpha=0.75, ecolor=COLOURS["ink"], label=NAMES[name])  # fmt: skip
        tfidf = [100 * row["accuracy"] for row in systems[TFIDF].values()]
        axes.plot(tfidf, range(len(tfidf)), "D", color=COLOURS[TFIDF], markersize=6, label=NAMES[TFIDF])
        axes.set(yticks=range(len(languages)), yticklabels=list(languages), ylim=(len(languages) - 0.5, -0.5),
                 xlim=(0, 100), xlabel="right answers, in %")  # fmt: skip
        axes.grid(axis="y", visible=False)
        _put_legend_above(axes)

    return draw("languages", 1.2 + 0.5 * len(languages), paint)


def draw_reliability(bins: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Draw how often the student is right, by its confidence, before and after its calibration.

    bins (Mapping[str, Sequence[Mapping[str, Any]]]): "before" and "after" → see `metrics.reliability`.
    """

    def paint(axes: Axes) -> None:
        axes.plot([0, 100], [0, 100], color=COLOURS["ink"], linewidth=1, linestyle=":", label="as it should be")
        for name, colour in (("before", COLOURS[TFIDF]), ("after", COLOURS[STUDENT])):
            x, y = ([100 * row[key] for row in bins[name]] for key in ("confidence", "accuracy"))
            axes.errorbar(x, y, yerr=_errors(bins[name]), color=colour, marker="o", markersize=5, elinewidth=0.8,
                          label=f"{name} calibration")  # fmt: skip
        lowest = min(100 * row["confidence"] for rows in bins.values() for row in rows)
        axes.set(xlim=(max(0, lowest - 5), 101), ylim=(0, 101), xlabel="probability of the answer, in %",
                 ylabel="right answers, in %")  # fmt: skip
        _put_legend_above(axes, columns=2)

    return draw("reliability", 3.6, paint)


def draw_coverage(
    curve: Sequence[Mapping[str, Any]], deployed: Mapping[str, Any] | None, teacher: float | None, target: float
) -> str:
    """Draw how often the student is right if it answers its surest texts alone.

    curve (Sequence[Mapping[str, Any]]): See `metrics.coverage_curve`.
    deployed (Mapping[str, Any] | None): What the threshold to deploy does: "coverage", and "answered", see
        `metrics.share`. None if there is no threshold, or no text above it.
    teacher (float | None): The teacher's accuracy on all texts.
    target (float): What the threshold promises.
    """

    def paint(axes: Axes) -> None:
        x = [100 * row["coverage"] for row in curve]
        low, high = ([100 * row["ci95"][side] for row in curve] for side in (0, 1))
        axes.fill_between(x, low, high, color=COLOURS[STUDENT], alpha=0.2, linewidth=0)
        axes.plot(x, [100 * row["accuracy"] for row in curve], color=COLOURS[STUDENT], linewidth=2, label="student")
        axes.axhline(100 * target, color=COLOURS["ink"], linewidth=1, linestyle=":", label=f"{target:.0%} right")
        if teacher is not None:
            axes.axhline(100 * teacher, color=COLOURS[TEACHER], linewidth=1.5, label="teacher, all texts")
        if deployed:
            point = deployed["answered"]
            axes.errorbar(100 * deployed["coverage"], 100 * point["accuracy"], yerr=_errors([point]), marker="D",
                          color=COLOURS["ink"], markersize=8, linestyle="none", label="the threshold")  # fmt: skip
        axes.set(xlim=(0, 101), ylim=(max(0, min(low) - 5), 101), xlabel="texts that the student answers, in %",
                 ylabel="right answers, in %")  # fmt: skip
        _put_legend_above(axes, columns=2)

    return draw("coverage", 3.6, paint)


def draw_slices(slices: Sequence[Mapping[str, Any]], overall: float) -> str:
    """Draw the student's accuracy on each slice, with its interval.

    slices (Sequence[Mapping[str, Any]]): See `slices.score_slices`.
    overall (float): The student's accuracy on all texts.
    """

    def paint(axes: Axes) -> None:
        rows = [row[STUDENT] for row in slices]
        y = range(len(rows))
        axes.axvline(100 * overall, color=COLOURS["ink"], linewidth=1, linestyle=":", label="all texts")
        axes.errorbar([100 * row["accuracy"] for row in rows], y, xerr=_errors(rows), marker="o", markersize=6,
                      color=COLOURS[STUDENT], linestyle="none", label="student")  # fmt: skip
        if all(TEACHER in row for row in slices):
            axes.plot([100 * row[TEACHER]["accuracy"] for row in slices], y, "|", color=COLOURS[TEACHER],
                      markersize=11, markeredgewidth=2.5, label="teacher")  # fmt: skip
        axes.set(yticks=y, yticklabels=[row["name"] for row in slices], ylim=(len(rows) - 0.5, -0.5),
                 xlabel="right answers, in %")  # fmt: skip
        axes.grid(axis="y", visible=False)
        _put_legend_above(axes)

    return draw("slices", 1.2 + 0.28 * len(slices), paint)


def _put_legend_above(axes: Axes, columns: int = 3) -> None:
    # Of the figure, not of the axes, which long names make narrow.
    axes.figure.legend(loc="outside upper center", ncols=columns, columnspacing=1.2, handlelength=1.6)
