"""The train corpus made larger: files, counts, and what is shown of them."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from typer.testing import CliRunner

from scripts.augment import app
from scripts.distill.augment import augment as augment_step
from scripts.distill.augment.augment import augment_corpus
from scripts.distill.augment.plan import Plan, load_plan
from scripts.distill.augment.show import Shown, mark_changes, show_variants
from scripts.distill.core.files import hash_file, write_json
from scripts.distill.data.corpus import Corpus
from scripts.distill.data.frequent_words import frequent_words
from scripts.distill.data.prepare import write_gold
from scripts.distill.data.records import Record
from scripts.distill.data.text_keys import normalize
from scripts.distill.data.tokenizer import write_tokenizer
from tests.augment.test_tagging import save_tagger

CONFIG = Path("configs/augment.cfg")
SINGULAR, PLURAL = "NOUN Number=Sing", "NOUN Number=Plur"
LEXICON = {
    **dict.fromkeys(["book", "lamp", "phone", "boek", "telefoon"], SINGULAR),
    **dict.fromkeys(["books", "lamps", "boeken"], PLURAL),
    **dict.fromkeys(["good", "bad", "cheap", "goed", "slecht"], "ADJ"),
    **dict.fromkeys(["is", "was"], "AUX"),
}
# German is known to no tagger.
TRAIN = [
    ("The book is good. The LAMP was bad!", "en"),
    ("A cheap phone, with bad books and lamps. 👍", "en"),
    ("Good lamp", "en"),
    ("Het boek is goed, de telefoon was slecht.", "nl"),
    ("Mooie boeken!", "nl"),
    ("Das Buch ist gut, die Lampe schlecht.", "de"),
    ("Das Telefon war gut.", "de"),
]
DEV = [("Not in train", "en")]
TEST = [("Not in train either", "nl")]


def write_corpus(
    corpus: Path,
    train: Sequence[tuple[str, str]] = TRAIN,
    dev: Sequence[tuple[str, str]] = DEV,
    test: Sequence[tuple[str, str]] = TEST,
) -> Path:
    (corpus / "gold").mkdir(parents=True, exist_ok=True)
    for split, texts in (("train", train), ("dev", dev), ("test", test)):
        reviews = [Record(text, "POS", lang, split, i) for i, (text, lang) in enumerate(texts)]
        write_gold(corpus / "gold" / f"{split}.spacy", reviews, ["NEG", "POS"], lang="xx")
    write_json(corpus / "prepare.json", {"lang": "xx"})
    (corpus / "unlabelled.jsonl").touch()
    return corpus


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_tagger(tmp_path_factory.mktemp("tagger"), LEXICON, meta={"languages": ["en", "nl"]})


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "corpus")


def make_plan(tagger: str, overrides: Mapping[str, Any] | None = None, **shares: float) -> Plan:
    """The project's plan, with this tagger, these methods and the words of the texts alone."""
    names = ("mask", "pos_swap", "ngram", "sentence", "tang")
    settings = {f"shares.{name}": shares.get(name, 0) for name in names} if shares else {}
    variants = {"augment.variants": 20, "augment.frequent_words": 0, "unlabelled.variants": 0}
    return load_plan(CONFIG, {"taggers.xx": tagger, **variants, **settings, **(overrides or {})})


def augment(corpus: Path, plan: Plan, *, seed: int = 0, processes: int = 1) -> dict[str, Any]:
    return augment_corpus(Corpus(corpus), plan, seed=seed, processes=processes)


