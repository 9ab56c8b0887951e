"""The scalar expressions of lowerings, evaluated over the Values of a kernel that is being emitted."""

from __future__ import annotations

import ast
import functools
import math
import operator
from collections.abc import Callable, Mapping
from types import FunctionType, SimpleNamespace
from typing import Any

from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.functions import FUNCTIONS
from graphflow.backends.cpu.values import DTYPES, Value
from graphflow.ops import philox

_OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.BitAnd: operator.and_, ast.BitOr: operator.or_, ast.BitXor: operator.xor, ast.LShift: operator.lshift,
    ast.RShift: operator.rshift, ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt,
    ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.And: operator.and_, ast.Or: operator.or_,
    ast.USub: operator.neg, ast.Not: operator.invert, ast.Invert: operator.invert,
}  # fmt: skip


def evaluate(code: Code, expression: str, names: Mapping[str, Any], dtype: str) -> Value:
    """The value of a lowering's expression, in `dtype`; numbers in it take the dtype of what they meet."""
    return _Evaluation(code, names, dtype).value_of(_parsed(expression))


@functools.lru_cache(4096)
def _parsed(expression: str) -> ast.expr:
    return ast.parse(expression, mode="eval").body


class _Evaluation:
    def __init__(self, code: Code, names: Mapping[str, Any], dtype: str) -> None:
        self.code, self.names, self.dtype = code, names, dtype
        self._called: dict[str, Value] = {}  # what appears twice is computed once

    def value_of(self, node: ast.expr) -> Value:
        return self.code.value(self.visit(node), self.dtype).cast(self.dtype)

    def visit(self, node: ast.expr) -> Any:
        """A Value, or a Python number where nothing but numbers has met so far."""
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                return math.inf if node.id == "inf" else self.names[node.id]
            case ast.UnaryOp():
                return _OPERATORS[type(node.op)](self.visit(node.operand))
            case ast.BinOp():
                return self._binary(node.op, self.visit(node.left), self.visit(node.right))
            case ast.Compare():
                return _OPERATORS[type(node.ops[0])](self.visit(node.left), self.visit(node.comparators[0]))
            case ast.BoolOp():
                return functools.reduce(_OPERATORS[type(node.op)], [self.visit(v) for v in node.values])
            case ast.IfExp():
                a, b = (self._number(self.visit(n)) for n in (node.body, node.orelse))
                return self.code.select(self.visit(node.test), a, b)
            case ast.Call():
                text = ast.unparse(node)
                if text not in self._called:
                    self._called[text] = self._call(node)
                return self._called[text]
        raise TypeError(f"{ast.unparse(node)} has no meaning in a kernel")

    def _number(self, value: Any) -> Value:
        return self.code.value(value, self.dtype)

    def _binary(self, op: ast.operator, a: Any, b: Any) -> Any:
        if isinstance(op, (ast.FloorDiv, ast.Mod, ast.Pow)):
            name = {ast.FloorDiv: "floordiv", ast.Mod: "mod", ast.Pow: "pow"}[type(op)]
            first = a if isinstance(a, Value) else b
            return FUNCTIONS[name](self.code, *self.code.alike(self.code.value(a, first.dtype), b))
        return _OPERATORS[type(op)](a, b)

    def _call(self, node: ast.Call) -> Value:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        arguments = [self.visit(a) for a in node.args]
        if name == "T" or name in DTYPES:
            dtype = self.dtype if name == "T" else name
            return self.code.value(arguments[0], dtype).cast(dtype)
        if name in _RANDOM:
            return _traced(self.code)[name](*arguments)
        values = [self._number(a) for a in arguments]
        lanes = max(v.lanes for v in values)
        return FUNCTIONS[name](self.code, *[v.splat(lanes) for v in values])


# -- random numbers ------------------------------------------------------------------------------------------------
_RANDOM = {function.__name__ for function in philox.FUNCTIONS}


def random_words(code: Code, key: Value, draw: Value, position: Value) -> tuple[Value, Value]:
    """The words (a, b) of the elements at `position`, a vector of int64."""
    i = position.cast("uint64")
    functions = _traced(code)
    return functions["philox_pair"](key.splat(i.lanes), draw.splat(i.lanes), i)


def _traced(code: Code) -> dict[str, Callable]:
    """The functions of philox.py over Values: the same source, with another meaning for `np`."""
    numpy = SimpleNamespace(
        **{name: _Dtype(name, code) for name in ("uint32", "uint64", "int64", "float32", "float64")},
        where=code.select, minimum=code.minimum, copysign=lambda x, y: code.apply("copysign", x, y),
        abs=lambda x: code.apply("fabs", x), sqrt=lambda x: code.apply("sqrt", x),
    )  # fmt: skip
    names: dict[str, Any] = {}
    for name, value in vars(philox).items():
        names[name] = FunctionType(value.__code__, names) if isinstance(value, FunctionType) else value
    names["np"] = numpy
    return names


class _Dtype(str):
    """A dtype that casts when it is called, as NumPy's do."""

    code: Code

    def __new__(cls, name: str, code: Code) -> _Dtype:
        made = super().__new__(cls, name)
        made.code = code
        return made

    def __call__(self, x: Any) -> Value:
        return self.code.value(x, str(self)).cast(str(self))
