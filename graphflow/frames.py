"""Tracebacks without graphflow's own frames: what is left ends at the user's line.

Only for errors that graphflow raises on purpose; whatever goes wrong inside it keeps every frame.  GRAPHFLOW_FRAMES=1
keeps them all.
"""

from __future__ import annotations

import linecache
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
            if isinstance(one, GraphflowError) or _deliberate(one.__traceback__):
                one.__traceback__ = _outside(one.__traceback__)


def _deliberate(tb: TracebackType | None) -> bool:
    """Whether a `raise` of graphflow's is where it ends: TypeError, KeyError and others of Python's are raised too."""
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    if tb is None or not tb.tb_frame.f_code.co_filename.startswith(PACKAGE):
        return False
    return linecache.getline(tb.tb_frame.f_code.co_filename, tb.tb_lineno).lstrip().startswith("raise ")


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
