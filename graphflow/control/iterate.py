"""Loops whose iterations also give values that are stacked: what map_fn, scan, RNNs and decoders are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow import dtypes
from graphflow.control.bodies import feed_of
from graphflow.control.loop import Loop, exits, item_type, repeat, stacked_result
from graphflow.errors import GraphError
from graphflow.graph import get_default_graph
from graphflow.operation import Frame, Tensor
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.shape_ops import shape
from graphflow.shape import Dims

Body = Callable[[list[Tensor], list[Tensor]], tuple[Sequence[Tensor], Sequence[Tensor]]]


def iterate(
    body: Body,
    initial: Sequence[Tensor],
    rows: Sequence[Tensor] = (),
    *,
    going: Callable[[list[Tensor]], Tensor] | None = None,
    limit: Tensor | None = None,
    reverse: bool = False,
    back_prop: bool = True,
    dims: Sequence[Dims] | None = None,
    before: int = 0,
    arrays_first: bool = False,
    complete: bool = True,
) -> tuple[list[Tensor], list[Tensor]]:
    """(the last values of the loop variables, what was stacked: a row an iteration).

    body     (variables, items of the rows) -> (the next variables, values to stack)
    initial  the first values of the variables; `dims` are the shapes that they keep, by default the first ones
    rows     tensors with an iteration for each row, from the last one if `reverse`
    before   how many counters TensorFlow's loop has in front of the variables; arrays_first says that its arrays of
             stacked values stand there, too.  The results have the names that they have there
    complete False: what was stacked is not all yet, and gets no such name
    going    of the variables: whether to go on; without it the loop ends after the rows, or at the limit
    """
    graph = get_default_graph()
    if limit is None:
        if not rows and going is None:
            raise GraphError("a loop needs rows, a condition or a limit")
        limit = shape(rows[0])[0] if rows else convert_to_tensor(-1, dtypes.int32, name="limit")
    kept = [t.dims for t in initial] if dims is None else list(dims)
    with graph.name_scope("while"):
        test: Any = None
        if going is not None:
            outside = Frame(graph.frame)
            with graph.inside(outside):
                feeds = [feed_of(d, t.dtype, "Merge") for d, t in zip(kept, initial, strict=True)]
                test = outside, tuple(feeds), going(feeds)
        frame = Frame(graph.frame)
        with graph.inside(frame):
            values = [feed_of(d, t.dtype, "Identity") for d, t in zip(kept, initial, strict=True)]
            items = [feed_of(*item_type(t), "TensorArrayReadV3") for t in rows]
            following, stacked = body(values, items)
        loop = Loop(
            limit, tuple(initial), tuple(rows), frame, (*values, *items), (*following, *stacked), tuple(kept), test,
            reverse=reverse,
        )  # fmt: skip
        final, _, results = repeat(loop, "While")
        final = exits(final, back_prop, before + arrays_first * len(results))
    return final, [stacked_result(t, back_prop) for t in results] if complete else results
