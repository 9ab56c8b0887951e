"""Regions: several operations as one kernel, made by the compiler and never by programs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from graphflow.operation import Operation, Tensor
from graphflow.ops.define import OpDef, Outputs, define
from graphflow.ops.lowering import Kernel, Together
from graphflow.ops.updates import Updates
from graphflow.shape import sizes


@dataclass(frozen=True, eq=False)
class Rounds:
    """The members of a region run again and again: a loop at every point of the space.

    state    for each loop variable, an input that holds the first value: the next value
    test     whether there is another round, a bool scalar that those members make which stand first
    index    int32 scalar: the row of `items` that a round takes, and of `stacked` that it makes
    items    inputs with a row for each round
    finals   for each output that is a last value: the loop variable
    stacked  for each output with a row for each round: the value
    count    how many rounds there are, None when that depends on values
    """

    state: Mapping[Tensor, Tensor]
    test: Tensor
    index: Tensor | None
    items: frozenset[Tensor]
    finals: Mapping[Tensor, Tensor]
    stacked: Mapping[Tensor, Tensor]
    count: int | None


@dataclass(frozen=True, eq=False)
class Region:
    """Operations over one space, in an order in which they can run.

    inputs   the tensors that come from outside; they broadcast
    outputs  the tensors that are wanted outside
    dims     the space: the shape of elementwise members and of what reductions take
    axes     those that reductions fold; what they leave, with these axes or without, is the shape of outer members
    rounds   how the members are repeated, None when they are not

    The first member may be an anchor: a kernel that runs the others on each block of its result.
    """

    members: tuple[Operation, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    dims: tuple[int, ...]
    axes: tuple[int, ...] = ()
    rounds: Rounds | None = None

    @cached_property
    def anchor(self) -> Operation | None:
        first = self.members[0]
        kind = first.definition.lower(first)
        return first if isinstance(kind, Kernel) and kind.epilogue else None

    @property
    def computed(self) -> tuple[Operation, ...]:
        """The members other than an anchor."""
        return self.members if self.anchor is None else self.members[1:]

    @cached_property
    def tested(self) -> tuple[Operation, ...]:
        """Those members, the first ones, that tell whether there is another round, and its row."""
        if self.rounds is None:
            return ()
        return leading_to(self.members, {self.rounds.test, self.rounds.index})

    @property
    def origins(self) -> list[Tensor | None]:
        """The member's own tensor behind each output; None for what comes from outside and leaves as it came."""
        if self.rounds is None:
            return list(self.outputs)
        last = {t: self.rounds.state[feed] for t, feed in self.rounds.finals.items()} | dict(self.rounds.stacked)
        return [last[t] if last[t].op in self.members else None for t in self.outputs]

    @property
    def raw_place(self) -> Tensor:
        """The output in whose memory the anchor's result lives, for the epilogue to finish."""
        assert self.anchor is not None
        return place_of(self.anchor.output, self.outputs)

    def aligned(self, t: Tensor, member: Operation) -> tuple[int, ...]:
        """The shape in which an outside tensor meets the space as an input of this member."""
        dims, out = sizes(t.dims), sizes(member.output.dims)
        if self.axes and len(out) < len(self.dims) and out == squeezed(self.dims, self.axes) and dims != self.dims:
            wide = [1] * (len(out) - len(dims)) + list(dims)
            for axis in self.axes:
                wide.insert(axis, 1)
            dims = tuple(wide)
        return narrowed(dims)

    def __str__(self) -> str:
        types = "+".join(op.type for op in self.members)
        return types if self.rounds is None else f"While({types})"


def narrowed(dims: tuple[int, ...]) -> tuple[int, ...]:
    """The shape; one element is a scalar."""
    return dims if any(d != 1 for d in dims) else ()


def place_of(raw: Tensor, outputs: Sequence[Tensor]) -> Tensor:
    """The first output that has the type of an anchor's result; StopIteration when there is none."""
    return raw if raw in outputs else next(t for t in outputs if t.dims == raw.dims and t.dtype is raw.dtype)


