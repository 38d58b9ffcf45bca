"""Package the exported student as a wheel."""

from pathlib import Path

import typer
from wasabi import msg

from scripts.distill.core.files import require_file
from scripts.distill.core.lock import writes
from scripts.distill.core.messages import stopping_with


@writes
def main(
    model: Path = typer.Argument(..., help="The exported student"),
    packages: Path = typer.Argument(..., help="Folder to write the package to"),
    expect: str = typer.Option("", help="<lang>_<name>-<version> that the student must have"),
    evaluation: Path = typer.Option("metrics/evaluation.json", help="Scores to put into the package"),
) -> None:
    """Build a wheel that needs nothing but spaCy.

    In: what `export` and `evaluate` wrote. Out: <lang>_<name>-<version>/dist/*.whl in the folder of packages.

    Example: python -m scripts.package training/student/export packages
    """
    import srsly

    from scripts.distill.release.wheel import build_wheel, check_evaluation, check_name

    with stopping_with("Can't build the wheel"):
        require_file(model, "export")
        require_file(evaluation, "evaluate")
        if expect:
            check_name(model, expect)
        scores = srsly.read_json(evaluation)
        check_evaluation(model, scores)
        wheel = build_wheel(model, packages, scores)
    msg.good(f"Wrote {wheel}", f"{wheel.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    typer.run(main)
