"""The plan: which steps run in which order, and where every value lives.  It knows bytes, no device.

Views cost nothing: they are other shapes of the same bytes.  A variable is read where it lives, unless the value is
still wanted after a later step has changed it: then it is copied when it is read.
"""

from __future__ import annotations

from bisect import bisect, insort
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from graphflow.backends.base import Call
from graphflow.cost import flops
from graphflow.dtypes import DType, string, uint8
from graphflow.operation import Operation, Tensor, variable_of
from graphflow.ops.define import CONST
from graphflow.ops.lowering import View
from graphflow.plan_text import plan_text
from graphflow.program import Program
from graphflow.shape import Dims, elements, known

_ALIGN = 64
Lower = Callable[[Operation], Call | None]


@dataclass(frozen=True)
class Buffer:
    """Where a value lives.

    kind   feed, const, state (a variable), arena, fetch (an array for the caller), object (a Python list: strings
           and values whose shape is not known before they are there)
    index  which feed, const, fetch or object; the variable's operation id; the byte offset in the arena
    """

    kind: str
    index: int
    dims: Dims
    dtype: DType

    @property
    def nbytes(self) -> int:
        return elements(self.dims) * self.dtype.size

    def __str__(self) -> str:
        if self.kind == "arena":
            return f"arena[{self.index}:{self.index + self.nbytes}]"
        return f"{self.kind}[{self.index}]"


@dataclass(frozen=True)
class Step:
    """One kernel, or one call of a reference (`call` is None).  A copy saves the first input in the first output."""

    op: Operation
    inputs: tuple[Buffer, ...]
    outputs: tuple[Buffer, ...]
    call: Call | None
    scratch: Buffer | None = None
    copy: bool = False

    @property
    def flops(self) -> int | None:
        """None when they are not known."""
        return 0 if self.copy else flops(self.op)

    @property
    def nbytes(self) -> int | None:
        """Bytes of the inputs that are read, and of the outputs; None when one is an object."""
        record = self.op.definition
        unread = () if record.reads or self.copy else record.refs
        read = dict.fromkeys(b for i, b in enumerate(self.inputs) if i not in unread)
        buffers = (*read, *self.outputs)
        return sum(b.nbytes for b in buffers) if all(b.kind != "object" and known(b.dims) for b in buffers) else None


@dataclass(frozen=True)
class Plan:
    """Steps in order, the buffer of every fetch, the constants, and the size of the arena."""

    program: Program
    steps: tuple[Step, ...]
    fetches: tuple[Buffer, ...]
    fetch_arrays: tuple[Buffer, ...]
    constants: tuple[np.ndarray, ...]
    objects: int
    arena_bytes: int

    def __str__(self) -> str:
        return plan_text(self)


def make_plan(program: Program, lower: Lower) -> Plan:
    """Choose kernels and places for a program whose shapes are known."""
    return _Planner(program, lower).plan()


