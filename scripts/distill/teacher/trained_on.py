"""Tie a teacher to the corpora that it was trained on: a teacher of others may have learnt dev and test texts."""

import json
from collections.abc import Callable
from pathlib import Path

import spacy
from spacy.language import Language

from ..core.provenance import PREPARED, fingerprint_corpora
from .spec import TRAIN, spec_members


@spacy.registry.callbacks("distill.note_corpora.v1")
def create_note_corpora(corpus: str) -> Callable[[Language], Language]:
    """Create a `[training.before_to_disk]` callback that writes the fingerprint of the corpora to meta.json.

    corpus (str): The folder with prepare.json. If it has none, nothing is written.
    """

    def note_corpora(nlp: Language) -> Language:
        if (Path(corpus) / "prepare.json").exists():
            nlp.meta[PREPARED] = fingerprint_corpora(Path(corpus))
        return nlp

    return note_corpora


def check_trained_on(teacher: str, teacher_model: Path, corpus: Path) -> None:
    """Check that the teacher that was trained here has learnt from these corpora.

    A teacher from elsewhere is not checked, nor is one whose meta.json does not say what it was trained on.

    teacher (str): The teacher's spec, see `check_spec`.
    teacher_model (Path): The folder of the teacher that was trained here.
    corpus (Path): The folder with prepare.json.
    RAISES (ValueError): If the teacher was trained on other corpora.
    """
    meta = teacher_model / "meta.json"
    if TRAIN not in spec_members(teacher) or not meta.exists():
        return
    found = json.loads(meta.read_text(encoding="utf-8")).get(PREPARED)
    if found is not None and found != fingerprint_corpora(corpus):
        raise ValueError(
            f"{teacher_model} was trained on other corpora than {corpus}: it may have learnt these dev and test texts. "
            "Train it anew, with the same --vars: python -m spacy project run train-teacher ."
        )
