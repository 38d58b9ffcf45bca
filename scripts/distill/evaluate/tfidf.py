"""The control: TF-IDF of 1–2-grams + logistic regression, what one would try without spaCy or a teacher."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline

from ..core.files import write_json
from ..core.messages import run_again

FOLDS = 5
# Inverse strengths of the regularisation to choose from.
C = (1.0, 10.0, 100.0)


def _make_vectorizer(vocabulary: Sequence[str] | None = None) -> TfidfVectorizer:
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, vocabulary=vocabulary)


def fit_tfidf(texts: Sequence[str], labels: NDArray[numpy.int64]) -> Pipeline:
    """Train the control, as strongly regularised as is best for log-loss in a cross-validation on the train texts.

    texts (Sequence[str]): The train texts.
    labels (NDArray[int64]): Label indices, shape (n_texts,). If a label has one text, there is no cross-validation.
    RETURNS (Pipeline): Its `predict` turns texts into label indices.
    """
    vectorizer, classifier = _make_vectorizer(), LogisticRegression(max_iter=1000)
    vectors = vectorizer.fit_transform(texts)
    folds = min(FOLDS, *numpy.unique(labels, return_counts=True)[1].tolist())
    if folds > 1:
        split = StratifiedKFold(folds, shuffle=True, random_state=0)
        search = GridSearchCV(classifier, {"C": C}, cv=split, scoring="neg_log_loss")
        classifier = search.fit(vectors, labels).best_estimator_
    else:
        classifier.fit(vectors, labels)
    return make_pipeline(vectorizer, classifier)


def write_tfidf(control: Pipeline, folder: Path, meta: Mapping[str, Any]) -> None:
    """Write a trained control without pickles. The files are what users of the control would have to install.

    control (Pipeline): What `fit_tfidf` returned.
    folder (Path): An existing folder. Written: vocabulary.json, weights.npz and meta.json.
    meta (Mapping[str, Any]): What it was trained on.
    """
    vectorizer, classifier = (step for _, step in control.steps)
    terms = json.dumps(vectorizer.get_feature_names_out().tolist(), ensure_ascii=False)
    (folder / "vocabulary.json").write_text(terms, encoding="utf-8")
    write_json(folder / "meta.json", meta)
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
    vectorizer = _make_vectorizer(json.loads((folder / "vocabulary.json").read_text(encoding="utf-8")))
    classifier = LogisticRegression()
    with numpy.load(folder / "weights.npz") as weights:
        vectorizer.idf_ = weights["idf"]
        classifier.coef_, classifier.intercept_ = weights["coef"], weights["intercept"]
        classifier.classes_ = weights["classes"]
    return make_pipeline(vectorizer, classifier)
