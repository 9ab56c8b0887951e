"""What is wrong in the data: a NaN stays one, and an index out of range is named and reads or writes nothing."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import BACKENDS, run_on

SPOILED = {
    "matmul": lambda x: tf.matmul(tf.reshape(x, [24, 45]), tf.ones([45, 7])),
    "relu of a matmul": lambda x: tf.nn.relu(tf.matmul(tf.reshape(x, [24, 45]), tf.ones([45, 40])) + tf.ones([40])),
    "conv": lambda x: tf.nn.conv2d(x, tf.ones([3, 3, 3, 4]), [1, 1, 1, 1], "SAME"),
    "relu of a conv": lambda x: tf.nn.relu(tf.nn.conv2d(x, tf.ones([3, 3, 3, 16]), [1, 2, 2, 1], "VALID")),
    "depthwise": lambda x: tf.nn.depthwise_conv2d(x, tf.ones([3, 3, 3, 2]), [1, 1, 1, 1], "SAME"),
    "max pool": lambda x: tf.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], "SAME"),
    "average pool": lambda x: tf.nn.avg_pool(x, [1, 2, 2, 1], [1, 1, 1, 1], "VALID"),
    "sums": lambda x: tf.reduce_sum(x, [1, 2]),
    "largest": lambda x: tf.reduce_max(x, 3),
    "smallest": lambda x: tf.reduce_min(x, [0, 1]),
    "mean": tf.reduce_mean,
    "variance": lambda x: tf.nn.moments(x, [0, 1, 2])[1],
    "softmax": tf.nn.softmax,
    "log softmax": tf.nn.log_softmax,
    "functions": lambda x: tf.tanh(x) + tf.exp(x) * tf.sigmoid(x) - tf.nn.softplus(x) + tf.erf(x) + tf.sin(tf.sqrt(x)),
    "activations": lambda x: tf.nn.relu(x) + tf.nn.relu6(x) + tf.nn.elu(x) + tf.nn.leaky_relu(x),
    "bounds": lambda x: tf.maximum(x, 0.5) + tf.minimum(0.5, x) + tf.clip_by_value(x, -1.0, 1.0),
    "running sums": lambda x: tf.cumsum(x, 1),
    "segments": lambda x: tf.unsorted_segment_max(x, [0, 1, 0, 1], 2),
    "the largest": lambda x: tf.nn.top_k(x, 2).values,
    "a sort": lambda x: tf.sort(x, axis=1),
}


@pytest.mark.parametrize("what", SPOILED)
def test_a_nan_stays_one(what):
    value = np.random.default_rng(0).uniform(0.1, 2, (4, 10, 9, 3)).astype(np.float32)
    value[1, 4, 5, 2] = np.nan
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, value.shape)
        made = SPOILED[what](x)
        (slope,) = tf.gradients(tf.reduce_sum(tf.square(made)), x)
        want, *others = ([np.isnan(v) for v in run_on(backend, [made, slope], {x: value})] for backend in BACKENDS)
        assert want[0].any()
        for got in others:
            np.testing.assert_array_equal(got[0], want[0])
            np.testing.assert_array_equal(got[1], want[1])


def _labels(x, i):
    return tf.nn.sparse_softmax_cross_entropy_with_logits(logits=x, labels=i)


def _scattered(x, i):
    return tf.scatter_nd(i[:, None], x, [3, 3])


@pytest.mark.parametrize("make", [tf.gather, _labels, _scattered])
@pytest.mark.parametrize("position, value", [(0, -1), (2, 3), (1, 2**31 - 1), (1, -(2**31))])
def test_an_index_out_of_range_is_told(make, position, value):
    """By the operation, the position and the value; the session goes on."""
    with tf.Graph().as_default(), tf.Session(backend="cpu") as session:
        x, i = tf.placeholder(tf.float32, [3, 3]), tf.placeholder(tf.int32, [3])
        made = make(x, i)
        indices = [0, 1, 2]
        good = session.run(made, {x: np.eye(3), i: indices})
        indices[position] = value
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            session.run(made, {x: np.eye(3), i: indices})
        text = str(caught.value)
        assert str(value) in text and (f"[{position}]" in text or f"position {position}" in text)
        assert caught.value.op is not None and f"in {caught.value.op.type} {caught.value.op.name!r}" in text
        assert "test_bad_input.py" in text
        np.testing.assert_array_equal(session.run(made, {x: np.eye(3), i: [0, 1, 2]}), good)
