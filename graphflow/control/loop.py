"""The operation While: a body that runs again and again, over loop variables and over the items of sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphflow import dtypes
from graphflow.control.bodies import Call, add, feed_of, make_body, twin, united
from graphflow.control.choice import define_control, specialized_record
from graphflow.control.rounds import known_rounds
from graphflow.dtypes import DType, ListType, list_of
from graphflow.gradients import depending_on, flow_back, no_gradient
from graphflow.graph import get_default_graph
from graphflow.operation import Frame, Operation, Tensor
from graphflow.ops.basic import identity, stop_gradient
from graphflow.ops.define import OpDef, Outputs, convert_to_tensor
from graphflow.ops.lists import lists_added
from graphflow.ops.static import static_value
from graphflow.shape import Dims


@dataclass(frozen=True, eq=False)
class Loop:
    """What a While was made of.

    limit    int32 scalar: how often at most, negative for any number
    initial  values of the loop variables before the first iteration
    sliced   sequences of which iteration i gets item i
    frame    where the body was built
    given    its feeds: the loop variables, then the items of the sequences
    fetches  the next values of the loop variables, then what is stacked: one row an iteration
    dims     the shapes of the loop variables afterwards
    test     (frame, feeds, a bool scalar): whether to go on, for the loop variables; None to go on to the limit
    saved    tensors of the body that the operation also gives, as lists with an item an iteration
    reverse  items are taken from the end, and results put from the end; only up to a limit
    """

    limit: Tensor
    initial: tuple[Tensor, ...]
    sliced: tuple[Tensor, ...]
    frame: Frame
    given: tuple[Tensor, ...]
    fetches: tuple[Tensor, ...]
    dims: tuple[Dims, ...]
    test: tuple[Frame, tuple[Tensor, ...], Tensor] | None = None
    saved: tuple[Tensor, ...] = ()
    reverse: bool = False
    root: Operation | None = None

    @property
    def rounds(self) -> int | None:
        """How many iterations there are, when that is known while building."""
        limit = static_value(self.limit)
        return None if limit is None or limit < 0 or self.test is not None else int(limit)

    def with_saved(self, saved: Sequence[Any], root: Operation) -> Loop:
        return replace(self, saved=tuple(saved), root=root)

    def parts(self) -> tuple[OpDef, tuple[Tensor, ...], dict[str, Any], Outputs, tuple[Operation, ...]]:
        bodies = [make_body(self.frame, self.given, [*self.fetches, *self.saved])]
        if self.test is not None:
            frame, feeds, going = self.test
            bodies.append(make_body(frame, feeds, [going]))
        captured = united([*[b.captured for b in bodies], *[b.constants for b in bodies]])
        refs, writes = united(b.refs for b in bodies), united(b.writes for b in bodies)
        own = [self.limit, *self.initial, *self.sliced]
        inputs = (*own, *captured, *[v.output for v in refs])
        position = {t: len(own) + i for i, t in enumerate(captured)}
        calls = []
        for body in bodies:
            set_here = len(body.program.feeds) - len(body.captured)
            calls.append(Call(body.program, (*[-1] * set_here, *[position[t] for t in body.captured])))
        first, count = len(own) + len(captured), len(self.initial)
        at = [first + refs.index(v) for v in writes]
        record = specialized_record(WHILE, range(first, first + len(refs)), at, bodies)
        types: Outputs = [(v.output.dims, v.output.dtype) for v in writes]
        types += [(dims, t.dtype) for dims, t in zip(self.dims, self.initial, strict=True)]
        types.append(((), dtypes.int32))
        types += [(None if t.dims is None else (self.rounds, *t.dims), t.dtype) for t in self.fetches[count:]]
        types += [((self.rounds,), list_of(t.dtype)) for t in self.saved]
        attrs = {
            "bodies": tuple(calls), "source": self, "types": tuple(types), "variables": count,
            "sequences": len(self.sliced), "reverse": self.reverse,
        }  # fmt: skip
        return record, inputs, attrs, types, united(b.waits for b in bodies)


def repeat(loop: Loop, name: str) -> tuple[list[Tensor], Tensor, list[Tensor]]:
    """(the loop variables afterwards, the number of iterations, what was stacked)."""
    op = add(loop, name)
    outputs = list(op.outputs[len(op.definition.writes) :])
    count = len(loop.initial)
    return outputs[:count], outputs[count], outputs[count + 1 :]


def exits(final: Sequence[Tensor], back_prop: bool, before: int) -> list[Tensor]:
    """Loop variables afterwards under the names that TensorFlow's Exits have: `Exit`, `Exit_1`, ...

    before  how many variables TensorFlow's loop has in front of them: counters and arrays
    """
    leave = identity if back_prop else stop_gradient
    return [leave(t, name=f"Exit_{k}" if k else "Exit") for k, t in enumerate(final, before)]


def stacked_result(t: Tensor, back_prop: bool) -> Tensor:
    """A stacked result under the name that it has in TensorFlow, where an array is stacked after the loop."""
    with get_default_graph().name_scope("TensorArrayStack"):
        return (identity if back_prop else stop_gradient)(t, name="TensorArrayGatherV3")


def item_type(sequence: Tensor) -> tuple[Dims, DType]:
    """The type of an item: of a list, of whatever shape where that is not known, else of a row."""
    if isinstance(sequence.dtype, ListType):
        return sequence.dtype.item, sequence.dtype.element
    return None if sequence.dims is None else sequence.dims[1:], sequence.dtype


# -- the gradient ----------------------------------------------------------------------------------------------------
def _vjp(op: Operation, dys: Sequence[Any], wanted: set[int]) -> list[Any]:
    """A loop that goes back over the iterations, with the values that they have computed.

    Its variables are the gradients of the loop variables, and the sums of those of what the body takes from outside.
    """
    loop: Loop = op.attrs["source"]
    graph, skip, count = get_default_graph(), len(op.definition.writes), len(loop.initial)
    variables, items = loop.given[:count], loop.given[count:]
    stacked = [*loop.fetches[count:], *loop.saved]
    d_final, d_stacked = dys[skip : skip + count], dys[skip + count + 1 :]
    first = 1 + count + len(loop.sliced)
    outer = list(dict.fromkeys(op.inputs[i] for i in sorted(wanted) if i >= first))
    rows = [(i, items[i - 1 - count]) for i in sorted(wanted) if 1 + count <= i < first]
    came = [t for t, dy in zip(stacked, d_stacked, strict=True) if dy is not None]
    active = _active(loop, wanted, d_final, came, [*outer, *[t for _, t in rows]])
    final = op.outputs[skip : skip + count]
    initial = [d_final[j] if d_final[j] is not None else no_gradient(final[j]) for j in active]

    frame = Frame(graph.frame, reads=loop.frame)
    with graph.inside(frame):
        flows = [feed_of(variables[j].dims, variables[j].dtype, "grad") for j in active]
        items_came = [feed_of(t.dims, t.dtype, "grad_item") for t in came]
        seeds = [(loop.fetches[j], dy) for j, dy in zip(active, flows, strict=True)]
        seeds += zip(came, items_came, strict=True)
        sources = [*[variables[j] for j in active], *outer, *[t for _, t in rows]]
        found = flow_back(seeds, sources, loop.frame)
        back, found = found[: len(active)], found[len(active) :]
        summed = [(t, d) for t, d in zip(outer, found, strict=False) if d is not None]
        sums = [feed_of(t.dims, t.dtype, "grad_sum") for t, _ in summed]
        fetches = [_made(d, variables[j]) for j, d in zip(active, back, strict=True)]
        fetches += [_plus(s, convert_to_tensor(d)) for s, (_, d) in zip(sums, summed, strict=True)]
        sliced_back = [(i, _made(d, t)) for (i, t), d in zip(rows, found[len(outer) :], strict=True) if d is not None]
    dense = [(i, d) for i, d in sliced_back if not isinstance(op.inputs[i].dtype, ListType)]
    lists = [(i, d) for i, d in sliced_back if isinstance(op.inputs[i].dtype, ListType)]
    fetches += [d for _, d in dense]
    given = [*flows, *sums, *items_came]
    foreign = [t for t in make_body(frame, given, [*fetches, *[d for _, d in lists]]).captured
               if t.op.frame is loop.frame or t in loop.given]  # fmt: skip
    values = twin(op, foreign)
    programs = [call.program for call in op.attrs["bodies"]]
    rounds = known_rounds(loop.limit, loop.initial, programs[0], programs[1] if loop.test is not None else None)
    if rounds is not None:
        limit = convert_to_tensor(rounds, dtypes.int32, name="limit")
    else:
        limit = op.outputs[skip + count] if loop.rounds is None else loop.limit
    made = Loop(
        limit, (*initial, *[no_gradient(t) for t, _ in summed]),
        (*[dy for dy in d_stacked if dy is not None], *values), frame, (*given, *foreign), tuple(fetches),
        (*[loop.initial[j].dims for j in active], *[t.dims for t, _ in summed]),
        saved=tuple(d for _, d in lists), reverse=not loop.reverse,
    )  # fmt: skip
    flown, _, rows_back = repeat(made, "While")
    flown = exits(flown, True, 0)
    rows_back = [*[stacked_result(t, True) for t in rows_back[: len(dense)]], *rows_back[len(dense) :]]
    results: list[Any] = [None] * len(op.inputs)
    for j, d in zip(active, flown, strict=False):
        results[1 + j] = d
    for (t, _), d in zip(summed, flown[len(active) :], strict=True):
        results[op.inputs.index(t, first)] = d
    for (i, _), d in zip([*dense, *lists], rows_back, strict=True):
        results[i] = d
    return results


def _active(
    loop: Loop, wanted: set[int], d_final: Sequence[Any], came: Sequence[Tensor], sources: Sequence[Tensor]
) -> list[int]:
    """Loop variables through which a gradient flows: it comes to them, and goes on to what is wanted."""
    count = len(loop.initial)
    able = [j for j in range(count) if loop.given[j].dtype.is_differentiable]
    depends = {j for j in able if 1 + j in wanted}
    reached = {j for j in able if d_final[j] is not None}
    for known, grow in ((depends, _forward), (reached, _backward)):
        size = -1
        while size != len(known):
            size = len(known)
            grow(loop, known, able, came, sources)
    return sorted(depends & reached)


def _forward(loop: Loop, known: set[int], able: Sequence[int], came: Any, sources: Sequence[Tensor]) -> None:
    starts = [*[loop.given[j] for j in known], *sources]
    live = depending_on(starts, loop.fetches[: len(loop.initial)], loop.frame)
    known.update(j for j in able if loop.fetches[j] in live)


def _backward(loop: Loop, known: set[int], able: Sequence[int], came: Sequence[Tensor], sources: Any) -> None:
    for j in able:
        targets = [*[loop.fetches[i] for i in known], *came]
        if j not in known and not depending_on([loop.given[j]], targets, loop.frame).isdisjoint(targets):
            known.add(j)


def _made(gradient: Any, t: Tensor) -> Tensor:
    return no_gradient(t) if gradient is None else convert_to_tensor(gradient)


def _plus(total: Tensor, more: Tensor) -> Tensor:
    return lists_added([total, more]) if isinstance(total.dtype, ListType) else total + more


WHILE = define_control("While", "limit", _vjp)
