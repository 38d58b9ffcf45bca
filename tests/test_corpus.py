from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from scripts.distil.corpus import create_transfer_corpus, write_shards
from scripts.distil.docbins import read_docs


def make_docs(count: int) -> list[Doc]:
    return [Doc(Vocab(), words=["text", f"{i:02}"], spaces=[True, False]) for i in range(count)]


def make_texts(count: int) -> list[str]:
    return [f"text {i:02}" for i in range(count)]


def reference_texts(examples: Iterable[Example]) -> list[str]:
    return [example.reference.text for example in examples]


@pytest.mark.parametrize(
    "docs,sizes",
    [
        pytest.param(0, [], id="none"),
        pytest.param(2, [2], id="one-part"),
        pytest.param(3, [3], id="one-full"),
        pytest.param(4, [3, 1], id="rest"),
        pytest.param(6, [3, 3], id="two-full"),
    ],
)
def test_corpus_shards_hold_each_doc_once_in_order(tmp_path: Path, docs: int, sizes: list[int]) -> None:
    assert write_shards(iter(make_docs(docs)), tmp_path, shard_size=3) == len(sizes)
    paths = sorted(tmp_path.iterdir())
    assert [path.name for path in paths] == [f"{i:05}.spacy" for i in range(len(sizes))]
    shards = [[doc.text for doc in read_docs(path)] for path in paths]
    assert [len(shard) for shard in shards] == sizes
    assert [text for shard in shards for text in shard] == make_texts(docs)


def test_corpus_shards_keep_text_labels_and_user_data(tmp_path: Path) -> None:
    texts = ["  A naïve\tbook 😀\n", "", "don't"]
    docs = [spacy.blank("en").make_doc(text) for text in texts]
    docs[0].cats = {"NEG": 0.0, "POS": 1.0}
    docs[0].user_data = {"lang": "en", "source": "gold", "teacher_cats": {"NEG": 1 / 3, "POS": 2 / 3}}
    write_shards(docs, tmp_path)
    restored = list(read_docs(tmp_path / "00000.spacy"))
    assert [doc.text for doc in restored] == texts
    assert [token.text for token in restored[2]] == ["do", "n't"]
    assert [doc.cats for doc in restored] == [{"NEG": 0.0, "POS": 1.0}, {}, {}]
    assert restored[0].user_data == docs[0].user_data
    assert restored[1].user_data == {}


def test_corpus_reader_streams_every_doc_each_epoch_in_another_order(tmp_path: Path) -> None:
    write_shards(make_docs(20), tmp_path, shard_size=6)
    reader, nlp = create_transfer_corpus(tmp_path, seed=0), spacy.blank("xx")
    epochs = [reference_texts(reader(nlp)) for _ in range(3)]
    assert all(sorted(epoch) == make_texts(20) for epoch in epochs)
    assert len({tuple(epoch) for epoch in (*epochs, make_texts(20))}) == 4


def test_corpus_reader_order_is_decided_by_the_seed(tmp_path: Path) -> None:
    write_shards(make_docs(20), tmp_path, shard_size=6)
    nlp = spacy.blank("xx")
    orders = []
    for seed in (0, 0, 1):
        reader = create_transfer_corpus(tmp_path, seed=seed)
        orders.append([reference_texts(reader(nlp)) for _ in range(2)])
    assert orders[0] == orders[1]
    assert orders[0][0] != orders[2][0]


@pytest.mark.parametrize("shard_size", [1, 20], ids=["shards", "docs-of-a-shard"])
def test_corpus_reader_shuffles(tmp_path: Path, shard_size: int) -> None:
    write_shards(make_docs(20), tmp_path, shard_size=shard_size)
    texts = reference_texts(create_transfer_corpus(tmp_path)(spacy.blank("xx")))
    assert texts != make_texts(20)
    assert sorted(texts) == make_texts(20)


def test_corpus_reader_opens_one_shard_at_a_time(tmp_path: Path) -> None:
    write_shards(make_docs(6), tmp_path, shard_size=2)
    examples = create_transfer_corpus(tmp_path)(spacy.blank("xx"))
    first = next(examples)
    for path in tmp_path.iterdir():
        path.unlink()
    (second,) = islice(examples, 1)
    shard = {first.reference.text, second.reference.text}
    assert shard in [set(make_texts(6)[i : i + 2]) for i in (0, 2, 4)]
    with pytest.raises(FileNotFoundError):
        next(examples)


def test_corpus_reader_pairs_a_new_doc_with_the_stored_one(tmp_path: Path) -> None:
    stored = spacy.blank("xx").make_doc("Don't!")
    stored.cats = {"NEG": 1.0, "POS": 0.0}
    stored.user_data = {"teacher_cats": {"NEG": 0.75, "POS": 0.25}}
    write_shards([stored], tmp_path)
    nlp = spacy.blank("en")
    (example,) = create_transfer_corpus(tmp_path)(nlp)
    assert [token.text for token in example.predicted] == ["Do", "n't", "!"]
    assert example.predicted.vocab is nlp.vocab
    assert example.predicted.cats == example.predicted.user_data == {}
    assert [token.text for token in example.reference] == ["Don't", "!"]
    assert example.reference.cats == {"NEG": 1.0, "POS": 0.0}
    assert example.reference.user_data == {"teacher_cats": {"NEG": 0.75, "POS": 0.25}}


@pytest.mark.parametrize("name", [".", "missing"], ids=["empty", "missing"])
def test_corpus_reader_without_shards_names_folder_and_command(tmp_path: Path, name: str) -> None:
    (tmp_path / "00000.jsonl").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError) as error:
        next(create_transfer_corpus(tmp_path / name)(spacy.blank("xx")))
    assert str(tmp_path / name) in str(error.value)
    assert "python -m spacy project run score ." in str(error.value)


def test_corpus_reader_resolves_from_config(tmp_path: Path) -> None:
    write_shards(make_docs(8), tmp_path, shard_size=3)
    config = {"reader": {"@readers": "distil.TransferCorpus.v1", "path": str(tmp_path), "seed": 5}}
    reader, nlp = spacy.registry.resolve(config)["reader"], spacy.blank("xx")
    expected = reference_texts(create_transfer_corpus(tmp_path, seed=5)(nlp))
    assert reference_texts(reader(nlp)) == expected
