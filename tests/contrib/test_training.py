"""tf.contrib.training, slim's loops, predictors and estimators for TPUs: as programs use them."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf

training, slim = tf.contrib.training, tf.contrib.slim


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


def model(rate=0.1):
    x = tf.constant([[1.0], [2.0], [3.0]])
    w = tf.get_variable("w", [1, 1], initializer=tf.zeros_initializer())
    loss = tf.losses.mean_squared_error(x * 2.0, tf.matmul(x, w))
    return w, loss, tf.train.GradientDescentOptimizer(rate)


def test_train_and_evaluate(tmp_path):
    w, loss, optimizer = model()
    op = training.create_train_op(
        loss, optimizer, transform_grads_fn=training.clip_gradient_norms_fn(0.5), summarize_gradients=True
    )
    assert {t.op.name for t in tf.get_collection(tf.GraphKeys.SUMMARIES)} == {
        "summarize_grads/w_gradient",
        "summarize_grads/w_gradient_norm",
    }
    last = training.train(op, str(tmp_path), hooks=[tf.train.StopAtStepHook(num_steps=30)])
    assert last < 4.0 * 14 / 3
    with tf.Graph().as_default():
        w, loss, _ = model()
        tf.train.create_global_step()
        tf.summary.scalar("loss", loss)
        values = training.evaluate_once(
            tf.train.latest_checkpoint(str(tmp_path)), eval_ops=loss, final_ops={"w": w},
            hooks=[training.StopAfterNEvalsHook(3), training.SummaryAtEndHook(str(tmp_path / "eval"))],
        )  # fmt: skip
    np.testing.assert_allclose(values["w"], [[30 * 0.05]], rtol=1e-5)  # each step moves by rate times the clipped norm
    assert list((tmp_path / "eval").iterdir())
    with tf.Graph().as_default():
        w, _, _ = model()
        tf.train.create_global_step()
        seen = training.evaluate_repeatedly(
            str(tmp_path), final_ops=w, max_number_of_evaluations=1, eval_interval_secs=0
        )
    np.testing.assert_allclose(seen, values["w"])


def test_no_new_checkpoint(tmp_path):
    assert training.wait_for_new_checkpoint(str(tmp_path), timeout=0.01, seconds_to_sleep=0.02) is None
    assert list(training.checkpoints_iterator(str(tmp_path), timeout=0.01)) == []


def test_without_a_folder():
    _, loss, optimizer = model()
    op = training.create_train_op(loss, optimizer)
    with pytest.raises(ValueError, match="logdir is None, and save_summaries_steps"):
        training.train(op, None)
    hooks = [tf.train.StopAtStepHook(num_steps=2)]
    assert training.train(op, None, hooks=hooks, save_checkpoint_secs=None, save_summaries_steps=None) > 0


def test_slim_trains_and_goes_on(tmp_path):
    w, loss, optimizer = model()
    op = slim.learning.create_train_op(loss, optimizer)
    first = slim.learning.train(op, str(tmp_path), number_of_steps=5, log_every_n_steps=2, save_summaries_secs=300)
    assert tf.train.latest_checkpoint(str(tmp_path)).endswith("-5")
    with tf.Graph().as_default():
        w, loss, optimizer = model()
        op = slim.learning.create_train_op(loss, optimizer)
        steps = []

        def step(session, op, global_step, kwargs):
            found = slim.learning.train_step(session, op, global_step, kwargs)
            steps.append(session.run(global_step))
            return found

        second = slim.learning.train(op, str(tmp_path), step, number_of_steps=8)
        assert steps == [6, 7, 8] and second < first
    with tf.Graph().as_default():
        w, loss, _ = model()
        tf.train.get_or_create_global_step()
        tf.summary.scalar("loss", loss)
        value = slim.evaluation.evaluate_once(
            "", tf.train.latest_checkpoint(str(tmp_path)), str(tmp_path / "eval"), num_evals=2, eval_op=loss, final_op=w
        )
        assert 0.5 < value[0, 0] <= 2.5


def test_slim_trains_without_a_folder_from_init_fn():
    w, loss, optimizer = model()
    place, wanted = tf.placeholder(tf.float32, [1, 1]), np.full((1, 1), 1.5, np.float32)
    start = w.assign(place)
    loss_at_start = slim.learning.train(
        slim.learning.create_train_op(loss, optimizer), None, number_of_steps=1,
        init_fn=lambda session: session.run(start, {place: wanted}),
    )  # fmt: skip
    np.testing.assert_allclose(loss_at_start, 0.25 * 14 / 3, rtol=1e-6)
    with pytest.raises(ValueError, match="number_of_steps must be positive"):
        slim.learning.train(loss, None, number_of_steps=0)


def test_predictor(tmp_path):
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    w = tf.get_variable("w", [2, 1], initializer=tf.ones_initializer())
    y = tf.matmul(x, w, name="y")
    folder = str(tmp_path / "model")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        tf.saved_model.simple_save(session, folder, {"x": x}, {"y": y})
    predict = tf.contrib.predictor.from_saved_model(folder)
    np.testing.assert_allclose(predict({"x": [[1.0, 2.0]]})["y"], [[3.0]])
    assert predict.feed_tensors["x"].name == "x:0" and predict.graph is not x.graph
    with pytest.raises(ValueError, match="none called z"):
        predict({"z": 1.0})
    named = tf.contrib.predictor.from_saved_model(folder, input_names={"a": "x:0"}, output_names={"b": "y:0"})
    np.testing.assert_allclose(named({"a": [[1.0, 2.0]]})["b"], [[3.0]])
    with pytest.raises(ValueError, match="and not 'other'"):
        tf.contrib.predictor.from_saved_model(folder, "other")


def test_an_estimator_for_tpus_runs_on_the_cpu(tmp_path):
    sizes = []

    def inputs(params):
        sizes.append(params["batch_size"])
        return tf.data.Dataset.from_tensors(({"x": [[1.0]] * params["batch_size"]}, [[2.0]] * params["batch_size"]))

    def model_fn(features, labels, mode, params):
        w = tf.get_variable("w", [1, 1], initializer=tf.zeros_initializer())
        y = tf.matmul(features["x"], w) * params["scale"]
        if mode == tf.estimator.ModeKeys.PREDICT:
            return tf.contrib.tpu.TPUEstimatorSpec(mode, predictions={"y": y})
        loss = tf.losses.mean_squared_error(labels, y)
        optimizer = tf.contrib.tpu.CrossShardOptimizer(tf.train.GradientDescentOptimizer(0.25))
        train = optimizer.minimize(loss, tf.train.get_global_step())
        metrics = (lambda labels, y: {"error": tf.metrics.mean_absolute_error(labels, y)}, [labels, y])
        return tf.contrib.tpu.TPUEstimatorSpec(mode, loss=loss, train_op=train, eval_metrics=metrics)

    config = tf.contrib.tpu.RunConfig(
        model_dir=str(tmp_path), tpu_config=tf.contrib.tpu.TPUConfig(iterations_per_loop=4, num_shards=8)
    )
    estimator = tf.contrib.tpu.TPUEstimator(
        model_fn, config=config, params={"scale": 1.0}, use_tpu=False, train_batch_size=4, eval_batch_size=2,
        predict_batch_size=3,
    )  # fmt: skip
    estimator.train(inputs, max_steps=1)
    assert estimator.evaluate(inputs, steps=1)["error"] == pytest.approx(1.0)
    assert len(list(estimator.predict(inputs))) == 3 and sizes == [4, 2, 3]
    with pytest.raises(NotImplementedError, match="use use_tpu=False"):
        tf.contrib.tpu.TPUEstimator(model_fn)


def test_main_op():
    w = tf.get_variable("w", [], initializer=tf.ones_initializer())
    with tf.Session() as session:
        session.run(tf.saved_model.main_op.main_op())
        assert session.run(w) == 1.0
    assert tf.saved_model.PREDICT_INPUTS == "inputs" and tf.saved_model.SERVING == "serve"
