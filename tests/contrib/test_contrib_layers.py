"""contrib.layers: names and collections of what the layers make, and their values."""

import numpy as np
import pytest

import graphflow as tf

layers = tf.contrib.layers


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def numbers(*shape):
    return np.random.default_rng(sum(shape)).normal(1.0, 2.0, size=shape).astype(np.float32)


def run(fetches, feed=None):
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        return s.run(fetches, feed)


def names(items):
    return [item.name for item in items]


def test_fully_connected():
    x = tf.constant(numbers(4, 5))
    y = layers.fully_connected(x, 3, biases_initializer=tf.ones_initializer())
    z = layers.linear(y, 2, weights_regularizer=layers.l2_regularizer(0.1))
    assert names([y, z]) == ["fully_connected/Relu:0", "fully_connected_1/BiasAdd:0"]
    assert tf.global_variables() == tf.model_variables() == tf.trainable_variables()
    assert names(tf.global_variables()) == [
        "fully_connected/weights:0", "fully_connected/biases:0",
        "fully_connected_1/weights:0", "fully_connected_1/biases:0",
    ]  # fmt: skip
    assert names(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)) == [
        "fully_connected_1/kernel/Regularizer/l2_regularizer:0"
    ]
    got, weights = run([y, tf.global_variables()[0]])
    np.testing.assert_allclose(got, np.maximum(numbers(4, 5) @ weights + 1, 0), rtol=1e-4, atol=1e-5)
    assert layers.fully_connected(tf.ones([2, 3, 5]), 4).shape.as_list() == [2, 3, 4]
    assert layers.relu(x, 2).op.type == "Relu" and layers.relu6(x, 2).op.type == "Relu6"
    with pytest.raises(ValueError, match="num_outputs"):
        layers.fully_connected(x, 2.0)


def test_scopes_and_reuse():
    x = tf.ones([2, 5])
    with tf.variable_scope("m"):
        first = [layers.fully_connected(x, 4), layers.fully_connected(x, 4, scope="a")]
    with tf.variable_scope("m", reuse=True):
        again = [layers.fully_connected(x, 4), layers.fully_connected(x, 4, scope="a")]
    assert names(tf.global_variables()) == [
        "m/fully_connected/weights:0", "m/fully_connected/biases:0", "m/a/weights:0", "m/a/biases:0",
    ]  # fmt: skip
    assert len(tf.model_variables()) == 4
    for a, b in zip(run(first), run(again), strict=True):
        assert a.shape == b.shape == (2, 4)
    layers.fully_connected(x, 4, scope="b")
    with pytest.raises(ValueError, match="exists already"):
        layers.fully_connected(x, 4, scope="b")
    assert layers.fully_connected(x, 4, scope="b", reuse=True).name == "b_2/Relu:0"  # the call that failed took b_1


def test_collections():
    x = tf.ones([2, 5])
    layers.fully_connected(x, 4, variables_collections=["all"], outputs_collections=["out"])
    layers.fully_connected(
        x, 4, variables_collections={"weights": ["w"], "biases": "b"}, outputs_collections="out", trainable=False,
        normalizer_fn=None,
    )  # fmt: skip
    layers.fully_connected(x, 4, normalizer_fn=layers.batch_norm, variables_collections=["all"], scope="n")
    assert names(tf.get_collection("all")) == [
        "fully_connected/weights:0", "fully_connected/biases:0", "n/weights:0",
    ]  # fmt: skip
    assert names(tf.get_collection("w") + tf.get_collection("b")) == [
        "fully_connected_1/weights:0", "fully_connected_1/biases:0",
    ]  # fmt: skip
    assert names(tf.get_collection("out")) == ["fully_connected/Relu:0", "fully_connected_1/Relu:0"]
    assert names(tf.trainable_variables()) == [
        "fully_connected/weights:0", "fully_connected/biases:0", "n/weights:0", "n/BatchNorm/beta:0",
    ]  # fmt: skip


