"""The scalar expressions of lowerings as text for kernels, in which every number has a dtype.

Numba would compute `x * 2.0` in float64 and `i + j` in int64: here numbers take the dtype of what they meet, and
integers are cut to their own size after every operation.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping
from typing import NamedTuple

from graphflow.backends.cuda.functions import FLOATS, INTEGERS
from graphflow.backends.space import DTYPES

_BINARY = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
    ast.LShift: "<<", ast.RShift: ">>",
}  # fmt: skip
_COMPARE = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_NAMED = {ast.FloorDiv: "floordiv", ast.Mod: "mod", ast.Pow: "pow"}
_RANDOM = {
    "word64": "uint64", "uniform32": "float32", "uniform64": "float64", "normal32": "float32", "normal64": "float64",
    "truncated32": "float32", "truncated64": "float64",
}  # fmt: skip


class Text(NamedTuple):
    """A piece of a kernel; dtype None: a plain number, which takes the dtype of what it meets."""

    code: str
    dtype: str | None

    def cast(self, dtype: str) -> Text:
        """The same number in a dtype."""
        if self.dtype == dtype:
            return self
        if dtype == "bool":
            return Text(f"({self.code} != 0)", dtype)
        return Text(f"{dtype}({self.code})", dtype)


def evaluate(expression: str, names: Mapping[str, Text], dtype: str) -> str:
    """The text of a lowering's expression, in `dtype`."""
    return _Evaluation(names, dtype).visit(_parsed(expression)).cast(dtype).code


def number(value: str, dtype: str) -> str:
    """The text of what a fold starts from: a number, `lowest` or `highest`."""
    if value in ("True", "False"):
        return str(value == "True") if dtype == "bool" else f"{dtype}({int(value == 'True')})"
    if value in ("lowest", "highest"):
        sign = "-" if value == "lowest" else ""
        if dtype == "bool":
            return str(value == "highest")
        if dtype in FLOATS:
            return f"{dtype}({sign}inf)"
        bits, signed = int(dtype.lstrip("uint")), dtype[0] == "i"
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        return f"{dtype}({low if value == 'lowest' else high})"
    return f"{dtype}({float(value) if dtype in FLOATS else int(float(value))})"


@functools.lru_cache(4096)
def _parsed(expression: str) -> ast.expr:
    return ast.parse(expression, mode="eval").body


class _Evaluation:
    def __init__(self, names: Mapping[str, Text], dtype: str) -> None:
        self.names, self.dtype = names, dtype

    def visit(self, node: ast.expr) -> Text:
        match node:
            case ast.Constant():
                return Text(repr(node.value), "bool" if isinstance(node.value, bool) else None)
            case ast.Name():
                return Text("inf", None) if node.id == "inf" else self.names[node.id]
            case ast.UnaryOp():
                return self._unary(node.op, self.visit(node.operand))
            case ast.BinOp():
                return self._binary(node.op, self.visit(node.left), self.visit(node.right))
            case ast.Compare():
                a, b = self._alike(self.visit(node.left), self.visit(node.comparators[0]))
                return Text(f"({a.code} {_COMPARE[type(node.ops[0])]} {b.code})", "bool")
            case ast.BoolOp():
                word = " & " if isinstance(node.op, ast.And) else " | "  # no branches
                return Text(f"({word.join(self.visit(v).cast('bool').code for v in node.values)})", "bool")
            case ast.IfExp():
                a, b = self._alike(self.visit(node.body), self.visit(node.orelse))
                return Text(f"where({self.visit(node.test).cast('bool').code}, {a.code}, {b.code})", a.dtype)
            case ast.Call():
                return self._call(node)
        raise TypeError(f"{ast.unparse(node)} has no meaning in a kernel")

    def _alike(self, *values: Text) -> list[Text]:
        """All in one dtype: that of the first which has one."""
        dtype = next((v.dtype for v in values if v.dtype is not None), self.dtype)
        return [v.cast(dtype) for v in values]

    @staticmethod
    def _cut(code: str, dtype: str | None) -> Text:
        """What an operation on integers gives, which numba widens, in their own size."""
        return Text(f"{dtype}{code}" if dtype in INTEGERS else code, dtype)

    def _unary(self, op: ast.unaryop, a: Text) -> Text:
        if isinstance(op, ast.Not) or (isinstance(op, ast.Invert) and a.dtype == "bool"):
            return Text(f"(not {a.cast('bool').code})", "bool")
        sign = {ast.USub: "-", ast.Invert: "~"}[type(op)]
        return self._cut(f"({sign}{a.code})", a.dtype)

    def _binary(self, op: ast.operator, a: Text, b: Text) -> Text:
        if a.dtype is None and b.dtype is None and not isinstance(op, ast.Pow):
            return Text(f"({a.code} {_BINARY.get(type(op), '%')} {b.code})", None)
        a, b = self._alike(a, b)
        if type(op) in _NAMED:
            return Text(f"{_NAMED[type(op)]}_{a.dtype}({a.code}, {b.code})", a.dtype)
        if isinstance(op, ast.Div) and a.dtype in INTEGERS:
            return Text(f"quotient_{a.dtype}({a.code}, {b.code})", a.dtype)
        return self._cut(f"({a.code} {_BINARY[type(op)]} {b.code})", a.dtype)

    def _call(self, node: ast.Call) -> Text:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        values = [self.visit(a) for a in node.args]
        if name == "T" or name in DTYPES:
            return values[0].cast(self.dtype if name == "T" else name)
        if name in _RANDOM:
            return Text(f"{name}({', '.join(v.code for v in values)})", _RANDOM[name])
        values = self._alike(*values)
        if values[0].dtype in INTEGERS and name in ("floor", "ceil", "rint", "trunc"):
            return values[0]
        return Text(f"{name}_{values[0].dtype}({', '.join(v.code for v in values)})", values[0].dtype)
