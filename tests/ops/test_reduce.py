"""Reductions, running products, statistics and clipping."""

import numpy as np
import pytest

from graphflow.errors import InvalidArgumentError
from graphflow.gradients import gradients
from graphflow.ops import clip, products, reduce, statistics
from graphflow.ops.argmax import arg_min, argmax, argmin
from graphflow.ops.fill import constant
from graphflow.ops.placeholder import placeholder
from graphflow.testing import check_op, run_on

LINEAR = [reduce.reduce_sum, reduce.reduce_mean, reduce.reduce_max, reduce.reduce_min]
CURVED = [reduce.reduce_logsumexp, products.reduce_prod, statistics.reduce_variance, statistics.reduce_std,
          reduce.reduce_euclidean_norm]  # fmt: skip
AXES = [None, 0, -1, [0, 2], [], [1, -1]]


@pytest.mark.parametrize("fn", LINEAR + CURVED, ids=lambda f: f.__name__)
def test_reductions(fn):
    for axis in AXES:
        if axis == [] and fn in CURVED:  # nothing to fold: each element by itself, where some have no gradient
            check_op(lambda x: fn(x, axis), (2, 3, 4), dtypes=("float32",), grad=False)
        else:
            check_op(lambda x: fn(x, axis), (2, 3, 4), dtypes=("float32",), second=fn in CURVED)
        check_op(lambda x: fn(x, axis, keepdims=True), (2, 3, 4), dtypes=("float64",), grad=False)
    check_op(fn, (), dtypes=("float64",), grad=False)


@pytest.mark.parametrize("fn, over_nothing", [
    (reduce.reduce_sum, 0), (reduce.reduce_mean, np.nan), (reduce.reduce_max, -np.inf), (reduce.reduce_min, np.inf),
    (products.reduce_prod, 1), (reduce.reduce_logsumexp, -np.inf),
])  # fmt: skip
def test_over_nothing(fn, over_nothing):
    x = placeholder("float32", (0, 3))
    g = gradients(fn(x), x)[0]
    for backend in ("reference", "cpu"):
        total, columns, rows, dx = run_on(backend, [fn(x), fn(x, 0), fn(x, 1), g], {x: np.zeros((0, 3))})
        np.testing.assert_array_equal(total, over_nothing)
        np.testing.assert_array_equal(columns, [over_nothing] * 3)
        assert rows.shape == (0,) and dx.shape == (0, 3)


def test_integers_and_bools():
    x = np.array([[7, -8, 0], [-7, 1, 2]])
    t = constant(x, "int32")
    fetches = [reduce.reduce_mean(t), reduce.reduce_mean(t, 1), reduce.reduce_max(t, 0), reduce.reduce_min(t),
               products.reduce_prod(t, 1), reduce.count_nonzero(t, 1),
               reduce.reduce_any(constant(x > 6), 1), reduce.reduce_all(constant(x > -8), 0),
               reduce.reduce_max(constant(np.zeros((0, 2), np.int8)), 0)]  # fmt: skip
    want = [0, [0, -1], [7, 1, 2], -8, [0, -14], [2, 3], [True, False], [True, False, True], [-128, -128]]
    for backend in ("reference", "cpu"):
        for got, w, t in zip(run_on(backend, fetches), want, fetches, strict=True):
            np.testing.assert_array_equal(got, w)
            assert got.dtype == t.dtype.dtype


def test_long_float_sums_are_exact():
    x = np.full(2**25, 0.1, np.float32)
    t = placeholder("float32", [None])
    for backend in ("reference", "cpu"):
        np.testing.assert_allclose(run_on(backend, reduce.reduce_sum(t), {t: x}), x.sum(dtype=np.float64), rtol=1e-7)


def test_nan_is_the_largest_and_the_smallest():
    x = constant([[1.0, np.nan, 2.0], [3.0, 4.0, 5.0]])
    for backend in ("reference", "cpu"):
        high, low = run_on(backend, [reduce.reduce_max(x, 1), reduce.reduce_min(x, 1)])
        np.testing.assert_array_equal(high, [np.nan, 5])
        np.testing.assert_array_equal(low, [np.nan, 3])


