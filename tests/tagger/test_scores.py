import json
import re
from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from scripts.distill.augment.tagging import load_taggers
from scripts.distill.core.files import folder_size
from scripts.tagger import scores
from scripts.tagger.__main__ import install, score
from scripts.tagger.scores import TaggerScore, describe_scores, score_held_out, score_treebank
from scripts.tagger.treebanks import HELD_OUT, describe_tagger
from tests.helpers import ROOT

UD = Path("../shared/ud")
PAGE = ROOT / "docs" / "tagger.md"
# What the tagger must reach on raw text, in %.
BARS = {"de": 86, "en": 91, "es": 94, "fr": 93, "it": 94, "nl": 89}
SENTENCES = 200
# Part of speech and features that the tagger of these tests gives to a word; others are X.
KNOWN = {
    "Cats": ("NOUN", "Number=Plur"), "sleep": ("NOUN", "Mood=Imp"), ".": ("PUNCT", "PunctType=Peri"),
    "I": ("PRON", "Person=1"), "do": ("AUX", "Mood=Ind"), "n't": ("PART", "Polarity=Neg"),
    "know": ("VERB", "VerbForm=Inf"), "!": ("PUNCT", "PunctType=Excl"), "!!!": ("PUNCT", "PunctType=Excl"),
    "a": ("DET", ""), "lot": ("NOUN", "Number=Plur"),
}  # fmt: skip
# The tagger is wrong on "sleep". It cuts "don't" as the treebank does, but only as merged is it scored.
TREEBANK = """\
1	Cats	cat	NOUN	_	Number=Plur	2	nsubj	_	_
2	sleep	sleep	VERB	_	Mood=Ind	0	root	_	SpaceAfter=No
3	.	.	PUNCT	_	PunctType=Peri	2	punct	_	_

1	I	I	PRON	_	Person=1	4	nsubj	_	_
2-3	don't	_	_	_	_	_	_	_	_
2	do	do	AUX	_	Mood=Ind	4	aux	_	_
3	n't	not	PART	_	Polarity=Neg	2	advmod	_	_
4	know	know	VERB	_	VerbForm=Inf	0	root	_	SpaceAfter=No
5	!!!	!	PUNCT	_	PunctType=Excl	4	punct	_	_

"""
# The tokenizer does not cut "alot".
OTHERWISE_CUT = """\
1	Cats	cat	NOUN	_	Number=Plur	0	root	_	_
2	a	a	DET	_	_	3	det	_	SpaceAfter=No
3	lot	lot	NOUN	_	Number=Plur	1	dep	_	_

"""


@Language.component("test_tagger_scores_lookup")
def look_up(doc: Doc) -> Doc:
    for token in doc:
        pos, features = KNOWN.get(token.text, ("X", "Foreign=Yes"))
        token.pos_ = pos
        token.set_morph(features)
    return doc


@pytest.fixture
def tagger() -> Language:
    nlp = spacy.blank("xx")
    nlp.add_pipe("test_tagger_scores_lookup")
    return nlp


