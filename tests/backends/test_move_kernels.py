"""Kernels that move data: as plain Python over flat arrays, and compiled, fed, against the reference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_kernels import check, draw, run

import graphflow as tf
from graphflow.backends import get_backend
from graphflow.backends.cpu import python_steps
from graphflow.backends.cpu.compile import ELEMENTS
from graphflow.backends.cpu.kernels import BINDINGS, move
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.pad import PAD_V2
from graphflow.ops.slicing import STRIDED_SLICE_GRAD
from graphflow.testing import BACKENDS, assert_close, run_on

DTYPES = (*ELEMENTS, "bool")


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as made:
        yield made


def fed(make, *arrays):
    """What `make` gives of fed placeholders on each backend, all of it native on the CPU."""
    feeds = {tf.placeholder(a.dtype, a.shape): a for a in arrays}
    made = make(*feeds)
    outputs = made if isinstance(made, list) else [made]
    assert get_backend("cpu").lower(outputs[0].op) is not None
    want, *others = (run_on(backend, outputs, feeds) for backend in BACKENDS)
    for got in others:
        for g, w in zip(got, want, strict=True):
            assert_close(g, w)


def bound(t):
    return BINDINGS[t.op.definition.lower(t.op).name](t.op)


def native(t):
    return get_backend("cpu").lower(t.op) is not None


# -- copies from one layout to another -----------------------------------------------------------------------------
SHAPES = [(), (5,), (3, 4), (2, 1, 3), (0, 3), (2, 3, 1, 5), (2, 3, 2, 3, 2)]


@pytest.mark.parametrize("shape", SHAPES)
def test_rearrangements(shape):
    x, rank = draw(*shape), len(shape)
    orders = [range(rank), range(rank)[::-1], np.roll(range(rank), 1), [*range(rank)[::2], *range(rank)[1::2]]]
    for order in orders:
        check(lambda x: tf.transpose(x, np.array(order, np.int32)), x)
    check(lambda x: tf.reverse(x, np.arange(rank)), x)
    check(lambda x: tf.reverse(x, np.arange(rank)[-1:]), x)
    check(lambda x: tf.slice(x, np.array(shape, np.int32) // 3, np.full(rank, -1, np.int32)), x)
    for multiples in ([2, 2, 2, 1, 1], [1, 3, 2, 1, 1], [1, 2, 1, 1, 3], [0, 1, 1, 1, 1]):
        check(lambda x: tf.tile(x, np.array(multiples[:rank], np.int32)), x)


TRANSPOSES = [((40, 150), (1, 0)), ((3, 90, 70), (0, 2, 1)), ((5000, 2), (1, 0)), ((2, 3, 900), (2, 1, 0)),
              ((1300, 2, 3), (0, 2, 1))]  # fmt: skip


@pytest.mark.parametrize("shape, order", TRANSPOSES)
def test_transposes_of_many_tiles(shape, order):
    x = np.arange(np.prod(shape)).reshape(shape)
    check(lambda x: tf.transpose(x, order), x)


def test_a_long_copy_has_many_tiles():
    check(lambda x: x[1:-1], np.arange(9001))


KEYS = [np.s_[1], np.s_[-1, 2], np.s_[1, 2, 3], np.s_[::-1], np.s_[3:0:-2, ..., 1], np.s_[:, None, 1:3],
        np.s_[..., -3::2], np.s_[2:2], np.s_[None], np.s_[:, ::-1, ::-1]]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_strided_slices_and_their_gradient(key):
    x = draw(4, 3, 5)
    check(lambda x: x[key], x)
    attrs = convert_to_tensor(x)[key].op
    begin, end, strides = (t.op.attrs["value"] for t in attrs.inputs[1:])
    check(lambda dy: STRIDED_SLICE_GRAD([4, 3, 5], begin, end, strides, dy, **attrs.attrs), draw(*x[key].shape))
    fed(lambda x: x[key], x)


PARTS = [
    (lambda x, i: x[i[0]], [2]), (lambda x, i: x[i[0]], [-4]), (lambda x, i: x[:, i[0]], [-1]),
    (lambda x, i: x[..., i[0]], [4]), (lambda x, i: x[1:, None, i[0], ::-2], [0]),
    (lambda x, i: x[i[0], 1, i[1]], [3, 1]),
    (lambda x, i: tf.slice(x, [i[0], 1, 0], [2, 1, 5]), [2]), (lambda x, i: tf.slice(x, i, [1, 2, 3]), [3, 1, 2]),
    (lambda x, i: tf.slice(x, i, [4, 3, 5]), [0, 0, 0]), (lambda x, i: x[0, 1, i[0]], [2]),
]  # fmt: skip


@pytest.mark.parametrize("make, begin", PARTS)
def test_slices_whose_begin_is_fed(make, begin):
    for kind in ("int32", "int64"):
        fed(make, draw(4, 3, 5), np.array(begin, kind))


@pytest.mark.parametrize("make, begin", [
    (lambda x, i: x[i[0]], [4]), (lambda x, i: x[i[0]], [-5]), (lambda x, i: x[1, :, i[0]], [5]),
    (lambda x, i: tf.slice(x, i, [2, 3, 1]), [3, 0, 0]), (lambda x, i: tf.slice(x, i, [2, 3, 1]), [0, 0, -1]),
])  # fmt: skip
def test_a_begin_out_of_range_is_an_error(make, begin):
    x, i = tf.placeholder("float32", (4, 3, 5)), tf.placeholder("int32", np.shape(begin))
    made = make(x, i)
    assert native(made)
    for backend in BACKENDS:
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"out of range|outside"):
            run_on(backend, made, {x: draw(4, 3, 5), i: begin})


def test_an_element_of_each_round_of_a_native_loop(monkeypatch):
    def refuse(step, *_):
        raise AssertionError(f"{step.op.name} runs in Python")

    monkeypatch.setattr(python_steps, "calling", refuse)
    x, n = tf.placeholder("float32", (7, 3)), tf.placeholder("int32", ())
    total = tf.while_loop(lambda i, s: i < n, lambda i, s: (i + 1, s + x[i] * x[i % 3, 1]), [0, tf.zeros([3])])[1]
    value = draw(7, 3)
    for rounds in (7, 0, 8):
        with tf.Session(backend="cpu") as session:
            if rounds > 7:
                with pytest.raises(tf.errors.InvalidArgumentError, match="index 7, entry 0"):
                    session.run(total, {x: value, n: rounds})
                continue
            want = sum((value[i] * value[i % 3, 1] for i in range(rounds)), np.zeros(3))
            np.testing.assert_allclose(session.run(total, {x: value, n: rounds}), want, rtol=1e-5)


def test_layouts_with_too_many_loops_run_the_reference():
    x, value = tf.placeholder("float32", (2,) * 7), draw(*(2,) * 7)
    made = [tf.transpose(x), tf.tile(x, [2] * 7), tf.pad(x, [[1, 1]] * 7), tf.pad(x, [[1, 1]] * 7, "REFLECT")]
    assert native(tf.transpose(x, [1, 0, 2, 3, 4, 5, 6])) and not any(native(t) for t in made)
    for got, want in zip(run_on("cpu", made, {x: value}), run_on("reference", made, {x: value}), strict=True):
        np.testing.assert_array_equal(got, want)


def test_loops_that_follow_on_become_one():
    assert move.collapse((4, 1, 5, 6), (30, 7, 6, 1), (30, 30, 6, 1)) == [(120, 1, 1)]
    assert move.collapse((4, 5), (5, -1), (5, 1)) == [(4, 5, 5), (5, -1, 1)]
    assert move.collapse((1, 1), (3, 3), (1, 1)) == []


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_element_type(dtype):
    x = (100 * draw(3, 40)).astype(dtype)
    fed(lambda x: tf.transpose(x), x)
    fed(lambda x: tf.stack([x, x], axis=1), x)
    fed(lambda x, i: tf.gather(x, i), x, np.array([2, 0, 2]))
    fed(lambda x: tf.pad(x, [[1, 0], [0, 2]]), x)
    fed(lambda x, v: PAD_V2(x, [[1, 0], [0, 2]], v), x, x[0, 0])
    fed(lambda i, on, off: tf.one_hot(i, 3, on, off), np.array([2, 0, 5]), x[0, 0], x[0, 1])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=4), st.data())
def test_any_slice_of_any_transpose(shape, data):
    x = np.arange(np.prod(shape)).reshape(shape)
    order = data.draw(st.permutations(range(len(shape))))
    bound = st.none() | st.integers(-5, 5)
    step = st.none() | st.integers(-3, 3).filter(bool)
    key = tuple(slice(data.draw(bound), data.draw(bound), data.draw(step)) for _ in shape)
    with tf.Graph().as_default():
        t = tf.placeholder("int64", shape)
        pieces = [tf.transpose(t, order)[key], tf.tile(t[key], [2] * len(shape)), tf.pad(t, [[1, 2]] * len(shape))]
        moved, tiled, padded = run_on("cpu", pieces, {t: x})
    np.testing.assert_array_equal(moved, x.transpose(order)[key])
    np.testing.assert_array_equal(tiled, np.tile(x[key], [2] * len(shape)))
    np.testing.assert_array_equal(padded, np.pad(x, [[1, 2]] * len(shape)))


def test_what_only_a_run_shows_is_left_to_the_reference():
    x, n = tf.placeholder("float32", (3, 4)), tf.placeholder("int32", (2,))
    made = [tf.transpose(x, n), tf.reverse(x, n[:1]), tf.gather(x, [0], axis=n[0])]
    assert not any(native(t) for t in made)
    value = draw(3, 4)
    moved, flipped, taken = run_on("cpu", made, {x: value, n: [1, 0]})
    for got, want in ((moved, value.T), (flipped, value[:, ::-1]), (taken, value[:, :1])):
        np.testing.assert_array_equal(got, want)
    with pytest.raises(tf.errors.InvalidArgumentError, match="order of the axes"):
        run_on("cpu", made[0], {x: value, n: [1, 1]})


# -- joining -------------------------------------------------------------------------------------------------------
CUTS = [((5,), 0, (2, 0, 3)), ((3, 4), 1, (1, 3)), ((3, 40), -1, (9, 2, 29)), ((4, 2, 3), 0, (4,)),
        ((2, 21, 2), 1, (9, 12)), ((0, 3), 1, (1, 2)), ((2, 0), 1, (0, 0))]  # fmt: skip


@pytest.mark.parametrize("shape, axis, sizes", CUTS)
def test_concat_and_split(shape, axis, sizes):
    x = draw(*shape)
    parts = np.split(x, np.cumsum(sizes)[:-1], axis)
    check(lambda x: tf.split(x, sizes, axis), x)
    fed(lambda x: tf.split(x, sizes, axis), x)
    if len(parts) > 1:
        check(lambda *parts: tf.concat(parts, axis), *parts)
        fed(lambda *parts: tf.concat(parts, axis), *parts)


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (2, 1, 12), (0, 3)])
@pytest.mark.parametrize("n", [1, 3])
def test_stack_unstack_and_equal_parts(shape, n):
    arrays = [draw(*shape, seed=i) for i in range(n)]
    for axis in range(-1, len(shape) + 1):
        check(lambda *values: tf.stack(values, axis), *arrays)
        check(lambda x: tf.unstack(x, axis=axis), np.stack(arrays, axis))
        check(lambda x: tf.split(x, n, axis), np.stack(arrays, axis))
    fed(lambda *values: tf.stack(values, -1), *arrays)
    fed(lambda x: tf.unstack(x, axis=-1), np.stack(arrays, -1))


def test_one_tensor_several_times():
    fed(lambda x: tf.concat([x, x, x], 1), draw(2, 3))


def test_many_pieces():
    fed(lambda x: tf.unstack(x, axis=1), draw(2, 70, 9))
    assert not native(tf.stack([tf.placeholder("float32", ())] * 1000))


# -- padding -------------------------------------------------------------------------------------------------------
PADDINGS = [((3,), [[2, 1]]), ((2, 3), [[0, 0], [1, 2]]), ((2, 3, 4), [[1, 0], [0, 0], [2, 3]]),
            ((2, 3, 3, 2), [[0, 0], [1, 1], [2, 0], [0, 0]]), ((2, 3), [[0, 0], [0, 0]]), ((0, 2), [[0, 0], [1, 1]]),
            ((2, 3, 2, 3, 2), [[1, 1]] * 5)]  # fmt: skip


@pytest.mark.parametrize("shape, paddings", PADDINGS)
def test_paddings(shape, paddings):
    x = draw(*shape)
    check(lambda x: tf.pad(x, paddings), x)
    check(lambda x: tf.pad(x, paddings, constant_values=7.0), x)
    for mode in ("REFLECT", "SYMMETRIC"):
        if len(shape) < 5 and np.all(np.max(paddings, axis=1) < shape):
            check(lambda x: tf.pad(x, paddings, mode), x)
            fed(lambda x: tf.pad(x, paddings, mode), x)
    fed(lambda x: tf.pad(x, paddings), x)


def test_padding_of_numbers_and_of_empty_tensors():
    check(lambda x: tf.pad(x, np.zeros((0, 2), np.int32)), draw())
    check(lambda x: tf.pad(x, [[2, 1]], constant_values=3.0), draw(0))
    check(lambda x: tf.pad(x, np.zeros((0, 2), np.int32), "REFLECT"), draw())


# -- rows by their index -------------------------------------------------------------------------------------------
GATHERS = [((5, 3), (4,), 0, 0), ((5,), (2, 3), 0, 0), ((3, 5, 2), (), 1, 0), ((2, 5, 3), (2, 4), 1, 1),
           ((2, 3, 5), (2, 4), 2, 1), ((2, 3, 5, 2), (2, 3, 2), 2, 2), ((3, 5), (3,), -1, 0)]  # fmt: skip


@pytest.mark.parametrize("shape, index_shape, axis, batch", GATHERS)
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_gather(shape, index_shape, axis, batch, dtype):
    x, indices = draw(*shape), np.random.default_rng(0).integers(0, 5, index_shape).astype(dtype)
    check(lambda x, i: tf.gather(x, i, axis=axis, batch_dims=batch), x, indices)
    fed(lambda x, i: tf.gather(x, i, axis=axis, batch_dims=batch), x, indices)


@pytest.mark.parametrize(
    "shape, index_shape", [((5, 4), (3, 2)), ((4, 4, 3), (2, 3, 1)), ((4, 3), (2, 0)), ((5,), (1,)), ((4,) * 4, (5, 4))]
)
def test_gather_nd(shape, index_shape):
    indices = np.random.default_rng(0).integers(0, 4, index_shape)
    check(tf.gather_nd, draw(*shape), indices)
    fed(tf.gather_nd, draw(*shape), indices)


OUTSIDE = [
    (lambda x, i: tf.gather(x, i), [1, 9, 3]),
    (lambda x, i: tf.gather(x, i, axis=1), [0, -1]),
    (lambda x, i: tf.gather_nd(x, i), [[0, 0], [4, 1]]),
    (lambda x, i: tf.gather(x[:, :0], i), [4]),
]


@pytest.mark.parametrize("make, indices", OUTSIDE)
def test_an_index_out_of_range_is_an_error(make, indices):
    x, i = tf.placeholder("float32", (4, 3)), tf.placeholder("int32", np.shape(indices))
    made = make(x, i)
    for backend in BACKENDS:
        with pytest.raises(tf.errors.InvalidArgumentError, match="out of range"):
            run_on(backend, made, {x: draw(4, 3), i: indices})


def test_the_bad_index_is_named():
    made = tf.gather(convert_to_tensor(draw(4, 3)), convert_to_tensor(np.array([0, 1, 7, 3])))
    assert run(made.op, 2)[1][:3].tolist() == [1, 2, 7]
    assert bound(made).error.format(position=2, value=7) == "indices[2] = 7 is out of range: it must be in [0, 4)"


# -- made of few numbers -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("shape, axis", [((), -1), ((4,), -1), ((4,), 0), ((2, 3), 1), ((2, 3), 2), ((0,), 0)])
@pytest.mark.parametrize("dtype", ["uint8", "int64", "int32"])
def test_one_hot(shape, axis, dtype):
    indices = np.random.default_rng(0).integers(-1, 6, shape).astype(dtype)
    check(lambda i: tf.one_hot(i, 4, axis=axis), indices)
    check(lambda i: tf.one_hot(i, 0, axis=axis), indices)
    fed(lambda i: tf.one_hot(i, 4, 2.5, -1.0, axis=axis), indices)


@pytest.mark.parametrize("start, limit, delta", [(0.0, 1.0, 0.1), (3.0, -2.0, -0.3), (1.0, 1.0, 1.0)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_range(start, limit, delta, dtype):
    made = tf.range(start, limit, delta, dtype=dtype)
    check(lambda: made)
    got, want = (run_on(backend, made) for backend in ("cpu", "reference"))
    np.testing.assert_array_equal(got, want)
