"""CPU kernels as plain Python: every access within bounds, every element written, any number of threads."""

import numpy as np
import pytest

from graphflow.backends.cpu.compile import ELEMENTS
from graphflow.backends.cpu.kernels import BINDINGS
from graphflow.graph import Graph
from graphflow.ops.argmax import argmax, argmin
from graphflow.ops.conv import conv2d, conv2d_backprop_filter, conv2d_backprop_input
from graphflow.ops.cross_entropy import SOFTMAX_CROSS_ENTROPY, SPARSE_SOFTMAX_CROSS_ENTROPY
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.linalg import matmul
from graphflow.ops.pool import AVG_POOL_GRAD, MAX_POOL_GRAD, avg_pool, max_pool
from graphflow.ops.softmax import log_softmax, softmax
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


@pytest.mark.parametrize(
    "m, k, n", [(1, 1, 1), (5, 7, 3), (4, 3, 8), (3, 2, 37), (17, 5, 6), (2, 0, 3), (0, 2, 3), (2, 3, 0)]
)
@pytest.mark.parametrize("flip_a", [False, True])
@pytest.mark.parametrize("flip_b", [False, True])
def test_matmul(m, k, n, flip_a, flip_b):
    a, b = draw(*((k, m) if flip_a else (m, k))), draw(*((n, k) if flip_b else (k, n)), seed=1)
    check(lambda a, b: matmul(a, b, flip_a, flip_b), a, b)


@pytest.mark.parametrize("left, right", [((2, 3), (2, 3)), ((), (4,)), ((1, 1), (2, 3)), ((0,), (0,))])
@pytest.mark.parametrize("flip", [False, True])
def test_batches_of_matrices(left, right, flip):
    check(lambda a, b: matmul(a, b, transpose_b=flip), draw(*left, 3, 4), draw(*right, *((5, 4) if flip else (4, 5))))


def test_batches_that_broadcast_in_part_have_no_kernel():
    with Graph().as_default():
        op = matmul(convert_to_tensor(draw(2, 1, 3, 3)), convert_to_tensor(draw(2, 4, 3, 3))).op
        assert BINDINGS["matmul"](op) is None


def test_matmul_of_integers():
    check(matmul, np.arange(6, dtype=np.int32).reshape(2, 3), np.arange(12, dtype=np.int32).reshape(3, 4))


@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 2), (0, 3), (2, 0)])
def test_softmax(shape):
    check(softmax, 30 * draw(*shape))
    check(log_softmax, 30 * draw(*shape))


def test_softmax_of_infinities():
    rows = np.array([[np.inf, 0], [-np.inf, 0], [np.nan, 0], [-np.inf, -np.inf]], np.float32)
    check(softmax, rows)
    check(log_softmax, rows)


def test_cross_entropy():
    check(SOFTMAX_CROSS_ENTROPY, 30 * draw(5, 4), draw(5, 4, seed=1))
    check(SOFTMAX_CROSS_ENTROPY, np.array([[-np.inf, 0, 1]], np.float32), np.array([[0, 1, 0]], np.float32))
    check(SPARSE_SOFTMAX_CROSS_ENTROPY, 30 * draw(5, 4), np.array([0, 3, 1, 1, 2]))
    check(SPARSE_SOFTMAX_CROSS_ENTROPY, draw(0, 4), np.zeros(0, np.int32))


def test_a_label_out_of_range_is_reported():
    with Graph().as_default():
        labels = convert_to_tensor(np.array([0, 7, 1]))
        op = SPARSE_SOFTMAX_CROSS_ENTROPY(convert_to_tensor(draw(3, 4)), labels)[0].op
        _, status = run(op, 2)
        assert status[:3].tolist() == [1, 1, 7]


@pytest.mark.parametrize("shape, axis", [((5,), 0), ((3, 4), 0), ((3, 4), -1), ((2, 3, 4), 1), ((0, 3), 1)])
def test_argmax(shape, axis):
    x = np.round(draw(*shape))
    check(lambda x: argmax(x, axis), x)
    check(lambda x: argmin(x, axis, output_type="int32"), x)
    check(lambda x: argmax(x, 0), np.array([1, np.nan, 3, np.nan], np.float32))


