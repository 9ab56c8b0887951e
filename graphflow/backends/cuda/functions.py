"""What kernels may call: scalar functions by dtype, integer arithmetic, and random numbers by the source of philox.py.

Names end in the dtype: exp_float32, floordiv_int64.  Under the simulator they are NumPy's.
"""

from __future__ import annotations

import ast
import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.backends.cuda import elementary
from graphflow.backends.cuda.shim import SIMULATED, cuda, device_function, library
from graphflow.backends.cuda.vectors import functions as vector_functions
from graphflow.ops import philox

FLOATS = ("float32", "float64")
UNARY = (
    "exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh",
    "asinh", "acosh", "atanh", "erf", "erfc", "floor", "ceil", "rint", "trunc",
)  # fmt: skip
BINARY = ("pow", "atan2", "fmod")
INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))

_NUMPY = {
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "asinh": np.arcsinh, "acosh": np.arccosh,
    "atanh": np.arctanh, "pow": np.power, "atan2": np.arctan2, "erf": np.vectorize(math.erf),
    "erfc": np.vectorize(math.erfc),
}  # fmt: skip

_OF_FLOATS = """
def abs_{d}(x):
    return fabs_{d}(x)
def floordiv_{d}(x, y):
    return floor_{d}(x / y)
def mod_{d}(x, y):
    r = fmod_{d}(x, y)
    return r + y if r != 0 and (r < 0) != (y < 0) else r
"""
_OF_SIGNED = """
def abs_{d}(x):
    return {d}(-x) if x < 0 else x
def floordiv_{d}(x, y):
    return {d}(0) if y == 0 else ({d}(-x) if y == -1 else {d}(x // y))
def mod_{d}(x, y):
    return {d}(0) if y == 0 or y == -1 else {d}(x % y)
def quotient_{d}(x, y):
    q = floordiv_{d}(x, y)
    return {d}(q + 1) if q < 0 and {d}(q * y) != x else q
"""
_OF_UNSIGNED = """
def abs_{d}(x):
    return x
def floordiv_{d}(x, y):
    return {d}(0) if y == 0 else {d}(x // y)
def mod_{d}(x, y):
    return {d}(0) if y == 0 else {d}(x % y)
def quotient_{d}(x, y):
    return floordiv_{d}(x, y)
"""
# Division of positions and sizes, which are never negative.
_COMMON = """
def div64(i, n):
    return int64(uint64(i) // uint64(n))
def mod64(i, n):
    return int64(uint64(i) % uint64(n))
def where(condition, a, b):
    return a if condition else b
def fetch(x, i, inside, otherwise):
    return x[uint64(i)] if inside else otherwise
def lesser(a, b):
    return a if a < b else b
"""


@functools.cache
def namespace() -> dict[str, Any]:
    """The names of kernels, made once."""
    names: dict[str, Any] = {"cuda": cuda, "inf": math.inf, "range": range, "min": min, "max": max, "bool_": np.bool_}
    names |= {n: getattr(np, n) for n in (*FLOATS, *INTEGERS)} | vector_functions()
    for d in FLOATS:
        for name in (*UNARY, *BINARY):
            names[f"{name}_{d}"] = _scalar(name, d)
        for name, simulated in (("fabs", np.abs), ("copysign", np.copysign)):
            names[f"{name}_{d}"] = simulated if SIMULATED else library(name + _suffix(d))
    for template, dtypes in ((_OF_FLOATS, FLOATS), (_OF_SIGNED, INTEGERS[:4]), (_OF_UNSIGNED, INTEGERS[4:])):
        for d in dtypes:
            _define(template.format(d=d), names)
    names |= elementary.functions()
    _define(_COMMON, names)
    _define(elementary.SOURCE, names)
    if SIMULATED:
        names |= {
            "bits_of": lambda x: np.float64(x).view(np.int64), "number_of": lambda x: np.int64(x).view(np.float64),
            "product": lambda a, b: a * b,
        }  # fmt: skip
    else:
        names |= {
            "bits_of": library("double_as_longlong"), "number_of": library("longlong_as_double"),
            "product": library("dmul_rn"),
        }  # fmt: skip
    names |= {n: v for n, v in vars(philox).items() if isinstance(v, (np.generic, float))}
    _define(_philox_source(), names)
    return names


def _suffix(dtype: str) -> str:
    return "f" if dtype == "float32" else ""


def _scalar(name: str, dtype: str) -> Callable:
    if not SIMULATED:
        return library(name + _suffix(dtype))
    function: Any = _NUMPY.get(name) or getattr(np, name)
    cast = getattr(np, dtype)
    return lambda *x: cast(function(*x))


def _define(source: str, names: dict[str, Any]) -> None:
    """Add the functions of a source, which may call each other and the names that are there."""
    for definition in ast.parse(source).body:
        assert isinstance(definition, ast.FunctionDef)
        own: dict[str, Any] = names if SIMULATED else dict(names)
        exec(compile(ast.unparse(definition), f"<graphflow device function {definition.name}>", "exec"), own)
        names[definition.name] = device_function(own[definition.name])


# -- philox.py for a device ------------------------------------------------------------------------------------------
_FLOATING = ("_log", "_middle", "_tail", "_far", "_restricted")  # whose products are rounded before anything is added


class _Device(ast.NodeTransformer):
    """The functions of philox.py with other names for what they take from NumPy."""

    def __init__(self, exact: bool) -> None:
        self.exact = exact

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        names = {
            "minimum": "lesser", "abs": "fabs_float64", "sqrt": "sqrt_float64", "copysign": "copysign_float64"
        }  # fmt: skip
        return ast.Name(names.get(node.attr, node.attr), ast.Load())

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if isinstance(node.func, ast.Attribute) and node.func.attr == "view":
            name = "bits_of" if ast.unparse(node.args[0]) == "np.int64" else "number_of"
            return ast.Call(ast.Name(name, ast.Load()), [self.visit(node.func.value)], [])
        return self.generic_visit(node)  # type: ignore[return-value]

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if self.exact and isinstance(node.op, ast.Mult):
            return ast.Call(ast.Name("product", ast.Load()), [node.left, node.right], [])
        return node


def _philox_source() -> str:
    """The functions that compute with single numbers: a multiply-add would give other bits than the CPU has."""
    made = []
    for definition in ast.parse(inspect.getsource(philox)).body:
        if not isinstance(definition, ast.FunctionDef) or definition.name in ("philox_words", "uniforms", "normals"):
            continue
        definition.returns, definition.body = None, definition.body[:]
        for argument in definition.args.args:
            argument.annotation = None
        made.append(ast.unparse(ast.fix_missing_locations(_Device(definition.name in _FLOATING).visit(definition))))
    return "\n".join(made)
