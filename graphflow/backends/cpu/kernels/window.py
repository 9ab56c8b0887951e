"""Windows that slide over images, for kernels that take a vector of channels at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.values import Value

UNROLLED = 16  # places of a window, at most, for which code is repeated

Pair = tuple[int, int]


class Window:
    """A window of an image: where it is, and a walk over its places.

    over_edges   whether it may reach over the edge: then a place outside stands for the nearest pixel inside
    """

    def __init__(
        self, code: Code, window: Pair, corner: tuple[Value, Value], h: Value, w: Value, over_edges: bool,
        dilations: Pair = (1, 1),
    ) -> None:  # fmt: skip
        self.code, self.window, self.corner, self.h, self.w, self.over_edges = code, window, corner, h, w, over_edges
        self.dilations = dilations
        self.unrolled = window[0] * window[1] <= UNROLLED
        if self.unrolled:  # found once for all channels
            self.rows = [self._nearest(corner[0] + i * dilations[0], h) for i in range(window[0])]
            self.columns = [self._nearest(corner[1] + i * dilations[1], w) for i in range(window[1])]

    def size(self) -> Value:
        """How many places are inside of the image, without dilation."""
        sides = []
        for k, start, end in zip(self.window, self.corner, (self.h, self.w), strict=True):
            sides.append(self.code.minimum(start + k, end) - self.code.maximum(start, 0))
        return sides[0] * sides[1]

    def fold(self, values: Sequence[Any], body: Callable[..., Sequence[Any]]) -> Sequence[Any]:
        """values = body(number, pixel of the image, whether it is inside, *values) for each place, row by row."""
        code, (kh, kw), (y, x), (dh, dw) = self.code, self.window, self.corner, self.dilations

        def place(number: Any, row: tuple[Value, Value], column: tuple[Value, Value], *values: Any) -> Sequence[Any]:
            return body(number, row[0] * self.w + column[0], row[1] & column[1], *values)

        def along_row(ky: Value, *values: Any) -> Sequence[Any]:
            row = self._nearest(y + ky * dh, self.h)
            return code.repeat(0, kw, values, lambda kx, *values: place(
                ky * kw + kx, row, self._nearest(x + kx * dw, self.w), *values
            ))  # fmt: skip

        if not self.unrolled:
            return code.repeat(0, kh, values, along_row)
        for number in range(kh * kw):
            values = place(number, self.rows[number // kw], self.columns[number % kw], *values)
        return values

    def _nearest(self, i: Value, end: Value) -> tuple[Value, Value]:
        if not self.over_edges:
            return i, self.code.number(1, "bool")
        return self.code.minimum(self.code.maximum(i, 0), end - 1), (i >= 0) & (i < end)