class _Planner:
    def __init__(self, program: Program, lower: Lower) -> None:
        self.program = program
        self.views = {op for op in program.ops if _is_view(op)}
        self.calls = {op: lower(op) for op in program.ops if self._executes(op)}
        self.constants: list[np.ndarray] = []
        self.objects = 0
        self.root: dict[Tensor, Tensor] = {}  # whose bytes a tensor has
        self.last: dict[Tensor, int] = {}  # by root: the last step that reads it; len(ops) for fetches
        self.writes: dict[int, list[int]] = {}  # by variable: positions of the operations that write it
        for position, op in enumerate(program.ops):
            for i, t in enumerate(op.inputs):
                if i not in op.definition.refs:
                    self._use(t, position)
            for i in op.definition.writes:
                self.writes.setdefault(variable_of(op.inputs[i]).id, []).append(position)
            if op in self.views and not op.definition.refs:
                self.root[op.output] = self.root.get(op.inputs[0], op.inputs[0])
        for t in program.fetches:
            self._use(t, len(program.ops))

    def _executes(self, op: Operation) -> bool:
        return op.definition is not CONST and not op.definition.variable and op not in self.views

    def _use(self, t: Tensor, position: int) -> None:
        root = self.root.get(t, t)
        self.last[root] = max(position, self.last.get(root, -1))

    # -- where values live ---------------------------------------------------------------------------------------
    def plan(self) -> Plan:
        ops = self.program.ops
        self.places: dict[Tensor, Buffer] = {
            t: Buffer("feed", i, t.dims, t.dtype) for i, t in enumerate(self.program.feeds)
        }
        self.fetch_arrays: list[Buffer] = []
        self.arena = Arena()
        self.expiring: dict[int, list[tuple[int, int]]] = {}
        fetched = {self.root.get(t, t) for t in self.program.fetches}
        steps: list[Step] = []
        for position, op in enumerate(ops):
            if op.definition is CONST:
                self.places[op.output] = Buffer("const", len(self.constants), op.output.dims, op.output.dtype)
                self.constants.append(op.attrs["value"])
            elif op.definition.variable or (op.definition.refs and op in self.views):
                steps += self._read(op, position, fetched)
            elif op not in self.views:
                steps += self._run(op, position, fetched)
            for start, size in self.expiring.pop(position, ()):
                self.arena.free(start, size)
        return Plan(
            self.program, tuple(steps), tuple(self._place(t) for t in self.program.fetches), tuple(self.fetch_arrays),
            tuple(self.constants), self.objects, self.arena.size,
        )  # fmt: skip

    def _place(self, t: Tensor) -> Buffer:
        root = self.root.get(t, t)
        place = self.places[root]
        return place if root is t else Buffer(place.kind, place.index, t.dims, t.dtype)

    def _read(self, op: Operation, position: int, fetched: set[Tensor]) -> list[Step]:
        """A variable's value: where it lives, or copied when a later step changes it before the last use."""
        variable = op if op.definition.variable else variable_of(op.inputs[0])
        out = op.output
        home = Buffer("state", variable.id, out.dims, out.dtype)
        if out in self.places or not self._overtaken(variable, position, out):
            self.places.setdefault(out, home)
            return []
        self.places[out] = self._own(out, position, fetched)
        return [Step(op, (home,), (self.places[out],), None, copy=True)]

    def _overtaken(self, variable: Operation, position: int, t: Tensor) -> bool:
        """Whether a step after `position` writes the variable while `t` is still wanted later than that."""
        last = self.last.get(t, -1)
        return any(position < w < last for w in self.writes.get(variable.id, ()))

    def _run(self, op: Operation, position: int, fetched: set[Tensor]) -> list[Step]:
        call = self.calls[op]
        inputs = tuple(
            Buffer("state", variable_of(t).id, t.dims, t.dtype) if i in op.definition.refs else self._place(t)
            for i, t in enumerate(op.inputs)
        )
        homes: list[Buffer] = []
        saved: list[Step] = []
        for i, t in enumerate(op.outputs):
            if i < len(op.definition.writes):
                variable = variable_of(op.inputs[op.definition.writes[i]])
                home = Buffer("state", variable.id, t.dims, t.dtype)
                homes.append(home)
                if self._overtaken(variable, position, t):
                    self.places[t] = self._own(t, position, fetched)
                    saved.append(Step(op, (home,), (self.places[t],), None, copy=True))
                else:
                    self.places[t] = home
            else:
                place = self._own(t, position, fetched)
                self.places.setdefault(t, place)  # a fed output keeps its feed
                homes.append(place)
        scratch = None
        if call is not None and call.scratch_bytes:
            start = self._take(call.scratch_bytes, position, position)
            scratch = Buffer("arena", start, (call.scratch_bytes,), uint8)
        return [Step(op, inputs, tuple(homes), call, scratch), *saved]

    def _own(self, t: Tensor, position: int, fetched: set[Tensor]) -> Buffer:
        """New bytes for a value that a step makes."""
        if t.dtype is string or not known(t.dims):
            self.objects += 1
            return Buffer("object", self.objects - 1, t.dims, t.dtype)
        if t in fetched:
            place = Buffer("fetch", len(self.fetch_arrays), t.dims, t.dtype)
            self.fetch_arrays.append(place)
            return place
        nbytes = Buffer("arena", 0, t.dims, t.dtype).nbytes
        return Buffer("arena", self._take(nbytes, position, self.last.get(t, position)), t.dims, t.dtype)

    def _take(self, nbytes: int, birth: int, death: int) -> int:
        size = -(-nbytes // _ALIGN) * _ALIGN
        start = self.arena.take(size)
        self.expiring.setdefault(max(birth, death), []).append((start, size))
        return start


class Arena:
    """Offsets for buffers that come and go: the smallest gap that fits, else the end."""

    def __init__(self) -> None:
        self.size = 0
        self._gaps: list[tuple[int, int]] = []  # (start, size), by start, never adjacent
        self._fits: list[tuple[int, int]] = []  # the same as (size, start), by size

    def take(self, size: int) -> int:
        if not size:
            return 0
        i = bisect(self._fits, (size,))
        if i < len(self._fits):
            gap, start = self._fits[i]
            self._drop(start, gap)
            if gap > size:
                self._add(start + size, gap - size)
            return start
        start = self.size
        if self._gaps and sum(self._gaps[-1]) == self.size:  # grow the gap at the end
            start, gap = self._gaps[-1]
            self._drop(start, gap)
        self.size = start + size
        return start

    def free(self, start: int, size: int) -> None:
        if not size:
            return
        i = bisect(self._gaps, (start,))
        if i < len(self._gaps) and self._gaps[i][0] == start + size:
            after = self._gaps[i]
            self._drop(*after)
            size += after[1]
        if i and sum(self._gaps[i - 1]) == start:
            before = self._gaps[i - 1]
            self._drop(*before)
            start, size = before[0], before[1] + size
        self._add(start, size)

    def _add(self, start: int, size: int) -> None:
        insort(self._gaps, (start, size))
        insort(self._fits, (size, start))

    def _drop(self, start: int, size: int) -> None:
        del self._gaps[bisect(self._gaps, (start,))]
        del self._fits[bisect(self._fits, (size, start)) - 1]


def _is_view(op: Operation) -> bool:
    return isinstance(op.definition.lower(op), View) and op.output.dtype is not string and known(op.output.dims)