def test_convolutions():
    x = tf.constant(numbers(2, 8, 7, 3))
    y = layers.conv2d(x, 4, 3, normalizer_fn=layers.batch_norm, normalizer_params={"scale": True})
    z = layers.convolution2d(y, 5, [3, 2], stride=2, padding="VALID", activation_fn=None, scope="c2")
    t = layers.conv2d_transpose(z, 2, 3, stride=2)
    assert [v.shape.as_list() for v in (y, z, t)] == [[2, 8, 7, 4], [2, 3, 3, 5], [2, 6, 6, 2]]
    assert names([y, z, t]) == ["Conv/Relu:0", "c2/BiasAdd:0", "Conv2d_transpose/Relu:0"]
    assert names(tf.global_variables()) == [
        "Conv/weights:0", "Conv/BatchNorm/gamma:0", "Conv/BatchNorm/beta:0", "Conv/BatchNorm/moving_mean:0",
        "Conv/BatchNorm/moving_variance:0", "c2/weights:0", "c2/biases:0", "Conv2d_transpose/weights:0",
        "Conv2d_transpose/biases:0",
    ]  # fmt: skip
    got, image, kernel = run([z, y, tf.get_default_graph().get_tensor_by_name("c2/weights:0")])
    np.testing.assert_allclose(got[:, 1, 1], np.tensordot(image[:, 2:5, 2:4], kernel, 3), rtol=1e-3, atol=1e-4)
    assert layers.conv2d(x, 4, 3, rate=2).shape.as_list() == [2, 8, 7, 4]
    assert layers.convolution(tf.ones([2, 9, 3]), 4, 3, stride=2).shape.as_list() == [2, 5, 4]
    assert layers.conv3d(tf.ones([1, 4, 4, 4, 2]), 4, 3).shape.as_list() == [1, 4, 4, 4, 4]
    with pytest.raises(ValueError, match="over 2 axes"):
        layers.conv2d(tf.ones([2, 9, 3]), 4, 3)


def test_separable_convolutions():
    x = tf.constant(numbers(2, 6, 6, 3))
    y = layers.separable_conv2d(x, 4, 3, depth_multiplier=2)
    z = layers.separable_conv2d(x, None, 3, 2, activation_fn=None)
    assert names(tf.model_variables()) == [
        "SeparableConv2d/depthwise_weights:0", "SeparableConv2d/pointwise_weights:0", "SeparableConv2d/biases:0",
        "SeparableConv2d_1/depthwise_weights:0", "SeparableConv2d_1/biases:0",
    ]  # fmt: skip
    assert y.shape.as_list() == [2, 6, 6, 4] and z.shape.as_list() == [2, 6, 6, 6]
    got, kernel = run([z, tf.model_variables()[3]])
    want = np.einsum("nijc,ijcq->ncq", numbers(2, 6, 6, 3)[:, :3, :3], kernel).reshape(2, 6)
    np.testing.assert_allclose(got[:, 1, 1], want, rtol=1e-4, atol=1e-5)


def test_pools_flatten_and_dropout():
    x = tf.constant(numbers(2, 8, 8, 3))
    y, z = layers.max_pool2d(x, 2), layers.avg_pool2d(x, [2, 2], stride=1, padding="SAME", outputs_collections="out")
    flat, kept = layers.flatten(y), layers.dropout(x, is_training=False)
    assert names([y, z, flat, kept]) == [
        "MaxPool2D/MaxPool:0", "AvgPool2D/AvgPool:0", "Flatten/flatten/Reshape:0", "Dropout/Identity:0",
    ]  # fmt: skip
    assert [t.shape.as_list() for t in (y, z, flat)] == [[2, 4, 4, 3], [2, 8, 8, 3], [2, 48]]
    assert tf.get_collection("out") == [z]
    values = numbers(2, 8, 8, 3)
    np.testing.assert_allclose(run(flat), values.reshape(2, 4, 2, 4, 2, 3).max((2, 4)).reshape(2, 48))
    dropped = run(layers.dropout(tf.ones([99, 99]), 0.8))
    assert sorted({round(float(v), 4) for v in dropped.reshape(-1)}) == [0.0, 1.25]


