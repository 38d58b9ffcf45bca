"""Tie a model to the labelled texts that it was trained on: a model of others may have learnt dev and test texts.

Unlabelled texts do not count: with more of them, teacher, baseline and TF-IDF stay.
"""

import json
from collections.abc import Callable
from pathlib import Path

import spacy
from spacy.language import Language

from ..core.messages import run_again
from .corpus import GOLD_SHA256, Corpus


@spacy.registry.callbacks("distill.note_corpora.v1")
def create_note_corpora(corpus: str) -> Callable[[Language], Language]:
    """Create a `[training.before_to_disk]` callback that writes the fingerprint of the gold corpora to meta.json.

    corpus (str): The folder with prepare.json. If it has none, nothing is written.
    """

    def note_corpora(nlp: Language) -> Language:
        corpora = Corpus(Path(corpus))
        if corpora.prepare_file.exists():
            nlp.meta[GOLD_SHA256] = corpora.gold_fingerprint
        return nlp

    return note_corpora


def check_gold(model: Path, corpus: Corpus, command: str) -> None:
    """Check that a model has learnt from these gold corpora; one that is not there or doesn't say is taken as it is.

    model (Path): The model's folder. Its meta.json may have the fingerprint of gold corpora.
    corpus (Corpus): The present corpora.
    command (str): The command that trains the model.
    RAISES (ValueError): If it was trained on others; the message names the command.
    """
    meta = model / "meta.json"
    found = json.loads(meta.read_text(encoding="utf-8")).get(GOLD_SHA256) if meta.exists() else None
    if found is not None and found != corpus.gold_fingerprint:
        raise ValueError(
            f"{model} was trained on other texts than {corpus.folder / 'gold'}: it may have learnt these dev and test "
            f"texts. {run_again(command)}"
        )
