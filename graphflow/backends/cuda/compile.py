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
import sys
import textwrap
from collections.abc import Callable
from typing import Any, NamedTuple

from graphflow.backends.cuda import elementary, functions, shim, vectors
from graphflow.backends.cuda.functions import namespace
from graphflow.ops import philox


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
def _text_of(kernel: Callable | str) -> str:
    return kernel if isinstance(kernel, str) else textwrap.dedent(inspect.getsource(kernel))


@functools.lru_cache(4096)
def function_of(kernel: Callable | str) -> Callable:
    """A kernel as the function that numba compiles; text defines a function `kernel`, after those that it calls."""
    tree = ast.parse(_text_of(kernel))
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


@functools.cache
def _sources() -> str:
    """Of all modules that have a part in the code of a kernel besides its text."""
    return "".join(map(inspect.getsource, (sys.modules[__name__], elementary, functions, philox, shim, vectors)))


class Job(NamedTuple):
    """A kernel to compile: a function, or text that defines `kernel`.

    elements: the dtypes of its pointers; sizes: how many int64 follow them; threads: of a block; resident: how many
    blocks a processor should have registers for, if no thread needs more.
    """

    kernel: Callable | str
    elements: tuple[str, ...]
    sizes: int
    threads: int
    resident: int = shim.RESIDENT

    def text(self) -> str:
        return _text_of(self.kernel)

    def key(self, capability: tuple[int, int]) -> str:
        """Of the file with its machine code."""
        identity = (self.text(), *self[1:], capability, _sources(), shim.versions())
        return hashlib.sha256(repr(identity).encode()).hexdigest()

    def compile(self, capability: tuple[int, int]) -> shim.Assembled:
        return self.assembled(shim.ptx(function_of(self.kernel), *self[1:]), capability)

    def assembled(self, ptx: str, capability: tuple[int, int]) -> shim.Assembled:
        """Its machine code, for fewer blocks at a time where so many would leave too few registers."""
        made, resident = shim.assembled(ptx, capability), self.resident
        while made.spills and resident > shim.RESIDENT:
            fewer = resident // 2
            ptx = ptx.replace(f".minnctapersm {resident}", f".minnctapersm {fewer}")
            made, resident = shim.assembled(ptx, capability), fewer
        return made
