"""The transfer set: write it in shards, and stream it, shuffled, to the student."""

import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from .docbins import new_doc_bin, read_docs

SHARD_SIZE = 2000


def write_shards(docs: Iterable[Doc], folder: Path, shard_size: int = SHARD_SIZE) -> int:
    """Write docs with their user data to folder/00000.spacy, 00001.spacy …

    RETURNS (int): The number of shards.
    """
    doc_bin = new_doc_bin()
    count = 0
    for doc in docs:
        doc_bin.add(doc)
        if len(doc_bin) == shard_size:
            doc_bin.to_disk(folder / f"{count:05}.spacy")
            count += 1
            doc_bin = new_doc_bin()
    if len(doc_bin):
        doc_bin.to_disk(folder / f"{count:05}.spacy")
        count += 1
    return count


@spacy.registry.readers("distil.TransferCorpus.v1")
def create_transfer_corpus(path: Path, seed: int = 0) -> Callable[[Language], Iterator[Example]]:
    """Create a reader that streams the shards of the transfer set.

    Each call is an epoch: it goes through the shards in a new random order and shuffles the docs
    of each. Only one shard is in memory at a time. To be used with `max_epochs = -1`.

    path (Path): The folder with the *.spacy shards.
    seed (int): Decides the order of every epoch.
    RETURNS (Callable[[Language], Iterator[Example]]): The reader. Its examples pair a new doc,
        tokenised by the pipeline, with the stored one.
    """
    rng = random.Random(seed)

    def read(nlp: Language) -> Iterator[Example]:
        shards = sorted(Path(path).glob("*.spacy"))
        if not shards:
            raise ValueError(f"{path}: no *.spacy shards. Make them with: python -m spacy project run score .")
        rng.shuffle(shards)
        for shard in shards:
            docs = list(read_docs(shard))
            rng.shuffle(docs)
            for doc in docs:
                yield Example(nlp.make_doc(doc.text), doc)

    return read
