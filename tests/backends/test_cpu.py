"""The CPU backend: generated kernels, the cache on disk, what runs natively."""

import os
import stat
import subprocess
import sys
import warnings

import numpy as np
import pytest

import graphflow as tf
from graphflow.backends import get_backend
from graphflow.backends.cache import Cache, trim
from graphflow.backends.space import collapse
from graphflow.config import config
from graphflow.testing import assert_close, run_on


def test_neighbouring_dimensions_are_walked_as_one():
    sizes, masks = collapse((4, 5, 6, 7), [(4, 5, 6, 7), (6, 7), (1, 1, 1, 1)])
    assert sizes == (20, 42) and masks == [(True, True), (False, True), (False, False)]


# -- compiling once ------------------------------------------------------------------------------------------------
def test_a_new_batch_size_compiles_nothing():
    kernels = get_backend("cpu").kernels
    with tf.Graph().as_default(), tf.Session(backend="cpu") as session:
        x = tf.placeholder(tf.float32, [None, 5])
        w = tf.Variable(np.ones((5, 3), np.float32))
        loss = tf.reduce_mean(tf.square(tf.nn.relu(tf.matmul(x, w)) - 1.0))
        step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
        session.run(tf.global_variables_initializer())
        session.run([step, loss], {x: np.ones((10, 5))})
        before = kernels.compiled, kernels.loaded
        for n in (6, 1000, 2):
            session.run([step, loss], {x: np.ones((n, 5))})
        assert (kernels.compiled, kernels.loaded) == before


PROGRAM = """
import numpy as np, graphflow as tf
from graphflow.backends import kernel_counts
x = tf.placeholder(tf.float32, [3])
with tf.Session(backend="cpu") as session:
    product = tf.matmul(tf.expand_dims(x, 1), tf.expand_dims(x, 0))
    assert session.run(tf.exp(product) + 1.0, {x: [0, 0, 0]}).tolist() == [[2.0] * 3] * 3
counts = kernel_counts()
print(counts["compiled"], counts["loaded"])
"""


def start(folder, **environment):
    """PROGRAM in a process of its own."""
    command = [sys.executable, "-W", "error::RuntimeWarning", "-c", PROGRAM]
    settings = {**os.environ, "GRAPHFLOW_CACHE": "1", "GRAPHFLOW_CACHE_DIR": str(folder), **environment}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=settings)


def finish(process):
    """What it printed: (compiled, loaded)."""
    out, errors = process.communicate()
    assert process.returncode == 0, errors
    return tuple(int(n) for n in out.split())


def fresh(folder, **environment):
    return finish(start(folder, **environment))


def test_kernels_are_kept_on_disk_and_damaged_files_are_misses(tmp_path):
    # the executor's five, what fills in its addresses, the matrix product, exp and the addition in one
    assert fresh(tmp_path) == (8, 0)
    assert fresh(tmp_path) == (0, 8)
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert len(files) == 8
    files[0].write_bytes(files[0].read_bytes()[:-40])
    files[1].write_bytes(b"")
    assert fresh(tmp_path) == (2, 6)
    assert fresh(tmp_path) == (0, 8)
    assert fresh(tmp_path, GRAPHFLOW_CACHE="0") == (8, 0)


def test_many_processes_may_use_one_folder(tmp_path):
    processes = [start(tmp_path) for _ in range(4)]
    assert [sum(finish(p)) for p in processes] == [8] * 4
    assert fresh(tmp_path) == (0, 8)
    assert len([p for p in tmp_path.rglob("*") if p.is_file()]) == 8  # and nothing half written


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_the_folder_is_private_and_files_that_others_may_write_are_not_believed(tmp_path):
    with config(cache_dir=str(tmp_path / "new")):
        cache = Cache()
        cache.save("a" * 64, b"x")
        assert cache.load("a" * 64) == b"x"
        (file,) = [p for p in tmp_path.rglob("*") if p.is_file()]
        assert [stat.S_IMODE(p.stat().st_mode) for p in (file, *file.parents[:2])] == [0o600, 0o700, 0o700]
        file.chmod(0o666)
        assert cache.load("a" * 64) is None


