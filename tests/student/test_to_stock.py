"""A saved student is a stock pipeline: same scores, no code of ours."""

import json
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose
from spacy.language import Language
from thinc.api import Adam

from scripts.distill.student.component import FACTORY
from scripts.distill.student.to_stock import to_stock
from tests.student.test_component import LABELS, MODELS, SOFT, make_examples, make_pipeline

WEIGHTS = {"gold": 2.0, "unlabelled": 1.0, "augmented": 0.5}
LOAD = """
import json, sys
sys.modules["scripts"] = None  # any import of ours fails
import spacy
nlp = spacy.load(sys.argv[1])
assert not any(name.startswith("scripts.") for name in sys.modules)
print(json.dumps([nlp(text).cats for text in json.loads(sys.argv[2])]))
"""


@pytest.fixture
def nlp() -> Language:
    nlp, pipe = make_pipeline(MODELS["ensemble"], origin_weights=WEIGHTS, gold_weight=0.25)
    for _ in range(5):
        pipe.update(make_examples(nlp), sgd=Adam(0.01))
    nlp.tokenizer.add_special_case("[MASK]", [{"ORTH": "[MASK]"}])
    nlp.meta["performance"] = {"cats_micro_f": 0.5}
    nlp.config["corpora"] = {"train": {"@readers": "distill.TransferCorpus.v1", "path": "x", "seed": 0}}
    nlp.config["initialize"]["after_init"] = {"@callbacks": "distill.init_norm_sketch.v1", "scale": 0.1, "seed": 0}
    nlp.config["training"]["before_to_disk"] = {"@callbacks": "distill.to_stock.v1", "corpus": "x"}
    return nlp


def test_stock_has_stock_factory_and_config(nlp: Language) -> None:
    stock = to_stock(nlp)
    assert stock.get_pipe_meta("textcat").factory == "textcat"
    assert "distill." not in stock.config.to_str()
    assert "origin_weights" not in stock.config.to_str()
    assert "gold_weight" not in stock.config.to_str()
    assert nlp.config["components"]["textcat"]["origin_weights"] == WEIGHTS
    own = stock.config["components"]["textcat"].keys() - {"factory"}
    assert own == spacy.blank("en").get_factory_meta("textcat").default_config.keys()
    assert stock.meta["performance"] == {"cats_micro_f": 0.5}


def test_stock_predicts_the_same_and_leaves_the_original_alone(nlp: Language) -> None:
    before = [nlp(text).cats for text in SOFT]
    stock = to_stock(nlp)
    assert [stock(text).cats for text in SOFT] == before
    assert nlp.get_pipe_meta("textcat").factory == "distilled_textcat"
    assert [nlp(text).cats for text in SOFT] == before


def test_stock_keeps_the_tokenizers_special_cases(nlp: Language) -> None:
    assert [token.text for token in to_stock(nlp)("a [MASK] b")] == ["a", "[MASK]", "b"]


def test_stock_has_the_stock_scorer_and_no_schedule() -> None:
    nlp, _ = make_pipeline(MODELS["bow"], scorer={"@scorers": "distill.textcat_scorer.v1"})
    nlp.config["training"]["score_weights"] = {"cats_micro_f": 0.5, "cats_likelihood": 0.5, "cats_score": None}
    nlp.config["schedule"] = {"epochs": 3}
    stock = to_stock(nlp)
    assert stock.config["components"]["textcat"]["scorer"] == {"@scorers": "spacy.textcat_scorer.v2"}
    weights = stock.config["training"]["score_weights"]
    assert {name: weight for name, weight in weights.items() if weight} == {"cats_micro_f": 1.0}
    assert "cats_likelihood" not in weights
    assert "schedule" not in stock.config
    assert "distill." not in stock.config.to_str()
    assert nlp.config["schedule"] == {"epochs": 3}
    assert nlp.config["training"]["score_weights"]["cats_likelihood"] == 0.5


def test_stock_leaves_the_vocab_behind(nlp: Language) -> None:
    assert "pears" in nlp.vocab.strings
    assert "pears" not in to_stock(nlp).vocab.strings


def test_stock_loads_without_our_code(nlp: Language, tmp_path: Path) -> None:
    expected = [nlp(text).cats for text in SOFT]
    to_stock(nlp).to_disk(tmp_path / "student")
    command = [sys.executable, "-c", LOAD, str(tmp_path / "student"), json.dumps(list(SOFT))]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for cats, other in zip(json.loads(done.stdout), expected, strict=True):
        assert_allclose([cats[label] for label in other], list(other.values()), atol=1e-7)


def test_stock_keeps_word_vectors() -> None:
    nlp = spacy.blank("en")
    for i, word in enumerate(("fine", "old")):
        nlp.vocab.set_vector(word, numpy.full(4, i + 1, dtype="float32"))
    tok2vec = {
        "@architectures": "spacy.HashEmbedCNN.v2", "pretrained_vectors": True, "width": 8, "depth": 1,
        "embed_size": 100, "window_size": 1, "maxout_pieces": 2, "subword_features": True,
    }  # fmt: skip
    pipe = nlp.add_pipe(FACTORY, name="textcat", config={"model": {**MODELS["reduce"], "tok2vec": tok2vec}})
    pipe.initialize(lambda: make_examples(nlp), nlp=nlp, labels=LABELS)
    stock = to_stock(nlp)
    assert "fine" not in set(stock.vocab.strings)  # hashes find the vectors
    assert stock.vocab.get_vector("old").tolist() == [2, 2, 2, 2]
    assert [stock(text).cats for text in SOFT] == [nlp(text).cats for text in SOFT]


@pytest.mark.parametrize("noted", [True, False])
def test_stock_callback_notes_the_transfer_set(nlp: Language, tmp_path: Path, noted: bool) -> None:
    if noted:
        (tmp_path / "score.json").write_text('{"transfer_sha256": "abc"}', encoding="utf-8")
    settings = {"callback": {"@callbacks": "distill.to_stock.v1", "corpus": str(tmp_path)}}
    stock = spacy.registry.resolve(settings)["callback"](nlp)
    assert stock.get_pipe_meta("textcat").factory == "textcat"
    assert stock.meta.get("transfer_sha256") == ("abc" if noted else None)


def test_stock_has_no_paths_of_the_machine_where_it_was_trained(nlp: Language) -> None:
    nlp.config["paths"] = {"train": "/home/someone/transfer", "vectors": None}
    stock = to_stock(nlp)
    assert set(stock.config["paths"].values()) == {None}
    assert "someone" not in stock.config.to_str()
