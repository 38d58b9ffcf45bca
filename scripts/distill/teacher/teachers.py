"""Teachers: anything that turns texts into probabilities of the project's labels."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from ..core.files import hash_folder
from ..data.labels import normalize_label
from ..data.teacher_scores import Scores
from .dtype import FLOAT32, choose_dtype, compute_in
from .from_file import JsonlTeacher
from .gpu_memory import predict_in_parts
from .hugging_face import HuggingFaceSettings, HuggingFaceTeacher
from .pooling import find_transformer  # registers the trained teacher's own layer, too
from .spec import HF, JSONL, MEAN, TRAIN, check_spec, check_trained_here, spec_members


class Teacher(Protocol):
    """Texts → probabilities.

    labels (list[str]): The labels, in the order of the columns.
    name (str): The teacher's name for people.
    fingerprint (str): Stands for what decides the probabilities: weights, tokenizer, labels and settings. The versions
        of libraries are not part of it.
    """

    labels: list[str]
    name: str
    fingerprint: str

    def predict(self, texts: Sequence[str]) -> Scores:
        """Return the probabilities of a batch of texts.

        texts (Sequence[str]): The texts.
        RETURNS (NDArray[float32]): Shape (n_texts, n_labels), rows sum to 1. A row of NaN says that the teacher has
            no answer for a text.
        """


def fingerprint_pipeline(files_sha256: str, labels: Sequence[str], dtype: str = FLOAT32) -> str:
    """Return what stands for a spaCy pipeline and its settings.

    files_sha256 (str): The sha256 of the pipeline's folder, see `hash_folder`.
    labels (Sequence[str]): The project's labels, in their order.
    dtype (str): What its transformer, if it has one, computes in.
    RETURNS (str): A sha256, in hexadecimal.
    """
    about = [files_sha256, list(labels), *([] if dtype == FLOAT32 else [dtype])]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


class SpacyTeacher:
    """A Teacher that is a spaCy pipeline, which sets `doc.cats` to probabilities of exclusive labels.

    nlp (Language): The pipeline.
    labels (list[str]): The labels, in the order of the columns.
    name (str): The teacher's name for people.
    fingerprint (str): sha256 over the pipeline's files, the labels and, if it is not float32, what its transformer
        computes in.
    """

    def __init__(
        self, nlp: Language, labels: list[str], name: str = "spacy", files_sha256: str = "", dtype: str = FLOAT32
    ) -> None:
        """Wrap a pipeline.

        nlp (Language): The pipeline.
        labels (list[str]): The project's labels, in their order.
        name (str): The teacher's name for people.
        files_sha256 (str): The sha256 of the pipeline's folder, see `hash_folder`. (`nlp.to_bytes` is no help: of a
            transformer pipeline it differs at each load.)
        dtype (str): What its transformer, if it has one, computes in: "float32" or "bfloat16".
        """
        self.nlp = nlp
        self.labels, self.name = labels, name
        transformer = find_transformer(nlp)
        if dtype != FLOAT32 and transformer:
            compute_in(transformer.transformer, dtype)
        self.fingerprint = fingerprint_pipeline(files_sha256, labels, dtype if transformer else FLOAT32)

    def predict(self, texts: Sequence[str]) -> Scores:
        """Return the probabilities of texts.

        texts (Sequence[str]): The texts.
        RETURNS (NDArray[float32]): Shape (n_texts, n_labels). A row of NaN if all of a text's probabilities are 0, as
            spacy-llm has it where a large language model names no label.
        RAISES (ValueError): If the pipeline's labels are not the project's.
        """
        return predict_in_parts(self._predict, texts)

    def pipe(self, texts: Iterable[str]) -> Iterator[Scores]:
        """Yield the probabilities of each text, shape (n_labels,), with `nlp.pipe` as the pipeline's users call it."""
        return map(self._read, self.nlp.pipe(texts))

    def _predict(self, texts: Sequence[str]) -> Scores:
        # In a zone, the vocabulary does not grow with every new word. It makes a small pipeline slower.
        with self.nlp.memory_zone():
            rows = [self._read(doc) for doc in self.nlp.pipe(texts, batch_size=max(1, len(texts)))]
        return numpy.asarray(rows, dtype="float32").reshape(len(texts), len(self.labels))

    def _read(self, doc: Doc) -> Scores:
        cats = {normalize_label(label): p for label, p in doc.cats.items()}
        if set(cats) != set(self.labels):
            raise ValueError(
                f"The teacher {self.name} sets the labels {sorted(doc.cats)}, the data has {sorted(self.labels)}. They "
                "must be the same"
            )
        row = numpy.asarray([cats[label] for label in self.labels], dtype="float32")
        return row if row.any() else numpy.full_like(row, numpy.nan)


