"""Bijectors of single numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphflow.contrib.distributions.bijectors.base import Bijector
from graphflow.contrib.distributions.shapes import softplus_inverse
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.activations import softplus
from graphflow.ops.assertions import assert_greater, assert_less, assert_non_negative, assert_positive
from graphflow.ops.basic import cast, zeros_like
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.math import abs, exp, expm1, log, log1p, sigmoid, sqrt, square
from graphflow.ops.select import where_v2
from graphflow.ops.static import static_value
from graphflow.ops.trigonometry import asinh, cosh, sinh


def _below_one(t: Tensor) -> Any:
    return assert_less(t, 1.0)


class PowerTransform(Bijector):
    """y = (1 + power * x)^(1 / power); exp(x) for power 0.   Raises: ValueError for a negative or unknown power."""

    def __init__(self, power: Any = 0.0, validate_args: bool = False, name: str = "power_transform") -> None:
        known = static_value(convert_to_tensor(power, name="power"))
        if known is None or known < 0:
            raise GraphError(f"power must be a constant of at least 0, not {power!r}")
        self.power = float(known)
        super().__init__(forward_min_event_ndims=0, validate_args=validate_args, name=name)

    def _x(self, x: Tensor) -> Tensor:
        return self._checked(x, lambda t: assert_positive(1.0 + self.power * t)) if self.power else x

    def _forward(self, x: Tensor) -> Tensor:
        x = self._x(x)
        return exp(log1p(x * self.power) / self.power) if self.power else exp(x)

    def _inverse(self, y: Tensor) -> Tensor:
        y = self._checked(y, assert_positive)
        return expm1(log(y) * self.power) / self.power if self.power else log(y)

    def _inverse_log_det_jacobian(self, y: Tensor) -> Tensor:
        return (self.power - 1.0) * log(self._checked(y, assert_positive))

    def _forward_log_det_jacobian(self, x: Tensor) -> Tensor:
        x = self._x(x)
        return (1.0 / self.power - 1.0) * log1p(x * self.power) if self.power else x


class Exp(PowerTransform):
    """y = exp(x)."""

    def __init__(self, validate_args: bool = False, name: str = "exp") -> None:
        super().__init__(validate_args=validate_args, name=name)


class Sigmoid(Bijector):
    """y = 1 / (1 + exp(-x))."""

    def __init__(self, validate_args: bool = False, name: str = "sigmoid") -> None:
        super().__init__(forward_min_event_ndims=0, validate_args=validate_args, name=name)

    def _forward(self, x: Tensor) -> Tensor:
        return sigmoid(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return log(y) - log1p(-y)

    def _inverse_log_det_jacobian(self, y: Tensor) -> Tensor:
        return -log(y) - log1p(-y)

    def _forward_log_det_jacobian(self, x: Tensor) -> Tensor:
        return -softplus(-x) - softplus(x)


class Softplus(Bijector):
    """y = softness * log(1 + exp(x / softness)), `hinge_softness` being 1 by default."""

    def __init__(self, hinge_softness: Any = None, validate_args: bool = False, name: str = "softplus") -> None:
        self.hinge_softness = None if hinge_softness is None else convert_to_tensor(hinge_softness, name="softness")
        super().__init__(forward_min_event_ndims=0, validate_args=validate_args, name=name)

    def _softness(self, t: Tensor) -> Any:
        return 1.0 if self.hinge_softness is None else cast(self.hinge_softness, t.dtype)

    def _forward(self, x: Tensor) -> Tensor:
        return self._softness(x) * softplus(x / self._softness(x))

    def _inverse(self, y: Tensor) -> Tensor:
        return self._softness(y) * softplus_inverse(y / self._softness(y))

    def _inverse_log_det_jacobian(self, y: Tensor) -> Tensor:
        return -log(-expm1(-y / self._softness(y)))

    def _forward_log_det_jacobian(self, x: Tensor) -> Tensor:
        return -softplus(-x / self._softness(x))


class Softsign(Bijector):
    """y = x / (1 + |x|)."""

    def __init__(self, validate_args: bool = False, name: str = "softsign") -> None:
        super().__init__(forward_min_event_ndims=0, validate_args=validate_args, name=name)

    def _y(self, y: Tensor) -> Tensor:
        return self._checked(y, lambda t: assert_greater(t, -1.0), _below_one)

    def _forward(self, x: Tensor) -> Tensor:
        return x / (1.0 + abs(x))

    def _inverse(self, y: Tensor) -> Tensor:
        y = self._y(y)
        return y / (1.0 - abs(y))

    def _forward_log_det_jacobian(self, x: Tensor) -> Tensor:
        return -2.0 * log1p(abs(x))

    def _inverse_log_det_jacobian(self, y: Tensor) -> Tensor:
        return -2.0 * log1p(-abs(self._y(y)))


class Square(Bijector):
    """y = x^2, for x of at least 0."""

    def __init__(self, validate_args: bool = False, name: str = "square") -> None:
        super().__init__(forward_min_event_ndims=0, validate_args=validate_args, name=name)

    def _forward(self, x: Tensor) -> Tensor:
        return square(self._checked(x, assert_non_negative))

    def _inverse(self, y: Tensor) -> Tensor:
        return sqrt(self._checked(y, assert_non_negative))

    def _forward_log_det_jacobian(self, x: Tensor) -> Tensor:
        return math.log(2.0) + log(self._checked(x, assert_non_negative))


class AbsoluteValue(Bijector):
    """y = |x|: inverse gives (-y, y)."""

    _is_injective = False

    def __init__(self, validate_args: bool = False, name: str = "absolute_value") -> None:
        super().__init__(forward_min_event_ndims=0, is_constant_jacobian=True, validate_args=validate_args, name=name)

    def _forward(self, x: Tensor) -> Tensor:
        return abs(x)

    def _inverse(self, y: Tensor) -> tuple[Tensor, Tensor]:
        y = self._checked(y, assert_non_negative)
        return -y, y

    def _inverse_log_det_jacobian(self, y: Tensor) -> tuple[Tensor, Tensor]:
        zero = convert_to_tensor(0.0, y.dtype)
        return zero, zero


class Gumbel(Bijector):
    """y = exp(-exp(-(x - loc) / scale)): the cumulative distribution function of Gumbel's distribution."""

    def __init__(self, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool = False, name: str = "gumbel") -> None:
        self.loc = convert_to_tensor(loc, name="loc")
        self.scale = convert_to_tensor(scale, self.loc.dtype, name="scale")
        super().__init__(forward_min_event_ndims=0, validate_args=validate_args, name=name)

    def _z(self, x: Tensor) -> Tensor:
        return (x - self.loc) / self.scale

    def _y(self, y: Tensor) -> Tensor:
        return self._checked(y, assert_positive, _below_one)

    def _forward(self, x: Tensor) -> Tensor:
        return exp(-exp(-self._z(x)))

    def _inverse(self, y: Tensor) -> Tensor:
        return self.loc - self.scale * log(-log(self._y(y)))

    def _inverse_log_det_jacobian(self, y: Tensor) -> Tensor:
        y = self._y(y)
        return log(self.scale / (-log(y) * y))

    def _forward_log_det_jacobian(self, x: Tensor) -> Tensor:
        z = self._z(x)
        return -z - exp(-z) - log(self.scale)


