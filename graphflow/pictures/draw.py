"""Pictures: DOT text, and SVG and PNG drawn by the Graphviz that pygraphviz brings along (the extra `viz`)."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from graphflow.errors import GraphError
from graphflow.graph import Graph
from graphflow.operation import Operation, Program, Tensor
from graphflow.pictures.dot import graph_dot, picture_dot
from graphflow.pictures.program import program_dot
from graphflow.plan import Plan
from graphflow.plan_text import plan_rows

_NODES = 200  # of a picture in a notebook


def to_dot(what: Any, collapse: int | Iterable[str] | None = None) -> str:
    """DOT text of a whole Graph, of everything that fetches need, or of a Plan or a Program that a compiler has made.

    Fetches are what Session.run takes: a tensor, operation, variable or name, or nested lists, tuples and dicts of
    them.  Equal graphs give equal text: operations stand in the order of their creation.
    collapse   names of scopes that are drawn as one node; or a number: how many levels of scopes stay open

    Raises: TypeError for anything else, ValueError for unknown names and for fetches of several graphs.
    """
    if isinstance(what, (Plan, Program)):
        if collapse is not None:
            raise GraphError("programs have kernels, not scopes: there is nothing to collapse")
        return program_dot(what.program if isinstance(what, Plan) else what)
    return graph_dot(what, collapse)


def to_svg(what: Any, collapse: int | Iterable[str] | None = None) -> str:
    """The picture of what `to_dot` takes, as the text of an SVG file.   Raises: ImportError without pygraphviz, too."""
    return _drawn(to_dot(what, collapse), "svg").decode()


def to_png(what: Any, collapse: int | Iterable[str] | None = None) -> bytes:
    """The same as a PNG file."""
    return _drawn(to_dot(what, collapse), "png")


def _drawn(text: str, format: str) -> bytes:
    try:
        import pygraphviz
    except ImportError as error:
        raise ImportError(
            "pictures are drawn by Graphviz, which pygraphviz brings along: pip install 'graphflow[viz]'"
        ) from error
    return pygraphviz.AGraph(string=text).draw(format=format, prog="dot")


# -- notebooks -------------------------------------------------------------------------------------------------------
def _svg(what: Any) -> str | None:
    """What a notebook shows.  Nothing, so that it shows the text instead, where pygraphviz is missing and for graphs
    that are too large to be looked at in one piece: view() is for these."""
    text = program_dot(what.program) if isinstance(what, Plan) else picture_dot(what, _NODES)
    try:
        return None if text is None or text.count(" -> ") > 3 * _NODES else _drawn(text, "svg").decode()
    except ImportError:
        return None


def _table(plan: Plan) -> str:
    """The plan as a table."""
    head, *rows = plan_rows(plan)
    cells = "".join(f"<th>{escape(text)}</th>" for text in head)
    lines = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows)
    return f"<table><tr>{cells}</tr>{lines}</table>"


# Hung on here: what they are about knows nothing of pictures.
_kinds: tuple[Any, ...] = (Graph, Tensor, Operation, Plan)
for _kind in _kinds:
    _kind._repr_svg_ = _svg
Plan._repr_html_ = _table  # type: ignore[attr-defined]
