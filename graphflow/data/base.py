"""What datasets are made of: the recipe for an iterator, and what it needs to run."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphflow import nest
from graphflow.data.function import Function
from graphflow.dtypes import DType, int64
from graphflow.errors import InvalidArgumentError
from graphflow.operation import Tensor
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.seeds import key_of
from graphflow.shape import merge
from graphflow.store import Store

Parts = list[np.ndarray]  # one element: the values of its tensors
ENDLESS, UNKNOWN = -1, -2  # cardinalities


class Run:
    """What datasets need to make elements: the session's store, and the values of their tensors.

    entropy  what random orders without seeds are made from: the same number gives the same elements
    shared   what datasets keep from one pass over the elements to the next
    """

    def __init__(self, store: Store, values: dict[Tensor, np.ndarray], entropy: int) -> None:
        self.store = store
        self.values = values
        self.entropy = entropy
        self.shared: dict[Any, Any] = {}

    def inside(self, tensors: Sequence[Tensor], values: Sequence[np.ndarray], number: int) -> Run:
        """The run of the dataset of that number that a function makes, with values of more tensors."""
        more = dict(zip(tensors, values, strict=True))
        return Run(self.store, {**self.values, **more}, key_of(self.entropy, number))

    def of(self, tensors: Sequence[Tensor]) -> list[np.ndarray]:
        return [self.values[t] for t in tensors]


class Items(NamedTuple):
    """Elements before they are put together.

    items      something for each element: the index of a row, a record, or the element itself
    joined     the elements of several items, put together along a new first dimension
    in_memory  the items are indices of rows of arrays
    """

    items: Iterator[Any]
    joined: Callable[[list], Parts]
    in_memory: bool = False


class Base(ABC):
    """A dataset.

    specs    a nest of Specs: what the elements look like
    inputs   the datasets that it takes elements from
    """

    specs: Any
    inputs: tuple[Base, ...] = ()

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

    def items(self, run: Run) -> Items:
        """The elements in a form that is cheaper to put together, where there is one."""
        return Items(self.elements(run), self.joined)

    def joined(self, several: list[Parts]) -> Parts:
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
