"""Augment the train corpus, and read what was made."""

import difflib
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import spacy
from spacy.language import Language
from spacy.symbols import ORTH
from spacy.tokenizer import Tokenizer
from spacy.util import compile_infix_regex, compile_prefix_regex, compile_suffix_regex

from .augmentation import Counts, Plan, Variant, drop_repeats, make_variants
from .files import replacing_folder, write_json, write_jsonl
from .frequent_words import frequent_words
from .gold import LANG, METHOD, read_gold
from .provenance import PREPARED, fingerprint_corpora, read_rows, read_summary
from .splits import MULTI_LANGUAGE, normalize
from .tagging import TaggedText, load_taggers, tag_texts
from .words import WordsByKind

# Unlabelled texts that are tagged at a time.
AT_A_TIME = 5000
T = TypeVar("T")
# Called with an iterable, what is being done, how many there are and what they are: tqdm, for example.
Progress = Callable[[Iterable[T], str, int, str], Iterable[T]]


def augment_corpus(corpus: Path, plan: Plan, *, seed: int, processes: int, progress: Progress[Any]) -> dict[str, Any]:
    """Write variants of the train and unlabelled texts.

    corpus (Path): Holds gold/ and prepare.json. Written: augmented.jsonl with `text`, `lang`, `method` and `source`
        (the index of the text: train texts, then unlabelled ones), tokenizer/ for the student, and augment.json.
    plan (Plan): What to make.
    seed (int): Decides all random choices.
    processes (int): How many processes work; the result is the same.
    RETURNS (dict[str, Any]): The contents of augment.json.
    RAISES (OSError, ValueError): If a corpus or a tagger is missing or of no use.
    """
    gold, fingerprint = corpus / "gold", fingerprint_corpora(corpus)
    texts = [(doc.text, doc.user_data[LANG]) for doc in read_gold(gold / "train.spacy")]
    held_out = {normalize(doc.text) for split in ("dev", "test") for doc in read_gold(gold / f"{split}.spacy")}
    lang = json.loads((corpus / "prepare.json").read_text(encoding="utf-8"))["lang"]
    unlabelled = read_unlabelled(corpus) if plan.unlabelled_variants else []
    taggers = load_taggers(plan.taggers, {lang for _, lang in (*texts, *unlabelled)})
    # Written last, it says that the rest is complete.
    (corpus / "augment.json").unlink(missing_ok=True)
    write_tokenizer(corpus / "tokenizer", lang, plan.mask_token)
    tagged = list(progress(tag_texts(taggers, texts, processes=processes), "tagging", len(texts), "texts"))
    words = WordsByKind(itertools.chain(tagged, _tag_frequent_words(taggers, plan.frequent_words)))
    variants = itertools.chain(
        make_variants(tagged, plan, words, seed=seed, processes=processes),
        _vary_unlabelled(unlabelled, taggers, plan, words, first=len(texts), seed=seed, processes=processes),
    )
    counts = Counts()
    kept = drop_repeats(variants, (text for text, _ in (*texts, *unlabelled)), held_out, counts)
    total = len(texts) * plan.variants + len(unlabelled) * plan.unlabelled_variants
    bar = progress(kept, "augmenting", total, "variants")
    rows = ({"text": v.text, LANG: v.lang, METHOD: v.method, "source": v.source} for v in bar)
    written = write_jsonl(corpus / "augmented.jsonl", rows)
    summary = {
        PREPARED: fingerprint,
        "seed": seed,
        "plan": plan.config,
        "sources": dict(Counter(lang for _, lang in texts)),
        "unlabelled_sources": dict(Counter(lang for _, lang in unlabelled)),
        "total": written,
        "untagged_languages": sorted(lang for lang, tagger in taggers.items() if tagger is None),
        "kept": {lang: dict(sorted(methods.items())) for lang, methods in sorted(counts.kept.items())},
        "words_swapped": {lang: dict(pos.most_common()) for lang, pos in sorted(counts.swapped.items())},
        "duplicates_dropped": dict(sorted(counts.duplicates.items())),
        "leaks_dropped": dict(sorted(counts.leaks.items())),
    }
    write_json(corpus / "augment.json", summary)
    return summary


def _tag_frequent_words(taggers: Mapping[str, Language | None], n: int) -> Iterator[TaggedText]:
    """Tag the most frequent words of the languages that have a tagger, each by itself."""
    words = frequent_words([lang for lang, tagger in taggers.items() if tagger is not None], n)
    return tag_texts(taggers, ((word, lang) for lang, found in words.items() for word in found))


