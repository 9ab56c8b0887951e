"""Ops that everything else leans on: identity, cast, zeros and ones of a tensor's shape, and grouping."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import DType
from graphflow.errors import GraphError, UnimplementedError
from graphflow.graph import get_default_graph
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import NO_GRADIENT, PASS_GRADIENT, OpDef, convert_to_tensor, define, graph_of
from graphflow.ops.infer import same_as_input
from graphflow.ops.lowering import Elementwise, Lowering, View
from graphflow.shape import count, sizes


def _no_string(lowering: Lowering) -> Any:
    return lambda op: None if op.output.dtype is dtypes.string else lowering


IDENTITY = define(
    "Identity", "input",
    infer=same_as_input,
    reference=lambda x: x,
    vjp=PASS_GRADIENT,
    lowering=View(),
    moves="input",
)  # fmt: skip

IDENTITY_N = define(
    "IdentityN", "*input:any",
    infer=lambda *input: [(t.dims, t.dtype) for t in input],
    reference=lambda *input: input,
    vjp=lambda op, *dys: dys,
    expand=lambda op, make: [make(IDENTITY, t) for t in op.inputs],
)  # fmt: skip

COPY = define(  # made by compilers, where a kernel writes a value to a second place
    "Copy", "input",
    infer=same_as_input,
    reference=lambda x: x,
    lowering=Elementwise("input"),
)  # fmt: skip

STOP_GRADIENT = define(
    "StopGradient", "input",
    infer=same_as_input,
    reference=lambda x: x,
    vjp=NO_GRADIENT,
    lowering=View(),
    moves="input",
)  # fmt: skip


def _cast(x: np.ndarray, dtype: DType) -> np.ndarray:
    if x.dtype == object or dtype is dtypes.string:
        raise UnimplementedError.because("there is no cast of numbers to text or back: tf.as_string, string_to_number")
    if dtype.is_bool:
        return x != 0
    return (x.real if x.dtype.kind == "c" and not dtype.is_complex else x).astype(dtype.dtype)


def _differentiable(dtype: DType) -> bool:
    return dtype.is_floating or dtype.is_complex


def _cast_lowering(op: Operation) -> Lowering:
    have, wanted = op.inputs[0].dtype, op.output.dtype
    if have.is_complex or dtypes.string in (have, wanted):
        return None
    return Elementwise("x != 0" if wanted.is_bool else "T(x)")


CAST = define(
    "Cast", "x",
    infer=lambda x, dtype: (x.dims, dtype),
    reference=_cast,
    vjp=(lambda op, dy: cast(dy, op.inputs[0].dtype)
         if _differentiable(op.inputs[0].dtype) and _differentiable(op.output.dtype) else None,),
    lowering=_cast_lowering,
    types=dtypes.ALL,
)  # fmt: skip


def _filled(value: int) -> Any:
    """What is known of a tensor full of one number."""

    def static(op: Operation) -> np.ndarray | None:
        n = count(op.output.dims)
        small = n is not None and n <= 64 and op.output.dtype is not dtypes.string
        return np.full(sizes(op.output.dims), value, op.output.dtype.dtype) if small else None

    return static  # fmt: skip


def _zero_like(x: np.ndarray) -> np.ndarray:
    return np.full(x.shape, b"", object) if x.dtype == object else np.zeros_like(x)


ZEROS_LIKE = define(
    "ZerosLike", "x",
    infer=same_as_input,
    reference=_zero_like,
    vjp=NO_GRADIENT,
    lowering=_no_string(Elementwise("T(0)")),
    static=_filled(0),
)  # fmt: skip

ONES_LIKE = define(
    "OnesLike", "x",
    infer=same_as_input,
    reference=np.ones_like,
    vjp=NO_GRADIENT,
    lowering=Elementwise("T(1)"),
    types=(*dtypes.NUMERIC, dtypes.bool_),
    static=_filled(1),
)  # fmt: skip

NO_OP = define("NoOp", "", infer=lambda: [], reference=lambda: ())


def identity(input: Any, name: str | None = None) -> Tensor:
    """The same value as a new tensor, which waits for the control dependencies in force.   Gradient: passed on."""
    return IDENTITY(input, name=name)


def identity_n(input: Sequence[Any], name: str | None = None) -> list[Tensor]:
    """The same values as new tensors.   Gradient: passed on."""
    graph = graph_of(input)
    with graph.as_default(), graph.name_scope(name or "IdentityN"):
        return [identity(t) for t in input]


def guarantee_const(input: Any, name: str | None = None) -> Tensor:
    """The same value, which the caller promises not to change.   No gradient."""
    return STOP_GRADIENT(input, name=name or "GuaranteeConst")


def stop_gradient(input: Any, name: str | None = None) -> Tensor:
    """The same value; no gradient flows back through it."""
    return STOP_GRADIENT(input, name=name)


F = TypeVar("F", bound=Callable[..., Any])


def of_values(function: F) -> F:
    """`function` for a SparseTensor too, of which it takes the values and leaves the places.   f(0) must be 0."""

    def either(x: Any, *args: Any, **kwargs: Any) -> Any:
        with_values = getattr(x, "with_values", None)
        return function(x, *args, **kwargs) if with_values is None else with_values(function(x.values, *args, **kwargs))

    decorated: Any = wraps(function)(either)
    return decorated


@of_values
def cast(x: Any, dtype: Any, name: str | None = None) -> Tensor:
    """x in another dtype; x may be a SparseTensor.

    Floating to integer truncates toward zero, an integer too large wraps, and everything but 0 (NaN too) is True.
    Raises:   UnimplementedError when run, for text.
    Gradient: between floating dtypes only.
    """
    x, wanted = convert_to_tensor(x, name="x"), dtypes.as_dtype(dtype)
    return x if x.dtype is wanted else CAST(x, dtype=wanted, name=name)


def zeros_like(tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Tensor:
    """Zeros (empty strings, False) of the tensor's shape, in its dtype or `dtype`.   No gradient."""
    return _alike(ZEROS_LIKE, tensor, dtype, name or "zeros_like")


