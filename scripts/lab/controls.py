"""Controls for tables of experiments: what the gold labels alone give without spaCy and without a teacher."""

from collections.abc import Callable, Mapping, Sequence

import numpy

from scripts.distill.data.corpus import GoldSplit
from scripts.distill.evaluate.metrics import Labels
from scripts.distill.evaluate.tfidf import fit_tfidf


def predict_majority(train: GoldSplit, texts: Sequence[str]) -> Labels:
    """Return the most frequent label of the train texts for each text; of equally frequent labels the first.

    train (GoldSplit): The train texts.
    texts (Sequence[str]): The texts to classify.
    RETURNS (NDArray[int64]): Label indices, shape (n_texts,).
    """
    return numpy.full(len(texts), numpy.bincount(train.labels).argmax())


def predict_tfidf(train: GoldSplit, texts: Sequence[str]) -> Labels:
    """Train TF-IDF + logistic regression, and return what it predicts, see `fit_tfidf`.

    train (GoldSplit): The train texts.
    texts (Sequence[str]): The texts to classify.
    RETURNS (NDArray[int64]): Label indices, shape (n_texts,).
    """
    return numpy.asarray(fit_tfidf(train.texts, train.labels).predict(list(texts)))


# What a row of a table can name instead of a config.
CONTROLS: Mapping[str, Callable[[GoldSplit, Sequence[str]], Labels]] = {
    "majority": predict_majority, "tfidf": predict_tfidf,
}  # fmt: skip
