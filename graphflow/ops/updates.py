"""Several updates of variables as one operation, made by the compiler and never by programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphflow.operation import Operation, Tensor
from graphflow.ops.define import OpDef, Outputs
from graphflow.ops.lowering import Each


@dataclass(frozen=True, eq=False)
class Updates:
    """Operations of one record and equal attributes that write different variables, in the order of the program."""

    members: tuple[Operation, ...]

    @property
    def outputs(self) -> list[Tensor]:
        """Those of all members."""
        return [t for member in self.members for t in member.outputs]

    @property
    def origins(self) -> list[Tensor]:
        """The member's own tensor behind each output."""
        return self.outputs

    def split(self, values: Sequence[Any]) -> list[Sequence[Any]]:
        """The inputs of each member, from all inputs."""
        n = len(self.members[0].inputs)
        return [values[i * n : (i + 1) * n] for i in range(len(self.members))]

    def __str__(self) -> str:
        return f"{len(self.members)} x {self.members[0].type}"


def _infer(*inputs: Tensor, updates: Updates) -> Outputs:
    return [(t.dims, t.dtype) for t in updates.outputs]


def _run(*inputs: np.ndarray, updates: Updates) -> tuple[np.ndarray, ...]:
    """One after the other, each by its own reference."""
    results: list[np.ndarray] = []
    for member, values in zip(updates.members, updates.split(inputs), strict=True):
        results += member.definition.compute(member, values)
    return tuple(results)


def update_together(members: Sequence[Operation]) -> Operation:
    """One operation for all of them, in the place of the last.

    Its record is made for it: which inputs name variables depends on how many members there are.
    """
    record, n = members[0].definition, len(members[0].inputs)
    refs = tuple(i * n + r for i in range(len(members)) for r in record.refs)
    writes = tuple(i * n + w for i in range(len(members)) for w in record.writes)
    made = OpDef(
        f"{record.name}Together", record.args * len(members), _infer, _run,
        lowering=lambda op: Each(op.attrs["updates"]), stateful=True, refs=refs, writes=writes, reads=record.reads,
    )  # fmt: skip
    inputs = tuple(t for member in members for t in member.inputs)
    outputs = [(t.dims, t.dtype) for member in members for t in member.outputs]
    last = members[-1]
    return Operation(
        made, last.name, inputs, {"updates": Updates(tuple(members))}, outputs, (), last.graph, last.id, last.site,
        last.device,
    )  # fmt: skip
