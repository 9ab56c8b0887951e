"""Variables as ops: the variable itself, reads and writes.

The rule: within a run, operations that touch the same variable take effect in program order, the order in which they
were created.  The output of VariableV2 is made with the variable, so it is the value at the start of the run.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import NUMERIC, WIDE, DType
from graphflow.errors import InvalidArgumentError, OutOfRangeError
from graphflow.operation import Tensor
from graphflow.ops.define import NO_GRADIENT, PASS_GRADIENT, define
from graphflow.ops.lowering import Elementwise, Kernel, View
from graphflow.shape import Dims, merge, show

# What `tf` has of these.
__all__ = [
    "assign", "assign_add", "assign_sub", "count_up_to", "scatter_add", "scatter_div", "scatter_max", "scatter_min",
    "scatter_mul", "scatter_sub", "scatter_update",
]  # fmt: skip

VARIABLE = define(
    "VariableV2", "",
    infer=lambda shape, dtype: (shape, dtype),
    reference=None,
    stateful=True,
    variable=True,
)  # fmt: skip

READ = define(
    "ReadVariable", "ref",
    infer=lambda ref: (ref.dims, ref.dtype),
    reference=lambda ref: ref,
    vjp=PASS_GRADIENT,
    lowering=View(),
    stateful=True,
    refs=(0,),
)  # fmt: skip

IS_INITIALIZED = define(
    "IsVariableInitialized", "ref",
    infer=lambda ref: ((), dtypes.bool_),
    reference=lambda ref: ref is not None,
    stateful=True,
    refs=(0,),
    reads=False,
)  # fmt: skip

REQUIRE_VALUE = define(
    "RequireValue", "ref",
    infer=lambda ref: ((), dtypes.bool_),
    reference=lambda ref: True,
    stateful=True,
    refs=(0,),
)  # fmt: skip

INITIALIZED_VALUE = define(
    "InitializedValue", "ref initial",
    infer=lambda ref, initial: (merge(ref.dims, initial.dims), ref.dtype),
    reference=lambda ref, initial: initial if ref is None else ref,
    vjp=(lambda op, dy: dy, None),
    stateful=True,
    refs=(0,),
    reads=False,
)  # fmt: skip


def _assigned(ref: Tensor, value: Tensor, validate_shape: bool = True) -> tuple[Dims, DType]:
    return (merge(ref.dims, value.dims) if validate_shape else value.dims), ref.dtype


ASSIGN = define(
    "Assign", "ref value",
    infer=_assigned,
    reference=lambda ref, value, validate_shape: value,
    vjp=NO_GRADIENT,
    lowering=lambda op: None if op.output.dtype is dtypes.string else Elementwise("value"),
    stateful=True,
    writes=(0,),
    reads=False,
)  # fmt: skip


def _updated(ref: Tensor, value: Tensor) -> tuple[Dims, DType]:
    return merge(ref.dims, value.dims), ref.dtype


def _same_shape(ref: np.ndarray, value: np.ndarray) -> None:
    if ref.shape != value.shape:
        raise InvalidArgumentError.because(f"the variable has shape {show(ref.shape)}, the value {show(value.shape)}")


def _added(ref: np.ndarray, value: np.ndarray) -> np.ndarray:
    _same_shape(ref, value)
    return ref + value


def _subtracted(ref: np.ndarray, value: np.ndarray) -> np.ndarray:
    _same_shape(ref, value)
    return ref - value


ASSIGN_ADD = define("AssignAdd", "ref value", _updated, _added, NUMERIC, vjp=NO_GRADIENT,
                    lowering=Elementwise("ref + value"), stateful=True, writes=(0,))  # fmt: skip
ASSIGN_SUB = define("AssignSub", "ref value", _updated, _subtracted, NUMERIC, vjp=NO_GRADIENT,
                    lowering=Elementwise("ref - value"), stateful=True, writes=(0,))  # fmt: skip


def _scatter(name: str, kernel: str, combine: Any, types: tuple[DType, ...] | None) -> Any:
    def infer(ref: Tensor, indices: Tensor, updates: Tensor) -> tuple[Dims, DType]:
        if ref.dims is not None and indices.dims is not None and updates.dims != ():
            merge(indices.dims + ref.dims[1:], updates.dims)
        return ref.dims, ref.dtype

    def in_place(ref: np.ndarray, indices: np.ndarray, updates: np.ndarray) -> np.ndarray:
        bad = (indices < 0) | (indices >= ref.shape[0])
        if bad.any():
            at = np.argwhere(bad)[0]
            raise InvalidArgumentError.because(
                f"indices[{', '.join(map(str, at))}] = {indices[tuple(at)]} is not in [0, {ref.shape[0]})"
            )
        expected = indices.shape + ref.shape[1:]
        if updates.shape not in (expected, ()):
            raise InvalidArgumentError.because(f"updates must have shape {show(expected)}, not {show(updates.shape)}")
        combine(ref, indices, np.broadcast_to(updates, expected))
        return ref

    def reference(ref: np.ndarray, indices: np.ndarray, updates: np.ndarray) -> np.ndarray:
        return in_place(ref.copy(), indices, updates)

    return define(name, "ref indices:I updates", infer, reference, types, vjp=NO_GRADIENT,
                  lowering=Kernel(kernel), stateful=True, writes=(0,), in_place=in_place)  # fmt: skip


def _put(out: np.ndarray, indices: np.ndarray, updates: np.ndarray) -> None:
    out[indices] = updates


SCATTER_UPDATE = _scatter("ScatterUpdate", "scatter_put", _put, None)
SCATTER_ADD = _scatter("ScatterAdd", "scatter_add", np.add.at, NUMERIC)
SCATTER_SUB = _scatter("ScatterSub", "scatter_sub", np.subtract.at, NUMERIC)
SCATTER_MUL = _scatter("ScatterMul", "scatter_mul", np.multiply.at, NUMERIC)
SCATTER_DIV = _scatter("ScatterDiv", "scatter_div", np.divide.at, NUMERIC)
SCATTER_MIN = _scatter("ScatterMin", "scatter_min", np.minimum.at, WIDE)
SCATTER_MAX = _scatter("ScatterMax", "scatter_max", np.maximum.at, WIDE)


def _counted(ref: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray]:
    if ref >= limit:
        raise OutOfRangeError.because(f"the variable has reached the limit of {limit}")
    return ref + 1, ref.copy()  # the variable changes before this is taken


COUNT_UP_TO = define(
    "CountUpTo", "ref",
    infer=lambda ref, limit: [((), ref.dtype), ((), ref.dtype)],
    reference=_counted,
    types=dtypes.INDEX,
    vjp=NO_GRADIENT,
    stateful=True,
    writes=(0,),
)  # fmt: skip


def ref_of(variable: Any) -> Any:
    """The reference tensor of a variable, or the tensor that a previous assignment gave.

    Raises: AttributeError, as in TensorFlow, for another tensor.
    """
    if isinstance(variable, Tensor):
        record = variable.op.definition
        if not (record.variable or record.writes):
            raise AttributeError(f"{variable!r} is not a variable, and cannot be assigned to")
    return getattr(variable, "_ref", variable)


def assign(
    ref: Any, value: Any, validate_shape: bool | None = None, use_locking: Any = None, name: str | None = None
) -> Tensor:
    """Set a variable; the result is its new value.   Raises: ValueError when the shape is not the variable's."""
    return ASSIGN(ref_of(ref), value, name=name, validate_shape=validate_shape is not False)


