"""Benchmarks of scoring: beside a bare transformers loop and nlp.pipe, and on very many texts."""

import json
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import spacy
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from scripts.distill.core.files import write_json
from scripts.distill.data.corpus import PREPARE_SHA256, Corpus
from scripts.distill.data.prepare import prepare
from scripts.distill.data.teacher_scores import Scores
from scripts.distill.data.tokenizer import write_tokenizer
from scripts.distill.score.cache import ScoreCache
from scripts.distill.score.score import score_corpus, score_texts
from scripts.distill.score.scorer import BatchSettings
from scripts.distill.teacher.hugging_face import HuggingFaceSettings, HuggingFaceTeacher
from scripts.distill.teacher.teachers import Teacher, load_teacher

from .timing_worker import peak_memory

LABELS = ["NEG", "POS"]
# Rounds, of which the best one counts.
REPEATS = 3
# The bare loop is timed with each of these; the fastest one counts.
BATCH_SIZES = (16, 32, 64)
# Word pieces that are read at most.
WINDOW = 512


def time_scoring(texts: Sequence[str], encoder: Path, teacher_model: Path, settings: BatchSettings) -> dict[str, Any]:
    """Time scoring, cache and all, beside what one would write by hand, in the same run.

    texts (Sequence[str]): The texts, each shorter than 512 word pieces.
    encoder (Path): A folder in Hugging Face format. The encoder is given a head of random weights, which costs the same
        as a trained one.
    teacher_model (Path): The folder of a spaCy pipeline whose `doc.cats` have the labels NEG and POS.
    settings (BatchSettings): How many texts are scored at a time.
    RETURNS (dict[str, Any]): "texts", their number, and "words_per_text"; "seconds": way to score → seconds of its best
        round; "texts_per_second" of scoring in float32; ratios of speeds, above 1 if scoring is faster; "bfloat16", how
        that compares with float32; and the largest differences of probabilities.
    """
    with tempfile.TemporaryDirectory() as folder:
        model = _add_head(encoder, Path(folder) / "classifier")
        exact = HuggingFaceSettings(max_length=WINDOW)
        hugging_face = HuggingFaceTeacher(str(model), LABELS, exact)
        half = HuggingFaceTeacher(str(model), LABELS, replace(exact, dtype="bfloat16"))
        pipeline = load_teacher(f"spacy:{teacher_model}", LABELS, teacher_model=teacher_model)
        bare, nlp = _BareLoop(model), spacy.load(teacher_model)
        # Way to score → a function that scores all texts.
        ways: dict[str, Callable[[], Scores]] = {
            "float32": lambda: _score(texts, hugging_face, settings),
            "bfloat16": lambda: _score(texts, half, settings),
            "trained": lambda: _score(texts, pipeline, settings),
            "nlp_pipe": lambda: _pipe(nlp, texts),
            **{f"bare_{size}": lambda size=size: bare(texts, size) for size in BATCH_SIZES},  # type: ignore[misc]
        }
        seconds: dict[str, float] = {}
        results: dict[str, Scores] = {}
        for _ in range(REPEATS):
            for name, way in ways.items():
                start = time.perf_counter()
                results[name] = way()
                seconds[name] = min(seconds.get(name, numpy.inf), time.perf_counter() - start)
    fastest = min((f"bare_{size}" for size in BATCH_SIZES), key=seconds.__getitem__)
    gap = abs(results["bfloat16"] - results["float32"])
    return {
        "texts": len(texts),
        "words_per_text": sum(len(text.split()) for text in texts) / len(texts),
        "texts_per_second": len(texts) / seconds["float32"],
        "ratio_to_bare_transformers": seconds[fastest] / seconds["float32"],
        "largest_difference_to_bare_transformers": float(abs(results[fastest] - results["float32"]).max()),
        "ratio_to_nlp_pipe": seconds["nlp_pipe"] / seconds["trained"],
        "largest_difference_to_nlp_pipe": float(abs(results["nlp_pipe"] - results["trained"]).max()),
        "bfloat16": {
            "ratio_to_float32": seconds["float32"] / seconds["bfloat16"],
            "largest_difference": float(gap.max()),
            "mean_difference": float(gap.mean()),
            "argmax_agreement": float((results["bfloat16"].argmax(1) == results["float32"].argmax(1)).mean()),
        },
        "seconds": seconds,
    }


