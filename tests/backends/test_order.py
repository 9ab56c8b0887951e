"""Sorting, the largest elements, running sums: compiled, within their memory, exactly as the reference."""

import itertools

import numpy as np
import pytest
from native import isolated, run, walled

import graphflow as tf
from graphflow.backends import get_backend
from graphflow.config import config
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.products import RECURRENCE
from graphflow.ops.ranking import IN_TOP_K, TAKE, TOP_K, TOP_K_GRAD
from graphflow.ops.sorting import ARGSORT

DTYPES = ["float32", "float64", "int8", "uint8", "int16", "uint16", "int32", "int64"]
STRANGE = np.array([[0.0, -0.0, np.nan, np.inf, -np.inf, 1e-45, -1e-45, np.nan, 3, -3, 0.0, -np.nan] * 7])


def check(make, *arrays):
    """The kernel gives what the reference gives, for any number of threads."""
    with tf.Graph().as_default():
        made = make(*(convert_to_tensor(a) for a in arrays))
        op = (made[0] if isinstance(made, list) else made).op
        with np.errstate(all="ignore"):
            want = op.definition.compute(op, [t.op.attrs["value"] for t in op.inputs])
        for nthreads, at_end in itertools.product((1, 3), (True, False)):
            memory = {t: walled(t.op.attrs["value"], at_end) for t in op.inputs}
            memory |= {t: walled(np.full(t.dims, 99, t.dtype.dtype), at_end) for t in op.outputs}
            memory["status"] = np.zeros(4, np.int64)
            run(get_backend("cpu").lower(op), memory, nthreads)
            assert not memory["status"].any()
            for t, w in zip(op.outputs, want, strict=True):
                np.testing.assert_array_equal(memory[t], w, f"{op.type} {arrays[0].shape} {arrays[0].dtype}")


def drawn(shape, dtype, few=False):
    """Numbers of both signs, far and near; with `few` they come again and again."""
    rng = np.random.default_rng(sum(shape))
    x = rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)
    return (np.round(x) % 5 if few else x).astype(np.int64 if dtype[0] != "f" else dtype).astype(dtype)


@pytest.mark.parametrize("width", [64, 32, 16])
@isolated
def test_orders(width):
    shapes = [(1,), (7,), (3, 64), (2, 65), (5, 100), (2, 3, 300), (1, 5000)]
    with config(vector_bytes=width):
        for dtype, shape in itertools.product(DTYPES, shapes):
            for x, descending in itertools.product((drawn(shape, dtype), drawn(shape, dtype, True)), (False, True)):
                check(lambda x: ARGSORT(x, descending=descending), x)
        for dtype, n in itertools.product(("float32", "float64"), (12, 84)):
            for descending in (False, True):
                check(lambda x: ARGSORT(x, descending=descending), STRANGE[:, :n].astype(dtype))


@pytest.mark.parametrize("width", [64, 32, 16])
@isolated
def test_the_largest(width):
    with config(vector_bytes=width):
        for dtype, (shape, k) in itertools.product(DTYPES, [((1,), 1), ((4, 50), 3), ((2, 3, 200), 64), ((3, 90), 70)]):
            for few in (False, True):
                check(lambda x: TOP_K(x, k, sorted=True), drawn(shape, dtype, few))
        for k in (1, 5, 12, 70):
            check(lambda x: TOP_K(x, k, sorted=True), STRANGE.astype(np.float32))


@pytest.mark.parametrize("width", [64, 32, 16])
@isolated
def test_along_rows(width):
    rng = np.random.default_rng(0)
    with config(vector_bytes=width):
        for dtype, (shape, k) in itertools.product(DTYPES, [((9,), 4), ((3, 70), 40), ((2, 3, 5), 5)]):
            x = drawn(shape, dtype)
            places = rng.permuted(np.broadcast_to(np.arange(shape[-1], dtype=np.int32), shape), axis=-1)[..., :k]
            check(TAKE, x, places)
            check(lambda v, i: TOP_K_GRAD(v, i, list(shape)), x[..., :k], places)
        for n, kind in itertools.product((1, 10, 37), ("int32", "int64")):
            x, targets = drawn((40, n), "float32", True), rng.integers(-2, n + 2, 40).astype(kind)
            x[3, n // 2], x[4, 0] = np.inf, np.nan
            for k in (0, 1, 3, n):
                check(lambda x, t: IN_TOP_K(x, t, np.array(k, kind)), x, targets)


LINES = [
    ((7,), 0),
    ((3, 4), 1),
    ((3, 4), 0),
    ((2, 5, 3), 1),
    ((2, 3, 70), 1),
    ((11, 200), 0),
    ((9, 40), -1),
    ((1, 1), 0),
]


@pytest.mark.parametrize("width", [64, 32, 16])
@isolated
def test_running_sums_and_products(width):
    with config(vector_bytes=width):
        for (shape, axis), exclusive, reverse in itertools.product(LINES, (False, True), (False, True)):
            x = drawn(shape, "float32")
            check(lambda x: tf.cumsum(x, axis, exclusive, reverse), x)
            check(lambda x: tf.cumprod(x, axis, exclusive, reverse), x)
            check(lambda a, b: RECURRENCE(a, b, axis, reverse=reverse), x, x[::-1].copy())
        for (shape, axis), dtype in itertools.product(LINES[3:5], ("float64", "int32", "uint8")):
            check(lambda x: tf.cumsum(x, axis), drawn(shape, dtype))
            check(lambda x: tf.cumprod(x, axis, exclusive=True), drawn(shape, dtype))


def test_a_sort_is_native_and_has_a_gradient():
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [4, 70])
        y = tf.sort(x, direction="DESCENDING")
        (dx,) = tf.gradients(y[:, :3], x)
        value = drawn((4, 70), "float32")
        text = tf.explain([y, dx], {x: value})
        assert "reference" not in text and "ArgSort" in text
        with tf.Session() as session:
            got, slope = session.run([y, dx], {x: value})
    np.testing.assert_array_equal(got, -np.sort(-value))
    assert slope.sum() == 12 and (slope[np.arange(4), value.argmax(1)] == 1).all()
