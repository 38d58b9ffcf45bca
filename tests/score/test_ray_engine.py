"""Ray scores as this process does. Ray starts once for all tests here."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy
import pytest
import spacy

from scripts.distill.data.text_spool import spool_texts
from scripts.distill.score.cache import ScoreCache
from scripts.distill.score.scorer import Batch, BatchSettings, Scorer, run_here
from scripts.distill.teacher.teachers import load_teacher

ray = pytest.importorskip("ray", reason="needs requirements-ray.txt")
from scripts.distill.score.ray_engine import run_on_ray  # noqa: E402

LABELS = ["NEG", "POS"]
TEXTS = [f"text {'and more ' * (i % 7)}number {i}" for i in range(60)]
SETTINGS = BatchSettings(texts=8, characters=200)


@pytest.fixture(scope="module", autouse=True)
def one_core() -> Iterator[None]:
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    nlp = spacy.blank("xx")
    textcat = nlp.add_pipe("textcat")
    for label in LABELS:
        textcat.add_label(label)
    nlp.initialize()
    rng = numpy.random.default_rng(0)
    for node in textcat.model.walk():
        if node.name == "softmax":
            node.set_param("W", rng.normal(size=node.get_param("W").shape).astype("float32"))
    path = tmp_path_factory.mktemp("model")
    nlp.to_disk(path)
    return path


def score(cache: ScoreCache, model: Path, engine_of: str) -> tuple[int, numpy.ndarray]:
    load = partial(load_teacher, f"spacy:{model}", LABELS, teacher_model=model)
    scorer = Scorer(spool_texts(TEXTS), load(), cache, SETTINGS)
    done = list(scorer.run(run_on_ray(load, gpu=False) if engine_of == "ray" else run_here(load())))
    return len(done), scorer.read(range(len(TEXTS)))


@pytest.mark.long
def test_ray_engine_scores_as_this_process_does_and_fills_the_same_cache(tmp_path: Path, model: Path) -> None:
    with ScoreCache(tmp_path / "here.sqlite") as here, ScoreCache(tmp_path / "ray.sqlite") as there:
        _, expected = score(here, model, "here")
        count, found = score(there, model, "ray")
        assert count == len(TEXTS)
        assert len({tuple(row) for row in expected}) > 30
        assert abs(found - expected).max() <= 1e-5
        assert score(there, model, "here")[0] == 0


def test_ray_engine_says_why_a_teacher_fails(model: Path) -> None:
    load = partial(load_teacher, f"spacy:{model}", ["NEG", "NEUTRAL", "POS"], teacher_model=model)
    with pytest.raises(ValueError, match=r"^The teacher spacy:\S+ sets the labels \['NEG', 'POS'\], the data has"):
        list(run_on_ray(load, gpu=False)([Batch(0, ["text"])]))


def test_ray_engine_without_a_gpu_says_so(model: Path) -> None:
    if ray.cluster_resources().get("GPU"):
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match="Ray has no GPU"):
        list(
            run_on_ray(partial(load_teacher, f"spacy:{model}", LABELS, teacher_model=model), gpu=True)(
                [Batch(0, ["text"])]
            )
        )


def test_ray_engine_of_no_batches_gives_none(model: Path) -> None:
    assert list(run_on_ray(partial(load_teacher, f"spacy:{model}", LABELS, teacher_model=model), gpu=False)([])) == []
