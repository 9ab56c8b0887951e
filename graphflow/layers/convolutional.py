"""Convolutions in one, two and three dimensions, and transposed ones in two and three."""

from __future__ import annotations

from typing import Any

from graphflow.errors import GraphError, ShapeError
from graphflow.layers import named
from graphflow.layers.base import Layer, functional
from graphflow.layers.named import ZEROS
from graphflow.layers.spec import InputSpec
from graphflow.layers.windows import format_of, padding_name, sizes_of, with_channels_last
from graphflow.ops.bias import bias_add
from graphflow.ops.conv import conv2d as conv2d_op
from graphflow.ops.conv import conv2d_transpose as conv2d_transpose_op
from graphflow.ops.conv3d import conv3d as conv3d_op
from graphflow.ops.conv3d import conv3d_transpose as conv3d_transpose_op
from graphflow.ops.convolution import conv1d as conv1d_op
from graphflow.ops.pad import pad
from graphflow.ops.shape_ops import shape


class Conv(Layer):
    """activation(convolution(inputs, kernel) + bias) over `rank` axes; what the convolution layers share.

    filters         the number of channels of the result
    kernel_size, strides, dilation_rate     an int, or one for each axis
    padding         'valid' or 'same'
    Shapes: kernel [*kernel_size, channels, filters], bias [filters].
    Raises: ValueError when the number of channels is unknown, or strides and dilation_rate are both above 1.
    """

    rank: int

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
        data_format: str = "channels_last", dilation_rate: Any = 1, activation: Any = None, use_bias: bool = True,
        kernel_initializer: Any = None, bias_initializer: Any = ZEROS, kernel_regularizer: Any = None,
        bias_regularizer: Any = None, activity_regularizer: Any = None, kernel_constraint: Any = None,
        bias_constraint: Any = None, trainable: bool = True, name: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(trainable, name, activity_regularizer=named.regularizer(activity_regularizer), **kwargs)
        self.filters = None if filters is None else int(filters)
        self.kernel_size = sizes_of(kernel_size, self.rank, "kernel_size")
        self.strides = sizes_of(strides, self.rank, "strides")
        self.dilation_rate = sizes_of(dilation_rate, self.rank, "dilation_rate")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise GraphError(f"strides {self.strides} and dilation_rate {self.dilation_rate} cannot both be above 1")
        self.padding = self._padding_name(padding)
        self.data_format = format_of(data_format)
        self.activation = named.activation(activation)
        self.use_bias = use_bias
        self.kernel_initializer = named.initializer(kernel_initializer)
        self.bias_initializer = named.initializer(bias_initializer)
        self.kernel_regularizer = named.regularizer(kernel_regularizer)
        self.bias_regularizer = named.regularizer(bias_regularizer)
        self.kernel_constraint = named.constraint(kernel_constraint)
        self.bias_constraint = named.constraint(bias_constraint)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.kernel: Any = None
        self.bias: Any = None

    def _padding_name(self, padding: Any) -> str:
        return padding_name(padding)

    def _kernel_shape(self, channels: int) -> list[int | None]:
        return [*self.kernel_size, channels, self.filters]

    def channels_of(self, input_shape: Any) -> int:
        """The number of input channels, which from now on is that of all inputs; ValueError when it is unknown."""
        axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[axis].value
        if channels is None:
            raise ShapeError(f"a convolution needs to know the number of channels, and the shape is {input_shape}")
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: channels})
        return channels

    def build(self, input_shape: Any) -> None:
        channels = self.channels_of(input_shape)
        self.kernel = self.add_weight("kernel", self._kernel_shape(channels), None, self.kernel_initializer,
                                      self.kernel_regularizer, True, self.kernel_constraint)  # fmt: skip
        self.add_bias(self.filters)
        self.built = True

    def add_bias(self, channels: Any) -> None:
        """The variable of the bias, if there is to be one."""
        if self.use_bias:
            self.bias = self.add_weight("bias", [channels], None, self.bias_initializer, self.bias_regularizer, True,
                                        self.bias_constraint)  # fmt: skip

    def call(self, inputs: Any) -> Any:
        outputs = with_channels_last(self._biased, inputs, self.data_format)
        return outputs if self.activation is None else self.activation(outputs)

    def _biased(self, x: Any) -> Any:
        outputs = self.convolve(x)
        return bias_add(outputs, self.bias) if self.use_bias else outputs

    def convolve(self, x: Any) -> Any:
        """The convolution alone, of inputs whose channels come last."""
        raise NotImplementedError(f"{type(self).__name__} must define convolve")


