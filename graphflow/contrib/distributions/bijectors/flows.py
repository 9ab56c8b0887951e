"""Bijectors whose shift and scale are networks: masked autoregressive flows and real NVP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.contrib.distributions.bijectors.base import Bijector
from graphflow.control.while_loop import while_loop
from graphflow.default import name_scope
from graphflow.errors import GraphError, ShapeError
from graphflow.initializers import glorot_normal_initializer
from graphflow.layers import Dense, dense
from graphflow.operation import Tensor
from graphflow.ops.activations import relu
from graphflow.ops.basic import stop_gradient, zeros_like
from graphflow.ops.clip import clip_by_value
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.join import concat, split, unstack
from graphflow.ops.math import exp
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.shape_ops import reshape, shape
from graphflow.template import make_template


def _depth(x: Tensor) -> int:
    """The size of the last axis.   Raises: NotImplementedError when it is not known."""
    if not x.dims or x.dims[-1] is None:
        raise NotImplementedError(f"the last dimension must be known when the graph is made, and {x!r} has none")
    return x.dims[-1]


def _moved(x: Tensor, shift: Any, log_scale: Any) -> Tensor:
    y = x if log_scale is None else x * exp(log_scale)
    return y if shift is None else y + shift


def _moved_back(y: Tensor, shift: Any, log_scale: Any) -> Tensor:
    x = y if shift is None else y - shift
    return x if log_scale is None else x * exp(-log_scale)


def _log_det(log_scale: Any, t: Tensor) -> Tensor:
    return convert_to_tensor(0.0, t.dtype) if log_scale is None else reduce_sum(log_scale, -1)


class MaskedAutoregressiveFlow(Bijector):
    """y[i] = x[i] * exp(log_scale(y)[i]) + shift(y)[i], where both look at y[:i] only.

    shift_and_log_scale_fn   a function of y that gives (shift, log_scale), each of y's shape or None
    unroll_loop              forward in as many steps as x has elements, rather than in a loop
    Source: Papamakarios et al., "Masked autoregressive flow for density estimation" (2017).
    """

    def __init__(
        self, shift_and_log_scale_fn: Callable, is_constant_jacobian: bool = False, validate_args: bool = False,
        unroll_loop: bool = False, name: str | None = None,
    ) -> None:  # fmt: skip
        self._function, self._unroll_loop = shift_and_log_scale_fn, unroll_loop
        super().__init__(forward_min_event_ndims=1, is_constant_jacobian=is_constant_jacobian,
                         validate_args=validate_args, name=name or "masked_autoregressive_flow")  # fmt: skip

    def _forward(self, x: Tensor) -> Tensor:
        y = zeros_like(x, name="y0")
        if self._unroll_loop:
            for _ in range(_depth(x)):
                y = _moved(x, *self._function(y))
            return y
        self._function(y)  # makes the variables, outside of the loop
        known = x.dims[-1] if x.dims else None
        _, y = while_loop(
            lambda i, _: i < shape(x)[-1], lambda i, y: (i + 1, _moved(x, *self._function(y))), (0, y),
            maximum_iterations=known,
        )  # fmt: skip
        return y

    def _inverse(self, y: Tensor) -> Tensor:
        return _moved_back(y, *self._function(y))

    def _inverse_log_det_jacobian(self, y: Tensor) -> Tensor:
        return -_log_det(self._function(y)[1], y)


class RealNVP(Bijector):
    """The first num_masked elements stay, and say how the others are scaled and shifted.

    shift_and_log_scale_fn   a function of these elements and of the number of the others
    Source: Dinh et al., "Density estimation using Real NVP" (2016).
    Raises: ValueError when num_masked is not between 1 and the number of elements.
    """

    def __init__(
        self, num_masked: int, shift_and_log_scale_fn: Callable, is_constant_jacobian: bool = False,
        validate_args: bool = False, name: str | None = None,
    ) -> None:  # fmt: skip
        if num_masked <= 0:
            raise GraphError(f"num_masked must be positive, not {num_masked}")
        self._num_masked, self._function = num_masked, shift_and_log_scale_fn
        super().__init__(forward_min_event_ndims=1, is_constant_jacobian=is_constant_jacobian,
                         validate_args=validate_args, name=name or "real_nvp")  # fmt: skip

    def _halves(self, t: Tensor) -> tuple[Tensor, Tensor, Any, Any]:
        """What stays, what moves, the shift and the logarithm of the scale."""
        others = _depth(t) - self._num_masked
        if others <= 0:
            raise GraphError(f"num_masked is {self._num_masked}, and there are {_depth(t)} elements")
        first = t[..., : self._num_masked]
        return first, t[..., self._num_masked :], *self._function(first, others)

    def _forward(self, x: Tensor) -> Tensor:
        first, others, shift, log_scale = self._halves(x)
        return concat([first, _moved(others, shift, log_scale)], -1)

    def _inverse(self, y: Tensor) -> Tensor:
        first, others, shift, log_scale = self._halves(y)
        return concat([first, _moved_back(others, shift, log_scale)], -1)

    def _inverse_log_det_jacobian(self, y: Tensor) -> Tensor:
        return -_log_det(self._halves(y)[3], y)

    def _forward_log_det_jacobian(self, x: Tensor) -> Tensor:
        return _log_det(self._halves(x)[3], x)


def _mask(blocks: int, inputs: int, outputs: int, exclusive: bool) -> np.ndarray:
    """[inputs, outputs] of 0 and 1: a block of outputs sees the blocks of inputs before it, or also its own."""
    mask: np.ndarray = np.zeros((inputs, outputs))
    wide, high = inputs // blocks, outputs // blocks
    for i in range(blocks):
        mask[i * wide : (i + 1) * wide, (i + exclusive) * high :] = 1
    return mask


def masked_dense(
    inputs: Any, units: int, num_blocks: int | None = None, exclusive: bool = False, kernel_initializer: Any = None,
    reuse: Any = None, name: str | None = None, *args: Any, **kwargs: Any,
) -> Tensor:  # fmt: skip
    """A dense layer whose kernel is masked, so that each block of outputs depends on the blocks before it.

    exclusive   not on its own block either.   args, kwargs   as of tf.layers.Dense
    Raises: NotImplementedError when the last dimension of inputs is not known; ValueError for more blocks than inputs.
    """
    x = convert_to_tensor(inputs, name="inputs")
    depth = _depth(x)
    if not num_blocks or num_blocks > depth:
        raise ShapeError(f"num_blocks must be from 1 to the number of inputs, {depth}, not {num_blocks}")
    mask: np.ndarray = _mask(num_blocks, depth, units, exclusive).astype(x.dtype.as_numpy_dtype)
    initializer = kernel_initializer or glorot_normal_initializer()
    with name_scope(name, "masked_dense", [x]):
        settings: dict[str, Any] = {
            "kernel_initializer": lambda shape, dtype=None, **_: mask * initializer(shape, dtype),
            "kernel_constraint": lambda kernel: mask * kernel, "name": name, "dtype": x.dtype, "_scope": name,
            "_reuse": reuse, **kwargs,
        }  # fmt: skip
        layer = Dense(units, *args, **settings)
        return layer.apply(x)


def masked_autoregressive_default_template(
    hidden_layers: Sequence[int], shift_only: bool = False, activation: Any = relu, log_scale_min_clip: float = -5.0,
    log_scale_max_clip: float = 3.0, log_scale_clip_gradient: bool = False, name: str | None = None, *args: Any,
    **kwargs: Any,
) -> Any:  # fmt: skip
    """The function of a MaskedAutoregressiveFlow as masked dense layers with `hidden_layers` units each.

    shift_only                no scale
    log_scale_clip_gradient   whether clipping the logarithm of the scale stops gradients
    Source: Germain et al., "MADE: masked autoencoder for distribution estimation" (2015).
    """
    name = name or "masked_autoregressive_default_template"

    def function(x: Tensor) -> tuple[Tensor, Any]:
        depth = _depth(x)
        sizes = shape(x)
        for i, units in enumerate(hidden_layers):
            x = masked_dense(x, units, depth, i == 0, None, None, None, *args, activation=activation, **kwargs)
        outputs = (1 if shift_only else 2) * depth
        x = masked_dense(x, outputs, depth, False, None, None, None, *args, activation=None, **kwargs)
        if shift_only:
            return reshape(x, sizes), None
        shift, log_scale = unstack(reshape(x, concat([sizes, [2]], 0)), 2, axis=-1)
        clipped = clip_by_value(log_scale, log_scale_min_clip, log_scale_max_clip)
        if not log_scale_clip_gradient:
            clipped = log_scale + stop_gradient(clipped - log_scale)
        return shift, clipped

    with name_scope(name):
        return make_template(name, function)


def real_nvp_default_template(
    hidden_layers: Sequence[int], shift_only: bool = False, activation: Any = relu, name: str | None = None,
    *args: Any, **kwargs: Any,
) -> Any:  # fmt: skip
    """The function of a RealNVP as dense layers with `hidden_layers` units each."""

    def function(x: Tensor, output_units: int) -> tuple[Tensor, Any]:
        for units in hidden_layers:
            x = dense(x, units, *args, activation=activation, **kwargs)
        x = dense(x, (1 if shift_only else 2) * output_units, *args, activation=None, **kwargs)
        if shift_only:
            return x, None
        shift, log_scale = split(x, 2, axis=-1)
        return shift, log_scale

    with name_scope(name, "real_nvp_default_template"):
        return make_template("real_nvp_default_template", function)
