"""The scalar types of protocol messages: how values are checked, written and read."""

from __future__ import annotations

import operator
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from graphflow.io.wire import BYTES, FIXED32, FIXED64, VARINT, WireError, signed, varint


class Enum:
    """Names of whole numbers, for the text of messages."""

    def __init__(self, **numbers: int) -> None:
        self.numbers = numbers
        self.names = {number: name for name, number in reversed(numbers.items())}


def _whole(bits: int, signed: bool) -> Callable[[Any], int]:
    low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)

    def check(value: Any) -> int:
        number = operator.index(value)
        if not low <= number < high:
            raise ValueError(f"value out of range: {number}")
        return number

    return check


def _double(value: Any) -> float:
    if isinstance(value, (str, bytes)):
        raise TypeError(f"a number is needed, not {value!r}")
    return float(value)


def _float32(value: Any) -> float:
    return float(np.float32(_double(value)))


def _text(value: Any) -> str:
    if not isinstance(value, (str, bytes)):
        raise TypeError(f"a string is needed, not {value!r}")
    return value if isinstance(value, str) else value.decode()


def _bytes(value: Any) -> bytes:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"bytes are needed, not {value!r}")
    return bytes(value)


class Kind(NamedTuple):
    """How values of one type are checked, and written as and read from what the wire has: an int, or bytes."""

    wire: int
    default: Any
    check: Callable[[Any], Any]
    write: Callable[[Any], bytes]
    read: Callable[[Any], Any]


def _fixed(code: str, wire: int, default: Any, check: Callable) -> Kind:
    size = struct.calcsize(code)
    return Kind(wire, default, check, struct.Struct(f"<{code}").pack,
                 lambda raw: struct.unpack(f"<{code}", raw.to_bytes(size, "little"))[0])  # fmt: skip


ENUM = Kind(VARINT, 0, _whole(32, True), varint, lambda raw: signed(raw))
KINDS = {
    "int32": ENUM,
    "int64": Kind(VARINT, 0, _whole(64, True), varint, signed),
    "uint32": Kind(VARINT, 0, _whole(32, False), varint, int),
    "uint64": Kind(VARINT, 0, _whole(64, False), varint, int),
    "bool": Kind(VARINT, False, bool, varint, bool),
    "float": _fixed("f", FIXED32, 0.0, _float32),
    "double": _fixed("d", FIXED64, 0.0, _double),
    "fixed32": _fixed("I", FIXED32, 0, _whole(32, False)),
    "fixed64": _fixed("Q", FIXED64, 0, _whole(64, False)),
    "string": Kind(BYTES, "", _text, str.encode, bytes.decode),
    "bytes": Kind(BYTES, b"", _bytes, bytes, bytes),
}


def sized(kind: Kind, value: Any) -> bytes:
    data = kind.write(value)
    return varint(len(data)) + data if kind.wire == BYTES else data


def scalar(kind: Kind, name: str, data: bytes, wire: int, raw: Any) -> Any:
    if wire != kind.wire:
        raise WireError(f"field {name!r} has the kind {wire} in place of {kind.wire}")
    try:
        return kind.read(bytes(data[raw[0] : raw[1]]) if wire == BYTES else raw)
    except UnicodeDecodeError:
        raise WireError(f"at byte {raw[0]}: {name!r} is no text") from None
