"""Complex numbers: made, taken apart.  They run on the reference and have no gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import COMPLEX, DType
from graphflow.operation import Tensor
from graphflow.ops.define import convert_to_tensor, define
from graphflow.ops.infer import same_as_input
from graphflow.shape import Dims, broadcast


def _real_part(input: Tensor) -> tuple[Dims, DType]:
    return input.dims, input.dtype.real_dtype


def _made(real: Tensor, imag: Tensor) -> tuple[Dims, DType]:
    made = dtypes.complex64 if real.dtype is dtypes.float32 else dtypes.complex128
    return broadcast(real.dims, imag.dims), made


REAL = define("Real", "input", _real_part, np.real, COMPLEX)
IMAG = define("Imag", "input", _real_part, np.imag, COMPLEX)
CONJ = define("Conj", "input", same_as_input, np.conj, COMPLEX)
ANGLE = define("Angle", "input", _real_part, np.angle, COMPLEX)
COMPLEX_ABS = define("ComplexAbs", "x", _real_part, np.abs, COMPLEX)
MAKE = define("Complex", "real imag", _made, lambda real, imag: real + 1j * imag, (dtypes.float32, dtypes.float64))


def complex(real: Any, imag: Any, name: str | None = None) -> Tensor:
    """real + i * imag: complex64 from float32, complex128 from float64."""
    return MAKE(real, imag, name=name)


def real(input: Any, name: str | None = None) -> Tensor:
    """The real part; a real tensor itself."""
    input = convert_to_tensor(input, name="input")
    return REAL(input, name=name) if input.dtype.is_complex else input


def imag(input: Any, name: str | None = None) -> Tensor:
    """The imaginary part."""
    return IMAG(input, name=name)


def conj(x: Any, name: str | None = None) -> Tensor:
    """The complex conjugate; a real tensor itself."""
    x = convert_to_tensor(x, name="x")
    return CONJ(x, name=name) if x.dtype.is_complex else x


def angle(input: Any, name: str | None = None) -> Tensor:
    """The argument of each complex number."""
    return ANGLE(input, name=name)
