"""Texts that a person should look at: disagreements, likely errors among the labels, and what to label next."""

import re
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy
from spacy.language import Language

from ..data.corpus import Corpus, GoldSplit
from ..data.origins import LANG, UNLABELLED
from .comparison import STUDENT, TEACHER, Predictions, System
from .metrics import Labels, Probabilities
from .slices import is_word

# Texts in each list, and characters of each text.
MOST_TEXTS, MOST_CHARACTERS = 20, 2000
# A gold label that both teacher and student contradict with at least this probability is suspect.
SURE = 0.8
# So many words of a text are left out, one at a time; so many of them are named; an effect below this is none.
MOST_WORDS, MOST_NAMED, SMALLEST_EFFECT = 200, 5, 0.01
# So many unlabelled texts are read by the student at most.
MOST_UNLABELLED = 2000
# Texts that share at least this much of their words (Jaccard similarity) are of one kind.
SAME_KIND = 0.3


def find_disagreements(predictions: Predictions) -> list[int]:
    """Return the texts that get another label from the student than from the teacher, the farthest apart first.

    predictions (dict[str, NDArray]): Has probabilities of "student" and "teacher", shape (n_texts, n_labels).
    RETURNS (list[int]): Their numbers, twenty at most. How far two rows are apart is their total variation distance.
    """
    student, teacher = predictions[STUDENT], predictions[TEACHER]
    distance = abs(student - teacher).sum(axis=1) / 2
    return _first(distance, student.argmax(axis=1) != teacher.argmax(axis=1))


def find_suspects(predictions: Predictions, gold: Labels) -> list[int]:
    """Return the texts whose gold label teacher and student contradict with one voice, the surest first.

    predictions (dict[str, NDArray]): Has probabilities of "student" and "teacher", shape (n_texts, n_labels).
    gold (NDArray[int64]): Label indices, shape (n_texts,).
    RETURNS (list[int]): Their numbers, twenty at most. Both give the label a probability of at least 0.8.
    """
    student, teacher = predictions[STUDENT], predictions[TEACHER]
    said, both = student.argmax(axis=1), numpy.minimum(student.max(axis=1), teacher.max(axis=1))
    return _first(both, (said == teacher.argmax(axis=1)) & (said != gold) & (both >= SURE))


def _first(scores: Any, chosen: Any) -> list[int]:
    """Return the numbers of the chosen rows, the highest scores first, twenty at most."""
    order = numpy.argsort(-scores, kind="stable")
    return [int(index) for index in order[chosen[order]][:MOST_TEXTS]]


def describe_texts(
    indices: Sequence[int], predictions: Predictions, split: GoldSplit, labels: Sequence[str],
    words: Mapping[str, Sequence[tuple[str, float]]],
) -> list[dict[str, Any]]:  # fmt: skip
    """Return what a person needs to judge some texts.

    indices (Sequence[int]): The numbers of the texts.
    predictions (dict[str, NDArray]): System → probabilities, shape (n_texts, n_labels).
    split (GoldSplit): The texts and their gold labels.
    labels (Sequence[str]): The project's labels, in the order of the columns.
    words (Mapping[str, Sequence[tuple[str, float]]]): Text → what `find_words` returned.
    RETURNS (list[dict[str, Any]]): Of each text: "text", cut after 2,000 characters; "lang"; "gold"; "said": "student"
        and "teacher" → its label and the label's probability; "words".
    """
    return [
        {
            "text": clip(split.texts[index]),
            "lang": split.langs[index],
            "gold": labels[split.labels[index]],
            "said": {name: _answer(predictions[name][index], labels) for name in (STUDENT, TEACHER)},
            "words": list(words[split.texts[index]]),
        }
        for index in indices
    ]


def _answer(scores: Probabilities, labels: Sequence[str]) -> tuple[str, float]:
    return labels[int(scores.argmax())], float(scores.max())


def clip(text: str) -> str:
    """Return a text, cut after 2,000 characters."""
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"


