"""Images warped by flows, and by splines through control points."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import int32
from graphflow.errors import GraphError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import maximum, minimum, pow
from graphflow.ops.arrange import matrix_transpose
from graphflow.ops.basic import cast, ones_like, zeros_like
from graphflow.ops.clip import clip_by_value
from graphflow.ops.decompositions import matrix_solve
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.diagonal import matrix_diag, matrix_diag_part
from graphflow.ops.fill import range as range_
from graphflow.ops.indexing import gather
from graphflow.ops.join import concat, stack, unstack
from graphflow.ops.linalg import matmul
from graphflow.ops.math import floor, log, sqrt, square
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.sequences import meshgrid
from graphflow.ops.shape_ops import expand_dims, reshape, shape

_TINY = 1e-10


def dense_image_warp(image: Any, flow: Any, name: str = "dense_image_warp") -> Tensor:
    """Pixel (y, x) of the result is the image's at (y, x) - flow[y, x], interpolated between four pixels.

    Shapes: image [n, h, w, c] of at least 2 x 2 pixels, flow [n, h, w, 2] -> [n, h, w, c].   Gradient: both.
    """
    with name_scope(name):
        t, moved = convert_to_tensor(image), convert_to_tensor(flow)
        if t.dims is None or len(t.dims) != 4:
            raise ShapeError(f"the image must have rank 4, not {t.shape}")
        if any(d is not None and d < 2 for d in t.dims[1:3]):
            raise ShapeError(f"the image must have at least 2 x 2 pixels, and has the shape {t.shape}")
        n, height, width, channels = unstack(shape(t), num=4)
        columns, rows = meshgrid(range_(width), range_(height))
        grid = cast(stack([rows, columns], 2), moved.dtype)
        wanted = reshape(expand_dims(grid, 0) - moved, [n, height * width, 2])
        warped = reshape(_interpolated(t, wanted), [n, height, width, channels])
        warped.set_shape(t.shape)
        return warped


def _interpolated(image: Tensor, points: Tensor) -> Tensor:
    """[n, points, channels] at points [n, points, 2]; beyond the border, the border's."""
    n, height, width, channels = unstack(shape(image), num=4)
    flat = reshape(image, [n * height * width, channels])
    start = reshape(range_(n) * height * width, [n, 1])
    before, share = [], []
    for axis, size in enumerate((height, width)):
        at = points[:, :, axis]
        low = minimum(maximum(floor(at), 0.0), cast(size - 2, at.dtype))
        before.append(cast(low, int32))
        share.append(expand_dims(clip_by_value(cast(at - low, image.dtype), 0.0, 1.0), 2))
    (y, x), (down, right) = before, share

    def pixels(y: Tensor, x: Tensor) -> Tensor:
        return gather(flat, start + y * width + x)

    upper, lower = (pixels(row, x) + right * (pixels(row, x + 1) - pixels(row, x)) for row in (y, y + 1))
    return upper + down * (lower - upper)


def interpolate_spline(
    train_points: Any, train_values: Any, query_points: Any, order: int, regularization_weight: float = 0.0,
    name: str = "interpolate_spline",
) -> Tensor:  # fmt: skip
    """A polyharmonic spline through values at points, evaluated at other points.

    Shapes: train_points [b, n, d], train_values [b, n, k], query_points [b, m, d] -> [b, m, k]; d and k known.
    order   1 for |r|, 2 for thin plates (r^2 log r), 3 for |r|^3
    Gradient: all three.   Raises: ValueError when d or k is not known.
    Source: Powell, "The theory of radial basis function approximation" (1992).
    """
    with name_scope(name):
        points, values = convert_to_tensor(train_points), convert_to_tensor(train_values)
        queries = convert_to_tensor(query_points)
        for what, t in (("points", points), ("values", values)):
            if not t.dims or t.dims[-1] is None:
                raise GraphError(f"the last dimension of the {what} must be known when the graph is made")
        w, v = _spline(points, values, order, regularization_weight)
        near = matmul(_phi(_squared(queries, points), order), w)
        return near + matmul(concat([queries, ones_like(queries[..., :1])], 2), v)


