import json
import logging
import random
import re
import shutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    BertTokenizerFast,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from scripts.distill.core.files import hash_file
from scripts.distill.data.teacher_scores import Scores
from scripts.distill.score.settings import load_score_settings
from scripts.distill.teacher import hub
from scripts.distill.teacher.hugging_face import HuggingFaceSettings, HuggingFaceTeacher, longest_input, map_classes

LABELS = ["NEG", "POS"]
STARS = ["1 star", "2 stars", "3 stars", "4 stars", "5 stars"]
STAR_MAP = {"1 star": "NEG", "2 stars": "NEG", "3 stars": None, "4 stars": "POS", "5 stars": "POS"}
WORDS = ["good", "bad", "great", "awful", "book", "film", "lamp", "very", "not", "the", "was", "one", "two", "three"]
VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "##s", "##ly"]
LONGEST = 64
WINDOW = HuggingFaceSettings(max_length=12, overlap=3)


def save_classifier(folder: Path, classes: Sequence[str] = LABELS, **settings: Any) -> Path:
    """Save a BERT of one layer with random weights that tell words apart."""
    folder.mkdir(exist_ok=True)
    save_tokenizer(folder)
    make_classifier(classes, **settings).save_pretrained(folder, safe_serialization=True)
    return folder


def save_tokenizer(folder: Path, longest: int = LONGEST) -> None:
    (folder / "vocab.txt").write_text("\n".join(VOCAB), encoding="utf-8")
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=longest).save_pretrained(folder)


def make_config(**settings: Any) -> BertConfig:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    given = {"vocab_size": len(VOCAB), "max_position_embeddings": LONGEST, "initializer_range": 0.5, **sizes}
    return BertConfig(**given, **settings)


def make_classifier(classes: Sequence[str], seed: int = 0, **settings: Any) -> BertForSequenceClassification:
    names = {"id2label": dict(enumerate(classes)), "label2id": {name: i for i, name in enumerate(classes)}}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return BertForSequenceClassification(make_config(**names, **settings)).eval()


def make_texts(count: int, longest: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(1, longest))) for _ in range(count)]


@cache
def load_plainly(folder: Path) -> PreTrainedModel:
    return AutoModelForSequenceClassification.from_pretrained(folder, torch_dtype=torch.float32).eval()


def softmax_of(folder: Path, ids: Sequence[int]) -> Scores:
    """Let plain transformers read one window, special word pieces included."""
    model = load_plainly(folder)
    with torch.no_grad():
        return torch.softmax(model(input_ids=torch.tensor([list(ids)])).logits, dim=1)[0].numpy()


