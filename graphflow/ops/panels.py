"""Matrices in panels: a layout that compilers choose for the right side of a product that is there again and again.

The columns of B [k, n], filled up with zeros to whole vectors, are dealt out to panels of a few vectors each; the rows,
to blocks.  One block lies after the other, in it one panel after the other, and in that one row after the other.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from graphflow.dtypes import FLOATING, DType
from graphflow.operation import Tensor
from graphflow.ops.define import OpDef, define
from graphflow.ops.lowering import Kernel
from graphflow.shape import Dims, sizes


def blocks_of(k: int, depth: int) -> list[tuple[int, int]]:
    """[from, to) of the rows of each block, which has `depth` of them at most."""
    count = max(-(-k // depth), 1)
    return [(k * i // count, k * (i + 1) // count) for i in range(count)]


def panels_of(n: int, lanes: int, vectors: int) -> list[tuple[int, int]]:
    """[from, to) of the columns of each panel, which has `vectors` vectors at most."""
    all_vectors = -(-n // lanes)
    count = -(-all_vectors // vectors)
    return [(all_vectors * i // count * lanes, all_vectors * (i + 1) // count * lanes) for i in range(count)]


def _pieces(k: int, n: int, lanes: int, vectors: int, depth: int) -> Iterator[tuple[slice, slice]]:
    """The rows and columns of each panel of each block."""
    for start, stop in blocks_of(k, depth):
        for left, right in panels_of(n, lanes, vectors):
            yield slice(start, stop), slice(left, right)


def _to_panels(b: np.ndarray, transpose: bool, lanes: int, vectors: int, depth: int) -> np.ndarray:
    b = b.T if transpose else b
    k, n = b.shape
    wide = np.zeros((k, -(-n // lanes) * lanes), b.dtype)
    wide[:, :n] = b
    return np.concatenate([wide[rows, columns].ravel() for rows, columns in _pieces(k, n, lanes, vectors, depth)])


def _panels_matmul(a: np.ndarray, panels: np.ndarray, columns: int, lanes: int, vectors: int, depth: int) -> np.ndarray:
    k, at = a.shape[1], 0
    b = np.zeros((k, panels.size // k), a.dtype)
    for rows, some in _pieces(k, columns, lanes, vectors, depth):
        piece = b[rows, some]
        piece[:] = panels[at : at + piece.size].reshape(piece.shape)
        at += piece.size
    return a @ b[:, :columns]


def _to_panels_infer(b: Tensor, transpose: bool, lanes: int, vectors: int, depth: int) -> tuple[Dims, DType]:
    n, k = sizes(b.dims) if transpose else reversed(sizes(b.dims))
    return (k * -(-n // lanes) * lanes,), b.dtype


def _panels_matmul_infer(
    a: Tensor, panels: Tensor, columns: int, lanes: int, vectors: int, depth: int
) -> tuple[Dims, DType]:
    return (sizes(a.dims)[0], columns), a.dtype


TO_PANELS: OpDef = define(
    "ToPanels", "b",
    infer=_to_panels_infer,
    reference=_to_panels,
    lowering=Kernel("to_panels"),
    types=FLOATING,
)  # fmt: skip

PANELS_MATMUL: OpDef = define(
    "PanelsMatMul", "a panels",
    infer=_panels_matmul_infer,
    reference=_panels_matmul,
    lowering=Kernel("panels_matmul", epilogue=True),
    types=FLOATING,
    flops=lambda op: 2 * sizes(op.output.dims)[0] * sizes(op.output.dims)[1] * sizes(op.inputs[0].dims)[1],
)  # fmt: skip
