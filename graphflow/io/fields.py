"""Fields of protocol messages: what they hold, lists and maps of them, and what they are on the wire."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from graphflow.io.scalars import ENUM, KINDS, Enum, scalar, sized
from graphflow.io.wire import BYTES, FIXED64, VARINT, WireError, block, fields, key, read_varint

if TYPE_CHECKING:
    from graphflow.io.protobuf import Message


class Field:
    """One declared field of a message.

    kind      "float", "int64", "string", ..., an Enum, or the class of an inner message
    repeated  a list
    key       a map from this kind to `kind`
    oneof     the name of a group of which one field at most is set
    """

    name: str

    def __init__(
        self, number: int, kind: Any, repeated: bool = False, key: str = "", oneof: str = "", packed: bool = True
    ) -> None:
        self.number = number
        self.oneof = oneof
        self.enum = kind if isinstance(kind, Enum) else None
        self.message: type[Message] | None = kind if isinstance(kind, type) else None
        self.kind = None if self.message else ENUM if self.enum else KINDS[kind]
        self.type = kind if isinstance(kind, str) else ""
        self.key = KINDS[key] if key else None
        self.repeated = repeated
        self.packed = packed and repeated and self.kind is not None and self.kind.wire != BYTES

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, owner: Any, cls: type | None = None) -> Any:
        """The default; what is in the instance itself is found before this is called."""
        if owner is None:
            return self
        if self.kind is not None and not self.repeated and self.key is None:
            return self.kind.default
        value = owner.__dict__[self.name] = self.empty()
        return value

    def empty(self) -> Any:
        """A new list, map or message."""
        if self.key is not None:
            return _Map(self)
        if self.repeated:
            return _List(self)
        assert self.message is not None
        return self.message()

    def element(self, value: Any) -> Any:
        """A single value, checked; a dict becomes the inner message with these fields."""
        if self.kind is not None:
            if isinstance(value, str) and self.enum is not None:
                return self.enum.numbers[value]
            return self.kind.check(value)
        assert self.message is not None
        if isinstance(value, dict):
            return self.message(**value)
        if not isinstance(value, self.message):
            raise TypeError(f"{self.name} holds {self.message.__name__}, not {value!r}")
        return value

    # -- bytes -----------------------------------------------------------------------------------------------------
    def encoded(self, value: Any) -> bytes:
        """What the wire has for the value of this field."""
        if self.key is not None:
            head = key(1, self.key.wire)
            items = sorted(value.items())
            return b"".join(
                block(self.number, head + sized(self.key, name) + self._one(inner, 2)) for name, inner in items
            )
        if self.packed:
            assert self.kind is not None
            return block(self.number, b"".join(map(self.kind.write, value)))
        if self.repeated:
            return b"".join(self._one(inner, self.number) for inner in value)
        return self._one(value, self.number)

    def _one(self, value: Any, number: int) -> bytes:
        if self.kind is None:
            return block(number, value.SerializeToString())
        return key(number, self.kind.wire) + sized(self.kind, value)

    def decode(self, owner: Message, data: bytes, wire: int, raw: Any) -> None:
        """Take over one field that the wire has."""
        if self.key is not None:
            self._decode_item(getattr(owner, self.name), data, wire, raw)
        elif self.kind is None:
            if wire != BYTES:
                raise WireError(f"field {self.name!r} is not a message")
            if self.repeated:
                inner = getattr(owner, self.name).add()
            else:
                owner._clear_others(self)
                inner = getattr(owner, self.name)
            inner._merge(data, *raw)
            inner.SetInParent()
        elif self.repeated:
            values = getattr(owner, self.name)
            if wire == BYTES and self.kind.wire != BYTES:
                values += self._unpacked(data, *raw)
            else:
                list.append(values, self._scalar(data, wire, raw))
        else:
            owner._set(self, self._scalar(data, wire, raw))

    def _scalar(self, data: bytes, wire: int, raw: Any) -> Any:
        assert self.kind is not None
        return scalar(self.kind, self.name, data, wire, raw)

    def _unpacked(self, data: bytes, at: int, end: int) -> Iterable[Any]:
        assert self.kind is not None
        if self.kind.wire == VARINT:
            while at < end:
                raw, at = read_varint(data, at, end)
                yield self.kind.read(raw)
            return
        size = 8 if self.kind.wire == FIXED64 else 4
        if (end - at) % size:
            raise WireError(f"at byte {at}: {self.name!r} is cut off")
        for start in range(at, end, size):
            yield self.kind.read(int.from_bytes(data[start : start + size], "little"))

    def _decode_item(self, items: dict, data: bytes, wire: int, raw: Any) -> None:
        assert self.key is not None
        if wire != BYTES:
            raise WireError(f"field {self.name!r} is not a map")
        name, inner = self.key.default, self.message() if self.message else self.kind.default  # type: ignore[union-attr]
        for number, kind, found in fields(data, *raw):
            if number == 1:
                name = scalar(self.key, "key", data, kind, found)
            elif number == 2 and self.message is not None:
                if kind != BYTES:
                    raise WireError(f"a value of {self.name!r} is not a message")
                inner._merge(data, *found)
            elif number == 2:
                inner = self._scalar(data, kind, found)
        dict.__setitem__(items, name, inner)


class _List(list):
    """The values of a repeated field."""

    def __init__(self, field: Field) -> None:
        self._field = field

    def append(self, value: Any) -> None:
        super().append(self._field.element(value))

    def extend(self, values: Iterable[Any]) -> None:
        super().extend([self._field.element(value) for value in values])

    MergeFrom = extend

    def add(self, **values: Any) -> Any:
        """A new message at the end."""
        assert self._field.message is not None, "only messages are added so"
        made = self._field.message(**values)
        super().append(made)
        return made

    def __setitem__(self, index: Any, value: Any) -> None:
        check = self._field.element
        super().__setitem__(index, [check(v) for v in value] if isinstance(index, slice) else check(value))

    def __reduce__(self) -> Any:
        return list, (list(self),)


class _Map(dict):
    """The items of a map field; asking for a key that is not there makes it, as in protocol buffers."""

    def __init__(self, field: Field) -> None:
        self._field = field

    def __missing__(self, name: Any) -> Any:
        made = self._field.message() if self._field.message else self._field.kind.default  # type: ignore[union-attr]
        self[name] = made
        return made

    get_or_create = dict.__getitem__

    def __setitem__(self, name: Any, value: Any) -> None:
        super().__setitem__(self._field.key.check(name), self._field.element(value))  # type: ignore[union-attr]

    def update(self, other: Any = (), **more: Any) -> None:  # type: ignore[override]
        for name, value in dict(other, **more).items():
            self[name] = value

    def __reduce__(self) -> Any:
        return dict, (dict(self),)
