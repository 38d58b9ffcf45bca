"""The table of `benchmark peers`: rows that are measured once, and how they are shown."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from scripts.distill.core.files import write_json

from .peers import ACCURACY, OTHER, Row


def measure_rows(jobs: Mapping[str, tuple[str, Callable[[], Mapping[str, Row]]]], output: Path) -> dict[str, Row]:
    """Do jobs, one after the other, and write the rows of each when it is done. What is done already is left out.

    jobs (Mapping[str, tuple[str, Callable]]): Name → the hash of all that decides the rows, and what measures them. If
        it raises an OSError or a ValueError, there is one row with its message under "why_not", and the next job comes.
        Such a job is tried again the next time.
    output (Path): The JSON file with the rows.
    RETURNS (dict[str, Row]): Name → row.
    """
    before = json.loads(output.read_text(encoding="utf-8")) if output.exists() else {}
    rows: dict[str, Row] = {}
    for name, (key, measure) in jobs.items():
        done = {row: found for row, found in before.items() if (found["job"], found["key"]) == (name, key)}
        if not done or any("why_not" in row for row in done.values()):
            try:
                done = dict(measure())
            except (OSError, ValueError) as err:
                done = {name: {"why_not": str(err)}}
        rows |= {row: {**found, "job": name, "key": key} for row, found in done.items()}
        # What is in the file and not measured again stays: an interruption loses nothing.
        before = {row: found for row, found in before.items() if found["job"] != name} | rows
        write_json(output, before)
    return rows


TABLE_HEADER = (
    "system", "accuracy", "elsewhere", "docs/s", "start-up s", "peak MB", "MB installed", "MB model", "training s",
)  # fmt: skip
# Column → factor and digits.
_COLUMNS = {
    ACCURACY: (100.0, 1), OTHER: (100.0, 1), "docs_per_second": (1.0, 0), "startup_s": (1.0, 2),
    "peak_rss_bytes": (1e-6, 0), "environment_bytes": (1e-6, 0), "size_bytes": (1e-6, 1), "training_s": (1.0, 0),
}  # fmt: skip


def table_rows(rows: Mapping[str, Row]) -> list[tuple[str, ...]]:
    """Return the rows of a table, the most accurate system first; of what did not run, the last line of the reason."""
    done = sorted((name for name in rows if "why_not" not in rows[name]), key=lambda name: -(rows[name][ACCURACY] or 0))
    table = [(name, *(_format(rows[name].get(column), *how) for column, how in _COLUMNS.items())) for name in done]
    return table + [
        (name, f"did not run: {row['why_not'].strip().splitlines()[-1][:100]}", *[""] * (len(_COLUMNS) - 1))
        for name, row in rows.items() if "why_not" in row
    ]  # fmt: skip


def _format(value: float | None, factor: float, digits: int) -> str:
    return "–" if value is None else f"{value * factor:,.{digits}f}"
