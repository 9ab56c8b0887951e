"""`tf.keras.layers`: those of tf.layers under their Keras names and defaults, and small ones besides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow.keras.base import Layer
from graphflow.keras.merge import (
    Add,
    Average,
    Concatenate,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    maximum,
    minimum,
    multiply,
    subtract,
)
from graphflow.layers import convolutional, core, named, normalization, pooling, separable
from graphflow.layers.spec import InputSpec
from graphflow.layers.windows import format_of
from graphflow.ops.activations import elu, leaky_relu, relu
from graphflow.ops.arithmetic import minimum as smaller
from graphflow.ops.arrange import transpose
from graphflow.ops.basic import cast
from graphflow.ops.embedding import embedding_lookup
from graphflow.ops.pad import pad
from graphflow.ops.reduce import reduce_max, reduce_mean
from graphflow.ops.shape_ops import reshape, shape
from graphflow.ops.softmax import softmax


class Dense(Layer, core.Dense):
    __doc__ = core.Dense.__doc__


class Dropout(Layer, core.Dropout):
    __doc__ = core.Dropout.__doc__


class Flatten(Layer, core.Flatten):
    __doc__ = core.Flatten.__doc__


class BatchNormalization(Layer, normalization.BatchNormalization):
    """As in tf.layers, but the operations that update the moving averages are in `updates` only."""


class Conv1D(Layer, convolutional.Conv1D):
    __doc__ = convolutional.Conv1D.__doc__


class Conv2D(Layer, convolutional.Conv2D):
    __doc__ = convolutional.Conv2D.__doc__


class Conv3D(Layer, convolutional.Conv3D):
    __doc__ = convolutional.Conv3D.__doc__


class Conv2DTranspose(Layer, convolutional.Conv2DTranspose):
    __doc__ = convolutional.Conv2DTranspose.__doc__


class Conv3DTranspose(Layer, convolutional.Conv3DTranspose):
    __doc__ = convolutional.Conv3DTranspose.__doc__


class SeparableConv1D(Layer, separable.SeparableConv1D):
    __doc__ = separable.SeparableConv1D.__doc__


class SeparableConv2D(Layer, separable.SeparableConv2D):
    __doc__ = separable.SeparableConv2D.__doc__


class _Pool(Layer):
    def __init__(
        self, pool_size: Any = 2, strides: Any = None, padding: str = "valid", data_format: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


class MaxPooling1D(_Pool, pooling.MaxPooling1D):
    __doc__ = pooling.MaxPooling1D.__doc__


class MaxPooling2D(_Pool, pooling.MaxPooling2D):
    __doc__ = pooling.MaxPooling2D.__doc__


class MaxPooling3D(_Pool, pooling.MaxPooling3D):
    __doc__ = pooling.MaxPooling3D.__doc__


class AveragePooling1D(_Pool, pooling.AveragePooling1D):
    __doc__ = pooling.AveragePooling1D.__doc__


class AveragePooling2D(_Pool, pooling.AveragePooling2D):
    __doc__ = pooling.AveragePooling2D.__doc__


class AveragePooling3D(_Pool, pooling.AveragePooling3D):
    __doc__ = pooling.AveragePooling3D.__doc__


class _GlobalPool(Layer):
    rank: int
    function: Callable

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = format_of(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Any) -> Any:
        first = 1 if self.data_format == "channels_last" else 2
        return type(self).function(inputs, list(range(first, first + self.rank)))


class GlobalAveragePooling1D(_GlobalPool):
    """The mean of each channel: [n, w, c] -> [n, c]."""

    rank, function = 1, staticmethod(reduce_mean)


class GlobalAveragePooling2D(_GlobalPool):
    """The mean of each channel: [n, h, w, c] -> [n, c]."""

    rank, function = 2, staticmethod(reduce_mean)


class GlobalAveragePooling3D(_GlobalPool):
    """The mean of each channel: [n, d, h, w, c] -> [n, c]."""

    rank, function = 3, staticmethod(reduce_mean)


class GlobalMaxPooling1D(_GlobalPool):
    """The largest element of each channel: [n, w, c] -> [n, c]."""

    rank, function = 1, staticmethod(reduce_max)


class GlobalMaxPooling2D(_GlobalPool):
    """The largest element of each channel: [n, h, w, c] -> [n, c]."""

    rank, function = 2, staticmethod(reduce_max)


class GlobalMaxPooling3D(_GlobalPool):
    """The largest element of each channel: [n, d, h, w, c] -> [n, c]."""

    rank, function = 3, staticmethod(reduce_max)


class ZeroPadding2D(Layer):
    """Zeros around images: `padding` is a number, (rows, columns), or ((top, bottom), (left, right))."""

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        sides = (padding, padding) if isinstance(padding, int) else padding
        self.padding = [[side, side] if isinstance(side, int) else list(side) for side in sides]
        self.data_format = format_of(data_format)
        self.input_spec = InputSpec(ndim=4)

    def call(self, inputs: Any) -> Any:
        last = self.data_format == "channels_last"
        return pad(inputs, [[0, 0], *self.padding, [0, 0]] if last else [[0, 0], [0, 0], *self.padding])


class Activation(Layer):
    """An activation, given as a function or a name."""

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = named.activation(activation)

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)


class ReLU(Layer):
    """max(x, 0), at most max_value; negative_slope * x below 0."""

    def __init__(self, max_value: float | None = None, negative_slope: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_value, self.negative_slope = max_value, negative_slope

    def call(self, inputs: Any) -> Any:
        outputs = leaky_relu(inputs, self.negative_slope) if self.negative_slope else relu(inputs)
        return outputs if self.max_value is None else smaller(outputs, float(self.max_value))


class LeakyReLU(Layer):
    """x above 0, alpha * x below."""

    def __init__(self, alpha: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs: Any) -> Any:
        return leaky_relu(inputs, self.alpha)


class ELU(Layer):
    """x above 0, exp(x) - 1 below."""

    def call(self, inputs: Any) -> Any:
        return elu(inputs)


class Softmax(Layer):
    """The softmax of one axis."""

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        return softmax(inputs, self.axis)


class Reshape(Layer):
    """[n, ...] -> [n, *target_shape]; one size may be -1."""

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)

    def call(self, inputs: Any) -> Any:
        batch = inputs.dims[0] if inputs.dims else None
        return reshape(inputs, [shape(inputs)[0] if batch is None else batch, *self.target_shape])


class Permute(Layer):
    """The axes in another order; `dims` counts from 1, without the batch."""

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)

    def call(self, inputs: Any) -> Any:
        return transpose(inputs, [0, *self.dims])


class Lambda(Layer):
    """A function as a layer."""

    def __init__(self, function: Callable, arguments: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.function, self.arguments = function, arguments or {}

    def call(self, inputs: Any) -> Any:
        return self.function(inputs, **self.arguments)


class Embedding(Layer):
    """Rows of a table [input_dim, output_dim]: integers [...] -> [..., output_dim]."""

    def __init__(
        self, input_dim: int, output_dim: int, embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None, activity_regularizer: Any = None, embeddings_constraint: Any = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(activity_regularizer=named.regularizer(activity_regularizer),
                         dtype=kwargs.pop("dtype", "float32"), **kwargs)  # fmt: skip
        self.input_dim, self.output_dim = input_dim, output_dim
        self.embeddings_initializer = named.initializer(embeddings_initializer)
        self.embeddings_regularizer = named.regularizer(embeddings_regularizer)
        self.embeddings_constraint = named.constraint(embeddings_constraint)

    def build(self, input_shape: Any) -> None:
        self.embeddings = self.add_weight(
            "embeddings", [self.input_dim, self.output_dim], None, self.embeddings_initializer,
            self.embeddings_regularizer, True, self.embeddings_constraint,
        )  # fmt: skip
        self.built = True

    def call(self, inputs: Any) -> Any:
        ids = inputs if inputs.dtype.is_integer else cast(inputs, "int32")
        return embedding_lookup(self.embeddings, ids)


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
GlobalAvgPool1D, GlobalAvgPool2D, GlobalAvgPool3D = (
    GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D,
)  # fmt: skip
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
