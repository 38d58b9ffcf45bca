"""The whole step: train and unlabelled texts → augmented.jsonl, and the student's tokenizer."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from spacy.language import Language

from ..core.files import write_json, write_jsonl
from ..core.provenance import PREPARED, fingerprint_corpora, read_prepared, read_rows
from ..data.frequent_words import frequent_words
from ..data.gold import LANG, METHOD, read_gold
from ..data.splits import normalize
from .lexicon import WordsByKind
from .plan import Plan
from .tagging import TaggedText, load_taggers, tag_texts
from .tokenizer import write_tokenizer
from .variants import Counts, Variant, drop_repeats, make_variants

# Unlabelled texts that are tagged at a time.
AT_A_TIME = 5000
T = TypeVar("T")
# Wraps items to show progress, as tqdm does; takes the items, what is done with them, their number and what they are.
Progress = Callable[[Iterable[T], str, int, str], Iterable[T]]


def augment_corpus(corpus: Path, plan: Plan, *, seed: int, processes: int, progress: Progress[Any]) -> dict[str, Any]:
    """Write variants of the train and unlabelled texts.

    corpus (Path): Holds gold/, unlabelled.jsonl and prepare.json. Written: augmented.jsonl with `text`, `lang`,
        `method` and `source` (the number of the text that the variant was made from, see `Variant`), tokenizer/ for the
        student, and augment.json.
    plan (Plan): What to make.
    seed (int): Decides all random choices.
    processes (int): How many processes work, 1 or more. It changes nothing in the result.
    progress (Callable): Wraps items, to show progress.
    RETURNS (dict[str, Any]): The contents of augment.json.
    RAISES (OSError, ValueError): If a corpus or a tagger is missing or can't be used.
    """
    gold, fingerprint = corpus / "gold", fingerprint_corpora(corpus)
    texts = [(doc.text, doc.user_data[LANG]) for doc in read_gold(gold / "train.spacy")]
    held_out = {normalize(doc.text) for split in ("dev", "test") for doc in read_gold(gold / f"{split}.spacy")}
    lang = read_prepared(corpus)["lang"]
    unlabelled = read_unlabelled(corpus) if plan.unlabelled_variants else []
    taggers = load_taggers(plan.taggers, {lang for _, lang in (*texts, *unlabelled)})
    # augment.json is written last, and says that the rest is complete. Until then there must be none.
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
    """Tag the `n` most frequent words of each language that has a tagger, each word by itself."""
    words = frequent_words([lang for lang, tagger in taggers.items() if tagger is not None], n)
    return tag_texts(taggers, ((word, lang) for lang, found in words.items() for word in found))


def read_unlabelled(corpus: Path) -> list[tuple[str, str]]:
    """Return the unlabelled texts with their language codes.

    corpus (Path): The folder with unlabelled.jsonl.
    RAISES (ValueError): If the file is missing or broken; the message names the command that makes it.
    """
    return [(row["text"], row[LANG]) for row in read_rows(corpus / "unlabelled.jsonl", "prepare", ("text", LANG))]


def _vary_unlabelled(
    texts: Sequence[tuple[str, str]], taggers: Mapping[str, Language | None], plan: Plan, words: WordsByKind, *,
    first: int, seed: int, processes: int,
) -> Iterator[Variant]:  # fmt: skip
    """Yield variants of unlabelled texts. Only `AT_A_TIME` tagged texts are in memory at a time."""
    plan = plan.for_unlabelled()
    for start in range(0, len(texts), AT_A_TIME):
        tagged = list(tag_texts(taggers, texts[start : start + AT_A_TIME], processes=processes))
        yield from make_variants(tagged, plan, words, seed=seed, processes=processes, first=first + start)
