"""What kernels are mostly made of, as single instructions: neighbours in memory and tiles of sums, which are tuples,
and positions in 32 bits.

Numba types a kernel call by call, so these keep compilation short; and 16 bytes go in one access.  Arguments named
`count` and the like are constants.  Under the simulator the functions are Python's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir

from graphflow.backends.cuda.shim import SIMULATED, intrinsic, types

ACCESS = 16  # bytes, at most, of an access
GROUP = 4  # rows or columns of a thread, at most, that lie together


def group_of(count: int) -> int:
    """How many of a thread's rows or columns lie together."""
    return math.gcd(count, GROUP)


def _places(count: int, wide: int) -> list[int]:
    """Where those of the first thread lie."""
    group = group_of(count)
    return [q // group * group * (wide // count) + q % group for q in range(count)]


def _taken(x: Any, i: int, count: int, inside: bool, zero: Any) -> tuple:
    """x[i], ..., x[i + count - 1], which lie together; zeros where not inside."""
    return _neighbours(x, i, count) if inside else (zero,) * count


def _neighbours(x: Any, i: int, count: int) -> tuple:
    """x[i], ..., x[i + count - 1], which lie together."""
    assert i % count == 0, "a GPU takes no access that is not aligned"
    return tuple([x[i + j] for j in range(count)])


def _put(x: Any, i: int, step: int, values: tuple) -> None:
    """x[i], x[i + step], ... = values."""
    assert step != 1 or i % len(values) == 0, "a GPU takes no access that is not aligned"
    for j, value in enumerate(values):
        x[i + j * step] = value


def _zeros(zero: Any, count: int) -> tuple:
    return (zero,) * count


def _contracted(
    c: tuple, rows: int, x: Any, i: int, x_step: int, m: int, y: Any, j: int, y_step: int, n: int, depth: int
) -> tuple:
    """c, a tile of rows, + the sum of x * y over `depth` steps, from x[i] and y[j] on.

    Rows and columns lie in groups, those of all threads, m and n in a step, side by side.
    """
    columns = len(c) // rows
    for p in range(depth):
        left = [x[i + p * x_step + q] for q in _places(rows, m)]
        right = [y[j + p * y_step + q] for q in _places(columns, n)]
        c = tuple([type(s)(s + left[e // columns] * right[e % columns]) for e, s in enumerate(c)])
    return c


def _piece(c: tuple, first: int, count: int) -> tuple:
    """c[first], ..., of which there are `count`."""
    return c[first : first + count]


def _within(i: int, n: int) -> bool:
    """Whether 0 <= i < n, all below 2**31."""
    return 0 <= i < n


def _div32(i: int, n: int) -> np.int64:
    """i // n, both from 0 to 2**32."""
    return np.int64(int(i) // int(n))


def _mod32(i: int, n: int) -> np.int64:
    """i % n, both from 0 to 2**32."""
    return np.int64(int(i) % int(n))


def functions() -> dict[str, Callable]:
    """By their names in kernels."""
    plain: dict[str, Callable] = {
        "taken": _taken, "neighbours": _neighbours, "put": _put, "zeros": _zeros, "contracted": _contracted,
        "piece": _piece, "within": _within, "div32": _div32, "mod32": _mod32,
    }  # fmt: skip
    if SIMULATED:
        return plain
    return {name: intrinsic(_TYPED[name]) for name in plain}


# -- for numba: (the signature, what emits the code); None asks for constants ------------------------------------------
def _place(context: Any, builder: Any, kinds: Any, values: Any) -> Any:
    """A pointer to an element, from an array and a position."""
    data = context.make_array(kinds[0])(context, builder, values[0]).data
    return builder.gep(data, [context.cast(builder, values[1], kinds[1], types.int64)], inbounds=True)


def _together(context: Any, builder: Any, kind: Any, pointer: Any, count: int) -> Any:
    """(the pointer to so many elements as a vector, the bytes that it is aligned to)"""
    element = context.get_data_type(kind)
    size = context.get_abi_sizeof(element) * count
    return builder.bitcast(pointer, ir.VectorType(element, count).as_pointer(pointer.type.addrspace)), min(size, ACCESS)


def _load(context: Any, builder: Any, kind: Any, pointer: Any, count: int) -> list[Any]:
    if count == 1:
        return [builder.load(pointer)]
    place, align = _together(context, builder, kind, pointer, count)
    vector = builder.load(place, align=align)
    return [builder.extract_element(vector, ir.IntType(32)(j)) for j in range(count)]


def _loads(context: Any, builder: Any, kind: Any, start: Any, places: list[int], group: int) -> list[Any]:
    """The elements at these places from a pointer on, `group` at a time."""
    firsts = [builder.gep(start, [ir.IntType(64)(place)]) for place in places[::group]]
    return [value for first in firsts for value in _load(context, builder, kind, first, group)]


def _values(builder: Any, made: Any) -> list[Any]:
    return [builder.extract_value(made, j) for j in range(made.type.count)]


def _typed_taken(typing: Any, x: Any, i: Any, count: Any, inside: Any, zero: Any) -> Any:
    if not isinstance(count, types.Literal):
        return None
    n = count.literal_value
    result = types.UniTuple(x.dtype, n)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        *place, _, condition, otherwise = arguments
        condition = context.cast(builder, condition, signature.args[3], types.boolean)
        before = builder.block
        with builder.if_then(condition):
            loaded = _load(context, builder, x.dtype, _place(context, builder, signature.args[:2], place), n)
            inner = builder.block
        made = []
        for value in loaded:
            phi = builder.phi(value.type)
            phi.add_incoming(value, inner)
            phi.add_incoming(otherwise, before)
            made.append(phi)
        return context.make_tuple(builder, result, made)

    return result(x, i, count, inside, x.dtype), emit


def _typed_neighbours(typing: Any, x: Any, i: Any, count: Any) -> Any:
    if not isinstance(count, types.Literal):
        return None
    result = types.UniTuple(x.dtype, count.literal_value)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature.args[:2], arguments[:2])
        model = context.data_model_manager[x.dtype]  # a truth value is a byte in memory
        made = _load(context, builder, x.dtype, place, count.literal_value)
        return context.make_tuple(builder, result, [model.from_data(builder, value) for value in made])

    return result(x, i, count), emit


def _typed_put(typing: Any, x: Any, i: Any, step: Any, values: Any) -> Any:
    if not isinstance(step, types.Literal):
        return None

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        *place, _, given = arguments
        pointer, model = _place(context, builder, signature.args[:2], place), context.data_model_manager[x.dtype]
        parts = [model.as_data(builder, value) for value in _values(builder, given)]
        if step.literal_value == 1 and len(parts) > 1:
            place, align = _together(context, builder, x.dtype, pointer, len(parts))
            vector = ir.Constant(place.type.pointee, ir.Undefined)
            for j, value in enumerate(parts):
                vector = builder.insert_element(vector, value, ir.IntType(32)(j))
            builder.store(vector, place, align=align)
        else:
            for j, value in enumerate(parts):
                builder.store(value, builder.gep(pointer, [ir.IntType(64)(j * step.literal_value)]))
        return context.get_dummy_value()

    return types.void(x, i, step, values), emit


def _typed_zeros(typing: Any, zero: Any, count: Any) -> Any:
    if not isinstance(count, types.Literal):
        return None
    result = types.UniTuple(zero, count.literal_value)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.make_tuple(builder, result, [arguments[0]] * count.literal_value)

    return result(zero, count), emit


def _typed_contracted(
    typing: Any, c: Any, rows: Any, x: Any, i: Any, x_step: Any, m: Any, y: Any, j: Any, y_step: Any, n: Any, depth: Any
) -> Any:
    if not isinstance(rows, types.Literal):
        return None
    kind, counts = c.dtype, (rows.literal_value, len(c) // rows.literal_value)
    steps, widths = (x_step.literal_value, y_step.literal_value), (m.literal_value, n.literal_value)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        sums = _values(builder, arguments[0])
        add, times = (builder.fadd, builder.fmul) if isinstance(kind, types.Float) else (builder.add, builder.mul)
        starts = [_place(context, builder, signature.args[at : at + 2], arguments[at : at + 2]) for at in (2, 6)]
        for p in range(depth.literal_value):
            left, right = [
                _loads(context, builder, kind, start, [p * step + q for q in _places(count, wide)], group_of(count))
                for start, count, step, wide in zip(starts, counts, steps, widths, strict=True)
            ]
            pairs = [times(a, b) for a in left for b in right]
            sums = [add(s, pair) for s, pair in zip(sums, pairs, strict=True)]
        return context.make_tuple(builder, c, sums)

    return c(c, rows, x, i, x_step, m, y, j, y_step, n, depth), emit


def _typed_piece(typing: Any, c: Any, first: Any, count: Any) -> Any:
    if not isinstance(first, types.Literal):
        return None
    result = types.UniTuple(c.dtype, count.literal_value)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start = first.literal_value
        return context.make_tuple(builder, result, _values(builder, arguments[0])[start : start + len(result)])

    return result(c, first, count), emit


def _typed_within(typing: Any, i: Any, n: Any) -> Any:
    return types.boolean(i, n), lambda *given: given[1].icmp_unsigned("<", *_narrow(*given))


def _typed_div32(typing: Any, i: Any, n: Any) -> Any:
    return types.int64(i, n), lambda *given: given[1].zext(given[1].udiv(*_narrow(*given)), ir.IntType(64))


def _typed_mod32(typing: Any, i: Any, n: Any) -> Any:
    return types.int64(i, n), lambda *given: given[1].zext(given[1].urem(*_narrow(*given)), ir.IntType(64))


def _narrow(context: Any, builder: Any, signature: Any, arguments: Any) -> list[Any]:
    return [context.cast(builder, v, k, types.int32) for v, k in zip(arguments, signature.args, strict=True)]


_TYPED: dict[str, Callable] = {
    "taken": _typed_taken, "neighbours": _typed_neighbours, "put": _typed_put, "zeros": _typed_zeros,
    "contracted": _typed_contracted, "piece": _typed_piece, "within": _typed_within, "div32": _typed_div32,
    "mod32": _typed_mod32,
}  # fmt: skip
