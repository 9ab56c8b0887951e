"""Checkpoints of objects."""

import numpy as np
import pytest

import graphflow as tf


def build():
    layer = tf.layers.Dense(2)
    loss = tf.reduce_sum(layer(tf.ones([1, 3])))
    optimizer = tf.train.AdamOptimizer(0.1)
    step = tf.train.get_or_create_global_step()
    train = optimizer.minimize(loss, global_step=step)
    return tf.train.Checkpoint(net=layer, optimizer=optimizer, step=step, more={"v": [tf.Variable(3.0)]}), train


def test_objects_return(tmp_path):
    with tf.Graph().as_default(), tf.Session() as sess:
        saved, train = build()
        saved.restore(None).initialize_or_restore(sess)
        for _ in range(3):
            sess.run(train)
        first = saved.save(str(tmp_path / "c"))
        assert first == str(tmp_path / "c-1") and tf.train.latest_checkpoint(str(tmp_path)) == first
        sess.run(train)
        wanted = [sess.run(v) for v in tf.global_variables()]
        assert saved.save(str(tmp_path / "c")).endswith("c-2")
    with tf.Graph().as_default(), tf.Session() as sess:
        tf.Variable(0, name="before")  # names may differ
        tf.get_default_graph().clear_collection("variables")
        again, train = build()
        status = again.restore(first).assert_consumed()
        with pytest.raises(ValueError):
            again.restore(None).run_restore_ops(sess)
        status.run_restore_ops(sess)
        sess.run(train)
        for variable, value in zip(tf.global_variables(), wanted, strict=True):
            assert np.array_equal(sess.run(variable), value), variable.name
        assert sess.run(again.save_counter) == 1
        other = tf.train.Checkpoint(step=tf.Variable(5, dtype=tf.int64), new=tf.Variable(7))
        status = other.restore(first)
        with pytest.raises(AssertionError, match="does not have new/"):
            status.assert_existing_objects_matched()
        with pytest.raises(AssertionError, match="nothing takes"):
            tf.train.Checkpoint(step=other.step).restore(first).assert_consumed()
        status.initialize_or_restore(sess)
        assert sess.run([other.step, other.new]) == [3, 7]
    with pytest.raises(ValueError, match="a checkpoint holds"):
        tf.train.Checkpoint(a=1)
    with pytest.raises(tf.errors.NotFoundError):
        other.restore(str(tmp_path / "none"))


def test_a_manager_keeps_the_last_ones(tmp_path):
    with tf.Graph().as_default(), tf.Session() as sess:
        v = tf.Variable(1.0)
        sess.run(v.initializer)
        manager = tf.train.CheckpointManager(tf.train.Checkpoint(v=v), str(tmp_path), 2)
        assert manager.latest_checkpoint is None
        for _ in range(3):
            manager.save()
        assert [p.rpartition("-")[2] for p in manager.checkpoints] == ["2", "3"]
        assert manager.save(checkpoint_number=9) == str(tmp_path / "ckpt-9")
        again = tf.train.CheckpointManager(tf.train.Checkpoint(v=v), str(tmp_path), 2)
        assert again.latest_checkpoint == manager.latest_checkpoint and len(again.checkpoints) == 2
        assert {p.name.partition(".")[0] for p in tmp_path.iterdir()} == {"checkpoint", "ckpt-3", "ckpt-9"}
