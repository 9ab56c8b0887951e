"""Fusion: operations over one space become one kernel that keeps what lies between them in registers.

The space is a shape.  Its elementwise operations and random draws join, and reductions of it over the same axes with
what is computed from their results; a product or convolution joins the operations that follow it as their anchor.
Elementwise operations take columns of a wider matrix from where these are, and put theirs there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import COPY
from graphflow.ops.fused import Region, kept, squeezed
from graphflow.ops.infer import static_axes
from graphflow.ops.lowering import Columns, Elementwise, Random, Reduce, SideBySide, View, operands
from graphflow.passes.groups import LIMIT, Group, Sizes, has_kernels, is_anchor, rebuilt
from graphflow.program import Program
from graphflow.shape import sizes


@dataclass
class _Plan:
    """How an operation joins: with which groups, into what space; whether it is an anchor, draws, or moves columns."""

    groups: list[Group]
    dims: Sizes
    axes: Sizes | None
    anchor: bool = False
    draws: bool = False
    wider: bool = False


def fuse_regions(program: Program, fired: Counter[str] | None = None) -> Program:
    """Merge each operation with those that make its inputs, where they fit and nobody else is in the way.

    Members move down to the place of the youngest one, so nothing in between may read them, and nothing that reads or
    writes variables is a member.  A reader in between may itself move down into a region: so walks, each
    O(operations + edges), until nothing changes.
    """
    while True:
        group_of = _walked(program)
        fused = rebuilt(program, group_of)
        if len(fused.ops) == len(program.ops):
            return program
        if fired is not None:
            fired["fused"] += len(program.ops) - len(fused.ops)
        if not _left_over(program, group_of):
            return fused
        program = fused


def _walked(program: Program) -> dict[Operation, Group]:
    """The group of every operation that can be in one, alone or with others."""
    group_of: dict[Operation, Group] = {}
    reader: dict[Tensor, Operation] = {}
    for op in program.ops:
        plan = _copies(op, group_of, reader) if op.definition is COPY else _plan(op, group_of)
        joined = plan.groups if plan else []
        for t in op.inputs:
            group = group_of.get(t.op)
            if group is not None and group not in joined:
                group.closed = True
        if plan is not None:
            home = Group(op, plan.dims, plan.axes, plan.anchor)
            home.draws, home.wider = plan.draws, plan.wider
            for group in joined:
                home.anchor = home.anchor or group.anchor
                home.draws = home.draws or group.draws
                home.wider = home.wider or group.wider
            home.members = [m for group in joined for m in group.members] + [op]
            for member in home.members:
                group_of[member] = home
            reader.update(dict.fromkeys(op.inputs, op))
    return group_of


def _copies(op: Operation, group_of: dict[Operation, Group], reader: dict[Tensor, Operation]) -> _Plan | None:
    """A copy of what nobody here has made joins those who read it."""
    plan, x = _plan(op, group_of), op.inputs[0]
    group = group_of.get(reader.get(x, op))
    if plan is None or plan.groups or group is None or group.closed or group.dims != x.dims or group.axes is not None:
        return plan
    if not group.anchor and _alike(plan, group):
        plan.groups.append(group)
    return plan


def _left_over(program: Program, group_of: dict[Operation, Group]) -> bool:
    """Whether two operations that are still alone may join in another walk; regions join nothing."""
    for op in program.ops:
        home = group_of.get(op)
        if home is not None and (len(home.members) > 1 or home.anchor or home.draws):
            continue
        for t in op.inputs:
            group = group_of.get(t.op)
            if group is not None and len(group.members) == 1 and _may_join(op, home, group):
                return True
    return False


def _may_join(op: Operation, home: Group | None, group: Group) -> bool:
    """Whether the kinds of an operation and of what makes an input of it are ever found in one region."""
    kind = op.definition.lower(op)
    if isinstance(kind, View):
        return group.axes is not None
    return home is not None and not (isinstance(kind, Reduce) and group.anchor)


# -- what can join -------------------------------------------------------------------------------------------------
def _plan(op: Operation, group_of: dict[Operation, Group]) -> _Plan | None:
    """How the operation becomes a member, None when it cannot be one."""
    record = op.definition
    kind = record.lower(op)
    if kind is None or not op.outputs or (record.stateful and not isinstance(kind, Random)):
        return None
    if not has_kernels(op):
        return None
    if isinstance(kind, Random):
        return _Plan([], sizes(op.output.dims), None, draws=True) if _scalars(op) else None
    if isinstance(kind, Elementwise) and (len(op.outputs) == 1 or len({t.dims for t in op.outputs}) == 1):
        return _elementwise(op, kind, group_of)
    if isinstance(kind, Reduce):
        return _reduction(op, group_of)
    if isinstance(kind, View):
        return _view(op, group_of)
    if isinstance(kind, Columns):
        return _Plan([], sizes(op.outputs[0].dims), None, wider=True)
    if isinstance(kind, SideBySide):
        return _side_by_side(op, group_of)
    if is_anchor(op):
        return _Plan([], sizes(op.output.dims), None, anchor=True)
    return None


def _scalars(op: Operation) -> bool:
    return all(t.dims == () for t in op.inputs[1:])


def _elementwise(op: Operation, kind: Elementwise, group_of: dict[Operation, Group]) -> _Plan:
    """With groups over its shape, or with those that have it as the shape of what their reductions leave."""
    dims = sizes(op.output.dims)
    open_groups: list[Group] = []
    for t in operands(kind, op.inputs):
        home = group_of.get(t.op)
        if home is not None and not home.closed and home not in open_groups:
            open_groups.append(home)
    for group in open_groups:  # what follows a reduction
        if group.axes is not None and group.dims != dims and dims in group.outer:
            found = _Plan([group], group.dims, group.axes)
            for other in open_groups:
                over = other.dims == group.dims or _leaves(group.outer, other)
                if other is not group and over and _alike(found, other):
                    _take(found, other)
            if _fits(op, found):
                return found
    found = _Plan([], dims, None)
    for group in open_groups:
        leaves = () if found.axes is None else (kept(dims, found.axes), squeezed(dims, found.axes))
        if (group.dims == dims or _leaves(leaves, group)) and _alike(found, group):
            before = list(found.groups), found.axes
            _take(found, group)
            if not (_fits(op, found) and _finishes(op, found)):
                found.groups, found.axes = before
    return found


def _side_by_side(op: Operation, group_of: dict[Operation, Group]) -> _Plan | None:
    """With groups over the shape of its parts, if there are any."""
    found = _Plan([], sizes(op.inputs[0].dims), None, wider=True)
    for t in op.inputs[:-1]:
        group = group_of.get(t.op)
        if group is None or group.closed or group in found.groups:
            continue
        if group.dims == found.dims and _alike(found, group):
            found.groups.append(group)
    return found if found.groups else None


def _leaves(outer: tuple[Sizes, ...], group: Group) -> bool:
    """Whether the group can compute with what reductions leave, which has one of these shapes."""
    return group.axes is None and group.dims in outer and not group.draws


def _reduction(op: Operation, group_of: dict[Operation, Group]) -> _Plan | None:
    x = op.inputs[0]
    dims = sizes(x.dims)
    axes = tuple(range(len(dims))) if len(op.inputs) == 1 else static_axes(op.inputs[1], len(dims))
    if axes is None or not _streams(dims, axes):
        return None
    axes = tuple(sorted(axes))
    if kept(dims, axes) == dims:
        return None
    found = _Plan([], dims, axes)
    group = group_of.get(x.op)
    if group is not None and not group.closed and group.dims == dims and _alike(found, group) and not group.anchor:
        _take(found, group)
        if not _even(op, found):
            found.groups.clear()
    return found


def _streams(dims: Sizes, axes: Sizes) -> bool:
    """Whether the folded axes come after all others, or before them: in these orders memory is read in one stream."""
    wide = [i for i, d in enumerate(dims) if d != 1]
    folded = [i in axes for i in wide]
    return folded == sorted(folded) or folded == sorted(folded, reverse=True)


def _view(op: Operation, group_of: dict[Operation, Group]) -> _Plan | None:
    """From one shape of what a reduction leaves to the other."""
    group = group_of.get(op.inputs[0].op)
    if group is None or group.closed or group.axes is None or op.output.dims is None:
        return None
    if op.inputs[0].dims in group.outer and op.output.dims in group.outer and len(group.members) < LIMIT:
        return _Plan([group], group.dims, group.axes)
    return None


def _alike(plan: _Plan, group: Group) -> bool:
    """Whether the group can join a plan: the same axes where both fold, one anchor at most and none with axes.

    Columns of wider matrices go with neither.
    """
    groups = [*plan.groups, group]
    if (plan.wider or any(g.wider for g in groups)) and (
        plan.axes is not None or any(g.anchor or g.axes is not None for g in groups)
    ):
        return False
    if plan.axes is not None and group.axes is not None and plan.axes != group.axes:
        return False
    anchors = sum(g.anchor for g in groups)
    folding = plan.axes is not None or group.axes is not None
    return anchors <= (0 if folding else 1) and 1 + sum(len(g.members) for g in groups) <= LIMIT


def _take(plan: _Plan, group: Group) -> None:
    plan.groups.append(group)
    plan.axes = plan.axes if plan.axes is not None else group.axes


def _fits(op: Operation, plan: _Plan) -> bool:
    """Whether what comes from reductions meets the members as the kernel has it: one value for each kept position."""
    if plan.axes is None:
        return True
    members = {m for group in plan.groups for m in group.members}
    wide, narrow = kept(plan.dims, plan.axes), squeezed(plan.dims, plan.axes)
    out = sizes(op.output.dims)
    for t in operands(op.definition.lower(op), op.inputs):
        if t.op not in members or t.dims == out:
            continue
        dims = sizes(t.dims)
        if out == plan.dims:
            if dims != plan.dims and (1,) * (len(out) - len(dims)) + dims != wide:
                return False
        elif dims not in (wide, narrow) or (1,) * (len(out) - len(dims)) + dims != out:
            return False
    return _even(op, plan)


def _even(op: Operation, plan: _Plan) -> bool:
    """Whether a region that folds its outer axes is one of a matrix, whose rows are folded.

    What comes from outside must be one number for each element, row or column, or for all.
    """
    assert plan.axes is not None
    parts = [[i for i, d in enumerate(plan.dims) if d != 1 and (i in plan.axes) == folded] for folded in (True, False)]
    if not parts[1] or parts[0] > parts[1]:
        return True
    members = [*(m for g in plan.groups for m in g.members), op]
    region = Region(tuple(members), (), (), plan.dims, plan.axes)
    inside = {t for m in members for t in m.outputs}
    for m in members:
        for t in operands(m.definition.lower(m), m.inputs):
            dims = region.aligned(t, m)
            wide = (1,) * (len(plan.dims) - len(dims)) + dims
            if t not in inside and any(len({wide[i] != 1 for i in part}) > 1 for part in parts):
                return False
    return True


def _finishes(op: Operation, plan: _Plan) -> bool:
    """Whether an anchor's kernel can run these members on blocks of its result: rows of its last dimension.

    What comes from outside must be one number for each element, row or column, or for all.
    """
    if not any(g.anchor for g in plan.groups):
        return True
    members = [m for g in plan.groups for m in g.members if not is_anchor(m)] + [op]
    inside = {t for g in plan.groups for m in g.members for t in m.outputs}
    for m in members:
        kind = m.definition.lower(m)
        if isinstance(kind, Random):
            return False
        for t in operands(kind, m.inputs):
            dims = sizes(t.dims)
            wide = (1,) * (len(plan.dims) - len(dims)) + dims
            if t not in inside and wide[:-1] != plan.dims[:-1] and any(d != 1 for d in wide[:-1]):
                return False
    return True
