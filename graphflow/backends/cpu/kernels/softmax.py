"""Cross entropy of softmax against labels that are indices, row by row."""

from __future__ import annotations

from graphflow.backends.base import Call
from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.emitted import Emitted
from graphflow.backends.cpu.functions import FUNCTIONS
from graphflow.backends.cpu.values import Pointer, Value, lowest
from graphflow.operation import Operation


def sparse_rows(
    code: Code, x: Pointer, labels: Pointer, loss: Pointer, backprop: Pointer, status: Pointer, rows: Value,
    classes: Value, tid: Value, nthreads: Value,
) -> None:  # fmt: skip
    """loss = log(sum of exp(x)) - x[label], backprop = softmax(x) with 1 less at the label.   Threads share rows.

    x, backprop [rows, classes], labels, loss [rows].   An index out of range goes to status.
    """
    first, last = code.share(rows, tid, nthreads)
    lanes = code.lanes
    with code.loop(first, last) as row:
        label = labels.load(row).cast("int64")
        wrong = (label < 0) | (label >= classes)
        with code.either(wrong) as (out, inside):
            with out:
                for word, value in enumerate((1, row, label)):
                    status.store(word, value)
            with inside:
                at, made = x.at(row * classes), backprop.at(row * classes)
                largest = code.cell(code.number(lowest(x.dtype), x.dtype, lanes))
                total = code.cell(code.number(0, "float64", lanes))
                with code.loop(0, classes, lanes) as j:
                    mask = code.lanes_below(classes - j)
                    v = at.load(j, lanes, mask)
                    larger = mask & ((v > largest.get()) | (v != v))
                    largest.set(code.select(larger, v, largest.get()))
                top = code.fold_lanes(largest.get(), lambda a, b: code.select((a > b) | (a != a), a, b))
                with code.loop(0, classes, lanes) as j:
                    mask = code.lanes_below(classes - j)
                    power = FUNCTIONS["exp"](code, at.load(j, lanes, mask) - top)
                    made.store(j, power, mask)
                    total.set(total.get() + code.select(mask, power, 0).cast("float64"))
                whole = code.sum_of(total.get())
                with code.loop(0, classes, lanes) as j:
                    mask = code.lanes_below(classes - j)
                    made.store(j, made.load(j, lanes, mask) / whole.cast(x.dtype), mask)
                made.store(label, made.load(label) - 1)
                loss.store(row, (FUNCTIONS["log"](code, whole) - (at.load(label) - top).cast("float64")).cast(x.dtype))


def sparse_softmax_cross_entropy(op: Operation) -> Call | None:
    x = op.inputs[0]
    if x.dtype.name not in ("float32", "float64"):
        return None
    rows, classes = x.dims  # type: ignore[misc]
    error = f"label {{value}} at position {{position}} is outside [0, {classes})"
    kernel = Emitted(sparse_rows, dtype=x.dtype.name)
    return Call(kernel, (*op.inputs, *op.outputs, "status"), (rows, classes), error=error)  # type: ignore[arg-type]


KERNELS = {"sparse_softmax_cross_entropy": sparse_softmax_cross_entropy}
