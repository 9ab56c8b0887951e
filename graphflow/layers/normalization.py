"""Batch normalization with moving averages."""

from __future__ import annotations

from typing import Any

from graphflow.dtypes import float16, float32
from graphflow.errors import GraphError, ShapeError
from graphflow.layers import named
from graphflow.layers.base import Layer
from graphflow.layers.core import known_flag
from graphflow.layers.named import ONES, ZEROS
from graphflow.layers.spec import InputSpec
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import maximum
from graphflow.ops.basic import cast
from graphflow.ops.normalization import batch_normalization as normalized
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import reshape, size
from graphflow.ops.statistics import moments
from graphflow.shape import count
from graphflow.train.averages import assign_moving_average

LEAST_FUSED_EPSILON = 1.001e-5  # what TensorFlow's fused operation raises a smaller epsilon to


def batch_statistics(x: Tensor, axes: list[int], unbiased: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and variance over the axes, and the variance that the moving average gets.

    unbiased    that one divides by n - 1 instead of n
    """
    mean, variance = moments(x, axes)
    if not unbiased:
        return mean, variance, variance
    elements, channels = count(x.dims), count(mean.dims)
    if elements is not None and channels:
        n: Any = elements // channels
        return mean, variance, variance * (n / max(n - 1, 1))
    n = cast(size(x) // maximum(size(mean), 1), x.dtype)
    return mean, variance, variance * (n / maximum(n - 1, 1.0))


def normalize(
    x: Tensor, axis: list[int], beta: Any, gamma: Any, moving_mean: Any, moving_variance: Any, training: Any,
    decay: Any, epsilon: float, unbiased: bool, zero_debias: bool = False,
) -> tuple[Tensor, list[Tensor]]:  # fmt: skip
    """(x normalized along all axes but `axis`, the updates of the moving averages).

    training    True: by the statistics of the batch; False: by the moving averages, without updates; or a bool tensor
    """
    rank = len(x.dims or ())
    others = [i for i in range(rank) if i not in axis]
    shape = [(x.dims or ())[i] if i in axis else 1 for i in range(rank)]
    wide = cast(x, float32) if x.dtype is float16 else x

    def aligned(t: Any) -> Any:
        return t if t is None or axis == [rank - 1] else reshape(t, shape)

    mean, variance, updates = moving_mean, moving_variance, []
    if training is not False:
        mean, variance, kept = batch_statistics(wide, others, unbiased)
        if len(axis) > 1:
            mean, variance, kept = (reshape(t, shape) for t in (mean, variance, kept))
        if training is not True:
            mean = where_v2(training, mean, moving_mean)
            variance = where_v2(training, variance, moving_variance)
            kept = where_v2(training, kept, moving_variance)
        updates = [
            assign_moving_average(moving_mean, mean, decay, zero_debias),
            assign_moving_average(moving_variance, kept, decay, False),
        ]
    if unbiased:
        epsilon = max(epsilon, LEAST_FUSED_EPSILON)
    y = normalized(wide, aligned(mean), aligned(variance), aligned(beta), aligned(gamma), epsilon)
    return cast(y, x.dtype), updates


class BatchNormalization(Layer):
    """Each channel is brought to mean 0 and variance 1 over the batch, then to variance gamma ** 2 and mean beta.

    axis            the axis of the channels, or a list of several
    momentum        moving = moving * momentum + batch * (1 - momentum), when the operations in UPDATE_OPS run
    epsilon         is added to the variance
    center, scale   whether there are beta and gamma
    fused           for inputs of rank 4 or 5 whose channels come last or second, which are fused by default, the
                    moving variance is that of a sample, n / (n - 1) times the variance of the batch
    Raises: ValueError for an axis out of range or of unknown size; NotImplementedError for renorm, virtual_batch_size
            and adjustment.
    Source: Ioffe and Szegedy, "Batch normalization" (2015).
    """

    def __init__(
        self, axis: Any = -1, momentum: Any = 0.99, epsilon: float = 1e-3, center: bool = True, scale: bool = True,
        beta_initializer: Any = ZEROS, gamma_initializer: Any = ONES,
        moving_mean_initializer: Any = ZEROS, moving_variance_initializer: Any = ONES,
        beta_regularizer: Any = None, gamma_regularizer: Any = None, beta_constraint: Any = None,
        gamma_constraint: Any = None, renorm: bool = False, renorm_clipping: Any = None, renorm_momentum: Any = 0.99,
        fused: bool | None = None, trainable: bool = True, virtual_batch_size: int | None = None,
        adjustment: Any = None, name: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(trainable, name, **kwargs)
        if renorm or virtual_batch_size is not None or adjustment is not None:
            raise NotImplementedError("batch normalization has no renorm, virtual_batch_size or adjustment here")
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else [int(axis)]
        self.momentum, self.epsilon = momentum, epsilon
        self.center, self.scale = center, scale
        self.fused = fused
        self.beta_initializer = named.initializer(beta_initializer)
        self.gamma_initializer = named.initializer(gamma_initializer)
        self.moving_mean_initializer = named.initializer(moving_mean_initializer)
        self.moving_variance_initializer = named.initializer(moving_variance_initializer)
        self.beta_regularizer = named.regularizer(beta_regularizer)
        self.gamma_regularizer = named.regularizer(gamma_regularizer)
        self.beta_constraint = named.constraint(beta_constraint)
        self.gamma_constraint = named.constraint(gamma_constraint)
        self.gamma: Any = None
        self.beta: Any = None

    def build(self, input_shape: Any) -> None:
        rank = input_shape.ndims
        if rank is None:
            raise ShapeError("batch normalization needs inputs of known rank")
        axis = [a + rank if a < 0 else a for a in self.axis]
        if not axis or min(axis) < 0 or max(axis) >= rank or len(set(axis)) != len(axis):
            raise GraphError(f"axis {self.axis} does not name axes of inputs of shape {input_shape}")
        sizes = {a: input_shape[a].value for a in axis}
        if None in sizes.values():
            raise ShapeError(
                f"batch normalization needs to know the size of axis {axis}, and the shape is {input_shape}"
            )
        self.axis = axis
        if self.fused is not False:
            self.fused = rank in (4, 5) and axis in ([1], [rank - 1])
        self.input_spec = InputSpec(ndim=rank, axes=sizes)
        shape = [sizes.get(i, 1) for i in range(rank)] if len(axis) > 1 else [sizes[axis[0]]]
        dtype = float32 if self._dtype is float16 else self._dtype
        if self.scale:
            self.gamma = self.add_weight("gamma", shape, dtype, self.gamma_initializer, self.gamma_regularizer, True,
                                         self.gamma_constraint)  # fmt: skip
        if self.center:
            self.beta = self.add_weight("beta", shape, dtype, self.beta_initializer, self.beta_regularizer, True,
                                        self.beta_constraint)  # fmt: skip
        self.moving_mean = self.add_weight("moving_mean", shape, dtype, self.moving_mean_initializer, trainable=False)
        self.moving_variance = self.add_weight(
            "moving_variance", shape, dtype, self.moving_variance_initializer, trainable=False
        )
        self.built = True

    def call(self, inputs: Any, training: Any = False) -> Any:
        """`training` is a bool, or a tensor that decides when it is run."""
        outputs, updates = normalize(
            inputs, self.axis, self.beta, self.gamma, self.moving_mean, self.moving_variance, known_flag(training),
            self.momentum, self.epsilon, bool(self.fused),
        )  # fmt: skip
        self.add_update(updates)
        return outputs


def batch_normalization(
    inputs: Any, axis: Any = -1, momentum: Any = 0.99, epsilon: float = 1e-3, center: bool = True, scale: bool = True,
    beta_initializer: Any = ZEROS, gamma_initializer: Any = ONES,
    moving_mean_initializer: Any = ZEROS, moving_variance_initializer: Any = ONES,
    beta_regularizer: Any = None, gamma_regularizer: Any = None, beta_constraint: Any = None,
    gamma_constraint: Any = None, training: Any = False, trainable: bool = True, name: str | None = None,
    reuse: Any = None, renorm: bool = False, renorm_clipping: Any = None, renorm_momentum: Any = 0.99,
    fused: bool | None = None, virtual_batch_size: int | None = None, adjustment: Any = None,
) -> Tensor:  # fmt: skip
    """A BatchNormalization layer, called once; `training` is a bool, or a bool tensor that decides when it is run.

    The operations that update the moving averages are in UPDATE_OPS: the training step has to depend on them.
    """
    layer = BatchNormalization(
        axis, momentum, epsilon, center, scale, beta_initializer, gamma_initializer, moving_mean_initializer,
        moving_variance_initializer, beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint, renorm,
        renorm_clipping, renorm_momentum, fused, trainable, virtual_batch_size, adjustment, name,
        _reuse=reuse, _scope=name,
    )  # fmt: skip
    return layer(inputs, training=training)


batch_norm = batch_normalization
