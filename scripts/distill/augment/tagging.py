"""Tag texts with parts of speech and morphology, each tokenised by the rules of its own language."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import spacy
from spacy.language import Language
from spacy.tokens import Doc

# Not words: never masked or swapped.
NO_WORDS = frozenset({"PUNCT", "SPACE", "SYM"})
# In the metadata of a multi-language tagger: the languages that it was trained on.
LANGUAGES = "languages"


@dataclass(frozen=True)
class TaggedText:
    """A tokenised text with its tags, as plain Python values.

    words (list[str]): The tokens.
    spaces (list[str]): What follows each token, " " or "": joined with the words it is the text.
    pos (list[str]): Universal part-of-speech tags; "" for a word whose tag is not known.
    morph (list[str]): Universal features, such as "Number=Sing|Tense=Past".
    sentence_starts (list[int]): Indices of the first token of each sentence.
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
        """Each token with what follows it."""
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
        """Return whether a token is written together with the word before and with the word after it.

        French *l'* is attached to what follows, English *n't* to what stands before.
        """
        before = i > 0 and not self.spaces[i - 1] and self.is_word[i - 1]
        after = not self.spaces[i] and i + 1 < len(self.words) and self.is_word[i + 1]
        return before, after


def load_taggers(names: Mapping[str, str | None], languages: Iterable[str]) -> dict[str, Language | None]:
    """Load the pipeline that tags each language.

    names (Mapping[str, str | None]): Language code, or "xx" for all others → folder or installed package.
    languages (Iterable[str]): The languages of the texts.
    RETURNS (dict[str, Language | None]): One for each language; None if there is no tagger for it:
        a pipeline says in its metadata which languages it knows, `lang` or `languages`.
    RAISES (OSError): If a pipeline can't be found.
    """
    load = cache(lambda name: spacy.load(name, exclude=["ner", "lemmatizer"]))
    taggers: dict[str, Language | None] = {}
    for lang in sorted(set(languages)):
        name = names.get(lang, names.get("xx"))
        tagger = load(name) if name else None
        if tagger is not None:
            known = tagger.meta.get(LANGUAGES, [lang if tagger.lang == "xx" else tagger.lang])
            tagger = tagger if lang in known else None
        taggers[lang] = tagger
    return taggers


def tag_texts(
    taggers: Mapping[str, Language | None], texts: Iterable[tuple[str, str]], *, processes: int = 1
) -> Iterator[TaggedText]:
    """Tag texts.

    taggers (Mapping[str, Language | None]): The pipeline for each language, which sets
        `token.pos`, and `token.morph` if it can. If it sets no sentence boundaries, a rule on
        punctuation does. Words of a language without a pipeline have no tags.
    texts (Iterable[tuple[str, str]]): Texts with their language codes; those of a language are
        best put together.
    processes (int): How many processes tag; the result is the same.
    YIELDS (TaggedText): One for each text, in order.
    RAISES (ValueError): If the pipeline sets no parts of speech.
    """
    for lang, group in _group_by_language(texts):
        tagger = taggers[lang]
        if tagger is None:
            yield from (_to_tagged(_blank(lang).make_doc(text), lang) for text in group)
            continue
        docs = (_make_doc(tagger, text, lang) for text in group)
        for doc in tagger.pipe(docs, n_process=processes):
            if len(doc) and not doc.has_annotation("POS"):
                raise ValueError(
                    f"The tagger {tagger.meta['name']!r} sets no parts of speech (token.pos). Use a pipeline with "
                    "a tagger or morphologizer in configs/augment.cfg"
                )
            yield _to_tagged(doc, lang)


def _group_by_language(texts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    group: list[str] = []
    current = None
    for text, lang in texts:
        if group and lang != current:
            yield str(current), group
            group = []
        current = lang
        group.append(text)
    if group:
        yield str(current), group


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


def _make_doc(tagger: Language, text: str, lang: str) -> Doc:
    """Tokenise with the language's own rules."""
    return copy_tokens(_blank(lang).make_doc(text), tagger)


def copy_tokens(doc: Doc, tagger: Language) -> Doc:
    """Return a doc's tokens without annotation, in the vocab of a tagger, which needs them there."""
    words = [token.text for token in doc]
    return Doc(tagger.vocab, words=words, spaces=[bool(token.whitespace_) for token in doc])


@cache
def _blank(lang: str) -> Language:
    return spacy.blank(lang)


@cache
def _sentencizer() -> Callable[[Doc], Doc]:
    return spacy.blank("xx").add_pipe("sentencizer")
