"""How far apart two computations of the same number may be: by their rounding, and by nothing else.

Processors and libraries add in different orders, so no tolerance is tuned to what one of them
printed. A sum of n values that are at most m in size is off by at most n · m · ε/2, whatever its
order (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 4.2); two such sums
differ by at most n · m · ε.
"""

import numpy as np

_EPSILON = {dtype: float(np.finfo(dtype).eps) for dtype in ("float32", "float64", "float16")}
_EPSILON["bfloat16"] = 2.0**-7


def rounding(operations: int, magnitude: float = 1.0, dtype: str = "float32") -> float:
    """The largest absolute difference of two values that are equal but for rounding.

    Args:
        operations: additions on the longest way to the value.
        magnitude: the largest size of what is added.
        dtype: what is computed in.
    """
    return operations * magnitude * _EPSILON[dtype]


def decimals(places: int) -> float:
    """The largest difference of a number and what is stored of it with so many decimal places."""
    return 0.5 * 10.0**-places * 1.001


# The longest sum in a step of the models of the tests (models.py, trainings.py) has 60 values:
# embedding, context and state together. Sentences have at most 13 source and target positions.
_SUM, _STEPS = 60, 13

STEP = rounding(_SUM)  # one layer, whose values are about 1 in size
PASS = rounding(_SUM * _STEPS)  # states, attention weights and logits at the end of a pass
SCORE = rounding(_SUM * _STEPS, 4.0)  # log-probabilities, about 4 in size, of a translation
GRADIENT = rounding(2 * _SUM * _STEPS)  # there and back
# Adam divides a gradient by its own size, so each of up to 20 updates carries the gradient's
# relative error times the learning rate, 0.01.
UPDATES = 20 * 0.01 * GRADIENT
