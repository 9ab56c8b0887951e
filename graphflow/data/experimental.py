"""`tf.data.experimental`: transformations for Dataset.apply."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from graphflow import nest
from graphflow.data.base import Base, Parts, Run, Unary, base_of
from graphflow.data.public import AUTOTUNE, Dataset, Options
from graphflow.data.structure import Spec
from graphflow.errors import InvalidArgumentError, OpError, ShapeError

__all__ = ["AUTOTUNE", "Options", "ignore_errors", "map_and_batch", "shuffle_and_repeat", "unbatch"]

Transformation = Callable[[Any], Dataset]


class _Unbatched(Unary):
    """The rows of each element."""

    def __init__(self, dataset: Base) -> None:
        super().__init__(dataset)
        flat = nest.flatten(dataset.specs)
        if any(s.sparse or s.dims == () for s in flat):
            raise ShapeError("only tensors with a first dimension are taken apart")
        self.specs = nest.map_structure(lambda s: Spec(None if s.dims is None else s.dims[1:], s.dtype), dataset.specs)

    def elements(self, run: Run) -> Iterator[Parts]:
        for parts in self.source.elements(run):
            if len({len(p) for p in parts}) > 1:
                raise InvalidArgumentError.because(f"the parts of an element have {[len(p) for p in parts]} rows")
            for i in range(len(parts[0])):
                yield [p[i, ...] for p in parts]


class _Lenient(Unary):
    """Without the elements that fail."""

    def elements(self, run: Run) -> Iterator[Parts]:
        source = self.source.elements(run)
        while True:
            try:
                yield next(source)
            except StopIteration:
                return
            except OpError:
                continue


def unbatch() -> Transformation:
    """Each row of an element is an element."""
    return lambda dataset: Dataset(_Unbatched(base_of(dataset)))


def ignore_errors() -> Transformation:
    """Leave out elements for which a function fails."""
    return lambda dataset: Dataset(_Lenient(base_of(dataset)))


def shuffle_and_repeat(buffer_size: Any, count: Any = None, seed: Any = None) -> Transformation:
    """shuffle and then repeat."""
    return lambda dataset: dataset.shuffle(buffer_size, seed).repeat(count)


def map_and_batch(
    map_func: Callable, batch_size: Any, num_parallel_batches: Any = None, drop_remainder: Any = False,
    num_parallel_calls: Any = None,
) -> Transformation:  # fmt: skip
    """map and then batch."""
    return lambda dataset: dataset.map(map_func).batch(batch_size, drop_remainder)
