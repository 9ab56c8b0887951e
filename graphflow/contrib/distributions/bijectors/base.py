"""What all bijectors share: y = forward(x), x = inverse(y), and how volumes change between the two."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from graphflow.default import control_dependencies, name_scope
from graphflow.dtypes import DType, int32
from graphflow.errors import GraphError
from graphflow.layers.base import snake_case
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import identity
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.fill import ones
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.shape_ops import rank, shape
from graphflow.ops.static import static_value
from graphflow.shape import TensorShape


class Bijector:
    """A differentiable function that can be turned back; of vectors or matrices where `..._min_event_ndims` says so.

    A subclass defines `_forward(x)`, `_inverse(y)`, and one or both of `_forward_log_det_jacobian(x)` and
    `_inverse_log_det_jacobian(y)`, which give a value for each event of the least number of dimensions.  One that
    changes shapes defines `_forward_event_shape(shape)`, `_inverse_event_shape(shape)` and the same with `_tensor`.
    """

    _is_injective = True  # when not, _inverse and _inverse_log_det_jacobian give a tuple: of all x with forward(x) == y

    def __init__(
        self, graph_parents: Any = None, is_constant_jacobian: bool = False, validate_args: bool = False,
        dtype: DType | None = None, forward_min_event_ndims: int | None = None,
        inverse_min_event_ndims: int | None = None, name: str | None = None,
    ) -> None:  # fmt: skip
        given = [n for n in (forward_min_event_ndims, inverse_min_event_ndims) if n is not None]
        if not given:
            raise GraphError("forward_min_event_ndims or inverse_min_event_ndims must be given")
        for n in given:
            if not isinstance(n, int):
                raise TypeError(f"the least number of dimensions of an event must be an int, not {n!r}")
            if n < 0:
                raise GraphError(f"the least number of dimensions of an event must be at least 0, not {n}")
        self.graph_parents = list(graph_parents or ())
        self.is_constant_jacobian, self.validate_args, self.dtype = is_constant_jacobian, validate_args, dtype
        self.forward_min_event_ndims = given[0]
        self.inverse_min_event_ndims = given[-1]
        self.name = name or snake_case(type(self).__name__.lstrip("_"))
        self._known: dict[Tensor, Tensor] = {}  # y of x and x of y: going back gives the same tensor

    @contextmanager
    def _scope(self, name: str, *values: Any) -> Iterator[None]:
        with name_scope(self.name), name_scope(name, None, list(values)):
            yield

    def _tensor(self, value: Any, name: str) -> Tensor:
        t = convert_to_tensor(value, name=name)
        if self.dtype is not None and t.dtype is not self.dtype:
            raise TypeError(f"{self.name} works on {self.dtype.name}, and {t!r} is {t.dtype.name}")
        return t

    # -- shapes --------------------------------------------------------------------------------------------------
    def _forward_event_shape(self, input_shape: TensorShape) -> Any:
        return input_shape

    def _inverse_event_shape(self, output_shape: TensorShape) -> Any:
        return output_shape

    def _forward_event_shape_tensor(self, input_shape: Tensor) -> Tensor:
        return input_shape

    def _inverse_event_shape_tensor(self, output_shape: Tensor) -> Tensor:
        return output_shape

    def forward_event_shape(self, input_shape: Any) -> TensorShape:
        """The static shape of y, of one event of this shape."""
        return TensorShape(self._forward_event_shape(TensorShape(input_shape)))

    def inverse_event_shape(self, output_shape: Any) -> TensorShape:
        """The static shape of x, of one event of this shape."""
        return TensorShape(self._inverse_event_shape(TensorShape(output_shape)))

    def forward_event_shape_tensor(self, input_shape: Any, name: str = "forward_event_shape_tensor") -> Tensor:
        with self._scope(name, input_shape):
            return self._forward_event_shape_tensor(convert_to_tensor(input_shape, int32, name="input_shape"))

    def inverse_event_shape_tensor(self, output_shape: Any, name: str = "inverse_event_shape_tensor") -> Tensor:
        with self._scope(name, output_shape):
            return self._inverse_event_shape_tensor(convert_to_tensor(output_shape, int32, name="output_shape"))

    # -- the function, both ways ---------------------------------------------------------------------------------
    def _forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError(f"{self.name} has no forward")

    def _inverse(self, y: Tensor) -> Any:
        raise NotImplementedError(f"{self.name} has no inverse")

    def _turned(self, function: Callable, value: Tensor, **kwargs: Any) -> Any:
        if not self._is_injective or kwargs:
            return function(value, **kwargs)
        if value not in self._known:
            result = function(value)
            self._known[value] = result
            self._known.setdefault(result, value)
        return self._known[value]

    def forward(self, x: Any, name: str = "forward", **kwargs: Any) -> Tensor:
        """y = f(x).   Gradient: x."""
        with self._scope(name, x):
            return self._turned(self._forward, self._tensor(x, "x"), **kwargs)

    def inverse(self, y: Any, name: str = "inverse", **kwargs: Any) -> Any:
        """The x with f(x) = y; a tuple of all of them where there are several.   Gradient: y."""
        with self._scope(name, y):
            return self._turned(self._inverse, self._tensor(y, "y"), **kwargs)

    # -- volumes -------------------------------------------------------------------------------------------------
    def _forward_log_det_jacobian(self, x: Tensor) -> Any:
        raise NotImplementedError(f"{self.name} has no forward_log_det_jacobian")

    def _inverse_log_det_jacobian(self, y: Tensor) -> Any:
        raise NotImplementedError(f"{self.name} has no inverse_log_det_jacobian")

    def _defines(self, method: str) -> bool:
        return getattr(type(self), method) is not getattr(Bijector, method)

    def inverse_log_det_jacobian(
        self, y: Any, event_ndims: int, name: str = "inverse_log_det_jacobian", **kwargs: Any
    ) -> Any:
        """log |det d inverse(y) / dy|, summed over events of so many dimensions.

        Raises: ValueError when events have fewer dimensions than the bijector needs.
        """
        with self._scope(name, y):
            return self._log_det(self._tensor(y, "y"), event_ndims, forward=False, kwargs=kwargs)

    def forward_log_det_jacobian(
        self, x: Any, event_ndims: int, name: str = "forward_log_det_jacobian", **kwargs: Any
    ) -> Tensor:
        """log |det d forward(x) / dx|, summed over events of so many dimensions.

        Raises: ValueError when events have fewer dimensions than the bijector needs; NotImplementedError where
                several x have one y.
        """
        if not self._is_injective:
            raise NotImplementedError(f"{self.name} has no forward_log_det_jacobian: several x have one y")
        with self._scope(name, x):
            return self._log_det(self._tensor(x, "x"), event_ndims, forward=True, kwargs=kwargs)

    def _log_det(self, value: Tensor, event_ndims: Any, forward: bool, kwargs: dict[str, Any]) -> Any:
        """By the method that is defined for this direction, or else by the other one at the other end."""
        least = self.forward_min_event_ndims if forward else self.inverse_min_event_ndims
        n = event_ndims if isinstance(event_ndims, int) else static_value(convert_to_tensor(event_ndims, int32))
        if n is None:
            raise GraphError("event_ndims must be known when the graph is made")
        if int(n) < least:
            raise GraphError(f"{self.name} needs events of at least {least} dimensions, not {int(n)}")
        ways = ("_forward", "_inverse") if forward else ("_inverse", "_forward")
        ours, other = (getattr(self, f"{way}_log_det_jacobian") for way in ways)
        if self._defines(f"{ways[0]}_log_det_jacobian"):
            found = ours(value, **kwargs)
            if isinstance(found, tuple):
                return tuple(self._summed(value, part, least, int(n)) for part in found)
            return self._summed(value, found, least, int(n))
        at = self._turned(getattr(self, ways[0]), value, **kwargs)
        least_there = self.inverse_min_event_ndims if forward else self.forward_min_event_ndims
        return self._summed(at, -other(at, **kwargs), least_there, int(n) + least_there - least)

    def _summed(self, value: Tensor, log_det: Tensor, least: int, event_ndims: int) -> Tensor:
        """Over the dimensions of an event that the bijector does not need itself."""
        if event_ndims == least:
            return log_det
        sizes = shape(value)
        n = rank(value)
        total: Tensor = reduce_sum(
            log_det * ones(sizes[n - event_ndims : n - least], log_det.dtype), list(range(least - event_ndims, 0))
        )
        if value.dims is not None and log_det.dims is not None:
            extra = max(0, len(log_det.dims) - (event_ndims - least))
            total.set_shape(TensorShape(log_det.dims[:extra]))
        return total

    def _checked(self, value: Tensor, *checks: Callable[[Tensor], Operation | None]) -> Tensor:
        """The same value, asserted when validate_args asks for it."""
        if not self.validate_args:
            return value
        with control_dependencies([op for op in (check(value) for check in checks) if op is not None]):
            return identity(value)

    def __repr__(self) -> str:
        return f"<tf.contrib.distributions.bijectors.{type(self).__name__} {self.name!r}>"


class VolumePreserving(Bijector):
    """A bijector under which volumes stay as they are."""

    def _forward_log_det_jacobian(self, x: Tensor) -> Tensor:
        return convert_to_tensor(0.0, x.dtype)

    def _inverse_log_det_jacobian(self, y: Tensor) -> Tensor:
        return convert_to_tensor(0.0, y.dtype)