def test_ties_share_the_gradient():
    x = constant([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    for fn in (reduce.reduce_max, reduce.reduce_min):
        dx = run_on("cpu", gradients(fn(x, 1), x)[0])
        winners = np.array([[0, 0.5, 0.5], [1 / 3] * 3]) if fn is reduce.reduce_max else [[1, 0, 0], [1 / 3] * 3]
        np.testing.assert_allclose(dx, winners, rtol=1e-6)


def test_products_of_zeros_have_right_gradients():
    x = placeholder("float64", [None, None])
    value = np.array([[0.0, 2, 3], [0, 0, 5], [2, 3, 4]])
    first = gradients(products.reduce_prod(x, 1), x)[0]
    second = gradients(first[:, 0], x)[0]
    dx, dxx = run_on("reference", [first, second], {x: value})
    np.testing.assert_array_equal(dx, [[6, 0, 0], [0, 0, 0], [12, 8, 6]])
    np.testing.assert_array_equal(dxx, [[0, 3, 2], [0, 5, 0], [0, 4, 3]])


def test_axes_known_when_running():
    x, axes = placeholder("float32"), placeholder("int32", [None])
    value = np.arange(24.0).reshape(2, 3, 4) + 1
    for fn, truth in ((reduce.reduce_sum, np.sum), (reduce.reduce_mean, np.mean), (reduce.reduce_max, np.max)):
        y = fn(x, axes)
        got, dx = run_on("cpu", [y, gradients(y, x)[0]], {x: value, axes: [2, 0]})
        np.testing.assert_allclose(got, truth(value, axis=(0, 2)))
        assert dx.shape == value.shape
    dx = run_on("cpu", gradients(products.reduce_prod(x, axes), x)[0], {x: value[..., :2], axes: [0, -1]})
    np.testing.assert_allclose(dx, np.prod(value[..., :2], (0, 2), keepdims=True) / value[..., :2], rtol=1e-5)


def test_static_shapes_and_names():
    x, unknown = placeholder("float32", [None, 3]), placeholder("float32")
    assert reduce.reduce_sum(x, 0).dims == (3,)
    assert reduce.reduce_sum(x, keepdims=True).dims == (1, 1)
    assert reduce.reduce_max(unknown).dims == ()
    assert reduce.reduce_max(unknown, 0).dims is None
    assert reduce.reduce_mean(x, placeholder("int32", [1]), keepdims=True).dims == (None, None)
    assert reduce.reduce_sum(x, 0, name="total").op.inputs[1].op.name.startswith("total")
    assert argmax(x, 1).dims == (None,) and argmin(unknown, 0).dims is None
    assert argmax(x, placeholder("int32", [])).dims == (None,)


def test_bad_axes():
    x, axis = placeholder("float32", [2, 3]), placeholder("int32")
    for bad in (2, -3, [0, 0], [0, -2]):
        with pytest.raises(ValueError):
            reduce.reduce_sum(x, bad)
        with pytest.raises(InvalidArgumentError):
            run_on("cpu", reduce.reduce_sum(x, axis), {x: np.zeros((2, 3)), axis: bad})
    with pytest.raises(ValueError):
        reduce.reduce_sum(x, axis=0, reduction_indices=0)
    with pytest.raises(ValueError):
        reduce.reduce_sum(x, keepdims=True, keep_dims=True)
    with pytest.raises(TypeError):
        reduce.reduce_all(x)


def test_argmax():
    x = np.array([[1, 5, 5], [7, 2, 0]], np.float32)
    t, axis = constant(x), placeholder("int32", [])
    for backend in ("reference", "cpu"):
        got = run_on(backend, [argmax(t, 1), argmin(t), argmax(t, axis), arg_min(t, 1, "int32")], {axis: 0})
        assert [g.tolist() for g in got] == [[1, 0], [0, 1, 1], [1, 0, 0], [0, 2]]
        assert [g.dtype for g in got] == [np.int64] * 3 + [np.int32]
    empty = placeholder("float32", [0, 3])
    for backend in ("reference", "cpu"):
        with pytest.raises(InvalidArgumentError):
            run_on(backend, argmax(empty, 0), {empty: np.zeros((0, 3))})
        with pytest.raises(InvalidArgumentError):
            run_on(backend, argmax(t, axis), {axis: 4})
        assert run_on(backend, argmax(empty, 1), {empty: np.zeros((0, 3))}).shape == (0,)
    with pytest.raises(ValueError):
        argmax(t, 2)
    with pytest.raises(ValueError):
        argmax(t, axis=0, dimension=0)


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_running_sums_and_products(exclusive, backwards):
    x = np.array([[1.0, 2, 3], [4, 0, 6]])
    for fn, accumulate, start in ((products.cumsum, np.cumsum, 0), (products.cumprod, np.cumprod, 1)):
        line = x[:, ::-1] if backwards else x
        want = accumulate(line, 1)
        want = np.c_[np.full(2, start), want[:, :-1]] if exclusive else want
        want = want[:, ::-1] if backwards else want
        np.testing.assert_array_equal(run_on("cpu", fn(constant(x), 1, exclusive, backwards)), want)
        check_op(lambda x: fn(x, -1, exclusive, backwards), (2, 4), dtypes=("float64",), second=fn is products.cumprod)
        check_op(lambda x: fn(x, 0, exclusive, backwards), (0, 4), dtypes=("float64",), grad=False)


def test_running_products_through_zeros():
    x = placeholder("float64", [4])
    dx = run_on("reference", gradients(products.cumprod(x), x)[0], {x: [2.0, 0, 3, 0]})
    np.testing.assert_array_equal(dx, [1, 2 + 6, 0, 0])  # d/dx of x0 + x0 x1 + x0 x1 x2 + x0 x1 x2 x3
    with pytest.raises(ValueError):
        products.cumsum(x, 1)


def test_moments():
    for axes in ([0], [0, 1], [-1]):
        check_op(lambda x: list(statistics.moments(x, axes)), (3, 4), dtypes=("float32",), second=True)
    x = np.random.default_rng(0).normal(3, 2, (50, 3))
    mean, variance = run_on("cpu", list(statistics.moments(constant(x), [0])))
    np.testing.assert_allclose(mean, x.mean(0))
    np.testing.assert_allclose(variance, x.var(0))
    half = statistics.moments(constant(x, "float16"), [0], keep_dims=True)
    assert half[0].dims == (1, 3) and half[1].dtype.name == "float16"
    weights = np.arange(50.0)[:, None]
    got = run_on("cpu", list(statistics.weighted_moments(constant(x), [0], constant(weights))))
    np.testing.assert_allclose(got[0], np.average(x, 0, weights[:, 0]))
    np.testing.assert_allclose(got[1], np.average((x - got[0]) ** 2, 0, weights[:, 0]))
    stats = statistics.sufficient_statistics(constant(x), [0], shift=constant(2.0, "float64"))
    got = run_on("cpu", list(statistics.normalize_moments(*stats)))
    np.testing.assert_allclose(got, [mean, variance])


@pytest.mark.parametrize("ord", ["euclidean", 1, 2, np.inf, 3])
def test_norm_of_vectors(ord):
    x = np.random.default_rng(0).normal(size=(3, 4))
    number = 2 if ord == "euclidean" else ord
    t = constant(x)
    got = run_on("cpu", [statistics.norm(t, ord, axis=1), statistics.norm(t, ord, axis=0, keepdims=True),
                         statistics.norm(t, ord)])  # fmt: skip
    np.testing.assert_allclose(got[0], np.linalg.norm(x, number, axis=1))
    np.testing.assert_allclose(got[1], np.linalg.norm(x, number, axis=0, keepdims=True))
    np.testing.assert_allclose(got[2], np.linalg.norm(x.reshape(-1), number))
    check_op(lambda t: statistics.norm(t, ord, axis=1), (3, 4), dtypes=("float32",))


@pytest.mark.parametrize("ord", ["fro", "euclidean", 1, np.inf])
def test_norm_of_matrices(ord):
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    number = "fro" if ord == "euclidean" else ord
    for axis in ([1, 2], (-1, 0)):
        got = run_on(
            "cpu", [statistics.norm(constant(x), ord, axis), statistics.norm(constant(x), ord, axis, keepdims=True)]
        )
        for keep in (False, True):
            np.testing.assert_allclose(got[keep], np.linalg.norm(x, number, tuple(axis), keep))


def test_norm_refuses():
    for ord, axis in (("fro", 0), (-1, 0), (3, [0, 1]), (1, [0, 1, 2]), ("nuclear", None)):
        with pytest.raises(ValueError):
            statistics.norm(constant(np.ones((2, 2, 2))), ord, axis)


def test_small_statistics():
    x = constant([[3.0, 0.0, -4.0], [0.0, 0.0, 2.0]])
    unit, loss, zeros, none = run_on("cpu", [
        statistics.l2_normalize(x, 1), statistics.l2_loss(x), statistics.zero_fraction(x),
        statistics.zero_fraction(constant(np.zeros((0, 2))))])  # fmt: skip
    np.testing.assert_allclose(unit, [[0.6, 0, -0.8], [0, 0, 1]], rtol=1e-6)
    assert loss == 14.5 and zeros == 0.5 and np.isnan(none)
    check_op(statistics.l2_loss, (2, 3), second=True)
    check_op(lambda x: statistics.l2_normalize(x, [0, 1]), (2, 3), dtypes=("float32",))


def test_clip_by_value():
    x = constant([-2.0, -1.0, 0.0, 1.0, 2.0])
    low, high = constant(-1.0), constant(1.0)
    y = clip.clip_by_value(x, low, high)
    got = run_on("cpu", [y, *gradients(y, [x, low, high])])
    assert [np.asarray(g).tolist() for g in got] == [[-1, -1, 0, 1, 1], [0, 1, 1, 1, 0], 1, 1]
    assert clip.clip_by_value(placeholder("float32", [None, 3]), 0.0, np.ones(3, np.float32)).dims == (None, 3)
    with pytest.raises(ValueError):
        clip.clip_by_value(x, np.zeros((2, 1), np.float32), 1.0)
    with pytest.raises(TypeError):
        clip.clip_by_value(constant([1, 2]), 0.5, 1)


def test_clip_by_norm():
    x = np.array([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])
    t = constant(x)
    whole, rows, mean = run_on("cpu", [clip.clip_by_norm(t, 1.0), clip.clip_by_norm(t, 1.0, axes=[1]),
                                       clip.clip_by_average_norm(t, 0.5)])  # fmt: skip
    np.testing.assert_allclose(whole, x / np.linalg.norm(x))
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0.3, 0.4], [0, 0]])
    np.testing.assert_allclose(mean, x * 0.5 * min(6 / np.linalg.norm(x), 2))
    np.testing.assert_array_equal(run_on("cpu", gradients(clip.clip_by_norm(t, 1.0, axes=[1])[2], t)[0])[2], [1, 1])
    check_op(lambda t: clip.clip_by_norm(t, 1.0), (2, 3), dtypes=("float32",), second=True)


def test_clip_by_global_norm():
    ts = [constant([3.0, 0.0]), None, constant([[4.0]])]
    clipped, norm = clip.clip_by_global_norm(ts, 1.0)
    same, _ = clip.clip_by_global_norm(ts, 10.0)
    assert clipped[1] is None
    got = run_on("cpu", [clipped[0], clipped[2], norm, same[0], clip.global_norm(ts)])
    for g, w in zip(got, [[0.6, 0], [[0.8]], 5, [3, 0], 5], strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-6)
    broken, _ = clip.clip_by_global_norm([constant([np.inf, 1.0])], 1.0)
    assert np.isnan(run_on("cpu", broken[0])).all()
    with pytest.raises(TypeError):
        clip.global_norm(ts[0])
