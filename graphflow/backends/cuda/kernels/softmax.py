"""Cross entropy of softmax against labels that are indices, row by row."""

from __future__ import annotations

import functools

from graphflow.backends.base import Call
from graphflow.backends.cuda import shim
from graphflow.backends.cuda.kernels.status import bad_index
from graphflow.backends.cuda.launch import Launch, blocks_for, call
from graphflow.backends.cuda.regions import Source
from graphflow.operation import Operation
from graphflow.shape import sizes


@functools.lru_cache(64)
def sparse_rows(dtype: str, along: int) -> str:
    """loss = log(sum of exp(x)) - x[label], backprop = softmax(x) with 1 less at the label; `along` threads a row.

    (x [rows, classes], labels [rows], loss, backprop, status, rows, classes).   An index out of range goes to status.
    """
    across = shim.THREADS // along
    source = Source(["x", "labels", "loss", "backprop", "status", "rows", "classes"])
    source.add(f"s = cuda.shared.array({shim.THREADS}, {dtype})", f"w = cuda.shared.array({shim.THREADS}, float64)")
    source.add("t = cuda.threadIdx.x", f"y = t % {along}")
    source.open(f"for base in range(cuda.blockIdx.x * {across}, rows, cuda.gridDim.x * {across}):")
    source.add(f"row = min(base + t // {along}, rows - 1)", f"live = base + t // {along} < rows")
    source.add("label = int64(labels[row])", "good = (label >= 0) & (label < classes)", "at = row * classes")
    source.add(f"top = {dtype}(-inf)")
    source.open(f"for j in range(y, classes, {along}):")
    source.add("v = x[at + j]", "top = where((v > top) | (v != v), v, top)")
    source.close()
    _tree(source, along, "s", "top", "where(({a} > {b}) | ({a} != {a}), {a}, {b})")
    source.add("total = float64(0)")
    source.open(f"for j in range(y, classes, {along}):")
    source.add(f"total = total + float64(exp_{dtype}(x[at + j] - top))")
    source.close()
    _tree(source, along, "w", "total", "{a} + {b}")
    source.open("if live & good:")
    source.open(f"for j in range(y, classes, {along}):")
    source.add(f"share = exp_{dtype}(x[at + j] - top) / {dtype}(total)")
    source.add(f"backprop[at + j] = where(j == label, share - {dtype}(1), share)")
    source.close()
    source.open("if y == 0:")
    source.add(f"loss[row] = {dtype}(log_float64(total) - float64(x[at + label] - top))")
    source.close()
    source.close()
    source.open("if live & (not good) & (y == 0):")
    source.add(bad_index("row", "label"))
    source.close()
    return str(source)


def _tree(source: Source, along: int, shared: str, name: str, merge: str) -> None:
    """`name` of all threads of a row becomes one."""
    source.add(f"{shared}[t] = {name}", "cuda.syncthreads()")
    half = along // 2
    while half:
        source.open(f"if y < {half}:")
        source.add(f"{shared}[t] = {merge.format(a=f'{shared}[t]', b=f'{shared}[t + {half}]')}")
        source.close()
        source.add("cuda.syncthreads()")
        half //= 2
    source.add(f"{name} = {shared}[t - y]", "cuda.syncthreads()")


def sparse_softmax_cross_entropy(op: Operation) -> Call | None:
    x, labels = op.inputs
    if x.dtype.name not in ("float32", "float64") or 0 in sizes(x.dims):
        return None
    rows, classes = sizes(x.dims)
    along = min(1 << max(classes // 4 - 1, 0).bit_length(), shim.THREADS)
    error = f"label {{value}} at position {{position}} is outside [0, {classes})"
    text, blocks = sparse_rows(x.dtype.name, along), blocks_for(rows, shim.THREADS // along)
    return call(
        [Launch(text, (x, labels, *op.outputs, "status"), (rows, classes), (blocks, 1), shim.THREADS)], error=error
    )


KERNELS = {"sparse_softmax_cross_entropy": sparse_softmax_cross_entropy}
