"""The teacher that is trained here, in files that other tools read: a Hugging Face folder and a matrix."""

import json
from pathlib import Path

import numpy
import spacy

from scripts.distill.core.files import hash_folder, replacing_folder
from scripts.distill.teacher.pooling import find_transformer

# In the folder, if the teacher can't be written: why.
WHY_NOT = "why_not.txt"


def keep_plain_teacher(teacher: Path, folder: Path) -> None:
    """Write a trained teacher without spaCy's format, unless that was done already.

    teacher (Path): The folder of the pipeline.
    folder (Path): The folder to make or replace, see `write_plain_teacher`. If that is impossible, it has `WHY_NOT`.
    """
    record, made_from = folder / "made_from.txt", hash_folder(teacher)
    if record.exists() and record.read_text(encoding="utf-8") == made_from:
        return
    with replacing_folder(folder) as new:
        try:
            write_plain_teacher(teacher, new)
        except (OSError, ValueError) as err:
            (new / WHY_NOT).write_text(str(err), encoding="utf-8")
        (new / record.name).write_text(made_from, encoding="utf-8")


def write_plain_teacher(teacher: Path, folder: Path) -> None:
    """Write a trained teacher without spaCy's format.

    teacher (Path): The folder of a pipeline that configs/teacher.cfg made.
    folder (Path): An existing folder. Written: the encoder and its tokenizer in Hugging Face format; head.npz, W of
        shape (n_labels, width) and b of shape (n_labels,), float32, rows in the order of the pipeline's labels; and
        teacher.json: "window" and "stride", in tokens; "max_length", in word pieces.
    RAISES (OSError): If there is no such pipeline.
    RAISES (ValueError): If the pipeline is none that configs/teacher.cfg makes.
    """
    nlp = spacy.load(teacher)
    model = find_transformer(nlp)
    spans = nlp.config["components"]["transformer"]["model"]["get_spans"] if model else {}
    if spans.get("@span_getters") != "spacy-transformers.strided_spans.v1":
        raise ValueError(f"{teacher}: not a teacher that configs/teacher.cfg made. Its windows can't be read elsewhere")
    model.transformer.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    head = nlp.get_pipe("textcat").model.get_ref("output_layer")  # type: ignore[attr-defined]
    numpy.savez(folder / "head.npz", W=head.get_param("W"), b=head.get_param("b"))
    about = {
        "window": spans["window"], "stride": spans["stride"], "max_length": model.tokenizer.model_max_length,
    }  # fmt: skip
    (folder / "teacher.json").write_text(json.dumps(about), encoding="utf-8")
