"""Bijectors made of others, or of functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow.contrib.distributions.bijectors.base import Bijector, VolumePreserving
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.basic import cast
from graphflow.shape import TensorShape


def _require_injective(bijector: Bijector) -> None:
    if not bijector._is_injective:
        raise NotImplementedError(f"{bijector!r} has several x for one y, and cannot be composed")


class Invert(Bijector):
    """The other way round: forward is the inverse of `bijector`."""

    def __init__(self, bijector: Bijector, validate_args: bool = False, name: str | None = None) -> None:
        _require_injective(bijector)
        self.bijector = bijector
        super().__init__(
            graph_parents=bijector.graph_parents, is_constant_jacobian=bijector.is_constant_jacobian,
            validate_args=validate_args, dtype=bijector.dtype,
            forward_min_event_ndims=bijector.inverse_min_event_ndims,
            inverse_min_event_ndims=bijector.forward_min_event_ndims, name=name or f"invert_{bijector.name}",
        )  # fmt: skip

    def _forward_event_shape(self, input_shape: TensorShape) -> TensorShape:
        return self.bijector._inverse_event_shape(input_shape)

    def _inverse_event_shape(self, output_shape: TensorShape) -> TensorShape:
        return self.bijector._forward_event_shape(output_shape)

    def _forward_event_shape_tensor(self, input_shape: Tensor) -> Tensor:
        return self.bijector._inverse_event_shape_tensor(input_shape)

    def _inverse_event_shape_tensor(self, output_shape: Tensor) -> Tensor:
        return self.bijector._forward_event_shape_tensor(output_shape)

    def _forward(self, x: Tensor, **kwargs: Any) -> Tensor:
        return self.bijector.inverse(x, **kwargs)

    def _inverse(self, y: Tensor, **kwargs: Any) -> Tensor:
        return self.bijector.forward(y, **kwargs)

    def _log_det(self, value: Tensor, event_ndims: Any, forward: bool, kwargs: dict[str, Any]) -> Tensor:
        return self.bijector._log_det(value, event_ndims, not forward, kwargs)


class Chain(Bijector):
    """bijectors[0](bijectors[1](...(x))): the last one comes first."""

    def __init__(
        self, bijectors: Sequence[Bijector] | None = None, validate_args: bool = False, name: str | None = None
    ) -> None:
        self.bijectors = list(bijectors or ())
        for b in self.bijectors:
            _require_injective(b)
        dtypes = {b.dtype for b in self.bijectors if b.dtype is not None}
        if len(dtypes) > 1:
            raise GraphError(f"the bijectors have several dtypes: {', '.join(sorted(d.name for d in dtypes))}")
        super().__init__(
            graph_parents=[p for b in self.bijectors for p in b.graph_parents],
            is_constant_jacobian=all(b.is_constant_jacobian for b in self.bijectors), validate_args=validate_args,
            dtype=next(iter(dtypes), None),
            forward_min_event_ndims=_least_dimensions(
                [(b.forward_min_event_ndims, b.inverse_min_event_ndims) for b in reversed(self.bijectors)]
            ),
            inverse_min_event_ndims=_least_dimensions(
                [(b.inverse_min_event_ndims, b.forward_min_event_ndims) for b in self.bijectors]
            ),
            name=name or "_of_".join(["chain", *(b.name for b in self.bijectors)] if self.bijectors else ["identity"]),
        )  # fmt: skip

    def _forward_event_shape(self, input_shape: TensorShape) -> TensorShape:
        for b in reversed(self.bijectors):
            input_shape = b.forward_event_shape(input_shape)
        return input_shape

    def _inverse_event_shape(self, output_shape: TensorShape) -> TensorShape:
        for b in self.bijectors:
            output_shape = b.inverse_event_shape(output_shape)
        return output_shape

    def _forward_event_shape_tensor(self, input_shape: Tensor) -> Tensor:
        for b in reversed(self.bijectors):
            input_shape = b.forward_event_shape_tensor(input_shape)
        return input_shape

    def _inverse_event_shape_tensor(self, output_shape: Tensor) -> Tensor:
        for b in self.bijectors:
            output_shape = b.inverse_event_shape_tensor(output_shape)
        return output_shape

    def _forward(self, x: Tensor, **kwargs: Any) -> Tensor:
        """kwargs   {name of a bijector: its arguments}"""
        for b in reversed(self.bijectors):
            x = b.forward(x, **kwargs.get(b.name, {}))
        return x

    def _inverse(self, y: Tensor, **kwargs: Any) -> Tensor:
        for b in self.bijectors:
            y = b.inverse(y, **kwargs.get(b.name, {}))
        return y

    def _event_shape(self, value: Tensor, event_ndims: int) -> TensorShape:
        dims = value.dims
        if dims is None:
            return TensorShape([None] * event_ndims)
        return TensorShape(dims[len(dims) - event_ndims :])

    def _inverse_log_det_jacobian(self, y: Tensor, **kwargs: Any) -> Tensor:
        total = cast(0.0, y.dtype)
        event = self._event_shape(y, self.inverse_min_event_ndims)
        for b in self.bijectors:
            given = kwargs.get(b.name, {})
            total = total + b.inverse_log_det_jacobian(y, event_ndims=_rank_of(event, b), **given)
            event, y = b.inverse_event_shape(event), b.inverse(y, **given)
        return total

    def _forward_log_det_jacobian(self, x: Tensor, **kwargs: Any) -> Tensor:
        total = cast(0.0, x.dtype)
        event = self._event_shape(x, self.forward_min_event_ndims)
        for b in reversed(self.bijectors):
            given = kwargs.get(b.name, {})
            total = total + b.forward_log_det_jacobian(x, event_ndims=_rank_of(event, b), **given)
            event, x = b.forward_event_shape(event), b.forward(x, **given)
        return total


def _rank_of(event: TensorShape, bijector: Bijector) -> int:
    if event.ndims is None:
        raise GraphError(f"the rank of the events of {bijector!r} must be known when the graph is made")
    return event.ndims


def _least_dimensions(ends: Sequence[tuple[int, int]]) -> int:
    """Of the events that go in, so that each of (least in, least out) in turn has what it needs."""
    least = 0
    there = 0  # what the events that reach the next one have, of the least
    for taken, given in ends:
        least += max(0, taken - there)
        there = max(taken, there) + given - taken
    return least


class Identity(VolumePreserving):
    """y = x."""

    def __init__(self, validate_args: bool = False, name: str = "identity") -> None:
        super().__init__(forward_min_event_ndims=0, is_constant_jacobian=True, validate_args=validate_args, name=name)

    def _forward(self, x: Tensor) -> Tensor:
        return x

    def _inverse(self, y: Tensor) -> Tensor:
        return y


class Inline(Bijector):
    """A bijector of functions; what needs one that is not given raises NotImplementedError."""

    def __init__(
        self, forward_fn: Callable | None = None, inverse_fn: Callable | None = None,
        inverse_log_det_jacobian_fn: Callable | None = None, forward_log_det_jacobian_fn: Callable | None = None,
        forward_event_shape_fn: Callable | None = None, forward_event_shape_tensor_fn: Callable | None = None,
        inverse_event_shape_fn: Callable | None = None, inverse_event_shape_tensor_fn: Callable | None = None,
        is_constant_jacobian: bool = False, validate_args: bool = False, forward_min_event_ndims: int | None = None,
        inverse_min_event_ndims: int | None = None, name: str = "inline",
    ) -> None:  # fmt: skip
        super().__init__(
            is_constant_jacobian=is_constant_jacobian, validate_args=validate_args, name=name,
            forward_min_event_ndims=forward_min_event_ndims, inverse_min_event_ndims=inverse_min_event_ndims,
        )  # fmt: skip
        self._functions = {
            "_forward": forward_fn, "_inverse": inverse_fn,
            "_inverse_log_det_jacobian": inverse_log_det_jacobian_fn,
            "_forward_log_det_jacobian": forward_log_det_jacobian_fn,
            "_forward_event_shape": forward_event_shape_fn,
            "_forward_event_shape_tensor": forward_event_shape_tensor_fn,
            "_inverse_event_shape": inverse_event_shape_fn,
            "_inverse_event_shape_tensor": inverse_event_shape_tensor_fn,
        }  # fmt: skip
        for method, function in self._functions.items():
            if function is not None:
                setattr(self, method, function)

    def _defines(self, method: str) -> bool:
        return self._functions[method] is not None
