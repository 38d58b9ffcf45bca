"""Package the exported student as a wheel."""

from pathlib import Path

import srsly
import typer
from wasabi import msg

from scripts.distil.wheels import WheelError, build_wheel


def main(
    model: Path = typer.Argument(..., help="The exported student", exists=True, file_okay=False),
    packages: Path = typer.Argument(..., help="Folder to write the package to"),
    evaluation: Path = typer.Option("metrics/evaluation.json", help="Scores to put into the package", exists=True),
) -> None:
    """Build a wheel that needs nothing but spaCy."""
    try:
        wheel = build_wheel(model, packages, srsly.read_json(evaluation))
    except WheelError as err:
        msg.fail("Can't build the wheel", str(err), exits=1)
    msg.good(f"Wrote {wheel}", f"{wheel.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    typer.run(main)
