"""CPU kernels as plain Python: every access within bounds, every element written, any number of threads."""

import numpy as np
import pytest

from graphflow.backends.cpu.compile import ELEMENTS
from graphflow.backends.cpu.kernels import BINDINGS
from graphflow.graph import Graph
from graphflow.ops.argmax import argmax, argmin
from graphflow.ops.define import convert_to_tensor
from graphflow.testing import assert_close


class Flat:
    """An array as a kernel sees it: flat, and without Python's negative indices."""

    def __init__(self, array):
        self.array = array.reshape(-1)

    def __getitem__(self, i):
        assert 0 <= i < len(self.array)
        return self.array[i]

    def __setitem__(self, i, value):
        assert 0 <= i < len(self.array)
        self.array[i] = value


def compiled(call):
    """The kernel of a call as a Python function, from its source when it is generated."""
    if not isinstance(call.function, str):
        return call.function
    namespace = {n: getattr(np, n) for n in ELEMENTS}
    exec(call.function, namespace)
    return namespace["kernel"]


def run(op, nthreads):
    """The outputs of the kernel bound to an operation over constants, and the status it leaves."""
    call = BINDINGS[op.definition.lower(op).name](op)
    assert call is not None
    outputs = {t: np.full(t.dims, 99, t.dtype.dtype) for t in op.outputs}
    status = np.zeros(4, np.int64)
    pointers = [Flat(status if t == "status" else outputs[t].view() if t in outputs else t.op.attrs["value"])
                for t in call.pointers]  # fmt: skip
    with np.errstate(all="ignore"):
        for tid in range(nthreads):
            compiled(call)(*pointers, *call.sizes, *[0] * call.takes_tail, tid, nthreads)
    return list(outputs.values()), status


def check(make, *arrays):
    """The kernel of the operation that `make` adds gives what the reference gives."""
    with Graph().as_default():
        made = make(*(convert_to_tensor(a) for a in arrays))
        op = (made[0] if isinstance(made, list) else made).op
        want = op.definition.compute(op, [t.op.attrs["value"] for t in op.inputs])
        for nthreads in (1, 3):
            got, status = run(op, nthreads)
            assert status[0] == 0
            for g, w in zip(got, want, strict=True):
                assert_close(g, w, f"{nthreads} threads")


def draw(*shape, dtype="float32", seed=0):
    return np.random.default_rng(seed + sum(shape)).uniform(-2, 2, shape).astype(dtype)


@pytest.mark.parametrize("shape, axis", [((5,), 0), ((3, 4), 0), ((3, 4), -1), ((2, 3, 4), 1), ((0, 3), 1)])
def test_argmax(shape, axis):
    x = np.round(draw(*shape))
    check(lambda x: argmax(x, axis), x)
    check(lambda x: argmin(x, axis, output_type="int32"), x)
    check(lambda x: argmax(x, 0), np.array([1, np.nan, 3, np.nan], np.float32))
