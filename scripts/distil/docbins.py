"""Docs on disk: text, labels and user data; the pipeline that reads them tokenises anew."""

from collections.abc import Iterator
from pathlib import Path

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab


def new_doc_bin() -> DocBin:
    """Return an empty DocBin that keeps texts, labels and user data."""
    return DocBin(attrs=["ORTH", "SPACY"], store_user_data=True)


def read_docs(path: Path) -> Iterator[Doc]:
    """Yield the docs of a DocBin."""
    yield from DocBin().from_disk(path).get_docs(Vocab())
