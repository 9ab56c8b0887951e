"""Warnings about old spellings: each once, at the program's line."""

from __future__ import annotations

import sys
import warnings

_given: set[str] = set()


def warn_once(message: str) -> None:
    """A FutureWarning at the innermost line outside graphflow; nothing when this message was given before."""
    if message not in _given:
        _given.add(message)
        warnings.warn(message, FutureWarning, stacklevel=_depth())


def _depth() -> int:
    """The stack level, seen from `warn_once`, of the innermost frame outside graphflow."""
    level, frame = 2, sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("graphflow."):
        level, frame = level + 1, frame.f_back
    return level
