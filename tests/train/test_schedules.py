"""Learning rate schedules against their formulas, and moving averages."""

import math

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import BACKENDS
from graphflow.train.averages import assign_moving_average

STEPS = np.array([0, 1, 3, 10, 11, 25, 100, 130])


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def follow(schedule, dtype=tf.int64, backend="reference"):
    step = tf.placeholder(dtype, [])
    rate = schedule(step)
    assert rate.shape.as_list() == []
    with tf.Session(backend=backend) as s:
        return np.array([s.run(rate, {step: k}) for k in STEPS])


def restarts(k, first, t_mul, m_mul):
    length, scale = first, 1.0
    while k >= length:
        k, length, scale = k - length, length * t_mul, scale * m_mul
    return scale * 0.5 * (1 + math.cos(math.pi * k / length))


def cycled(k):
    steps = 10 * (math.ceil(k / 10) if k else 1)
    return (0.5 - 0.1) * (1 - k / steps) ** 2 + 0.1


t = tf.train
CASES = {
    "exponential": (lambda s: t.exponential_decay(0.5, s, 10, 0.9), lambda k: 0.5 * 0.9 ** (k / 10)),
    "exponential_stairs": (lambda s: t.exponential_decay(0.5, s, 10, 0.9, True), lambda k: 0.5 * 0.9 ** (k // 10)),
    "natural": (lambda s: t.natural_exp_decay(0.5, s, 10, 0.2), lambda k: 0.5 * math.exp(-0.2 * k / 10)),
    "natural_stairs": (
        lambda s: t.natural_exp_decay(0.5, s, 10, 0.2, True),
        lambda k: 0.5 * math.exp(-0.2 * (k // 10)),
    ),
    "inverse": (lambda s: t.inverse_time_decay(0.5, s, 10, 0.2), lambda k: 0.5 / (1 + 0.2 * k / 10)),
    "inverse_stairs": (lambda s: t.inverse_time_decay(0.5, s, 10, 0.2, True), lambda k: 0.5 / (1 + 0.2 * (k // 10))),
    "polynomial": (
        lambda s: t.polynomial_decay(0.5, s, 20, 0.1, 2.0),
        lambda k: (0.5 - 0.1) * (1 - min(k, 20) / 20) ** 2 + 0.1,
    ),
    "polynomial_cycle": (lambda s: t.polynomial_decay(0.5, s, 10, 0.1, 2.0, cycle=True), cycled),
    "cosine": (
        lambda s: t.cosine_decay(0.5, s, 20, 0.1),
        lambda k: 0.5 * (0.9 * 0.5 * (1 + math.cos(math.pi * min(k, 20) / 20)) + 0.1),
    ),
    "restarts": (lambda s: t.cosine_decay_restarts(0.5, s, 7, 2.0, 0.5), lambda k: 0.5 * restarts(k, 7, 2.0, 0.5)),
    "restarts_equal": (lambda s: t.cosine_decay_restarts(0.5, s, 7, 1.0), lambda k: 0.5 * restarts(k, 7, 1.0, 1.0)),
    "linear_cosine": (
        lambda s: t.linear_cosine_decay(0.5, s, 20, 1.5, 0.1, 0.01),
        lambda k: 0.5 * ((0.1 + 1 - min(k, 20) / 20) * 0.5 * (1 + math.cos(3 * math.pi * min(k, 20) / 20)) + 0.01),
    ),
    "piecewise": (
        lambda s: t.piecewise_constant(s, [3, 25], [1.0, 0.5, 0.1]),
        lambda k: 1.0 if k <= 3 else 0.5 if k <= 25 else 0.1,
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_schedules(name, backend):
    schedule, formula = CASES[name]
    np.testing.assert_allclose(follow(schedule, backend=backend), [formula(k) for k in STEPS], rtol=2e-5, atol=1e-6)


def test_dtypes_of_steps_and_rates():
    assert follow(CASES["exponential"][0], tf.int32).dtype == np.float32
    double = tf.constant(1.0, tf.float64)
    assert follow(lambda s: t.exponential_decay(double, s, 10, 0.9), tf.float32).dtype == np.float64
    assert follow(lambda s: t.piecewise_constant(s, [3.0], [1, 2]), tf.float32).tolist() == [1] * 3 + [2] * 5


def test_arguments_are_checked():
    with pytest.raises(ValueError):
        t.exponential_decay(0.1, None, 10, 0.9)
    with pytest.raises(ValueError):
        t.piecewise_constant(tf.constant(1), [1, 2], [0.1, 0.2])
    with pytest.raises(ValueError):
        t.piecewise_constant(tf.constant(1), [1], [0.1, 2])


def test_a_schedule_drives_an_optimizer():
    v, step = tf.Variable(0.0), t.get_or_create_global_step()
    rate = t.piecewise_constant(step, [1], [1.0, 10.0])
    train = t.GradientDescentOptimizer(rate).minimize(-v, step)
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        got = [(s.run(train), s.run(v))[1] for _ in range(4)]
    assert got == [1.0, 2.0, 12.0, 22.0]


# -- moving averages ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("backend", BACKENDS)
def test_averages_of_variables_and_tensors(backend):
    v = tf.Variable([1.0, 2.0], name="v")
    x = tf.placeholder(tf.float64, [], name="x")
    ema = t.ExponentialMovingAverage(0.75)
    update = ema.apply([v, x])
    shadow, other = ema.average(v), ema.average(x)
    assert update.name == "ExponentialMovingAverage" and not shadow.trainable
    assert [shadow.name, other.name] == ["v/ExponentialMovingAverage:0", "x/ExponentialMovingAverage:0"]
    assert tf.moving_average_variables() == [v]
    with tf.Session(backend=backend) as s:
        s.run(tf.global_variables_initializer())
        assert s.run(shadow).tolist() == [1.0, 2.0] and s.run(other) == 0.0
        s.run(v.assign([5.0, 2.0]))
        s.run(update, {x: 8.0})
        assert s.run(shadow).tolist() == [2.0, 2.0] and s.run(other) == 2.0


def test_the_count_of_updates_limits_the_decay():
    v, n = tf.Variable(0.0), tf.Variable(0, trainable=False)
    update = t.ExponentialMovingAverage(0.5, n).apply([v])
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        shadow, want = tf.global_variables()[-1], 0.0
        for count in (0, 5, 100):
            s.run([v.assign(1.0), n.assign(count)])
            s.run(update)
            decay = min(0.5, (1 + count) / (10 + count))
            want = decay * want + (1 - decay)
            np.testing.assert_allclose(s.run(shadow), want, rtol=1e-6)


def test_debiased_averages():
    x = tf.placeholder(tf.float32, [], name="x")
    ema = t.ExponentialMovingAverage(0.9, zero_debias=True)
    update, direct = ema.apply([x]), tf.Variable(0.0, name="direct")
    value = assign_moving_average(direct, x, 0.9)
    weighted = total = 0.0
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        for k in range(1, 5):
            got = s.run([value, update], {x: float(k)})[0]
            weighted, total = 0.9 * weighted + k, 0.9 * total + 1
            np.testing.assert_allclose([got, s.run(ema.average(x))], weighted / total, rtol=1e-5)
    assert {"direct/biased:0", "direct/local_step:0"} <= {v.name for v in tf.global_variables()}


def test_names_to_restore():
    v, w = tf.Variable(1.0, name="v"), tf.Variable(1.0, name="w", trainable=False)
    ema = t.ExponentialMovingAverage(0.9, name="ema")
    assert ema.average_name(v) == "v/ema" and ema.average(v) is None
    ema.apply([v])
    assert ema.variables_to_restore() == {"v/ema": v, "w": w}
    assert ema.variables_to_restore([]) == {"v": v, "w": w, "v/ema": ema.average(v)}
    with pytest.raises(TypeError):
        ema.apply([tf.Variable(1)])
