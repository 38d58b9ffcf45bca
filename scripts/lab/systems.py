"""The frontier of accuracy, speed and size: every trained system, in one run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scripts.distill.core.files import folder_size, zipped_size
from scripts.distill.core.messages import run_again
from scripts.distill.core.threads import use_one_core
from scripts.distill.data.corpus import Corpus, GoldSplit
from scripts.distill.data.provenance import check_gold
from scripts.distill.evaluate.comparison import BASELINE, STUDENT, TEACHER, TFIDF
from scripts.distill.evaluate.eval_set import load_eval_set
from scripts.distill.evaluate.evaluate import Paths, ask_all, check_controls
from scripts.distill.evaluate.metrics import Labels, accuracy_and_macro_f
from scripts.distill.teacher.hub import find_model
from scripts.distill.teacher.spec import HF, JSONL, MEAN, TRAIN, find_local_path
from scripts.distill.teacher.teachers import load_pipeline

from .system_speed import TimedSystem, time_systems

BOW = "bow"
# spaCy's tokenizer, with its own settings and with those of the wheel.
TOKENIZER, SERVED_TOKENIZER = "tokenizer", "tokenizer_in_wheel"
# Pipeline → the project's command that makes it.
MADE_BY = {STUDENT: "export", BASELINE: "train-baseline", BOW: "train-bow"}
# Pipelines that are left out if they are missing.
OPTIONAL = (BOW,)


def find_pipelines(defaults: Mapping[str, Path], more: Sequence[str]) -> tuple[dict[str, Path], dict[str, str]]:
    """Find the stock pipelines to measure.

    defaults (Mapping[str, Path]): Name → folder of student, baseline and bow.
    more (Sequence[str]): Other pipelines, each as NAME=PATH.
    RETURNS (tuple[dict[str, Path], dict[str, str]]): Name → folder; and name of what is left out → why.
    RAISES (ValueError): If a pipeline other than bow is missing, a name is taken, or one of `more` is no NAME=PATH.
    """
    missing = {
        name: f"{path}: no such pipeline. {run_again(MADE_BY[name])}"
        for name, path in defaults.items()
        if not path.is_dir()
    }
    for name, message in missing.items():
        if name not in OPTIONAL:
            raise ValueError(message)
    found = {name: path for name, path in defaults.items() if name not in missing}
    taken = {*defaults, TEACHER, TFIDF, TOKENIZER, SERVED_TOKENIZER}
    for system in more:
        name, _, path = system.partition("=")
        if not name or not path:
            raise ValueError(f"--system {system}: expected NAME=PATH, such as bilstm=training/bilstm/model-best")
        if name in taken:
            raise ValueError(f"--system {system}: the name {name!r} is taken. Choose another one")
        if not Path(path).is_dir():
            raise ValueError(f"--system {system}: {path} is no folder. Give the folder of a trained pipeline")
        taken.add(name)
        found[name] = Path(path)
    return found, missing


def measure_systems(
    corpus: Corpus, split: str, lang: str | None, spec: str, paths: Paths, *, bow: Path, more: Sequence[str],
    make_python: Callable[[], str],
) -> dict[str, Any]:  # fmt: skip
    """Measure accuracy, speed on one core, start-up, memory and size of all trained systems, and spaCy's tokenizer.

    corpus (Corpus): Holds gold/, labels.json and score.json.
    split (str): "dev" or "test".
    lang (str | None): Only texts of this language; None: all.
    spec (str): Names the teacher that the student learnt from, see `load_teacher`.
    paths (Paths): Where the systems lie.
    bow (Path): spaCy's bag of words, which is left out if there is none.
    more (Sequence[str]): Other students, each as NAME=PATH.
    make_python (Callable[[], str]): Returns the Python that runs stock pipelines while they are timed; it is called
        when all else is there.
    RETURNS (dict[str, Any]): See `summarize`; "missing", what is left out → why; "why_no_teacher", None if it is there;
        "fingerprints": pipeline → its fingerprint.
    RAISES (OSError, ValueError): If a system or a corpus is missing, broken or of other data, or a system fails.
    """
    pipelines, missing = find_pipelines({STUDENT: paths.student, BASELINE: paths.baseline, BOW: bow}, more)
    eval_set = load_eval_set(
        corpus, split, spec, teacher_model=paths.teacher_model, settings_path=paths.settings
    )  # fmt: skip
    eval_set = replace(eval_set, gold=choose_lang(eval_set.gold, lang))
    check_controls(paths, corpus)
    check_gold(bow, corpus, MADE_BY[BOW])
    labels, gold = eval_set.labels, eval_set.gold
    python = make_python()
    loaded = {name: load_pipeline(str(path), labels) for name, path in pipelines.items()}
    predictions, no_teacher = ask_all(eval_set, loaded, paths)
    how = {"labels": labels, "settings": str(paths.settings)}
    systems = find_systems(pipelines, paths.tfidf, spec, paths.teacher_model, how)
    use_one_core()
    times = time_systems(systems, gold.texts, choose_lang(corpus.gold("train"), lang).texts, python)
    predicted = {name: scores.argmax(axis=1) for name, scores in predictions.items()}
    fingerprints = {name: system.fingerprint for name, system in loaded.items()}
    about = {"missing": missing, "why_no_teacher": no_teacher, "fingerprints": fingerprints}
    return {**about, **summarize(predicted, gold.labels, systems, times)}


def choose_lang(split: GoldSplit, lang: str | None) -> GoldSplit:
    """Return the texts of one language, or all texts.

    split (GoldSplit): The texts.
    lang (str | None): The language code; None: all languages.
    RAISES (ValueError): If there are no texts in this language.
    """
    if lang is None:
        return split
    if lang not in split.langs:
        raise ValueError(f"--lang {lang}: no such texts. There are texts in {', '.join(sorted(set(split.langs)))}")
    rows = [i for i, found in enumerate(split.langs) if found == lang]
    return GoldSplit([split.texts[i] for i in rows], [lang] * len(rows), split.labels[rows])


def find_systems(
    pipelines: Mapping[str, Path], control: Path, spec: str, teacher_model: Path, settings: Mapping[str, Any]
) -> dict[str, TimedSystem]:
    """Return what can be timed. A teacher that is a file, or the mean of several, can't be timed.

    pipelines (Mapping[str, Path]): Name → folder of the stock pipelines, the student among them.
    control (Path): The folder that `write_tfidf` wrote.
    spec (str): The teacher's spec, see `check_spec`.
    teacher_model (Path): The folder of the teacher that is trained here.
    settings (Mapping[str, Any]): What a teacher from Hugging Face needs: "labels", the project's labels, and
        "settings", the path of the config that says how to score.
    RETURNS (dict[str, TimedSystem]): Name → system. The student's tokenizer is among them, with spaCy's settings and
        with those of the wheel.
    """
    student = pipelines[STUDENT]
    systems = {
        TOKENIZER: TimedSystem("tokenizer", student), SERVED_TOKENIZER: TimedSystem("served_tokenizer", student)
    }  # fmt: skip
    systems |= {name: TimedSystem("pipeline", path) for name, path in pipelines.items()}
    kind, _, name = spec.partition(":")
    if kind == HF:
        systems[TEACHER] = TimedSystem("hugging_face", find_model(name)[0], settings)
    elif kind not in (JSONL, MEAN):
        folder = teacher_model if spec == TRAIN else find_local_path(spec)
        systems[TEACHER] = TimedSystem("transformer", folder or Path(name))
    return systems | {TFIDF: TimedSystem("control", control)}


def summarize(
    predicted: Mapping[str, Labels], gold: Labels, systems: Mapping[str, TimedSystem],
    times: Mapping[str, Mapping[str, float]],
) -> dict[str, Any]:  # fmt: skip
    """Put together what was measured.

    predicted (Mapping[str, NDArray[int64]]): System → label indices, shape (n,).
    gold (NDArray[int64]): The gold label indices, shape (n,).
    systems (Mapping[str, TimedSystem]): The systems that were timed.
    times (Mapping[str, Mapping[str, float]]): What `time_systems` returned.
    RETURNS (dict[str, Any]): "n"; "tokenizer_docs_per_second" and "tokenizer_in_wheel_docs_per_second"; "systems":
        name → "accuracy", "docs_per_second", "size_bytes" (installed), "wheel_bytes" (compressed), "startup_s" and
        "peak_rss_bytes". What was not measured is None.
    """
    rows: dict[str, dict[str, float | None]] = {}
    for name in dict.fromkeys([*predicted, *systems]):
        if name not in (TOKENIZER, SERVED_TOKENIZER):
            folder = systems[name].folder if name in systems else None
            time = times.get(name, {})
            rows[name] = {
                "accuracy": accuracy_and_macro_f(predicted[name], gold)["accuracy"] if name in predicted else None,
                "docs_per_second": time.get("docs_per_second"),
                "size_bytes": folder_size(folder) if folder else None,
                "wheel_bytes": zipped_size(folder) if folder else None,
                "startup_s": time.get("startup_s"),
                "peak_rss_bytes": time.get("peak_rss_bytes"),
            }
    rows.setdefault(TEACHER, dict.fromkeys(next(iter(rows.values()))))
    return {
        "n": len(gold), "systems": rows,
        **{f"{name}_docs_per_second": times[name]["docs_per_second"] for name in (TOKENIZER, SERVED_TOKENIZER)},
    }  # fmt: skip


TABLE_HEADER = (
    "system",
    "accuracy",
    "docs/s",
    "of tokenizer",
    "× teacher",
    "MB",
    "MB in wheel",
    "start-up s",
    "peak MB",
)


def table_rows(result: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    """Yield the rows of a table, the most accurate system first and the tokenizers last.

    result (Mapping[str, Any]): What `summarize` returned.
    """
    limit, teacher = result["tokenizer_docs_per_second"], result["systems"][TEACHER]["docs_per_second"]

    def speeds(found: float | None) -> tuple[str, ...]:
        of_teacher = 1 / teacher if teacher else None
        return _format(found, digits=0), _format(found, 1 / limit, 2), _format(found, of_teacher)

    ordered = sorted(result["systems"].items(), key=lambda item: -(item[1]["accuracy"] or 0))
    for name, row in ordered:
        yield (
            name, _format(row["accuracy"], 100), *speeds(row["docs_per_second"]), _format(row["size_bytes"], 1e-6),
            _format(row["wheel_bytes"], 1e-6), _format(row["startup_s"], digits=2),
            _format(row["peak_rss_bytes"], 1e-6, 0),
        )  # fmt: skip
    for name in (SERVED_TOKENIZER, TOKENIZER):
        yield name, "–", *speeds(result[f"{name}_docs_per_second"]), *["–"] * 4


def _format(value: float | None, factor: float | None = 1, digits: int = 1) -> str:
    return "–" if value is None or factor is None else f"{value * factor:,.{digits}f}"
