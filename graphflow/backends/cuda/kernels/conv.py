"""Convolutions of NHWC images with HWIO filters as products of matrices that are never laid out in memory.

Forward the rows are pixels of the result and the depth is that of a patch; for the gradient of the filter the rows are
places in a patch and the depth is that of all pixels.  For that of the images the rows are pixels of the images: those
that lie alike between the strides are reached by the same places of the filter, and are a product of their own.
Everything but the number of images is part of the text: divisions by constants cost little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphflow.backends.base import Call
from graphflow.backends.cuda.kernels.matmul import Strided
from graphflow.backends.cuda.kernels.tiles import multiplied, together
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

    @property
    def phases(self) -> tuple[Phases, Phases]:
        return (
            Phases("y", self.h, self.oh, self.kh, self.sh, self.dh, self.top),
            Phases("x", self.w, self.ow, self.kw, self.sw, self.dw, self.left),
        )


def _apart(source: Source, position: str, *loops: tuple[str, int]) -> None:
    """Coordinates of a position, outermost loop first; how often that goes does not matter."""
    for name, n in reversed(loops[1:]):
        source.add(f"{name} = mod32({position}, {n})", f"rest = div32({position}, {n})")
        position = "rest"
    source.add(f"{loops[0][0]} = {position}")


def _inside(h: int, w: int, safe: bool) -> str:
    """The condition for y, x being in images of [h, w]; `safe`: they always are."""
    return "" if safe else f"within(y, {h}) & within(x, {w})"


@dataclass(frozen=True)
class Patches:
    """The patches of images under the pixels of the result: pixels are the rows, or the depths.

    Row and depth add up to where an element is: in y, in x, and from the image's first row on.
    """

    g: Geometry
    pixels: bool
    along_k: bool
    lanes: int
    name: str = "a"
    needs: tuple[str, ...] = ()
    values: tuple[str, ...] = ("y0", "x0", "at")

    def row(self, source: Source) -> None:
        (self._pixel if self.pixels else self._place)(source, "i", "y0", "x0", "at")

    def element(self, source: Source) -> tuple[str, str]:
        g = self.g
        (self._place if self.pixels else self._pixel)(source, "p", "y1", "x1", "more")
        source.add("y = y0 + y1", "x = x0 + x1")
        ends = (g.oh - 1) * g.sh + (g.kh - 1) * g.dh < g.h, (g.ow - 1) * g.sw + (g.kw - 1) * g.dw < g.w
        return _inside(g.h, g.w, not g.top and not g.left and all(ends)), "int32(at + more)"

    def _pixel(self, source: Source, i: str, y: str, x: str, at: str) -> None:
        g = self.g
        _apart(source, i, ("image", 0), ("py", g.oh), ("px", g.ow))
        source.add(f"{y} = py * {g.sh} - {g.top}", f"{x} = px * {g.sw} - {g.left}")
        source.add(f"{at} = int32(((image * {g.h} + {y}) * {g.w} + {x}) * {g.c})")

    def _place(self, source: Source, i: str, y: str, x: str, at: str) -> None:
        g = self.g
        _apart(source, i, ("ky", g.kh), ("kx", g.kw), ("channel", g.c))
        source.add(f"{y} = ky * {g.dh}", f"{x} = kx * {g.dw}", f"{at} = int32(({y} * {g.w} + {x}) * {g.c} + channel)")


@dataclass(frozen=True)
class Phases:
    """Pixels of images along one axis by where they lie between the strides, `stride` phases of `pixels` at most.

    The pixels of phase f are firsts[f], firsts[f] + stride, ...; they are reached by the taps starts[f],
    starts[f] + step, ..., at most `taps` of them: the first pixel by the first tap from result aheads[f], the next
    pixel by it from the next result, and it by the next tap from the result `shift` before.
    """

    axis: str
    size: int
    results: int
    kernel: int
    stride: int
    dilation: int
    before: int

    @property
    def step(self) -> int:
        return self.stride // math.gcd(self.stride, self.dilation)

    @property
    def shift(self) -> int:
        return self.dilation // math.gcd(self.stride, self.dilation)

    @property
    def pixels(self) -> int:
        return -(-self.size // self.stride)

    @property
    def taps(self) -> int:
        return -(-self.kernel // self.step)

    @property
    def firsts(self) -> list[int]:
        return [(f - self.before) % self.stride for f in range(self.stride)]

    @property
    def starts(self) -> list[int]:
        """The kernel's size where no tap reaches the phase."""
        fit = [[k for k in range(self.step) if k * self.dilation % self.stride == f] for f in range(self.stride)]
        return [min([*ks, self.kernel]) for ks in fit]

    @property
    def aheads(self) -> list[int]:
        both = zip(self.firsts, self.starts, strict=True)
        return [(first + self.before - start * self.dilation) // self.stride for first, start in both]

    @property
    def full(self) -> bool:
        """Whether every phase has all taps."""
        return all(start + (self.taps - 1) * self.step < self.kernel for start in self.starts)

    @property
    def even(self) -> bool:
        """Whether every phase has all pixels."""
        return all(first + (self.pixels - 1) * self.stride < self.size for first in self.firsts)

    @property
    def safe(self) -> bool:
        """Whether every tap reaches every pixel from a result."""
        low = min(self.aheads) - (self.taps - 1) * self.shift
        return low >= 0 and max(self.aheads) + self.pixels <= self.results

    def opening(self, phase: str) -> list[str]:
        """What holds for the phase: its first pixel, the tap and the result that reach it."""
        named = {"first": self.firsts, "start": self.starts, "ahead": self.aheads}
        return [f"{self.axis}{name} = {_chosen(values, phase)}" for name, values in named.items()]


def _chosen(values: Sequence[int], place: str) -> str:
    """The text for values[place]."""
    text = str(values[-1])
    for number in reversed(range(len(values) - 1)):
        if str(values[number]) != text:
            text = f"where({place} <= {number}, {values[number]}, {text})"
    return text


@dataclass(frozen=True)
class Results:
    """Row i: the gradients of all results that pixel i of a phase of the images has a part in, tap by tap."""

    g: Geometry
    lanes: int
    name: str = "a"
    along_k: bool = True
    values: tuple[str, ...] = ("y0", "x0", "at")

    @property
    def needs(self) -> tuple[str, ...]:
        """Those of Rows too, which this is as well."""
        return "yfirst", "xfirst", "ystart", "xstart", "yahead", "xahead"

    def row(self, source: Source) -> None:
        g, (ys, xs) = self.g, self.g.phases
        _apart(source, "i", ("image", 0), ("py", ys.pixels), ("px", xs.pixels))
        source.add("y0 = py + yahead", "x0 = px + xahead")
        source.add(f"at = int32(((image * {g.oh} + y0) * {g.ow} + x0) * {g.f})")

    def element(self, source: Source) -> tuple[str, str]:
        g, (ys, xs) = self.g, self.g.phases
        alive = _taps(source, g)
        source.add(f"y1 = ty * {ys.shift}", f"x1 = tx * {xs.shift}", "y = y0 - y1", "x = x0 - x1")
        inside = _inside(g.oh, g.ow, ys.safe and xs.safe)
        return " & ".join(filter(None, (alive, inside))), f"int32(at - (y1 * {g.ow} + x1) * {g.f} + number)"

    def place(self, source: Source, i: str) -> tuple[str, str]:
        """The pixel of a row, as that of a row of the result."""
        g, (ys, xs) = self.g, self.g.phases
        _apart(source, i, ("image", 0), ("py", ys.pixels), ("px", xs.pixels))
        source.add(f"y = py * {g.sh} + yfirst", f"x = px * {g.sw} + xfirst")
        inside = "".join(f" & ({p.axis} < {p.size})" for p in (ys, xs) if not p.even)
        return f"(image * {g.h} + y) * {g.w} + x", f"({i} < m){inside}"


@dataclass(frozen=True)
class Turned:
    """Filters for Results: column j is a channel of the images, the depth is tap by tap and filter by filter."""

    g: Geometry
    lanes: int
    name: str = "b"
    along_k: bool = True
    needs: tuple[str, ...] = ("ystart", "xstart")
    values: tuple[str, ...] = ("at",)

    def row(self, source: Source) -> None:
        source.add(f"at = i * {self.g.f}")

    def element(self, source: Source) -> tuple[str, str]:
        g, (ys, xs) = self.g, self.g.phases
        alive = _taps(source, g)
        source.add(f"ky = ystart + ty * {ys.step}", f"kx = xstart + tx * {xs.step}")
        return alive, f"int32(at + (ky * {g.kw} + kx) * {g.c * g.f} + number)"


def _taps(source: Source, g: Geometry) -> str:
    """Which taps of a phase and which filter depth p is; a condition for there being such taps."""
    ys, xs = g.phases
    _apart(source, "p", ("ty", ys.taps), ("tx", xs.taps), ("number", g.f))
    return " & ".join([f"({a.axis}start + t{a.axis} * {a.step} < {a.kernel})" for a in (ys, xs) if not a.full])


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
    n, k, size = sizes(x.dims)[0], g.kh * g.kw * g.c, x.dtype.size
    along_k = g.c * g.sw > 1  # else pixels are neighbours
    patches = Patches(g, True, along_k, together(g.c, size) if along_k else 1)
    return multiplied(
        x.dtype.name, patches, Strided("b", False, together(g.f, size)), (x, f),
        (n * g.oh * g.ow, g.f, k, 1), [("b_batch", 0), ("b_step", g.f)], after, finished,
    )  # fmt: skip


def conv2d_backprop_input(
    op: Operation, inputs: Sequence[Tensor], after: Epilogue, finished: tuple[Pointer, ...]
) -> Call | None:
    _, f, dy = inputs
    g = _geometry(op, op.output, sizes(f.dims), dy)
    if g is None:
        return None
    n, lanes, (ys, xs) = sizes(dy.dims)[0], together(g.f, f.dtype.size), g.phases
    results = Results(g, lanes)
    opening = *ys.opening(f"div32(image, {g.sw})"), *xs.opening(f"mod32(image, {g.sw})")
    return multiplied(
        f.dtype.name, results, Turned(g, lanes), (dy, f),
        (n * ys.pixels * xs.pixels, g.c, ys.taps * xs.taps * g.f, g.sh * g.sw), (), after, finished, opening, results,
        n * g.h * g.w,
    )  # fmt: skip


def conv2d_backprop_filter(
    op: Operation, inputs: Sequence[Tensor], after: Epilogue, finished: tuple[Pointer, ...]
) -> Call | None:
    x, _, dy = inputs
    g = _geometry(op, x, sizes(op.output.dims), dy)
    if g is None:
        return None
    n, k, size = sizes(x.dims)[0], g.kh * g.kw * g.c, x.dtype.size
    return multiplied(
        x.dtype.name, Patches(g, False, False, together(g.c, size)), Strided("b", False, together(g.f, size)), (x, dy),
        (k, g.f, n * g.oh * g.ow, 1), [("b_batch", 0), ("b_step", g.f)], after, finished,
    )  # fmt: skip


ANCHORS = {
    "conv2d": conv2d,
    "conv2d_backprop_input": conv2d_backprop_input,
    "conv2d_backprop_filter": conv2d_backprop_filter,
}
