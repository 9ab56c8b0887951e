"""Softmax, its logarithm, and cross entropy with its gradient, row by row."""

from __future__ import annotations

import math

from graphflow.backends.base import Call
from graphflow.operation import Operation


def largest_of(x, at, n):  # type: ignore
    """The largest of the n > 0 elements from `at` on; NaN where there is one."""
    largest = x[at]
    for j in range(n):
        if x[at + j] > largest or x[at + j] != x[at + j]:
            largest = x[at + j]
    return largest


def softmax_rows(x, y, rows, classes, tid, nthreads):  # type: ignore
    """y = exp(x - max) / sum.   x, y [rows, classes]; the sum is in float64."""
    for row in range(rows * tid // nthreads, rows * (tid + 1) // nthreads):
        at = row * classes
        if classes > 0:
            largest = largest_of(x, at, classes)
            total = 0.0
            for j in range(classes):
                y[at + j] = math.exp(x[at + j] - largest)
                total += y[at + j]
            for j in range(classes):
                y[at + j] = y[at + j] / total


def log_softmax_rows(x, y, rows, classes, tid, nthreads):  # type: ignore
    """y = x - max - log(sum of exp(x - max)).   x, y [rows, classes]."""
    for row in range(rows * tid // nthreads, rows * (tid + 1) // nthreads):
        at = row * classes
        if classes > 0:
            largest = largest_of(x, at, classes)
            total = 0.0
            for j in range(classes):
                total += math.exp(x[at + j] - largest)
            shift = math.log(total)
            for j in range(classes):
                y[at + j] = x[at + j] - largest - shift


def dense_rows(x, labels, loss, backprop, rows, classes, tid, nthreads):  # type: ignore
    """loss = -sum(labels * log_softmax(x)), backprop = softmax(x) - labels.

    x, labels, backprop [rows, classes], loss [rows].   A label of 0 adds nothing, whatever its logit.
    """
    for row in range(rows * tid // nthreads, rows * (tid + 1) // nthreads):
        at = row * classes
        result = 0.0
        if classes > 0:
            largest = largest_of(x, at, classes)
            total = 0.0
            for j in range(classes):
                backprop[at + j] = math.exp(x[at + j] - largest)
                total += backprop[at + j]
            shift = math.log(total)
            for j in range(classes):
                if labels[at + j] != 0:
                    result += labels[at + j] * (shift - (x[at + j] - largest))
                backprop[at + j] = backprop[at + j] / total - labels[at + j]
        loss[row] = result


def sparse_rows(x, labels, loss, backprop, status, rows, classes, tid, nthreads):  # type: ignore
    """As dense_rows, for labels [rows] that are the index of the one class; an index out of range goes to status."""
    for row in range(rows * tid // nthreads, rows * (tid + 1) // nthreads):
        at = row * classes
        label = labels[row]
        if label < 0 or label >= classes:
            status[0] = 1
            status[1] = row
            status[2] = label
        else:
            largest = largest_of(x, at, classes)
            total = 0.0
            for j in range(classes):
                backprop[at + j] = math.exp(x[at + j] - largest)
                total += backprop[at + j]
            for j in range(classes):
                backprop[at + j] = backprop[at + j] / total
            backprop[at + label] -= 1
            loss[row] = math.log(total) - (x[at + label] - largest)


def _rows(op: Operation) -> tuple[int, int]:
    """(rows, classes) of the first input."""
    *outer, classes = op.inputs[0].dims  # type: ignore[misc]
    return math.prod(outer), classes  # type: ignore[arg-type, return-value]


def softmax(op: Operation) -> Call:
    return Call(softmax_rows, (op.inputs[0], op.output), _rows(op))


def log_softmax(op: Operation) -> Call:
    return Call(log_softmax_rows, (op.inputs[0], op.output), _rows(op))


def softmax_cross_entropy(op: Operation) -> Call | None:
    """None where logits and labels broadcast."""
    if op.inputs[0].dims != op.inputs[1].dims:
        return None
    return Call(dense_rows, (*op.inputs, *op.outputs), _rows(op))


def sparse_softmax_cross_entropy(op: Operation) -> Call:
    rows, classes = _rows(op)
    error = f"label {{value}} at position {{position}} is outside [0, {classes})"
    return Call(sparse_rows, (*op.inputs, *op.outputs, "status"), (rows, classes), error=error)


KERNELS = {
    "softmax": softmax,
    "log_softmax": log_softmax,
    "softmax_cross_entropy": softmax_cross_entropy,
    "sparse_softmax_cross_entropy": sparse_softmax_cross_entropy,
}
