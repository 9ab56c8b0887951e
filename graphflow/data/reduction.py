"""Operations on whole datasets: what a function makes of all elements, and how many there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow import nest
from graphflow.data.base import Base, Run
from graphflow.data.function import Function, as_tensors
from graphflow.data.structure import as_element, components, packed, require_same_structure, spec_of, types_of
from graphflow.dtypes import int64
from graphflow.operation import Tensor
from graphflow.ops.define import NO_GRADIENT, define
from graphflow.store import Store

_ENTROPY = 0  # a dataset that is run within an operation has the same order each time


def _reduced(*values: np.ndarray, held: Store, dataset: Base, function: Function, parts: int, types: Any) -> list:
    tensors = dataset.tensors()
    state = list(values[:parts])
    run = Run(held, dict(zip([*tensors, *function.captured], values[parts:], strict=True)), _ENTROPY)
    call = function.bind(run)
    for element in dataset.elements(run):
        state = call([*state, *element])
    return state


REDUCE = define(
    "ReduceDataset", "*values:any",
    infer=lambda *_, types, **__: list(types),
    reference=_reduced,
    vjp=NO_GRADIENT,
    stateful=True,
    holds=lambda store, **_: store,
    blocks=True,
)  # fmt: skip


def reduced(dataset: Base, initial_state: Any, reduce_func: Callable) -> Any:
    """reduce_func(state, element) of one element after the other, which begins with `initial_state`.

    Raises: TypeError when the function gives another structure or dtype than the state has.
    """
    state = as_element(initial_state)
    specs = nest.map_structure(spec_of, state)
    while True:
        function = Function(reduce_func, (specs, dataset.specs), as_tensors(as_element))
        found = nest.map_structure(spec_of, function.result)
        require_same_structure(found, specs)
        wider = nest.map_structure(lambda old, new: old.wider(new, "the state and what follows"), specs, found)
        if wider == specs:
            break
        specs = wider  # a shape that changes from step to step is not known
    parts = components(state)
    types = tuple(types_of(specs))
    made = REDUCE(*parts, *dataset.tensors(), *function.captured, dataset=dataset, function=function,
                  parts=len(parts), types=types)  # fmt: skip
    return packed(specs, made if isinstance(made, list) else [made])


CARDINALITY = define(
    "DatasetCardinality", "*values:any",
    infer=lambda *_, dataset: ((), int64),
    reference=lambda *values, held, dataset: dataset.cardinality(
        Run(held, dict(zip(dataset.tensors(), values, strict=True)), _ENTROPY)
    ),
    vjp=NO_GRADIENT,
    stateful=True,
    holds=lambda store, **_: store,
)  # fmt: skip


def cardinality(dataset: Base) -> Tensor:
    """How many elements a dataset has: int64, -1 for no end, -2 for a number that only a pass over them tells."""
    return CARDINALITY(*dataset.tensors(), dataset=dataset)
