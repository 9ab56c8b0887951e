"""What datasets are made of: the recipe for an iterator, and what it needs to run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from graphflow.dtypes import DType, int64
from graphflow.operation import Tensor
from graphflow.ops.define import convert_to_tensor
from graphflow.shape import merge
from graphflow.store import Store

Parts = list[np.ndarray]  # one element: the values of its tensors


class Run:
    """What datasets need to make elements: the session's store, and the values of their tensors."""

    def __init__(self, store: Store, values: dict[Tensor, np.ndarray], shared: dict[Any, Any] | None = None) -> None:
        self.store = store
        self.values = values
        self.shared = {} if shared is None else shared  # what datasets keep from one pass over the elements to the next

    def inside(self, tensors: Sequence[Tensor], values: Sequence[np.ndarray]) -> Run:
        """The same with values of more tensors."""
        return Run(self.store, {**self.values, **dict(zip(tensors, values, strict=True))}, {})

    def of(self, tensors: Sequence[Tensor]) -> list[np.ndarray]:
        return [self.values[t] for t in tensors]


class Rows:
    """Elements that are rows of arrays, through functions that work on many rows as on one."""

    def __init__(self, arrays: Parts, functions: tuple[Callable[[Parts], Parts], ...] = ()) -> None:
        self.arrays = arrays
        self.functions = functions

    def take(self, indices: Sequence[int]) -> Parts:
        """Several elements, put together."""
        parts = [a.take(indices, axis=0) for a in self.arrays]
        for function in self.functions:
            parts = function(parts)
        return parts


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

    def tensors(self) -> list[Tensor]:
        """Those of this dataset and of all that it is made of."""
        found = dict.fromkeys(self.own_tensors())
        for dataset in self.inputs:
            found.update(dict.fromkeys(dataset.tensors()))
        return list(found)

    @abstractmethod
    def elements(self, run: Run) -> Iterator[Parts]:
        """The elements, once."""

    def rows(self, run: Run) -> tuple[Rows, Iterator[int]] | None:
        """The elements as rows and the order in which they come, where they are that."""
        return None

    def cardinality(self, run: Run) -> int | None:
        """How many elements there are, if that is known before they are made: -1 for no end."""
        return None


def in_order(dataset: Base, run: Run) -> Iterator[Parts]:
    """The elements of a dataset that can give rows."""
    found = dataset.rows(run)
    if found is None:
        return dataset.elements(run)
    rows, order = found

    def row(index: int) -> Parts:
        return [part[0, ...] for part in rows.take([index])]

    return map(row, order)  # which goes on after an error


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
