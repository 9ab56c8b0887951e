"""Neighbours in memory and tiles of sums as tuples: each function is one call for numba, whatever its tuples hold.

Numba types a kernel call by call, so these keep compilation short; and 16 bytes go in one access.  Arguments named
`count` and the like are constants.  Under the simulator the functions are Python's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from graphflow.backends.cuda.shim import SIMULATED, intrinsic, types

ACCESS = 16  # bytes, at most, of an access


def _taken(x: Any, i: int, count: int, inside: bool, zero: Any) -> tuple:
    """x[i], ..., x[i + count - 1], which lie together; zeros where not inside."""
    return tuple([x[i + j] if inside else zero for j in range(count)])


def _put(x: Any, i: int, step: int, values: tuple) -> None:
    """x[i], x[i + step], ... = values."""
    for j, value in enumerate(values):
        x[i + j * step] = value


def _groups(x: Any, i: int, count: int, group: int, step: int) -> tuple:
    """`count` elements in groups that lie together, from one to the next `step`."""
    return tuple([x[i + j // group * step + j % group] for j in range(count)])


def _zeros(zero: Any, count: int) -> tuple:
    return (zero,) * count


def _outer(c: tuple, x: tuple, y: tuple) -> tuple:
    """c + x * y for each pair, row by row."""
    return tuple([type(s)(s + x[i // len(y)] * y[i % len(y)]) for i, s in enumerate(c)])


def _piece(c: tuple, first: int, count: int) -> tuple:
    """c[first], ..., of which there are `count`."""
    return c[first : first + count]


def _within(i: int, n: int) -> bool:
    """Whether 0 <= i < n, all below 2**31."""
    return 0 <= i < n


def functions() -> dict[str, Callable]:
    """By their names in kernels."""
    plain = {
        "taken": _taken, "put": _put, "groups": _groups, "zeros": _zeros, "outer": _outer, "piece": _piece,
        "within": _within,
    }  # fmt: skip
    if SIMULATED:
        return plain
    return {name: intrinsic(_TYPED[name]) for name in plain}


# -- for numba: (the signature, what emits the code); None asks for constants ------------------------------------------
def _place(context: Any, builder: Any, kind: Any, array: Any, i: Any) -> Any:
    """A pointer to an element."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [i], inbounds=True)


def _index(context: Any, builder: Any, kind: Any, i: Any) -> Any:
    return context.cast(builder, i, kind, types.int64)


def _together(context: Any, builder: Any, kind: Any, pointer: Any, count: int) -> Any:
    """(the pointer to so many elements as a vector, the bytes that it is aligned to)"""
    element = context.get_data_type(kind)
    size = kind.bitwidth // 8 * count
    return builder.bitcast(pointer, ir.VectorType(element, count).as_pointer(pointer.type.addrspace)), min(size, ACCESS)


def _load(context: Any, builder: Any, kind: Any, pointer: Any, count: int) -> list[Any]:
    if count == 1:
        return [builder.load(pointer)]
    place, align = _together(context, builder, kind, pointer, count)
    vector = builder.load(place, align=align)
    return [builder.extract_element(vector, ir.IntType(32)(j)) for j in range(count)]


def _values(builder: Any, made: Any) -> list[Any]:
    return [builder.extract_value(made, j) for j in range(made.type.count)]


def _typed_taken(typing: Any, x: Any, i: Any, count: Any, inside: Any, zero: Any) -> Any:
    if not isinstance(count, types.Literal):
        return None
    n = count.literal_value
    result = types.UniTuple(x.dtype, n)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, at, _, condition, otherwise = arguments
        at = _index(context, builder, signature.args[1], at)
        condition = context.cast(builder, condition, signature.args[3], types.boolean)
        before = builder.block
        with builder.if_then(condition):
            loaded = _load(context, builder, x.dtype, _place(context, builder, x, array, at), n)
            inner = builder.block
        made = []
        for value in loaded:
            phi = builder.phi(value.type)
            phi.add_incoming(value, inner)
            phi.add_incoming(otherwise, before)
            made.append(phi)
        return context.make_tuple(builder, result, made)

    return result(x, i, count, inside, x.dtype), emit


def _typed_put(typing: Any, x: Any, i: Any, step: Any, values: Any) -> Any:
    if not isinstance(step, types.Literal):
        return None

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, at, _, given = arguments
        pointer = _place(context, builder, x, array, _index(context, builder, signature.args[1], at))
        parts = _values(builder, given)
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


def _typed_groups(typing: Any, x: Any, i: Any, count: Any, group: Any, step: Any) -> Any:
    if not isinstance(count, types.Literal):
        return None
    n, together, apart = count.literal_value, group.literal_value, step.literal_value
    result = types.UniTuple(x.dtype, n)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, at, *_ = arguments
        pointer = _place(context, builder, x, array, _index(context, builder, signature.args[1], at))
        made = []
        for j in range(n // together):
            place = builder.gep(pointer, [ir.IntType(64)(j * apart)])
            made += _load(context, builder, x.dtype, place, together)
        return context.make_tuple(builder, result, made)

    return result(x, i, count, group, step), emit


def _typed_zeros(typing: Any, zero: Any, count: Any) -> Any:
    if not isinstance(count, types.Literal):
        return None
    result = types.UniTuple(zero, count.literal_value)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.make_tuple(builder, result, [arguments[0]] * count.literal_value)

    return result(zero, count), emit


def _typed_outer(typing: Any, c: Any, x: Any, y: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        sums, rows, columns = [_values(builder, given) for given in arguments]
        add, times = (builder.fadd, builder.fmul) if isinstance(c.dtype, types.Float) else (builder.add, builder.mul)
        pairs = [times(left, right) for left in rows for right in columns]
        return context.make_tuple(builder, c, [add(s, pair) for s, pair in zip(sums, pairs, strict=True)])

    return c(c, x, y), emit


def _typed_piece(typing: Any, c: Any, first: Any, count: Any) -> Any:
    if not isinstance(first, types.Literal):
        return None
    result = types.UniTuple(c.dtype, count.literal_value)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start = first.literal_value
        return context.make_tuple(builder, result, _values(builder, arguments[0])[start : start + len(result)])

    return result(c, first, count), emit


def _typed_within(typing: Any, i: Any, n: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        both = [context.cast(builder, v, k, types.int32) for v, k in zip(arguments, signature.args, strict=True)]
        return builder.icmp_unsigned("<", *both)

    return types.boolean(i, n), emit


_TYPED = {
    "taken": _typed_taken, "put": _typed_put, "groups": _typed_groups, "zeros": _typed_zeros, "outer": _typed_outer,
    "piece": _typed_piece, "within": _typed_within,
}  # fmt: skip
