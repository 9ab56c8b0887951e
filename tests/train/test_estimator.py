"""Estimators and the Supervisor."""

import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

import graphflow as tf

X = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
Y = 3 * X[:, 0] + 1


def model_fn(features, labels, mode, params):
    y = tf.layers.dense(features["x"], 1, name="line")[:, 0]
    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions={"y": y, "twice": 2 * y})
    loss = tf.losses.mean_squared_error(labels, y)
    if mode == tf.estimator.ModeKeys.EVAL:
        metrics = {"error": tf.metrics.mean_absolute_error(labels, y)}
        return tf.estimator.EstimatorSpec(mode, loss=loss, eval_metric_ops=metrics)
    train = tf.train.GradientDescentOptimizer(params["rate"]).minimize(loss, tf.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train)


def inputs(epochs, shuffle=False):
    return tf.estimator.inputs.numpy_input_fn({"x": X}, Y, batch_size=16, num_epochs=epochs, shuffle=shuffle)


def test_a_model_is_trained_evaluated_and_used(tmp_path):
    config = tf.estimator.RunConfig(tf_random_seed=1, save_checkpoints_steps=50)
    line = tf.estimator.Estimator(model_fn, str(tmp_path), config, {"rate": 0.3})
    with pytest.raises(ValueError, match="train first"):
        line.evaluate(inputs(1))
    line.train(inputs(None, shuffle=True), steps=100)
    result = line.evaluate(inputs(1))
    assert result["global_step"] == 100 and result["loss"] < 1e-3 and result["error"] < 0.1
    line.train(inputs(None), max_steps=100)
    assert line.latest_checkpoint().endswith("-100")
    line.train(inputs(1))
    assert line.latest_checkpoint().endswith("-104") and "line/kernel" in line.get_variable_names()
    found = list(line.predict(lambda: tf.data.Dataset.from_tensors({"x": X})))
    assert len(found) == 64 and np.allclose([f["y"] for f in found], Y, atol=0.2)
    assert set(next(line.predict(inputs(1), predict_keys=["twice"]))) == {"twice"}
    assert np.isclose(line.get_variable_value("line/bias")[0], 1, atol=0.1)
    metrics, _ = tf.estimator.train_and_evaluate(
        line, tf.estimator.TrainSpec(inputs(None), 110), tf.estimator.EvalSpec(inputs(None), 3)
    )
    assert metrics["global_step"] == 110


def test_misuse():
    for wrong in (
        lambda: tf.estimator.EstimatorSpec("train", loss=1), lambda: inputs(1, None)(),
        lambda: tf.estimator.Estimator(model_fn).train(inputs(1), steps=1, max_steps=1),
        lambda: tf.estimator.inputs.numpy_input_fn({"x": X}, Y[:3], shuffle=False),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            wrong()


def test_a_supervisor_goes_on(tmp_path):
    for expected in (3, 6):
        with tf.Graph().as_default():
            step = tf.train.get_or_create_global_step()
            count = tf.assign_add(step, 1)
            supervisor = tf.train.Supervisor(logdir=str(tmp_path))
            with supervisor.managed_session() as sess:
                for _ in range(3):
                    assert not supervisor.should_stop()
                    value = sess.run(count)
            assert value == expected and supervisor.should_stop()
    with tf.Graph().as_default():
        tf.Variable(1.0)
        with pytest.raises(KeyError), tf.train.Supervisor().managed_session():
            raise KeyError


def resumable(folder, stop):
    """An estimator that has trained up to this step; its data, dropout and weights have no seeds."""

    def model_fn(features, labels, mode):
        hidden = tf.layers.dropout(tf.layers.dense(features, 8, tf.nn.relu), 0.5, training=True)
        loss = tf.losses.mean_squared_error(labels, tf.layers.dense(hidden, 1))
        step = tf.train.AdamOptimizer(0.01).minimize(loss, global_step=tf.train.get_global_step())
        return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=step)

    def input_fn():
        x = np.arange(40, dtype=np.float32).reshape(20, 2) / 40
        return tf.data.Dataset.from_tensor_slices((x, x[:, :1])).shuffle(20).repeat().batch(3)

    made = tf.estimator.Estimator(model_fn, str(folder))
    made.train(input_fn, max_steps=stop, hooks=[tf.data.experimental.CheckpointInputPipelineHook(made)])
    return made


