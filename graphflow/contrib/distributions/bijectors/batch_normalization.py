"""Batch normalization as a bijector: its inverse normalizes."""

from __future__ import annotations

from typing import Any

from graphflow.contrib.distributions.bijectors.base import Bijector
from graphflow.errors import GraphError
from graphflow.layers import BatchNormalization as Layer
from graphflow.operation import Tensor
from graphflow.ops.activations import relu
from graphflow.ops.math import log, sqrt
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.shape_ops import reshape
from graphflow.ops.statistics import moments


class BatchNormalization(Bijector):
    """inverse(y) = (y - mean) / sqrt(variance + epsilon) * gamma + beta.

    batchnorm_layer   a tf.layers.BatchNormalization; by default one whose gamma stays positive
    training          inverse takes the mean and variance of the batch; forward always takes the moving ones
    """

    def __init__(
        self, batchnorm_layer: Layer | None = None, training: Any = True, validate_args: bool = False,
        name: str = "batch_normalization",
    ) -> None:  # fmt: skip
        layer = batchnorm_layer or Layer(gamma_constraint=lambda gamma: relu(gamma) + 1e-6)
        if not isinstance(layer, Layer):
            raise GraphError(f"batchnorm_layer must be a tf.layers.BatchNormalization, not {layer!r}")
        self.batchnorm, self._training = layer, training
        axis: Any = layer.axis
        super().__init__(forward_min_event_ndims=1 if isinstance(axis, int) else len(axis),
                         validate_args=validate_args, name=name)  # fmt: skip

    def _axes(self, t: Tensor) -> list[int]:
        axis: Any = self.batchnorm.axis
        dims: Any = t.dims
        return [a % len(dims) for a in ([axis] if isinstance(axis, int) else axis)]

    def _built(self, t: Tensor) -> None:
        if not t.shape.is_fully_defined():
            raise GraphError(f"batch normalization needs a shape that is known, and {t!r} has none")
        if not self.batchnorm.built:
            self.batchnorm.build(t.shape)

    def _forward(self, x: Tensor) -> Tensor:
        self._built(x)
        layer: Any = self.batchnorm
        axes = self._axes(x)
        sizes = [d if i in axes else 1 for i, d in enumerate(x.shape.as_list())]
        rescale = sqrt(layer.moving_variance + layer.epsilon)
        if layer.scale:
            rescale = rescale / layer.gamma
        shift = layer.moving_mean
        if layer.center:
            shift = shift - layer.beta * rescale
        return x * reshape(rescale, sizes) + reshape(shift, sizes)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.batchnorm.apply(y, training=self._training)

    def _volume(self, t: Tensor, saved: bool) -> Tensor:
        self._built(t)
        layer: Any = self.batchnorm
        axes = self._axes(t)
        variance = layer.moving_variance
        if not saved:
            _, variance = moments(t, [i for i in range(len(t.shape.as_list())) if i not in axes], keep_dims=True)
        return reduce_sum(log(layer.gamma)) - 0.5 * reduce_sum(log(variance + layer.epsilon))

    def _forward_log_det_jacobian(self, x: Tensor) -> Tensor:
        return -self._volume(x, saved=True)

    def _inverse_log_det_jacobian(self, y: Tensor) -> Tensor:
        return self._volume(y, saved=not self._training)
