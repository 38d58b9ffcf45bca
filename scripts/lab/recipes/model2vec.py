"""model2vec: static vectors distilled from the encoder, then fine-tuned with its classifier, all as by default.

What is written needs model2vec alone, without torch.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any


def train(job: dict[str, Any]) -> None:
    """Train on the texts of a job, see the package."""
    from model2vec.distill import distill
    from model2vec.train import StaticModelForClassification

    static = distill(job["encoder"], device="cpu")
    model = StaticModelForClassification.from_static_model(model=static).fit(
        job["texts"], [str(i) for i in job["labels"]], X_val=job["dev_texts"],
        y_val=[str(i) for i in job["dev_labels"]], device="cpu", random_seed=job["seed"],
    )  # fmt: skip
    model.to_pipeline().save_pretrained(str(Path(job["folder"])))


def load(folder: str) -> Callable[[list[str]], list[int]]:
    """Return a function from texts to label indices."""
    from model2vec.inference import StaticModelPipeline

    model = StaticModelPipeline.from_pretrained(folder)
    return lambda texts: [int(found) for found in model.predict(texts, use_multiprocessing=False)]
