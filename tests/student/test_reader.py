import itertools
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from scripts.distill.data.docbins import write_docs
from scripts.distill.student.reader import create_transfer_corpus

SOURCES = ["gold", "unlabelled", "mask", "swap"]


def make_docs(count: int, sources: Sequence[str] = ("gold",)) -> list[Doc]:
    docs = [Doc(Vocab(), words=["text", f"{i:02}"], spaces=[True, False]) for i in range(count)]
    for doc, source in zip(docs, itertools.cycle(sources), strict=False):
        doc.user_data["origin"] = source
    return docs


def write_shards(docs: Sequence[Doc], folder: Path, shard_size: int = 100) -> None:
    for number, start in enumerate(range(0, len(docs), shard_size)):
        write_docs(docs[start : start + shard_size], folder / f"{number:05}.spacy")


def make_texts(count: int) -> list[str]:
    return [f"text {i:02}" for i in range(count)]


def reference_texts(examples: Iterable[Example]) -> list[str]:
    return [example.reference.text for example in examples]


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
    nlp = spacy.blank("en")
    stored = nlp.make_doc("Don't!")
    stored.cats = {"NEG": 1.0, "POS": 0.0}
    stored.user_data = {"origin": "gold", "teacher_cats": {"NEG": 0.75, "POS": 0.25}}
    write_docs([stored], tmp_path / "00000.spacy")
    (example,) = create_transfer_corpus(tmp_path)(nlp)
    assert [token.text for token in example.predicted] == ["Do", "n't", "!"]
    assert example.predicted.vocab is nlp.vocab
    assert example.predicted.cats == example.predicted.user_data == {}
    assert [token.text for token in example.reference] == ["Do", "n't", "!"]
    assert example.reference.cats == {"NEG": 1.0, "POS": 0.0}
    assert example.reference.user_data == {"origin": "gold", "teacher_cats": {"NEG": 0.75, "POS": 0.25}}


@pytest.mark.parametrize("name", [".", "missing"], ids=["empty", "missing"])
def test_corpus_reader_without_shards_names_folder_and_command(tmp_path: Path, name: str) -> None:
    (tmp_path / "00000.jsonl").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError) as error:
        next(create_transfer_corpus(tmp_path / name)(spacy.blank("xx")))
    assert str(tmp_path / name) in str(error.value)
    assert "python -m spacy project run score ." in str(error.value)


def test_corpus_reader_resolves_from_config(tmp_path: Path) -> None:
    write_shards(make_docs(8), tmp_path, shard_size=3)
    config = {"reader": {"@readers": "distill.TransferCorpus.v1", "path": str(tmp_path), "seed": 5}}
    reader, nlp = spacy.registry.resolve(config)["reader"], spacy.blank("xx")
    expected = reference_texts(create_transfer_corpus(tmp_path, seed=5)(nlp))
    assert reference_texts(reader(nlp)) == expected


def count_epochs(folder: Path, epochs: int, **repeats: float) -> list[Counter[str]]:
    """Return how often each text comes in each epoch."""
    reader, nlp = create_transfer_corpus(folder, repeats=repeats), spacy.blank("xx")
    return [Counter(reference_texts(reader(nlp))) for _ in range(epochs)]


@pytest.mark.parametrize("shard_size", [5, 20])
def test_corpus_reader_without_repeats_is_as_it_always_was(tmp_path: Path, shard_size: int) -> None:
    """The order of two shuffles a shard: without repeats, nothing else is drawn."""
    write_shards(make_docs(20, SOURCES), tmp_path, shard_size=shard_size)
    rng, expected = random.Random(3), []
    for _ in range(2):
        shards = [make_texts(20)[start : start + shard_size] for start in range(0, 20, shard_size)]
        rng.shuffle(shards)
        for shard in shards:
            rng.shuffle(shard)
            expected += shard
    nlp = spacy.blank("xx")
    for repeats in (None, {"gold": 1.0, "unlabelled": 1.0, "augmented": 1.0}):
        reader = create_transfer_corpus(tmp_path, seed=3, repeats=repeats)
        assert [*reference_texts(reader(nlp)), *reference_texts(reader(nlp))] == expected


def test_corpus_repeats_whole_numbers_by_source(tmp_path: Path) -> None:
    write_shards(make_docs(40, SOURCES), tmp_path, shard_size=7)
    for epoch in count_epochs(tmp_path, 2, gold=3.0, unlabelled=0.0, augmented=2):
        times = {"gold": 3, "unlabelled": 0, "mask": 2, "swap": 2}
        expected = {text: times[SOURCES[i % 4]] for i, text in enumerate(make_texts(40))}
        assert epoch == {text: count for text, count in expected.items() if count}


def test_corpus_repeats_are_shuffled(tmp_path: Path) -> None:
    write_shards(make_docs(20), tmp_path)
    reader = create_transfer_corpus(tmp_path, repeats={"gold": 2.0, "unlabelled": 1.0, "augmented": 1.0})
    texts = reference_texts(reader(spacy.blank("xx")))
    assert sum(a == b for a, b in itertools.pairwise(texts)) < 10


