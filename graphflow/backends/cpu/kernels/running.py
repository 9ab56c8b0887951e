"""Running sums and products along an axis, and recurrences: element by element, in the order of the axis.

A line waits for its own sum at every element, so that several lines go side by side.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from graphflow.backends.base import Call
from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.emitted import Emitted
from graphflow.backends.cpu.values import DTYPES, Pointer, Value
from graphflow.operation import Operation
from graphflow.ops.static import static_value
from graphflow.shape import sizes

_LINES = 8  # vectors, or numbers, that go side by side

# Where a line starts, and what becomes of `s` when it meets the elements of the inputs.
_STEPS: dict[str, tuple[int, Callable[..., Value]]] = {
    "sum": (0, lambda s, x, _: s + x),
    "product": (1, lambda s, x, _: s * x),
    "recurrence": (0, lambda s, a, b: b + a * s),
}


def along(
    code: Code, a: Pointer, b: Pointer, out: Pointer, outer: Value, n: Value, inner: Value, tid: Value,
    nthreads: Value, *, how: str, exclusive: bool, reverse: bool, wide: bool,
) -> None:  # fmt: skip
    """out[i, j, k] = what the steps have made of the elements up to j, or before it when exclusive.

    a, b, out [outer, n, inner]; b is for recurrences.   Threads share lines: groups of columns (wide) or columns.
    """
    start, step = _STEPS[how]
    if wide:
        group = _LINES * code.lanes
        columns = (inner + group - 1) // group
        first, last = code.share(outer * columns, tid, nthreads)
    else:
        first, last = code.share((outer * inner + _LINES - 1) // _LINES, tid, nthreads)
    lanes = code.lanes if wide else 0
    with code.loop(first, last) as task:
        masks: list[Value | None] = [None] * _LINES
        if wide:
            left = task % columns * group
            begin = task // columns * n * inner + left
            places = [code.value(i * lanes) for i in range(_LINES)]
            masks = [code.lanes_below(code.maximum(inner - left - place, 0)) for place in places]
        else:  # past the last line it is the last one again, with the same results
            begin = code.value(0)
            lines = [code.minimum(task * _LINES + i, outer * inner - 1) for i in range(_LINES)]
            places = [line // inner * n * inner + line % inner for line in lines]
        if reverse:
            begin = begin + (n - 1) * inner
        ahead = -inner if reverse else inner

        def body(_: Value, at: Value, *held: Value) -> list[Value]:
            made = []
            for place, mask, s in zip(places, masks, held, strict=True):
                x, y = (p.load(at + place, lanes, mask) for p in (a, b))
                new = step(s, x, y)
                out.store(at + place, s if exclusive else new, mask)
                made.append(new)
            return [at + ahead, *made]

        code.repeat(0, n, [begin, *[code.number(start, a.dtype, lanes)] * _LINES], body)


def _bound(how: str) -> Callable[[Operation], Call | None]:
    def bind(op: Operation) -> Call | None:
        """None where the axis is known only when running."""
        a, b, axis = op.inputs if how == "recurrence" else (op.inputs[0], *op.inputs)
        dims, value = sizes(a.dims), static_value(axis)
        dtype = a.dtype.name
        if value is None or value.size != 1 or not -len(dims) <= int(value.item()) < len(dims):
            return None
        if dtype not in DTYPES or b.dims != a.dims or 0 in dims:
            return None
        at = int(value.item()) % len(dims)
        numbers = math.prod(dims[:at]), dims[at], math.prod(dims[at + 1 :])
        exclusive: Any = op.attrs.get("exclusive", True)  # a recurrence is
        wide = numbers[2] * a.dtype.size >= Emitted(along).vector_bytes
        spec = ("how", how), ("exclusive", exclusive), ("reverse", op.attrs["reverse"]), ("wide", wide)
        return Call(Emitted(along, spec, dtype), (a, b, op.output), numbers)

    return bind


KERNELS = {f"running_{how}": _bound(how) for how in _STEPS}
