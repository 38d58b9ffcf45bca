"""The control: TF-IDF of 1–2-grams + logistic regression, what one would try without spaCy or a teacher."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from ..core.messages import run_again


def _make_tfidf(vocabulary: Sequence[str] | None = None) -> Pipeline:
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, vocabulary=vocabulary)
    return make_pipeline(vectorizer, LogisticRegression(max_iter=1000))


def fit_tfidf(texts: Sequence[str], labels: NDArray[numpy.int64]) -> Pipeline:
    """Train the control.

    texts (Sequence[str]): The train texts.
    labels (NDArray[int64]): Label indices, shape (n_texts,).
    RETURNS (Pipeline): Its `predict` turns texts into label indices.
    """
    return _make_tfidf().fit(texts, labels)


def write_tfidf(control: Pipeline, folder: Path) -> None:
    """Write a trained control without pickles. The files are what users of the control would have to install.

    control (Pipeline): What `fit_tfidf` returned.
    folder (Path): An existing folder. Written: vocabulary.json and weights.npz.
    """
    vectorizer, classifier = (step for _, step in control.steps)
    terms = json.dumps(vectorizer.get_feature_names_out().tolist(), ensure_ascii=False)
    (folder / "vocabulary.json").write_text(terms, encoding="utf-8")
    weights = {"coef": classifier.coef_, "intercept": classifier.intercept_, "classes": classifier.classes_}
    numpy.savez(folder / "weights.npz", idf=vectorizer.idf_, **weights)


def read_tfidf(folder: Path) -> Pipeline:
    """Read a control that `write_tfidf` wrote. It predicts the same.

    folder (Path): The folder.
    RETURNS (Pipeline): Its `predict` turns texts into label indices.
    RAISES (ValueError): If there is no control; the message names the command that makes it.
    """
    if not (folder / "weights.npz").exists():
        raise ValueError(f"{folder}: no such model. {run_again('train-tfidf')}")
    control = _make_tfidf(json.loads((folder / "vocabulary.json").read_text(encoding="utf-8")))
    vectorizer, classifier = (step for _, step in control.steps)
    with numpy.load(folder / "weights.npz") as weights:
        vectorizer.idf_ = weights["idf"]
        classifier.coef_, classifier.intercept_ = weights["coef"], weights["intercept"]
        classifier.classes_ = weights["classes"]
    return control
