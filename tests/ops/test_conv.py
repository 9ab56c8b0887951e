"""Convolutions and pools, against loops over windows."""

import numpy as np
import pytest

from graphflow.errors import InvalidArgumentError
from graphflow.gradients import gradients
from graphflow.ops import conv, pool
from graphflow.ops.fill import constant
from graphflow.ops.placeholder import placeholder
from graphflow.testing import check_op, run_on

GEOMETRIES = [
    ((2, 5, 4, 2), (3, 3), (1, 1), (1, 1), "SAME"),
    ((1, 5, 6, 1), (2, 3), (2, 1), (1, 1), "SAME"),
    ((1, 6, 7, 2), (3, 2), (2, 3), (1, 1), "VALID"),
    ((1, 7, 8, 1), (3, 3), (1, 1), (2, 2), "VALID"),
    ((1, 6, 5, 2), (2, 2), (1, 1), (2, 3), "SAME"),
    ((1, 3, 2, 1), (5, 5), (1, 1), (1, 1), "SAME"),
    ((1, 4, 4, 2), (1, 1), (3, 3), (1, 1), "VALID"),
    ((1, 4, 4, 1), (3, 3), (1, 2), (1, 1), [[0, 0], [1, 2], [2, 0], [0, 0]]),
]


def windows(x, window, strides, dilations, padding):
    """[n, oh, ow, kh, kw, c] with NaN for padding, one element after another."""
    n, h, w, c = x.shape
    pads, counts = [], []
    for i, size in enumerate((h, w)):
        span = (window[i] - 1) * dilations[i] + 1
        if padding == "SAME":
            count = -(-size // strides[i])
            before = max((count - 1) * strides[i] + span - size, 0) // 2
        else:
            before, after = (0, 0) if padding == "VALID" else padding[i + 1]
            count = (size + before + after - span) // strides[i] + 1
        pads.append(before)
        counts.append(count)
    out = np.full((n, *counts, *window, c), np.nan)
    for y, z, i, j in np.ndindex(*counts, *window):
        row = y * strides[0] - pads[0] + i * dilations[0]
        column = z * strides[1] - pads[1] + j * dilations[1]
        if 0 <= row < h and 0 <= column < w:
            out[:, y, z, i, j] = x[:, row, column]
    return out


@pytest.mark.parametrize("images, window, strides, dilations, padding", GEOMETRIES)
def test_conv2d(images, window, strides, dilations, padding):
    def fn(x, f):
        return conv.conv2d(x, f, [1, *strides, 1], padding, dilations=[1, *dilations, 1])

    rng = np.random.default_rng(0)
    x, f = rng.normal(size=images), rng.normal(size=(*window, images[3], 3))
    want = np.einsum("nyzijc,ijco->nyzo", np.nan_to_num(windows(x, window, strides, dilations, padding)), f)
    for backend in ("reference", "cpu"):
        np.testing.assert_allclose(run_on(backend, fn(constant(x), constant(f))), want, rtol=1e-9, atol=1e-12)
    check_op(fn, images, f.shape, dtypes=("float32",), second=True)


@pytest.mark.parametrize("images, window, strides, dilations, padding", GEOMETRIES)
def test_gradients_of_conv2d_are_ops_too(images, window, strides, dilations, padding):
    rng = np.random.default_rng(0)
    f = rng.normal(size=(*window, images[3], 2))
    made = conv.conv2d(constant(np.zeros(images)), constant(f), strides, padding, dilations=dilations)
    how = {"strides": strides, "padding": padding, "dilations": dilations}
    check_op(lambda f, dy: conv.conv2d_backprop_input(images, f, dy, **how), f.shape, made.dims, dtypes=("float32",))
    check_op(lambda x, dy: conv.conv2d_backprop_filter(x, f.shape, dy, **how), images, made.dims, dtypes=("float32",))


def test_conv2d_static_shapes():
    x, f = placeholder("float32", [None, 28, None, 3]), placeholder("float32", [5, 5, 3, 8])
    assert conv.conv2d(x, f, 2, "SAME").dims == (None, 14, None, 8)
    assert conv.conv2d(x, f, [1, 1, 1, 1], "VALID").dims == (None, 24, None, 8)
    assert conv.conv2d(placeholder("float32"), f, 1, "VALID").dims == (None, None, None, 8)
    open_filter = placeholder("float32", [None, None, 3, 8])
    assert conv.conv2d(x, open_filter, 2, "SAME").dims == (None, 14, None, 8)
    assert conv.conv2d(x, open_filter, 1, "VALID").dims == (None, None, None, 8)
    sizes = placeholder("int32", [4])
    assert conv.conv2d_backprop_input(sizes, f, placeholder("float32", [2, 3, 3, 8]), 1, "SAME").dims == (
        2,
        None,
        None,
        3,
    )


def test_conv2d_refuses():
    x, f = placeholder("float32", [1, 4, 4, 3]), constant(np.zeros((3, 3, 3, 8), np.float32))
    for arguments in (
        {"strides": 1, "padding": "same"}, {"strides": [2, 1, 1, 1], "padding": "SAME"},
        {"strides": [1, 1, 1], "padding": "SAME"}, {"strides": 0, "padding": "SAME"},
        {"strides": 1, "padding": [[1, 0], [0, 0], [0, 0], [0, 0]]},
        {"strides": 1, "padding": "SAME", "data_format": "NCHW"}, {"strides": 1, "padding": "SAME", "filters": f},
        {"strides": 1, "padding": "VALID", "dilations": 2},
    ):  # fmt: skip
        with pytest.raises(ValueError):
            conv.conv2d(x, f, **arguments)
    for wrong in ((3, 3, 2, 8), (5, 5, 3, 1), (3, 3, 3)):
        with pytest.raises(ValueError):
            conv.conv2d(x, constant(np.zeros(wrong, np.float32)), 1, "VALID")
    unknown = placeholder("float32")
    for shape in ((1, 2, 9, 3), (1, 9, 9, 2)):
        with pytest.raises(InvalidArgumentError):
            run_on("cpu", conv.conv2d(unknown, f, 1, "VALID"), {unknown: np.zeros(shape)})


@pytest.mark.parametrize("size, padding", [(6, "SAME"), (5, "SAME"), (7, "VALID"), (8, "VALID")])
def test_conv2d_transpose(size, padding):
    check_op(lambda x, f: conv.conv2d_transpose(x, f, [2, size, size, 3], 2, padding), (2, 3, 3, 2), (3, 3, 3, 2),
             dtypes=("float32",))  # fmt: skip
    x = placeholder("float64", [2, size, size, 3])
    f = constant(np.random.default_rng(0).normal(size=(3, 3, 3, 2)))
    dy = np.random.default_rng(1).normal(size=(2, 3, 3, 2))
    dx = gradients(conv.conv2d(x, f, 2, padding), x, grad_ys=constant(dy))[0]
    back = conv.conv2d_transpose(constant(dy), f, [2, size, size, 3], [1, 2, 2, 1], padding)
    for got in run_on("cpu", [dx], {x: np.zeros(x.dims)}):
        np.testing.assert_allclose(run_on("cpu", back), got)


def test_conv2d_transpose_of_an_impossible_size():
    x, f = constant(np.zeros((1, 3, 3, 2), np.float32)), constant(np.zeros((3, 3, 4, 2), np.float32))
    made = conv.conv2d_transpose(x, f, [1, 9, 9, 4], 2)
    for backend in ("reference", "cpu"):
        with pytest.raises(InvalidArgumentError):
            run_on(backend, made)
    with pytest.raises(ValueError):
        conv.conv2d_transpose(x, f, [1, 6, 6, 5], 2)


POOLS = [g for g in GEOMETRIES if isinstance(g[4], str) and g[3] == (1, 1)]


@pytest.mark.parametrize("images, window, strides, dilations, padding", POOLS)
def test_pools(images, window, strides, dilations, padding):
    x = np.random.default_rng(0).normal(size=images)
    pieces = windows(x, window, strides, dilations, padding)
    for fn, truth in ((pool.max_pool, np.nanmax), (pool.avg_pool, np.nanmean)):
        want = truth(pieces, axis=(3, 4))
        for backend in ("reference", "cpu"):
            got = run_on(backend, fn(constant(x), [1, *window, 1], strides, padding))
            np.testing.assert_allclose(got, want, rtol=1e-12)
        check_op(lambda x: fn(x, window, strides, padding), images, dtypes=("float32",))


def test_max_pool_gradient_goes_to_the_first_maximum():
    x = constant(np.array([[1, 1, 0, 2], [1, 1, 2, 0]], np.float32).reshape(1, 2, 4, 1))
    dx = gradients(pool.max_pool(x, 2, 2, "VALID"), x)[0]
    negative = constant(np.full((1, 3, 3, 1), -np.inf, np.float32))
    corner = gradients(pool.max_pool(negative, 2, 2, "SAME"), negative)[0]
    for backend in ("reference", "cpu"):
        got = run_on(backend, [dx, corner])
        np.testing.assert_array_equal(got[0].reshape(2, 4), [[1, 0, 0, 1], [0, 0, 0, 0]])
        np.testing.assert_array_equal(got[1].reshape(3, 3), [[1, 0, 1], [0, 0, 0], [1, 0, 1]])


def test_second_derivatives_through_max_pool():
    check_op(lambda x: pool.max_pool(x * x * x, 2, 1, "SAME"), (1, 3, 4, 2), dtypes=("float32",), second=True)


def test_pools_of_integers_and_static_shapes():
    x = constant(np.arange(16, dtype=np.int32).reshape(1, 4, 4, 1))
    assert run_on("cpu", pool.max_pool(x, 2, 2, "SAME")).reshape(-1).tolist() == [5, 7, 13, 15]
    images = placeholder("float32", [None, 7, None, 3])
    assert pool.max_pool(images, [1, 3, 3, 1], [1, 2, 2, 1], "SAME").dims == (None, 4, None, 3)
    assert pool.avg_pool(images, 3, 2, "VALID").dims == (None, 3, None, 3)
    line = constant(np.array([1, 5, 2, 4.0]).reshape(1, 4, 1))
    got = run_on("cpu", [pool.max_pool1d(line, 2, 2, "VALID"), pool.avg_pool1d(line, [1, 2, 1], [1, 2, 1], "VALID")])
    assert [g.reshape(-1).tolist() for g in got] == [[5, 4], [3, 3]]


def test_pools_refuse():
    x = placeholder("float32", [1, 4, 4, 3])
    for arguments in ((5, 1, "VALID"), (2, 1, "valid"), (2, [1, 1, 1, 2], "SAME"), (None, 1, "SAME"), (0, 1, "SAME"),
                      (2, 2, "SAME", "NCHW")):  # fmt: skip
        with pytest.raises(ValueError):
            pool.max_pool(x, *arguments)
    unknown = placeholder("float32")
    with pytest.raises(InvalidArgumentError):
        run_on("cpu", pool.avg_pool(unknown, 3, 1, "VALID"), {unknown: np.zeros((1, 2, 2, 1))})
