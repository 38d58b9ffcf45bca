"""The folder that `prepare` makes and the later commands add to: one class knows its files."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy
import spacy
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc

from ..core.files import hash_file, require_file
from ..core.messages import run_again
from .docbins import read_docs
from .origins import LABELLED, LANG, METHOD
from .text_keys import normalize

# What summaries and metadata call the hashes of prepare.json, of all files in gold/, and of all in transfer/.
PREPARE_SHA256, GOLD_SHA256, TRANSFER_SHA256 = "prepare_sha256", "gold_sha256", "transfer_sha256"
# With fewer test texts than these, the interval of an accuracy can be 20 points wide.
FEW_TEXTS = 100
# With so many, the interval of a student's gap to its teacher is some four points wide, if they differ on a tenth.
MANY_TEXTS = 1000
# What a training reads from the folder, and the command that makes it.
MADE_BY = {
    "gold": "prepare", "labels.json": "prepare", "tokenizer": "augment", "transfer": "score", "vectors": "vectors",
}  # fmt: skip


@dataclass(frozen=True)
class GoldSplit:
    """One split as plain values.

    texts, langs (list[str]): The texts and the language code of each, length n.
    labels (NDArray[int64]): Indices into the project's label order, shape (n,).
    """

    texts: list[str]
    langs: list[str]
    labels: NDArray[numpy.int64]


class Corpus:
    """The corpora of a run.

    prepare.json, its hash and labels.json are read once, so all checks of a command are against the same corpora.

    folder (Path): Holds gold/{train,dev,test}.spacy, unlabelled.jsonl, labels.json and prepare.json of `prepare`, and
        what `augment`, `score` and `vectors` add.
    """

    def __init__(self, folder: Path) -> None:
        """Name the folder; nothing is read yet."""
        self.folder = folder

    @property
    def prepare_file(self) -> Path:
        """The file with the settings of `prepare` and the hashes of the data; it is written last."""
        return self.folder / "prepare.json"

    @cached_property
    def prepared(self) -> dict[str, Any]:
        """What prepare.json says, see `prepare`.

        RAISES (ValueError): If there is no such file; the message names the command that makes it.
        """
        prepared: dict[str, Any] = json.loads(require_file(self.prepare_file, "prepare").read_text(encoding="utf-8"))
        return prepared

    @cached_property
    def fingerprint(self) -> str:
        """The sha256 of prepare.json.

        RAISES (ValueError): If there is no such file; the message names the command that makes it.
        """
        return hash_file(require_file(self.prepare_file, "prepare"))

    @property
    def gold_fingerprint(self) -> str:
        """The sha256 of the labelled texts, which stays the same if unlabelled ones come or go.

        RAISES (ValueError): If there is no prepare.json; the message names the command that makes it.
        """
        return str(self.prepared["outputs"]["gold"])

    @property
    def data_hashes(self) -> dict[str, str]:
        """The data's files, each by its path in the data folder, not the one on this machine → sha256."""
        files, data = self.prepared["files"], self.prepared["data"]
        return {Path(file).relative_to(data).as_posix(): about["sha256"] for file, about in files.items()}

    @cached_property
    def labels(self) -> list[str]:
        """The project's labels, in their order.

        RAISES (ValueError): If there is no labels.json; the message names the command that makes it.
        """
        labels: list[str] = json.loads(require_file(self.folder / "labels.json", "prepare").read_text(encoding="utf-8"))
        return labels

    @property
    def lang(self) -> str:
        """The language of the run, or "xx" for several."""
        return str(self.prepared["lang"])

    def gold_docs(self, split: str) -> Iterator[Doc]:
        """Yield the docs of a gold split; `doc.cats` has 1.0 for the gold label.

        split (str): "train", "dev" or "test".
        RAISES (ValueError): If there is no such split, or no file; the message names the command that makes it.
        """
        if split not in LABELLED:
            raise ValueError(f"split = {split}: there is no such split. Known: {', '.join(LABELLED)}")
        yield from read_docs(require_file(self.folder / "gold" / f"{split}.spacy", "prepare"))

    def gold(self, split: str) -> GoldSplit:
        """Return a gold split as plain values.

        split (str): "train", "dev" or "test".
        RAISES (ValueError): If there is no such file; the message names the command that makes it.
        """
        docs = list(self.gold_docs(split))
        return GoldSplit(
            texts=[doc.text for doc in docs],
            langs=[doc.user_data[LANG] for doc in docs],
            labels=numpy.asarray([self.labels.index(gold_label(doc)) for doc in docs]),
        )

    def held_out(self) -> dict[str, str]:
        """Return which split, dev or test, has a normalised text; no text of the transfer set may be among them."""
        return {normalize(doc.text): split for split in ("dev", "test") for doc in self.gold_docs(split)}

    def unlabelled(self) -> Iterator[dict[str, str]]:
        """Yield the rows of unlabelled.jsonl, each with "text" and "lang".

        RAISES (ValueError): If there is no such file, or a line is broken; the message names the command that makes it.
        """
        return read_rows(self.folder / "unlabelled.jsonl", "prepare", ("text", LANG))

    def augmented(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of augmented.jsonl, each with "text", "lang" and "method", and the number "source".

        RAISES (ValueError): If there is no such file, or a line is broken; the message names the command that makes it.
        """
        return read_rows(self.folder / "augmented.jsonl", "augment", ("text", LANG, METHOD))

    def tokenizer(self) -> Language:
        """Load the student's tokenizer, as a blank pipeline.

        RAISES (ValueError): If there is none; the message names the command that makes it.
        """
        return spacy.load(require_file(self.folder / "tokenizer", "augment"))

    def require(self, path: Path) -> None:
        """Check that a file of this folder is there; others are not looked at.

        path (Path): The file or folder.
        RAISES (ValueError): If it is missing; the message names the command that makes it.
        """
        name = path.relative_to(self.folder).parts[0] if path.is_relative_to(self.folder) else ""
        if name in MADE_BY:
            require_file(path, MADE_BY[name])

    def summary(self, command: str) -> dict[str, Any]:
        """Read the summary that a command wrote, and check that it was made from the present corpora.

        command (str): "augment", "score" or "vectors": the command that writes <command>.json.
        RETURNS (dict[str, Any]): The summary.
        RAISES (ValueError): If there is none, or `prepare` has made other corpora since.
        """
        path = require_file(self.folder / f"{command}.json", command)
        summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if summary.get(PREPARE_SHA256) != self.fingerprint:
            raise ValueError(f"{path}: made from other data than {self.prepare_file} tells of. {run_again(command)}")
        return summary

    def scored_by(self, spec: str) -> dict[str, Any]:
        """Return what score.json says, and check that a teacher is the one that scored the transfer set.

        spec (str): Names the teacher, see `check_spec`.
        RAISES (ValueError): If there is no such file, it was made from other corpora, or another teacher scored.
        """
        scored = self.summary("score")
        if spec != scored["teacher"]:
            raise ValueError(
                f"The transfer set was scored by the teacher {scored['teacher']!r}, this command was given "
                f"{spec!r}. Run it with --vars.teacher {shlex.quote(scored['teacher'])}"
            )
        return scored


def gold_label(doc: Doc) -> str:
    """Return the label of a gold doc."""
    return max(doc.cats, key=doc.cats.__getitem__)


def read_rows(path: Path, command: str, keys: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Yield the rows of a JSONL file that `command` makes; each has strings under `keys`.

    RAISES (ValueError): If there is no such file, or a line is another; the message names the command.
    """
    with require_file(path, command).open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                row = json.loads(line)
                if not all(isinstance(row[key], str) for key in keys):
                    raise TypeError("a value is not a string")
            except (ValueError, KeyError, TypeError) as err:
                raise ValueError(
                    f"{path}:{number}: expected a JSON object with the strings {', '.join(keys)} ({err!r}). "
                    + run_again(command)
                ) from err
            yield row
