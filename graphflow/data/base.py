"""What datasets are made of: the recipe for an iterator, and what it needs to run."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from graphflow import nest
from graphflow.data.blocks import Block, Parts, in_ones
from graphflow.data.function import Function, compiled
from graphflow.dtypes import DType, int64
from graphflow.errors import InvalidArgumentError
from graphflow.operation import Program, Tensor
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.seeds import key_of
from graphflow.shape import merge
from graphflow.store import Store

ENDLESS, UNKNOWN = -1, -2  # cardinalities


class Run:
    """What datasets need to make elements: the session's store, and the values of their tensors.

    entropy  what random orders without seeds are made from: the same number gives the same elements
    threads  how many may run a function together; 0 leaves it to the session
    shared   what datasets keep from one pass over the elements to the next
    """

    def __init__(self, store: Store, values: dict[Tensor, np.ndarray], entropy: int, threads: int = 0) -> None:
        self.store = store
        self.values = values
        self.entropy = entropy
        self.threads = threads
        self.shared: dict[Any, Any] = {}

    def inside(self, tensors: Sequence[Tensor], values: Sequence[np.ndarray], number: int) -> Run:
        """The run of the dataset of that number that a function makes, with values of more tensors."""
        more = dict(zip(tensors, values, strict=True))
        return Run(self.store, {**self.values, **more}, key_of(self.entropy, number), self.threads)

    def beside(self) -> Run:
        """The same in a thread beside the session's runs, which have the team of threads to themselves."""
        run = Run(self.store, self.values, self.entropy, threads=1)
        run.shared = self.shared
        return run

    def of(self, tensors: Sequence[Tensor]) -> list[np.ndarray]:
        return [self.values[t] for t in tensors]


class Base(ABC):
    """A dataset.

    specs    a nest of Specs: what the elements look like
    inputs   the datasets that it takes elements from
    """

    specs: Any
    inputs: tuple[Base, ...] = ()

    @property
    def rows(self) -> Program | None:
        """What gives several elements, put together, for their indices and `row_values`.

        None unless they are rows of arrays that are in memory, or made of such.
        """
        return None

    def own_tensors(self) -> list[Tensor]:
        """The tensors whose values an iterator needs before it begins."""
        return []

    def functions(self) -> list[Function]:
        """The functions of elements that it uses."""
        return []

    def tensors(self) -> list[Tensor]:
        """Those of this dataset, of its functions, and of all that it is made of."""
        found = dict.fromkeys([*self.own_tensors(), *[t for f in self.functions() for t in f.captured]])
        for dataset in self.inputs:
            found.update(dict.fromkeys(dataset.tensors()))
        return list(found)

    @abstractmethod
    def elements(self, run: Run) -> Iterator[Parts]:
        """The elements, once."""

    def row_values(self, run: Run) -> list[np.ndarray]:
        """The arrays, and what else the program of rows needs."""
        return []

    def blocks(self, run: Run) -> Iterator[Block]:
        """Items, once: something for each element, such as the index of a row, that is cheaper to put together."""
        return in_ones(self.elements(run))

    def joining(self, run: Run) -> Callable[[Block], Parts]:
        """What puts the elements of several items together along a new first dimension."""
        if self.rows is None:
            return self.joined
        call, values = compiled(self.rows, run.store, run.threads), self.row_values(run)
        return lambda indices: call([np.ascontiguousarray(indices), *values])

    def joined(self, several: Block) -> Parts:
        """One element of several."""
        columns = iter(zip(*several, strict=True))
        out: Parts = []
        for spec in nest.flatten(self.specs):
            out += _stacked_sparse(columns) if spec.sparse else [_stacked(next(columns))]
        return out

    def after(self, run: Run, count: int) -> Iterator[Parts]:
        """The elements without the first ones, which need not be made unless something depends on that."""
        return itertools.islice(self.elements(run), count, None)

    def cardinality(self, run: Run) -> int:
        """How many elements there are: ENDLESS or UNKNOWN where that is no number."""
        return UNKNOWN


def _stacked(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Arrays of one shape put together."""
    shapes = {p.shape for p in parts}
    if len(shapes) > 1:
        raise InvalidArgumentError.because(f"elements of shapes {sorted(shapes)} cannot be batched: see padded_batch")
    return np.stack(parts)


def _stacked_sparse(columns: Iterator[Sequence[np.ndarray]]) -> Parts:
    indices, values, shapes = next(columns), next(columns), next(columns)
    rows = [np.insert(found, 0, i, axis=1) for i, found in enumerate(indices)]
    largest = np.max(np.stack(shapes), axis=0)
    return [np.concatenate(rows), np.concatenate(values), np.array([len(rows), *largest], np.int64)]


def every_function(dataset: Base) -> Iterator[Function]:
    """The functions of a dataset and of all that it is made of."""
    for function in dataset.functions():
        yield function
        if isinstance(function.result, Base):
            yield from every_function(function.result)
    for source in dataset.inputs:
        yield from every_function(source)


def base_of(dataset: Any) -> Base:
    """What a public Dataset stands for.   Raises: TypeError for anything else."""
    found = getattr(dataset, "_base", None)
    if not isinstance(found, Base):
        raise TypeError(f"a dataset is expected, not {dataset!r}")
    return found


def number(value: Any, dtype: DType = int64, name: str = "count") -> Tensor:
    """A scalar tensor of a whole number."""
    tensor = convert_to_tensor(value, dtype, name)
    merge(tensor.dims, ())
    return tensor


class Unary(Base):
    """A dataset that changes the order or number of the elements of another."""

    def __init__(self, dataset: Base) -> None:
        self.inputs = (dataset,)
        self.specs = dataset.specs

    @property
    def source(self) -> Base:
        return self.inputs[0]
