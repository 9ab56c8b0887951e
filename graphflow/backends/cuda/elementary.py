"""Functions of float32 by what the hardware approximates to 2 units in the last place: powers of 2 and reciprocals.

The library's are longer, and an exact division is longer than all else in a sigmoid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir

from graphflow.backends.cuda.shim import SIMULATED, intrinsic, types

# tanh(x) / x for x^2 up to 81 as a quotient of polynomials in x^2: a minimax fit within 3e-8, by iterated weights.
_P = 1.0738235, 0.14367448, 0.003751966, 2.2102839e-05, 1.4302055e-08
_Q = 1.0738235, 0.50161546, 0.027780928, 0.00035254445, 8.3349283e-07
_LARGE = 9.02  # from here on tanh is 1


def _horner(x: str, coefficients: tuple[float, ...]) -> str:
    """c[0] + c[1] x + c[2] x^2 + ..."""
    *rest, text = [f"float32({c})" for c in coefficients]
    for c in reversed(rest):
        text = f"({text} * {x} + {c})"
    return text


# sigmoid: the power is off by what its argument is rounded by, |x| times 7e-8.
# tanh: nothing is above 1, and NaN stays.
SOURCE = f"""
def sigmoid_float32(x):
    return reciprocal(float32(1) + power2(x * float32(-1.4426950)))
def tanh_float32(x):
    a = fabs_float32(x)
    s = a * a
    y = a * {_horner("s", _P)} * reciprocal({_horner("s", _Q)})
    return copysign_float32(where((a > float32({_LARGE})) | (y > float32(1)), float32(1), y), x)
def sigmoid_float64(x):
    return float64(1) / (float64(1) + exp_float64(-x))
"""


def functions() -> dict[str, Callable]:
    """What SOURCE needs from the hardware, by its name there."""
    if SIMULATED:
        return {"power2": np.exp2, "reciprocal": np.reciprocal}
    return {
        "power2": intrinsic(_typed("ex2.approx.ftz.f32 $0, $1;")),
        "reciprocal": intrinsic(_typed("rcp.approx.ftz.f32 $0, $1;")),
    }


def _typed(instruction: str) -> Callable:
    """A function of one float32 that is one instruction."""

    def typed(typing: Any, x: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind = ir.FunctionType(ir.FloatType(), [ir.FloatType()])
            return builder.asm(kind, instruction, "=f,f", arguments, side_effect=False)

        return types.float32(types.float32), emit

    return typed
