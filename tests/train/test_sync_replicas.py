"""SyncReplicasOptimizer in one process: two gradients make a step, as in TensorFlow 1.15."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


def test_two_gradients_make_a_step():
    x = tf.placeholder(tf.float32, [])
    w, e = tf.Variable(1.0, name="w"), tf.Variable(tf.ones([4, 2]), name="e")
    step = tf.train.get_or_create_global_step()
    optimizer = tf.train.SyncReplicasOptimizer(tf.train.AdamOptimizer(0.1), 2, total_num_replicas=1)
    loss = tf.square(w * x - 3.0) + tf.reduce_sum(tf.nn.embedding_lookup(e, [1, 2]) * x)
    train = optimizer.minimize(loss, global_step=step)
    assert train.name == "Assign_1:0" and [v.name for v in tf.local_variables()] == ["sync_rep_local_step:0"]
    hook = optimizer.make_session_run_hook(is_chief=True, num_tokens=1)
    with tf.train.MonitoredTrainingSession(hooks=[hook]) as session:
        for i in range(8):  # every other run waits for the step that the chief's thread makes
            session.run(train, {x: float(i % 3)})
        values = session.run([step, w, e])
    # w and e as TensorFlow computed them, whose first dimension of e's mean is unknown too
    assert values[0] == 4
    np.testing.assert_allclose(values[1], 1.3938168, rtol=1e-5)
    np.testing.assert_allclose(values[2], [[1, 1], [0.6168592] * 2, [0.6168592] * 2, [1, 1]], rtol=1e-5)


def test_mistakes():
    optimizer = tf.train.SyncReplicasOptimizer(tf.train.GradientDescentOptimizer(0.25), 2)
    loss = tf.square(tf.Variable(1.0))
    with pytest.raises(ValueError, match="global_step must be given"):
        optimizer.minimize(loss)
    with pytest.raises(ValueError, match="after apply_gradients or minimize"):
        optimizer.get_chief_queue_runner()
    accumulator = tf.ConditionalAccumulator(tf.float32, [2])
    with pytest.raises(ValueError, match=r"takes gradients of shape \(2,\), not \(3,\)"):
        accumulator.apply_grad([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="MEAN or SUM"):
        tf.ConditionalAccumulator(tf.float32, reduction_type="MAX")
    place = tf.placeholder(tf.float32, [None])
    with tf.Session() as session, pytest.raises(tf.errors.InvalidArgumentError, match="takes gradients of shape"):
        session.run(accumulator.apply_grad(place), {place: [1.0]})
