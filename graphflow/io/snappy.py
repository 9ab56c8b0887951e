"""Snappy's block format, for reading."""

from __future__ import annotations

from graphflow.io.wire import WireError, read_varint

_LARGEST = 1 << 30


def decompress(data: bytes) -> bytes:
    """What a block stands for.   Raises: WireError for bytes that no compressor makes."""
    size, at = read_varint(data, 0, len(data))
    out = bytearray()
    if size > min(_LARGEST, 64 * len(data)):  # an element of three bytes makes 64
        raise WireError(f"at byte 0: a block claims {size} bytes, more than it can hold")
    while at < len(data):
        tag, start = data[at], at
        at += 1
        if tag & 3 == 0:
            length = tag >> 2
            if length >= 60:
                extra = length - 59
                length = int.from_bytes(data[at : at + extra], "little")
                at += extra
            length += 1
            out += data[at : at + length]
            at += length
        else:
            extra = (1, 2, 4)[(tag & 3) - 1]
            offset = int.from_bytes(data[at : at + extra], "little")
            at += extra
            length = (tag >> 2) + 1
            if tag & 3 == 1:
                offset |= (tag >> 5) << 8
                length = (tag >> 2 & 7) + 4
            if not 0 < offset <= len(out):
                raise WireError(f"at byte {start}: a copy from before the start")
            for _ in range(length):  # what is copied may be what is being written
                out.append(out[-offset])
        if at > len(data) or len(out) > size:
            raise WireError(f"at byte {start}: a block that is cut off or longer than it says")
    if len(out) != size:
        raise WireError(f"at byte {len(data)}: a block of {len(out)} bytes claims {size}")
    return bytes(out)
