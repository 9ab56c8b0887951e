"""The heart of matrix products and convolutions: sums of products that stay in vector registers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.values import Pointer, Value

# One loop of a sum: how often, and how far both pointers go each time.
Loop = tuple[Any, Any, Any]


def multiply_add(code: Code, a: Value, b: Value, c: Value) -> Value:
    """a * b + c, in one instruction where the CPU has it."""
    if not c.is_float:
        return a * b + c
    return code.apply("fmuladd", a.splat(c.lanes), b.splat(c.lanes), c)


def contract(
    code: Code,
    start: Sequence[Sequence[Value]],
    nest: Sequence[Loop],
    a: Pointer,
    b: Pointer,
    load_a: Callable[[Pointer, int], Value],
    load_b: Callable[[Pointer, int], Value],
) -> list[list[Value]]:
    """start[i][j] + sum of load_a(a, i) * load_b(b, j) over a nest of loops, outermost first.

    load_a, load_b   one operand of row i, of column j: a vector, or a scalar that is repeated, read near the pointer

    All sums, one vector of b for each column and one of a are in registers at a time: at best 32 (AVX-512) or 16.
    Every sum is formed in the order of the loops, so that it does not depend on which others are formed beside it.
    """
    columns = len(start[0])

    def walk(level: int, a: Pointer, b: Pointer, sums: Sequence[Value]) -> list[Value]:
        count, a_step, b_step = nest[level]

        def body(_: Value, a: Pointer, b: Pointer, *sums: Value) -> list[Any]:
            if level + 1 < len(nest):
                new = walk(level + 1, a, b, sums)
            else:
                right = [load_b(b, j) for j in range(columns)]
                new = []
                for i in range(len(start)):
                    left = load_a(a, i)
                    left = left.splat(right[0].lanes)
                    new += [multiply_add(code, left, right[j], sums[i * columns + j]) for j in range(columns)]
            return [a.at(a_step), b.at(b_step), *new]

        return code.repeat(0, count, [a, b, *sums], body)[2:]

    flat = walk(0, a, b, [v for row in start for v in row])
    return [flat[i : i + columns] for i in range(0, len(flat), columns)]


def zeros(code: Code, rows: int, columns: int, dtype: str) -> list[list[Value]]:
    """Where sums of vectors start."""
    return [[code.number(0, dtype, code.lanes) for _ in range(columns)] for _ in range(rows)]


def transpose(code: Code, rows: Sequence[Value]) -> list[Value]:
    """As many vectors as they have lanes, transposed: blocks off the diagonal change places, in halves down to one."""
    lanes = len(rows)
    made = list(rows)
    step = lanes // 2
    while step:
        first = [i + lanes - step if i & step else i for i in range(lanes)]  # the upper row, with blocks of the lower
        second = [i + lanes if i & step else i + step for i in range(lanes)]
        for i in range(lanes):
            if not i & step:
                a, b = made[i], made[i + step]
                made[i], made[i + step] = code.shuffle(a, b, first), code.shuffle(a, b, second)
        step //= 2
    return made