def ones_like(tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Tensor:
    """Ones (True) of the tensor's shape, in its dtype or `dtype`.   No gradient."""
    return _alike(ONES_LIKE, tensor, dtype, name or "ones_like")


def _alike(fill: OpDef, tensor: Any, dtype: Any, name: str) -> Tensor:
    tensor = convert_to_tensor(tensor, name="tensor")
    if dtype is None or tensor.dtype is dtypes.as_dtype(dtype):
        return fill(tensor, name=name)
    return cast(fill(tensor), dtype, name=name)


def no_op(name: str | None = None) -> Operation:
    """An operation that computes nothing; it waits for the control dependencies in force."""
    return NO_OP(name=name)


def group(*inputs: Any, name: str | None = None, **kwargs: Any) -> Operation:
    """An operation that is done when all of these operations and tensors (nested lists too) are done."""
    flat: list[Any] = []
    stack = list(reversed(inputs))
    while stack:
        item = stack.pop()
        if isinstance(item, (list, tuple)):
            stack.extend(reversed(item))
        elif item is not None:
            flat.append(item)
    graph = graph_of(flat)
    with graph.as_default(), graph.control_dependencies(flat):
        return NO_OP(name=name or "group_deps")


def tuple_(tensors: Sequence[Any], name: str | None = None, control_inputs: Sequence[Any] | None = None) -> list[Any]:
    """The same tensors, each available only when all of them are computed; None entries stay None."""
    given = [t for t in tensors if t is not None]
    if not given:
        raise GraphError("tuple needs at least one tensor that is not None")
    graph = get_default_graph()
    with graph.name_scope(name or "tuple"):
        gate = group(*given, *(control_inputs or ()))
        with graph.control_dependencies([gate]):
            return [None if t is None else identity(t, name="control_dependency") for t in tensors]
