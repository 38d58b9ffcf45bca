"""Fewer bits in the numbers of a pipeline: they stay float32, but a wheel compresses the zeros at their end."""

from typing import Any

import numpy
from numpy.typing import NDArray
from thinc.api import Model

Floats = NDArray[numpy.float32]
# Bits of a float32's mantissa.
MANTISSA_BITS = 23


def round_mantissa(values: Floats, bits: int) -> Floats:
    """Round to the nearest numbers that need no more than `bits` bits of mantissa; the bits after these are zero.

    A number half-way between two goes to the larger one in size.

    values (NDArray[float32]): Any shape, finite.
    bits (int): 0 to 23. 23 changes nothing, 10 is the mantissa of half precision.
    RETURNS (NDArray[float32]): Same shape.
    """
    dropped = MANTISSA_BITS - bits
    if not dropped:
        return values
    # Half a unit of the last kept bit is added before the rest is cut off: that rounds to the nearest. A carry out of
    # the mantissa raises the exponent, as it should. The sign is a bit of its own, and stays.
    half, mask = numpy.uint32(1 << (dropped - 1)), numpy.uint32(0x1_0000_0000 - (1 << dropped))
    return ((values.view("uint32") + half) & mask).view("float32")


def round_parameters(model: Model[Any, Any], bits: int) -> None:
    """Round all parameters of a model and of its layers. Parameters that torch holds stay as they are.

    model (Model): The model; its parameters are changed.
    bits (int): Bits of the mantissa that are kept, see `round_mantissa`.
    """
    for layer in model.walk():
        for name in layer.param_names:
            if layer.has_param(name):
                values: Any = layer.get_param(name)  # of thinc's own types
                rounded: Any = round_mantissa(values, bits)
                layer.set_param(name, rounded)
