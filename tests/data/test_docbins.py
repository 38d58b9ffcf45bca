from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from scripts.distill.data.docbins import read_docs, write_docs


@pytest.fixture
def docs() -> list[Doc]:
    docs = [spacy.blank("en").make_doc(text) for text in ("  A naïve\tbook 😀\n", "", "don't")]
    docs[0].cats = {"NEG": 0.0, "POS": 1.0}
    docs[0].user_data = {"lang": "en", "origin": "gold", "teacher_cats": {"NEG": 1 / 3, "POS": 2 / 3}}
    docs[2].user_data = {"lang": "en"}
    return docs


def test_docbins_keep_text_tokens_labels_and_user_data(docs: list[Doc], tmp_path: Path) -> None:
    write_docs(iter(docs), tmp_path / "docs.spacy")
    restored = list(read_docs(tmp_path / "docs.spacy"))
    assert [doc.text for doc in restored] == [doc.text for doc in docs]
    assert [token.text for token in restored[2]] == ["do", "n't"]
    assert [token.norm_ for token in restored[2]] == [token.norm_ for token in docs[2]]
    assert [doc.cats for doc in restored] == [{"NEG": 0.0, "POS": 1.0}, {}, {}]
    assert [doc.user_data for doc in restored] == [docs[0].user_data, {}, {"lang": "en"}]


def test_docbins_are_what_spacy_writes_and_reads(docs: list[Doc], tmp_path: Path) -> None:
    write_docs(docs, tmp_path / "ours.spacy")
    DocBin(attrs=["ORTH", "SPACY", "NORM"], store_user_data=True, docs=docs).to_disk(tmp_path / "stock.spacy")
    assert (tmp_path / "ours.spacy").read_bytes() == (tmp_path / "stock.spacy").read_bytes()
    stock = list(DocBin().from_disk(tmp_path / "ours.spacy").get_docs(Vocab()))
    assert [doc.user_data for doc in stock] == [doc.user_data for doc in docs]


def test_docbins_without_user_data_can_be_read(docs: list[Doc], tmp_path: Path) -> None:
    DocBin(attrs=["ORTH", "SPACY"], docs=docs).to_disk(tmp_path / "docs.spacy")
    assert [(doc.text, doc.user_data) for doc in read_docs(tmp_path / "docs.spacy")] == [(d.text, {}) for d in docs]