@pytest.mark.parametrize("times", [0.5, 1.5, 0.1], ids=str)
def test_corpus_repeats_fractions_anew_in_each_epoch(tmp_path: Path, times: float) -> None:
    docs = make_docs(400, SOURCES)
    write_shards(docs, tmp_path, shard_size=150)
    gold = [doc.text for doc in docs if doc.user_data["origin"] == "gold"]
    epochs = count_epochs(tmp_path, 10, gold=times, unlabelled=1.0, augmented=0.0)
    assert {epoch[text] for epoch in epochs for text in gold} == {int(times), int(times) + 1}
    # 1,000 draws: four standard deviations are at most 0.064.
    assert sum(epoch[text] for epoch in epochs for text in gold) / 1000 == pytest.approx(times, abs=0.064)
    assert len({tuple(epoch[text] for text in gold) for epoch in epochs}) == 10
    for epoch in epochs:
        assert {epoch[doc.text] for doc in docs if doc.user_data["origin"] == "unlabelled"} == {1}
        assert epoch.keys().isdisjoint(doc.text for doc in docs if doc.user_data["origin"] in ("mask", "swap"))


def test_corpus_repeats_are_decided_by_the_seed(tmp_path: Path) -> None:
    write_shards(make_docs(40), tmp_path)
    repeats = {"gold": 0.5, "unlabelled": 1.0, "augmented": 1.0}
    readers = [create_transfer_corpus(tmp_path, seed, repeats) for seed in (0, 0, 1)]
    first, same, other = (reference_texts(reader(spacy.blank("xx"))) for reader in readers)
    assert first == same
    assert sorted(first) != sorted(other)


@pytest.mark.parametrize(
    "repeats",
    [
        {},
        {"gold": 1.0, "unlabelled": 1.0},
        {"gold": 1.0, "unlabelled": 1.0, "augmented": 1.0, "mask": 1.0},
        {"gold": 1.0, "unlabeled": 1.0, "augmented": 1.0},
        {"gold": -0.5, "unlabelled": 1.0, "augmented": 1.0},
        {"gold": 1.0, "unlabelled": float("inf"), "augmented": 1.0},
        {"gold": 1.0, "unlabelled": 1.0, "augmented": float("nan")},
    ],
    ids=["none", "missing", "method", "misspelt", "negative", "infinite", "nan"],
)
def test_corpus_refuses_bad_repeats(tmp_path: Path, repeats: Mapping[str, float]) -> None:
    with pytest.raises(ValueError) as error:
        create_transfer_corpus(tmp_path, repeats=repeats)
    message = "repeats must have a number, 0 or more, for each of gold, unlabelled, augmented. Found: "
    assert str(error.value) == f"{message}{dict(repeats)}"


def test_corpus_refuses_repeats_that_leave_no_text(tmp_path: Path) -> None:
    write_shards(make_docs(4, ["gold", "pos_swap"]), tmp_path)
    reader = create_transfer_corpus(tmp_path, repeats={"gold": 0.0, "unlabelled": 1.0, "augmented": 0.0})
    with pytest.raises(ValueError, match=r"repeats leaves no text to train on\. It has 0 for augmented, gold, which"):
        list(reader(spacy.blank("xx")))


def test_corpus_reader_takes_repeats_from_config(tmp_path: Path) -> None:
    write_shards(make_docs(4, SOURCES), tmp_path)
    block = {"@readers": "distill.TransferCorpus.v1", "path": str(tmp_path), "seed": 0}
    repeats = {"gold": 0.0, "unlabelled": 2.0, "augmented": 1.0}
    reader = spacy.registry.resolve({"reader": {**block, "repeats": repeats}})["reader"]
    assert sorted(reference_texts(reader(spacy.blank("xx")))) == ["text 01", "text 01", "text 02", "text 03"]
    with pytest.raises(ValueError, match="repeats"):
        spacy.registry.resolve({"reader": {**block, "repeats": {**repeats, "gold": "often"}}})


def test_corpus_reader_names_a_text_without_source_and_the_command(tmp_path: Path) -> None:
    docs = make_docs(3)
    del docs[1].user_data["origin"]
    write_shards(docs, tmp_path)
    with pytest.raises(ValueError, match=r"No origin on the text 'text 01'.*python -m spacy project run score \."):
        list(create_transfer_corpus(tmp_path)(spacy.blank("xx")))


def test_corpus_reader_gives_the_stored_tokens_to_be_predicted(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    text = "It's  good, isn't it?\nYes "
    doc = nlp.make_doc(text)
    doc.user_data["origin"] = "gold"
    write_shards([doc], tmp_path)
    [example] = create_transfer_corpus(tmp_path)(nlp)
    assert example.predicted is not example.reference
    assert example.predicted.text == text
    assert [token.text for token in example.predicted] == [token.text for token in doc]
    assert [token.norm_ for token in example.predicted] == [token.norm_ for token in doc]
    assert "not" in [token.norm_ for token in example.predicted]
    assert not example.predicted.user_data and not example.predicted.cats


def test_corpus_reader_refuses_tokens_of_another_tokenizer(tmp_path: Path) -> None:
    doc = spacy.blank("en").make_doc("It isn't good.")
    doc.user_data["origin"] = "gold"
    write_shards([doc], tmp_path)
    with pytest.raises(ValueError, match=r"00000\.spacy: .*into 5 tokens, .* makes 4\. .*project run augment"):
        list(create_transfer_corpus(tmp_path)(spacy.blank("xx")))
