"""Rows that are put or added into the rows of a tensor that indices name: scatters, segments, gradients of gather."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.backends.base import Call
from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.emitted import Emitted
from graphflow.backends.cpu.values import DTYPES, Pointer, Value
from graphflow.operation import Operation, Tensor, variable_of
from graphflow.ops.lowering import View
from graphflow.ops.static import static_value
from graphflow.shape import sizes

_WIDE = 64  # columns for each thread; of fewer, threads share rows

# What becomes of an element `a` and an update `b`.
_COMBINE: dict[str, Callable[[Code, Value, Value], Value]] = {
    "put": lambda code, a, b: b,
    "add": lambda code, a, b: a + b,
    "sub": lambda code, a, b: a - b,
    "mul": lambda code, a, b: a * b,
    "div": lambda code, a, b: a / b,
    "max": lambda code, a, b: code.select((a > b) | (a != a), a, b),
    "min": lambda code, a, b: code.select((a < b) | (a != a), a, b),
}


def combine(
    code: Code, before: Pointer, indices: Pointer, updates: Pointer, out: Pointer, status: Pointer, blocks: Value,
    outer: Value, m: Value, n: Value, inner: Value, *rest: Value, how: str, start: Any, drops: bool, one: bool,
    wide: bool,
) -> None:  # fmt: skip
    """out[b, o, row(b, k)] = combined with updates[b, o, k], in the order of k.

    before   like out: what it starts from, when start is "given".   Else start is a number, or "own": out as it is
    indices  [blocks / outer, m, depth], coordinates of a row in dimensions whose sizes are the first of `rest`
    updates  [blocks, m, inner], or with `one` a single number
    out      [blocks, n, inner]; threads share its columns, blocks or rows, so that each element has one that writes it
    drops    rows whose index is negative are left out
    wide     whether rows have as many elements as a vector

    All indices are looked at before anything is written, by every thread.   The first that is out of range goes to
    status.
    """
    *dims, tid, nthreads = rest
    depth = len(dims)
    lanes = code.lanes if wide else 0
    good = _checked(code, indices, status, blocks // outer * m, dims, drops)
    by_columns = inner >= _WIDE * nthreads
    by_blocks = ~by_columns & (blocks >= nthreads)
    first, last = _part(code, blocks, tid, nthreads, by_blocks)
    low, high = _part(code, n, tid, nthreads, ~by_columns & ~by_blocks)
    left, right = _part(code, inner, tid, nthreads, by_columns)
    with code.when(good):
        if start != "own":
            with code.loop(first, last) as block, code.either(by_columns) as (columns, whole):
                with columns, code.loop(low, high) as row:
                    at = (block * n + row) * inner
                    _begin(code, before, out, at + left, at + right, start)
                with whole:
                    _begin(code, before, out, (block * n + low) * inner, (block * n + high) * inner, start)
        with code.loop(first, last) as block, code.loop(0, m) as k:
            row = code.value(0)
            for d, size in enumerate(dims):
                row = row * size + indices.load((block // outer * m + k) * depth + d).cast("int64")
            with code.when((row >= low) & (row < high)):
                source, target = (block * m + k) * inner, (block * n + row) * inner
                with code.loop(left, right, lanes or 1) as j:
                    inside = code.lanes_below(right - j) if wide else None
                    new = updates.load(0) if one else updates.load(source + j, lanes, inside)
                    held = out.load(target + j, lanes, inside)
                    out.store(target + j, _COMBINE[how](code, held, new.splat(lanes)), inside)


def _checked(code: Code, indices: Pointer, status: Pointer, n: Value, dims: Sequence[Value], drops: bool) -> Value:
    """Whether all of n coordinates are inside of their dimensions; the first that is not goes to status."""
    good = code.cell(code.number(1, "bool"))
    with code.loop(0, n) as k:
        for d, size in enumerate(dims):
            i = indices.load(k * len(dims) + d).cast("int64")
            wrong = i >= size if drops else (i >= size) | (i < 0)
            with code.when(wrong & good.get()):
                good.set(code.number(0, "bool"))
                for word, value in enumerate((1, k, i)):
                    status.store(word, value)
    return good.get()


def _part(code: Code, n: Value, tid: Value, nthreads: Value, shared: Value) -> tuple[Value, Value]:
    """This thread's share, or everything."""
    first, last = code.share(n, tid, nthreads)
    return code.select(shared, first, code.value(0)), code.select(shared, last, n)


def _begin(code: Code, before: Pointer, out: Pointer, first: Value, last: Value, start: Any) -> None:
    with code.loop(first, last, code.lanes) as i:
        inside = code.lanes_below(last - i)
        if start == "given":
            out.store(i, before.load(i, code.lanes, inside), inside)
        else:
            out.store(i, code.number(start, out.dtype, code.lanes), inside)


def call(
    how: str, start: Any, before: Tensor, indices: Tensor, updates: Tensor, out: Tensor, form: Sequence[int],
    dims: Sequence[int], drops: bool = False,
) -> Call | None:  # fmt: skip
    """form: (blocks, outer, m, n, inner) as `combine` wants them; dims: the sizes that indices count in.

    None for dtypes that vectors do not have, and without elements: the reference then looks at the indices.
    """
    dtype, arithmetic = out.dtype.name, how != "put"
    if dtype not in DTYPES or 0 in sizes(out.dims) or (arithmetic and dtype == "bool"):
        return None
    lanes = Emitted(combine, dtype=dtype).vector_bytes // out.dtype.size
    spec = (("how", how), ("start", start), ("drops", drops), ("one", updates.dims == ()), ("wide", form[-1] >= lanes))
    if len(dims) == 1:
        error = f"indices[{{position}}] = {{value}} is out of range: it must be in [0, {dims[0]})"
    else:
        error = f"indices[{{position}}] has {{value}}, which is out of range for shape {tuple(dims)}"
    return Call(Emitted(combine, spec, dtype), (before, indices, updates, out, "status"), (*form, *dims), error=error)