def read_unlabelled(corpus: Path) -> list[tuple[str, str]]:
    """Return the unlabelled texts with their languages."""
    return [(row["text"], row[LANG]) for row in read_rows(corpus / "unlabelled.jsonl", "prepare", ("text", LANG))]


def _vary_unlabelled(
    texts: Sequence[tuple[str, str]], taggers: Mapping[str, Language | None], plan: Plan, words: WordsByKind, *,
    first: int, seed: int, processes: int,
) -> Iterator[Variant]:  # fmt: skip
    """Yield variants of unlabelled texts, of which only some are tagged and in memory at a time."""
    plan = plan.for_unlabelled()
    for start in range(0, len(texts), AT_A_TIME):
        tagged = list(tag_texts(taggers, texts[start : start + AT_A_TIME], processes=processes))
        yield from make_variants(tagged, plan, words, seed=seed, processes=processes, first=first + start)


# French and Italian words that lose their vowel before another word (l'hôtel, dell'acqua). spaCy's tokenizers for these
# languages split them, its multi-language one does not: each such word would be unknown to the student.
_ELIDED = (
    "[cdjlmnstv]", "qu", "quelqu", "jusqu", "lorsqu", "puisqu", "un", "all", "dall", "dell", "nell", "sull", "bell",
    "quell", "quest", "sant", "anch", "com", "cos", "dov", "nient", "tutt",
)  # fmt: skip
ELISION = rf"(?i:{'|'.join(_ELIDED)})['’](?=\w)"


def write_tokenizer(path: Path, lang: str, mask_token: str) -> None:
    """Write the student's tokenizer, as a blank pipeline: its language's own, but a mask is a token.

    The multi-language one also splits French and Italian elisions. The student's config takes it from there.
    """
    nlp = spacy.blank(lang)
    tokenizer, defaults, mask = nlp.tokenizer, nlp.Defaults, re.escape(mask_token)
    if not isinstance(tokenizer, Tokenizer):
        raise ValueError(f"The tokenizer of language {lang!r} can't be taught the mask token {mask_token!r}")
    tokenizer.add_special_case(mask_token, [{ORTH: mask_token}])
    # A special case is not found within words, such as l'[MASK].
    elision = [ELISION] if lang == MULTI_LANGUAGE else []
    tokenizer.prefix_search = compile_prefix_regex([mask, *elision, *(defaults.prefixes or ())]).search
    tokenizer.suffix_search = compile_suffix_regex([mask, *(defaults.suffixes or ())]).search
    tokenizer.infix_finditer = compile_infix_regex([mask, *(defaults.infixes or ())]).finditer
    with replacing_folder(path) as folder:
        nlp.to_disk(folder, exclude=["vocab"])


@dataclass(frozen=True)
class Shown:
    """A train text and its variants.

    variants (list[tuple[str, str]]): Method and text of each, with *stars* around changed words.
    """

    source: int
    text: str
    variants: list[tuple[str, str]]


def show_variants(corpus: Path, lang: str, n: int) -> Iterator[Shown]:
    """Yield the first train texts of a language that have variants.

    corpus (Path): Holds gold/ and augmented.jsonl.
    lang (str): The language code.
    n (int): How many train texts.
    RAISES (ValueError): If there are no variants in this language.
    """
    path, summary = corpus / "augmented.jsonl", read_summary(corpus, "augment")
    texts = [doc.text for doc in read_gold(corpus / "gold" / "train.spacy")]
    if summary["unlabelled_sources"]:
        texts += [text for text, _ in read_unlabelled(corpus)]
    with path.open(encoding="utf-8") as file:
        rows = (row for row in map(json.loads, file) if row[LANG] == lang)
        groups = itertools.groupby(rows, key=lambda row: row["source"])
        first = next(groups, None)
        if first is None:
            known = ", ".join(summary["kept"])
            raise ValueError(f"{path}: no variants in language {lang!r}. Found: {known}")
        for source, group in itertools.islice(itertools.chain([first], groups), n):
            text = texts[source]
            yield Shown(source, text, [(row[METHOD], mark_changes(text, row["text"])) for row in group])


def mark_changes(text: str, variant: str) -> str:
    """Return the variant, with *stars* around words that are not in the text at this place."""
    words = list(re.finditer(r"\w+|[^\w\s]", variant))
    matcher = difflib.SequenceMatcher(None, re.findall(r"\w+|[^\w\s]", text), [w[0] for w in words], autojunk=False)
    pieces, done = [], 0
    for operation, _, _, start, end in matcher.get_opcodes():
        if operation in ("insert", "replace"):
            first, last = words[start].start(), words[end - 1].end()
            pieces += [variant[done:first], "*", variant[first:last], "*"]
            done = last
    return "".join([*pieces, variant[done:]])
