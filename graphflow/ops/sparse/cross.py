"""Crosses of features: all combinations of the values of several columns in a row, each in a bucket by its hash."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.dtypes import int64, string
from graphflow.operation import Tensor
from graphflow.ops.basic import cast
from graphflow.ops.define import NO_GRADIENT, convert_to_tensor, define
from graphflow.ops.fingerprint import cat64, fingerprint64
from graphflow.ops.infer import require_rank
from graphflow.ops.shape_ops import refuse
from graphflow.ops.sparse.tensor import SparseTensor

HASH_KEY = 0xDECAFCAFFE
_MASK = (1 << 64) - 1


def _rows(indices: np.ndarray, values: np.ndarray, count: int) -> list[list[int]]:
    """The fingerprints of each row's values; that of a number is the number."""
    found: list[list[int]] = [[] for _ in range(count)]
    for row, value in zip(indices[:, 0].tolist(), values.tolist(), strict=True):
        found[row].append(fingerprint64(value) if isinstance(value, bytes) else value & _MASK)
    return found


def _dense_rows(values: np.ndarray) -> list[list[int]]:
    return [[fingerprint64(v) if isinstance(v, bytes) else v & _MASK for v in row] for row in values.tolist()]


def _crossed(*arrays: np.ndarray, sparse: int, buckets: int, key: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    parts, dense = arrays[: 3 * sparse], arrays[3 * sparse :]
    counts = {int(shape[0]) for shape in parts[2::3]} | {len(values) for values in dense}
    if len(counts) != 1:
        raise refuse(f"the columns to cross have {', '.join(map(str, sorted(counts)))} rows, which must be one number")
    count = counts.pop()
    columns = [_rows(parts[3 * i], parts[3 * i + 1], count) for i in range(sparse)] + [_dense_rows(v) for v in dense]
    indices, values, most = [], [], 0
    for row in range(count):
        combinations = list(itertools.product(*(column[row] for column in columns)))
        most = max(most, len(combinations))
        for place, combination in enumerate(combinations):
            total = key
            for fingerprint in combination:
                total = cat64(total, fingerprint)
            indices.append((row, place))
            values.append(total % (buckets or (1 << 63) - 1))
    return np.array(indices, np.int64).reshape(-1, 2), np.array(values, np.int64), np.array([count, most], np.int64)


def _infer(*inputs: Tensor, sparse: int, buckets: int, key: int) -> list:
    for values in inputs[3 * sparse :]:
        require_rank(values, 2, "a dense column to cross")
    return [((None, 2), int64), ((None,), int64), ((2,), int64)]


SPARSE_CROSS = define("SparseCross", "*columns:any", _infer, _crossed, vjp=NO_GRADIENT)


def sparse_cross_hashed(
    inputs: Sequence[Any], num_buckets: int = 0, hash_key: int | None = None, name: str | None = None
) -> SparseTensor:
    """For each row, the buckets of all combinations of a value of each column; those of sparse columns come first.

    inputs  SparseTensors or tensors [n, ...] of strings or integers
    Shapes: -> SparseTensor [n, greatest number of combinations], int64, buckets in [0, num_buckets).   No gradient.
    """
    columns = [x if isinstance(x, SparseTensor) else convert_to_tensor(x) for x in inputs]
    columns = [x if x.dtype is string else cast(x, int64) for x in columns]
    sparse = [x for x in columns if isinstance(x, SparseTensor)]
    parts = [part for x in sparse for part in x.feed_components()]
    parts += [x for x in columns if isinstance(x, Tensor)]
    key = HASH_KEY if hash_key is None else hash_key
    made = SPARSE_CROSS(*parts, sparse=len(sparse), buckets=int(num_buckets), key=int(key), name=name)
    return SparseTensor(*made)
