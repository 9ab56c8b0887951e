"""Datasets whose elements are those of others, in another order or number."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from graphflow import nest
from graphflow.data.base import ENDLESS, UNKNOWN, Base, Run, Unary, base_of, number
from graphflow.data.blocks import Block, Parts, Shuffled, Singly, Some, in_ones
from graphflow.data.structure import (
    require_same_structure,
)
from graphflow.dtypes import int32, int64, string
from graphflow.errors import GraphError, InvalidArgumentError
from graphflow.operation import Program, Tensor
from graphflow.ops.seeds import get_seed, key_of


class Zip(Base):
    """Elements of several datasets side by side."""

    def __init__(self, datasets: Any) -> None:
        if isinstance(datasets, list):
            raise TypeError("a list is one tensor in data sets, no nest: zip takes a tuple or a dict of data sets")
        flat = nest.flatten(datasets)
        self.inputs = tuple(map(base_of, flat))
        self.specs = nest.pack_sequence_as(datasets, [d.specs for d in self.inputs])

    def _joined(self, sources: list[Iterator[Parts]]) -> Iterator[Parts]:
        return map(_side_by_side, zip(*sources, strict=False))

    def elements(self, run: Run) -> Iterator[Parts]:
        return self._joined([dataset.elements(run) for dataset in self.inputs])

    def after(self, run: Run, count: int) -> Iterator[Parts]:
        return self._joined([dataset.after(run, count) for dataset in self.inputs])

    def cardinality(self, run: Run) -> int:
        sizes = [dataset.cardinality(run) for dataset in self.inputs]
        return UNKNOWN if UNKNOWN in sizes else min((n for n in sizes if n >= 0), default=ENDLESS)


def _side_by_side(several: Iterable[Parts]) -> Parts:
    return [part for parts in several for part in parts]


class Concatenate(Base):
    """One dataset after another."""

    def __init__(self, first: Base, second: Base) -> None:
        self.inputs = (first, second)
        require_same_structure(first.specs, second.specs)
        self.specs = nest.map_structure(lambda a, b: a.wider(b, "concatenated datasets"), first.specs, second.specs)

    def elements(self, run: Run) -> Iterator[Parts]:
        return itertools.chain.from_iterable(dataset.elements(run) for dataset in self.inputs)

    def cardinality(self, run: Run) -> int:
        sizes = [dataset.cardinality(run) for dataset in self.inputs]
        return ENDLESS if ENDLESS in sizes else UNKNOWN if UNKNOWN in sizes else sum(sizes)


class Chosen(Base):
    """The next element of one of several datasets, whose number is an element of another dataset.

    A dataset that has ended is passed over; there is no more when all have, or when the numbers have.
    """

    def __init__(self, choices: Base, datasets: Sequence[Base]) -> None:
        self.inputs = (choices, *datasets)
        if not datasets:
            raise GraphError("give at least one dataset to choose from")
        number = nest.flatten(choices.specs)
        if len(number) != 1 or number[0].dtype is not int64 or number[0].dims != ():
            raise TypeError("a dataset of choices has int64 scalars")
        self.specs = datasets[0].specs
        for dataset in datasets[1:]:
            require_same_structure(self.specs, dataset.specs)
            self.specs = nest.map_structure(lambda a, b: a.wider(b, "chosen datasets"), self.specs, dataset.specs)

    def elements(self, run: Run) -> Iterator[Parts]:
        choices, *datasets = self.inputs
        sources: list[Iterator[Parts] | None] = [dataset.elements(run) for dataset in datasets]
        for choice in choices.elements(run):
            if all(source is None for source in sources):
                return
            i = int(choice[0])
            if not 0 <= i < len(sources):
                raise InvalidArgumentError.because(f"there is no dataset {i}: there are {len(sources)}")
            source = sources[i]
            element = None if source is None else next(source, None)
            if element is None:
                sources[i] = None
            else:
                yield element


class Unique(Unary):
    """The first of equal elements: numbers or strings."""

    def __init__(self, dataset: Base) -> None:
        super().__init__(dataset)
        flat = nest.flatten(dataset.specs)
        if len(flat) != 1 or flat[0].dtype not in (int32, int64, string):
            raise TypeError("unique takes a dataset of one int32, int64 or string tensor")

    def elements(self, run: Run) -> Iterator[Parts]:
        seen = set()
        for parts in self.source.elements(run):
            key = (parts[0].shape, str(parts[0].tolist()))
            if key not in seen:
                seen.add(key)
                yield parts


class Ordered(Unary):
    """A dataset of which the elements are some of another's, in some order: it works on any items."""

    @property
    def rows(self) -> Program | None:
        return self.source.rows

    @abstractmethod
    def arranged(self, blocks: Callable[[], Iterator[Block]], run: Run) -> Iterator[Block]:
        """The items that are kept; `blocks` gives those of one pass."""

    def elements(self, run: Run) -> Iterator[Parts]:
        kept = self.arranged(lambda: in_ones(self.source.elements(run)), run)
        return map(itemgetter(0), Singly(kept))  # which goes on after an error

    def row_values(self, run: Run) -> list[np.ndarray]:
        return self.source.row_values(run)

    def blocks(self, run: Run) -> Iterator[Block]:
        return self.arranged(lambda: self.source.blocks(run), run)

    def joining(self, run: Run) -> Callable[[Block], Parts]:
        return self.source.joining(run)

    def after(self, run: Run, count: int) -> Iterator[Parts]:
        joining = self.joining(run)

        def one(item: Block) -> Parts:
            return [part[0, ...] for part in joining(item)]

        return map(one, Singly(Some(self.blocks(run), count)))


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

    def arranged(self, blocks: Callable[[], Iterator[Block]], run: Run) -> Iterator[Block]:
        return _Again(blocks, self.count(run))

    def cardinality(self, run: Run) -> int:
        count, size = self.count(run), self.source.cardinality(run)
        if 0 in (count, size):
            return 0
        return ENDLESS if count < 0 else size * count if size >= 0 else size


