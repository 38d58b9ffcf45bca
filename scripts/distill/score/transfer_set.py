"""The transfer set: gather its texts, and write them with the teacher's probabilities."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy
from spacy.language import Language
from spacy.tokens import Doc

from ..core.messages import quote, run_again
from ..data.corpus import Corpus
from ..data.docbins import write_docs
from ..data.origins import LANG, METHOD, ORIGIN, UNLABELLED
from ..data.teacher_scores import Scores, set_teacher_scores
from ..data.text_keys import normalize
from ..data.text_spool import TextSpool

# The key of a row with the gold labels of a train text.
CATS = "cats"
# Texts in a shard.
SHARD_SIZE = 2000


def gather_texts(corpus: Corpus) -> tuple[TextSpool, dict[str, dict[str, int]]]:
    """Read train, unlabelled and augmented texts; `prepare` and `augment` have dropped what is there twice.

    corpus (Corpus): Holds gold/{train,dev,test}.spacy, unlabelled.jsonl and augmented.jsonl.
    RETURNS (tuple[TextSpool, dict[str, dict[str, int]]]): The texts, each with its language, its origin ("gold",
        "unlabelled" or the augmentation method) and, if it is a train text, its labels. And language → origin → number
        of texts.
    RAISES (ValueError): If a file is missing or broken, or a text equals a dev or test text.
    """
    held_out = corpus.held_out()
    spool = TextSpool(corpus.folder)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in _read_all(corpus):
        if split := held_out.get(normalize(row["text"])):
            raise ValueError(
                f"A text of {split} is in the transfer set: {quote(row['text'])}. " + run_again("prepare", "augment")
            )
        spool.append(row)
        counts[row[LANG]][row[ORIGIN]] += 1
    return spool, {lang: dict(sorted(origins.items())) for lang, origins in sorted(counts.items())}


def _read_all(corpus: Corpus) -> Iterator[dict[str, Any]]:
    for doc in corpus.gold_docs("train"):
        yield {"text": doc.text, LANG: doc.user_data[LANG], ORIGIN: doc.user_data[ORIGIN], CATS: doc.cats}
    for row in corpus.unlabelled():
        yield {"text": row["text"], LANG: row[LANG], ORIGIN: UNLABELLED}
    for row in corpus.augmented():
        yield {"text": row["text"], LANG: row[LANG], ORIGIN: row[METHOD]}


def write_transfer(
    spool: TextSpool, read: Callable[[Sequence[int]], Scores], nlp: Language, labels: Sequence[str], folder: Path, *,
    seed: int, shard_size: int = SHARD_SIZE,
) -> list[int]:  # fmt: skip
    """Write the scored texts in a random order, so that each shard mixes languages and origins.

    spool (TextSpool): The texts.
    read (Callable): Takes indices of texts; returns their probabilities, shape (n_indices, n_labels), with a row of NaN
        where the teacher has no answer.
    nlp (Language): Tokenises the texts.
    labels (Sequence[str]): The labels, in the order of the columns.
    folder (Path): Where to write the shards. Only one shard is in memory at a time.
    seed (int): Decides the order.
    shard_size (int): Texts in a shard, 1 or more.
    RETURNS (list[int]): The indices of texts that the teacher has no answer for. These texts are not written.
    """
    order = list(range(len(spool)))
    random.Random(seed).shuffle(order)
    unscored: list[int] = []
    for number, start in enumerate(range(0, len(order), shard_size)):
        part = order[start : start + shard_size]
        # In a zone, the vocabulary does not grow with every new word.
        with nlp.memory_zone():
            docs = []
            for index, row, scores in zip(part, spool.rows(part), read(part), strict=True):
                if numpy.isnan(scores).any():
                    unscored.append(index)
                else:
                    docs.append(_make_doc(nlp, row, labels, scores))
            write_docs(docs, folder / f"{number:05}.spacy")
    return unscored


def _make_doc(nlp: Language, row: dict[str, Any], labels: Sequence[str], scores: Scores) -> Doc:
    doc = nlp.make_doc(row["text"])
    doc.cats = row.get(CATS, {})
    doc.user_data = {LANG: row[LANG], ORIGIN: row[ORIGIN]}
    set_teacher_scores(doc, labels, scores)
    return doc
