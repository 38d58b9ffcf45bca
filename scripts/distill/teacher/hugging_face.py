"""A teacher from Hugging Face: any sequence classifier, its classes mapped to the project's labels."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, field, replace
from inspect import signature
from pathlib import Path
from typing import Any

import numpy
import torch
from pydantic.dataclasses import dataclass
from safetensors import SafetensorError
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding

from ..core.batches import group_by_length
from ..core.sections import STRICT, Whole
from ..data.teacher_scores import Scores
from .dtype import choose_dtype, compute_in
from .gpu_memory import predict_in_parts
from .hub import check_model, find_model, hash_model


@dataclass(frozen=True, config=STRICT)
class HuggingFaceSettings:
    """How a Hugging Face teacher reads texts.

    max_length (int): Word pieces of a window, the special ones included. A longer text is read in several windows.
        It must be more than the special ones, and no more than the model reads: 512 for most.
    overlap (int): Word pieces that a window shares with the window before it (the tokenizer calls it stride). From 0 to
        below max_length less the special ones; a quarter of max_length is a good value.
    batch_tokens (int): Word pieces that are computed at a time, padding included. About 1,000 are fastest on a CPU; a
        GPU wants many more, such as 32,768.
    dtype (str): "float32", "bfloat16" or "auto", see `choose_dtype`. It holds for spaCy pipelines, too.
    label_map (dict[str, str | None]): Class of the model → label of the project. Several classes may have the same
        label; None drops the class. Empty if the classes are the labels.
    """

    max_length: Whole = 128
    overlap: Whole = 32
    batch_tokens: Whole = 1024
    dtype: str = "float32"
    label_map: dict[str, str | None] = field(default_factory=dict)


class HuggingFaceTeacher:
    """A Teacher that is a sequence classifier. A text's probabilities are the mean of those of its windows.

    labels (list[str]): The labels, in the order of the columns.
    name (str): The teacher's name for people, "hf:<name>".
    fingerprint (str): sha256 over weights, tokenizer, labels and settings, batch_tokens excepted. The versions of torch
        and transformers are not part of it.
    """

    def __init__(self, name: str, labels: list[str], settings: HuggingFaceSettings, gpu_id: int = -1) -> None:
        """Load a model.

        name (str): A folder, or a model id of the Hub with an optional @revision.
        labels (list[str]): The project's labels, in their order.
        settings (HuggingFaceSettings): How the model reads texts.
        gpu_id (int): The GPU, or -1 for CPU.
        RAISES (ValueError): If there is no such model or GPU, the model is no classifier of exclusive classes in
            safetensors, a setting is impossible for the model, a class is not mapped, or a label has no class.
        """
        folder, _ = find_model(name)
        config = check_model(folder)
        if gpu_id >= 0 and not torch.cuda.is_available():
            raise ValueError(f"gpu_id = {gpu_id}, but torch finds no GPU. Use -1")
        self.name, self.labels = f"hf:{name}", labels
        try:
            self._settings = settings = replace(settings, dtype=choose_dtype(settings.dtype, gpu_id))
        except ValueError as err:
            raise ValueError(f"[hugging_face] {err}") from err
        self._device = torch.device("cpu")
        self._tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        self._collate = DataCollatorWithPadding(self._tokenizer)
        _check_window(folder, settings, self._tokenizer, config)
        self._columns = map_classes(_find_classes(folder, config), labels, settings.label_map)
        # What decides the probabilities. batch_tokens is left out, which changes at most their last digits.
        decisive = {k: v for k, v in asdict(settings).items() if k != "batch_tokens"}
        about = {"files": hash_model(folder), "labels": labels, **decisive}
        self.fingerprint = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
        self._model = _load(folder)
        compute_in(self._model, settings.dtype)
        self._inputs = set(signature(self._model.forward).parameters)
        self._try(folder)
        self._device = torch.device("cpu" if gpu_id < 0 else f"cuda:{gpu_id}")
        self._model.to(self._device)

    def _try(self, folder: Path) -> None:
        """Score a text of more than one window and a short text, so that a model that can't is refused at once."""
        try:
            self.predict(["a " * self._settings.max_length, "a"])
        except (IndexError, RuntimeError, TypeError, ValueError) as err:
            advice = (
                "If they are too long for the model, set [hugging_face] max_length in configs/score.cfg"
                if self._tokenizer.pad_token is not None and self._model.config.pad_token_id is not None
                else "To score texts of several lengths at a time, the model needs two settings: pad_token in its "
                "tokenizer_config.json and pad_token_id in its config.json. As for GPT-2: tokenizer.pad_token = "
                "tokenizer.eos_token; model.config.pad_token_id = tokenizer.pad_token_id; save both with "
                "save_pretrained(folder)"
            )
            raise ValueError(
                f"{folder}: can't score texts in windows of {self._settings.max_length} word pieces: {err}. {advice}"
            ) from err

    def predict(self, texts: Sequence[str]) -> Scores:
        """Return the probabilities of texts.

        texts (Sequence[str]): The texts.
        RETURNS (NDArray[float32]): Shape (n_texts, n_labels). Dropped classes are left out, and the rest is scaled to
            sum to 1. A row of NaN for a text of which all probability is on dropped classes.
        RAISES (ValueError): If the model gives numbers that are NaN or infinite.
        """
        encoded = self._tokenizer(
            list(texts), truncation=True, max_length=self._settings.max_length, stride=self._settings.overlap,
            return_overflowing_tokens=True,
        )  # fmt: skip
        # The index of the text that each window is from.
        owners = numpy.asarray(encoded.pop("overflow_to_sample_mapping"))
        sums = numpy.zeros((len(texts), len(self._columns)))
        lengths = numpy.asarray([len(ids) for ids in encoded["input_ids"]])
        for batch in group_by_length(lengths, self._settings.batch_tokens):
            windows = [{key: values[i] for key, values in encoded.items()} for i in batch]
            numpy.add.at(sums, owners[batch], predict_in_parts(self._predict_windows, windows))
        # Mean over the windows of a text, shape (n_texts, n_classes); then the sum over the classes of a label.
        classes = sums / numpy.bincount(owners, minlength=len(texts))[:, None]
        kept = classes @ self._columns
        # 0 / 0 is NaN: all probability is on dropped classes.
        with numpy.errstate(invalid="ignore"):
            return (kept / kept.sum(axis=1, keepdims=True)).astype("float32")

    def _predict_windows(self, windows: Sequence[dict[str, Any]]) -> Scores:
        """Return the class probabilities of windows, shape (n_windows, n_classes)."""
        padded = self._collate(list(windows))
        inputs = {name: values.to(self._device) for name, values in padded.items() if name in self._inputs}
        with torch.inference_mode():
            logits = self._model(**inputs).logits
        if not torch.isfinite(logits).all():
            raise ValueError(f"The teacher {self.name} gives numbers that are none (NaN or infinite)")
        return torch.softmax(logits, dim=1).cpu().numpy()


