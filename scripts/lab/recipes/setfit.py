"""SetFit: the encoder is fine-tuned on pairs of texts, then logistic regression reads its vectors.

All is as by default, but for the number of steps: all pairs of 288 texts would be some 2,600 steps.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Nothing is asked of the Hugging Face Hub: the encoder lies here.
os.environ["HF_HUB_OFFLINE"] = "1"

import setfit
from datasets import Dataset

MAX_STEPS = 100


def train(job: dict[str, Any]) -> None:
    """Train on the texts of a job, see the package."""
    model = setfit.SetFitModel.from_pretrained(job["encoder"])
    arguments = setfit.TrainingArguments(
        output_dir=str(Path(job["folder"]) / "checkpoints"), max_steps=MAX_STEPS, seed=job["seed"], report_to="none",
        show_progress_bar=False, save_strategy="no",
    )  # fmt: skip
    rows = Dataset.from_dict({"text": job["texts"], "label": job["labels"]})
    setfit.Trainer(model=model, args=arguments, train_dataset=rows).train()
    model.save_pretrained(job["folder"])


def load(folder: str) -> Callable[[list[str]], list[int]]:
    """Return a function from texts to label indices."""
    model = setfit.SetFitModel.from_pretrained(folder)
    return lambda texts: [int(found) for found in model.predict(texts, use_labels=False, show_progress_bar=False)]
