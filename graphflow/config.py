"""The few switches, each an environment variable and an argument of `with config(...)`.

They are read when a session compiles, never in a warm run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from graphflow.errors import GraphError


@dataclass(frozen=True)
class Config:
    """`debug` 1: a line per compile, with its reason, 2: what the passes did too, and the times of the steps (runs get
    slower by that), 3: the plan too, 4: kernel source too.  `backend`: "cpu", "cuda" or "reference".

    `check` 1: programs are verified after each pass, and plans when made; nan: runs stop at the first operation that
    makes a NaN or an infinity of finite inputs; `1,nan`: both.  `skip`: passes to leave out, with commas
    between them.  `dump`: a folder for the program after each pass, as text and as DOT.
    `cache`: whether compiled kernels are kept on disk, in `cache_dir` (default: the user's cache folder), in about
    `cache_megabytes` at most.   `vector_bytes`: 64, 32 or 16 for kernels of that width, 0 for the CPU's own.
    `frames`: whether tracebacks of graphflow's errors show graphflow's own frames.
    `cublas`: whether the CUDA backend leaves large products of matrices to cuBLASLt where that is installed;
    `allow_tf32`: whether it may do so in TF32, which has 10 bits of mantissa.
    `threads` that run one plan together, where a session does not say how many; 0: one for each CPU of the process.
    """

    debug: int = 0
    backend: str = "cpu"
    check: str | int = ""
    skip: str = ""
    dump: str = ""
    cache: bool = True
    cache_dir: str = ""
    cache_megabytes: int = 512
    vector_bytes: int = 0
    threads: int = 0
    cublas: bool = True
    allow_tf32: bool = False
    frames: bool = False

    def __post_init__(self) -> None:
        unknown = self._checks - {"", "0", "1", "nan"}
        if unknown:
            raise GraphError(f"GRAPHFLOW_CHECK is 1, nan or 1,nan, not {', '.join(sorted(unknown))!r}")

    @property
    def _checks(self) -> set[str]:
        return {word.strip() for word in str(self.check).split(",")}

    @property
    def verifies(self) -> bool:
        """Whether programs and plans are verified."""
        return "1" in self._checks

    @property
    def finite(self) -> bool:
        """Whether runs look for the first NaN or infinity."""
        return "nan" in self._checks

    def cache_folder(self) -> Path:
        """Where compiled kernels are kept."""
        if self.cache_dir:
            return Path(self.cache_dir)
        return user_cache() / "kernels"


def user_cache() -> Path:
    """The user's cache folder of graphflow: in XDG_CACHE_HOME, or else in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "graphflow"


def _from_environment() -> Config:
    values: dict[str, Any] = {}
    for field in fields(Config):
        variable = f"GRAPHFLOW_{field.name.upper()}"
        text = os.environ.get(variable)
        if text is None:
            continue
        if field.type == "bool":
            values[field.name] = text.lower() not in ("0", "off", "false", "")
        elif field.type == "int":
            if not text.isdecimal():
                raise GraphError(f"{variable} must be a whole number, not {text!r}")
            values[field.name] = int(text)
        else:
            values[field.name] = text
    return Config(**values)


_current = _from_environment()


def current() -> Config:
    """The switches in force."""
    return _current


@contextmanager
def config(**changes: object) -> Iterator[Config]:
    """Change switches inside a `with` block; TypeError for an unknown one."""
    global _current
    before, _current = _current, replace(_current, **changes)  # type: ignore[arg-type]
    try:
        yield _current
    finally:
        _current = before
