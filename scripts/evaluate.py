"""Evaluate baseline, teacher and student side by side."""

import json
from functools import partial
from pathlib import Path

import typer
from tqdm import tqdm
from wasabi import msg

from scripts.distill.core.files import folder_size, write_json
from scripts.distill.data.gold import load_split
from scripts.distill.evaluate.comparison import (
    BASELINE,
    CONTROL,
    ECE,
    ECE_BEFORE,
    OVERALL,
    STUDENT,
    TABLE_HEADER,
    TEACHER,
    add_teacher,
    better_controls,
    compare_lengths,
    evaluate,
    length_rows,
    near_majority,
    predict,
    predict_control,
    table_rows,
)
from scripts.distill.evaluate.eval_set import load_trial
from scripts.distill.release.calibration import read_temperature
from scripts.distill.score.step import SCORES
from scripts.distill.teacher.spec import TEACHERS, TRAIN
from scripts.distill.teacher.teachers import load_pipeline


def main(
    corpus: Path = typer.Argument(..., help="Folder with gold/, labels.json and prepare.json"),
    output: Path = typer.Argument(..., help="JSON file to write"),
    baseline: Path = typer.Option("training/baseline/model-best", help="The baseline"),
    student: Path = typer.Option("training/student/export", help="The student"),
    teacher: str = typer.Option("train", help=TEACHERS),
    trained: Path = typer.Option("training/teacher/model-best", help="The teacher trained here"),
    settings_path: Path = typer.Option("configs/score.cfg", "--settings", help="How the teacher scores: a config"),
    cache: Path = typer.Option(SCORES, help="The file with all scores"),
    split: str = typer.Option("test", help="test, or dev while choosing between models"),
    gpu_id: int = typer.Option(-1, help="GPU, or -1 for CPU"),
) -> None:
    """Print and write accuracy, F-score, calibration, gap, agreement, size and speed of all systems."""
    try:
        trial = load_trial(corpus, split, teacher, trained=trained, settings_path=settings_path, gpu_id=gpu_id)
        prepared = json.loads((corpus / "prepare.json").read_text(encoding="utf-8"))
        labels, gold = trial.labels, trial.gold
        paths = {BASELINE: baseline, STUDENT: student}
        systems = {name: load_pipeline(str(path), labels, gpu_id) for name, path in paths.items()}
        bar = partial(tqdm, total=len(gold.texts), unit=" texts", disable=None)
        predictions = predict(systems, gold, lambda name, rows: bar(rows, name))
        answers, speed = trial.ask_teacher(cache, lambda n: bar(desc=TEACHER, total=n))
        no_teacher = add_teacher(predictions, answers, speed)
        train = load_split(corpus / "gold" / "train.spacy", labels)
        predictions.scores[CONTROL] = predict_control(train, gold.texts)
        result = evaluate(predictions, gold, seed=prepared["seed"], temperature=read_temperature(student))
        result["lengths"] = compare_lengths(predictions, gold, labels)
    except (OSError, ValueError) as err:
        msg.fail("Can't evaluate", str(err), exits=1)
    sizes = {name: folder_size(path) for name, path in paths.items()}
    if teacher == TRAIN:
        sizes[TEACHER] = folder_size(trained)
    about = {"data": prepared["data"], "lang": prepared["lang"], "seed": prepared["seed"], "split": split}
    fingerprints = {name: system.fingerprint for name, system in {**systems, TEACHER: trial.teacher}.items()}
    about |= {"teacher": None if no_teacher else teacher, "why_no_teacher": no_teacher}
    write_json(output, {**about, **result, "size_bytes": sizes, "fingerprints": fingerprints})
    msg.table(list(table_rows(result)), header=TABLE_HEADER, divider=True, aligns=("l", *"r" * 10))
    rows, header = length_rows(result["lengths"])
    msg.table(rows, header=header, divider=True, aligns=("r",) * len(header))
    speeds = [
        (name, f"{sizes[name] / 1e6:.1f}" if name in sizes else "–", f"{speed:.0f}")
        for name, speed in result["docs_per_second"].items()
    ]
    msg.table(speeds, header=("system", "MB on disk", "docs/s"), divider=True, aligns=("l", "r", "r"))
    ece = result[OVERALL]["systems"][STUDENT]
    msg.info(f"Calibration of the student: ECE {ece[ECE_BEFORE]:.3f} → {ece[ECE]:.3f}")
    if no_teacher:
        msg.warn(f"The teacher {teacher} is not part of the comparison: {no_teacher}")
    for control in better_controls(result[OVERALL]):
        msg.warn(f"The teacher is not above {control}: distilling it is pointless. Improve the teacher first")
    for name in near_majority(result[OVERALL]):
        p = result[OVERALL]["systems"][name]["p_above_majority"]
        msg.warn(f"The {name} is not surely better than the most frequent label (p = {p:.2g})")
    msg.good(f"Wrote {output}", f"{split} texts of {about['data']}")


if __name__ == "__main__":
    typer.run(main)
