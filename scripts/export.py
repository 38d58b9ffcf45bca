"""Export the trained student, calibrated and with complete metadata."""

from pathlib import Path

import typer
from wasabi import msg

from scripts.distill.core.files import require_file
from scripts.distill.core.lock import writes
from scripts.distill.core.messages import stopping_with


@writes
def main(
    model: Path = typer.Argument(..., help="The trained student"),
    output: Path = typer.Argument(..., help="Folder to write"),
    corpus: Path = typer.Option("corpus", help="Folder with gold/, labels.json, prepare.json and score.json"),
    config: Path = typer.Option(
        ..., help="The config that the student was trained with: configs/student.cfg", exists=True, dir_okay=False
    ),
    encoder: Path = typer.Option("assets/encoder", help="The encoder for a teacher that has none"),
    name: str = typer.Option(..., help="Name of the pipeline, without its language"),
    version: str = typer.Option(..., help="Version of the pipeline"),
    seed: int = typer.Option(0, help="Seed of the run"),
) -> None:
    """Copy the student, calibrate it on dev, and record its languages and the fingerprints of what made it.

    In: a trained student and the corpora. Out: a folder that `spacy.load` reads.

    Example: python -m scripts.export training/student/model-best training/student/export
    --config configs/student.cfg --name my_classifier --version 0.1.0
    """
    from scripts.distill.data.corpus import Corpus
    from scripts.distill.release.calibration import BOUNDS
    from scripts.distill.release.export import export

    with stopping_with("Can't export the student"):
        require_file(model, "train-student")
        meta = export(model, output, Corpus(corpus), config, encoder, name=name, version=version, seed=seed)
    about = meta["distillation"]["calibration"]
    if about["temperature"] == BOUNDS[0]:
        msg.warn(
            "Calibration sharpened the probabilities as far as it may: the student is right on all dev texts, or was "
            "taught by a teacher that is hardly sure of anything. A probability near 1 says no more than which label "
            "is likelier. For probabilities that say how often they are right, label more dev texts"
        )
    elif about["temperature"] == BOUNDS[1]:
        msg.warn("Calibration flattened the probabilities as far as it may: on dev the student is mostly wrong")
    ece = f"ECE {about['dev_ece_before']:.3f} → {about['dev_ece_after']:.3f}"
    bias = ", ".join(f"{label} {value:+.2f}" for label, value in about["bias"].items())
    msg.info(f"Calibration on dev: bias {bias}, temperature {about['temperature']:.3f}, {ece}")
    msg.good(f"Wrote {output}", f"{meta['lang']}_{meta['name']} {meta['version']}")


if __name__ == "__main__":
    typer.run(main)
