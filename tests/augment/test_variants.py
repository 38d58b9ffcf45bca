"""The plan, and what becomes of the variants."""

import pickle
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import catalogue
import pytest
import spacy

from scripts.distill.augment.lexicon import WordsByKind
from scripts.distill.augment.plan import Plan, load_plan
from scripts.distill.augment.tagging import TaggedText
from scripts.distill.augment.variants import Counts, Variant, drop_repeats_and_leaks, make_variants
from scripts.distill.data.near_duplicates import similarity
from scripts.distill.data.text_keys import normalize
from scripts.lab import augmentation_speed
from tests.augment.test_methods import EMOJI, ONE_WORD, TEXT, UNTAGGED, make

CONFIG = Path("configs/augment.cfg")
PLAN = load_plan(CONFIG, {"augment.variants": 30})
DUTCH = make("Het mooie boek valt tegen .", "DET ADJ NOUN VERB ADP PUNCT", lang="nl", glue="tegen")
OTHER = make("That cheap phone was awful , sadly", "DET ADJ NOUN AUX ADJ PUNCT ADV", glue="awful")
TEXTS = [TEXT, OTHER, DUTCH, ONE_WORD, EMOJI]
OWN = """
import spacy

@spacy.registry.distill_augmenters("test_shout.v1")
def create_shout(mark: str):
    def shout(text, words, rng):
        return text.text.upper() + mark * rng.randint(1, 3)

    return shout
"""


def plan_with(overrides: Mapping[str, Any] | None = None, **shares: float) -> Plan:
    """The project's plan, with these methods alone."""
    names = ("mask", "pos_swap", "ngram", "sentence", "tang")
    settings = {f"shares.{name}": shares.get(name, 0) for name in names} if shares else {}
    return load_plan(CONFIG, {"augment.variants": 30, **settings, **(overrides or {})})


def vary(texts: Sequence[TaggedText], plan: Plan = PLAN, *, seed: int = 0, processes: int = 1) -> list[Variant]:
    return list(make_variants(texts, plan, WordsByKind(texts), seed=seed, processes=processes))


def keep(
    variants: Iterable[Variant], texts: Iterable[TaggedText] = (), held_out: Iterable[str] = ()
) -> tuple[list[Variant], Counts]:
    counts = Counts()
    keys = {normalize(text) for text in held_out}
    return list(drop_repeats_and_leaks(variants, (text.text for text in texts), keys, counts)), counts


def by_method(variants: Iterable[Variant]) -> dict[str, list[str]]:
    made: dict[str, list[str]] = {}
    for variant in variants:
        made.setdefault(variant.method, []).append(variant.text)
    return made


@pytest.fixture
def own_plan(tmp_path: Path) -> Iterator[Plan]:
    """A plan with an augmenter of the user's own, and nothing but it."""
    code, path = tmp_path / "own.py", tmp_path / "own.cfg"
    code.write_text(OWN, encoding="utf-8")
    path.write_text(
        '[augment]\nvariants = 3\nmask_token = "<mask>"\nfrequent_words = 0\n\n'
        "[taggers]\n\n[shares]\nshout = 1\n\n[methods]\n\n"
        "[unlabelled]\nvariants = 2\n\n[unlabelled.shares]\nshout = 1\n\n"
        '[methods.shout]\n@distill_augmenters = "test_shout.v1"\nmark = "!"\n',
        encoding="utf-8",
    )
    yield load_plan(path, code=code)
    forget_own()


def forget_own() -> None:
    namespace = (*spacy.registry.distill_augmenters.namespace, "test_shout.v1")  # type: ignore[attr-defined]
    if catalogue.check_exists(*namespace):
        catalogue._remove(namespace)


def test_augmentation_plan_has_the_articles_methods() -> None:
    assert list(PLAN.methods) == ["mask", "pos_swap", "ngram", "sentence", "tang"]
    # Tang et al.'s own mix of them is there to be chosen.
    assert dict(PLAN.shares) == {"mask": 0.0, "pos_swap": 1.0, "ngram": 1.0, "sentence": 1.0, "tang": 0.0}
    assert PLAN.taggers == {"xx": "assets/tagger"}
    assert PLAN.mask_token == "<mask>"  # noqa: S105


