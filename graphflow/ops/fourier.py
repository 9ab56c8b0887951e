"""Fourier transforms of complex and of real signals.  They run on the reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.dtypes import DType, complex64, complex128, float32, float64, int32
from graphflow.errors import ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import cast
from graphflow.ops.complex import complex, real
from graphflow.ops.define import NO_GRADIENT, OpDef, convert_to_tensor, define
from graphflow.ops.fill import zeros
from graphflow.ops.join import concat
from graphflow.ops.shape_ops import either, expand_dims, refuse, shape
from graphflow.ops.static import static_value
from graphflow.shape import Dims, show

_COMPLEX = (complex64, complex128)


def _checked(x: np.ndarray, rank: int) -> np.ndarray:
    if x.ndim < rank:
        raise refuse(f"a transform of rank {rank} needs as many axes, and the shape is {show(x.shape)}")
    return x


def _same(rank: int) -> Callable:
    def infer(input: Tensor) -> tuple[Dims, DType]:
        if input.dims is not None and len(input.dims) < rank:
            raise ShapeError(f"a transform of rank {rank} needs as many axes, and the shape is {show(input.dims)}")
        return input.dims, input.dtype

    return infer


def _count(t: Tensor, rank: int) -> Tensor:
    """The number of elements of one transform, as a complex number."""
    sizes = shape(t)
    return cast(sizes[-1] * sizes[-2] if rank == 2 else sizes[-1], t.dtype)


def _pair(name: str, rank: int, forward: Callable, back: Callable) -> tuple[OpDef, OpDef]:
    """The records of a transform and of its inverse, each the other's gradient but for the number of elements."""
    there: OpDef = define(
        name, "input", _same(rank), lambda x: forward(_checked(x, rank)), _COMPLEX,
        vjp=(lambda op, dy: again(dy) * _count(dy, rank),),
    )  # fmt: skip
    again: OpDef = define(
        f"I{name}", "input", _same(rank), lambda x: back(_checked(x, rank)), _COMPLEX,
        vjp=(lambda op, dy: there(dy) / _count(dy, rank),),
    )  # fmt: skip
    return there, again


FFT, IFFT = _pair("FFT", 1, np.fft.fft, np.fft.ifft)
FFT2D, IFFT2D = _pair("FFT2D", 2, np.fft.fft2, np.fft.ifft2)


def fft(input: Any, name: str | None = None) -> Tensor:
    """The discrete Fourier transform along the last axis: [..., n], complex, kept.   Gradient: input."""
    return FFT(input, name=name)


def ifft(input: Any, name: str | None = None) -> Tensor:
    """The inverse of fft.   Gradient: input."""
    return IFFT(input, name=name)


def fft2d(input: Any, name: str | None = None) -> Tensor:
    """The discrete Fourier transform along the last two axes: [..., m, n], complex, kept.   Gradient: input."""
    return FFT2D(input, name=name)


def ifft2d(input: Any, name: str | None = None) -> Tensor:
    """The inverse of fft2d.   Gradient: input."""
    return IFFT2D(input, name=name)


# -- real signals --------------------------------------------------------------------------------------------------
def _length(fft_length: Tensor) -> int | None:
    value = static_value(fft_length)
    if value is not None and value.shape != (1,):
        raise ShapeError(f"fft_length must be one number in a vector, not {value.tolist()}")
    return None if value is None else int(value[0])


