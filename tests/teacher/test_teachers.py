import json
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import numpy
import pytest
import spacy
import torch
from numpy.testing import assert_allclose
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from transformers import BertConfig, BertModel

from scripts.distill.core.files import hash_folder
from scripts.distill.teacher.from_file import JsonlTeacher
from scripts.distill.teacher.hugging_face import HuggingFaceSettings, HuggingFaceTeacher
from scripts.distill.teacher.spec import TEACHERS, check_spec
from scripts.distill.teacher.teachers import SpacyTeacher, load_teacher
from tests.teacher.test_hugging_face import STAR_MAP, STARS, save_classifier

LABELS = ["NEG", "POS"]


@Language.component("test_teachers_cats")
def set_cats(doc: Doc) -> Doc:
    """Set `doc.cats` to what the text says, as in "NEG=0.25 POS=0.75"."""
    doc.cats = {label: float(score) for label, _, score in (part.partition("=") for part in doc.text.split())}
    return doc


class SmallMemory:
    """Sets `doc.cats` as `set_cats` does, and runs out of memory with more than two docs."""

    def __call__(self, doc: Doc) -> Doc:
        return set_cats(doc)

    def pipe(self, docs: Iterable[Doc], batch_size: int) -> Iterator[Doc]:
        docs = list(docs)
        if len(docs) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        yield from map(set_cats, docs)


@Language.factory("test_teachers_small_memory")
def make_small_memory(nlp: Language, name: str) -> SmallMemory:
    return SmallMemory()


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


@pytest.mark.parametrize(
    "spec", ["train", "spacy:some_package", "spacy:./some/path", "spacy:c:/path", "hf:owner/model@main", "hf:./path",
             "jsonl:scores.jsonl", "jsonl:a=b:c.jsonl", "mean:train,hf:owner/model", "mean:train,spacy:a,jsonl:b"],
)  # fmt: skip
def test_teachers_check_accepts(spec: str) -> None:
    check_spec(spec)