def squeezed(dims: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """What a reduction over these axes leaves."""
    return tuple(d for i, d in enumerate(dims) if i not in axes)


def kept(dims: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """The same with keep_dims."""
    return tuple(1 if i in axes else d for i, d in enumerate(dims))


def members(op: Operation) -> tuple[Operation, ...]:
    """The operations that this one stands for: the members of a region or of an update of many, else itself."""
    made = op.attrs.get("region") or op.attrs.get("updates")
    return made.members if isinstance(made, (Region, Updates)) else (op,)


def repeats(op: Operation) -> int | None:
    """How often the members run, None when that depends on values."""
    region = op.attrs.get("region")
    return region.rounds.count if isinstance(region, Region) and region.rounds is not None else 1


def names_of(op: Operation) -> tuple[str, ...]:
    """The names of the operations that this one stands for."""
    return tuple(dict.fromkeys(member.name for member in members(op)))


def unfolded(op: Operation) -> list[tuple[Operation, Sequence[Tensor]]]:
    """The members with their inputs, where these come from outside as tensors of the program at hand."""
    region, updates = op.attrs.get("region"), op.attrs.get("updates")
    if isinstance(region, Region):
        outside = dict(zip(region.inputs, op.inputs, strict=True))
        return [(m, [outside.get(t, t) for t in m.inputs]) for m in region.members]
    if isinstance(updates, Updates):
        return list(zip(updates.members, updates.split(op.inputs), strict=True))
    return [(op, op.inputs)]


def type_of(op: Operation) -> str:
    """The type, or the types of all members: `MatMul`, `Add+Relu`, `3 x ApplyAdam`."""
    made = op.attrs.get("region") or op.attrs.get("updates")
    return str(made) if isinstance(made, (Region, Updates)) else op.type


def leading_to(ops: Sequence[Operation], wanted: Collection[Tensor | None]) -> tuple[Operation, ...]:
    """Those of some operations, in their order, that these tensors depend on."""
    needed, found = set(wanted), []
    for op in reversed(ops):
        if not needed.isdisjoint(op.outputs):
            found.append(op)
            needed.update(op.inputs)
    return tuple(reversed(found))


def _infer(*inputs: Tensor, region: Region) -> Outputs:
    return [(t.dims, t.dtype) for t in region.outputs]


def _run(*inputs: np.ndarray, region: Region, drawn: Mapping[Operation, dict] | None = None) -> tuple[np.ndarray, ...]:
    """Member by member, each by its own reference; `drawn` has the key and draw number of random ones."""
    values: dict[Tensor, Any] = dict(zip(region.inputs, inputs, strict=True))
    if region.rounds is not None:
        return _repeat(values, region, region.rounds)
    for op in region.members:
        extra = drawn[op] if drawn and op in drawn else {}
        results = op.definition.compute(op, [values[t] for t in op.inputs], **extra)
        values.update(zip(op.outputs, results, strict=True))
    return tuple(values[t] for t in region.outputs)


def _repeat(values: dict[Tensor, Any], region: Region, rounds: Rounds) -> tuple[np.ndarray, ...]:
    """Round by round, the members of the test first, then those that tell the row."""
    many = {t: values[t] for t in rounds.items}
    rows = {t: np.zeros(sizes(t.dims), t.dtype.dtype) for t in rounds.stacked}
    while True:
        for op in region.tested:
            values.update(zip(op.outputs, op.definition.compute(op, [values[t] for t in op.inputs]), strict=True))
        if not values[rounds.test]:
            return tuple(rows[t] if t in rows else values[rounds.finals[t]] for t in region.outputs)
        if rounds.index is not None:
            values.update((t, x[int(values[rounds.index]), ...]) for t, x in many.items())
        for op in region.members[len(region.tested) :]:
            values.update(zip(op.outputs, op.definition.compute(op, [values[t] for t in op.inputs]), strict=True))
        for t, inner in rounds.stacked.items():
            rows[t][int(values[rounds.index])] = values[inner]  # type: ignore[index]
        values.update({feed: values[following] for feed, following in rounds.state.items()})


FUSED: OpDef = define("Fused", "*inputs", _infer, _run, lowering=lambda op: Together(op.attrs["region"]))


def fuse(
    members: Sequence[Operation], outputs: Sequence[Tensor], dims: tuple[int, ...], axes: tuple[int, ...] = (),
    rounds: Rounds | None = None, like: Operation | None = None,
) -> Operation:  # fmt: skip
    """One operation for these members; it has the name and the place in the order of `like`, or of the last one."""
    made = {t for op in members for t in op.outputs}
    taken = [t for op in members for t in op.inputs]
    if rounds is not None:
        taken += [t for pair in rounds.state.items() for t in pair] + list(rounds.stacked.values())
    inputs = tuple(dict.fromkeys(t for t in taken if t not in made))
    region = Region(tuple(members), inputs, tuple(outputs), dims, axes, rounds)
    like = like or members[-1]
    return Operation(
        FUSED, like.name, inputs, {"region": region}, [(t.dims, t.dtype) for t in outputs], (), like.graph, like.id,
        like.site, like.device,
    )  # fmt: skip