def read_rows(corpus: Path) -> list[dict[str, Any]]:
    lines = (corpus / "augmented.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def read_outputs(corpus: Path) -> dict[str, bytes]:
    return {str(path.relative_to(corpus)): path.read_bytes() for path in sorted(corpus.rglob("*")) if path.is_file()}


def test_augmented_rows_have_their_provenance(corpus: Path, tagger: str) -> None:
    plan = make_plan(tagger, mask=1, pos_swap=1, ngram=1, sentence=1, tang=1)
    augment(corpus, plan)
    rows = read_rows(corpus)
    assert {tuple(row) for row in rows} == {("text", "lang", "method", "source")}
    assert {row["method"] for row in rows} == set(plan.methods)
    assert all(row["lang"] == TRAIN[row["source"]][1] for row in rows)
    assert [row["source"] for row in rows] == sorted(row["source"] for row in rows)
    assert {row["source"] for row in rows} == set(range(len(TRAIN)))
    assert max(Counter(row["source"] for row in rows).values()) <= 20
    # What was cut out is a part of its source.
    for row in rows:
        if row["method"] in ("ngram", "sentence"):
            assert row["text"] in TRAIN[row["source"]][0]
        if row["method"] == "mask":
            assert "<mask>" in row["text"]


UNLABELLED = [("A phone is good. Lamps was cheap!", "en"), ("De boeken was slecht. Mooie lamp.", "nl"), ("Livre", "fr")]


def write_unlabelled(corpus: Path) -> None:
    lines = [json.dumps({"text": text, "lang": lang}) + "\n" for text, lang in UNLABELLED]
    (corpus / "unlabelled.jsonl").write_text("".join(lines), encoding="utf-8")


@pytest.mark.parametrize("at_a_time", [1, 2, 100])
def test_augmented_unlabelled_texts_have_their_own_variants_and_shares(
    corpus: Path, tagger: str, monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    monkeypatch.setattr(augment_step, "AT_A_TIME", at_a_time)
    write_unlabelled(corpus)
    without = augment(corpus, make_plan(tagger, {"augment.variants": 3}))
    of_train = read_rows(corpus)
    summary = augment(
        corpus, make_plan(tagger, {"augment.variants": 3, "unlabelled.variants": 4, "unlabelled.shares.pos_swap": 0})
    )
    rows = read_rows(corpus)
    assert rows[: len(of_train)] == of_train
    more, texts = rows[len(of_train) :], [*TRAIN, *UNLABELLED]
    assert {row["source"] for row in more} == {len(TRAIN), len(TRAIN) + 1}  # one word has no part
    assert {row["method"] for row in more} == {"ngram", "sentence"}
    for row in more:
        text, lang = texts[row["source"]]
        assert row["text"] in text
        assert row["lang"] == lang
    assert without["unlabelled_sources"] == {}
    assert summary["unlabelled_sources"] == {"en": 1, "nl": 1, "fr": 1}
    assert summary["total"] == len(rows)
    assert "fr" in summary["untagged_languages"]
    shown = list(show_variants(Corpus(corpus), "en", 99))
    assert shown[-1].text == UNLABELLED[0][0]


def test_augment_says_of_how_many_labelled_and_unlabelled_texts(corpus: Path, tagger: str) -> None:
    rows = [{"text": f"{text} Again.", "lang": lang} for text, lang in TRAIN[:3]]
    (corpus / "unlabelled.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    result = CliRunner().invoke(
        app, ["run", str(corpus), str(CONFIG), "--taggers.xx", tagger, "--augment.frequent_words", "0"]
    )
    assert result.exit_code == 0, result.output
    total = len(read_rows(corpus))
    assert f"{total} variants of {len(TRAIN)} labelled and 3 unlabelled texts" in " ".join(result.output.split())


def test_augmented_unlabelled_texts_that_are_missing_are_an_error(corpus: Path, tagger: str) -> None:
    (corpus / "unlabelled.jsonl").unlink()
    with pytest.raises(ValueError, match=r"unlabelled\.jsonl: no such file\. Run, .* run prepare \."):
        augment(corpus, make_plan(tagger, {"unlabelled.variants": 4}))


def test_augmented_texts_are_new_and_distinct(corpus: Path, tagger: str) -> None:
    augment(corpus, make_plan(tagger))
    keys = [normalize(row["text"]) for row in read_rows(corpus)]
    assert all(keys)
    assert len(keys) == len(set(keys))
    assert not set(keys) & {normalize(text) for text, _ in (*TRAIN, *DEV, *TEST)}


def test_augmented_summary_agrees_with_the_rows(corpus: Path, tagger: str) -> None:
    summary = augment(corpus, make_plan(tagger))
    rows = read_rows(corpus)
    assert json.loads((corpus / "augment.json").read_text(encoding="utf-8")) == summary
    assert summary["total"] == len(rows) > 0
    assert summary["sources"] == {"en": 3, "nl": 2, "de": 2}
    assert list(summary["kept"]) == ["de", "en", "nl"]
    for lang, kept in summary["kept"].items():
        assert kept == Counter(row["method"] for row in rows if row["lang"] == lang)


def test_augmented_summary_is_of_the_prepared_corpora(corpus: Path, tagger: str) -> None:
    summary = augment(corpus, make_plan(tagger))
    assert summary["prepare_sha256"] == hash_file(corpus / "prepare.json")
    assert Corpus(corpus).summary("augment") == summary
    write_json(corpus / "prepare.json", {"lang": "nl"})
    with pytest.raises(ValueError, match="made from other data"):
        Corpus(corpus).summary("augment")


def test_augmented_counts_the_words_that_were_swapped(corpus: Path, tagger: str) -> None:
    summary = augment(corpus, make_plan(tagger, {"methods.pos_swap.p": 0.4}, pos_swap=1))
    swapped: dict[str, Counter[str]] = {"en": Counter(), "nl": Counter()}
    for row in read_rows(corpus):
        old, new = TRAIN[row["source"]][0].split(), row["text"].split()
        for before, after in zip(old, new, strict=True):
            if before != after:
                tags = LEXICON.get(before.strip(".,!").lower(), "X")
                assert LEXICON.get(after.strip(".,!").lower(), "X") == tags
                swapped[row["lang"]][tags.split()[0]] += 1
    assert summary["words_swapped"] == swapped
    assert {"NOUN", "ADJ", "AUX"} <= set(swapped["en"])


@pytest.mark.parametrize("n", [0, 200])
def test_augmented_swaps_frequent_words_in(corpus: Path, tagger: str, n: int) -> None:
    augment(corpus, make_plan(tagger, {"augment.frequent_words": n, "methods.pos_swap.p": 1.0}, pos_swap=1, ngram=1))
    known = {word for text, _ in TRAIN for word in re.findall(r"\w+", text.lower())}
    new = {
        lang: {word for row in read_rows(corpus) if row["lang"] == lang
               for word in re.findall(r"\w+", row["text"].lower())} - known
        for lang in ("en", "nl", "de")
    }  # fmt: skip
    assert bool(new["en"]) == bool(new["nl"]) == bool(n)
    # German has no tagger.
    assert not new["de"]
    frequent = frequent_words(["en", "nl"], n)
    assert new["en"] <= set(frequent["en"])
    assert new["nl"] <= set(frequent["nl"])


def test_augmented_names_the_languages_without_tagger(corpus: Path, tagger: str) -> None:
    summary = augment(corpus, make_plan(tagger, mask=1, pos_swap=1, tang=1, ngram=1))
    assert summary["untagged_languages"] == ["de"]
    assert set(summary["kept"]["de"]) == {"mask", "tang", "ngram"}
    assert summary["words_swapped"]["de"] == {}
    assert summary["words_swapped"]["nl"] != {}
    german = {word for text, lang in TRAIN if lang == "de" for word in text.replace(",", "").replace(".", "").split()}
    rows = [row for row in read_rows(corpus) if row["lang"] == "de"]
    assert {row["method"] for row in rows if "<mask>" in row["text"]} == {"mask", "tang"}
    for row in rows:
        assert set(row["text"].replace(",", "").replace(".", "").split()) <= german | {"<mask>"}


def test_augmented_takes_the_tagger_of_the_language(corpus: Path, tagger: str, tmp_path: Path) -> None:
    german = save_tagger(tmp_path / "de", {"buch": "NOUN", "lampe": "NOUN", "telefon": "NOUN"}, "de")
    plan = make_plan(tagger, {"taggers.de": german, "methods.pos_swap.p": 0.9}, pos_swap=1)
    summary = augment(corpus, plan)
    assert summary["untagged_languages"] == []
    assert summary["words_swapped"]["de"]["NOUN"] > 0
    texts = [row["text"] for row in read_rows(corpus) if row["lang"] == "de"]
    assert texts
    for text in texts:
        assert {"Buch", "Lampe", "Telefon"} & set(text.replace(",", "").split())


def test_augmented_counts_leaks_and_duplicates(tmp_path: Path, tagger: str) -> None:
    train = [
        ("Good book. Bad lamp.", "en"),
        ("Cheap phone! Good book.", "en"),
        ("Goed boek. Mooie telefoon.", "nl"),
        ("cheap phone!", "en"),
    ]
    corpus = write_corpus(tmp_path, train, dev=[("BAD  lamp.", "en")], test=[("goed boek.", "nl")])
    summary = augment(corpus, make_plan(tagger, sentence=1))
    assert summary["leaks_dropped"] == {"en": 1, "nl": 1}
    # One of a train text, one of another variant.
    assert summary["duplicates_dropped"] == {"en": 2}
    assert [(row["text"], row["source"]) for row in read_rows(corpus)] == [
        ("Good book.", 0), ("Mooie telefoon.", 2)
    ]  # fmt: skip


def test_augmented_processes_write_the_same_bytes(tmp_path: Path, tagger: str) -> None:
    plan = make_plan(tagger, {"augment.variants": 5}, mask=1, pos_swap=1, ngram=1, sentence=1, tang=1)
    # More texts than one process is given at a time.
    train = [*TRAIN, *((f"The book {i} is good", "en") for i in range(100))]
    for processes in (1, 2):
        corpus = write_corpus(tmp_path / str(processes), train)
        augment(corpus, plan, processes=processes)
    outputs = read_outputs(tmp_path / "1")
    assert {"augmented.jsonl", "augment.json", "tokenizer/tokenizer"} <= set(outputs)
    assert outputs == read_outputs(tmp_path / "2")


def test_augmented_seed_decides(tmp_path: Path, tagger: str) -> None:
    made = {}
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        corpus = write_corpus(tmp_path / name)
        augment(corpus, make_plan(tagger), seed=seed)
        made[name] = (corpus / "augmented.jsonl").read_bytes()
    assert made["first"] == made["again"] != made["other"]


def test_augmented_reports_its_progress(corpus: Path, tagger: str, monkeypatch: pytest.MonkeyPatch) -> None:
    called = []

    def track(items: Iterable[Any], what: str, total: int, unit: str = "texts") -> Iterator[Any]:
        called.append((what, total, unit))
        yield from items

    monkeypatch.setattr(augment_step, "track", track)
    augment(corpus, make_plan(tagger))
    assert called == [("tagging", 7, "texts"), ("augmenting", 140, "variants")]


def test_augmented_interrupted_leaves_no_summary(corpus: Path, tagger: str, monkeypatch: pytest.MonkeyPatch) -> None:
    augment(corpus, make_plan(tagger))
    rows = read_rows(corpus)

    def stop(items: Iterable[Any], what: str, total: int, unit: str = "texts") -> Iterator[Any]:
        for i, item in enumerate(items):
            if what == "augmenting" and i == 10:
                raise KeyboardInterrupt
            yield item

    monkeypatch.setattr(augment_step, "track", stop)
    with pytest.raises(KeyboardInterrupt):
        augment(corpus, make_plan(tagger), seed=1)
    assert not (corpus / "augment.json").exists()
    assert read_rows(corpus) == rows
    with pytest.raises(ValueError, match="project run augment"):
        Corpus(corpus).summary("augment")


def test_augmented_missing_tagger_leaves_what_there_is(corpus: Path, tagger: str) -> None:
    augment(corpus, make_plan(tagger))
    before = read_outputs(corpus)
    with pytest.raises(OSError, match="no_such_pipeline"):
        augment(corpus, make_plan("no_such_pipeline"))
    assert read_outputs(corpus) == before


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_augmented_missing_corpus_names_the_command(corpus: Path, tagger: str, split: str) -> None:
    path = corpus / "gold" / f"{split}.spacy"
    path.unlink()
    with pytest.raises(ValueError) as err:
        augment(corpus, make_plan(tagger))
    assert str(err.value) == f"{path}: no such file. Run, with the same --vars: python -m spacy project run prepare ."


def test_augmented_missing_prepare_names_the_command(corpus: Path, tagger: str) -> None:
    (corpus / "prepare.json").unlink()
    with pytest.raises(ValueError) as err:
        augment(corpus, make_plan(tagger))
    assert str(err.value) == (
        f"{corpus / 'prepare.json'}: no such file. Run, with the same --vars: python -m spacy project run prepare ."
    )


Tokenizers = Callable[..., Language]


@pytest.fixture(scope="module")
def read_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizers:
    """Write the tokenizer of a language once, and read it."""

    @cache
    def read(lang: str, mask_token: str = "[MASK]") -> Language:  # noqa: S107
        path = tmp_path_factory.mktemp("tokenizers") / lang
        write_tokenizer(path, lang, mask_token)
        return spacy.load(path)

    return read


@pytest.mark.parametrize(("lang", "mask"), [("xx", "[MASK]"), ("xx", "<mask>"), ("en", "[MASK]"), ("fr", "[MASK]")])
def test_augmented_tokenizer_keeps_the_mask_whole(read_tokenizer: Tokenizers, lang: str, mask: str) -> None:
    nlp = read_tokenizer(lang, mask)
    assert nlp.lang == lang
    assert [token.text for token in nlp(f"A {mask}, ({mask}) and {mask}")] == [
        "A", mask, ",", "(", mask, ")", "and", mask
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("fr", "C'est [MASK]."),
        ("fr", "l'[MASK] et [MASK]eau"),
        ("en", "I [MASK]n't, they[MASK] gon[MASK]"),
        ("en", "well-[MASK] [MASK]-known"),
        ("xx", "I [MASK]n't"),
        ("xx", "dell'[MASK]"),
        ("xx", "[MASK][MASK]"),
        ("xx", "a[MASK]b/[MASK]👍[MASK]"),
    ],
)
def test_augmented_tokenizer_keeps_the_mask_whole_within_words(
    read_tokenizer: Tokenizers, lang: str, text: str
) -> None:
    doc = read_tokenizer(lang)(text)
    assert doc.text == text
    assert [token.text for token in doc if "MASK" in token.text] == ["[MASK]"] * text.count("[MASK]")


@pytest.mark.parametrize(("lang", "elided"), [("xx", ""), ("en", "l'eau, dell'acqua "), ("fr", "l'eau, dell'acqua ")])
def test_augmented_tokenizer_is_the_language_s_own_otherwise(
    read_tokenizer: Tokenizers, lang: str, elided: str
) -> None:
    text = f"I don't [know] {elided}(z.B. 3 < 4) 's avonds! MASK :-) zo'n foto's O'Neill l' aujourd'hui"
    made, own = read_tokenizer(lang)(text), spacy.blank(lang)(text)
    assert [token.text for token in made] == [token.text for token in own]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("l'eau, dell'acqua", "l' eau , dell' acqua"), ("J’ai (qu’il) C'EST", "J’ ai ( qu’ il ) C' EST"),
        ("Jusqu'ici quest'anno un'altra", "Jusqu' ici quest' anno un' altra"),
        ("qu'aujourd'hui", "qu' aujourd'hui"),
    ],
)  # fmt: skip
def test_augmented_tokenizer_of_all_languages_splits_elisions(
    read_tokenizer: Tokenizers, text: str, words: str
) -> None:
    doc = read_tokenizer("xx")(text)
    assert [token.text for token in doc] == words.split()
    assert doc.text == text


