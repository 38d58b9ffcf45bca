import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pytest
from spacy.tokens import Doc

from scripts.distill.core.files import hash_folder
from scripts.distill.data.corpus import Corpus
from scripts.distill.data.docbins import read_docs
from scripts.distill.score.cache import ScoreCache
from scripts.distill.score.score import is_near_chance, score_by_spec, score_corpus, score_texts
from scripts.distill.score.scorer import Batch, BatchSettings, ScoredBatch, score_batch
from scripts.distill.teacher.teachers import MeanTeacher, Teacher
from tests.helpers import ROOT, predict_all
from tests.score.test_scorer import LABELS, TEXTS, FakeTeacher
from tests.score.test_transfer_set import NEGATIVE, POSITIVE, augmented_row, unlabelled_row, write_corpus

SETTINGS = BatchSettings(texts=3, characters=100)
TRAIN = [("Mooi boek!", POSITIVE), ("Slecht boek.", NEGATIVE)]
UNLABELLED = [unlabelled_row(f"A book {i}.") for i in range(8)]
AUGMENTED = [augmented_row(f"Beau livre {i} !") for i in range(3)]


@dataclass
class Bar:
    """A progress bar: of how many texts how many are done, and whether it was left."""

    total: int
    done: int = 0
    closed: bool = False


@pytest.fixture(autouse=True)
def bars(monkeypatch: pytest.MonkeyPatch) -> list[Bar]:
    """The bars that scoring shows."""
    made: list[Bar] = []

    def track(items: Iterable[Any], description: str, total: int) -> Iterator[Any]:
        assert description == "scoring"
        bar = Bar(total)
        made.append(bar)
        try:
            for item in items:
                bar.done += 1
                yield item
        finally:
            bar.closed = True

    monkeypatch.setattr("scripts.distill.score.score.track", track)
    return made


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[ScoreCache]:
    with ScoreCache(tmp_path / "scores.sqlite") as cache:
        yield cache


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "corpus").mkdir()
    corpus = write_corpus(tmp_path / "corpus", train=TRAIN, unlabelled=UNLABELLED, augmented=AUGMENTED)
    set_prepared(corpus, "data")
    return corpus


def set_prepared(corpus: Path, data: str) -> str:
    """Say that the corpora were made from some data, and return its fingerprint."""
    (corpus / "prepare.json").write_text(json.dumps({"data": data}), encoding="utf-8")
    fingerprint = hashlib.sha256((corpus / "prepare.json").read_bytes()).hexdigest()
    (corpus / "augment.json").write_text(json.dumps({"prepare_sha256": fingerprint}), encoding="utf-8")
    return fingerprint


