"""Tie a student and its word vectors to the transfer set that both were made from: outputs of runs are not mixed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.files import require_file
from ..core.messages import run_again
from ..data.corpus import TRANSFER_SHA256, Corpus
from .component import FACTORY


def check_transfer(config: Mapping[str, Any], corpus: Corpus) -> None:
    """Check, before a student is trained, that its transfer set and word vectors belong together.

    config (Mapping[str, Any]): An interpolated training config. If it trains no student, nothing is checked.
    corpus (Corpus): The folder with prepare.json, score.json and transfer/.
    RAISES (ValueError): If the transfer set is missing or was made from other corpora, or the word vectors are missing
        or were made from another transfer set.
    """
    if FACTORY not in (pipe.get("factory") for pipe in config["components"].values()):
        return
    transfer = corpus.summary("score")[TRANSFER_SHA256]
    vectors = config["paths"].get("vectors")
    made = Path(vectors).with_name("vectors.json") if vectors else None
    # A user's own vectors have no such file.
    if made and (made.exists() or made.parent == corpus.folder):
        require_file(made, "vectors")
        if json.loads(made.read_text(encoding="utf-8")).get(TRANSFER_SHA256) != transfer:
            raise ValueError(
                f"{vectors}: made from another transfer set than {corpus.folder / 'transfer'}. {run_again('vectors')}"
            )


def check_trained_on_transfer(meta: Mapping[str, Any], scored: Mapping[str, Any], model: Path) -> None:
    """Check that a student was trained on the present transfer set.

    A student whose metadata does not say what it was trained on is taken as it is.

    meta (Mapping[str, Any]): The student's metadata.
    scored (Mapping[str, Any]): The contents of score.json.
    model (Path): The student's folder, for the message.
    RAISES (ValueError): If the student was trained on another transfer set.
    """
    if meta.get(TRANSFER_SHA256) not in (None, scored[TRANSFER_SHA256]):
        raise ValueError(
            f"{model} was trained on another transfer set than the present one, which the teacher {scored['teacher']} "
            f"scored. {run_again('train-student')}"
        )