@pytest.fixture
def treebanks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the held-out treebanks of two languages."""
    monkeypatch.setattr(scores, "HELD_OUT", {"en": "A-test", "nl": "B-test"})
    for lang, name in (("en", "A-test"), ("nl", "B-test"), ("en", "C-train")):
        write_treebank(tmp_path / "ud" / lang / f"{name}.conllu", TREEBANK)
    return tmp_path / "ud"


def write_treebank(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def read_tables(page: str) -> list[list[str]]:
    """The rows of all tables of a page, without the lines below their heads."""
    lines = [line for line in page.splitlines() if line.startswith("|") and not line.startswith("| ---")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_tagger_scores_are_exact(tmp_path: Path, tagger: Language) -> None:
    scored = score_treebank(tagger, write_treebank(tmp_path / "UD_English-A-test.conllu", TREEBANK), "en")
    assert (scored.lang, scored.treebank, scored.words) == ("en", "UD_English-A-test", 7)
    # Of seven words "sleep" is wrong, and "don't", which the tagger does not know in one piece.
    assert scored.gold == pytest.approx(5 / 7)
    # Six are right, "do" as the tag of "don't"; "sleep" and "n't" are wrong, and "sleep" is missed: F = 12 / (12 + 3).
    assert scored.raw == pytest.approx(12 / 15)
    # Five are right; "sleep", "do" and "n't" are wrong, and "sleep" and "don't" are missed.
    assert scored.raw_morph == pytest.approx(10 / 15)
    assert scored.words_per_second > 0


def test_tagger_scores_words_that_are_no_tokens_are_errors(tmp_path: Path, tagger: Language) -> None:
    scored = score_treebank(tagger, write_treebank(tmp_path / "a.conllu", OTHERWISE_CUT), "en")
    assert scored.gold == 1
    # One is right and two are missed.
    assert scored.raw == pytest.approx(2 / 4)


def test_tagger_scores_raw_text_is_tokenised_by_its_language(tmp_path: Path, tagger: Language) -> None:
    path = write_treebank(tmp_path / "a.conllu", TREEBANK)
    english, dutch = (score_treebank(tagger, path, lang) for lang in ("en", "nl"))
    # Dutch leaves "don't" whole, as in the merged treebank. Five are right, two wrong and two missed.
    assert dutch.raw == pytest.approx(10 / 14)
    assert dutch.raw != english.raw
    assert dutch.gold == english.gold


def test_tagger_scores_take_no_tags_from_the_treebank(tmp_path: Path) -> None:
    # A pipeline that sets nothing is right on nothing.
    scored = score_treebank(spacy.blank("xx"), write_treebank(tmp_path / "a.conllu", TREEBANK), "en")
    assert (scored.raw, scored.gold, scored.raw_morph) == (0, 0, 0)


def test_tagger_scores_held_out_treebanks_alone(treebanks: Path, tagger: Language) -> None:
    scores = list(score_held_out(tagger, treebanks))
    assert [(s.lang, s.treebank) for s in scores] == [("en", "A-test"), ("nl", "B-test")]
    assert [round(s.raw, 3) for s in scores] == [0.8, 0.714]


@pytest.mark.parametrize(("lang", "name"), [("en", "A-test"), ("nl", "B-test")])
def test_tagger_scores_missing_treebank_is_an_error(treebanks: Path, tagger: Language, lang: str, name: str) -> None:
    path = treebanks / lang / f"{name}.conllu"
    path.unlink()
    with pytest.raises(ValueError) as raised:
        list(score_held_out(tagger, treebanks))
    assert str(raised.value) == f"{path}: no such file. It is held out for scoring the tagger"


def test_tagger_scores_page_has_the_numbers() -> None:
    sources = [("UD_Dutch-Alpino-dev", "nl", 1000), ("UD_Dutch-LassySmall-dev", "nl", 234), ("UD_X-Y-dev", "en", 7)]
    meta = describe_tagger({"name": name, "lang": lang, "train": words, "dev": 5} for name, lang, words in sources)
    scores = [
        TaggerScore("nl", "UD_Dutch-Alpino-test", 11046, 0.91749, 0.9235, 0.8, 23422.6),
        TaggerScore("it", "UD_Italian-ISDT-test", 9, 1.0, 0.5, 0.0456, 12.0),
    ]
    page = describe_scores({**meta, "version": "7.8.9"}, 5_624_000, scores)
    assert read_tables(page) == [
        ["lang", "test file", "words", "train words", "UPOS, raw text", "UPOS, gold tokens", "UFeats, raw text",
         "words/s"],
        ["nl", "UD_Dutch-Alpino-test", "11,046", "1,234", "91.7", "92.3", "80.0", "23,423"],
        ["it", "UD_Italian-ISDT-test", "9", "0", "100.0", "50.0", "4.6", "12"],
        ["lang", "treebank", "words", "licence"],
        ["nl", "UD_Dutch-Alpino-dev", "1,000", "CC BY-SA 4.0"],
        ["nl", "UD_Dutch-LassySmall-dev", "234", "CC BY-SA 4.0"],
        ["en", "UD_X-Y-dev", "7", "unknown"],
    ]  # fmt: skip
    assert "version 7.8.9" in page
    assert "5.62 MB" in page
    assert page.endswith("|\n")
    assert "{" not in page


def test_tagger_install_adds_the_description(tmp_path: Path, tagger: Language) -> None:
    tagger.to_disk(tmp_path / "model")
    sources = [{"name": "UD_Dutch-Alpino-dev", "lang": "nl", "train": 3, "dev": 1},
               {"name": "UD_English-EWT-dev", "lang": "en", "train": 3, "dev": 1}]  # fmt: skip
    (tmp_path / "sources.json").write_text(json.dumps(sources), encoding="utf-8")
    output = tmp_path / "assets" / "tagger"
    install(tmp_path / "model", output, tmp_path / "sources.json")
    meta = spacy.load(output).meta
    assert {key: meta[key] for key in describe_tagger(sources)} == describe_tagger(sources)
    assert not (output / "vocab").exists()
    # Augmentation takes it for the languages that it was trained on.
    taggers = load_taggers({"xx": str(output)}, ["nl", "en", "fr"])
    assert [lang for lang, nlp in taggers.items() if nlp is not None] == ["en", "nl"]


def test_tagger_score_writes_the_page(treebanks: Path, tagger: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_setaffinity", lambda pid, cores: None, raising=False)
    sources = [{"name": "C-train", "lang": "en", "train": 1234, "dev": 0}]
    tagger.meta.update(describe_tagger(sources))
    model = treebanks / "model"
    tagger.to_disk(model)
    output = treebanks / "docs" / "tagger.md"
    score(model, treebanks, output)
    page = output.read_text(encoding="utf-8")
    rows = read_tables(page)[1:3]
    assert [row[:7] for row in rows] == [
        ["en", "A-test", "7", "1,234", "80.0", "71.4", "66.7"], ["nl", "B-test", "7", "0", "71.4", "71.4", "71.4"],
    ]  # fmt: skip
    assert f"version {tagger.meta['version']}" in page
    assert f"{folder_size(model) / 1e6:.2f} MB" in page


def test_tagger_score_without_a_treebank_says_which(
    treebanks: Path, tagger: Language, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.sched_setaffinity", lambda pid, cores: None, raising=False)
    tagger.to_disk(treebanks / "model")
    (treebanks / "nl" / "B-test.conllu").unlink()
    with pytest.raises(SystemExit) as raised:
        score(treebanks / "model", treebanks, treebanks / "tagger.md")
    assert raised.value.code == 1
    # The message is wrapped.
    assert "nl/B-test.conllu:nosuchfile." in re.sub(r"\s", "", capsys.readouterr().out)
    assert not (treebanks / "tagger.md").exists()


@pytest.mark.skipif(not PAGE.exists(), reason="the tagger is not scored yet: there is no docs/tagger.md")
def test_tagger_page_is_of_the_tagger_that_ships() -> None:
    page = PAGE.read_text(encoding="utf-8")
    meta = json.loads((ROOT / "assets" / "tagger" / "meta.json").read_text(encoding="utf-8"))
    assert f"version {meta['version']}" in page
    assert f"{folder_size(ROOT / 'assets' / 'tagger') / 1e6:.2f} MB" in page
    rows = read_tables(page)
    assert [row[:2] for row in rows[1:7]] == [[lang, name] for lang, name in HELD_OUT.items()]
    sources = [[s["lang"], s["name"], f"{s['words']:,}", s["license"]] for s in meta["sources"]]
    assert rows[8:] == sources
    assert not {name for _, name, *_ in rows[8:]} & set(HELD_OUT.values())
    assert meta["languages"] == sorted(HELD_OUT)


@pytest.mark.skipif(not PAGE.exists(), reason="the tagger is not scored yet: there is no docs/tagger.md")
@pytest.mark.parametrize("lang", BARS)
def test_tagger_page_meets_the_bars(lang: str) -> None:
    [row] = [row for row in read_tables(PAGE.read_text(encoding="utf-8"))[1:7] if row[0] == lang]
    raw, gold = float(row[4]), float(row[5])
    assert BARS[lang] <= raw <= gold <= 100


@pytest.fixture(scope="module")
def shipped() -> Language:
    return spacy.load(ROOT / "assets" / "tagger")


@pytest.mark.skipif(not UD.is_dir(), reason="needs the treebanks in ../shared/ud, which do not ship")
@pytest.mark.parametrize("lang", BARS)
def test_tagger_that_ships_meets_the_bars(tmp_path: Path, shipped: Language, lang: str) -> None:
    sentences = (UD / lang / f"{HELD_OUT[lang]}.conllu").read_text(encoding="utf-8").split("\n\n")[:SENTENCES]
    scored = score_treebank(shipped, write_treebank(tmp_path / "a.conllu", "\n\n".join(sentences) + "\n\n"), lang)
    assert scored.words > 2000
    # These are not all sentences of the file.
    assert 100 * scored.raw > BARS[lang] - 2
