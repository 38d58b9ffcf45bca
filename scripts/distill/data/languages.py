"""The codes of languages, as spaCy knows them."""

from spacy.util import get_lang_class

MULTI_LANGUAGE = "xx"


def is_language(code: str) -> bool:
    """Return whether this is spaCy's own code for a language that `find_language` finds.

    code (str): A language code, such as "en". Not "eng": a config with this code can't be loaded.
    """
    return find_language(code) == code


def find_language(code: str) -> str | None:
    """Return spaCy's code for a language that it tokenises by its usual rules (unlike zh, ja, ko, th, vi), or None.

    code (str): A code that spaCy may know in another form: "deu" or "de-AT" for "de".
    """
    try:
        language = get_lang_class(code.split("-")[0])
    except (ImportError, AttributeError):  # the latter for modules beside the languages: spacy.lang.punctuation
        return None
    usual = language.lang != MULTI_LANGUAGE and "tokenizer" not in language.Defaults.config.get("nlp", {})
    return str(language.lang) if usual else None
