"""Products of matrices by cuBLASLt, where nvmath-python and nvidia-cublas are installed: the extra `cublas`.

Matrices lie by rows here and by columns there: what is asked for is the transposed result, of the operands the other
way round, so that its A is our B and the rows of its result are our columns.  Every product has the algorithm that
cuBLASLt finds best for it, chosen when a plan is bound.
"""

from __future__ import annotations

import functools
import importlib.util
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from graphflow.arena import ALIGN
from graphflow.backends.cuda import shim
from graphflow.backends.cuda.launch import Pointer
from graphflow.errors import InternalError
from graphflow.ops.epilogues import mask_row

WORKSPACE = 32 << 20  # bytes, as NVIDIA recommends for Hopper
_TYPES = {"float32": (0, 68, np.float32), "float64": (1, 70, np.float64)}  # CUDA_R_*, CUBLAS_COMPUTE_*, of numbers
_TF32 = 77  # CUBLAS_COMPUTE_32F_FAST_TF32
_UNSUPPORTED = 15  # CUBLAS_STATUS_NOT_SUPPORTED
_BYTE = np.dtype(np.uint8)


class _Epilogue(NamedTuple):
    """What it is to cuBLASLt.

    vector  whether it takes a bias, or gives sums; these are of our columns, but of our rows in "sum a"
    mask    whether it gives or takes the mask of a relu
    """

    number: int
    vector: bool = False
    mask: bool = False


_EPILOGUES = {
    "": _Epilogue(1), "relu": _Epilogue(2), "bias": _Epilogue(4, True), "bias relu": _Epilogue(6, True),
    "bias relu mask": _Epilogue(134, True, True),  # RELU_AUX_BIAS
    "relu_grad sum": _Epilogue(152, True, True),  # DRELU_BGRAD
    "sum b": _Epilogue(256, True), "sum a": _Epilogue(512, True),  # BGRADA and BGRADB: its A is our B
}  # fmt: skip


@functools.cache
def available() -> bool:
    """Whether products can be done by cuBLASLt."""
    return not shim.SIMULATED and importlib.util.find_spec("nvmath") is not None and shim.has_library("cublasLt")


