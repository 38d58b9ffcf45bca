"""Tie a teacher to the labelled texts that it was trained on: a teacher of others may have learnt dev and test texts.

Unlabelled texts do not count: with more of them, the teacher stays.
"""

import json
from collections.abc import Callable
from pathlib import Path

import spacy
from spacy.language import Language

from ..core.messages import run_again
from ..data.corpus import GOLD_SHA256, Corpus
from .spec import TRAIN, spec_members


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


def check_trained_on(spec: str, teacher_model: Path, corpus: Corpus) -> None:
    """Check that the teacher trained here has learnt from these gold corpora; one that doesn't say is taken as it is.

    spec (str): Names the teacher, see `check_spec`.
    teacher_model (Path): Where the teacher trained here lies.
    corpus (Corpus): The present corpora.
    RAISES (ValueError): If it was trained on others.
    """
    meta = teacher_model / "meta.json"
    if TRAIN not in spec_members(spec) or not meta.exists():
        return
    found = json.loads(meta.read_text(encoding="utf-8")).get(GOLD_SHA256)
    if found is not None and found != corpus.gold_fingerprint:
        raise ValueError(
            f"{teacher_model} was trained on other texts than {corpus.folder / 'gold'}: it may have learnt these dev "
            f"and test texts. {run_again('train-teacher')}"
        )
