"""Time augmentation, and other libraries' nearest operations, on one core in the same run."""

import importlib
import statistics
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from typing import Any

from scripts.distill.augment.lexicon import WordsByKind
from scripts.distill.augment.plan import Plan
from scripts.distill.augment.tagging import load_taggers, tag_texts
from scripts.distill.augment.variants import Counts, drop_repeats_and_leaks, make_variants

# Words of a text that is timed.
WORDS = 70
# Runs of the generation, of which the median counts.
REPEATS = 5
# Texts that each of the other libraries varies.
PEER_TEXTS = 2000


def join_texts(texts: Iterable[tuple[str, str]], words: int = WORDS) -> Iterator[tuple[str, str]]:
    """Join texts of the same language to texts of the same number of words, split at white space.

    texts (Iterable[tuple[str, str]]): Texts with their language codes.
    words (int): Words of a new text, 1 or more. What is over is left out.
    YIELDS (tuple[str, str]): A new text with its language code.
    """
    waiting: dict[str, list[str]] = {}
    for text, lang in texts:
        waiting.setdefault(lang, []).extend(text.split())
        if len(waiting[lang]) >= words:
            yield " ".join(waiting[lang][:words]), lang
            del waiting[lang]


def time_augmentation(texts: list[tuple[str, str]], held_out: Collection[str], plan: Plan) -> dict[str, float]:
    """Time the stages of augmentation.

    texts (list[tuple[str, str]]): Texts with their language codes.
    held_out (Collection[str]): Normalised dev and test texts, which variants are compared with, too.
    plan (Plan): What to make of the texts.
    RETURNS (dict[str, float]): "texts_per_second", the variants made from tagged texts; "tagged_words_per_second";
        "deduplicated_texts_per_second", the variants that pass `drop_repeats_and_leaks`, dropped or not.
    """
    taggers = load_taggers(plan.taggers, {lang for _, lang in texts})
    # To warm up.
    list(tag_texts(taggers, texts[:20]))
    seconds, tagged = _time(lambda: list(tag_texts(taggers, texts)))
    words = WordsByKind(tagged)
    runs = [_time(lambda: list(make_variants(tagged, plan, words, seed=0))) for _ in range(REPEATS)]
    variants = runs[0][1]
    generation = statistics.median(seconds for seconds, _ in runs)
    deduplication, _ = _time(
        lambda: list(drop_repeats_and_leaks(variants, (text for text, _ in texts), held_out, Counts()))
    )
    return {
        "texts_per_second": len(variants) / generation,
        "tagged_words_per_second": sum(len(text.words) for text in tagged) / seconds,
        "deduplicated_texts_per_second": len(variants) / deduplication,
    }


def time_peers(text: str) -> tuple[dict[str, float], dict[str, str]]:
    """Time the nearest operations of nlpaug and textaugment.

    text (str): An English text, which every operation varies `PEER_TEXTS` times.
    RETURNS (tuple[dict[str, float], dict[str, str]]): Operation → texts per second; and operation → why it does not run
        here.
    """
    rates, missing = {}, {}
    for name, make in _PEERS.items():
        try:
            vary = make()
            vary(text)
        except (ImportError, LookupError) as err:
            lines = (line.strip() for line in str(err).splitlines() if any(map(str.isalnum, line)))
            missing[name] = next(lines, type(err).__name__)
        else:
            rates[name] = PEER_TEXTS / _time(partial(_repeat, vary, text))[0]
    return rates, missing


def _repeat(vary: Callable[[str], Any], text: str) -> None:
    for _ in range(PEER_TEXTS):
        vary(text)


def _nlpaug(action: str) -> Callable[[str], Any]:
    word = importlib.import_module("nlpaug.augmenter.word")
    return word.RandomWordAug(action=action, aug_p=0.1, aug_max=None).augment


def _textaugment_aeda() -> Callable[[str], Any]:
    return importlib.import_module("textaugment").AEDA(random_state=1).punct_insertion


def _textaugment_eda() -> Callable[[str], Any]:
    eda = importlib.import_module("textaugment").EDA(random_state=1)
    return lambda text: eda.random_swap(text, n=WORDS // 10)


# Operation → what makes the function that varies a text.
_PEERS = {
    "nlpaug RandomWordAug substitute": lambda: _nlpaug("substitute"),
    "nlpaug RandomWordAug swap": lambda: _nlpaug("swap"),
    "nlpaug RandomWordAug crop": lambda: _nlpaug("crop"),
    "textaugment EDA random_swap": _textaugment_eda,
    "textaugment AEDA punct_insertion": _textaugment_aeda,
}


def _time(function: Callable[[], Any]) -> tuple[float, Any]:
    """Call a function, and return the seconds that it took and what it returned."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result
