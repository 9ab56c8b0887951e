"""Kernels compiled by numba into functions `void kernel(int64 *args, int64 tid, int64 nthreads)`.

Every kernel has this one signature, so that one native loop can run a plan; `args` holds its pointers and sizes.
Only epilogues, which kernels call, take (args, first, last, left, right): the block that is to be finished.
Compiled code is kept on disk, under the hash of everything that decides what it is.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import math
import pickle
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any

import llvmlite
import numba
import numpy as np
from llvmlite import binding as llvm
from llvmlite import ir
from numba.core import compiler
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.cpu import FastMathOptions
from numba.core.registry import cpu_target
from numba.core.types import CPointer, int64, void  # type: ignore[attr-defined]
from numba.extending import intrinsic

from graphflow.backends.cache import Cache
from graphflow.backends.cpu.emitted import Emitted
from graphflow.ops import philox

_SHARE = ("tid", "nthreads")
_BLOCK = ("first", "last", "left", "right")

# The element types of pointers, and the casts of the same names; a bool is a byte to a pointer.
ELEMENTS = (
    "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "complex64",
    "complex128",
)  # fmt: skip


@intrinsic
def pointer(typingctx: Any, args: Any, index: Any, dtype: Any) -> Any:
    """args[index] as a pointer to elements of `dtype`."""
    result = CPointer(dtype.dtype)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = builder.load(builder.gep(arguments[0], [arguments[1]]))
        return builder.inttoptr(address, context.get_value_type(result))

    return result(args, index, dtype), codegen


@intrinsic
def call_kernel(typingctx: Any, function: Any, args: Any, tid: Any, nthreads: Any) -> Any:
    """Call the kernel at an address."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        i64 = ir.IntType(64)
        kind = ir.FunctionType(ir.VoidType(), [i64, i64, i64]).as_pointer()
        builder.call(builder.inttoptr(arguments[0], kind), arguments[1:])
        return context.get_dummy_value()

    return void(function, args, tid, nthreads), codegen


@intrinsic
def _call_tail(typingctx: Any, tail: Any, first: Any, last: Any, left: Any, right: Any) -> Any:
    """Call the epilogue whose address stands in the word before its arguments."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        i64 = ir.IntType(64)
        kind = ir.FunctionType(ir.VoidType(), [i64] * 5).as_pointer()
        before = builder.sub(arguments[0], ir.Constant(i64, 8))
        function = builder.load(builder.inttoptr(before, i64.as_pointer()))
        builder.call(builder.inttoptr(function, kind), arguments)
        return context.get_dummy_value()

    return void(tail, first, last, left, right), codegen


def finish(tail: Any, first: Any, last: Any, left: Any, right: Any) -> None:
    """Run the epilogue of a kernel, if there is one, on rows [first, last) and columns [left, right) of its result.

    The result is a matrix of rows as long as its last dimension.  Kernels call this as soon as a block has its final
    values, while it is in the cache; every element belongs to one call.
    """
    if tail != 0:
        _call_tail(tail, first, last, left, right)


@functools.cache
def _inlined(function: Callable) -> Any:
    """The function for use inside kernels, with those that it calls."""
    called = {n: _inlined(v) for n, v in _referred(function).items() if isinstance(v, FunctionType)}
    if called:
        function = FunctionType(function.__code__, {**function.__globals__, **called}, function.__name__)
    return numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


@functools.cache
def namespace() -> dict[str, Any]:
    """The names that kernels may use, made once."""
    scalars = {n: getattr(math, n) for n in (
        "exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh",
        "tanh", "asinh", "acosh", "atanh", "erf", "erfc",
    )}  # fmt: skip
    casts = {n: getattr(np, n) for n in ELEMENTS}
    bounds: dict[str, Any] = {}
    for n in ELEMENTS:
        dtype = np.dtype(n)
        if dtype.kind == "f":
            bounds |= {f"lowest_{n}": dtype.type(-np.inf), f"highest_{n}": dtype.type(np.inf)}
        elif dtype.kind in "iu":
            bounds |= {f"lowest_{n}": np.iinfo(dtype).min, f"highest_{n}": np.iinfo(dtype).max}
    return scalars | casts | bounds | {
        "floor": np.floor, "ceil": np.ceil, "rint": np.rint, "trunc": np.trunc, "inf": math.inf, "pointer": pointer,
        "call_kernel": call_kernel,
    }  # fmt: skip


@functools.cache
def _sources() -> str:
    """The source of everything that emits kernels."""
    return "".join(p.read_text(encoding="utf-8") for p in sorted(Path(__file__).parent.rglob("*.py")))


@functools.cache
def _source_of(module: str) -> str:
    return inspect.getsource(sys.modules[module])


def _referred(function: Callable) -> dict[str, Any]:
    """What the body of a kernel takes from its module."""
    code = function.__code__
    return {name: function.__globals__[name] for name in code.co_names if name in function.__globals__}


def _modules_of(function: Callable) -> str:
    """The source of a kernel's module, and of those that the functions come from that it calls."""
    modules, stack = set(), [function]
    while stack:
        one = stack.pop()
        modules.add(one.__module__)
        stack += [v for v in _referred(one).values() if isinstance(v, FunctionType)]
    return "".join(map(_source_of, sorted(modules)))