@pytest.mark.parametrize(
    "spec", ["", "spacy", "spacy:", "trained", "train:x", "Train", "hf", "hf:", "jsonl", "jsonl:", "HF:x", "./path",
             " train", ":x"],
)  # fmt: skip
def test_teachers_check_refuses_unknown_and_lists_supported(spec: str) -> None:
    with pytest.raises(ValueError) as error:
        check_spec(spec)
    assert repr(spec) in str(error.value)
    assert TEACHERS in str(error.value)
    assert "train " in TEACHERS
    for form in ("spacy:<package or path>", "hf:<id or path>", "jsonl:<path>"):
        assert form in TEACHERS


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mean", "'mean': expected two or more"),
        ("mean:", "'mean:': expected two or more"),
        ("mean:train", "'mean:train': expected two or more"),
        ("mean:train,mean:hf:a,hf:b", "expected two or more"),
        ("mean:train,train", "expected two or more different teachers"),
        ("mean:train, hf:a", "with commas and no spaces between"),
        ("mean:train,", "Unknown teacher ''"),
        ("mean:train,trian", "Unknown teacher 'trian'"),
    ],
)
def test_teachers_check_refuses_a_mean_of_nothing_or_of_unknown_ones(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_spec(spec)


def test_teachers_a_mean_is_that_of_its_teachers(tmp_path: Path) -> None:
    """And it has no answer where one of them has none."""
    files = {"a": {"one": 0.9, "two": 0.2}, "b": {"one": 0.4, "three": 0.3}}
    for name, rows in files.items():
        lines = [json.dumps({"text": text, "cats": {"NEG": p, "POS": 1 - p}}) for text, p in rows.items()]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    members = [f"jsonl:{tmp_path / name}.jsonl" for name in "ab"]
    teacher = load_teacher(f"mean:{members[0]},{members[1]}", LABELS, teacher_model=tmp_path / "none")
    rows = teacher.predict(["one", "two", "three"])
    assert rows.dtype == numpy.float32
    assert_allclose(rows, [[0.65, 0.35], [numpy.nan] * 2, [numpy.nan] * 2], rtol=1e-6)
    assert teacher.labels == LABELS
    swapped = load_teacher(f"mean:{members[1]},{members[0]}", LABELS, teacher_model=tmp_path / "none")
    assert len({teacher.fingerprint, swapped.fingerprint}) == 2


def test_teachers_load_refuses_unknown_teacher(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Unknown teacher 'oracle'"):
        load_teacher("oracle", LABELS, teacher_model=tmp_path)


def test_teachers_load_untrained_names_command(tmp_path: Path) -> None:
    with pytest.raises(ValueError) as error:
        load_teacher("train", LABELS, teacher_model=tmp_path / "model-best")
    assert str(tmp_path / "model-best") in str(error.value)
    assert "python -m spacy project run train-teacher ." in str(error.value)


@pytest.mark.parametrize("name", ["no_such_package", "{tmp}/no-such-folder", "{tmp}"], ids=["package", "path", "empty"])
def test_teachers_load_names_pipeline_that_cannot_be_loaded(tmp_path: Path, name: str) -> None:
    name = name.format(tmp=tmp_path)
    with pytest.raises(ValueError, match=f"Can't load the pipeline '{name}'"):
        load_teacher(f"spacy:{name}", LABELS, teacher_model=tmp_path)


def test_teachers_load_gives_the_named_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    nlp = textcat_pipeline()
    nlp.to_disk(tmp_path / "named")
    textcat_pipeline(["POS", "NEG"]).to_disk(tmp_path / "trained")
    cats = nlp("good").cats
    named = load_teacher(f"spacy:{tmp_path / 'named'}", LABELS, teacher_model=tmp_path / "trained")
    teacher_model = load_teacher("train", LABELS, teacher_model=tmp_path / "named")
    at_home = load_teacher("spacy:~/named", LABELS, teacher_model=tmp_path / "trained")
    for teacher in (named, teacher_model, at_home):
        assert teacher.labels == LABELS
        assert isinstance(teacher, SpacyTeacher)
        assert teacher.predict(["good"]).tolist() == [[cats["NEG"], cats["POS"]]]
    assert named.name == teacher_model.name == f"spacy:{tmp_path / 'named'}"
    about = [hash_folder(tmp_path / "named"), LABELS]
    assert named.fingerprint == teacher_model.fingerprint == sha256(json.dumps(about).encode()).hexdigest()


def test_teachers_load_gives_a_hugging_face_model(tmp_path: Path) -> None:
    folder = save_classifier(tmp_path / "model", STARS)
    spec = f"hf:{folder}"
    settings = HuggingFaceSettings(max_length=12, overlap=3, label_map=STAR_MAP)
    teacher = load_teacher(spec, LABELS, teacher_model=tmp_path / "none", settings=settings)
    expected = HuggingFaceTeacher(str(folder), LABELS, settings)
    texts = ["good", "bad book " * 20]
    assert isinstance(teacher, HuggingFaceTeacher)
    assert (teacher.name, teacher.labels, teacher.fingerprint) == (spec, LABELS, expected.fingerprint)
    assert numpy.array_equal(teacher.predict(texts), expected.predict(texts))


def test_teachers_load_without_settings_reads_a_model_as_by_default(tmp_path: Path) -> None:
    folder = save_classifier(tmp_path / "model")
    # The tiny model reads less than the default window.
    with pytest.raises(ValueError, match=f"max_length = {HuggingFaceSettings().max_length}, but"):
        load_teacher(f"hf:{folder}", LABELS, teacher_model=tmp_path)


def test_teachers_load_gives_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a:b.jsonl"
    path.write_text('{"text": "good", "cats": {"NEG": 0.25, "POS": 0.75}}\n', encoding="utf-8")
    teacher = load_teacher(f"jsonl:{path}", LABELS, teacher_model=tmp_path / "none", gpu_id=0)
    assert isinstance(teacher, JsonlTeacher)
    assert (teacher.name, teacher.labels) == (f"jsonl:{path}", LABELS)
    assert teacher.predict(["good"]).tolist() == [[0.25, 0.75]]


@pytest.mark.parametrize(
    "spec,message",
    [
        ("jsonl:{tmp}/none.jsonl", "{tmp}/none.jsonl: can't read the teacher's probabilities"),
        ("hf:{tmp}", "{tmp}: no *.safetensors weights"),
        ("hf:", "Unknown teacher 'hf:'"),
    ],
)
def test_teachers_load_says_what_cannot_be_loaded(tmp_path: Path, spec: str, message: str) -> None:
    with pytest.raises(ValueError) as error:
        load_teacher(spec.format(tmp=tmp_path), LABELS, teacher_model=tmp_path)
    assert str(error.value).startswith(message.format(tmp=tmp_path))


def test_teachers_load_uses_the_gpu_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []
    monkeypatch.setattr(spacy, "require_gpu", used.append)
    textcat_pipeline(updates=1).to_disk(tmp_path)
    for gpu_id in (-1, 3):
        load_teacher("train", LABELS, teacher_model=tmp_path, gpu_id=gpu_id)
    assert used == [3]


def test_teachers_load_passes_the_gpu_to_a_hugging_face_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    folder = save_classifier(tmp_path / "model")
    with pytest.raises(ValueError, match="gpu_id = 3, but torch finds no GPU"):
        load_teacher(f"hf:{folder}", LABELS, teacher_model=tmp_path, gpu_id=3)


def test_teachers_spacy_predicts_rows_in_order_of_texts() -> None:
    nlp = textcat_pipeline()
    texts = ["good", "bad", "neither", "good bad", "bad"]
    rows = SpacyTeacher(nlp, LABELS).predict(texts)
    assert (rows.dtype, rows.shape) == (numpy.float32, (5, 2))
    assert rows[:2].argmax(axis=1).tolist() == [1, 0]
    expected = [[nlp(text).cats[label] for label in LABELS] for text in texts]
    assert rows == pytest.approx(numpy.asarray(expected), abs=1e-6)


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
        echo_teacher().predict(["NEG=0.5 POS=0.5", text])
    assert f"The teacher spacy sets the labels {labels}, the data has {LABELS}" in str(error.value)


def test_teachers_spacy_of_no_texts_is_empty() -> None:
    assert echo_teacher().predict([]).shape == (0, 2)


def test_teachers_spacy_vocabulary_does_not_grow() -> None:
    nlp = textcat_pipeline()
    teacher = SpacyTeacher(nlp, LABELS)
    words = [f"word{i}" for i in range(50)]
    teacher.predict(["good"])
    strings = len(nlp.vocab.strings)
    for _ in range(2):
        teacher.predict(words)
        assert len(nlp.vocab.strings) == strings
        assert not any(word in nlp.vocab for word in words)


def test_teachers_spacy_goes_on_in_parts_when_memory_does_not_suffice() -> None:
    nlp = spacy.blank("xx")
    nlp.add_pipe("test_teachers_small_memory")
    strings = len(nlp.vocab.strings)
    scores = SpacyTeacher(nlp, LABELS).predict([f"NEG={i / 8} POS={1 - i / 8}" for i in range(9)])
    assert scores.tolist() == [[i / 8, 1 - i / 8] for i in range(9)]
    assert len(nlp.vocab.strings) == strings


def test_teachers_spacy_names_the_remedy_for_a_single_text_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: SmallMemory, docs: Iterable[Doc], batch_size: int) -> Iterator[Doc]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(SmallMemory, "pipe", fail)
    nlp = spacy.blank("xx")
    nlp.add_pipe("test_teachers_small_memory")
    with pytest.raises(ValueError, match=r"CUDA out of memory.*gpu_id -1"):
        SpacyTeacher(nlp, LABELS).predict(["NEG=0 POS=1", "NEG=1 POS=0"])


def test_teachers_fingerprint_sees_settings_weights_and_components(tmp_path: Path) -> None:
    def fingerprint(nlp: Language) -> str:
        nlp.to_disk(tmp_path / "teacher")
        first, second = (
            load_teacher(f"spacy:{tmp_path / 'teacher'}", LABELS, teacher_model=tmp_path) for _ in range(2)
        )
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


class TinyTransformer:
    """Has a transformer where spacy-transformers' component has it."""

    def __init__(self) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
            self.model = SimpleNamespace(transformer=BertModel(BertConfig(vocab_size=9, **sizes)).eval())

    def __call__(self, doc: Doc) -> Doc:
        with torch.inference_mode():
            states = self.model.transformer(torch.tensor([[1, 2, 3]])).last_hidden_state
        doc.user_data["states"] = states
        return doc


@Language.factory("test_teachers_transformer")
def make_tiny_transformer(nlp: Language, name: str) -> TinyTransformer:
    return TinyTransformer()


def test_teachers_spacy_dtype_is_that_of_the_transformer_and_in_the_fingerprint() -> None:
    states, fingerprints = {}, {}
    for dtype in ("float32", "bfloat16"):
        nlp = spacy.blank("xx")
        nlp.add_pipe("test_teachers_transformer", name="transformer")
        fingerprints[dtype] = SpacyTeacher(nlp, LABELS, dtype=dtype).fingerprint
        states[dtype] = nlp("a").user_data["states"]
    assert states["bfloat16"].dtype == torch.float32
    assert 0 < (states["bfloat16"] - states["float32"]).abs().max() < 0.1
    assert fingerprints["bfloat16"] != fingerprints["float32"]


def test_teachers_spacy_without_transformer_has_the_same_fingerprint_in_any_dtype() -> None:
    nlp = textcat_pipeline(updates=1)
    assert SpacyTeacher(nlp, LABELS, dtype="bfloat16").fingerprint == SpacyTeacher(nlp, LABELS).fingerprint


def test_teachers_fingerprint_sees_the_label_order(tmp_path: Path) -> None:
    textcat_pipeline(updates=1).to_disk(tmp_path)
    fingerprints = {
        load_teacher("train", labels, teacher_model=tmp_path).fingerprint for labels in (LABELS, LABELS[::-1], LABELS)
    }
    assert len(fingerprints) == 2
