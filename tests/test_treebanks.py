from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from scripts.distil.treebanks import (
    DEV_EVERY,
    HELD_OUT,
    MIN_COUNT,
    SENTENCES_PER_DOC,
    convert_treebanks,
    describe_sources,
    keep_frequent_features,
    read_treebank,
)

# form, part of speech, features, is a space after it
Word = tuple[str, str, str, bool]
SENTENCE: list[Word] = [
    ("Zij", "PRON", "Number=Plur", True), ("lezen", "VERB", "Number=Plur|Tense=Pres", False), (".", "PUNCT", "_", True),
]  # fmt: skip


def conllu(words: list[Word]) -> str:
    lines = []
    for i, (form, pos, features, space) in enumerate(words, start=1):
        head, relation = (0, "root") if i == 1 else (1, "dep")
        space_after = "_" if space else "SpaceAfter=No"
        lines.append(f"{i}\t{form}\t{form.lower()}\t{pos}\t_\t{features}\t{head}\t{relation}\t_\t{space_after}")
    return "\n".join(lines) + "\n\n"


def write_treebank(folder: Path, name: str, sentences: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.conllu").write_text(conllu(SENTENCE) * sentences, encoding="utf-8")


def read_docs(path: Path) -> list[Doc]:
    return list(DocBin().from_disk(path).get_docs(Vocab()))


def test_treebanks_docs_have_ten_sentences(tmp_path: Path) -> None:
    write_treebank(tmp_path, "a", 2 * SENTENCES_PER_DOC + 3)
    docs = list(read_treebank(tmp_path / "a.conllu"))
    assert SENTENCES_PER_DOC == 10
    assert [len(list(doc.sents)) for doc in docs] == [10, 10, 3]
    assert docs[2].text.strip() == "Zij lezen. Zij lezen. Zij lezen."
    assert [(token.text, token.pos_, str(token.morph)) for token in docs[0][:3]] == [
        ("Zij", "PRON", "Number=Plur"), ("lezen", "VERB", "Number=Plur|Tense=Pres"), (".", "PUNCT", ""),
    ]  # fmt: skip


def test_treebanks_split_words_stay_whole(tmp_path: Path) -> None:
    lines = [
        "# text = Salió del bar.",
        "1\tSalió\tsalir\tVERB\t_\t_\t0\troot\t_\t_",
        "2-3\tdel\t_\t_\t_\t_\t_\t_\t_\t_",
        "2\tde\tde\tADP\t_\t_\t4\tcase\t_\t_",
        "3\tel\tel\tDET\t_\tDefinite=Def\t4\tdet\t_\t_",
        "4\tbar\tbar\tNOUN\t_\tGender=Masc\t1\tobl\t_\tSpaceAfter=No",
        "5\t.\t.\tPUNCT\t_\t_\t1\tpunct\t_\t_",
    ]
    (tmp_path / "es.conllu").write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    [doc] = read_treebank(tmp_path / "es.conllu")
    assert [token.text for token in doc] == ["Salió", "del", "bar", "."]
    assert [token.pos_ for token in doc] == ["VERB", "ADP", "NOUN", "PUNCT"]
    assert doc.text.strip() == "Salió del bar."


def test_treebanks_rare_features_are_removed() -> None:
    # One token below the bar, and one at it; over all docs.
    words = ["a"] * (MIN_COUNT - 1) + ["b"] * MIN_COUNT
    docs = [
        Doc(Vocab(), words=part, pos=["NOUN"] * len(part), morphs=[f"Case={word.upper()}cc" for word in part])
        for part in (words[::2], words[1::2])
    ]
    keep_frequent_features(iter(docs))
    found = {(token.text, str(token.morph), token.pos_) for doc in docs for token in doc}
    assert found == {("a", "", "NOUN"), ("b", "Case=Bcc", "NOUN")}


def test_treebanks_features_count_with_their_part_of_speech() -> None:
    pos = ["NOUN"] * MIN_COUNT + ["ADJ"]
    doc = Doc(Vocab(), words=["a"] * len(pos), pos=pos, morphs=["Case=Acc"] * len(pos))
    keep_frequent_features([doc])
    assert [str(token.morph) for token in doc] == ["Case=Acc"] * MIN_COUNT + [""]


def test_treebanks_convert_holds_docs_out_for_dev(tmp_path: Path) -> None:
    # Docs of ten sentences of three words; every twentieth goes to dev.
    write_treebank(tmp_path / "ud" / "nl", "UD_Dutch-A-train", 2 * DEV_EVERY * SENTENCES_PER_DOC)
    write_treebank(tmp_path / "ud" / "de", "UD_German-B-train", (DEV_EVERY - 1) * SENTENCES_PER_DOC)
    words = convert_treebanks(tmp_path / "ud", tmp_path / "new" / "corpus")
    assert words == {
        "UD_German-B-train": {"train": 19 * 30, "dev": 0}, "UD_Dutch-A-train": {"train": 38 * 30, "dev": 2 * 30},
    }  # fmt: skip
    assert list(words) == ["UD_German-B-train", "UD_Dutch-A-train"]
    train, dev = (read_docs(tmp_path / "new" / "corpus" / f"{split}.spacy") for split in ("train", "dev"))
    assert (len(train), len(dev)) == (19 + 38, 2)
    assert [(token.text, token.pos_, str(token.morph), token.is_sent_start) for token in dev[0][:4]] == [
        ("Zij", "PRON", "Number=Plur", True), ("lezen", "VERB", "Number=Plur|Tense=Pres", False),
        (".", "PUNCT", "", False), ("Zij", "PRON", "Number=Plur", True),
    ]  # fmt: skip
    assert dev[0].text.startswith("Zij lezen. Zij lezen. ")


def test_treebanks_convert_counts_features_over_all_treebanks(tmp_path: Path) -> None:
    # Half of what is needed in each of two.
    for code in ("de", "nl"):
        write_treebank(tmp_path / "ud" / code, f"UD_{code}-train", MIN_COUNT // 2)
    convert_treebanks(tmp_path / "ud", tmp_path / "both")
    assert str(read_docs(tmp_path / "both" / "train.spacy")[0][0].morph) == "Number=Plur"
    (tmp_path / "ud" / "de" / "UD_de-train.conllu").unlink()
    convert_treebanks(tmp_path / "ud", tmp_path / "one")
    doc = read_docs(tmp_path / "one" / "train.spacy")[0]
    assert {str(token.morph) for token in doc} == {""}
    assert [token.pos_ for token in doc[:3]] == ["PRON", "VERB", "PUNCT"]


@pytest.mark.parametrize("held_out", HELD_OUT)
def test_treebanks_convert_leaves_the_test_treebanks_out(tmp_path: Path, held_out: str) -> None:
    write_treebank(tmp_path / "ud" / "en", held_out, 1)
    write_treebank(tmp_path / "ud" / "en", held_out.replace("-test", "-dev"), 2)
    assert convert_treebanks(tmp_path / "ud", tmp_path) == {held_out.replace("-test", "-dev"): {"train": 6, "dev": 0}}
    assert [len(doc) for doc in read_docs(tmp_path / "train.spacy")] == [6]


def test_treebanks_held_out_are_one_for_each_language() -> None:
    languages = {name.removeprefix("UD_").split("-")[0] for name in HELD_OUT}
    assert languages == {"English", "Dutch", "French", "German", "Italian", "Spanish"}
    assert len(HELD_OUT) == 6


@pytest.mark.parametrize("files", [[], ["README.md"], ["a.conllu"], [f"en/{HELD_OUT[0]}.conllu"]], ids=str)
def test_treebanks_folder_without_treebanks_is_an_error(tmp_path: Path, files: list[str]) -> None:
    folder, output = tmp_path / "ud", tmp_path / "corpus"
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(conllu(SENTENCE), encoding="utf-8")
    with pytest.raises(ValueError) as raised:
        convert_treebanks(folder, output)
    assert str(raised.value) == f"{folder}: no treebanks. It must hold <lang>/*.conllu, in CoNLL-U"
    assert not output.exists()


def test_treebanks_describe_sources_names_each_license() -> None:
    counts = {"train": 100, "dev": 5}
    names = ["UD_Italian-ISDT-train", "UD_Italian-ParTUT-dev", "UD_Spanish-AnCora-train", "UD_Other-New-train"]
    meta = describe_sources({name: counts for name in names})
    assert meta["sources"] == [
        {"name": name, "license": terms, "words": 100, "url": "https://universaldependencies.org"}
        for name, terms in zip(names, ["CC BY-NC-SA 3.0", "CC BY-NC-SA 4.0", "GPL 3.0", "unknown"], strict=True)
    ]
    assert meta["name"] == "upos_tagger"
    assert meta["license"] == "CC BY-NC-SA 4.0"


def test_treebanks_description_is_metadata_that_spacy_takes() -> None:
    meta = describe_sources({"UD_Dutch-Alpino-train": {"train": 1, "dev": 0}})
    nlp = spacy.blank("xx", meta=meta)
    assert nlp.meta["name"] == "upos_tagger"
    assert nlp.meta["sources"] == meta["sources"]
