"""The names of the package `six` that programs for Python 2 and 3 use, for where it is not installed.

TensorFlow 1 brought six along, so its programs import it without saying so.
"""

from __future__ import annotations

import builtins
import io
import operator
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps as wraps
from types import TracebackType
from typing import Any, NoReturn

from graphflow.compat import six_moves

__path__: list[str] = []  # six.moves is imported as a module inside

moves = six_moves
PY2, PY3, PY34 = False, True, True
MAXSIZE = sys.maxsize
string_types: tuple[type, ...] = (str,)
integer_types: tuple[type, ...] = (int,)
class_types: tuple[type, ...] = (type,)
text_type, binary_type = str, bytes
unichr, int2byte, byte2int = chr, operator.methodcaller("to_bytes", 1, "big"), operator.itemgetter(0)
StringIO, BytesIO = io.StringIO, io.BytesIO
advance_iterator, next, callable, print_ = builtins.next, builtins.next, builtins.callable, builtins.print
viewkeys, viewvalues, viewitems = map(operator.methodcaller, ("keys", "values", "items"))


def iterkeys(d: Mapping) -> Iterator:
    return iter(d.keys())


def itervalues(d: Mapping) -> Iterator:
    return iter(d.values())


def iteritems(d: Mapping) -> Iterator:
    return iter(d.items())


def iterbytes(buffer: Iterable) -> Iterator:
    return iter(buffer)


def b(s: str) -> bytes:
    return s.encode("latin-1")


def u(s: str) -> str:
    return s


def ensure_binary(s: Any, encoding: str = "utf-8", errors: str = "strict") -> bytes:
    return s.encode(encoding, errors) if isinstance(s, str) else s


def ensure_text(s: Any, encoding: str = "utf-8", errors: str = "strict") -> str:
    return s.decode(encoding, errors) if isinstance(s, bytes) else s


ensure_str = ensure_text


def python_2_unicode_compatible(cls: type) -> type:
    return cls


def with_metaclass(meta: type, *bases: type) -> type:
    """A base class that gives the classes made from it this metaclass."""
    return meta("temporary_class", bases, {})


def add_metaclass(metaclass: type) -> Callable[[type], type]:
    """A decorator that makes the class again, with this metaclass."""

    def again(cls: type) -> type:
        own = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
        return metaclass(cls.__name__, cls.__bases__, own)

    return again


def raise_from(value: BaseException, from_value: BaseException | None) -> NoReturn:
    raise value from from_value


def reraise(tp: type[BaseException], value: BaseException | None = None, tb: TracebackType | None = None) -> NoReturn:
    raise (tp() if value is None else value).with_traceback(tb)
