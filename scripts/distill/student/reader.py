"""Stream the transfer set, shuffled, to the student."""

import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..data.docbins import read_docs
from ..data.origins import ORIGINS, check_by_origin, find_origin


@spacy.registry.readers("distill.TransferCorpus.v1")
def create_transfer_corpus(
    path: Path, seed: int = 0, repeats: Mapping[str, float] | None = None
) -> Callable[[Language], Iterator[Example]]:
    """Create a reader that streams the shards of the transfer set.

    Each call of the reader is an epoch: it goes through the shards in a new random order, and shuffles the docs of each
    shard. Only one shard is in memory at a time. It is to be used with `max_epochs = -1`.

    path (Path): The folder with the *.spacy shards.
    seed (int): Decides the order of every epoch.
    repeats (Mapping[str, float] | None): How often a text comes in an epoch, by the text's origin: "gold", "unlabelled"
        and "augmented" → 0 or more. 3 is three times; 0.5 is every second text, drawn anew in each epoch. None: 1 for
        each.
    RETURNS (Callable[[Language], Iterator[Example]]): The reader. Its examples pair a new doc, tokenised by the
        pipeline, with the stored doc. It raises ValueError if there are no shards.
    RAISES (ValueError): If `repeats` is not 0 or more for each origin.
    """
    repeats = dict.fromkeys(ORIGINS, 1.0) if repeats is None else repeats
    check_by_origin("repeats", repeats)
    rng = random.Random(seed)

    def draw(doc: Doc) -> int:
        # 2.3 is twice, and a third time with probability 0.3.
        times = repeats[find_origin(doc)]
        return int(times) + (times % 1 > 0 and rng.random() < times % 1)

    def read(nlp: Language) -> Iterator[Example]:
        shards = sorted(Path(path).glob("*.spacy"))
        if not shards:
            raise ValueError(f"{path}: no *.spacy shards. Make them with: python -m spacy project run score .")
        rng.shuffle(shards)
        for shard in shards:
            docs = [doc for doc in read_docs(shard, nlp.vocab) for _ in range(draw(doc))]
            rng.shuffle(docs)
            for doc in docs:
                yield Example(nlp.make_doc(doc.text), doc)

    return read
