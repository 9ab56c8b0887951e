"""Items of datasets in blocks: a few at a time where they are at hand, so that it costs little to choose among them.

A block is a list of items, or an int64 array of indices of rows.  Blocks with one item each are for those that take
time to make, or that may fail: an iterator goes on with the next item after an error.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

Parts = list[np.ndarray]  # one element: the values of its tensors
Block = Any  # a list, or an int64 array

_SIZE, _FEW = 4096, 64  # numbers in a block, and items that have to be made


def in_ones(items: Iterator[Any]) -> Iterator[Block]:
    """Blocks of one item each."""
    return map(_one, items)


def _one(item: Any) -> list:
    return [item]


class InSome(Iterator):
    """Blocks of a few items each, for those that are quick to make; an error waits until those before it are taken."""

    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items
        self._error: Exception | None = None

    def __next__(self) -> Block:
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        block: list[Any] = []
        try:
            block.extend(itertools.islice(self._items, _FEW))  # which keeps what came before an error
        except Exception as error:
            if not block:
                raise
            self._error = error
        if not block:
            raise StopIteration
        return block


def of_range(numbers: range) -> Iterator[Block]:
    """Whole numbers in blocks."""
    for at in range(0, len(numbers), _SIZE):
        part = numbers[at : at + _SIZE]
        yield np.arange(part.start, part.stop, part.step, dtype=np.int64)


def together(blocks: Sequence[Block]) -> Block:
    """The items of several blocks as one block."""
    if len(blocks) == 1:
        return blocks[0]
    if blocks and isinstance(blocks[0], np.ndarray):
        return np.concatenate(blocks)
    return list(itertools.chain.from_iterable(blocks))


class Singly(Iterator):
    """The items as blocks of one each, which are made from larger ones."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self._blocks = iter(blocks)
        self._rest: Block = ()

    def __next__(self) -> Block:
        while not len(self._rest):
            self._rest = next(self._blocks)
        one, self._rest = self._rest[:1], self._rest[1:]
        return one


class Some(Iterator):
    """Of all items those of range(start, stop, step); without end for None."""

    def __init__(self, blocks: Iterable[Block], start: int, stop: int | None = None, step: int = 1) -> None:
        self._blocks = iter(blocks)
        self._start, self._stop, self._step = start, stop, step
        self._position = 0

    def __next__(self) -> Block:
        at, stop = self._position, self._stop
        if stop is not None and at >= stop:
            self._blocks = iter(())  # what it would have gone on with ends here
        block = next(self._blocks)
        self._position += len(block)
        first = max(self._start - at, (self._start - at) % self._step)
        return block[first : None if stop is None else stop - at : self._step]


class Shuffled(Iterator):
    """In random order: each item is drawn from a buffer that is kept full, and at the end what is left."""

    def __init__(self, blocks: Iterable[Block], size: int, random: np.random.Generator) -> None:
        self._blocks = iter(blocks)
        self._size, self._random = size, random
        self._places = _places(random, size)
        self._filling: list[Block] = []
        self._missing = size
        self._buffer: Block = ()
        self._ended = False

    def __next__(self) -> Block:
        if self._ended:
            raise StopIteration
        while True:
            block = next(self._blocks, None)
            if block is None:
                self._ended = True
                return self._remaining()
            if self._missing:
                self._filling.append(block[: self._missing])
                block = block[self._missing :]
                self._missing -= len(self._filling[-1])
                if not self._missing:
                    self._buffer, self._filling = together(self._filling), []
            if len(block):
                return self._drawn(block)

    def _remaining(self) -> Block:
        left = together(self._filling) if self._missing else self._buffer
        order = self._random.permutation(len(left))
        return left[order] if isinstance(left, np.ndarray) else [left[i] for i in order.tolist()]

    def _drawn(self, block: Block) -> Block:
        """What these items displace."""
        buffer, places = self._buffer, itertools.islice(self._places, len(block))
        if isinstance(buffer, list):
            out = []
            for item, at in zip(block, places, strict=True):
                out.append(buffer[at])
                buffer[at] = item
            return out
        drawn = np.fromiter(places, np.int64, len(block))
        found = buffer[drawn]
        order = np.argsort(drawn, kind="stable")
        again = np.flatnonzero(drawn[order[1:]] == drawn[order[:-1]])  # a place that an item of this very block is at
        found[order[again + 1]] = block[order[again]]
        buffer[drawn] = block  # the last one stays
        return found


def _places(random: np.random.Generator, size: int) -> Iterator[int]:
    """Random numbers below `size`, many drawn at once."""
    while True:
        yield from random.integers(size, size=256).tolist()
