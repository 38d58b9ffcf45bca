"""The teacher's pooling: tokens without word pieces don't count."""

from typing import Any

import numpy
import spacy
from numpy.testing import assert_allclose
from thinc.api import Model

from scripts.distill.teacher.pooling import build_mean_text_classifier, reduce_mean_nonzero

X = [
    numpy.asarray([[1, 2], [0, 0], [3, 4]], dtype="float32"),
    numpy.asarray([[0, 5]], dtype="float32"),
    numpy.zeros((2, 2), dtype="float32"),
    numpy.zeros((0, 2), dtype="float32"),
]


def test_architectures_mean_leaves_out_zero_rows() -> None:
    Y = reduce_mean_nonzero().predict(X)
    assert_allclose(Y, [[2, 3], [0, 5], [0, 0], [0, 0]])


def test_architectures_mean_backprop_equals_finite_differences() -> None:
    model = reduce_mean_nonzero()
    Y, backprop = model.begin_update(X)
    dY = numpy.random.default_rng(0).normal(size=Y.shape).astype("float32")
    dX = backprop(dY)
    assert [dx.shape for dx in dX] == [x.shape for x in X]
    for row, col in ((0, 0), (0, 1), (2, 0), (2, 1)):
        values = []
        for sign in (1, -1):
            changed = [x.copy() for x in X]
            changed[0][row, col] += sign * 0.01
            values.append(float((model.predict(changed) * dY).sum()))
        assert_allclose(dX[0][row, col], (values[0] - values[1]) / 0.02, rtol=1e-3)
    assert_allclose(dX[0][1], 0)
    assert_allclose(dX[2], 0)


def embed() -> Model[Any, Any]:
    """Two dimensions for each token: its length and 1; zeros for white space."""

    def forward(model: Model[Any, Any], docs: Any, is_train: bool) -> Any:
        rows = [[[len(t.text), 1.0] if not t.is_space else [0.0, 0.0] for t in doc] for doc in docs]
        return [numpy.asarray(row, dtype="float32").reshape((-1, 2)) for row in rows], lambda dY: []

    return Model("embed", forward)


def test_architectures_long_white_space_does_not_change_the_scores() -> None:
    nlp = spacy.blank("en")
    docs = [nlp.make_doc("good book"), nlp.make_doc("good \n\n \n book \n\n")]
    assert len(docs[1]) > len(docs[0])
    model = build_mean_text_classifier(embed())
    model.initialize(X=docs, Y=numpy.zeros((2, 2), dtype="float32"))
    layer = model.get_ref("output_layer")
    layer.set_param("W", numpy.asarray([[0.3, 0.1], [-0.2, 0.5]], dtype="float32"))
    scores = model.predict(docs)
    assert_allclose(scores[0], scores[1])
    assert_allclose(scores.sum(axis=1), 1, rtol=1e-6)
    assert abs(scores[0, 0] - 0.5) > 0.1
    assert model.attrs["multi_label"] is False
