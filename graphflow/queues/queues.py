"""Queues: tensors that one run puts in and another takes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import DType, as_dtype, bool_, int32, int64, string
from graphflow.errors import DTypeError, GraphError, InvalidArgumentError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import NO_GRADIENT, OpDef, convert_to_tensor, define, graph_of
from graphflow.ops.seeds import seed_attrs
from graphflow.ops.static import static_value
from graphflow.queues.stores import Fifo, Padding, Priority, Shuffled
from graphflow.shape import Dims, as_dims, compatible, known, merge, show


def boxed(value: Any) -> np.ndarray:
    """An object as the value of a string tensor."""
    box = np.empty((), object)
    box[()] = value
    return box


def _kind(name: str, make: Any) -> OpDef:
    def holds(store: Any, types: Any, shapes: Any, capacity: int, label: str, **more: Any) -> Fifo:
        more.pop("shared_name")
        return make(store, label, capacity, shapes, **more)

    return define(name, "", lambda **_: ((), string), lambda held, **_: boxed(held), stateful=True, holds=holds)


FIFO = _kind("FIFOQueueV2", Fifo)
PADDING = _kind("PaddingFIFOQueueV2", Padding)
PRIORITY = _kind("PriorityQueueV2", Priority)
SHUFFLED = _kind("RandomShuffleQueueV2", Shuffled)


def _enqueued(handle: np.ndarray, *components: np.ndarray) -> tuple:
    handle.item().enqueue([components])
    return ()


def _enqueued_many(handle: np.ndarray, *components: np.ndarray) -> tuple:
    if len({len(c) for c in components}) > 1:
        raise InvalidArgumentError.because(f"the components have {[len(c) for c in components]} elements")
    handle.item().enqueue([tuple(c[i, ...] for c in components) for i in range(len(components[0]))])
    return ()


def _define(name: str, args: str, infer: Any, reference: Any, blocks: bool = True) -> OpDef:
    return define(name, args, infer, reference, vjp=NO_GRADIENT, stateful=True, blocks=blocks)


ENQUEUE = _define("QueueEnqueueV2", "handle:string *components:any", lambda *_: [], _enqueued)
ENQUEUE_MANY = _define("QueueEnqueueManyV2", "handle:string *components:any", lambda *_: [], _enqueued_many)
DEQUEUE = _define(
    "QueueDequeueV2", "handle:string",
    infer=lambda handle, types: list(types),
    reference=lambda handle, types: list(handle.item().dequeue(1)[0]),
)  # fmt: skip


def _several(fewer: bool) -> Any:
    def reference(handle: np.ndarray, n: np.ndarray, types: Any) -> list[np.ndarray]:
        queue, count = handle.item(), int(n)
        if count < 0:
            raise InvalidArgumentError.because(f"{count} elements cannot be taken")
        if count == 0:
            return [np.empty((0, *(d or 0 for d in (dims or (None,))[1:])), dtype.dtype) for dims, dtype in types]
        items = queue.dequeue(count, fewer)
        return [queue.batched(items, i) for i in range(len(types))]

    return reference


DEQUEUE_MANY = _define(
    "QueueDequeueManyV2", "handle:string n:int32", lambda handle, n, types: list(types), _several(fewer=False)
)
DEQUEUE_UP_TO = _define(
    "QueueDequeueUpToV2", "handle:string n:int32", lambda handle, n, types: list(types), _several(fewer=True)
)


def _closed(handle: np.ndarray, cancel: bool) -> tuple:
    handle.item().close(cancel)
    return ()


CLOSE = _define("QueueCloseV2", "handle:string", lambda handle, cancel: [], _closed)
SIZE = _define("QueueSizeV2", "handle:string", lambda handle: ((), int32), lambda handle: len(handle.item().items))
IS_CLOSED = _define("QueueIsClosedV2", "handle:string", lambda handle: ((), bool_), lambda handle: handle.item().closed)


class QueueBase:
    """What all queues can do.  A queue belongs to a session; its elements are tuples of tensors."""

    def __init__(self, dtypes: Sequence[Any], shapes: Any, names: Sequence[str] | None, queue_ref: Tensor) -> None:
        self._dtypes = tuple(dtypes)
        self._shapes = shapes
        self._names = None if names is None else list(names)
        self._queue_ref = queue_ref

    def _make(
        self, record: OpDef, name: str, capacity: int, dtypes: Any, shapes: Any, names: Any, shared_name: Any,
        **more: Any,
    ) -> None:  # fmt: skip
        types = tuple(as_dtype(d) for d in (dtypes if isinstance(dtypes, (list, tuple)) else [dtypes]))
        dims = None
        if shapes is not None:
            alone = not isinstance(shapes, (list, tuple)) or len(types) == 1 and not _is_list_of_shapes(shapes)
            dims = tuple(as_dims(s) for s in ([shapes] if alone else shapes))
            if len(dims) != len(types):
                raise GraphError(f"{len(dims)} shapes do not go with {len(types)} dtypes")
            if record is not PADDING and not all(map(known, dims)):
                raise ShapeError(f"the shapes of elements must be known, not {', '.join(map(show, dims))}")
        if names is not None:
            names = [names] if isinstance(names, str) else list(names)
            if len(names) != len(types):
                raise GraphError(f"{len(names)} names do not go with {len(types)} dtypes")
        with graph_of(()).control_dependencies(None):
            ref = record(
                name=name, types=types, shapes=dims, capacity=int(capacity), label=name,
                shared_name=shared_name or "", **more,
            )  # fmt: skip
        QueueBase.__init__(self, types, dims, names, ref)

    @property
    def queue_ref(self) -> Tensor:
        return self._queue_ref

    @property
    def name(self) -> str:
        return self._queue_ref.op.name

    @property
    def graph(self) -> Any:
        return self._queue_ref.graph

    @property
    def dtypes(self) -> list[DType]:
        return list(self._dtypes)

    @property
    def shapes(self) -> list[Any]:
        """The static shapes of the components."""
        return [None] * len(self._dtypes) if self._shapes is None else list(self._shapes)

    @property
    def names(self) -> list[str] | None:
        return self._names

    def _components(self, vals: Any) -> list[Tensor]:
        if isinstance(vals, Mapping):
            if self._names is None or sorted(vals) != sorted(self._names):
                raise GraphError(f"the components {sorted(vals)} are not those of the queue, {self._names}")
            vals = [vals[name] for name in self._names]
        elif self._names is not None:
            raise GraphError("a queue with names takes a dict")
        parts = list(vals) if isinstance(vals, (list, tuple)) else [vals]
        if len(parts) != len(self._dtypes):
            parts = [vals]
        if len(parts) != len(self._dtypes):
            raise GraphError(f"the queue takes {len(self._dtypes)} components, and got {vals!r}")
        return [convert_to_tensor(part, dtype, "component") for part, dtype in zip(parts, self._dtypes, strict=True)]

    def enqueue(self, vals: Any, name: str | None = None) -> Operation:
        """Add one element when run; waits for room.   Raises: CancelledError when run and the queue is closed."""
        with name_scope(name, f"{self._base}_enqueue", [self._queue_ref]) as scope:
            parts = self._components(vals)
            for part, dims in zip(parts, self._shapes or (), strict=False):
                merge(part.dims, dims) if known(dims) else self._fits(part.dims, dims)
            return ENQUEUE(self._queue_ref, *parts, name=scope)

    def enqueue_many(self, vals: Any, name: str | None = None) -> Operation:
        """Add the elements that the components have along their first dimension."""
        with name_scope(name, f"{self._base}_EnqueueMany", [self._queue_ref]) as scope:
            parts = self._components(vals)
            size: Dims = (None,)
            for part, dims in zip(parts, self.shapes, strict=True):
                if part.dims == ():
                    raise ShapeError(f"enqueue_many takes elements along the first dimension of {part!r}")
                size = merge(size, None if part.dims is None else part.dims[:1])
                self._fits(None if part.dims is None else part.dims[1:], dims)
            return ENQUEUE_MANY(self._queue_ref, *parts, name=scope)

    @staticmethod
    def _fits(given: Dims, dims: Dims) -> None:
        if not compatible(given, dims):
            raise ShapeError(f"the queue takes elements of shape {show(dims)}, not {show(given)}")

    def _result(self, outputs: Any) -> Any:
        parts = outputs if isinstance(outputs, list) else [outputs]
        if self._names is not None:
            return dict(zip(self._names, parts, strict=True))
        return parts[0] if len(parts) == 1 else parts

    def dequeue(self, name: str | None = None) -> Any:
        """Take one element: its component, a list of them, or a dict for a queue with names.  Waits for one.

        Raises: OutOfRangeError when run and the queue is closed and empty.
        """
        types = tuple(zip(self.shapes, self._dtypes, strict=True))
        return self._result(DEQUEUE(self._queue_ref, types=types, name=name or f"{self._base}_Dequeue"))

    @property
    def _base(self) -> str:
        return self.name.rpartition("/")[2]

    def _take(self, record: OpDef, n: Any, name: str, size: int | None) -> Any:
        if self._shapes is None:
            raise GraphError("several elements at once are taken only of queues whose shapes are known")
        types = tuple(((size, *d), dtype) for d, dtype in zip(self._shapes, self._dtypes, strict=True))
        return self._result(record(self._queue_ref, n, types=types, name=name))

    def dequeue_many(self, n: Any, name: str | None = None) -> Any:
        """Take n elements, put together along a new first dimension.

        Raises: OutOfRangeError when run and the queue is closed and has fewer.
        """
        number = convert_to_tensor(n, int32)
        static = static_value(number)
        return self._take(
            DEQUEUE_MANY, number, name or f"{self._base}_DequeueMany", None if static is None else int(static)
        )

    def dequeue_up_to(self, n: Any, name: str | None = None) -> Any:
        """As dequeue_many; fewer, but at least one, when the queue is closed."""
        return self._take(DEQUEUE_UP_TO, n, name or f"{self._base}_DequeueUpTo", None)

    def close(self, cancel_pending_enqueues: bool = False, name: str | None = None) -> Operation:
        """Take no more elements; those that wait for room still get in, unless they are cancelled."""
        return CLOSE(self._queue_ref, cancel=bool(cancel_pending_enqueues), name=name or f"{self._base}_Close")

    def size(self, name: str | None = None) -> Tensor:
        """How many elements there are."""
        return SIZE(self._queue_ref, name=name or f"{self._base}_Size")

    def is_closed(self, name: str | None = None) -> Tensor:
        """Whether the queue takes no more elements."""
        return IS_CLOSED(self._queue_ref, name=name or f"{self._base}_Is_Closed")


def _is_list_of_shapes(shapes: Sequence[Any]) -> bool:
    """Whether these are several shapes, and not the sizes of one."""
    return len(shapes) == 1 and not isinstance(shapes[0], (int, type(None)))


class FIFOQueue(QueueBase):
    """A queue whose elements come out in the order in which they went in."""

    def __init__(
        self, capacity: int, dtypes: Any, shapes: Any = None, names: Any = None, shared_name: str | None = None,
        name: str = "fifo_queue",
    ) -> None:  # fmt: skip
        self._make(FIFO, name, capacity, dtypes, shapes, names, shared_name)


class PaddingFIFOQueue(QueueBase):
    """A FIFOQueue of elements whose sizes may differ where `shapes` has None: dequeue_many fills up with zeros."""

    def __init__(
        self, capacity: int, dtypes: Any, shapes: Any, names: Any = None, shared_name: str | None = None,
        name: str = "padding_fifo_queue",
    ) -> None:  # fmt: skip
        self._make(PADDING, name, capacity, dtypes, shapes, names, shared_name)
        if self._shapes is None or any(dims is None for dims in self._shapes):
            raise GraphError("the ranks of the elements of a PaddingFIFOQueue must be known")


class RandomShuffleQueue(QueueBase):
    """A queue whose elements come out in random order; `min_after_dequeue` stay in it until it is closed."""

    def __init__(
        self, capacity: int, min_after_dequeue: int, dtypes: Any, shapes: Any = None, names: Any = None,
        seed: int | None = None, shared_name: str | None = None, name: str = "random_shuffle_queue",
    ) -> None:  # fmt: skip
        if capacity > 0 and min_after_dequeue >= capacity:
            raise GraphError(f"min_after_dequeue, {min_after_dequeue}, must be less than the capacity, {capacity}")
        self._make(SHUFFLED, name, capacity, dtypes, shapes, names, shared_name, least=int(min_after_dequeue),
                   **seed_attrs(seed))  # fmt: skip


class PriorityQueue(QueueBase):
    """A queue whose first component is an int64: the element with the lowest one comes out first."""

    def __init__(
        self, capacity: int, types: Any, shapes: Any = None, names: Any = None, shared_name: str | None = None,
        name: str = "priority_queue",
    ) -> None:  # fmt: skip
        types = list(types) if isinstance(types, (list, tuple)) else [types]
        if shapes is None and not all(isinstance(t, (DType, type, str)) for t in types):
            raise DTypeError(f"types are dtypes, not {types!r}")
        shapes = [()] * (1 + len(types)) if shapes is None else [(), *shapes]
        self._make(PRIORITY, name, capacity, [int64, *types], shapes, names, shared_name)
