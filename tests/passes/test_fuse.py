"""Fusion: which operations become one kernel, and that the values stay what they were."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphflow as tf
from graphflow.backends import get_backend
from graphflow.backends.reference import evaluate
from graphflow.config import config
from graphflow.ops.fused import type_of
from graphflow.passes import optimize
from graphflow.passes.fuse import LIMIT, fuse_regions
from graphflow.plan import make_plan
from graphflow.program import prune, specialize
from graphflow.store import Store
from graphflow.testing import assert_close


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default():
        yield


def specialized(fetches, feeds):
    """The program of these fetches for feeds {tensor: value}, every shape known."""
    dims = [np.shape(v) for v in feeds.values()]
    return specialize(prune(fetches, [], list(feeds)), dims, lambda op: op.output.dims).program


def names(program):
    """What the steps of the compiled plan are made of; each has a kernel."""
    plan = make_plan(program, get_backend("cpu").lower)
    assert all(s.call is not None for s in plan.steps)
    return [type_of(s.op) for s in plan.steps]


def steps(fetches, feeds):
    """The steps after fusion alone."""
    return names(fuse_regions(specialized(fetches, feeds)))


def kernels(fetches, *feeds):
    """The steps after all passes."""
    return names(optimize(specialized(fetches, {t: np.zeros(t.dims) for t in feeds})))


def on_cpu(program, feeds):
    """The values of a program's fetches, compiled."""
    values = [np.asarray(v, t.dtype.dtype) for t, v in feeds.items()]
    return get_backend("cpu").compile(make_plan(program, get_backend("cpu").lower), Store())(values)


def check(fetches, feeds):
    """Fused and not, on the reference and compiled: the same values, with long vectors and short ones."""
    program = specialized(fetches, feeds)
    fused = fuse_regions(program)
    values = [np.asarray(v, t.dtype.dtype) for t, v in feeds.items()]
    with np.errstate(all="ignore"):
        want = evaluate(program, values, Store())
        both = [evaluate(fused, values, Store())]
    for width in (16, 64):
        with config(vector_bytes=width):
            for one in (program, fused):
                both.append(on_cpu(one, feeds))
    for got in both:
        for a, b in zip(got, want, strict=True):
            assert_close(a, b, "")
    again = fuse_regions(fused)
    assert [op.name for op in again.ops] == [op.name for op in fused.ops]


def draw(*dims, dtype="float32", seed=0):
    return np.random.default_rng(seed).normal(size=dims).astype(dtype)


def feed(*values):
    """Placeholders of these values' shapes, and the feeds."""
    made = {tf.placeholder(np.asarray(v).dtype.name, np.shape(v)): v for v in values}
    return [*made, made]


def test_a_chain_with_broadcasting_is_one_step():
    x, b = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.float32, [3])
    y = tf.where_v2(x > 0.0, tf.nn.relu(tf.tanh(x) * 2.0 + b), b)
    feeds = {x: np.linspace(-2, 2, 12).reshape(4, 3), b: [1.0, 2.0, 3.0]}
    assert steps([y], feeds) == ["Greater+Tanh+Mul+Add+Relu+SelectV2"]
    check([y], feeds)


def test_what_is_wanted_outside_is_stored_too():
    x = tf.placeholder(tf.float32, [4])
    a = tf.exp(x)
    b = a + 1.0
    assert steps([a, b], {x: np.zeros(4)}) == ["Exp+Add"]
    check([a, b, tf.reduce_sum(a * b)], {x: np.arange(4.0)})


def test_a_reader_in_between_keeps_operations_apart():
    x = tf.placeholder(tf.float32, [2, 2])
    a = tf.exp(x)
    m = tf.matmul(a, a)
    y = a + m
    assert steps([y], {x: np.zeros((2, 2))}) == ["Exp", "MatMul+Add"]
    check([y], {x: np.eye(2)})


def test_other_shapes_stay_apart():
    x, s = tf.placeholder(tf.float32, [3]), tf.placeholder(tf.float32, [])
    y = x * tf.exp(s)
    assert steps([y], {x: np.zeros(3), s: 0.0}) == ["Exp", "Mul"]
    check([y], {x: np.arange(3.0), s: 2.0})