def add_unlabelled(corpus: Path, texts: Iterable[str]) -> None:
    with (corpus / "unlabelled.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(unlabelled_row(text)) + "\n" for text in texts)


def score(corpus: Path, teacher: Teacher, cache: ScoreCache, seed: int = 0, **settings: Any) -> dict[str, Any]:
    return score_corpus(
        Corpus(corpus), corpus / "transfer", teacher, cache, SETTINGS, spec="spacy:fake", seed=seed, **settings
    )  # fmt: skip


def read_transfer(corpus: Path) -> list[Doc]:
    return [doc for path in sorted((corpus / "transfer").iterdir()) for doc in read_docs(path)]


def read_files(corpus: Path) -> dict[str, bytes]:
    return {str(path.relative_to(corpus)): path.read_bytes() for path in corpus.rglob("*") if path.is_file()}


def test_scored_corpus_has_every_text_with_its_probabilities(corpus: Path, cache: ScoreCache) -> None:
    score(corpus, FakeTeacher(), cache)
    docs = {doc.text: doc for doc in read_transfer(corpus)}
    texts = [*(text for text, _ in TRAIN), *(row["text"] for row in (*UNLABELLED, *AUGMENTED))]
    assert sorted(docs) == sorted(texts)
    for text, row in zip(texts, predict_all(FakeTeacher(), texts, SETTINGS).tolist(), strict=True):
        assert docs[text].user_data["teacher_cats"] == dict(zip(LABELS, row, strict=True))
    assert (docs["Slecht boek."].cats, docs["A book 0."].cats) == (NEGATIVE, {})


def test_scored_corpus_has_a_summary(corpus: Path, cache: ScoreCache) -> None:
    summary = score(corpus, FakeTeacher(silent=["A book 2."]), cache)
    written = json.loads((corpus / "score.json").read_text(encoding="utf-8"))
    assert written == {
        "teacher": "spacy:fake",
        "teacher_fingerprint": "f" * 64,
        "member_fingerprints": ["f" * 64],
        "labels": LABELS,
        "total": 12,
        "prepare_sha256": hashlib.sha256((corpus / "prepare.json").read_bytes()).hexdigest(),
        "transfer_sha256": hash_folder(corpus / "transfer"),
        "texts": {"en": {"unlabelled": 8}, "fr": {"swap": 3}, "nl": {"gold": 2}},
        "unscored": 1,
    }
    assert summary.pop("texts_per_second") > 0
    assert 0.5 <= summary.pop("confidence") <= 1
    assert summary == written | {"newly_scored": 13}


def test_scored_corpus_names_the_members_of_a_mean(corpus: Path, cache: ScoreCache) -> None:
    mean = MeanTeacher([FakeTeacher()])
    summary = score(corpus, mean, cache)
    assert summary["teacher_fingerprint"] == mean.fingerprint != "f" * 64
    assert summary["member_fingerprints"] == [teacher.fingerprint for teacher in cache.teachers()] == ["f" * 64]


def test_scored_corpus_scores_nothing_the_second_time_and_writes_the_same(
    corpus: Path, cache: ScoreCache, bars: list[Bar]
) -> None:
    score(corpus, FakeTeacher(), cache)
    before, teacher = read_files(corpus), FakeTeacher()
    summary = score(corpus, teacher, cache)
    assert teacher.batches == []
    assert (summary["newly_scored"], summary["texts_per_second"], len(bars)) == (0, None, 1)
    assert read_files(corpus) == before
    assert {"transfer/00000.spacy", "score.json", "unscored.jsonl"} <= set(before)


def test_scored_corpus_says_how_many_texts_the_teacher_is_asked_about_before(
    corpus: Path, cache: ScoreCache, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="not now"):
        score(corpus, FakeTeacher(fail_at=1, error=ValueError("not now")), cache)
    assert "Asking fake about 13 texts of 13" in capsys.readouterr().out
    score(corpus, FakeTeacher(), cache)
    capsys.readouterr()
    score(corpus, FakeTeacher(), cache)
    assert "Asking" not in capsys.readouterr().out


def test_scored_corpus_asks_about_as_many_texts_as_the_limit_in_each_run(corpus: Path, cache: ScoreCache) -> None:
    asked: set[str] = set()
    for total, new in ((5, 5), (10, 5), (13, 3)):
        teacher = FakeTeacher()
        summary = score(corpus, teacher, cache, limit=5)
        assert (summary["total"], summary["newly_scored"], len(teacher.texts)) == (total, new, new)
        assert not asked.intersection(teacher.texts)
        asked.update(teacher.texts)
        assert {doc.text for doc in read_transfer(corpus)} == asked
        unscored = (corpus / "unscored.jsonl").read_text(encoding="utf-8").splitlines()
        assert len(unscored) == summary["unscored"] == 13 - total


def test_scored_corpus_does_not_ask_again_where_the_teacher_has_no_answer(corpus: Path, cache: ScoreCache) -> None:
    texts = [f"A book {i}." for i in range(8)]
    asked: list[str] = []
    for _ in range(4):
        teacher = FakeTeacher(silent=texts)
        summary = score(corpus, teacher, cache, limit=4)
        asked += teacher.texts
    assert len(asked) == len(set(asked)) == 13
    assert (summary["total"], summary["unscored"], summary["newly_scored"]) == (5, 8, 1)


def test_scored_corpus_does_not_ask_again_what_another_job_has_scored_since(
    corpus: Path, cache: ScoreCache, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped = FakeTeacher(fail_at=2, error=ValueError("not now"))
    with pytest.raises(ValueError, match="not now"):
        score(corpus, stopped, cache)
    limited = FakeTeacher()
    score(corpus, limited, cache, limit=7)
    capsys.readouterr()
    last = FakeTeacher()
    summary = score(corpus, last, cache)
    first = stopped.batches[0]
    assert sorted([*first, *limited.texts, *last.texts]) == sorted({*first, *limited.texts, *last.texts})
    assert len(first) + len(limited.texts) + len(last.texts) == summary["total"] == 13
    assert f"Asking fake about {len(last.texts)} texts of 13" in capsys.readouterr().out


def test_scored_corpus_scores_only_new_texts(corpus: Path, cache: ScoreCache, bars: list[Bar]) -> None:
    score(corpus, FakeTeacher(), cache)
    before = {doc.text: doc.user_data for doc in read_transfer(corpus)}
    add_unlabelled(corpus, ["new one", "new two"])
    set_prepared(corpus, "more data")
    teacher = FakeTeacher()
    assert score(corpus, teacher, cache)["newly_scored"] == 2
    assert sorted(teacher.texts) == ["new one", "new two"]
    assert (bars[1].total, bars[1].done) == (2, 2)
    after = {doc.text: doc.user_data for doc in read_transfer(corpus)}
    assert set(after) - set(before) == {"new one", "new two"}
    assert {text: after[text] for text in before} == before


def test_scored_corpus_scores_all_again_for_another_teacher(corpus: Path, cache: ScoreCache) -> None:
    score(corpus, FakeTeacher(), cache)
    teacher = FakeTeacher(fingerprint="e" * 64)
    assert score(corpus, teacher, cache)["newly_scored"] == len(teacher.texts) == 13


def test_scored_corpus_order_is_decided_by_the_seed(corpus: Path, cache: ScoreCache) -> None:
    orders = []
    for seed in (0, 0, 1):
        score(corpus, FakeTeacher(), cache, seed=seed)
        orders.append([doc.text for doc in read_transfer(corpus)])
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]


def test_scored_corpus_moves_the_bar_by_every_text_once(corpus: Path, cache: ScoreCache, bars: list[Bar]) -> None:
    teacher = FakeTeacher(silent=["A book 2."])
    score(corpus, teacher, cache)
    [bar] = bars
    assert bar == Bar(total=13, done=13, closed=True)


def test_scored_corpus_leaves_out_texts_without_an_answer_for_good(corpus: Path, cache: ScoreCache) -> None:
    silent = ["A book 2.", "Slecht boek."]
    assert score(corpus, FakeTeacher(silent=silent), cache)["unscored"] == 2
    rows = [json.loads(line) for line in (corpus / "unscored.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sorted(rows, key=lambda row: row["text"]) == [
        {"text": "A book 2.", "lang": "en", "origin": "unlabelled"},
        {"text": "Slecht boek.", "lang": "nl", "origin": "gold"},
    ]
    assert not {doc.text for doc in read_transfer(corpus)} & set(silent)
    assert len(read_transfer(corpus)) == 11
    teacher = FakeTeacher()
    summary = score(corpus, teacher, cache)
    assert teacher.texts == []
    assert (summary["newly_scored"], summary["unscored"], summary["total"]) == (0, 2, 11)
    assert len((corpus / "unscored.jsonl").read_bytes().splitlines()) == 2
    assert len(read_transfer(corpus)) == 11


def test_scored_corpus_keeps_the_old_one_if_the_teacher_has_no_answers(corpus: Path, cache: ScoreCache) -> None:
    score(corpus, FakeTeacher(), cache)
    before = read_files(corpus)
    everything = [doc.text for doc in read_transfer(corpus)]
    with pytest.raises(ValueError, match="The teacher fake has no answer for any of the 13 texts"):
        score(corpus, FakeTeacher(silent=everything, fingerprint="e" * 64), cache)
    assert read_files(corpus) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("out of memory")], ids=repr)
