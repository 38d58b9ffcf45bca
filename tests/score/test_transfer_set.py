import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin

from scripts.distill.data.corpus import Corpus
from scripts.distill.data.docbins import read_docs
from scripts.distill.data.text_spool import TextSpool
from scripts.distill.data.tokenizer import write_tokenizer
from scripts.distill.score.cache import ScoreCache
from scripts.distill.score.scorer import BatchSettings, Scorer, run_here
from scripts.distill.score.transfer_set import gather_texts, write_transfer
from scripts.distill.student.reader import create_transfer_corpus
from tests.helpers import predict_all
from tests.score.test_scorer import FakeTeacher

LABELS = ["NEG", "POS"]
POSITIVE = {"NEG": 0.0, "POS": 1.0}
NEGATIVE = {"NEG": 1.0, "POS": 0.0}
Gold = Sequence[tuple[str, Mapping[str, float]]]


def write_corpus(
    folder: Path,
    *,
    train: Gold = (("train text", POSITIVE),),
    dev: Gold = (("dev text", POSITIVE),),
    test: Gold = (("test text", NEGATIVE),),
    unlabelled: Sequence[Mapping[str, Any]] = (),
    augmented: Sequence[Mapping[str, Any]] = (),
) -> Path:
    nlp = spacy.blank("xx")
    write_tokenizer(folder / "tokenizer", "xx", "[MASK]")
    (folder / "gold").mkdir()
    for split, rows in (("train", train), ("dev", dev), ("test", test)):
        doc_bin = DocBin(attrs=["ORTH", "SPACY"], store_user_data=True)
        for text, cats in rows:
            doc = nlp.make_doc(text)
            doc.cats = dict(cats)
            doc.user_data = {"lang": "nl", "origin": "gold"}
            doc_bin.add(doc)
        doc_bin.to_disk(folder / "gold" / f"{split}.spacy")
    for name, records in (("unlabelled", unlabelled), ("augmented", augmented)):
        lines = [json.dumps(record) + "\n" for record in records]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


def unlabelled_row(text: str, lang: str = "en") -> dict[str, str]:
    return {"text": text, "lang": lang}


def augmented_row(text: str, lang: str = "fr", method: str = "swap") -> dict[str, str]:
    return {"text": text, "lang": lang, "method": method}


def gather_rows(corpus: Path) -> list[dict[str, Any]]:
    spool, _ = gather_texts(Corpus(corpus))
    return list(spool.rows(range(len(spool))))


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[ScoreCache]:
    with ScoreCache(tmp_path / "scores.sqlite") as cache:
        yield cache


def make_rows(count: int) -> list[dict[str, Any]]:
    """Rows sorted by language and source, as they are gathered."""
    kinds = [(lang, source) for source in ("gold", "unlabelled", "swap") for lang in ("en", "nl")]
    each = count // len(kinds)
    return [
        {"text": f"text{n} {lang} {source} word{i * each + n}", "lang": lang, "origin": source}
        | ({"cats": POSITIVE} if source == "gold" else {})
        for i, (lang, source) in enumerate(kinds)
        for n in range(each)
    ]


def write(
    rows: list[dict[str, Any]], cache: ScoreCache, folder: Path, *, nlp: Language | None = None, seed: int = 0,
    shard_size: int = 20, silent: Iterable[str] = (),
) -> tuple[list[list[Doc]], list[int]]:  # fmt: skip
    """Write the rows and return the shards and the indices of the rows that were left out."""
    spool, teacher = TextSpool(), FakeTeacher(silent=silent)
    for row in rows:
        spool.append(row)
    scorer = Scorer(spool, teacher, cache, BatchSettings())
    list(scorer.run(run_here(teacher)))
    folder.mkdir()
    unscored = write_transfer(
        spool, scorer.read, nlp or spacy.blank("xx"), LABELS, folder, seed=seed, shard_size=shard_size
    )  # fmt: skip
    paths = sorted(folder.iterdir())
    assert [path.name for path in paths] == [f"{i:05}.spacy" for i in range(len(paths))]
    return [list(read_docs(path)) for path in paths], unscored


def texts_of(shards: list[list[Doc]]) -> list[str]:
    return [doc.text for shard in shards for doc in shard]


def test_transfer_gathers_all_three_sources_with_provenance_and_gold(tmp_path: Path) -> None:
    corpus = write_corpus(
        tmp_path,
        train=[("Mooi boek!", POSITIVE), ("Slecht boek.", NEGATIVE)],
        unlabelled=[unlabelled_row("A book.")],
        augmented=[augmented_row("Beau livre !", "fr", "swap"), augmented_row("Bad book", "en", "replace")],
    )
    assert gather_rows(corpus) == [
        {"text": "Mooi boek!", "lang": "nl", "origin": "gold", "cats": POSITIVE},
        {"text": "Slecht boek.", "lang": "nl", "origin": "gold", "cats": NEGATIVE},
        {"text": "A book.", "lang": "en", "origin": "unlabelled"},
        {"text": "Beau livre !", "lang": "fr", "origin": "swap"},
        {"text": "Bad book", "lang": "en", "origin": "replace"},
    ]