def assign_add(ref: Any, value: Any, use_locking: Any = None, name: str | None = None) -> Tensor:
    """Add to a variable; the result is its new value."""
    return ASSIGN_ADD(ref_of(ref), value, name=name)


def assign_sub(ref: Any, value: Any, use_locking: Any = None, name: str | None = None) -> Tensor:
    """Subtract from a variable; the result is its new value."""
    return ASSIGN_SUB(ref_of(ref), value, name=name)


def scatter_update(ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None) -> Tensor:
    """Set rows of a variable; the result is the whole new value.   Raises: InvalidArgumentError on a bad index."""
    return SCATTER_UPDATE(ref_of(ref), indices, updates, name=name)


def scatter_add(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Add to rows of a variable; repeated indices add up."""
    return SCATTER_ADD(ref_of(ref), indices, updates, name=name)


def scatter_sub(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Subtract from rows of a variable; repeated indices add up."""
    return SCATTER_SUB(ref_of(ref), indices, updates, name=name)


def scatter_mul(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Multiply rows of a variable."""
    return SCATTER_MUL(ref_of(ref), indices, updates, name=name)


def scatter_div(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Divide rows of a variable."""
    return SCATTER_DIV(ref_of(ref), indices, updates, name=name)


def scatter_min(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Lower rows of a variable to the updates where these are smaller."""
    return SCATTER_MIN(ref_of(ref), indices, updates, name=name)


def scatter_max(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Raise rows of a variable to the updates where these are larger."""
    return SCATTER_MAX(ref_of(ref), indices, updates, name=name)


def count_up_to(ref: Any, limit: int, name: str | None = None) -> Tensor:
    """The value of an integer variable, which one is added to.   Raises: OutOfRangeError when run, from `limit` on."""
    return COUNT_UP_TO(ref_of(ref), limit=int(limit), name=name)[1]