GEOMETRIES = [
    ((2, 5, 4, 3), (3, 3), (1, 1), (1, 1), "SAME"),
    ((1, 5, 6, 1), (2, 3), (2, 1), (1, 1), "SAME"),
    ((1, 6, 7, 2), (3, 2), (2, 3), (1, 1), "VALID"),
    ((1, 7, 8, 2), (3, 3), (1, 1), (2, 2), "VALID"),
    ((1, 6, 5, 2), (2, 2), (1, 1), (2, 3), "SAME"),
    ((1, 3, 2, 1), (5, 5), (1, 1), (1, 1), "SAME"),
    ((1, 4, 4, 4), (1, 1), (3, 3), (1, 1), "VALID"),
    ((1, 4, 4, 2), (3, 3), (1, 2), (1, 1), [[0, 0], [1, 2], [2, 0], [0, 0]]),
    ((0, 4, 4, 2), (3, 3), (1, 1), (1, 1), "SAME"),
]


@pytest.mark.parametrize("images, window, strides, dilations, padding", GEOMETRIES)
@pytest.mark.parametrize("filters", [1, 3])
def test_convolutions(images, window, strides, dilations, padding, filters):
    x, f = draw(*images), draw(*window, images[3], filters)
    with Graph().as_default():
        made = conv2d(convert_to_tensor(x), convert_to_tensor(f), strides, padding, dilations=dilations)
    dy = draw(*made.dims, seed=3)
    check(lambda x, f: conv2d(x, f, strides, padding, dilations=dilations), x, f)
    check(lambda f, dy: conv2d_backprop_input(x.shape, f, dy, strides, padding, dilations=dilations), f, dy)
    check(lambda x, dy: conv2d_backprop_filter(x, f.shape, dy, strides, padding, dilations=dilations), x, dy)


@pytest.mark.parametrize(
    "images, window, strides, dilations, padding", [g for g in GEOMETRIES if isinstance(g[4], str)]
)
def test_pools(images, window, strides, dilations, padding):
    x = np.round(draw(*images) * 2)  # with ties
    with Graph().as_default():
        try:
            made = max_pool(convert_to_tensor(x), window, strides, padding)
        except ValueError:
            pytest.skip("the window does not fit")
    dy, attrs = draw(*made.dims, seed=3), made.op.attrs
    check(lambda x: max_pool(x, window, strides, padding), x)
    check(lambda x: avg_pool(x, window, strides, padding), x)
    check(lambda x, y, dy: MAX_POOL_GRAD(x, y, dy, **attrs), x, np.zeros(made.dims, np.float32), dy)
    check(lambda dy: AVG_POOL_GRAD(x.shape, dy, **attrs), dy)


def test_max_pool_of_windows_side_by_side():
    x = np.round(draw(2, 4, 6, 3))
    x[1, :, :, 1] = np.nan
    x[0, :2, :2, 0] = [[-np.inf, -np.inf], [-np.inf, np.nan]]
    attrs = {"ksize": (1, 2, 2, 1), "strides": (1, 2, 2, 1), "padding": "VALID"}
    check(lambda x, y, dy: MAX_POOL_GRAD(x, y, dy, **attrs), x, np.zeros((2, 2, 3, 3), np.float32), draw(2, 2, 3, 3))


def test_max_pool_of_nan_and_infinities():
    x = np.full((1, 2, 4, 1), -np.inf, np.float32)
    x[0, 1, 3] = np.nan
    check(lambda x: max_pool(x, 2, 2, "SAME"), x)
    ones = np.ones((1, 1, 2, 1), np.float32)
    for window, strides in ((2, 2), (1, 2)):
        attrs = {"ksize": (1, 2, window, 1), "strides": (1, 2, strides, 1), "padding": "SAME"}
        check(lambda x: MAX_POOL_GRAD(x, ones, ones, **attrs), x)
