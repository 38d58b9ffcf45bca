from typing import Any

import pytest
import spacy
from thinc.api import Linear, Maxout, Model, Relu, Softmax, chain, concatenate, softmax_activation, with_cpu

from scripts.distill.student.output_layers import find_output
from tests.student.test_component import LABELS, MODELS, REFUSED, make_pipeline


@pytest.mark.parametrize("name", MODELS)
def test_output_layers_finds_the_parameters_of_the_logits(name: str) -> None:
    names = {"bow": "sparse_linear", "layers": "linear"}
    _, pipe = make_pipeline(MODELS[name])
    linear = find_output(pipe.model).linear
    assert linear.name == names.get(name, "softmax")
    assert linear.get_param("b").shape == (len(LABELS),)
    if name != "layers":
        # spaCy's own reference is another layer for the ensemble
        assert (linear is pipe.model.get_ref("output_layer")) == (name != "ensemble")


def test_output_layers_finds_a_linear_layer_before_an_activation() -> None:
    linear: Model[Any, Any] = Linear(2, 3)
    model = chain(Relu(3, 3), with_cpu(chain(linear, softmax_activation()), linear.ops))
    assert find_output(model).linear is linear


@pytest.mark.parametrize(("model", "layer"), REFUSED.values(), ids=REFUSED)
def test_output_layers_refuses_a_stock_model_by_name(model: dict[str, Any], layer: str) -> None:
    pipe = spacy.blank("en").add_pipe("textcat", config={"model": model})
    with pytest.raises(ValueError, match=rf"output layer '{layer}'.*exclusive_classes = true.*student's config"):
        find_output(pipe.model)


@pytest.mark.parametrize(
    "model,layer",
    [
        pytest.param(chain(Softmax(2, 3), Linear(2, 2)), "linear", id="last"),
        # The layers of a concatenation do not run one after the other.
        pytest.param(concatenate(Linear(2, 3), chain(Relu(3, 3), Softmax(2, 3))), "linear|relu>>softmax", id="side"),
        pytest.param(
            chain(concatenate(Linear(1, 3), Linear(1, 3)), softmax_activation()),
            "softmax_activation after linear|linear", id="side-before",
        ),
        pytest.param(chain(Maxout(2, 3), softmax_activation()), "softmax_activation after maxout", id="not-linear"),
        pytest.param(softmax_activation(), "softmax_activation after nothing", id="alone"),
    ],
)  # fmt: skip
def test_output_layers_refuses_others_by_name(model: Model[Any, Any], layer: str) -> None:
    with pytest.raises(ValueError) as error:
        find_output(model)
    assert f"output layer {layer!r}" in str(error.value)
