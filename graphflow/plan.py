"""The plan: which steps run in which order, and where every value lives.  It knows bytes, no device.

Views cost nothing: they are other shapes of the same bytes.  A variable is read where it lives, unless the value is
still wanted after a later step has changed it: then it is copied when it is read.  A step that works element by
element writes over an input that nobody needs afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from graphflow.arena import arranged, padded
from graphflow.backends.base import Call
from graphflow.cost import flops
from graphflow.dtypes import DType, ListType, uint8
from graphflow.operation import Operation, Tensor, variable_of
from graphflow.ops.define import CONST
from graphflow.ops.lowering import View
from graphflow.plan_text import plan_text
from graphflow.program import Program
from graphflow.shape import Dims, count, elements, known, sizes

Lower = Callable[[Operation], Call | None]
Kept = Callable[[Tensor], bool]


class Buffer(NamedTuple):
    """Where a value lives.

    kind   feed, const, state (a variable), arena, fetch (an array for the caller), list (items of one shape, nobody
           knows how many), object (a Python list: strings and values whose shape is not known before they are there)
    index  which feed, const, fetch, list or object; the variable's operation id; the byte offset in the arena
    """

    kind: str
    index: int  # type: ignore[assignment]
    dims: Dims
    dtype: DType

    @property
    def nbytes(self) -> int:
        return elements(self.dims) * self.dtype.size

    def __str__(self) -> str:
        if self.kind == "arena":
            return f"arena[{self.index}:{self.index + self.nbytes}]"
        return f"{self.kind}[{self.index}]"


class Step(NamedTuple):
    """One kernel, or one call of a reference (`call` is None).  A copy saves the first input in the first output.

    donated   inputs, by position, that are lists which nobody needs after this step
    """

    op: Operation
    inputs: tuple[Buffer, ...]
    outputs: tuple[Buffer, ...]
    call: Call | None
    scratch: Buffer | None = None
    copy: bool = False
    donated: tuple[int, ...] = ()

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
        return sum(b.nbytes for b in buffers) if all(_is_memory(b) for b in buffers) else None


def _is_memory(b: Buffer) -> bool:
    return b.kind not in ("object", "list") and known(b.dims)


@dataclass(frozen=True, repr=False)
class Plan:
    """Steps in order, the buffer of every feed and fetch, the constants, how many lists, and the size of the arena.

    donated   feeds, by position, that are lists which the plan may change
    """

    program: Program
    steps: tuple[Step, ...]
    feeds: tuple[Buffer, ...]
    fetches: tuple[Buffer, ...]
    fetch_arrays: tuple[Buffer, ...]
    constants: tuple[np.ndarray, ...]
    objects: int
    lists: int
    arena_bytes: int
    donated: frozenset[int]

    def __str__(self) -> str:
        return plan_text(self)

    def __repr__(self) -> str:
        return f"<Plan: {len(self.steps)} steps, {self.arena_bytes} bytes of memory for a run>"


def make_plan(
    program: Program, lower: Lower, donated: Collection[int] | None = None, lists: Kept | None = None
) -> Plan:
    """Choose kernels and places for a program whose shapes are known.

    lists     which of them the backend keeps in memory that grows; elsewhere they are Python's
    donated   feeds, by position, that are lists which the plan may change; None where lists that are fed are Python's
    """
    return _Planner(program, lower, donated, lists).plan()


def holds_items(t: Tensor) -> bool:
    """Whether this is a list whose items have one shape, or rows of a loop that makes nobody knows how many."""
    kind = t.dtype
    if isinstance(kind, ListType):
        return (kind.item is not None or kind.blank) and not kind.element.dtype.hasobject
    return holds_rows(t)


def holds_rows(t: Tensor) -> bool:
    """Whether these are the rows of a loop that makes nobody knows how many."""
    op = t.op
    stacked = "variables" in op.attrs and t.value_index > len(op.definition.writes) + op.attrs["variables"]
    if not stacked or not t.dims or t.dims[0] is not None:
        return False
    return known(t.dims[1:]) and not t.dtype.dtype.hasobject


class _Planner:
    """Places are found in one walk; those in the arena are numbered slots until all slots are known."""

    def __init__(
        self, program: Program, lower: Lower, donated: Collection[int] | None, kept: Kept | None
    ) -> None:  # fmt: skip
        self.program = program
        self.lower = lower
        self._is_list = kept or (lambda t: False)
        self.donated = frozenset(donated or ())
        self.kept = {t for i, t in enumerate(program.feeds) if i not in self.donated}  # feeds that may not change
        self.kinds = [op.definition.lower(op) for op in program.ops]
        self.views: set[Operation] = set()
        self.root: dict[Tensor, Tensor] = {}  # whose bytes a tensor has
        self.last: dict[Tensor, int] = {}  # by root: the last step that reads it; len(ops) for fetches
        self.writes: dict[int, list[int]] = {}  # by variable: positions of the operations that write it
        root, last = self.root, self.last
        for position, (op, kind) in enumerate(zip(program.ops, self.kinds, strict=True)):
            record = op.definition
            refs = set(record.refs)
            for i, t in enumerate(op.inputs):
                if i not in refs:
                    last[root.get(t, t)] = position
            for i in record.writes:
                self.writes.setdefault(variable_of(op.inputs[i]).id, []).append(position)
            if isinstance(kind, View) and (_has_bytes(op) or self._is_list(op.output)):
                self.views.add(op)
                if not record.refs:
                    root[op.outputs[0]] = root.get(op.inputs[0], op.inputs[0])
        self.fetched = {root.get(t, t) for t in program.fetches}
        last.update(dict.fromkeys(self.fetched, len(program.ops)))
        self.lists = 0
        self.places: dict[Tensor, Buffer] = {}
        for i, t in enumerate(program.feeds):
            fed_in_cell = donated is not None and self._is_list(t)
            self.places[t] = self._new_list(t) if fed_in_cell else Buffer("feed", i, t.dims, t.dtype)
        self.constants: list[np.ndarray] = []
        self.objects = 0
        self.fetch_arrays: list[Buffer] = []
        self.slots: list[list[int]] = []  # bytes, the position that makes them, the last that needs them
        self.slot: dict[Tensor, int] = {}  # by root: its slot

    # -- where values live ---------------------------------------------------------------------------------------
    def plan(self) -> Plan:
        steps: list[Step] = []
        for position, op in enumerate(self.program.ops):
            if op.definition is CONST:
                self.places[op.outputs[0]] = Buffer("const", len(self.constants), op.output.dims, op.output.dtype)
                self.constants.append(op.attrs["value"])
            elif op.definition.variable or (op.definition.refs and op in self.views):
                steps += self._read(op, position)
            elif op not in self.views:
                steps += self._run(op, position)
        offsets, nbytes = arranged([(size, birth, death) for size, birth, death in self.slots])
        return Plan(
            self.program, tuple([_moved(step, offsets) for step in steps]),
            tuple([self.places[t] for t in self.program.feeds]), tuple([self._place(t) for t in self.program.fetches]),
            tuple(self.fetch_arrays), tuple(self.constants), self.objects, self.lists, nbytes,
            self.donated,
        )  # fmt: skip

    def _place(self, t: Tensor) -> Buffer:
        root = self.root.get(t)
        if root is None:
            return self.places[t]
        place = self.places[root]
        return Buffer(place.kind, place.index, t.dims, t.dtype)

    def _read(self, op: Operation, position: int) -> list[Step]:
        """A variable's value: where it lives, or copied when a later step changes it before the last use."""
        variable = op if op.definition.variable else variable_of(op.inputs[0])
        out = op.outputs[0]
        home = Buffer("state", variable.id, out.dims, out.dtype)
        if out in self.places or not self._overtaken(variable, position, out):
            self.places.setdefault(out, home)
            return []
        self.places[out] = self._own(out, position)
        return [Step(op, (home,), (self.places[out],), None, copy=True)]

    def _overtaken(self, variable: Operation, position: int, t: Tensor) -> bool:
        """Whether a step after `position` writes the variable while `t` is still wanted later than that."""
        last = self.last.get(t, -1)
        return last > position and any(position < w < last for w in self.writes.get(variable.id, ()))

    def _run(self, op: Operation, position: int) -> list[Step]:
        call, refs, writes = self.lower(op), set(op.definition.refs), op.definition.writes
        inputs = [
            Buffer("state", variable_of(t).id, t.dims, t.dtype) if i in refs else self._place(t)
            for i, t in enumerate(op.inputs)
        ]
        foreign = any(isinstance(b.dtype, ListType) and b.kind != "list" for b in inputs)
        if foreign:  # a list of Python's, and so is what is made of it
            call = None
        homes: list[Buffer] = []
        copies: list[Step] = []
        saved: list[Step] = []
        pointwise = call is not None and call.pointwise
        for i, t in enumerate(op.outputs):
            if i < len(writes):
                variable = variable_of(op.inputs[writes[i]])
                home = Buffer("state", variable.id, t.dims, t.dtype)
                homes.append(home)
                if self._overtaken(variable, position, t):
                    self.places[t] = self._own(t, position)
                    saved.append(Step(op, (home,), (self.places[t],), None, copy=True))
                else:
                    self.places[t] = home
            else:
                if foreign and holds_items(t):
                    place = self._new_object(t)
                elif call is not None and call.over is not None and self._is_list(t):
                    place = self._changed(op.inputs[call.over], t, position)
                    if place[:2] != inputs[call.over][:2]:
                        copies.append(Step(op, (inputs[call.over],), (place,), None, copy=True))
                else:
                    place = (self._over(op, t, position) if pointwise else None) or self._own(t, position)
                self.places.setdefault(t, place)  # a fed output keeps its feed
                homes.append(place)
        scratch = None
        if call is not None and call.scratch_bytes:
            scratch = Buffer("arena", self._take(call.scratch_bytes, position, position), (call.scratch_bytes,), uint8)
        donated: tuple[int, ...] = ()
        if op.definition.calls:
            donated = tuple([i for i, t in enumerate(op.inputs) if i not in refs and self._is_free(t, position)])
        return [*copies, Step(op, tuple(inputs), tuple(homes), call, scratch, donated=donated), *saved]

    # -- lists ---------------------------------------------------------------------------------------------------
    def _new_list(self, t: Tensor) -> Buffer:
        self.lists += 1
        return Buffer("list", self.lists - 1, t.dims, t.dtype)

    def _is_free(self, t: Tensor, position: int) -> bool:
        """Whether nobody needs the list after the operation at this position, so that it may change it."""
        root = self.root.get(t, t)
        if self._place(t).kind != "list" or root in self.kept or self.last.get(root) != position:
            return False
        inputs = self.program.ops[position].inputs
        return sum(self.root.get(u, u) is root for u in inputs) == 1

    def _changed(self, before: Tensor, t: Tensor, position: int) -> Buffer:
        """Where a list is that was another until now."""
        place = self._place(before)
        if self._is_free(before, position) and _filled(before) == _filled(t):
            return Buffer("list", place.index, t.dims, t.dtype)
        return self._new_list(t)

    def _own(self, t: Tensor, position: int) -> Buffer:
        """New bytes for a value that a step makes."""
        if self._is_list(t):
            return self._new_list(t)
        if t.dtype.dtype.hasobject or not known(t.dims):
            return self._new_object(t)
        if t in self.fetched:
            place = Buffer("fetch", len(self.fetch_arrays), t.dims, t.dtype)
            self.fetch_arrays.append(place)
            return place
        nbytes = math.prod(sizes(t.dims)) * t.dtype.size
        self.slot[t] = self._take(nbytes, position, max(position, self.last.get(t, position)))
        return Buffer("arena", self.slot[t], t.dims, t.dtype)

    def _new_object(self, t: Tensor) -> Buffer:
        self.objects += 1
        return Buffer("object", self.objects - 1, t.dims, t.dtype)

    def _over(self, op: Operation, t: Tensor, position: int) -> Buffer | None:
        """The bytes of an input that is as large as the output `t`, and is not needed any more."""
        if t in self.fetched:
            return None
        elements = count(t.dims)
        for u in op.inputs:
            root = self.root.get(u, u)
            if u.dtype is not t.dtype or self.last.get(root) != position or count(u.dims) != elements:
                continue
            number = self.slot.get(root)
            if number is not None and self.places[root].kind == "arena":
                del self.slot[root]
                self.slot[t] = number
                self.slots[number][2] = max(position, self.last.get(t, position))
                return Buffer("arena", number, t.dims, t.dtype)
        return None

    def _take(self, nbytes: int, birth: int, death: int) -> int:
        """A new slot."""
        self.slots.append([padded(nbytes), birth, death])
        return len(self.slots) - 1


def _moved(step: Step, offsets: list[int]) -> Step:
    """The step with offsets in the place of slots."""

    def moved(buffers: tuple[Buffer, ...]) -> tuple[Buffer, ...]:
        return tuple([b if b.kind != "arena" else Buffer("arena", offsets[b.index], b.dims, b.dtype) for b in buffers])

    op, inputs, outputs, call, scratch, copy, donated = step
    return Step(op, moved(inputs), moved(outputs), call, moved((scratch,))[0] if scratch else None, copy, donated)


def _filled(t: Tensor) -> bool:
    """Whether the list may have items."""
    return not isinstance(t.dtype, ListType) or not t.dtype.blank


def _has_bytes(op: Operation) -> bool:
    return not op.output.dtype.dtype.hasobject and known(op.output.dims)
