"""Docs on disk: text, labels and user data; the pipeline that reads them tokenises anew."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab
from srsly.msgpack import Packer, Unpacker


def write_docs(docs: Iterable[Doc], path: Path) -> None:
    """Write docs as a DocBin that keeps texts, norms, labels and user data.

    docs (Iterable[Doc]): The docs. Their user data must be plain values, which msgpack can hold.
    path (Path): The *.spacy file to write.
    """
    doc_bin = DocBin(attrs=["ORTH", "SPACY", "NORM"])
    # User data are packed here as DocBin packs them, but faster: DocBin looks through all installed packages for each
    # doc, which takes 0.8 ms.
    packer = Packer(use_bin_type=True)
    for doc in docs:
        doc_bin.add(doc)
        doc_bin.user_data.append(packer.pack(doc.user_data))
    doc_bin.store_user_data = True
    doc_bin.to_disk(path)


def read_docs(path: Path, vocab: Vocab | None = None) -> Iterator[Doc]:
    """Yield the docs of a DocBin.

    path (Path): The *.spacy file.
    vocab (Vocab | None): The vocabulary of the docs. None: an empty one, which knows no lower case and no vectors.
    """
    doc_bin = DocBin().from_disk(path)
    unpacker = Unpacker(raw=False, use_list=False)  # see `write_docs`
    user_data, doc_bin.user_data = doc_bin.user_data, []
    for i, doc in enumerate(doc_bin.get_docs(Vocab() if vocab is None else vocab)):
        if user_data and user_data[i]:
            unpacker.feed(user_data[i])
            doc.user_data.update(unpacker.unpack())
        yield doc
