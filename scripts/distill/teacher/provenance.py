"""Check that a teacher was trained on the present labelled texts."""

from pathlib import Path

from ..data.corpus import Corpus
from ..data.provenance import check_gold
from .spec import TRAIN, spec_members


def check_trained_on(spec: str, teacher_model: Path, corpus: Corpus) -> None:
    """Check that the teacher trained here has learnt from these gold corpora; one that doesn't say is taken as it is.

    spec (str): Names the teacher, see `check_spec`.
    teacher_model (Path): Where the teacher trained here lies.
    corpus (Corpus): The present corpora.
    RAISES (ValueError): If it was trained on others.
    """
    if TRAIN in spec_members(spec):
        check_gold(teacher_model, corpus, "train-teacher")
