"""Values known while the graph is built: shape arithmetic, mostly, in full or in part.

`tf.reshape(x, [tf.shape(x)[0], 28, 28])` has the static shape (?, 28, 28) because Shape knows some of its elements,
StridedSlice and Pack only move elements around, and Reshape asks here what its second input holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.dtypes import ListType
from graphflow.errors import OpError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.shape import Dims, count

_LIMIT = 1024  # elements: larger values are not worth computing while building
_UNKNOWN = object()


def static_value(tensor: Tensor) -> np.ndarray | None:
    """The value, when it is known in full; the array must not be changed."""
    value = partial_value(tensor)
    if value is not None and value.dtype == object and (tensor.dtype.dtype != object or _has_none(value)):
        return None
    return value


def get_static_value(tensor: Any, partial: bool = False) -> np.ndarray | None:
    """The value of a tensor that is known without running it (`partial`: in part, None for unknown elements).

    None when it is not known.  The array is a copy.
    """
    value = partial_value(tensor) if partial else static_value(tensor)
    return None if value is None else value.copy()


def static_dims(tensor: Tensor) -> Dims:
    """The shape that a vector of sizes describes: unknown elements and -1 give None, an unknown length None.

    Raises: ShapeError for a size below -1.
    """
    value = partial_value(tensor)
    if value is None:
        length = tensor.dims[0] if tensor.dims else None
        return None if length is None else (None,) * length
    sizes = value.reshape(-1).tolist()
    if any(v is not None and v < -1 for v in sizes):
        raise ShapeError(f"{sizes} is no shape: a size is at least 0, or -1 where it is not known")
    return tuple(None if v is None or v < 0 else int(v) for v in sizes)


def partial_value(tensor: Tensor) -> np.ndarray | None:
    """What is known: an array, an object array with None for unknown elements, or None for nothing at all.

    Walks back without recursion, however long the chain; every tensor on the way is remembered.
    """
    if tensor.static is None:
        stack = [tensor]
        while stack:
            top = stack[-1]
            if top.static is not None:
                stack.pop()
                continue
            waiting = [t for t in _needed(top.op) if t.static is None]
            if waiting:
                stack.extend(waiting)
            else:
                _settle(top)
                stack.pop()
    return None if tensor.static is _UNKNOWN else tensor.static


def _has_none(value: np.ndarray) -> bool:
    return any(v is None for v in value.flat)


def _needed(op: Operation) -> tuple[Tensor, ...]:
    """Inputs whose values decide what is known of the outputs."""
    if op.definition.static is not None or not _computable(op):
        return ()
    return op.inputs


def _computable(op: Operation) -> bool:
    record = op.definition
    if record.stateful or record.draws or record.reference is None or not op.inputs:
        return False
    if any(isinstance(t.dtype, ListType) for t in (*op.inputs, *op.outputs)):
        return False
    return all((count(t.dims) is not None or record.moves) and (count(t.dims) or 0) <= _LIMIT
               for t in (*op.inputs, *op.outputs))  # fmt: skip


def _settle(tensor: Tensor) -> None:
    op = tensor.op
    tensor.static = _UNKNOWN
    if op.definition.static is not None:
        value = op.definition.static(op)
        if value is not None:
            tensor.static = _exact(np.asarray(value), tensor)
    elif _computable(op):
        values = _input_values(op)
        if values is not None:
            try:
                with np.errstate(all="ignore"):
                    results = op.definition.reference(*values, **op.attrs)  # type: ignore[misc]
            except OpError:  # the run will raise it, if the operation is ever run
                return
            results = results if isinstance(results, (tuple, list)) else (results,)
            guessed = any(t.static is _UNKNOWN and count(t.dims) is None for t in op.inputs)
            for output, result in zip(op.outputs, results, strict=True):
                if not guessed or np.shape(result) == output.dims:
                    output.static = _exact(np.asarray(result), output)


def _exact(value: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Known in full: in the tensor's dtype and in C order.  Known in part: an object array."""
    if value.dtype == tensor.dtype.dtype and value.flags.c_contiguous:
        return value
    partial = value.dtype == object and tensor.dtype.dtype != object and _has_none(value)
    with np.errstate(all="ignore"):
        return value if partial else np.asarray(value, tensor.dtype.dtype, order="C")


def _input_values(op: Operation) -> list[np.ndarray] | None:
    """Values for the reference: complete ones; partial ones where the op only moves elements.  None if it cannot."""
    values: list[Any] = []
    partial = False
    for t, name in zip(op.inputs, _names(op), strict=True):
        value = None if t.static is _UNKNOWN else t.static
        if value is None and name in op.definition.moves:  # of unknown shape: taken for a scalar, for now
            value = np.full(() if count(t.dims) is None else t.dims, None, object)
        if value is None:
            return None
        if value.dtype == object and t.dtype.dtype != object:
            if name not in op.definition.moves:
                return None
            partial = True
        values.append(value)
    if partial:
        values = [v.astype(object) if n in op.definition.moves else v for v, n in zip(values, _names(op), strict=True)]
    return values


def _names(op: Operation) -> list[str]:
    names: list[str] = []
    for arg in op.definition.args:
        names += [arg.name] * (len(op.inputs) - len(op.definition.args) + 1) if arg.variadic else [arg.name]
    return names