def kernel_text(function: Callable | str, elements: Sequence[str], sizes: int) -> str:
    """The kernel as a function `entry(args, tid, nthreads)`, which takes pointers and sizes from args.

    For an epilogue it is `entry(args, first, last, left, right)`.
    A body of its own in the entry is compiled once; a call of it would be compiled twice, alone and inlined.
    """
    parameters, body = _generated(function) if isinstance(function, str) else _written(function)
    own = _own(parameters)
    names = parameters[: -len(own)]
    values = [f"pointer(args, {i}, {'uint8' if e == 'bool' else e})" for i, e in enumerate(elements)]
    values += [f"args[{len(elements) + i}]" for i in range(sizes)]
    taken = "".join(f"    {n} = {v}\n" for n, v in zip(names, values, strict=True))
    return f"def entry(args, {', '.join(own)}):\n{taken}{body}"


def _own(parameters: Sequence[str]) -> tuple[str, ...]:
    """What a kernel is told by its caller, besides its arguments."""
    return _BLOCK if parameters[-1] == _BLOCK[-1] else _SHARE


def _generated(text: str) -> tuple[list[str], str]:
    """(names of the parameters, indented body) of a generated kernel."""
    head, body = text.split("\n", 1)
    return head[head.index("(") + 1 : head.index(")")].split(", "), body


@functools.cache
def _written(function: Callable) -> tuple[list[str], str]:
    """(names of the parameters, indented body) of a kernel written by hand."""
    definition = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(definition, ast.FunctionDef)
    body = "\n".join(ast.unparse(statement) for statement in definition.body)
    return [a.arg for a in definition.args.args], textwrap.indent(body, "    ") + "\n"


class Kernels:
    """Addresses of compiled kernels, each compiled once in a process and once on a machine.

    compiled, loaded   how many were compiled here, and how many came from the disk
    """

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.compiled = 0
        self.loaded = 0
        self._addresses: dict[tuple, int] = {}
        self._libraries: list[Any] = []  # the code lives as long as these

    def address(self, function: Callable | Emitted | str, elements: tuple[str, ...], sizes: int) -> int:
        """The native address of a kernel: a Python function, an Emitted, or source that defines `kernel`.

        elements: the dtypes of its pointers; sizes: how many int64 follow them.
        """
        what = (function, elements, sizes)
        found = self._addresses.get(what)
        if found is None:
            with global_compiler_lock:
                found = self._addresses.get(what) or self._make(*what)
                self._addresses[what] = found
        return found

    def _make(self, function: Callable | Emitted | str, elements: tuple[str, ...], sizes: int) -> int:
        codegen = cpu_target.target_context.codegen()
        if isinstance(function, Emitted):
            text = repr((function.identity, elements, sizes))
            module = _sources()
        else:
            text = kernel_text(function, elements, sizes)
            module = "" if isinstance(function, str) else _modules_of(function)
        sources = text, module, _source_of(__name__), _source_of(philox.__name__)
        identity = (*sources, numba.__version__, llvmlite.__version__, codegen.magic_tuple())
        key = hashlib.sha256(repr(identity).encode()).hexdigest()
        blob = self.cache.load(key)
        if blob is not None:
            name, code = pickle.loads(blob)
            library = codegen.unserialize_library(code)
            self.loaded += 1
        else:
            if isinstance(function, Emitted):
                name, library = _emit(function, elements, sizes, key[:16])
            else:
                name, library = _compile(function, text, key[:16])
            self.cache.save(key, pickle.dumps((name, library.serialize_using_object_code())))
            self.compiled += 1
        self._libraries.append(library)
        return library.get_pointer_to_function(name)


class _Light(JITCodeLibrary):
    """Code that was emitted as it should be: few passes, in a quarter of the time, and no loop is unrolled."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        passes = llvm.create_new_module_pass_manager()
        passes.add_sroa_pass()
        passes.add_instruction_combine_pass()
        passes.add_simplify_cfg_pass()
        passes.run(
            self._final_module, llvm.create_pass_builder(self._codegen._tm, llvm.create_pipeline_tuning_options())
        )


def _emit(kernel: Emitted, elements: Sequence[str], sizes: int, unique: str) -> tuple[str, Any]:
    """(the symbol of the compiled kernel, its library)."""
    name = f"emitted_{unique}"
    library = _Light(cpu_target.target_context.codegen(), name)
    library.enable_object_caching()
    module = library.create_ir_module(name)
    kernel.into(module, name, elements, sizes)
    library.add_ir_module(module)
    library.finalize()
    return name, library


def _compile(function: Callable | str, text: str, unique: str) -> tuple[str, Any]:
    """(the symbol of the compiled kernel, its library).

    Symbols carry the kernel's hash: numba only numbers functions of one name, from 1 in every process, and libraries
    that were compiled by different processes meet in this one.
    """
    names = dict(namespace())
    fastmath = False
    if not isinstance(function, str):
        names |= {n: _inlined(v) if isinstance(v, FunctionType) else v for n, v in _referred(function).items()}
        fastmath = getattr(function, "fastmath", False)  # a set of flags: what may be relaxed
    exec(compile(text, f"<graphflow kernel {unique}>", "exec"), names)
    names["entry"].__qualname__ = f"entry_{unique}"
    flags = compiler.Flags()
    flags.no_cpython_wrapper = True
    flags.no_compile = True  # so that the object code can be kept
    flags.error_model = "numpy"
    flags.fastmath = FastMathOptions(fastmath)
    flags.enable_pyobject = False
    cpu_target.target_context.refresh()
    cpu_target.typing_context.refresh()
    numbers = names["entry"].__code__.co_argcount - 1
    result = compiler.compile_extra(
        cpu_target.typing_context, cpu_target.target_context, names["entry"], (CPointer(int64), *[int64] * numbers),
        void, flags, {},
    )  # fmt: skip
    result.library.enable_object_caching()
    result.library.finalize()
    return result.fndesc.llvm_cfunc_wrapper_name, result.library
