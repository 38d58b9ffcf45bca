"""Tie a student and its word vectors to the transfer set that both were made from: outputs of runs are not mixed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.provenance import TRANSFER, read_summary
from .component import FACTORY


def check_transfer(config: Mapping[str, Any], corpus: Path) -> None:
    """Check, before a student is trained, that its transfer set and word vectors belong together.

    config (Mapping[str, Any]): An interpolated training config. If it trains no student, nothing is checked.
    corpus (Path): The folder with prepare.json, score.json and transfer/.
    RAISES (ValueError): If the transfer set is missing or was made from other corpora, or the word vectors are missing
        or were made from another transfer set.
    """
    if FACTORY not in (pipe.get("factory") for pipe in config["components"].values()):
        return
    transfer = read_summary(corpus, "score")[TRANSFER]
    vectors = config["paths"].get("vectors")
    made = Path(vectors).with_name("vectors.json") if vectors else None
    # Vectors that a user has made have no vectors.json beside them: they are taken as they are.
    if made and (made.exists() or made.parent == corpus):
        remedy = "Run, with the same --vars: python -m spacy project run vectors ."
        if not made.exists():
            raise ValueError(f"{made}: no such file. {remedy}")
        if json.loads(made.read_text(encoding="utf-8")).get(TRANSFER) != transfer:
            raise ValueError(f"{vectors}: made from another transfer set than {corpus / 'transfer'}. {remedy}")


def check_learnt_from(meta: Mapping[str, Any], scored: Mapping[str, Any], model: Path) -> None:
    """Check that a student was trained on the present transfer set.

    A student whose metadata does not say what it was trained on is taken as it is.

    meta (Mapping[str, Any]): The student's metadata.
    scored (Mapping[str, Any]): The contents of score.json.
    model (Path): The student's folder, for the message.
    RAISES (ValueError): If the student was trained on another transfer set.
    """
    if meta.get(TRANSFER) not in (None, scored[TRANSFER]):
        raise ValueError(
            f"{model} was trained on another transfer set than the present one, which the teacher {scored['teacher']} "
            "scored. Train it anew, with the same --vars: python -m spacy project run train-student ."
        )
