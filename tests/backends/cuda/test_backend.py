"""The CUDA backend around its kernels: variables, feeds, errors, devices, loops; and what is said without a GPU."""

from __future__ import annotations

import importlib.util
import time

import numpy as np
import pytest

import graphflow as tf
from graphflow.errors import FailedPreconditionError, GraphError, InvalidArgumentError, ResourceExhaustedError
from tests.backends.cuda.ptxas import TOOLKIT
from tests.backends.cuda.simulator import GPU, SIMULATED, inside


@pytest.mark.skipif(SIMULATED or importlib.util.find_spec("numba_cuda") is not None, reason="the extra is installed")
def test_without_the_extra_it_is_named():
    with pytest.raises(GraphError, match=r"pip install 'graphflow\[cuda\]'"):
        tf.Session(backend="cuda")


@pytest.mark.skipif(SIMULATED, reason="there is a GPU, of a kind")
@pytest.mark.skipif(importlib.util.find_spec("numba_cuda") is not None, reason="there may be a GPU")
def test_a_program_that_names_a_gpu_runs_on_the_cpu_and_says_so(caplog):
    from graphflow.backends import accelerator

    accelerator.cache_clear()
    with tf.Graph().as_default(), tf.device("/gpu:0"), caplog.at_level("WARNING", logger="tensorflow"):
        x = tf.constant(2.0) * 3.0
        assert tf.Session().run(x) == 6.0
        with pytest.raises(GraphError, match="extra `cuda`"):
            tf.Session(config=tf.ConfigProto(allow_soft_placement=False)).run(x + 1.0)
    assert "names a GPU, and runs on the CPU" in caplog.text


@pytest.fixture
def session():
    with tf.Graph().as_default(), tf.Session(backend="cuda") as made:
        yield made


@inside
def test_variables_live_on_the_device_and_are_seen_by_everyone(session, tmp_path):
    v = tf.Variable(np.float32([1, 2, 3]))
    add = v.assign_add([1.0, 1.0, 1.0])
    session.run(tf.global_variables_initializer())
    for _ in range(3):
        session.run(add)
    saver = tf.train.Saver()
    path = saver.save(session, str(tmp_path / "model"))
    np.testing.assert_array_equal(session.run(v), [4, 5, 6])
    session.run(add)
    saver.restore(session, path)  # written by the host
    np.testing.assert_array_equal(session.run(add), [5, 6, 7])
    np.testing.assert_array_equal(session._store.value(v.op), [5, 6, 7])


@inside
def test_random_numbers_go_on_as_on_the_cpu():
    with tf.Graph().as_default():
        x = tf.random_normal((5,), seed=1) + tf.random_uniform((5,), seed=2)
        with tf.Session(backend="cuda") as a, tf.Session(backend="cpu") as b:
            for _ in range(3):
                np.testing.assert_allclose(a.run(x), b.run(x), rtol=1e-6)


@inside
def test_functions_of_few_instructions_are_exact_enough(session):
    ends = np.geomspace(1e-30, 80, 40)
    x = np.concatenate([np.linspace(-9.5, 9.5, 191), ends, -ends, [0.0, -0.0, 1e30, -1e30, np.inf, -np.inf]])
    fed = tf.placeholder(tf.float32, x.shape)
    tanh, sigmoid = session.run([tf.tanh(fed), tf.sigmoid(fed)], {fed: x})
    x = x.astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(tanh, np.tanh(x), rtol=6e-7)
    np.testing.assert_array_equal(np.signbit(tanh), np.signbit(x))
    assert np.abs(tanh).max() == 1
    with np.errstate(over="ignore"):
        want = 1 / (1 + np.exp(-x))
    assert (np.abs(sigmoid - want) <= want * (6e-7 + 1e-7 * np.minimum(np.abs(x), 90)) + 1e-38).all()
    assert np.isnan(session.run([tf.tanh(fed), tf.sigmoid(fed)], {fed: np.full(x.shape, np.nan)})).all()


