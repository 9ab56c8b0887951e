"""What a backend is: it lowers operations to calls of kernels, and turns a finished plan into an executable."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from graphflow.operation import Operation, Tensor
from graphflow.store import Store

if TYPE_CHECKING:
    from graphflow.plan import Plan

# The values of the feeds in, the values of the fetches out: new arrays that the caller owns.
Executable = Callable[[list[np.ndarray]], list[np.ndarray]]


@dataclass(frozen=True)
class Call:
    """One call of a kernel.

    function       the kernel: a Python function (*pointers, *sizes, tid, nthreads) that the backend compiles
    pointers       tensors of the operation, each a flat C-ordered array of its dtype; "status" is an int64[4] in
                   which a kernel reports a bad value: [1, position, value, 0]; "draws" is the uint64[2] of Store.draws
    sizes          int64 numbers
    scratch_bytes  memory that the kernel needs while it runs: one more pointer (uint8) after the others
    error          the message for a bad value, with {position} and {value}
    source         the text of a generated kernel
    """

    function: Any
    pointers: tuple[Tensor | str, ...]
    sizes: tuple[int, ...]
    scratch_bytes: int = 0
    error: str = ""
    source: str = ""

    def joined(self, same: tuple[tuple[int, int], ...]) -> Call:
        """The call of a generated kernel in which pointer i is pointer j as well, for each (i, j) of `same`.

        Of two pointers to the same bytes a compiler knows nothing, and works on one element at a time.
        """
        if not same:
            return self
        gone = {i for i, _ in same}
        text = _joined(self.function, same)
        pointers = tuple([p for i, p in enumerate(self.pointers) if i not in gone])
        return replace(self, function=text, source=text, pointers=pointers)


@functools.lru_cache(4096)
def _joined(text: str, same: tuple[tuple[int, int], ...]) -> str:
    head, body = text.split("\n", 1)
    start, end = head.index("(") + 1, head.index(")")
    names = head[start:end].split(", ")
    other = {names[i]: names[j] for i, j in same}
    kept = ", ".join(n for n in names if n not in other)
    body = re.sub(rf"\b({'|'.join(other)})\b", lambda found: other[found[0]], body)
    return f"{head[:start]}{kept}{head[end:]}\n{body}"


class Backend(Protocol):
    """`lower` says which kernel an operation becomes, None for its NumPy reference; `compile` binds a plan to it."""

    name: str

    def lower(self, op: Operation) -> Call | None: ...

    def compile(self, plan: Plan, store: Store) -> Executable: ...
