"""contrib.layers.optimize_loss: one tensor that trains."""

import numpy as np
import pytest

import graphflow as tf

optimize = tf.contrib.layers.optimize_loss


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


@pytest.fixture
def w():
    return tf.get_variable("w", initializer=np.array([3.0, 4.0], np.float32))


def steps(train, w, n=1):
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        losses = [s.run(train) for _ in range(n)]
        return losses, s.run(w)


def half_square(w):
    return tf.reduce_sum(w * w) / 2


def test_a_step(w):
    step = tf.train.get_or_create_global_step()
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, count := tf.assign_add(tf.Variable(0.0, trainable=False), 1.0).op)
    train = optimize(half_square(w), step, 0.1, "SGD")
    assert train.name == "OptimizeLoss/control_dependency_1:0" and count in tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        assert s.run(train) == 12.5
        np.testing.assert_allclose(s.run(w), [2.7, 3.6], rtol=1e-6)
        assert s.run(step) == 1 and s.run(tf.global_variables()[2]) == 1.0
        assert s.run("OptimizeLoss/learning_rate:0") == np.float32(0.1)


@pytest.mark.parametrize(
    ("arguments", "want"),
    [
        ({"clip_gradients": 1.0}, [3 - 0.06, 4 - 0.08]),
        ({"clip_gradients": lambda pairs: [(g * 0.0, v) for g, v in pairs]}, [3.0, 4.0]),
        ({"gradient_multipliers": {"w": 10.0}}, [0.0, 0.0]),
        ({"gradient_noise_scale": 0.0}, [2.7, 3.6]),
        ({"learning_rate_decay_fn": lambda rate, step: rate * 2.0}, [2.4, 3.2]),
        ({"update_ops": [], "increment_global_step": False, "name": "mine"}, [2.7, 3.6]),
    ],
)
def test_options(w, arguments, want):
    step = tf.train.get_or_create_global_step()
    train = optimize(half_square(w), step, 0.1, "SGD", **arguments)
    np.testing.assert_allclose(steps(train, w)[1], want, rtol=1e-5, atol=1e-6)
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        s.run(train)
        assert s.run(step) == arguments.get("increment_global_step", True)


@pytest.mark.parametrize(
    "optimizer",
    [
        "Adam", "Adagrad", "RMSProp", "Momentum", "Ftrl", tf.train.GradientDescentOptimizer,
        lambda rate: tf.train.AdamOptimizer(rate), tf.train.AdamOptimizer(0.1),
    ],
)  # fmt: skip
def test_optimizers(w, optimizer):
    losses, _ = steps(optimize(half_square(w), None, tf.constant(0.1), optimizer), w, 5)
    assert losses == sorted(losses, reverse=True) and losses[0] == 12.5


def test_optimizers_with_a_rate_of_their_own(w):
    train = optimize(half_square(w), None, None, lambda: tf.train.GradientDescentOptimizer(0.5))
    np.testing.assert_allclose(steps(train, w)[1], [1.5, 2.0])


def test_rows_stay_rows():
    table = tf.get_variable("table", initializer=np.ones([4, 2], np.float32))
    loss = tf.reduce_sum(tf.gather(table, [1, 1]))
    train = optimize(loss, None, 1.0, "SGD", gradient_multipliers={table: 0.25}, gradient_noise_scale=0.0)
    assert "SparseApplyGradientDescent" in {op.type for op in tf.get_default_graph().get_operations()}
    np.testing.assert_allclose(steps(train, table)[1], [[1, 1], [0.5, 0.5], [1, 1], [1, 1]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": [1.0, 2.0]}, "scalar"), ({"learning_rate": 1}, "learning rate"),
        ({"learning_rate": -0.5}, "learning rate"), ({"optimizer": "Newton"}, "no optimizer"),
        ({"optimizer": "SGD", "learning_rate": None}, "needs a learning rate"),
        ({"optimizer": tf.train.AdamOptimizer, "learning_rate": None}, "needs a learning rate"),
        ({"optimizer": 3}, "an optimizer is"), ({"clip_gradients": 1}, "clip_gradients"),
        ({"summaries": ["losses"]}, "no summaries"), ({"learning_rate_decay_fn": max}, "global_step"),
        ({"gradient_multipliers": {"unused": 2.0}}, "no gradient"),
    ],
)  # fmt: skip
def test_what_it_refuses(w, arguments, message):
    tf.get_variable("unused", [2])
    given = {"loss": half_square(w), "global_step": None, "learning_rate": 0.1, "optimizer": "SGD", **arguments}
    with pytest.raises(ValueError, match=message):
        optimize(**given)


def test_summaries_of_what_is_asked_for():
    w, step = tf.get_variable("w", [2]), tf.train.get_or_create_global_step()

    def decayed(rate, count):
        return tf.train.exponential_decay(rate, count, 2, 0.5)

    loss = tf.reduce_sum(w * w)
    optimize(loss, step, 0.1, "SGD", clip_gradients=1.0, learning_rate_decay_fn=decayed)
    made = [s.op.name.removeprefix("OptimizeLoss/") for s in tf.get_collection(tf.GraphKeys.SUMMARIES)]
    assert made == ["learning_rate_1", "global_norm/gradient_norm", "loss", "global_norm/clipped_gradient_norm"]
    optimize(loss, step, 0.1, "SGD", name="second", summaries=["gradients", "gradient_norm"])
    made = [s.op.name for s in tf.get_collection(tf.GraphKeys.SUMMARIES)][4:]
    assert made == [f"second/{n}" for n in ("global_norm/gradient_norm", "gradients/w_0", "gradient_norm/w_0")]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(tf.summary.merge_all())
