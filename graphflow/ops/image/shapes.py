"""What the ops on images share: one image as a batch of one, sizes that are known or not."""

from __future__ import annotations

from typing import Any

from graphflow.errors import ShapeError
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import maximum, minimum
from graphflow.ops.shape_ops import expand_dims, shape, squeeze
from graphflow.shape import show

Size = int | Tensor  # a number that is known while building, or a scalar tensor


def require_image(image: Tensor, what: str = "image") -> None:
    """ShapeError unless it can be [height, width, channels] or [batch, height, width, channels]."""
    if image.dims is not None and len(image.dims) not in (3, 4):
        raise ShapeError(f"{what} must have 3 or 4 dimensions, and has shape {show(image.dims)}")


def as_batch(image: Tensor, what: str = "image") -> tuple[Tensor, bool]:
    """(images [n, h, w, c], whether there was one without a batch axis); ShapeError for an unknown rank."""
    if image.dims is None:
        raise ShapeError(f"{what} must have a known rank")
    require_image(image, what)
    single = len(image.dims) == 3
    return (expand_dims(image, 0) if single else image), single


def as_batch_or_image(image: Tensor) -> tuple[Tensor, bool]:
    """As as_batch; a tensor of unknown rank counts as one image."""
    if image.dims is None:
        batch = expand_dims(image, 0)
        batch.set_shape([None] * 4)
        return batch, True
    return as_batch(image)


def unbatched(batch: Tensor, single: bool, name: str | None = None) -> Tensor:
    """Without the batch axis, if as_batch has made it."""
    return squeeze(batch, [0], name=name) if single else batch


def height_and_width(image: Tensor) -> list[Size]:
    """The sizes of the two axes before the last one."""
    known = (None, None) if image.dims is None else image.dims[-3:-1]
    if None in known:
        sizes = shape(image)
        return [sizes[i - 3] if d is None else d for i, d in enumerate(known)]
    return list(known)  # type: ignore[arg-type]


def larger(a: Any, b: Any) -> Size:
    return max(a, b) if isinstance(a, int) and isinstance(b, int) else maximum(a, b)


def smaller(a: Any, b: Any) -> Size:
    return min(a, b) if isinstance(a, int) and isinstance(b, int) else minimum(a, b)
