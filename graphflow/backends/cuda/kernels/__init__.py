"""Hand-written kernels: what binds the name in a Kernel lowering to an operation.

ANCHORS take (operation, its inputs, an epilogue, the epilogue's pointers), BINDINGS the operation alone.
"""

from __future__ import annotations

from collections.abc import Callable

from graphflow.backends.base import Call
from graphflow.backends.cuda.kernels import conv, depthwise, moving, order, picking, pool, product, softmax
from graphflow.operation import Operation

ANCHORS: dict[str, Callable[..., Call | None]] = {**conv.ANCHORS, **pool.ANCHORS, "matmul": product.matmul}
BINDINGS: dict[str, Callable[[Operation], Call | None]] = {
    **depthwise.KERNELS, **moving.KERNELS, **order.KERNELS, **picking.KERNELS,
    **product.KERNELS, **softmax.KERNELS,
}  # fmt: skip
