"""Functions of datasets: traced into the graph once, and compiled into small programs that run for each element."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphflow import nest
from graphflow.data.structure import components, packed, types_of
from graphflow.graph import get_default_graph
from graphflow.operation import Operation, Program, Tensor
from graphflow.ops.define import CONST
from graphflow.ops.lowering import Elementwise
from graphflow.ops.placeholder import placeholder
from graphflow.passes.engine import Substitution
from graphflow.program import prune
from graphflow.store import Store

if TYPE_CHECKING:
    from graphflow.data.base import Run


class Function:
    """A function of the user's, called once with placeholders for the parts of an element.

    result     what it returned, as `convert` made it
    outputs    the tensors of the result
    captured   tensors from before the function that it uses: an iterator gets their values when it is initialized
    """

    def __init__(self, function: Callable, specs: Any, convert: Callable[[Any], tuple[Any, list[Tensor]]]) -> None:
        graph = get_default_graph()
        with graph.control_dependencies(None), graph.name_scope("dataset_function"):
            first = graph.version
            self._args = [placeholder(dtype, dims) for dims, dtype in types_of(specs)]
            element = packed(specs, self._args)
            spread = isinstance(element, tuple) and not hasattr(element, "_fields")
            self.result, self.outputs = convert(function(*element) if spread else function(element))
        self.captured = _captured(self.outputs, self._args, first)
        self._program: Program | None = None

    @property
    def program(self) -> Program:
        """From the parts of an element, and then the captured values, to the outputs."""
        if self._program is None:
            self._program = prune(self.outputs, (), [*self._args, *self.captured])
        return self._program

    def bind(self, run: Run) -> Callable[[Sequence[np.ndarray]], list[np.ndarray]]:
        """The function of one iterator; it takes and gives the parts of an element."""
        call, more = compiled(self.program, run.store, run.threads), run.of(self.captured)
        return lambda parts: call([*parts, *more])

    @property
    def stateful(self) -> bool:
        """Whether what it gives depends on more than its arguments."""
        return bool(_stateful(self.program))

    @property
    def drawing(self) -> list[Operation]:
        """Its random operations."""
        return [op for op in _stateful(self.program) if op.definition.draws]

    @functools.cached_property
    def works_on_rows(self) -> bool:
        """Whether the function of several elements, put together along a new first dimension, is that of each.

        So it is where every operation works element by element, on operands of the rank of its result, or row by row.
        """
        if self.stateful:  # it draws a number for each element
            return False
        ranks = {t: None if t.dims is None else len(t.dims) for t in self._args}
        for op in self.program.ops:
            given = [t in ranks for t in op.inputs]
            if not any(given):
                continue
            record = op.definition
            if record.rows is not None and record.rows(op) and given[0] and not any(given[1:]):
                found = [t.dims for t in op.outputs]
            elif not record.stateful and isinstance(record.lower(op), Elementwise) and len(op.outputs) == 1:
                found = [op.output.dims]
                rank = None if op.output.dims is None else len(op.output.dims)
                if any(ranks.get(t, -1) not in (rank, -1) for t in op.inputs):
                    return False
                if rank is None or any(t.dims is None or len(t.dims) > rank for t in op.inputs):
                    return False
            else:
                return False
            if None in found:
                return False
            ranks.update({t: len(dims) for t, dims in zip(op.outputs, found, strict=True) if dims is not None})
        return all(t in ranks for t in self.outputs)


def compiled(program: Program, store: Store, threads: int) -> Callable[[list[np.ndarray]], list[np.ndarray]]:
    """A program for one caller, which is compiled for the shapes that come."""
    made: dict[Any, Any] = {}

    def call(arrays: list[np.ndarray]) -> list[np.ndarray]:
        dims = tuple([a.shape for a in arrays])
        executable = made.get(dims)
        if executable is None:
            assert store.compile is not None
            executable = made[dims] = store.compile(program, dims, threads)
        return executable(arrays)

    return call


def chained(first: Program, then: Program) -> Program:
    """One program: what `first` fetches is fed to `then`, whose other feeds follow those of `first`."""
    copy = Substitution(then)
    copy.ops += first.ops
    for fed, t in zip(then.feeds, first.fetches, strict=False):
        copy.replace(fed.op, [t])
    for op in then.ops:
        copy.put(op, copy.updated(op))
    made = copy.finish()
    return Program((*first.feeds, *then.feeds[len(first.fetches) :]), made.fetches, made.targets, made.ops)


def _stateful(program: Program) -> list[Operation]:
    """The operations of a program, of its branches and of its loops, that give something else each time."""
    found = [op for op in program.ops if op.definition.stateful]
    for op in program.ops:
        if op.definition.calls:
            found += [inner for call in op.attrs["bodies"] for inner in _stateful(call.program)]
    return found


def _captured(outputs: Sequence[Tensor], args: Sequence[Tensor], first: int) -> list[Tensor]:
    """Tensors of operations before `first` that are needed; constants and variables are there anyway."""
    captured: dict[Tensor, None] = {}
    given, seen = set(args), set()
    stack: list[Any] = list(outputs)

    def need(t: Tensor, ref: bool) -> None:
        if t in given:
            return
        if t.op.id >= first or ref or t.op.definition is CONST:
            if t.op not in seen:
                seen.add(t.op)
                stack.append(t.op)
        else:
            captured[t] = None

    while stack:
        item = stack.pop()
        if isinstance(item, Operation):
            for i, t in enumerate(item.inputs):
                need(t, i in item.definition.refs)
        else:
            need(item, False)
    return list(captured)


def as_tensors(convert: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, list[Tensor]]]:
    """A result that is an element."""

    def made(result: Any) -> tuple[Any, list[Tensor]]:
        element = convert(result)
        return element, components(element)

    return made


def only(specs: Any) -> Any:
    """The one Spec of a nest of one; None for others."""
    flat = nest.flatten(specs)
    return flat[0] if len(flat) == 1 else None
