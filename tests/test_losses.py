"""The losses' values and gradients, checked by hand, by finite differences and by torch."""

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from scripts.distil.losses import SoftCrossEntropy, configure_cross_entropy, soften

Array = NDArray[numpy.float64]
TEMPERATURES = [0.5, 1.0, 2.0, 5.0]


def softmax(logits: Array) -> Array:
    powers = numpy.exp(logits - logits.max(axis=1, keepdims=True))
    return numpy.asarray(powers / powers.sum(axis=1, keepdims=True))


@pytest.fixture
def logits() -> tuple[Array, Array]:
    rng = numpy.random.default_rng(0)
    return rng.normal(size=(4, 3)) * 2, rng.normal(size=(4, 3)) * 2


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_losses_gradient_equals_finite_differences(logits: tuple[Array, Array], temperature: float) -> None:
    student, teacher = logits
    loss = SoftCrossEntropy(temperature)
    gradient, _ = loss(softmax(student), softmax(teacher))
    epsilon = 1e-5
    for index in numpy.ndindex(*student.shape):
        step = numpy.zeros_like(student)
        step[index] = epsilon
        up = loss.get_loss(softmax(student + step), softmax(teacher))
        down = loss.get_loss(softmax(student - step), softmax(teacher))
        assert_allclose(gradient[index], (up - down) / (2 * epsilon), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_losses_equal_torch(logits: tuple[Array, Array], temperature: float) -> None:
    torch = pytest.importorskip("torch")
    student, teacher = logits
    x = torch.tensor(student, requires_grad=True)
    target = torch.softmax(torch.tensor(teacher) / temperature, dim=1)
    expected = temperature**2 * torch.nn.functional.cross_entropy(x / temperature, target, reduction="sum")
    expected.backward()
    gradient, loss = SoftCrossEntropy(temperature)(softmax(student), softmax(teacher))
    assert_allclose(loss, expected.item(), rtol=1e-10)
    assert_allclose(gradient, x.grad.numpy(), rtol=1e-8, atol=1e-12)


def test_losses_without_temperature_is_spacys_own_gradient(logits: tuple[Array, Array]) -> None:
    p, q = (softmax(x) for x in logits)
    assert_allclose(SoftCrossEntropy().get_grad(p, q), p - q)


def test_losses_value_by_hand() -> None:
    p, q = numpy.array([[0.5, 0.5], [0.25, 0.75]]), numpy.array([[1.0, 0.0], [0.5, 0.5]])
    expected = -(numpy.log(0.5) + 0.5 * numpy.log(0.25) + 0.5 * numpy.log(0.75))
    assert_allclose(SoftCrossEntropy().get_loss(p, q), expected)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_losses_stay_finite_at_certainty(temperature: float) -> None:
    p = numpy.array([[1.0, 0.0]], dtype="float32")
    gradient, loss = SoftCrossEntropy(temperature)(p, p[:, ::-1])
    assert numpy.isfinite(gradient).all()
    assert numpy.isfinite(loss)
    assert gradient[0, 0] > 0 > gradient[0, 1]


def test_losses_soften_is_softmax_of_scaled_logits(logits: tuple[Array, Array]) -> None:
    student, _ = logits
    assert_allclose(soften(softmax(student), 3.0), softmax(student / 3.0))


def test_losses_resolve_from_config() -> None:
    config = {"loss": {"@losses": "distil.cross_entropy.v1", "temperature": 2.0}}
    loss = spacy.registry.resolve(config)["loss"]
    assert isinstance(loss, SoftCrossEntropy)
    assert loss.temperature == 2.0


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_losses_refuse_temperature(temperature: float) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        configure_cross_entropy(temperature)