def find_words(student: System, nlp: Language, texts: Sequence[str]) -> dict[str, list[tuple[str, float]]]:
    """Return the words of each text without which the student would be less sure of its label.

    Each of the first 200 words is left out once. (Two words left out together may do more than both do alone.)

    student (System): Tells the probabilities.
    nlp (Language): Says what a word is.
    texts (Sequence[str]): The texts.
    RETURNS (dict[str, list[tuple[str, float]]]): Text → five words at most, the most important one first, each with how
        much the probability of the text's label falls without it.
    """
    # Not a text's only word: an empty text in a batch is an error of spaCy's.
    words = {
        text: [token for token in nlp.make_doc(text) if is_word(token.text) and len(token) < len(text)][:MOST_WORDS]
        for text in texts
    }
    variants = [[text, *(text[: w.idx] + text[w.idx + len(w) :] for w in found)] for text, found in words.items()]
    scores = numpy.asarray(list(student.pipe(variant for each in variants for variant in each)))
    result = {}
    bounds = pairwise(accumulate((len(each) for each in variants), initial=0))
    for (text, found), (start, end) in zip(words.items(), bounds, strict=True):
        label = scores[start].argmax()
        effects = scores[start, label] - scores[start + 1 : end, label]
        named = [int(index) for index in numpy.argsort(-effects, kind="stable") if effects[index] >= SMALLEST_EFFECT]
        result[text] = [(found[index].text, float(effects[index])) for index in named[:MOST_NAMED]]
    return result


def read_unlabelled(corpus: Corpus) -> list[dict[str, str]]:
    """Return unlabelled texts: 2,000 at most, as many of each language, evenly spread over the file.

    corpus (Corpus): Holds unlabelled.jsonl and prepare.json.
    RETURNS (list[dict[str, str]]): Rows with "text" and "lang".
    """
    there = {lang: kept[UNLABELLED] for lang, kept in corpus.prepared["kept"].items() if kept[UNLABELLED]}
    # Every n-th text of a language is taken; rounded up, so that there are not too many.
    step = {lang: -(-count // max(1, MOST_UNLABELLED // len(there))) for lang, count in there.items()}
    seen = dict.fromkeys(there, 0)
    rows = []
    for row in corpus.unlabelled():
        if seen[row[LANG]] % step[row[LANG]] == 0:
            rows.append(row)
        seen[row[LANG]] += 1
    return rows


def choose_to_label(texts: Sequence[str], probabilities: Probabilities) -> list[int]:
    """Return which unlabelled texts to label next: where the student is least sure, one of each kind.

    A text is of the kind of a chosen one if the Jaccard similarity of their sets of words is at least 0.3.

    texts (Sequence[str]): The unlabelled texts.
    probabilities (NDArray): What the student says of them, shape (n_texts, n_labels).
    RETURNS (list[int]): The numbers of twenty texts at most.
    """
    chosen: list[int] = []
    words = [frozenset(re.findall(r"\w+", text.casefold())) for text in texts]
    for index in numpy.argsort(probabilities.max(axis=1), kind="stable").tolist():
        if len(chosen) == MOST_TEXTS:
            break
        if words[index] and not any(_jaccard(words[index], words[other]) >= SAME_KIND for other in chosen):
            chosen.append(index)
    return chosen


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / len(a | b)


def to_label_next(rows: Sequence[Mapping[str, str]], student: System, labels: Sequence[str]) -> dict[str, Any]:
    """Let the student read unlabelled texts, and choose the next ones to label.

    rows (Sequence[Mapping[str, str]]): Rows with "text" and "lang", one or more.
    student (System): Tells the probabilities.
    labels (Sequence[str]): The project's labels, in the order of the columns.
    RETURNS (dict[str, Any]): "read", how many texts were read; "texts": the chosen ones, each with "text", "lang" and
        "scores": label → probability.
    """
    texts = [row["text"] for row in rows]
    scores = numpy.asarray(list(student.pipe(texts)))
    chosen = [
        {
            "text": clip(rows[index]["text"]),
            "lang": rows[index][LANG],
            "scores": dict(zip(labels, scores[index].tolist(), strict=True)),
        }
        for index in choose_to_label(texts, scores)
    ]
    return {"read": len(rows), "texts": chosen}
