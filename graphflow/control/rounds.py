"""How often a loop runs its body, where its test tells: a counter that starts, grows and ends by constants."""

from __future__ import annotations

from collections.abc import Sequence

from graphflow.operation import Program, Tensor
from graphflow.ops.arithmetic import ADD, SUB
from graphflow.ops.basic import IDENTITY
from graphflow.ops.compare import GREATER, GREATER_EQUAL, LESS, LESS_EQUAL
from graphflow.ops.static import static_value

# With the sides exchanged, and whether the counter grows, and whether the bound itself counts.
_MIRRORED = {LESS: GREATER, GREATER: LESS, LESS_EQUAL: GREATER_EQUAL, GREATER_EQUAL: LESS_EQUAL}
_KINDS = {LESS: (1, 0), LESS_EQUAL: (1, 1), GREATER: (-1, 0), GREATER_EQUAL: (-1, 1)}


def known_rounds(limit: Tensor, initial: Sequence[Tensor], body: Program, test: Program | None) -> int | None:
    """The number of iterations; None where it depends on values.

    limit    int32 scalar, negative for none
    initial  the first values of the loop variables, which are the first feeds and fetches of the body
    test     its feeds are these variables, its fetch says whether to go on
    """
    most = static_value(limit)
    if most is None or (test is None and most < 0):
        return None
    if test is None:
        return int(most)
    counted = _counted(initial, body, test)
    return counted if counted is None or most < 0 else min(counted, int(most))


def _counted(initial: Sequence[Tensor], body: Program, test: Program) -> int | None:
    going = _behind(test.fetches[0])
    kind = going.op.definition
    if kind not in _KINDS:
        return None
    a, b = map(_behind, going.op.inputs)
    if a not in test.feeds:
        a, b, kind = b, a, _MIRRORED[kind]
    bound = _integer(b)
    if bound is None or a not in test.feeds[: len(initial)]:
        return None
    number = test.feeds.index(a)
    start, step = _integer(initial[number]), _step(body.feeds[number], _behind(body.fetches[number]))
    direction, more = _KINDS[kind]
    if start is None or step is None or step * direction <= 0:
        return None
    return max(0, -((start - bound - direction * more) * direction // abs(step)))


def _step(counter: Tensor, following: Tensor) -> int | None:
    """What an iteration adds to a counter."""
    if following.op.definition not in (ADD, SUB):
        return None
    a, b = map(_behind, following.op.inputs)
    if a is counter:
        step = _integer(b)
        return None if step is None else step if following.op.definition is ADD else -step
    return _integer(a) if b is counter and following.op.definition is ADD else None


def _integer(t: Tensor) -> int | None:
    value = static_value(t) if t.dtype.is_integer and t.dims == () else None
    return None if value is None else int(value)


def _behind(t: Tensor) -> Tensor:
    while t.op.definition is IDENTITY:
        t = t.op.inputs[0]
    return t
