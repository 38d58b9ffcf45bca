"""Tag texts with parts of speech and morphology, each tokenised by the rules of its own language."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import groupby
from operator import itemgetter

import spacy
from spacy.language import Language
from spacy.tokens import Doc

# Parts of speech of tokens that are not words: they are never masked or swapped.
NO_WORDS = frozenset({"PUNCT", "SPACE", "SYM"})
# The key, in the metadata of a multi-language tagger, of the languages that the tagger was trained on.
LANGUAGES = "languages"


@dataclass(frozen=True)
class TaggedText:
    """A tokenised text with its tags, as plain Python values.

    lang (str): The language code.
    words (list[str]): The tokens.
    spaces (list[str]): What follows each token, " " or "". Tokens and what follows them, joined, are the text.
    pos (list[str]): The universal part of speech of each token; "" if it is not known.
    morph (list[str]): The universal features of each token, such as "Number=Sing|Tense=Past".
    sentence_starts (list[int]): The index of the first token of each sentence.
    """

    lang: str
    words: list[str]
    spaces: list[str]
    pos: list[str]
    morph: list[str]
    sentence_starts: list[int]

    @property
    def text(self) -> str:
        """The text itself."""
        return "".join(self.pieces)

    @cached_property
    def pieces(self) -> list[str]:
        """Each token, joined with what follows it."""
        return [word + space for word, space in zip(self.words, self.spaces, strict=True)]

    @cached_property
    def is_word(self) -> list[bool]:
        """Whether each token is a word: no punctuation, symbol or emoji."""
        return [
            pos not in NO_WORDS and any(map(str.isalnum, word)) for word, pos in zip(self.words, self.pos, strict=True)
        ]

    @cached_property
    def word_indices(self) -> list[int]:
        """The indices of the tokens that are words."""
        return [i for i, is_word in enumerate(self.is_word) if is_word]

    def is_attached(self, i: int) -> tuple[bool, bool]:
        """Return whether a token is written together with the word before it, and with the word after it.

        French *l'* is attached to the word after it, English *n't* to the word before it.

        i (int): The index of the token.
        """
        before = i > 0 and not self.spaces[i - 1] and self.is_word[i - 1]
        after = not self.spaces[i] and i + 1 < len(self.words) and self.is_word[i + 1]
        return before, after


def load_taggers(names: Mapping[str, str | None], languages: Iterable[str]) -> dict[str, Language | None]:
    """Load the pipeline that tags each language.

    names (Mapping[str, str | None]): Language code → folder or installed package of the pipeline; "xx" stands for all
        languages that are not named. None: no pipeline.
    languages (Iterable[str]): The languages of the texts.
    RETURNS (dict[str, Language | None]): Language code → pipeline. None if no pipeline is named for the language, or
        the pipeline does not know it. What a pipeline knows is its `lang` or, in its metadata, its `languages`.
    RAISES (OSError): If a pipeline can't be found.
    """
    load = cache(lambda name: spacy.load(name, exclude=["ner", "lemmatizer"]))
    taggers: dict[str, Language | None] = {}
    for lang in sorted(set(languages)):
        name = names.get(lang, names.get("xx"))
        tagger = load(name) if name else None
        if tagger is not None:
            # A multi-language pipeline that does not say what it knows is taken to know every language.
            known = tagger.meta.get(LANGUAGES, [lang if tagger.lang == "xx" else tagger.lang])
            tagger = tagger if lang in known else None
        taggers[lang] = tagger
    return taggers


def tag_texts(
    taggers: Mapping[str, Language | None], texts: Iterable[tuple[str, str]], *, processes: int = 1
) -> Iterator[TaggedText]:
    """Tag texts.

    taggers (Mapping[str, Language | None]): Language code → pipeline that sets `token.pos` and, if it can,
        `token.morph`. Where a pipeline sets no sentence boundaries, a rule on punctuation sets them. Texts of a
        language without a pipeline get neither parts of speech nor features.
    texts (Iterable[tuple[str, str]]): Texts with their language codes. It is fastest if the texts of a language come
        one after the other.
    processes (int): How many processes tag, 1 or more. It changes nothing in the result.
    YIELDS (TaggedText): One for each text, in order.
    RAISES (ValueError): If a pipeline sets no parts of speech.
    """
    for lang, pairs in groupby(texts, key=itemgetter(1)):
        tagger, group = taggers[lang], [text for text, _ in pairs]
        if tagger is None:
            yield from (_to_tagged(_blank(lang).make_doc(text), lang) for text in group)
            continue
        # Tokenised by the language's own rules, in the vocabulary of the tagger.
        docs = (copy_tokens(_blank(lang).make_doc(text), tagger) for text in group)
        for doc in tagger.pipe(docs, n_process=processes):
            if len(doc) and not doc.has_annotation("POS"):
                raise ValueError(
                    f"The tagger {tagger.meta['name']!r} sets no parts of speech (token.pos). Use a pipeline with "
                    "a tagger or morphologizer in configs/augment.cfg"
                )
            yield _to_tagged(doc, lang)


def _to_tagged(doc: Doc, lang: str) -> TaggedText:
    if not doc.has_annotation("SENT_START"):
        doc = _sentencizer()(doc)
    return TaggedText(
        lang=lang,
        words=[token.text for token in doc],
        spaces=[token.whitespace_ for token in doc],
        pos=["SPACE" if token.is_space else token.pos_ for token in doc],
        morph=[str(token.morph) for token in doc],
        sentence_starts=[token.i for token in doc if token.is_sent_start],
    )


def copy_tokens(doc: Doc, tagger: Language) -> Doc:
    """Return a new doc with a doc's tokens and no annotation, in the vocabulary of a tagger, which needs them there.

    doc (Doc): The doc; it stays as it is.
    tagger (Language): The tagger.
    """
    words = [token.text for token in doc]
    return Doc(tagger.vocab, words=words, spaces=[bool(token.whitespace_) for token in doc])


@cache
def _blank(lang: str) -> Language:
    return spacy.blank(lang)


@cache
def _sentencizer() -> Callable[[Doc], Doc]:
    return spacy.blank("xx").add_pipe("sentencizer")
