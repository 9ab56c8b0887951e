"""Products of matrices by cuBLASLt, where nvmath-python and nvidia-cublas are installed: the extra `cublas`.

Matrices lie by rows here and by columns there: what is asked for is the transposed result, of the operands the other
way round.  Every product has the algorithm that cuBLASLt finds best for it, chosen when a plan is bound.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphflow.backends.cuda import shim
from graphflow.backends.cuda.launch import Pointer
from graphflow.errors import InternalError

WORKSPACE = 32 << 20  # bytes, as NVIDIA recommends for Hopper
_TYPES = {"float32": (0, 68, np.float32), "float64": (1, 70, np.float64)}  # CUDA_R_*, CUBLAS_COMPUTE_*, of numbers
_TF32 = 77  # CUBLAS_COMPUTE_32F_FAST_TF32
_EPILOGUES = {"": 1, "relu": 2, "bias": 4, "bias relu": 6}


@functools.cache
def available() -> bool:
    """Whether products can be done by cuBLASLt."""
    return not shim.SIMULATED and importlib.util.find_spec("nvmath") is not None and shim.has_library("cublasLt")


@dataclass(frozen=True)
class Product:
    """C = epilogue(op(A) op(B)), in batches.   pointers: (A, B, *bias, C, workspace)

    shape   (m, n, k, batch)
    flips   whether A and B are transposed
    steps   elements from one matrix of A and B to the next of the batch
    """

    pointers: tuple[Pointer, ...]
    dtype: str
    shape: tuple[int, int, int, int]
    flips: tuple[bool, bool]
    steps: tuple[int, int]
    epilogue: str = ""
    tf32: bool = False

    def __str__(self) -> str:
        m, n, k, batch = self.shape
        return f"cuBLASLt: {batch} x ({m}, {k}) ({k}, {n}) {self.dtype} {self.epilogue}\n"

    def bound(self, arguments: Sequence[Any], stream: Any) -> Callable[[], None]:
        """What queues the product of these arrays."""
        return _Bound(self, [a.device_ctypes_pointer.value or 0 for a in arguments], arguments, stream)


class _Bound:
    """A product with descriptors of its own; they live as long as it."""

    def __init__(self, product: Product, addresses: Sequence[int], arguments: Sequence[Any], stream: Any) -> None:
        from nvmath.bindings import cublasLt

        kind, compute, number = _TYPES[product.dtype]
        m, n, k, batch = product.shape
        a, b, *bias, c, workspace = addresses
        self._arguments = arguments
        self._description = cublasLt.matmul_desc_create(_TF32 if product.tf32 else compute, kind)
        of = cublasLt.MatmulDescAttribute
        self._set(of.TRANSA, int(product.flips[1]))
        self._set(of.TRANSB, int(product.flips[0]))
        self._set(of.EPILOGUE, _EPILOGUES[product.epilogue])
        if bias:
            self._set(of.BIAS_POINTER, bias[0])
        self._layouts = [
            _layout(kind, *((k, n) if product.flips[1] else (n, k)), batch, product.steps[1]),
            _layout(kind, *((m, k) if product.flips[0] else (k, m)), batch, product.steps[0]),
            _layout(kind, n, m, batch, m * n),
        ]
        self._numbers = np.array([1, 0], number)
        one = self._numbers.ctypes.data
        self._algorithm = self._best(a, b, c)
        left, right, result = self._layouts
        self._run = functools.partial(
            cublasLt.matmul, _handle(), self._description, one, b, left, a, right, one + self._numbers.itemsize, c,
            result, c, result, self._algorithm["algo"].ctypes.data, workspace, WORKSPACE, int(stream.handle),
        )  # fmt: skip

    def __call__(self) -> None:
        self._run()

    def _set(self, attribute: int, value: int) -> None:
        from nvmath.bindings import cublasLt

        kind = cublasLt.get_matmul_desc_attribute_dtype(attribute)
        _put(cublasLt.matmul_desc_set_attribute, kind, self._description, attribute, value)

    def _best(self, a: int, b: int, c: int) -> np.ndarray:
        """What cuBLASLt finds best for matrices at these addresses."""
        from nvmath.bindings import cublasLt

        found, count = np.zeros(1, cublasLt.matmul_heuristic_result_dtype), np.zeros(1, np.int32)
        left, right, result = self._layouts
        preference = cublasLt.matmul_preference_create()
        of = cublasLt.MatmulPreferenceAttribute
        wanted = {
            of.MAX_WORKSPACE_BYTES: WORKSPACE, of.MIN_ALIGNMENT_A_BYTES: _alignment(b),
            of.MIN_ALIGNMENT_B_BYTES: _alignment(a), of.MIN_ALIGNMENT_C_BYTES: _alignment(c),
            of.MIN_ALIGNMENT_D_BYTES: _alignment(c),
        }  # fmt: skip
        for attribute, value in wanted.items():
            kind = cublasLt.get_matmul_preference_attribute_dtype(attribute)
            _put(cublasLt.matmul_preference_set_attribute, kind, preference, attribute, value)
        cublasLt.matmul_algo_get_heuristic(
            _handle(), self._description, left, right, result, result, preference, 1, found.ctypes.data,
            count.ctypes.data,
        )  # fmt: skip
        cublasLt.matmul_preference_destroy(preference)
        if not count[0]:
            raise InternalError.because("cuBLASLt has no algorithm for a product", hint="GRAPHFLOW_CUBLAS=0")
        return found

    def __del__(self) -> None:
        from nvmath.bindings import cublasLt

        for layout in self._layouts:
            cublasLt.matrix_layout_destroy(layout)
        cublasLt.matmul_desc_destroy(self._description)


def _put(setter: Callable, dtype: Any, descriptor: int, attribute: int, value: int) -> None:
    """Set an attribute of a descriptor, which the library reads from memory."""
    word = np.array(value, dtype)
    setter(descriptor, attribute, word.ctypes.data, word.nbytes)


def _layout(kind: int, rows: int, columns: int, batch: int, step: int) -> int:
    """Of matrices by columns that lie densely."""
    from nvmath.bindings import cublasLt

    made: int = cublasLt.matrix_layout_create(kind, rows, columns, rows)
    if batch > 1:
        of = cublasLt.MatrixLayoutAttribute
        for attribute, value in ((of.BATCH_COUNT, batch), (of.STRIDED_BATCH_OFFSET, step)):
            dtype = cublasLt.get_matrix_layout_attribute_dtype(attribute)
            _put(cublasLt.matrix_layout_set_attribute, dtype, made, attribute, value)
    return made


@functools.cache
def _handle() -> int:
    from nvmath.bindings import cublasLt

    shim.enter()
    made: int = cublasLt.create()
    return made


def _alignment(address: int) -> int:
    """The power of two, 256 at most, that divides an address."""
    return min(address & -address, 256)
