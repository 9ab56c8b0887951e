"""Packages that came with TensorFlow 1, and that its programs import without saying so, where they are not installed.

`input_data` is the module that the first tutorials asked their readers to save beside the program.
"""

from __future__ import annotations

import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from graphflow.compat.six_moves import MOVED

_MODULES: dict[str, str | None] = {
    "input_data": "graphflow.compat.input_data",
    "six": "graphflow.compat.six",
    "six.moves": "graphflow.compat.six_moves",
    **{f"six.moves.{name}": path for name, path in MOVED.items() if ":" not in path},
    **{f"six.moves.urllib.{part}": f"urllib.{part}" for part in ("error", "parse", "request", "response")},
    "google": None,
    "google.protobuf": None,
    "google.protobuf.text_format": "graphflow.compat.text_format",
    "absl": None,  # a package with nothing in it but the next three
    "absl.app": "graphflow.app",
    "absl.flags": "graphflow.flags",
    "absl.logging": "graphflow.logging",
}


class Companions(MetaPathFinder, Loader):
    """Finds these modules, last of all finders: an installed package and a file of the program are found before."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(fullname, self, is_package=True) if fullname in _MODULES else None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Put the module that is meant in the place of the empty one, and the modules inside it with it."""
        name = module.__name__
        for inner, path in _MODULES.items():
            with_it = name == "six.moves.urllib" and inner.startswith(f"{name}.")
            if path is not None and (inner == name or with_it):
                sys.modules[inner] = importlib.import_module(path)