def test_augmentation_plan_swaps_words_that_agree() -> None:
    words = WordsByKind([make("book lamps", "NOUN NOUN", morph="Number=Sing Number=Plur")])
    text = make("lamp is good", "NOUN AUX ADJ", morph="Number=Sing _ _")
    made = make_variants([text], plan_with(pos_swap=1), words, seed=0)
    assert [variant.text for variant in made] == ["book is good"]
    made = make_variants([text], plan_with({"methods.pos_swap.agree": None}, pos_swap=1), words, seed=0)
    assert {variant.text for variant in made} == {"book is good", "lamps is good"}


def test_augmentation_plan_takes_overrides() -> None:
    overrides = {"augment.variants": 60, "augment.mask_token": "[MASK]", "taggers.fr": "fr_core_news_sm"}
    plan = plan_with(overrides, mask=1, tang=0.5)
    assert plan.variants == 60
    assert plan.taggers == {"xx": "assets/tagger", "fr": "fr_core_news_sm"}
    assert plan.shares == {"mask": 1, "pos_swap": 0, "ngram": 0, "sentence": 0, "tang": 0.5}
    # The methods take over the mask token.
    made = by_method(vary([TEXT], plan))
    assert set(made) == {"mask", "tang"}
    assert all("[MASK]" in text for text in made["mask"])
    assert any("[MASK]" in text for text in made["tang"])
    assert not any("<mask>" in text for texts in made.values() for text in texts)


def test_augmentation_code_must_be_python() -> None:
    with pytest.raises(ValueError, match=rf"{CONFIG}: no Python file"):
        load_plan(CONFIG, code=CONFIG)


def test_augmentation_overrides_leave_the_plan_as_it_is() -> None:
    overrides = {"augment.variants": 60}
    assert load_plan(CONFIG, overrides).variants == 60
    assert load_plan(CONFIG).variants == 20
    assert overrides == {"augment.variants": 60}


def test_augmentation_is_a_function_of_seed_and_texts() -> None:
    assert vary(TEXTS) == vary(TEXTS)
    assert vary(TEXTS) != vary(TEXTS, seed=1)


def test_augmentation_of_a_text_does_not_depend_on_the_other_texts_places() -> None:
    forward = [(variant.method, variant.text) for variant in vary([TEXT, OTHER]) if variant.source == 0]
    backward = [(variant.method, variant.text) for variant in vary([OTHER, TEXT]) if variant.source == 1]
    assert forward == backward


def test_augmentation_processes_make_the_same() -> None:
    # More texts than one process is given at a time.
    texts = [make(f"Book {i} is good", "NOUN NUM AUX ADJ") for i in range(120)]
    plan = plan_with({"augment.variants": 3})
    assert vary(texts, plan, processes=2) == vary(texts, plan)


def test_augmentation_fewer_variants_are_the_first_of_more() -> None:
    more = vary([OTHER], plan_with({"augment.variants": 20}))
    fewer = vary([OTHER], plan_with({"augment.variants": 10}))
    assert fewer == more[: len(fewer)]
    assert 0 < len(fewer) <= 10 < len(more) <= 20


def test_augmentation_plan_for_unlabelled_texts_has_its_own_variants_and_shares() -> None:
    plan = load_plan(CONFIG, {"augment.variants": 3, "unlabelled.variants": 4, "unlabelled.shares.ngram": 0})
    unlabelled = plan.for_unlabelled()
    assert (plan.variants, unlabelled.variants) == (3, 4)
    assert dict(unlabelled.shares) == {"mask": 0, "pos_swap": 1, "ngram": 0, "sentence": 1, "tang": 0}
    again = pickle.loads(pickle.dumps(unlabelled))  # noqa: S301
    assert (again.variants, again.shares) == (4, unlabelled.shares)