@pytest.mark.parametrize(
    ("shape", "arguments", "sample"),
    [
        ((6, 3), {}, True), ((6, 3), {"fused": False}, False), ((2, 3, 4, 3), {}, True), ((4, 5, 3), {}, False),
        ((2, 3, 4, 3), {"data_format": "NCHW"}, True), ((2, 3, 4, 3), {"updates_collections": "mine"}, True),
    ],
)  # fmt: skip
def test_batch_norm(shape, arguments, sample):
    value = numbers(*shape)
    over = tuple(range(len(shape) - 1)) if "data_format" not in arguments else (0, 2, 3)
    y = layers.batch_norm(value, decay=0.8, **arguments)
    updates = tf.get_collection(arguments.get("updates_collections", tf.GraphKeys.UPDATE_OPS))
    mean, variance = value.mean(over, keepdims=True), value.var(over, keepdims=True)
    n = value.size // mean.size
    assert names(tf.global_variables()) == [f"BatchNorm/{v}:0" for v in ("beta", "moving_mean", "moving_variance")]
    assert tf.model_variables() == tf.global_variables() and names(tf.trainable_variables()) == ["BatchNorm/beta:0"]
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        got = s.run([y, updates])[0]
        np.testing.assert_allclose(got, (value - mean) / np.sqrt(variance + 1e-3), rtol=1e-3, atol=1e-4)
        got_mean, got_variance = s.run(tf.global_variables()[1:])
    np.testing.assert_allclose(got_mean, 0.2 * mean.reshape(-1), rtol=1e-4, atol=1e-5)
    kept = variance.reshape(-1) * (n / (n - 1) if sample else 1)
    np.testing.assert_allclose(got_variance, 0.8 + 0.2 * kept, rtol=1e-4)


def test_batch_norm_that_updates_in_place():
    training = tf.placeholder(tf.bool, [])
    value = numbers(6, 3)
    y = layers.batch_norm(value, decay=0.5, updates_collections=None, is_training=training, scope="b")
    assert not tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    mean = tf.contrib.framework.get_unique_variable("b/moving_mean")
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        np.testing.assert_allclose(s.run(y, {training: False}), value / np.sqrt(1.001), rtol=1e-5)
        assert not s.run(mean).any()
        s.run(y, {training: True})
        np.testing.assert_allclose(s.run(mean), 0.5 * value.mean(0), rtol=1e-4)
    layers.batch_norm(value, scope="b", reuse=True, is_training=False)
    assert len(tf.global_variables()) == 3


def test_batch_norm_arguments():
    y = layers.batch_norm(
        tf.constant(numbers(6, 3)), center=False, scale=True, activation_fn=tf.nn.relu, is_training=False,
        param_initializers={"gamma": tf.constant_initializer(3.0)},
        param_regularizers={"gamma": layers.l2_regularizer(2.0)}, zero_debias_moving_mean=True,
    )  # fmt: skip
    np.testing.assert_allclose(run(y), np.maximum(3 * numbers(6, 3) / np.sqrt(1.001), 0), rtol=1e-5)
    assert run(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)) == [27.0]
    for wrong in ({"batch_weights": [1.0]}, {"renorm": True}):
        with pytest.raises(NotImplementedError):
            layers.batch_norm(tf.ones([2, 3]), **wrong)
    for shape in (None, [2, None]):
        with pytest.raises(ValueError, match=r"rank|channels"):
            layers.batch_norm(tf.placeholder(tf.float32, shape))


@pytest.mark.parametrize(("begin", "parameters"), [(1, -1), (2, 1), (-1, -1), (1, 1)])
def test_layer_norm(begin, parameters):
    value = numbers(2, 3, 4)
    y = layers.layer_norm(tf.constant(value), begin_norm_axis=begin, begin_params_axis=parameters)
    beta, gamma = tf.model_variables()
    assert (beta.name, gamma.name) == ("LayerNorm/beta:0", "LayerNorm/gamma:0")
    assert beta.shape.as_list() == list(value.shape[parameters:])
    over = tuple(range(begin % 3, 3))
    want = (value - value.mean(over, keepdims=True)) / value.std(over, keepdims=True)
    np.testing.assert_allclose(run(y), want, rtol=1e-4, atol=1e-5)
    for wrong in (tf.placeholder(tf.float32), tf.placeholder(tf.float32, [2, None]), tf.ones([3])):
        with pytest.raises(ValueError, match=r"layer norm|axes"):
            layers.layer_norm(wrong)


