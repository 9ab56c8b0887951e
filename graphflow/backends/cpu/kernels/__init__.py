"""Hand-written kernels: BINDINGS maps the name in a Kernel lowering to the function that binds it to an operation."""

from __future__ import annotations

from collections.abc import Callable

from graphflow.backends.base import Call
from graphflow.backends.cpu.kernels import (
    argmax,
    broadcast,
    conv,
    depthwise,
    fill,
    gather,
    join,
    lanes,
    lists,
    matmul,
    move,
    order,
    pad,
    pool,
    running,
    scatter,
    softmax,
)
from graphflow.operation import Operation

BINDINGS: dict[str, Callable[[Operation], Call | None]] = {
    **argmax.KERNELS, **broadcast.KERNELS, **conv.KERNELS, **depthwise.KERNELS, **fill.KERNELS, **gather.KERNELS,
    **join.KERNELS, **lanes.KERNELS, **lists.KERNELS, **matmul.KERNELS, **move.KERNELS, **order.KERNELS,
    **pad.KERNELS, **pool.KERNELS, **running.KERNELS, **scatter.KERNELS, **softmax.KERNELS,
}  # fmt: skip
