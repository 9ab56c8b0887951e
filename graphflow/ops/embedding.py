"""Looking rows up in tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.default import name_scope
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import floordiv, floormod
from graphflow.ops.basic import ones_like
from graphflow.ops.clip import clip_by_norm
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.fill import range as range_
from graphflow.ops.indexing import gather
from graphflow.ops.join import concat, stack
from graphflow.ops.products import cumsum
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import rank, shape


def embedding_lookup(
    params: Any,
    ids: Any,
    partition_strategy: str = "mod",
    name: str | None = None,
    validate_indices: bool = True,
    max_norm: float | None = None,
) -> Tensor:
    """Rows of a table, or of one table that is kept in several parts.

    Shapes:   params [rows, ...] or a list of such parts, ids [...] -> [..., *row]
              partition_strategy "mod": row i is in part i % parts; "div": the parts are consecutive pieces
              max_norm: rows with a larger L2 norm are scaled down to it
    Gradient: params, as IndexedSlices.
    Raises:   ValueError for an unknown strategy or no part; InvalidArgumentError for an id outside the table, when run.
    """
    parts = list(params) if isinstance(params, (list, tuple)) else [params]
    if not parts:
        raise GraphError("embedding_lookup needs at least one table")
    if partition_strategy not in ("mod", "div"):
        raise GraphError(f"partition_strategy must be 'mod' or 'div', not {partition_strategy!r}")
    with name_scope(name, "embedding_lookup", [*parts, ids]):
        ids = convert_to_tensor(ids, name="ids")
        rows = gather(parts[0], ids) if len(parts) == 1 else _from_parts(parts, ids, partition_strategy)
        if max_norm is None:
            return rows
        return clip_by_norm(rows, max_norm, axes=range_(rank(ids), rank(rows)))


def _from_parts(parts: Sequence[Any], ids: Tensor, strategy: str) -> Tensor:
    """Rows of the parts laid one after the other: where row i lies then is arithmetic on i."""
    table = concat(parts, 0)
    if strategy == "div":
        return gather(table, ids)
    heights = stack([shape(p, out_type=ids.dtype)[0] for p in parts])
    part, row = floormod(ids, len(parts)), floordiv(ids, len(parts))
    inside = (row >= 0) & (row < gather(heights, part))
    at = gather(cumsum(heights, exclusive=True), part) + row
    return gather(table, where_v2(inside, at, ones_like(at) * -1))  # -1: gather reports an id outside its part
