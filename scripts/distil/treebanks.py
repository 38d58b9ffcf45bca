"""Turn Universal Dependencies treebanks into corpora for a part-of-speech tagger."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from spacy.tokens import Doc, DocBin
from spacy.training.converters import conllu_to_docs

# Held out for scoring; everything else may train or tune.
HELD_OUT = (
    "UD_English-EWT-test", "UD_Dutch-Alpino-test", "UD_French-GSD-test", "UD_German-GSD-test",
    "UD_Italian-ISDT-test", "UD_Spanish-AnCora-test",
)  # fmt: skip
# By treebank, as the README of the treebanks names them.
_LICENSES = {
    "UD_English-EWT": "CC BY-SA 4.0", "UD_Dutch-Alpino": "CC BY-SA 4.0", "UD_Dutch-LassySmall": "CC BY-SA 4.0",
    "UD_French-GSD": "CC BY-SA 4.0", "UD_French-Sequoia": "LGPL-LR", "UD_German-GSD": "CC BY-SA 4.0",
    "UD_German-PUD": "CC BY-SA 3.0", "UD_Italian-ISDT": "CC BY-NC-SA 3.0", "UD_Italian-VIT": "CC BY-NC-SA 3.0",
    "UD_Italian-ParTUT": "CC BY-NC-SA 4.0", "UD_Spanish-AnCora": "GPL 3.0", "UD_Spanish-GSD": "CC BY-SA 4.0",
}  # fmt: skip
SENTENCES_PER_DOC = 10
# One doc in so many goes to dev.
DEV_EVERY = 20
# Rarer combinations of features are reduced to their part of speech.
MIN_COUNT = 20


def convert_treebanks(folder: Path, output: Path) -> dict[str, dict[str, int]]:
    """Write train.spacy and dev.spacy from all treebanks but the held-out ones.

    folder (Path): Holds <lang>/*.conllu.
    output (Path): The folder to write.
    RETURNS (dict[str, dict[str, int]]): Treebank → {"train": words, "dev": words}.
    RAISES (ValueError): If there is no treebank.
    """
    files = [path for path in sorted(folder.glob("*/*.conllu")) if path.stem not in HELD_OUT]
    if not files:
        raise ValueError(f"{folder}: no treebanks. It must hold <lang>/*.conllu, in CoNLL-U")
    docs = {path.stem: list(read_treebank(path)) for path in files}
    keep_frequent_features(doc for part in docs.values() for doc in part)
    train, dev = _new_doc_bin(), _new_doc_bin()
    words = {}
    for name, part in docs.items():
        words[name] = {"train": 0, "dev": 0}
        for i, doc in enumerate(part):
            split, doc_bin = ("dev", dev) if i % DEV_EVERY == DEV_EVERY - 1 else ("train", train)
            doc_bin.add(doc)
            words[name][split] += len(doc)
    output.mkdir(parents=True, exist_ok=True)
    train.to_disk(output / "train.spacy")
    dev.to_disk(output / "dev.spacy")
    return words


def read_treebank(path: Path) -> Iterator[Doc]:
    """Yield the docs of a treebank, ten sentences each.

    Words that UD splits into several tokens (Spanish *del* into *de* and *el*) stay whole, as in
    running text.
    """
    text = path.read_text(encoding="utf-8")
    yield from conllu_to_docs(text, n_sents=SENTENCES_PER_DOC, merge_subtokens=True, no_print=True)


def keep_frequent_features(docs: Iterable[Doc]) -> None:
    """Remove the morphological features of tokens whose combination of features is rare."""
    docs = list(docs)
    counts = Counter((token.pos_, str(token.morph)) for doc in docs for token in doc)
    for doc in docs:
        for token in doc:
            if counts[token.pos_, str(token.morph)] < MIN_COUNT:
                token.set_morph("")  # type: ignore[attr-defined]


def _new_doc_bin() -> DocBin:
    return DocBin(attrs=["ORTH", "SPACY", "POS", "MORPH", "SENT_START"])


def describe_sources(words: dict[str, dict[str, int]]) -> dict[str, object]:
    """Return metadata for a tagger: what it was trained on and under which terms it stands.

    words (dict): Treebank → number of words by split, see `convert_treebanks`.
    """
    sources = [
        {"name": name, "license": _LICENSES.get(name.rsplit("-", 1)[0], "unknown"), "words": counts["train"],
         "url": "https://universaldependencies.org"}
        for name, counts in words.items()
    ]  # fmt: skip
    return {
        "name": "upos_tagger",
        "version": "0.1.0",
        "description": "Parts of speech and morphological features for en, nl, fr, de, it and es, for augmentation.",
        "license": "CC BY-NC-SA 4.0",
        "notes": "Trained on Universal Dependencies treebanks, whose terms it inherits: share-alike, and "
        "non-commercial because of the Italian ones.",
        "sources": sources,
    }