def _add_head(encoder: Path, folder: Path) -> Path:
    """Write an encoder as a classifier with a head of random weights, and return its folder."""
    torch.manual_seed(0)
    names = dict(enumerate(LABELS))
    model = AutoModelForSequenceClassification.from_pretrained(
        encoder, id2label=names, use_safetensors=True, trust_remote_code=False
    )
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(encoder, trust_remote_code=False).save_pretrained(folder)
    return folder


def _score(texts: Sequence[str], teacher: Teacher, settings: BatchSettings) -> Scores:
    """Score texts as the project does, with an empty cache."""
    with tempfile.TemporaryDirectory() as folder, ScoreCache(Path(folder) / "scores.sqlite") as cache:
        return score_texts(texts, teacher, cache, settings)


def _pipe(nlp: spacy.language.Language, texts: Sequence[str]) -> Scores:
    return numpy.asarray([[doc.cats[label] for label in LABELS] for doc in nlp.pipe(texts)], dtype="float32")


class _BareLoop:
    """The loop that one writes by hand: sort by length, pad, predict."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        self._model = AutoModelForSequenceClassification.from_pretrained(
            folder, use_safetensors=True, trust_remote_code=False
        ).eval()

    def __call__(self, texts: Sequence[str], batch_size: int) -> Scores:
        lengths = [len(ids) for ids in self._tokenizer(list(texts), truncation=True, max_length=WINDOW)["input_ids"]]
        order = sorted(range(len(texts)), key=lengths.__getitem__)
        scores = numpy.zeros((len(texts), len(LABELS)), dtype="float32")
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            encoded = self._tokenizer(
                [texts[i] for i in batch], truncation=True, max_length=WINDOW, padding=True, return_tensors="pt"
            )
            with torch.inference_mode():
                scores[batch] = torch.softmax(self._model(**encoded).logits, dim=1).numpy()
        return scores


class ConstantTeacher:
    """A Teacher that costs nothing, and says the same of each text."""

    labels = LABELS
    name = fingerprint = "constant"

    def predict(self, texts: Sequence[str]) -> Scores:
        """Return the same row for each text, shape (n_texts, 2)."""
        return numpy.full((len(texts), 2), 0.5, dtype="float32")


def stream_texts(count: int, labelled: Path, folder: Path, settings: BatchSettings) -> dict[str, Any]:
    """Send very many short texts through `prepare` and `score`, with a teacher that costs nothing.

    count (int): How many unlabelled texts, 1 or more.
    labelled (Path): A data folder with en/{train,dev,test}.jsonl. The texts are made of the words in train.
    folder (Path): An existing folder where data/ and corpus/ are made. Its disk must hold them.
    settings (BatchSettings): How many texts are scored at a time.
    RETURNS (dict[str, Any]): "texts", the number of texts in the transfer set; "prepare_texts_per_second" and
        "score_texts_per_second"; "peak_rss_bytes", this process's peak memory.
    """
    data, corpus = folder / "data", folder / "corpus"
    (data / "en" / "unlabelled").mkdir(parents=True)
    for split in ("train", "dev", "test"):
        (data / "en" / f"{split}.jsonl").write_bytes((labelled / "en" / f"{split}.jsonl").read_bytes())
    _write_texts(data / "en" / "train.jsonl", data / "en" / "unlabelled" / "texts.txt", count)
    start = time.perf_counter()
    summary = prepare(data, corpus, lang="en", seed=0)
    prepared = time.perf_counter()
    write_tokenizer(corpus / "tokenizer", "en", "[MASK]")
    (corpus / "augmented.jsonl").touch()
    corpora = Corpus(corpus)
    write_json(corpus / "augment.json", {PREPARE_SHA256: corpora.fingerprint})
    with ScoreCache(corpus / "scores.sqlite") as cache:
        scored = score_corpus(corpora, corpus / "transfer", ConstantTeacher(), cache, settings, spec="constant", seed=0)
    return {
        "texts": scored["total"],
        "prepare_texts_per_second": summary["kept"]["en"]["unlabelled"] / (prepared - start),
        "score_texts_per_second": scored["total"] / (time.perf_counter() - prepared),
        "peak_rss_bytes": peak_memory(),
    }


def _write_texts(labelled: Path, path: Path, count: int) -> None:
    """Write texts of random words of a JSONL file, one text a line."""
    rng = random.Random(0)
    with labelled.open(encoding="utf-8") as file:
        words = [word for line in file for word in json.loads(line)["text"].split()]
    with path.open("w", encoding="utf-8") as file:
        file.writelines(" ".join(rng.choices(words, k=rng.randint(8, 16))) + "\n" for _ in range(count))
