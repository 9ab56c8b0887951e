"""TensorFlow's own checkpoints (V2): a table of what there is, and shards with the bytes."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from graphflow.dtypes import DType, as_dtype, string
from graphflow.errors import DataLossError, NotFoundError, UnimplementedError
from graphflow.io.atomic import translated, write_on
from graphflow.io.crc32c import crc32c, masked
from graphflow.io.table import is_table, read_table, write_table
from graphflow.io.wire import BYTES, FIXED32, VARINT, WireError, block, fields, key, read_varint, signed, varint

__all__ = ["SHARD", "BundleReader", "is_table", "write_bundle"]

_CHUNK = 1 << 22
SHARD = ".data-{:05d}-of-{:05d}"


@dataclass(frozen=True)
class _Entry:
    dtype: DType
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    sum: int
    sliced: bool


def _entry(data: bytes) -> _Entry:
    numbers: dict[int, int] = {}
    shape: list[int] = []
    sliced = False
    for number, kind, value in fields(data):
        if number == 2 and kind == BYTES:
            for inner, inner_kind, dim in fields(data, *value):
                if inner == 2 and inner_kind == BYTES:
                    sizes = [v for n, k, v in fields(data, *dim) if n == 1 and k == VARINT]
                    shape.append(signed(sizes[-1]) if sizes else 0)
        elif number == 7:
            sliced = True
        elif kind in (VARINT, FIXED32):
            numbers[number] = value
    dtype = as_dtype(numbers.get(1, 0))
    if min(shape, default=0) < 0:
        raise WireError("at byte 0: a negative size")
    shard, offset, size, total = (numbers.get(n, 0) for n in (3, 4, 5, 6))
    return _Entry(dtype, tuple(shape), shard, offset, size, total, sliced)


class BundleReader:
    """A checkpoint of TensorFlow's, read a tensor at a time."""

    def __init__(self, prefix: str, index: bytes) -> None:
        self._prefix = prefix
        self._path = f"{prefix}.index"
        table = read_table(index, self._path)
        self._shards = 1
        self._entries: dict[str, _Entry] = {}
        self._sound: set[str] = set()  # whose bytes have been compared with their sums
        for name, value in table.items():
            try:
                if name:
                    self._entries[name.decode()] = _entry(value)
                else:
                    header = {number: found for number, kind, found in fields(value) if kind == VARINT}
                    self._shards = header.get(1, 1)
                    if header.get(2, 0):
                        raise UnimplementedError.because(f"{self._path}: big-endian checkpoints are not read")
            except (WireError, TypeError, UnicodeDecodeError) as error:
                raise DataLossError.because(f"{self._path}: the entry {name!r} is damaged: {error}") from None

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """The shape of each tensor, by name."""
        return {name: list(entry.shape) for name, entry in self._entries.items()}

    def get_variable_to_dtype_map(self) -> dict[str, DType]:
        """The dtype of each tensor, by name."""
        return {name: entry.dtype for name, entry in self._entries.items()}

    def has_tensor(self, tensor_str: str) -> bool:
        return tensor_str in self._entries

    def verify(self, names: Sequence[str]) -> None:
        """DataLossError when the bytes of one of these are not those that were saved."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._verify, set(names) - self._sound))

    def _verify(self, name: str) -> None:
        entry = self._entries.get(name)
        if entry is None or entry.sliced or entry.dtype is string:
            self.get_tensor(name)  # which finds what is wrong
        else:
            self._check_sum(name, entry)
        self._sound.add(name)

    def _check_sum(self, name: str, entry: _Entry) -> None:
        total = 0
        with self._opened(entry, name) as file:
            for start in range(0, entry.size, _CHUNK):
                total = crc32c(file.read(min(_CHUNK, entry.size - start)), total)
        if masked(total) != entry.sum:
            raise DataLossError.because(
                f"{self._shard(entry)}: at byte {entry.offset}: the data of {name!r} are damaged"
            )

    def has_file(self, path: str) -> bool:
        """Whether a file of data belongs to this checkpoint."""
        return path.endswith(SHARD.format(0, self._shards)[-9:])

    def get_tensor(self, tensor_str: str) -> np.ndarray:
        """The value of a tensor.   Raises: NotFoundError for another name, DataLossError for damaged bytes."""
        entry = self._entries.get(tensor_str)
        if entry is None:
            raise NotFoundError.because(f"{tensor_str!r} is not in {self._path}")
        if entry.sliced:
            raise UnimplementedError.because(f"{self._path}: {tensor_str!r} is stored in slices")
        if entry.dtype is string:
            with self._opened(entry, tensor_str) as file:
                data = file.read(entry.size)
            try:
                return _strings(data, entry)
            except WireError as error:
                raise DataLossError.because(f"{self._shard(entry)}: in {tensor_str!r}: {error}") from None
        if tensor_str not in self._sound:
            self._verify(tensor_str)
        array = np.empty(entry.shape, entry.dtype.dtype.newbyteorder("<"))
        with self._opened(entry, tensor_str) as file:
            if file.readinto(array.reshape(-1).view(np.uint8).data) < entry.size:  # type: ignore[attr-defined]
                raise DataLossError.because(
                    f"{self._shard(entry)}: at byte {entry.offset}: the file ends within {tensor_str!r}"
                )
        return array.astype(entry.dtype.dtype, copy=False)

    def _shard(self, entry: _Entry) -> str:
        return self._prefix + SHARD.format(entry.shard, self._shards)

    @contextmanager
    def _opened(self, entry: _Entry, name: str) -> Iterator[BinaryIO]:
        """The file of a tensor where its bytes start; all of them are there."""
        path = self._shard(entry)
        try:
            with open(path, "rb") as file:
                left = os.fstat(file.fileno()).st_size - entry.offset
                expected = math.prod(entry.shape) * entry.dtype.size
                if entry.size > left or entry.dtype is not string and entry.size != expected:
                    raise DataLossError.because(
                        f"{path}: at byte {entry.offset}: {name!r} claims {entry.size} bytes of {max(left, 0)}"
                    )
                file.seek(entry.offset)
                yield file
        except OSError as error:
            raise translated(error, path) from None


def _strings(data: bytes, entry: _Entry) -> np.ndarray:
    """Lengths as varints, a checksum of them, the bytes; the checksum is over four bytes a length."""
    count, at, lengths = math.prod(entry.shape), 0, []
    if count > len(data):
        raise WireError(f"at byte {entry.offset}: {count} strings in {len(data)} bytes")
    for _ in range(count):
        length, at = read_varint(data, at, len(data))
        lengths.append(length)
    total = crc32c(b"".join(map(_length, lengths)))
    if data[at : at + 4] != masked(total).to_bytes(4, "little") or at + 4 + sum(lengths) != len(data):
        raise WireError(f"at byte {entry.offset}: the lengths of strings are damaged")
    if masked(crc32c(data[at:], total)) != entry.sum:
        raise WireError(f"at byte {entry.offset}: the bytes of strings are damaged")
    at += 4
    out = np.empty(count, object)
    for i, length in enumerate(lengths):
        out[i] = data[at : at + length]
        at += length
    return out.reshape(entry.shape)


def _length(length: int) -> bytes:
    return length.to_bytes(4 if length < 1 << 32 else 8, "little")


def write_bundle(file: BinaryIO, arrays: Mapping[str, np.ndarray], shards: int) -> Callable[[], bytes]:
    """Write arrays as TensorFlow does, all to the first of so many shards; what is given waits for the index's bytes.

    The checksums are worked out beside the writing, and go on while the disk is busy.
    """
    header = key(1, VARINT) + varint(shards) + block(3, key(1, VARINT) + varint(1))
    entries = {b"": header}
    offset, sums = 0, {}
    other = ThreadPoolExecutor(1)
    for name in sorted(arrays):
        array = arrays[name]
        dtype = as_dtype(array.dtype)
        data, before, start = _string_bytes(array) if dtype is string else (_number_bytes(array), 0, 0)
        sums[name.encode()] = other.submit(crc32c, data[start:], before)
        write_on(file, data)
        dims = b"".join(block(2, key(1, VARINT) + varint(size)) for size in array.shape)
        entries[name.encode()] = b"".join([
            key(1, VARINT), varint(dtype.as_datatype_enum), block(2, dims),
            key(4, VARINT) + varint(offset) if offset else b"", key(5, VARINT), varint(len(data)), key(6, FIXED32),
        ])  # fmt: skip
        offset += len(data)
    other.shutdown(wait=False)

    def index() -> bytes:
        summed = {name: masked(total.result()).to_bytes(4, "little") for name, total in sums.items()}
        return write_table({name: entry + summed.get(name, b"") for name, entry in entries.items()})

    return index


def _number_bytes(array: np.ndarray) -> memoryview:
    little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
    return little.reshape(-1).view(np.uint8).data


def _string_bytes(array: np.ndarray) -> tuple[bytes, int, int]:
    """The bytes; the sum of the lengths, which goes on over the bytes; where these start."""
    lengths = [len(text) for text in array.flat]
    total = crc32c(b"".join(map(_length, lengths)))
    head = b"".join(map(varint, lengths))
    return head + masked(total).to_bytes(4, "little") + b"".join(array.flat), total, len(head)
