"""RNNCell: one step of a recurrent network."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from graphflow import nest
from graphflow.dtypes import int32
from graphflow.errors import GraphError
from graphflow.graph import get_default_graph
from graphflow.layers.base import Layer
from graphflow.layers.named import activation as named_activation
from graphflow.operation import Tensor
from graphflow.ops.basic import cast
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.fill import zeros
from graphflow.ops.join import stack
from graphflow.ops.shape_ops import axis_size
from graphflow.ops.static import static_value
from graphflow.ops.trigonometry import tanh
from graphflow.shape import TensorShape

LSTMStateTuple = namedtuple("LSTMStateTuple", "c h")
LSTMStateTuple.__doc__ = "The state of an LSTM: the cell c and the output h, both [batch, units]."
LSTMStateTuple.dtype = property(lambda self: self.c.dtype)  # type: ignore[attr-defined]


class RNNCell(Layer):
    """The base of cells.  A subclass defines `state_size`, `output_size` and `call(inputs, state)`.

    state_size   an int or TensorShape, or a nest of them: the sizes of the state without the batch
    output_size  likewise for the output
    """

    def __init__(self, trainable: bool = True, name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        reuse = kwargs.pop("reuse", kwargs.pop("_reuse", None))
        super().__init__(trainable=trainable, name=name, dtype=dtype, _reuse=reuse, **kwargs)

    @property
    def state_size(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define state_size")

    @property
    def output_size(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define output_size")

    def __call__(self, inputs: Any, state: Any = None, scope: Any = None, *args: Any, **kwargs: Any) -> Any:
        """(output, next state): inputs [batch, size], state as `state_size` says."""
        if scope is not None:
            kwargs["scope"] = scope
        return super().__call__(inputs, state, *args, **kwargs)

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """Zeros for the state: [batch_size, *size] for each part."""
        graph = get_default_graph()
        with graph.name_scope(f"{type(self).__name__}ZeroState"):
            return zero_state(self.state_size, batch_size, dtype)

    def get_initial_state(self, inputs: Any = None, batch_size: Any = None, dtype: Any = None) -> Any:
        """zero_state, with batch size and dtype of the inputs where these are given."""
        if inputs is not None:
            t = convert_to_tensor(inputs, name="inputs")
            batch_size, dtype = axis_size(t, 0), t.dtype
        if batch_size is None or dtype is None:
            raise GraphError("an initial state needs inputs, or batch_size and dtype")
        return self.zero_state(batch_size, dtype)


class UnitsCell(RNNCell):
    """A cell whose state is as large as its output: [batch, num_units] both."""

    def __init__(self, num_units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._num_units = num_units

    @property
    def state_size(self) -> Any:
        return self._num_units

    @property
    def output_size(self) -> int:
        return self._num_units


class LSTMUnitsCell(UnitsCell):
    """A cell whose state is (c, h), each as large as its output: [batch, num_units] all three."""

    @property
    def state_size(self) -> LSTMStateTuple:
        return LSTMStateTuple(self._num_units, self._num_units)


def zero_state(state_size: Any, batch_size: Any, dtype: Any) -> Any:
    """Zeros [batch_size, *size] for each size of a nest; one dtype for all, or a nest of them."""
    flat = nest.flatten(state_size)
    kinds = nest.flatten(dtype) if nest.is_nested(dtype) else [dtype] * len(flat)
    return nest.pack_sequence_as(
        state_size, [zeros(with_batch(batch_size, size), kind) for size, kind in zip(flat, kinds, strict=True)]
    )


def with_batch(batch_size: Any, size: Any) -> Any:
    """[batch_size, *size] as a shape: a list of ints, or a tensor where the batch size is one."""
    inner = sizes_of(size)
    known = batch_size if not isinstance(batch_size, Tensor) else static_value(batch_size)
    if known is not None:
        return [int(known), *inner]
    return stack([cast(batch_size, int32), *inner])


def sizes_of(size: Any) -> list[int]:
    """The sizes that an int, a TensorShape or a list of ints stands for."""
    if isinstance(size, TensorShape):
        return [int(d) for d in size]
    return list(size) if isinstance(size, (list, tuple)) else [int(size)]


def activation_or_tanh(activation: Any) -> Any:
    return tanh if activation is None else named_activation(activation)
