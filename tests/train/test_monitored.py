"""Sessions for long runs, and their hooks."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import graphflow as tf
from graphflow import errors


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def counting():
    step = tf.train.get_or_create_global_step()
    return step, tf.assign_add(step, 1)


def test_a_run_goes_on_from_its_last_checkpoint(tmp_path):
    for last, expected in ((5, 5), (8, 3)):
        with tf.Graph().as_default():
            _, count = counting()
            weights = tf.get_variable("w", [2], initializer=tf.zeros_initializer())
            train, runs = tf.group(count, weights.assign_add([1.0, 2.0])), 0
            with tf.train.MonitoredTrainingSession(
                checkpoint_dir=str(tmp_path), hooks=[tf.train.StopAtStepHook(last_step=last)], save_checkpoint_steps=2
            ) as sess:
                while not sess.should_stop():
                    sess.run(train)
                    runs += 1
            assert runs == expected and tf.train.latest_checkpoint(str(tmp_path)).endswith(f"model.ckpt-{last}")
    assert tf.train.load_variable(str(tmp_path), "w").tolist() == [8, 16]


def test_hooks_see_every_run():
    class Recorder(tf.train.SessionRunHook):
        def __init__(self):
            self.calls = []

        def begin(self):
            self.calls.append("begin")

        def after_create_session(self, session, coord):
            self.calls.append("created")

        def before_run(self, run_context):
            return tf.train.SessionRunArgs({"x": x}, {x: 4.0})

        def after_run(self, run_context, run_values):
            self.calls.append(float(run_values.results["x"]))
            if len(self.calls) > 3:
                run_context.request_stop()

        def end(self, session):
            self.calls.append("end")

    x = tf.placeholder(tf.float32, [])
    y = x * 2
    recorder = Recorder()
    with tf.train.SingularMonitoredSession(hooks=[recorder]) as sess:
        while not sess.should_stop():
            assert sess.run(y) == 8
    assert recorder.calls == ["begin", "created", 4.0, 4.0, "end"] and tf.get_default_graph().finalized
    with pytest.raises(RuntimeError, match="closed"):
        sess.run(y)


def test_the_end_of_the_data_ends_the_block():
    value = tf.data.Dataset.range(3).make_one_shot_iterator().get_next()
    final, found = tf.train.FinalOpsHook(tf.constant(7)), []
    with tf.train.MonitoredSession(hooks=[final]) as sess:
        while not sess.should_stop():
            found.append(int(sess.run(value)))
    assert found == [0, 1, 2] and final.final_ops_values == 7


def test_errors_end_it_without_hooks_end(tmp_path):
    _, count = counting()
    with pytest.raises(KeyError), tf.train.MonitoredTrainingSession(checkpoint_dir=str(tmp_path)) as sess:
        sess.run(count)
        raise KeyError
    assert tf.train.latest_checkpoint(str(tmp_path)).endswith("-0")


def test_kinds_of_hooks(caplog):
    _, count = counting()
    loss = tf.constant(np.nan, name="loss")
    hook = tf.train.LoggingTensorHook({"n": count}, every_n_iter=2, formatter=lambda v: f"n is {v['n']}", at_end=True)
    tf.logging.set_verbosity(tf.logging.INFO)
    with tf.train.MonitoredSession(hooks=[hook, tf.train.StopAtStepHook(num_steps=3)]) as sess:
        while not sess.should_stop():
            sess.run(count)
    tf.logging.set_verbosity(tf.logging.WARN)
    with tf.Graph().as_default():
        loss = tf.constant(np.nan, name="loss")
        with pytest.raises(tf.train.NanLossDuringTrainingError):
            tf.train.MonitoredSession(hooks=[tf.train.NanTensorHook(loss)]).run(loss)
        with tf.train.MonitoredSession(hooks=[tf.train.NanTensorHook(loss, fail_on_nan_loss=False)]) as sess:
            sess.run(loss)
            assert sess.should_stop()
    with tf.Graph().as_default():
        x = tf.placeholder(tf.int32, [])
        with tf.train.MonitoredSession(hooks=[tf.train.FeedFnHook(lambda: {x: 3})]) as sess:
            assert sess.run(x) == 3
            with pytest.raises(RuntimeError, match="both"):
                sess.run(x, {x: 1})
    for wrong in (lambda: tf.train.StopAtStepHook(), lambda: tf.train.LoggingTensorHook([loss]),
                  lambda: tf.train.CheckpointSaverHook("x", save_secs=1, save_steps=1)):  # fmt: skip
        with pytest.raises(ValueError):
            wrong()


def test_scaffolds():
    v = tf.get_variable("v", [], initializer=tf.zeros_initializer())
    assign = v.assign(5.0)
    scaffold = tf.train.Scaffold(init_fn=lambda scaffold, session: session.run(assign))
    with tf.train.MonitoredSession(tf.train.ChiefSessionCreator(scaffold)) as sess:
        assert sess.run(v) == 5 and sess.run_step_fn(lambda c: c.session.run(v) + c.run_with_hooks(v)) == 10
    with tf.Graph().as_default():
        tf.get_variable("left", [])
        with pytest.raises(RuntimeError, match="left"):
            tf.train.MonitoredSession(tf.train.ChiefSessionCreator(tf.train.Scaffold(init_op=tf.no_op())))


def test_queues_stop_with_the_session():
    number = tf.train.range_input_producer(5, num_epochs=1, shuffle=False).dequeue()
    bad = tf.string_to_number("x")
    found = []
    with tf.train.MonitoredSession() as sess:
        while not sess.should_stop():
            found.append(int(sess.run(number)))
    assert found == list(range(5))
    with tf.Graph().as_default():
        queue = tf.FIFOQueue(2, tf.float32, [[]])
        bad = queue.enqueue(tf.string_to_number("x"))
        tf.train.add_queue_runner(tf.train.QueueRunner(queue, [bad]))
        with pytest.raises(errors.InvalidArgumentError, match="x"), tf.train.MonitoredSession() as sess:
            sess.run(queue.dequeue(name="taken") if not tf.get_default_graph().finalized else "fifo_queue_size:0")


_TRAINING = """
import sys
import graphflow as tf
tf.set_random_seed(1)
step = tf.train.get_or_create_global_step()
w = tf.get_variable("w", [1000], initializer=tf.zeros_initializer())
train = tf.group(tf.assign_add(step, 1), w.assign_add(tf.ones([1000])))
with tf.train.MonitoredTrainingSession(checkpoint_dir=sys.argv[1], save_checkpoint_steps=1) as sess:
    print("ready", flush=True)
    while True:
        sess.run(train)
"""


def test_a_killed_run_leaves_whole_checkpoints(tmp_path):
    random = np.random.default_rng(0)
    before = 0
    for _ in range(3):
        run = subprocess.Popen([sys.executable, "-c", _TRAINING, str(tmp_path)], stdout=subprocess.PIPE,
                               env={**os.environ, "GRAPHFLOW_BACKEND": "reference"})  # fmt: skip
        run.stdout.readline()
        time.sleep(0.1 + 0.1 * random.random())
        run.send_signal(signal.SIGKILL)
        run.wait()
        run.stdout.close()
        latest = tf.train.latest_checkpoint(str(tmp_path))
        step = int(tf.train.load_variable(latest, "global_step"))
        assert (tf.train.load_variable(latest, "w") == step).all() and step >= before
        before = step
    assert before > 0
