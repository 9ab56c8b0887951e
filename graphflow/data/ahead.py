"""Elements that are kept, or made before they are asked for."""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphflow.data.base import Base, Run, Unary, number
from graphflow.data.batches import Batch
from graphflow.data.blocks import Block, Parts
from graphflow.data.mapped import Map
from graphflow.data.sources import Slices
from graphflow.data.structure import types_of
from graphflow.dtypes import string
from graphflow.graph_protos import TensorProto
from graphflow.io.atomic import replacing
from graphflow.io.records import framed, records
from graphflow.operation import Program, Tensor
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.static import static_value
from graphflow.store import Store
from graphflow.tensor_proto import make_ndarray, make_tensor_proto


class Cache(Unary):
    """What the first pass has made, kept for later ones: in memory, or in a file for later runs of the program too."""

    def __init__(self, dataset: Base, filename: Any) -> None:
        super().__init__(dataset)
        self._name = convert_to_tensor(filename, string, "filename")

    def own_tensors(self) -> list[Tensor]:
        return [self._name]

    def elements(self, run: Run) -> Iterator[Parts]:
        name = os.fsdecode(run.values[self._name].item())
        return self._in_file(f"{name}.records", run) if name else self._in_memory(run)

    def _in_file(self, path: str, run: Run) -> Iterator[Parts]:
        """From a file, which the first pass that comes to its end has written: a record for each tensor."""
        width = len(types_of(self.specs))
        if os.path.exists(path):
            found = map(make_ndarray, map(TensorProto.FromString, records(path)))
            while parts := list(itertools.islice(found, width)):
                yield parts
            return
        with replacing(path) as file:
            for parts in self.source.elements(run):
                for part in parts:
                    file.write(framed([make_tensor_proto(part).SerializeToString()]))
                yield parts

    def _in_memory(self, run: Run) -> Iterator[Parts]:
        kept = run.shared.get(self)
        if kept is not None:
            yield from kept
            return
        kept = []
        for parts in self.source.elements(run):
            kept.append(parts)
            yield parts
        run.shared[self] = kept

    @property
    def rows(self) -> Program | None:
        """Rows are in memory already; but an order that is drawn anew must not be."""
        alike = static_value(self._name) == b"" and isinstance(self.source, (Slices, Map))
        return self.source.rows if alike else None

    def row_values(self, run: Run) -> list[np.ndarray]:
        return self.source.row_values(run)

    def blocks(self, run: Run) -> Iterator[Block]:
        return super().blocks(run) if self.rows is None else self.source.blocks(run)

    def cardinality(self, run: Run) -> int:
        return self.source.cardinality(run)


def gathers(dataset: Base) -> bool:
    """Whether rows of arrays are all that its elements are made of: nobody can see when that is done."""
    while isinstance(dataset, Map) and not any(function.stateful for function in dataset.functions()):
        dataset = dataset.source
    return isinstance(dataset, Batch) and dataset.source.rows is not None


class Prefetch(Unary):
    """Elements made ahead of their use, in a thread of their own.

    Not where they are only gathered and all CPUs are busy with the session's runs: then that takes turns with them.
    """

    def __init__(self, dataset: Base, buffer_size: Any) -> None:
        super().__init__(dataset)
        self._size = number(0 if buffer_size is None else buffer_size)

    def own_tensors(self) -> list[Tensor]:
        return [self._size]

    def _ahead(self, source: Iterator[Any], run: Run) -> Iterator[Any]:
        size = int(run.values[self._size])
        return Ahead(source, run.store, 2 if size < 1 else size)

    def elements(self, run: Run) -> Iterator[Parts]:
        return self.after(run, 0)

    def after(self, run: Run, count: int) -> Iterator[Parts]:
        if gathers(self.source) and not run.store.spare:
            return self.source.after(run, count)
        return self._ahead(self.source.after(run.beside(), count), run)

    @property
    def rows(self) -> Program | None:
        return self.source.rows

    def row_values(self, run: Run) -> list[np.ndarray]:
        return self.source.row_values(run)

    def blocks(self, run: Run) -> Iterator[Block]:
        return self.source.blocks(run) if self.rows else self._ahead(self.source.blocks(run.beside()), run)

    def joining(self, run: Run) -> Callable[[Block], Parts]:
        return self.source.joining(run)

    def cardinality(self, run: Run) -> int:
        return self.source.cardinality(run)


class Ahead(Iterator):
    """An iterator whose items a thread makes ahead; it ends with the iterator."""

    def __init__(self, source: Iterator[Any], store: Store, size: int) -> None:
        self._store = store
        self._items: deque = deque()
        self._size = size
        self._changed = threading.Condition()
        self._source: Iterator[Any] | None = source
        self._thread: threading.Thread | None = None

    def __next__(self) -> Any:
        if self._thread is None:
            self._thread = threading.Thread(
                target=_fill, args=(self._source, self._items, self._changed, self._size, _Alive(self)), daemon=True
            )
            self._source = None
            self._thread.start()
        if not self._items:
            with self._store.released(), self._changed:
                while not self._items:
                    self._changed.wait()
        with self._changed:
            kind, item = self._items[0]
            if kind != "end":
                self._items.popleft()
                self._changed.notify_all()
        if kind == "item":
            return item
        raise StopIteration if kind == "end" else item


class _Alive:
    """Whether somebody still wants the items: the thread must not keep its iterator alive."""

    def __init__(self, owner: Any) -> None:
        self._owner = weakref.ref(owner)

    def __bool__(self) -> bool:
        return self._owner() is not None


def _fill(source: Iterator[Any], items: deque, changed: threading.Condition, size: int, alive: _Alive) -> None:
    kind = "item"
    while kind != "end":
        try:
            kind, item = "item", next(source)
        except StopIteration:
            kind, item = "end", None
        except Exception as error:
            kind, item = "error", error
        with changed:
            while len(items) >= size and alive:
                changed.wait(0.2)
            if not alive:
                return
            items.append((kind, item))
            item = None  # it is the consumer's
            changed.notify_all()
