"""Blocks of space moved into depth or into the batch, and back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphflow.dtypes import INDEX, DType
from graphflow.errors import GraphError, ShapeError, UnimplementedError
from graphflow.operation import Tensor
from graphflow.ops.define import OpDef, define
from graphflow.ops.infer import require_rank
from graphflow.ops.shape_ops import either, refuse
from graphflow.ops.static import static_value
from graphflow.shape import Dims


# -- depth ---------------------------------------------------------------------------------------------------------
def _to_depth_infer(input: Tensor, block_size: int, data_format: str) -> tuple[Dims, DType]:
    n, h, w, c = require_rank(input, 4, "input")
    for d in (h, w):
        if d is not None and d % block_size:
            raise ShapeError(f"a size of {d} cannot be divided into blocks of {block_size}")
    return (n, _times(h, 1, block_size), _times(w, 1, block_size), _times(c, block_size**2)), input.dtype


def _to_space_infer(input: Tensor, block_size: int, data_format: str) -> tuple[Dims, DType]:
    n, h, w, c = require_rank(input, 4, "input")
    if c is not None and c % block_size**2:
        raise ShapeError(f"a depth of {c} cannot be divided by {block_size} * {block_size}")
    return (n, _times(h, block_size), _times(w, block_size), _times(c, 1, block_size**2)), input.dtype


def _times(n: int | None, factor: int, divisor: int = 1) -> int | None:
    return None if n is None else n * factor // divisor


def _to_depth(x: np.ndarray, block_size: int, data_format: str) -> np.ndarray:
    b = block_size
    if x.ndim != 4 or x.shape[1] % b or x.shape[2] % b:
        raise refuse(f"shape {x.shape} cannot be divided into blocks of {b} * {b}")
    n, h, w, c = x.shape
    return x.reshape(n, h // b, b, w // b, b, c).transpose(0, 1, 3, 2, 4, 5).reshape(n, h // b, w // b, b * b * c)


def _to_space(x: np.ndarray, block_size: int, data_format: str) -> np.ndarray:
    b = block_size
    if x.ndim != 4 or x.shape[3] % (b * b):
        raise refuse(f"the depth of shape {x.shape} cannot be divided by {b} * {b}")
    n, h, w, c = x.shape
    return x.reshape(n, h, w, b, b, c // (b * b)).transpose(0, 1, 3, 2, 4, 5).reshape(n, h * b, w * b, c // (b * b))


SPACE_TO_DEPTH = define(
    "SpaceToDepth", "input",
    infer=_to_depth_infer,
    reference=_to_depth,
    vjp=(lambda op, dy: DEPTH_TO_SPACE(dy, **op.attrs),),
)  # fmt: skip

DEPTH_TO_SPACE: OpDef = define(
    "DepthToSpace", "input",
    infer=_to_space_infer,
    reference=_to_space,
    vjp=(lambda op, dy: SPACE_TO_DEPTH(dy, **op.attrs),),
)  # fmt: skip


def _block_attrs(block_size: int, data_format: str) -> dict[str, Any]:
    if block_size < 2:
        raise GraphError(f"block_size must be at least 2, not {block_size}")
    if data_format != "NHWC":
        raise UnimplementedError.because(f"only NHWC is supported here, not {data_format}")
    return {"block_size": int(block_size), "data_format": data_format}


def space_to_depth(input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC") -> Tensor:
    """Each block of pixels becomes one pixel with all their channels.

    Shapes: [n, h, w, c] -> [n, h / b, w / b, b * b * c].   Gradient: input.
    """
    return SPACE_TO_DEPTH(input, name=name, **_block_attrs(block_size, data_format))


def depth_to_space(input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC") -> Tensor:
    """The inverse of space_to_depth.   Shapes: [n, h, w, c] -> [n, h * b, w * b, c / (b * b)].   Gradient: input."""
    return DEPTH_TO_SPACE(input, name=name, **_block_attrs(block_size, data_format))


# -- batch ---------------------------------------------------------------------------------------------------------
def _batch_sizes(dims: tuple, block: np.ndarray, edges: np.ndarray, back: bool) -> tuple[int | None, ...]:
    """The shape after moving blocks into the batch, or `back`; ValueError when it does not divide."""
    m = block.size
    if block.ndim != 1 or edges.shape != (m, 2) or len(dims) < m + 1 or (block < 1).any() or (edges < 0).any():
        raise ValueError(f"block_shape {block.tolist()} and {edges.tolist()} do not go with {len(dims)} axes")
    factor = math.prod(block.tolist())
    sizes: list[int | None] = []
    for d, b, e in zip(dims[1:], block.tolist(), edges.sum(axis=1).tolist(), strict=False):
        if d is None:
            sizes.append(None)
        elif back:
            sizes.append(d * b - e)
        else:
            sizes.append((d + e) // b)
        if d is not None and (d * b < e if back else (d + e) % b):
            raise ValueError(f"a size of {d} with {e} more or less does not go with a block of {b}")
    if back and dims[0] is not None and dims[0] % factor:
        raise ValueError(f"a batch of {dims[0]} cannot be divided by the {factor} elements of a block")
    return (_times(dims[0], 1 if back else factor, factor if back else 1), *sizes, *dims[m + 1 :])


def _batch_infer(back: bool) -> Any:
    def infer(input: Tensor, block_shape: Tensor, edges: Tensor) -> tuple[Dims, DType]:
        block, amounts = static_value(block_shape), static_value(edges)
        if input.dims is None or block is None or amounts is None:
            return (None if input.dims is None else (None,) * len(input.dims)), input.dtype
        try:
            return _batch_sizes(input.dims, block, amounts, back), input.dtype
        except ValueError as error:
            raise ShapeError(str(error)) from None

    return infer


def _run_sizes(x: np.ndarray, block: np.ndarray, edges: np.ndarray, back: bool) -> tuple[Any, ...]:
    try:
        return _batch_sizes(x.shape, block, edges, back)
    except ValueError as error:
        raise refuse(str(error)) from None


def _to_batch(x: np.ndarray, block_shape: np.ndarray, paddings: np.ndarray) -> np.ndarray:
    out = _run_sizes(x, block_shape, paddings, back=False)
    m, rest = block_shape.size, x.shape[block_shape.size + 1 :]
    padded = np.pad(x, [(0, 0), *paddings.tolist(), *[(0, 0)] * len(rest)])
    pairs = [n for o, b in zip(out[1 : m + 1], block_shape.tolist(), strict=True) for n in (o, b)]
    order = [*range(2, 2 * m + 1, 2), 0, *range(1, 2 * m + 1, 2), *range(2 * m + 1, 2 * m + 1 + len(rest))]
    return padded.reshape(x.shape[0], *pairs, *rest).transpose(order).reshape(out)


def _from_batch(x: np.ndarray, block_shape: np.ndarray, crops: np.ndarray) -> np.ndarray:
    out = _run_sizes(x, block_shape, crops, back=True)
    m, block, rest = block_shape.size, block_shape.tolist(), x.shape[block_shape.size + 1 :]
    order = [m, *(i for k in range(m) for i in (m + 1 + k, k)), *range(2 * m + 1, 2 * m + 1 + len(rest))]
    apart = x.reshape(*block, out[0], *x.shape[1 : m + 1], *rest).transpose(order)
    whole = apart.reshape(out[0], *(n * b for n, b in zip(x.shape[1 : m + 1], block, strict=True)), *rest)
    return whole[(slice(None), *(slice(c, c + n) for (c, _), n in zip(crops.tolist(), out[1 : m + 1], strict=True)))]


SPACE_TO_BATCH_ND = define(
    "SpaceToBatchND", "input block_shape:Tblock paddings:Tedges",
    infer=_batch_infer(back=False),
    reference=_to_batch,
    vjp=(lambda op, dy: BATCH_TO_SPACE_ND(dy, *op.inputs[1:]), None, None),
    types={"Tblock": INDEX, "Tedges": INDEX},
)  # fmt: skip

BATCH_TO_SPACE_ND: OpDef = define(
    "BatchToSpaceND", "input block_shape:Tblock crops:Tedges",
    infer=_batch_infer(back=True),
    reference=_from_batch,
    vjp=(lambda op, dy: SPACE_TO_BATCH_ND(dy, *op.inputs[1:]), None, None),
    types={"Tblock": INDEX, "Tedges": INDEX},
)  # fmt: skip


def space_to_batch_nd(input: Any, block_shape: Any, paddings: Any, name: str | None = None) -> Tensor:
    """Zero-padded space divided into blocks; elements at one place of their blocks go into one part of the batch.

    Shapes: [n, s_i, q...] -> [n * product of block_shape, (s_i + paddings[i]) / block_shape[i], q...]
    Gradient: input.   Raises: ValueError, or InvalidArgumentError when run, when sizes do not divide.
    """
    return SPACE_TO_BATCH_ND(input, block_shape, paddings, name=name)


def batch_to_space_nd(input: Any, block_shape: Any, crops: Any, name: str | None = None) -> Tensor:
    """The inverse of space_to_batch_nd; `crops` is cut off at the edges of each axis.   Gradient: input."""
    return BATCH_TO_SPACE_ND(input, block_shape, crops, name=name)


def _square(block_size: Any, block_shape: Any) -> Any:
    block = either(block_size, block_shape, "block_size", "block_shape")
    if block is None:
        raise GraphError("a block_size is needed")
    return [block, block] if np.ndim(block) == 0 else block


def _of_images(made: Tensor, block_shape: Any) -> Tensor:
    """Square blocks are those of images [n, h, w, c]."""
    if block_shape is None and made.dims is None:
        made.set_shape([None] * 4)
    return made


def space_to_batch(
    input: Any, paddings: Any, block_size: Any = None, name: str | None = None, block_shape: Any = None
) -> Tensor:
    """space_to_batch_nd with square blocks."""
    made = SPACE_TO_BATCH_ND(input, _square(block_size, block_shape), paddings, name=name)
    return _of_images(made, block_shape)


def batch_to_space(
    input: Any, crops: Any, block_size: Any = None, name: str | None = None, block_shape: Any = None
) -> Tensor:
    """batch_to_space_nd with square blocks."""
    made = BATCH_TO_SPACE_ND(input, _square(block_size, block_shape), crops, name=name)
    return _of_images(made, block_shape)
