"""The space of a region: its inputs, what its members compute of them, and what is stored."""

from __future__ import annotations

from typing import Any

from graphflow.backends.base import Draws
from graphflow.backends.space import Again, Member, Sizes, Space, member_of, names_of
from graphflow.operation import Operation, Tensor
from graphflow.ops.fused import Region, Rounds, narrowed
from graphflow.ops.lowering import Columns, Random, Reduce, SideBySide, View, operands
from graphflow.shape import sizes

SOON = 1 << 16  # rounds that nobody wants to interrupt

Read = tuple[Tensor, Sizes, int]  # an input: a tensor, the shape in which it meets the space, its first column


def region_space(region: Region) -> tuple[Space, tuple[Tensor | Draws, ...]]:
    """The space, and the pointers of a kernel of it: the region's tensors for its inputs and outputs, and its draws.

    A tensor is two inputs when it is broadcast in two ways: to the space, and to what a squeezing reduction leaves; it
    is an input for each group of its columns that is read.
    """
    return _Gathered(region).space()


class _Gathered:
    """The values of a region by number: the inputs, then what the members make of them.

    inputs   by what is read: the number
    value    by tensor: what is read for it, or the number of what is made
    joined   by tensor that is made of columns: the numbers of these
    """

    def __init__(self, region: Region) -> None:
        self.region = region
        self.inputs: dict[Read, int] = {}
        self.value: dict[Tensor, Read | int] = {}
        self.joined: dict[Tensor, list[int]] = {}
        self.members: list[Member] = []
        self.drawn: list[Operation] = []
        self.made = {t for m in region.computed for t in m.outputs}
        kinds: list[Any] = [m.definition.lower(m) for m in region.computed]
        taken = [self.reads(m, kind) for m, kind in zip(region.computed, kinds, strict=True)]  # numbers all inputs
        for t in region.inputs if region.rounds is not None else ():
            self.value[t] = self.read(t, narrowed(sizes(t.dims)))
        for m, kind, of in zip(region.computed, kinds, taken, strict=True):
            self.add(m, kind, of)

    def reads(self, m: Operation, kind: Any) -> list[Read | Tensor]:
        """What the operands of a member are, with columns of wider rows for the outputs of one that names these."""
        if isinstance(kind, Columns):
            for t, start in zip(m.outputs, kind.starts, strict=True):
                self.value[t] = self.read(m.inputs[kind.of], sizes(t.dims), start)
            return []
        dims = narrowed(self.region.dims) if isinstance(kind, SideBySide) else None
        found: list[Read | Tensor] = []
        for t in operands(kind, m.inputs):
            found.append(t if t in self.made else self.read(t, self.region.aligned(t, m) if dims is None else dims))
        return found

    def read(self, t: Tensor, dims: Sizes, start: int = 0) -> Read:
        self.inputs.setdefault((t, dims, start), len(self.inputs))
        return t, dims, start

    def add(self, m: Operation, kind: Any, taken: list[Read | Tensor]) -> None:
        """A member, whose operands are all known."""
        if isinstance(kind, Columns):
            return
        if isinstance(kind, SideBySide):
            self.joined[m.output] = [self.stored(each, m.output.dtype.name) for each in taken]
            return
        places = tuple([self.number(each) for each in taken])
        if isinstance(kind, View):
            self.value[m.output] = places[0]
            return
        names, dtype = operands(kind, names_of(m)), m.output.dtype.name
        for i, t in enumerate(m.outputs):
            if isinstance(kind, Reduce):
                made = member_of("", ("x",), places, dtype, fold=kind, outer=True)
            elif isinstance(kind, Random):
                made = member_of(kind.expression, names, places, dtype, draws=len(self.drawn))
                self.drawn.append(m)
            else:
                outer = t.dims != self.region.dims
                made = member_of(kind.expressions[i], names, places, t.dtype.name, outer=outer)
            self.value[t] = self.append(made)

    def append(self, made: Member) -> int:
        self.members.append(made)
        return len(self.inputs) + len(self.members) - 1

    def number(self, of: Read | Tensor) -> int:
        found = self.value[of] if isinstance(of, Tensor) else of
        return found if isinstance(found, int) else self.inputs[found]

    def stored(self, of: Read | Tensor, dtype: str) -> int:
        """The number of a value that is to be stored: one that is made, of an input a copy."""
        number = self.number(of)
        return number if number >= len(self.inputs) else self.append(member_of("x", ("x",), (number,), dtype))

    def space(self) -> tuple[Space, tuple[Tensor | Draws, ...]]:
        region, inputs = self.region, self.inputs
        made_of = {m.inputs[k.of] for m in region.computed if isinstance(k := m.definition.lower(m), Columns)}
        wide = [(i, start, sizes(t.dims)[-1]) for (t, dims, start), i in inputs.items()
                if t in made_of and dims != sizes(t.dims)]  # fmt: skip
        outputs: list[int] = []
        pointers: list[Tensor] = [t for t, _, _ in inputs]
        for t in region.outputs:
            if region.rounds is not None:
                outputs.append(self.repeated(t, region.rounds))
                pointers.append(t)
            elif t in self.joined:
                width, parts = region.dims[-1], self.joined[t]
                for i, number in enumerate(parts):
                    wide.append((len(inputs) + len(outputs), i * width, len(parts) * width))
                    outputs.append(number)
                pointers += [t] * len(parts)
            else:
                outputs.append(self.stored(t, t.dtype.name) if t in self.value else inputs[self.raw(t)])
                pointers.append(t)
        types = tuple([(dims, t.dtype.name) for t, dims, _ in inputs])
        space = Space(
            region.dims, region.axes, types, tuple(self.members), tuple(outputs), len(self.drawn), tuple(wide),
            None if region.rounds is None else self.again(region.rounds),
        )  # fmt: skip
        return space, (*pointers, *[Draws(m) for m in self.drawn])

    def repeated(self, t: Tensor, rounds: Rounds) -> int:
        """The number of what is stored as an output of a loop: a value of a round, or a loop variable at the end."""
        inner = rounds.stacked.get(t)
        return self.number(rounds.finals[t]) if inner is None else self.stored(inner, t.dtype.name)

    def again(self, rounds: Rounds) -> Again:
        outputs = self.region.outputs
        return Again(
            tuple((self.number(feed), self.number(following)) for feed, following in rounds.state.items()),
            self.number(rounds.test), sum(len(m.outputs) for m in self.region.tested),
            -1 if rounds.index is None else self.number(rounds.index), tuple(map(self.number, rounds.items)),
            tuple(i for i, t in enumerate(outputs) if t in rounds.stacked),
            rounds.count is None or rounds.count > SOON,
        )  # fmt: skip

    def raw(self, t: Tensor) -> Read:
        """An anchor's result, which stays where it is."""
        return t, narrowed(self.region.dims), 0