def test_augmentation_of_no_variants() -> None:
    assert vary(TEXTS, plan_with({"augment.variants": 0})) == []
    assert vary([]) == []


def test_augmentation_uses_methods_by_their_shares() -> None:
    text = make(" ".join(f"word{i}" for i in range(60)), " ".join(["NOUN"] * 60))
    used = Counter(v.method for v in vary([text], plan_with({"augment.variants": 1000}, mask=3, pos_swap=1)))
    assert set(used) == {"mask", "pos_swap"}
    assert used["mask"] / used.total() == pytest.approx(0.75, abs=0.05)


def test_augmentation_makes_distinct_new_texts_with_provenance() -> None:
    variants = vary(TEXTS)
    made, counts = keep(variants, TEXTS)
    keys = [normalize(variant.text) for variant in made]
    assert len(keys) == len(set(keys))
    assert not set(keys) & {normalize(text.text) for text in TEXTS}
    assert {variant.method for variant in made} == {"pos_swap", "ngram", "sentence"}
    assert all(variant.lang == TEXTS[variant.source].lang for variant in made)
    assert counts.kept == {
        lang: Counter(variant.method for variant in made if variant.lang == lang) for lang in ("en", "nl")
    }
    # An n-gram of one text can be that of another.
    again, counts = keep([*variants, *variants], TEXTS)
    assert again == made
    assert counts.duplicates.total() == 2 * len(variants) - len(made)
    assert counts.leaks == Counter()


def test_augmentation_never_makes_a_held_out_text() -> None:
    free, _ = keep(vary(TEXTS), TEXTS)
    dutch = next(variant for variant in free if variant.lang == "nl")
    assert free[0].lang == "en"
    guarded, counts = keep(vary(TEXTS), TEXTS, {free[0].text.upper(), f" {dutch.text}\n"})
    nearest = [max(similarity(normalize(v.text), normalize(other.text)) for other in (free[0], dutch)) for v in free]
    assert guarded == [variant for variant, near in zip(free, nearest, strict=True) if near < 0.7]
    assert counts.leaks == Counter(variant.lang for variant, near in zip(free, nearest, strict=True) if near >= 0.7)
    assert len([near for near in nearest if 0.7 <= near < 1]) > 0


def test_augmentation_counts_duplicates_and_leaks_by_language() -> None:
    texts = [("Good  BOOK", "en"), ("good lamp", "en"), ("Good lamp", "en"), ("mooi boek", "nl"), ("held OUT", "nl")]
    variants = [Variant(text, lang, "mask", 0, ("NOUN",)) for text, lang in texts]
    made, counts = keep(variants, [make("good book", "ADJ NOUN")], {"Held  out"})
    assert [variant.text for variant in made] == ["good lamp", "mooi boek"]
    assert counts == Counts(
        kept={"en": Counter(mask=1), "nl": Counter(mask=1)},
        swapped={"en": Counter(NOUN=1), "nl": Counter(NOUN=1)},
        duplicates=Counter(en=2),
        leaks=Counter(nl=1),
    )


def test_augmentation_says_which_parts_of_speech_were_swapped() -> None:
    texts = [make("good book", "ADJ NOUN"), make("bad lamp", "ADJ NOUN")]
    variants = vary(texts, plan_with({"methods.pos_swap.p": 0.5}, pos_swap=1))
    assert {variant.text: variant.swapped for variant in variants if variant.source == 0} == {
        "bad book": ("ADJ",), "good lamp": ("NOUN",), "bad lamp": ("ADJ", "NOUN")
    }  # fmt: skip
    assert {variant.text: variant.swapped for variant in variants if variant.source == 1} == {
        "good lamp": ("ADJ",), "bad book": ("NOUN",), "good book": ("ADJ", "NOUN")
    }  # fmt: skip


def test_augmentation_of_a_language_only_uses_its_words() -> None:
    known = {word.casefold() for word in DUTCH.words}
    dutch = make("De rode lamp staat aan .", "DET ADJ NOUN VERB ADP PUNCT", lang="nl", glue="aan")
    known |= {word.casefold() for word in dutch.words}
    variants = [variant for variant in vary([TEXT, OTHER, DUTCH, dutch]) if variant.lang == "nl"]
    assert any(variant.swapped for variant in variants)
    for variant in variants:
        assert {word.casefold() for word in re.findall(r"\w+", variant.text.replace("<mask>", ""))} <= known


