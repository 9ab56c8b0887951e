"""The safetensors format: eight bytes with the length of a JSON header, the header, then the raw data.

What the format has no type for is noted in the header's metadata: complex numbers are pairs of floats, strings are
their lengths (uint64) and then their bytes.
"""

from __future__ import annotations

import json
import math
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from graphflow.dtypes import DType, as_dtype, string
from graphflow.errors import DataLossError
from graphflow.io.atomic import write_on

_CODES = {
    "float16": "F16", "float32": "F32", "float64": "F64", "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64",
    "uint8": "U8", "uint16": "U16", "uint32": "U32", "uint64": "U64", "bool": "BOOL",
}  # fmt: skip
_NAMES = {code: name for name, code in _CODES.items()}
_PARTS = {"complex64": "float32", "complex128": "float64"}
_OWN = "graphflow"  # the metadata's key
_CHUNK = 1 << 22


@dataclass(frozen=True)
class Entry:
    """One tensor of a file: its type as the program sees it, and where its bytes are."""

    dtype: DType
    shape: tuple[int, ...]
    start: int
    stop: int


def write(file: BinaryIO, arrays: Mapping[str, np.ndarray]) -> Callable[[], dict[str, int]]:
    """Write named arrays; what is given waits for the CRC-32 of the bytes of each.  No copy is made but of strings.

    The sums are worked out beside the writing, and go on while the disk is busy.
    """
    header: dict[str, Any] = {}
    own: dict[str, dict] = {}
    offset = 0
    for name, array in arrays.items():
        dtype, shape = as_dtype(array.dtype), list(array.shape)
        size = array.nbytes
        code, stored = _CODES.get(dtype.name), shape
        if dtype is string:
            size = sum(8 + len(text) for text in array.flat)
            code, stored = "U8", [size]
        elif dtype.name in _PARTS:
            code, stored = _CODES[_PARTS[dtype.name]], [*shape, 2]
        if code is None or stored is not shape:
            own[name] = {"dtype": dtype.name, "shape": shape}
        header[name] = {"dtype": code, "shape": stored, "data_offsets": [offset, offset + size]}
        offset += size
    if own:
        header["__metadata__"] = {_OWN: json.dumps(own)}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    sums = {}
    other = ThreadPoolExecutor(1)
    for name, array in arrays.items():
        parts = list(_parts(array))
        sums[name] = other.submit(_sum, parts)
        for part in parts:
            write_on(file, part)
    other.shutdown(wait=False)
    return lambda: {name: total.result() for name, total in sums.items()}


def _sum(parts: Iterable[Any]) -> int:
    total = 0
    for part in parts:
        total = zlib.crc32(part, total)
    return total


def _parts(array: np.ndarray) -> Iterator[Any]:
    if array.dtype == object:
        yield np.array([len(text) for text in array.flat], "<u8").tobytes()
        yield from array.flat
        return
    little = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
    data = np.ascontiguousarray(little).reshape(-1).view(np.uint8).data
    for start in range(0, len(data), _CHUNK):
        yield data[start : start + _CHUNK]


def read_header(file: BinaryIO, path: str) -> dict[str, Entry]:
    """What is in a file, checked against its size.   Raises: DataLossError with the path for anything else."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > size - 8:
        raise DataLossError.because(f"{path}: at byte 0: the header claims {length} bytes, and the file has {size}")
    try:
        header = json.loads(file.read(length))
        own = json.loads(header.pop("__metadata__", {}).get(_OWN, "{}"))
        entries = {name: _entry(found, own.get(name)) for name, found in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataLossError.because(f"{path}: at byte 8: this is no header of tensors: {error}") from None
    start, end = 8 + length, 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1].start):
        if entry.start != end or start + entry.stop > size:
            raise DataLossError.because(f"{path}: at byte {start + end}: the data of {name!r} are not there")
        end = entry.stop
    return {n: Entry(e.dtype, e.shape, start + e.start, start + e.stop) for n, e in entries.items()}


def _entry(found: dict, own: dict | None) -> Entry:
    begin, end = map(int, found["data_offsets"])
    stored = as_dtype(_NAMES[found["dtype"]])
    shape = tuple(int(n) for n in found["shape"])
    if min(shape, default=0) < 0 or begin < 0 or end - begin != math.prod(shape) * stored.size:
        raise ValueError("sizes that do not fit")
    if own is None:
        return Entry(stored, shape, begin, end)
    dtype, shape = as_dtype(own["dtype"]), tuple(int(n) for n in own["shape"])
    least = math.prod(shape) * (8 if dtype is string else dtype.size)
    if min(shape, default=0) < 0 or end - begin < least or dtype is not string and end - begin != least:
        raise ValueError("sizes that do not fit")
    return Entry(dtype, shape, begin, end)


def checksum(file: BinaryIO, entry: Entry) -> int:
    """The CRC-32 of a tensor's bytes."""
    file.seek(entry.start)
    total, left = 0, entry.stop - entry.start
    while left:
        part = file.read(min(left, _CHUNK))
        if not part:
            break
        total = zlib.crc32(part, total)
        left -= len(part)
    return total


def read_tensor(file: BinaryIO, entry: Entry, path: str) -> np.ndarray:
    """The array of an entry.   Raises: DataLossError when the file ends early."""
    file.seek(entry.start)
    if entry.dtype is string:
        return _strings(file.read(entry.stop - entry.start), entry, path)
    array = np.empty(entry.shape, entry.dtype.dtype.newbyteorder("<"))
    if file.readinto(array.reshape(-1).view(np.uint8).data) != array.nbytes:  # type: ignore[attr-defined]
        raise DataLossError.because(f"{path}: at byte {entry.start}: the file ends in the middle of a tensor")
    return array.astype(entry.dtype.dtype, copy=False)


def _strings(data: bytes, entry: Entry, path: str) -> np.ndarray:
    count = math.prod(entry.shape)
    lengths = np.frombuffer(data, "<u8", count).tolist() if len(data) >= 8 * count else [-1]
    if 8 * count + sum(lengths) != len(data):
        raise DataLossError.because(f"{path}: at byte {entry.start}: the lengths of strings do not fit their bytes")
    out, at = np.empty(count, object), 8 * count
    for i, length in enumerate(lengths):
        out[i] = data[at : at + length]
        at += length
    return out.reshape(entry.shape)
