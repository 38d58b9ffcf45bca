"""Teachers: anything that turns texts into probabilities of the project's labels."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy
import spacy
from spacy.language import Language

from . import architectures as _architectures  # the trained teacher's own layer  # noqa: F401
from .files import hash_folder
from .settings import TRAIN, check_teacher
from .teacher_scores import Scores

Rows = Iterable[tuple[int, Scores]]
Progress = Callable[[Rows], Rows]


class Teacher(Protocol):
    """Texts → probabilities."""

    labels: list[str]
    fingerprint: str

    def predict(self, texts: Sequence[str]) -> Iterable[Scores]:
        """Yield one row of probabilities for each text, in order: float32, shape (n_labels,)."""


def load_teacher(spec: str, labels: list[str], *, trained: Path) -> "SpacyTeacher":
    """Load a teacher.

    spec (str): "train" or "spacy:<package or path>".
    labels (list[str]): The project's labels, in their order.
    trained (Path): Where the teacher trained here lies.
    RETURNS (SpacyTeacher): The teacher.
    RAISES (ValueError): If the teacher is unknown or can't be loaded.
    """
    check_teacher(spec)
    if spec == TRAIN and not trained.exists():
        raise ValueError(f"{trained}: no trained teacher. Train it with: python -m spacy project run train-teacher .")
    name = str(trained) if spec == TRAIN else spec.partition(":")[2]
    try:
        nlp = spacy.load(name)
    except OSError as err:
        raise ValueError(f"Can't load the teacher {name!r}: {err}") from err
    # Of the files, as what a transformer pipeline gives as bytes differs at each load.
    return SpacyTeacher(nlp, labels, hash_folder(nlp.path))


class SpacyTeacher:
    """A spaCy pipeline that sets `doc.cats` to probabilities of exclusive labels.

    labels (list[str]): The order of the columns.
    fingerprint (str): sha256 over the pipeline's files.
    """

    def __init__(self, nlp: Language, labels: list[str], fingerprint: str = "") -> None:
        """Wrap a pipeline.

        nlp (Language): The pipeline.
        labels (list[str]): The project's labels, in their order.
        fingerprint (str): The sha256 of the pipeline's folder, see `hash_folder`.
        """
        self._nlp = nlp
        self.labels = labels
        self.fingerprint = fingerprint

    def predict(self, texts: Sequence[str]) -> Iterable[Scores]:
        """Yield one row of probabilities for each text, in order.

        YIELDS (NDArray[float32]): Shape (n_labels,).
        RAISES (ValueError): If the pipeline's labels are not the project's, or a row does not sum
            to 1.
        """
        for doc in self._nlp.pipe(texts):
            if set(doc.cats) != set(self.labels):
                raise ValueError(
                    f"The teacher sets the labels {sorted(doc.cats)}, the data has {sorted(self.labels)}. They must "
                    "be the same"
                )
            row = numpy.asarray([doc.cats[label] for label in self.labels], dtype="float32")
            if not abs(row.sum() - 1) <= 1e-3:  # NaN too
                raise ValueError(
                    f"The teacher's scores sum to {row.sum():.4f} for the text {doc.text[:60]!r}. Its labels must be "
                    "exclusive (textcat, not textcat_multilabel)"
                )
            yield row


def predict_all(teacher: Teacher, texts: Sequence[str], progress: Progress = iter) -> Scores:
    """Score texts in batches of similar length, the longest first.

    texts (Sequence[str]): The texts.
    progress (Progress): Wraps the scored rows, to show progress.
    RETURNS (NDArray[float32]): Shape (n_texts, n_labels), in the order of the texts.
    """
    order = sorted(range(len(texts)), key=lambda i: (-len(texts[i]), texts[i]))
    scores = numpy.zeros((len(texts), len(teacher.labels)), dtype="float32")
    rows = teacher.predict([texts[i] for i in order])
    for i, row in progress(zip(order, rows, strict=True)):
        scores[i] = row
    return scores
