"""The wire format of protocol buffers: keys, varints, fixed numbers and bytes with a length in front."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class WireError(ValueError):
    """Bytes that are no message; the text says at which byte."""


_SHORT = [bytes([value]) for value in range(0x80)]


def varint(value: int) -> bytes:
    """A whole number, low groups of seven bits first; negative ones as 64 bits."""
    if 0 <= value < 0x80:  # as most are
        return _SHORT[value]
    value &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


@functools.cache
def key(number: int, kind: int) -> bytes:
    """What stands in front of a field."""
    return varint(number << 3 | kind)


def block(number: int, data: bytes) -> bytes:
    """A field of bytes, text or an inner message."""
    return key(number, BYTES) + varint(len(data)) + data


def read_varint(data: Any, at: int, end: int) -> tuple[int, int]:
    """(the number at this byte, where it ends)."""
    value = shift = 0
    start = at
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
    raise WireError(f"at byte {start}: a number that does not end")


def signed(value: int) -> int:
    """A varint as the signed 64-bit number that it stands for."""
    return value - (1 << 64) if value >> 63 else value


def fields(data: Any, at: int = 0, end: int | None = None) -> Iterator[tuple[int, int, Any]]:
    """(number, kind, value) of each field of a message: ints, or (start, stop) for bytes.

    Raises: WireError when the bytes between `at` and `end` are no message.
    """
    end = len(data) if end is None else end
    while at < end:
        start = at
        tag, at = read_varint(data, at, end)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            value, at = read_varint(data, at, end)
            yield number, kind, value
        elif kind == BYTES:
            size, at = read_varint(data, at, end)
            if size > end - at:
                raise WireError(f"at byte {start}: a field claims {size} bytes, and {end - at} are left")
            yield number, kind, (at, at + size)
            at += size
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
            if size > end - at:
                raise WireError(f"at byte {start}: a number is cut off")
            yield number, kind, int.from_bytes(data[at : at + size], "little")
            at += size
        else:
            raise WireError(f"at byte {start}: there are no fields of kind {kind}")
        if number == 0:
            raise WireError(f"at byte {start}: field 0")