class Kumaraswamy(Bijector):
    """y = (1 - (1 - x)^(1 / concentration0))^(1 / concentration1), for x between 0 and 1."""

    def __init__(
        self, concentration1: Any = None, concentration0: Any = None, validate_args: bool = False,
        name: str = "kumaraswamy",
    ) -> None:  # fmt: skip
        self.concentration1 = convert_to_tensor(concentration1, name="concentration1")
        self.concentration0 = convert_to_tensor(concentration0, name="concentration0")
        super().__init__(forward_min_event_ndims=0, validate_args=validate_args, name=name)

    def _within(self, t: Tensor) -> Tensor:
        return self._checked(t, assert_non_negative, lambda u: assert_less(u, 1.0))

    def _forward(self, x: Tensor) -> Tensor:
        x = self._within(x)
        return exp(log1p(-exp(log1p(-x) / self.concentration0)) / self.concentration1)

    def _inverse(self, y: Tensor) -> Tensor:
        y = self._within(y)
        return exp(log1p(-((1.0 - y**self.concentration1) ** self.concentration0)))

    def _inverse_log_det_jacobian(self, y: Tensor) -> Tensor:
        a, b = self.concentration1, self.concentration0
        y = self._within(y)
        return log(a) + log(b) + (a - 1.0) * log(y) + (b - 1.0) * log1p(-(y**a))


class SinhArcsinh(Bijector):
    """y = sinh((asinh(x) + skewness) * tailweight)."""

    def __init__(
        self, skewness: Any = None, tailweight: Any = None, validate_args: bool = False, name: str = "SinhArcsinh"
    ) -> None:
        self.skewness = convert_to_tensor(0.0 if skewness is None else skewness, name="skewness")
        weight = 1.0 if tailweight is None else tailweight
        self.tailweight = convert_to_tensor(weight, self.skewness.dtype, name="tailweight")
        super().__init__(forward_min_event_ndims=0, validate_args=validate_args, name=name)

    def _forward(self, x: Tensor) -> Tensor:
        return sinh((asinh(x) + self.skewness) * self.tailweight)

    def _inverse(self, y: Tensor) -> Tensor:
        return sinh(asinh(y) / self.tailweight - self.skewness)

    def _inverse_log_det_jacobian(self, y: Tensor) -> Tensor:
        back = asinh(y) / self.tailweight - self.skewness
        return log(cosh(back) / _sqrt_of_square_and_one(y)) - log(self.tailweight)

    def _forward_log_det_jacobian(self, x: Tensor) -> Tensor:
        there = (asinh(x) + self.skewness) * self.tailweight
        return log(cosh(there) / _sqrt_of_square_and_one(x)) + log(self.tailweight)


def _sqrt_of_square_and_one(x: Tensor) -> Tensor:
    """sqrt(x^2 + 1), also where x^2 overflows."""
    border = 1.0 / math.sqrt(np.finfo(x.dtype.as_numpy_dtype).eps)
    near = abs(x) <= border
    return where_v2(near, sqrt(square(where_v2(near, x, zeros_like(x))) + 1.0), abs(x))
