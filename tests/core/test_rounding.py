import numpy
import pytest
from numpy.testing import assert_allclose

from scripts.distill.core.rounding import round_mantissa, round_parameters
from tests.teacher.test_teachers import textcat_pipeline


@pytest.mark.parametrize(
    ("bits", "expected"), [(23, [1.3, -1.3, 0.0, 1e-20]), (2, [1.25, -1.25, 0.0]), (0, [1.0, -1.0, 0.0])]
)
def test_precision_round_mantissa(bits: int, expected: list[float]) -> None:
    values = numpy.asarray([1.3, -1.3, 0.0, 1e-20], dtype="float32")
    assert_allclose(round_mantissa(values, bits)[: len(expected)], expected, rtol=1e-7)


@pytest.mark.parametrize("bits", [1, 7, 15])
def test_precision_round_mantissa_to_the_nearest(bits: int) -> None:
    values = numpy.random.default_rng(0).normal(size=1000).astype("float32")
    rounded = round_mantissa(values, bits)
    assert not (rounded.view("uint32") & ((1 << (23 - bits)) - 1)).any()
    assert (abs(rounded - values) <= abs(values) * 2.0 ** -(bits + 1) + 1e-12).all()


def test_precision_rounds_the_parameters_of_all_layers() -> None:
    model = textcat_pipeline().get_pipe("textcat").model
    before = [layer.get_param(name) for layer in model.walk() for name in layer.param_names]
    assert any((values != round_mantissa(values, 3)).any() for values in before)
    round_parameters(model, 3)
    after = [layer.get_param(name) for layer in model.walk() for name in layer.param_names]
    for values, rounded in zip(before, after, strict=True):
        assert rounded.tolist() == round_mantissa(values, 3).tolist()
