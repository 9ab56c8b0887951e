"""A loop as nodes: a frame that its variables, counter and arrays enter and leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphflow.control.bodies import Call
from graphflow.control.list_kinds import is_list
from graphflow.control.list_writing import (
    empty_list,
    get_item,
    new_array,
    new_list,
    push_item,
    read_array,
    set_item,
    stacked,
    unstacked,
    write_array,
)
from graphflow.control.loop import Loop, item_type
from graphflow.control.scribe import Place, Scribe, Value, scope_of
from graphflow.dtypes import bool_
from graphflow.graph_protos import NodeDef
from graphflow.operation import Tensor
from graphflow.ops.static import static_value

if TYPE_CHECKING:
    from graphflow.control.flatten import Writer


@dataclass(eq=False)
class _Carried:
    """A loop variable: what it enters with, the names of its nodes, and its values in the body and after it."""

    initial: Value
    merge: str
    body: str
    leave: str
    back: str
    now: Value | None = None
    following: Value | None = None


class LoopWriter:
    """Writes one loop, asked for by the scribe of its operation."""

    def __init__(self, writer: Writer, s: Scribe) -> None:
        op = s.op
        self.writer, self.s, self.op = writer, s, op
        self.source: Loop = op.attrs["source"]
        self.body: Call = op.attrs["bodies"][0]
        self.count = op.attrs["variables"]
        self.results = op.outputs[len(op.definition.writes) :]
        self.scope = scope_of(op)
        self.frame = s.unique(f"{self.scope}while_context")
        self.inner = Scribe(s.made, s.names, op, Place(s.place, "", self._enter_constant))
        self.carried: list[_Carried] = []

    def write(self) -> None:
        op, place, feeds = self.op, self.s.place, self.body.program.feeds
        limit = None if static_value(op.inputs[0]) == -1 else place.value(op.inputs[0], asks=op.name)
        test = self.source.test
        own = [
            self._carry(
                place.value(op.inputs[1 + j], asks=op.name), "" if test is None else test[1][j].op.name,
                feeds[j].op.name, self.writer.leave(op, self.results[j], "Exit"),
            )
            for j in range(self.count)
        ]  # fmt: skip
        collected = len(self.source.sliced) + len(self.results) - self.count - 1
        counter = None
        if limit is not None or collected or self.results[self.count] in self.writer.used:
            counter = self._carry(self.s.constant(0, name=self._name("iteration_counter")))
        arrays = [self._new_array(t, limit) for t in self.source.fetches[self.count :]]
        flows = [self._carry(flow) for _, flow in arrays]
        lists = [self._carry(self._new_list(t, limit)) for t in self._saved()]
        sequences = [self._sequence(t) for t in op.inputs[1 + self.count : 1 + self.count + op.attrs["sequences"]]]
        merges = self._enter()
        going = self._going(own, counter, limit)
        lefts = self._turn(merges, going)
        self._iterate(own, counter, limit, [(h, f) for (h, _), f in zip(arrays, flows, strict=True)], lists, sequences)
        for c in self.carried:
            assert c.following is not None
            self.inner.made.append((op, NodeDef(name=c.back, op="NextIteration", input=[c.following.key],
                                                device=op.device, attr={"T": c.initial.kind})))  # fmt: skip
        after = {
            c: self.inner.put("Exit", [left], left.kind, c.leave, T=left.kind)
            for c, left in zip(self.carried, lefts, strict=True)
        }
        self.writer.done[op.name] = [c.leave for c in self.carried]
        values = place.values
        for at, t in zip(op.definition.writes, op.outputs, strict=False):
            values[t] = place.value(op.inputs[at], ref=True, asks=op.name)
        found: list[Value | None] = [after[c] for c in own]
        found.append(None if counter is None else after[counter])
        for (handle, _), c, t in zip(arrays, flows, self.results[self.count + 1 :], strict=False):
            found.append(self._stacked(handle, after[c], t))
        found += [after[c] for c in lists]
        for t, value in zip(self.results, found, strict=True):
            if value is not None:
                values[t] = value

    def _name(self, name: str) -> str:
        return self.s.unique(self.scope + name)

    def _saved(self) -> Sequence[Tensor]:
        """The lists of what is kept for a gradient."""
        return self.results[len(self.results) - len(self.source.saved) :]

    # -- what enters ---------------------------------------------------------------------------------------------------
    def _carry(self, initial: Value, merge: str = "", body: str = "", leave: str = "") -> _Carried:
        made = _Carried(
            initial, merge or self._name("Merge"), body or self._name("Identity"), leave or self._name("Exit"),
            self._name("NextIteration"),
        )  # fmt: skip
        self.carried.append(made)
        return made

    def _entered(self, value: Value, name: str, constant: bool, ref: bool = False) -> NodeDef:
        attrs = {"T": value.kind, "frame_name": self.frame, "is_constant": constant, "parallel_iterations": 10}
        return self.s.node("RefEnter" if ref else "Enter", [value], name, attrs)

    def _enter_constant(self, value: Value, ref: bool, asks: str) -> Value:
        """A value from outside, which stays the same."""
        node = self._entered(value, self.s.unique(f"{asks}/Enter"), True, ref)
        self.s.made.append((self.op, node))
        self.inner.place.outside.add(node.name)
        return Value(node.name, value.kind)

    def _enter(self) -> list[Value]:
        """The Merges of all variables."""
        merges, waits = [], self.writer.waits(self.op)
        for c in self.carried:
            node = self._entered(c.initial, self._name("Enter"), False)
            self.s.add(node, waits)
            inputs = [Value(node.name, c.initial.kind), Value(c.back, c.initial.kind)]
            merges.append(self.inner.put("Merge", inputs, c.initial.kind, c.merge, T=c.initial.kind, N=2))
        return merges

    def _new_array(self, t: Tensor, limit: Value | None) -> tuple[Value, Value]:
        """The array of what is stacked."""
        grows = self.source.test is not None
        size = self.s.constant(0) if grows or limit is None else limit
        return new_array(self.s, size, t.dtype, t.dims, grows)

    def _new_list(self, t: Tensor, limit: Value | None) -> Value:
        """The list of what is kept: written at an index where the number of iterations is known, else pushed."""
        if self.source.test is not None or limit is None:
            return empty_list(self.s, t.dtype)  # type: ignore[arg-type]
        return new_list(self.s, limit, t.dtype)  # type: ignore[arg-type]

    def _sequence(self, t: Tensor) -> tuple[Value | None, Value]:
        """(the handle, the flow) of the array that items are read of; a list that is a value has no handle."""
        place = self.s.place
        value = place.value(t, asks=self.op.name)
        if is_list(t):
            lists = self.writer.lists[t]
            return (place.value(lists, asks=self.op.name) if lists.is_array else None), value
        size = self.s.size(value)
        handle, flow = new_array(self.s, size, t.dtype, item_type(t)[0], False)
        return handle, unstacked(self.s, handle, flow, value, size)

    # -- an iteration --------------------------------------------------------------------------------------------------
    def _going(self, own: Sequence[_Carried], counter: _Carried | None, limit: Value | None) -> Value:
        """Whether there is another iteration."""
        place, op = self.inner.place, self.op
        place.pivot = self.carried[0].merge
        parts = []
        if limit is not None:
            assert counter is not None
            bound = self._outer(limit)
            parts.append(self.inner.binary("Less", Value(counter.merge, limit.kind), bound, bool_))
        if self.source.test is not None:
            frame, feeds, _ = self.source.test
            call = op.attrs["bodies"][1]
            for t, c in zip(call.program.feeds[: len(feeds)], own, strict=True):
                place.values[t] = Value(c.merge, c.initial.kind)
            self.writer.add_aliases(place, op, call, len(feeds))
            self.writer.write(call.program.ops, frame, place)
            parts.append(place.value(call.program.fetches[0], asks=op.name))
        return parts[0] if len(parts) == 1 else self.inner.put("LogicalAnd", parts, bool_)

    def _turn(self, merges: Sequence[Value], going: Value) -> list[Value]:
        """Let the variables into the body, or out; gives what goes out."""
        asked = self.inner.put("LoopCond", [going], bool_, self._name("LoopCond"))
        lefts = []
        for c, merged in zip(self.carried, merges, strict=True):
            left = self.inner.put("Switch", [merged, asked], merged.kind, self._name("Switch"), T=merged.kind)
            c.now = self.inner.identity(left.output(1, merged.kind), c.body)
            lefts.append(left)
        return lefts

    def _outer(self, value: Value) -> Value:
        """A value from around the loop, in it."""
        self.s.place.values[value] = value
        return self.inner.place.value(value, asks=self.op.name)

    def _iterate(
        self, own: Sequence[_Carried], counter: _Carried | None, limit: Value | None,
        arrays: Sequence[tuple[Value, _Carried]], lists: Sequence[_Carried],
        sequences: Sequence[tuple[Value | None, Value]],
    ) -> None:  # fmt: skip
        i, place, program, op = self.inner, self.inner.place, self.body.program, self.op
        place.pivot = self.carried[0].body
        now = index = None if counter is None else counter.now
        if self.source.reverse and limit is not None and now is not None:
            last = i.binary("Sub", self._outer(limit), i.constant(1))
            index = i.binary("Sub", last, now)
        given = len(own) + len(sequences)
        for t, c in zip(program.feeds, own, strict=False):
            place.values[t] = c.now  # type: ignore[assignment]
        for t, (handle, flow) in zip(program.feeds[self.count : given], sequences, strict=True):
            assert index is not None
            if handle is None:
                place.values[t] = get_item(i, self._outer(flow), index, self.writer.kind(t))
            else:
                place.values[t] = read_array(i, self._outer(handle), self._outer(flow), index, t.dtype, t.op.name)
        self.writer.add_aliases(place, op, self.body, given)
        self.writer.write(program.ops, self.source.frame, place)
        fetches = [place.value(t, asks=op.name) for t in program.fetches]
        for c, value in zip(own, fetches, strict=False):
            c.following = value
        for (handle, c), value in zip(arrays, fetches[self.count :], strict=False):
            assert index is not None and c.now is not None
            c.following = write_array(i, self._outer(handle), c.now, index, value)
        for c, value in zip(lists, fetches[len(fetches) - len(lists) :], strict=True):
            assert index is not None and c.now is not None
            pushed = self.source.test is not None
            c.following = push_item(i, c.now, value) if pushed else set_item(i, c.now, index, value)
        if counter is not None:
            assert now is not None
            counter.following = i.binary("AddV2", now, i.constant(1))

    def _stacked(self, handle: Value, flow: Value, t: Tensor) -> Value:
        item = None if t.dims is None else t.dims[1:]
        name = self.writer.leave(self.op, t, "TensorArrayStack/TensorArrayGatherV3")
        return stacked(self.s, handle, flow, t.dtype, item, name)