def test_augmentation_of_one_word_makes_other_words_alone() -> None:
    made = by_method(vary([ONE_WORD, make("A book", "DET NOUN", morph="_ Number=Sing")]))
    assert made["pos_swap"][0] == "Book"
    assert [variant for variant in vary([ONE_WORD]) if variant.source == 0] == []


def test_augmentation_of_a_text_without_sentence_boundary_makes_no_sentences() -> None:
    variants = vary([OTHER, TEXT], plan_with(mask=1, sentence=9))
    assert {variant.method for variant in variants if variant.source == 0} == {"mask"}
    assert set(by_method(variants)["sentence"]) == {"The lamp is great.", "A BOOK!"}


def test_augmentation_of_emoji_alone_makes_nothing() -> None:
    assert vary([EMOJI, make("👍👍🏽 😀 🎉", "SYM NOUN X")]) == []


def test_augmentation_of_5000_words_is_quick() -> None:
    words = [f"word{i % 700}" for i in range(5000)]
    pos = ["NOUN", "VERB", "ADJ", "ADV", "DET"] * 1000
    text = make(" ".join(words), " ".join(pos), starts=list(range(0, 5000, 20)))
    plan = plan_with(mask=1, pos_swap=1, ngram=1, sentence=1, tang=1)
    start = time.process_time()
    variants = vary([text], plan)
    assert time.process_time() - start < 5
    assert len(variants) == 30
    made = by_method(variants)
    for masked in made["mask"]:
        assert len(masked.split()) == 5000
        assert masked.split().count("<mask>") / 5000 == pytest.approx(0.1, abs=0.03)
    for swapped in made["pos_swap"]:
        changed = sum(a != b for a, b in zip(swapped.split(), words, strict=True))
        assert changed / 5000 == pytest.approx(0.3, abs=0.03)
    assert {len(sentence.split()) for sentence in made["sentence"]} == {20}
    assert {len(ngram.split()) for ngram in made["ngram"]} <= set(range(1, 6))


def test_augmentation_of_a_kind_with_a_single_word_keeps_the_word() -> None:
    texts = [make("This is good", "PRON AUX ADJ"), make("That is bad", "PRON AUX ADJ")]
    variants = vary(texts, plan_with({"methods.pos_swap.p": 1.0}, pos_swap=1))
    assert [variant.text for variant in variants] == ["That is bad", "This is good"]
    assert [variant.swapped for variant in variants] == [("PRON", "ADJ"), ("PRON", "ADJ")]


def test_augmentation_of_an_untagged_language_masks_and_cuts_but_never_swaps() -> None:
    untagged = [UNTAGGED, TaggedText("xx", ["Bad", "lamp"], [" ", ""], ["", ""], ["", ""], [0])]
    made = by_method(vary(untagged, plan_with({"methods.pos_swap.p": 0.1}, mask=1, pos_swap=1, ngram=1, tang=1)))
    assert set(made) == {"mask", "ngram", "tang"}
    assert set(made["mask"]) <= {"<mask> book", "Good <mask>", "<mask> lamp", "Bad <mask>"}
    assert {word for texts in made.values() for text in texts for word in text.split()} == {
        "Good", "book", "Bad", "lamp", "<mask>"
    }  # fmt: skip


def test_augmentation_own_augmenter_comes_from_the_code(own_plan: Plan) -> None:
    variants = vary([DUTCH], own_plan)
    assert {variant.method for variant in variants} == {"shout"}
    assert {variant.text for variant in variants} <= {"HET MOOIE BOEK VALT TEGEN." + "!" * n for n in (1, 2, 3)}
    assert variants and all(variant.swapped == () for variant in variants)