def _rfft_infer(input: Tensor, fft_length: Tensor) -> tuple[Dims, DType]:
    dims, n = _same(1)(input)[0], _length(fft_length)
    out = complex64 if input.dtype is float32 else complex128
    return (None if dims is None else (*dims[:-1], None if n is None else n // 2 + 1 if n else 0)), out


def _irfft_infer(input: Tensor, fft_length: Tensor) -> tuple[Dims, DType]:
    dims = _same(1)(input)[0]
    return (None if dims is None else (*dims[:-1], _length(fft_length))), input.dtype.real_dtype


def _rfft_vjp(op: Operation, dy: Tensor) -> Tensor:
    """The bins that are there, and nothing in the others, back in time; the real part, cut or filled to the input."""
    x, n = op.inputs
    rest = expand_dims(n[0] - shape(dy)[-1], 0)
    whole = concat([dy, zeros(concat([shape(dy)[:-1], rest], 0), dy.dtype)], -1)
    return _resized(real(IFFT(whole) * _count(whole, 1)), x)


def _resized(t: Tensor, like: Tensor) -> Tensor:
    """Cut, or filled with zeros, to the last size of another tensor."""
    wanted = shape(like)
    cut = t[..., : wanted[-1]]
    rest = expand_dims(wanted[-1] - shape(cut)[-1], 0)
    made = concat([cut, zeros(concat([wanted[:-1], rest], 0), t.dtype)], -1)
    made.set_shape(like.shape)
    return made


def _irfft_vjp(op: Operation, dy: Tensor) -> Tensor:
    """Bins that stand for two, which are all but the first and, for an even length, the last, count twice."""
    spectrum, n = op.inputs
    bins = IRFFT_WEIGHTS(n, dtype=op.output.dtype)
    made = RFFT(dy, n) * complex(bins, bins * 0.0)
    return _resized(made, spectrum)


def _weights(n: np.ndarray, dtype: DType) -> np.ndarray:
    length = int(n[0])
    weights = np.full(length // 2 + 1, 2.0 / length)
    weights[0] = 1 / length
    if length % 2 == 0:
        weights[-1] = 1 / length
    return weights


IRFFT_WEIGHTS = define(
    "InverseRFFTWeights", "fft_length:int32",
    infer=lambda fft_length, dtype: ((None if (n := _length(fft_length)) is None else n // 2 + 1,), dtype),
    reference=_weights,
    vjp=NO_GRADIENT,
)  # fmt: skip

RFFT: OpDef = define(
    "RFFT", "input fft_length:int32",
    infer=_rfft_infer,
    reference=lambda x, n: np.fft.rfft(_checked(x, 1), int(n[0])),
    vjp=(_rfft_vjp, None),
    types=(float32, float64),
)  # fmt: skip

IRFFT: OpDef = define(
    "IRFFT", "input fft_length:int32",
    infer=_irfft_infer,
    reference=lambda x, n: np.fft.irfft(_checked(x, 1), int(n[0])),
    vjp=(_irfft_vjp, None),
    types=_COMPLEX,
)  # fmt: skip


def rfft(input: Any = None, fft_length: Any = None, name: str | None = None, input_tensor: Any = None) -> Tensor:
    """The transform of a real signal, without the half that follows from the other.

    input        input_tensor is its other name
    fft_length   [1]: the signal is cut or filled with zeros to this length, its own by default
    Shapes:      [..., n] -> [..., fft_length // 2 + 1].   Dtype: float32 -> complex64.   Gradient: input.
    """
    signal = convert_to_tensor(either(input, input_tensor, "input", "input_tensor"), name="input")
    n = shape(signal)[-1:] if fft_length is None else convert_to_tensor(fft_length, int32, name="fft_length")
    return RFFT(signal, n, name=name or "rfft")


def irfft(input: Any = None, fft_length: Any = None, name: str | None = None, input_tensor: Any = None) -> Tensor:
    """The real signal whose rfft this is.

    input        input_tensor is its other name
    fft_length   [1]: the length of the signal, 2 * (n - 1) by default
    Shapes:      [..., n] -> [..., fft_length].   Dtype: complex64 -> float32.   Gradient: input.
    """
    spectrum = convert_to_tensor(either(input, input_tensor, "input", "input_tensor"), name="input")
    if fft_length is None:
        n = shape(spectrum)[-1:] * 2 - 2
    else:
        n = convert_to_tensor(fft_length, int32, name="fft_length")
    return IRFFT(spectrum, n, name=name or "irfft")
