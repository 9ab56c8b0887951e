"""Small functions of attention and of beams."""

from __future__ import annotations

from typing import Any

from graphflow import nest
from graphflow.default import name_scope
from graphflow.operation import Tensor
from graphflow.ops.argmax import argmax
from graphflow.ops.arrange import tile
from graphflow.ops.clip import clip_by_value
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.fill import one_hot
from graphflow.ops.join import concat
from graphflow.ops.math import exp, log
from graphflow.ops.products import cumsum
from graphflow.ops.shape_ops import expand_dims, rank, reshape, shape


def tile_batch(t: Any, multiplier: Any, name: str | None = None) -> Any:
    """Each row of a tensor (of each in a nest) `multiplier` times: [batch, ...] -> [batch * multiplier, ...]."""
    with name_scope(name, "tile_batch"):
        return nest.map_structure(lambda x: _tiled(convert_to_tensor(x, name="t"), multiplier), t)


def _tiled(x: Tensor, multiplier: Any) -> Tensor:
    repeats = [1] * (len(x.dims) + 1) if x.dims is not None else None
    wide = expand_dims(x, 1)
    if repeats is None:
        ones = shape(wide) * 0 + 1
        tiled = tile(wide, concat([ones[:1], [multiplier], ones[2:]], 0))
    else:
        repeats[1] = multiplier
        tiled = tile(wide, repeats)
    out = reshape(tiled, concat([[-1], shape(x)[1:]], 0))
    if x.dims is not None:
        batch = x.dims[0] * multiplier if x.dims[0] is not None and isinstance(multiplier, int) else None
        out.set_shape((batch, *x.dims[1:]))
    return out


def hardmax(logits: Any, name: str | None = None) -> Tensor:
    """One where the largest of the last axis stands, zero elsewhere."""
    with name_scope(name, "Hardmax", [logits]):
        t = convert_to_tensor(logits, name="logits")
        depth = t.dims[-1] if t.dims and t.dims[-1] is not None else shape(t)[rank(t) - 1]
        return one_hot(argmax(t, -1), depth, dtype=t.dtype)


def safe_cumprod(x: Any, *args: Any, **kwargs: Any) -> Tensor:
    """cumprod of numbers in [0, 1] by logarithms, whose gradient is finite."""
    with name_scope(None, "SafeCumprod", [x]):
        t = convert_to_tensor(x, name="x")
        return exp(cumsum(log(clip_by_value(t, 1e-37, 1)), *args, **kwargs))
