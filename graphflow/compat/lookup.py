"""What `tf.<name>` does for a name that no module has: another name for it, or an error that says what to use.

Every public module gets its `__getattr__` here.  Names found are kept, so that the second use costs nothing.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

from graphflow.compat.aliases import ALIASES, LATE_MODULES
from graphflow.compat.symbols import find
from graphflow.errors import UnsupportedError

ROOT = "graphflow"


def complete() -> None:
    """Give the public modules their aliases and errors; make those modules that consist of aliases."""
    root = sys.modules[ROOT]
    for path in (path for path in ALIASES if path not in LATE_MODULES):
        _attach(_module(root, path), path)
    sys.modules[f"{ROOT}.compat.v1"] = vars(root)["compat"].v1 = root
    for name in ("Graph", "Session"):  # classes of which the list leaves methods out
        _attach_to_class(vars(root)[name], name)


def _module(root: ModuleType, path: str) -> ModuleType:
    """The module `tf.<path>`, made when graphflow has none."""
    module = root
    name = ROOT
    for part in path.split(".") if path else ():
        name = f"{name}.{part}"
        inner = vars(module).get(part) or sys.modules.get(name)
        if not isinstance(inner, ModuleType):
            inner = ModuleType(name, f"`tf.{name.removeprefix('graphflow.')}`: other names for what graphflow has.")
            inner.__path__ = []
            sys.modules[name] = inner
        setattr(module, part, inner)
        module = inner
    return module


def _attach(module: ModuleType, path: str) -> None:
    names = ALIASES.get(path, {})
    late = {m.rpartition(".")[2]: m for m in LATE_MODULES if m.rpartition(".")[0] == path}

    def __getattr__(name: str) -> Any:
        if name in late:
            found = importlib.import_module(f"{ROOT}.{late[name]}")
            if late[name] in ALIASES:
                _attach(found, late[name])
            return found
        if name in names:
            value = resolve(names[name])
            setattr(module, name, value)
            return value
        raise missing(path, name, f"module {module.__name__!r}")

    def __dir__() -> list[str]:
        return sorted({*vars(module), *names, *late})

    module.__getattr__ = __getattr__  # type: ignore[method-assign]
    module.__dir__ = __dir__  # type: ignore[method-assign]


def _attach_to_class(cls: Any, path: str) -> None:
    def __getattr__(self: Any, name: str) -> Any:
        raise missing(path, name, f"{path!r} object")

    cls.__getattr__ = __getattr__


def resolve(path: str) -> Any:
    """The object called `tf.<path>`, `tf` itself for ''; AttributeError, of the first part that is missing."""
    value: Any = sys.modules[ROOT]
    for part in path.split(".") if path else ():
        value = getattr(value, part)
    return value


def missing(path: str, name: str, owner: str) -> AttributeError:
    """The error for `tf.<path>.<name>`: UnsupportedError with the user's line for a name of TensorFlow's."""
    why = explanation(".".join(filter(None, ("tf", path, name))))
    if why is None:
        return AttributeError(f"{owner} has no attribute {name!r}")
    return UnsupportedError(f"{user_line()}: {why}")


def explanation(symbol: str) -> str | None:
    """What to say of a symbol that graphflow does not have; None when TensorFlow has none of that name either."""
    row = find(symbol)
    if row is None or symbol.rpartition(".")[2].startswith("__"):
        return None
    if row.tier != "C":
        return f"{symbol} is not in graphflow yet"
    instead = f": use {row.instead}" if row.instead else ""
    return f"{symbol} is not in graphflow{instead}"


def user_line() -> str:
    """`file:line` of the innermost frame that is neither graphflow's nor the import system's."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _internal(frame.f_globals.get("__name__", ""), frame.f_code.co_filename):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _internal(module: str, filename: str) -> bool:
    return module == ROOT or module.startswith(f"{ROOT}.") or filename.startswith("<frozen ")


def namespaces() -> list[str]:
    """Paths of all public modules, the package itself ('') first."""
    return [*ALIASES, *LATE_MODULES]
