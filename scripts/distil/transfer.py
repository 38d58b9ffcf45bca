"""Gather the texts of the transfer set and put the teacher's probabilities on them."""

import itertools
import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import spacy
from spacy.tokens import Doc

from .gold import LANG, METHOD, SOURCE, read_gold
from .splits import UNLABELLED, normalize
from .teacher_scores import Scores, set_teacher_scores


def gather_docs(corpus: Path) -> list[Doc]:
    """Read train, unlabelled and augmented texts; of equal texts only the first stays.

    corpus (Path): Holds gold/{train,dev,test}.spacy, unlabelled.jsonl, augmented.jsonl, and the
        student's tokenizer/.
    RETURNS (list[Doc]): The docs, with their language and source; train docs have their labels.
    RAISES (ValueError): If a file is missing or broken, or a text equals one of dev or test.
    """
    gold = corpus / "gold"
    if not (corpus / "tokenizer").exists():
        raise ValueError(f"{corpus / 'tokenizer'}: no such folder. Make it with: python -m spacy project run augment .")
    nlp = spacy.load(corpus / "tokenizer")
    docs: dict[str, Doc] = {}
    for doc in read_gold(gold / "train.spacy"):
        docs.setdefault(normalize(doc.text), doc)
    unlabelled_rows = ((row, UNLABELLED) for row in _read_rows(corpus / "unlabelled.jsonl", "prepare", ("text", LANG)))
    rows = _read_rows(corpus / "augmented.jsonl", "augment", ("text", LANG, METHOD))
    augmented_rows = ((row, row[METHOD]) for row in rows)
    for row, source in itertools.chain(unlabelled_rows, augmented_rows):
        key = normalize(row["text"])
        if key not in docs:
            docs[key] = nlp.make_doc(row["text"])
            docs[key].user_data = {LANG: row[LANG], SOURCE: source}
    for split in ("dev", "test"):
        for doc in read_gold(gold / f"{split}.spacy"):
            if normalize(doc.text) in docs:
                raise ValueError(
                    f"A text of {split} is in the transfer set: {doc.text[:60]!r}. Make the corpora anew with: "
                    "python -m spacy project run prepare . and then augment"
                )
    return list(docs.values())


def finish_docs(docs: list[Doc], labels: list[str], scores: Scores, *, seed: int) -> Iterator[Doc]:
    """Put the teacher's probabilities on docs and yield them in a random order.

    labels (list[str]): The order of the columns.
    scores (NDArray[float32]): Shape (n_docs, n_labels).
    seed (int): Decides the order.
    """
    order = list(range(len(docs)))
    random.Random(seed).shuffle(order)
    for i in order:
        set_teacher_scores(docs[i], labels, scores[i])
        yield docs[i]


def count_sources(docs: Iterable[Doc]) -> dict[str, dict[str, int]]:
    """Count docs by language and source."""
    counts = Counter((doc.user_data[LANG], doc.user_data[SOURCE]) for doc in docs)
    result: dict[str, dict[str, int]] = {}
    for (lang, source), count in sorted(counts.items()):
        result.setdefault(lang, {})[source] = count
    return result


def _read_rows(path: Path, command: str, keys: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Yield the rows of a JSONL file that `command` makes; each has strings under `keys`."""
    remedy = f"Make it with: python -m spacy project run {command} ."
    if not path.exists():
        raise ValueError(f"{path}: no such file. {remedy}")
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                row = json.loads(line)
                if not all(isinstance(row[key], str) for key in keys):
                    raise TypeError("a value is not a string")
            except (ValueError, KeyError, TypeError) as err:
                raise ValueError(
                    f"{path}:{number}: expected a JSON object with the strings {', '.join(keys)} ({err!r}). {remedy}"
                ) from err
            yield row