def test_scored_corpus_goes_on_after_an_interruption(
    corpus: Path, cache: ScoreCache, bars: list[Bar], error: BaseException
) -> None:
    score(corpus, FakeTeacher(), cache)
    before = read_files(corpus)
    first, second = FakeTeacher(fail_at=3, error=error, fingerprint="e" * 64), FakeTeacher(fingerprint="e" * 64)
    with pytest.raises(type(error)):
        score(corpus, first, cache)
    assert read_files(corpus) == before
    done = [text for batch in first.batches[:2] for text in batch]
    assert (bars[1].closed, bars[1].done) == (True, len(done))
    assert score(corpus, second, cache)["newly_scored"] == 13 - len(done)
    assert sorted([*done, *second.texts]) == sorted(doc.text for doc in read_transfer(corpus))


def test_scored_corpus_is_unknown_if_scoring_stops_after_the_transfer_set(
    corpus: Path, cache: ScoreCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    score(corpus, FakeTeacher(), cache)

    def stop(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("scripts.distill.score.score.write_jsonl", stop)
    with pytest.raises(KeyboardInterrupt):
        score(corpus, FakeTeacher(fingerprint="e" * 64), cache)
    assert not (corpus / "score.json").exists()


def test_scored_corpus_runs_on_the_engine_it_is_given(corpus: Path, cache: ScoreCache) -> None:
    numbers = []

    def engine(batches: Iterable[Batch]) -> Iterator[ScoredBatch]:
        for batch in batches:
            numbers.append(batch.number)
            yield score_batch(FakeTeacher(), batch)

    teacher = FakeTeacher()
    assert score(corpus, teacher, cache, engine=engine)["total"] == 13
    assert (teacher.batches, numbers) == ([], list(range(len(numbers))))
    assert numbers


@pytest.mark.parametrize("command", ["prepare", "augment"])
def test_scored_corpus_refuses_missing_corpora(corpus: Path, cache: ScoreCache, command: str) -> None:
    (corpus / f"{command}.json").unlink()
    teacher = FakeTeacher()
    with pytest.raises(ValueError) as error:
        score(corpus, teacher, cache)
    assert str(corpus / f"{command}.json") in str(error.value)
    assert f"python -m spacy project run {command} ." in str(error.value)
    assert teacher.batches == []


def test_scored_corpus_refuses_corpora_of_other_data(corpus: Path, cache: ScoreCache) -> None:
    (corpus / "prepare.json").write_text('{"data": "other"}', encoding="utf-8")
    teacher = FakeTeacher()
    with pytest.raises(ValueError) as error:
        score(corpus, teacher, cache)
    assert f"{corpus / 'augment.json'}: made from other data" in str(error.value)
    assert teacher.batches == []
    assert not (corpus / "transfer").exists()


@pytest.mark.parametrize(
    "texts",
    [[], ["b"], ["b", "a", "b", "c c", "b", "", "a"], TEXTS, TEXTS[::-1]],
    ids=["none", "one", "repeated", "sorted", "reversed"],
)
def test_scored_texts_come_in_their_order(cache: ScoreCache, bars: list[Bar], texts: list[str]) -> None:
    unique = sorted(set(texts))
    expected = dict(zip(unique, predict_all(FakeTeacher(), unique, SETTINGS).tolist(), strict=True))
    teacher = FakeTeacher()
    scores = score_texts(texts, teacher, cache, SETTINGS)
    assert (scores.shape, scores.dtype) == ((len(texts), 2), numpy.dtype("float32"))
    assert scores.tolist() == [expected[text] for text in texts]
    assert sorted(teacher.texts) == unique
    assert bars == ([Bar(len(unique), len(unique), closed=True)] if texts else [])


def test_scored_texts_are_kept_for_the_transfer_set_and_back(corpus: Path, cache: ScoreCache) -> None:
    texts = ["A book 3.", "Mooi boek!"]
    scores = score_texts(texts, FakeTeacher(), cache, SETTINGS)
    teacher = FakeTeacher()
    assert score(corpus, teacher, cache)["newly_scored"] == 11
    assert not set(teacher.texts) & set(texts)
    again = FakeTeacher()
    assert numpy.array_equal(score_texts(texts[::-1], again, cache, SETTINGS), scores[::-1])
    assert again.batches == []


def test_scored_texts_without_an_answer_are_rows_of_nan(cache: ScoreCache) -> None:
    scores = score_texts(TEXTS, FakeTeacher(silent=[TEXTS[4]]), cache, SETTINGS)
    assert numpy.isnan(scores).all(axis=1).tolist() == [i == 4 for i in range(12)]


def test_scored_of_several_teachers_each_is_asked_once_and_the_mean_is_taken(corpus: Path, cache: ScoreCache) -> None:
    first, second = FakeTeacher(), FakeTeacher(fingerprint="e" * 64, silent=["A book 2."])
    expected = score_texts(["A book 1.", "A book 2."], first, cache, SETTINGS)
    first.batches.clear()
    summary = score(corpus, MeanTeacher([first, second]), cache)
    assert sorted(first.texts) == sorted(set(second.texts) - {"A book 1.", "A book 2."})
    assert summary["newly_scored"] == len(first.texts) + len(second.texts)
    assert summary["unscored"] == 1
    docs = {doc.text: doc for doc in read_transfer(corpus)}
    others = score_texts(["A book 1."], second, cache, SETTINGS)
    assert list(docs["A book 1."].user_data["teacher_cats"].values()) == ((expected[0] + others[0]) / 2).tolist()
    rows = score_texts(["A book 2.", "A book 1."], MeanTeacher([first, second]), cache, SETTINGS)
    assert numpy.isnan(rows[0]).all()
    assert rows[1].tolist() == ((expected[0] + others[0]) / 2).tolist()


@pytest.mark.parametrize(
    "confidence,n_labels,near",
    [(0.5, 2, True), (0.62, 2, True), (0.63, 2, False), (0.41, 3, True), (0.51, 3, False), (0.95, 3, False)],
)
def test_scored_teacher_near_chance(confidence: float, n_labels: int, near: bool) -> None:
    assert is_near_chance(confidence, n_labels) == near


@pytest.mark.parametrize(
    "spec,ray,stale,message",
    [
        ("mean:hf:a,hf:b", True, False, r"Ray can't score with mean:hf:a,hf:b\. Score with each"),
        ("hf:a", False, True, r"augment\.json: made from other data .*project run augment \."),
    ],
    ids=["a mean by Ray", "stale texts"],
)
def test_scored_by_spec_stops_before_the_teacher_is_loaded(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, spec: str, ray: bool, stale: bool, message: str
) -> None:
    monkeypatch.setattr("scripts.distill.score.score.load_teacher", lambda *given, **more: pytest.fail("loaded"))
    if stale:
        (corpus / "prepare.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        score_by_spec(
            Corpus(corpus), corpus / "transfer", spec, teacher_model=corpus / "none",
            settings_path=ROOT / "configs/score.cfg", cache=corpus / "scores.sqlite", seed=0, ray=ray,
        )  # fmt: skip
