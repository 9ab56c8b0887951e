"""A kernel as data: the function that emits it and what it is specialised on, for the vectors of a CPU."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.values import I64, Pointer, Value, size_of
from graphflow.config import current


def vector_bytes() -> int:
    """The width of a vector register: that of the CPU, or what the switch `vector_bytes` says."""
    return current().vector_bytes or _own_bytes()


@functools.cache
def _own_bytes() -> int:
    features = llvm.get_host_cpu_features()
    return 64 if features.get("avx512f") else 32 if features.get("avx2") else 16


@dataclass(frozen=True)
class Emitted:
    """A kernel that `write(code, *pointers, *sizes, tid, nthreads, **spec)` emits.

    spec    the keyword arguments: what the kernel is specialised on
    dtype   the dtype of which `code.lanes` elements fill a vector register
    block   whether it is an epilogue, which takes (first, last, left, right) instead of (tid, nthreads)
    raw     whether it reads its arguments by itself: `write(code, words, tid, nthreads, **spec)`; sizes come first then
    """

    write: Callable
    spec: tuple[tuple[str, Any], ...] = ()
    dtype: str = "float32"
    block: bool = False
    raw: bool = False
    vector_bytes: int = field(default_factory=vector_bytes)

    @functools.cached_property
    def _hash(self) -> int:
        return hash((self.write, self.spec, self.dtype, self.vector_bytes))

    def __hash__(self) -> int:
        """Worked out once: every plan looks its kernels up."""
        return self._hash

    @property
    def identity(self) -> tuple:
        """What decides about its code, besides the source of the emitters."""
        name = f"{self.write.__module__}.{self.write.__qualname__}"
        return name, self.spec, self.dtype, self.block, self.raw, self.vector_bytes

    def __str__(self) -> str:
        return f"{self.write.__qualname__}\n" + "".join(f"{name}: {value}\n" for name, value in self.spec)

    def into(self, module: ir.Module, name: str, elements: Sequence[str], sizes: int) -> None:
        """Add the kernel to a module: pointers to `elements`, then sizes, are read from its first argument."""
        own = 4 if self.block else 2
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64] * (1 + own)), name)
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        code = Code(builder, self.vector_bytes // size_of(self.dtype))
        words = Pointer(code, builder.inttoptr(function.args[0], I64.as_pointer()), "int64")
        told = [Value(code, n, "int64") for n in function.args[1:]]
        if self.raw:
            self.write(code, words, *told, **dict(self.spec))
        else:
            given = [words.load(i) for i in range(len(elements) + sizes)]
            pointers = [code.pointer(word, e) for word, e in zip(given, elements, strict=False)]
            self.write(code, *pointers, *given[len(elements) :], *told, **dict(self.spec))
        builder.ret_void()
