"""Which words a pipeline has vectors of: in its vocabulary, or in a student's classifier."""

from collections.abc import Mapping

from spacy.language import Language
from spacy.pipeline import TextCategorizer

# thinc's layers in a student that hold the attributes of the words and the rows of their vectors, and the attributes of
# these layers that do, see `compute_words_once`.
ATTRS, COLUMNS = "extract_features", "columns"
ROWS, TABLE = "remap_ids", "mapping_table"


def vector_rows(nlp: Language) -> tuple[int, Mapping[int, int]]:
    """Return which words a pipeline has vectors of.

    nlp (Language): A pipeline whose vectors are in its vocabulary, or in its classifier: a student's.
    RETURNS (tuple[int, Mapping[int, int]]): The attribute by which words are looked up, such as `spacy.attrs.LOWER`;
        its value → row of the vector.
    """
    for _, pipe in nlp.components:
        layers = {layer.name: layer for layer in pipe.model.walk()} if isinstance(pipe, TextCategorizer) else {}
        if ROWS in layers:
            columns = layers[ATTRS].attrs[COLUMNS]
            return columns[layers[ROWS].attrs["column"]], layers[ROWS].attrs[TABLE]
    vectors = nlp.vocab.vectors
    return vectors.attr, {key: row for key, row in vectors.key2row.items() if row >= 0}
