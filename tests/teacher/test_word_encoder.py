from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
import spacy
import torch
from numpy.testing import assert_allclose
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerFast

from scripts.distill.teacher.word_encoder import WordEncoder, load_word_encoder
from tests.teacher.test_hugging_face import LONGEST, save_classifier


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_classifier(tmp_path / "model")


def load(folder: Path) -> WordEncoder:
    return load_word_encoder(f"hf:{folder}", Path("nowhere"), Path("nowhere"))


class Echo(torch.nn.Module):
    """An encoder whose vectors are the numbers of the pieces."""

    config, device = SimpleNamespace(hidden_size=1), torch.device("cpu")

    def forward(self, input_ids: torch.Tensor, **kwargs: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(last_hidden_state=input_ids[:, :, None].float())


def encode_plainly(folder: Path, word: str) -> numpy.ndarray:
    """One word at a time, without padding."""
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        states = model(**tokenizer(word, return_tensors="pt")).last_hidden_state[0]
    return states[1:-1].mean(0).numpy()


@pytest.mark.parametrize("batch_tokens", [1, 10, 1000])
def test_word_encoder_gives_the_mean_over_a_words_own_pieces(
    folder: Path, batch_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, batches = ["good", "goodsly", "lamps", "the"], []

    def track(items: list[Any], description: str, unit: str) -> list[Any]:
        batches.extend(items)
        return items

    monkeypatch.setattr("scripts.distill.teacher.word_encoder.track", track)
    vectors = load(folder).encode(words, batch_tokens)
    assert vectors.dtype == numpy.float32
    assert_allclose(vectors, [encode_plainly(folder, word) for word in words], atol=1e-5)
    assert sorted(index for batch in batches for index in batch) == [0, 1, 2, 3]
    assert len(batches) == {1: 4, 10: 2, 1000: 1}[batch_tokens]


def test_word_encoder_gives_the_same_bits_with_any_number_of_threads(folder: Path) -> None:
    # In some of these batches, attention that two threads share out has other last bits.
    words = ["good" + "s" * pieces for pieces in range(12) for _ in range(200)]
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(load(folder).encode(words, 2048))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert found[0].tobytes() == found[1].tobytes()


@pytest.mark.parametrize("batch_tokens", [1, 1000])
def test_word_encoder_gives_the_mean_over_the_pieces_of_each_token_of_a_text(folder: Path, batch_tokens: int) -> None:
    nlp = spacy.blank("en")
    docs = [nlp(text) for text in ["good", "The goodsly \n lamps, the lamp's  good!", "good " * LONGEST]]
    found = {doc.text: (tokens, vectors) for doc, tokens, vectors in load(folder).encode_tokens(docs, batch_tokens)}
    assert len(found) == 3
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    for doc in docs:
        given = tokenizer(
            doc.text, return_tensors="pt", return_offsets_mapping=True, truncation=True, max_length=LONGEST
        )
        offsets = given.pop("offset_mapping")[0].tolist()
        with torch.no_grad():
            states = model(**given).last_hidden_state[0].numpy()
        # Token → its pieces.
        pieces: dict[int, list[int]] = {}
        for piece, (start, end) in enumerate(offsets):
            for token in doc:
                if start < end and token.idx <= start and end <= token.idx + len(token):
                    pieces.setdefault(token.i, []).append(piece)
        tokens, vectors = found[doc.text]
        assert tokens.tolist() == list(pieces)
        assert vectors.dtype == numpy.float32
        assert_allclose(vectors, [states[rows].mean(0) for rows in pieces.values()], atol=1e-5)
    assert len(found["good"][0]) == 1
    assert max(map(len, pieces.values())) == 1
    assert len(pieces) == LONGEST - 2
    spaces = [token.i for token in docs[1] if token.is_space]
    assert spaces
    assert not set(spaces) & set(found[docs[1].text][0].tolist())


def test_word_encoder_reads_the_beginning_of_a_long_text(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.distill.teacher.word_encoder.MAX_TEXT_LENGTH", 5)
    [(_, tokens, vectors)] = load(folder).encode_tokens([spacy.blank("en")("good good good good good")], 100)
    assert tokens.tolist() == [0, 1, 2]
    assert len(vectors) == 3


def test_word_encoder_reads_texts_without_tokens(folder: Path) -> None:
    [(_, tokens, vectors)] = load(folder).encode_tokens([spacy.blank("en")("")], 100)
    assert len(tokens) == len(vectors) == 0


def test_word_encoder_with_a_slow_tokenizer_says_what_to_set(folder: Path) -> None:
    encoder = WordEncoder(AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder, use_fast=False))
    with pytest.raises(ValueError, match=r"a slow one.* context_texts = 0 in configs/vectors\.cfg"):
        list(encoder.encode_tokens([spacy.blank("en")("good")], 100))


def test_word_encoder_may_pad_on_the_left(folder: Path) -> None:
    texts = [spacy.blank("en")(text) for text in ("good lamps", "good")]
    words = ["good", "goodsly"]
    found = []
    for side in ("right", "left"):
        tokenizer = AutoTokenizer.from_pretrained(folder, padding_side=side)
        # Without positions, since BERT counts them from the left.
        model = AutoModel.from_pretrained(folder)
        model.embeddings.position_embeddings.weight.data.zero_()
        encoder = WordEncoder(model, tokenizer)
        found.append([encoder.encode(words, 100), *(vectors for _, _, vectors in encoder.encode_tokens(texts, 100))])
    for right, left in zip(*found, strict=True):
        assert_allclose(left, right, atol=1e-6)


def test_word_encoder_gives_the_same_bits_of_texts_with_any_number_of_threads(folder: Path) -> None:
    nlp = spacy.blank("en")
    docs = [nlp("good" + "s lamps" * (pieces % 12)) for pieces in range(400)]
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append([vectors.tobytes() for _, _, vectors in load(folder).encode_tokens(docs, 500)])
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1]


def test_word_encoder_can_encode_a_word_of_no_pieces(folder: Path) -> None:
    vectors = load(folder).encode(["", "good"], 100)
    assert not vectors[0].any()
    assert vectors[1].any()


@pytest.mark.parametrize("spaced", [True, False])
def test_word_encoder_reads_words_as_they_stand_in_texts(spaced: bool) -> None:
    """Byte-level BPE, as of RoBERTa, writes a word differently after a space; only so it is a piece of its own."""
    pieces = ["Ġg", "Ãº", *(["ĠgÃº"] if spaced else ["gÃº"])]
    vocabulary = {piece: i for i, piece in enumerate([*sorted(pre_tokenizers.ByteLevel.alphabet()), *pieces])}
    merges = [("Ġ", "g"), ("Ã", "º"), ("Ġg", "Ãº") if spaced else ("g", "Ãº")]
    bpe = Tokenizer(models.BPE(vocabulary, merges))
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    encoder = WordEncoder(Echo(), PreTrainedTokenizerFast(tokenizer_object=bpe, pad_token="Ġ"))  # noqa: S106
    # The vector of a word is the mean of its pieces' numbers.
    ids = [vocabulary["ĠgÃº"]] if spaced else [vocabulary["Ġg"], vocabulary["Ãº"]]
    assert_allclose(encoder.encode(["gú"], 100), [[sum(ids) / len(ids)]])


def test_word_encoder_of_a_teacher_without_one_is_the_projects(folder: Path) -> None:
    spacy.blank("en").to_disk(folder.parent / "pipeline")
    expected = load(folder).encode(["good"], 100)
    for teacher in (f"jsonl:{folder.parent}/scores.jsonl", f"spacy:{folder.parent}/pipeline"):
        found = load_word_encoder(teacher, Path("nowhere"), folder).encode(["good"], 100)
        assert_allclose(found, expected)


@pytest.mark.parametrize(
    ("teacher", "message"),
    [
        ("jsonl:scores.jsonl", r"jsonl:scores\.jsonl has no encoder .* nowhere.* project run encoder \."),
        ("train", "untrained: no trained teacher. Train it"),
        ("mean:train,hf:other", "untrained: no trained teacher. Train it"),
        ("trian", "Unknown teacher 'trian'"),
        ("spacy:missing_package", "Can't load the teacher missing_package"),
    ],
)
def test_word_encoder_that_is_not_there_is_an_error(teacher: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_word_encoder(teacher, Path("untrained"), Path("nowhere"))


def test_word_encoder_without_safetensors_is_an_error(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"no \*\.safetensors weights"):
        load(folder)
