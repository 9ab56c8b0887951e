"""Arguments of layers that may be given as a name: "relu" for tf.nn.relu, "zeros" for its initializer.

The names, and the defaults of what they stand for, are those of Keras.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from graphflow import initializers
from graphflow.dtypes import float32
from graphflow.errors import GraphError
from graphflow.layers import constraints, regularizers
from graphflow.operation import Tensor
from graphflow.ops.activations import elu, relu, selu, softplus, softsign, swish
from graphflow.ops.clip import clip_by_value
from graphflow.ops.math import exp, sigmoid
from graphflow.ops.softmax import softmax
from graphflow.ops.trigonometry import tanh

ZEROS, ONES = initializers.zeros_initializer(), initializers.ones_initializer()


def linear(x: Any) -> Any:
    """x itself."""
    return x


def hard_sigmoid(x: Any) -> Tensor:
    """x / 5 + 1/2, cut off at 0 and 1."""
    return clip_by_value(0.2 * x + 0.5, 0.0, 1.0)


def exponential(x: Any) -> Tensor:
    """e ** x."""
    return exp(x)


ACTIVATIONS: dict[str, Callable] = {
    "elu": elu, "exponential": exponential, "hard_sigmoid": hard_sigmoid, "linear": linear, "relu": relu,
    "selu": selu, "sigmoid": sigmoid, "softmax": softmax, "softplus": softplus, "softsign": softsign,
    "swish": swish, "tanh": tanh,
}  # fmt: skip


def random_uniform(
    minval: float = -0.05, maxval: float = 0.05, seed: int | None = None, dtype: Any = float32
) -> initializers.Initializer:
    """Uniform in [minval, maxval)."""
    return initializers.random_uniform_initializer(minval, maxval, seed, dtype)


def random_normal(
    mean: float = 0.0, stddev: float = 0.05, seed: int | None = None, dtype: Any = float32
) -> initializers.Initializer:
    """Normal with this mean and standard deviation."""
    return initializers.random_normal_initializer(mean, stddev, seed, dtype)


def truncated_normal(
    mean: float = 0.0, stddev: float = 0.05, seed: int | None = None, dtype: Any = float32
) -> initializers.Initializer:
    """Normal, and never further than two standard deviations from the mean."""
    return initializers.truncated_normal_initializer(mean, stddev, seed, dtype)


INITIALIZERS: dict[str, Callable] = {
    "constant": initializers.constant, "glorot_normal": initializers.glorot_normal,
    "glorot_uniform": initializers.glorot_uniform, "he_normal": initializers.he_normal,
    "he_uniform": initializers.he_uniform, "identity": initializers.identity,
    "lecun_normal": initializers.lecun_normal, "lecun_uniform": initializers.lecun_uniform, "ones": initializers.ones,
    "normal": random_normal, "orthogonal": initializers.orthogonal, "random_normal": random_normal,
    "random_uniform": random_uniform, "truncated_normal": truncated_normal, "uniform": random_uniform,
    "variance_scaling": initializers.variance_scaling, "zeros": initializers.zeros,
}  # fmt: skip

REGULARIZERS: dict[str, Callable] = {"l1": regularizers.l1, "l2": regularizers.l2, "l1_l2": regularizers.l1_l2}

CONSTRAINTS: dict[str, Callable] = {
    "max_norm": constraints.MaxNorm, "min_max_norm": constraints.MinMaxNorm, "non_neg": constraints.NonNeg,
    "unit_norm": constraints.UnitNorm,
}  # fmt: skip


def _look_up(value: Any, table: dict[str, Callable], kind: str) -> Any:
    if not isinstance(value, str):
        return value
    if value not in table:
        raise GraphError(f"there is no {kind} {value!r}; known are {', '.join(table)}")
    return table[value]


def activation(value: Any) -> Any:
    """The function that an activation argument stands for; None for none."""
    return _look_up(value, ACTIVATIONS, "activation")


def _instance(value: Any, table: dict[str, Callable], kind: str) -> Any:
    found = _look_up(value, table, kind)
    return found() if isinstance(value, str) or inspect.isclass(found) else found


def initializer(value: Any) -> Any:
    """The initializer that an argument stands for: an object, a class, a function, a name or None."""
    return _instance(value, INITIALIZERS, "initializer")


def regularizer(value: Any) -> Any:
    """The regularizer that an argument stands for."""
    return _instance(value, REGULARIZERS, "regularizer")


def constraint(value: Any) -> Any:
    """The constraint that an argument stands for."""
    return _instance(value, CONSTRAINTS, "constraint")
