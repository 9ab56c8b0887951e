"""How often a loop runs its body, where its test tells: a counter that grows by a constant, up to a bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from graphflow.operation import Program, Tensor
from graphflow.ops.arithmetic import ADD, SUB
from graphflow.ops.basic import IDENTITY
from graphflow.ops.compare import GREATER, GREATER_EQUAL, LESS, LESS_EQUAL
from graphflow.ops.define import CONST
from graphflow.ops.static import static_value

# With the sides exchanged, and whether the counter grows, and whether the bound itself counts.
_MIRRORED = {LESS: GREATER, GREATER: LESS, LESS_EQUAL: GREATER_EQUAL, GREATER_EQUAL: LESS_EQUAL}
_KINDS = {LESS: (1, 0), LESS_EQUAL: (1, 1), GREATER: (-1, 0), GREATER_EQUAL: (-1, 1)}


class Counter(NamedTuple):
    """A test that compares a loop variable with a bound that stays the same.

    variable   which one
    bound      known in the test, or a feed of it that is no loop variable
    step       what an iteration adds
    direction  1 where the loop goes on while the variable is below the bound, -1 where it goes on while it is above
    more       1 where it goes on when they are equal, else 0
    """

    variable: int
    bound: Tensor
    step: int
    direction: int
    more: int

    def rounds(self, start: int, bound: int) -> int:
        """The number of iterations from a first value of the variable on."""
        distance = (start - bound) * self.direction - self.more
        return max(0, -(distance // abs(self.step)))


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


def counter_of(variables: int, body: Program, test: Program) -> Counter | None:
    """The counter that a test asks for; None where it asks for something else.

    variables  how many loop variables there are: the first feeds of test and body, and the first fetches of the body
    """
    going = _behind(test.fetches[0])
    kind = going.op.definition
    if kind not in _KINDS:
        return None
    a, b = map(_behind, going.op.inputs)
    held = test.feeds[:variables]
    if a not in held:
        a, b, kind = b, a, _MIRRORED[kind]
    if a not in held or not a.dtype.is_integer or a.dims != ():
        return None
    alone = all(op is going.op or op.definition in (IDENTITY, CONST) for op in test.ops)
    if _integer(b) is None and (b not in test.feeds[variables:] or b.dims != () or not alone):
        return None
    number = held.index(a)
    step, (direction, more) = _step(body.feeds[number], _behind(body.fetches[number])), _KINDS[kind]
    if step is None or step * direction <= 0:
        return None
    return Counter(number, b, step, direction, more)


def _counted(initial: Sequence[Tensor], body: Program, test: Program) -> int | None:
    counter = counter_of(len(initial), body, test)
    if counter is None:
        return None
    start, bound = _integer(initial[counter.variable]), _integer(counter.bound)
    return None if start is None or bound is None else counter.rounds(start, bound)


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
