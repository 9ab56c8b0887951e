"""Cross entropy: of softmax against dense and sparse labels, of sigmoids against labels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import FLOATING, DType
from graphflow.errors import GraphError, InvalidArgumentError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.arithmetic import MUL, SUB, add
from graphflow.ops.arrange import order_with_last, transpose
from graphflow.ops.basic import ZEROS_LIKE, cast, stop_gradient, zeros_like
from graphflow.ops.compare import EQUAL
from graphflow.ops.define import convert_to_tensor, define
from graphflow.ops.division import REAL_DIV
from graphflow.ops.infer import axis_in
from graphflow.ops.lowering import Kernel
from graphflow.ops.math import LOG, exp, log, log1p
from graphflow.ops.reduce import SUM, reduce_sum
from graphflow.ops.select import SELECT_V2, where_v2
from graphflow.ops.shape_ops import either, expand_dims, reshape, shape
from graphflow.ops.softmax import LOG_SOFTMAX, SOFTMAX, last_axis, log_softmax_of, shifted_powers
from graphflow.shape import Dims, broadcast, elements, merge, show


def _dense_infer(features: Tensor, labels: Tensor) -> list[tuple[Dims, DType]]:
    for t, label in ((features, "logits"), (labels, "labels")):
        if t.dims is not None and len(t.dims) != 2:
            raise ShapeError(f"{label} must be a matrix, and have shape {show(t.dims)}")
    dims = broadcast(features.dims, labels.dims)
    rows = (None,) if dims is None else dims[:1]
    return [(rows, features.dtype), (dims or (None, None), features.dtype)]


def _dense(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    try:
        features, labels = np.broadcast_arrays(features, labels)
    except ValueError:
        raise InvalidArgumentError.because(
            f"logits and labels must have one shape, not {features.shape} and {labels.shape}"
        ) from None
    logs = log_softmax_of(features)
    # no term where a label is 0: 0 * -inf would be NaN
    return -np.where(labels == 0, 0, labels * logs).sum(axis=-1), np.exp(logs) - labels


def _rows(t: Tensor) -> Tensor:
    """A value for each row, as a column beside the classes."""
    return expand_dims(t, -1)


def _flows(dy: Tensor) -> bool:
    """Whether anything flows back: an output that nobody used has a gradient of zeros."""
    return dy.op.definition is not ZEROS_LIKE


def _vjp_logits(op: Operation, d_loss: Tensor, d_backprop: Tensor) -> Tensor:
    """Through the loss, and through the second output, softmax(logits) - labels, for second derivatives."""
    dx = _rows(d_loss) * op.outputs[1]
    if not _flows(d_backprop):
        return dx
    p = SOFTMAX(op.inputs[0])
    second = (d_backprop - reduce_sum(d_backprop * p, -1, keepdims=True)) * p
    return dx + second if _flows(d_loss) else second


def _vjp_labels(op: Operation, d_loss: Tensor, d_backprop: Tensor) -> Tensor:
    dx = _rows(d_loss) * -LOG_SOFTMAX(op.inputs[0])
    return dx - d_backprop if _flows(d_backprop) else dx


def _expand(op: Operation, make: Any) -> list[Tensor] | None:
    """-sum(labels * log_softmax) without the terms whose label is 0, and softmax - labels."""
    if op.output.dtype.name == "float16":
        return None
    labels = op.inputs[1]
    shifted, powers, total = shifted_powers(op, make)
    zero = make.constant(labels.dtype.dtype.type(0))
    term = make(MUL, labels, make(SUB, make(LOG, total), shifted))
    terms = make(SELECT_V2, make(EQUAL, labels, zero), zero, term)
    loss = make(SUM, terms, make.constant(np.array([-1], np.int32)), keep_dims=False)
    return [loss, make(SUB, make(REAL_DIV, powers, total), labels)]


SOFTMAX_CROSS_ENTROPY = define(
    "SoftmaxCrossEntropyWithLogits", "features labels",
    infer=_dense_infer,
    reference=_dense,
    vjp=(_vjp_logits, _vjp_labels),
    types=FLOATING,
    expand=_expand,
    flops=lambda op: 8 * elements(op.outputs[1].dims),  # a softmax; label * log and its sum; minus the label
)  # fmt: skip


def _sparse_infer(features: Tensor, labels: Tensor) -> list[tuple[Dims, DType]]:
    if features.dims is not None and len(features.dims) != 2:
        raise ShapeError(f"logits must be a matrix, and have shape {show(features.dims)}")
    rows = merge(merge((None,), labels.dims), None if features.dims is None else features.dims[:1])
    classes = None if features.dims is None else features.dims[1]
    return [(rows, features.dtype), ((*(rows or (None,)), classes), features.dtype)]


def _sparse(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise InvalidArgumentError.because(f"logits {features.shape} do not go with labels {labels.shape}")
    wrong = (labels < 0) | (labels >= features.shape[1])
    if wrong.any():
        at = int(np.argmax(wrong))
        raise InvalidArgumentError.because(f"label {labels[at]} at position {at} is outside [0, {features.shape[1]})")
    logs = log_softmax_of(features)
    rows = np.arange(len(labels))
    backprop = np.exp(logs)
    backprop[rows, labels] -= 1
    return -logs[rows, labels], backprop


SPARSE_SOFTMAX_CROSS_ENTROPY = define(
    "SparseSoftmaxCrossEntropyWithLogits", "features labels:I",
    infer=_sparse_infer,
    reference=_sparse,
    vjp=(_vjp_logits, None),
    lowering=Kernel("sparse_softmax_cross_entropy"),
    types=FLOATING,
    flops=lambda op: 5 * elements(op.outputs[1].dims),  # a softmax
)  # fmt: skip


def softmax_cross_entropy_with_logits_v2(
    labels: Any, logits: Any, axis: int | None = None, name: str | None = None, dim: int | None = None
) -> Tensor:
    """sum(-labels * log_softmax(logits)) along an axis, the last one by default (`dim` is its older name).

    Shapes:   labels and logits [..., classes], one shape for both -> [...]
    Dtype:    floating, one for both.   Gradient: both; softmax(logits) - labels to the logits.
    """
    axis = either(axis, dim, "axis", "dim")
    axis = -1 if axis is None else int(axis)
    with name_scope(name, "softmax_cross_entropy_with_logits", [logits, labels]) as scope:
        logits = convert_to_tensor(logits, name="logits")
        labels = cast(convert_to_tensor(labels, name="labels"), logits.dtype)
        if logits.dims is not None:
            axis_in(axis, len(logits.dims))
        if not last_axis(logits, axis):
            logits, labels = (transpose(t, order_with_last(logits, axis)) for t in (logits, labels))
        if logits.dims is not None and len(logits.dims) == 2:
            rows = labels if labels.dims is None or len(labels.dims) == 2 else _flat(labels)
            loss = SOFTMAX_CROSS_ENTROPY(logits, rows, name=scope)[0]
            loss.set_shape(logits.dims[:1])
            return loss
        loss = SOFTMAX_CROSS_ENTROPY(_flat(logits), _flat(labels))[0]
        return reshape(loss, shape(logits)[:-1], name=scope)


def softmax_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, dim: int = -1, name: str | None = None,
    axis: int | None = None,
) -> Tensor:  # fmt: skip
    """softmax_cross_entropy_with_logits_v2 whose gradient goes to the logits only; named arguments only."""
    _named_only("softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, "softmax_cross_entropy_with_logits_sg", [logits, labels]) as scope:
        labels = stop_gradient(convert_to_tensor(labels, name="labels"), name="labels_stop_gradient")
        return softmax_cross_entropy_with_logits_v2(labels, logits, axis=dim if axis is None else axis, name=scope)


def sparse_softmax_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """-log_softmax(logits) at the label of each row; named arguments only.

    Shapes:   logits [..., classes], labels [...] -> [...]
    Dtype:    logits floating, labels int32 or int64.   Gradient: logits.
    Raises:   ValueError for ranks that do not go together; InvalidArgumentError when run, for a label outside
              [0, classes).
    """
    _named_only("sparse_softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, "SparseSoftmaxCrossEntropyWithLogits", [labels, logits]):
        labels, logits = convert_to_tensor(labels), convert_to_tensor(logits)
        if logits.dims == ():
            raise ShapeError("logits must have at least one dimension, and are a scalar")
        if logits.dims is not None and labels.dims is not None:
            if len(labels.dims) != len(logits.dims) - 1:
                raise ShapeError(
                    f"labels have rank {len(labels.dims)} and logits rank {len(logits.dims)}: one less is needed",
                    hint="for one-hot labels there is softmax_cross_entropy_with_logits",
                )
            merge(labels.dims, logits.dims[:-1])
        if logits.dims is not None and len(logits.dims) == 2:
            return SPARSE_SOFTMAX_CROSS_ENTROPY(logits, labels)[0]
        loss = SPARSE_SOFTMAX_CROSS_ENTROPY(_flat(logits), reshape(labels, [-1]))[0]
        return reshape(loss, shape(labels))


def _named_only(function: str, sentinel: Any, labels: Any, logits: Any) -> None:
    if sentinel is not None:
        raise GraphError(f"call {function} with named arguments only (labels=..., logits=...)")
    if labels is None or logits is None:
        raise GraphError(f"{function} needs both labels and logits")


def _flat(t: Tensor) -> Tensor:
    """[..., classes] as a matrix."""
    classes = shape(t)[-1] if t.dims is None or t.dims[-1] is None else t.dims[-1]
    return reshape(t, [-1, classes])


def sigmoid_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """-z log(sigmoid(x)) - (1 - z) log(1 - sigmoid(x)) for logits x and labels z, finite for every finite x.

    Shapes: one for both, and for the result.   Dtype: floating, one for both.   Gradient: both.
    Raises: ValueError for positional arguments, a missing argument, or shapes that differ.
    """
    _named_only("sigmoid_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, "logistic_loss", [logits, labels]) as scope:
        x, z = _alike(logits, labels)
        zeros = zeros_like(x)
        positive = x >= zeros
        # written with where, not with maximum and abs, so that second derivatives are right at 0 too
        minus_abs = where_v2(positive, -x, x)
        return add(where_v2(positive, x, zeros) - x * z, log1p(exp(minus_abs)), name=scope)


def weighted_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, pos_weight: Any = None, name: str | None = None, targets: Any = None
) -> Tensor:
    """sigmoid_cross_entropy_with_logits with the term of the positive labels times pos_weight.

    `targets` is the older name of labels.   Gradient: labels and logits.
    """
    labels = either(labels, targets, "labels", "targets")
    with name_scope(name, "logistic_loss", [logits, labels]) as scope:
        x, z = _alike(logits, labels)
        weight = 1 + (pos_weight - 1) * z
        minus_abs = where_v2(x >= 0, -x, x)
        return add((1 - z) * x, weight * (log1p(exp(minus_abs)) + where_v2(x >= 0, zeros_like(x), -x)), name=scope)


def log_poisson_loss(targets: Any, log_input: Any, compute_full_loss: bool = False, name: str | None = None) -> Tensor:
    """exp(log_input) - log_input * targets: minus the log likelihood of Poisson counts, up to terms of the targets.

    compute_full_loss   adds Stirling's approximation of log(targets!), where targets are above 1
    Shapes:   one for both, and for the result.   Dtype: floating, one for both.   Gradient: both.
    """
    with name_scope(name, "log_poisson_loss", [log_input, targets]):
        x, z = _alike(log_input, targets)
        loss = exp(x) - x * z
        if not compute_full_loss:
            return loss
        stirling = z * log(z) - z + 0.5 * log(2 * math.pi * z)
        return loss + where_v2((z >= 0) & (z <= 1), zeros_like(z), stirling)


def _alike(logits: Any, labels: Any) -> tuple[Tensor, Tensor]:
    x = convert_to_tensor(logits, name="logits")
    z = convert_to_tensor(labels, dtype_hint=x.dtype, name="labels")
    merge(x.dims, z.dims)
    return x, z
