"""Hand-written kernels: BINDINGS maps the name in a Kernel lowering to the function that binds it to an operation."""

from __future__ import annotations

from collections.abc import Callable

from graphflow.backends.base import Call
from graphflow.backends.cpu.kernels import broadcast
from graphflow.graph import Operation

BINDINGS: dict[str, Callable[[Operation], Call | None]] = {**broadcast.KERNELS}
