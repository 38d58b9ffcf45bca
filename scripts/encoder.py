"""Resolve the teacher's encoder into a folder."""

from pathlib import Path

import typer
from wasabi import msg

from scripts.distill.core.lock import writes
from scripts.distill.core.messages import stopping_with


@writes
def main(
    encoder: str = typer.Argument(
        ..., help="e5, minilm, a folder in Hugging Face format, or a Hub id with an optional @revision"
    ),
    output: Path = typer.Argument(..., help="Folder to write the encoder to"),
) -> None:
    """Copy the encoder's configuration, tokenizer and safetensors weights, checked, into a folder.

    In: a package, a folder or a model of the Hub. Out: the folder, with encoder.json.

    Example: python -m scripts.encoder minilm assets/encoder
    """
    from scripts.distill.teacher.encoder import resolve_encoder

    with stopping_with("Can't resolve the encoder"):
        info = resolve_encoder(encoder, output)
    msg.good(f"Wrote {output}", f"encoder: {info['encoder']}")


if __name__ == "__main__":
    typer.run(main)
