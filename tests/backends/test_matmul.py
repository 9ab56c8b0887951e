"""Compiled matrix products: every shape, width and number of threads, beside memory that may not be touched."""

import itertools

import numpy as np
import pytest
from native import isolated, run, walled

from graphflow.backends.cpu.kernels import BINDINGS
from graphflow.backends.cpu.kernels.matmul import panels as panels_layout
from graphflow.config import config
from graphflow.graph import Graph
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.linalg import matmul
from graphflow.ops.panels import PANELS_MATMUL, TO_PANELS, blocks_of, panels_of
from graphflow.passes.match import build

TOLERANCE = {"float32": 1e-5, "float64": 1e-13, "int32": 0, "int64": 0}


def draw(shape, dtype, seed):
    random = np.random.default_rng(seed)
    return random.integers(-9, 9, shape).astype(dtype) if dtype[0] == "i" else random.normal(size=shape).astype(dtype)


def bind(a, b, flip_a, flip_b):
    """(the tensors of a product, the call of its kernel)"""
    with Graph().as_default():
        op = matmul(convert_to_tensor(a), convert_to_tensor(b), flip_a, flip_b).op
    return (*op.inputs, op.output), BINDINGS["matmul"](op)


def check(left, right, m, k, n, dtype, threads=(1, 2, 3, 7)):
    """Products of stacks of matrices agree with NumPy, bit for bit whatever the number of threads."""
    for flip_a, flip_b in itertools.product((False, True), repeat=2):
        a = draw((*left, *((k, m) if flip_a else (m, k))), dtype, 1)
        b = draw((*right, *((n, k) if flip_b else (k, n))), dtype, 2)
        exact = np.float64 if dtype[0] == "f" else dtype
        want = np.matmul(*[(x.swapaxes(-1, -2) if f else x).astype(exact) for x, f in ((a, flip_a), (b, flip_b))])
        tensors, call = bind(a, b, flip_a, flip_b)
        first = None
        for nthreads, at_end in ((1, False), *((t, True) for t in threads)):
            c = walled(np.full(want.shape, 99, dtype), at_end)
            seen = walled(np.zeros((want.size // n, n) if n else (0, 0), np.int32), at_end)
            run(call, dict(zip(tensors, (walled(a, at_end), walled(b, at_end), c), strict=True)), nthreads, seen)
            case = (left, right, m, k, n, flip_a, flip_b, nthreads)
            assert (seen == 1).all(), case
            if first is None:
                first = c
                bound = TOLERANCE[dtype] * max(1, k) ** 0.5 * max(1, abs(want).max(initial=0))
                assert abs(c - want).max(initial=0) <= bound, case
            assert c.tobytes() == first.tobytes(), case


SMALL = (
    (1, 1, 1), (5, 7, 3), (4, 3, 8), (3, 2, 37), (17, 5, 6), (2, 0, 3), (0, 2, 3), (2, 3, 0), (1, 40, 50), (50, 40, 1),
    (8, 16, 48), (16, 17, 49), (15, 33, 100), (1, 1, 97), (9, 1, 1), (100, 30, 10), (1, 5, 300), (30, 0, 1), (1, 0, 9),
)  # fmt: skip


@pytest.mark.parametrize("width", [64, 32, 16])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@isolated
def test_shapes(dtype, width):
    with config(vector_bytes=width):
        for m, k, n in SMALL:
            check((), (), m, k, n, dtype)
        for m, k, n in ((37, 600, 70), (130, 1100, 20), (520, 9, 1030), (1100, 600, 60)):  # blocks of all kinds
            check((), (), m, k, n, dtype, threads=(1, 3))


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@isolated
def test_integers(dtype):
    for m, k, n in SMALL:
        check((), (), m, k, n, dtype, threads=(1, 3))


@isolated
def test_batches():
    for left, right in (((2, 3), (2, 3)), ((), (4,)), ((4,), ()), ((1, 1), (2, 3)), ((0,), (0,)), ((9,), (9,))):
        for m, k, n in ((5, 7, 20), (1, 9, 20), (20, 9, 1)):
            check(left, right, m, k, n, "float32")
        check(left, right, 10, 600, 70, "float32", threads=(1, 2))


@isolated
def test_more_threads_than_share_a_product():
    for left, right in ((), ()), ((150,), (150,)):
        check(left, right, 1030, 2, 50, "float32", threads=(70,))


def test_batches_that_broadcast_in_part_have_no_kernel():
    x, y = np.zeros((2, 1, 3, 3), np.float32), np.zeros((2, 4, 3, 3), np.float32)
    assert bind(x, y, False, False)[1] is None


def test_new_shapes_compile_nothing():
    made = set()
    for m, k, n, flip_a, flip_b in ((4, 5, 6, False, False), (40, 700, 60, True, True), (3000, 20, 400, True, True)):
        x, y = np.zeros((k, m) if flip_a else (m, k), np.float32), np.zeros((n, k) if flip_b else (k, n), np.float32)
        made.add(bind(x, y, flip_a, flip_b)[1].function)
    assert len(made) == 1


def panels(b, transpose, layout):
    """(the tensors of a conversion to panels, its call)"""
    with Graph().as_default():
        op = build(convert_to_tensor(b).op, TO_PANELS, convert_to_tensor(b), transpose=transpose, **layout).op
    return (*op.inputs, op.output), BINDINGS["to_panels"](op)


@pytest.mark.parametrize("width", [64, 32, 16])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@isolated
def test_products_with_panels(dtype, width):
    """The same bits as the product with the matrix itself, for any number of threads."""
    with config(vector_bytes=width):
        for m, k, n, flip in [(64, 128, 96, False), (9, 7, 50, True), (40, 600, 70, True), (130, 1100, 33, False)]:
            a, b = draw((m, k), dtype, 1), draw((n, k) if flip else (k, n), dtype, 2)
            tensors, call = bind(a, b, False, flip)
            layout = panels_layout(tensors[2].op)
            want = walled(np.full((m, n), 99, dtype))
            run(call, dict(zip(tensors, (walled(a), walled(b), want), strict=True)))
            (source, packed), packing = panels(b, flip, layout)
            expected = packed.op.definition.compute(packed.op, [b])[0]
            for nthreads, at_end in itertools.product((1, 2, 3, 7), (False, True)):
                p = walled(np.full(packed.dims, 99, dtype), at_end)
                run(packing, {source: walled(b, at_end), packed: p}, nthreads)
                assert_inside(p, expected, k, n, layout)
                with Graph().as_default():
                    left, right = convert_to_tensor(a), convert_to_tensor(p)
                    op = build(left.op, PANELS_MATMUL, left, right, columns=n, **layout).op
                c = walled(np.full((m, n), 99, dtype), at_end)
                seen = walled(np.zeros((m, n), np.int32), at_end)
                arrays = dict(zip((*op.inputs, op.output), (walled(a, at_end), p, c), strict=True))
                run(BINDINGS["panels_matmul"](op), arrays, nthreads, seen)
                assert (seen == 1).all()
                assert c.tobytes() == want.tobytes(), (m, k, n, flip, nthreads)
                np.testing.assert_allclose(op.definition.compute(op, [a, p])[0], want, rtol=1e-4, atol=1e-4)


def assert_inside(got, want, k, n, layout):
    """Panels agree but for what fills up their last vector."""
    at, lanes = 0, layout["lanes"]
    for start, stop in blocks_of(k, layout["depth"]):
        for left, right in panels_of(n, lanes, layout["vectors"]):
            size = (stop - start) * (right - left)
            g, w = (x[at : at + size].reshape(stop - start, -1)[:, : n - left] for x in (got, want))
            np.testing.assert_array_equal(g, w)
            at += size
    assert at == got.size
