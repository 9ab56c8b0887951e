"""Groups of operations that become one kernel, and the program in which they have."""

from __future__ import annotations

from graphflow.operation import Operation, Tensor
from graphflow.ops.fused import fuse, kept, squeezed
from graphflow.ops.lowering import Kernel, Random, Reduce
from graphflow.program import Program
from graphflow.shape import known

# What is better stored than computed twice.
_STEPS = ("exp", "log", "pow", "tanh", "sigmoid", "sin", "cos", "erf", "**", "_pair")

LIMIT = 42  # members of a region: no kernel grows without bound
_NO_REGION = ("float16", "string", "complex64", "complex128")

Sizes = tuple[int, ...]


class Group:
    """Operations that can become one region at the place of the youngest.

    axes    those that its reductions fold, None while it has none
    draws   whether there is a random draw, which needs the positions of the whole space
    anchor  whether the first member is a kernel that can run an epilogue
    wider   whether there are columns of wider matrices, which only elementwise kernels know
    closed  somebody outside has read it: moving it to a later place would come too late for the reader
    """

    def __init__(self, op: Operation, dims: Sizes, axes: Sizes | None = None, anchor: bool = False) -> None:
        self.members = [op]
        self.dims = dims
        self.axes = axes
        self.anchor = anchor
        self.draws = False
        self.wider = False
        self.closed = False

    @property
    def outer(self) -> tuple[Sizes, ...]:
        """The shapes of what its reductions leave."""
        return () if self.axes is None else (kept(self.dims, self.axes), squeezed(self.dims, self.axes))


def has_kernels(op: Operation) -> bool:
    """Whether all shapes are known, and all dtypes are ones that kernels are generated for."""
    return all(known(t.dims) and t.dtype.name not in _NO_REGION for t in op.inputs + op.outputs)


def is_anchor(op: Operation) -> bool:
    kind = op.definition.lower(op)
    return isinstance(kind, Kernel) and kind.epilogue and op.output.dtype.is_floating and bool(op.output.dims)


def rebuilt(program: Program, group_of: dict[Operation, Group]) -> Program:
    """The program with a region in the place of the youngest member of each group of two or more."""
    wanted = _read_outside(program, group_of)
    place = {op: i for i, op in enumerate(program.ops)}
    for home in set(group_of.values()):
        if len(home.members) > 1:
            home.members.sort(key=place.__getitem__)
    new: dict[Tensor, Tensor] = {}
    ops: list[Operation] = []
    done: dict[Operation, Operation] = {}
    for op in program.ops:
        group = group_of.get(op)
        if group is None or len(group.members) == 1:
            made = op
            if not new.keys().isdisjoint(op.inputs):
                inputs = tuple([new.get(t, t) for t in op.inputs])
                made = op.rebuild(inputs, [(t.dims, t.dtype) for t in op.outputs])
                new.update(zip(op.outputs, made.outputs, strict=True))
        elif op is group.members[-1]:
            outputs = [t for m in group.members for t in m.outputs if t in wanted]
            made = _region(group, outputs)
            made = made.rebuild(tuple([new.get(t, t) for t in made.inputs]), [(t.dims, t.dtype) for t in made.outputs])
            new.update(zip(made.attrs["region"].outputs, made.outputs, strict=True))
        else:
            continue
        done[op] = made
        ops.append(made)
    targets = tuple(done[op] for op in program.targets if op in done)
    fetches = tuple(new.get(t, t) for t in program.fetches)
    return Program(program.feeds, fetches, targets, tuple(ops))


def _region(group: Group, outputs: list[Tensor]) -> Operation:
    members = group.members
    if group.anchor:
        anchor = next(m for m in members if is_anchor(m))
        members = [anchor, *[m for m in members if m is not anchor]]
        raw = anchor.output
        if not any(t.dims == raw.dims and t.dtype is raw.dtype for t in outputs):
            outputs = [*outputs, raw]
    if group.axes is not None:
        outputs = [*outputs, *[t for t in _wanted_later(group) if t not in outputs]]
    return fuse(members, outputs, group.dims, group.axes or ())


def _wanted_later(group: Group) -> list[Tensor]:
    """Costly values that a walk over the space needs again after a reduction: they are stored and loaded."""
    stage: dict[Tensor, int] = {}
    makers = {m.output: m for m in group.members if m.output.dims == group.dims}
    found: dict[Tensor, None] = {}

    def look_back(t: Tensor) -> None:
        maker = makers.get(t)
        if maker is None or t in found:
            return
        if _costly(maker):
            found[t] = None
        else:
            for u in maker.inputs:
                look_back(u)

    for m in group.members:
        before = [stage[t] for t in m.inputs if t in stage]
        mine = max(before, default=0) + isinstance(m.definition.lower(m), Reduce)
        stage.update(dict.fromkeys(m.outputs, mine))
        if m.output.dims == group.dims:
            for t in m.inputs:
                if stage.get(t, mine) < mine:
                    look_back(t)
    return list(found)


def _costly(op: Operation) -> bool:
    kind = op.definition.lower(op)
    return isinstance(kind, Random) or any(s in e for e in getattr(kind, "expressions", ()) for s in _STEPS)


def _read_outside(program: Program, group_of: dict[Operation, Group]) -> set[Tensor]:
    """Tensors that a fetch or an operation of another group takes."""
    wanted = set(program.fetches).union(*(op.outputs for op in program.targets))
    for op in program.ops:
        home = group_of.get(op)
        if home is None or len(home.members) == 1:
            wanted.update(op.inputs)
        else:
            wanted.update([t for t in op.inputs if group_of.get(t.op) is not home])
    return wanted
