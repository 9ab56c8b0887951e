"""Batch and layer normalization under their contrib names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow.contrib.framework.arguments import add_arg_scope
from graphflow.contrib.framework.variables import model_variable
from graphflow.contrib.layers.scopes import finished, layer_scope
from graphflow.default import add_to_collections, control_dependencies
from graphflow.dtypes import float16, float32
from graphflow.errors import GraphError, ShapeError
from graphflow.initializers import ones_initializer, zeros_initializer
from graphflow.layers.core import known_flag
from graphflow.layers.normalization import normalize
from graphflow.names import GraphKeys
from graphflow.operation import Tensor
from graphflow.ops.basic import identity
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.normalization import batch_normalization
from graphflow.ops.shape_ops import reshape, shape
from graphflow.ops.statistics import moments
from graphflow.shape import known

INITIALIZERS = {
    "beta": zeros_initializer(), "gamma": ones_initializer(), "moving_mean": zeros_initializer(),
    "moving_variance": ones_initializer(),
}  # fmt: skip


@add_arg_scope
def batch_norm(
    inputs: Any, decay: Any = 0.999, center: bool = True, scale: bool = False, epsilon: float = 0.001,
    activation_fn: Callable | None = None, param_initializers: dict[str, Any] | None = None,
    param_regularizers: dict[str, Any] | None = None, updates_collections: Any = GraphKeys.UPDATE_OPS,
    is_training: Any = True, reuse: Any = None, variables_collections: Any = None, outputs_collections: Any = None,
    trainable: bool = True, batch_weights: Any = None, fused: bool | None = None, data_format: str = "NHWC",
    zero_debias_moving_mean: bool = False, scope: Any = None, renorm: bool = False, renorm_clipping: Any = None,
    renorm_decay: Any = 0.99, adjustment: Any = None,
) -> Tensor:  # fmt: skip
    """Batch normalization; otherwise as tf.layers.batch_normalization.

    updates_collections     where the updates of the moving averages go; None: the outputs wait for them
    is_training             a bool, or a bool tensor that decides when it is run
    fused                   for inputs of rank 2 and 4, which are fused by default, the moving variance is that of a
                            sample, n / (n - 1) times the variance of the batch
    Raises: ValueError for unknown channels; NotImplementedError for batch_weights, renorm and adjustment.
    """
    if batch_weights is not None or renorm or adjustment is not None:
        raise NotImplementedError("batch_norm has no batch_weights, renorm or adjustment here")
    if data_format not in ("NHWC", "NCHW"):
        raise GraphError(f"data_format must be NHWC or NCHW, not {data_format!r}")
    with layer_scope(scope, "BatchNorm", inputs, reuse, variables_collections):
        x = convert_to_tensor(inputs)
        if x.dims is None:
            raise ShapeError("batch normalization needs inputs of known rank")
        rank = len(x.dims)
        axis = 1 if data_format == "NCHW" else rank - 1
        if x.dims[axis] is None:
            raise ShapeError(f"batch normalization needs to know the number of channels of {x!r}")
        unbiased = fused is not False and rank in (2, 4)
        in_collection = updates_collections is GraphKeys.UPDATE_OPS and not zero_debias_moving_mean
        # TensorFlow hands some calls on to tf.layers, where gamma is made first.
        parameters = ["gamma", "beta"] if in_collection and not (unbiased and rank == 2) else ["beta", "gamma"]
        made: dict[str, Any] = {}
        for name in [*parameters, "moving_mean", "moving_variance"]:
            if center and name == "beta" or scale and name == "gamma" or name.startswith("moving"):
                made[name] = model_variable(
                    name, [x.dims[axis]], float32 if x.dtype is float16 else x.dtype,
                    (param_initializers or {}).get(name, INITIALIZERS[name]), (param_regularizers or {}).get(name),
                    trainable and not name.startswith("moving"),
                )  # fmt: skip
        outputs, updates = normalize(
            x, [axis], made.get("beta"), made.get("gamma"), made["moving_mean"], made["moving_variance"],
            known_flag(is_training), decay, epsilon, unbiased, zero_debias_moving_mean,
        )  # fmt: skip
        if updates and updates_collections is None:
            with control_dependencies(updates):
                outputs = identity(outputs)
        for update in updates:
            add_to_collections(updates_collections or (), update)
        return finished(outputs, outputs_collections, activation_fn)


@add_arg_scope
def instance_norm(
    inputs: Any, center: bool = True, scale: bool = True, epsilon: float = 1e-6, activation_fn: Callable | None = None,
    param_initializers: dict[str, Any] | None = None, reuse: Any = None, variables_collections: Any = None,
    outputs_collections: Any = None, trainable: bool = True, data_format: str = "NHWC", scope: Any = None,
) -> Tensor:  # fmt: skip
    """Each channel of each image is brought to mean 0 and variance 1.

    Shapes: inputs [n, ..., channels], or [n, channels, ...] with data_format "NCHW"; beta and gamma [channels].
    Raises: ValueError for an unknown rank or number of channels, or another data_format.
    Source: Ulyanov, Vedaldi and Lempitsky, "Instance normalization" (2016).
    """
    if data_format not in ("NHWC", "NCHW"):
        raise GraphError(f"data_format must be 'NHWC' or 'NCHW', not {data_format!r}")
    with layer_scope(scope, "InstanceNorm", inputs, reuse, variables_collections):
        x = convert_to_tensor(inputs)
        dims = x.dims or ()
        rank = len(dims)
        axis = 1 if data_format == "NCHW" else rank - 1
        if rank < 2 or not known(dims[axis : axis + 1]):
            raise ShapeError(f"instance normalization needs to know the rank and the channels of {x!r}")
        sizes = [dims[axis] if i == axis else 1 for i in range(rank)]
        made = {**INITIALIZERS, **(param_initializers or {})}
        beta, gamma = (
            reshape(model_variable(name, dims[axis : axis + 1], x.dtype, made[name], trainable=trainable), sizes)
            if wanted else None
            for name, wanted in (("beta", center), ("gamma", scale))
        )  # fmt: skip
        mean, variance = moments(x, [i for i in range(1, rank) if i != axis], keep_dims=True)
        outputs = batch_normalization(x, mean, variance, beta, gamma, epsilon)
        outputs.set_shape(x.dims)
        return finished(outputs, outputs_collections, activation_fn)


@add_arg_scope
def group_norm(
    inputs: Any, groups: int = 32, channels_axis: int = -1, reduction_axes: Sequence[int] = (-3, -2),
    center: bool = True, scale: bool = True, epsilon: float = 1e-6, activation_fn: Callable | None = None,
    param_initializers: dict[str, Any] | None = None, reuse: Any = None, variables_collections: Any = None,
    outputs_collections: Any = None, trainable: bool = True, scope: Any = None, mean_close_to_zero: bool = False,
) -> Tensor:  # fmt: skip
    """Groups of channels are brought to mean 0 and variance 1, over reduction_axes and the channels of a group.

    Shapes: inputs [..., channels, ...]; beta and gamma [channels].
    Raises: ValueError for an unknown rank or number of channels, groups that do not divide it, axes that meet.
    Source: Wu and He, "Group normalization" (2018).
    """
    with layer_scope(scope, "GroupNorm", inputs, reuse, variables_collections):
        x = convert_to_tensor(inputs)
        dims = x.dims or ()
        rank = len(dims)
        axis, *reduced = (a + rank if a < 0 else a for a in (channels_axis, *reduction_axes))
        if not all(0 <= a < rank for a in (axis, *reduced)) or dims[axis] is None:
            raise ShapeError(f"group normalization needs to know the channels of {x!r} and axes that it has")
        channels = int(dims[axis] or 0)
        if axis in reduced or channels % groups:
            raise GraphError(f"{channels} channels cannot be {groups} groups, normalized over {list(reduction_axes)}")
        sizes = [channels if i == axis else 1 for i in range(rank)]
        made = {**INITIALIZERS, **(param_initializers or {})}
        beta, gamma = (
            reshape(model_variable(name, [channels], x.dtype, made[name], trainable=trainable), sizes)
            if wanted else None
            for name, wanted in (("beta", center), ("gamma", scale))
        )  # fmt: skip
        seen = [shape(x)[i] if d is None else d for i, d in enumerate(dims)]
        parted = reshape(x, [*seen[:axis], groups, channels // groups, *seen[axis + 1 :]])
        mean, variance = moments(parted, [a + (a > axis) for a in reduced] + [axis + 1], keep_dims=True)
        normal = reshape(batch_normalization(parted, mean, variance, None, None, epsilon), seen)
        outputs = normal if gamma is None else normal * gamma
        outputs = outputs if beta is None else outputs + beta
        outputs.set_shape(x.dims)
        return finished(outputs, outputs_collections, activation_fn)


@add_arg_scope
def layer_norm(
    inputs: Any, center: bool = True, scale: bool = True, activation_fn: Callable | None = None, reuse: Any = None,
    variables_collections: Any = None, outputs_collections: Any = None, trainable: bool = True,
    begin_norm_axis: int = 1, begin_params_axis: int = -1, scope: Any = None,
) -> Tensor:  # fmt: skip
    """Each example is brought to mean 0 and variance 1 over the axes from begin_norm_axis on.

    Shapes: beta and gamma have the inputs' shape from begin_params_axis on.
    Raises: ValueError for axes out of range, or sizes of beta and gamma that are unknown.
    Source: Ba, Kiros and Hinton, "Layer normalization" (2016).
    """
    with layer_scope(scope, "LayerNorm", inputs, reuse, variables_collections):
        x = convert_to_tensor(inputs)
        if x.dims is None:
            raise ShapeError("layer normalization needs inputs of known rank")
        rank = len(x.dims)
        first, parameters = (axis + rank if axis < 0 else axis for axis in (begin_norm_axis, begin_params_axis))
        if not (0 <= first < rank and 0 <= parameters < rank):
            raise ShapeError(f"axes {begin_norm_axis} and {begin_params_axis} are out of range for {x!r}")
        sizes = x.dims[parameters:]
        if not known(sizes):
            raise ShapeError(f"layer normalization needs to know the sizes of {x!r} from axis {parameters} on")
        beta, gamma = (
            model_variable(name, sizes, x.dtype, INITIALIZERS[name], trainable=trainable) if wanted else None
            for name, wanted in (("beta", center), ("gamma", scale))
        )
        mean, variance = moments(x, list(range(first, rank)), keep_dims=True)
        epsilon = 1e-3 if x.dtype is float16 else 1e-12
        outputs = batch_normalization(x, mean, variance, beta, gamma, epsilon)
        outputs.set_shape(x.dims)
        return finished(outputs, outputs_collections, activation_fn)