def test_augmented_writes_the_tokenizer_of_the_student_s_language(corpus: Path, tagger: str) -> None:
    write_json(corpus / "prepare.json", {"lang": "de"})
    augment(corpus, make_plan(tagger, {"augment.mask_token": "<m>"}, mask=1))
    student = spacy.load(corpus / "tokenizer")
    assert (student.lang, student.pipe_names) == ("de", [])
    assert [token.text for token in student("Ein <m>!")] == ["Ein", "<m>", "!"]
    assert any("<m>" in row["text"] for row in read_rows(corpus))


def test_augmented_tokenizer_that_can_not_keep_masks_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"language 'zh' can't be taught the mask token '\[MASK\]'"):
        write_tokenizer(tmp_path / "tokenizer", "zh", "[MASK]")
    assert not (tmp_path / "tokenizer").exists()


def test_augmented_show_gives_the_first_texts_with_variants(corpus: Path, tagger: str) -> None:
    augment(corpus, make_plan(tagger))
    shown = list(show_variants(Corpus(corpus), "nl", 2))
    assert [(item.source, item.text) for item in shown] == [(3, TRAIN[3][0]), (4, TRAIN[4][0])]
    for item in shown:
        rows = [row for row in read_rows(corpus) if row["source"] == item.source]
        assert [method for method, _ in item.variants] == [row["method"] for row in rows]
        assert [text.replace("*", "") for _, text in item.variants] == [row["text"] for row in rows]
    assert list(show_variants(Corpus(corpus), "nl", 1)) == shown[:1]
    assert list(show_variants(Corpus(corpus), "nl", 99)) == shown