def test_transfer_counts_texts_by_language_and_source(tmp_path: Path) -> None:
    corpus = write_corpus(
        tmp_path,
        train=[("a", POSITIVE), ("b", NEGATIVE)],
        unlabelled=[unlabelled_row("c", "nl"), unlabelled_row("d", "en")],
        augmented=[augmented_row("e", "nl"), augmented_row("f", "nl"), augmented_row("g", "nl", "replace")],
    )
    _, counts = gather_texts(Corpus(corpus))
    assert counts == {"en": {"unlabelled": 1}, "nl": {"gold": 2, "replace": 1, "swap": 2, "unlabelled": 1}}
    assert [list(counts), list(counts["nl"])] == [["en", "nl"], ["gold", "replace", "swap", "unlabelled"]]


@pytest.mark.parametrize("lang,words", [("en", ["Do", "n't", "[MASK]", "!"]), ("xx", ["Don't", "[MASK]", "!"])])
def test_transfer_uses_the_students_tokenizer(tmp_path: Path, cache: ScoreCache, lang: str, words: list[str]) -> None:
    write_tokenizer(tmp_path / "tokenizer", lang, "[MASK]")
    row = {"text": "Don't [MASK]!", "lang": "en", "origin": "unlabelled"}
    [[doc]], _ = write([row], cache, tmp_path / "transfer", nlp=Corpus(tmp_path).tokenizer())
    assert [token.text for token in doc] == words


@pytest.mark.parametrize("split", ["dev", "test"])
@pytest.mark.parametrize("source", ["train", "unlabelled", "augmented"])
def test_transfer_refuses_texts_of_dev_and_test(tmp_path: Path, split: str, source: str) -> None:
    leaked = f"{split}  TEXT"
    rows: dict[str, Any] = {
        "train": [("other", POSITIVE), (leaked, POSITIVE)],
        "unlabelled": [unlabelled_row("other one"), unlabelled_row(leaked)],
        "augmented": [augmented_row("other two"), augmented_row(leaked)],
    }
    corpus = write_corpus(tmp_path, **{source: rows[source]})
    with pytest.raises(ValueError) as error:
        gather_texts(Corpus(corpus))
    assert f"A text of {split} is in the transfer set: {leaked!r}" in str(error.value)
    assert "python -m spacy project run prepare ." in str(error.value)


@pytest.mark.parametrize(
    "name,command",
    [
        ("gold/train.spacy", "prepare"),
        ("gold/dev.spacy", "prepare"),
        ("gold/test.spacy", "prepare"),
        ("unlabelled.jsonl", "prepare"),
        ("augmented.jsonl", "augment"),
        ("tokenizer", "augment"),
    ],
)
def test_transfer_missing_file_names_file_and_command(tmp_path: Path, name: str, command: str) -> None:
    corpus = write_corpus(tmp_path)
    (tmp_path / name).rename(tmp_path / "elsewhere")
    with pytest.raises(ValueError) as error:
        if name == "tokenizer":
            Corpus(corpus).tokenizer()
        gather_texts(Corpus(corpus))
    assert str(tmp_path / name) in str(error.value)
    assert f"python -m spacy project run {command} ." in str(error.value)