def test_small_layers():
    hot = layers.one_hot_encoding(tf.constant([2, 0], tf.int32), 3)
    assert hot.name == "OneHotEncoding/one_hot:0" and run(hot).tolist() == [[0, 0, 1], [1, 0, 0]]
    y = layers.bias_add(tf.ones([2, 3]), tf.nn.tanh, tf.ones_initializer())
    assert names([y, *tf.model_variables()]) == ["BiasAdd/Tanh:0", "BiasAdd/biases:0"]
    np.testing.assert_allclose(run(y), np.tanh(2 * np.ones([2, 3])), rtol=1e-5)
    value = numbers(2, 3, 4)
    unit, most, soft = run([layers.unit_norm(value, 1), layers.maxout(value, 2), layers.softmax(value)])
    np.testing.assert_allclose(unit, value / np.sqrt((value**2).sum(1, keepdims=True)), rtol=1e-4)
    np.testing.assert_allclose(most, value.reshape(2, 3, 2, 2).max(-1))
    np.testing.assert_allclose(soft.sum(-1), 1, rtol=1e-5)
    for wrong in (lambda: layers.unit_norm(value, 3), lambda: layers.maxout(value, 3)):
        with pytest.raises(ValueError, match=r"axis|groups"):
            wrong()


def test_embed_sequence():
    ids = tf.placeholder(tf.int32, [None, 3])
    y = layers.embed_sequence(ids, 7, 4, scope="e")
    z = layers.embed_sequence(ids, scope="e", reuse=True, unique=True, vocab_size=7, embed_dim=4)
    assert names(tf.model_variables()) == ["e/embeddings:0"]
    assert y.shape.as_list() == z.shape.as_list() == [None, 3, 4]
    same = tf.gradients(y, tf.model_variables())[0], tf.gradients(z, tf.model_variables())[0]
    values = [[0, 6, 0], [3, 3, 3]]
    rows, unique_rows, table, *slopes = run(
        [y, z, tf.model_variables()[0], *[tf.convert_to_tensor(g) for g in same]], {ids: values}
    )
    np.testing.assert_array_equal(rows, table[values])
    np.testing.assert_array_equal(unique_rows, rows)
    np.testing.assert_array_equal(*slopes)
    with pytest.raises(ValueError, match="vocab_size"):
        layers.embed_sequence(ids)
    with pytest.raises(TypeError, match="integers"):
        layers.embed_sequence(tf.ones([2, 3]), 7, 4)


def test_layers_in_a_row():
    x = tf.ones([2, 8, 8, 3])
    layers.stack(tf.ones([2, 5]), layers.fully_connected, [3, 4], scope="fc")
    y = layers.stack(x, layers.conv2d, [(3, [3, 3]), (4, [1, 1])], activation_fn=None)
    z = layers.repeat(y, 2, layers.conv2d, 6, [3, 3], scope="conv1")
    r = layers.repeat(tf.ones([2, 5]), 1, layers.linear, 3)
    assert names([y, z, r]) == [
        "Stack/convolution2d_2/BiasAdd:0", "conv1/conv1_2/Relu:0", "Repeat/fully_connected_1/BiasAdd:0",
    ]  # fmt: skip
    assert [v.op.name.rpartition("/")[0] for v in tf.model_variables()][::2] == [
        "fc/fc_1", "fc/fc_2", "Stack/convolution2d_1", "Stack/convolution2d_2", "conv1/conv1_1", "conv1/conv1_2",
        "Repeat/fully_connected_1",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="stack_args"):
        layers.stack(x, layers.conv2d, 3)


def test_regularizers():
    value = np.array([1.0, -2.0, 3.0], np.float32)
    w = tf.get_variable("w", initializer=value)
    both = layers.l1_l2_regularizer(0.1, 0.5)
    got = [layers.l1_regularizer(0.1)(w), layers.l2_regularizer(0.5)(w), both(w),
           layers.sum_regularizer([layers.l1_regularizer(0.1), None, lambda w: None])(w)]  # fmt: skip
    assert names(got) == ["l1_regularizer:0", "l2_regularizer:0", "l1_l2_regularizer:0", "sum_regularizer:0"]
    np.testing.assert_allclose(run(got), [0.6, 3.5, 4.1, 0.6], rtol=1e-5)
    assert layers.l1_regularizer(0.1, "mine")(w).name == "mine:0"
    for nothing in (layers.l1_regularizer(0.0), layers.l2_regularizer(0.0), layers.l1_l2_regularizer(0.0, 0.0)):
        assert nothing(w) is None
    np.testing.assert_allclose(run([layers.l1_l2_regularizer(0.1, 0.0)(w), layers.l1_l2_regularizer(0.0, 0.5)(w)]),
                               [0.6, 3.5], rtol=1e-5)  # fmt: skip
    assert layers.sum_regularizer([None]) is None and layers.sum_regularizer([lambda w: None])(w) is None
    for wrong in (1, -1.0):
        with pytest.raises(ValueError, match="scale"):
            layers.l2_regularizer(wrong)
    with pytest.raises(ValueError, match="integer"):
        layers.l1_l2_regularizer(1, 1.0)


