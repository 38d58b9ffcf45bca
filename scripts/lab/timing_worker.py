"""Load one system and let it read texts, in a process of its own: what `system_speed.py` times.

Stock pipelines run this file where there is spaCy alone, and peers where there is what they need. So it imports what a
system needs only when that system is loaded. What a system imports is part of its start-up.

A loader takes the job, see `main`, and returns a function that reads texts.
"""

import json
import re
import resource
import runpy
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# Reads texts; what it returns is not used.
Run = Callable[[Sequence[str]], object]


def load_tokenizer(job: dict[str, Any]) -> Run:
    """Load a pipeline and return its tokenizer alone, with spaCy's settings: the limit of any spaCy pipeline."""
    import spacy

    tokenizer: Any = spacy.load(job["folder"]).tokenizer
    return lambda texts: deque(tokenizer.pipe(texts), maxlen=0)


def load_served_tokenizer(job: dict[str, Any]) -> Run:
    """Load a pipeline as `load_pipeline` does, and return its tokenizer alone."""
    tokenizer: Any = _load_served(job).tokenizer
    return lambda texts: deque(tokenizer.pipe(texts), maxlen=0)


def load_pipeline(job: dict[str, Any]) -> Run:
    """Load a spaCy pipeline that needs none of the project's code; an exported student as its wheel does."""
    nlp = _load_served(job)
    return lambda texts: deque(nlp.pipe(texts), maxlen=0)


def _load_served(job: dict[str, Any]) -> Any:
    import spacy

    sys.path.append(job["serving"])
    from serving import TOKENIZER_CACHE, make_ready  # type: ignore[import-not-found]

    nlp = spacy.load(job["folder"])
    return make_ready(nlp) if TOKENIZER_CACHE in nlp.meta else nlp


def load_transformer(job: dict[str, Any]) -> Run:
    """Load a spaCy pipeline, which may be the teacher that is trained here."""
    from scripts.distill.teacher import pooling as _architectures  # noqa: F401

    return load_pipeline(job)


def load_hugging_face(job: dict[str, Any]) -> Run:
    """Load a teacher from Hugging Face as scoring does. That takes the hashes of its files, too."""
    from scripts.distill.score.settings import load_score_settings
    from scripts.distill.teacher.hugging_face import HuggingFaceTeacher

    settings = load_score_settings(Path(job["settings"])).hugging_face
    return HuggingFaceTeacher(job["folder"], job["labels"], settings).predict


def load_control(job: dict[str, Any]) -> Run:
    """Load the control: TF-IDF + logistic regression."""
    from scripts.distill.evaluate.tfidf import read_tfidf

    return read_tfidf(Path(job["folder"])).predict


def load_peer(job: dict[str, Any]) -> Run:
    """Load what a file of `recipes` trained."""
    load: Callable[[str], Run] = runpy.run_path(job["recipe"])["load"]
    return load(job["folder"])


# Kind of system → its loader.
LOADERS: dict[str, Callable[[dict[str, Any]], Run]] = {
    "tokenizer": load_tokenizer, "served_tokenizer": load_served_tokenizer, "pipeline": load_pipeline,
    "transformer": load_transformer, "hugging_face": load_hugging_face, "control": load_control, "peer": load_peer,
    "slow_peer": load_peer,
}  # fmt: skip


def peak_memory() -> int:
    """Return this process's peak memory in bytes.

    On Linux it is not what `getrusage` says, which is never less than the memory of the process that started this one.
    """
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text()) if status.exists() else None
    if found:
        return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(job: dict[str, Any]) -> dict[str, float]:
    """Load a system, let it read texts to warm up, and time it once on texts that it has not seen before.

    job (dict[str, Any]): "kind": a key of `LOADERS`; "folder": where the system lies; "serving": the folder of
        serving.py, which a wheel's `load` calls; "warm_up" and "texts": lists of texts; and what else the loader needs.
    RETURNS (dict[str, float]): "startup_s", the seconds of import and loading; "docs_per_second", by processor time;
        "peak_rss_bytes".
    """
    start = time.perf_counter()
    run = LOADERS[job["kind"]](job)
    startup = time.perf_counter() - start
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    run(job["warm_up"])
    # Processor time: other processes may take turns on this core.
    start = time.process_time()
    run(job["texts"])
    rate = len(job["texts"]) / (time.process_time() - start)
    return {"startup_s": startup, "docs_per_second": rate, "peak_rss_bytes": peak_memory()}


if __name__ == "__main__":
    sys.stdout.write(f"\n{json.dumps(main(json.load(sys.stdin)))}\n")
