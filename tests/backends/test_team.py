"""Teams of threads: the same bits for any number of them, many callers at once, forked processes."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import graphflow as tf
from graphflow.backends import get_backend
from graphflow.backends.cpu.team import Team, thread_count
from graphflow.backends.cpu.walk import HAS_TEAMS
from graphflow.config import config

pytestmark = pytest.mark.skipif(not HAS_TEAMS, reason="no futex on this system")


def training(threads, steps=3):
    """Weights and losses of a small convolutional net after a few steps."""
    rng = np.random.default_rng(0)
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        x, y = tf.placeholder(tf.float32, [None, 14, 14, 3]), tf.placeholder(tf.float32, [None, 10])

        def weights(*shape):
            return tf.Variable(tf.truncated_normal(shape, stddev=0.1))

        h = tf.nn.relu(tf.nn.conv2d(x, weights(3, 3, 3, 8), [1, 2, 2, 1], "SAME") + tf.Variable(tf.zeros([8])))
        mean, variance = tf.nn.moments(h, [0, 1, 2])
        h = tf.nn.dropout(tf.nn.batch_normalization(h, mean, variance, None, None, 1e-3), keep_prob=0.5, seed=3)
        logits = tf.matmul(tf.reshape(h, [-1, 7 * 7 * 8]), weights(7 * 7 * 8, 10))
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=logits, labels=y))
        step = tf.train.AdamOptimizer(0.01).minimize(loss)
        with tf.Session(backend="cpu", config=tf.ConfigProto(intra_op_parallelism_threads=threads)) as session:
            session.run(tf.global_variables_initializer())
            feeds = {x: rng.standard_normal((64, 14, 14, 3)), y: np.eye(10)[np.arange(64) % 10]}
            losses = [session.run([loss, step], feeds)[0] for _ in range(steps)]
            return [np.float32(losses), *session.run(tf.trainable_variables())]


@pytest.mark.parametrize("threads", [2, 3, 5])
def test_the_same_bits_for_any_number_of_threads(threads):
    for one, many in zip(training(1), training(threads), strict=True):
        np.testing.assert_array_equal(one, many)


def test_how_many_threads():
    with config(threads=3):
        assert thread_count() == 3 and thread_count(2) == 2
    with config(threads=0):
        assert thread_count() == len(os.sched_getaffinity(0))


def test_many_callers_at_once():
    x = tf.placeholder(tf.float32, [None, 300])
    w = tf.constant(np.random.default_rng(1).standard_normal((300, 200)).astype(np.float32))
    y = tf.reduce_sum(tf.nn.relu(tf.matmul(x, w)), 1)
    feeds = [np.full((200, 300), i, np.float32) for i in range(4)]
    found: list = [None] * 4
    sessions = [tf.Session(backend="cpu") for _ in range(2)]
    want = [sessions[0].run(y, {x: f}) for f in feeds]

    def work(i):
        found[i] = all(np.array_equal(sessions[i % 2].run(y, {x: feeds[i]}), want[i]) for _ in range(100))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4


def test_a_team_ends():
    team = Team(get_backend("cpu").kernels, 3)
    team.close()
    assert not any(thread.is_alive() for thread in team._threads)


FORKED = """
import os
import numpy as np
import graphflow as tf

x = tf.placeholder(tf.float32, [None, 300])
y = tf.reduce_sum(tf.matmul(x, tf.ones([300, 300])), 1)
session = tf.Session(config=tf.ConfigProto(intra_op_parallelism_threads=2))
value = np.ones((300, 300), np.float32)
for _ in range(5):
    session.run(y, {x: value})
child = os.fork()
for _ in range(5):
    assert (session.run(y, {x: value}) == 90000).all()
    assert (tf.Session(config=tf.ConfigProto(intra_op_parallelism_threads=2)).run(y, {x: value}) == 90000).all()
if child:
    assert os.waitpid(child, 0)[1] == 0
"""


def test_a_forked_process_goes_on():
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


ONE_CPU = """
import os
import threading
import numpy as np
import graphflow as tf

cpu = min(os.sched_getaffinity(0))
os.sched_setaffinity(0, {cpu})
y = tf.matmul(tf.Variable(tf.ones([300, 300])), tf.ones([300, 300]))
session = tf.Session(config=tf.ConfigProto(intra_op_parallelism_threads=2))
session.run(tf.global_variables_initializer())
for _ in range(20):
    assert (session.run(y) == 300).all()
team = [t for t in threading.enumerate() if t.name.startswith("graphflow")]
assert len(team) == 1 and os.sched_getaffinity(team[0].native_id) == {cpu}
"""


def test_a_team_on_one_cpu_keeps_to_it():
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", ONE_CPU], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
