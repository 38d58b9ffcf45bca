from pathlib import Path

import numpy
import pytest
import spacy
import torch
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from transformers import BertConfig, BertModel

from scripts.distill.teacher.fine_tuning import (
    create_batch_by_length,
    create_cut,
    create_partwise_adam,
    create_sample_corpus,
    freeze,
)

VOCAB = spacy.blank("xx").vocab


def bert() -> BertModel:
    sizes = {"hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 8}
    return BertModel(BertConfig(vocab_size=9, **sizes))


def learning(model: BertModel) -> set[str]:
    """Return which parts learn: embeddings by name, layers by number."""
    names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    return {name.split(".")[2] if name.startswith("encoder") else name.split(".")[1] for name in names}


@pytest.mark.parametrize(
    "word_embeddings,share,expected",
    [
        pytest.param(False, 0, {"word_embeddings", "position_embeddings", "token_type_embeddings", "LayerNorm", "0",
                                "1", "2", "dense"}, id="nothing"),
        pytest.param(True, 0, {"position_embeddings", "token_type_embeddings", "LayerNorm", "0", "1", "2", "dense"},
                     id="words"),
        pytest.param(True, 0.67, {"2", "dense"}, id="two-layers"),
        pytest.param(False, 0.34, {"1", "2", "dense"}, id="one-layer-and-all-embeddings"),
    ],
)  # fmt: skip
def test_fine_tuning_freezes_from_below(word_embeddings: bool, share: float, expected: set[str]) -> None:
    model = bert()
    freeze(model, word_embeddings=word_embeddings, layers=share)
    assert learning(model) == expected


def test_fine_tuning_backpropagates_into_what_learns_alone() -> None:
    model = bert()
    freeze(model, word_embeddings=True, layers=0.67)
    model(torch.tensor([[1, 2]])).last_hidden_state.sum().backward()
    assert model.encoder.layer[1].output.dense.weight.grad is None
    assert model.encoder.layer[2].output.dense.weight.grad is not None


def test_fine_tuning_freezing_all_layers_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"share of the layers, from 0 to below 1\. Found: 1"):
        freeze(bert(), word_embeddings=True, layers=1)


def test_fine_tuning_head_learns_faster_than_the_encoder() -> None:
    optimizer = create_partwise_adam(0.01, head_scale=20.0, grad_clip=0.0)
    ones, gradient = numpy.ones((1, 4), dtype="float32"), numpy.full((1, 4), 0.5, dtype="float32")
    encoder, _ = optimizer((1, "encoder.layer.0.output.dense.weight"), ones.copy(), gradient.copy())
    head, _ = optimizer((2, "W"), ones.copy(), gradient.copy())
    # The first step of Adam has the size of the learning rate.
    assert 1 - encoder == pytest.approx(0.01, rel=1e-2)
    assert 1 - head == pytest.approx(0.2, rel=1e-2)


def make_examples(lengths: list[int]) -> list[Example]:
    docs = [Doc(VOCAB, ["a"] * length) for length in lengths]
    return [Example(doc, doc) for doc in docs]


def test_fine_tuning_batches_have_texts_of_similar_length() -> None:
    examples = make_examples([9, 1, 5, 2, 8, 3, 7, 4, 6])
    batches = list(create_batch_by_length(3, buffer=3)(examples))
    lengths = [[len(eg) for eg in batch] for batch in batches]
    assert sorted(lengths) == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    again = list(create_batch_by_length(3, buffer=3)(examples))
    assert [[len(eg) for eg in batch] for batch in again] == lengths


def test_fine_tuning_batches_have_every_text_once() -> None:
    examples = make_examples([3, 1, 2, 5, 4])
    batches = list(create_batch_by_length(2, buffer=1)(examples))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert sorted(map(id, (eg for batch in batches for eg in batch))) == sorted(map(id, examples))


@pytest.mark.parametrize("size,buffer", [(0, 1), (1, 0)])
def test_fine_tuning_impossible_batches_are_an_error(size: int, buffer: int) -> None:
    with pytest.raises(ValueError, match="size and buffer must be 1 or more"):
        create_batch_by_length(size, buffer)


def test_fine_tuning_cuts_long_texts() -> None:
    nlp = spacy.blank("xx")
    cut = spacy.registry.resolve({"a": {"@augmenters": "distill.cut.v1", "max_tokens": 3}})["a"]
    for text, expected in (("one two three", "one two three"), ("one two, three four", "one two,")):
        doc = nlp.make_doc(text)
        doc.cats = {"POS": 1.0, "NEG": 0.0}
        [example] = cut(nlp, Example(nlp.make_doc(text), doc))
        assert example.reference.text == example.predicted.text == expected
        assert example.reference.cats == doc.cats
    with pytest.raises(ValueError, match="max_tokens must be 1 or more, found 0"):
        create_cut(0)


def test_fine_tuning_dev_sample_is_spread_over_the_corpus(tmp_path: Path) -> None:
    nlp = spacy.blank("xx")
    DocBin(docs=[nlp.make_doc(f"text {i}") for i in range(10)]).to_disk(tmp_path / "dev.spacy")

    def read(limit: int) -> list[str]:
        return [example.reference.text for example in create_sample_corpus(tmp_path / "dev.spacy", limit)(nlp)]

    assert read(4) == ["text 0", "text 2", "text 5", "text 7"]
    assert read(10) == read(1000) == [f"text {i}" for i in range(10)]
    with pytest.raises(ValueError, match="limit must be 1 or more, found 0"):
        create_sample_corpus(tmp_path / "dev.spacy", 0)
