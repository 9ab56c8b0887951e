"""What TensorFlow 1.15 gives for single calls: refused dtypes, values at the edges, static shapes, names, errors."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf

X = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]], np.float32)


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default():
        yield


def run(fetches, feed=None):
    with tf.Session() as session:
        return session.run(fetches, feed)


def made(expression):
    unknown = tf.placeholder(tf.float32, name="u")
    return eval(expression, {"tf": tf, "np": np, "x": tf.constant(X, name="x"), "u": unknown}), unknown


def ones(dtype):
    return tf.ones([2, 2], dtype)


@pytest.mark.parametrize(("function", "dtypes"), [
    (tf.abs, "uint8 uint16 bool"), (tf.negative, "uint8 uint32"), (tf.sign, "uint8"), (tf.diag, "bool int8 uint8"),
    (tf.diag_part, "int16"), (lambda t: tf.pow(t, t), "uint8"), (lambda t: tf.squared_difference(t, t), "int8 uint8"),
    (lambda t: tf.truncatemod(t, t), "int8 int16"), (lambda t: tf.cross(t, t), "complex64"),
    (lambda t: tf.bitcast(t, tf.uint8), "bool"), (lambda t: tf.one_hot(t, 3), "int16 uint16"),
    (lambda t: tf.random_poisson(t, [2]), "int8"), (lambda t: tf.polygamma(t, t), "float16"),
    (lambda t: tf.histogram_fixed_width(t, t[0]), "float16"), (lambda t: tf.nn.in_top_k(t, [0, 1], 1), "float64"),
])  # fmt: skip
def test_dtypes_that_are_refused(function, dtypes):
    for dtype in dtypes.split():
        with pytest.raises(TypeError):
            function(ones(dtype))


@pytest.mark.parametrize("dtype", ["bool", "string"])
def test_scatters_need_numbers(dtype):
    v = tf.Variable(np.zeros(3, bool) if dtype == "bool" else ["a", "b", "c"])
    for scatter in (tf.scatter_add, tf.scatter_sub, tf.scatter_mul, tf.scatter_div, tf.scatter_min, tf.scatter_max):
        with pytest.raises(TypeError):
            scatter(v, [0], v[:1])


def test_quotients_and_products_of_complex_numbers_without_nan():
    x, y = tf.constant([1 + 2j, 3.0, 0.0]), tf.constant([2j, 0.0, 0.0])
    got = run([tf.div_no_nan(x, y), tf.math.multiply_no_nan(x, y), tf.math.xdivy(y, x), tf.math.xlogy(y, x)])
    np.testing.assert_allclose(got[0], [(1 + 2j) / 2j, 0, 0])
    np.testing.assert_allclose(got[1], [(1 + 2j) * 2j, 0, 0])
    np.testing.assert_allclose(got[2], [2j / (1 + 2j), 0, 0])
    np.testing.assert_allclose(got[3], [2j * np.log(1 + 2j), 0, 0])


def test_squared_difference_of_complex_numbers_is_real():
    np.testing.assert_allclose(run(tf.squared_difference([1j, 2.0], [1.0, 2j])), [2, 8])


def test_complex_numbers_keep_infinite_parts():
    z = run(tf.complex(np.float32(0), np.float32([np.inf, -np.inf, np.nan])))
    assert z.real.tolist() == [0, 0, 0] and z.imag[:2].tolist() == [np.inf, -np.inf] and np.isnan(z.imag[2])


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_argmax_never_chooses_nan(backend):
    x = np.array([[np.nan, 1, 2], [1, np.nan, -np.inf], [np.nan, np.nan, -1]], np.float32)
    p = tf.placeholder(tf.float32, [3, 3])
    with tf.Session(backend=backend) as session:
        largest, smallest = session.run([tf.argmax(p, 1), tf.argmin(p, 1)], {p: x})
    assert largest.tolist() == [2, 0, 2] and smallest.tolist() == [1, 2, 2]


def test_integers_wrap_around_in_constants():
    values = [tf.constant(-1, tf.uint8), tf.constant([300, 2], tf.uint8), tf.constant(2**40 + 3, tf.int32),
              tf.constant(0x9E3779B9, tf.int32)]  # fmt: skip
    got = run(values)
    assert got[0] == 255 and got[1].tolist() == [44, 2] and got[2] == 3 and got[3] == 0x9E3779B9 - 2**32


def test_a_number_fills_an_empty_shape():
    assert run(tf.constant(5, shape=[0, 2])).shape == (0, 2)


def test_polygamma_of_order_0_is_digamma():
    x = tf.constant([0.5, 2.0, 7.5])
    a, b = run([tf.polygamma(tf.zeros([3]), x), tf.digamma(x)])
    np.testing.assert_array_equal(a, b)


def test_euclidean_norm_of_integers():
    got = run(tf.math.reduce_euclidean_norm(tf.constant([[3, 4], [5, 12]]), 1))
    assert got.tolist() == [5, 13] and got.dtype == np.int32


def test_clip_by_average_norm_to_nothing():
    np.testing.assert_array_equal(run(tf.clip_by_average_norm(X, 0.0)), np.zeros_like(X))


def test_convolutions_step_by_one_without_strides():
    image, window = tf.ones([1, 3, 3, 1]), tf.ones([2, 2, 1, 1])
    a, b = run([tf.nn.conv2d(image, window, padding="SAME"), tf.nn.conv2d(image, window, 1, "SAME")])
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("axes", [1, 0, [[1], [0]], [[-1], [-2]], [[], []]])
def test_tensordot_of_unknown_ranks(axes):
    a, b = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    y = np.arange(12, dtype=np.float32).reshape(3, 4)
    product = tf.tensordot(a, b, axes)
    assert product.shape.ndims is None
    got, da, db = run([product, *tf.gradients(product, [a, b])], {a: X, b: y})
    np.testing.assert_allclose(got, np.tensordot(X, y, axes))
    assert da.shape == X.shape and db.shape == y.shape


def test_tensordot_of_a_known_and_an_unknown_rank():
    b = tf.placeholder(tf.float32)
    y = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    np.testing.assert_allclose(run(tf.tensordot(X, b, 2), {b: y}), np.tensordot(X, y, 2))
    for axes in ([[1, 1], [0, 1]], [[0, 1], [0]], [[tf.constant(0)], [0]]):
        with pytest.raises((ValueError, TypeError)):
            tf.tensordot(X, b, axes)


def test_einsum_of_unknown_ranks():
    a, b = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    product = tf.einsum("ij,kj->ki", a, b)
    assert product.shape.as_list() == [None, None]
    np.testing.assert_allclose(run(product, {a: X, b: X}), X @ X.T)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(product, {a: X[0], b: X})


@pytest.mark.parametrize("axis", [0, -2, 1])
def test_sort_of_unknown_rank(axis):
    u = tf.placeholder(tf.float32)
    values, order = run([tf.sort(u, axis, "DESCENDING"), tf.argsort(u, axis)], {u: X})
    np.testing.assert_array_equal(values, -np.sort(-X, axis))
    np.testing.assert_array_equal(order, np.argsort(X, axis))


@pytest.mark.parametrize(("expression", "shape"), [
    ("tf.image.flip_left_right(u)", [None] * 3), ("tf.image.flip_up_down(u)", [None] * 3),
    ("tf.image.transpose_image(u)", [None] * 3), ("tf.image.rot90(u)", [None] * 3),
    ("tf.image.rgb_to_hsv(tf.placeholder(tf.float32, [None, None, None]))", [None, None, 3]),
    ("tf.image.grayscale_to_rgb(tf.placeholder(tf.float32, [None, None, None]))", [None, None, 3]),
    ("tf.matrix_set_diag(u, [1., 2.])", [None, None]), ("tf.signal.mfccs_from_log_mel_spectrograms(u[None, :])", None),
])  # fmt: skip
def test_static_shapes(expression, shape):
    made_of, _ = made(expression)
    assert made_of.shape.ndims is None if shape is None else made_of.shape.as_list() == shape


@pytest.mark.parametrize(("expression", "name"), [
    ("tf.concat([x], 0)", "concat/concat:0"), ("tf.reduce_logsumexp(x, 0)", "ReduceLogSumExp/Add:0"),
    ("tf.matrix_transpose(x)", "matrix_transpose/transpose:0"), ("tf.eye(2)", "eye/diag:0"),
    ("tf.linalg.adjoint(x)", "adjoint/matrix_transpose/transpose:0"), ("tf.eye(2, 3)", "eye/set_diag:0"),
    ("tf.linalg.matvec(x, [1., 2., 3.])", "MatVec/Squeeze:0"), ("tf.nn.crelu(x)", "CRelu/Relu:0"),
    ("tf.unsorted_segment_mean(x, [0, 1], 2)", "UnsortedSegmentMean/truediv:0"), ("tf.nn.swish(x)", "IdentityN:0"),
    ("tf.reduce_join([['a', 'b']], 1)", "ReduceJoin/ReduceJoin:0"), ("tf.math.xlogy(x, x)", "Xlogy:0"),
    ("tf.spectral.rfft(x)", "rfft:0"), ("tf.train.natural_exp_decay(.1, 5, 10, .5)", "ExponentialDecay:0"),
    ("tf.image.transpose_image(x[..., None])", "transpose/transpose:0"), ("tf.Variable(1.).read_value()", "read:0"),
    ("tf.is_variable_initialized(tf.Variable(1.))", "IsVariableInitialized:0"),
    ("tf.image.resize_images(x[..., None], [2, 3])", "resize/Squeeze:0"),
    ("tf.string_split(['a b']).values", "StringSplit/StringSplit:1"),
])  # fmt: skip
def test_names(expression, name):
    assert made(expression)[0].name == name


@pytest.mark.parametrize(("expression", "kind"), [
    ("tf.add_n(x)", TypeError), ("tf.nn.softmax(x, 2)", tf.errors.InvalidArgumentError), ("x[True]", ValueError),
    ("tf.zeros('a')", TypeError), ("tf.constant([x])", TypeError), ("tf.Assert(True, [])", ValueError),
    ("tf.image.encode_jpeg(x)", TypeError), ("tf.saturate_cast(x, tf.bool)", TypeError), ("tf.bool.min", TypeError),
    ("tf.image.image_gradients(u)", ValueError), ("tf.polygamma(1, x)", (TypeError, ValueError)),
    ("tf.div_no_nan(x, tf.constant([1]))", ValueError), ("tf.broadcast_to(x, [-3, 3])", ValueError),
    ("tf.image.resize_bilinear(x[None, ..., None], [-3, 3])", ValueError), ("tf.RegisterGradient(1)", TypeError),
    ("tf.scatter_nd([[0]], [1.], [-3])", ValueError), ("tf.nn.max_pool1d(u, tf.constant(2), 1, 'SAME')", TypeError),
    ("tf.nn.conv2d(u, u, [1, tf.constant(1), 1, 1], 'SAME')", TypeError), ("tf.squeeze(x, tf.constant(0))", TypeError),
    ("tf.train.piecewise_constant(5, [5., 15.], [1., .5, .1])", ValueError),
    ("tf.data.Dataset.range(2).map(1)", ValueError),
    ("tf.data.Dataset.zip([tf.data.Dataset.range(2)])", TypeError),
])  # fmt: skip
def test_kinds_of_errors(expression, kind):
    with pytest.raises(kind):
        made(expression)


@pytest.mark.parametrize("expression", ["tf.cast(u, tf.string)", "tf.cast(tf.as_string(u), tf.float32)"])
def test_casts_of_text_fail_when_run(expression):
    text, unknown = made(expression)
    with pytest.raises(tf.errors.UnimplementedError):
        run(text, {unknown: X})


def test_grey_images_have_one_channel():
    colored, unknown = made("tf.image.grayscale_to_rgb(u)")
    assert run(colored, {unknown: np.ones((2, 2, 1))}).shape == (2, 2, 3)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(colored, {unknown: np.ones((2, 2, 2))})


def test_near_is_checked_when_run():
    check = tf.assert_near(1.0, 1.1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="not near"):
        run(check)


def test_shapes_of_sparse_tensors():
    sparse = tf.SparseTensor([[0, 1]], [1.0], [2, 3])
    sizes, n = run([tf.shape(sparse), tf.rank(sparse)])
    assert sizes.tolist() == [2, 3] and sizes.dtype == np.int32 and n == 2
    assert run(tf.shape(sparse, out_type=tf.int64)).dtype == np.int64


def test_gradients_that_are_dense():
    v = tf.Variable(X)
    for y in (tf.sparse_segment_sum(v, [0, 1], [0, 0]), tf.sparse_segment_mean(v, [1], [0]), tf.signal.frame(v, 2, 1)):
        assert isinstance(tf.gradients(y, v)[0], tf.Tensor)


def test_a_consumer_counts_each_time():
    x = tf.constant(X)
    y = tf.matmul(x, x, transpose_b=True)
    assert x.consumers() == [y.op, y.op]


@pytest.mark.parametrize(("expression", "shape"), [
    ("tf.batch_to_space(u, [[0, 0], [0, 0]], 2)", [None] * 4), ("tf.nn.lrn(u)", [None] * 4),
    ("tf.space_to_batch(u, [[0, 0], [0, 0]], 2)", [None] * 4), ("tf.matrix_solve(tf.ones([3, 3]), u)", [3, None]),
    ("tf.nn.fused_batch_norm(u, [1., 1.], [0., 0.])[1]", [2]),
    ("tf.image.crop_and_resize(u, tf.ones([2, 4]), [0, 0], [3, 5])", [2, 3, 5, None]),
    ("tf.squeeze(x[None, :, None], [0, 0])", [2, 1, 3]),
])  # fmt: skip
def test_static_shapes_of_unknown_ranks(expression, shape):
    assert made(expression)[0].shape.as_list() == shape


@pytest.mark.parametrize(("expression", "kind"), [
    ("tf.nn.conv2d(u, u, 1)", TypeError), ("tf.dynamic_stitch([[0, 1], [2]], [[1., 2., 3.], [4.]])", ValueError),
    ("tf.argmax(x, 1, output_type=tf.float32)", TypeError), ("tf.argmax(x, [0])", ValueError),
    ("tf.placeholder(tf.float32, 'a')", TypeError), ("x.set_shape('a')", TypeError),
    ("tf.layers.flatten(u)", ValueError), ("tf.fill([2.5], 1)", TypeError),
    ("tf.placeholder(tf.float32, [2.5])", ValueError), ("tf.py_func(1, [x], tf.float32)", ValueError),
    ("tf.meshgrid([1], [2.])", TypeError), ("tf.setdiff1d(x, [1.])", ValueError), ("tf.shape_n([x, [1]])", TypeError),
    ("tf.random_normal([2], dtype=tf.int32)", TypeError), ("tf.histogram_fixed_width(x, [0., 6.], 0)", ValueError),
    ("tf.confusion_matrix([0, -1], [1, 1], 2)", tf.errors.InvalidArgumentError),
    ("tf.scatter_update(tf.Variable([1., 2.]), [0, 1], [3.])", ValueError),
    ("tf.scatter_add(tf.Variable([[1., 2.]]), [0], [3.])", ValueError),
    ("tf.nn.softmax_cross_entropy_with_logits(labels=x, logits=x[:1])", ValueError),
    ("tf.nn.softmax_cross_entropy_with_logits_v2(labels=x, logits=x, axis=3)", ValueError),
])  # fmt: skip
def test_more_kinds_of_errors(expression, kind):
    with pytest.raises(kind):
        made(expression)


def test_where_needs_a_rank():
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(tf.where(True))


def test_one_row_of_labels_goes_with_all_logits():
    one, all_rows = run([
        tf.nn.softmax_cross_entropy_with_logits(labels=X[0], logits=X),
        tf.nn.softmax_cross_entropy_with_logits(labels=np.stack([X[0], X[0]]), logits=X),
    ])  # fmt: skip
    np.testing.assert_allclose(one, all_rows, rtol=1e-6)


def test_cross_entropy_along_the_first_axis_of_an_unknown_rank():
    u = tf.placeholder(tf.float32)
    loss = tf.nn.softmax_cross_entropy_with_logits_v2(labels=u, logits=u, axis=0)
    known = tf.nn.softmax_cross_entropy_with_logits_v2(labels=X, logits=X, axis=0)
    got, want = run([loss, known], {u: X})
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_standardization_of_one_color_has_a_gradient():
    image = tf.ones([2, 2, 1])
    weights = np.arange(4, dtype=np.float32).reshape(2, 2, 1)
    gradient = run(tf.gradients(tf.image.per_image_standardization(image) * weights, image)[0])
    np.testing.assert_allclose(gradient, (weights - weights.mean()) * 2, rtol=1e-6)


@pytest.mark.parametrize(("axes", "keep"), [([0, 1], False), ([1, 2], True), ([-1, 0], True)])
def test_2_norm_of_matrices(axes, keep):
    x = np.cos(np.arange(24, dtype=np.float32)).reshape(2, 3, 4)
    np.testing.assert_allclose(run(tf.norm(x, 2, axes, keep)), np.linalg.norm(x, 2, tuple(axes), keep), rtol=1e-5)


def test_complex_numbers_as_text_and_in_segments():
    text, mean = run([tf.as_string([1 + 2j]), tf.segment_mean(tf.constant([1 + 1j, 3.0]), [0, 0])])
    assert text.tolist() == [b"(1.000000,2.000000)"]
    np.testing.assert_allclose(mean, [2 + 0.5j])


def test_variables_show_as_references():
    assert repr(tf.Variable(1.0, name="v")) == "<tf.Variable 'v:0' shape=() dtype=float32_ref>"


def test_reductions_of_no_truth_at_all():
    assert run([tf.reduce_all([]), tf.reduce_any([])]) == [True, False]


def test_sizes_of_zeros_round_towards_0():
    assert tf.zeros([5 / 2, 3.0]).shape.as_list() == [2, 3]
