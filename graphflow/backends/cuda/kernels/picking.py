"""Elements found or taken by their index, and tensors made of few numbers: a thread for each number of the result.

Shapes become sizes as they do for the CPU.   An index out of range goes to status.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

from graphflow.backends.base import Call
from graphflow.backends.cpu.kernels import argmax, broadcast, fill, gather, order, running
from graphflow.backends.cuda.generate import fold
from graphflow.backends.cuda.kernels.status import bad_index
from graphflow.backends.cuda.launch import call, each_element
from graphflow.backends.cuda.regions import Source
from graphflow.operation import Operation
from graphflow.shape import sizes

Bind = Callable[[Operation], Call | None]

TAKE = f"""def kernel(x, indices, y, status, count, batch, outer, n, m, inner):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        row = div64(i, inner)
        block = div64(row, m)
        at = div64(block, outer) * m + row - block * m
        index = int64(indices[at])
        if (index < 0) | (index >= n):
            {bad_index("at", "index")}
        else:
            y[i] = x[(block * n + index) * inner + i - row * inner]
"""

HOT = """def kernel(indices, on, off, y, count, outer, n, inner):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        row = div64(i, inner)
        o = div64(row, n)
        hot = int64(indices[o * inner + i - row * inner]) == row - o * n
        y[i] = on[0] if hot else off[0]
"""


@functools.lru_cache(16)
def _stepping(dtype: str) -> str:
    return f"""def kernel(start, delta, y, count):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        y[i] = {dtype}(start[0] + {dtype}({dtype}(i) * delta[0]))
"""


@functools.lru_cache(8)
def _taking(depth: int) -> str:
    """y[k] = x[indices[k, 0], ..., indices[k, depth - 1]]."""
    source = Source(["x", "indices", "y", "status", "count", "m", "depth", "inner", *[f"n{d}" for d in range(6)]])
    source.open("for i in range(cuda.grid(1), count, cuda.gridsize(1)):")
    source.add("k = div64(i, inner)", "row = int64(0)", "good = True", "bad = int64(0)")
    for d in range(depth):
        source.add(f"i{d} = int64(indices[k * {depth} + {d}])", f"inside = (i{d} >= 0) & (i{d} < n{d})")
        source.add(f"bad = where(good & (not inside), i{d}, bad)", "good = good & inside", f"row = row * n{d} + i{d}")
    source.open("if good:")
    source.add("y[i] = x[row * inner + i - k * inner]")
    source.close()
    source.open("if not good:")
    source.add(bad_index("k", "bad"))
    return str(source)


def _extreme(better: str) -> str:
    """out[i, k] = the first j where x[i, j, k] is best, and no NaN.   x [outer, n, inner]."""
    return f"""def kernel(x, out, count, outer, n, inner):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        row = div64(i, inner)
        start = row * n * inner + i - row * inner
        best = x[start]
        place = int64(0)
        for j in range(1, n):
            v = x[start + j * inner]
            taken = (v {better} best) | ((best != best) & (v == v))
            best = where(taken, v, best)
            place = where(taken, j, place)
        out[i] = place
"""


def _as_on_cpu(shape: Bind, text: Callable[[Operation, Call], str]) -> Bind:
    """The kernel for what the CPU's binding has found; its first size is the number of elements."""

    def bind(op: Operation) -> Call | None:
        found = shape(op)
        if found is None:
            return None
        count = math.prod(sizes(op.output.dims))
        return call([each_element(text(op, found), found.pointers, (count, *found.sizes), count)], error=found.error)

    return bind


def range_(op: Operation) -> Call | None:
    found = fill.range_(op)
    if found is None:
        return None
    (count,) = found.sizes
    return call([each_element(_stepping(op.output.dtype.name), found.pointers, (count,), count)])


def sum_to(op: Operation) -> Call | None:
    """The sum over the axes that broadcasting added or stretched."""
    kind, axes = broadcast.folded(op)
    return fold(kind, op.inputs[0], op.output, axes)


# -- along an axis -----------------------------------------------------------------------------------------------------
_STEPS = {"sum": ("0", "s + x"), "product": ("1", "s * x"), "recurrence": ("0", "z + x * s")}


@functools.lru_cache(64)
def _along(dtype: str, how: str, exclusive: bool, reverse: bool) -> str:
    """What the steps have made of the elements up to j: a thread a line.   (a, b, out, outer, n, inner)"""
    start, step = _STEPS[how]
    made = f"{dtype}({step})" if dtype[0] != "f" else step
    source = Source(["a", "b", "out", "count", "outer", "n", "inner"])
    source.open("for i in range(cuda.grid(1), count, cuda.gridsize(1)):")
    source.add("row = div64(i, inner)", "first = row * n * inner + i - row * inner", f"s = {dtype}({start})")
    source.open("for j in range(n):")
    source.add(f"at = first + {'(n - 1 - j)' if reverse else 'j'} * inner", "x = a[at]", "z = b[at]")
    source.add(f"new = {made}", f"out[at] = {'s' if exclusive else 'new'}", "s = new")
    return str(source)


def _running(shape: Bind) -> Bind:
    def bind(op: Operation) -> Call | None:
        found = shape(op)
        if found is None:
            return None
        spec = dict(found.function.spec)
        text = _along(op.output.dtype.name, spec["how"], bool(spec["exclusive"]), bool(spec["reverse"]))
        outer, n, inner = found.sizes
        return call([each_element(text, found.pointers, (outer * inner, outer, n, inner), outer * inner)])

    return bind


AMONG = """def kernel(x, targets, k, out, rows, n):
    for row in range(cuda.grid(1), rows, cuda.gridsize(1)):
        target = int64(targets[row])
        valid = (target >= 0) & (target < n)
        chosen = x[row * n + where(valid, target, 0)]
        larger = int64(0)
        finite = True
        for j in range(n):
            v = x[row * n + j]
            larger = larger + where(v > chosen, 1, 0)
            finite = finite & (v - v == 0)
        out[row] = valid & finite & (larger < int64(k[0]))
"""


def in_top_k(op: Operation) -> Call | None:
    found = order.in_top_k(op)
    return None if found is None else call([each_element(AMONG, found.pointers, found.sizes, found.sizes[0])])


KERNELS = {
    "argmax": _as_on_cpu(argmax.KERNELS["argmax"], lambda op, found: _extreme(">")),
    "argmin": _as_on_cpu(argmax.KERNELS["argmin"], lambda op, found: _extreme("<")),
    "one_hot": _as_on_cpu(fill.one_hot, lambda op, found: HOT),
    "range": range_,
    "gather": _as_on_cpu(gather.gather, lambda op, found: TAKE),
    "take_along_rows": _as_on_cpu(order.take_along_rows, lambda op, found: TAKE),
    "gather_nd": _as_on_cpu(gather.gather_nd, lambda op, found: _taking(found.sizes[1])),
    "sum_to": sum_to,
    "in_top_k": in_top_k,
    **{name: _running(shape) for name, shape in running.KERNELS.items()},
}
