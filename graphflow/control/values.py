"""Nests of values as flat lists of tensors, and back: what goes into a branch or a loop, and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow import nest
from graphflow.graph import get_default_graph
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import identity
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.fill import constant
from graphflow.ops.indexed_slices import IndexedSlices
from graphflow.ops.sparse.tensor import SparseTensor

Rebuild = Callable[[Sequence[Tensor]], Any]
_components: list[tuple[type, Callable[[Any], tuple[list[Tensor], Rebuild]]]] = []


def register_components(kind: type, apart: Callable[[Any], tuple[list[Tensor], Rebuild]]) -> None:
    """Let values of this class be loop variables and results: `apart` gives their tensors, and how to rebuild them."""
    _components.append((kind, apart))


def tensors_of(value: Any) -> tuple[list[Tensor], Rebuild]:
    """The tensors of one leaf of a nest; an operation counts as a tensor that is there when it is done."""
    for kind, apart in _components:
        if isinstance(value, kind):
            return apart(value)
    if isinstance(value, Operation):
        with get_default_graph().control_dependencies([value]):
            return [identity(constant(True))], lambda ts: ts[0]
    return [convert_to_tensor(value)], lambda ts: ts[0]


def taken_apart(structure: Any) -> tuple[list[Tensor], Rebuild]:
    """All tensors of a nest in order, and a function that makes the nest of other tensors in their places."""
    parts = [tensors_of(leaf) for leaf in nest.flatten(structure)]

    def rebuild(tensors: Sequence[Tensor]) -> Any:
        rest = list(tensors)
        leaves = []
        for own, make in parts:
            leaves.append(make(rest[: len(own)]))
            del rest[: len(own)]
        return nest.pack_sequence_as(structure, leaves)

    return [t for own, _ in parts for t in own], rebuild


def _sparse(value: SparseTensor) -> tuple[list[Tensor], Rebuild]:
    return [value.indices, value.values, value.dense_shape], lambda ts: SparseTensor(*ts)


def _slices(value: IndexedSlices) -> tuple[list[Tensor], Rebuild]:
    shape = [] if value.dense_shape is None else [value.dense_shape]
    return [value.values, value.indices, *shape], lambda ts: IndexedSlices(*ts)


register_components(SparseTensor, _sparse)
register_components(IndexedSlices, _slices)
