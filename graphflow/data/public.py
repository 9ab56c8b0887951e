"""`tf.data.Dataset`, the datasets of files, and what belongs to them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from graphflow.data.ahead import Cache, Prefetch
from graphflow.data.base import Base, base_of
from graphflow.data.batches import Batch, PaddedBatch, Unbatched
from graphflow.data.iterator import Iterator, initializable, one_shot
from graphflow.data.mapped import Filter, FlatMap, Interleave, Map
from graphflow.data.order import Concatenate, Repeat, Shard, Shuffle, Skip, Take, Zip
from graphflow.data.reduction import reduced
from graphflow.data.sources import Generator, Range, Slices, Tensors
from graphflow.data.structure import nests
from graphflow.data.windows import Window
from graphflow.dtypes import int64, string
from graphflow.errors import GraphError
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.files import matching_files

AUTOTUNE = -1


class Dataset:
    """A recipe for elements: nests (tuples, dicts) of tensors.  Each method makes a new dataset; nothing runs yet."""

    def __init__(self, base: Base) -> None:
        self._base = base

    @property
    def output_types(self) -> Any:
        """The dtypes of an element, as a nest."""
        return nests(self._base.specs)[0]

    @property
    def output_shapes(self) -> Any:
        """The static shapes of an element, as a nest."""
        return nests(self._base.specs)[1]

    @property
    def output_classes(self) -> Any:
        """Tensor or SparseTensor for each part of an element, as a nest."""
        return nests(self._base.specs)[2]

    @property
    def element_spec(self) -> Any:
        return self._base.specs

    def __repr__(self) -> str:
        return f"<tf.data.Dataset {type(self._base).__name__} shapes: {self.output_shapes}, types: {self.output_types}>"

    # -- sources ---------------------------------------------------------------------------------------------------
    @staticmethod
    def from_tensors(tensors: Any) -> Dataset:
        """One element: these tensors."""
        return Dataset(Tensors(tensors))

    @staticmethod
    def from_tensor_slices(tensors: Any) -> Dataset:
        """The rows of tensors, which have as many each.   Raises: ValueError for scalars and other numbers of rows."""
        return Dataset(Slices(tensors))

    @staticmethod
    def from_generator(generator: Callable, output_types: Any, output_shapes: Any = None, args: Any = None) -> Dataset:
        """What the iterator that `generator(*args)` gives yields; it is called once for each pass."""
        return Dataset(Generator(generator, output_types, output_shapes, args))

    @staticmethod
    def range(*args: Any) -> Dataset:
        """The numbers (stop), (start, stop) or (start, stop, step): int64."""
        return Dataset(Range(*args))

    @staticmethod
    def zip(datasets: Any) -> Dataset:
        """Elements of a nest of datasets side by side, until one of them ends."""
        return Dataset(Zip(datasets))

    @staticmethod
    def list_files(file_pattern: Any, shuffle: bool | None = None, seed: int | None = None) -> Dataset:
        """The names of the files that fit a pattern, in random order unless `shuffle` is False."""
        names = Dataset.from_tensor_slices(matching_files(convert_to_tensor(file_pattern, string)))
        return names.shuffle(1 << 20, seed) if shuffle is None or shuffle else names

    # -- order and number ------------------------------------------------------------------------------------------
    def shuffle(self, buffer_size: Any, seed: Any = None, reshuffle_each_iteration: bool | None = None) -> Dataset:
        """Elements drawn from a buffer of this size; in a new order in each pass, unless that is False."""
        return Dataset(Shuffle(self._base, buffer_size, seed, reshuffle_each_iteration))

    def repeat(self, count: Any = None) -> Dataset:
        """All elements `count` times; without end for None and -1."""
        return Dataset(Repeat(self._base, -1 if count is None else count))

    def take(self, count: Any) -> Dataset:
        """The first elements; all for -1."""
        return Dataset(Take(self._base, count))

    def skip(self, count: Any) -> Dataset:
        """All but the first elements; none for -1."""
        return Dataset(Skip(self._base, count))

    def shard(self, num_shards: Any, index: Any) -> Dataset:
        """Every element whose number modulo `num_shards` is `index`."""
        return Dataset(Shard(self._base, num_shards, index))

    def concatenate(self, dataset: Any) -> Dataset:
        """These elements and then those.   Raises: TypeError for other structures or dtypes."""
        return Dataset(Concatenate(self._base, base_of(dataset)))

    def prefetch(self, buffer_size: Any) -> Dataset:
        """Elements made ahead of their use."""
        return Dataset(Prefetch(self._base, buffer_size))

    def cache(self, filename: Any = "") -> Dataset:
        """Elements that are made in the first pass only."""
        return Dataset(Cache(self._base, filename))

    # -- functions -------------------------------------------------------------------------------------------------
    def map(self, map_func: Callable, num_parallel_calls: Any = None) -> Dataset:
        """A function of each element, in their order.  The parts of a tuple are its arguments.

        It is called once, with tensors, and compiled; tensors from outside have the value from when the iterator began.
        """
        if not callable(map_func):
            raise GraphError(f"map needs a function of the elements, not {map_func!r}")
        return Dataset(Map(self._base, map_func))

    def flat_map(self, map_func: Callable) -> Dataset:
        """The elements of the datasets that a function makes of the elements, one dataset after the other."""
        return Dataset(FlatMap(self._base, map_func))

    def interleave(
        self, map_func: Callable, cycle_length: Any = AUTOTUNE, block_length: Any = 1, num_parallel_calls: Any = None
    ) -> Dataset:
        """As flat_map, with elements of `cycle_length` datasets in turns, `block_length` of each."""
        cycle = os.cpu_count() or 1 if isinstance(cycle_length, int) and cycle_length == AUTOTUNE else cycle_length
        return Dataset(Interleave(self._base, map_func, cycle, block_length))

    def filter(self, predicate: Callable) -> Dataset:
        """The elements for which a function gives True."""
        return Dataset(Filter(self._base, predicate))

    def apply(self, transformation_func: Callable) -> Any:
        """`transformation_func(dataset)`."""
        result = transformation_func(self)
        base_of(result)
        return result

    def enumerate(self, start: Any = 0) -> Dataset:
        """(number, element) pairs."""
        return Dataset.zip((Dataset.range(start, int64.max), self))

    def window(self, size: Any, shift: Any = None, stride: Any = 1, drop_remainder: Any = False) -> Dataset:
        """Datasets of `size` elements each, `stride` apart; the next one begins `shift` elements later.

        The elements have the structure of these, with a dataset for each component.
        """
        return Dataset(Window(self._base, size, shift, stride, drop_remainder, Dataset))

    def reduce(self, initial_state: Any, reduce_func: Callable) -> Any:
        """reduce_func(state, element) of one element after the other: a nest of tensors as `initial_state` is."""
        return reduced(self._base, initial_state, reduce_func)

    # -- batches ---------------------------------------------------------------------------------------------------
    def batch(self, batch_size: Any, drop_remainder: Any = False) -> Dataset:
        """Elements put together along a new first dimension; the last batch may be smaller, or is dropped."""
        return Dataset(Batch(self._base, batch_size, drop_remainder))

    def padded_batch(
        self, batch_size: Any, padded_shapes: Any, padding_values: Any = None, drop_remainder: Any = False
    ) -> Dataset:
        """As batch, with elements filled up to `padded_shapes`, where None means the largest of the batch."""
        return Dataset(PaddedBatch(self._base, batch_size, padded_shapes, padding_values, drop_remainder))

    def unbatch(self) -> Dataset:
        """Each row of an element is an element."""
        return Dataset(Unbatched(self._base))

    def options(self) -> Options:
        """Settings, which change nothing."""
        return Options()

    def with_options(self, options: Any) -> Dataset:
        """The same dataset: options change nothing."""
        return Dataset(self._base)

    # -- iterators -------------------------------------------------------------------------------------------------
    def make_one_shot_iterator(self) -> Iterator:
        """An iterator that begins by itself, once.   Raises: ValueError when there is a placeholder behind it."""
        return one_shot(self._base)

    def make_initializable_iterator(self, shared_name: str | None = None) -> Iterator:
        """An iterator that begins whenever its `initializer` runs."""
        return initializable(self._base, shared_name)

    def __iter__(self) -> Any:
        raise RuntimeError("a dataset has elements when a session runs: use make_one_shot_iterator().get_next()")


class Options:
    """Settings of datasets, which change nothing."""


def make_one_shot_iterator(dataset: Any) -> Iterator:
    """dataset.make_one_shot_iterator()."""
    return one_shot(base_of(dataset))


def make_initializable_iterator(dataset: Any, shared_name: str | None = None) -> Iterator:
    """dataset.make_initializable_iterator()."""
    return initializable(base_of(dataset), shared_name)


def get_output_types(dataset_or_iterator: Any) -> Any:
    """The dtypes of the elements, as a nest."""
    return dataset_or_iterator.output_types


def get_output_shapes(dataset_or_iterator: Any) -> Any:
    """The static shapes of the elements, as a nest."""
    return dataset_or_iterator.output_shapes


def get_output_classes(dataset_or_iterator: Any) -> Any:
    """Tensor or SparseTensor for each part of the elements, as a nest."""
    return dataset_or_iterator.output_classes
