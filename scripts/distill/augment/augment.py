"""The whole step: train and unlabelled texts → augmented.jsonl, and the student's tokenizer."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from spacy.language import Language

from ..core.files import write_json, write_jsonl
from ..core.progress import track
from ..data.corpus import PREPARE_SHA256, Corpus
from ..data.frequent_words import frequent_words
from ..data.origins import LANG, METHOD
from ..data.tokenizer import write_tokenizer
from .lexicon import WordsByKind
from .plan import Plan
from .tagging import TaggedText, load_taggers, tag_texts
from .variants import Counts, Variant, drop_repeats_and_leaks, make_variants

# Unlabelled texts that are tagged at a time.
AT_A_TIME = 5000


def augment_corpus(corpus: Corpus, plan: Plan, *, seed: int, processes: int) -> dict[str, Any]:
    """Write variants of the train and unlabelled texts.

    corpus (Corpus): Holds gold/, unlabelled.jsonl and prepare.json. Written: augmented.jsonl with `text`, `lang`,
        `method` and `source` (the number of the text that the variant was made from, see `Variant`), tokenizer/ for the
        student, and augment.json.
    plan (Plan): What to make.
    seed (int): Decides all random choices.
    processes (int): How many processes work, 1 or more. It changes nothing in the result.
    RETURNS (dict[str, Any]): The contents of augment.json.
    RAISES (OSError, ValueError): If a corpus or a tagger is missing or can't be used.
    """
    folder, fingerprint = corpus.folder, corpus.fingerprint
    texts = [(doc.text, doc.user_data[LANG]) for doc in corpus.gold_docs("train")]
    unlabelled = [(row["text"], row[LANG]) for row in corpus.unlabelled()] if plan.unlabelled_variants else []
    taggers = load_taggers(plan.taggers, {lang for _, lang in (*texts, *unlabelled)})
    # Written last, it says that the rest is complete.
    (folder / "augment.json").unlink(missing_ok=True)
    write_tokenizer(folder / "tokenizer", corpus.lang, plan.mask_token)
    tagged = list(track(tag_texts(taggers, texts, processes=processes), "tagging", len(texts)))
    words = WordsByKind(itertools.chain(tagged, _tag_frequent_words(taggers, plan.frequent_words)))
    variants = itertools.chain(
        make_variants(tagged, plan, words, seed=seed, processes=processes),
        _vary_unlabelled(unlabelled, taggers, plan, words, first=len(texts), seed=seed, processes=processes),
    )
    counts = Counts()
    originals = itertools.chain((text for text, _ in texts), (row["text"] for row in corpus.unlabelled()))
    kept = drop_repeats_and_leaks(variants, originals, corpus.held_out(), counts)
    total = len(texts) * plan.variants + len(unlabelled) * plan.unlabelled_variants
    rows = (
        {"text": v.text, LANG: v.lang, METHOD: v.method, "source": v.source}
        for v in track(kept, "augmenting", total, "variants")
    )
    written = write_jsonl(folder / "augmented.jsonl", rows)
    summary = {
        PREPARE_SHA256: fingerprint,
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
    write_json(folder / "augment.json", summary)
    return summary


def _tag_frequent_words(taggers: Mapping[str, Language | None], n: int) -> Iterator[TaggedText]:
    """Tag the `n` most frequent words of each language that has a tagger, each word by itself."""
    words = frequent_words([lang for lang, tagger in taggers.items() if tagger is not None], n)
    return tag_texts(taggers, ((word, lang) for lang, found in words.items() for word in found))


def _vary_unlabelled(
    texts: Sequence[tuple[str, str]], taggers: Mapping[str, Language | None], plan: Plan, words: WordsByKind, *,
    first: int, seed: int, processes: int,
) -> Iterator[Variant]:  # fmt: skip
    """Yield variants of unlabelled texts. Only `AT_A_TIME` tagged texts are in memory at a time."""
    plan = plan.for_unlabelled()
    for start in range(0, len(texts), AT_A_TIME):
        tagged = list(tag_texts(taggers, texts[start : start + AT_A_TIME], processes=processes))
        yield from make_variants(tagged, plan, words, seed=seed, processes=processes, first=first + start)
