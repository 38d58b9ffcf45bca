"""Turn Universal Dependencies treebanks into corpora for a part-of-speech tagger."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import spacy
from spacy.tokens import Doc, DocBin, Token
from spacy.training.converters import conllu_to_docs

from scripts.distill.augment.tagging import LANGUAGES, NO_WORDS
from scripts.distill.core.files import replacing_folder, write_json
from scripts.distill.data.near_duplicates import NearDuplicates
from scripts.distill.data.text_keys import normalize

# Language → the treebank that is held out for scoring. All others are for training and dev.
HELD_OUT = {
    "de": "UD_German-GSD-test", "en": "UD_English-EWT-test", "es": "UD_Spanish-AnCora-test",
    "fr": "UD_French-GSD-test", "it": "UD_Italian-ISDT-test", "nl": "UD_Dutch-Alpino-test",
}  # fmt: skip
# Treebank → licence, as the README of the treebanks names it.
_LICENSES = {
    "UD_English-EWT": "CC BY-SA 4.0", "UD_Dutch-Alpino": "CC BY-SA 4.0", "UD_Dutch-LassySmall": "CC BY-SA 4.0",
    "UD_French-GSD": "CC BY-SA 4.0", "UD_French-Sequoia": "LGPL-LR", "UD_German-GSD": "CC BY-SA 4.0",
    "UD_German-PUD": "CC BY-SA 3.0", "UD_Italian-ISDT": "CC BY-NC-SA 3.0", "UD_Italian-VIT": "CC BY-NC-SA 3.0",
    "UD_Italian-ParTUT": "CC BY-NC-SA 4.0", "UD_Spanish-AnCora": "GPL 3.0", "UD_Spanish-GSD": "CC BY-SA 4.0",
}  # fmt: skip
VERSION = "0.2.0"
SENTENCES_PER_DOC = 10
# One doc in so many goes to dev.
DEV_EVERY = 20
# Rarer combinations of features are reduced to their part of speech.
MIN_COUNT = 20


def convert_treebanks(folder: Path, output: Path) -> list[dict[str, Any]]:
    """Write train.spacy and dev.spacy from all treebanks but the held-out ones.

    Sentences that nearly equal one of a held-out treebank are dropped: treebanks share texts.

    folder (Path): The folder with <lang>/*.conllu.
    output (Path): The folder to write: train.spacy, dev.spacy and sources.json.
    RETURNS (list[dict[str, Any]]): Of each treebank: "name", "lang", and the number of its words in "train" and "dev",
        and of those that were "dropped".
    RAISES (ValueError): If there is no treebank, or a treebank can't be read.
    """
    paths = sorted(folder.glob("*/*.conllu"))
    files = [path for path in paths if path.stem not in HELD_OUT.values()]
    if not files:
        raise ValueError(f"{folder}: no treebanks. It must hold <lang>/*.conllu, in CoNLL-U")
    held_out = [normalize(doc.text) for path in paths if path not in files for doc in read_sentences(path)]
    near_duplicates = NearDuplicates(held_out)
    treebanks, dropped = {}, {}
    for path in files:
        sentences = read_treebank(path, path.parent.name)
        copies = {i for i, doc in enumerate(sentences) if near_duplicates.find(normalize(doc.text)) is not None}
        treebanks[path] = list(join_sentences([doc for i, doc in enumerate(sentences) if i not in copies]))
        dropped[path] = sum(len(sentences[i]) for i in copies)
    keep_frequent_features(doc for docs in treebanks.values() for doc in docs)
    train, dev = (DocBin(attrs=["ORTH", "SPACY", "POS", "MORPH"]) for _ in range(2))
    sources: list[dict[str, Any]] = []
    for path, docs in treebanks.items():
        words = {"train": 0, "dev": 0}
        for i, doc in enumerate(docs):
            split, doc_bin = ("dev", dev) if i % DEV_EVERY == DEV_EVERY - 1 else ("train", train)
            doc_bin.add(doc)
            words[split] += len(doc)
        sources.append({"name": path.stem, "lang": path.parent.name, **words, "dropped": dropped[path]})
    with replacing_folder(output, marker="sources.json") as made:
        train.to_disk(made / "train.spacy")
        dev.to_disk(made / "dev.spacy")
        write_json(made / "sources.json", sources)
    return sources


def read_treebank(path: Path, lang: str) -> list[Doc]:
    """Read the sentences of a treebank, tokenised as the tagger will meet them.

    The tokens are those of `spacy.blank(lang)` on the running text. A token that is a word of the treebank takes on the
    word's part of speech and features. So does a token that is a part of a word, except for punctuation within a word.
    Other tokens have no annotation.

    UD splits some words in two. Such a word counts whole (Spanish *del*). Where the tokenizer splits it, too, its parts
    count (English *don't*); but not in sentences where the parts, joined, are not the text, as they are not for *del*.

    path (Path): The treebank, in CoNLL-U.
    lang (str): The language code.
    RETURNS (list[Doc]): A doc for each sentence.
    RAISES (ValueError): If the file is no CoNLL-U, or spaCy does not know the language.
    """
    try:
        return [_project(*pair) for pair in _pair_with_tokens(path, lang)]
    except (ValueError, ImportError) as err:
        raise ValueError(f"{path}: can't be read as a treebank in language {lang!r}: {err}") from err


