"""`six.moves`: what Python 3 calls otherwise than Python 2, by the names of six; looked up when it is first used."""

from __future__ import annotations

import importlib
from typing import Any

__path__: list[str] = []  # six.moves.urllib is imported as a module inside

# name: where it is, as module or as module:name
MOVED = {
    **{name: f"builtins:{name}" for name in ("range", "zip", "map", "filter", "input", "chr")},
    "xrange": "builtins:range", "unichr": "builtins:chr", "reduce": "functools:reduce", "intern": "sys:intern",
    "zip_longest": "itertools:zip_longest", "filterfalse": "itertools:filterfalse", "shlex_quote": "shlex:quote",
    "reload_module": "importlib:reload", "getcwd": "os:getcwd", "UserDict": "collections:UserDict",
    "StringIO": "io:StringIO", "cStringIO": "io:StringIO", "builtins": "builtins", "cPickle": "pickle",
    "configparser": "configparser", "copyreg": "copyreg", "html_parser": "html.parser", "http_client": "http.client",
    "queue": "queue", "reprlib": "reprlib", "socketserver": "socketserver", "urllib": "urllib",
    "urllib_error": "urllib.error", "urllib_parse": "urllib.parse",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in MOVED:
        raise AttributeError(f"module 'six.moves' has no attribute {name!r}")
    module, _, inside = MOVED[name].partition(":")
    if module == "urllib":  # six has its modules without an import of their own
        for part in ("error", "parse", "request", "response"):
            importlib.import_module(f"urllib.{part}")
    found = importlib.import_module(module)
    value = getattr(found, inside) if inside else found
    globals()[name] = value
    return value