def test_training_goes_on_to_the_same_weights(tmp_path):
    resumable(tmp_path / "a", 4)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    state = (tmp_path / "b" / "checkpoint").read_text().replace(str(tmp_path / "a"), str(tmp_path / "b"))
    (tmp_path / "b" / "checkpoint").write_text(state)
    for stop in (7, 11):
        last = resumable(tmp_path / "a", stop)
    once = resumable(tmp_path / "b", 11)
    names = [name for name in once.get_variable_names() if "state" not in name]
    assert len(names) > 4
    for name in names:
        assert (last.get_variable_value(name) == once.get_variable_value(name)).all(), name


_KILLED = """
import os
import signal
import sys
import numpy as np
import graphflow as tf

folder, stop, killed_at = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

class Kill(tf.train.SessionRunHook):  # it comes before the hook that saves: this step is lost
    def after_run(self, context, values):
        if int(context.session.run(tf.train.get_global_step())) == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

def model_fn(features, labels, mode):
    hidden = tf.layers.dropout(tf.layers.dense(features, 8, tf.nn.relu), 0.5, training=True)
    loss = tf.losses.mean_squared_error(labels, tf.layers.dense(hidden, 1))
    step = tf.train.AdamOptimizer(0.01).minimize(loss, global_step=tf.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=step)

def input_fn():
    x = np.arange(40, dtype=np.float32).reshape(20, 2) / 40
    return tf.data.Dataset.from_tensor_slices((x, x[:, :1])).shuffle(20).repeat().batch(3)

made = tf.estimator.Estimator(model_fn, folder, tf.estimator.RunConfig(tf_random_seed=3, save_checkpoints_steps=2))
made.train(input_fn, max_steps=stop, hooks=[Kill(), tf.data.experimental.CheckpointInputPipelineHook(made)])
"""


def test_a_run_that_is_killed_goes_on_to_the_same_weights(tmp_path):
    def run(folder, killed_at):
        found = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path / folder), "11", str(killed_at)],
                               env={**os.environ, "GRAPHFLOW_BACKEND": "reference"}, check=False)  # fmt: skip
        return found.returncode

    assert run("whole", 0) == 0
    assert [run("killed", at) for at in (4, 5, 9, 0)] == [-signal.SIGKILL] * 3 + [0]
    readers = [tf.train.load_checkpoint(str(tmp_path / folder)) for folder in ("whole", "killed")]
    names = [sorted(r.get_variable_to_shape_map()) for r in readers]
    assert names[0] == names[1] and readers[0].get_tensor("global_step") == 11
    for name in names[0]:
        if "state" in name:  # it has the entropy of what has no seed
            continue
        first, second = (r.get_tensor(name) for r in readers)
        assert (first == second).all(), name


def test_outputs_for_export():
    export = tf.estimator.export
    with tf.Graph().as_default():
        scores, names = tf.ones([2, 3]), tf.constant([["a", "b", "c"]])
        assert export.PredictOutput(scores).outputs == {"output": scores}
        assert export.PredictOutput({"s": scores}).outputs == {"s": scores}
        both = export.ClassificationOutput(scores, names)
        assert (both.scores, both.classes, export.RegressionOutput(scores).value) == (scores, names, scores)
        spec = tf.estimator.EstimatorSpec("infer", scores, export_outputs={"serving_default": both})
        assert spec.export_outputs == {"serving_default": both}
        for wrong in (
            lambda: export.PredictOutput({"x": 1}), lambda: export.ClassificationOutput(),
            lambda: export.ClassificationOutput(names), lambda: export.ClassificationOutput(classes=scores),
            lambda: export.RegressionOutput(names),
        ):  # fmt: skip
            with pytest.raises(ValueError):
                wrong()
