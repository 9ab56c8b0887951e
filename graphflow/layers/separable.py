"""Separable convolutions: each channel has filters of its own, and then the channels are mixed pixel by pixel."""

from __future__ import annotations

from typing import Any

from graphflow.layers import named
from graphflow.layers.base import functional
from graphflow.layers.convolutional import Conv
from graphflow.layers.named import ZEROS
from graphflow.ops.depthwise import separable_conv2d as separable_conv2d_op
from graphflow.ops.shape_ops import expand_dims, squeeze


class Separable(Conv):
    """What the separable convolutions share."""

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
        data_format: str = "channels_last", dilation_rate: Any = 1, depth_multiplier: int = 1, activation: Any = None,
        use_bias: bool = True, depthwise_initializer: Any = None, pointwise_initializer: Any = None,
        bias_initializer: Any = ZEROS, depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None,
        depthwise_constraint: Any = None, pointwise_constraint: Any = None, bias_constraint: Any = None,
        trainable: bool = True, name: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, None,
            bias_initializer, None, bias_regularizer, activity_regularizer, None, bias_constraint, trainable, name,
            **kwargs,
        )  # fmt: skip
        self.depth_multiplier = depth_multiplier
        self.depthwise_initializer = named.initializer(depthwise_initializer)
        self.pointwise_initializer = named.initializer(pointwise_initializer)
        self.depthwise_regularizer = named.regularizer(depthwise_regularizer)
        self.pointwise_regularizer = named.regularizer(pointwise_regularizer)
        self.depthwise_constraint = named.constraint(depthwise_constraint)
        self.pointwise_constraint = named.constraint(pointwise_constraint)

    def build(self, input_shape: Any) -> None:
        channels = self.channels_of(input_shape)
        self.depthwise_kernel = self.add_weight(
            "depthwise_kernel", [*self.kernel_size, channels, self.depth_multiplier], None, self.depthwise_initializer,
            self.depthwise_regularizer, True, self.depthwise_constraint,
        )  # fmt: skip
        self.pointwise_kernel = self.add_weight(
            "pointwise_kernel", [*(1,) * self.rank, channels * self.depth_multiplier, self.filters], None,
            self.pointwise_initializer, self.pointwise_regularizer, True, self.pointwise_constraint,
        )  # fmt: skip
        self.add_bias(self.filters)
        self.built = True


class SeparableConv2D(Separable):
    """A separable convolution of images [n, h, w, c] -> [n, oh, ow, filters], then bias and activation.

    depth_multiplier    how many filters each channel has
    Shapes: depthwise_kernel [kh, kw, c, depth_multiplier], pointwise_kernel [1, 1, c * depth_multiplier, filters],
            bias [filters]; sizes as in Conv2D.
    Raises: ValueError when c is unknown.
    """

    rank = 2

    def convolve(self, x: Any) -> Any:
        return separable_conv2d_op(x, self.depthwise_kernel, self.pointwise_kernel, [1, *self.strides, 1],
                                   self.padding.upper(), self.dilation_rate)  # fmt: skip


class SeparableConv1D(Separable):
    """A separable convolution of sequences [n, w, c] -> [n, ow, filters].   Otherwise as SeparableConv2D."""

    rank = 1

    def convolve(self, x: Any) -> Any:
        stride, rate = self.strides[0], self.dilation_rate[0]
        images = separable_conv2d_op(
            expand_dims(x, 1), expand_dims(self.depthwise_kernel, 0), expand_dims(self.pointwise_kernel, 0),
            [1, stride, stride, 1], self.padding.upper(), [rate, rate],
        )  # fmt: skip
        return squeeze(images, [1])


separable_conv1d = functional(SeparableConv1D)
separable_conv2d = functional(SeparableConv2D)
