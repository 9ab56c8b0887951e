"""Iterators: where a session is in a dataset."""

from __future__ import annotations

import os
from collections.abc import Iterator as PythonIterator
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphflow.data.ahead import Ahead, gathers
from graphflow.data.base import Base, Run, base_of, every_function
from graphflow.data.blocks import Parts
from graphflow.data.structure import from_types, nests, packed, require_compatible, types_of
from graphflow.dtypes import string
from graphflow.errors import FailedPreconditionError, GraphError, InvalidArgumentError, OutOfRangeError
from graphflow.graph import get_default_graph
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import NO_GRADIENT, convert_to_tensor, define
from graphflow.ops.placeholder import PLACEHOLDER
from graphflow.shape import compatible, show
from graphflow.store import Store


def _entropy() -> int:
    return int.from_bytes(os.urandom(4), "little")


ITERATORS = "iterators"  # the collection of those of a graph


class State:
    """An iterator of a session: the elements that are still to come.

    What is saved of it is how many have been taken, and what the random orders were made from: an iterator that goes on
    makes the elements before anew, as far as later ones depend on them.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._source: PythonIterator[Parts] | None = None
        self._begun: tuple[Base, tuple[np.ndarray, ...]] | None = None
        self._ended = False
        self._first: dict[str, Any] = {}  # of the saved state what holds from the start
        self._count = 0
        self._saved: dict[str, Any] | None = None  # where to go on; until the next element is taken

    @property
    def started(self) -> bool:
        return self._source is not None

    def start(self, dataset: Base, values: tuple[np.ndarray, ...]) -> None:
        """Begin with the first element of a dataset, or go on, given the values of its tensors."""
        self._source, self._begun = None, (dataset, values)
        saved = self._saved or {"entropy": _entropy(), "draws": {}, "count": 0}
        self._count = saved["count"]
        self._first = {"entropy": saved["entropy"], "draws": self._draws(dataset, saved["draws"])}
        run = Run(self._store, dict(zip(dataset.tensors(), values, strict=True)), self._first["entropy"])
        ahead = gathers(dataset) and self._store.spare
        run = run.beside() if ahead else run
        source = dataset.after(run, self._count) if self._count else dataset.elements(run)
        self._source, self._ended = Ahead(source, self._store, 2) if ahead else source, False

    def _draws(self, dataset: Base, saved: Mapping[str, list[int]]) -> dict[str, list[int]]:
        """The state of the random operations of the dataset's functions, which is set to what was saved."""
        self._store.set_draw_counts({int(number): state for number, state in saved.items()})
        operations = [op for function in every_function(dataset) for op in function.drawing]
        return {str(op.id): self._store.draws(op).tolist() for op in operations}

    def saved(self) -> dict[str, Any]:
        """Where the iterator is, for resume(); one that has not begun will begin as it is saved here."""
        if self._source is None:
            self._saved = self._saved or {"entropy": _entropy(), "draws": {}, "count": 0}
            return self._saved
        return {"entropy": self._first["entropy"], "draws": self._first["draws"], "count": self._count}

    def resume(self, saved: dict[str, Any]) -> None:
        """Go on from there: now, or when the iterator is initialized."""
        self._saved = saved
        if self._begun is not None:
            self.start(*self._begun)

    def next(self, types: Any) -> Parts:
        """The parts of the next element."""
        if self._source is None:
            raise FailedPreconditionError.because("the iterator is used before it is initialized",
                                                  hint="run its `initializer` first")  # fmt: skip
        self._saved = None
        parts = None if self._ended else next(self._source, None)
        if parts is None:
            self._ended = True
            raise OutOfRangeError.because("the dataset has no more elements")
        self._count += 1
        for part, (dims, dtype) in zip(parts, types, strict=True):
            if not compatible(part.shape, dims):
                raise InvalidArgumentError.because(
                    f"an element has the shape {show(part.shape)}, and {dtype.name}{show(dims)} is expected"
                )
        return parts


def _boxed(value: Any) -> np.ndarray:
    box = np.empty((), object)
    box[()] = value
    return box


ITERATOR = define(
    "IteratorV2", "", lambda **_: ((), string), lambda held, **_: _boxed(held), stateful=True,
    holds=lambda store, **_: State(store),
)  # fmt: skip


def _begun(*values: np.ndarray, held: State, dataset: Base) -> np.ndarray:
    if not held.started:
        held.start(dataset, values)
    return _boxed(held)


ONE_SHOT = define(
    "OneShotIterator", "*captured:any", lambda *_, dataset: ((), string), _begun, stateful=True,
    holds=lambda store, dataset: State(store), blocks=True,
)  # fmt: skip


def _started(iterator: np.ndarray, *values: np.ndarray, dataset: Base) -> tuple:
    iterator.item().start(dataset, values)
    return ()


