"""Protocol messages: classes with declared fields that are written to bytes and read back, as protocol buffers are.

class Point(Message):
    x = Field(1, "float")
    labels = Field(2, "string", repeated=True)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from graphflow.io.fields import Field
from graphflow.io.text_format import text_of
from graphflow.io.wire import BYTES, FIXED32, FIXED64, WireError, block, fields, key, varint


class Message:
    """A record of fields that the class declares: unset ones read as their defaults, inner messages as empty ones.

    Fields that a class does not declare are kept as they came, and written again.
    Raises: ValueError for an unknown field in the constructor, AttributeError for one that is set.
    """

    _declared: ClassVar[Mapping[str, Field]] = {}
    _numbers: ClassVar[Mapping[int, Field]] = {}
    _explicit = False  # set, although it may be empty
    _unknown = b""

    def __init_subclass__(cls) -> None:
        declared = {**cls._declared, **{n: f for n, f in vars(cls).items() if isinstance(f, Field)}}
        cls._declared = declared
        cls._numbers = {f.number: f for f in sorted(declared.values(), key=lambda f: f.number)}

    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            field = self._declared.get(name)
            if field is None:
                raise ValueError(f"{type(self).__name__} has no field {name!r}; it has {', '.join(self._declared)}")
            if value is None:
                continue
            if field.key is not None:
                getattr(self, name).update(value)
            elif field.repeated:
                getattr(self, name).extend(value)
            else:
                self._set(field, field.element(value))

    def __setattr__(self, name: str, value: Any) -> None:
        field = self._declared.get(name)
        if field is None:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}; it has {', '.join(self._declared)}")
        if field.repeated or field.key is not None:
            raise AttributeError(f"{name!r} is repeated: add to it, or use del {name}[:]")
        self._set(field, field.element(value))

    def _set(self, field: Field, value: Any) -> None:
        self._clear_others(field)
        self.__dict__[field.name] = value
        if field.kind is None:
            value.SetInParent()

    def _clear_others(self, field: Field) -> None:
        if field.oneof:
            for other in self._numbers.values():
                if other.oneof == field.oneof and other is not field:
                    self.__dict__.pop(other.name, None)

    def SetInParent(self) -> None:
        """Count as set in the message that this one is part of, even when it is empty."""
        self.__dict__["_explicit"] = True

    def _present(self) -> Iterator[tuple[Field, Any]]:
        values = self.__dict__
        for field in self._numbers.values():
            value = values.get(field.name)
            if value is None:
                continue
            if field.repeated or field.key is not None:
                found = bool(value)
            elif field.kind is None:
                found = value._explicit or value._filled()
            else:
                found = bool(field.oneof) or value != field.kind.default
            if found:
                yield field, value

    def _filled(self) -> bool:
        return bool(self._unknown) or any(True for _ in self._present())

    def ListFields(self) -> list[tuple[Field, Any]]:
        """(field, value) of what is set, in the order of the numbers."""
        return list(self._present())

    def HasField(self, field_name: str) -> bool:
        """Whether an inner message or a field of a oneof is set.   Raises: ValueError for other fields."""
        field = self._declared.get(field_name)
        if field is None or field.repeated or field.key is not None:
            raise ValueError(f"{type(self).__name__} has no field {field_name!r} that can be absent")
        return any(found is field for found, _ in self._present())

    def WhichOneof(self, oneof_group: str) -> str | None:
        """The name of the field that is set in this group, None when none is."""
        if all(field.oneof != oneof_group for field in self._numbers.values()):
            raise ValueError(f"{type(self).__name__} has no group {oneof_group!r}")
        return next((field.name for field, _ in self._present() if field.oneof == oneof_group), None)

    def Clear(self) -> None:
        """Unset everything."""
        self.__dict__.clear()

    def ClearField(self, field_name: str) -> None:
        """Unset one field."""
        if field_name not in self._declared:
            raise ValueError(f"{type(self).__name__} has no field {field_name!r}")
        self.__dict__.pop(field_name, None)

    def CopyFrom(self, other: Any) -> None:
        """Become equal to the other."""
        if other is not self:
            self.Clear()
            self.MergeFrom(other)

    def MergeFrom(self, other: Any) -> None:
        """Take over what is set in the other: lists grow, messages merge.   Raises: TypeError for another class."""
        if type(other) is not type(self):
            raise TypeError(f"{type(self).__name__} takes no {type(other).__name__}")
        for field, value in other._present():
            if field.key is not None:
                getattr(self, field.name).update({k: _copied(v) for k, v in value.items()})
            elif field.repeated:
                getattr(self, field.name).extend(map(_copied, value))
            elif field.kind is None:
                self._clear_others(field)
                inner = getattr(self, field.name)
                inner.MergeFrom(value)
                inner.SetInParent()
            else:
                self._set(field, value)
        self.SetInParent()
        if other._unknown:
            self.__dict__["_unknown"] = self._unknown + other._unknown

    def SerializeToString(self, deterministic: bool = True) -> bytes:
        """The message as bytes, the same for equal messages."""
        return b"".join([field.encoded(value) for field, value in self._present()]) + self._unknown

    def SerializePartialToString(self) -> bytes:
        """As SerializeToString: no field is required."""
        return self.SerializeToString()

    def ByteSize(self) -> int:
        """How many bytes SerializeToString gives."""
        return len(self.SerializeToString())

    def ParseFromString(self, serialized: bytes) -> int:
        """Become what these bytes say.   Raises: WireError, a ValueError, when they are no such message."""
        self.Clear()
        return self.MergeFromString(serialized)

    def MergeFromString(self, serialized: bytes) -> int:
        """As MergeFrom with what these bytes say; gives their number."""
        data = bytes(serialized)
        try:
            self._merge(data, 0, len(data))
        except WireError as error:
            kind = type(self).__name__
            text = "; google.protobuf.text_format.Merge reads text" if re.match(rb"\s*\w+\s*[:{]", data) else ""
            raise WireError(f"these {len(data)} bytes are no {kind}, or a part of one: {error}{text}") from None
        return len(data)

    @classmethod
    def FromString(cls, s: bytes) -> Any:
        """The message that these bytes say."""
        made = cls()
        made.ParseFromString(s)
        return made

    def _merge(self, data: bytes, at: int, end: int) -> None:
        known, unknown = self._numbers, []
        for number, wire, raw in fields(data, at, end):
            field = known.get(number)
            if field is not None:
                field.decode(self, data, wire, raw)
            elif wire == BYTES:
                unknown.append(block(number, data[raw[0] : raw[1]]))
            else:
                size = {FIXED32: 4, FIXED64: 8}.get(wire)
                unknown.append(key(number, wire) + (raw.to_bytes(size, "little") if size else varint(raw)))
        if unknown:
            self.__dict__["_unknown"] = self._unknown + b"".join(unknown)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message) or type(self) is not type(other):
            return NotImplemented
        return self.ListFields() == other.ListFields() and self._unknown == other._unknown

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return text_of(self)

    __repr__ = __str__


def _copied(value: Any) -> Any:
    if not isinstance(value, Message):
        return value
    made = type(value)()
    made.MergeFrom(value)
    return made