@inside
def test_a_bad_index_is_an_error_and_changes_nothing(session):
    i = tf.placeholder(tf.int32, (3,))
    v = tf.Variable(tf.zeros((4, 2)))
    taken, update = tf.gather(v, i), tf.scatter_add(v, i, tf.ones((3, 2)))
    session.run(tf.global_variables_initializer())
    with pytest.raises(InvalidArgumentError, match=r"indices\[1\] = 7 is out of range") as error:
        session.run(taken, {i: [0, 7, -1]})
    assert "Gather" in str(error.value)
    with pytest.raises(InvalidArgumentError, match=r"indices\[2\] = -1"):
        session.run(update, {i: [0, 1, -1]})
    np.testing.assert_array_equal(session.run(v), np.zeros((4, 2)))
    np.testing.assert_array_equal(session.run(update, {i: [0, 1, 1]})[:2], [[1, 1], [2, 2]])
    np.testing.assert_array_equal(session.run(taken, {i: [0, 1, 2]}), [[1, 1], [2, 2], [0, 0]])


@inside
def test_a_variable_without_a_value_is_an_error(session):
    v = tf.Variable(1.0)
    with pytest.raises(FailedPreconditionError, match="before it has a value"):
        session.run(v + 1.0)


@inside
def test_what_has_no_kernel_runs_on_the_cpu_with_a_note(session, caplog):
    x = tf.placeholder(tf.float32, (3, 3))
    y = tf.matrix_inverse(x + 1.0) * 2.0
    with caplog.at_level("WARNING", logger="tensorflow"):
        got = session.run(y, {x: np.eye(3)})
    np.testing.assert_allclose(got, 2 * np.linalg.inv(np.eye(3) + 1), rtol=1e-5)
    assert "MatrixInverse" in caplog.text and "runs on the CPU" in caplog.text
    strict = tf.Session(backend="cuda", config=tf.ConfigProto(allow_soft_placement=False))
    with pytest.raises(InvalidArgumentError, match="MatrixInverse has no CUDA kernel") as error:
        strict.run(y, {x: np.eye(3)})
    assert "test_backend.py" in str(error.value)
    with tf.device("/cpu:0"):
        z = tf.matrix_inverse(x)
    np.testing.assert_array_equal(strict.run(z, {x: np.eye(3)}), np.eye(3))


@inside
def test_a_program_that_names_a_gpu_gets_it():
    with tf.Graph().as_default():
        v = tf.Variable([1.0, 2.0])
        with tf.device("/gpu:0"):
            y = tf.assign_add(v, v * 2.0)
        with tf.Session() as session:
            session.run(v.initializer)
            assert [d.device_type for d in session.list_devices()] == ["CPU"]
            np.testing.assert_array_equal(session.run(y), [3, 6])
            assert [d.device_type for d in session.list_devices()] == ["CPU", "GPU"]
            session.run(v.initializer)
            np.testing.assert_array_equal(session.run(y), [3, 6])
        with tf.Session(config=tf.ConfigProto(device_count={"GPU": 0})) as session:
            session.run(v.initializer)
            session.run(y)
            assert [d.device_type for d in session.list_devices()] == ["CPU"]


class _Full(Exception):
    code = 2  # CUDA_ERROR_OUT_OF_MEMORY


@inside
def test_too_little_memory_is_said_with_bytes_and_the_session_goes_on(session, monkeypatch):
    from graphflow.backends.cuda import shim

    x = tf.placeholder(tf.float32, (40,))
    y = tf.reduce_sum(tf.exp(x))

    def full(*_):
        raise _Full("CUDA_ERROR_OUT_OF_MEMORY")

    with monkeypatch.context() as patched:
        patched.setattr(shim.cuda, "device_array", full)
        with pytest.raises(ResourceExhaustedError, match=r"no device memory for the \d+ bytes of .* bytes are free"):
            session.run(y, {x: np.zeros(40)})
    assert session.run(y, {x: np.zeros(40)}) == 40


@inside
def test_a_lost_context_is_said_with_what_to_do():
    from graphflow.backends.cuda import shim

    error = shim.lost("CUDA_ERROR_ILLEGAL_ADDRESS")
    assert "context of this process is lost" in str(error) and "restore the last checkpoint" in str(error.hint)


