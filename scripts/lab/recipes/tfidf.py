"""scikit-learn: TF-IDF of words and word pairs, and logistic regression. The same as `evaluate/tfidf.py`."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold


def train(job: dict[str, Any]) -> None:
    """Train on the texts of a job, see the package."""
    vectorizer, model = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(max_iter=1000)
    vectors = vectorizer.fit_transform(job["texts"])
    folds = min(5, *Counter(job["labels"]).values())
    if folds > 1:
        split = StratifiedKFold(folds, shuffle=True, random_state=0)
        search = GridSearchCV(model, {"C": (1.0, 10.0, 100.0)}, cv=split, scoring="neg_log_loss")
        model = search.fit(vectors, job["labels"]).best_estimator_
    else:
        model.fit(vectors, job["labels"])
    folder = Path(job["folder"])
    terms = json.dumps(vectorizer.get_feature_names_out().tolist(), ensure_ascii=False)
    (folder / "vocabulary.json").write_text(terms, encoding="utf-8")
    weights = {"coef_": model.coef_, "intercept_": model.intercept_, "classes_": model.classes_}
    numpy.savez(folder / "weights.npz", idf=vectorizer.idf_, **weights)


def load(folder: str) -> Callable[[list[str]], list[int]]:
    """Return a function from texts to label indices."""
    terms = json.loads((Path(folder) / "vocabulary.json").read_text(encoding="utf-8"))
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, vocabulary=terms)
    model = LogisticRegression()
    with numpy.load(Path(folder) / "weights.npz") as weights:
        vectorizer.idf_ = weights["idf"]
        for name in ("coef_", "intercept_", "classes_"):
            setattr(model, name, weights[name])
    return lambda texts: list(model.predict(vectorizer.transform(texts)))
