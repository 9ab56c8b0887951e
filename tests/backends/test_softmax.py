"""Cross entropy by index, compiled, within its memory; softmax and its relatives of infinities."""

import itertools

import numpy as np
import pytest
from native import isolated, run, walled

import graphflow as tf
from graphflow.backends.cpu.kernels import BINDINGS
from graphflow.config import config
from graphflow.ops.cross_entropy import SPARSE_SOFTMAX_CROSS_ENTROPY
from graphflow.ops.define import convert_to_tensor
from graphflow.testing import assert_close, run_on

INFINITIES = np.array([[np.inf, 0, 1], [-np.inf, 0, 1], [np.nan, 0, 1], [-np.inf] * 3], np.float32)


def sparse(x, labels, nthreads, at_end):
    """(loss and gradient, what the reference gives, status) of the compiled kernel."""
    with tf.Graph().as_default():
        op = SPARSE_SOFTMAX_CROSS_ENTROPY(convert_to_tensor(x), convert_to_tensor(labels))[0].op
    arrays = {t: walled(t.op.attrs["value"], at_end) for t in op.inputs}
    arrays |= {t: walled(np.full(t.dims, 99, t.dtype.dtype), at_end) for t in op.outputs}
    arrays["status"] = np.zeros(4, np.int64)
    run(BINDINGS["sparse_softmax_cross_entropy"](op), arrays, nthreads)
    return [arrays[t] for t in op.outputs], op, arrays["status"]


@pytest.mark.parametrize("dtype, width", [("float32", 64), ("float32", 16), ("float64", 32)])
@isolated
def test_cross_entropy_by_index(dtype, width):
    rng = np.random.default_rng(0)
    cases = [30 * rng.normal(size=size) for size in ((5, 4), (1, 1), (7, 33), (3, 16), (0, 4))]
    with config(vector_bytes=width):
        for x, nthreads, at_end in itertools.product([*cases, INFINITIES], (1, 3), (True, False)):
            x = x.astype(dtype)
            labels = rng.integers(0, x.shape[1], len(x))
            got, op, status = sparse(x, labels, nthreads, at_end)
            with np.errstate(all="ignore"):
                want = op.definition.compute(op, [x, labels])
            assert not status.any()
            for g, w in zip(got, want, strict=True):
                assert_close(g, w, f"{x.shape}, {nthreads} threads")


@isolated
def test_a_label_out_of_range_is_reported():
    for label in (-1, 4):
        _, _, status = sparse(np.ones((3, 4), np.float32), np.array([0, label, 1]), 2, True)
        assert status[:3].tolist() == [1, 1, label]


def test_infinities():
    labels = np.eye(4, 3, dtype=np.float32)
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None, None])
        loss = tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=x)
        fetches = [tf.nn.softmax(x), tf.nn.log_softmax(x), loss]
        for values in (INFINITIES, np.repeat(INFINITIES[:2], 2, 0)):
            got, want = (run_on(backend, fetches, {x: values}) for backend in ("cpu", "reference"))
            for t, g, w in zip(fetches, got, want, strict=True):
                assert_close(g, w, t.op.type)
    assert np.isnan(want[0][0]).all() and want[0][2][0] == 0
