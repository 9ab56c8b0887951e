"""The order of the elements of each row: all of it, or only of those that come first.

Numbers become unsigned keys of their width, which have the order that is wanted: a NaN is above all numbers, -0 equals
0.  What comes first in the order has the smallest key; equal keys keep the order of their places.
"""

from __future__ import annotations

import math
from typing import Any

from graphflow.backends.base import Call
from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.emitted import Emitted
from graphflow.backends.cpu.kernels.gather import outside, take
from graphflow.backends.cpu.kernels.scatter import call as combined
from graphflow.backends.cpu.values import DTYPES, Cell, Pointer, Value, size_of
from graphflow.operation import Operation, Tensor
from graphflow.shape import sizes

_FEW = 64  # of as many or fewer each is put into its place among those before
_DIGITS = 256
_WORKERS = 8  # threads that sort at a time, each in memory of its own
_ROOM = 2 * 8 + 2 * 4  # bytes there for each element: two keys, two places


def _keys(code: Code, v: Value, descending: bool) -> Value:
    """The keys of a number or a vector."""
    bits = 8 * size_of(v.dtype)
    unsigned = f"uint{bits}"
    top = code.number(1 << (bits - 1), unsigned)
    if v.is_float:
        signed = (v + 0.0).view(f"int{bits}")  # -0 has become 0
        key = signed.view(unsigned) ^ ((signed >> (bits - 1)).view(unsigned) | top.splat(v.lanes))
        key = code.select(v != v, code.number(2**bits - 1, unsigned, v.lanes), key)
    elif v.is_signed:
        key = v.view(unsigned) ^ top.splat(v.lanes)
    else:
        key = v
    return key ^ code.number(2**bits - 1, unsigned, v.lanes) if descending else key


def first_of(
    code: Code, x: Pointer, values: Pointer, places: Pointer, n: Value, k: Value, rows: Value, tid: Value,
    nthreads: Value, *, descending: bool, valued: bool,
) -> None:  # fmt: skip
    """Of each row of x [rows, n] the places of the first k in the order, and with `valued` they themselves.

    Most elements come after the k that are known, and are passed over in vectors.   0 < k <= _FEW, k <= n.
    """
    unsigned = f"uint{8 * size_of(x.dtype)}"
    held = code.array(_FEW + 1, unsigned)
    first, last = code.share(rows, tid, nthreads)
    with code.loop(first, last) as row:
        line, found = x.at(row * n), places.at(row * k)
        count = code.cell(0)

        def put(j: Value) -> None:
            """Put element j into its place, if it has one; what is pushed out of the k is forgotten."""
            key = _keys(code, line.load(j), descending)
            at = code.cell(code.minimum(count.get(), k - 1))
            fits = (count.get() < k) | (key < held.load(k - 1))
            with code.when(fits):
                with code.as_long_as(lambda: (at.get() > 0) & (held.load(code.maximum(at.get() - 1, 0)) > key)):
                    held.store(at.get(), held.load(at.get() - 1))
                    found.store(at.get(), found.load(at.get() - 1))
                    at.set(at.get() - 1)
                held.store(at.get(), key)
                found.store(at.get(), j.cast("int32"))
                count.set(code.minimum(count.get() + 1, k))

        with code.loop(0, k) as j:
            put(j)
        with code.loop(k, n, code.lanes) as start:
            inside = code.lanes_below(n - start)
            keys = _keys(code, line.load(start, code.lanes, inside), descending)
            with (
                code.when(code.any_of((keys < held.load(k - 1).splat(code.lanes)) & inside)),
                code.loop(start, code.minimum(start + code.lanes, n)) as j,
            ):
                put(j)
        if valued:
            _take(code, line, found, values.at(row * k), k)


