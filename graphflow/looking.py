"""Looking at a program: its plan, what each pass has made of it, and a page that shows all of that."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphflow.default_session import get_default_session
from graphflow.errors import NotFoundError, PermissionDeniedError
from graphflow.graph import Graph
from graphflow.io.atomic import replacing
from graphflow.operation import Program, Tensor
from graphflow.ops.placeholder import PLACEHOLDER
from graphflow.pictures.data import page_data
from graphflow.pictures.dot import graph_behind, selected
from graphflow.pictures.html import html_page
from graphflow.plan import Plan
from graphflow.recording import Recorded
from graphflow.session import Session
from graphflow.shape import known, show, sizes

Feeds = Mapping[Any, Any] | None


def view(
    fetches: Any, out: str = "page.html", feed_dict: Feeds = None, session: Session | None = None, runs: int = 0
) -> str:
    """Write a page that shows what a run of these does: the graph, every pass, the plan, its memory and its times.

    fetches  what Session.run takes, or a Graph: then there is nothing but the graph to see
    out      the HTML file; it needs no network, and no other file beside it
    session  the one whose variables count; the default one, or else one without any values
    runs     how often to run it, as run() would, to measure the steps
    A placeholder that is not fed counts as fed when its shape is known.  Otherwise the page shows the graph alone.

    Returns: the path of the file.
    Raises:  what run() raises; NotFoundError, PermissionDeniedError and the like for a file that cannot be written.
    """
    out = os.fspath(out)
    require_writable(out)
    if isinstance(fetches, Graph):
        return write_graph(fetches, out)
    feeds, unknown = _completed(fetches, feed_dict)
    if unknown and not runs:
        names = ", ".join(f"{t.name} {show(t.dims)}" for t in unknown)
        return write_graph(fetches, out, f"This is the graph alone: passes and plan need a value fed for {names}.")
    asked, profiles, rest = _session(fetches, session).profiled(fetches, feed_dict if runs else feeds, runs)
    later = "" if rest is None else f"{len(rest.ops)} operations are compiled when a run has found their shapes."
    return _write(page_data(_title(asked), asked, profiles, later), out)


def write_graph(graph_or_fetches: Any, out: str, note: str = "") -> str:
    """The page of a graph, or of what some fetches need, without anything compiled."""
    operations = selected(graph_or_fetches)
    return _write(page_data("graph", Program((), (), (), tuple(operations)), [], note), out)


def write_recorded(found: Recorded, out: str) -> str:
    """The page of what a session has run."""
    return _write(page_data(_title(found.asked), found.asked, found.profiles), out)


def plan(fetches: Any, feed_dict: Feeds = None, session: Session | None = None) -> Plan:
    """The plan of a run.  Where shapes depend on values, that of its first part.  Placeholders are as for view()."""
    return _session(fetches, session).profiled(fetches, _completed(fetches, feed_dict)[0])[1][0].plan


def stages(fetches: Any, feed_dict: Feeds = None, session: Session | None = None) -> dict[str, Program]:
    """The program of a run by the pass that has made it; "specialize", the first, is the graph with known shapes."""
    passes = _session(fetches, session).profiled(fetches, _completed(fetches, feed_dict)[0])[1][0].report.passes
    first = next(iter(passes.values())).before
    return {"specialize": first, **{name: change.after for name, change in passes.items()}}


def require_writable(out: str) -> None:
    """An error before the work rather than after it, for a file that cannot be written."""
    folder = os.path.dirname(os.path.abspath(out))
    if not os.path.isdir(folder):
        raise NotFoundError.because(f"cannot write {out!r}: there is no folder {folder!r}")
    if os.path.isdir(out) or not os.access(folder, os.W_OK):
        raise PermissionDeniedError.because(f"cannot write {out!r}: it is a folder, or lies in one that is read-only")


def _write(data: dict[str, Any], out: str) -> str:
    with replacing(out) as file:
        file.write(html_page(data).encode())
    return out


def _title(asked: Program) -> str:
    names = [*(t.name for t in asked.fetches), *(op.name for op in asked.targets)]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _session(fetches: Any, session: Session | None) -> Session:
    return session or get_default_session() or Session(graph=graph_behind(fetches))


def _completed(fetches: Any, feed_dict: Feeds) -> tuple[dict[Any, Any], list[Tensor]]:
    """(the feeds, with zeros for placeholders whose shapes are known; the placeholders of unknown shapes)."""
    feeds = dict(feed_dict or {})
    graph = graph_behind(fetches)
    fed = {graph.as_graph_element(key) for key in feeds if isinstance(key, (str, Tensor))}
    unknown = []
    for op in selected(fetches):
        if op.definition is PLACEHOLDER and op.output not in fed:
            t = op.output
            if known(t.dims) and not t.dtype.dtype.hasobject:
                feeds[t] = np.zeros(sizes(t.dims), t.dtype.dtype)
            else:
                unknown.append(t)
    return feeds, unknown
