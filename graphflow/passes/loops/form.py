"""A loop taken apart, so that passes can move work in and out of it, and put together again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphflow.control.bodies import Call
from graphflow.control.rounds import known_rounds
from graphflow.dtypes import ListType, int32
from graphflow.operation import Operation, Program, Tensor
from graphflow.ops.placeholder import PLACEHOLDER
from graphflow.passes.engine import Substitution
from graphflow.passes.match import constant
from graphflow.passes.prune import drop_dead
from graphflow.shape import Dims, known


@dataclass
class Variable:
    """A loop variable: its first value outside; inside, its value, the next one, and its name in the test; its last."""

    initial: Tensor
    feed: Tensor
    following: Tensor
    result: Tensor
    tested: Tensor | None


class Loop:
    """What a While is made of.

    items     for each feed of the body that is a row of a sequence: the sequence
    captured  for each feed of the body that is the same in all rounds: the tensor outside
    stacked   values of the body with a row for each round, and the outputs of the loop that these rows make
    rounds    how many there are, None when that depends on values
    """

    def __init__(self, op: Operation) -> None:
        attrs, skip = op.attrs, len(op.definition.writes)
        n, sequences = attrs["variables"], attrs["sequences"]
        (body, takes), *tests = attrs["bodies"]
        test = tests[0] if tests else None
        self.op = op
        self.limit = op.inputs[0]
        self.test: Program | None = None if test is None else test.program
        self.test_captured = {} if test is None else _outside(op, test, n)
        self.variables = [
            Variable(op.inputs[1 + i], body.feeds[i], body.fetches[i], op.outputs[skip + i],
                     None if self.test is None else self.test.feeds[i])
            for i in range(n)
        ]  # fmt: skip
        self.items = dict(zip(body.feeds[n : n + sequences], op.inputs[1 + n : 1 + n + sequences], strict=True))
        self.captured = _outside(op, Call(body, takes), n + sequences)
        self.stacked = list(zip(body.fetches[n:], op.outputs[skip + n + 1 :], strict=True))
        self.ops: list[Operation] = list(body.ops)
        self.rounds = known_rounds(self.limit, [v.initial for v in self.variables], body, self.test)

    @property
    def fetches(self) -> list[Tensor]:
        return [*[v.following for v in self.variables], *[t for t, _ in self.stacked]]

    def uses(self) -> dict[Tensor, int]:
        """How many operations and fetches of the body take each tensor."""
        found: dict[Tensor, int] = {}
        for t in [*[t for op in self.ops for t in op.inputs], *self.fetches]:
            found[t] = found.get(t, 0) + 1
        return found

    def feed(self, dims: Dims, like: Tensor) -> Tensor:
        """A new feed of the body, of another shape than a tensor and otherwise like it."""
        op = like.op
        attrs = {"dtype": like.dtype, "shape": dims}
        made = Operation(PLACEHOLDER, op.name, (), attrs, [(dims, like.dtype)], (), op.graph, op.id, op.site)
        return made.output

    def substitute(self, new: dict[Tensor, Tensor], ops: Iterable[Operation]) -> None:
        """The body is made of these operations now, in which tensors give way to others, wherever they are taken."""
        self.ops = []
        known = dict(new)

        def now(t: Tensor) -> Tensor:
            while t in known:  # what replaces a tensor may have been made again itself
                t = known[t]
            return t

        for op in ops:
            made = op
            if not known.keys().isdisjoint(op.inputs):
                refs = op.definition.refs
                inputs = tuple([t if i in refs else now(t) for i, t in enumerate(op.inputs)])
                if inputs != op.inputs:
                    made = op.rebuild(inputs, [(t.dims, t.dtype) for t in op.outputs])
                    known.update(zip(op.outputs, made.outputs, strict=True))
            self.ops.append(made)
        for v in self.variables:
            v.following = now(v.following)
        self.stacked = [(now(t), row) for t, row in self.stacked]
        self.ops = list(drop_dead(Program((), tuple(self.fetches), (), tuple(self.ops))).ops)

    def rebuilt(self) -> Rebuilt:
        """The loop, with what has become of its outputs."""
        old, record = self.op, self.op.definition
        before: list[Operation] = []
        if self.rounds is not None and self.test is not None:
            self.test, self.test_captured = None, {}
        if self.rounds is not None:
            self.limit = constant(old, np.int32(self.rounds))
            before.append(self.limit.op)
        outer = list(dict.fromkeys([*self.captured.values(), *self.test_captured.values()]))
        own = [self.limit, *[v.initial for v in self.variables], *self.items.values()]
        names = [old.inputs[i] for i in record.refs]
        inputs = (*own, *outer, *names)
        place = {t: len(own) + i for i, t in enumerate(outer)}
        feeds = [*[v.feed for v in self.variables], *self.items]
        body = Program((*feeds, *self.captured), tuple(self.fetches), (), tuple(self.ops))
        calls = [Call(body, (*[-1] * len(feeds), *[place[t] for t in self.captured.values()]))]
        if self.test is not None:
            tested = tuple([v.tested for v in self.variables if v.tested is not None])
            test = Program((*tested, *self.test_captured), self.test.fetches, (), self.test.ops)
            calls.append(Call(test, (*[-1] * len(tested), *[place[t] for t in self.test_captured.values()])))
        first, skip = len(own) + len(outer), len(record.writes)
        shift = {at: first + i for i, at in enumerate(record.refs)}
        types: list[Any] = [(t.dims, t.dtype) for t in old.outputs[:skip]]
        types += [(v.feed.dims, v.feed.dtype) for v in self.variables]
        types.append(((), int32))
        types += [(None if t.dims is None else (self.rounds, *t.dims), t.dtype) for t, _ in self.stacked]
        attrs = {
            **old.attrs, "bodies": tuple(calls), "types": tuple(types), "variables": len(self.variables),
            "sequences": len(self.items),
        }  # fmt: skip
        record = replace(record, refs=tuple(shift.values()), writes=tuple([shift[i] for i in record.writes]))
        made = Operation(
            record, old.name, inputs, attrs, types, old.control_inputs, old.graph, old.id, old.site, old.device,
            old.frame,
        )  # fmt: skip
        n, count = skip + len(self.variables), old.attrs["variables"]
        outputs = dict(zip(old.outputs[:skip], made.outputs, strict=False))
        outputs[old.outputs[skip + count]] = made.outputs[n]
        outputs.update(zip([v.result for v in self.variables], made.outputs[skip:n], strict=True))
        outputs.update((row, t) for (_, row), t in zip(self.stacked, made.outputs[n + 1 :], strict=True))
        return Rebuilt(before, made, [], outputs)


@dataclass
class Rebuilt:
    """A loop that has changed: operations before it, itself, operations after it, and tensors for its old outputs."""

    before: list[Operation]
    loop: Operation
    after: list[Operation]
    outputs: dict[Tensor, Tensor]


def _outside(op: Operation, call: Any, own: int) -> dict[Tensor, Tensor]:
    """What each feed that the loop does not set stands for."""
    return {t: op.inputs[at] for t, at in zip(call.program.feeds[own:], call.takes[own:], strict=True)}


def is_loop(op: Operation) -> bool:
    """Whether this is a loop in which all shapes are known."""
    if not op.definition.calls or "variables" not in op.attrs:
        return False
    programs = [call.program for call in op.attrs["bodies"]]
    made = [t for program in programs for t in (*program.feeds, *[t for each in program.ops for t in each.outputs])]
    return all(known(t.dims) and not isinstance(t.dtype, ListType) for t in made)


def with_loops(program: Program, change: Callable[[Operation, Operation], Rebuilt | None]) -> Program:
    """The program with what `change` makes of its loops: of an old one, and of that over new inputs; None leaves it."""
    if not any(is_loop(op) for op in program.ops):
        return program
    copy, changed = Substitution(program), False
    for old in program.ops:
        op = copy.updated(old)
        found = change(old, op) if is_loop(op) else None
        if found is None:
            copy.put(old, op)
        else:
            changed = True
            outputs = {t: found.outputs.get(u, u) for t, u in zip(old.outputs, op.outputs, strict=True)}
            copy.put_parts(old, found.loop, [*found.before, found.loop, *found.after], outputs)
    return copy.finish() if changed else program
