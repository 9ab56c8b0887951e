"""Names, dtypes, values and kinds of errors of single calls, as TensorFlow's compat.v1 gives them."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import graphflow as tf

F = np.array([[0.5, -1.5, 2.0], [1.0, 0.25, -0.5]], np.float32)
Z = np.array([0.3 + 0.4j, -0.5 + 0.2j, 0.7 - 0.6j], np.complex128)


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default():
        yield


def run(fetches):
    with tf.Session() as session:
        return session.run(fetches)


ANALYTIC = (
    "sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh exp expm1 log log1p sqrt rsqrt reciprocal sigmoid"
)


@pytest.mark.parametrize("name", [*ANALYTIC.split(), "square", "negative"])
def test_gradients_of_complex_functions_are_conjugate_derivatives(name):
    z = tf.constant(Z)
    function = getattr(tf, name)
    h = 1e-6
    dy = np.array([1 + 2j, -0.5j, 0.25])
    got, ahead, behind = run([tf.gradients(function(z), z, tf.constant(dy))[0], function(z + h), function(z - h)])
    np.testing.assert_allclose(got, dy * np.conj((ahead - behind) / (2 * h)), rtol=1e-6)


def test_gradients_of_complex_powers():
    z, w = tf.constant(Z), tf.constant(Z[::-1].copy())
    got = run(tf.gradients(tf.pow(z, w), [z, w], tf.ones_like(z)))
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(got[0], np.conj(Z[::-1] * Z ** (Z[::-1] - 1)), rtol=1e-9)
        np.testing.assert_allclose(got[1], np.conj(Z ** Z[::-1] * np.log(Z)), rtol=1e-9)


def test_parts_of_real_numbers():
    x = tf.constant(F)
    imag, angle, real = run([tf.imag(x), tf.angle(x), tf.real(x)])
    np.testing.assert_array_equal(imag, np.zeros_like(F))
    np.testing.assert_allclose(angle, np.where(F < 0, np.pi, 0), rtol=1e-6)
    np.testing.assert_array_equal(real, F)
    for function in (tf.real, tf.imag, tf.angle, tf.conj):
        with pytest.raises(TypeError):
            function([True])


def test_polygamma_below_zero():
    x = np.array([-0.5, -2.25, -100.5, 1.5, -3.0, -1e8 - 0.5])
    for n, far in ((1, np.pi**2 - 1e-8), (2, 0.0)):  # far out by reflection: mpmath takes every step of the recurrence
        want = [*(float(mpmath.polygamma(n, v)) for v in x[:-2]), np.inf, far]
        np.testing.assert_allclose(run(tf.polygamma(tf.constant(n, tf.float64), x)), want, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("expression", "name"), [
    ("tf.abs(tf.constant([1j]))", "Abs:0"), ("tf.tuple([x])[0]", "tuple/control_dependency:0"),
    ("tf.verify_tensor_all_finite(x, 'm')", "VerifyFinite/control_dependency:0"),
    ("tf.norm(x)", "norm/Squeeze:0"), ("tf.zeros_like(x, tf.int32)", "zeros_like:0"),
    ("tf.ones_like(x, tf.int32)", "ones_like:0"), ("tf.nn.in_top_k(x, [0, 1], 1)", "in_top_k/InTopKV2:0"),
    ("tf.nn.embedding_lookup(x, [1])", "embedding_lookup/Identity:0"), ("tf.add_n([x])", "x:0"),
    ("tf.add_n([x], name='s')", "s:0"),
    ("tf.clip_by_global_norm([x, x], 1.)[0][1]", "clip_by_global_norm/clip_by_global_norm/_1:0"),
    ("tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[0, 1], logits=x)",
     "SparseSoftmaxCrossEntropyWithLogits/SparseSoftmaxCrossEntropyWithLogits:0"),
])  # fmt: skip
def test_names(expression, name):
    assert eval(expression, {"tf": tf, "x": tf.constant(F, name="x")}).name == name


@pytest.mark.parametrize(("expression", "kind"), [
    ("tf.div(2, x)", ValueError), ("tf.convert_to_tensor(x, tf.int32)", ValueError),
    ("tf.scalar_mul(x, x)", ValueError), ("tf.roll(x, [1, 2], [0])", ValueError),
    ("tf.norm(x, axis=[0])", ValueError), ("tf.norm(x, axis=[1, 1])", ValueError),
    ("tf.constant(2, tf.bool)", TypeError),
    ("tf.nn.dropout(tf.constant([1]), 0.5)", ValueError),
])  # fmt: skip
def test_kinds_of_errors(expression, kind):
    with pytest.raises(kind):
        eval(expression, {"tf": tf, "x": tf.constant(F)})


def test_bools_are_numbers_where_numbers_are_needed():
    x = tf.constant(F)
    got = run(
        [x + True, True * x, tf.constant(True, tf.int32), tf.constant([True, False], tf.float64), tf.maximum(x, True)]
    )
    np.testing.assert_array_equal(got[0], F + 1)
    np.testing.assert_array_equal(got[1], F)
    assert got[2] == 1 and got[2].dtype == np.int32 and got[3].tolist() == [1.0, 0.0]
    np.testing.assert_array_equal(got[4], np.maximum(F, 1))


def test_slices_times_a_number():
    slices = tf.IndexedSlices(tf.constant(F), tf.constant([2, 0]))
    product = tf.scalar_mul(2.0, slices)
    assert isinstance(product, tf.IndexedSlices) and product.indices is slices.indices
    np.testing.assert_array_equal(run(product.values), 2 * F)


def test_masks_of_numbers():
    np.testing.assert_array_equal(run(tf.boolean_mask(F, [0, 3])), F[1:])


def test_norms_of_complex_numbers_are_complex():
    z = np.array([3 + 4j, 0], np.complex64)
    got = run([tf.norm(z), tf.norm(z, 1)])
    assert [g.dtype for g in got] == [np.complex64, np.float32]
    np.testing.assert_allclose(got, [5, 5])
