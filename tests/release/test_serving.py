import pickle
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.training import Example
from spacy.util import load_config, load_model_from_config
from spacy.vectors import Vectors

import scripts.functions  # noqa: F401  # registers what configs name
from scripts.distill.release.serving import AnyTextTokenizer, WordMemory, make_ready
from scripts.distill.student.to_stock import to_stock

STUDENTS = sorted(Path("configs").glob("student*.cfg"))
SHARES = {"NEG": 0.2, "POS": 0.8}
# The first column of the table in docs/production.md, and the texts that it stands for.
KINDS = {
    "empty": [""],
    "white space": [" ", "\t", "\r\n\n", "\u00a0\u2003"],
    "one emoji": ["\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467"],
    "100,000 words": ["good bad " * 50_000],
    "control characters": ["\x00", "good\x07 film\x1b[0m", "\u200b\ufeff"],
    "a lone surrogate": ["\ud800", "good \udfff film"],
    "right-to-left script": ["\u0641\u064a\u0644\u0645 \u062c\u064a\u062f", "\u202egood"],
    "Chinese": ["\u8fd9\u90e8\u7535\u5f71\u5f88\u597d\u770b"],
}
TEXTS = [text for texts in KINDS.values() for text in texts]


def create_student(path: Path, **meta: Any) -> Language:
    """Create the stock pipeline of a student's config, initialised but not trained."""
    config = load_config(path, overrides={"paths.train": "", "paths.dev": ""}, interpolate=True)
    config["initialize"]["before_init"] = config["training"]["before_to_disk"] = None
    nlp = load_model_from_config(config, auto_fill=True)
    vectors = numpy.random.default_rng(0).normal(size=(2, 8)).astype("float32")
    nlp.vocab.vectors = Vectors(data=vectors, name="teacher")
    for row, word in enumerate(("good", "bad")):
        nlp.vocab.vectors.add(word, row=row)
    texts = {"a good film": "POS", "a bad film": "NEG"}
    examples = [
        Example.from_dict(nlp.make_doc(text), {"cats": {each: float(each == label) for each in SHARES}})
        for text, label in texts.items()
    ]
    component: Any = nlp.get_pipe("textcat")
    component.initialize(lambda: examples, nlp=nlp, labels=list(SHARES))
    # Untrained, a last layer of zeros gives all texts the same.
    for layer in component.model.walk():
        for name in layer.param_names:
            if layer.has_param(name) and name == "W" and not layer.get_param(name).any():
                values = numpy.random.default_rng(1).normal(0, 0.1, layer.get_param(name).shape)
                layer.set_param(name, values.astype("float32"))
    stock = to_stock(nlp)
    stock.meta.update({"tokenizer_cache": 500, "label_shares": SHARES, **meta})
    return stock


def scores(doc: Any) -> list[float]:
    return [doc.cats[label] for label in SHARES]


@pytest.mark.parametrize("path", STUDENTS, ids=lambda path: path.stem)
def test_serving_gives_any_text_an_answer(path: Path) -> None:
    nlp = make_ready(create_student(path))
    alone = numpy.asarray([scores(nlp(text)) for text in TEXTS])
    assert numpy.allclose(alone.sum(axis=1), 1, atol=1e-6)
    assert alone[0].tolist() == pytest.approx(list(SHARES.values()))
    mixed = ["a good film", *TEXTS, "a bad film"]
    for size in (3, len(mixed)):
        together = numpy.asarray([scores(doc) for doc in nlp.pipe(mixed, batch_size=size)])
        assert numpy.allclose(together[1:-1], alone, atol=1e-6)
    assert not numpy.allclose(together[0], together[-1], atol=1e-3)


def test_serving_table_in_the_docs_names_all_kinds() -> None:
    text = Path("docs/production.md").read_text(encoding="utf-8")
    table = text.split("| text | answer |\n|---|---|\n")[1].split("\n\n")[0]
    assert re.findall(r"^\| (.*?) \|", table, flags=re.M) == list(KINDS)


def test_serving_changes_no_other_text() -> None:
    nlp = create_student(STUDENTS[0])
    texts = ["It's l'h\u00f4tel, see http://a.b/c?d :-)", "Isn't  it\n\nbad?"]
    before = [([token.text for token in doc], scores(doc)) for doc in nlp.pipe(texts)]
    make_ready(nlp)
    assert [([token.text for token in doc], scores(doc)) for doc in nlp.pipe(texts)] == before


def test_serving_sets_the_tokenizers_cache() -> None:
    tokenizer: Any = make_ready(create_student(STUDENTS[0], tokenizer_cache=123)).tokenizer
    assert tokenizer.max_cache_size == 123


def test_serving_replaces_a_lone_surrogate() -> None:
    nlp = make_ready(create_student(STUDENTS[0]))
    assert nlp("good \ud800 film").text == "good \ufffd film"
    # Two halves that belong together are one character.
    assert nlp("\ud83d\ude00").text == "\U0001f600"


