"""Nodes of TensorFlow that say what ops of graphflow's own do: some in one word, some in several of its ops."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphflow.control.scribe import Scribe, Value, type_attr
from graphflow.dtypes import bool_, int32, int64
from graphflow.exchange.expanded import expand, is_expanded
from graphflow.graph_protos import AttrValue
from graphflow.node_attrs import attr_values
from graphflow.operation import Operation


def _sum_to(s: Scribe, x: Value, shape: Value) -> list[Value]:
    """The sum over what broadcasting has added, as TensorFlow's gradients write it."""
    sizes = s.put("Shape", [x], shape.kind, T=x.kind, out_type=shape.kind)
    axes = s.put("BroadcastGradientArgs", [shape, sizes], shape.kind, T=shape.kind)
    total = s.put("Sum", [x, axes], x.kind, T=x.kind, Tidx=shape.kind, keep_dims=False)
    return [s.put("Reshape", [total, shape], x.kind, s.op.name, T=x.kind, Tshape=shape.kind)]


def _read(s: Scribe, ref: Value) -> list[Value]:
    """A read that sees earlier writes also where it does not wait for them: the attribute says so, to graphflow."""
    return [s.put("Identity", [ref], ref.kind, s.op.name, T=ref.kind, _reads_now=True)]


def _stitch(s: Scribe, indices: Value, data: Value) -> list[Value]:
    return [s.put("DynamicStitch", [indices, data], data.kind, s.op.name, T=data.kind, N=1)]


def _print(s: Scribe, x: Value, run: Value, *data: Value) -> list[Value]:
    types, how = AttrValue(list={"type": [v.kind.type for v in data]}), s.op.attrs
    return [s.put("Print", [x, *data], x.kind, s.op.name, T=x.kind, U=types, **how)]


def _sparse_rule(s: Scribe, *data: Value) -> list[Value]:
    """A rule for rows, of which TensorFlow's wants each once: those of one index are added up before."""
    names = [arg.name for arg in s.op.definition.args]
    at = names.index("indices")
    grad, indices = data[at - 1 : at + 1]
    once = s.put("Unique", [indices], indices.kind, T=indices.kind, out_idx=int32)
    inputs = [grad, once.output(1, type_attr(int32)), s.size(once)]
    total = s.put("UnsortedSegmentSum", inputs, grad.kind, T=grad.kind, Tindices=int32, Tnumsegments=int32)
    given = [*data[: at - 1], total, once, *data[at + 1 :]]
    made = s.put(s.op.type, given, data[0].kind, s.op.name, (), **attr_values(s.op))
    return [made.output(i, data[i].kind) if i else made for i in range(len(s.op.outputs))]


def _filled_rows(s: Scribe, indices: Value, sizes: Value) -> list[Value]:
    """The numbers of the elements take the place of their values, and the number of a new one is that of all."""
    n = s.cast(s.size(indices), int64)
    places = s.put("Range", [s.constant(0, int64), n, s.constant(1, int64)], int64, Tidx=int64)
    made = s.put("SparseFillEmptyRows", [indices, places, sizes, n], int64, s.op.name, T=int64)
    return [made, made.output(1, type_attr(int64)), made.output(2, type_attr(bool_))]


def _initialized(s: Scribe, ref: Value, initial: Value) -> list[Value]:
    """The value of a variable that has one, and else another: a conditional of TensorFlow's."""
    boolean = type_attr(bool_)
    there = s.put("IsVariableInitialized", [ref], boolean, dtype=ref.kind)
    mine, other = (s.put(op, [v, there], v.kind, T=v.kind) for op, v in (("RefSwitch", ref), ("Switch", initial)))
    value = s.put("Identity", [mine.output(1, ref.kind)], ref.kind, T=ref.kind)
    return [s.put("Merge", [other, value], ref.kind, s.op.name, T=ref.kind, N=2)]


def _expanded(s: Scribe, data: Sequence[Value]) -> list[Value]:
    """The operations that say the same, and Identities that have the name."""
    ops, inputs, results = expand(s.op, s.op.name)
    values = dict(zip(inputs, data, strict=True))
    for op in ops:
        given = [values[t] for t in op.inputs]
        name = s.unique(op.name)
        inner = Scribe(s.made, s.names, op, s.place)
        if has_stand_in(op):
            outputs = write_stand_in(inner, given)
        else:
            node = inner.node(op.type, given, name, attr_values(op))
            node.device = s.op.device
            inner.add(node, [f"^{c.name}" for c in op.control_inputs])
            outputs = [Value(name, type_attr(t.dtype)).output(t.value_index, type_attr(t.dtype)) for t in op.outputs]
        values.update(zip(op.outputs, outputs, strict=True))
    found = [values[t] for t in results]
    if len(found) == 1:
        return [s.identity(found[0], s.op.name)]
    types = AttrValue(list={"type": [v.kind.type for v in found]})
    made = s.put("IdentityN", found, found[0].kind, s.op.name, T=types)
    return [made.output(i, v.kind) if i else made for i, v in enumerate(found)]


_STAND_INS: dict[str, Callable[..., list[Value]]] = {
    "FilledRows": _filled_rows, "InitializedValue": _initialized, "Print": _print, "ReadVariable": _read,
    "StitchRows": _stitch, "SumTo": _sum_to,
}  # fmt: skip


def has_stand_in(op: Operation) -> bool:
    """Whether other nodes stand for an operation."""
    return op.type in _STAND_INS or op.type.startswith("SparseApply") or is_expanded(op)


def write_stand_in(s: Scribe, data: Sequence[Value]) -> list[Value]:
    """The nodes for an operation; gives its outputs."""
    if is_expanded(s.op):
        return _expanded(s, data)
    return _STAND_INS.get(s.op.type, _sparse_rule)(s, *data)