def test_integers_wrap_and_bools_are_kept_inside_a_region():
    i = tf.placeholder(tf.uint8, [3])
    y = tf.logical_and((i + i) * i > tf.constant(10, tf.uint8), tf.logical_not(tf.equal(i, tf.constant(7, tf.uint8))))
    feeds = {i: np.array([200, 3, 7])}
    assert len(steps([y], feeds)) == 1
    check([y], feeds)


def test_variables_are_read_and_written_outside_regions():
    v = tf.Variable([1.0, 2.0])
    x = tf.placeholder(tf.float32, [2])
    new = v.assign(tf.exp(x) * v + 1.0)
    late = v * 2.0 + new
    with tf.Session(backend="cpu") as session:
        session.run(v.initializer)
        np.testing.assert_allclose(session.run(late, {x: [0.0, 0.0]}), [4.0, 7.0])


def test_no_region_grows_without_bound():
    h = x = tf.placeholder(tf.float32, [8])
    for _ in range(LIMIT):
        h = tf.nn.relu(h * 0.5 + 0.5)
    regions = steps([h], {x: np.ones(8)})
    assert len(regions) == 3 and len(set(regions)) == 1
    check([h], {x: np.ones(8)})


def test_softmax_cross_entropy_and_its_gradient_are_one_kernel():
    logits, labels, weights, feeds = feed(draw(100, 10), np.eye(10, dtype="float32")[np.arange(100) % 10], draw(100))
    loss = tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
    (grad,) = tf.gradients(loss, logits, weights)
    assert len(kernels([loss, grad], *feeds)) == 1
    values = on_cpu(optimize(specialized([loss, grad], feeds)), feeds)
    exp = np.exp(feeds[logits].astype("float64"))
    p = exp / exp.sum(1, keepdims=True)
    assert_close(values[0], -np.log(p[feeds[labels] > 0]).astype("float32"), "loss")
    assert_close(values[1], ((p - feeds[labels]) * feeds[weights][:, None]).astype("float32"), "gradient")


# -- epilogues -----------------------------------------------------------------------------------------------------
def test_a_layer_is_one_kernel():
    x, w, b, feeds = feed(draw(7, 5), draw(5, 6), draw(6))
    raw = tf.matmul(x, w)
    y = tf.nn.relu(raw + b)
    assert kernels([y], x, w, b) == ["MatMul+Add+Relu"]
    assert kernels([raw, y], x, w, b) == ["MatMul+Add+Relu"]
    check([y], feeds)
    check([raw, y], feeds)


