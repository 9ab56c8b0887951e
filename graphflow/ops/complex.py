"""Complex numbers: made, taken apart.  They run on the reference.

The gradient of a real function of re + i im is its derivative by re, plus i times that by im.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import COMPLEX, DType
from graphflow.errors import DTypeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import ones_like, zeros_like
from graphflow.ops.compare import equal
from graphflow.ops.define import convert_to_tensor, define
from graphflow.ops.infer import same_as_input
from graphflow.ops.select import where_v2
from graphflow.shape import Dims, broadcast


def _real_part(input: Tensor) -> tuple[Dims, DType]:
    return input.dims, input.dtype.real_dtype


def _made(real: Tensor, imag: Tensor) -> tuple[Dims, DType]:
    made = dtypes.complex64 if real.dtype is dtypes.float32 else dtypes.complex128
    return broadcast(real.dims, imag.dims), made


def _put_together(real: np.ndarray, imag: np.ndarray) -> np.ndarray:
    out = np.empty(np.broadcast_shapes(real.shape, imag.shape), np.result_type(real, np.complex64))
    out.real, out.imag = real, imag  # real + 1j * imag would make NaN of infinite parts
    return out


def _upright(op: Operation, dy: Tensor) -> Tensor:
    """The derivative of the angle points across the number: i z / |z|^2."""
    z = op.inputs[0]
    re, im = real(z), imag(z)
    scale = dy / (re * re + im * im)
    return complex(-im * scale, re * scale)


def _outward(op: Operation, dy: Tensor) -> Tensor:
    """The derivative of the absolute value points along the number: z / |z|, 0 at 0."""
    z, size = op.inputs[0], op.output
    zero = equal(size, zeros_like(size))
    scale = where_v2(zero, zeros_like(dy), dy / where_v2(zero, ones_like(size), size))
    return complex(real(z) * scale, imag(z) * scale)


REAL = define("Real", "input", _real_part, np.real, COMPLEX, vjp=(lambda op, dy: complex(dy, zeros_like(dy)),))
IMAG = define("Imag", "input", _real_part, np.imag, COMPLEX, vjp=(lambda op, dy: complex(zeros_like(dy), dy),))
CONJ = define("Conj", "input", same_as_input, np.conj, COMPLEX, vjp=(lambda op, dy: conj(dy),))
ANGLE = define("Angle", "input", _real_part, np.angle, COMPLEX, vjp=(_upright,))
COMPLEX_ABS = define("ComplexAbs", "x", _real_part, np.abs, COMPLEX, vjp=(_outward,))
MAKE = define("Complex", "real imag", _made, _put_together, (dtypes.float32, dtypes.float64),
              vjp=(lambda op, dy: real(dy), lambda op, dy: imag(dy)))  # fmt: skip


def complex(real: Any, imag: Any, name: str | None = None) -> Tensor:
    """real + i * imag: complex64 from float32, complex128 from float64."""
    return MAKE(real, imag, name=name)


def real(input: Any, name: str | None = None) -> Tensor:
    """The real part; a real tensor itself."""
    input = _number(input)
    return REAL(input, name=name) if input.dtype.is_complex else input


def imag(input: Any, name: str | None = None) -> Tensor:
    """The imaginary part; zeros for a real tensor."""
    input = _number(input)
    return IMAG(input, name=name) if input.dtype.is_complex else zeros_like(input, name=name or "Imag")


def conj(x: Any, name: str | None = None) -> Tensor:
    """The complex conjugate; a real tensor itself."""
    x = _number(x)
    return CONJ(x, name=name) if x.dtype.is_complex else x


def angle(input: Any, name: str | None = None) -> Tensor:
    """The argument of each complex number; 0 or pi for a real one."""
    input = _number(input)
    if input.dtype.is_complex:
        return ANGLE(input, name=name)
    zeros = zeros_like(input)
    return where_v2(input < zeros, np.pi * ones_like(input), zeros, name=name or "Angle")


def _number(x: Any) -> Tensor:
    x = convert_to_tensor(x, name="x")
    if not (x.dtype.is_complex or x.dtype.is_floating or x.dtype.is_integer):
        raise DTypeError(f"numbers are needed, and {x!r} has dtype {x.dtype.name}")
    return x
