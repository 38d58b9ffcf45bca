"""Fewer bits in the numbers of a pipeline: a wheel compresses the zeros, and float32 stays what spaCy computes with."""

from typing import Any

import numpy
from numpy.typing import NDArray
from thinc.api import Model

Floats = NDArray[numpy.float32]
# Of a float32.
MANTISSA_BITS = 23


def round_mantissa(values: Floats, bits: int) -> Floats:
    """Round to the nearest numbers whose mantissa has so many bits; the bits after them are zero.

    values (NDArray[float32]): Any shape, finite.
    bits (int): 0 to 23; 23 changes nothing.
    RETURNS (NDArray[float32]): Same shape.
    """
    dropped = MANTISSA_BITS - bits
    if not dropped:
        return values
    half, mask = numpy.uint32(1 << (dropped - 1)), numpy.uint32(0x1_0000_0000 - (1 << dropped))
    return ((values.view("uint32") + half) & mask).view("float32")


def round_parameters(model: Model[Any, Any], bits: int) -> None:
    """Round all parameters of a model, those of its layers, too; what torch holds stays as it is.

    model (Model): It is changed.
    bits (int): See `round_mantissa`.
    """
    for layer in model.walk():
        for name in layer.param_names:
            if layer.has_param(name):
                values: Any = layer.get_param(name)  # of thinc's own types
                rounded: Any = round_mantissa(values, bits)
                layer.set_param(name, rounded)
