"""For a call with wrong arguments: which function of `tf` it was, and what that takes."""

from __future__ import annotations

import inspect
import linecache
import re
from types import TracebackType
from typing import Any

from graphflow.compat.lookup import resolve
from graphflow.compat.symbols import listed

_WRONG_CALL = re.compile(
    r"^([\w.<>]+)\(\) (?:got (?:an unexpected|multiple|some)|missing \d+ required|takes (?:\d|from|no))"
)


def accepted(error: BaseException, traceback: TracebackType | None) -> str | None:
    """`tf.matmul takes (a, b, ...)` for Python's complaint about a call of a function of tf; None for other errors."""
    found = _WRONG_CALL.match(str(error)) if type(error) is TypeError else None
    if found is None or traceback is None:
        return None
    qualified = found[1].removesuffix(".__init__").removesuffix(".__call__")
    last = qualified.rpartition(".")[2]
    line = _last_line(traceback)
    candidates = [
        (symbol, value)
        for symbol in listed()
        if symbol.rpartition(".")[2] == last
        and getattr(value := _existing(symbol), "__qualname__", None) == qualified
        and str(value.__module__).startswith("graphflow")
    ]
    called = [c for c in candidates if c[0].partition(".")[2] in line] or candidates
    if not called:
        return None
    symbol, value = called[0]
    return f"{symbol} takes {_signature(value)}"


def _signature(function: Any) -> inspect.Signature:
    """Names and defaults, without types."""
    signature = inspect.signature(function)
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    return inspect.Signature(plain)


def _existing(symbol: str) -> Any:
    try:
        return resolve(symbol.removeprefix("tf.").removeprefix("tf"))
    except AttributeError:
        return None


def _last_line(traceback: TracebackType) -> str:
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return linecache.getline(traceback.tb_frame.f_code.co_filename, traceback.tb_lineno)