def _load(folder: Path) -> Any:
    """Load a classifier in float32, on the CPU, and check that none of its weights are missing."""
    try:
        model, report = AutoModelForSequenceClassification.from_pretrained(
            folder, trust_remote_code=False, use_safetensors=True, torch_dtype=torch.float32, output_loading_info=True
        )
    except (OSError, RuntimeError, ValueError, SafetensorError) as err:
        raise ValueError(f"{folder}: its weights can't be loaded: {err}") from err
    if report["missing_keys"]:
        raise ValueError(
            f"{folder}: no weights for {', '.join(sorted(report['missing_keys']))}, which would be random. Save the "
            "whole classifier with model.save_pretrained(folder)"
        )
    return model.eval()


def longest_input(tokenizer: Any, config: Any) -> int:
    """Return how many word pieces a model reads at most, the special ones included.

    tokenizer (PreTrainedTokenizerFast): The model's tokenizer.
    config (PretrainedConfig): The model's config.
    """
    positions = getattr(config, "max_position_embeddings", None) or 0
    # XLNet says −1: it has no limit.
    return min(tokenizer.model_max_length, positions if positions > 0 else 10**9)


def _check_window(folder: Path, settings: HuggingFaceSettings, tokenizer: Any, config: Any) -> None:
    """Check that the model can read windows of this length, and that windows can share so much."""
    special = tokenizer.num_special_tokens_to_add()
    longest = longest_input(tokenizer, config)
    if not special < settings.max_length <= longest:
        raise ValueError(
            f"[hugging_face] max_length = {settings.max_length}, but {folder} reads {special + 1} to {longest} "
            "word pieces"
        )
    if not 0 <= settings.overlap < settings.max_length - special:
        raise ValueError(
            f"[hugging_face] overlap = {settings.overlap}: windows of {settings.max_length} word pieces, {special} of "
            f"them special, can share 0 to {settings.max_length - special - 1}"
        )


