"""The text format of protocol buffers: `name: "a"`, and `inner { ... }`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

_SPECIAL = {"n": 10, "r": 13, "t": 9, '"': 34, "'": 39, "\\": 92, "a": 7, "b": 8, "f": 12, "v": 11, "?": 63}
_ESCAPES = {_SPECIAL[c]: f"\\{c}" for c in "nrt\"'\\"}
_TOKEN = re.compile(r"""\s+|\#[^\n]*|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')"""
                    r"""|(?P<word>[A-Za-z0-9_.+-]+)|(?P<mark>[:{}<>\[\],;])""")  # fmt: skip
_ESCAPED = re.compile(rb"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|(.))")


class TextError(ValueError):
    """Text that is no message of the class; says in which line."""


# -- writing ---------------------------------------------------------------------------------------------------------
def text_of(message: Any) -> str:
    """The message as text, a field a line, in the order of the fields' numbers."""
    return "".join(f"{line}\n" for line in _lines(message))


def _lines(message: Any) -> Iterator[str]:
    for field, value in message.ListFields():
        if field.key is not None:
            for name, inner in sorted(value.items()):
                yield f"{field.name} {{"
                yield f"  key: {_word(name)}"
                yield from _nested("  ", "value", field, inner)
                yield "}"
        else:
            for inner in value if field.repeated else [value]:
                yield from _nested("", field.name, field, inner)


def _nested(indent: str, name: str, field: Any, value: Any) -> Iterator[str]:
    if field.message is not None:
        yield f"{indent}{name} {{"
        yield from (f"{indent}  {line}" for line in _lines(value))
        yield f"{indent}}}"
    elif field.enum is not None:
        yield f"{indent}{name}: {field.enum.names.get(value, value)}"
    elif field.type == "float":
        yield f"{indent}{name}: {str(np.float32(value)).removesuffix('.0')}"
    else:
        yield f"{indent}{name}: {_word(value)}"


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, bytes)):
        data = value.encode() if isinstance(value, str) else value
        return '"' + "".join(_ESCAPES.get(b) or (chr(b) if 32 <= b < 127 else f"\\{b:03o}") for b in data) + '"'
    return repr(value).removesuffix(".0")


# -- reading ---------------------------------------------------------------------------------------------------------
class _Tokens:
    def __init__(self, text: str) -> None:
        self.found: list[tuple[str, str, int]] = []
        at, line = 0, 1
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise TextError(f"line {line}: {text[at : at + 20]!r} is not expected here")
            if match.lastgroup:
                self.found.append((match.lastgroup, match.group(), line))
            line += match.group().count("\n")
            at = match.end()
        self.found.append(("end", "the end", line))
        self.at = 0

    def peek(self) -> str:
        return self.found[self.at][1]

    def take(self, *kinds: str) -> str:
        kind, text, _ = self.found[self.at]
        if kind not in kinds:
            raise self.error(f"{text!r} is not expected here")
        self.at += 1
        return text

    def skip(self, *marks: str) -> bool:
        kind, text, _ = self.found[self.at]
        if kind == "mark" and text in marks:
            self.at += 1
            return True
        return False

    def error(self, why: object) -> TextError:
        return TextError(f"line {self.found[self.at][2]}: {why}")


def merge_text(text: str, message: Any) -> Any:
    """Take over what the text says; gives the message.   Raises: TextError, a ValueError."""
    tokens = _Tokens(text)
    while tokens.found[tokens.at][0] != "end":
        _merge_field(tokens, message)
    return message


def _merge_field(tokens: _Tokens, message: Any) -> None:
    name = tokens.take("word")
    field = message._declared.get(name)
    if field is None:
        raise tokens.error(f"{type(message).__name__} has no field {name!r}")
    tokens.skip(":")
    if field.key is not None:
        _merge_item(tokens, field, getattr(message, name))
    elif field.repeated and tokens.skip("["):
        while not tokens.skip("]"):
            _merge_value(tokens, field, message)
            tokens.skip(",")
    else:
        _merge_value(tokens, field, message)
    tokens.skip(",", ";")


def _merge_value(tokens: _Tokens, field: Any, message: Any) -> None:
    if field.message is not None:
        message._clear_others(field)
        inner = getattr(message, field.name).add() if field.repeated else getattr(message, field.name)
        _merge_inner(tokens, inner)
        return
    value = _value(tokens, field)
    if field.repeated:
        getattr(message, field.name).append(value)
    else:
        setattr(message, field.name, value)


def _open(tokens: _Tokens) -> None:
    if not tokens.skip("{", "<"):
        raise tokens.error(f"{{ is expected, not {tokens.peek()!r}")


def _merge_inner(tokens: _Tokens, message: Any) -> None:
    _open(tokens)
    while not tokens.skip("}", ">"):
        _merge_field(tokens, message)
    message.SetInParent()


def _merge_item(tokens: _Tokens, field: Any, items: dict) -> None:
    _open(tokens)
    name = field.key.default
    inner = field.message() if field.message is not None else field.kind.default
    while not tokens.skip("}", ">"):
        part = tokens.take("word")
        tokens.skip(":")
        if part == "key":
            name = _scalar(tokens, field.key.default)
        elif field.message is not None:
            _merge_inner(tokens, inner)
        else:
            inner = _value(tokens, field)
        tokens.skip(",", ";")
    items[name] = inner


def _value(tokens: _Tokens, field: Any) -> Any:
    if field.enum is not None and tokens.peek() in field.enum.numbers:
        return field.enum.numbers[tokens.take("word")]
    return _scalar(tokens, field.kind.default)


def _scalar(tokens: _Tokens, default: Any) -> Any:
    """A value of the type that the default has."""
    word = tokens.take("word", "text")
    if isinstance(default, (str, bytes)):
        data = _unescaped(word)
        while tokens.found[tokens.at][0] == "text":
            data += _unescaped(tokens.take("text"))
        return data
    try:
        if isinstance(default, bool):
            return {"true": True, "True": True, "t": True, "1": True}.get(word, False)
        return float(word.rstrip("fF") if word[-3:] != "inf" else word) if isinstance(default, float) else int(word, 0)
    except ValueError as error:
        raise tokens.error(error) from None


def _unescaped(word: str) -> bytes:
    def plain(match: re.Match) -> bytes:
        octal, hexadecimal, letter = match.groups()
        if octal or hexadecimal:
            return bytes([int(octal, 8) & 255 if octal else int(hexadecimal, 16)])
        return bytes([_SPECIAL.get(letter.decode(), letter[0])])

    return _ESCAPED.sub(plain, word[1:-1].encode())
