"""fastText with word pairs, as its tutorial on supervised learning ends: 25 epochs, rate 1.0, 50 dimensions.

As there, texts are lower-cased and punctuation stands apart. The tutorial's hierarchical softmax is left out: it is for
hundreds of labels. With the library's own defaults, 5 epochs at 0.1, so few texts teach it nothing.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fasttext

_LABEL = "__label__"


def _prepare(text: str) -> str:
    return " ".join(re.findall(r"\w+|[^\w\s]", text.lower()))


def train(job: dict[str, Any]) -> None:
    """Train on the texts of a job, see the package."""
    folder = Path(job["folder"])
    rows = folder / "train.txt"
    lines = (f"{_LABEL}{i} {_prepare(text)}\n" for text, i in zip(job["texts"], job["labels"], strict=True))
    rows.write_text("".join(lines), encoding="utf-8")
    model = fasttext.train_supervised(
        str(rows), lr=1.0, epoch=25, wordNgrams=2, bucket=200_000, dim=50, thread=1, seed=job["seed"], verbose=0
    )
    rows.unlink()
    model.save_model(str(folder / "model.bin"))


def load(folder: str) -> Callable[[list[str]], list[int]]:
    """Return a function from texts to label indices."""
    model = fasttext.load_model(str(Path(folder) / "model.bin"))
    return lambda texts: [
        int(found[0].removeprefix(_LABEL)) if found else 0 for found in model.predict([_prepare(t) for t in texts])[0]
    ]
