"""tf.keras: layers inside a graph, and what they are given by."""

import numpy as np
import pytest

import graphflow as tf

K = tf.keras.layers


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def numbers(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def run(fetches, feed=None):
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        return s.run(fetches, feed)


def names(items):
    return [item.name for item in items]


def test_a_network():
    x = tf.placeholder(tf.float32, [None, 8, 8, 3])
    y = K.Conv2D(4, 3, activation="relu", input_shape=(8, 8, 3))(x)
    y = K.MaxPooling2D()(y)
    norm = K.BatchNormalization()
    y = norm(y, training=True)
    y = K.Activation("tanh")(y)
    y = K.Dropout(0.5)(y)
    y = K.Dense(3)(K.Flatten()(y))
    assert (y.name, y.shape.as_list()) == ("dense/BiasAdd:0", [None, 3])
    assert names(tf.trainable_variables()) == [
        "conv2d/kernel:0", "conv2d/bias:0", "batch_normalization/gamma:0", "batch_normalization/beta:0",
        "dense/kernel:0", "dense/bias:0",
    ]  # fmt: skip
    assert len(norm.updates) == 2 and not tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    assert run(y, {x: numbers(2, 8, 8, 3)}).shape == (2, 3)


def test_names_follow_name_scopes_and_losses_stay_with_the_layer():
    x = tf.ones([2, 5])
    layer = K.Dense(3, kernel_regularizer=tf.keras.regularizers.l2(0.1), kernel_initializer="ones")
    y, z = layer(x), layer(2 * x)
    assert (layer.name, layer.scope_name, y.name) == ("dense", "dense", "dense/BiasAdd:0")
    assert names(layer.weights) == ["dense/kernel:0", "dense/bias:0"] == names(tf.global_variables())
    assert not tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    with tf.variable_scope("vs", reuse=True):
        other = K.Dense(3)
        other(x)
    with tf.name_scope("ns"):
        third = K.Dense(3, name="fc")
        third(x)
    assert other.kernel.name == "vs/dense_1/kernel:0"
    assert third.kernel.name == "ns/fc/kernel:0"
    one, two, loss = run([y, z, layer.losses[0]])
    assert one.tolist() == [[5.0] * 3] * 2 and two.tolist() == [[10.0] * 3] * 2 and abs(loss - 1.5) < 1e-6


def test_embedding():
    layer = K.Embedding(5, 3, input_length=4)
    y = layer(tf.constant([[1, 4, 1]]))
    rows, table = run([y, layer.embeddings])
    np.testing.assert_array_equal(rows, table[[[1, 4, 1]]])
    assert np.abs(table).max() <= 0.05 and layer(tf.ones([2, 2])).shape.as_list() == [2, 2, 3]


A, B = numbers(2, 3), numbers(3, 2).T.copy()


@pytest.mark.parametrize(
    ("layer", "function", "want"),
    [
        (K.Add, K.add, A + B), (K.Multiply, K.multiply, A * B), (K.Subtract, K.subtract, A - B),
        (K.Average, K.average, (A + B) / 2), (K.Maximum, K.maximum, np.maximum(A, B)),
        (K.Minimum, K.minimum, np.minimum(A, B)), (K.Concatenate, K.concatenate, np.concatenate([A, B], -1)),
    ],
)  # fmt: skip
def test_merging(layer, function, want):
    inputs = [tf.constant(A), tf.constant(B)]
    for got in run([layer()(inputs), function(inputs)]):
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_merging_needs_several_tensors():
    with pytest.raises(ValueError, match="two or more"):
        K.Add()([tf.constant(A)])
    with pytest.raises(ValueError, match="takes two"):
        K.Subtract()([tf.constant(A)] * 3)
    assert run(K.Concatenate(axis=0)([A, B])).shape == (4, 3)


@pytest.mark.parametrize(
    ("layer", "shape", "want"),
    [
        (K.Reshape((3, -1)), (2, 6), lambda x: x.reshape(2, 3, 2)),
        (K.Permute((2, 1)), (2, 3, 4), lambda x: x.transpose(0, 2, 1)),
        (K.Lambda(lambda x, by: x * by, arguments={"by": 3.0}), (2, 3), lambda x: x * 3),
        (K.LeakyReLU(0.2), (2, 3), lambda x: np.where(x > 0, x, 0.2 * x)),
        (K.ReLU(max_value=0.5), (2, 3), lambda x: np.clip(x, 0, 0.5)),
        (K.ReLU(negative_slope=0.1), (2, 3), lambda x: np.where(x > 0, x, 0.1 * x)),
        (K.ELU(), (2, 3), lambda x: np.where(x > 0, x, np.expm1(x))),
        (K.Softmax(0), (2, 3), lambda x: np.exp(x) / np.exp(x).sum(0)),
        (K.GlobalAveragePooling1D(), (2, 3, 4), lambda x: x.mean(1)),
        (K.GlobalMaxPooling1D(), (2, 3, 4), lambda x: x.max(1)),
        (K.GlobalAveragePooling2D(), (2, 3, 4, 2), lambda x: x.mean((1, 2))),
        (K.GlobalMaxPooling2D("channels_first"), (2, 3, 4, 2), lambda x: x.max((2, 3))),
        (K.GlobalAveragePooling3D(), (2, 2, 3, 4, 2), lambda x: x.mean((1, 2, 3))),
        (K.ZeroPadding2D((1, 2)), (2, 3, 4, 2), lambda x: np.pad(x, [(0, 0), (1, 1), (2, 2), (0, 0)])),
        (K.ZeroPadding2D(((1, 0), (0, 2))), (2, 3, 4, 2), lambda x: np.pad(x, [(0, 0), (1, 0), (0, 2), (0, 0)])),
        (K.AveragePooling1D(), (2, 4, 3), lambda x: x.reshape(2, 2, 2, 3).mean(2)),
        (K.MaxPooling3D(), (1, 2, 2, 2, 3), lambda x: x.max((1, 2, 3), keepdims=True)),
    ],
)  # fmt: skip
def test_layers_without_variables(layer, shape, want):
    value = numbers(*shape)
    x = tf.placeholder(tf.float32, [None, *shape[1:]])
    np.testing.assert_allclose(run(layer(x), {x: value}), want(value), rtol=1e-4, atol=1e-6)


def test_regularizers():
    w = numbers(3, 4)
    r = tf.keras.regularizers
    got = run([r.l1(0.1)(w), r.l2(0.2)(w), r.l1_l2(0.1, 0.2)(w), r.L1L2()(tf.constant(w)), r.get("l2")(w)])
    one, two = np.abs(w).sum(), (w**2).sum()
    np.testing.assert_allclose(got, [0.1 * one, 0.2 * two, 0.1 * one + 0.2 * two, 0, 0.01 * two], rtol=1e-5)
    rule = r.L1L2(l1=0.5)
    assert r.L1L2.from_config(rule.get_config()).get_config() == {"l1": 0.5, "l2": 0.0}


def test_constraints():
    w = 3 * numbers(3, 4)
    c = tf.keras.constraints
    norm = np.sqrt((w**2).sum(0))
    got = run(
        [c.non_neg()(w), c.max_norm(2)(w), c.unit_norm()(w), c.min_max_norm(1, 2, rate=0.5)(w), c.get("non_neg")(w)]
    )
    half = 0.5 * np.clip(norm, 1, 2) + 0.5 * norm
    want = [np.maximum(w, 0), w * np.minimum(norm, 2) / norm, w / norm, w * half / norm, np.maximum(w, 0)]
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert c.MaxNorm(3).get_config() == {"max_value": 3, "axis": 0}


def test_activations_and_initializers_by_name():
    a, i = tf.keras.activations, tf.keras.initializers
    x = tf.constant([-3.0, 0.0, 1.0])
    np.testing.assert_allclose(run(a.hard_sigmoid(x)), [0, 0.5, 0.7], rtol=1e-6)
    np.testing.assert_allclose(run(a.get("exponential")(x)), np.exp([-3, 0, 1]), rtol=1e-5)
    assert a.get(None) is None and a.get(tf.nn.relu) is tf.nn.relu and a.linear(x) is x
    small = run(i.get("random_uniform")([1000], tf.float32))
    assert np.abs(small).max() <= 0.05 and abs(run(i.RandomNormal()([1000])).std() - 0.05) < 0.01
    assert np.abs(run(i.TruncatedNormal(stddev=1.0)([1000]))).max() <= 2
    assert run(i.get(tf.zeros_initializer)([2])).tolist() == [0, 0] == run(i.Zeros()([2])).tolist()
