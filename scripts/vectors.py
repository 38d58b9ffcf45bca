"""Make the student's word vectors with the teacher's encoder."""

from pathlib import Path

import typer
from wasabi import msg

from scripts.distill.core.lock import writes
from scripts.distill.core.messages import stopping_with
from scripts.distill.teacher.spec import TEACHERS

app = typer.Typer()


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
@writes
def main(
    context: typer.Context,
    corpus: Path = typer.Argument(..., help="Folder with transfer/"),
    settings_path: Path = typer.Argument(
        ..., help="Which words and texts, how long: configs/vectors.cfg", exists=True, dir_okay=False
    ),
    output: Path = typer.Argument(..., help="Folder where vectors/ and vectors.json go"),
    teacher: str = typer.Option("train", help=TEACHERS),
    teacher_model: Path = typer.Option("training/teacher/model-best", help="The teacher trained here"),
    encoder: Path = typer.Option("assets/encoder", help="The encoder for a teacher that has none"),
) -> None:
    """Write vectors for the words of the train and unlabelled texts, and for frequent words of their languages.

    In: the transfer set and an encoder. Out: vectors/ and vectors.json.

    Settings can be given as options, too, as to `spacy train`: --vectors.words 5000

    Example: python -m scripts.vectors corpus configs/vectors.cfg corpus --vectors.words 5000
    """
    from spacy.cli._util import parse_config_overrides

    from scripts.distill.data.corpus import Corpus
    from scripts.distill.student.vectors import load_vector_settings, make_vectors
    from scripts.distill.teacher.word_encoder import load_word_encoder

    with stopping_with("Can't make word vectors"):
        settings = load_vector_settings(settings_path, parse_config_overrides(context.args, env_var=None))
        summary = make_vectors(
            Corpus(corpus), output, load_word_encoder(teacher, teacher_model, encoder, settings.dtype), settings,
            spec=teacher,
        )  # fmt: skip
    msg.good(
        f"Wrote {output / 'vectors'}",
        f"{summary['words']} words, {100 * summary['coverage']:.1f} % of the words in train and unlabelled texts",
    )


if __name__ == "__main__":
    app()