def test_augmented_show_marks_what_was_changed(tmp_path: Path, tagger: str) -> None:
    corpus = write_corpus(tmp_path, [("A good book", "en"), ("That was bad", "en")])
    augment(corpus, make_plan(tagger, {"methods.pos_swap.p": 1.0}, pos_swap=1))
    assert list(show_variants(Corpus(corpus), "en", 5)) == [
        Shown(0, "A good book", [("pos_swap", "*That bad* book")]),
        Shown(1, "That was bad", [("pos_swap", "*A* was *good*")]),
    ]


def test_augmented_show_names_the_languages_there_are(corpus: Path, tagger: str) -> None:
    augment(corpus, make_plan(tagger))
    with pytest.raises(ValueError) as err:
        list(show_variants(Corpus(corpus), "sv", 1))
    assert str(err.value) == f"{corpus / 'augmented.jsonl'}: no variants in language 'sv'. Found: de, en, nl"


def test_augmented_show_names_the_command_that_makes_variants(corpus: Path) -> None:
    with pytest.raises(ValueError) as err:
        list(show_variants(Corpus(corpus), "en", 1))
    assert str(err.value) == (
        f"{corpus / 'augment.json'}: no such file. Run, with the same --vars: python -m spacy project run augment ."
    )


def test_augmented_show_refuses_variants_of_other_data(corpus: Path, tagger: str) -> None:
    augment(corpus, make_plan(tagger))
    (corpus / "prepare.json").write_text('{"lang": "nl"}', encoding="utf-8")
    with pytest.raises(ValueError, match="made from other data"):
        list(show_variants(Corpus(corpus), "en", 1))


