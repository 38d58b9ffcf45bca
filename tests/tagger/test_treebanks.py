import json
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus
from spacy.vocab import Vocab

from scripts.distill.augment.tagging import LANGUAGES
from scripts.tagger.treebanks import (
    DEV_EVERY,
    HELD_OUT,
    MIN_COUNT,
    SENTENCES_PER_DOC,
    convert_treebanks,
    describe_tagger,
    join_sentences,
    keep_frequent_features,
    read_sentences,
    read_treebank,
)

UD = Path("../shared/ud")
# Number, form, part of speech and perhaps features; a + after a form stands for no space.
SENTENCE = ["1 Zij PRON Number=Plur", "2 lezen+ VERB Number=Plur|Tense=Pres", "3 . PUNCT"]
DEL = ["1 Salió VERB", "2-3 del _", "2 de ADP", "3 el DET Definite=Def", "4 bar+ NOUN Gender=Masc", "5 . PUNCT"]
DONT = ["1-2 Don't _", "1 Do AUX Mood=Imp", "2 n't PART Polarity=Neg", "3 buy VERB", "4 well-known ADJ Degree=Pos",
        "5 stuff+ NOUN", "6 !!! PUNCT"]  # fmt: skip


def conllu(lines: list[str]) -> str:
    """Write out one sentence, its first word as the head of all others."""
    rows = []
    for line in lines:
        number, form, pos, *rest = line.split()
        relation = "_\t_" if "-" in number else "0\troot" if number == "1" else "1\tdep"
        space_after = "SpaceAfter=No" if form.endswith("+") else "_"
        form, features = form.removesuffix("+"), rest[0] if rest else "_"
        rows.append(f"{number}\t{form}\t{form.lower()}\t{pos}\t_\t{features}\t{relation}\t_\t{space_after}\n")
    return "".join(rows) + "\n"


