"""Load one system and let it read texts, in a process of its own: what `system_speed.py` times.

Stock pipelines run this file where there is spaCy alone, so it imports nothing of a system's before that is loaded; and
what a system imports is part of its start-up.
"""

import json
import re
import resource
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# Reads texts.
Run = Callable[[Sequence[str]], object]


def load_tokenizer(job: dict[str, Any]) -> Run:
    """Load a pipeline and return its tokenizer alone: the limit of any spaCy pipeline."""
    import spacy

    tokenizer: Any = spacy.load(job["folder"]).tokenizer
    return lambda texts: deque(tokenizer.pipe(texts), maxlen=0)


def load_pipeline(job: dict[str, Any]) -> Run:
    """Load a spaCy pipeline that needs no code of ours."""
    import spacy

    nlp = spacy.load(job["folder"])
    return lambda texts: deque(nlp.pipe(texts), maxlen=0)


def load_transformer(job: dict[str, Any]) -> Run:
    """Load a spaCy pipeline, which may be the teacher trained here."""
    from scripts.distill.teacher import pooling as _architectures  # noqa: F401

    return load_pipeline(job)


def load_hugging_face(job: dict[str, Any]) -> Run:
    """Load a teacher from Hugging Face as scoring does, which also takes the hash of its files."""
    from scripts.distill.score.settings import load_score_settings
    from scripts.distill.teacher.hugging_face import HuggingFaceTeacher

    settings = load_score_settings(Path(job["settings"])).hugging_face
    return HuggingFaceTeacher(job["folder"], job["labels"], settings).predict


def load_control(job: dict[str, Any]) -> Run:
    """Load the control."""
    from scripts.distill.evaluate.tfidf import read_tfidf

    return read_tfidf(Path(job["folder"])).predict


LOADERS: dict[str, Callable[[dict[str, Any]], Run]] = {
    "tokenizer": load_tokenizer, "pipeline": load_pipeline, "transformer": load_transformer,
    "hugging_face": load_hugging_face, "control": load_control,
}  # fmt: skip


def peak_memory() -> int:
    """Return this process's peak memory in bytes.

    On Linux not as `getrusage` says: there it is never less than that of the process that started this one.
    """
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text()) if status.exists() else None
    if found:
        return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(job: dict[str, Any]) -> dict[str, float]:
    """Load a system, let it read texts to warm up, and time it on others, once: it has not seen them before.

    job (dict): "kind": a loader; "folder"; "warm_up" and "texts": lists of texts; and what the loader needs.
    RETURNS (dict[str, float]): "startup_s", "docs_per_second", "peak_rss_bytes".
    """
    start = time.perf_counter()
    run = LOADERS[job["kind"]](job)
    startup = time.perf_counter() - start
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    run(job["warm_up"])
    start = time.perf_counter()
    run(job["texts"])
    rate = len(job["texts"]) / (time.perf_counter() - start)
    return {"startup_s": startup, "docs_per_second": rate, "peak_rss_bytes": peak_memory()}


if __name__ == "__main__":
    sys.stdout.write(f"\n{json.dumps(main(json.load(sys.stdin)))}\n")