@pytest.mark.parametrize("m, n", [(1, 1), (1, 9), (9, 1), (33, 3), (5, 17), (40, 70), (0, 3), (3, 0)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bias_by_column_row_element_and_one_for_all(m, n, dtype):
    a, w, c, r, e, s, feeds = feed(
        *(draw(*d, dtype=dtype, seed=i) for i, d in enumerate([(m, 4), (4, n), (n,), (m, 1), (m, n), ()]))
    )
    y = tf.tanh(tf.matmul(a, w) + c) * r - e * s
    assert len(kernels([y], *feeds)) == 1
    check([y], feeds)


def test_an_epilogue_gives_other_dtypes_and_what_comes_between():
    x, w, b, feeds = feed(draw(7, 5), draw(5, 6), draw(6))
    h = tf.matmul(x, w) + b
    fetches = [h > 0.0, tf.cast(h * 10.0, tf.int32), tf.cast(h, tf.float64)]
    assert kernels(fetches, x, w, b) == ["MatMul+Add+Greater+Mul+Cast+Cast"]
    check(fetches, feeds)
    check([*fetches, h], feeds)


def test_of_two_products_one_has_the_sum_as_its_epilogue():
    x, w, v, feeds = feed(draw(7, 5), draw(5, 6), draw(5, 6, seed=1))
    y = tf.nn.sigmoid(tf.matmul(x, w) + tf.matmul(x, v))
    assert kernels([y], x, w, v) == ["MatMul", "MatMul+Add+Sigmoid"]
    check([y], feeds)


def test_a_product_of_its_own_epilogue_is_two_kernels():
    x, feeds = feed(draw(4, 4))
    t = tf.tanh(tf.matmul(x, x))
    y = tf.matmul(t, x) + t
    assert kernels([y], x) == ["MatMul+Tanh", "MatMul+Add"]
    check([y], feeds)


@pytest.mark.parametrize("bias", [(6,), (3, 1), (2, 1, 1), (2, 3, 6), (2, 3, 1), ()])
def test_batches_of_products(bias):
    x, w, b, feeds = feed(draw(2, 3, 4), draw(2, 4, 6), draw(*bias))
    y = tf.nn.relu(tf.matmul(x, w) + b)
    assert kernels([y], x, w, b)[0].startswith("BatchMatMulV2")
    check([y], feeds)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_convolutions_with_bias_and_activation(padding):
    x, f, b, feeds = feed(draw(2, 7, 6, 3), draw(3, 3, 3, 5), draw(5))
    y = tf.nn.relu(tf.nn.conv2d(x, f, [1, 2, 1, 1], padding) + b)
    assert kernels([y], x, f, b) == ["Conv2D+Add+Relu"]
    check([y], feeds)


def test_gradients_of_an_activation_are_epilogues():
    x, w, v, dy, feeds = feed(draw(7, 5), draw(5, 6), draw(6, 3), draw(7, 3))
    h = tf.nn.relu(tf.matmul(x, w))
    grads = tf.gradients(tf.matmul(h, v), [w, v], dy)
    assert sorted(kernels(grads, *feeds)) == ["MatMul", "MatMul", "MatMul+Relu", "MatMul+ReluGrad"]
    check(grads, feeds)


# -- reductions ----------------------------------------------------------------------------------------------------
def softmax(x, axis=1):
    e = tf.exp(x - tf.reduce_max(x, axis, keepdims=True))
    return e / tf.reduce_sum(e, axis, keepdims=True)


def normal(x, axes):
    mean = tf.reduce_mean(x, axes, keepdims=True)
    d = x - mean
    return d * tf.rsqrt(tf.reduce_mean(d * d, axes, keepdims=True) + 1e-3)


def squeezed_normal(x, axes):
    mean, variance = tf.nn.moments(x, axes)
    return tf.nn.batch_normalization(x, mean, variance, tf.sqrt(variance), None, 1e-3)


SHAPES = [(1, 1), (5, 7), (3, 64), (2, 70), (7, 1), (1, 9), (0, 3), (3, 0), (300, 5), (1000, 70)]


@pytest.mark.parametrize("dims", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("axis", [0, 1])
def test_stages(dims, dtype, axis):
    x, feeds = feed(draw(*dims, dtype=dtype))
    made = [softmax(x, axis), normal(x, [axis]), tf.reduce_logsumexp(x, axis), normal(x, [0, 1])]
    if axis == 0:
        made.append(squeezed_normal(x, [0]))
    for y in made:
        if dims == (5, 7):
            assert len(kernels([y], x)) == 1
        check([y], feeds)


def test_every_length_of_rows():
    for columns in range(1, 71):
        with tf.Graph().as_default():
            x, feeds = feed(draw(5, columns))
            run = [softmax(x), squeezed_normal(x, [0]), tf.reduce_sum(x * x, 0)]
            program = specialized(run, feeds)
            values = [feeds[x]]
            compiled = get_backend("cpu").compile(make_plan(fuse_regions(program), get_backend("cpu").lower), Store())
            for got, want in zip(compiled(values), evaluate(program, values, Store()), strict=True):
                assert_close(got, want, f"{columns} columns")


@pytest.mark.parametrize("dims", [(100000, 3), (200, 70), (3, 100000), (70000,)])
def test_many_chunks(dims):
    x, feeds = feed(draw(*dims))
    check([squeezed_normal(x, [0]), tf.reduce_sum(tf.tanh(x)), tf.reduce_max(x * 2.0, 0)], feeds)


def test_one_kernel_for_a_loss_and_its_gradient():
    x, t, feeds = feed(draw(6, 5), draw(6, 5, seed=1))
    loss = tf.reduce_mean(tf.square(x - t))
    assert kernels([loss], x, t) == ["Sub+Square+Mean"]
    assert len(kernels([loss, *tf.gradients(loss, [x])], x, t)) == 1
    check([loss, *tf.gradients(loss, [x])], feeds)


def test_batch_norm_forward_is_one_kernel_and_its_gradient_few():
    x, g, feeds = feed(draw(2, 4, 4, 5), draw(5))
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    y = tf.nn.batch_normalization(x, mean, variance, g, g, 1e-3)
    assert len(kernels([y, mean, variance], x, g)) == 1
    check([y, mean, variance], feeds)
    check(tf.gradients(y * y, [x, g]), feeds)


def test_the_gradient_of_a_bias_takes_that_of_the_activation_along():
    x, b, dy, feeds = feed(draw(50, 6), draw(6), draw(50, 6, seed=1))
    grads = tf.gradients(tf.nn.relu(x + b), [x, b], dy)
    assert kernels(grads, x, b, dy) == ["Add+Relu+ReluGrad+Sum"]
    check(grads, feeds)


def test_what_a_reduction_leaves_spread_over_the_space():
    x, feeds = feed(draw(4, 5))
    for axis in (0, 1, None):
        total = tf.reduce_sum(x * 2.0, axis, keepdims=True)
        spread = tf.broadcast_to(total, [4, 5])
        check([spread, spread + x, tf.exp(total)], feeds)
        check([tf.reduce_sum(tf.exp(spread / 9.0) * x, axis)], feeds)


def test_squares_where_rows_and_columns_have_one_length():
    x, feeds = feed(draw(3, 3))
    rows, columns = tf.reduce_sum(x * 2.0, 1), tf.reduce_sum(x * 2.0, 0)
    check([x + rows, x + columns, rows * columns, tf.reduce_sum(x * 2.0 + rows, 1)], feeds)


@pytest.mark.parametrize("axes", [[0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2]])
@pytest.mark.parametrize("other", [(2, 3, 4), (3, 4), (4,), (3, 1), (2, 1, 1), (2, 1, 4), ()])
def test_inputs_that_repeat_along_some_axes_have_kernels_too(axes, other):
    x, y, feeds = feed(draw(2, 3, 4), draw(*other))
    for keepdims in (False, True):
        total = tf.reduce_sum(x * y, axes, keepdims=keepdims)
        fetches = [total, tf.exp(total) + 1.0, *([x * total] if keepdims else [])]
        assert steps(fetches, feeds)
        check(fetches, feeds)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "int8", "int16"])
def test_reductions_of_integers(dtype):
    x, feeds = feed(np.random.default_rng(0).integers(0, 100, (9, 37)).astype(dtype))
    for axis in (0, 1, None):
        check([tf.reduce_sum(x * x, axis), tf.reduce_max(x + x, axis), tf.reduce_prod(x - x, axis),
               tf.reduce_min(x + x, axis)], feeds)  # fmt: skip


def test_reductions_of_bools_and_dtypes_that_change():
    x, feeds = feed(draw(9, 37))
    for axis in (0, 1, None):
        top = tf.reduce_max(x, axis, keepdims=True)
        share = tf.cast(tf.equal(x, top), tf.float64)
        check([tf.reduce_any(x > 2.0, axis), tf.reduce_all(x > -3.0, axis), share / tf.reduce_sum(share, axis,
               keepdims=True), tf.reduce_sum(tf.cast(x > 0.0, tf.int32), axis)], feeds)  # fmt: skip


def test_not_a_number_and_infinity_pass_through():
    x, feeds = feed(np.array([[1, np.nan, 2], [np.inf, 0, -1], [-np.inf, np.inf, 3], [0, 1, 2]], np.float32))
    for axis in (0, 1, None):
        check([tf.reduce_max(x * 1.5, axis), tf.reduce_min(x * 1.5, axis), tf.reduce_sum(tf.nn.relu(x), axis),
               tf.reduce_mean(tf.maximum(x, 0.5), axis), tf.reduce_any(x < 0.0, axis)], feeds)  # fmt: skip


# -- random draws --------------------------------------------------------------------------------------------------
def on(backend, skip, make, runs):
    """The values of several runs of what `make` builds in a new graph."""
    with tf.Graph().as_default(), config(skip=skip):
        tf.set_random_seed(7)
        fetches = make()
        with tf.Session(backend=backend) as session:
            session.run(tf.global_variables_initializer())
            return [session.run(fetches) for _ in range(runs)]


def drawing():
    x = tf.Variable(draw(41, 5))
    u = tf.random_normal([41, 5])
    return [tf.nn.dropout(tf.nn.relu(x), 0.5) + u * 0.1, tf.reduce_sum(tf.random_uniform([41, 5]) * x, 0),
            tf.reduce_mean(tf.random_uniform([41, 5]) * x, 1)]  # fmt: skip


def drawing_over_what_is_left():
    x = tf.Variable(draw(4, 5))
    made = []
    for axis, dims in ((1, [4, 1]), (0, [1, 5])):
        scaled = tf.reduce_sum(x * 2.0, axis, keepdims=True) * tf.random_uniform(dims)
        made += [scaled, x * scaled]
    squeezed = tf.reduce_sum(x * 2.0, 0) * tf.random_uniform([5])
    return [*made, x * squeezed]


def drawing_in_vain():
    u = tf.random_uniform([3, 4])
    return [tf.random_uniform([3, 4]) + 1.0, tf.zeros_like(u) + tf.random_uniform([3, 4])]


@pytest.mark.parametrize("make", [drawing, drawing_over_what_is_left, drawing_in_vain])
def test_the_same_numbers_are_drawn_in_every_run(make):
    want = on("reference", "fuse_regions", make, 3)
    for backend, skip in (("reference", ""), ("cpu", "fuse_regions"), ("cpu", "")):
        for got, wanted in zip(on(backend, skip, make, 3), want, strict=True):
            for a, b in zip(got, wanted, strict=True):
                assert_close(a, b, f"{backend} without {skip}")
    assert not np.array_equal(want[0][0], want[1][0])


def test_dropout_is_one_kernel():
    x = tf.placeholder(tf.float32, [8, 5])
    assert kernels([tf.nn.dropout(x + 2.0, 0.5)], x) == ["Add+RandomUniform+Less+Mul+SelectV2"]


OPERATIONS = (
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: tf.tanh(a),
    lambda a, b: tf.where_v2(a > b, a, b),
    lambda a, b: tf.reduce_sum(a, keepdims=True),
    lambda a, b: tf.nn.relu(a) - b,
    lambda a, b: tf.reshape(a, a.shape),
)
recipes = st.lists(
    st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 99), st.integers(0, 99)), min_size=2, max_size=25
)


@settings(max_examples=80, deadline=None)
@given(recipes, st.lists(st.integers(0, 99), min_size=1, max_size=3))
def test_random_programs_keep_their_values(recipe, wanted):
    with tf.Graph().as_default():
        x, row, one = (tf.placeholder(tf.float32, s) for s in ([2, 3], [3], []))
        values = [x, row, one]
        for operation, a, b in recipe:
            values.append(operation(values[a % len(values)], values[b % len(values)]))
        picked = [tf.tanh(values[i % len(values)]) for i in wanted]
        check(picked, {x: np.linspace(-1, 1, 6).reshape(2, 3), row: [0.5, -1, 2], one: 0.3})


def test_an_anchor_of_one_element_whose_result_is_wanted_too():
    x = tf.placeholder(tf.float32, [1, 3])
    product = tf.matmul(x, x, transpose_b=True)
    found = tf.nn.relu(product + 1.0)
    assert steps([product, found], {x: np.ones((1, 3))}) == ["MatMul+Add+Relu"]
    check([product, found], {x: np.ones((1, 3))})