def test_augmentation_own_augmenter_works_in_processes(own_plan: Plan) -> None:
    texts = [make(f"Book {i}", "NOUN NUM") for i in range(60)]
    assert vary(texts, own_plan, processes=2) == vary(texts, own_plan)


def test_augmentation_own_augmenter_is_read_again_in_another_process(own_plan: Plan) -> None:
    expected = vary([DUTCH], own_plan)
    sent = pickle.dumps(own_plan)
    # As in a process that has not read the code.
    forget_own()
    assert vary([DUTCH], pickle.loads(sent)) == expected  # noqa: S301


def test_augmentation_plan_in_another_process_has_its_overrides() -> None:
    plan = plan_with({"augment.variants": 7}, mask=1)
    again = pickle.loads(pickle.dumps(plan))  # noqa: S301
    assert (again.variants, again.shares, again.source) == (7, plan.shares, plan.source)


METHODS_DIFFER = (
    "[methods] names ['mask', 'ngram', 'pos_swap', 'sentence', 'tang'], [shares] {shares}. Name the same in both"
)


def in_both(problem: str) -> str:
    """The committed plan says it of both kinds of texts, and so does a change of one line."""
    return f"[shares] tang: {problem}; [unlabelled.shares] tang: {problem}"


KNOWN = "Known: augment, taggers, shares, unlabelled, methods"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tang = 0.0\n", "", METHODS_DIFFER.format(shares="['mask', 'ngram', 'pos_swap', 'sentence']")),
        (
            "tang = 0.0\n", "tagn = 0.0\n",
            METHODS_DIFFER.format(shares="['mask', 'ngram', 'pos_swap', 'sentence', 'tagn']"),
        ),
        (" = 1.0\n", " = 0\n", "[shares]: one share must be above 0"),
        ("tang = 0.0", "tang = -1", in_both("must be greater than or equal to 0. Found: -1")),
        ("tang = 0.0", 'tang = "never"', in_both("must be a valid number. Found: 'never'")),
        ("tang = 0.0", "tang = null", in_both("must be a valid number. Found: None")),
        ("tang = 0.0", "tang = NaN", in_both("must be a finite number. Found: nan")),
        ("tang = 0.0", "tang = Infinity", in_both("must be a finite number. Found: inf")),
        (
            "[unlabelled]\nvariants = 3", "[unlabelled]\nvariants = -3",
            "[unlabelled] variants: must be greater than or equal to 0. Found: -3",
        ),
        (
            "[unlabelled]\nvariants = 3", "[unlabelled]\nvariant = 3",
            "[unlabelled] variants: missing; [unlabelled] variant: unknown. Known: variants, shares",
        ),
        (
            "[unlabelled.shares]\nmask = 0.0", "[unlabelled.shares]\nmask = -1",
            "[unlabelled.shares] mask: must be greater than or equal to 0. Found: -1",
        ),
        ("variants = 20", "variants = -1", "[augment] variants: must be greater than or equal to 0. Found: -1"),
        ("variants = 20", "variants = 1.5", "[augment] variants: must be a valid integer. Found: 1.5"),
        ("variants = 20", 'variants = "many"', "[augment] variants: must be a valid integer. Found: 'many'"),
        ("variants = 20", "variants = true", "[augment] variants: must be a valid integer. Found: True"),
        (
            '[taggers]\n', '[taggers]\nfrench = "assets/tagger"\n',
            "[taggers] names french. Use xx, or the code of a language (en, fr …)",
        ),
        ('mask_token = "<mask>"', 'mask_token = ""', "[augment] mask_token: must be a word. Found: ''"),
        ('@distill_augmenters = "sentence.v1"', "p = 1", "[methods.sentence] has no line with @distill_augmenters"),
        (
            "variants = 20", "variant = 20",
            "[augment] variants: missing; [augment] variant: unknown. Known: variants, mask_token, frequent_words",
        ),
        ("[taggers]", "[tagger]", f"[taggers]: missing; [tagger]: unknown. {KNOWN}"),
        ('[taggers]\nxx = "assets/tagger"\n', "", "[taggers]: missing"),
        ("[taggers]", "[extra]\n\n[taggers]", f"[extra]: unknown. {KNOWN}"),
    ],
    ids=[
        "method without share", "misspelt share", "all zero", "negative", "share in words", "no share",
        "not a number", "infinite", "negative unlabelled variants", "misspelt unlabelled variants",
        "negative unlabelled share", "negative variants", "half a variant", "variants in words", "true variants",
        "misspelt language", "empty mask", "no augmenter", "misspelt variants", "misspelt section", "no taggers",
        "another section",
    ],
)  # fmt: skip
def test_augmentation_refuses_a_plan(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write_plan(tmp_path, old, new)
    with pytest.raises(ValueError) as err:
        load_plan(path)
    assert str(err.value) == f"{path}: {message}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("mask.v1", "musk.v1", "Could not find function 'musk.v1' in function registry 'distill_augmenters'"),
        ("min_n = 1", "min = 1", "unexpected argument: 'min'"),
        ("p = 0.1", "p = 2", "mask: p must be above 0 and at most 1, found 2"),
        ("max_n = 5", "max_n = 0", "ngram needs 1 <= min_n <= max_n, found 1 and 0"),
        ('agree = "morph"', 'agree = "pos"', "'pos' is not typing.Literal['morph']"),
        ("p_pos = 0.1", "p_pos = 1", "tang: p_mask + p_pos must be from 0 to 1, found 1.1"),
    ],
)
def test_augmentation_refuses_settings_of_a_method(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        load_plan(write_plan(tmp_path, old, new))


def test_augmentation_refuses_a_plan_without_settings(tmp_path: Path) -> None:
    path = tmp_path / "plan.cfg"
    path.write_text("[taggers]\n\n[shares]\n\n[methods]\n", encoding="utf-8")
    with pytest.raises(ValueError) as err:
        load_plan(path)
    assert str(err.value) == f"{path}: [augment]: missing; [unlabelled]: missing"


def test_augmentation_refuses_overrides_that_the_plan_does_not_know() -> None:
    with pytest.raises(ValueError, match=r"\[augment\] variant: unknown\. Known: variants, mask_token, freq"):
        load_plan(CONFIG, {"augment.variant": 3})
    with pytest.raises(ValueError, match="not a section value that can be overridden"):
        load_plan(CONFIG, {"augments.variants": 3})
    with pytest.raises(ValueError, match=r"variants: must be greater than or equal to 0\. Found: -3$"):
        load_plan(CONFIG, {"augment.variants": -3})


@pytest.mark.parametrize("name", ["gold", "unlabelled"])
def test_augmentation_refuses_a_method_that_is_called_like_another_source(tmp_path: Path, name: str) -> None:
    text = CONFIG.read_text(encoding="utf-8").replace("sentence = ", f"{name} = ")
    path = tmp_path / "plan.cfg"
    path.write_text(text.replace("methods.sentence", f"methods.{name}"), encoding="utf-8")
    with pytest.raises(ValueError, match=rf"\[methods\] {name}: texts that are not augmented are called so\. Choose"):
        load_plan(path)


def test_augmentation_plan_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"nowhere\.cfg"):
        load_plan(tmp_path / "nowhere.cfg")


def write_plan(folder: Path, old: str, new: str) -> Path:
    """Write the project's plan with something else in it."""
    text = CONFIG.read_text(encoding="utf-8")
    assert old in text
    path = folder / "plan.cfg"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def test_augmentation_is_timed_with_held_out_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []

    def drop(variants: Any, originals: Iterable[str], held_out: Iterable[str], counts: Counts) -> Iterable[Variant]:
        given.append((list(originals), list(held_out)))
        return variants

    monkeypatch.setattr(augmentation_speed, "drop_repeats_and_leaks", drop)
    plan = plan_with({"taggers.xx": None}, ngram=1)
    rates = augmentation_speed.time_augmentation([("a good book", "en")], {"held out"}, plan)
    assert given == [(["a good book"], ["held out"])]
    assert all(rate > 0 for rate in rates.values())
