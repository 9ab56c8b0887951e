"""cuBLASLt as its documentation describes it, in NumPy on the memory that the simulator takes for a device's.

It has what graphflow calls of `nvmath.bindings.cublasLt`, refuses what the library refuses, and keeps what it did.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass, field
from enum import IntEnum
from types import ModuleType
from typing import Any

import numpy as np

_TYPES = {0: np.float32, 1: np.float64}  # by CUDA_R_*
_COMPUTE = {0: (68, 77), 1: (70,)}  # CUBLAS_COMPUTE_* that go with them
NOT_SUPPORTED, INVALID = 15, 7
RELU, BIAS, DRELU, BGRAD, AUX, BGRADA, BGRADB = 2, 4, 8, 16, 128, 256, 512
EPILOGUES = {1, 2, 4, 6, 134, 152, 256, 512}


class MatmulDescAttribute(IntEnum):
    TRANSA = 3
    TRANSB = 4
    EPILOGUE = 7
    BIAS_POINTER = 8
    EPILOGUE_AUX_POINTER = 11
    EPILOGUE_AUX_LD = 12


class MatrixLayoutAttribute(IntEnum):
    BATCH_COUNT = 5
    STRIDED_BATCH_OFFSET = 6


class MatmulPreferenceAttribute(IntEnum):
    MAX_WORKSPACE_BYTES = 1
    MIN_ALIGNMENT_A_BYTES = 5
    MIN_ALIGNMENT_B_BYTES = 6
    MIN_ALIGNMENT_C_BYTES = 7
    MIN_ALIGNMENT_D_BYTES = 8


# What the attributes are in memory, by the names of their enumerations.
DTYPES: dict[str, dict[int, Any]] = {
    "MatmulDescAttribute": {3: np.int32, 4: np.int32, 7: np.uint32, 8: np.int64, 11: np.int64, 12: np.int64},
    "MatrixLayoutAttribute": {5: np.int32, 6: np.int64},
    "MatmulPreferenceAttribute": {1: np.uint64, 5: np.uint32, 6: np.uint32, 7: np.uint32, 8: np.uint32},
}


class cuBLASLtError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


@dataclass
class Described:
    """A descriptor: what it was made with, and its attributes."""

    made: tuple
    attributes: dict[int, int] = field(default_factory=dict)


class Library(ModuleType):
    """The module.

    loose      a relu's mask has the bits of zeros and NaN, as CUTLASS's
    swallows   a relu makes 0 of NaN, as some kernels of the library do
    multiplies a relu's gradient is NaN where what flows back is, whatever the mask says
    lacks      epilogues without an algorithm
    done       the number of the epilogue of every product that was run
    live       descriptors that nobody has destroyed
    """

    def __init__(
        self, loose: bool = False, swallows: bool = False, multiplies: bool = False, lacks: tuple[int, ...] = ()
    ) -> None:
        super().__init__("nvmath.bindings.cublasLt")
        self.loose, self.swallows, self.multiplies, self.lacks = loose, swallows, multiplies, lacks
        self.done: list[int] = []
        self.live: dict[int, Described] = {}
        self._next = 1
        self.MatmulDescAttribute, self.MatrixLayoutAttribute = MatmulDescAttribute, MatrixLayoutAttribute
        self.MatmulPreferenceAttribute, self.cuBLASLtError = MatmulPreferenceAttribute, cuBLASLtError
        self.matmul_heuristic_result_dtype = np.dtype([("algo", np.uint64, 8), ("workspace_size", np.uint64)])
        kinds = {0: MatmulDescAttribute, 1: MatrixLayoutAttribute, 2: MatmulPreferenceAttribute}
        for kind, name in enumerate(("matmul_desc", "matrix_layout", "matmul_preference")):
            setattr(self, f"{name}_create", lambda *made: self._new(made))
            setattr(self, f"{name}_destroy", lambda descriptor: self.live.pop(descriptor))
            setattr(self, f"{name}_set_attribute", lambda *given, of=kinds[kind]: self._set(of, *given))
            setattr(self, f"get_{name}_attribute_dtype", lambda a, of=kinds[kind]: DTYPES[of.__name__][a])

    def install(self, monkeypatch: Any) -> None:
        """Let the backend find it, for products of any size."""
        from graphflow.backends.cuda import cublas, shim
        from graphflow.backends.cuda.kernels import product

        def aligned(nbytes: int, what: str, allocate: Any = shim.allocate) -> Any:
            """As a device's memory is."""
            memory = allocate(nbytes + 256, what)
            start = -shim.address(memory) % 256
            return memory[start : start + max(nbytes, 1)]

        bindings = ModuleType("nvmath.bindings")
        bindings.cublasLt = self  # type: ignore[attr-defined]
        for name, module in {"nvmath": ModuleType("nvmath"), "nvmath.bindings": bindings, self.__name__: self}.items():
            monkeypatch.setitem(sys.modules, name, module)
        monkeypatch.setattr(shim, "allocate", aligned)
        monkeypatch.setattr(cublas, "available", lambda: True)
        monkeypatch.setattr(product, "_LARGE", 1)
        cublas._handle.cache_clear()
        cublas._supported.cache_clear()

    # -- descriptors -------------------------------------------------------------------------------------------------
    def _new(self, made: tuple) -> int:
        self._next += 1
        self.live[self._next] = Described(made)
        return self._next

    def _set(self, of: type[IntEnum], descriptor: int, attribute: int, address: int, nbytes: int) -> None:
        dtype = np.dtype(DTYPES[of.__name__][of(attribute)])
        if nbytes != dtype.itemsize:
            raise cuBLASLtError(INVALID)
        self.live[descriptor].attributes[attribute] = int(np.frombuffer(ctypes.string_at(address, nbytes), dtype)[0])

    def create(self) -> int:
        return 1

    # -- products ----------------------------------------------------------------------------------------------------
    def matmul_algo_get_heuristic(
        self, handle: int, operation: int, a: int, b: int, c: int, d: int, preference: int, wanted: int, found: int,
        count: int,
    ) -> None:  # fmt: skip
        assert (handle, wanted, c) == (1, 1, d)
        self._check(operation, a, b, d)
        wishes = self.live[preference].attributes
        assert wishes[1] == 32 << 20 and {5, 6, 7, 8} < wishes.keys()
        ctypes.c_int32.from_address(count).value = 1
        ctypes.c_uint64.from_address(found).value = 4711  # the algorithm

    def _check(self, operation: int, a: int, b: int, d: int) -> tuple[dict[int, int], int, int, int]:
        """(the attributes of an operation, m, n, k); the library's conditions, as it and its users state them."""
        asked = self.live[operation].attributes
        compute, scale = self.live[operation].made
        kinds = {self.live[layout].made[0] for layout in (a, b, d)}
        assert kinds == {scale} and compute in _COMPUTE[scale]
        rows, columns = zip(*[self.live[layout].made[1:3] for layout in (a, b, d)], strict=True)
        flip_a, flip_b = asked[3], asked[4]
        m, k = (columns[0], rows[0]) if flip_a else (rows[0], columns[0])
        k2, n = (columns[1], rows[1]) if flip_b else (rows[1], columns[1])
        assert k == k2 and (m, n) == (rows[2], columns[2])
        for layout in (a, b, d):
            assert self.live[layout].made[3] >= self.live[layout].made[1]
        epilogue = asked[7]
        assert epilogue in EPILOGUES
        vector = bool(epilogue & (BIAS | BGRAD | BGRADA | BGRADB))
        assert (8 in asked) is vector and ({11, 12} <= asked.keys()) is bool(epilogue & AUX)
        if vector and (not asked[8] or asked[8] % 16):
            raise cuBLASLtError(INVALID)
        if epilogue & AUX and (not asked[11] or asked[11] % 16 or asked[12] % 128 or asked[12] < m):
            raise cuBLASLtError(INVALID)
        if epilogue in self.lacks or (epilogue & DRELU and k == 1):
            raise cuBLASLtError(NOT_SUPPORTED)
        if (epilogue == BGRADA and flip_a) or (epilogue == BGRADB and not flip_b):
            raise cuBLASLtError(NOT_SUPPORTED)
        return asked, m, n, k

    def matmul(
        self, handle: int, operation: int, alpha: int, a: int, a_layout: int, b: int, b_layout: int, beta: int, c: int,
        c_layout: int, d: int, d_layout: int, algorithm: int, workspace: int, nbytes: int, stream: int,
    ) -> None:  # fmt: skip
        asked, m, n, _ = self._check(operation, a_layout, b_layout, d_layout)
        dtype = _TYPES[self.live[operation].made[1]]
        assert (handle, c, c_layout) == (1, d, d_layout) and not workspace % 256 and nbytes == 32 << 20
        assert ctypes.c_uint64.from_address(algorithm).value == 4711
        one, zero = _memory(alpha, 1, dtype), _memory(beta, 1, dtype)
        assert (one[0], zero[0]) == (1, 0)
        left, right = self._matrices(a, a_layout, dtype), self._matrices(b, b_layout, dtype)
        left, right = (x.swapaxes(1, 2) if flip else x for x, flip in ((left, asked[3]), (right, asked[4])))
        result = self._matrices(d, d_layout, dtype)
        batch = len(result)
        assert {len(left), len(right)} <= {batch}
        epilogue = asked[7]
        y = left @ right
        if epilogue & BIAS:
            y = y + _memory(asked[8], m, dtype)[:, None]
        mask = None
        if epilogue & AUX:
            assert batch == 1
            mask = _memory(asked[11], asked[12] // 8 * n, np.uint8).reshape(n, asked[12] // 8)
        if epilogue & RELU:
            flags = ~(y < 0) if self.loose else y > 0
            y = np.fmax(y, 0) if self.swallows else np.maximum(y, 0)
            if mask is not None:  # by columns: bit i of a column is row i
                bits = np.packbits(flags[0].T, axis=1, bitorder="little")
                mask[:, : bits.shape[1]] = bits
        if epilogue & DRELU:
            assert mask is not None
            bits = np.unpackbits(mask, axis=1, count=m, bitorder="little").T
            y = y * bits if self.multiplies else np.where(bits, y, dtype(0))
            _memory(asked[8], m, dtype)[:] = y[0].sum(1)
        if epilogue == BGRADA:
            _memory(asked[8], m, dtype)[:] = left[0].sum(1)
        if epilogue == BGRADB:
            _memory(asked[8], n, dtype)[:] = right[0].sum(0)
        result[:] = y
        self.done.append(epilogue)

    def _matrices(self, address: int, layout: int, dtype: Any) -> np.ndarray:
        """[batch, rows, columns] that lie by columns; the same one for all where the step is 0."""
        _, rows, columns, ld = self.live[layout].made
        attributes = self.live[layout].attributes
        batch, step = attributes.get(5, 1), attributes.get(6, 0)
        memory = _memory(address, step * (batch - 1) + ld * columns, dtype)
        size = memory.itemsize
        return np.lib.stride_tricks.as_strided(memory, (batch, rows, columns), (step * size, size, ld * size))


def _memory(address: int, count: int, dtype: Any) -> np.ndarray:
    """What lies at an address."""
    kind = np.dtype(dtype)
    return np.frombuffer((ctypes.c_char * (count * kind.itemsize)).from_address(address), kind)
