"""A graph with branches and loops as nodes of TensorFlow 1's GraphDefs: Switch, Merge, Enter, Exit and their kin.

A conditional passes what its branches take through Switches, which decide who runs, and joins the results in Merges.  A
loop is a frame: its variables enter, come together with their next values in Merges, and leave through Exits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from graphflow.control.bodies import Call, merge_twins
from graphflow.control.flatten_loop import LoopWriter
from graphflow.control.list_kinds import find_lists, is_list
from graphflow.control.list_writing import empty_list, get_item, kind_of_list, push_item, write_list_op
from graphflow.control.scribe import Place, Scribe, Value, scope_of, type_attr
from graphflow.control.stand_ins import has_stand_in, write_stand_in
from graphflow.dtypes import bool_
from graphflow.errors import GraphError
from graphflow.graph_protos import AttrValue, NodeDef
from graphflow.names import NameTable
from graphflow.node_attrs import attr_values
from graphflow.operation import Frame, Operation, Program, Tensor
from graphflow.ops.basic import IDENTITY, STOP_GRADIENT
from graphflow.ops.define import CONST


def needs_flattening(ops: Sequence[Operation]) -> bool:
    """Whether some of these operations are no nodes of TensorFlow by themselves."""
    return any(op.definition.calls or any(map(is_list, op.outputs)) or has_stand_in(op) for op in ops)


def flattened(
    ops: Sequence[Operation], order: Mapping[Operation, Sequence[Operation]]
) -> list[tuple[Operation, NodeDef]]:
    """The nodes of all operations of a graph, each with the operation that it belongs to.

    order   what operations also wait for
    What no branch or loop needs of what was made in it is left out.
    Raises: GraphError for an operation on lists that TensorFlow has no nodes for.
    """
    names = NameTable()
    for op in ops:
        names.unique(op.name)
    top = [op for op in ops if op.frame is None]
    writer = Writer(names, merge_twins(Program((), (), (), tuple(top))).ops, order)
    return writer.made


class Writer:
    """Writes all nodes.

    made    them
    done    for each operation the nodes to wait for when it has to be done
    used    the tensors that something takes
    leaves  the Identities that give the results of branches and loops their names
    """

    def __init__(
        self, names: NameTable, ops: Sequence[Operation], order: Mapping[Operation, Sequence[Operation]]
    ) -> None:
        self.names = names
        self._order = {op.name: before for op, before in order.items()}
        self.made: list[tuple[Operation, NodeDef]] = []
        self.done: dict[str, list[str]] = {}
        self.lists = find_lists(ops)
        self.used: set[Tensor] = set()
        self.leaves: dict[Tensor, Operation] = {}
        self._look(ops)
        self.write(ops, None, Place())

    def _look(self, ops: Sequence[Operation]) -> None:
        """Find what is used of the loops, and the names of what branches and loops give."""
        for op in ops:
            self.used.update(op.inputs)
            if (
                op.definition in (IDENTITY, STOP_GRADIENT)
                and op.inputs[0].op.definition.calls
                and not op.control_inputs
            ):
                owner, name = op.inputs[0].op, op.name.rpartition("/")[2].partition("_")[0]
                if name in ("Merge", "Exit", "TensorArrayGatherV3") and op.frame is owner.frame:
                    self.leaves.setdefault(op.inputs[0], op)
            for call in op.attrs["bodies"] if op.definition.calls else ():
                self.used.update(call.program.fetches)
                self._look(call.program.ops)

    # -- operations ----------------------------------------------------------------------------------------------------
    def write(self, ops: Sequence[Operation], frame: Frame | None, place: Place) -> None:
        """The nodes of those of the operations that were made in a frame."""
        for op in ops:
            if op.frame is not frame:
                if op.definition is CONST and not place.knows(op.output):  # of a body that is over, or was not written
                    self._plain(Scribe(self.made, self.names, op, place), self.names.unique(op.name))
                continue
            s = Scribe(self.made, self.names, op, place)
            if op.definition.calls:
                LoopWriter(self, s).write() if "variables" in op.attrs else self._choice(s)
            elif self.leaves.get(op.inputs[0] if op.inputs else None) is op:  # type: ignore[arg-type]
                place.values[op.output] = place.values[op.inputs[0]]
                self.done[op.name] = [op.name]
            else:
                self._plain(s)

    def _plain(self, s: Scribe, name: str = "") -> None:
        op, place = s.op, s.place
        name = name or op.name
        data = [place.value(t, i in op.definition.refs, op.name) for i, t in enumerate(op.inputs)]
        waits = self.waits(op)
        listed = next((self.lists[t] for t in (*op.outputs, *op.inputs) if is_list(t)), None)
        self.done[op.name] = [op.name]
        if has_stand_in(op):
            before = len(self.made)
            place.values.update(zip(op.outputs, write_stand_in(s, data), strict=True))
            self._wait(before, waits)
            return
        if listed is None or op.definition in (IDENTITY, STOP_GRADIENT):
            attrs = attr_values(op)
            if listed is not None:
                attrs["T"] = kind_of_list(listed)
            s.add(NodeDef(name=name, op=op.type, input=[v.key for v in data], device=op.device, attr=attrs), waits)
            for t in op.outputs:
                key = name if t.value_index == 0 else f"{name}:{t.value_index}"
                place.values[t] = Value(key, self.kind(t))
            return
        before = len(self.made)
        written = write_list_op(s, op, listed, data)
        if written is None:
            raise GraphError(f"{op.type} {op.name!r} works on lists, and TensorFlow has no nodes for it").note(
                *op.where()
            )
        self._wait(before, waits)
        place.values[op.output] = written

    def _wait(self, first: int, waits: Sequence[str]) -> None:
        """Let all nodes from one on wait."""
        for _, node in self.made[first:]:
            node.input.extend(waits)

    def kind(self, t: Tensor) -> AttrValue:
        return kind_of_list(self.lists[t]) if is_list(t) else type_attr(t.dtype)

    def waits(self, op: Operation) -> list[str]:
        """The control inputs of a node; what is outside of a branch or loop, that waits for itself."""
        found: dict[str, None] = {}
        for c in (*op.control_inputs, *self._order.get(op.name, ())):
            if c.frame is op.frame:
                known = c.attrs["source"].root or c if c.definition.calls else c
                found.update((f"^{name}", None) for name in self.done[known.name])
        return list(found)

    # -- branches ------------------------------------------------------------------------------------------------------
    def _choice(self, s: Scribe) -> None:
        op, source = s.op, s.op.attrs["source"]
        skip = len(op.definition.writes)
        names = [self.leave(op, t, "Merge") for t in op.outputs[skip:]]
        index = s.place.value(op.inputs[0], asks=op.name)
        sides = [self._branch(op, number) for number in range(len(source.branches))]
        results = self._chosen(s, index, sides, names, self.waits(op))
        for i, at in enumerate(op.definition.writes):
            s.place.values[op.outputs[i]] = s.place.value(op.inputs[at], ref=True, asks=op.name)
        for t, value in zip(op.outputs[skip:], results, strict=True):
            s.place.values[t] = value
        self.done[op.name] = names

    def _chosen(
        self, s: Scribe, index: Value, sides: Sequence[Callable[[Place], list[Value]]], names: Sequence[str] | None,
        waits: Sequence[str],
    ) -> list[Value]:  # fmt: skip
        """What the side gives that the index names; a choice of several is one between the first and the others."""
        if len(sides) == 1:
            found = sides[0](s.place)
            return found if names is None else [s.identity(v, name) for v, name in zip(found, names, strict=True)]
        if index.kind.type != bool_.as_datatype_enum:
            first = s.binary("Equal", index, s.constant(0), bool_)
            less = s.binary("Sub", index, s.constant(1))
            rest = lambda place: self._chosen(
                Scribe(self.made, self.names, s.op, place), place.value(less, asks=s.op.name), sides[1:], None, ()
            )
            s.place.values[less] = less
            return self._two(s, first, rest, sides[0], names, waits)
        return self._two(s, index, sides[0], sides[1], names, waits)

    def _two(
        self, s: Scribe, pred: Value, if_false: Callable, if_true: Callable, names: Sequence[str] | None,
        waits: Sequence[str],
    ) -> list[Value]:  # fmt: skip
        scope, boolean = scope_of(s.op), type_attr(bool_)
        asked = s.identity(pred, s.unique(f"{scope}pred_id"), waits)
        switch = s.put("Switch", [pred, asked], boolean, s.unique(f"{scope}Switch"), T=boolean)
        places = []
        for name, side in (("switch_t", 1), ("switch_f", 0)):
            pivot = s.identity(switch.output(side, boolean), s.unique(f"{scope}{name}"))
            places.append(Place(s.place, pivot.key, _through_switch(s, asked, side)))
        found_true, found_false = if_true(places[0]), if_false(places[1])
        results = []
        for i, (a, b) in enumerate(zip(found_false, found_true, strict=True)):
            name = names[i] if names else s.unique(f"{scope}Merge")
            results.append(s.put("Merge", [a, b], a.kind, name, T=a.kind, N=2))
        return results

    def _branch(self, op: Operation, number: int) -> Callable[[Place], list[Value]]:
        """Writes one branch, and gives its results, then what is kept of all branches."""
        source, call = op.attrs["source"], op.attrs["bodies"][number]
        branch, skip = source.branches[number], len(op.definition.writes)

        def write(place: Place) -> list[Value]:
            s, program = Scribe(self.made, self.names, op, place), call.program
            for t, i in zip(program.feeds[: len(branch.lists)], call.takes, strict=False):
                given = place.value(op.inputs[i], asks=op.name)
                place.values[t] = get_item(s, given, s.constant(0), self.kind(t))
            self.add_aliases(place, op, call, len(branch.lists))
            self.write(program.ops, branch.frame, place)
            fetches = [place.value(t, asks=op.name) for t in program.fetches]
            count = len(branch.fetches)
            results, rest = fetches[:count], iter(fetches[count:])
            for (n, _), t in zip(source.saved, op.outputs[skip + count :], strict=True):
                kept = empty_list(s, t.dtype)  # type: ignore[arg-type]
                results.append(push_item(s, kept, next(rest)) if n == number else kept)
            return results

        return write

    def add_aliases(self, place: Place, op: Operation, call: Call, own: int) -> None:
        """What the feeds of a body stand for that it takes from outside."""
        for t, i in zip(call.program.feeds[own:], call.takes[own:], strict=True):
            if i >= 0 and op.inputs[i] is not t:
                place.aliases[t] = op.inputs[i]

    def leave(self, op: Operation, t: Tensor, name: str) -> str:
        """The name of the node that a result comes from: where it has one of its own, that."""
        known = self.leaves.get(t)
        return known.name if known is not None else self.names.unique(scope_of(op) + name)


def _through_switch(s: Scribe, pred: Value, side: int) -> Callable[[Value, bool, str], Value]:
    """Brings values into one side of a conditional."""

    def bring(value: Value, ref: bool, asks: str) -> Value:
        name = s.unique(f"{asks}/Switch")
        switch = s.put("RefSwitch" if ref else "Switch", [value, pred], value.kind, name, T=value.kind)
        return switch.output(side, value.kind)

    return bring
