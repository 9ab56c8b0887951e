"""The page that shows a program: one HTML file with everything in it, Graphviz too."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "page"
_SCRIPTS = ("tree.js", "layout.js", "picture.js", "panels.js", "page.js")  # in the order in which they build on another


def html_page(data: dict[str, Any]) -> str:
    """The page for what `page_data` has gathered."""
    parts = {
        "title": escape(data["title"]),
        "style": _text("page.css"),
        "data": json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
        "graphviz": _text("graphviz/viz.js"),
        "script": "\n".join(map(_text, _SCRIPTS)),
    }
    page = _text("page.html")
    for name, text in parts.items():
        before, _, after = page.partition("{{" + name + "}}")
        page = before + text + after
    return page


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
