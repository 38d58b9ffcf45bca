"""Tag texts with parts of speech, each tokenised by the rules of its own language."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import spacy
from spacy.language import Language
from spacy.tokens import Doc

# Not words: never masked or swapped.
NO_WORDS = frozenset({"PUNCT", "SPACE", "SYM"})


@dataclass(frozen=True)
class TaggedText:
    """A tokenised text with one part of speech for each token, as plain Python values.

    words (list[str]): The tokens.
    spaces (list[str]): What follows each token, " " or "": joined with the words it is the text.
    pos (list[str]): Universal part-of-speech tags.
    sentence_starts (list[int]): Indices of the first token of each sentence.
    """

    lang: str
    words: list[str]
    spaces: list[str]
    pos: list[str]
    sentence_starts: list[int]

    @property
    def text(self) -> str:
        """The text itself."""
        return join(self.words, self.spaces)


def join(words: Iterable[str], spaces: Iterable[str]) -> str:
    """Return the text of tokens and what follows each."""
    return "".join(word + space for word, space in zip(words, spaces, strict=True))


def tag_texts(tagger: Language, texts: Iterable[tuple[str, str]]) -> Iterator[TaggedText]:
    """Tag texts.

    tagger (Language): A pipeline that sets `token.pos`. If it sets no sentence boundaries, a rule
        on punctuation does.
    texts (Iterable[tuple[str, str]]): Texts with their language codes.
    YIELDS (TaggedText): One for each text, in order.
    RAISES (ValueError): If the pipeline sets no parts of speech.
    """
    texts = list(texts)
    docs = (_make_doc(tagger, text, lang) for text, lang in texts)
    for doc, (_, lang) in zip(tagger.pipe(docs), texts, strict=True):
        if len(doc) and not doc.has_annotation("POS"):
            raise ValueError(
                f"The tagger {tagger.meta['name']!r} sets no parts of speech (token.pos). Use a pipeline with "
                "a tagger or morphologizer in configs/augment.cfg"
            )
        if not doc.has_annotation("SENT_START"):
            doc = _sentencizer()(doc)
        yield TaggedText(
            lang=lang,
            words=[token.text for token in doc],
            spaces=[token.whitespace_ for token in doc],
            pos=["SPACE" if token.is_space else token.pos_ for token in doc],
            sentence_starts=[token.i for token in doc if token.is_sent_start],
        )


def count_words(texts: Iterable[TaggedText]) -> dict[tuple[str, str], Counter[str]]:
    """Count the words of each part of speech in each language.

    RETURNS (dict[tuple[str, str], Counter[str]]): (language, part of speech) → word → count.
    """
    counts: dict[tuple[str, str], Counter[str]] = {}
    for text in texts:
        for word, pos in zip(text.words, text.pos, strict=True):
            if pos not in NO_WORDS:
                counts.setdefault((text.lang, pos), Counter())[word] += 1
    return counts


def _make_doc(tagger: Language, text: str, lang: str) -> Doc:
    """Tokenise with the language's own rules; the tagger needs the tokens in its own vocab."""
    doc = _blank(lang).make_doc(text)
    words = [token.text for token in doc]
    return Doc(tagger.vocab, words=words, spaces=[bool(token.whitespace_) for token in doc])


@cache
def _blank(lang: str) -> Language:
    return spacy.blank(lang)


@cache
def _sentencizer() -> Language:
    return spacy.blank("xx").add_pipe("sentencizer")  # type: ignore[return-value]
