"""The loss of sequences of logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.default import name_scope
from graphflow.errors import ShapeError
from graphflow.operation import Tensor
from graphflow.ops.basic import cast
from graphflow.ops.cross_entropy import sparse_softmax_cross_entropy_with_logits
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.reduce import count_nonzero, reduce_sum
from graphflow.ops.shape_ops import reshape, shape
from graphflow.shape import show

_TINY = 1e-12


def sequence_loss(
    logits: Any,
    targets: Any,
    weights: Any,
    average_across_timesteps: bool = True,
    average_across_batch: bool = True,
    sum_over_timesteps: bool = False,
    sum_over_batch: bool = False,
    softmax_loss_function: Callable[..., Any] | None = None,
    name: str | None = None,
) -> Tensor:
    """Weighted cross entropy of logits, averaged over time and batch, over one of them, or over neither.

    average_across_*  divide by the sum of the weights
    sum_over_*        divide by the number of weights that are not zero
    softmax_loss_function  of labels and logits; sparse softmax cross entropy by default
    Shapes: logits [batch, time, classes], targets and weights [batch, time] -> (), [batch], [time] or [batch, time].
    Raises: ValueError for other ranks, and for an average and a sum over the same axis.
    """
    logits, targets, weights = (convert_to_tensor(v) for v in (logits, targets, weights))
    for t, rank, what in ((logits, 3, "logits"), (targets, 2, "targets"), (weights, 2, "weights")):
        if t.dims is not None and len(t.dims) != rank:
            raise ShapeError(f"{what} must have rank {rank}, and have shape {show(t.dims)}")
    if average_across_timesteps and sum_over_timesteps or average_across_batch and sum_over_batch:
        raise ShapeError("a loss is averaged or summed over an axis, not both")
    with name_scope(name, "sequence_loss", [logits, targets, weights]):
        classes = shape(logits)[2]
        loss_of = softmax_loss_function or sparse_softmax_cross_entropy_with_logits
        flat = loss_of(labels=reshape(targets, [-1]), logits=reshape(logits, [-1, classes]))
        losses = reshape(flat * reshape(weights, [-1]), shape(logits)[:2])
        losses.set_shape(logits.dims[:2] if logits.dims is not None else None)
        time, batch = average_across_timesteps, average_across_batch
        if time and batch:
            return reduce_sum(losses) / (reduce_sum(weights) + _TINY)
        if sum_over_timesteps and sum_over_batch:
            return reduce_sum(losses) / (cast(count_nonzero(weights), losses.dtype) + _TINY)
        if time or batch:
            axis = [1] if time else [0]
            return reduce_sum(losses, axis) / (reduce_sum(weights, axis) + _TINY)
        if sum_over_timesteps or sum_over_batch:
            axis = [1] if sum_over_timesteps else [0]
            return reduce_sum(losses, axis) / (cast(count_nonzero(weights, axis), losses.dtype) + _TINY)
        return losses
