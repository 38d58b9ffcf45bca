"""Make a repository of the Hugging Face Hub of the wheel, and upload it if told so."""

from pathlib import Path

import typer
from wasabi import msg

from scripts.distill.core.files import require_file
from scripts.distill.core.lock import writes
from scripts.distill.core.messages import stopping_with


@writes
def main(
    wheel: Path = typer.Argument(..., help="The wheel"),
    output: Path = typer.Argument(..., help="Folder to write the repository to"),
    repository: str = typer.Option("", help="<user>/<name> on the Hub; empty: nothing is uploaded"),
) -> None:
    """Write a repository with a model card, and upload it if it has a name.

    In: what `package` wrote. Out: the folder, and, with a name, the repository on the Hub. A new one is private.

    Example: python -m scripts.push packages/en_my_classifier-0.1.0/dist/en_my_classifier-0.1.0-py3-none-any.whl
    packages/en_my_classifier-0.1.0/hub --repository me/my_classifier
    """
    from scripts.distill.release.repository import upload, write_repository

    with stopping_with("Can't write the repository"):
        write_repository(require_file(wheel, "package"), output)
    msg.good(f"Wrote {output}")
    if not repository:
        msg.info("Nothing was uploaded. Look at it, log in with `hf auth login`, and add --vars.hub <user>/<name>")
        return
    with stopping_with("Can't upload"):
        address = upload(output, repository)
    msg.good(f"Uploaded to {address}")


if __name__ == "__main__":
    typer.run(main)
