"""Functions of elements: what they give, which elements stay, and datasets made of elements."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphflow import nest
from graphflow.data.base import Base, Run, Unary, base_of, number
from graphflow.data.blocks import Block, Parts
from graphflow.data.function import Function, as_tensors, chained
from graphflow.data.structure import (
    as_element,
    spec_of,
)
from graphflow.dtypes import bool_
from graphflow.errors import GraphError, InvalidArgumentError
from graphflow.operation import Program, Tensor
from graphflow.shape import compatible


class Map(Unary):
    """A function of each element."""

    def __init__(self, dataset: Base, function: Callable) -> None:
        super().__init__(dataset)
        self._function = Function(function, dataset.specs, as_tensors(_result))
        self.specs = nest.map_structure(spec_of, self._function.result)

    @functools.cached_property
    def rows(self) -> Program | None:
        source = self.source.rows
        return None if source is None or not self._function.works_on_rows else chained(source, self._function.program)

    def functions(self) -> list[Function]:
        return [self._function]

    def elements(self, run: Run) -> Iterator[Parts]:
        return map(self._function.bind(run), self.source.elements(run))  # which goes on after an error

    def after(self, run: Run, count: int) -> Iterator[Parts]:
        if self._function.stateful:
            return super().after(run, count)
        return map(self._function.bind(run), self.source.after(run, count))

    def row_values(self, run: Run) -> list[np.ndarray]:
        return self.source.row_values(run) + run.of(self._function.captured)

    def blocks(self, run: Run) -> Iterator[Block]:
        return self.source.blocks(run) if self._function.works_on_rows else super().blocks(run)

    def joining(self, run: Run) -> Callable[[Block], Parts]:
        if self.rows is not None or not self._function.works_on_rows:
            return super().joining(run)
        function, joining = self._function.bind(run), self.source.joining(run)
        return lambda several: function(joining(several))

    def cardinality(self, run: Run) -> int:
        return self.source.cardinality(run)


def _result(value: Any) -> Any:
    """What a function of the user's returned, as an element: a list is a tuple of tensors."""
    if hasattr(value, "_base"):
        raise TypeError("a function of map returns tensors; flat_map takes one that returns a dataset")
    if value is None:
        raise TypeError("the function of a dataset returned None")
    return as_element(tuple(value) if isinstance(value, list) else value)


class Filter(Unary):
    """The elements for which a function is True."""

    def __init__(self, dataset: Base, predicate: Callable) -> None:
        super().__init__(dataset)
        self._function = Function(predicate, dataset.specs, as_tensors(_result))
        outputs = self._function.outputs
        if len(outputs) != 1 or outputs[0].dtype is not bool_ or not compatible(outputs[0].dims, ()):
            raise GraphError("a predicate gives one bool")

    def functions(self) -> list[Function]:
        return [self._function]

    def elements(self, run: Run) -> Iterator[Parts]:
        call = self._function.bind(run)
        return filter(lambda parts: bool(call(parts)[0]), self.source.elements(run))


class TakeWhile(Filter):
    """The elements before the first for which a function is False."""

    def elements(self, run: Run) -> Iterator[Parts]:
        call = self._function.bind(run)
        return itertools.takewhile(lambda parts: bool(call(parts)[0]), self.source.elements(run))


class Inner(Unary):
    """A dataset of the datasets that a function makes of elements."""

    def __init__(self, dataset: Base, function: Callable) -> None:
        super().__init__(dataset)
        self.function = Function(function, dataset.specs, inner_dataset)
        self.inner: Base = self.function.result
        self.specs = self.inner.specs

    def functions(self) -> list[Function]:
        return [self.function]

    def opened(self, run: Run) -> Iterator[Iterator[Parts]]:
        """The iterators of the datasets, one after the other."""
        call = self.function.bind(run)
        needed = self.function.outputs
        for i, parts in enumerate(self.source.elements(run)):
            yield self.inner.elements(run.inside(needed, call(parts) if needed else [], i))


def inner_dataset(result: Any) -> tuple[Base, list[Tensor]]:
    """A result that is a dataset, and the tensors that it needs."""
    dataset = base_of(result)
    return dataset, dataset.tensors()


class FlatMap(Inner):
    """The datasets one after the other."""

    def elements(self, run: Run) -> Iterator[Parts]:
        return itertools.chain.from_iterable(self.opened(run))


class Interleave(Inner):
    """Several of the datasets in turns."""

    def __init__(self, dataset: Base, function: Callable, cycle_length: Any, block_length: Any) -> None:
        super().__init__(dataset, function)
        self._parts = [number(cycle_length), number(block_length)]

    def own_tensors(self) -> list[Tensor]:
        return [*super().own_tensors(), *self._parts]

    def elements(self, run: Run) -> Iterator[Parts]:
        cycle, block = map(int, run.of(self._parts))
        if cycle < 1 or block < 1:
            raise InvalidArgumentError.because(f"a cycle of {cycle} blocks of {block} has no elements")
        source = self.opened(run)
        active: list[Iterator[Parts] | None] = list(itertools.islice(source, cycle))
        while any(one is not None for one in active):
            for i, one in enumerate(active):
                if one is None:
                    continue
                taken = 0
                for parts in itertools.islice(one, block):
                    taken += 1
                    yield parts
                if taken < block:
                    active[i] = next(source, None)
