"""The student's tokenizer."""

import re
from pathlib import Path

import spacy
from spacy.symbols import ORTH
from spacy.tokenizer import Tokenizer
from spacy.util import compile_infix_regex, compile_prefix_regex, compile_suffix_regex

from ..core.files import replacing_folder
from .languages import MULTI_LANGUAGE

# French and Italian words that lose their vowel before another word (l'hôtel, dell'acqua). spaCy's tokenizers for these
# languages split them, its multi-language one does not: each such word would be unknown to the student.
_ELIDED = (
    "[cdjlmnstv]", "qu", "quelqu", "jusqu", "lorsqu", "puisqu", "un", "all", "dall", "dell", "nell", "sull", "bell",
    "quell", "quest", "sant", "anch", "com", "cos", "dov", "nient", "tutt",
)  # fmt: skip
ELISION = rf"(?i:{'|'.join(_ELIDED)})['’](?=\w)"


def write_tokenizer(path: Path, lang: str, mask_token: str) -> None:
    """Write the student's tokenizer, as a blank pipeline, which the student's config names.

    It is the language's own tokenizer, but a mask is one token. The multi-language tokenizer also splits French and
    Italian elisions.

    path (Path): The folder to write.
    lang (str): A language code, or "xx" for all languages.
    mask_token (str): The mask, such as "[MASK]".
    RAISES (ValueError): If the language has a tokenizer without such rules.
    """
    nlp = spacy.blank(lang)
    tokenizer, defaults, mask = nlp.tokenizer, nlp.Defaults, re.escape(mask_token)
    if not isinstance(tokenizer, Tokenizer):
        raise ValueError(f"The tokenizer of language {lang!r} can't be taught the mask token {mask_token!r}")
    tokenizer.add_special_case(mask_token, [{ORTH: mask_token}])
    # The special case finds a mask that stands alone; the rules below find one within a word, such as l'[MASK].
    elision = [ELISION] if lang == MULTI_LANGUAGE else []
    tokenizer.prefix_search = compile_prefix_regex([mask, *elision, *(defaults.prefixes or ())]).search
    tokenizer.suffix_search = compile_suffix_regex([mask, *(defaults.suffixes or ())]).search
    tokenizer.infix_finditer = compile_infix_regex([mask, *(defaults.infixes or ())]).finditer
    with replacing_folder(path) as folder:
        nlp.to_disk(folder, exclude=["vocab"])