@pytest.mark.parametrize("name,command", [("unlabelled", "prepare"), ("augmented", "augment")])
@pytest.mark.parametrize(
    "line",
    [
        pytest.param("{", id="cut-off"),
        pytest.param("", id="blank"),
        pytest.param('"text"', id="string"),
        pytest.param('["text", "lang"]', id="list"),
        pytest.param('{"lang": "en"}', id="no-text"),
        pytest.param('{"text": "a"}', id="no-lang"),
        pytest.param('{"text": null, "lang": "en"}', id="null-text"),
        pytest.param('{"text": 5, "lang": "en"}', id="number"),
    ],
)
def test_transfer_broken_line_is_named_by_file_and_line(tmp_path: Path, name: str, command: str, line: str) -> None:
    corpus = write_corpus(tmp_path)
    path = tmp_path / f"{name}.jsonl"
    path.write_text(json.dumps(augmented_row("fine")) + f"\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError) as error:
        gather_texts(Corpus(corpus))
    assert f"{path}:2: " in str(error.value)
    assert f"python -m spacy project run {command} ." in str(error.value)


def test_transfer_leaves_no_file_in_the_corpus(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path)
    before = sorted(tmp_path.iterdir())
    spool, _ = gather_texts(Corpus(corpus))
    assert spool.texts([0]) == ["train text"]
    del spool
    assert sorted(tmp_path.iterdir()) == before


def test_transfer_docs_have_all_that_the_student_needs(tmp_path: Path, cache: ScoreCache) -> None:
    rows = [*make_rows(60), {"text": " A  naïve\tbook 😀\n", "lang": "fr", "origin": "replace"}]
    shards, unscored = write(rows, cache, tmp_path / "transfer", shard_size=7)
    expected = predict_all(FakeTeacher(), [row["text"] for row in rows], BatchSettings())
    scores = {row["text"]: values.tolist() for row, values in zip(rows, expected, strict=True)}
    assert sorted(texts_of(shards)) == sorted(row["text"] for row in rows)
    assert unscored == []
    by_text = {row["text"]: row for row in rows}
    for doc in (doc for shard in shards for doc in shard):
        row = by_text[doc.text]
        teacher_cats = dict(zip(LABELS, scores[doc.text], strict=True))
        assert doc.user_data == {"lang": row["lang"], "origin": row["origin"], "teacher_cats": teacher_cats}
        assert doc.cats == row.get("cats", {})
        assert [token.text_with_ws for token in doc] == [
            token.text_with_ws for token in spacy.blank("xx").make_doc(doc.text)
        ]


@pytest.mark.parametrize("count,sizes", [(6, [6]), (18, [18]), (24, [18, 6]), (36, [18, 18])])
def test_transfer_shards_have_the_size_that_is_asked_for(
    tmp_path: Path, cache: ScoreCache, count: int, sizes: list[int]
) -> None:
    shards, _ = write(make_rows(count), cache, tmp_path / "transfer", shard_size=18)
    assert [len(shard) for shard in shards] == sizes


def test_transfer_shards_mix_languages_and_sources(tmp_path: Path, cache: ScoreCache) -> None:
    shards, _ = write(make_rows(240), cache, tmp_path / "transfer", shard_size=40)
    assert len(shards) == 6
    for shard in shards:
        assert {doc.user_data["lang"] for doc in shard} == {"en", "nl"}
        assert {doc.user_data["origin"] for doc in shard} == {"gold", "unlabelled", "swap"}


def test_transfer_order_is_decided_by_the_seed(tmp_path: Path, cache: ScoreCache) -> None:
    rows = make_rows(60)
    orders = [texts_of(write(rows, cache, tmp_path / f"transfer{i}", seed=seed)[0]) for i, seed in enumerate((0, 0, 1))]
    assert orders[0] == orders[1]
    assert len({tuple(order) for order in (*orders, [row["text"] for row in rows])}) == 3
    assert (tmp_path / "transfer0" / "00000.spacy").read_bytes() == (
        tmp_path / "transfer1" / "00000.spacy"
    ).read_bytes()


def test_transfer_leaves_out_texts_without_an_answer(tmp_path: Path, cache: ScoreCache) -> None:
    rows = make_rows(60)
    silent = [rows[i]["text"] for i in (0, 25, 59)]
    shards, unscored = write(rows, cache, tmp_path / "transfer", silent=silent)
    texts = texts_of(shards)
    assert sorted([*texts, *silent]) == sorted(row["text"] for row in rows)
    assert sorted(unscored) == [0, 25, 59]
    assert all(type(i) is int for i in unscored)


def test_transfer_may_leave_out_all_texts(tmp_path: Path, cache: ScoreCache) -> None:
    rows = make_rows(60)
    shards, unscored = write(rows, cache, tmp_path / "transfer", silent=[row["text"] for row in rows])
    assert texts_of(shards) == []
    assert sorted(unscored) == list(range(60))


def test_transfer_does_not_let_the_vocabulary_grow(tmp_path: Path, cache: ScoreCache) -> None:
    nlp = spacy.blank("en")
    write(make_rows(6), cache, tmp_path / "first", nlp=nlp)
    strings, lexemes = len(nlp.vocab.strings), len(list(nlp.vocab))
    rows = [row | {"text": f"unseen{i} {row['text']}"} for i, row in enumerate(make_rows(60))]
    shards, _ = write(rows, cache, tmp_path / "second", nlp=nlp)
    assert sorted(texts_of(shards)) == sorted(row["text"] for row in rows)
    assert (len(nlp.vocab.strings), len(list(nlp.vocab))) == (strings, lexemes)


def test_transfer_is_read_by_the_student(tmp_path: Path, cache: ScoreCache) -> None:
    rows = make_rows(60)
    write(rows, cache, tmp_path / "transfer")
    examples = list(create_transfer_corpus(tmp_path / "transfer")(spacy.blank("xx")))
    assert sorted(example.reference.text for example in examples) == sorted(row["text"] for row in rows)
    assert {example.reference.user_data["origin"] for example in examples} == {"gold", "unlabelled", "swap"}
