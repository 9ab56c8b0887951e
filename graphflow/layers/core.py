"""Dense, Dropout and Flatten."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.errors import DTypeError, ShapeError
from graphflow.layers import named
from graphflow.layers.base import Layer, functional
from graphflow.layers.named import ZEROS
from graphflow.layers.spec import InputSpec
from graphflow.operation import Tensor
from graphflow.ops.arrange import transpose
from graphflow.ops.basic import cast, identity
from graphflow.ops.bias import bias_add
from graphflow.ops.contraction import tensordot
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.linalg import matmul
from graphflow.ops.normalization import dropout as random_zeros
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import expand_dims, reshape, shape
from graphflow.ops.static import static_value
from graphflow.shape import count, show


class Dense(Layer):
    """activation(inputs @ kernel + bias), on the last axis.

    Shapes: [..., inputs] -> [..., units]; kernel [inputs, units], bias [units].
    Raises: ValueError when the number of inputs is unknown, or their rank is below 2.
    """

    def __init__(
        self, units: int, activation: Any = None, use_bias: bool = True, kernel_initializer: Any = None,
        bias_initializer: Any = ZEROS, kernel_regularizer: Any = None, bias_regularizer: Any = None,
        activity_regularizer: Any = None, kernel_constraint: Any = None, bias_constraint: Any = None,
        trainable: bool = True, name: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(trainable, name, activity_regularizer=named.regularizer(activity_regularizer), **kwargs)
        self.units = int(units)
        self.activation = named.activation(activation)
        self.use_bias = use_bias
        self.kernel_initializer = named.initializer(kernel_initializer)
        self.bias_initializer = named.initializer(bias_initializer)
        self.kernel_regularizer = named.regularizer(kernel_regularizer)
        self.bias_regularizer = named.regularizer(bias_regularizer)
        self.kernel_constraint = named.constraint(kernel_constraint)
        self.bias_constraint = named.constraint(bias_constraint)
        self.input_spec = InputSpec(min_ndim=2)
        self.kernel: Any = None
        self.bias: Any = None

    def build(self, input_shape: Any) -> None:
        if not (self._dtype is None or self._dtype.is_floating or self._dtype.is_complex):
            raise DTypeError(f"a dense layer needs floating inputs, not {self._dtype.name}")
        inputs = input_shape[-1].value
        if inputs is None:
            raise ShapeError(f"a dense layer needs to know the last dimension of its inputs, and it is {input_shape}")
        self.input_spec = InputSpec(min_ndim=2, axes={-1: inputs})
        self.kernel = self.add_weight("kernel", [inputs, self.units], None, self.kernel_initializer,
                                      self.kernel_regularizer, True, self.kernel_constraint)  # fmt: skip
        if self.use_bias:
            self.bias = self.add_weight("bias", [self.units], None, self.bias_initializer, self.bias_regularizer, True,
                                        self.bias_constraint)  # fmt: skip
        self.built = True

    def call(self, inputs: Any) -> Any:
        rank = len(inputs.dims)
        outputs = matmul(inputs, self.kernel) if rank == 2 else tensordot(inputs, self.kernel, [[rank - 1], [0]])
        outputs.set_shape((*inputs.dims[:-1], self.units))
        if self.use_bias:
            outputs = bias_add(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)


class Dropout(Layer):
    """In training, each element is set to 0 with probability `rate`, or else divided by 1 - rate.

    noise_shape     the shape of the random choice, which broadcasts to the inputs; their own shape by default
    """

    def __init__(
        self, rate: Any = 0.5, noise_shape: Any = None, seed: int | None = None, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.rate, self.noise_shape, self.seed = rate, noise_shape, seed

    def call(self, inputs: Any, training: Any = False) -> Any:
        """`training` is a bool, or a tensor that decides when it is run."""
        training = known_flag(training)
        if training is False:
            return identity(inputs)
        rate = self.rate
        if training is not True:  # nothing is dropped with probability 0
            rate = where_v2(training, cast(convert_to_tensor(rate), inputs.dtype), np.zeros((), inputs.dtype.dtype))
        return random_zeros(inputs, noise_shape=self.noise_shape, seed=self.seed, rate=rate)


class Flatten(Layer):
    """Everything but the batch becomes one axis: [n, ...] -> [n, size]; [n] -> [n, 1].

    data_format     channels_first inputs are flattened with their channels last
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format or "channels_last"
        self.input_spec = None

    def call(self, inputs: Any) -> Any:
        dims = inputs.dims
        if dims is None:
            raise ShapeError(f"flatten needs to know the rank of {inputs!r}", hint="set_shape tells the rank")
        if dims == ():
            raise ShapeError("there is nothing to flatten in a scalar")
        if len(dims) == 1:
            return expand_dims(inputs, -1)
        if self.data_format == "channels_first":
            inputs = transpose(inputs, [0, *range(2, len(dims)), 1])
        size, batch = count(dims[1:]), dims[0]
        if batch is None and size:
            return reshape(inputs, [-1, size])
        result = reshape(inputs, [shape(inputs)[0] if batch is None else batch, -1 if size is None else size])
        result.set_shape((batch, size))
        return result


def known_flag(training: Any) -> Any:
    """True or False when that is known while building, else a bool tensor."""
    if training is None:
        return False
    if isinstance(training, (bool, int, np.bool_, np.integer)):
        return bool(training)
    flag = convert_to_tensor(training, name="training")
    known = static_value(flag)
    if flag.dims not in (None, ()):
        raise ShapeError(f"a flag is a scalar, and {flag!r} has shape {show(flag.dims)}")
    if known is not None:
        return bool(known)
    return cast(flag if flag.dims == () else reshape(flag, ()), "bool")  # what it chooses keeps its shape


dense = functional(Dense)


def dropout(
    inputs: Any, rate: Any = 0.5, noise_shape: Any = None, seed: int | None = None, training: Any = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """The inputs; in training, each element is set to 0 with probability `rate`, or else divided by 1 - rate.

    noise_shape     the shape of the random choice, which broadcasts to the inputs; their own shape by default
    training        a bool, or a bool tensor that decides when it is run
    """
    return Dropout(rate, noise_shape, seed, name, _scope=name)(inputs, training=training)


def flatten(inputs: Any, name: str | None = None, data_format: str | None = "channels_last") -> Tensor:
    """Everything but the batch becomes one axis: [n, ...] -> [n, size]; [n] -> [n, 1]."""
    return Flatten(data_format, name=name, _scope=name)(inputs)
