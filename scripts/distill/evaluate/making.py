"""What the page of an evaluation tells of how the student was made."""

import json
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

from spacy.language import Language

from ..data.corpus import Corpus
from ..data.known_words import vector_rows
from ..data.records import KINDS
from ..teacher.spec import public_name

# The libraries on which numbers depend.
LIBRARIES = ("spacy", "thinc", "numpy", "scikit-learn", "torch", "transformers", "spacy-transformers")


def describe_making(corpus: Corpus, nlp: Language) -> dict[str, Any]:
    """Return how data, transfer set and student were made.

    corpus (Corpus): Holds prepare.json, augment.json and score.json.
    nlp (Language): The exported student.
    RETURNS (dict[str, Any]): "data", see `_describe_data`; "augment": "plan", "total", "duplicates_dropped" and
        "leaks_dropped" of augment.json; "transfer": "total", "unscored" and "texts" of score.json; "teacher", its spec
        without paths; "student": what meta.json says of it, its vectors and its config; "libraries": name → version.
    RAISES (ValueError): If a summary is missing, or was made from other data.
    """
    augmented, scored = corpus.summary("augment"), corpus.summary("score")
    return {
        "data": _describe_data(corpus),
        "augment": {key: augmented[key] for key in ("plan", "total", "duplicates_dropped", "leaks_dropped")},
        "transfer": {key: scored[key] for key in ("total", "unscored", "texts")},
        "teacher": public_name(scored["teacher"]),
        "student": {
            **{key: nlp.meta.get(key, "") for key in ("lang", "name", "version", "license", "spacy_version")},
            **{key: nlp.meta.get("distillation", {}).get(key) for key in ("calibration", "config_sha256")},
            "vectors": len(set(vector_rows(nlp)[1].values())),
            "config": nlp.config.to_str(),
        },
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def _describe_data(corpus: Corpus) -> dict[str, Any]:
    """Return "kept": language → split → texts; "dropped": kind → texts; "files": name, without its path → sha256."""
    dropped: Counter[str] = Counter()
    for about in corpus.prepared["files"].values():
        dropped.update({kind: about[kind] for kind in KINDS if kind in about})
    return {"kept": corpus.prepared["kept"], "dropped": dict(dropped), "files": corpus.data_hashes}


def read_benchmark(path: Path, fingerprint: str) -> dict[str, Any] | None:
    """Return what `benchmark` measured of the student; None if it measured nothing, or another student.

    path (Path): The JSON file that `benchmark student` writes.
    fingerprint (str): The student's.
    """
    if not path.exists():
        return None
    measured: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    same = measured.get("fingerprints", {}).get("student") == fingerprint
    return {key: measured[key] for key in ("split", "n", "systems")} if same else None
