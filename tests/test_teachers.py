from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from scripts.distil.settings import TEACHERS, check_teacher
from scripts.distil.teacher_scores import Scores
from scripts.distil.teachers import Rows, SpacyTeacher, load_teacher, predict_all

LABELS = ["NEG", "POS"]


@Language.component("test_teachers_cats")
def set_cats(doc: Doc) -> Doc:
    """Set `doc.cats` to what the text says, as in "NEG=0.25 POS=0.75"."""
    doc.cats = {label: float(score) for label, _, score in (part.partition("=") for part in doc.text.split())}
    return doc


class LengthTeacher:
    """Scores a text by its length and records what it was given."""

    labels = LABELS
    fingerprint = "length"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def predict(self, texts: Sequence[str]) -> Iterable[Scores]:
        for text in texts:
            self.seen.append(text)
            share = len(text) / 100
            yield numpy.asarray([share, 1 - share], dtype="float32")


class PositionTeacher(LengthTeacher):
    """Scores a text by its place in the job, as a teacher does whose batches decide its last digits."""

    def predict(self, texts: Sequence[str]) -> Iterable[Scores]:
        for i, _ in enumerate(texts):
            yield numpy.asarray([i / 100, 1 - i / 100], dtype="float32")


class ShortTeacher(LengthTeacher):
    """Loses the last text."""

    def predict(self, texts: Sequence[str]) -> Iterable[Scores]:
        return super().predict(texts[:-1])


def echo_teacher(lang: str = "xx") -> SpacyTeacher:
    nlp = spacy.blank(lang)
    nlp.add_pipe("test_teachers_cats")
    return SpacyTeacher(nlp, LABELS)


def textcat_pipeline(labels: Sequence[str] = LABELS, updates: int = 20) -> Language:
    """Make a bag-of-words textcat that has learnt good from bad."""
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy.TextCatBOW.v3", "exclusive_classes": True, "ngram_size": 1}
    textcat = nlp.add_pipe("textcat", config={"model": {**model, "no_output_layer": False, "length": 64}})
    for label in labels:
        textcat.add_label(label)
    examples = [
        Example.from_dict(nlp.make_doc(text), {"cats": {label: float(label == gold) for label in labels}})
        for text, gold in (("good", "POS"), ("bad", "NEG"))
    ]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(updates):
        nlp.update(examples, sgd=optimizer)
    return nlp


@pytest.mark.parametrize("spec", ["train", "spacy:some_package", "spacy:./some/path", "spacy:c:/path"])
def test_teachers_check_accepts(spec: str) -> None:
    check_teacher(spec)


@pytest.mark.parametrize("spec", ["", "spacy", "spacy:", "trained", "train:x", "Train", "hf:", "./path", " train"])
def test_teachers_check_refuses_unknown_and_lists_supported(spec: str) -> None:
    with pytest.raises(ValueError) as error:
        check_teacher(spec)
    assert repr(spec) in str(error.value)
    assert TEACHERS in str(error.value)
    assert "train " in TEACHERS
    assert "spacy:<package or path>" in TEACHERS


