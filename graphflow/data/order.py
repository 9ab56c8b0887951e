"""Datasets whose elements are those of others, in another order or number."""

from __future__ import annotations

import itertools
import os
from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphflow import nest
from graphflow.data.base import Base, Parts, Rows, Run, Unary, base_of, number
from graphflow.data.structure import (
    require_same_structure,
)
from graphflow.errors import InvalidArgumentError
from graphflow.operation import Tensor
from graphflow.ops.seeds import get_seed, key_of
from graphflow.ops.static import static_value


class Zip(Base):
    """Elements of several datasets side by side."""

    def __init__(self, datasets: Any) -> None:
        flat = nest.flatten(datasets)
        self.inputs = tuple(map(base_of, flat))
        self.specs = nest.pack_sequence_as(datasets, [d.specs for d in self.inputs])

    def elements(self, run: Run) -> Iterator[Parts]:
        for several in zip(*[dataset.elements(run) for dataset in self.inputs], strict=False):
            yield [part for parts in several for part in parts]


class Concatenate(Base):
    """One dataset after another."""

    def __init__(self, first: Base, second: Base) -> None:
        self.inputs = (first, second)
        require_same_structure(first.specs, second.specs)
        self.specs = nest.map_structure(lambda a, b: a.wider(b, "concatenated datasets"), first.specs, second.specs)

    def elements(self, run: Run) -> Iterator[Parts]:
        for dataset in self.inputs:
            yield from dataset.elements(run)


class Ordered(Unary):
    """A dataset of which the elements are some of another's, in some order: it works on rows too."""

    @abstractmethod
    def arranged(self, items: Callable[[], Iterator[Any]], run: Run) -> Iterator[Any]:
        """The items that are kept; `items` gives those of one pass."""

    def elements(self, run: Run) -> Iterator[Parts]:
        return self.arranged(lambda: self.source.elements(run), run)

    def rows(self, run: Run) -> tuple[Rows, Iterator[int]] | None:
        found = self.source.rows(run)
        if found is None:
            return None
        first: list[Any] = [found]

        def items() -> Iterator[int]:
            again = first.pop() if first else self.source.rows(run)
            assert again is not None
            return again[1]

        return found[0], self.arranged(items, run)


class Counted(Ordered):
    """One that takes a number."""

    def __init__(self, dataset: Base, count: Any) -> None:
        super().__init__(dataset)
        self._count = number(count)

    def own_tensors(self) -> list[Tensor]:
        return [self._count]

    def count(self, run: Run) -> int:
        return int(run.values[self._count])


class Repeat(Counted):
    """Again and again."""

    def arranged(self, items: Callable[[], Iterator[Any]], run: Run) -> Iterator[Any]:
        count = self.count(run)
        for _ in itertools.count() if count < 0 else range(count):
            empty = True
            for item in items():
                empty = False
                yield item
            if empty and count < 0:
                return


class Take(Counted):
    """The first ones."""

    def arranged(self, items: Callable[[], Iterator[Any]], run: Run) -> Iterator[Any]:
        count = self.count(run)
        return items() if count < 0 else itertools.islice(items(), count)


class Skip(Counted):
    """All but the first ones."""

    def arranged(self, items: Callable[[], Iterator[Any]], run: Run) -> Iterator[Any]:
        count = self.count(run)
        return iter(()) if count < 0 else itertools.islice(items(), count, None)


class Shard(Ordered):
    """Every n-th one."""

    def __init__(self, dataset: Base, num_shards: Any, index: Any) -> None:
        super().__init__(dataset)
        self._parts = [number(num_shards), number(index)]
        shards, at = (static_value(t) for t in self._parts)
        if shards is not None and shards < 1 or shards is not None and at is not None and not 0 <= at < shards:
            raise InvalidArgumentError.because(f"there is no shard {at} of {shards}")

    def own_tensors(self) -> list[Tensor]:
        return self._parts

    def arranged(self, items: Callable[[], Iterator[Any]], run: Run) -> Iterator[Any]:
        shards, index = map(int, run.of(self._parts))
        if not 0 <= index < shards:
            raise InvalidArgumentError.because(f"there is no shard {index} of {shards}")
        return itertools.islice(items(), index, None, shards)


class Shuffle(Ordered):
    """In random order: each element is drawn from a buffer that is kept full."""

    def __init__(self, dataset: Base, buffer_size: Any, seed: Any, again: bool | None) -> None:
        super().__init__(dataset)
        self._size = number(buffer_size)
        self._seeds = (None, None) if isinstance(seed, Tensor) else get_seed(seed)
        self._again = again is None or bool(again)

    def own_tensors(self) -> list[Tensor]:
        return [self._size]

    def arranged(self, items: Callable[[], Iterator[Any]], run: Run) -> Iterator[Any]:
        size = int(run.values[self._size])
        if size < 1:
            raise InvalidArgumentError.because(f"the buffer of a shuffle has at least one element, not {size}")
        first, second = self._seeds
        key, passes = run.shared.setdefault(
            self, [int.from_bytes(os.urandom(8), "little") if first is None else key_of(first, second or 0), 0]
        )
        if self._again:
            run.shared[self][1] += 1
        random = np.random.Generator(np.random.Philox(key=[key, passes]))
        source, buffer = items(), []
        for item in source:
            buffer.append(item)
            if len(buffer) < size:
                continue
            yield _drawn(buffer, random)
        if size > len(buffer) and buffer:  # all of them: one permutation
            for at in random.permutation(len(buffer)).tolist():
                yield buffer[at]
            return
        while buffer:
            yield _drawn(buffer, random)


def _drawn(buffer: list, random: np.random.Generator) -> Any:
    at = int(random.integers(len(buffer)))
    buffer[at], buffer[-1] = buffer[-1], buffer[at]
    return buffer.pop()