def test_augmented_summary_records_seed_and_plan(corpus: Path, tagger: str) -> None:
    augment(corpus, make_plan(tagger))
    summary = json.loads((corpus / "augment.json").read_text(encoding="utf-8"))
    assert summary["seed"] == 0
    assert summary["plan"]["taggers"] == {"xx": tagger}
    assert summary["plan"]["methods"]["mask"]["p"] == 0.1


@pytest.mark.parametrize(
    ("text", "variant", "expected"),
    [
        ("a good book", "a good book", "a good book"),
        ("a good book", "a bad book", "a *bad* book"),
        ("a good book", "[MASK] good lamp", "*[MASK]* good *lamp*"),
        ("a good book.", "a good [MASK].", "a good *[MASK]*."),
        ("I don't know", "I [MASK]n't know", "I *[MASK]n*'t know"),
        ("a good old book", "the bad old lamp", "*the bad* old *lamp*"),
        ("one two three four", "two three", "two three"),
        ("one  two\nthree", "one two four", "one two *four*"),
        ("a b", "b a", "*b* a"),
        ("", "new", "*new*"),
    ],
)  # fmt: skip
def test_augmented_mark_changes(text: str, variant: str, expected: str) -> None:
    assert mark_changes(text, variant) == expected


def test_augmented_equals_no_unlabelled_text_even_if_these_have_no_variants(corpus: Path, tagger: str) -> None:
    plan = make_plan(tagger, sentence=1, ngram=1)
    augment(corpus, plan)
    repeated = read_rows(corpus)[0]["text"]
    row = json.dumps({"text": f" {repeated.upper()}", "lang": "xx"})
    (corpus / "unlabelled.jsonl").write_text(f"{row}\n", encoding="utf-8")
    augment(corpus, plan)
    assert normalize(repeated) not in {normalize(row["text"]) for row in read_rows(corpus)}