@inside
def test_branches_and_loops_run_their_bodies_on_the_device(session):
    x = tf.placeholder(tf.float32, ())
    v = tf.Variable(0.0)
    loop = tf.while_loop(lambda i, s: i < 4, lambda i, s: (i + 1, s * 2.0 + x), (0, x))[1]
    branch = tf.cond(x > 1.0, lambda: v.assign_add(x), lambda: v + 0.0)
    session.run(v.initializer)
    assert session.run(loop, {x: 1.0}) == 31.0
    assert session.run(branch, {x: 2.0}) == 2.0
    assert session.run(branch, {x: 0.5}) == 2.0
    assert session.run(v) == 2.0


@inside
def test_a_loop_of_a_known_count_is_laid_out_and_captured():
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, (2, 3, 2))
        outputs, _ = tf.nn.dynamic_rnn(tf.nn.rnn_cell.BasicRNNCell(3), x, dtype=tf.float32)
        loss = tf.reduce_mean(tf.square(outputs[:, -1]))
        step = tf.train.GradientDescentOptimizer(0.5).minimize(loss)
        losses = {}
        for backend in ("cuda", "reference"):
            tf.set_random_seed(3)
            with tf.Session(backend=backend) as session:
                session.run([v.initializer for v in tf.global_variables()])
                for v in tf.trainable_variables():
                    v.load(np.linspace(-1, 1, v.shape.num_elements()).reshape(v.shape), session)
                losses[backend] = [session.run([loss, step], {x: np.ones((2, 3, 2))})[0] for _ in range(2)]
                if backend == "cuda":
                    assert "gone While 2" in session.explain(step, {x: np.ones((2, 3, 2))}, runs=1)
        np.testing.assert_allclose(losses["cuda"], losses["reference"], rtol=1e-5)


@inside
def test_sessions_of_several_threads_have_streams_of_their_own(monkeypatch):
    """A stream that is captured takes what others queue there; what a step in Python sees is waited for."""
    from graphflow.backends.cuda import shim

    streams, waited, wait = [], [], shim.wait
    monkeypatch.setattr(shim, "new_stream", lambda make=shim.new_stream: streams.append(make()) or streams[-1])
    monkeypatch.setattr(shim, "wait", lambda stream: waited.append(stream) or wait(stream))
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, (2, 2))
        v = tf.Variable(np.eye(2, dtype=np.float32))
        with tf.control_dependencies([v.assign_add(x)]):
            y = tf.matrix_inverse(v.read_value() * 1.0) * 2.0
        with tf.Session(backend="cuda") as a, tf.Session(backend="cuda") as b:
            for session in (a, b):
                session.run(v.initializer)
            del streams[:], waited[:]
            for session in (a, b):
                np.testing.assert_allclose(session.run(y, {x: np.eye(2)}), np.eye(2))
        assert len(set(map(id, streams))) == 2
        assert all([s is stream for s in waited].count(True) >= 2 for stream in streams)


@inside
def test_strings_and_other_dtypes_pass_through_the_host(session, capsys):
    x = tf.placeholder(tf.float32, (2,))
    text = tf.as_string(x * 2.0)
    half = tf.cast(tf.cast(x, tf.float16) + 1, tf.float32) * 2.0
    assert session.run(text, {x: [1, 2]}).tolist() == [b"2.000000", b"4.000000"]
    np.testing.assert_array_equal(session.run(half, {x: [1, 2]}), [4, 6])


@inside
def test_fetches_are_the_callers_own_and_shapes_may_change(session):
    x = tf.placeholder(tf.float32, (None, 2))
    y = [x + 1.0, x, tf.reshape(x + 1.0, [-1])]
    first = session.run(y, {x: np.ones((3, 2))})
    second = session.run(y, {x: np.zeros((1, 2))})
    np.testing.assert_array_equal(first[0], np.full((3, 2), 2))
    np.testing.assert_array_equal(second[2], [1, 1])
    first[0][:] = 7
    np.testing.assert_array_equal(session.run(y, {x: np.ones((3, 2))})[0], np.full((3, 2), 2))


