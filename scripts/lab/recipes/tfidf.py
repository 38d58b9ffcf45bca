"""scikit-learn: TF-IDF of words and word pairs, and logistic regression. The same as `evaluate/tfidf.py`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline


def train(job: dict[str, Any]) -> None:
    """Train on the texts of a job, see the package."""
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    model = make_pipeline(vectorizer, LogisticRegression(max_iter=1000)).fit(job["texts"], job["labels"])
    joblib.dump(model, Path(job["folder"]) / "model.joblib")


def load(folder: str) -> Callable[[list[str]], list[int]]:
    """Return a function from texts to label indices."""
    model = joblib.load(Path(folder) / "model.joblib")
    return lambda texts: list(model.predict(texts))