class Conv1D(Conv):
    """A convolution of sequences [n, w, c] -> [n, ow, filters]; padding 'causal' looks back only.

    Arguments, shapes and errors: as in Conv2D.
    """

    rank = 1

    def _padding_name(self, padding: Any) -> str:
        return "causal" if padding == "causal" else padding_name(padding)

    def convolve(self, x: Any) -> Any:
        padding = self.padding
        if padding == "causal":
            x, padding = pad(x, [[0, 0], [self.dilation_rate[0] * (self.kernel_size[0] - 1), 0], [0, 0]]), "valid"
        return conv1d_op(x, self.kernel, self.strides[0], padding.upper(), dilations=self.dilation_rate[0])


class Conv2D(Conv):
    """A convolution of images [n, h, w, c] -> [n, oh, ow, filters], then bias and activation.

    filters         the number of channels of the result
    kernel_size, strides, dilation_rate     an int, or (height, width)
    padding         'valid' or 'same', in any case
    Shapes: kernel [kh, kw, c, filters], bias [filters].
    Raises: ValueError when c is unknown, or strides and dilation_rate are both above 1.
    """

    rank = 2

    def convolve(self, x: Any) -> Any:
        return conv2d_op(x, self.kernel, self.strides, self.padding.upper(), dilations=self.dilation_rate)


class Conv3D(Conv):
    """A convolution of volumes [n, d, h, w, c] -> [n, od, oh, ow, filters].   Otherwise as Conv2D."""

    rank = 3

    def convolve(self, x: Any) -> Any:
        return conv3d_op(x, self.kernel, self.strides, self.padding.upper(), dilations=self.dilation_rate)


class Transposed(Conv):
    """What the transposed convolutions share."""

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
        data_format: str = "channels_last", activation: Any = None, use_bias: bool = True,
        kernel_initializer: Any = None, bias_initializer: Any = ZEROS, kernel_regularizer: Any = None,
        bias_regularizer: Any = None, activity_regularizer: Any = None, kernel_constraint: Any = None,
        bias_constraint: Any = None, trainable: bool = True, name: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            filters, kernel_size, strides, padding, data_format, 1, activation, use_bias, kernel_initializer,
            bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint,
            bias_constraint, trainable, name, **kwargs,
        )  # fmt: skip

    def _kernel_shape(self, channels: int) -> list[int | None]:
        return [*self.kernel_size, self.filters, channels]

    def output_sizes(self, x: Any) -> list[Any]:
        """The shape of the result; unknown sizes as tensors."""
        own: Any = shape(x) if None in x.dims else None
        sizes = [own[i] if d is None else d for i, d in enumerate(x.dims[:-1])]
        extra = [max(k - s, 0) if self.padding == "valid" else 0
                 for k, s in zip(self.kernel_size, self.strides, strict=True)]  # fmt: skip
        grown = [d * s + e for d, s, e in zip(sizes[1:], self.strides, extra, strict=True)]
        return [sizes[0], *grown, self.filters]


class Conv2DTranspose(Transposed):
    """The transpose of a convolution: images [n, h, w, c] -> [n, oh, ow, filters], then bias and activation.

    Shapes: oh = h * stride for padding 'same', h * stride + max(kernel - stride, 0) for 'valid'; likewise for widths.
            kernel [kh, kw, filters, c], bias [filters].
    Raises: ValueError when c is unknown.
    """

    rank = 2

    def convolve(self, x: Any) -> Any:
        return conv2d_transpose_op(x, self.kernel, self.output_sizes(x), self.strides, self.padding.upper())


class Conv3DTranspose(Transposed):
    """The transpose of a convolution: volumes [n, d, h, w, c] -> [n, od, oh, ow, filters].   As Conv2DTranspose."""

    rank = 3

    def convolve(self, x: Any) -> Any:
        return conv3d_transpose_op(x, self.kernel, self.output_sizes(x), self.strides, self.padding.upper())


conv1d = functional(Conv1D)
conv2d = functional(Conv2D)
conv3d = functional(Conv3D)
conv2d_transpose = functional(Conv2DTranspose)
conv3d_transpose = functional(Conv3DTranspose)