MAKE = define("MakeIterator", "iterator:string *captured:any", lambda *_, dataset: [], _started, stateful=True,
              blocks=True)  # fmt: skip
NEXT = define(
    "IteratorGetNext", "iterator:string",
    infer=lambda iterator, types: list(types),
    reference=lambda iterator, types: iterator.item().next(types),
    vjp=NO_GRADIENT,
    stateful=True,
    blocks=True,
)  # fmt: skip


def _named(iterator: np.ndarray, held: Store) -> np.ndarray:
    return _boxed(held.name_of(iterator.item()))


def _found(handle: np.ndarray, held: Store) -> np.ndarray:
    found = held.named(handle.item())
    if not isinstance(found, State):
        raise InvalidArgumentError.because(f"{handle.item()!r} is not the handle of an iterator of this session")
    return _boxed(found)


TO_HANDLE = define("IteratorToStringHandle", "iterator:string", lambda _: ((), string), _named, stateful=True,
                   holds=lambda store: store)  # fmt: skip
FROM_HANDLE = define("IteratorFromStringHandleV2", "handle:string", lambda _: ((), string), _found, stateful=True,
                     holds=lambda store: store)  # fmt: skip


class Iterator:
    """Gives the elements of a dataset, one a run."""

    def __init__(self, ref: Tensor, initializer: Operation | None, specs: Any) -> None:
        self._ref = ref
        self._initializer = initializer
        self._specs = specs
        if ref.op.definition is not FROM_HANDLE:
            ref.graph.add_to_collection(ITERATORS, self)

    @staticmethod
    def from_structure(
        output_types: Any, output_shapes: Any = None, shared_name: str | None = None, output_classes: Any = None
    ) -> Iterator:
        """An iterator without a dataset: operations of make_initializer give it one."""
        specs = from_types(output_types, output_shapes, output_classes)
        return Iterator(ITERATOR(shared_name=shared_name or ""), None, specs)

    @staticmethod
    def from_string_handle(
        string_handle: Any, output_types: Any, output_shapes: Any = None, output_classes: Any = None
    ) -> Iterator:
        """The iterator whose string_handle() has been fed."""
        specs = from_types(output_types, output_shapes, output_classes)
        return Iterator(FROM_HANDLE(convert_to_tensor(string_handle, string)), None, specs)

    @property
    def initializer(self) -> Operation:
        """The operation that begins with the first element.   Raises: ValueError where there is none."""
        if self._initializer is None:
            raise GraphError("this iterator has no initializer: use make_initializer, or none for a one-shot iterator")
        return self._initializer

    def make_initializer(self, dataset: Any, name: str | None = None) -> Operation:
        """An operation that begins with the first element of a dataset.   Raises: TypeError for other elements."""
        base = base_of(dataset)
        require_compatible(base.specs, self._specs)
        return MAKE(self._ref, *base.tensors(), dataset=base, name=name or "make_initializer")

    def get_next(self, name: str | None = None) -> Any:
        """The next element, as a nest of tensors; one element a run, however often it is used.

        Raises: OutOfRangeError when run after the last one, FailedPreconditionError before the initializer has run.
        """
        types = tuple(types_of(self._specs))
        made = NEXT(self._ref, types=types, name=name or "IteratorGetNext")
        return packed(self._specs, made if isinstance(made, list) else [made])

    def string_handle(self, name: str | None = None) -> Tensor:
        """A string that stands for this iterator in its session."""
        return TO_HANDLE(self._ref, name=name)

    @property
    def output_types(self) -> Any:
        return nests(self._specs)[0]

    @property
    def output_shapes(self) -> Any:
        return nests(self._specs)[1]

    @property
    def output_classes(self) -> Any:
        return nests(self._specs)[2]

    @property
    def element_spec(self) -> Any:
        return self._specs


def one_shot(dataset: Base) -> Iterator:
    """An iterator that begins by itself.   Raises: ValueError when the dataset depends on what runs give."""
    tensors = dataset.tensors()
    stack, seen = [t.op for t in tensors], set()
    while stack:
        op = stack.pop()
        if op in seen:
            continue
        seen.add(op)
        if op.definition is PLACEHOLDER or op.definition.variable:
            raise GraphError(f"a one-shot iterator cannot depend on {op.name!r}: use make_initializable_iterator")
        stack += [t.op for t in op.inputs]
    with get_default_graph().control_dependencies(None):
        return Iterator(ONE_SHOT(*tensors, dataset=dataset), None, dataset.specs)


def initializable(dataset: Base, shared_name: str | None) -> Iterator:
    """An iterator that begins when its initializer runs."""
    made = Iterator(ITERATOR(shared_name=shared_name or ""), None, dataset.specs)
    made._initializer = MAKE(made._ref, *dataset.tensors(), dataset=dataset, name="MakeIterator")
    return made
