"""`import tensorflow`, in this process: modules whose names are graphflow's.

A finder makes `tensorflow` and what is under it, a module at a time.  Such a module has the names of one or more public
modules of graphflow, and the names of TensorFlow 0.x that only old programs use (graphflow.compat.legacy).
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from graphflow.compat import internals
from graphflow.compat.companions import Companions
from graphflow.compat.legacy import RENAMED, legacy_name
from graphflow.compat.lookup import ROOT, explanation, resolve, user_line
from graphflow.compat.symbols import is_namespace
from graphflow.errors import UnsupportedError, UnsupportedImportError
from graphflow.version import COMPILER_VERSION, GIT_VERSION, VERSION

TENSORFLOW = "tensorflow"


def install() -> None:
    """Let `import tensorflow` mean graphflow from now on, in this process.

    What graphflow.compat.companions has, such as six and the tutorials' input_data, is found where it is not installed.
    """
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
        sys.meta_path.append(Companions())


class Namespace(ModuleType):
    """One module under `tensorflow`; `sources` are the paths of the public modules where its names are found."""

    def __init__(self, name: str, path: str, sources: Sequence[str]) -> None:
        super().__init__(name, f"{name}, as graphflow has it.")
        self.__path__: list[str] = []
        self._path = path
        inside = ("",) if path.startswith("python") else ()  # where TensorFlow keeps what does not matter there
        self._sources = (*sources, *inside)

    def __getattr__(self, name: str) -> Any:
        value = self._every_name() if name == "__all__" else self._found(name)
        if isinstance(value, ModuleType) and value.__name__.partition(".")[0] == ROOT:
            value = importlib.import_module(value.__name__.replace(ROOT, TENSORFLOW, 1))
        setattr(self, name, value)
        return value

    def _found(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        for source in self._sources:
            old = legacy_name(source, name)
            if old is not None:
                return old
        inside = f"{self._path}.{name}".lstrip(".")
        if inside in internals.INTERNALS:
            return importlib.import_module(f"{TENSORFLOW}.{inside}")
        for source in map(resolve, self._sources):
            if hasattr(source, name):
                return getattr(source, name)
        why = explanation(f"tf.{inside}") or explanation(f"tf.{name}")
        if why is not None:
            raise UnsupportedError(f"{user_line()}: {why}")
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def _every_name(self) -> list[str]:
        """What `from tensorflow.module import *` brings: all but the names that warn."""
        old = {f"{source}.{name}".lstrip(".") for source in self._sources for name in dir(self)} & RENAMED.keys()
        names = set(dir(self)) - {path.rpartition(".")[2] for path in old}
        return sorted(name for name in names if not name.startswith("_") and hasattr(self, name))

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(name for source in self._sources for name in dir(resolve(source)))})


class _Finder(MetaPathFinder, Loader):
    """Finds `tensorflow` and its submodules; the error for one that graphflow lacks says what to use instead."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        first, _, inside = fullname.partition(".")
        if first != TENSORFLOW:
            return None
        sources = _sources(inside)
        if sources is not None:
            return ModuleSpec(fullname, self, loader_state=(inside, sources), is_package=True)
        why = explanation(f"tf.{inside}")
        if why is not None and not is_namespace(f"tf.{inside}") and not _exists(inside):
            raise UnsupportedImportError(f"{user_line()}: {why}")
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        inside, sources = spec.loader_state
        if inside == "compat.v1" or inside.startswith("compat.v1."):
            return importlib.import_module(TENSORFLOW + inside.removeprefix("compat.v1"))
        module = Namespace(spec.name, inside, sources)
        if not inside:
            vars(module).update(__version__=VERSION, __git_version__=GIT_VERSION, __compiler_version__=COMPILER_VERSION)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to execute: names are looked up when they are used."""


def _sources(inside: str) -> tuple[str, ...] | None:
    """Where the names of `tensorflow.<inside>` are found; None when there is no such module."""
    hidden = internals.sources(inside)
    if hidden is not None:
        return hidden if all(map(_is_module, hidden)) else None
    public = inside.removeprefix("compat.v1.")
    return (public,) if not inside or _is_module(public) else None


def _is_module(path: str) -> bool:
    try:
        return isinstance(resolve(path), ModuleType)
    except AttributeError:
        return False


def _exists(path: str) -> bool:
    try:
        resolve(path)
    except AttributeError:
        return False
    return True