# -- tensors and variables with some rows changed ----------------------------------------------------------------------
def _at_coordinates(how: str, shape: Callable[[Operation], Any]) -> Callable[[Operation], Call | None]:
    """`shape(op)`: (where the elements start, the tensor that they start from, indices, updates)."""

    def bind(op: Operation) -> Call | None:
        start, before, indices, updates = shape(op)
        dims, index_dims = sizes(op.output.dims), sizes(indices.dims)
        depth = index_dims[-1] if index_dims else len(dims) + 1
        if depth > len(dims) or updates.dims != (*index_dims[:-1], *dims[depth:]):
            return None
        form = (1, 1, math.prod(index_dims[:-1]), math.prod(dims[:depth]), math.prod(dims[depth:]))
        if start == "own" and _of_variable(op, indices, updates):
            return None
        return call(how, start, before, indices, updates, op.output, form, dims[:depth])

    return bind


def _new(op: Operation) -> tuple[Any, Tensor, Tensor, Tensor]:
    return 0, op.output, op.inputs[0], op.inputs[1]


def _copied(op: Operation) -> tuple[Any, Tensor, Tensor, Tensor]:
    return "given", op.inputs[0], op.inputs[1], op.inputs[2]


def _written(op: Operation) -> tuple[Any, Tensor, Tensor, Tensor]:
    return "own", op.output, op.inputs[1], op.inputs[2]


def _rows(how: str) -> Callable[[Operation], Call | None]:
    """Rows of a variable; the updates may be one number for all."""

    def bind(op: Operation) -> Call | None:
        _, indices, updates = op.inputs
        dims, index_dims = sizes(op.output.dims), sizes(indices.dims)
        if not dims or updates.dims not in ((), (*index_dims, *dims[1:])) or _of_variable(op, indices, updates):
            return None
        if how == "div" and op.output.dtype.name[0] != "f":
            return None
        form = (1, 1, math.prod(index_dims), dims[0], math.prod(dims[1:]))
        return call(how, "own", op.output, indices, updates, op.output, form, dims[:1])

    return bind


def _of_variable(op: Operation, *tensors: Tensor) -> bool:
    """Whether one of the tensors may be the variable's own memory, which the operation writes."""
    variable = variable_of(op.inputs[0])
    for t in tensors:
        made = t.op
        while isinstance(made.definition.lower(made), View) and not made.definition.refs:
            made = made.inputs[0].op
        if made is variable or (made.definition.refs and variable_of(made.inputs[0]) is variable):
            return True
    return False


# -- gradients and segments --------------------------------------------------------------------------------------------
def gather_sizes(op: Operation, wide: Tensor, indices: Tensor, axis: Tensor) -> tuple[int, ...] | None:
    """(batch, outer, n, m, inner) of what rows are taken out of, or added to.

    None where the axis is known only when running, where the reference refuses shapes, and without elements: then the
    reference has only the indices to look at.
    """
    dims, index_dims, value = sizes(wide.dims), sizes(indices.dims), static_value(axis)
    b: Any = op.attrs["batch_dims"]
    if value is None or not -len(dims) <= int(value.item()) < len(dims):
        return None
    at = int(value.item()) % len(dims)
    if at < b or dims[:b] != index_dims[:b] or 0 in sizes(op.output.dims):
        return None
    parts = dims[:b], dims[b:at], dims[at : at + 1], index_dims[b:], dims[at + 1 :]
    return tuple(math.prod(part) for part in parts)


def gather_grad(op: Operation) -> Call | None:
    """None where the shape of the output is known only when running, or does not go with the gradient."""
    dy, indices, axis, shape = op.inputs
    found = gather_sizes(op, op.output, indices, axis)
    if found is None or static_value(shape) is None:
        return None
    batch, outer, n, m, inner = found
    form = batch * outer, outer, m, n, inner
    if math.prod(sizes(dy.dims)) != batch * outer * m * inner:
        return None
    return call("add", 0, op.output, indices, dy, op.output, form, (n,))


def _segments(how: str, start: Callable[[np.dtype], Any]) -> Callable[[Operation], Call | None]:
    def bind(op: Operation) -> Call | None:
        data, ids, number = op.inputs
        given, dims, id_dims = static_value(number), sizes(data.dims), sizes(ids.dims)
        if given is None or dims[: len(id_dims)] != id_dims or op.output.dtype.name not in DTYPES:
            return None
        n = int(given)
        form = (1, 1, math.prod(id_dims), n, math.prod(dims[len(id_dims) :]))
        return call(how, start(op.output.dtype.dtype), op.output, ids, data, op.output, form, (n,), drops=True)

    return bind


def _bounds(dtype: np.dtype) -> Any:
    return np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)


KERNELS = {
    "gather_grad": gather_grad,
    "segment_sum": _segments("add", lambda dtype: 0),
    "segment_prod": _segments("mul", lambda dtype: 1),
    "segment_max": _segments("max", lambda dtype: _bounds(dtype).min),
    "segment_min": _segments("min", lambda dtype: _bounds(dtype).max),
    "scatter_nd": _at_coordinates("add", _new),
    **{f"tensor_scatter_{how}": _at_coordinates(how, _copied) for how in ("put", "add", "sub")},
    **{f"scatter_nd_{how}": _at_coordinates(how, _written) for how in ("put", "add", "sub")},
    **{f"scatter_{how}": _rows(how) for how in _COMBINE},
}
