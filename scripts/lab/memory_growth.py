"""How the memory of a process grows that reads very many texts with a student."""

import json
from pathlib import Path
from typing import Any

from . import memory_worker
from .system_speed import SERVING, isolated, run_worker

# How often the memory is noted.
NOTES = 20
# Way to read the texts → whether it has memory zones.
WAYS = {"in memory zones": True, "without zones": False}


def measure_memory(student: Path, data: Path, texts: int, python: str) -> dict[str, Any]:
    """Let a student read texts, in a process for each of two ways: within `nlp.memory_zone()`, and without.

    student (Path): The exported student.
    data (Path): A data folder with <lang>/train.jsonl: the texts are made of its words, see `memory_worker.make_texts`.
    texts (int): How many texts, 1 or more.
    python (str): The path of a Python that has spaCy.
    RETURNS (dict[str, Any]): "texts": the numbers of texts after which the memory was noted, the first one 0; "bytes":
        way → the memory of the process then.
    RAISES (ValueError): If a process fails.
    """
    lines = [line for path in sorted(data.glob("*/train.jsonl")) for line in path.open(encoding="utf-8")]
    words = sorted({word for line in lines for word in json.loads(line)["text"].split()})
    # Whole zones lie between two notes.
    every = max(1, texts // NOTES // memory_worker.ZONE) * memory_worker.ZONE
    job = {
        "folder": str(student.resolve()), "serving": str(SERVING), "words": words, "texts": texts,
        "every": every,
    }  # fmt: skip
    command = isolated(python, Path(memory_worker.__file__))
    notes = {
        way: run_worker(command, {**job, "zones": zones}, f"{student} can't be measured by {python}")
        for way, zones in WAYS.items()
    }
    return {
        "texts": [read for read, _ in next(iter(notes.values()))],
        "bytes": {way: [noted for _, noted in found] for way, found in notes.items()},
    }


def table_rows(result: dict[str, Any]) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """Return the rows of a table of what `measure_memory` returned, and the table's header; memory is in MB."""
    rows = [
        (f"{read:,}", *(f"{noted / 1e6:,.0f}" for noted in at))
        for read, *at in zip(result["texts"], *result["bytes"].values(), strict=True)
    ]
    return rows, ("texts", *result["bytes"])
