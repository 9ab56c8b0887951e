"""Bijectors that move the elements of a vector, or turn one kind of vector into another."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphflow.contrib.distributions.bijectors.base import Bijector, VolumePreserving
from graphflow.errors import GraphError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.activations import softplus
from graphflow.ops.arrange import invert_permutation
from graphflow.ops.assertions import assert_equal, assert_positive
from graphflow.ops.basic import zeros_like
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.fill import range as range_
from graphflow.ops.fill import zeros
from graphflow.ops.indexing import gather
from graphflow.ops.join import concat
from graphflow.ops.math import exp, log
from graphflow.ops.products import cumsum
from graphflow.ops.reduce import reduce_logsumexp, reduce_sum
from graphflow.ops.shape_ops import reshape, shape, size, squeeze
from graphflow.ops.softmax import softmax
from graphflow.ops.sorting import sort
from graphflow.ops.static import static_value
from graphflow.shape import TensorShape


class Permute(VolumePreserving):
    """y[i] = x[permutation[i]] in the last axis.   Raises: ValueError when it is no permutation."""

    def __init__(self, permutation: Any, validate_args: bool = False, name: str | None = None) -> None:
        order = convert_to_tensor(permutation, name="permutation")
        if not order.dtype.is_integer:
            raise TypeError(f"permutation must be of integers, not {order.dtype.name}")
        known = static_value(order)
        if known is not None and sorted(np.ravel(known)) != list(range(known.size)):
            raise GraphError(f"permutation must have each of 0 to {known.size - 1} once, and is {known.tolist()}")
        super().__init__(forward_min_event_ndims=1, is_constant_jacobian=True, validate_args=validate_args,
                         name=name or "permute")  # fmt: skip
        if known is None:
            order = self._checked(order, lambda t: assert_equal(sort(t), range_(size(t))))
        self.permutation = order

    def _forward(self, x: Tensor) -> Tensor:
        return gather(x, self.permutation, axis=-1)

    def _inverse(self, y: Tensor) -> Tensor:
        return gather(y, invert_permutation(self.permutation), axis=-1)


class Reshape(VolumePreserving):
    """Events of the shape event_shape_in as event_shape_out; each may have one -1."""

    def __init__(
        self, event_shape_out: Any, event_shape_in: Any = (-1,), validate_args: bool = False, name: str | None = None
    ) -> None:
        self._out, self._in = (_sizes(s) for s in (event_shape_out, event_shape_in))
        super().__init__(forward_min_event_ndims=0, is_constant_jacobian=True, validate_args=validate_args,
                         name=name or "reshape")  # fmt: skip

    def _reshaped(self, value: Tensor, before: Tensor, after: Tensor) -> Tensor:
        if before.dims is None or before.dims[0] is None:
            raise GraphError("the rank of an event must be known when the graph is made")
        n, known = before.dims[0], static_value(before)
        if value.dims is not None and known is not None:
            event = value.dims[len(value.dims) - n :]
            wrong = [have for have, want in zip(event, known, strict=True) if want >= 0 and have not in (None, want)]
            if wrong or len(value.dims) < n:
                raise ShapeError(f"events have the shape {list(event)}, and {known.tolist()} is reshaped")
        sizes = shape(value)
        batch = sizes[:-n] if n else sizes
        return reshape(value, concat([batch, after], 0))

    def _forward(self, x: Tensor) -> Tensor:
        return self._reshaped(x, self._in, self._out)

    def _inverse(self, y: Tensor) -> Tensor:
        return self._reshaped(y, self._out, self._in)

    def _forward_event_shape(self, input_shape: TensorShape) -> TensorShape:
        return _static(input_shape, self._in, self._out)

    def _inverse_event_shape(self, output_shape: TensorShape) -> TensorShape:
        return _static(output_shape, self._out, self._in)

    def _forward_event_shape_tensor(self, input_shape: Tensor) -> Tensor:
        return shape(self._forward(zeros(input_shape)))

    def _inverse_event_shape_tensor(self, output_shape: Tensor) -> Tensor:
        return shape(self._inverse(zeros(output_shape)))


def _sizes(given: Any) -> Tensor:
    """Raises: TypeError for other than integers, ValueError for several -1 or something below."""
    sizes = convert_to_tensor(given, name="event_shape", preferred_dtype="int32")
    if not sizes.dtype.is_integer:
        raise TypeError(f"the shape of an event must be of integers, not {sizes.dtype.name}")
    known = static_value(sizes)
    if known is not None and (np.sum(known == -1) > 1 or np.any(known < -1)):
        raise GraphError(f"the shape of an event has sizes, and one -1 at most, and is {known.tolist()}")
    return sizes


def _static(given: TensorShape, before: Tensor, after: Tensor) -> TensorShape:
    """Of an event with as many axes in front as it has beyond `before`."""
    n, target = static_value(before), static_value(after)
    if given.dims is None or n is None or target is None:
        return TensorShape(None)
    dims = given.as_list()
    front, event = dims[: len(dims) - len(n)], dims[len(dims) - len(n) :]
    sizes: list[int | None] = [int(s) for s in target]
    if -1 in sizes:
        rest = -math.prod(int(s) for s in target)
        known = [d for d in event if d is not None]
        sizes[sizes.index(-1)] = math.prod(known) // rest if len(known) == len(event) else None
    return TensorShape([*front, *sizes])


class Ordered(Bijector):
    """Increasing vectors to any: y[0] = x[0], y[i] = log(x[i] - x[i - 1])."""

    def __init__(self, validate_args: bool = False, name: str = "ordered") -> None:
        super().__init__(forward_min_event_ndims=1, validate_args=validate_args, name=name)

    def _gaps(self, x: Tensor) -> Tensor:
        return self._checked(x[..., 1:] - x[..., :-1], assert_positive)

    def _forward(self, x: Tensor) -> Tensor:
        return concat([x[..., :1], log(self._gaps(x))], -1)

    def _inverse(self, y: Tensor) -> Tensor:
        return cumsum(concat([y[..., :1], exp(y[..., 1:])], -1), -1)

    def _inverse_log_det_jacobian(self, y: Tensor) -> Tensor:
        return reduce_sum(y[..., 1:], -1)

    def _forward_log_det_jacobian(self, x: Tensor) -> Tensor:
        return -reduce_sum(log(self._gaps(x)), -1)


class SoftmaxCentered(Bijector):
    """y = softmax([x, 0]): a vector of n + 1 positive elements with the sum 1 from n of any."""

    def __init__(self, validate_args: bool = False, name: str = "softmax_centered") -> None:
        super().__init__(forward_min_event_ndims=1, validate_args=validate_args, name=name)

    def _forward_event_shape(self, input_shape: TensorShape) -> TensorShape:
        return _longer(input_shape, 1)

    def _inverse_event_shape(self, output_shape: TensorShape) -> TensorShape:
        return _longer(output_shape, -1)

    def _forward_event_shape_tensor(self, input_shape: Tensor) -> Tensor:
        return concat([input_shape[:-1], input_shape[-1:] + 1], 0)

    def _inverse_event_shape_tensor(self, output_shape: Tensor) -> Tensor:
        return concat([output_shape[:-1], output_shape[-1:] - 1], 0)

    def _forward(self, x: Tensor) -> Tensor:
        return softmax(concat([x, zeros_like(x[..., :1])], -1))

    def _inverse(self, y: Tensor) -> Tensor:
        logs = log(y)
        return logs[..., :-1] - logs[..., -1:]

    def _inverse_log_det_jacobian(self, y: Tensor) -> Tensor:
        return -reduce_sum(log(y), -1)

    def _forward_log_det_jacobian(self, x: Tensor) -> Tensor:
        norm = softplus(reduce_logsumexp(x, -1, keepdims=True))
        return squeeze(reduce_sum(x - norm, -1, keepdims=True) - norm, -1)


def _longer(given: TensorShape, by: int) -> TensorShape:
    """Raises: ValueError when nothing would be left."""
    if given.dims is None:
        return given
    *front, last = given.as_list()
    if last is not None and last + by < 1:
        raise ShapeError(f"an event of the shape {given} has too few elements")
    return TensorShape([*front, None if last is None else last + by])
