"""What a run asks Python for: functions of the user's, and the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import DType, as_dtype
from graphflow.errors import (
    GraphflowError,
    InvalidArgumentError,
    OutOfRangeError,
    ResourceExhaustedError,
    UnimplementedError,
    UnknownError,
)
from graphflow.operation import Tensor
from graphflow.ops.define import NO_GRADIENT, define
from graphflow.shape import Dims

_ERRORS = (
    ((ValueError, TypeError), InvalidArgumentError),
    (StopIteration, OutOfRangeError),
    (MemoryError, ResourceExhaustedError),
    (NotImplementedError, UnimplementedError),
)


def failed(error: Exception, where: str) -> GraphflowError:
    """The error of a run for one of the user's Python code."""
    kind = next((known for types, known in _ERRORS if isinstance(error, types)), UnknownError)
    return kind.because(f"{type(error).__name__} in {where}: {error}")


def _called(*arrays: np.ndarray, function: Callable, Tout: tuple[DType, ...]) -> list[np.ndarray]:
    """The values of the user's function, checked against the dtypes that were promised."""
    try:
        values = function(*[a.copy() if a.ndim else a[()] for a in arrays])
    except GraphflowError:
        raise
    except Exception as error:
        raise failed(error, repr(function)) from error
    results = values if isinstance(values, (list, tuple)) else [] if values is None and not Tout else [values]
    if not Tout:
        return []
    if len(results) != len(Tout):
        raise InvalidArgumentError.because(f"{function!r} gave {len(results)} values, and {len(Tout)} were promised")
    return [_promised(value, dtype, i) for i, (value, dtype) in enumerate(zip(results, Tout, strict=True))]


def _promised(value: Any, dtype: DType, index: int) -> np.ndarray:
    try:
        array = np.asarray(value)
        found = None if array.dtype == object and value is None else as_dtype(array.dtype)
    except (TypeError, ValueError):
        found = None
    if found is not dtype:
        has = "no tensor can hold" if found is None else f"is {found.name}"
        raise InvalidArgumentError.because(f"value {index} of the function {has}, and {dtype.name} was promised")
    if dtype is not dtypes.string:
        return array
    encoded = [v.encode() if isinstance(v, str) else bytes(v) for v in array.reshape(-1).tolist()]
    out = np.empty(len(encoded), object)
    out[:] = encoded
    return out.reshape(array.shape)


def _of_any_shape(*_: Tensor, function: Callable, Tout: tuple[DType, ...]) -> list[tuple[Dims, DType]]:
    return [(None, dtype) for dtype in Tout]


PY_FUNC = define("PyFunc", "*input:any", _of_any_shape, _called, vjp=NO_GRADIENT, stateful=True)
PY_FUNC_STATELESS = define("PyFuncStateless", "*input:any", _of_any_shape, _called, vjp=NO_GRADIENT)


def py_func(func: Callable, inp: Sequence[Any], Tout: Any, stateful: bool = True, name: str | None = None) -> Any:
    """What a Python function of NumPy arrays gives, called in every run in which it is needed.

    Tout      the dtype of the result, or a list of dtypes for a function that gives several; [] for one that gives
              none, whose operation is returned
    stateful  False lets the function be called once for several operations with the same inputs, or never
    Shapes:   not known while building; set_shape() adds what you know.   No gradient.
    Raises:   ValueError for what cannot be called; when run, InvalidArgumentError for other dtypes than promised; an
              exception of the function becomes InvalidArgumentError (ValueError, TypeError), OutOfRangeError
              (StopIteration), or UnknownError.
    """
    if not callable(func):
        raise ValueError(f"py_func calls a function, not {func!r}")
    several = isinstance(Tout, (list, tuple))
    promised = tuple(as_dtype(dtype) for dtype in (Tout if several else [Tout]))
    record = PY_FUNC if stateful else PY_FUNC_STATELESS
    made = record(*inp, function=func, Tout=promised, name=name or "PyFunc")
    return made if not several or not promised or isinstance(made, list) else [made]


def numpy_function(func: Callable, inp: Sequence[Any], Tout: Any, name: str | None = None) -> Any:
    """As py_func."""
    return py_func(func, inp, Tout, name=name)


def py_function(func: Callable, inp: Sequence[Any], Tout: Any, name: str | None = None) -> Any:
    """Not there: its function would get tensors that have values already.   Raises: NotImplementedError."""
    raise NotImplementedError("tf.py_function runs its function eagerly, which graphflow does not; tf.py_func calls a "
                              "function of NumPy arrays")  # fmt: skip


TIMESTAMP = define(
    "Timestamp", "",
    infer=lambda: ((), dtypes.float64),
    reference=lambda: np.float64(time.time()),
    vjp=NO_GRADIENT,
    stateful=True,
)  # fmt: skip


def timestamp(name: str | None = None) -> Tensor:
    """The seconds since 1970, as float64, when it is run."""
    return TIMESTAMP(name=name)