def test_serving_survives_pickle_and_bytes() -> None:
    nlp = make_ready(create_student(STUDENTS[0], tokenizer_cache=123))
    copy = pickle.loads(pickle.dumps(nlp))  # noqa: S301
    assert isinstance(copy.tokenizer, AnyTextTokenizer)
    assert copy.tokenizer.max_cache_size == 123
    for text in ("", "a good film", "\ud800"):
        assert scores(copy(text)) == scores(nlp(text))
    stock = create_student(STUDENTS[0]).from_bytes(nlp.to_bytes())
    assert scores(stock("a good film")) == scores(nlp("a good film"))


def test_serving_leaves_other_tokenizers_and_components_alone() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.tokenizer = str.split  # type: ignore[assignment]
    make_ready(nlp)
    assert nlp.tokenizer is str.split


def test_serving_answers_alike_in_four_threads_at_once() -> None:
    nlp = make_ready(create_student(STUDENTS[0]))
    texts = [f"a {word} film number {number}" for number in range(100) for word in ("good", "bad")] + ["", "\ud800"]
    expected = [scores(doc) for doc in nlp.pipe(texts)]
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: [scores(doc) for doc in nlp.pipe(texts, batch_size=7)], range(4)):
            assert numpy.allclose(found, expected, atol=1e-6)


@pytest.fixture
def student() -> Language:
    return create_student(Path("configs/student.cfg"))


def word_memory(nlp: Language) -> WordMemory:
    component: Any = nlp.get_pipe("textcat")
    (memory,) = (layer._func for layer in component.model.walk() if isinstance(layer._func, WordMemory))
    return memory


def counting(nlp: Language, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the numbers of words that a student goes on to compute."""
    memory, counts = word_memory(nlp), list[int]()
    forward = memory._forward

    def count(model: Any, words: Any, is_train: bool) -> Any:
        counts.append(len(words))
        return forward(model, words, is_train)

    monkeypatch.setattr(memory, "_forward", count)
    return counts


def test_serving_computes_words_of_earlier_texts_no_more(student: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["a good film", "a bad film film", "bad good a"]
    before = [scores(doc) for doc in student.pipe(texts)]
    counts = counting(make_ready(student), monkeypatch)
    assert numpy.allclose([scores(student(text)) for text in texts], before, atol=1e-6)
    assert counts == [3, 1]


def test_serving_forgets_words_when_there_is_no_room(student: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    student.meta["tokenizer_cache"] = 4
    texts = ["a good film", "a b c", "a b c d", "a b c d e", "a b c d"]
    before = [scores(student(text)) for text in texts]
    counts = counting(make_ready(student), monkeypatch)
    assert numpy.allclose([scores(student(text)) for text in texts], before, atol=1e-6)
    # "a b c" and what was there are five words; a text of five distinct words is computed as without memory.
    assert counts == [3, 3, 1, 5, 4]
    assert len(word_memory(student)._rows) == 4


def test_serving_forgets_words_when_the_student_learns(student: Language) -> None:
    text, cats = "a good film", {"NEG": 1.0, "POS": 0.0}
    make_ready(student)
    untrained, before = student.to_bytes(), scores(student(text))
    examples = [Example.from_dict(student.make_doc(text), {"cats": cats})]
    optimizer = student.resume_training()
    for _ in range(5):
        student.update(examples, sgd=optimizer)
    after = scores(student(text))
    assert not numpy.allclose(after, before, atol=1e-3)
    copy = create_student(Path("configs/student.cfg")).from_bytes(student.to_bytes())
    assert scores(copy(text)) == pytest.approx(after, abs=1e-6)
    # The words of the student before are not those of the student that is loaded over it.
    make_ready(copy)
    copy(text)
    copy.from_bytes(untrained)
    assert scores(copy(text)) == pytest.approx(before, abs=1e-6)


def test_serving_keeps_the_words_of_a_copy_apart(student: Language) -> None:
    text = "a good film"
    component: Any = make_ready(student).get_pipe("textcat")
    before = component.model.predict([student.make_doc(text)])
    copy = component.model.copy()
    layer = next(layer for layer in copy.walk() if layer.name == "layernorm")
    layer.set_param("b", layer.get_param("b") + 1)
    for _ in range(2):
        assert not numpy.allclose(copy.predict([student.make_doc(text)]), before, atol=1e-3)
        assert numpy.allclose(component.model.predict([student.make_doc(text)]), before, atol=1e-6)


def test_serving_pickles_no_words(student: Language) -> None:
    make_ready(student)("a good film")
    copy = pickle.loads(pickle.dumps(student))  # noqa: S301
    assert len(word_memory(student)._rows) == 3
    assert word_memory(copy)._rows == {}
    assert scores(copy("a good film")) == pytest.approx(scores(student("a good film")), abs=1e-6)


def test_serving_has_no_gradient_for_words_that_it_remembers(student: Language) -> None:
    component: Any = make_ready(student).get_pipe("textcat")
    _, backprop = component.model([student.make_doc("a good film")], is_train=False)
    with pytest.raises(ValueError, match="outside of training"):
        backprop(component.model.ops.alloc2f(1, 2))