@inside
def test_steps_can_be_measured_and_looked_at(session):
    x = tf.placeholder(tf.float32, (3,))
    y = tf.reduce_sum(tf.matmul([[1.0, 2.0, 3.0]], tf.reshape(tf.log(x), (3, 1))))
    assert "MatMul" in session.explain(y, {x: [1, 2, 3]}, runs=1)
    with tf.Session(backend="cuda", config=tf.ConfigProto(check_numerics=True)) as checked:
        checked.run(y, {x: [1, 2, 3]})
        with pytest.raises(InvalidArgumentError, match="Log"):
            checked.run(y, {x: [1, -2, 3]})


@inside
def test_a_training_goes_the_way_of_the_reference():
    with tf.Graph().as_default():
        rng = np.random.default_rng(0)
        x, labels = tf.placeholder(tf.float32, (2, 6, 6, 1)), tf.placeholder(tf.float32, (2, 3))
        h = x
        for i, (filters, stride) in enumerate(((2, 1), (3, 2))):
            w = tf.Variable(tf.truncated_normal((3, 3, h.shape[-1].value, filters), stddev=0.3, seed=i + 1))
            h = tf.nn.relu(tf.nn.conv2d(h, w, [1, stride, stride, 1], "SAME") + tf.Variable(tf.ones(filters) / 10))
        h = tf.reshape(tf.nn.max_pool(h, [1, 3, 3, 1], [1, 3, 3, 1], "SAME"), (2, -1))
        logits = tf.matmul(h, tf.Variable(tf.random_normal((h.shape[1].value, 3), seed=9)))
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits))
        step = tf.train.AdamOptimizer(0.05).minimize(loss)
        feeds = {x: rng.normal(size=(2, 6, 6, 1)), labels: np.eye(3)[[0, 2]]}
        losses = {}
        for backend in ("cuda", "reference"):
            with tf.Session(backend=backend) as session:
                session.run(tf.global_variables_initializer())
                losses[backend] = [session.run([loss, step], feeds)[0] for _ in range(3)]
        np.testing.assert_allclose(losses["cuda"], losses["reference"], rtol=1e-5)
        assert losses["cuda"][2] < losses["cuda"][0]


@pytest.mark.skipif(not GPU, reason="there is no GPU")
def test_kernels_are_kept_on_disk(tmp_path):
    from graphflow.backends.cache import Cache
    from graphflow.backends.cuda.compile import Job
    from graphflow.backends.cuda.loading import Kernels

    text = "def kernel(x, n):\n    for i in range(cuda.grid(1), n, cuda.gridsize(1)):\n        x[i] = float32(i)\n"
    job = Job(text, ("float32",), 1, 32)
    with tf.config(cache_dir=str(tmp_path)):
        first, second = Kernels(Cache()), Kernels(Cache())
        first.get(job)
        assert (first.compiled, first.loaded) == (1, 0)
        second.prepare([job])
        assert (second.compiled, second.loaded) == (0, 1)
        second.get(job._replace(threads=64))
        assert (second.compiled, second.loaded) == (1, 1)


@pytest.mark.skipif(SIMULATED or GPU or importlib.util.find_spec("numba_cuda") is None, reason="not the extra alone")
def test_the_extra_without_a_driver_is_told():
    with pytest.raises(GraphError, match="there is no NVIDIA driver"):
        tf.Session(backend="cuda")


@pytest.mark.skipif(not TOOLKIT, reason="the extra `cuda` is not installed")
def test_other_processes_compile_what_this_one_would(monkeypatch):
    from graphflow.backends.cuda import workers
    from graphflow.backends.cuda.compile import Job

    def waits(job, capability, original=Job.compile):
        time.sleep(5)  # so that others have their share
        return original(job, capability)

    monkeypatch.setattr(workers, "cpu_count", lambda: 3)
    monkeypatch.setattr(Job, "compile", waits)
    good = [Job(f"def kernel(x, n):\n    x[n + {i}] = float32(n)\n", ("float32",), 1, 32) for i in range(7)]
    bad = Job("def kernel(x, n):\n    x[n] = nothing + 1 + 2 + 3 + 4\n", ("float32",), 1, 32)  # largest: a worker's
    made = dict(workers.compiled([*good, bad], (9, 0)))
    assert set(made) == set(good)
    assert all(code[1:4] == b"ELF" for _, code in made.values())
    assert len({code for _, code in made.values()}) == 7
