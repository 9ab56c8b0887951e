"""Convolutions of NHWC images with HWIO filters as products of matrices that are never laid out in memory.

Forward the rows are pixels of the result and the depth is that of a patch; for the gradient of the images the rows are
pixels of the images; for that of the filter the rows are places in a patch and the depth is that of all pixels.
Everything but the number of images is part of the text: divisions by constants cost little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphflow.backends.base import Call
from graphflow.backends.cuda.kernels.matmul import Strided
from graphflow.backends.cuda.kernels.tiles import multiplied
from graphflow.backends.cuda.launch import Pointer
from graphflow.backends.cuda.regions import Epilogue, Source
from graphflow.errors import ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.windows import along
from graphflow.shape import sizes

_FLOATS = ("float32", "float64")


@dataclass(frozen=True)
class Geometry:
    """images [n, h, w, c], filters [kh, kw, c, f], results [n, oh, ow, f], padding before the images."""

    h: int
    w: int
    c: int
    kh: int
    kw: int
    f: int
    oh: int
    ow: int
    sh: int
    sw: int
    dh: int
    dw: int
    top: int
    left: int


def _apart(source: Source, position: str, mark: str, *loops: tuple[str, int]) -> str:
    """Coordinates of a position, innermost loop first; gives what is left over."""
    rest = position
    for name, n in loops:
        source.add(f"{mark}{name} = mod32({rest}, {n})", f"{mark}r{name} = div32({rest}, {n})")
        rest = f"{mark}r{name}"
    return rest


@dataclass(frozen=True)
class Patches:
    """Row i: the patch of images under pixel i of the result, place by place."""

    g: Geometry
    name: str = "a"
    along_k: bool = True

    def fixed(self, source: Source, i: str, mark: str) -> None:
        g = self.g
        image = _apart(source, i, mark, ("x", g.ow), ("y", g.oh))
        source.add(f"{mark}top = {mark}y * {g.sh} - {g.top}", f"{mark}left = {mark}x * {g.sw} - {g.left}")
        source.add(f"{mark}base = {image} * {g.h}")

    def element(self, source: Source, i: str, p: str, mark: str) -> tuple[str, str]:
        g = self.g
        ky = _apart(source, p, f"{mark}k", ("c", g.c), ("x", g.kw))
        source.add(f"{mark}row = {mark}top + {ky} * {g.dh}", f"{mark}column = {mark}left + {mark}kx * {g.dw}")
        inside = f"(0 <= {mark}row) & ({mark}row < {g.h}) & (0 <= {mark}column) & ({mark}column < {g.w})"
        return inside, f"(({mark}base + {mark}row) * {g.w} + {mark}column) * {g.c} + {mark}kc"


@dataclass(frozen=True)
class Results:
    """Row i: the gradients of all results that pixel i of the images has a part in, place by place of the filter."""

    g: Geometry
    name: str = "a"
    along_k: bool = True

    def fixed(self, source: Source, i: str, mark: str) -> None:
        g = self.g
        image = _apart(source, i, mark, ("x", g.w), ("y", g.h))
        source.add(f"{mark}top = {mark}y + {g.top}", f"{mark}left = {mark}x + {g.left}")
        source.add(f"{mark}base = {image} * {g.oh}")

    def element(self, source: Source, i: str, p: str, mark: str) -> tuple[str, str]:
        g = self.g
        ky = _apart(source, p, f"{mark}k", ("f", g.f), ("x", g.kw))
        source.add(f"{mark}ty = {mark}top - {ky} * {g.dh}", f"{mark}tx = {mark}left - {mark}kx * {g.dw}")
        inside = f"({mark}ty >= 0) & ({mark}tx >= 0)"
        for axis, stride, end in (("y", g.sh, g.oh), ("x", g.sw, g.ow)):
            if stride > 1:
                source.add(f"{mark}o{axis} = div32({mark}t{axis}, {stride})")
                inside += f" & ({mark}o{axis} * {stride} == {mark}t{axis})"
            else:
                source.add(f"{mark}o{axis} = {mark}t{axis}")
            inside += f" & ({mark}o{axis} < {end})"
        return inside, f"(({mark}base + {mark}oy) * {g.ow} + {mark}ox) * {g.f} + {mark}kf"


@dataclass(frozen=True)
class Turned:
    """Filters for Results: column j is a channel of the images, the depth is place by place and filter by filter."""

    g: Geometry
    name: str = "b"
    along_k: bool = True

    def fixed(self, source: Source, i: str, mark: str) -> None:
        source.add(f"{mark}base = {i} * {self.g.f}")

    def element(self, source: Source, i: str, p: str, mark: str) -> tuple[str, str]:
        place = _apart(source, p, f"{mark}k", ("f", self.g.f))
        return "", f"{place} * {self.g.c * self.g.f} + {mark}base + {mark}kf"


@dataclass(frozen=True)
class Places:
    """Row i: one place of a patch, for all pixels of the result one after the other."""

    g: Geometry
    name: str = "a"
    along_k: bool = False

    def fixed(self, source: Source, i: str, mark: str) -> None:
        g = self.g
        ky = _apart(source, i, f"{mark}k", ("c", g.c), ("x", g.kw))
        source.add(f"{mark}top = {ky} * {g.dh} - {g.top}", f"{mark}left = {mark}kx * {g.dw} - {g.left}")

    def element(self, source: Source, i: str, p: str, mark: str) -> tuple[str, str]:
        g = self.g
        image = _apart(source, p, mark, ("x", g.ow), ("y", g.oh))
        source.add(f"{mark}row = {mark}y * {g.sh} + {mark}top", f"{mark}column = {mark}x * {g.sw} + {mark}left")
        inside = f"(0 <= {mark}row) & ({mark}row < {g.h}) & (0 <= {mark}column) & ({mark}column < {g.w})"
        return inside, f"(({image} * {g.h} + {mark}row) * {g.w} + {mark}column) * {g.c} + {mark}kc"


def _geometry(op: Operation, images: Tensor, filters: tuple[int, ...], made: Tensor) -> Geometry | None:
    """None when the shapes do not belong together, which the reference reports."""
    attrs: Any = op.attrs
    n, h, w, c = sizes(images.dims)
    kh, kw, cin, f = filters
    (_, sh, sw, _), (_, dh, dw, _), pads = attrs["strides"], attrs["dilations"], attrs["explicit_paddings"]
    try:
        oh, top = along(h, kh, sh, dh, attrs["padding"], pads[:2])
        ow, left = along(w, kw, sw, dw, attrs["padding"], pads[2:])
    except ShapeError:
        return None
    small = max(n * h * w * c, n * oh * ow * f) < 2**31
    if cin != c or made.dims != (n, oh, ow, f) or images.dtype.name not in _FLOATS or not small:
        return None
    return Geometry(h, w, c, kh, kw, f, oh, ow, sh, sw, dh, dw, top, left)


def conv2d(op: Operation, inputs: Sequence[Tensor], after: Epilogue, finished: tuple[Pointer, ...]) -> Call | None:
    x, f = inputs
    g = _geometry(op, x, sizes(f.dims), op.output)
    if g is None:
        return None
    n, k = sizes(x.dims)[0], g.kh * g.kw * g.c
    parameters = [("b_batch", 0), ("b_row", 1), ("b_column", g.f)]
    return multiplied(
        x.dtype.name, Patches(g), Strided("b", False), (x, f), (n * g.oh * g.ow, g.f, k, 1), parameters, (), after,
        finished,
    )  # fmt: skip


def conv2d_backprop_input(
    op: Operation, inputs: Sequence[Tensor], after: Epilogue, finished: tuple[Pointer, ...]
) -> Call | None:
    _, f, dy = inputs
    g = _geometry(op, op.output, sizes(f.dims), dy)
    if g is None:
        return None
    n = sizes(dy.dims)[0]
    return multiplied(
        f.dtype.name, Results(g), Turned(g), (dy, f), (n * g.h * g.w, g.c, g.kh * g.kw * g.f, 1), (), (), after,
        finished,
    )  # fmt: skip


def conv2d_backprop_filter(
    op: Operation, inputs: Sequence[Tensor], after: Epilogue, finished: tuple[Pointer, ...]
) -> Call | None:
    x, _, dy = inputs
    g = _geometry(op, x, sizes(op.output.dims), dy)
    if g is None:
        return None
    n = sizes(x.dims)[0]
    parameters = [("b_batch", 0), ("b_row", 1), ("b_column", g.f)]
    return multiplied(
        x.dtype.name, Places(g), Strided("b", False), (x, dy), (g.kh * g.kw * g.c, g.f, n * g.oh * g.ow, 1), parameters,
        (), after, finished,
    )  # fmt: skip


ANCHORS = {
    "conv2d": conv2d,
    "conv2d_backprop_input": conv2d_backprop_input,
    "conv2d_backprop_filter": conv2d_backprop_filter,
}
