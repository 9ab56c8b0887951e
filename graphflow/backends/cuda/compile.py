"""Kernels as functions for numba.cuda: text becomes a function, positions become unsigned, and strides sums.

Numba lets negative positions count from the end, which costs a comparison at each access; kernels have none.  It counts
the steps of a range beforehand, by a division of 64 bits: a loop whose step is no constant adds it up instead.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import linecache
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from graphflow.backends.cuda import shim
from graphflow.backends.cuda.functions import namespace


class _Lean(ast.NodeTransformer):
    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        node.slice = ast.Call(ast.Name("uint64", ast.Load()), [node.slice], [])
        return node

    def visit_For(self, node: ast.For) -> Any:
        self.generic_visit(node)
        if (
            not isinstance(node.iter, ast.Call)
            or len(node.iter.args) < 3
            or isinstance(node.iter.args[2], ast.Constant)
        ):
            return node
        name, (first, last, step) = ast.unparse(node.target), map(ast.unparse, node.iter.args)
        start, *more = ast.parse(f"{name} = int64({first})\n{name}_step = int64({step})\n{name} += {name}_step").body
        test = ast.parse(f"{name} < {last}", mode="eval").body
        return [start, more[0], ast.While(test, [*node.body, more[1]], [])]


@functools.lru_cache(4096)
def function_of(kernel: Callable | str) -> Callable:
    """A kernel as the function that numba compiles; text defines a function `kernel`, after those that it calls."""
    text = kernel if isinstance(kernel, str) else textwrap.dedent(inspect.getsource(kernel))
    tree = ast.parse(text)
    if not shim.SIMULATED:
        tree = ast.fix_missing_locations(_Lean().visit(tree))
    names: dict[str, Any] = dict(namespace())
    for definition in tree.body:
        assert isinstance(definition, ast.FunctionDef)
        names[definition.name] = function = _made(definition, names)
        if definition is not tree.body[-1]:
            names[definition.name] = shim.device_function(function)
    return function


def _made(definition: ast.FunctionDef, names: dict[str, Any]) -> Callable:
    text = ast.unparse(definition)
    name = f"<graphflow CUDA kernel {hashlib.sha256(text.encode()).hexdigest()[:16]}>"
    linecache.cache[name] = len(text), None, text.splitlines(keepends=True), name  # for tracebacks and numba's messages
    own = dict(names)
    exec(compile(text, name, "exec"), own)
    return own[definition.name]


class Kernels:
    """Compiled kernels, each once a process.   compiled: how many there are."""

    def __init__(self) -> None:
        self._found: dict[tuple, Any] = {}

    @property
    def compiled(self) -> int:
        return len(self._found)

    def get(self, kernel: Callable | str, elements: Sequence[str], sizes: int, threads: int) -> Any:
        """elements: the dtypes of its pointers; sizes: how many int64 follow them."""
        key = (kernel, tuple(elements), sizes, threads)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = shim.compiled(function_of(kernel), elements, sizes, threads)
        return found
