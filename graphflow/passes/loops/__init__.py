"""Passes over loops: what they compute again and again, or one by one, is computed once, or all at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from graphflow.config import current
from graphflow.control.bodies import Call
from graphflow.operation import Operation, Tensor
from graphflow.passes.cse import merge_common
from graphflow.passes.expand import expand_composites
from graphflow.passes.fold import fold_constants
from graphflow.passes.groups import LIMIT
from graphflow.passes.loops.after import move_after
from graphflow.passes.loops.ahead import move_ahead
from graphflow.passes.loops.copies import copy_in_place
from graphflow.passes.loops.form import Loop, Rebuilt, is_loop, with_loops
from graphflow.passes.loops.together import run_together
from graphflow.passes.loops.trim import trim
from graphflow.passes.loops.unroll import Short, unroll
from graphflow.passes.match import constant
from graphflow.passes.prune import drop_dead
from graphflow.passes.simplify import simplify
from graphflow.program import Program

_ROUNDS = 4  # each may find more to do in what the one before has made
_BODY = (drop_dead, fold_constants, simplify, expand_composites, merge_common)  # as for the whole program


def improve_loops(program: Program, fired: Counter[str] | None = None, short: Short | None = None) -> Program:
    """Move work out of loops whose shapes are known, leave out what nobody needs of them, and lay out short ones.

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
    short = short or Short()
    for_one_kernel = replace(short, operations=min(short.operations, LIMIT))
    program = _unrolled(_together(_unrolled(program, counts, for_one_kernel), counts, short), counts, short)
    return drop_dead(with_loops(program, lambda old, op: copy_in_place(op, counts)))


def _moved(program: Program, fired: Counter[str], simplified: bool) -> Program:
    """With every loop after move_ahead and move_after."""

    def moved(old: Operation, op: Operation) -> Rebuilt:
        loop, before, after = op if simplified else _simplified(op), list[Operation](), list[Operation]()
        outputs = dict(zip(op.outputs, loop.outputs, strict=True))
        for move in (move_ahead, move_after):
            found = move(loop, fired)
            if found is not None:
                loop, before, after = found.loop, before + found.before, after + found.after
                outputs = {t: found.outputs[u] for t, u in outputs.items()}
        rounds = Loop(loop).rounds
        if rounds is not None:  # which gradients take for the number of their own rounds
            known_number = constant(loop, np.int32(rounds))
            before.append(known_number.op)
            outputs[op.outputs[len(op.definition.writes) + op.attrs["variables"]]] = known_number
        return Rebuilt(before, loop, after, outputs)

    return with_loops(program, moved)


def _unrolled(program: Program, fired: Counter[str], short: Short) -> Program:
    """With short loops laid out, and simplified where they were."""
    stacks: dict[Tensor, Sequence[Tensor]] = {}
    made = with_loops(program, lambda old, op: unroll(op, stacks, short))
    gone = sum(map(is_loop, program.ops)) - sum(map(is_loop, made.ops))
    if not gone:
        return program
    fired["unrolled"] += gone
    return _simple(made)


def _together(program: Program, fired: Counter[str], short: Short) -> Program:
    """With kernels for loops of elementwise operations."""
    if short.together == 0:
        return program
    taken = set(program.fetches).union(*[op.inputs for op in program.ops])

    def together(old: Operation, op: Operation) -> Rebuilt | None:
        return run_together(op, short, {u for t, u in zip(old.outputs, op.outputs, strict=True) if t in taken})

    made = with_loops(program, together)
    gone = sum(map(is_loop, program.ops)) - sum(map(is_loop, made.ops))
    if gone:
        fired["together"] += gone
    return made


def _simplified(op: Operation) -> Operation:
    """With simple bodies."""
    attrs = {**op.attrs, "bodies": tuple([Call(_simple(program), takes) for program, takes in op.attrs["bodies"]])}
    return Operation(
        op.definition, op.name, op.inputs, attrs, [(t.dims, t.dtype) for t in op.outputs], op.control_inputs, op.graph,
        op.id, op.site, op.device, op.frame,
    )  # fmt: skip


def _simple(program: Program) -> Program:
    skipped = {word.strip() for word in current().skip.split(",")}
    for apply in _BODY:
        if apply.__name__ not in skipped:
            program = apply(program, None)
    return program


def _trimmed(program: Program, fired: Counter[str]) -> Program:
    """Without what nobody needs, from the last loop to the first: gradients take what loops before them stack."""
    wanted = set(program.fetches).union(*[op.outputs for op in program.targets])
    for old in reversed(program.ops):
        found = trim(old, wanted, Counter()) if is_loop(old) else None
        op = old if found is None else found.loop
        wanted.update([] if found is None else [u for t, u in found.outputs.items() if t in wanted])
        wanted.update(t for i, t in enumerate(op.inputs) if i not in op.definition.refs)

    def trimmed(old: Operation, op: Operation) -> Rebuilt | None:
        return trim(op, {u for t, u in zip(old.outputs, op.outputs, strict=True) if t in wanted}, fired)

    return with_loops(program, trimmed)