def test_apply_regularization():
    w = tf.get_variable("w", initializer=np.array([1.0, -2.0], np.float32))
    with pytest.raises(ValueError, match="no weights"):
        layers.apply_regularization(layers.l2_regularizer(0.1))
    tf.add_to_collection(tf.GraphKeys.WEIGHTS, w)
    total = layers.apply_regularization(layers.l2_regularizer(2.0))
    zero = layers.apply_regularization(layers.l2_regularizer(0.0), [w, w])
    assert names(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)) == names([total, zero])
    assert total.name == "get_regularization_penalty:0" and run([total, zero]) == [5.0, 0.0]
    with pytest.raises(ValueError, match="scalar"):
        layers.apply_regularization(tf.abs, [w])


def test_instance_norm():
    x = np.random.default_rng(0).normal(2, 3, (2, 4, 5, 3)).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        y = tf.contrib.layers.instance_norm(x, epsilon=1e-3, param_initializers={"beta": tf.constant_initializer(0.5)})
        z = tf.contrib.layers.instance_norm(x.transpose(0, 3, 1, 2), center=False, scale=False, data_format="NCHW")
        assert [v.name for v in tf.model_variables()] == ["InstanceNorm/beta:0", "InstanceNorm/gamma:0"]
        session.run(tf.global_variables_initializer())
        y, z = session.run([y, z])
        with pytest.raises(ValueError, match="channels"):
            tf.contrib.layers.instance_norm(tf.placeholder(tf.float32, [2, 4, 4, None]))
        with pytest.raises(ValueError, match="data_format"):
            tf.contrib.layers.instance_norm(x, data_format="x")
    centred = x - x.mean((1, 2), keepdims=True)
    np.testing.assert_allclose(y, centred / np.sqrt(x.var((1, 2), keepdims=True) + 1e-3) + 0.5, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(
        z.transpose(0, 2, 3, 1), centred / np.sqrt(x.var((1, 2), keepdims=True)), rtol=1e-3, atol=1e-4
    )


def test_group_norm():
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 6)).astype(np.float32)
    parted = x.reshape(2, 4, 5, 3, 2)
    mean, variance = (f(parted, axis=(1, 2, 4), keepdims=True) for f in (np.mean, np.var))
    want = ((parted - mean) / np.sqrt(variance + 1e-6)).reshape(x.shape)
    with tf.Graph().as_default(), tf.Session() as session:
        fed = tf.placeholder(tf.float32, [None, None, 5, 6])
        y = tf.contrib.layers.group_norm(fed, 3, param_initializers={"beta": tf.constant_initializer(0.5)})
        z = tf.contrib.layers.group_norm(x.transpose(0, 3, 1, 2), 3, 1, (-2, -1), center=False, scale=False)
        assert [v.op.name for v in tf.global_variables()] == ["GroupNorm/beta", "GroupNorm/gamma"]
        session.run(tf.global_variables_initializer())
        np.testing.assert_allclose(session.run(y, {fed: x}), want + 0.5, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(session.run(z), want.transpose(0, 3, 1, 2), rtol=1e-4, atol=1e-4)
        for bad in ({"groups": 4}, {"channels_axis": 1}, {"channels_axis": 7}):
            with pytest.raises(ValueError):
                tf.contrib.layers.group_norm(x, **{"groups": 3, **bad})
        with pytest.raises(ValueError, match="channels"):
            tf.contrib.layers.group_norm(tf.placeholder(tf.float32, [2, 4, 4, None]), 2)


def test_pooling_of_volumes():
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 4, 2)).astype(np.float32)
    windows = x.reshape(1, 2, 2, 2, 2, 2, 2, 2)
    with tf.Graph().as_default(), tf.Session() as session:
        largest, mean = tf.contrib.layers.max_pool3d(x, 2), tf.contrib.layers.avg_pool3d(x, [2, 2, 2], scope="mean")
        assert (largest.op.name.partition("/")[0], mean.op.name.partition("/")[0]) == ("MaxPool3D", "mean")
        np.testing.assert_allclose(session.run(largest), windows.max(axis=(2, 4, 6)), rtol=1e-6)
        np.testing.assert_allclose(session.run(mean), windows.mean(axis=(2, 4, 6)), rtol=1e-4, atol=1e-6)
