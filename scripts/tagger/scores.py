"""Score a tagger on treebanks: on spaCy's tokens of running text, and on the treebank's own tokens."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.scorer import Scorer
from spacy.tokens import Doc
from spacy.training import Example

from scripts.distill.augment.tagging import copy_tokens

from .treebanks import HELD_OUT, read_sentences


@dataclass(frozen=True)
class TaggerScore:
    """How well a tagger does on one treebank.

    lang (str): The language code.
    treebank (str): The treebank's name.
    words (int): Words of the treebank. Words that UD splits count as one.
    raw (float): spaCy's `pos_acc` on the tokens of `spacy.blank(lang)`: the F-score of parts of speech, from 0 to 1.
    gold (float): spaCy's `pos_acc` on the treebank's tokens: the accuracy of parts of speech, from 0 to 1.
    raw_morph (float): spaCy's `morph_acc` on the tokens of `spacy.blank(lang)`: the F-score of morphological features.
        All features of a token must be right.
    words_per_second (float): The speed of tokenising and tagging running text.
    """

    lang: str
    treebank: str
    words: int
    raw: float
    gold: float
    raw_morph: float
    words_per_second: float


def score_held_out(tagger: Language, treebanks: Path) -> Iterator[TaggerScore]:
    """Score a tagger on the held-out treebank of each language.

    tagger (Language): The tagger, which sets `token.pos` and `token.morph`.
    treebanks (Path): The folder with <lang>/*.conllu.
    YIELDS (TaggerScore): The scores on one treebank.
    RAISES (ValueError): If a held-out treebank is missing.
    """
    for lang, name in HELD_OUT.items():
        path = treebanks / lang / f"{name}.conllu"
        if not path.exists():
            raise ValueError(f"{path}: no such file. It is held out for scoring the tagger")
        yield score_treebank(tagger, path, lang)


def score_treebank(tagger: Language, path: Path, lang: str) -> TaggerScore:
    """Score a tagger on one treebank.

    tagger (Language): The tagger, which sets `token.pos` and `token.morph`.
    path (Path): The treebank, in CoNLL-U.
    lang (str): The treebank's language, whose tokenizer is used.
    """
    sentences = read_sentences(path)
    tokenize = spacy.blank(lang).make_doc
    start = time.perf_counter()
    raw = list(tagger.pipe(copy_tokens(tokenize(doc.text), tagger) for doc in sentences))
    seconds = time.perf_counter() - start
    gold = list(tagger.pipe(copy_tokens(doc, tagger) for doc in sentences))
    raw_scores, gold_scores = _score(raw, sentences), _score(gold, sentences)
    return TaggerScore(
        lang=lang,
        treebank=path.stem,
        words=sum(map(len, sentences)),
        raw=raw_scores["pos_acc"],
        gold=gold_scores["pos_acc"],
        raw_morph=raw_scores["morph_acc"],
        words_per_second=sum(map(len, raw)) / seconds,
    )


def _score(docs: list[Doc], references: list[Doc]) -> dict[str, Any]:
    """Return spaCy's scores of parts of speech and features; a token without features counts as having "_"."""
    examples = [Example(doc, reference) for doc, reference in zip(docs, references, strict=True)]
    pos = Scorer.score_token_attr(examples, "pos")
    morph = Scorer.score_token_attr(examples, "morph", getter=lambda token, attr: str(getattr(token, attr)) or "_")
    return {**pos, **morph}


def describe_scores(meta: Mapping[str, Any], size: int, scores: list[TaggerScore]) -> str:
    """Return a page on a tagger in Markdown.

    meta (Mapping[str, Any]): The tagger's metadata, see `describe_tagger`.
    size (int): The tagger's size in bytes.
    scores (list[TaggerScore]): The scores, one for each row of the page's table.
    """
    words: Counter[str] = Counter()
    for source in meta["sources"]:
        words[source["lang"]] += source["words"]
    rows = [
        f"| {s.lang} | {s.treebank} | {s.words:,} | {words[s.lang]:,} | "
        f"{100 * s.raw:.1f} | {100 * s.gold:.1f} | {100 * s.raw_morph:.1f} | {s.words_per_second:,.0f} |"
        for s in scores
    ]
    sources = [f"| {s['lang']} | {s['name']} | {s['words']:,} | {s['license']} |" for s in meta["sources"]]
    head = _HEAD.format(size=size / 1e6, version=meta["version"])
    return "\n".join([head, *rows, _NOTES, *sources, ""])


_HEAD = """\
# The part-of-speech tagger

Made by `python -m spacy project run score-tagger .`; don't edit. The tagger in `assets/tagger` (version {version},
{size:.2f} MB) is one multi-language spaCy `morphologizer`, trained by `python -m spacy project run tagger .`
on Universal Dependencies treebanks. It has seen none of these test files, nor a near copy of a sentence in them:
treebanks share texts, and what is shared was dropped from training. Accuracies in %.

| lang | test file | words | train words | UPOS, raw text | UPOS, gold tokens | UFeats, raw text | words/s |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"""
_NOTES = """
- *Raw text*: each sentence's text is tokenised by `spacy.blank(lang)`, as augmentation does. The score is spaCy's own
  `pos_acc`, which counts words of the treebank that are no tokens of their own as errors. *Gold tokens*: the
  treebank's, with words that UD splits (Spanish *del*) merged.
- English contractions (*don't*) are one word in these merged files, with the tag of its head. spaCy and the tagger
  split them, as unmerged UD does: *n't* as a particle is right, but counts as an error here.
- There is little German and Dutch training text at hand: that is why these two are the weakest.
- Rare combinations of features were reduced to their part of speech before training, which costs UFeats, above all
  in German. Augmentation needs classes of words that can take each other's place, not every feature.
- words/s: tokenising and tagging raw text, on one core.

## Trained on

| lang | treebank | words | licence |
| --- | --- | ---: | --- |"""
