"""The page, from an evaluation of 120 made-up texts, some of them hostile."""

import copy
import json
import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
import spacy
from sklearn.metrics import confusion_matrix

from scripts.distill.data.corpus import GoldSplit
from scripts.distill.data.teacher_scores import Scores
from scripts.distill.evaluate.analysis import analyse
from scripts.distill.evaluate.comparison import compare_lengths, evaluate, undo_calibration
from scripts.distill.evaluate.report import SCRIPT, list_confusions, render, show_unseen
from scripts.distill.evaluate.verdict import judge

HOSTILE = ["<script>alert(1)</script>", "{{7*7}}{% raw %}", "a\x00b\x1b[31m\x85", '"><img src=x onerror=alert(2)>',
           "</style></details>", "\u202egnp.exe", "$x^2$ &amp; é 🎉 中文"]  # fmt: skip
LABELS = ['N<E>G"', "{{P}}OS"]


class FakeStudent:
    """Says what it is told to; of other texts, that it does not know."""

    def __init__(self, answers: dict[str, Any], n_labels: int) -> None:
        self.answers, self.n_labels = answers, n_labels

    def pipe(self, texts: Iterable[str]) -> Iterator[Scores]:
        for text in texts:
            yield self.answers.get(text, numpy.full(self.n_labels, 1 / self.n_labels, dtype="float32"))


def make_result(*, teacher: bool = True, limit: float | None = 0.7, labels: list[str] = LABELS) -> dict[str, Any]:
    """Make an evaluation. Teacher and student contradict the gold label of the hostile texts."""
    rng = numpy.random.default_rng(0)
    n, k = 120, len(labels)
    gold = rng.integers(0, k, n)
    texts = [f"{HOSTILE[i]} not {i}" if i < len(HOSTILE) else f"a film that is number {i}" for i in range(n)]
    split = GoldSplit(texts, ["en", "nl", "fr"] * 40, gold)

    def answer(errors: Iterable[int]) -> Any:
        said = gold.copy()
        said[list(errors)] = (said[list(errors)] + 1) % k
        scores = numpy.full((n, k), 0.1 / k, dtype="float32")
        scores[numpy.arange(n), said] += numpy.float32(0.9)
        return scores

    predictions = {"student": answer(range(20)), "baseline": answer(range(70)), "tfidf_logreg": answer(range(10, 50))}
    if teacher:
        predictions["teacher"] = answer([*range(7), *range(100, 109)])
    nlp = spacy.blank("en")
    limits = {"threshold": limit, "coverage": 1.0, "accuracy": 0.96, "lower": 0.95} if limit else None
    nlp.meta["thresholds"] = {t: {labels[0]: limits, **dict.fromkeys(labels[1:])} for t in ("0.9", "0.95", "0.99")}
    rows = [{"text": f"unlabelled {text}", "lang": "en"} for text in (*HOSTILE, "\ud800 half")]
    prepared = {"seed": 0, "kept": {"en": {"train": 9, "dev": n, "test": n, "unlabelled": len(rows)}}}
    corpus: Any = SimpleNamespace(
        labels=labels, prepared=prepared, gold=lambda name: split, unlabelled=lambda: iter(rows)
    )
    student = FakeStudent(dict(zip(texts, predictions["student"], strict=True)), k)
    found = {
        "data": "assets/<b>", "lang": "xx", "seed": 0, "split": "test", "labels": labels,
        "teacher": "hf:x" if teacher else None,
        "why_no_teacher": None if teacher else "it has no answer for 1 of 120 texts",
        **evaluate(predictions, split, undo_calibration(predictions["student"], 0.9, []), seed=0),
        "lengths": compare_lengths(predictions, split, labels),
        "size_bytes": {"student": 4_600_000}, "fingerprints": {"student": "abc"},
        **analyse(corpus, split, predictions, predictions["student"], student, nlp),
        "making": {
            "data": {"kept": prepared["kept"], "dropped": {"near_copy": 2}, "files": {"en/train.jsonl": "123"}},
            "augment": {"plan": {"augment": {"code": "</script>"}}, "total": 50, "duplicates_dropped": {"en": 3},
                        "leaks_dropped": {"en": 4}},
            "transfer": {"total": 70, "unscored": 1, "texts": {"en": {"gold": 9, "ngram": 61}}},
            "teacher": "hf:x", "libraries": {"spacy": "3"},
            "student": {"lang": "xx", "name": "sentiment", "version": "0.1.0", "license": "", "spacy_version": ">=3.8",
                        "calibration": {"temperature": 0.9, "bias": dict.fromkeys(labels, 0.0)},
                        "config_sha256": "def", "vectors": 0, "config": "[nlp]\nlang = <xx>"},
        },
        "benchmark": None,
    }  # fmt: skip
    found["verdict"] = judge(found)._asdict()
    # As it is read from metrics/evaluation.json.
    return dict(json.loads(json.dumps(found, allow_nan=False)))


