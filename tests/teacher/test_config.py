"""configs/teacher.cfg trains on any encoder in Hugging Face format: here a tiny multilingual BERT."""

import json
import sys
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import spacy
import torch
from numpy.testing import assert_allclose
from spacy.cli.train import train
from spacy.language import Language
from transformers import BertConfig, BertModel, BertTokenizerFast

import scripts.functions  # noqa: F401
from scripts.distill.data.prepare import prepare
from scripts.distill.score.scorer import BatchSettings
from scripts.distill.teacher.encoder import resolve_encoder
from scripts.distill.teacher.teachers import SpacyTeacher, load_teacher
from scripts.distill.teacher.word_encoder import load_word_encoder
from scripts.lab.plain_teacher import keep_plain_teacher
from scripts.lab.recipes import teacher_int8
from tests.helpers import predict_all

WORDS = {
    "en": ("good great lovely", "bad awful broken", "the book lamp was very"),
    "nl": ("goed mooi prachtig", "slecht lelijk kapot", "het boek de kast was erg"),
}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a cased multilingual BERT with two layers of width 16, in Hugging Face format."""
    folder = tmp_path_factory.mktemp("bert")
    words = sorted({word for texts in WORDS.values() for text in texts for word in text.split()})
    letters = [prefix + letter for letter in "abcdefghijklmnopqrstuvwxyz" for prefix in ("", "##")]
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", *words, *letters]
    (folder / "vocab.txt").write_text("\n".join(vocab), encoding="utf-8")
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"), do_lower_case=False, model_max_length=512)
    tokenizer.save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(vocab), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder, safe_serialization=True)
    return folder


@pytest.fixture(scope="module")
def teacher_folder(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    for lang, (good, bad, other) in WORDS.items():
        lines = []
        for i, filler in enumerate(other.split() * 3):
            for words, stars in ((good, 5), (bad, 1)):
                for word in words.split():
                    # An unknown word that keeps the texts from being near copies of each other.
                    noise = sha256(f"{lang} {i} {word}".encode()).hexdigest()
                    lines.append({"text": f"{filler} {word} {filler * (i % 3)} {word} {noise}", "stars": stars})
        (folder / "data").mkdir(exist_ok=True)
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / "data" / f"{lang}.jsonl").write_text(text, encoding="utf-8")
    prepare(folder / "data", folder / "corpus", lang="xx", seed=0)
    resolve_encoder(str(encoder), folder / "encoder")
    gold = folder / "corpus/gold"
    overrides = {
        "paths.train": str(gold / "train.spacy"), "paths.dev": str(gold / "dev.spacy"),
        "paths.labels": str(folder / "corpus/labels.json"), "paths.encoder": str(folder / "encoder"),
        "training.max_steps": 60, "training.eval_frequency": 20,
        "training.optimizer.learn_rate.initial_rate": 0.005,
        "training.optimizer.learn_rate.warmup_steps": 1,
        # This encoder knows nothing yet: all of it must learn.
        "training.optimizer.head_scale": 1.0, "initialize.after_init.freeze_word_embeddings": False,
        "initialize.after_init.freeze_layers": 0.0,
    }  # fmt: skip
    train("configs/teacher.cfg", folder / "teacher", overrides=overrides)
    return folder / "teacher/model-best"


@pytest.fixture(scope="module")
def teacher(teacher_folder: Path) -> Language:
    return spacy.load(teacher_folder)


def test_teacher_config_learns_in_both_languages(teacher: Language) -> None:
    assert teacher("the lamp was lovely").cats["POS"] > 0.9
    assert teacher("de kast was lelijk").cats["NEG"] > 0.9


def test_teacher_config_reads_all_of_a_long_text(teacher: Language) -> None:
    """The end counts, hundreds of tokens behind the first window and limit."""
    filler = "the book was " * 300
    good, bad = teacher(filler + "great " * 300).cats, teacher(filler + "awful " * 300).cats
    assert len(teacher.make_doc(filler)) > 192
    # If the end were cut off, the two would be the same.
    assert good["POS"] > bad["POS"] + 0.01


def test_teacher_config_scores_do_not_depend_on_the_batch(teacher: Language) -> None:
    texts = ["good", "bad book", "  ", "het boek was erg mooi " * 100]
    model = SpacyTeacher(teacher, ["NEG", "POS"])
    together = predict_all(model, texts, BatchSettings())
    alone = [predict_all(model, [text], BatchSettings())[0] for text in texts]
    assert abs(together - alone).max() < 1e-5
    assert abs(together.sum(axis=1) - 1).max() < 1e-6


def test_teacher_config_has_the_same_fingerprint_at_each_load(teacher_folder: Path) -> None:
    loaded = [load_teacher("train", ["NEG", "POS"], teacher_model=teacher_folder) for _ in range(2)]
    assert loaded[0].fingerprint == loaded[1].fingerprint
    assert len(loaded[0].fingerprint) == 64


def test_teacher_config_gives_an_encoder_for_word_vectors(teacher: Language, teacher_folder: Path) -> None:
    """The fine-tuned one: each of a text's tokens has the vector of the word, if it is the text."""
    vectors = load_word_encoder("train", teacher_folder, Path("nowhere")).encode(["good", "boek"], 100)
    transformer = teacher.get_pipe("transformer")
    for word, vector in zip(("good", "boek"), vectors, strict=True):
        output = transformer.predict([teacher.make_doc(word)]).model_output.last_hidden_state[0]  # type: ignore[attr-defined]
        assert_allclose(output[1:-1].mean(axis=0), vector, atol=1e-5)


def test_teacher_config_makes_teachers_whose_scores_other_tools_can_reproduce(
    teacher: Language, teacher_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`benchmark peers` exports them. In the place of the ONNX model, torch reads the windows here."""
    keep_plain_teacher(teacher_folder, tmp_path / "plain")
    encoder = BertModel.from_pretrained(tmp_path / "plain").eval()

    class Session:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        @torch.no_grad()
        def run(self, _: None, inputs: dict[str, Any]) -> list[Any]:
            ids, mask, shares = (torch.from_numpy(inputs[name]) for name in ("input_ids", "attention_mask", "shares"))
            hidden = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
            return [(hidden * shares[:, :, None]).sum(1).numpy()]

    monkeypatch.setitem(
        sys.modules, "onnxruntime", SimpleNamespace(SessionOptions=SimpleNamespace, InferenceSession=Session)
    )
    texts = [
        "good",
        "bad book",
        "  ",
        "de kast.\n\n was (erg) mooi…",
        "the book was great " * 100,
        "unbroken" * 300,
    ]
    expected = [[teacher(text).cats[label] for label in ("NEG", "POS")] for text in texts]
    assert_allclose(teacher_int8.load_scores(str(tmp_path / "plain"))(texts), expected, atol=1e-5)


def test_teacher_config_says_why_a_teacher_is_not_written_for_other_tools(tmp_path: Path) -> None:
    spacy.blank("en").to_disk(tmp_path / "model")
    keep_plain_teacher(tmp_path / "model", tmp_path / "plain")
    with pytest.raises(ValueError, match=r"model: not a teacher that configs/teacher\.cfg made"):
        teacher_int8.train({"teacher": str(tmp_path / "plain"), "folder": str(tmp_path)})
