"""The most frequent words of languages, whatever the texts at hand: from Robyn Speer's wordfreq."""

from collections.abc import Iterable
from itertools import chain, zip_longest

import wordfreq

# Which of wordfreq's lists are used. "best": a language's large list, or its small one where there is no large one.
_LIST = "best"


def frequent_words(languages: Iterable[str], n: int) -> dict[str, list[str]]:
    """Return the most frequent words of languages, in lower case.

    languages (Iterable[str]): Language codes. A language that wordfreq has no list of is left out.
    n (int): How many words of each language are looked at. Of these, words made of letters alone are kept.
    RETURNS (dict[str, list[str]]): Language → words, the most frequent first.
    """
    known = wordfreq.available_languages(_LIST)
    return {
        lang: [word for word in wordfreq.top_n_list(lang, n, _LIST)[:n] if word.isalpha()]
        for lang in dict.fromkeys(languages) if lang in known
    }  # fmt: skip


def take_turns(words: dict[str, list[str]]) -> list[str]:
    """Return the words of all languages, each once: first the most frequent word of each language, then the second …

    words (dict[str, list[str]]): What `frequent_words` returns.
    """
    ranks = zip_longest(*words.values())
    return list(dict.fromkeys(word for word in chain.from_iterable(ranks) if word is not None))
