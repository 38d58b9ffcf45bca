"""Compute what a student makes of a word once for each distinct word of a batch, and keep its word vectors in it.

`MultiHashEmbed` computes hashed features, word vector and their mixture for every token. They depend on the word alone,
and a batch of texts has far fewer distinct words than tokens. So a trained student gets other stock layers around the
same parameters: the answers stay the same. (Sharing within a batch is thinc's `uniqued`.)
"""

from collections.abc import Mapping
from typing import Any

import spacy
from spacy.attrs import IDS, NAMES
from spacy.language import Language
from spacy.pipeline import TextCategorizer
from spacy.vectors import Mode, Vectors
from thinc.api import Model

from ..data.known_words import COLUMNS, ROWS, TABLE, vector_rows

# What depends on the spelling of a word alone. A token's NORM can also come from the tokenizer's exceptions.
LEXICAL = ("ORTH", "LOWER", "PREFIX", "SUFFIX", "SHAPE")


def compute_words_once(nlp: Language) -> None:
    """Give a pipeline's classifier layers that compute each distinct word of a batch once.

    The pipeline gives the same probabilities as before, but for rounding. Its word vectors become parameters of the
    classifier, and leave the vocabulary. So the classifier can be taken into another pipeline.

    nlp (Language): A stock pipeline; it is changed. It stays as it is if it is not a single `textcat` whose words are
        embedded by a `spacy.MultiHashEmbed.v2` with a table of static vectors and features of `LEXICAL` alone.
    """
    pipes = [pipe for _, pipe in nlp.components]
    if len(pipes) != 1 or type(pipes[0]) is not TextCategorizer:
        return
    tok2vec = nlp.get_pipe_config(nlp.component_names[0])["model"].get("tok2vec", {})
    if not _can_share(tok2vec.get("embed", {}), nlp.vocab.vectors):
        return
    tok2vec["embed"] = _share_words(tok2vec["embed"], nlp.vocab.vectors)
    model = pipes[0].model
    old = next(layer for layer in model.walk() if layer.has_ref("embed")).get_ref("embed")
    model.replace_node(old, _make_embedding(tok2vec["embed"], old, nlp))
    nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings)


def _can_share(embed: Mapping[str, Any], vectors: Vectors) -> bool:
    """Return whether the embedding of this config depends on the spelling of a word alone, and has word vectors."""
    return (
        embed.get("@architectures") == "spacy.MultiHashEmbed.v2"
        and embed["include_static_vectors"]
        and vectors.mode == Mode.default
        and {*embed["attrs"], NAMES[vectors.attr]} <= set(LEXICAL)
        and len(set(embed["attrs"])) == len(embed["attrs"])
    )


def _share_words(embed: Mapping[str, Any], vectors: Vectors) -> dict[str, Any]:
    """Return the config of layers that do what a `MultiHashEmbed` does, once for each distinct word of a batch."""
    width = embed["width"]
    n_vectors, n_dims = vectors.data.shape
    # Words are told apart by the first column.
    columns = list(dict.fromkeys(["ORTH", *embed["attrs"], NAMES[vectors.attr]]))
    # The seeds are those that MultiHashEmbed gives, from 8 on. They decide which rows a word has.
    features = {
        attr.lower(): _once(
            columns.index(attr),
            {"@layers": "HashEmbed.v1", "nO": width, "nV": rows, "seed": seed, "dropout": 0.0,
             "column": columns.index(attr), "initializer": None},
        )
        for seed, (attr, rows) in enumerate(zip(embed["attrs"], embed["rows"], strict=True), start=8)
    }  # fmt: skip
    # A word without a vector has the last row, of zeros.
    vector = _chain(
        rows={"@layers": "remap_ids.v2", TABLE: {}, "default": n_vectors,
              "column": columns.index(NAMES[vectors.attr])},
        table={"@layers": "Embed.v1", "nO": n_dims, "nV": n_vectors + 1, "column": 0, "initializer": None,
               "dropout": None},
        project={"@layers": "Linear.v1", "nO": width, "nI": n_dims, "init_W": None, "init_b": None},
    )  # fmt: skip
    word = _chain(
        parts={"@layers": "concatenate.v1", "*": {**features, "vector": vector}},
        mix={"@layers": "Maxout.v1", "nO": width, "nI": width * (len(features) + 1), "nP": 3, "normalize": True,
             "dropout": 0.0, "init_W": None, "init_b": None},
    )  # fmt: skip
    return _chain(
        features={"@layers": "spacy.FeatureExtractor.v1", COLUMNS: [IDS[name] for name in columns]},
        flat={"@layers": "list2ragged.v1"},
        words={"@layers": "with_array.v1", "pad": 0, "layer": _once(0, word)},
        lists={"@layers": "ragged2list.v1"},
    )


def _once(column: int, layer: dict[str, Any]) -> dict[str, Any]:
    """Return the config of a layer that computes each distinct value of a column once.

    In training, thinc's `concatenate` adds up what its layers return for their input, in the type of the first. This is
    floats for `remap_ids` (not set, so NumPy may warn), integers for `HashEmbed`, and floats for `HashEmbed` inside
    `uniqued`. Nothing uses the sum.
    """
    return {"@layers": "uniqued.v1", "column": column, "layer": layer}


def _chain(**layers: dict[str, Any]) -> dict[str, Any]:
    return {"@layers": "chain.v1", "*": layers}


def _make_embedding(config: dict[str, Any], old: Model[Any, Any], nlp: Language) -> Model[Any, Any]:
    """Return the layers of a config that `_share_words` made, with the parameters of a `MultiHashEmbed`."""
    new: Model[Any, Any] = spacy.registry.resolve({"embed": config})["embed"]
    _find(new, ROWS).attrs[TABLE] = {int(key): int(row) for key, row in vector_rows(nlp)[1].items()}
    table, project = _find(new, "embed"), _find(new, "linear")
    vectors = table.ops.alloc2f(table.get_dim("nV"), table.get_dim("nO"))
    vectors[:-1] = nlp.vocab.vectors.data
    table.set_param("E", vectors)
    project.set_param("W", _find(old, "static_vectors").get_param("W"))
    project.set_param("b", project.ops.alloc1f(project.get_dim("nO")))
    for name in ("hashembed", "maxout", "layernorm"):
        for trained, layer in zip(_find_all(old, name), _find_all(new, name), strict=True):
            for param in trained.param_names:
                layer.set_param(param, trained.get_param(param))
    return new


def _find_all(model: Model[Any, Any], name: str) -> list[Model[Any, Any]]:
    return [layer for layer in model.walk() if layer.name == name]


def _find(model: Model[Any, Any], name: str) -> Model[Any, Any]:
    (layer,) = _find_all(model, name)
    return layer
