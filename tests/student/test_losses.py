"""The losses' values and gradients, checked by hand, by finite differences and by torch."""

from collections.abc import Callable
from typing import Any

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from thinc.loss import Loss

from scripts.distill.core.probabilities import soften
from scripts.distill.student.losses import MSELogits, MSEProbs, SoftCrossEntropy, configure_cross_entropy

Array = NDArray[numpy.float64]
TEMPERATURES = [0.5, 1.0, 2.0, 5.0]


def torch_cross_entropy(torch: Any, student: Any, teacher: Any, temperature: float) -> Any:
    target = torch.softmax(teacher / temperature, dim=1)
    return temperature**2 * torch.nn.functional.cross_entropy(student / temperature, target, reduction="sum")


def torch_hard_labels(torch: Any, student: Any, teacher: Any) -> Any:
    return torch.nn.functional.cross_entropy(student, teacher.argmax(dim=1), reduction="sum")


def torch_mse_logits(torch: Any, student: Any, teacher: Any) -> Any:
    student, teacher = (x - x.mean(dim=1, keepdim=True) for x in (student, teacher))
    return torch.nn.functional.mse_loss(student, teacher, reduction="sum") / 2


def torch_mse_probs(torch: Any, student: Any, teacher: Any) -> Any:
    student, teacher = torch.softmax(student, dim=1), torch.softmax(teacher, dim=1)
    return torch.nn.functional.mse_loss(student, teacher, reduction="sum") / 2


# The registered name, its settings, and the same in torch, of student and teacher logits.
LOSSES: dict[str, tuple[str, dict[str, float], Callable[..., Any]]] = {
    **{f"cross-entropy-{t}": ("distill.cross_entropy.v1", {"temperature": t}, torch_cross_entropy)
       for t in TEMPERATURES},
    "hard-labels": ("distill.hard_labels.v1", {}, torch_hard_labels),
    "mse-logits": ("distill.mse_logits.v1", {}, torch_mse_logits),
    "mse-probs": ("distill.mse_probs.v1", {}, torch_mse_probs),
}  # fmt: skip


def make_loss(name: str) -> Loss:
    registered, settings, _ = LOSSES[name]
    return spacy.registry.resolve({"loss": {"@losses": registered, **settings}})["loss"]


def softmax(logits: Array) -> Array:
    powers = numpy.exp(logits - logits.max(axis=1, keepdims=True))
    return numpy.asarray(powers / powers.sum(axis=1, keepdims=True))


@pytest.fixture
def logits() -> tuple[Array, Array]:
    rng = numpy.random.default_rng(0)
    return rng.normal(size=(4, 3)) * 2, rng.normal(size=(4, 3)) * 2


def test_losses_are_all_tested() -> None:
    registered = {name for name in spacy.registry.losses.get_all() if name.startswith("distill.")}
    assert registered == {name for name, _, _ in LOSSES.values()}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_gradient_equals_finite_differences(logits: tuple[Array, Array], name: str) -> None:
    student, teacher = logits
    loss = make_loss(name)
    gradient, _ = loss(softmax(student), softmax(teacher))
    epsilon = 1e-5
    for index in numpy.ndindex(*student.shape):
        step = numpy.zeros_like(student)
        step[index] = epsilon
        up = loss.get_loss(softmax(student + step), softmax(teacher))
        down = loss.get_loss(softmax(student - step), softmax(teacher))
        assert_allclose(gradient[index], (up - down) / (2 * epsilon), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_equal_torch(logits: tuple[Array, Array], name: str) -> None:
    torch = pytest.importorskip("torch")
    student, teacher = logits
    x = torch.tensor(student, requires_grad=True)
    _, settings, in_torch = LOSSES[name]
    expected = in_torch(torch, x, torch.tensor(teacher), **settings)
    expected.backward()
    gradient, loss = make_loss(name)(softmax(student), softmax(teacher))
    assert_allclose(loss, expected.item(), rtol=1e-10)
    assert_allclose(gradient, x.grad.numpy(), rtol=1e-8, atol=1e-12)


def test_losses_without_temperature_is_spacys_own_gradient(logits: tuple[Array, Array]) -> None:
    p, q = (softmax(x) for x in logits)
    assert_allclose(SoftCrossEntropy().get_grad(p, q), p - q)


def test_losses_value_by_hand() -> None:
    p, q = numpy.array([[0.5, 0.5], [0.25, 0.75]]), numpy.array([[1.0, 0.0], [0.5, 0.5]])
    expected = -(numpy.log(0.5) + 0.5 * numpy.log(0.25) + 0.5 * numpy.log(0.75))
    assert_allclose(SoftCrossEntropy().get_loss(p, q), expected)
    # The logits of (1/2, 1/2) are (0, 0), those of (1/5, 4/5) are (-log 2, log 2).
    p, q = numpy.array([[0.5, 0.5]]), numpy.array([[0.2, 0.8]])
    gradient, loss = MSELogits()(p, q)
    assert_allclose(gradient, [[numpy.log(2), -numpy.log(2)]])
    assert_allclose(loss, numpy.log(2) ** 2)
    gradient, loss = MSEProbs()(p, q)
    assert_allclose(gradient, [[0.15, -0.15]])
    assert_allclose(loss, 0.09)


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "hard-labels"])
def test_losses_of_what_is_alike_have_no_gradient(logits: tuple[Array, Array], name: str) -> None:
    p = softmax(logits[0])
    assert_allclose(make_loss(name).get_grad(p, p.copy()), 0, atol=1e-15)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_keep_float32(logits: tuple[Array, Array], name: str) -> None:
    p, q = (softmax(x) for x in logits)
    gradient, loss = make_loss(name)(p.astype("float32"), q.astype("float32"))
    expected, expected_loss = make_loss(name)(p, q)
    assert gradient.dtype == numpy.float32
    assert_allclose(gradient, expected, atol=1e-5)
    assert_allclose(loss, expected_loss, rtol=1e-5)
    assert type(loss) is float


@pytest.mark.parametrize("name", LOSSES)
def test_losses_stay_finite_at_certainty(name: str) -> None:
    p = numpy.array([[1.0, 0.0]], dtype="float32")
    gradient, loss = make_loss(name)(p, p[:, ::-1])
    assert numpy.isfinite(gradient).all()
    assert numpy.isfinite(loss)
    if name != "mse-probs":  # whose gradient vanishes there
        assert gradient[0, 0] > 0 > gradient[0, 1]


def test_losses_soften_is_softmax_of_scaled_logits(logits: tuple[Array, Array]) -> None:
    student, _ = logits
    assert_allclose(soften(softmax(student), 3.0), softmax(student / 3.0))


def test_losses_resolve_from_config() -> None:
    config = {"loss": {"@losses": "distill.cross_entropy.v1", "temperature": 2.0}}
    loss = spacy.registry.resolve(config)["loss"]
    assert isinstance(loss, SoftCrossEntropy)
    assert loss.temperature == 2.0


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_losses_refuse_temperature(temperature: float) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        configure_cross_entropy(temperature)