def read_sentences(path: Path) -> list[Doc]:
    """Read the sentences of a treebank. Words that UD splits are merged, so that the sentences are running text.

    path (Path): The treebank, in CoNLL-U.
    """
    return list(_convert(path, merge_subtokens=True))


def join_sentences(sentences: list[Doc]) -> Iterator[Doc]:
    """Join sentences, one after the other, to docs of `SENTENCES_PER_DOC`; the last doc may have fewer.

    sentences (list[Doc]): Docs of one sentence each.
    """
    for start in range(0, len(sentences), SENTENCES_PER_DOC):
        doc = Doc.from_docs(sentences[start : start + SENTENCES_PER_DOC])
        if doc is not None:
            # Makes spaCy's corpus reader keep these tokens, instead of those of the tagger's own tokenizer.
            doc.has_unknown_spaces = True
            yield doc


def _convert(path: Path, *, merge_subtokens: bool) -> Iterator[Doc]:
    """Yield a treebank's sentences on its own tokens; words that UD splits are merged or not."""
    text = path.read_text(encoding="utf-8")
    return conllu_to_docs(text, n_sents=1, merge_subtokens=merge_subtokens, no_print=True)


def _pair_with_tokens(path: Path, lang: str) -> Iterator[tuple[Doc, dict[tuple[int, int], Token]]]:
    """Yield each sentence as spaCy tokenises it, and the treebank's words: (start, end) in characters → word."""
    nlp = spacy.blank(lang)
    for merged, split in zip(read_sentences(path), _convert(path, merge_subtokens=False), strict=True):
        # Words that UD splits, in parts: only if the parts, joined, are the text, so that their places are right.
        words = {_span(word): word for word in split} if split.text == merged.text else {}
        yield nlp.make_doc(merged.text), words | {_span(word): word for word in merged}


def _project(doc: Doc, words: Mapping[tuple[int, int], Token]) -> Doc:
    """Annotate a sentence's tokens with the parts of speech and features of the treebank's words."""
    wholes = sorted(words)
    for token in doc:
        start, end = _span(token)
        word = words.get((start, end))
        # A token that is a part of a word: punctuation takes on only the tag of punctuation.
        if word is None:
            around = [words[span] for span in wholes if span[0] <= start and end <= span[1]]
            is_word = any(map(str.isalnum, token.text))
            word = next((whole for whole in around if is_word or whole.pos_ in NO_WORDS), None)
        if word is not None:
            token.pos_ = word.pos_
            token.set_morph(str(word.morph))  # type: ignore[attr-defined]
    return doc


def _span(token: Token) -> tuple[int, int]:
    """Return where a token starts and ends in its text, in characters."""
    return token.idx, token.idx + len(token)


def keep_frequent_features(docs: Iterable[Doc]) -> None:
    """Remove the features of tokens whose part of speech and features occur together fewer than `MIN_COUNT` times.

    docs (Iterable[Doc]): The docs of all treebanks; they are changed.
    """
    docs = list(docs)
    counts = Counter((token.pos_, str(token.morph)) for doc in docs for token in doc)
    for doc in docs:
        for token in doc:
            if counts[token.pos_, str(token.morph)] < MIN_COUNT:
                token.set_morph("")  # type: ignore[attr-defined]


def describe_tagger(treebanks: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return metadata for a tagger: its languages, what it was trained on, and under which terms it stands.

    treebanks (Iterable[Mapping[str, Any]]): What the tagger was trained on, as `convert_treebanks` returns it.
    RETURNS (dict[str, Any]): What goes into the tagger's meta.json.
    """
    sources = [
        {"name": treebank["name"], "lang": treebank["lang"], "words": treebank["train"],
         "license": _LICENSES.get(treebank["name"].rsplit("-", 1)[0], "unknown"),
         "url": "https://universaldependencies.org"}
        for treebank in treebanks
    ]  # fmt: skip
    languages = sorted({source["lang"] for source in sources})
    terms = sorted({source["license"] for source in sources})
    return {
        "name": "upos_tagger",
        "version": VERSION,
        "description": f"Parts of speech and morphological features for {', '.join(languages)}, for augmentation.",
        LANGUAGES: languages,
        "license": ", ".join(terms),
        "notes": "Trained on Universal Dependencies treebanks, whose terms it inherits, see `sources`: share-alike "
        "(SA, GPL, LGPL-LR), and non-commercial use only where one of them says so (NC).",
        "sources": sources,
    }
