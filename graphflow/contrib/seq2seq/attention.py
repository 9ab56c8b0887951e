"""Attention mechanisms: how well each part of a memory answers a query."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow import initializers, nest
from graphflow.errors import ShapeError
from graphflow.layers.core import Dense
from graphflow.operation import Tensor
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.fill import zeros
from graphflow.ops.linalg import matmul
from graphflow.ops.math import rsqrt, square
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.select import where
from graphflow.ops.sequences import sequence_mask
from graphflow.ops.shape_ops import axis_size, expand_dims, reshape, shape, squeeze
from graphflow.ops.softmax import softmax
from graphflow.ops.trigonometry import tanh
from graphflow.shared_variables import get_variable
from graphflow.variable_scope import variable_scope


class AttentionMechanism:
    """The base: a memory [batch, time, depth], its keys, and weights over time for a query.

    memory_sequence_length  int [batch]: beyond it the memory is zero and its weights are
    probability_fn          from scores [batch, time] to weights; softmax by default
    Its state is the weights of the step before.
    """

    def __init__(
        self, query_layer: Any, memory_layer: Any, memory: Any, probability_fn: Callable | None,
        memory_sequence_length: Any = None, score_mask_value: float | None = None,
    ) -> None:  # fmt: skip
        self._query_layer, self._memory_layer = query_layer, memory_layer
        self._probability = probability_fn or softmax
        memory = nest.map_structure(lambda m: convert_to_tensor(m, name="memory"), memory)
        self._lengths = None
        if memory_sequence_length is not None:
            self._lengths = convert_to_tensor(memory_sequence_length, name="memory_sequence_length")
            mask = sequence_mask(self._lengths, shape(memory)[1], memory.dtype)
            extra = 0 if memory.dims is None else len(memory.dims) - 2
            memory = memory * reshape(mask, _with_ones(mask, extra))
        self._mask_value = -float("inf") if score_mask_value is None else score_mask_value
        self._values = memory
        self._keys = memory if memory_layer is None else memory_layer(memory)
        self._batch_size = axis_size(self._keys, 0)
        self._alignments_size = axis_size(self._keys, 1)

    @property
    def memory_layer(self) -> Any:
        return self._memory_layer

    @property
    def query_layer(self) -> Any:
        return self._query_layer

    @property
    def values(self) -> Tensor:
        return self._values

    @property
    def keys(self) -> Tensor:
        return self._keys

    @property
    def batch_size(self) -> Any:
        return self._batch_size

    @property
    def alignments_size(self) -> Any:
        return self._alignments_size

    @property
    def state_size(self) -> Any:
        return self._alignments_size

    def initial_alignments(self, batch_size: Any, dtype: Any) -> Tensor:
        """Zeros [batch, time]."""
        return zeros([batch_size, self._alignments_size], dtype)

    def initial_state(self, batch_size: Any, dtype: Any) -> Tensor:
        return self.initial_alignments(batch_size, dtype)

    def _weights(self, score: Tensor) -> Tensor:
        """Probabilities of the scores, zero beyond the end of the memory."""
        if self._lengths is not None:
            inside = sequence_mask(self._lengths, shape(score)[1])
            score = where(inside, score, score * 0 + convert_to_tensor(self._mask_value, score.dtype))
        return self._probability(score)


def _with_ones(mask: Tensor, extra: int) -> Any:
    sizes = shape(mask)
    return [sizes[0], sizes[1], *[1] * extra]


def _dense(units: int, name: str, dtype: Any) -> Dense:
    return Dense(units, name=name, use_bias=False, dtype=dtype)


class LuongAttention(AttentionMechanism):
    """score = query . key; scaled by a variable attention_g if `scale`.   num_units is the query's depth.

    Source: Luong et al., Effective Approaches to Attention-based Neural Machine Translation.
    """

    def __init__(
        self, num_units: int, memory: Any, memory_sequence_length: Any = None, scale: bool = False,
        probability_fn: Callable | None = None, score_mask_value: float | None = None, dtype: Any = None,
        custom_key_value_fn: Callable | None = None, name: str = "LuongAttention",
    ) -> None:  # fmt: skip
        super().__init__(None, _dense(num_units, "memory_layer", dtype), memory, probability_fn,
                         memory_sequence_length, score_mask_value)  # fmt: skip
        self._num_units, self._scale = num_units, scale
        if custom_key_value_fn is not None:
            self._keys, self._values = custom_key_value_fn(self._keys, self._values)

    def __call__(self, query: Tensor, state: Any) -> tuple[Tensor, Tensor]:
        """(weights [batch, time], next state) for a query [batch, num_units]."""
        with variable_scope(None, "luong_attention", [query]):
            depth, units = query.dims and query.dims[-1], self._keys.dims and self._keys.dims[-1]
            if depth != units:
                raise ShapeError(f"the query has depth {depth} and the keys {units}: num_units must be the query's")
            score = squeeze(matmul(expand_dims(query, 1), self._keys, transpose_b=True), [1])
            if self._scale:
                one = initializers.ones_initializer()
                score = get_variable("attention_g", [], query.dtype, one) * score
        weights = self._weights(score)
        return weights, weights


class BahdanauAttention(AttentionMechanism):
    """score = v . tanh(query + key), with a linear layer over the query.

    normalize  v is normalized and scaled by a variable attention_g, and attention_b is added inside
    Source: Bahdanau et al., Neural Machine Translation by Jointly Learning to Align and Translate.
    """

    def __init__(
        self, num_units: int, memory: Any, memory_sequence_length: Any = None, normalize: bool = False,
        probability_fn: Callable | None = None, score_mask_value: float | None = None, dtype: Any = None,
        custom_key_value_fn: Callable | None = None, name: str = "BahdanauAttention",
    ) -> None:  # fmt: skip
        super().__init__(_dense(num_units, "query_layer", dtype), _dense(num_units, "memory_layer", dtype), memory,
                         probability_fn, memory_sequence_length, score_mask_value)  # fmt: skip
        self._num_units, self._normalize = num_units, normalize
        if custom_key_value_fn is not None:
            self._keys, self._values = custom_key_value_fn(self._keys, self._values)

    def __call__(self, query: Tensor, state: Any) -> tuple[Tensor, Tensor]:
        """(weights [batch, time], next state) for a query [batch, depth]."""
        with variable_scope(None, "bahdanau_attention", [query]):
            query = expand_dims(self._query_layer(query), 1)
            v = get_variable("attention_v", [self._num_units], query.dtype)
            if self._normalize:
                scale = initializers.constant_initializer((1.0 / self._num_units) ** 0.5)
                g = get_variable("attention_g", [], query.dtype, scale)
                b = get_variable("attention_b", [self._num_units], query.dtype, initializers.zeros_initializer())
                v = g * v * rsqrt(reduce_sum(square(v)))
                query = query + b
            score = reduce_sum(v * tanh(self._keys + query), [2])
        weights = self._weights(score)
        return weights, weights
