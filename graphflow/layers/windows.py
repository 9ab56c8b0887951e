"""What convolution and pooling layers share: their arguments, and inputs with the channels first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.arrange import transpose


def sizes_of(value: Any, rank: int, what: str) -> tuple[int, ...]:
    """One size for each axis, from an int or a sequence; ValueError for another number of them, or one below 1."""
    try:
        sizes = (int(value),) * rank if hasattr(value, "__index__") else tuple(int(v) for v in value)
    except (TypeError, ValueError):
        sizes = ()
    if len(sizes) != rank or min(sizes) < 1:
        raise GraphError(f"{what} must be a positive int or {rank} of them, not {value!r}")
    return sizes


def padding_name(padding: Any) -> str:
    """`valid` or `same`, given in any case."""
    name = padding.lower() if isinstance(padding, str) else padding
    if name not in ("valid", "same"):
        raise GraphError(f"padding must be 'valid' or 'same', not {padding!r}")
    return name


def format_of(data_format: Any) -> str:
    """`channels_last` or `channels_first`."""
    name = "channels_last" if data_format is None else str(data_format).lower()
    if name not in ("channels_last", "channels_first"):
        raise GraphError(f"data_format must be channels_last or channels_first, not {data_format!r}")
    return name


def with_channels_last(function: Callable[[Any], Any], x: Tensor, data_format: str) -> Any:
    """function(x), which works on channels that come last; x and the result have them as data_format says."""
    if data_format == "channels_last" or x.dims is None:
        return function(x)
    axes = list(range(1, len(x.dims)))
    return transpose(function(transpose(x, [0, *axes[1:], 1])), [0, axes[-1], *axes[:-1]])