def write_treebank(folder: Path, name: str, sentences: int = 1, lines: list[str] = SENTENCE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.conllu"
    path.write_text(conllu(lines) * sentences, encoding="utf-8")
    return path


def read_docs(path: Path) -> list[Doc]:
    return list(DocBin().from_disk(path).get_docs(Vocab()))


def pos_of(doc: Doc) -> list[tuple[str, str]]:
    return [(token.text, token.pos_) for token in doc]


def test_treebanks_docs_have_ten_sentences(tmp_path: Path) -> None:
    docs = list(join_sentences(read_treebank(write_treebank(tmp_path, "a", 2 * SENTENCES_PER_DOC + 3), "nl")))
    assert SENTENCES_PER_DOC == 10
    assert [len(doc) for doc in docs] == [30, 30, 9]
    assert docs[2].text.strip() == "Zij lezen. Zij lezen. Zij lezen."
    assert [(token.text, token.pos_, str(token.morph)) for token in docs[0][3:6]] == [
        ("Zij", "PRON", "Number=Plur"), ("lezen", "VERB", "Number=Plur|Tense=Pres"), (".", "PUNCT", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lang", "lines", "expected"),
    [
        ("nl", ["1 Zo'n DET", "2 tv-serie+ NOUN", "3 ! PUNCT"], "Zo'n_DET tv-serie_NOUN !_PUNCT"),
        ("fr", ["1 L'+ DET", "2 article NOUN", "3 d'+ ADP", "4 hier ADV"], "L'_DET article_NOUN d'_ADP hier_ADV"),
        # Words that the treebank splits: whole where the tokenizer leaves them so, in parts where it cuts alike.
        ("fr", ["1-2 Du _", "1 De ADP", "2 le DET", "3 jour NOUN"], "Du_ADP jour_NOUN"),
        ("es", DEL, "Salió_VERB del_ADP bar_NOUN ._PUNCT"),
        ("it", ["1-2 Dell'+ _", "1 Di ADP", "2 l' DET", "3 articolo NOUN"], "Dell'_ADP articolo_NOUN"),
        ("it", ["1-2 Dammelo+ _", "1 Da VERB", "2 lo PRON", "3 ! PUNCT"], "Dammelo_VERB !_PUNCT"),
        ("en", DONT, "Do_AUX n't_PART buy_VERB well_ADJ -_ known_ADJ stuff_NOUN !_PUNCT !_PUNCT !_PUNCT"),
        # Words that the tokenizer alone splits. Punctuation within a word is none of its own.
        ("fr", ["1 Qu'est-ce PRON", "2 ? PUNCT"], "Qu'_PRON est_PRON -ce_PRON ?_PUNCT"),
        ("de", ["1 100 NUM", "2 km/h NOUN", "3 schnell ADV"], "100_NUM km_NOUN /_ h_NOUN schnell_ADV"),
        ("en", ["1 (un)fair ADJ"], "(_ un)fair_ADJ"),
        ("en", ["1 Pay VERB", "2 $$$ SYM"], "Pay_VERB $_SYM $_SYM $_SYM"),
        # Tokens that reach over the end of a word, or over two words.
        ("de", ["1 100 NUM", "2 km/h+ NOUN", "3 . PUNCT"], "100_NUM km_NOUN /_ h._"),
        ("en", ["1 Thanks NOUN", "2 a+ DET", "3 lot NOUN"], "Thanks_NOUN alot_"),
    ],
    ids=["nl-same", "fr-same", "fr-du", "es-del", "it-dell", "it-dammelo", "en-dont", "fr-quest-ce", "slash", "bracket",
         "symbols", "end", "two"],
)  # fmt: skip
def test_treebanks_tokens_take_on_the_words_they_are(
    tmp_path: Path, lang: str, lines: list[str], expected: str
) -> None:
    [doc] = read_treebank(write_treebank(tmp_path, "a", lines=lines), lang)
    assert " ".join(f"{token.text}_{token.pos_}" for token in doc) == expected
    assert [token.text for token in doc] == [token.text for token in spacy.blank(lang)(doc.text.strip())]


@pytest.mark.parametrize(
    ("lang", "lines", "expected"),
    [
        ("es", DEL, {"del": "Definite=Def", "bar": "Gender=Masc"}),
        ("en", DONT, {"Do": "Mood=Imp", "n't": "Polarity=Neg", "well": "Degree=Pos", "known": "Degree=Pos"}),
        ("de", DONT, {"Don't": "Mood=Imp|Polarity=Neg", "well-known": "Degree=Pos"}),
    ],
    ids=["whole", "parts", "other-tokenizer"],
)
def test_treebanks_tokens_take_on_features(
    tmp_path: Path, lang: str, lines: list[str], expected: dict[str, str]
) -> None:
    [doc] = read_treebank(write_treebank(tmp_path, "a", lines=lines), lang)
    assert {token.text: str(token.morph) for token in doc if str(token.morph)} == expected


def test_treebanks_sentences_are_running_text(tmp_path: Path) -> None:
    path = tmp_path / "a.conllu"
    path.write_text("".join(map(conllu, (DEL, DONT))), encoding="utf-8")
    first, second = read_sentences(path)
    assert first.text.strip() == "Salió del bar."
    assert pos_of(first) == [("Salió", "VERB"), ("del", "ADP"), ("bar", "NOUN"), (".", "PUNCT")]
    assert second.text.strip() == "Don't buy well-known stuff!!!"
    assert pos_of(second)[0] == ("Don't", "AUX")


def test_treebanks_tokens_survive_the_corpus_reader(tmp_path: Path) -> None:
    write_treebank(tmp_path / "ud" / "en", "UD_English-A-train", 2 * SENTENCES_PER_DOC, DONT)
    convert_treebanks(tmp_path / "ud", tmp_path / "corpus")
    assert all(doc.has_unknown_spaces for doc in read_docs(tmp_path / "corpus" / "train.spacy"))
    nlp = spacy.blank("xx")
    words = ["Do", "n't", "buy", "well", "-", "known", "stuff", "!", "!", "!"]
    assert [token.text for token in nlp("Don't buy well-known stuff!!!")] != words
    examples = list(Corpus(tmp_path / "corpus" / "train.spacy")(nlp))
    assert len(examples) == 2
    for example in examples:
        assert [token.text for token in example.predicted] == words * 10
        pos = example.get_aligned("POS", as_string=True)
        assert pos == ["AUX", "PART", "VERB", "ADJ", "", "ADJ", "NOUN", "PUNCT", "PUNCT", "PUNCT"] * 10
        assert str(example.reference[1].morph) == "Polarity=Neg"


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
    sources = convert_treebanks(tmp_path / "ud", tmp_path / "new" / "corpus")
    assert sources == [
        {"name": "UD_German-B-train", "lang": "de", "train": 19 * 30, "dev": 0, "dropped": 0},
        {"name": "UD_Dutch-A-train", "lang": "nl", "train": 38 * 30, "dev": 2 * 30, "dropped": 0},
    ]
    assert {path.name for path in (tmp_path / "new" / "corpus").iterdir()} == {
        "train.spacy", "dev.spacy", "sources.json",
    }  # fmt: skip
    assert json.loads((tmp_path / "new" / "corpus" / "sources.json").read_text(encoding="utf-8")) == sources
    train, dev = (read_docs(tmp_path / "new" / "corpus" / f"{split}.spacy") for split in ("train", "dev"))
    assert (len(train), len(dev)) == (19 + 38, 2)
    assert [(token.text, token.pos_, str(token.morph)) for token in dev[0][:4]] == [
        ("Zij", "PRON", "Number=Plur"), ("lezen", "VERB", "Number=Plur|Tense=Pres"), (".", "PUNCT", ""),
        ("Zij", "PRON", "Number=Plur"),
    ]  # fmt: skip


def test_treebanks_convert_tokenises_by_the_language_of_the_folder(tmp_path: Path) -> None:
    for code in ("en", "nl"):
        write_treebank(tmp_path / "ud" / code, "a", lines=DONT)
    convert_treebanks(tmp_path / "ud", tmp_path / "corpus")
    english, dutch = read_docs(tmp_path / "corpus" / "train.spacy")
    assert pos_of(english)[:2] == [("Do", "AUX"), ("n't", "PART")]
    assert pos_of(dutch)[:2] == [("Don't", "AUX"), ("buy", "VERB")]


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


@pytest.mark.parametrize(("lang", "held_out"), HELD_OUT.items())
def test_treebanks_convert_leaves_the_test_treebanks_out(tmp_path: Path, lang: str, held_out: str) -> None:
    write_treebank(tmp_path / "ud" / lang, held_out, 1, DEL)
    name = held_out.replace("-test", "-dev")
    write_treebank(tmp_path / "ud" / lang, name, 2)
    [source] = convert_treebanks(tmp_path / "ud", tmp_path / "corpus")
    assert source == {"name": name, "lang": lang, "train": 6, "dev": 0, "dropped": 0}
    assert [len(doc) for doc in read_docs(tmp_path / "corpus" / "train.spacy")] == [6]


def test_treebanks_convert_drops_near_copies_of_held_out_sentences(tmp_path: Path) -> None:
    copied = [
        "Une",
        "phrase",
        "assez",
        "longue",
        "pour",
        "que",
        "deux",
        "mots",
        "ne",
        "changent",
        "presque",
        "rien",
        "au",
        "reste",
        "de",
        "ce",
        "texte",
    ]
    original = [f"{i} {word} NOUN" for i, word in enumerate(copied, start=1)]
    near = [line.replace("presque", "pratiquement") for line in original]
    write_treebank(tmp_path / "ud" / "fr", HELD_OUT["fr"], 1, original)
    path = write_treebank(tmp_path / "ud" / "fr", "UD_French-Other-train", 2, SENTENCE)
    path.write_text(path.read_text(encoding="utf-8") + conllu(near) + conllu(original), encoding="utf-8")
    [source] = convert_treebanks(tmp_path / "ud", tmp_path / "corpus")
    assert source["dropped"] == 2 * len(copied)
    assert [token.text for doc in read_docs(tmp_path / "corpus" / "train.spacy") for token in doc] == [
        "Zij",
        "lezen",
        ".",
    ] * 2


@pytest.mark.parametrize(
    ("lang", "text"), [("zz", conllu(SENTENCE)), ("nl", "1\tZij\tzij\n\n")], ids=["language", "columns"]
)
def test_treebanks_that_cannot_be_read_are_named(tmp_path: Path, lang: str, text: str) -> None:
    path = tmp_path / "a.conllu"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=f"a.conllu: can't be read as a treebank in language '{lang}': "):
        read_treebank(path, lang)


def test_treebanks_held_out_are_one_for_each_language() -> None:
    languages = {
        "de": "German", "en": "English", "es": "Spanish", "fr": "French", "it": "Italian", "nl": "Dutch",
    }  # fmt: skip
    assert {lang: name.removeprefix("UD_").split("-")[0] for lang, name in HELD_OUT.items()} == languages
    assert all(name.endswith("-test") for name in HELD_OUT.values())


@pytest.mark.parametrize("files", [[], ["README.md"], ["a.conllu"], [f"en/{HELD_OUT['en']}.conllu"]], ids=str)
def test_treebanks_folder_without_treebanks_is_an_error(tmp_path: Path, files: list[str]) -> None:
    folder, output = tmp_path / "ud", tmp_path / "corpus"
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(conllu(SENTENCE), encoding="utf-8")
    with pytest.raises(ValueError) as raised:
        convert_treebanks(folder, output)
    assert str(raised.value) == f"{folder}: no treebanks. It must hold <lang>/*.conllu, in CoNLL-U"
    assert not output.exists()


def test_treebanks_description_names_languages_and_licences() -> None:
    names = [
        ("UD_Spanish-AnCora-train", "es"), ("UD_Italian-ISDT-dev", "it"), ("UD_Italian-ParTUT-train", "it"),
        ("UD_Other-New-train", "pt"),
    ]  # fmt: skip
    meta = describe_tagger({"name": name, "lang": lang, "train": 100, "dev": 5} for name, lang in names)
    terms = ["GPL 3.0", "CC BY-NC-SA 3.0", "CC BY-NC-SA 4.0", "unknown"]
    assert meta["sources"] == [
        {"name": name, "lang": lang, "words": 100, "license": term, "url": "https://universaldependencies.org"}
        for (name, lang), term in zip(names, terms, strict=True)
    ]
    assert meta[LANGUAGES] == ["es", "it", "pt"]
    assert meta["description"] == "Parts of speech and morphological features for es, it, pt, for augmentation."
    assert meta["name"] == "upos_tagger"
    assert meta["license"] == "CC BY-NC-SA 3.0, CC BY-NC-SA 4.0, GPL 3.0, unknown"


def test_treebanks_description_is_metadata_that_spacy_takes() -> None:
    meta = describe_tagger([{"name": "UD_Dutch-Alpino-train", "lang": "nl", "train": 1, "dev": 0}])
    nlp = spacy.blank("xx", meta=meta)
    assert nlp.meta["name"] == "upos_tagger"
    assert nlp.meta["sources"] == meta["sources"]
    assert nlp.meta[LANGUAGES] == ["nl"]


@pytest.mark.skipif(not UD.is_dir(), reason="needs the treebanks in ../shared/ud, which do not ship")
def test_treebanks_at_hand_have_a_known_licence() -> None:
    files = [path for path in sorted(UD.glob("*/*.conllu")) if path.stem not in HELD_OUT.values()]
    meta = describe_tagger({"name": path.stem, "lang": path.parent.name, "train": 1, "dev": 0} for path in files)
    assert meta[LANGUAGES] == ["de", "en", "es", "fr", "it", "nl"]
    assert [source["name"] for source in meta["sources"] if source["license"] == "unknown"] == []
