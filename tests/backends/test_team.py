"""Teams of threads: the same bits for any number of them, many callers at once, forked processes."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import graphflow as tf
from graphflow.backends import get_backend
from graphflow.backends.blas import functions
from graphflow.backends.cpu.team import Team, thread_count
from graphflow.backends.cpu.walk import CALLERS, HAS_TEAMS, JOB
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


def every_kind():
    """One result of every kind of kernel, over arrays that are large enough for a team."""
    rng = np.random.default_rng(0)

    def given(*shape, dtype="float32"):
        return tf.Variable(rng.standard_normal(shape).astype(dtype))

    a, b, image = given(70, 90), given(90, 110), given(6, 21, 19, 5)
    rows = tf.Variable(rng.integers(0, 300, 700).astype(np.int32))
    wide, classes = given(300, 130), tf.Variable(rng.integers(0, 130, 300).astype(np.int32))
    filters, depth = given(3, 3, 5, 9), given(3, 3, 5, 2)
    made = {
        "matmul": tf.nn.relu(tf.matmul(a, b) + given(110)),
        "transposed": tf.matmul(b, a, transpose_a=True, transpose_b=True),
        "batched": tf.matmul(given(5, 40, 50), given(5, 50, 30)),
        "double": tf.matmul(given(60, 70, dtype="float64"), given(70, 50, dtype="float64")),
        "conv": tf.nn.relu(tf.nn.conv2d(image, filters, [1, 2, 2, 1], "SAME") + given(9)),
        "wide conv": tf.nn.conv2d(given(3, 12, 12, 16), given(3, 3, 16, 32), [1, 1, 1, 1], "VALID"),
        "depthwise": tf.nn.depthwise_conv2d(image, depth, [1, 1, 1, 1], "SAME"),
        "transposed conv": tf.nn.conv2d_transpose(given(6, 11, 10, 9), filters, [6, 21, 19, 5], [1, 2, 2, 1]),
        "max pool": tf.nn.max_pool(image, [1, 3, 3, 1], [1, 2, 2, 1], "SAME"),
        "average pool": tf.nn.avg_pool(image, [1, 2, 2, 1], [1, 2, 2, 1], "VALID"),
        "elementwise": tf.tanh(wide) * tf.sigmoid(wide) + tf.pow(tf.abs(wide), 1.5),
        "sums": [tf.reduce_sum(wide), tf.reduce_sum(wide, 0), tf.reduce_mean(wide, 1), tf.reduce_max(image, [0, 2])],
        "statistics": tf.nn.moments(image, [0, 1, 2]),
        "softmax": [tf.nn.softmax(wide), tf.nn.log_softmax(wide)],
        "labels": tf.nn.sparse_softmax_cross_entropy_with_logits(labels=classes, logits=wide),
        "argmax": [tf.argmax(wide, 1), tf.argmin(wide, 0)],
        "gather": [tf.gather(wide, rows), tf.gather_nd(wide, rows[:, None])],
        "scatter": [tf.unsorted_segment_sum(given(700, 130), rows, 300), tf.scatter_nd(rows[:, None], rows, [300])],
        "order": [*tf.nn.top_k(wide, 7), tf.sort(wide), tf.nn.in_top_k(wide, classes, 9)],
        "running": [tf.cumsum(wide), tf.cumprod(wide, 1, exclusive=True)],
        "moves": [tf.transpose(image, [3, 1, 2, 0]), tf.reverse(wide, [1]), tf.tile(wide, [1, 3])],
        "parts": [wide[::-2, 3:], wide[::-2, classes[0]], tf.slice(wide, classes[:2], [100, 1])],
        "joins": [tf.concat([wide, wide], 1), tf.stack([wide, wide], 1), *tf.split(wide, 5, 1)],
        "pads": [tf.pad(wide, [[1, 2], [3, 4]]), tf.pad(wide, [[1, 2], [3, 4]], "REFLECT")],
        "numbers": [tf.one_hot(rows, 300), tf.range(20000), tf.fill([300, 100], 2.0)],
        "random": [tf.random_normal([300, 100], seed=1), tf.nn.dropout(wide, 0.5, seed=2)],
    }  # fmt: skip
    for name in ("matmul", "conv", "wide conv", "depthwise", "transposed conv", "max pool", "average pool", "softmax",
                 "elementwise", "labels", "gather", "running"):  # fmt: skip
        y = made[name]
        loss = tf.add_n([tf.reduce_sum(tf.square(v)) for v in (y if isinstance(y, list) else [y])])
        made[f"gradients of {name}"] = [g for g in tf.gradients(loss, tf.trainable_variables()) if g is not None]
    return made


def kinds(threads):
    with tf.Graph().as_default():
        tf.set_random_seed(3)
        made = every_kind()
        with tf.Session(backend="cpu", config=tf.ConfigProto(intra_op_parallelism_threads=threads)) as session:
            session.run(tf.global_variables_initializer())
            return {name: session.run(y) for name, y in made.items()}


@pytest.fixture(scope="module")
def on_one_thread():
    return kinds(1)


@pytest.mark.parametrize("threads", [2, 3, 5])
def test_the_same_bits_of_every_kind_of_kernel(threads, on_one_thread, monkeypatch):
    monkeypatch.setattr("graphflow.backends.cpu.executable._TEAM_BYTES", 1)
    monkeypatch.setattr("graphflow.backends.cpu.executable.ALONE_BYTES", 1)
    for name, got in kinds(threads).items():
        want = on_one_thread[name]
        for g, w in zip(*([v] if isinstance(v, np.ndarray) else v for v in (got, want)), strict=True):
            np.testing.assert_array_equal(g, w, name)


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


def test_callers_that_fill_the_cpus_go_alone():
    """While another run is under way, a team of two is left alone: three threads would be in each other's way."""
    y = tf.matmul(tf.Variable(tf.ones([200, 200])), tf.ones([200, 200]))
    with tf.Session(backend="cpu", config=tf.ConfigProto(intra_op_parallelism_threads=2)) as session:
        session.run(tf.global_variables_initializer())
        team = get_backend("cpu").teams.of(2)
        runs = team.words[JOB]
        session.run(y)
        assert team.words[JOB] == runs + 1 and team.words[CALLERS] == 0
        team.words[CALLERS] = 1
        for _ in range(8):
            assert (session.run(y) == 200).all()
        team.words[CALLERS] = 0
        assert team.words[JOB] == runs + 1


def test_blas_works_on_one_thread_and_is_given_back(monkeypatch):
    if functions() is None:
        pytest.skip("not NumPy's own OpenBLAS")
    get, put = functions()
    before, seen, inverse = get(), [], np.linalg.inv

    def watched(matrix):
        seen.append(get())
        return inverse(matrix)

    monkeypatch.setattr(np.linalg, "inv", watched)
    put(2)
    try:
        x = tf.placeholder(tf.float32, [12, 12])
        with tf.Session(backend="cpu") as session:
            session.run(tf.linalg.inv(x), {x: np.eye(12)})
        assert seen == [1] and get() == 2
    finally:
        put(before)


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
