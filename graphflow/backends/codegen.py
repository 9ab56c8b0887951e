"""Lowered expressions as kernel source: plain Python loops over flat pointers.

The backend compiles the text.  A kernel takes (*pointers, *sizes, tid, nthreads), and every thread does its own share
of the outermost loop.  The text depends on expressions, dtypes and on which dimensions are shared, never on sizes.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from graphflow.ops.lowering import Elementwise, Reduce

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Source:
    """A generated kernel: its text, and the sizes to call it with."""

    text: str
    sizes: Sizes


@dataclass(frozen=True)
class Member:
    """One value of a region: an expression over `names`, which stand for the values `operands`."""

    expression: str
    names: tuple[str, ...]
    operands: tuple[int, ...]
    dtype: str


def elementwise(
    lowering: Elementwise, names: Sequence[str], inputs: Sequence[tuple[Sizes, str]], out: Sizes, dtypes: Sequence[str]
) -> Source:
    """A kernel over the shape `out` for one operation: inputs (dims, dtype) by name, `dtypes` those of the outputs."""
    operands = tuple(range(len(inputs)))
    members = [Member(e, tuple(names), operands, d) for e, d in zip(lowering.expressions, dtypes, strict=True)]
    return region(members, inputs, out, range(len(inputs), len(inputs) + len(members)))


def region(
    members: Sequence[Member], inputs: Sequence[tuple[Sizes, str]], out: Sizes, outputs: Sequence[int]
) -> Source:
    """A kernel for elementwise operations over the shape `out`, to which the inputs broadcast.

    inputs (dims, dtype) are the values 0, 1, ...; every member adds one; `outputs` says which values are stored.
    Each value is rounded to its dtype, so that the results are those of the single operations, bit for bit.
    Neighbouring dimensions over which every input behaves alike are walked as one.
    """
    sizes, masks = collapse(out, [dims for dims, _ in inputs])
    dtypes = [dtype for _, dtype in inputs] + [m.dtype for m in members]
    pointers = [f"p{i}" for i in range(len(inputs))] + [f"out{i}" for i in range(len(outputs))]
    lines = [f"def kernel({', '.join([*pointers, *(f'n{d}' for d in range(len(sizes)))])}, tid, nthreads):"]
    pending = set(range(len(inputs)))
    for d in range(len(sizes)):
        bounds = f"n{d} * tid // nthreads, n{d} * (tid + 1) // nthreads" if d == 0 else f"n{d}"
        lines.append(f"{_indent(d + 1)}for i{d} in range({bounds}):")
        for k in sorted(pending):
            if not any(masks[k][d + 1 :]):  # no loop further in changes it
                lines.append(f"{_indent(d + 2)}v{k} = {_load(f'p{k}', _index(masks[k]), dtypes[k])}")
                pending.discard(k)
    depth = _indent(len(sizes) + 1)
    for k, member in enumerate(members, len(inputs)):
        text = typed(member.expression, member.dtype, [dtypes[i] for i in member.operands])
        named = _Renamed({n: f"v{i}" for n, i in zip(member.names, member.operands, strict=True)})
        text = ast.unparse(named.visit(ast.parse(text, mode="eval")))
        lines.append(f"{depth}v{k} = {text if member.dtype == 'bool' else f'{member.dtype}({text})'}")
    where = _index((True,) * len(sizes))
    lines += [f"{depth}out{i}[{where}] = {_stored(f'v{k}', dtypes[k])}" for i, k in enumerate(outputs)]
    return Source("\n".join(lines) + "\n", sizes)


def reduction(lowering: Reduce, name: str, x: Sizes, axes: Sequence[int], dtype: str, out_dtype: str) -> Source:
    """A kernel that folds the `axes` of x: [kept and folded dimensions in turn] -> [kept]."""
    folded = [i in axes for i in range(len(x))]
    sizes, masks = collapse(x, [tuple(1 if f else d for f, d in zip(folded, x, strict=True))])
    kept = [d for d in range(len(sizes)) if masks[0][d]]
    inner = [d for d in range(len(sizes)) if not masks[0][d]]
    if not kept:  # one result: a loop of one for the threads to share
        sizes, kept, inner = (1, *sizes), [0], [d + 1 for d in range(len(sizes))]
    lines = [f"def kernel(p_x, out, {', '.join(f'n{d}' for d in range(len(sizes)))}, tid, nthreads):"]
    for depth, d in enumerate(kept):
        bounds = f"n{d} * tid // nthreads, n{d} * (tid + 1) // nthreads" if depth == 0 else f"n{d}"
        lines.append(f"{_indent(depth + 1)}for i{d} in range({bounds}):")
    depth = len(kept) + 1
    accumulator = lowering.accumulator or dtype
    lines.append(f"{_indent(depth)}acc = {accumulator}({_bound(lowering.init, accumulator)})")
    for d in inner:
        lines.append(f"{_indent(depth)}for i{d} in range(n{d}):")
        depth += 1
    lines.append(f"{_indent(depth)}{name} = {_load('p_x', _index((True,) * len(sizes)), dtype)}")
    lines.append(f"{_indent(depth)}acc = {accumulator}({typed(lowering.step, accumulator, [dtype])})")
    depth = len(kept) + 1
    count = " * ".join(f"n{d}" for d in inner) or "1"
    lines.append(f"{_indent(depth)}n = {count}")
    where = _index(tuple(d in kept for d in range(len(sizes))))
    result = typed(lowering.finish, accumulator, [dtype])
    lines.append(f"{_indent(depth)}out[{where}] = {_stored(result, out_dtype)}")
    return Source("\n".join(lines) + "\n", sizes)


def random(expression: str, names: Sequence[str], dtype: str) -> str:
    """A kernel that draws one value an element; the other inputs are scalars."""
    lines = [f"def kernel(draws, {''.join(f'p_{n}, ' for n in names)}out, n0, tid, nthreads):"]
    lines += [f"    {n} = p_{n}[0]" for n in names]
    lines += [
        "    key = draws[0]",
        "    draw = draws[1]",
        "    for i in range(n0 * tid // nthreads, n0 * (tid + 1) // nthreads):",
        "        a, b = philox_pair(key, draw, i)",
        f"        out[i] = {dtype}({typed(expression, dtype, [])})",
    ]
    return "\n".join(lines) + "\n"


def collapse(out: Sizes, inputs: Sequence[Sizes]) -> tuple[Sizes, list[tuple[bool, ...]]]:
    """Sizes of the loops over `out`, and for each input which of them it moves along.

    Dimensions of size 1 vanish, and neighbours that no input tells apart become one loop.
    """
    rank = len(out)
    wide = [(1,) * (rank - len(dims)) + tuple(dims) for dims in inputs]
    sizes: list[int] = []
    moves: list[tuple[bool, ...]] = []
    for d in range(rank):
        if out[d] == 1:
            continue
        move = tuple(dims[d] != 1 for dims in wide)
        if moves and moves[-1] == move:
            sizes[-1] *= out[d]
        else:
            sizes.append(out[d])
            moves.append(move)
    if not sizes:
        sizes, moves = [1], [(False,) * len(inputs)]
    return tuple(sizes), [tuple(move[k] for move in moves) for k in range(len(inputs))]


def typed(expression: str, dtype: str, inputs: Sequence[str]) -> str:
    """The expression with its numbers in the dtype it computes in, so that float32 stays float32.

    `T(...)` casts to `dtype`.  Comparisons and logic compute in the dtype of the first input.
    """
    work = inputs[0] if dtype == "bool" and inputs else dtype
    return ast.unparse(_Typed(dtype, work).visit(ast.parse(expression, mode="eval")))


class _Typed(ast.NodeTransformer):
    def __init__(self, dtype: str, work: str) -> None:
        self.dtype, self.work = dtype, work

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
            return node
        return ast.Call(ast.Name(self.work, ast.Load()), [node], [])

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "T":
            argument = node.args[0]
            return ast.Call(ast.Name(self.dtype, ast.Load()),
                            [argument if isinstance(argument, ast.Constant) else self.visit(argument)], [])  # fmt: skip
        return self.generic_visit(node)


def _load(pointer: str, index: str, dtype: str) -> str:
    """An element; a bool is a byte in memory."""
    return f"{pointer}[{index}] != 0" if dtype == "bool" else f"{pointer}[{index}]"


def _stored(value: str, dtype: str) -> str:
    return f"{'uint8' if dtype == 'bool' else dtype}({value})"


class _Renamed(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)


def _bound(init: str, dtype: str) -> str:
    return f"{init}_{dtype}" if init in ("lowest", "highest") else init


def _index(mask: Sequence[bool]) -> str:
    """The flat C-order index of the loops that are on, as a Horner scheme."""
    text = ""
    for d, on in enumerate(mask):
        if on:
            text = f"i{d}" if not text else f"({text}) * n{d} + i{d}"
    return text or "0"


def _indent(depth: int) -> str:
    return "    " * depth
