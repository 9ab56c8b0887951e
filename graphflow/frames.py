"""Tracebacks without graphflow's own frames: what is left ends at the user's line.

Only for errors that graphflow raises on purpose, or a function of the user's; whatever goes wrong inside it keeps every
frame.  GRAPHFLOW_FRAMES=1 keeps them all.
"""

from __future__ import annotations

import linecache
import os
import sys
import traceback
from types import TracebackType

from graphflow.config import current
from graphflow.errors import GraphflowError
from graphflow.operation import PACKAGE


def hide(error: BaseException) -> None:
    """Take graphflow's frames out of the traceback of an error, and of those that led to it."""
    if current().frames:
        return
    seen: set[int] = set()
    stack: list[BaseException | None] = [error]
    while stack:
        one = stack.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            stack += [one.__cause__, one.__context__]
            if isinstance(one, GraphflowError) or _explained(one.__traceback__):
                one.__traceback__ = _outside(one.__traceback__)


def _explained(tb: TracebackType | None) -> bool:
    """Whether the error needs no frames of graphflow: a `raise` of graphflow's is where it ends, since TypeError,
    KeyError and others of Python's are raised too, or a function that the user has handed over."""
    frames = []
    while tb is not None:
        frames.append((tb.tb_frame.f_code.co_filename, tb.tb_lineno))
        tb = tb.tb_next
    inside = [file.startswith(PACKAGE) for file, _ in frames]
    if True not in inside:
        return False
    last = len(inside) - 1 - inside[::-1].index(True)
    if last == len(frames) - 1:
        return linecache.getline(*frames[last]).lstrip().startswith("raise ")
    return f"{os.sep}site-packages{os.sep}" not in frames[last + 1][0]


def _outside(tb: TracebackType | None) -> TracebackType | None:
    """The frames outside of graphflow; all of them where there are no others."""
    kept = []
    at = tb
    while at is not None:
        if not at.tb_frame.f_code.co_filename.startswith(PACKAGE):
            kept.append(at)
        at = at.tb_next
    below = None
    for at in reversed(kept):
        below = TracebackType(below, at.tb_frame, at.tb_lasti, at.tb_lineno)
    return below or tb


def install() -> None:
    """Errors that nobody catches are printed so, by Python and by notebooks."""
    before = sys.excepthook

    def report(kind: type[BaseException], error: BaseException, tb: TracebackType | None) -> None:
        hide(error)
        before(kind, error, error.__traceback__)

    sys.excepthook = report
    GraphflowError._render_traceback_ = _rendered  # type: ignore[attr-defined]  # what IPython asks an error for


def _rendered(error: GraphflowError) -> list[str]:
    hide(error)
    return traceback.format_exception(error)