def test_teachers_load_refuses_unknown_teacher(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Unknown teacher 'oracle'"):
        load_teacher("oracle", LABELS, trained=tmp_path)


def test_teachers_load_untrained_names_command(tmp_path: Path) -> None:
    with pytest.raises(ValueError) as error:
        load_teacher("train", LABELS, trained=tmp_path / "model-best")
    assert str(tmp_path / "model-best") in str(error.value)
    assert "python -m spacy project run train-teacher ." in str(error.value)


@pytest.mark.parametrize("name", ["no_such_package", "{tmp}/no-such-folder", "{tmp}"], ids=["package", "path", "empty"])
def test_teachers_load_names_pipeline_that_cannot_be_loaded(tmp_path: Path, name: str) -> None:
    name = name.format(tmp=tmp_path)
    with pytest.raises(ValueError, match=f"Can't load the teacher '{name}'"):
        load_teacher(f"spacy:{name}", LABELS, trained=tmp_path)


def test_teachers_load_gives_the_named_pipeline(tmp_path: Path) -> None:
    nlp = textcat_pipeline()
    nlp.to_disk(tmp_path / "named")
    textcat_pipeline(["POS", "NEG"]).to_disk(tmp_path / "trained")
    cats = nlp("good").cats
    named = load_teacher(f"spacy:{tmp_path / 'named'}", LABELS, trained=tmp_path / "trained")
    trained = load_teacher("train", LABELS, trained=tmp_path / "named")
    for teacher in (named, trained):
        assert teacher.labels == LABELS
        assert next(iter(teacher.predict(["good"]))).tolist() == [cats["NEG"], cats["POS"]]
    assert named.fingerprint == trained.fingerprint


def test_teachers_spacy_predicts_rows_in_order_of_texts() -> None:
    nlp = textcat_pipeline()
    texts = ["good", "bad", "neither", "good bad", "bad"]
    rows = list(SpacyTeacher(nlp, LABELS).predict(texts))
    assert all(row.dtype == numpy.float32 and row.shape == (2,) for row in rows)
    assert [row.argmax() for row in rows[:2]] == [1, 0]
    expected = [[nlp(text).cats[label] for label in LABELS] for text in texts]
    assert numpy.asarray(rows) == pytest.approx(numpy.asarray(expected), abs=1e-6)


@pytest.mark.parametrize("labels", [["NEG", "POS"], ["POS", "NEG"]], ids="-".join)
def test_teachers_spacy_aligns_the_pipelines_label_order(labels: list[str]) -> None:
    pipe_labels = ["POS", "NEG"]
    nlp = textcat_pipeline(pipe_labels)
    assert list(nlp("good").cats) == pipe_labels
    (row,) = SpacyTeacher(nlp, labels).predict(["good"])
    assert labels[row.argmax()] == "POS"
    assert row.tolist() == [nlp("good").cats[label] for label in labels]


@pytest.mark.parametrize(
    "text,labels",
    [
        pytest.param("", [], id="none"),
        pytest.param("POS=1", ["POS"], id="missing"),
        pytest.param("NEG=0.5 POS=0.25 MIX=0.25", ["MIX", "NEG", "POS"], id="extra"),
        pytest.param("LABEL_0=0.5 LABEL_1=0.5", ["LABEL_0", "LABEL_1"], id="other"),
    ],
)
def test_teachers_spacy_refuses_other_labels(text: str, labels: list[str]) -> None:
    with pytest.raises(ValueError) as error:
        list(echo_teacher().predict(["NEG=0.5 POS=0.5", text]))
    assert f"The teacher sets the labels {labels}, the data has {LABELS}" in str(error.value)


@pytest.mark.parametrize(
    "text,total",
    [
        pytest.param("NEG=0.75 POS=0.75", "1.5000", id="multilabel"),
        pytest.param("NEG=0.25 POS=0.25", "0.5000", id="below"),
        pytest.param("NEG=nan POS=0.5", "nan", id="nan"),
    ],
)
def test_teachers_spacy_refuses_rows_that_do_not_sum_to_one(text: str, total: str) -> None:
    with pytest.raises(ValueError, match=f"sum to {total} for the text '{text}'.*exclusive"):
        list(echo_teacher().predict(["NEG=0.5 POS=0.5", text]))


def test_teachers_predict_all_returns_rows_in_input_order() -> None:
    texts = ["bb", "a", "ffffff", "ccc", "", "ccc"]
    teacher = LengthTeacher()
    scores = predict_all(teacher, texts)
    assert teacher.seen == ["ffffff", "ccc", "ccc", "bb", "a", ""]
    assert scores.dtype == numpy.float32
    assert scores[:, 0].tolist() == [numpy.float32(len(text) / 100) for text in texts]
    assert scores[:, 1].tolist() == [numpy.float32(1 - len(text) / 100) for text in texts]


def test_teachers_predict_all_is_a_function_of_the_texts_alone() -> None:
    texts = ["aa", "bb", "cc", "d", "eee", "ff"]
    expected = dict(zip(texts, predict_all(PositionTeacher(), texts).tolist(), strict=True))
    assert len({tuple(row) for row in expected.values()}) == len(texts)
    for order in ([5, 4, 3, 2, 1, 0], [2, 0, 5, 1, 4, 3]):
        shuffled = [texts[i] for i in order]
        scores = predict_all(PositionTeacher(), shuffled).tolist()
        assert dict(zip(shuffled, scores, strict=True)) == expected


def test_teachers_predict_all_shows_progress_for_each_text() -> None:
    shown: list[int] = []

    def progress(rows: Rows) -> Iterator[tuple[int, Scores]]:
        for i, row in rows:
            shown.append(i)
            yield i, row

    predict_all(LengthTeacher(), ["a", "ccc", "bb"], progress)
    assert shown == [1, 2, 0]


def test_teachers_predict_all_refuses_a_teacher_that_loses_texts() -> None:
    with pytest.raises(ValueError, match="shorter"):
        predict_all(ShortTeacher(), ["a", "bb"])


def test_teachers_predict_all_of_no_texts_is_empty() -> None:
    assert predict_all(LengthTeacher(), []).shape == (0, 2)


def test_teachers_fingerprint_sees_settings_weights_and_components(tmp_path: Path) -> None:
    def fingerprint(nlp: Language) -> str:
        nlp.to_disk(tmp_path / "teacher")
        first, second = (load_teacher(f"spacy:{tmp_path / 'teacher'}", LABELS, trained=tmp_path) for _ in range(2))
        assert first.fingerprint == second.fingerprint
        return first.fingerprint

    nlp = textcat_pipeline()
    fingerprints = [fingerprint(nlp)]
    nlp.get_pipe("textcat").cfg["threshold"] = 0.75
    fingerprints.append(fingerprint(nlp))
    weights = next(node for node in nlp.get_pipe("textcat").model.walk() if node.has_param("W"))
    weights.set_param("W", weights.get_param("W") + 1e-4)
    fingerprints.append(fingerprint(nlp))
    nlp.vocab.set_vector("good", numpy.full(4, 0.5, dtype="float32"))
    fingerprints.append(fingerprint(nlp))
    nlp.add_pipe("test_teachers_cats")
    fingerprints.append(fingerprint(nlp))
    assert len(set(fingerprints)) == 5
