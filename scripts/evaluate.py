"""Evaluate baseline, TF-IDF, teacher and student side by side."""

from pathlib import Path

import typer
from wasabi import msg

from scripts.distill.core.lock import writes
from scripts.distill.core.messages import stopping_with
from scripts.distill.score import CACHE_PATH
from scripts.distill.teacher.spec import TEACHERS


@writes
def main(
    corpus: Path = typer.Argument(..., help="Folder with gold/, labels.json and prepare.json"),
    output: Path = typer.Argument(..., help="JSON file to write"),
    report: Path = typer.Argument(..., help="HTML file to write"),
    baseline: Path = typer.Option("training/baseline/model-best", help="The baseline"),
    tfidf: Path = typer.Option("training/tfidf", help="TF-IDF + logistic regression"),
    student: Path = typer.Option("training/student/export", help="The student"),
    teacher: str = typer.Option("train", help=TEACHERS),
    teacher_model: Path = typer.Option("training/teacher/model-best", help="The teacher trained here"),
    settings: Path = typer.Option("configs/score.cfg", help="How the teacher scores: configs/score.cfg"),
    cache: Path = typer.Option(CACHE_PATH, help="The file with all scores"),
    split: str = typer.Option("test", help="test, or dev while choosing between models"),
    gpu_id: int = typer.Option(-1, help="GPU, or -1 for CPU"),
) -> None:
    """Print and write accuracy, F-score, calibration, gap and agreement of all systems.

    In: the corpora and the trained systems. Out: a JSON file, a page for people, and the tables that are printed.

    Example: python -m scripts.evaluate corpus metrics/evaluation.json reports/evaluation.html
    """
    from scripts.distill.core.files import replacing_file, write_json
    from scripts.distill.data.corpus import Corpus
    from scripts.distill.evaluate.comparison import (
        ECE,
        ECE_BEFORE,
        OVERALL,
        STUDENT,
        TABLE_HEADER,
        better_controls,
        describe_few,
        length_rows,
        near_majority,
        table_rows,
    )
    from scripts.distill.evaluate.evaluate import Paths, evaluate_corpus
    from scripts.distill.evaluate.report import render

    paths = Paths(baseline, student, tfidf, teacher_model, settings, cache)
    with stopping_with("Can't evaluate"):
        result = evaluate_corpus(
            Corpus(corpus), split, teacher, paths, output.with_name("benchmark_student.json"), gpu_id
        )  # fmt: skip
        with replacing_file(report) as file:
            file.write(render(result))
        write_json(output, result)
    msg.table(list(table_rows(result)), header=TABLE_HEADER, divider=True, aligns=("l", *"r" * 10))
    rows, header = length_rows(result["lengths"])
    msg.table(rows, header=header, divider=True, aligns=("r",) * len(header))
    systems = result[OVERALL]["systems"]
    for name, found in systems.items():
        if found:
            before = f"{found[ECE_BEFORE]:.3f} before its calibration, " if name == STUDENT else ""
            msg.info(f"Calibration of {name}: ECE {before}{found[ECE]:.3f}")
    if few := describe_few(result[OVERALL], split):
        msg.warn(few)
    if result["why_no_teacher"]:
        msg.warn(f"The teacher {teacher} is not part of the comparison: {result['why_no_teacher']}")
    for control in better_controls(result[OVERALL]):
        msg.warn(f"The teacher is not above {control}: distilling it is pointless. Improve the teacher first")
    for name in near_majority(result[OVERALL]):
        p = systems[name]["p_above_majority"]
        msg.warn(f"The {name} is not surely better than the most frequent label (p = {p:.2g})")
    msg.good(f"Wrote {output}", f"{split} texts of {result['data']}")
    msg.good(f"The report: {report.resolve()}", f"{result['verdict']['decision']}: {result['verdict']['reason']}")


if __name__ == "__main__":
    typer.run(main)
