"""Passes over loops: what they compute again and again, or one by one, is computed once, or all at once."""

from __future__ import annotations

from collections import Counter

import numpy as np

from graphflow.config import current
from graphflow.control.bodies import Call
from graphflow.dtypes import ListType
from graphflow.operation import Operation
from graphflow.passes.cse import merge_common
from graphflow.passes.engine import Substitution
from graphflow.passes.expand import expand_composites
from graphflow.passes.fold import fold_constants
from graphflow.passes.loops.after import move_after
from graphflow.passes.loops.ahead import move_ahead
from graphflow.passes.loops.copies import copy_in_place
from graphflow.passes.loops.form import Loop
from graphflow.passes.loops.trim import trim
from graphflow.passes.match import constant
from graphflow.passes.prune import drop_dead
from graphflow.passes.simplify import simplify
from graphflow.program import Program
from graphflow.shape import known

_ROUNDS = 4  # each may find more to do in what the one before has made
_BODY = (drop_dead, fold_constants, simplify, expand_composites, merge_common)  # as for the whole program


def improve_loops(program: Program, fired: Counter[str] | None = None) -> Program:
    """Move work out of loops whose shapes are known, and leave out what nobody needs of them.

    Their bodies are simplified first, by the passes that have simplified the program.
    """
    if not any(is_loop(op) for op in program.ops):
        return program
    counts: Counter[str] = Counter() if fired is None else fired
    for number in range(_ROUNDS):
        before = counts.total()
        program = _moved(program, counts, simplified=number > 0)
        program = merge_common(_trimmed(program, counts))
        if counts.total() == before:
            break
    return drop_dead(_copied(program, counts))


def is_loop(op: Operation) -> bool:
    """Whether this is a loop in which all shapes are known."""
    if not op.definition.calls or "variables" not in op.attrs:
        return False
    programs = [call.program for call in op.attrs["bodies"]]
    made = [t for program in programs for t in (*program.feeds, *[t for each in program.ops for t in each.outputs])]
    return all(known(t.dims) and not isinstance(t.dtype, ListType) for t in made)


def _moved(program: Program, fired: Counter[str], simplified: bool) -> Program:
    """With every loop after move_ahead and move_after."""
    copy = Substitution(program)
    for old in program.ops:
        op = copy.updated(old)
        if not is_loop(op):
            copy.put(old, op)
            continue
        loop, before, after = op if simplified else _simplified(op), list[Operation](), list[Operation]()
        outputs = dict(zip(old.outputs, loop.outputs, strict=True))
        for move in (move_ahead, move_after):
            found = move(loop, fired)
            if found is not None:
                loop, before, after = found.loop, before + found.before, after + found.after
                outputs = {t: found.outputs[u] for t, u in outputs.items()}
        rounds = Loop(loop).rounds
        if rounds is not None:  # which gradients take for the number of their own rounds
            known_number = constant(loop, np.int32(rounds))
            before.append(known_number.op)
            outputs[old.outputs[len(old.definition.writes) + old.attrs["variables"]]] = known_number
        copy.put_parts(old, loop, [*before, loop, *after], outputs)
    return copy.finish()


def _copied(program: Program, fired: Counter[str]) -> Program:
    """With every loop after copy_in_place."""
    copy = Substitution(program)
    for old in program.ops:
        op = copy.updated(old)
        found = copy_in_place(op, fired) if is_loop(op) else None
        if found is None:
            copy.put(old, op)
        else:
            outputs = {t: found.outputs[u] for t, u in zip(old.outputs, op.outputs, strict=True)}
            copy.put_parts(old, found.loop, [*found.before, found.loop], outputs)
    return copy.finish()


def _simplified(op: Operation) -> Operation:
    """With simple bodies."""
    skipped = {word.strip() for word in current().skip.split(",")}
    calls = []
    for program, takes in op.attrs["bodies"]:
        for apply in _BODY:
            if apply.__name__ not in skipped:
                program = apply(program, None)
        calls.append(Call(program, takes))
    attrs = {**op.attrs, "bodies": tuple(calls)}
    return Operation(
        op.definition, op.name, op.inputs, attrs, [(t.dims, t.dtype) for t in op.outputs], op.control_inputs, op.graph,
        op.id, op.site, op.device, op.frame,
    )  # fmt: skip


def _trimmed(program: Program, fired: Counter[str]) -> Program:
    """Without what nobody needs, from the last loop to the first: gradients take what loops before them stack."""
    wanted = set(program.fetches).union(*[op.outputs for op in program.targets])
    for old in reversed(program.ops):
        found = trim(old, wanted, Counter()) if is_loop(old) else None
        op = old if found is None else found.loop
        wanted.update([] if found is None else [u for t, u in found.outputs.items() if t in wanted])
        wanted.update(t for i, t in enumerate(op.inputs) if i not in op.definition.refs)
    copy = Substitution(program)
    for old in program.ops:
        op = copy.updated(old)
        taken = {u for t, u in zip(old.outputs, op.outputs, strict=True) if t in wanted}
        found = trim(op, taken, fired) if is_loop(op) else None
        if found is None:
            copy.put(old, op)
        else:
            outputs = {t: found.outputs.get(u, u) for t, u in zip(old.outputs, op.outputs, strict=True)}
            copy.put_parts(old, found.loop, [*found.before, found.loop], outputs)
    return copy.finish()
