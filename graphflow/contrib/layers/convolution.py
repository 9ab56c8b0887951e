"""Convolutions and pools under their contrib names, where padding is SAME and the activation relu by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.contrib.framework.arguments import add_arg_scope
from graphflow.contrib.framework.variables import model_variable
from graphflow.contrib.layers.initializers import XAVIER
from graphflow.contrib.layers.scopes import finished, layer_scope, pair
from graphflow.errors import GraphError, ShapeError
from graphflow.layers import convolutional, pooling
from graphflow.layers.named import ZEROS
from graphflow.layers.separable import SeparableConv2D
from graphflow.operation import Tensor
from graphflow.ops.activations import relu
from graphflow.ops.bias import bias_add
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.depthwise import depthwise_conv2d

CONVOLUTIONS = {1: convolutional.Conv1D, 2: convolutional.Conv2D, 3: convolutional.Conv3D}


def _order(data_format: str | None) -> str:
    """`channels_first` for NCHW and its like."""
    if data_format not in (None, "NWC", "NHWC", "NDHWC", "NCW", "NCHW", "NCDHW"):
        raise GraphError(f"data_format must be NHWC, NCHW or the like for other ranks, not {data_format!r}")
    return "channels_first" if (data_format or "").startswith("NC") else "channels_last"


@add_arg_scope
def convolution(
    inputs: Any, num_outputs: int, kernel_size: Any, stride: Any = 1, padding: str = "SAME",
    data_format: str | None = None, rate: Any = 1, activation_fn: Callable | None = relu,
    normalizer_fn: Callable | None = None, normalizer_params: dict[str, Any] | None = None,
    weights_initializer: Any = XAVIER, weights_regularizer: Callable | None = None,
    biases_initializer: Any = ZEROS, biases_regularizer: Callable | None = None, reuse: Any = None,
    variables_collections: Any = None, outputs_collections: Any = None, trainable: bool = True, scope: Any = None,
    conv_dims: int | None = None,
) -> Tensor:  # fmt: skip
    """activation_fn(convolution + biases) over one, two or three axes; a normalizer_fn takes the place of the biases.

    kernel_size, stride, rate   an int, or one for each axis; rate is the dilation
    Shapes: [n, *sizes, c] -> [n, *output sizes, num_outputs]; weights [*kernel_size, c, num_outputs].
    Raises: ValueError for another rank, an unknown c, stride and rate both above 1.
    """
    inputs = convert_to_tensor(inputs)
    rank = None if inputs.dims is None else len(inputs.dims) - 2
    if rank not in CONVOLUTIONS or conv_dims not in (None, rank):
        raise ShapeError(f"a convolution over {conv_dims or '1, 2 or 3'} axes does not go with inputs {inputs!r}")
    with layer_scope(scope, "Conv", inputs, reuse, variables_collections, kernel="weights", bias="biases") as opened:
        layer = CONVOLUTIONS[rank](
            num_outputs, kernel_size, stride, padding, _order(data_format), rate, None,
            normalizer_fn is None and biases_initializer is not None, weights_initializer, biases_initializer,
            weights_regularizer, biases_regularizer, trainable=trainable, name=opened.name, _scope=opened,
            _reuse=reuse,
        )  # fmt: skip
        return finished(layer(inputs), outputs_collections, activation_fn, normalizer_fn, normalizer_params)


def _over(axes: int) -> Callable[..., Tensor]:
    def function(inputs: Any, num_outputs: int, kernel_size: Any, *args: Any, **kwargs: Any) -> Tensor:
        return convolution(inputs, num_outputs, kernel_size, *args, conv_dims=axes, **kwargs)

    function.__name__ = function.__qualname__ = f"convolution{axes}d"
    function.__doc__ = f"`convolution` over {axes} axes: of inputs of rank {axes + 2}."
    return add_arg_scope(function)


conv1d = convolution1d = _over(1)
conv2d = convolution2d = _over(2)
conv3d = convolution3d = _over(3)


def _transposed(axes: int, layer_class: Callable[..., Any], order: str) -> Callable[..., Tensor]:
    def function(
        inputs: Any, num_outputs: int, kernel_size: Any, stride: Any = 1, padding: str = "SAME",
        data_format: str = order, activation_fn: Callable | None = relu, normalizer_fn: Callable | None = None,
        normalizer_params: dict[str, Any] | None = None, weights_initializer: Any = XAVIER,
        weights_regularizer: Callable | None = None, biases_initializer: Any = ZEROS,
        biases_regularizer: Callable | None = None, reuse: Any = None, variables_collections: Any = None,
        outputs_collections: Any = None, trainable: bool = True, scope: Any = None,
    ) -> Tensor:  # fmt: skip
        with layer_scope(
            scope, f"Conv{axes}d_transpose", inputs, reuse, variables_collections, kernel="weights", bias="biases"
        ) as opened:
            layer = layer_class(
                num_outputs, kernel_size, stride, padding, _order(data_format), None,
                normalizer_fn is None and biases_initializer is not None, weights_initializer, biases_initializer,
                weights_regularizer, biases_regularizer, trainable=trainable, name=opened.name, _scope=opened,
                _reuse=reuse,
            )  # fmt: skip
            return finished(layer(inputs), outputs_collections, activation_fn, normalizer_fn, normalizer_params)

    function.__name__ = function.__qualname__ = f"convolution{axes}d_transpose"
    function.__doc__ = f"activation_fn(transposed convolution + biases); sizes as in tf.layers.conv{axes}d_transpose."
    return add_arg_scope(function)


conv2d_transpose = convolution2d_transpose = _transposed(2, convolutional.Conv2DTranspose, "NHWC")
conv3d_transpose = convolution3d_transpose = _transposed(3, convolutional.Conv3DTranspose, "NDHWC")


@add_arg_scope
def separable_convolution2d(
    inputs: Any, num_outputs: int | None, kernel_size: Any, depth_multiplier: int = 1, stride: Any = 1,
    padding: str = "SAME", data_format: str = "NHWC", rate: Any = 1, activation_fn: Callable | None = relu,
    normalizer_fn: Callable | None = None, normalizer_params: dict[str, Any] | None = None,
    weights_initializer: Any = XAVIER, pointwise_initializer: Any = None,
    weights_regularizer: Callable | None = None, biases_initializer: Any = ZEROS,
    biases_regularizer: Callable | None = None, reuse: Any = None, variables_collections: Any = None,
    outputs_collections: Any = None, trainable: bool = True, scope: Any = None,
) -> Tensor:  # fmt: skip
    """activation_fn(separable convolution + biases); num_outputs None leaves out the mixing of the channels."""
    biased = normalizer_fn is None and biases_initializer is not None
    with layer_scope(
        scope, "SeparableConv2d", inputs, reuse, variables_collections, depthwise_kernel="depthwise_weights",
        pointwise_kernel="pointwise_weights", bias="biases",
    ) as opened:  # fmt: skip
        if num_outputs is not None:
            layer = SeparableConv2D(
                num_outputs, kernel_size, stride, padding, _order(data_format), rate, depth_multiplier, None, biased,
                weights_initializer, pointwise_initializer or weights_initializer, biases_initializer,
                weights_regularizer, weights_regularizer, biases_regularizer, trainable=trainable, name=opened.name,
                _scope=opened, _reuse=reuse,
            )  # fmt: skip
            outputs = layer(inputs)
        else:
            inputs = convert_to_tensor(inputs)
            channels = inputs.dims[-1] if inputs.dims else None
            if channels is None:
                raise ShapeError(f"a convolution needs to know the number of channels of {inputs!r}")
            filters = model_variable(
                "depthwise_weights", [*pair(kernel_size), channels, depth_multiplier], inputs.dtype,
                weights_initializer, weights_regularizer, trainable,
            )  # fmt: skip
            outputs = depthwise_conv2d(inputs, filters, [1, *pair(stride), 1], padding, pair(rate),
                                       data_format=data_format)  # fmt: skip
            if biased:
                biases = model_variable("biases", [channels * depth_multiplier], inputs.dtype, biases_initializer,
                                        biases_regularizer, trainable)  # fmt: skip
                outputs = bias_add(outputs, biases)
        return finished(outputs, outputs_collections, activation_fn, normalizer_fn, normalizer_params)


separable_conv2d = separable_convolution2d


@add_arg_scope
def max_pool2d(
    inputs: Any, kernel_size: Any, stride: Any = 2, padding: str = "VALID", data_format: str = "NHWC",
    outputs_collections: Any = None, scope: Any = None,
) -> Tensor:  # fmt: skip
    """The largest element of each window of images, channel by channel."""
    with layer_scope(scope, "MaxPool2D", inputs, None) as opened:
        layer = pooling.MaxPooling2D(kernel_size, stride, padding, _order(data_format), opened.name, _scope=opened)
        return finished(layer(inputs), outputs_collections)


@add_arg_scope
def avg_pool2d(
    inputs: Any, kernel_size: Any, stride: Any = 2, padding: str = "VALID", data_format: str = "NHWC",
    outputs_collections: Any = None, scope: Any = None,
) -> Tensor:  # fmt: skip
    """The mean of each window of images, channel by channel; padding does not count."""
    with layer_scope(scope, "AvgPool2D", inputs, None) as opened:
        layer = pooling.AveragePooling2D(kernel_size, stride, padding, _order(data_format), opened.name, _scope=opened)
        return finished(layer(inputs), outputs_collections)


@add_arg_scope
def max_pool3d(
    inputs: Any, kernel_size: Any, stride: Any = 2, padding: str = "VALID", data_format: str = "NDHWC",
    outputs_collections: Any = None, scope: Any = None,
) -> Tensor:  # fmt: skip
    """The largest element of each window of volumes, channel by channel."""
    with layer_scope(scope, "MaxPool3D", inputs, None) as opened:
        layer = pooling.MaxPooling3D(kernel_size, stride, padding, _order(data_format), opened.name, _scope=opened)
        return finished(layer(inputs), outputs_collections)


@add_arg_scope
def avg_pool3d(
    inputs: Any, kernel_size: Any, stride: Any = 2, padding: str = "VALID", data_format: str = "NDHWC",
    outputs_collections: Any = None, scope: Any = None,
) -> Tensor:  # fmt: skip
    """The mean of each window of volumes, channel by channel; padding does not count."""
    with layer_scope(scope, "AvgPool3D", inputs, None) as opened:
        layer = pooling.AveragePooling3D(kernel_size, stride, padding, _order(data_format), opened.name, _scope=opened)
        return finished(layer(inputs), outputs_collections)