class Page(HTMLParser):
    """Collects what a browser would show and do."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.scripts, self.open = "", "", ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open = tag
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.open == "script":
            self.scripts += data
        elif self.open != "style":
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        self.open = ""


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    return make_result()


@pytest.fixture(scope="module")
def html(result: dict[str, Any]) -> str:
    return render(result)


def test_report_shows_hostile_texts_and_labels_as_text(html: str) -> None:
    page = Page(html)
    for text in (*HOSTILE[:2], *HOSTILE[3:], "a␀b␛[31m\ufffd", "\ufffd half", *LABELS):
        assert text in page.text
    assert page.scripts == SCRIPT
    assert "img" not in {tag for tag, _ in page.tags}
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", html)
    html.encode("utf-8")


def test_report_loads_nothing(html: str) -> None:
    loading = {"src", "href", "xlink:href", "srcset", "action", "data", "poster"}
    addresses = [v for _, attributes in Page(html).tags for name, v in attributes.items() if name in loading and v]
    assert all(address.startswith("#") for address in addresses)
    assert not {tag for tag, _ in Page(html).tags} & {"link", "iframe", "object", "embed", "base"}
    assert "@import" not in html
    assert "url(http" not in html


def test_report_is_a_function_of_the_evaluation(result: dict[str, Any], html: str) -> None:
    assert render(result) == html
    assert len(html.encode()) < 500_000
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(set(ids)) == len(ids)


def test_report_has_the_verdict_the_gaps_and_the_threshold(result: dict[str, Any], html: str) -> None:
    text = " ".join(Page(html).text.split())
    assert re.search(r"(Ship|Ship with a threshold|Do not ship): ", text)
    # Of 120 answers, the student has 100 right, the teacher 104, the controls 80 and 50.
    assert (
        "The student is right on 83.3 % of the texts, 3.3 points under its teacher, 16.7 points above TF-IDF + "
        "logistic regression, 41.7 points above the baseline." in text
    )
    deployed = result["thresholds"]["0.95"]
    assert f"answers {100 * deployed['coverage']:.1f} % of the test texts" in text


def test_report_numbers_are_those_of_scikit_learn(result: dict[str, Any]) -> None:
    gold = numpy.random.default_rng(0).integers(0, 2, 120)
    said = gold.copy()
    said[:20] = 1 - said[:20]
    assert result["confusion"]["student"] == confusion_matrix(gold, said).tolist()
    answered = said == 0
    found = result["thresholds"]["0.95"]
    assert found["coverage"] == pytest.approx(answered.mean())
    assert found["answered"]["accuracy"] == pytest.approx((gold[answered] == 0).mean())
    assert found["needed"] == 104
    assert result["dev"]["said"] == {label: int((said == index).sum()) for index, label in enumerate(LABELS)}
    assert len(result["suspects"]) == 7
    assert len(result["disagreements"]) == 20


def test_report_warns_of_a_pointless_teacher(result: dict[str, Any], html: str) -> None:
    assert "distilling it is pointless" not in html
    worse = copy.deepcopy(result)
    worse["overall"]["systems"]["tfidf_logreg"]["accuracy"] = 1.0
    worse["verdict"] = judge(worse)._asdict()
    text = " ".join(Page(render(worse)).text.split())
    assert "The teacher is not above TF-IDF + logistic regression: distilling it is pointless." in text
    assert "Do not ship: TF-IDF + logistic regression is right on 100 %" in text


def test_report_without_a_teacher_a_threshold_or_unlabelled_texts() -> None:
    result = make_result(teacher=False, limit=None)
    result |= {"label_next": None, "slices": []}
    text = " ".join(Page(render(result)).text.split())
    assert "The teacher is not part of the comparison: it has no answer for 1 of 120 texts" in text
    assert "There is no threshold to deploy: the dev texts are too few" in text
    assert "There are no unlabelled texts" in text
    assert "Suspect labels" not in text
    assert "There are too few texts for slices." in text


def test_report_names_the_command_that_measures_or_shows_what_it_measured(result: dict[str, Any], html: str) -> None:
    assert "python -m spacy project run benchmark ." in html
    row = {"accuracy": 0.8, "docs_per_second": 773.4, "size_bytes": 5e6, "wheel_bytes": None, "startup_s": 0.61,
           "peak_rss_bytes": 2e8}  # fmt: skip
    measured = {"split": "test", "n": 120, "systems": {"student": row, "bow": row}}
    text = " ".join(Page(render(result | {"benchmark": measured})).text.split())
    assert "On one core the student reads 773 texts a second, loads in 0.6 s, and needs 200 MB of memory." in text


def test_report_of_many_labels_lists_the_most_frequent_errors() -> None:
    page = Page(render(make_result(labels=[f"L{i}" for i in range(40)])))
    assert "shade" not in {attributes.get("class") for tag, attributes in page.tags if tag == "td"}
    assert list_confusions([[5, 2, 0], [0, 5, 3], [1, 0, 0]], ["A", "B", "C"]) == [
        ("B", "C", 3), ("A", "B", 2), ("C", "A", 1),
    ]  # fmt: skip


def test_report_shows_control_characters_as_pictures() -> None:
    assert show_unseen("a\tb\n\x00\x1f\x7f\x9f\udfff") == "a\tb\n␀␟\ufffd\ufffd\ufffd"
    assert show_unseen(3) == 3