@dataclass(frozen=True)
class Product:
    """C = epilogue(op(A) op(B)), in batches.   pointers: (A, B, C, workspace, *vector, *mask), see _Epilogue

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
        made = _Bound(self, [shim.address(a) for a in arguments], arguments, stream)
        if made.algorithm is None:
            raise InternalError.because(f"there is no algorithm: {self}".strip(), hint="GRAPHFLOW_CUBLAS=0")
        return made

    @property
    def supported(self) -> bool:
        """Whether cuBLASLt has an algorithm for it, and this does at zeros and NaN what it should."""
        return _supported(replace(self, pointers=()))


@functools.lru_cache(1024)
def _supported(product: Product) -> bool:
    shim.enter()
    stream, epilogue = shim.new_stream(), _EPILOGUES[product.epilogue]
    addresses = [ALIGN] * (4 + epilogue.vector + epilogue.mask)  # only how they are aligned counts
    if _Bound(product, addresses, (), stream).algorithm is None:
        return False
    return "relu" not in product.epilogue or _is_exact(product, stream)


def _is_exact(product: Product, stream: Any) -> bool:
    """Whether a relu keeps NaN, zeros and NaN are no part of its mask, and its gradient is zero there, also for NaN.

    The documentation leaves all this open, so a product of zeros with one NaN, which makes its first row NaN, is done.
    """
    m, n, k, batch = product.shape
    epilogue, backward = _EPILOGUES[product.epilogue], product.epilogue.startswith("relu_grad")
    if m == 1 and epilogue.mask:
        return False  # there is no row of zeros
    rows, size, row = min(m, 2), np.dtype(product.dtype).itemsize, mask_row(n)
    often = [batch if step else 1 for step in product.steps]
    a, b, c = (_tried(count * size, ALIGN) for count in (m * k * often[0], k * n * often[1], m * n * batch))
    vector, mask = _tried(n * size, ALIGN), _tried(m * row, ALIGN)
    for array in (a, b, vector):
        shim.fill(array, 0, stream)
    shim.fill(c, 255, stream)
    shim.fill(mask, 0 if backward else 255, stream)
    shim.upload(shim.part(a, 0, _BYTE, size), np.full(1, np.nan, product.dtype).view(np.uint8), stream)
    rest = [*[vector] * epilogue.vector, *[mask] * epilogue.mask]
    product.bound([a, b, c, _tried(WORKSPACE, 0), *rest], stream)()
    y, bits = np.empty((rows, n), product.dtype), np.zeros((rows, row), np.uint8)
    shim.download(shim.part(c, 0, _BYTE, y.nbytes), y.reshape(-1).view(np.uint8), stream)
    if epilogue.mask:
        shim.download(shim.part(mask, 0, _BYTE, bits.nbytes), bits.reshape(-1), stream)
    shim.wait(stream)
    passes = np.unpackbits(bits, axis=1, count=n, bitorder="little").any()
    first = not y[0].any() if backward else np.isnan(y[0]).all()
    return bool(first) and not y[1:].any() and not passes


def _tried(nbytes: int, start: int) -> Any:
    """Memory for a product that is tried out, aligned as that of an arena may be."""
    return shim.part(shim.allocate(nbytes + start, "a product that is tried out"), start, _BYTE, nbytes)


class _Bound:
    """A product with descriptors of its own; they live as long as it.

    algorithm   what cuBLASLt finds best for these addresses, None where it has none
    """

    def __init__(self, product: Product, addresses: Sequence[int], arguments: Sequence[Any], stream: Any) -> None:
        from nvmath.bindings import cublasLt

        kind, compute, number = _TYPES[product.dtype]
        m, n, k, batch = product.shape
        a, b, c, workspace, *rest = addresses
        self._product, self._arguments = product, arguments
        self._description = cublasLt.matmul_desc_create(_TF32 if product.tf32 else compute, kind)
        self._layouts = [
            _layout(kind, *((k, n) if product.flips[1] else (n, k)), batch, product.steps[1]),
            _layout(kind, *((m, k) if product.flips[0] else (k, m)), batch, product.steps[0]),
            _layout(kind, n, m, batch, m * n),
        ]
        weakref.finalize(self, _destroy, cublasLt, self._description, self._layouts).atexit = False
        self._describe(rest)
        self.algorithm = self._best(a, b, c)
        self._numbers = np.array([1, 0], number)
        one, (left, right, result) = self._numbers.ctypes.data, self._layouts
        if self.algorithm is not None:
            self._run = functools.partial(
                cublasLt.matmul, _handle(), self._description, one, b, left, a, right, one + self._numbers.itemsize, c,
                result, c, result, self.algorithm["algo"].ctypes.data, workspace, WORKSPACE, shim.handle(stream),
            )  # fmt: skip

    def __call__(self) -> None:
        self._run()

    def _describe(self, rest: Sequence[int]) -> None:
        """What the product is; `rest` are the addresses of a vector and of a mask, for epilogues that have them.

        They stand here before an algorithm is looked for, since that depends on how they are aligned.
        """
        from nvmath.bindings import cublasLt

        of, flips = cublasLt.MatmulDescAttribute, self._product.flips
        epilogue = _EPILOGUES[self._product.epilogue]
        attributes = {of.TRANSA: int(flips[1]), of.TRANSB: int(flips[0]), of.EPILOGUE: epilogue.number}
        if epilogue.vector:
            attributes[of.BIAS_POINTER] = rest[0]
        if epilogue.mask:
            attributes[of.EPILOGUE_AUX_POINTER] = rest[-1]
            attributes[of.EPILOGUE_AUX_LD] = 8 * mask_row(self._product.shape[1])  # bits
        for attribute, value in attributes.items():
            dtype = cublasLt.get_matmul_desc_attribute_dtype(attribute)
            _put(cublasLt.matmul_desc_set_attribute, dtype, self._description, attribute, value)

    def _best(self, a: int, b: int, c: int) -> np.ndarray | None:
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
        try:
            cublasLt.matmul_algo_get_heuristic(
                _handle(), self._description, left, right, result, result, preference, 1, found.ctypes.data,
                count.ctypes.data,
            )  # fmt: skip
        except cublasLt.cuBLASLtError as error:
            if error.status != _UNSUPPORTED:
                raise
        finally:
            cublasLt.matmul_preference_destroy(preference)
        return found if count[0] else None


def _destroy(library: Any, description: int, layouts: Sequence[int]) -> None:
    for layout in layouts:
        library.matrix_layout_destroy(layout)
    library.matmul_desc_destroy(description)


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
