"""Stream the transfer set, shuffled, to the student."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import spacy
from spacy.attrs import NORM
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..core.messages import quote, run_again
from ..data.docbins import read_docs
from ..data.origins import ORIGINS, check_by_origin, check_some_left, find_origin

# How many texts of a shard are tokenised again, to see whether the tokenizer is the same.
CHECKED = 100


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
    RETURNS (Callable[[Language], Iterator[Example]]): The reader. Its examples pair a new doc, with the tokens of
        the stored doc, with the stored doc. It raises ValueError if there are no shards, if `repeats` leaves no text,
        or, in the first epoch, if the pipeline tokenises one of the first texts of a shard in another way.
    RAISES (ValueError): If `repeats` is not 0 or more for each origin.
    """
    repeats = dict.fromkeys(ORIGINS, 1.0) if repeats is None else repeats
    check_by_origin("repeats", repeats)
    rng = random.Random(seed)
    checked: set[Path] = set()

    def draw(origin: str) -> int:
        # 2.3 is twice, and a third time with probability 0.3.
        times = repeats[origin]
        return int(times) + (times % 1 > 0 and rng.random() < times % 1)

    def read(nlp: Language) -> Iterator[Example]:
        shards = sorted(Path(path).glob("*.spacy"))
        if not shards:
            raise ValueError(f"{path}: no *.spacy shards. {run_again('score')}")
        rng.shuffle(shards)
        origins = set()
        for shard in shards:
            docs = []
            for doc in read_docs(shard, nlp.vocab):
                origins.add(origin := find_origin(doc))
                docs += [doc] * draw(origin)
            if shard not in checked:
                check_tokens(docs[:CHECKED], nlp, shard)
                checked.add(shard)
            rng.shuffle(docs)
            for doc in docs:
                yield Example(without_annotation(doc), doc)
        check_some_left(path, repeats, origins)  # else, epochs without a text would follow one another for ever

    return read


def check_tokens(docs: Iterable[Doc], nlp: Language, shard: Path) -> None:
    """Check that stored docs have the tokens that a pipeline's tokenizer makes.

    RAISES (ValueError): If a doc has others; the message names the shard and the remedy.
    """
    for doc in docs:
        made, stored = [token.text for token in nlp.make_doc(doc.text)], [token.text for token in doc]
        if made != stored:
            raise ValueError(
                f"{shard}: the text {quote(doc.text)} was cut into {len(stored)} tokens, the student's tokenizer makes "
                f"{len(made)}. It is of other data. {run_again('augment', 'score', 'vectors', 'train-student')}"
            )


def without_annotation(doc: Doc) -> Doc:
    """Return a doc that has the tokens of another one and their norms, which a tokenizer sets, and nothing else."""
    words, spaces = [token.text for token in doc], [bool(token.whitespace_) for token in doc]
    norms: Any = doc.to_array([NORM])
    return Doc(doc.vocab, words=words, spaces=spaces).from_array([NORM], norms)