def test_kernels_unused_for_longest_go_when_the_folder_is_full(tmp_path):
    with config(cache_dir=str(tmp_path)):
        cache = Cache()
        for i in range(8):
            cache.save(f"{i}" * 64, b"x" * 968)  # 1000 bytes with the digest
            os.utime(tmp_path / f"{i}{i}" / (f"{i}" * 64), (i, i))
        assert cache.load("0" * 64) is not None  # used now
        trim(tmp_path, 8000)
        assert len(list(tmp_path.glob("??/*"))) == 8
        trim(tmp_path, 7999)
        assert sorted(p.name[0] for p in tmp_path.glob("??/*")) == ["0", "4", "5", "6", "7"]
    with config(cache_dir=str(tmp_path), cache_megabytes=0):
        Cache().save("9" * 64, b"x")  # the first one that a process saves looks after the size
    assert not list(tmp_path.glob("??/*"))


def test_a_folder_that_cannot_be_written_is_one_warning(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with config(cache_dir=str(blocked)), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cache = Cache()
        cache.save("a" * 64, b"x")
        cache.save("b" * 64, b"x")
        assert cache.load("a" * 64) is None
    assert len(caught) == 1 and "cannot be kept" in str(caught[0].message)


# -- what runs -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64", "uint16", "float32", "float64", "bool"])
def test_every_element_type(dtype):
    with tf.Graph().as_default():
        x = tf.placeholder(dtype, [None])
        y = tf.logical_not(x) if dtype == "bool" else tf.maximum(x + x, x * 3)
        feeds = {x: np.array([0, 1, 5], dtype)}
        assert_close(run_on("cpu", y, feeds), run_on("reference", y, feeds))


def test_float16_and_strings_run_the_reference():
    with tf.Graph().as_default():
        x, s = tf.placeholder(tf.float16, [2]), tf.placeholder(tf.string, [2])
        assert run_on("cpu", x * 2.0, {x: [1, 2]}).dtype == np.float16
        assert run_on("cpu", tf.equal(s, "a"), {s: ["a", "b"]}).tolist() == [True, False]


def test_nan_and_infinity_are_kept():
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None])
        special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0], np.float32)
        for fn in (
            tf.nn.relu, tf.sigmoid, tf.tanh, tf.abs, tf.sign, tf.exp, tf.nn.softplus, lambda x: tf.maximum(x, 0.0),
            lambda x: tf.minimum(0.0, x), tf.reduce_max, tf.reduce_min, tf.reduce_sum, tf.is_nan, tf.is_finite,
        ):  # fmt: skip
            y = fn(x)
            assert_close(run_on("cpu", y, {x: special}), run_on("reference", y, {x: special}), y.op.type)


def test_a_reference_step_failing_leaves_the_session_usable():
    with tf.Graph().as_default(), tf.Session(backend="cpu") as session:
        x, i = tf.placeholder(tf.float32, [4]), tf.placeholder(tf.int32, [None])
        y = tf.reduce_sum(tf.gather(tf.exp(x), i))
        good = {x: np.zeros(4), i: [0, 1]}
        assert session.run(y, good) == 2.0
        with pytest.raises(tf.errors.InvalidArgumentError):
            session.run(y, {x: np.zeros(4), i: [0, 9]})
        assert session.run(y, good) == 2.0


@pytest.mark.parametrize("count", [2, 3, 16, 17])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_sums_of_several_tensors(count, dtype):
    values = [np.arange(6, dtype=dtype).reshape(2, 3) + i for i in range(count)]
    with tf.Graph().as_default(), tf.Session(backend="cpu") as s:
        x = [tf.placeholder(dtype, [2, None]) for _ in values]
        feed = dict(zip(x, values, strict=True))
        total = tf.nn.relu(tf.add_n(x) - 7)
        np.testing.assert_array_equal(s.run(total, feed), np.maximum(sum(values) - dtype(7), 0))
        assert ("reference: AddN" in tf.explain(total, feed)) == (count > 16)
