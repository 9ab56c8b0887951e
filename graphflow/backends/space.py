"""What kernels of regions compute, whatever device runs them: values over a space of loops, and masks of the inputs.

All shapes are known here.  A body depends on expressions, dtypes and on which loops its inputs move along, never on
sizes: plans for other sizes find the same kernels.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphflow.backends.base import Draws
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import OpDef
from graphflow.ops.infer import static_axes
from graphflow.ops.lowering import Elementwise, Random, Reduce, operands
from graphflow.ops.updates import Updates
from graphflow.shape import sizes

Sizes = tuple[int, ...]
Mask = tuple[bool, ...]
# float16, complex numbers and strings have no generated kernels: their operations run the reference.
DTYPES = ("float32", "float64", "bool", *[f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)])


@dataclass(frozen=True)
class Member:
    """One value of a region.

    expression  over `names`, which stand for the values `operands`
    draws       for a random op: which of the draws; its expression also sees the random words `a` and `b`
    fold        for a reduction: of its one operand, over the folded loops
    outer       there is one value for every kept position, instead of one for every point
    """

    expression: str
    names: tuple[str, ...]
    operands: tuple[int, ...]
    dtype: str
    draws: int | None = None
    fold: Reduce | None = None
    outer: bool = False

    @functools.cached_property
    def _hash(self) -> int:
        return hash((self.expression, self.operands, self.dtype, self.fold, self.outer))

    def __hash__(self) -> int:
        """Worked out once: members are the keys by which every plan finds its kernels."""
        return self._hash


@dataclass(frozen=True)
class Again:
    """The members are computed again and again, at every point, until the test says no.

    state    (input, value): what a loop variable is in the next round
    test     a bool, the same at all points; the first `tested` members make it
    index    an int32, the same at all points: the row of the round
    items    inputs with a row for each round
    stacked  which of the outputs, by their place, get a row in each round; the others are stored at the end
    endless  whether nobody knows that it ends soon: such a kernel gets the pointer "status" before its others
    """

    state: tuple[tuple[int, int], ...]
    test: int
    tested: int
    index: int
    items: tuple[int, ...]
    stacked: tuple[int, ...]
    endless: bool

    @property
    def rows(self) -> bool:
        """Whether a round has rows of its own."""
        return bool(self.items or self.stacked)


@dataclass(frozen=True)
class Body:
    """What a kernel computes: inputs (mask, dtype) are the values 0, 1, ...; every member adds one.

    outputs  the values that are stored
    draws    how many random ops there are
    columns  which pointers, of inputs and outputs, are to columns of wider rows
    again    how the members are repeated, None when they are not

    The kernel's pointers are those of inputs and outputs, then one to [key, draw number] for each random op.  After the
    sizes there are the first column and the length of the rows of each of `columns`.
    """

    inputs: tuple[tuple[Mask, str], ...]
    members: tuple[Member, ...]
    outputs: tuple[int, ...]
    draws: int = 0
    columns: tuple[int, ...] = ()
    again: Again | None = None

    @functools.cached_property
    def _hash(self) -> int:
        return hash((self.inputs, self.members, self.outputs, self.columns, self.again))

    def __hash__(self) -> int:
        """Worked out once, as that of a member."""
        return self._hash

    @functools.cached_property
    def dtypes(self) -> list[str]:
        return [dtype for _, dtype in self.inputs] + [m.dtype for m in self.members]

    @functools.cached_property
    def wide(self) -> str:
        """The dtype of which a vector register is full."""
        return "float64" if all(d in ("float64", "int64", "uint64") for d in self.dtypes) else "float32"

    def __str__(self) -> str:
        """A line a value."""
        lines = [f"v{i} = {dtype} along {mask}" for i, (mask, dtype) in enumerate(self.inputs)]
        for i, m in enumerate(self.members, len(self.inputs)):
            where = ", ".join(f"{n}=v{o}" for n, o in zip(m.names, m.operands, strict=True))
            what = f"fold {m.fold.step} from {m.fold.init}" if m.fold else m.expression
            lines.append(f"v{i} = {m.dtype}: {what} with {where}")
        if self.columns:
            lines.append(f"columns of wider rows: pointers {', '.join(map(str, self.columns))}")
        if self.again is not None:
            lines.append(f"as long as v{self.again.test}: {self.again}")
        return "\n".join([*lines, f"store {', '.join(f'v{i}' for i in self.outputs)}"]) + "\n"


@dataclass(frozen=True)
class Space:
    """What a region computes in: dims, and the axes that it folds.

    inputs   (dims, dtype), aligned with dims
    columns  for inputs and outputs that are columns of wider rows, by number: the first one, and how long the rows are
    """

    dims: Sizes
    axes: tuple[int, ...]
    inputs: tuple[tuple[Sizes, str], ...]
    members: tuple[Member, ...]
    outputs: tuple[int, ...]
    draws: int = 0
    columns: tuple[tuple[int, int, int], ...] = ()
    again: Again | None = None

    @property
    def column_numbers(self) -> Sizes:
        """What a kernel gets after the sizes."""
        return tuple([n for _, start, width in self.columns for n in (start, width)])


# -- spaces of operations --------------------------------------------------------------------------------------------
def operation_space(
    op: Operation, kind: Elementwise | Reduce | Random
) -> tuple[Space, tuple[Tensor | Draws, ...]] | None:
    """(the space of an operation alone, the pointers of a kernel of it); None where its axes are not known."""
    if isinstance(kind, Elementwise):
        space, taken = _elementwise_space(op, kind)
        return space, (*taken, *op.outputs)
    if isinstance(kind, Random):
        space, taken = _random_space(op, kind)
        return space, (*taken, op.output, Draws(op))
    axes = _folded_axes(op)
    return None if axes is None else (fold_space(kind, op.inputs[0], op.output, axes), (op.inputs[0], op.output))


def _elementwise_space(op: Operation, kind: Elementwise) -> tuple[Space, tuple[Tensor, ...]]:
    """(one loop nest over the output's shape, the tensors that it takes)"""
    inputs, names = operands(kind, op.inputs), operands(kind, names_of(op))
    places = tuple(range(len(inputs)))
    values = zip(kind.expressions, op.outputs, strict=True)
    members = tuple([member_of(e, names, places, t.dtype.name) for e, t in values])
    stored = tuple(range(len(inputs), len(inputs) + len(members)))
    return Space(sizes(op.output.dims), (), _types(inputs), members, stored), inputs


def fold_space(kind: Reduce, x: Tensor, out: Tensor, axes: tuple[int, ...]) -> Space:
    """These axes of x folded into out."""
    members = (member_of("", ("x",), (0,), out.dtype.name, fold=kind, outer=True),)
    return Space(sizes(x.dims), axes, _types((x,)), members, (1,))


def _folded_axes(op: Operation) -> tuple[int, ...] | None:
    """The axes in the second input of a reduction, all axes when there is none; None where they are not known."""
    rank = len(sizes(op.inputs[0].dims))
    axes = tuple(range(rank)) if len(op.inputs) == 1 else static_axes(op.inputs[1], rank)
    return None if axes is None else tuple(sorted(axes))


def _random_space(op: Operation, kind: Random) -> tuple[Space, tuple[Tensor, ...]]:
    """(one draw for each element of the output, the tensors that it takes)"""
    scalars, names = operands(kind, op.inputs), operands(kind, names_of(op))
    members = (member_of(kind.expression, names, tuple(range(len(scalars))), op.output.dtype.name, draws=0),)
    return Space(sizes(op.output.dims), (), _types(scalars), members, (len(scalars),), 1), scalars


def updates_body(updates: Updates) -> Body | None:
    """Of updates of one kind: inputs that have the variable's shape are arrays, others are numbers."""
    first = updates.members[0]
    kind: Any = first.definition.lower(first)
    names = names_of(first)
    dims = first.output.dims
    inputs = tuple([((t.dims == dims,), t.dtype.name) for t in first.inputs])
    places, n = tuple(range(len(inputs))), len(inputs)
    members = tuple(
        [member_of(e, names, places, t.dtype.name) for e, t in zip(kind.expressions, first.outputs, strict=True)]
    )
    return body_of(inputs, members, tuple(range(n, n + len(members))), 0)


def names_of(op: Operation) -> tuple[str, ...]:
    """What expressions call the inputs."""
    return _numbered(op.definition, len(op.inputs))


@functools.lru_cache(4096)
def _numbered(record: OpDef, count: int) -> tuple[str, ...]:
    """The names of so many inputs; those of a variadic argument are numbered: inputs0, inputs1."""
    names: list[str] = []
    many = count - len(record.args) + 1
    for argument in record.args:
        names += [f"{argument.name}{i}" for i in range(many)] if argument.variadic else [argument.name]
    return tuple(names)


def _types(tensors: Sequence[Tensor]) -> tuple[tuple[Sizes, str], ...]:
    return tuple([(sizes(t.dims), t.dtype.name) for t in tensors])


# What does not depend on sizes is made once: plans for other sizes find the same objects.
member_of = functools.lru_cache(4096)(Member)


def masked(space: Space, masks: Sequence[Mask]) -> Body | None:
    inputs = tuple([(mask, dtype) for mask, (_, dtype) in zip(masks, space.inputs, strict=False)])
    columns = tuple([number for number, *_ in space.columns])
    return body_of(inputs, space.members, space.outputs, space.draws, columns, space.again)


@functools.lru_cache(4096)
def body_of(
    inputs: tuple[tuple[Mask, str], ...],
    members: tuple[Member, ...],
    outputs: tuple[int, ...],
    draws: int,
    columns: tuple[int, ...] = (),
    again: Again | None = None,
) -> Body | None:
    """None where there are no kernels for its dtypes."""
    body = Body(inputs, members, outputs, draws, columns, again)
    return body if all(d in DTYPES for d in body.dtypes) else None


def collapse(out: Sizes, inputs: Sequence[Sizes], apart: bool = False) -> tuple[Sizes, list[Mask]]:
    """Sizes of the loops over `out`, and for each input which of them it moves along.

    Dimensions of size 1 vanish, and neighbours that no input tells apart become one loop.
    apart   the last dimension stays a loop of its own
    """
    rank = len(out)
    wide = [(1,) * (rank - len(dims)) + tuple(dims) for dims in inputs]
    loops: list[int] = []
    moves: list[tuple[bool, ...]] = []
    for d in range(rank):
        if out[d] == 1:
            continue
        move = tuple([dims[d] != 1 for dims in wide])
        if moves and moves[-1] == move and not (apart and d == rank - 1):
            loops[-1] *= out[d]
        else:
            loops.append(out[d])
            moves.append(move)
    if not loops:
        loops, moves = [1], [(False,) * len(inputs)]
    return tuple(loops), [tuple([move[k] for move in moves]) for k in range(len(inputs))]
