"""Nodes of TensorFlow that say what ops of graphflow's own do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphflow.control.scribe import Scribe, Value
from graphflow.dtypes import int32
from graphflow.graph_protos import AttrValue
from graphflow.operation import Operation
from graphflow.ops.static import static_value


def _sum_to(s: Scribe, x: Value, shape: Value) -> list[Value]:
    """The sum over what broadcasting has added, as TensorFlow's gradients write it."""
    sizes = s.put("Shape", [x], shape.kind, T=x.kind, out_type=shape.kind)
    axes = s.put("BroadcastGradientArgs", [shape, sizes], shape.kind, T=shape.kind)
    total = s.put("Sum", [x, axes], x.kind, T=x.kind, Tidx=shape.kind, keep_dims=False)
    return [s.put("Reshape", [total, shape], x.kind, s.op.name, T=x.kind, Tshape=shape.kind)]


def _gather_grad(s: Scribe, dy: Value, indices: Value, axis: Value, shape: Value) -> list[Value]:
    """The rows of dy, summed where they were taken."""
    first = s.first(shape)
    inputs = [dy, indices, first]
    total = s.put("UnsortedSegmentSum", inputs, dy.kind, T=dy.kind, Tindices=indices.kind, Tnumsegments=int32)
    return [s.put("Reshape", [total, shape], dy.kind, s.op.name, T=dy.kind, Tshape=int32)]


def _custom_gradient(s: Scribe, *values: Value) -> list[Value]:
    results = values[: s.op.attrs["results"]]
    types = AttrValue(list={"type": [v.kind.type for v in results]})
    made = s.put("IdentityN", results, results[0].kind, s.op.name, T=types)
    return [made.output(i, v.kind) if i else made for i, v in enumerate(results)]


_STAND_INS: dict[str, Callable[..., list[Value]]] = {
    "SumTo": _sum_to, "GatherGrad": _gather_grad, "CustomGradient": _custom_gradient,
}  # fmt: skip


def has_stand_in(op: Operation) -> bool:
    """Whether other nodes stand for an operation."""
    if op.type == "GatherGrad":
        return not op.attrs["batch_dims"] and static_value(op.inputs[2]) == 0
    return op.type in _STAND_INS


def write_stand_in(s: Scribe, data: Sequence[Value]) -> list[Value]:
    """The nodes for an operation; gives its outputs."""
    return _STAND_INS[s.op.type](s, *data)
