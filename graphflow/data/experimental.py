"""`tf.data.experimental`: transformations for Dataset.apply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow import nest
from graphflow.data import reduction
from graphflow.data.base import ENDLESS, UNKNOWN, base_of
from graphflow.data.batches import Lenient
from graphflow.data.csv import CsvDataset, make_csv_dataset
from graphflow.data.mapped import TakeWhile
from graphflow.data.order import Chosen, Unique
from graphflow.data.public import AUTOTUNE, Dataset, Options
from graphflow.data.saving import make_saveable_from_iterator
from graphflow.data.structure import shapes_like
from graphflow.data.windows import GroupByWindow
from graphflow.dtypes import as_dtype, float32, int32, int64
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.assertions import Assert
from graphflow.ops.casts import cast
from graphflow.ops.compare import greater_equal, less
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.indexing import gather
from graphflow.ops.join import stack
from graphflow.ops.math import log
from graphflow.ops.random import multinomial
from graphflow.ops.reduce import reduce_sum
from graphflow.shape import as_dims

__all__ = [
    "AUTOTUNE", "Counter", "CsvDataset", "Options", "bucket_by_sequence_length", "cardinality",
    "choose_from_datasets", "enumerate_dataset", "group_by_window", "ignore_errors", "make_csv_dataset",
    "make_saveable_from_iterator", "map_and_batch", "parallel_interleave", "sample_from_datasets",
    "shuffle_and_repeat", "take_while", "unbatch", "unique",
]  # fmt: skip

INFINITE_CARDINALITY, UNKNOWN_CARDINALITY = ENDLESS, UNKNOWN

Transformation = Callable[[Any], Dataset]


def unbatch() -> Transformation:
    """Each row of an element is an element."""
    return lambda dataset: dataset.unbatch()


def parallel_interleave(
    map_func: Callable, cycle_length: Any, block_length: Any = 1, sloppy: Any = False,
    buffer_output_elements: Any = None, prefetch_input_elements: Any = None,
) -> Transformation:  # fmt: skip
    """interleave, in its own order also where `sloppy` allows another."""
    return lambda dataset: dataset.interleave(map_func, cycle_length, block_length)


def enumerate_dataset(start: Any = 0) -> Transformation:
    """Each element with its number: (int64, element)."""
    return lambda dataset: dataset.enumerate(start)


def take_while(predicate: Callable) -> Transformation:
    """The elements before the first for which `predicate`, element -> bool, is False."""
    return lambda dataset: Dataset(TakeWhile(base_of(dataset), predicate))


def unique() -> Transformation:
    """The first of equal elements, which are one int32, int64 or string tensor each."""
    return lambda dataset: Dataset(Unique(base_of(dataset)))


def Counter(start: int = 0, step: int = 1, dtype: Any = int64) -> Dataset:
    """start, start + step, ... without end."""
    numbers = Dataset.range(1).repeat().enumerate().map(lambda i, _: i * step + start)
    return numbers if as_dtype(dtype) is int64 else numbers.map(lambda i: cast(i, dtype))


def choose_from_datasets(datasets: Sequence[Any], choice_dataset: Any) -> Dataset:
    """The next element of the dataset whose number is the next element of `choice_dataset`, int64.

    Raises: TypeError for datasets of different structures or other choices, ValueError without datasets.
    """
    return Dataset(Chosen(base_of(choice_dataset), [base_of(d) for d in datasets]))


def sample_from_datasets(datasets: Sequence[Any], weights: Any = None, seed: int | None = None) -> Dataset:
    """Elements of datasets that are drawn with these probabilities, equal ones by default, until all have ended.

    Raises: ValueError when there are more or fewer weights than datasets.
    """
    likely = [1.0] * len(datasets) if weights is None else list(weights)
    if len(likely) != len(datasets):
        raise GraphError(f"{len(datasets)} datasets need as many weights, not {len(likely)}")
    logits = log(convert_to_tensor([likely], float32))
    choices = Dataset.range(1).repeat().map(lambda _: multinomial(logits, 1, seed)[0, 0])
    return choose_from_datasets(datasets, choices)


def ignore_errors() -> Transformation:
    """Leave out elements for which a function fails."""
    return lambda dataset: Dataset(Lenient(base_of(dataset)))


def shuffle_and_repeat(buffer_size: Any, count: Any = None, seed: Any = None) -> Transformation:
    """shuffle and then repeat."""
    return lambda dataset: dataset.shuffle(buffer_size, seed).repeat(count)


def map_and_batch(
    map_func: Callable, batch_size: Any, num_parallel_batches: Any = None, drop_remainder: Any = False,
    num_parallel_calls: Any = None,
) -> Transformation:  # fmt: skip
    """map and then batch."""
    return lambda dataset: dataset.map(map_func).batch(batch_size, drop_remainder)


def batch_and_drop_remainder(batch_size: Any) -> Transformation:
    """batch without a smaller one at the end: from before `batch` had drop_remainder."""
    return lambda dataset: dataset.batch(batch_size, drop_remainder=True)


def padded_batch_and_drop_remainder(batch_size: Any, padded_shapes: Any, padding_values: Any = None) -> Transformation:
    """padded_batch without a smaller one at the end."""
    return lambda dataset: dataset.padded_batch(batch_size, padded_shapes, padding_values, drop_remainder=True)


def cardinality(dataset: Any) -> Tensor:
    """How many elements a dataset has: int64, INFINITE_CARDINALITY or UNKNOWN_CARDINALITY where that is no number."""
    return reduction.cardinality(base_of(dataset))


def group_by_window(
    key_func: Callable, reduce_func: Callable, window_size: Any = None, window_size_func: Callable | None = None
) -> Transformation:
    """Elements with the same key, `window_size` at a time, and what is left at the end, through a function.

    key_func     element -> int64
    reduce_func  (key, dataset of the elements) -> dataset
    """
    if (window_size is None) == (window_size_func is None):
        raise GraphError("give either window_size or window_size_func")
    size = window_size_func or (lambda key: convert_to_tensor(window_size, int64))
    return lambda dataset: Dataset(GroupByWindow(base_of(dataset), key_func, reduce_func, size, Dataset))


def bucket_by_sequence_length(
    element_length_func: Callable, bucket_boundaries: Sequence[int], bucket_batch_sizes: Sequence[int],
    padded_shapes: Any = None, padding_values: Any = None, pad_to_bucket_boundary: bool = False,
    no_padding: bool = False, drop_remainder: bool = False,
) -> Transformation:  # fmt: skip
    """Batches of elements of like length: those below the first boundary, those from it to the second, and so on.

    element_length_func      element -> int32
    bucket_batch_sizes       one more than there are boundaries
    pad_to_bucket_boundary   fill up to the boundary less one, not to the longest of the batch
    Raises: ValueError when the numbers of boundaries and sizes do not go together.
    """
    bounds = [int(b) for b in bucket_boundaries]
    if len(bucket_batch_sizes) != len(bounds) + 1:
        raise GraphError(f"{len(bounds)} boundaries need {len(bounds) + 1} batch sizes, not {len(bucket_batch_sizes)}")
    sizes = convert_to_tensor([int(s) for s in bucket_batch_sizes], int64)

    def key(*element: Any) -> Tensor:
        length = cast(element_length_func(*element), int32)
        return reduce_sum(cast(greater_equal(length, convert_to_tensor(bounds, int32)), int64))

    def batch(bucket: Tensor, elements: Dataset) -> Dataset:
        size = gather(sizes, bucket)
        if no_padding:
            return elements.batch(size, drop_remainder)
        shapes: Any = padded_shapes if padded_shapes is not None else elements.output_shapes
        if pad_to_bucket_boundary:
            check = Assert(less(bucket, len(bounds)), ["an element is as long as the last boundary, or longer"])
            with bucket.graph.control_dependencies([check]):
                last = gather(convert_to_tensor(bounds, int64), bucket) - 1
            specs = nest.flatten(elements._base.specs)
            filled = [_filled(as_dims(shape), last) for shape in shapes_like(elements._base.specs, shapes)]
            shapes = nest.pack_sequence_as(elements._base.specs, filled) if len(specs) > 1 else filled[0]
        return elements.padded_batch(size, shapes, padding_values, drop_remainder)

    return group_by_window(key, batch, window_size_func=lambda bucket: gather(sizes, bucket))


def _filled(dims: Any, size: Tensor) -> Tensor:
    """A shape with this size where it has none."""
    return stack([size if d is None else convert_to_tensor(d, int64) for d in dims]) if dims else (
        convert_to_tensor([], int64))  # fmt: skip
