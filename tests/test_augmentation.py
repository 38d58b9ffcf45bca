"""The plan, and what becomes of the variants."""

from dataclasses import asdict
from pathlib import Path

import pytest

from scripts.distil.augmentation import Counts, augment, load_plan
from scripts.distil.splits import normalize

from .test_augmenters import EMOJI, ONE_WORD, TEXT, make

PLAN = load_plan(Path("configs/augment.cfg"))
DUTCH = make("Het mooie boek valt tegen .", "DET ADJ NOUN VERB ADP PUNCT", lang="nl", glue="tegen")
OTHER = make("That cheap phone was awful , sadly", "DET ADJ NOUN AUX ADJ PUNCT ADV", glue="awful")
TEXTS = [TEXT, OTHER, DUTCH, ONE_WORD, EMOJI]


def test_augmentation_plan_has_the_articles_four_methods() -> None:
    assert list(PLAN.methods) == ["mask", "pos_swap", "ngram", "sentence"]
    assert PLAN.tagger == "assets/tagger"


def test_augmentation_is_a_function_of_seed_and_texts() -> None:
    first = list(augment(TEXTS, PLAN, variants=10, seed=0))
    assert first == list(augment(TEXTS, PLAN, variants=10, seed=0))
    assert first != list(augment(TEXTS, PLAN, variants=10, seed=1))


def test_augmentation_fewer_variants_are_the_first_of_more() -> None:
    more = [asdict(v) for v in augment([OTHER], PLAN, variants=20, seed=0)]
    fewer = [asdict(v) for v in augment([OTHER], PLAN, variants=10, seed=0)]
    assert fewer == more[: len(fewer)]


def test_augmentation_makes_distinct_new_texts_with_provenance() -> None:
    counts = Counts()
    made = list(augment(TEXTS, PLAN, variants=30, seed=0, counts=counts))
    keys = [normalize(variant.text) for variant in made]
    assert len(keys) == len(set(keys))
    assert not set(keys) & {normalize(text.text) for text in TEXTS}
    assert {variant.method for variant in made} == set(PLAN.methods)
    assert all(variant.lang == TEXTS[variant.source].lang for variant in made)
    assert sum(counts.kept.values()) == len(made)
    assert counts.duplicates > 0
    assert counts.leaks == 0


def test_augmentation_never_makes_a_held_out_text() -> None:
    free = [normalize(variant.text) for variant in augment(TEXTS, PLAN, variants=30, seed=0)]
    counts = Counts()
    guarded = augment(TEXTS, PLAN, variants=30, seed=0, held_out={free[0], free[3]}, counts=counts)
    assert not {free[0], free[3]} & {normalize(variant.text) for variant in guarded}
    assert counts.leaks >= 2


def test_augmentation_of_a_language_only_uses_its_words() -> None:
    dutch = {word for text in (DUTCH,) for word in text.words} | {"[MASK]", "[MASK]."}
    for variant in augment(TEXTS, PLAN, variants=30, seed=0):
        if variant.lang == "nl":
            assert {w.strip(".").casefold() for w in variant.text.split()} <= {w.strip(".").casefold() for w in dutch}


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ("mask = 1.0", "Name the same in both"),
        ("mask = 0.0\nngram = 0.0", "one above 0"),
        ("mask = 1.0\nngram = -1.0", "0 or more"),
    ],
    ids=["method without share", "all zero", "negative"],
)
def test_augmentation_refuses_a_plan(tmp_path: Path, shares: str, message: str) -> None:
    path = tmp_path / "plan.cfg"
    path.write_text(
        f'[augment]\ntagger = "x"\n\n[shares]\n{shares}\n\n[methods]\n\n'
        '[methods.mask]\n@distil_augmenters = "mask.v1"\n\n'
        '[methods.ngram]\n@distil_augmenters = "ngram.v1"\n'
    )
    with pytest.raises(ValueError, match=message) as err:
        load_plan(path)
    assert str(path) in str(err.value)