def _squared(x: Tensor, y: Tensor) -> Tensor:
    """[b, m, n]: the squares of the distances of points x [b, m, d] from y [b, n, d]."""
    of_x, of_y = reduce_sum(square(x), 2), reduce_sum(square(y), 2)
    return expand_dims(of_x, 2) - 2.0 * matmul(x, y, transpose_b=True) + expand_dims(of_y, 1)


def _spline(c: Tensor, f: Tensor, order: int, weight: float) -> tuple[Tensor, Tensor]:
    """The weights of the radial functions, and those of the linear part."""
    product = matmul(c, c, transpose_b=True)
    sizes = expand_dims(matrix_diag_part(product), 2)
    a = _phi(sizes - 2.0 * product + matrix_transpose(sizes), order)
    if weight > 0:
        a = a + weight * matrix_diag(ones_like(a[..., 0]))
    b = concat([c, ones_like(c[..., :1])], 2)
    corner = matmul(zeros_like(b), b, transpose_a=True)
    left = concat([concat([a, b], 2), concat([matrix_transpose(b), corner], 2)], 1)
    right = concat([f, matmul(zeros_like(b), f, transpose_a=True)], 1)
    solved = matrix_solve(left, right)
    n = shape(c)[1]
    return solved[:, :n, :], solved[:, n:, :]


def _phi(r: Tensor, order: int) -> Tensor:
    """Of the squares of distances."""
    safe = maximum(r, _TINY)
    if order == 1:
        return sqrt(safe)
    if order == 2:
        return 0.5 * r * log(safe)
    if order == 4:
        return 0.5 * square(r) * log(safe)
    if order % 2 == 0:
        return 0.5 * pow(safe, 0.5 * order) * log(safe)
    return pow(safe, 0.5 * order)


def sparse_image_warp(
    image: Any, source_control_point_locations: Any, dest_control_point_locations: Any, interpolation_order: int = 2,
    regularization_weight: float = 0.0, num_boundary_points: int = 0, name: str = "sparse_image_warp",
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """(image, flow): warped so that control points [n, k, 2], as (y, x), go where they are wanted, a spline between.

    num_boundary_points   how many points stay where they are on each edge, the corners among them; 0: none
    Raises: ValueError when the shape of the image is not known.
    """
    t = convert_to_tensor(image)
    source, target = convert_to_tensor(source_control_point_locations), convert_to_tensor(dest_control_point_locations)
    flows = target - source
    if not t.shape.is_fully_defined():
        raise GraphError(f"the shape of the image must be known when the graph is made, and is {t.shape}")
    n, height, width, _ = (int(d) for d in t.shape)
    with name_scope(name):
        grid = np.moveaxis(np.mgrid[:height, :width], 0, -1).reshape(1, height * width, 2)
        everywhere = convert_to_tensor(np.tile(grid, (n, 1, 1)).astype(t.dtype.as_numpy_dtype))
        if num_boundary_points > 0:
            border = np.tile(_border(height, width, num_boundary_points + 1), (n, 1, 1))
            kept = convert_to_tensor(border.astype(target.dtype.as_numpy_dtype))
            target, flows = concat([target, kept], 1), concat([flows, zeros_like(kept)], 1)
        dense = interpolate_spline(target, flows, everywhere, interpolation_order, regularization_weight)
        dense = reshape(dense, [n, height, width, 2])
        return dense_image_warp(t, dense), dense


def _border(height: int, width: int, points: int) -> np.ndarray:
    """Evenly spaced points [k, 2] on the edges, `points` of them on each, corners included."""
    ys, xs = np.linspace(0, height - 1, points), np.linspace(0, width - 1, points)
    y, x = np.meshgrid(ys, xs, indexing="ij")
    edge = (x == 0) | (x == width - 1) | (y == 0) | (y == height - 1)
    return np.stack([y[edge], x[edge]], -1)
