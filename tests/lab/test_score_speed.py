from pathlib import Path

import pytest
import spacy
from transformers import BertConfig, BertModel, BertTokenizerFast

from scripts.distill.data.docbins import read_docs
from scripts.distill.score.scorer import BatchSettings
from scripts.lab import score_speed
from scripts.lab.score_speed import LABELS, stream_texts, time_scoring
from tests.helpers import ROOT

SAMPLE = ROOT / "assets/sample"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "book"]
SETTINGS = BatchSettings(texts=16, characters=400)


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    folder = tmp_path / "encoder"
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=len(WORDS), **sizes)).save_pretrained(folder)
    return folder


@pytest.fixture
def teacher_model(tmp_path: Path) -> Path:
    nlp = spacy.blank("en")
    textcat = nlp.add_pipe("textcat")
    for label in LABELS:
        textcat.add_label(label)
    nlp.initialize()
    nlp.to_disk(tmp_path / "trained")
    return tmp_path / "trained"


def test_score_speed_compares_the_same_scores(
    encoder: Path, teacher_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score_speed, "REPEATS", 1)
    texts = [f"{'good ' * (i % 5)}bad book {'book ' * (i % 3)}{i}" for i in range(40)]
    result = time_scoring(texts, encoder, teacher_model, SETTINGS)
    assert result["texts"] == 40
    assert result["largest_difference_to_bare_transformers"] <= 1e-5
    assert result["largest_difference_to_nlp_pipe"] <= 1e-5
    assert 0 < result["bfloat16"]["largest_difference"] < 0.1
    assert result["bfloat16"]["mean_difference"] <= result["bfloat16"]["largest_difference"]
    assert result["texts_per_second"] == pytest.approx(40 / result["seconds"]["float32"])
    fastest = min(seconds for name, seconds in result["seconds"].items() if name.startswith("bare_"))
    assert result["ratio_to_bare_transformers"] == pytest.approx(fastest / result["seconds"]["float32"])
    assert result["ratio_to_nlp_pipe"] == pytest.approx(result["seconds"]["nlp_pipe"] / result["seconds"]["trained"])


def test_score_speed_streams_texts_through_prepare_and_score(tmp_path: Path) -> None:
    result = stream_texts(3000, SAMPLE, tmp_path, SETTINGS)
    docs = [doc for path in sorted((tmp_path / "corpus/transfer").glob("*.spacy")) for doc in read_docs(path)]
    assert len(docs) == result["texts"]
    assert 3000 < result["texts"] <= 3048
    assert {doc.user_data["origin"] for doc in docs} == {"gold", "unlabelled"}
    assert all(doc.user_data["teacher_cats"] == {"NEG": 0.5, "POS": 0.5} for doc in docs)
    assert result["peak_rss_bytes"] > 10_000_000
