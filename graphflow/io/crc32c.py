"""CRC-32C (Castagnoli), the checksum of TensorFlow's files, eight bytes a step."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from graphflow.backends import called_alone

_POLYNOMIAL = 0x82F63B78
_DELTA = 0xA282EAD8


_BLOCK = 4096  # bytes; four blocks are summed at a time, so that their look-ups do not wait for each other


@functools.cache
def tables() -> np.ndarray:
    """int64 [12 * 256]: what a byte at each of eight places adds; what each byte of a sum becomes a block later."""
    table: np.ndarray = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = (table >> 1) ^ np.where(table & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
    rows = [table]
    for _ in range(7):
        rows.append((rows[-1] >> 8) ^ table[rows[-1] & 0xFF])
    bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
    moved = (bits >> 8) ^ table[bits & 0xFF]  # what each bit becomes a byte later; then two, four, ... bytes
    for _ in range(_BLOCK.bit_length() - 1):
        moved = _apply(moved, moved)
    for place in range(4):
        rows.append(_apply(moved, np.arange(256, dtype=np.uint32) << np.uint32(8 * place)))
    return np.concatenate(rows).astype(np.int64)


def _apply(matrix: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The linear map that takes bit i to matrix[i], of each value."""
    chosen = values[:, None] >> np.arange(32, dtype=np.uint32) & 1
    return np.bitwise_xor.reduce(chosen * matrix, axis=1)


def _eight(data, table, value, i):  # type: ignore
    """The register after eight bytes more."""
    low = value ^ np.int64(data[i] | data[i + 1] << 8 | data[i + 2] << 16 | data[i + 3] << 24)
    return (
        table[1792 + (low & 0xFF)] ^ table[1536 + (low >> 8 & 0xFF)]
        ^ table[1280 + (low >> 16 & 0xFF)] ^ table[1024 + (low >> 24 & 0xFF)]
        ^ table[768 + data[i + 4]] ^ table[512 + data[i + 5]]
        ^ table[256 + data[i + 6]] ^ table[np.int64(data[i + 7])]
    )  # fmt: skip


def _block_later(table, value):  # type: ignore
    """The register after a block of zeros more."""
    return (
        table[2048 + (value & 0xFF)] ^ table[2304 + (value >> 8 & 0xFF)]
        ^ table[2560 + (value >> 16 & 0xFF)] ^ table[2816 + (value >> 24 & 0xFF)]
    )  # fmt: skip


def extended(data, table, value, start, stop):  # type: ignore
    """The sum `value`, extended by data[start:stop].   For kernels: numbers are int64, data a pointer to bytes."""
    value ^= 0xFFFFFFFF
    i = start
    while i + 4 * _BLOCK <= stop:
        second, third, fourth = np.int64(0), np.int64(0), np.int64(0)
        for _ in range(_BLOCK // 8):
            value = _eight(data, table, value, i)
            second = _eight(data, table, second, i + _BLOCK)
            third = _eight(data, table, third, i + 2 * _BLOCK)
            fourth = _eight(data, table, fourth, i + 3 * _BLOCK)
            i += 8
        value = _block_later(table, value) ^ second
        value = _block_later(table, value) ^ third
        value = _block_later(table, value) ^ fourth
        i += 3 * _BLOCK
    while i + 8 <= stop:
        value = _eight(data, table, value, i)
        i += 8
    while i < stop:
        value = table[(value ^ np.int64(data[i])) & 0xFF] ^ value >> 8
        i += 1
    return value ^ 0xFFFFFFFF


def sum_bytes(data, table, state, start, stop, tid, nthreads):  # type: ignore
    """state[0]: the sum, extended by data[start:stop]."""
    state[0] = extended(data, table, state[0], start, stop)


def crc32c(data: Any, before: int = 0) -> int:
    """The sum of some bytes; `before` is the sum of those that stand in front of them."""
    array = np.frombuffer(data, np.uint8)
    state = np.array([before], np.int64)
    sum_ = called_alone(sum_bytes, ("uint8", "int64", "int64"), 2)
    sum_((array, tables(), state), 0, len(array))
    return int(state[0])


def masked(value: int) -> int:
    """A sum as files store it, so that the sum of what has sums inside is no special number."""
    return ((value >> 15 | value << 17) + _DELTA) & 0xFFFFFFFF


def unmasked(value: int) -> int:
    """The sum behind a stored one."""
    value = (value - _DELTA) & 0xFFFFFFFF
    return (value >> 17 | value << 15) & 0xFFFFFFFF
