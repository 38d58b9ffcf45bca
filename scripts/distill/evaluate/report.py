"""The page that tells people what an evaluation found: metrics/evaluation.json → HTML, and nothing else."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from . import figures
from .comparison import BASELINE, OVERALL, STUDENT, TEACHER, TFIDF, better_controls, describe_few
from .verdict import NAMES, TARGET, describe_interval, percent, points, why_no_threshold

TEMPLATE = Path(__file__).with_name("report.html.jinja")
# What the page does if it may: it filters texts, and unfolds all on paper.
SCRIPT = """
const box = document.querySelector("#search"), found = document.querySelector("#found");
box.parentElement.hidden = false;
box.addEventListener("input", () => {
  const cards = [...document.querySelectorAll(".card")], wanted = box.value.toLowerCase();
  for (const card of cards) card.hidden = !card.textContent.toLowerCase().includes(wanted);
  document.querySelectorAll("details:has(.card)").forEach(part => part.open = true);
  found.textContent = `${cards.filter(card => !card.hidden).length} of ${cards.length} texts`;
});
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(part => part.open = true));
"""
# With more labels than these, the most frequent confusions stand in for a matrix.
MOST_LABELS, MOST_CONFUSIONS = 15, 20
# Control characters but tab and line break, and lone surrogates, which UTF-8 has no bytes for.
UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def render(result: Mapping[str, Any]) -> str:
    """Return the page of an evaluation: one file, which loads nothing from elsewhere.

    result (Mapping[str, Any]): The contents of metrics/evaluation.json, see `evaluate_corpus`. Its texts and labels may
        be anything; the page shows them as text.
    RETURNS (str): HTML.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=show_unseen
    )
    environment.filters |= {
        "percent": percent, "points": points, "interval": describe_interval, "number": "{:,}".format,
        "range": describe_range,
    }  # fmt: skip
    script_hash = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        **result,
        few=describe_few(result[OVERALL], result["split"]),
        pointless=[NAMES[control] for control in better_controls(result[OVERALL])],
        no_threshold=why_no_threshold(result),
        target=TARGET,
        order=[name for name in (STUDENT, TEACHER, TFIDF, BASELINE) if result[OVERALL]["systems"][name]],
        names=NAMES | {STUDENT: "the student"},
        confusions=list_confusions(result["confusion"][STUDENT], result["labels"]),
        most_labels=MOST_LABELS,
        drawings=draw_all(result),
        script=Markup(SCRIPT),  # noqa: S704  # our own
        script_hash=script_hash,
    )


def show_unseen(value: Any) -> Any:
    """Return a value as the page shows it: control characters as pictures, or as the replacement character U+FFFD.

    value (Any): What stands in the template. Only plain texts are changed.
    """
    if type(value) is not str:
        return value
    return UNSEEN.sub(lambda found: chr(0x2400 + ord(found[0])) if found[0] < " " else "\ufffd", value)


def describe_range(limits: Sequence[float]) -> str:
    """Return an interval of shares as text, such as "67.1–78.1 %"."""
    return f"{100 * limits[0]:.1f}–{100 * limits[1]:.1f} %"


def list_confusions(confusion: Sequence[Sequence[int]], labels: Sequence[str]) -> list[tuple[str, str, int]]:
    """Return the most frequent errors of a system, the most frequent one first.

    confusion (Sequence[Sequence[int]]): Gold label → said label → texts.
    labels (Sequence[str]): The labels, in the order of rows and columns.
    RETURNS (list[tuple[str, str, int]]): Gold label, said label and texts; twenty at most.
    """
    errors = [
        (labels[gold], labels[said], count)
        for gold, row in enumerate(confusion)
        for said, count in enumerate(row)
        if gold != said and count
    ]
    return sorted(errors, key=lambda error: -error[2])[:MOST_CONFUSIONS]


def draw_all(result: Mapping[str, Any]) -> dict[str, Markup]:
    """Return the page's drawings by name.

    result (Mapping[str, Any]): The contents of metrics/evaluation.json.
    """
    teacher, languages = result[OVERALL]["systems"][TEACHER], result["languages"]
    drawn = {
        "gaps": figures.draw_gaps(result["pairs"][STUDENT]),
        "languages": figures.draw_languages(languages | ({"all": result[OVERALL]} if len(languages) > 1 else {})),
        "reliability": figures.draw_reliability(result["reliability"]),
        "coverage": figures.draw_coverage(
            result["coverage"], None if why_no_threshold(result) else result["thresholds"][TARGET],
            teacher and teacher["accuracy"], float(TARGET),
        ),
    }  # fmt: skip
    if slices := result["slices"]:
        drawn["slices"] = figures.draw_slices(slices, result[OVERALL]["systems"][STUDENT]["accuracy"])
    return {name: Markup(svg) for name, svg in drawn.items()}  # noqa: S704  # no text of users is in them