def _find_classes(folder: Path, config: Any) -> list[str]:
    """Return the names of a model's classes, in the order of its outputs, if they are exclusive."""
    if not any("ForSequenceClassification" in name for name in config.architectures or []):
        raise ValueError(
            f"{folder}: its architecture is {config.architectures}, not a …ForSequenceClassification. A teacher must "
            "have been trained to classify; to train one from an encoder, use the workflow `all` with --vars.encoder"
        )
    if config.num_labels < 2:
        raise ValueError(
            f"{folder}: not a classifier of two or more exclusive classes: it has {config.num_labels} output "
            "(regression or sigmoid). Train it with one output for each class, or give the probabilities of its "
            "classes as a file, with the teacher jsonl:<path>"
        )
    if config.problem_type in ("regression", "multi_label_classification"):
        raise ValueError(f"{folder}: not a classifier of two or more exclusive classes ({config.problem_type})")
    return [config.id2label[i] for i in range(config.num_labels)]


def map_classes(classes: Sequence[str], labels: Sequence[str], label_map: Mapping[str, str | None]) -> Scores:
    """Return which class counts for which label.

    classes (Sequence[str]): The model's classes, in the order of its outputs.
    labels (Sequence[str]): The project's labels, in their order.
    label_map (Mapping[str, str | None]): Class → label; None drops the class. Empty if the classes are the labels.
    RETURNS (NDArray[float32]): Shape (n_classes, n_labels): 1 where the class counts for the label, 0 elsewhere.
    RAISES (ValueError): If a class is not mapped, the map names an unknown class or label, or a label has no class.
    """
    mapping = dict(label_map) or {name: name for name in labels}
    unmapped = [name for name in classes if name not in mapping]
    unknown = [name for name in mapping if name not in classes]
    wrong = [label for label in mapping.values() if label is not None and label not in labels]
    without = [label for label in labels if label not in mapping.values()]
    problems = [
        f"{what}: {', '.join(map(repr, found))}"
        for what, found in (
            ("classes that are not mapped", unmapped), ("mapped, but no class of the teacher", unknown),
            ("mapped to what is no label", wrong), ("labels without a class", without),
        )
        if found
    ]  # fmt: skip
    if problems:
        raise ValueError(
            f"The teacher's classes are {', '.join(map(repr, classes))}, the project's labels "
            f"{', '.join(map(repr, labels))}. Found {'; '.join(problems)}. Under "
            "[hugging_face.label_map] in configs/score.cfg, give each class one of the labels, or null to drop it. For "
            "names with : or =, see docs/teachers.md"
        )
    matrix = numpy.zeros((len(classes), len(labels)), dtype="float32")
    for i, name in enumerate(classes):
        if (label := mapping[name]) is not None:
            matrix[i, labels.index(label)] = 1
    return matrix