class MeanTeacher:
    """A Teacher that is the mean of several teachers' probabilities: an ensemble, as in Hinton et al. 2015, section 4.

    teachers (Sequence[Teacher]): The teachers.
    labels (list[str]): The labels, in the order of the columns.
    name (str): The teacher's name for people, "mean:" and the names of the teachers.
    fingerprint (str): sha256 over the fingerprints of the teachers, in their order.
    """

    def __init__(self, teachers: Sequence[Teacher]) -> None:
        """Join teachers.

        teachers (Sequence[Teacher]): One or more, with the same labels in the same order.
        """
        self.teachers = teachers
        self.labels = teachers[0].labels
        self.name = f"{MEAN}:{','.join(teacher.name for teacher in teachers)}"
        fingerprints = [teacher.fingerprint for teacher in teachers]
        self.fingerprint = hashlib.sha256(json.dumps(fingerprints).encode()).hexdigest()

    def predict(self, texts: Sequence[str]) -> Scores:
        """Return the mean of the teachers' probabilities.

        texts (Sequence[str]): The texts.
        RETURNS (NDArray[float32]): Shape (n_texts, n_labels). A row of NaN for a text that a teacher has no answer for.
        """
        return mean_scores(teacher.predict(texts) for teacher in self.teachers)


def mean_scores(scores: Iterable[Scores]) -> Scores:
    """Return the mean of several teachers' probabilities.

    scores (Iterable[NDArray[float32]]): The probabilities of each teacher, shape (n_texts, n_labels).
    RETURNS (NDArray[float32]): Same shape. A row of NaN for a text that a teacher has no answer for.
    """
    return numpy.mean(list(scores), axis=0, dtype="float32")


def load_teacher(
    spec: str, labels: list[str], *, teacher_model: Path, settings: HuggingFaceSettings | None = None, gpu_id: int = -1
) -> Teacher:
    """Load a teacher.

    spec (str): The teacher's spec, see `check_spec`.
    labels (list[str]): The project's labels, in their order.
    teacher_model (Path): The folder of the teacher that is trained here.
    settings (HuggingFaceSettings | None): How a Hugging Face teacher reads texts; of a spaCy pipeline, `dtype` alone
        holds. None: the defaults.
    gpu_id (int): The GPU, or -1 for CPU.
    RETURNS (Teacher): The teacher.
    RAISES (ValueError): If the spec is none that `check_spec` knows, or the teacher can't be loaded.
    """
    check_spec(spec)
    members = spec_members(spec)
    if members != [spec]:
        return MeanTeacher(
            [
                load_teacher(member, labels, teacher_model=teacher_model, settings=settings, gpu_id=gpu_id)
                for member in members
            ]
        )
    kind, _, name = spec.partition(":")
    settings = settings or HuggingFaceSettings()
    if kind == JSONL:
        return JsonlTeacher(Path(name).expanduser(), labels)
    if kind == HF:
        return HuggingFaceTeacher(name, labels, settings, gpu_id)
    if spec == TRAIN:
        check_trained_here(teacher_model)
        name = str(teacher_model)
    elif name.startswith("~"):
        name = str(Path(name).expanduser())
    return load_pipeline(name, labels, gpu_id, settings.dtype)


def load_pipeline(name: str, labels: list[str], gpu_id: int = -1, dtype: str = FLOAT32) -> SpacyTeacher:
    """Load a spaCy pipeline as a teacher.

    name (str): A package or a folder.
    labels (list[str]): The project's labels, in their order.
    gpu_id (int): The GPU, or -1 for CPU.
    dtype (str): What its transformer, if it has one, computes in, see `choose_dtype`.
    RETURNS (SpacyTeacher): The teacher.
    RAISES (ValueError): If the pipeline is not to be found, or the dtype is unknown.
    """
    dtype = choose_dtype(dtype, gpu_id)
    if gpu_id >= 0:
        spacy.require_gpu(gpu_id)
    try:
        nlp = spacy.load(name)
    except OSError as err:
        raise ValueError(f"Can't load the pipeline {name!r}: {err}") from err
    return SpacyTeacher(nlp, labels, f"spacy:{name}", hash_folder(nlp.path), dtype)
