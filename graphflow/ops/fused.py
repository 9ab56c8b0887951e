"""Regions: several elementwise operations as one, made by the compiler and never by programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphflow.operation import Operation, Tensor
from graphflow.ops.define import OpDef, Outputs, define
from graphflow.ops.lowering import Together


@dataclass(frozen=True)
class Region:
    """Elementwise operations over one shape, in an order in which they can run.

    inputs   the tensors that come from outside; they broadcast to the shape
    outputs  the tensors that are wanted outside, all of the one shape
    """

    members: tuple[Operation, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    def __str__(self) -> str:
        return "+".join(op.type for op in self.members)


def members(op: Operation) -> tuple[Operation, ...]:
    """The operations that this one stands for: the members of a region, else itself."""
    region = op.attrs.get("region")
    return region.members if isinstance(region, Region) else (op,)


def type_of(op: Operation) -> str:
    """The type, or the types of all members: `MatMul`, `Add+Relu`."""
    return "+".join(member.type for member in members(op))


def origin(t: Tensor) -> Tensor:
    """The member's own tensor behind an output of a region, which has the user's name; else the tensor itself."""
    region = t.op.attrs.get("region")
    return region.outputs[t.value_index] if isinstance(region, Region) else t


def _infer(*inputs: Tensor, region: Region) -> Outputs:
    return [(t.dims, t.dtype) for t in region.outputs]


def _run(*inputs: np.ndarray, region: Region) -> tuple[np.ndarray, ...]:
    """Member by member, each by its own reference."""
    values: dict[Tensor, Any] = dict(zip(region.inputs, inputs, strict=True))
    for op in region.members:
        results = op.definition.compute(op, [values[t] for t in op.inputs])
        values.update(zip(op.outputs, results, strict=True))
    return tuple(values[t] for t in region.outputs)


FUSED: OpDef = define("Fused", "*inputs", _infer, _run, lowering=lambda op: Together(op.attrs["region"]))


def fuse(members: Sequence[Operation], outputs: Sequence[Tensor]) -> Operation:
    """One operation for these members; it has the name and the place in the order of the last."""
    made = {t for op in members for t in op.outputs}
    inputs = tuple(dict.fromkeys(t for op in members for t in op.inputs if t not in made))
    region = Region(tuple(members), inputs, tuple(outputs))
    last = members[-1]
    return Operation(
        FUSED, last.name, inputs, {"region": region}, [(t.dims, t.dtype) for t in outputs], (), last.graph, last.id,
        last.site, last.device,
    )  # fmt: skip