class _Again(Iterator):
    """The blocks of one pass after another: `count` of them, or until one is empty where that is negative."""

    def __init__(self, blocks: Callable[[], Iterator[Block]], count: int) -> None:
        self._blocks, self._left = blocks, count
        self._pass: Iterator[Block] | None = None
        self._empty = True

    def __next__(self) -> Block:
        while self._left:
            if self._pass is None:
                self._pass, self._empty = self._blocks(), True
            block = next(self._pass, None)
            if block is None:
                self._left = 0 if self._empty and self._left < 0 else self._left - 1
                self._pass = None
            elif len(block):
                self._empty = False
                return block
        raise StopIteration


class Take(Counted):
    """The first ones."""

    def arranged(self, blocks: Callable[[], Iterator[Block]], run: Run) -> Iterator[Block]:
        count = self.count(run)
        return blocks() if count < 0 else Some(blocks(), 0, count)

    def cardinality(self, run: Run) -> int:
        count, size = self.count(run), self.source.cardinality(run)
        return size if count < 0 or size == UNKNOWN else count if size == ENDLESS else min(count, size)


class Skip(Counted):
    """All but the first ones."""

    def arranged(self, blocks: Callable[[], Iterator[Block]], run: Run) -> Iterator[Block]:
        count = self.count(run)
        return iter(()) if count < 0 else Some(blocks(), count)

    def cardinality(self, run: Run) -> int:
        count, size = self.count(run), self.source.cardinality(run)
        return 0 if count < 0 else size if size < 0 else max(size - count, 0)


class Shard(Ordered):
    """Every n-th one."""

    def __init__(self, dataset: Base, num_shards: Any, index: Any) -> None:
        super().__init__(dataset)
        self._parts = [number(num_shards), number(index)]

    def own_tensors(self) -> list[Tensor]:
        return self._parts

    def _settings(self, run: Run) -> tuple[int, int]:
        shards, index = map(int, run.of(self._parts))
        if not 0 <= index < shards:
            raise InvalidArgumentError.because(f"there is no shard {index} of {shards}")
        return shards, index

    def arranged(self, blocks: Callable[[], Iterator[Block]], run: Run) -> Iterator[Block]:
        shards, index = self._settings(run)
        return Some(blocks(), index, None, shards)

    def cardinality(self, run: Run) -> int:
        shards, index = self._settings(run)
        size = self.source.cardinality(run)
        return size if size < 0 else len(range(index, size, shards))


class Shuffle(Ordered):
    """In random order: each element is drawn from a buffer that is kept full."""

    def __init__(self, dataset: Base, buffer_size: Any, seed: Any, again: bool | None) -> None:
        super().__init__(dataset)
        self._size = number(buffer_size)
        self._seed = seed if isinstance(seed, Tensor) else None
        self._seeds = get_seed(0 if self._seed is not None else seed)
        self._again = again is None or bool(again)

    def own_tensors(self) -> list[Tensor]:
        return [self._size] if self._seed is None else [self._size, self._seed]

    def _key(self, run: Run) -> int:
        first, second = self._seeds
        if self._seed is not None:
            second = int(run.values[self._seed])
        return key_of(run.entropy, self._size.op.id) if first is None else key_of(first, second or 0)

    def arranged(self, blocks: Callable[[], Iterator[Block]], run: Run) -> Iterator[Block]:
        size = int(run.values[self._size])
        if size < 1:
            raise InvalidArgumentError.because(f"the buffer of a shuffle has at least one element, not {size}")
        passes = run.shared.get(self, 0)
        if self._again:
            run.shared[self] = passes + 1
        random = np.random.Generator(np.random.Philox(key=[self._key(run), passes]))
        return Shuffled(blocks(), size, random)

    def cardinality(self, run: Run) -> int:
        return self.source.cardinality(run)
