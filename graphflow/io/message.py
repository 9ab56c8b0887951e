"""Protocol messages as Python objects: fields by number, and the methods that programs call."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, NamedTuple

from graphflow.io.wire import (
    BYTES,
    FIXED32,
    FIXED64,
    VARINT,
    WireError,
    block,
    fields,
    key,
    read_varint,
    signed,
    varint,
)


class DecodeError(ValueError):
    """Bytes that are no message of a type."""


class Kind(NamedTuple):
    """How single values of a scalar type are written, and read from what the wire has."""

    wire: int
    default: Any
    check: Callable[[Any], Any]
    write: Callable[[Any], bytes]
    read: Callable[[Any], Any]


def _whole(value: Any) -> int:
    if isinstance(value, float) or not hasattr(value, "__index__"):
        raise TypeError(f"{value!r} has type {type(value).__name__}, but a whole number is expected")
    number = value.__index__()
    if not -(1 << 63) <= number < 1 << 64:
        raise ValueError(f"{number} does not fit into 64 bits")
    return number


def _bytes(value: Any) -> bytes:
    if not isinstance(value, (bytes, bytearray)):
        raise TypeError(f"{value!r} has type {type(value).__name__}, but bytes are expected")
    return bytes(value)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _real(value: Any) -> float:
    if isinstance(value, (str, bytes)):
        raise TypeError(f"{value!r} has type {type(value).__name__}, but a number is expected")
    return float(value)


def _float32(value: Any) -> float:
    number = _real(value)
    try:
        return struct.unpack("<f", struct.pack("<f", number))[0]
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


INT = Kind(VARINT, 0, _whole, varint, signed)
UINT = Kind(VARINT, 0, _whole, varint, int)
BOOL = Kind(VARINT, False, bool, lambda v: varint(int(v)), bool)
FLOAT = Kind(FIXED32, 0.0, _float32, struct.Struct("<f").pack, lambda v: struct.unpack("<f", struct.pack("<I", v))[0])
DOUBLE = Kind(FIXED64, 0.0, _real, struct.Struct("<d").pack, lambda v: struct.unpack("<d", struct.pack("<Q", v))[0])
DATA = Kind(BYTES, b"", _bytes, lambda v: varint(len(v)) + v, bytes)
TEXT = Kind(BYTES, "", _text, lambda v: varint(len(v.encode())) + v.encode(), lambda v: v.decode())


class Field(NamedTuple):
    """One field: its number, a Kind or the class of an inner message, and whether it is a list or a map by text.

    oneof   the name of the group of which only one field is set
    """

    number: int
    type: Any
    repeated: bool = False
    map: bool = False
    oneof: str = ""


class Message:
    """A message.  Fields are attributes; unset ones have defaults, and inner messages come to be when they change."""

    FIELDS: ClassVar[dict[str, Field]] = {}

    def __init__(self, **values: Any) -> None:
        object.__setattr__(self, "_values", {})
        object.__setattr__(self, "_changed", None)
        for name, value in values.items():
            if value is not None:
                self._put(name, value)

    def _put(self, name: str, value: Any) -> None:
        field = self._field(name)
        if field.map:
            for inner, item in value.items():
                getattr(self, name)[inner].CopyFrom(item)
        elif field.repeated:
            getattr(self, name).extend(value)
        elif isinstance(field.type, Kind):
            setattr(self, name, value)
        else:
            made = field.type(**value) if isinstance(value, dict) else value
            getattr(self, name).CopyFrom(made)

    def _field(self, name: str) -> Field:
        if name not in self.FIELDS:
            raise ValueError(f"{type(self).__name__} has no field {name!r}; it has {', '.join(self.FIELDS)}")
        return self.FIELDS[name]

    def _touch(self) -> None:
        """This message is set now, and so are those around it."""
        if self._changed is not None:
            self._changed()

    def _set(self, name: str, value: Any) -> None:
        group = self.FIELDS[name].oneof
        if group and name not in self._values:
            for other, field in self.FIELDS.items():
                if field.oneof == group:
                    self._values.pop(other, None)
        self._values[name] = value
        self._touch()

    def __getattr__(self, name: str) -> Any:
        field = self.FIELDS.get(name)
        if field is None:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}")
        if name in self._values:
            return self._values[name]
        if isinstance(field.type, Kind) and not field.repeated:
            return field.type.default
        made: Any
        if field.map:
            made = _Map(field.type)
        elif field.repeated:
            made = _List(field.type)
        else:
            made = field.type()
        object.__setattr__(made, "_changed", lambda: self._set(name, made))
        if field.repeated or field.map:  # empty ones are as good as unset
            self._values[name] = made
        return made

    def __setattr__(self, name: str, value: Any) -> None:
        field = self.FIELDS.get(name)
        if field is None:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}")
        if field.repeated or field.map or not isinstance(field.type, Kind):
            raise AttributeError(
                f"the field {name!r} of {type(self).__name__} cannot be assigned: use extend or CopyFrom"
            )
        self._set(name, field.type.check(value))

    # -- what is set -----------------------------------------------------------------------------------------------
    def HasField(self, field_name: str) -> bool:
        """Whether a field, or one of a group, is set."""
        if any(field.oneof == field_name for field in self.FIELDS.values()):
            return self.WhichOneof(field_name) is not None
        if self._field(field_name).repeated:
            raise ValueError(f"the field {field_name!r} is a list: it has a length, and is not set or unset")
        return field_name in self._values

    def WhichOneof(self, oneof_group: str) -> str | None:
        """Which field of a group is set."""
        return next((n for n, f in self.FIELDS.items() if f.oneof == oneof_group and n in self._values), None)

    def ClearField(self, field_name: str) -> None:
        """Unset a field."""
        self._field(field_name)
        self._values.pop(field_name, None)

    def Clear(self) -> None:
        """Unset all fields."""
        self._values.clear()

    def SetInParent(self) -> None:
        """Count as set, empty or not."""
        self._touch()

    def IsInitialized(self) -> bool:
        return True

    def ListFields(self) -> list[tuple[str, Any]]:
        """(name, value) of the fields that are set, in the order of their numbers."""
        return [(name, value) for name, value in self._ordered()]

    def _ordered(self) -> Iterator[tuple[str, Any]]:
        for name, field in sorted(self.FIELDS.items(), key=lambda item: item[1].number):
            value = self._values.get(name)
            if value is not None and (value or not (field.repeated or field.map)):
                yield name, value

    # -- as a whole ------------------------------------------------------------------------------------------------
    def CopyFrom(self, other: Any) -> None:
        """Become equal to another message of the type."""
        if other is not self:
            self.Clear()
            self.MergeFrom(other)

    def MergeFrom(self, other: Any) -> None:
        """Take over what is set in another message; lists grow."""
        if type(other) is not type(self):
            raise TypeError(f"a {type(self).__name__} is expected, not {other!r}")
        self.MergeFromString(other.SerializeToString())
        self._touch()

    def SerializeToString(self, deterministic: bool = False) -> bytes:
        """The bytes of the message; the fields in the order of their numbers, maps by key."""
        parts: list[bytes] = []
        for name, value in self._ordered():
            field = self.FIELDS[name]
            if field.map:
                for inner in sorted(value):
                    entry = block(1, inner.encode()) + block(2, value[inner].SerializeToString())
                    parts.append(block(field.number, entry))
            elif not isinstance(field.type, Kind):
                for item in value if field.repeated else [value]:
                    parts.append(block(field.number, item.SerializeToString()))
            elif not field.repeated:
                parts += [key(field.number, field.type.wire), field.type.write(value)]
            elif field.type.wire == BYTES:
                for item in value:
                    parts += [key(field.number, BYTES), field.type.write(item)]
            else:
                parts.append(block(field.number, b"".join(map(field.type.write, value))))
        return b"".join(parts)

    def ByteSize(self) -> int:
        return len(self.SerializeToString())

    @classmethod
    def FromString(cls, s: bytes) -> Any:
        """The message that these bytes are.   Raises: DecodeError, which says at which byte they are not."""
        made = cls()
        made.MergeFromString(s)
        return made

    def ParseFromString(self, serialized: bytes) -> int:
        """Become the message that these bytes are; gives their number."""
        self.Clear()
        return self.MergeFromString(serialized)

    def MergeFromString(self, serialized: bytes) -> int:
        """Take over what these bytes set."""
        data = bytes(serialized)
        try:
            self._parse(data, 0, len(data))
        except (WireError, UnicodeDecodeError) as error:
            raise DecodeError(f"no {type(self).__name__}: {error}") from None
        return len(data)

    def _parse(self, data: bytes, start: int, end: int) -> None:
        names = _names(type(self))
        for number, wire, value in fields(data, start, end):
            name = names.get(number)
            if name is not None:
                self._take(name, self.FIELDS[name], data, wire, value)

    def _take(self, name: str, field: Field, data: bytes, wire: int, value: Any) -> None:
        kind = field.type
        if field.map and wire == BYTES:
            inner, item = "", (0, 0)
            for number, _, where in fields(data, *value):
                if number == 1:
                    inner = data[slice(*where)].decode()
                elif number == 2:
                    item = where
            self.__getattr__(name)[inner]._parse(data, *item)
        elif not isinstance(kind, Kind):
            if wire == BYTES:
                target = getattr(self, name).add() if field.repeated else getattr(self, name)
                target._parse(data, *value)
                target._touch()
        elif wire == kind.wire:
            found = kind.read(data[slice(*value)] if wire == BYTES else value)
            if field.repeated:
                getattr(self, name).append(found)
            else:
                self._set(name, found)
        elif field.repeated and wire == BYTES:  # packed
            getattr(self, name).extend(_unpacked(kind, data, *value))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.SerializeToString() == other.SerializeToString()

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return "".join(f"{line}\n" for line in self._lines())

    __repr__ = __str__

    def _lines(self) -> Iterator[str]:
        for name, value in self._ordered():
            field = self.FIELDS[name]
            if field.map:
                for inner in sorted(value):
                    yield from (f"{name} {{", f'  key: "{inner}"', "  value {")
                    yield from (f"    {line}" for line in value[inner]._lines())
                    yield from ("  }", "}")
            else:
                for item in value if field.repeated else [value]:
                    if isinstance(item, Message):
                        yield from (f"{name} {{", *(f"  {line}" for line in item._lines()), "}")
                    else:
                        yield f"{name}: {_shown(item)}"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, bytes)):
        data = value.encode() if isinstance(value, str) else value
        return '"' + "".join(_letter(byte) for byte in data) + '"'
    return f"{value:.8g}" if isinstance(value, float) else str(value)


def _letter(byte: int) -> str:
    special = {10: "\\n", 13: "\\r", 9: "\\t", 34: '\\"', 39: "\\'", 92: "\\\\"}
    return special.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}")


_by_number: dict[type, dict[int, str]] = {}


def _names(kind: type[Message]) -> dict[int, str]:
    found = _by_number.get(kind)
    if found is None:
        found = _by_number[kind] = {field.number: name for name, field in kind.FIELDS.items()}
    return found


def _unpacked(kind: Kind, data: bytes, at: int, end: int) -> Iterable[Any]:
    if kind.wire == VARINT:
        while at < end:
            value, at = read_varint(data, at, end)
            yield kind.read(value)
        return
    size = 4 if kind.wire == FIXED32 else 8
    if (end - at) % size:
        raise WireError(f"at byte {at}: a list of numbers is cut off")
    yield from struct.unpack(f"<{(end - at) // size}{'f' if size == 4 else 'd'}", data[at:end])


class _List(list):
    """A repeated field."""

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self._kind = kind
        self._changed: Callable[[], None] = lambda: None

    def append(self, value: Any) -> None:
        if isinstance(self._kind, Kind):
            super().append(self._kind.check(value))
        else:
            self.add().CopyFrom(value)
        self._changed()

    def extend(self, values: Iterable[Any]) -> None:
        if isinstance(self._kind, Kind):
            super().extend(map(self._kind.check, values))
            self._changed()
            return
        for value in values:
            self.append(value)
        self._changed()

    MergeFrom = extend

    def add(self, **values: Any) -> Any:
        """A new inner message at the end."""
        made = self._kind(**values)
        super().append(made)
        self._changed()
        return made


class _Map(dict):
    """A map from text to messages, which come to be when they are asked for."""

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self._kind = kind
        self._changed: Callable[[], None] = lambda: None

    def __missing__(self, name: str) -> Any:
        if not isinstance(name, str):
            raise TypeError(f"the keys of this map are text, not {name!r}")
        made = self[name] = self._kind()
        return made

    def __setitem__(self, name: str, value: Any) -> None:
        if name in self or not isinstance(value, self._kind):
            raise ValueError("an entry of a map of messages cannot be assigned: use map[key].CopyFrom")
        super().__setitem__(name, value)
        self._changed()

    def get_or_create(self, name: str) -> Any:
        return self[name]
