"""Fully connected layers, and the small ones: bias, dropout, flatten, one-hot encoding, softmax, maxout."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from graphflow.contrib.framework.arguments import add_arg_scope
from graphflow.contrib.framework.variables import model_variable
from graphflow.contrib.layers.initializers import XAVIER
from graphflow.contrib.layers.scopes import finished, layer_scope
from graphflow.default import name_scope
from graphflow.dtypes import int64
from graphflow.errors import GraphError, ShapeError
from graphflow.layers import core
from graphflow.layers.named import ZEROS
from graphflow.operation import Tensor
from graphflow.ops import bias, fill
from graphflow.ops import softmax as softmaxes
from graphflow.ops.activations import relu as relu_op
from graphflow.ops.activations import relu6 as relu6_op
from graphflow.ops.basic import cast
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.math import sqrt, square
from graphflow.ops.reduce import reduce_max, reduce_sum
from graphflow.ops.shape_ops import reshape, shape


@add_arg_scope
def fully_connected(
    inputs: Any, num_outputs: int, activation_fn: Callable | None = relu_op, normalizer_fn: Callable | None = None,
    normalizer_params: dict[str, Any] | None = None, weights_initializer: Any = XAVIER,
    weights_regularizer: Callable | None = None, biases_initializer: Any = ZEROS,
    biases_regularizer: Callable | None = None, reuse: Any = None, variables_collections: Any = None,
    outputs_collections: Any = None, trainable: bool = True, scope: Any = None,
) -> Tensor:  # fmt: skip
    """activation_fn(inputs @ weights + biases), on the last axis; a normalizer_fn takes the place of the biases.

    Shapes: [..., inputs] -> [..., num_outputs]; weights [inputs, num_outputs], biases [num_outputs].
    Raises: ValueError when the number of inputs is unknown, or num_outputs is no int.
    """
    if isinstance(num_outputs, bool) or not hasattr(num_outputs, "__index__"):
        raise GraphError(f"num_outputs must be an int, not {num_outputs!r}")
    with layer_scope(
        scope, "fully_connected", inputs, reuse, variables_collections, kernel="weights", bias="biases"
    ) as opened:
        layer = core.Dense(
            num_outputs, None, normalizer_fn is None and biases_initializer is not None, weights_initializer,
            biases_initializer, weights_regularizer, biases_regularizer, trainable=trainable, name=opened.name,
            _scope=opened, _reuse=reuse,
        )  # fmt: skip
        return finished(layer(inputs), outputs_collections, activation_fn, normalizer_fn, normalizer_params)


linear = functools.partial(fully_connected, activation_fn=None)
relu = functools.partial(fully_connected, activation_fn=relu_op)
relu6 = functools.partial(fully_connected, activation_fn=relu6_op)


@add_arg_scope
def bias_add(
    inputs: Any, activation_fn: Callable | None = None, initializer: Any = ZEROS,
    regularizer: Callable | None = None, reuse: Any = None, variables_collections: Any = None,
    outputs_collections: Any = None, trainable: bool = True, data_format: str = "NHWC", scope: Any = None,
) -> Tensor:  # fmt: skip
    """activation_fn(inputs + biases), one bias for each channel."""
    with layer_scope(scope, "BiasAdd", inputs, reuse, variables_collections):
        inputs = convert_to_tensor(inputs)
        if inputs.dims is None:
            raise ShapeError("bias_add needs inputs of known rank")
        channels = inputs.dims[1 if data_format == "NCHW" else -1]
        biases = model_variable("biases", [channels], inputs.dtype, initializer, regularizer, trainable)
        return finished(bias.bias_add(inputs, biases, data_format), outputs_collections, activation_fn)


@add_arg_scope
def dropout(
    inputs: Any, keep_prob: Any = 0.5, noise_shape: Any = None, is_training: Any = True,
    outputs_collections: Any = None, scope: Any = None, seed: int | None = None,
) -> Tensor:  # fmt: skip
    """In training, each element is divided by keep_prob with that probability, or else set to 0."""
    with layer_scope(scope, "Dropout", inputs, None) as opened:
        layer = core.Dropout(1 - keep_prob, noise_shape, seed, opened.name, _scope=opened)
        return finished(layer(inputs, training=is_training), outputs_collections)


@add_arg_scope
def flatten(inputs: Any, outputs_collections: Any = None, scope: Any = None) -> Tensor:
    """[n, ...] -> [n, size]."""
    with name_scope(scope, "Flatten", [inputs]) as alias:
        return finished(core.flatten(inputs), outputs_collections, alias=alias)


@add_arg_scope
def one_hot_encoding(
    labels: Any, num_classes: int, on_value: Any = 1.0, off_value: Any = 0.0, outputs_collections: Any = None,
    scope: Any = None,
) -> Tensor:  # fmt: skip
    """Labels [n] as rows of zeros with a one: [n, num_classes]."""
    with name_scope(scope, "OneHotEncoding", [labels, num_classes]) as alias:
        labels = convert_to_tensor(labels)
        wide = labels if labels.dtype is int64 else cast(labels, int64)
        return finished(fill.one_hot(wide, num_classes, on_value, off_value), outputs_collections, alias=alias)


@add_arg_scope
def softmax(logits: Any, scope: Any = None) -> Tensor:
    """The softmax of the last axis."""
    with name_scope(scope, "softmax", [logits]):
        return softmaxes.softmax(logits)


@add_arg_scope
def unit_norm(inputs: Any, dim: int, epsilon: float = 1e-7, scope: Any = None) -> Tensor:
    """The inputs divided by their L2 norm along axis `dim`: by sqrt(epsilon + sum(x ** 2))."""
    with name_scope(scope, "UnitNorm", [inputs]):
        inputs = convert_to_tensor(inputs)
        if inputs.dims is None or not 0 <= dim < len(inputs.dims):
            raise ShapeError(f"unit_norm needs an axis of inputs of known rank: axis {dim} of {inputs!r}")
        return inputs / sqrt(epsilon + reduce_sum(square(inputs), dim, keepdims=True))


@add_arg_scope
def maxout(inputs: Any, num_units: int, axis: int = -1, scope: Any = None) -> Tensor:
    """The largest of each group of channels; there are num_units groups.

    Shapes: [..., c] -> [..., num_units].   Raises: ValueError when num_units does not divide c.
    Source: Goodfellow et al., "Maxout networks" (2013).
    """
    with name_scope(scope, "MaxOut", [inputs]):
        inputs = convert_to_tensor(inputs)
        dims = inputs.dims or ()
        channels = dims[axis] if dims else None
        if channels is None or channels % num_units:
            raise ShapeError(f"{channels} channels do not make {num_units} groups of one size")
        at, own = axis % len(dims), shape(inputs)
        sizes: list[Any] = [own[i] if d is None else d for i, d in enumerate(dims)]
        return reduce_max(reshape(inputs, [*sizes[:at], num_units, channels // num_units, *sizes[at + 1 :]]), at + 1)
