"""Sorted tables of keys and values, the format of LevelDB that TensorFlow keeps its indexes in.

Blocks of entries with shared prefixes, each with a byte that says how it is compressed and a masked CRC-32C; an index
block; and 48 bytes at the end that say where that is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graphflow.errors import DataLossError
from graphflow.io.crc32c import crc32c, masked
from graphflow.io.snappy import decompress
from graphflow.io.wire import WireError, read_varint, varint

_MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")
_FOOTER = 48
_TRAILER = 5
_BLOCK = 4096
_RESTART = 16


def is_table(data: bytes) -> bool:
    """Whether these are the bytes of a table."""
    return len(data) >= _FOOTER and data[-8:] == _MAGIC


def read_table(data: bytes, path: str) -> dict[bytes, bytes]:
    """All entries.   Raises: DataLossError with the path and the byte."""
    if not is_table(data):
        raise DataLossError.because(f"{path}: at byte {max(len(data) - 8, 0)}: this is not the end of a table")
    footer = len(data) - _FOOTER
    try:
        _, at = _handle(data, footer)
        found, _ = _handle(data, at)
        entries: dict[bytes, bytes] = {}
        for _, where in _entries(_block(data, *found), found[0]):
            inner, _ = _handle(where, 0)
            entries.update(_entries(_block(data, *inner), inner[0]))
        return entries
    except (WireError, IndexError) as error:
        raise DataLossError.because(f"{path}: {error}") from None


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    offset, at = read_varint(data, at, len(data))
    size, at = read_varint(data, at, len(data))
    return (offset, size), at


def _block(data: bytes, offset: int, size: int) -> bytes:
    """The contents of a block, checked and decompressed."""
    end = offset + size
    if end + _TRAILER > len(data):
        raise WireError(f"at byte {offset}: a block claims {size} bytes, and the file has {len(data)}")
    if masked(crc32c(data[offset : end + 1])) != int.from_bytes(data[end + 1 : end + _TRAILER], "little"):
        raise WireError(f"at byte {offset}: the checksum of a block does not fit")
    if data[end] not in (0, 1):
        raise WireError(f"at byte {end}: compression {data[end]} is not known")
    return decompress(data[offset:end]) if data[end] else data[offset:end]


def _entries(block: bytes, offset: int) -> Iterator[tuple[bytes, bytes]]:
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 * restarts - 4
    if len(block) < 4 or end < 0:
        raise WireError(f"at byte {offset}: a block without its end")
    key, at = b"", 0
    while at < end:
        shared, at = read_varint(block, at, end)
        own, at = read_varint(block, at, end)
        size, at = read_varint(block, at, end)
        if shared > len(key) or own + size > end - at:
            raise WireError(f"at byte {offset + at}: an entry that its block has no place for")
        key = key[:shared] + block[at : at + own]
        yield key, block[at + own : at + own + size]
        at += own + size


def write_table(entries: Mapping[bytes, bytes]) -> bytes:
    """The bytes of a table, not compressed."""
    out = bytearray()
    index: dict[bytes, bytes] = {}
    group: dict[bytes, bytes] = {}
    for key in sorted(entries):
        group[key] = entries[key]
        if sum(len(k) + len(v) for k, v in group.items()) >= _BLOCK:
            index[key] = _append(out, group)
            group = {}
    if group:
        index[max(group)] = _append(out, group)
    meta = _append(out, {})
    footer = meta + _append(out, index)
    return bytes(out + footer.ljust(_FOOTER - 8, b"\0") + _MAGIC)


def _append(out: bytearray, entries: Mapping[bytes, bytes]) -> bytes:
    """Add a block; gives its handle."""
    block, starts, before = bytearray(), [0], b""
    for number, (key, value) in enumerate(entries.items()):
        shared = 0
        if number % _RESTART:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        elif number:
            starts.append(len(block))
        block += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    for start in starts:
        block += start.to_bytes(4, "little")
    block += len(starts).to_bytes(4, "little") + b"\0"
    handle = varint(len(out)) + varint(len(block) - 1)
    out += block + masked(crc32c(bytes(block))).to_bytes(4, "little")
    return handle