def read_windows(folder: Path, text: str, settings: HuggingFaceSettings) -> list[Scores]:
    """Cut a text into windows by hand and return the class probabilities of each."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    pieces = tokenizer(text, add_special_tokens=False)["input_ids"]
    width = settings.max_length - 2
    windows = [pieces[:width]]
    start = 0
    while start + width < len(pieces):
        start += width - settings.overlap
        windows.append(pieces[start : start + width])
    cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
    return [softmax_of(folder, [cls, *window, sep]) for window in windows]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_classifier(tmp_path_factory.mktemp("hf") / "model")


@pytest.fixture(scope="module")
def stars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_classifier(tmp_path_factory.mktemp("hf") / "stars", STARS)


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(saved, tmp_path / "model"))


def load(folder: Path, settings: HuggingFaceSettings = WINDOW, labels: list[str] = LABELS) -> HuggingFaceTeacher:
    return HuggingFaceTeacher(str(folder), labels, settings)


def test_hugging_face_short_texts_equal_a_plain_transformers_loop(saved: Path) -> None:
    texts = make_texts(12, longest=10)
    teacher = load(saved)
    scores = teacher.predict(texts)
    tokenizer = AutoTokenizer.from_pretrained(saved)
    expected = [softmax_of(saved, tokenizer(text)["input_ids"]) for text in texts]
    assert abs(scores - numpy.asarray(expected)).max() < 1e-6
    assert numpy.ptp(scores[:, 0]) > 0.1
    assert teacher.labels == LABELS
    assert teacher.name == f"hf:{saved}"


@pytest.mark.parametrize("stride", [0, 3, 9], ids="stride-{}".format)
def test_hugging_face_long_texts_are_the_mean_over_windows(saved: Path, stride: int) -> None:
    settings = replace(WINDOW, overlap=stride)
    texts = make_texts(4, longest=60, seed=1) + make_texts(2, longest=10)
    windows = [read_windows(saved, text, settings) for text in texts]
    assert max(map(len, windows)) >= 4
    expected = numpy.asarray([numpy.mean(probabilities, axis=0) for probabilities in windows])
    assert abs(load(saved, settings).predict(texts) - expected).max() < 1e-6


@pytest.mark.parametrize("batch_tokens", [1, 30, 8192])
def test_hugging_face_results_depend_neither_on_order_nor_on_batches(saved: Path, batch_tokens: int) -> None:
    texts = [*make_texts(20, longest=30), "", "good"]
    alone = load(saved)
    expected = {text: alone.predict([text])[0] for text in texts}
    random.Random(1).shuffle(texts)
    scores = load(saved, replace(WINDOW, batch_tokens=batch_tokens)).predict(texts)
    assert abs(scores - numpy.asarray([expected[text] for text in texts])).max() < 1e-6


@pytest.mark.parametrize("batch_tokens,largest", [(1, 1), (36, 3), (8192, 20)])
def test_hugging_face_batches_keep_within_the_budget(
    saved: Path, monkeypatch: pytest.MonkeyPatch, batch_tokens: int, largest: int
) -> None:
    shapes: list[tuple[int, int]] = []
    forward = BertForSequenceClassification.forward

    def record(self: BertForSequenceClassification, input_ids: torch.Tensor, **inputs: Any) -> Any:
        shapes.append((input_ids.shape[0], input_ids.shape[1]))
        return forward(self, input_ids, **inputs)

    teacher = load(saved, replace(WINDOW, batch_tokens=batch_tokens))
    monkeypatch.setattr(BertForSequenceClassification, "forward", record)
    teacher.predict(["good"] + ["good book " * 5] * 19)
    assert max(rows for rows, _ in shapes) == largest
    assert all(rows == 1 or rows * width <= batch_tokens for rows, width in shapes)
    assert sum(rows for rows, _ in shapes) == 20


@pytest.mark.parametrize(
    "label_map,labels", [({}, LABELS), (STAR_MAP, LABELS), (STAR_MAP, ["POS", "NEG"])], ids=["same", "sum", "reversed"]
)
def test_hugging_face_rows_are_float32_distributions(
    saved: Path, stars: Path, label_map: dict[str, str | None], labels: list[str]
) -> None:
    texts = make_texts(15, longest=40)
    scores = load(stars if label_map else saved, replace(WINDOW, label_map=label_map), labels).predict(texts)
    assert scores.dtype == numpy.float32
    assert scores.shape == (15, 2)
    assert (scores >= 0).all()
    assert abs(scores.sum(axis=1) - 1).max() < 1e-6


def test_hugging_face_sums_and_drops_classes(stars: Path) -> None:
    texts = make_texts(6, longest=40)
    scores = load(stars, replace(WINDOW, label_map=STAR_MAP)).predict(texts)
    for row, text in zip(scores, texts, strict=True):
        one, two, _, four, five = numpy.mean(read_windows(stars, text, WINDOW), axis=0)
        kept = one + two + four + five
        assert row == pytest.approx([(one + two) / kept, (four + five) / kept], abs=1e-6)


def test_hugging_face_aligns_the_models_label_order(tmp_path: Path, saved: Path) -> None:
    reversed_classes = save_classifier(tmp_path / "reversed", ["POS", "NEG"])
    texts = make_texts(5, longest=30)
    # The weights are the same, so that only the names of the two classes differ.
    assert numpy.array_equal(load(reversed_classes).predict(texts), load(saved).predict(texts)[:, ::-1])
    assert numpy.array_equal(load(saved, labels=["POS", "NEG"]).predict(texts), load(saved).predict(texts)[:, ::-1])


def test_hugging_face_has_no_answer_where_all_probability_is_dropped(tmp_path: Path) -> None:
    model = make_classifier(["NEG", "POS", "NONE"])
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.tensor([0.0, 1.0, 500.0]))
    save_tokenizer(tmp_path)
    model.save_pretrained(tmp_path, safe_serialization=True)
    settings = replace(WINDOW, label_map={"NEG": "NEG", "POS": "POS", "NONE": None})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert numpy.isnan(load(tmp_path, settings).predict(["good", "bad"])).all()


@pytest.mark.parametrize(
    "classes,labels,label_map,expected",
    [
        pytest.param(["NEG", "POS"], ["NEG", "POS"], {}, [[1, 0], [0, 1]], id="same"),
        pytest.param(["POS", "NEG"], ["NEG", "POS"], {}, [[0, 1], [1, 0]], id="order"),
        pytest.param(["a", "b"], ["NEG", "POS"], {"a": "POS", "b": "NEG"}, [[0, 1], [1, 0]], id="names"),
        pytest.param(
            STARS, ["NEG", "POS"], STAR_MAP, [[1, 0], [1, 0], [0, 0], [0, 1], [0, 1]], id="sum-and-drop"
        ),
    ],
)  # fmt: skip
def test_hugging_face_map_classes(
    classes: list[str], labels: list[str], label_map: dict[str, str | None], expected: list[list[int]]
) -> None:
    matrix = map_classes(classes, labels, label_map)
    assert matrix.dtype == numpy.float32
    assert matrix.tolist() == expected


@pytest.mark.parametrize(
    "label_map,problem",
    [
        pytest.param(
            {"1 star": "NEG", "5 stars": "POS"},
            "classes that are not mapped: '2 stars', '3 stars', '4 stars'. Under",
            id="unmapped",
        ),
        pytest.param(
            {**STAR_MAP, "5 star": "POS"}, "mapped, but no class of the teacher: '5 star'. Under", id="unknown-class"
        ),
        pytest.param(
            {**STAR_MAP, "3 stars": "NEU", "2 stars": "neg"},
            "mapped to what is no label: 'neg', 'NEU'. Under",
            id="unknown-label",
        ),
        pytest.param(dict.fromkeys(STARS, "POS"), "labels without a class: 'NEG'. Under", id="label-without"),
        pytest.param(dict.fromkeys(STARS), "labels without a class: 'NEG', 'POS'. Under", id="all-dropped"),
        pytest.param(
            {},
            "classes that are not mapped: '1 star', '2 stars', '3 stars', '4 stars', '5 stars'; "
            "mapped, but no class of the teacher: 'NEG', 'POS'. Under",
            id="no-map",
        ),
    ],
)
def test_hugging_face_refuses_a_map_that_does_not_fit_and_names_what(
    stars: Path, label_map: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValueError) as error:
        load(stars, replace(WINDOW, label_map=label_map))
    message = str(error.value)
    assert f"Found {problem}" in message
    assert "The teacher's classes are '1 star', '2 stars', '3 stars', '4 stars', '5 stars'" in message
    assert "the project's labels 'NEG', 'POS'" in message
    assert "[hugging_face.label_map] in configs/score.cfg" in message


def test_hugging_face_maps_classes_whose_names_have_colons_and_equals_signs(tmp_path: Path) -> None:
    """configs/score.cfg as docs/teachers.md says: the map in one line, instead of a section."""
    page = Path("docs/teachers.md").read_text(encoding="utf-8")
    [line] = re.findall(r"`(label_map = .*)`", page)
    text = Path("configs/score.cfg").read_text(encoding="utf-8").replace("[hugging_face.label_map]", line)
    (tmp_path / "score.cfg").write_text(text, encoding="utf-8")
    label_map = load_score_settings(tmp_path / "score.cfg").hugging_face.label_map
    assert label_map == {"mood:bad": "NEG", "mood=good": "POS", "none": None}
    folder = save_classifier(tmp_path / "model", list(label_map))
    assert load(folder, replace(WINDOW, label_map=label_map)).predict(["good"]).shape == (1, 2)


def test_hugging_face_loads_half_precision_weights_as_float32(tmp_path: Path) -> None:
    save_tokenizer(tmp_path)
    make_classifier(LABELS).half().save_pretrained(tmp_path, safe_serialization=True)
    assert json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))["torch_dtype"] == "float16"
    texts = make_texts(6, longest=9)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    expected = [softmax_of(tmp_path, tokenizer(text)["input_ids"]) for text in texts]
    assert abs(load(tmp_path).predict(texts) - numpy.asarray(expected)).max() < 1e-6


def test_hugging_face_bfloat16_is_close(saved: Path) -> None:
    texts = make_texts(60, longest=20)
    exact, half = (load(saved, replace(WINDOW, dtype=dtype)).predict(texts) for dtype in ("float32", "bfloat16"))
    assert half.dtype == numpy.float32
    assert abs(half.sum(axis=1) - 1).max() < 1e-6
    assert 1e-6 < abs(exact - half).max() < 0.1
    assert (exact.argmax(axis=1) == half.argmax(axis=1)).mean() > 0.9


def test_hugging_face_takes_odd_texts(saved: Path) -> None:
    texts = ["", " ", "\n\t ", "😀", "😀" * 200, "\u200b", "\x00", "ß" * 300, "good"]
    scores = load(saved).predict(texts)
    assert abs(scores.sum(axis=1) - 1).max() < 1e-6
    # Nothing but the special word pieces is left of the first three.
    assert abs(scores[:3] - scores[0]).max() < 1e-6
    assert abs(scores[-1] - scores[0]).max() > 1e-3


def test_hugging_face_prints_nothing(
    saved: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("transformers")
    logger.addHandler(caplog.handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            load(saved).predict(["", *make_texts(3, longest=5), "good book " * 200])
    finally:
        logger.removeHandler(caplog.handler)
    assert caplog.messages == []
    assert capfd.readouterr() == ("", "")


def test_hugging_face_goes_on_in_parts_when_memory_does_not_suffice(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = make_texts(11, longest=30)
    teacher = load(saved)
    expected = teacher.predict(texts)
    forward = BertForSequenceClassification.forward

    def fail(self: BertForSequenceClassification, input_ids: torch.Tensor, **inputs: Any) -> Any:
        if len(input_ids) > most:
            raise torch.OutOfMemoryError("too large")
        return forward(self, input_ids, **inputs)

    monkeypatch.setattr(BertForSequenceClassification, "forward", fail)
    most = 2
    assert abs(teacher.predict(texts) - expected).max() < 1e-6
    most = 0
    with pytest.raises(ValueError, match=r"too large.*gpu_id -1"):
        teacher.predict(texts)


def retrain(folder: Path) -> None:
    make_classifier(LABELS, seed=1).save_pretrained(folder, safe_serialization=True)


def change_tokenizer(folder: Path) -> None:
    text = (folder / "tokenizer.json").read_text(encoding="utf-8")
    assert '"lowercase": true' in text
    (folder / "tokenizer.json").write_text(text.replace('"lowercase": true', '"lowercase": false'), encoding="utf-8")


@pytest.mark.parametrize("change", [retrain, change_tokenizer])
def test_hugging_face_fingerprint_sees_the_files(folder: Path, saved: Path, change: Callable[[Path], None]) -> None:
    change(folder)
    assert load(folder).fingerprint != load(saved).fingerprint


@pytest.mark.parametrize(
    "settings",
    [
        {"max_length": 13},
        {"overlap": 2},
        {"dtype": "bfloat16"},
        {"label_map": {"NEG": "NEG", "POS": "POS"}},
        {"label_map": {"NEG": "POS", "POS": "NEG"}},
    ],
    ids=["max_length", "stride", "dtype", "map", "swapped-map"],
)
def test_hugging_face_fingerprint_sees_the_settings(saved: Path, settings: dict[str, Any]) -> None:
    assert load(saved, replace(WINDOW, **settings)).fingerprint != load(saved).fingerprint


def test_hugging_face_fingerprint_sees_the_label_order(saved: Path) -> None:
    assert load(saved, labels=["POS", "NEG"]).fingerprint != load(saved).fingerprint


def test_hugging_face_fingerprint_sees_neither_load_nor_batches_nor_place(saved: Path, folder: Path) -> None:
    (folder / "README.md").write_text("About", encoding="utf-8")
    teachers = [load(saved), load(saved), load(folder), load(saved, replace(WINDOW, batch_tokens=7))]
    assert len({teacher.fingerprint for teacher in teachers}) == 1


def test_hugging_face_fingerprint_stays_what_it_was(saved: Path) -> None:
    """Scores that are kept would be lost with another one."""
    files = ["config.json", "model.safetensors", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json",
             "vocab.txt"]  # fmt: skip
    about = {
        "files": {name: hash_file(saved / name) for name in files}, "labels": LABELS,
        "max_length": 12, "overlap": 3, "dtype": "float32", "label_map": {},
    }  # fmt: skip
    assert load(saved).fingerprint == sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    assert asdict(WINDOW).keys() == {"max_length", "overlap", "dtype", "label_map", "batch_tokens"}


def save_other(folder: Path, model: Callable[[BertConfig], Any]) -> None:
    model(make_config()).save_pretrained(folder, safe_serialization=True)


def save_with(folder: Path, classes: Sequence[str], **settings: Any) -> None:
    make_classifier(classes, **settings).save_pretrained(folder, safe_serialization=True)


def change_config(folder: Path, **settings: Any) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | settings), encoding="utf-8")


def pickle_weights(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


NO_CLASSIFIER = r"not a …ForSequenceClassification.*the workflow `all` with --vars\.encoder"
NOT_EXCLUSIVE = "not a classifier of two or more exclusive classes"


@pytest.mark.parametrize(
    "change,message",
    [
        pytest.param(partial(save_other, model=BertModel), rf"its architecture is \['BertModel'\], {NO_CLASSIFIER}",
                     id="encoder"),
        pytest.param(partial(save_other, model=BertForMaskedLM), NO_CLASSIFIER, id="language-model"),
        pytest.param(partial(change_config, architectures=None), NO_CLASSIFIER, id="no-architecture"),
        pytest.param(partial(save_with, classes=["only"]),
                     rf"{NOT_EXCLUSIVE}: it has 1 output \(regression or sigmoid\)\. Train it", id="one-class"),
        pytest.param(partial(change_config, problem_type="regression"), rf"{NOT_EXCLUSIVE} \(regression\)",
                     id="regression"),
        pytest.param(partial(change_config, problem_type="multi_label_classification"),
                     rf"{NOT_EXCLUSIVE} \(multi_label_classification\)", id="multi-label"),
        pytest.param(pickle_weights, r"no \*\.safetensors weights\. Pickled weights", id="pickled"),
        pytest.param(partial(change_config, auto_map={"AutoModel": "code.Model"}),
                     r"its config\.json names code of its own", id="code"),
    ],
)  # fmt: skip
def test_hugging_face_refuses_models(folder: Path, change: Callable[[Path], None], message: str) -> None:
    change(folder)
    with pytest.raises(ValueError, match=f"(?s){folder}: .*{message}"):
        load(folder)


def drop_weights(folder: Path, *names: str) -> None:
    weights = load_file(folder / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if name not in names}
    assert len(kept) == len(weights) - len(names)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


HEAD = ("classifier.bias", "classifier.weight")
POOLER = ("bert.pooler.dense.bias", "bert.pooler.dense.weight")


@pytest.mark.parametrize("names", [HEAD, HEAD[1:], POOLER + HEAD], ids=["head", "matrix", "pooler-and-head"])
def test_hugging_face_refuses_weights_that_would_be_random(folder: Path, names: Sequence[str]) -> None:
    drop_weights(folder, *names)
    with pytest.raises(ValueError) as error:
        load(folder)
    assert str(error.value).startswith(f"{folder}: no weights for {', '.join(names)}, which would be random")


def cut_weights(folder: Path, share: float) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: int(share * len(content))])


def widen_head(folder: Path) -> None:
    config = (folder / "config.json").read_bytes()
    save_with(folder, ["NEG", "POS", "NONE"])
    (folder / "config.json").write_bytes(config)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(partial(cut_weights, share=0), id="empty"),
        pytest.param(partial(cut_weights, share=0.01), id="cut-off-in-the-header"),
        pytest.param(partial(cut_weights, share=0.9), id="cut-off"),
        pytest.param(widen_head, id="head-of-another-size"),
        pytest.param(partial(change_config, vocab_size=7), id="other-vocabulary"),
    ],
)
def test_hugging_face_refuses_weights_that_cannot_be_loaded(folder: Path, change: Callable[[Path], None]) -> None:
    change(folder)
    with pytest.raises(ValueError) as error:
        load(folder)
    assert str(error.value).startswith(f"{folder}: its weights can't be loaded: ")


def save_architecture(folder: Path, model: Callable[[Any], Any], config: Callable[..., Any], **settings: Any) -> Path:
    """Save a classifier of another architecture with the tokenizer of a BERT."""
    save_tokenizer(folder, longest=512)
    names = {"id2label": dict(enumerate(LABELS)), "label2id": {name: i for i, name in enumerate(LABELS)}}
    sizes = {"vocab_size": len(VOCAB), "max_position_embeddings": LONGEST, "initializer_range": 0.5, "pad_token_id": 0}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model(config(**names, **sizes, **settings)).save_pretrained(folder, safe_serialization=True)
    return folder


def save_distilbert(folder: Path) -> Path:
    sizes = {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 16}
    return save_architecture(folder, DistilBertForSequenceClassification, DistilBertConfig, **sizes)


def save_roberta(folder: Path) -> Path:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    return save_architecture(folder, RobertaForSequenceClassification, RobertaConfig, **sizes)


@pytest.mark.parametrize("save", [save_distilbert, save_roberta])
def test_hugging_face_reads_other_architectures(tmp_path: Path, save: Callable[[Path], Path]) -> None:
    save(tmp_path)
    encoded = AutoTokenizer.from_pretrained(tmp_path)("good")
    assert "token_type_ids" in encoded  # which DistilBERT does not know
    texts = make_texts(12, longest=30)
    expected = numpy.asarray([numpy.mean(read_windows(tmp_path, text, WINDOW), axis=0) for text in texts])
    assert abs(load(tmp_path).predict(texts) - expected).max() < 1e-6
    assert numpy.ptp(expected[:, 0]) > 0.05


def test_hugging_face_window_is_limited_by_what_the_model_can_compute(tmp_path: Path) -> None:
    """The positions of RoBERTa begin behind the number of its padding, so that one of them is never used."""
    save_roberta(tmp_path)
    scores = load(tmp_path, replace(WINDOW, max_length=LONGEST - 1)).predict(["good book " * 50])
    assert scores.sum() == pytest.approx(1, abs=1e-6)
    with pytest.raises(ValueError) as error:
        load(tmp_path, replace(WINDOW, max_length=LONGEST))
    assert str(error.value).startswith(f"{tmp_path}: can't score texts in windows of {LONGEST} word pieces: ")
    assert "set [hugging_face] max_length in configs/score.cfg" in str(error.value)


@pytest.mark.parametrize("batch_tokens", [1, 1024])
def test_hugging_face_refuses_a_tokenizer_without_padding(folder: Path, batch_tokens: int) -> None:
    (folder / "special_tokens_map.json").unlink()
    (folder / "vocab.txt").unlink()
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), model_max_length=LONGEST)
    tokenizer.save_pretrained(folder)
    with pytest.raises(ValueError) as error:
        load(folder, replace(WINDOW, batch_tokens=batch_tokens))
    assert str(error.value).startswith(f"{folder}: can't score texts")
    assert "padding token" in str(error.value)


def save_gpt2(folder: Path, in_config: bool) -> None:
    """Save a GPT-2, whose pad token only the tokenizer or only the model knows."""
    save_tokenizer(folder, longest=LONGEST)
    if in_config:
        for name in ("special_tokens_map.json", "vocab.txt"):
            (folder / name).unlink()
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), model_max_length=LONGEST)
        tokenizer.save_pretrained(folder)
    names = {"id2label": dict(enumerate(LABELS)), "label2id": {name: i for i, name in enumerate(LABELS)}}
    sizes = {"vocab_size": len(VOCAB), "n_positions": LONGEST, "n_embd": 16, "n_layer": 1, "n_head": 2}
    config = GPT2Config(**sizes, **names, pad_token_id=0 if in_config else None)
    GPT2ForSequenceClassification(config).save_pretrained(folder, safe_serialization=True)


@pytest.mark.parametrize("in_config", [False, True], ids=["config without", "tokenizer without"])
def test_hugging_face_without_a_pad_token_names_the_two_settings(tmp_path: Path, in_config: bool) -> None:
    save_gpt2(tmp_path, in_config)
    with pytest.raises(ValueError) as error:
        load(tmp_path)
    assert "pad_token in its tokenizer_config.json and pad_token_id in its config.json" in str(error.value)
    assert "max_length" not in str(error.value)


@pytest.mark.parametrize("number", [numpy.nan, numpy.inf, -numpy.inf], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_hugging_face_refuses_a_model_whose_answers_are_no_numbers(folder: Path, number: float, dtype: str) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["classifier.bias"][1] = number
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=f"The teacher hf:{folder} gives numbers that are none"):
        load(folder, replace(WINDOW, dtype=dtype))


def test_hugging_face_says_if_the_answer_to_a_text_is_no_number(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["bert.embeddings.word_embeddings.weight"][VOCAB.index("awful")] = numpy.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    teacher = load(folder)
    assert numpy.isfinite(teacher.predict(["good", "bad book"])).all()
    with pytest.raises(ValueError) as error:
        teacher.predict(["good", "bad book", "an awful book"])
    assert str(error.value) == f"The teacher hf:{folder} gives numbers that are none (NaN or infinite)"


def test_hugging_face_takes_a_model_with_a_known_problem_type(folder: Path) -> None:
    change_config(folder, problem_type="single_label_classification")
    assert load(folder).predict(["good"]).shape == (1, 2)


@pytest.mark.parametrize(
    "settings,message",
    [
        ({"max_length": 2, "overlap": 0}, "max_length = 2, but {folder} reads 3 to 64 word pieces"),
        ({"max_length": 0, "overlap": 0}, "max_length = 0, but {folder} reads 3 to 64 word pieces"),
        ({"max_length": 65}, "max_length = 65, but {folder} reads 3 to 64 word pieces"),
        ({"overlap": 10}, "overlap = 10: windows of 12 word pieces, 2 of them special, can share 0 to 9"),
        ({"dtype": "float16"}, "dtype = 'float16'. Supported: auto, float32, bfloat16"),
    ],
    ids=lambda value: "-".join(f"{k}-{v}" for k, v in value.items()) if isinstance(value, dict) else "",
)
def test_hugging_face_refuses_impossible_settings(saved: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        load(saved, replace(WINDOW, **settings))
    assert f"[hugging_face] {message.format(folder=saved)}" in str(error.value)


@pytest.mark.parametrize("settings", [{"max_length": 3, "overlap": 0}, {"max_length": 64}, {"overlap": 9}], ids=str)
def test_hugging_face_takes_settings_at_the_limits(saved: Path, settings: dict[str, Any]) -> None:
    scores = load(saved, replace(WINDOW, **settings)).predict(["good book " * 50])
    assert scores.sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("longest", [32, 512], ids=["tokenizer", "positions"])
def test_hugging_face_window_is_limited_by_tokenizer_and_positions(folder: Path, longest: int) -> None:
    save_tokenizer(folder, longest)
    reads = min(longest, LONGEST)
    load(folder, replace(WINDOW, max_length=reads))
    with pytest.raises(ValueError, match=f"reads 3 to {reads} word pieces"):
        load(folder, replace(WINDOW, max_length=reads + 1))


def test_hugging_face_without_a_gpu_is_an_error(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"gpu_id = 0, but torch finds no GPU\. Use -1"):
        HuggingFaceTeacher(str(saved), LABELS, WINDOW, 0)


def test_hugging_face_reads_a_model_of_the_hub_at_a_revision(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, str | None]] = []

    def download(model_id: str, revision: str | None, **_: Any) -> str:
        calls.append((model_id, revision))
        return str(saved)

    monkeypatch.setattr(hub, "snapshot_download", download)
    teacher = HuggingFaceTeacher("owner/model@abc123", LABELS, WINDOW)
    assert calls == [("owner/model", "abc123")]
    assert teacher.name == "hf:owner/model@abc123"
    assert teacher.fingerprint == load(saved).fingerprint


@pytest.mark.parametrize(("positions", "longest"), [(-1, 512), (None, 512), (64, 64)])
def test_hugging_face_knows_how_long_a_text_may_be(positions: int | None, longest: int) -> None:
    tokenizer, config = SimpleNamespace(model_max_length=512), SimpleNamespace(max_position_embeddings=positions)
    assert longest_input(tokenizer, config) == longest
