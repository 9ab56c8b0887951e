"""What an update of a variable has to wait for in TensorFlow, where reads of a variable are no copies of its value.

Here a variable that is used as a tensor has the value of the run's start.  TensorFlow gives a reference, so whoever
uses it has to be done before the variable changes; its own gradients have tuples for that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from graphflow.operation import Operation, Tensor

_PASSED_ON = ("Identity", "Reshape", "ExpandDims", "Squeeze", "StopGradient")  # the memory of their input


def waits_of_updates(ops: Sequence[Operation]) -> dict[Operation, list[Operation]]:
    """For each operation that changes a variable: those before it that use the variable, as far as every run has them.

    These are what all operations need that wait for the update, such as those of the same training step.
    """
    updates = [op for op in ops if op.frame is None and op.definition.writes]
    if not updates:
        return {}
    takers: dict[Tensor, list[Operation]] = defaultdict(list)
    after: dict[Operation, list[Operation]] = defaultdict(list)
    for op in ops:
        for t in op.inputs:
            takers[t].append(op)
            after[t.op].append(op)
        for c in op.control_inputs:
            after[c].append(op)
    needed: dict[Operation, set[Operation]] = {}
    users: dict[Tensor, list[Operation]] = {}
    found: dict[Operation, list[Operation]] = {}
    for op in updates:
        ref = op.inputs[op.definition.writes[0]]
        if ref not in users:
            users[ref] = _users(ref, takers)
        before = [user for user in users[ref] if user.id < op.id]
        for follower in after[op] or [op]:
            if not before:
                break
            if follower not in needed:
                needed[follower] = _needed(follower)
            before = [user for user in before if user in needed[follower]]
        if before:
            found[op] = before
    return found


def _users(ref: Tensor, takers: dict[Tensor, list[Operation]]) -> list[Operation]:
    """What uses the memory of a variable, in the graph itself."""
    found: list[Operation] = []
    waiting = [ref]
    for t in waiting:
        for op in takers[t]:
            if op.type in _PASSED_ON and op.frame is None:
                waiting.append(op.outputs[0])
            elif op.frame is None:
                found.append(op)
    return found


def _needed(op: Operation) -> set[Operation]:
    """All that an operation needs."""
    found: set[Operation] = set()
    waiting = [op]
    while waiting:
        for before in (*(t.op for t in waiting[-1].inputs), *waiting.pop().control_inputs):
            if before not in found:
                found.add(before)
                waiting.append(before)
    return found
