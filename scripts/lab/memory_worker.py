"""Let a student read very many texts, and note how much memory the process has: what `benchmark memory` starts.

This file runs where there is spaCy alone. It imports nothing else.
"""

import itertools
import json
import os
import random
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

WORDS = 8
# Texts in a memory zone.
ZONE = 1000


def make_texts(words: Sequence[str], count: int) -> Iterator[str]:
    """Yield texts of eight words, the last of which no other text has.

    words (Sequence[str]): What the other words are drawn from.
    count (int): How many texts.
    """
    rng = random.Random(0)
    for number in range(count):
        yield " ".join([*rng.choices(words, k=WORDS - 1), f"word{number}"])


def memory() -> int:
    """Return the memory of this process in bytes, by Linux's /proc."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main(job: dict[str, Any]) -> list[tuple[int, int]]:
    """Load a student as its wheel does, and let it read texts.

    job (dict[str, Any]): "folder": the exported student; "serving": the folder of serving.py, which the wheel's `load`
        calls; "words": see `make_texts`; "texts": how many; "every": how many texts lie between two notes; "zones":
        whether the texts are read in memory zones.
    RETURNS (list[tuple[int, int]]): Texts read, and the memory in bytes then.
    """
    import spacy

    sys.path.append(job["serving"])
    from serving import make_ready  # type: ignore[import-not-found]

    nlp = make_ready(spacy.load(job["folder"]))
    texts = make_texts(job["words"], job["texts"])
    read, notes = 0, [(0, memory())]
    while batch := list(itertools.islice(texts, ZONE)):
        with nlp.memory_zone() if job["zones"] else nullcontext():
            deque(nlp.pipe(batch), maxlen=0)
        read += len(batch)
        if read % job["every"] == 0 or read == job["texts"]:
            notes.append((read, memory()))
    return notes


if __name__ == "__main__":
    sys.stdout.write(f"\n{json.dumps(main(json.load(sys.stdin)))}\n")