def sort(
    code: Code, x: Pointer, values: Pointer, places: Pointer, scratch: Pointer, n: Value, k: Value, rows: Value,
    workers: Value, tid: Value, nthreads: Value, *, descending: bool, valued: bool,
) -> None:  # fmt: skip
    """As first_of, of any k: keys and places are dealt out by one digit of the key after the other, the lowest first.

    scratch   [workers]: keys [2, n], and places [2, n] as int32
    """
    bits = 8 * size_of(x.dtype)
    unsigned = f"uint{bits}"
    starts = code.array(_DIGITS, "int64")
    first, last = code.share(rows, tid, code.minimum(nthreads, workers))
    last = code.select(tid < workers, last, first)
    own = scratch.at(tid * n * _ROOM)
    keys = [own.at(n * (bits // 8 * i)).cast(unsigned) for i in range(2)]
    homes = [own.at(n * (16 + 4 * i)).cast("int32") for i in range(2)]
    turned = code.cell(code.number(0, "bool"))  # which of the two holds the result so far

    def now(pair: list[Pointer], other: bool = False) -> Pointer:
        flag = ~turned.get() if other else turned.get()
        return code.choose(flag, pair[1], pair[0])

    with code.loop(first, last) as row:
        line = x.at(row * n)
        turned.set(code.number(0, "bool"))
        with code.loop(0, n, code.lanes) as i:
            inside = code.lanes_below(n - i)
            keys[0].store(i, _keys(code, line.load(i, code.lanes, inside), descending), inside)
        with code.loop(0, n) as i:
            homes[0].store(i, i.cast("int32"))
        for shift in range(0, bits, 8):
            _deal(code, now, keys, homes, starts, n, shift, turned)
        found = places.at(row * k)
        with code.loop(0, k) as i:
            found.store(i, now(homes).load(i))
        if valued:
            _take(code, line, found, values.at(row * k), k)


def _deal(
    code: Code, now: Any, keys: list[Pointer], homes: list[Pointer], starts: Pointer, n: Value, shift: int,
    turned: Cell,
) -> None:  # fmt: skip
    """One digit: those with a smaller one first.   Nothing is moved when all have the same."""

    def digit(key: Value) -> Value:
        return ((key >> shift) & (_DIGITS - 1)).cast("int64")

    with code.loop(0, _DIGITS) as d:
        starts.store(d, 0)
    source, places = now(keys), now(homes)
    with code.loop(0, n) as i:
        at = digit(source.load(i))
        starts.store(at, starts.load(at) + 1)
    with code.when(starts.load(digit(source.load(0))) != n):
        total = code.cell(0)
        with code.loop(0, _DIGITS) as d:
            many = starts.load(d)
            starts.store(d, total.get())
            total.set(total.get() + many)
        target, new_places = now(keys, other=True), now(homes, other=True)
        with code.loop(0, n) as i:
            key = source.load(i)
            d = digit(key)
            at = starts.load(d)
            starts.store(d, at + 1)
            target.store(at, key)
            new_places.store(at, places.load(i))
        turned.set(~turned.get())


def _take(code: Code, line: Pointer, places: Pointer, values: Pointer, k: Value) -> None:
    with code.loop(0, k) as i:
        values.store(i, line.load(places.load(i).cast("int64")))


def among_first(
    code: Code, x: Pointer, targets: Pointer, k: Pointer, out: Pointer, rows: Value, n: Value, tid: Value,
    nthreads: Value,
) -> None:  # fmt: skip
    """out[row] = fewer than k elements of x [rows, n] are larger than that at the target, and all are finite."""
    first, last = code.share(rows, tid, nthreads)
    with code.loop(first, last) as row:
        line, target = x.at(row * n), targets.load(row).cast("int64")
        valid = (target >= 0) & (target < n)
        chosen = line.load(code.select(valid, target, 0))
        larger = code.cell(code.number(0, "int32", code.lanes))
        strange = code.cell(code.number(0, "bool", code.lanes))
        with code.loop(0, n, code.lanes) as j:
            inside = code.lanes_below(n - j)
            v = line.load(j, code.lanes, inside)
            larger.set(larger.get() + ((v > chosen) & inside).cast("int32"))
            strange.set(strange.get() | ((v - v) != 0))
        few = code.sum_of(larger.get()).cast("int64") < k.load(0).cast("int64")
        out.store(row, valid & few & ~code.any_of(strange.get()))


def _order(op: Operation, k: int, descending: bool, values: Tensor, places: Tensor) -> Call | None:
    """values: where they go, or `places` when nobody wants them."""
    x = op.inputs[0]
    dims = sizes(x.dims)
    if x.dtype.name not in DTYPES or 0 in dims or not 0 < k <= dims[-1] or dims[-1] >= 2**31:
        return None
    n, rows = dims[-1], math.prod(dims[:-1])
    spec = ("descending", descending), ("valued", values is not places)
    if k <= _FEW:
        return Call(Emitted(first_of, spec, x.dtype.name), (x, values, places), (n, k, rows))
    workers = min(rows, _WORKERS)
    kernel = Emitted(sort, spec, x.dtype.name)
    return Call(kernel, (x, values, places), (n, k, rows, workers), _ROOM * n * workers)


def argsort(op: Operation) -> Call | None:
    dims = sizes(op.inputs[0].dims)
    return _order(op, dims[-1], op.attrs["descending"], op.output, op.output) if dims else None


def top_k(op: Operation) -> Call | None:
    values, places = op.outputs
    dims = sizes(values.dims)
    return _order(op, dims[-1], True, values, places) if dims else None


def take_along_rows(op: Operation) -> Call | None:
    x, indices = op.inputs
    dims, index_dims = sizes(x.dims), sizes(indices.dims)
    if not dims or dims[:-1] != index_dims[:-1] or 0 in index_dims:
        return None
    numbers = math.prod(dims[:-1]), 1, dims[-1], index_dims[-1], 1
    return Call(take, (x, indices, op.output, "status"), numbers, error=outside(dims[-1]))


def put_along_rows(op: Operation) -> Call | None:
    values, indices, _ = op.inputs
    dims, index_dims = sizes(op.output.dims), sizes(indices.dims)
    if not dims or dims[:-1] != index_dims[:-1] or values.dims != index_dims:
        return None
    rows = math.prod(dims[:-1])
    form = rows, 1, index_dims[-1], dims[-1], 1
    return combined("put", 0, op.output, indices, values, op.output, form, dims[-1:])


def in_top_k(op: Operation) -> Call | None:
    x, targets, k = op.inputs
    dims = sizes(x.dims)
    if (
        x.dtype.name not in DTYPES
        or len(dims) != 2
        or 0 in dims
        or targets.dims != dims[:1]
        or k.dims not in ((), (1,))
    ):
        return None
    return Call(Emitted(among_first, (), x.dtype.name), (x, targets, k, op.output), dims)


KERNELS = {
    "argsort": argsort,
    "top_k": top_k,
    "take_along_rows": take_along_rows,
    "put_along_rows": put_along_rows,
    "in_top_k": in_top_k,
}
