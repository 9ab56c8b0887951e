"""Helpers: what a decoder gets as its next input, and when a sequence has ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow import nest
from graphflow.dtypes import bool_, int32
from graphflow.errors import ShapeError
from graphflow.operation import Tensor
from graphflow.ops.argmax import argmax
from graphflow.ops.arithmetic import maximum, minimum
from graphflow.ops.arrange import tile
from graphflow.ops.basic import cast
from graphflow.ops.compare import equal
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.embedding import embedding_lookup
from graphflow.ops.indexing import gather
from graphflow.ops.join import concat
from graphflow.ops.random import multinomial, random_uniform
from graphflow.ops.select import where
from graphflow.ops.shape_ops import axis_size, shape, size
from graphflow.recurrent.unroll import time_first
from graphflow.shape import TensorShape


class Helper:
    """The base: `initialize() -> (finished, inputs)`, `sample(time, outputs, state) -> ids` and
    `next_inputs(time, outputs, state, sample_ids) -> (finished, inputs, state)`."""

    @property
    def batch_size(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define batch_size")

    @property
    def sample_ids_shape(self) -> TensorShape:
        return TensorShape([])

    @property
    def sample_ids_dtype(self) -> Any:
        return int32


class CustomHelper(Helper):
    """A helper of three functions, with the arguments of the methods of the same names."""

    def __init__(
        self, initialize_fn: Callable, sample_fn: Callable, next_inputs_fn: Callable, sample_ids_shape: Any = None,
        sample_ids_dtype: Any = None,
    ) -> None:  # fmt: skip
        self._initialize, self._sample, self._next = initialize_fn, sample_fn, next_inputs_fn
        self._ids_shape = TensorShape(sample_ids_shape or [])
        self._ids_dtype = sample_ids_dtype or int32
        self._batch_size: Any = None

    @property
    def batch_size(self) -> Any:
        if self._batch_size is None:
            raise ShapeError("batch_size is known after initialize()")
        return self._batch_size

    @property
    def sample_ids_shape(self) -> TensorShape:
        return self._ids_shape

    @property
    def sample_ids_dtype(self) -> Any:
        return self._ids_dtype

    def initialize(self, name: str | None = None) -> tuple[Tensor, Any]:
        finished, inputs = self._initialize()
        if self._batch_size is None:
            self._batch_size = size(finished)
        return finished, inputs

    def sample(self, time: Any, outputs: Any, state: Any, name: str | None = None) -> Any:
        return self._sample(time=time, outputs=outputs, state=state)

    def next_inputs(self, time: Any, outputs: Any, state: Any, sample_ids: Any, name: str | None = None) -> Any:
        return self._next(time=time, outputs=outputs, state=state, sample_ids=sample_ids)


class TrainingHelper(Helper):
    """The next inputs are those of the training data; the ids are those of the largest outputs.

    inputs           [batch, time, ...], or time first if time_major; or a nest of them
    sequence_length  int32 [batch]
    """

    def __init__(self, inputs: Any, sequence_length: Any, time_major: bool = False, name: str | None = None) -> None:
        given = nest.map_structure(lambda x: convert_to_tensor(x, name="inputs"), inputs)
        self._rows = given if time_major else nest.map_structure(time_first, given)
        self._lengths = cast(convert_to_tensor(sequence_length, name="sequence_length"), int32)
        if self._lengths.dims is not None and len(self._lengths.dims) != 1:
            raise ShapeError(f"sequence_length must be a vector, and has shape {self._lengths.shape}")
        self._inputs = given

    @property
    def inputs(self) -> Any:
        return self._inputs

    @property
    def sequence_length(self) -> Tensor:
        return self._lengths

    @property
    def batch_size(self) -> Any:
        return size(self._lengths)

    def _at(self, time: Any) -> Any:
        """The inputs of a step; of the last one beyond it, where nobody looks any more."""
        return nest.map_structure(lambda x: _row_at(x, time), self._rows)

    def initialize(self, name: str | None = None) -> tuple[Tensor, Any]:
        return equal(self._lengths, 0), self._at(convert_to_tensor(0))

    def sample(self, time: Any, outputs: Tensor, state: Any = None, name: str | None = None) -> Tensor:
        return cast(argmax(outputs, -1), int32)

    def next_inputs(
        self, time: Any, outputs: Any, state: Any, sample_ids: Any = None, name: str | None = None
    ) -> tuple[Tensor, Any, Any]:
        return time + 1 >= self._lengths, self._at(time + 1), state


def _row_at(x: Tensor, time: Any) -> Tensor:
    return gather(x, minimum(time, shape(x)[0] - 1))


def embedding_of(embedding: Any) -> Callable:
    """A function of ids for what may be the params of embedding_lookup."""
    return embedding if callable(embedding) else lambda ids: embedding_lookup(embedding, ids)


def tokens(start_tokens: Any, end_token: Any) -> tuple[Tensor, Tensor]:
    """What sequences begin with, [batch], and end with, [].   Raises: ValueError for other shapes."""
    start = convert_to_tensor(start_tokens, int32, name="start_tokens")
    end = convert_to_tensor(end_token, int32, name="end_token")
    if start.dims is not None and len(start.dims) != 1:
        raise ShapeError(f"start_tokens must be a vector, and has shape {start.shape}")
    if end.dims not in (None, ()):
        raise ShapeError(f"end_token must be a scalar, and has shape {end.shape}")
    return start, end


class GreedyEmbeddingHelper(Helper):
    """The next input is the embedding of the id with the largest output.

    embedding     a function of ids, or the params of embedding_lookup
    start_tokens  int32 [batch]
    end_token     int32 scalar: a sequence ends with it
    """

    def __init__(self, embedding: Any, start_tokens: Any, end_token: Any) -> None:
        self._embed = embedding_of(embedding)
        self._start, self._end = tokens(start_tokens, end_token)
        self._first = self._embed(self._start)

    @property
    def batch_size(self) -> Any:
        return axis_size(self._start, 0)

    def initialize(self, name: str | None = None) -> tuple[Tensor, Any]:
        return tile(convert_to_tensor([False]), [shape(self._start)[0]]), self._first

    def sample(self, time: Any, outputs: Any, state: Any, name: str | None = None) -> Tensor:
        if not isinstance(outputs, Tensor):
            raise TypeError(f"the outputs must be one tensor, not {type(outputs).__name__}")
        return cast(argmax(outputs, -1), int32)

    def next_inputs(
        self, time: Any, outputs: Any, state: Any, sample_ids: Tensor, name: str | None = None
    ) -> tuple[Tensor, Any, Any]:
        return equal(sample_ids, self._end), self._embed(sample_ids), state


class SampleEmbeddingHelper(GreedyEmbeddingHelper):
    """The next input is the embedding of an id that is drawn with the probabilities softmax(outputs / temperature)."""

    def __init__(
        self, embedding: Any, start_tokens: Any, end_token: Any, softmax_temperature: Any = None,
        seed: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(embedding, start_tokens, end_token)
        self._temperature, self._seed = softmax_temperature, seed

    def sample(self, time: Any, outputs: Any, state: Any, name: str | None = None) -> Tensor:
        if not isinstance(outputs, Tensor):
            raise TypeError(f"the outputs must be one tensor, not {type(outputs).__name__}")
        logits = outputs if self._temperature is None else outputs / self._temperature
        return cast(multinomial(logits, 1, seed=self._seed)[:, 0], int32)


class InferenceHelper(Helper):
    """The next input is made of what a function samples of the outputs.

    sample_fn       of the outputs: the ids, or whatever the next input is made of, of this shape and dtype
    start_inputs    the first inputs [batch, ...]
    end_fn          of what was sampled: bool [batch], which sequences end with it
    next_inputs_fn  of what was sampled: the next inputs; that itself when None
    """

    def __init__(
        self, sample_fn: Callable, sample_shape: Any, sample_dtype: Any, start_inputs: Any, end_fn: Callable,
        next_inputs_fn: Callable | None = None,
    ) -> None:  # fmt: skip
        self._sample, self._end, self._next = sample_fn, end_fn, next_inputs_fn or (lambda ids: ids)
        self._ids_shape, self._ids_dtype = TensorShape(sample_shape), sample_dtype
        self._first = convert_to_tensor(start_inputs, name="start_inputs")

    @property
    def batch_size(self) -> Any:
        return axis_size(self._first, 0)

    @property
    def sample_ids_shape(self) -> TensorShape:
        return self._ids_shape

    @property
    def sample_ids_dtype(self) -> Any:
        return self._ids_dtype

    def initialize(self, name: str | None = None) -> tuple[Tensor, Any]:
        return tile(convert_to_tensor([False]), [shape(self._first)[0]]), self._first

    def sample(self, time: Any, outputs: Any, state: Any, name: str | None = None) -> Any:
        return self._sample(outputs)

    def next_inputs(
        self, time: Any, outputs: Any, state: Any, sample_ids: Any, name: str | None = None
    ) -> tuple[Tensor, Any, Any]:
        return self._end(sample_ids), self._next(sample_ids), state


class ScheduledEmbeddingTrainingHelper(TrainingHelper):
    """As TrainingHelper, but with this probability the next input is the embedding of an id drawn from the outputs.

    sampling_probability   float scalar, or one for each sequence of the batch
    The ids are -1 where the training data go on.
    """

    def __init__(
        self, inputs: Any, sequence_length: Any, embedding: Any, sampling_probability: Any, time_major: bool = False,
        seed: int | None = None, scheduling_seed: int | None = None, name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(inputs, sequence_length, time_major, name)
        self._embed = embedding_of(embedding)
        self._chance = _probability(sampling_probability)
        self._seed, self._scheduling_seed = seed, scheduling_seed

    def sample(self, time: Any, outputs: Tensor, state: Any = None, name: str | None = None) -> Tensor:
        drawn = cast(multinomial(outputs, 1, seed=self._seed)[:, 0], int32)
        chosen = self._chance > random_uniform([self.batch_size], seed=self._scheduling_seed)
        return where(chosen, drawn, drawn * 0 - 1)

    def next_inputs(
        self, time: Any, outputs: Any, state: Any, sample_ids: Any = None, name: str | None = None
    ) -> tuple[Tensor, Any, Any]:
        finished, given, state = super().next_inputs(time, outputs, state)
        return finished, where(sample_ids >= 0, self._embed(maximum(sample_ids, 0)), given), state


class ScheduledOutputTrainingHelper(TrainingHelper):
    """As TrainingHelper, but with this probability the next input is what the outputs give.

    next_inputs_fn    of the outputs: the next inputs; the outputs themselves when None
    auxiliary_inputs  [batch, time, ...] like the inputs, joined with either kind of them
    The ids are bools: whether the outputs were taken.
    """

    def __init__(
        self, inputs: Any, sequence_length: Any, sampling_probability: Any, time_major: bool = False,
        seed: int | None = None, next_inputs_fn: Callable | None = None, auxiliary_inputs: Any = None,
        name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(inputs, sequence_length, time_major, name)
        self._more = None
        if auxiliary_inputs is not None:
            more = convert_to_tensor(auxiliary_inputs, name="auxiliary_inputs")
            self._more = more if time_major else time_first(more)
        self._chance, self._seed = _probability(sampling_probability), seed
        self._next = next_inputs_fn or (lambda outputs: outputs)

    @property
    def sample_ids_dtype(self) -> Any:
        return bool_

    def _joined(self, inputs: Any, time: Any) -> Any:
        return inputs if self._more is None else concat([inputs, _row_at(self._more, time)], -1)

    def initialize(self, name: str | None = None) -> tuple[Tensor, Any]:
        finished, first = super().initialize()
        return finished, self._joined(first, convert_to_tensor(0))

    def sample(self, time: Any, outputs: Tensor, state: Any = None, name: str | None = None) -> Tensor:
        return self._chance > random_uniform([self.batch_size], seed=self._seed)

    def next_inputs(
        self, time: Any, outputs: Any, state: Any, sample_ids: Any = None, name: str | None = None
    ) -> tuple[Tensor, Any, Any]:
        finished, given, state = super().next_inputs(time, outputs, state)
        return finished, self._joined(where(sample_ids, self._next(outputs), given), time + 1), state


def _probability(value: Any) -> Tensor:
    found = convert_to_tensor(value, name="sampling_probability")
    if found.dims is not None and len(found.dims) > 1:
        raise ShapeError(f"sampling_probability must be a scalar or a vector, and has shape {found.shape}")
    return found
