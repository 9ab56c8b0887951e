"""What a queue holds in a session, and how runs wait for it.

All methods are called within a run, so under the session's lock; who waits lets it go (threading.Condition does).
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from typing import Any

import numpy as np

from graphflow.errors import CancelledError, InvalidArgumentError, OutOfRangeError
from graphflow.ops.seeds import key_of
from graphflow.ops.values import padded
from graphflow.shape import Dims, compatible, show
from graphflow.store import Store

Item = tuple[np.ndarray, ...]


class Fifo:
    """First in, first out."""

    def __init__(self, store: Store, name: str, capacity: int, shapes: tuple[Dims, ...] | None) -> None:
        self.name = name
        self.capacity = capacity if capacity > 0 else 1 << 62
        self.shapes = shapes
        self.changed = threading.Condition(store.lock)
        self.closed = False
        self.refuses = False  # those who wait for room too
        self.cancelled = False
        self.items: Any = deque()

    # -- what kinds of queues differ in ------------------------------------------------------------------------------
    def put(self, item: Item) -> None:
        self.items.append(item)

    def take(self) -> Item:
        return self.items.popleft()

    def give_back(self, items: list[Item]) -> None:
        self.items.extendleft(reversed(items))

    def ready(self) -> bool:
        """Whether an element may be taken."""
        return bool(self.items)

    # -- runs --------------------------------------------------------------------------------------------------------
    def enqueue(self, items: list[Item]) -> None:
        """Add elements, one after the other as there is room.   Raises: CancelledError when the queue is closed."""
        for item in items:
            self._check(item)
        if self.closed:
            raise CancelledError.because(f"the queue {self.name!r} is closed")
        for item in items:
            while len(self.items) >= self.capacity and not self.refuses:
                self._wait()
            if self.refuses:
                raise CancelledError.because(f"the queue {self.name!r} is closed")
            self.put(tuple(np.array(part) for part in item))
            self.changed.notify_all()

    def _check(self, item: Item) -> None:
        for part, dims in zip(item, self.shapes or (), strict=False):
            if not compatible(part.shape, dims):
                raise InvalidArgumentError.because(
                    f"the queue {self.name!r} takes elements of shape {show(dims)}, not {show(part.shape)}"
                )

    def dequeue(self, count: int, fewer: bool = False) -> list[Item]:
        """Take elements as they come; `fewer` are enough when the queue is closed.

        Raises: OutOfRangeError when it is closed and has too few.
        """
        taken: list[Item] = []
        while len(taken) < count:
            if self.ready():
                taken.append(self.take())
                self.changed.notify_all()
            elif self.closed:
                if fewer and taken:
                    break
                self.give_back(taken)
                raise OutOfRangeError.because(
                    f"the queue {self.name!r} is closed and has {len(taken)} elements, and {count} are asked for"
                )
            else:
                try:
                    self._wait()
                except BaseException:
                    self.give_back(taken)
                    raise
        return taken

    def _wait(self) -> None:
        if not self.cancelled:
            self.changed.wait()
        if self.cancelled:
            raise CancelledError.because(f"the session was closed while a run waited for the queue {self.name!r}")

    def close(self, cancel_pending: bool) -> None:
        """Take no more elements; those who wait for room still get it, unless they are cancelled."""
        self.closed = True
        self.refuses = self.refuses or cancel_pending
        self.changed.notify_all()

    def cancel(self) -> None:
        """The session is closed: nobody is to wait any more."""
        self.cancelled = True
        self.changed.notify_all()

    def batched(self, items: list[Item], column: int) -> np.ndarray:
        """One component of several elements."""
        parts = [item[column] for item in items]
        if len({part.shape for part in parts}) > 1:
            raise InvalidArgumentError.because(f"elements of different shapes cannot be put together: {self.name!r}")
        return np.stack(parts)


class Shuffled(Fifo):
    """Elements in random order, of which some always stay."""

    def __init__(
        self, store: Store, name: str, capacity: int, shapes: tuple[Dims, ...] | None, least: int, seed: int, seed2: int
    ) -> None:
        super().__init__(store, name, capacity, shapes)
        self.least = least
        self.items = []
        self.random = np.random.Generator(np.random.Philox(key=key_of(seed, seed2) if seed or seed2 else None))

    def ready(self) -> bool:
        return len(self.items) > (0 if self.closed else self.least)

    def take(self) -> Item:
        at = int(self.random.integers(len(self.items)))
        self.items[at], self.items[-1] = self.items[-1], self.items[at]
        return self.items.pop()

    def give_back(self, items: list[Item]) -> None:
        self.items.extend(items)


class Padding(Fifo):
    """Elements of different sizes, filled up with zeros when several are taken."""

    def batched(self, items: list[Item], column: int) -> np.ndarray:
        parts = [item[column] for item in items]
        fill = b"" if parts[0].dtype == object else 0
        return padded(parts, np.max([part.shape for part in parts], axis=0), fill)


class Priority(Fifo):
    """The element with the lowest number first; equal ones in the order in which they came."""

    def __init__(self, store: Store, name: str, capacity: int, shapes: tuple[Dims, ...] | None) -> None:
        super().__init__(store, name, capacity, shapes)
        self.items = []
        self.count = 0

    def put(self, item: Item) -> None:
        self.count += 1
        heapq.heappush(self.items, (int(item[0]), self.count, item))

    def take(self) -> Item:
        return heapq.heappop(self.items)[2]

    def give_back(self, items: list[Item]) -> None:
        for item in items:
            self.put(item)
