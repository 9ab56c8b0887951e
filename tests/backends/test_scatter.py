"""Rows combined with others by their index: compiled, within their memory, for any number of threads."""

import itertools
import re

import numpy as np
import pytest
from native import isolated, run, walled

import graphflow as tf
from graphflow.backends import get_backend
from graphflow.config import config
from graphflow.ops import scatter, segments
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.indexed_slices import GATHER_GRAD, UNSORTED_SEGMENT_SUM
from graphflow.ops.indexing import SCATTER_ND
from graphflow.testing import BACKENDS, assert_close, run_on

FOLDS = {"sum": UNSORTED_SEGMENT_SUM, "prod": segments.UNSORTED_SEGMENT_PROD,
         "max": segments.UNSORTED_SEGMENT_MAX, "min": segments.UNSORTED_SEGMENT_MIN}  # fmt: skip
TENSORS = {"put": scatter.TENSOR_SCATTER_UPDATE, "add": scatter.TENSOR_SCATTER_ADD, "sub": scatter.TENSOR_SCATTER_SUB}


def rows(*shape, dtype="float32", seed=0):
    return (4 * np.random.default_rng(seed + sum(shape)).uniform(0.25, 2, shape)).astype(dtype)


def computed(op, nthreads, at_end=True):
    """(what the kernel of an operation over constants writes, what the reference gives, the status)."""
    arrays = {t: walled(t.op.attrs["value"], at_end) for t in op.inputs}
    arrays[op.output] = walled(np.full(op.output.dims, 99, op.output.dtype.dtype), at_end)
    arrays["status"] = np.zeros(4, np.int64)
    run(get_backend("cpu").lower(op), arrays, nthreads)
    return arrays[op.output], arrays["status"]


def check(make, *arrays):
    """The kernel gives what the reference gives, the same bits for any number of threads."""
    with tf.Graph().as_default():
        op = make(*(convert_to_tensor(a) for a in arrays)).op
        with np.errstate(all="ignore"):
            (want,) = op.definition.compute(op, [t.op.attrs["value"] for t in op.inputs])
        first = None
        for nthreads, at_end in itertools.product((1, 2, 3, 5), (True, False)):
            got, status = computed(op, nthreads, at_end)
            assert not status.any()
            assert_close(got, want, f"{op.type} {want.shape} {want.dtype}, {nthreads} threads")
            first = got if first is None else first
            np.testing.assert_array_equal(got, first)


GATHERS = [((5, 3), (4,), 0, 0), ((5,), (2, 3), 0, 0), ((3, 5, 2), (), 1, 0), ((2, 5, 3), (2, 4), 1, 1),
           ((2, 3, 5), (2, 4), 2, 1), ((2, 3, 5, 2), (2, 3, 2), 2, 2), ((3, 5), (3,), -1, 0), ((6, 5, 3), (6, 4), 1, 1),
           ((5, 330), (9,), 0, 0), ((5, 17), (70,), 0, 0), ((4, 5, 400), (4, 2), 1, 1)]  # fmt: skip


@pytest.mark.parametrize("width", [64, 32, 16])
@isolated
def test_gradients_of_gather(width):
    with config(vector_bytes=width):
        for (shape, index_shape, axis, batch), kind in itertools.product(GATHERS, ("int32", "int64")):
            indices = np.random.default_rng(0).integers(0, 5, index_shape).astype(kind)
            with tf.Graph().as_default():
                made = tf.gather(tf.zeros(shape), convert_to_tensor(indices), axis=axis, batch_dims=batch)
            dy = rows(*made.dims)
            check(lambda dy, i: GATHER_GRAD(dy, i, axis, list(shape), batch_dims=batch), dy, indices)


SEGMENTS = [
    ((6, 2), [0, 3, 0, -1, 3, 1]),
    ((6,), [4] * 6),
    ((2, 2, 3), [[1, 0], [-2, 1]]),
    ((0, 3), []),
    ((2,), [-1, -1]),
    ((3, 201), [1, 1, 4]),
    ((), 2),
]
DTYPES = ["float32", "float64", "int8", "uint16", "int32", "int64", "uint8"]


@pytest.mark.parametrize("width", [64, 32, 16])
@isolated
def test_segments(width):
    with config(vector_bytes=width):
        for (shape, ids), how in itertools.product(SEGMENTS, FOLDS):
            check(lambda x, ids: FOLDS[how](x, ids, 5), rows(*shape), np.array(ids, np.int32))
        for dtype, how in itertools.product(DTYPES, FOLDS):
            check(lambda x, ids: FOLDS[how](x, ids, 4), rows(5, 70, dtype=dtype), np.array([0, 2, -1, 2, 0]))
        for how in ("max", "min"):
            check(lambda x, ids: FOLDS[how](x, ids, 2), np.float32([1, np.nan, 2, np.inf]), np.array([0, 0, 1, 1]))


COORDINATES = [((5, 4), (3, 2)), ((5, 4, 3), (2, 3, 1)), ((4, 3), (2, 0)), ((5,), (1,)), ((4,) * 4, (5, 4)),
               ((4, 300), (6, 1)), ((4,) * 8, (3, 7))]  # fmt: skip


@pytest.mark.parametrize("width", [64, 32, 16])
@isolated
def test_scatters_into_tensors(width):
    with config(vector_bytes=width):
        for shape, index_shape in COORDINATES:
            indices = np.random.default_rng(0).integers(0, 4, index_shape)
            updates = rows(*index_shape[:-1], *shape[index_shape[-1] :])
            check(lambda i, u: SCATTER_ND(i, u, list(shape)), indices, updates)
            for record in TENSORS.values():
                check(record, rows(*shape, seed=1), indices, updates)
        for dtype in [*DTYPES, "bool"]:
            check(TENSORS["put"], rows(6, 35, dtype=dtype), np.array([[5], [0], [5]]), rows(3, 35, dtype=dtype))


SCATTERS = {"update": tf.scatter_update, "add": tf.scatter_add, "sub": tf.scatter_sub, "mul": tf.scatter_mul,
            "div": tf.scatter_div, "min": tf.scatter_min, "max": tf.scatter_max}  # fmt: skip


@pytest.mark.parametrize("how", SCATTERS)
@pytest.mark.parametrize("one", [False, True])
def test_scatters_into_variables(how, one):
    """Several in one run, natively, each of what the one before has left."""
    for shape, index_shape in [((7,), (5,)), ((7, 3), (2, 2)), ((7, 40), (4,)), ((7, 2), ())]:
        values = {}
        for backend in BACKENDS:
            with tf.Graph().as_default():
                v = tf.Variable(rows(*shape))
                indices = np.random.default_rng(1).integers(0, 7, index_shape).astype(np.int32)
                place = tf.placeholder("int32", index_shape)
                updates = tf.placeholder("float32", () if one else (*index_shape, *shape[1:]))
                made = SCATTERS[how](v, place, updates)
                assert get_backend("cpu").lower(made.op) is not None
                with tf.Session(backend=backend) as session:
                    session.run(tf.global_variables_initializer())
                    for seed in (0, 1):
                        session.run(made, {place: indices, updates: rows(*updates.shape.as_list(), seed=seed)})
                    values[backend] = session.run(v)
        assert_close(values["cpu"], values["reference"], f"{how} {shape}")


def test_a_variable_scattered_into_itself():
    """The updates are the variable's value from before, although they would lie in the same memory."""
    for backend in BACKENDS:
        with tf.Graph().as_default(), tf.Session(backend=backend) as session:
            v = tf.Variable([1.0, 2.0, 3.0])
            added = tf.scatter_add(v, [1, 2, 0], v)
            session.run(tf.global_variables_initializer())
            assert session.run(added).tolist() == [4, 3, 5]


OUTSIDE = [
    (lambda x, i: GATHER_GRAD(x, i, 0, [3, 3], batch_dims=0), [0, 1, 2, -1], 3, -1),
    (lambda x, i: UNSORTED_SEGMENT_SUM(x, i, 3), [0, 3, 5, -1], 1, 3),
    (lambda x, i: SCATTER_ND(i, x, [3, 3]), [[0], [1], [2], [7]], 3, 7),
    (lambda x, i: TENSORS["put"](tf.zeros([4, 3]), i, x), [[0], [-2], [2], [1]], 1, -2),
    (lambda x, i: SCATTER_ND(i, x[:, 0], [4, 2]), [[0, 1], [3, 1], [1, 2], [2, 0]], 2, 2),
]


@pytest.mark.parametrize("make, indices, position, value", OUTSIDE)
def test_an_index_out_of_range_is_an_error(make, indices, position, value):
    x, i = tf.placeholder("float32", (4, 3)), tf.placeholder("int32", np.shape(indices))
    made = make(x, i)
    for backend in BACKENDS:
        with pytest.raises(tf.errors.InvalidArgumentError, match="out of range") as caught:
            run_on(backend, made, {x: rows(4, 3), i: indices})
        assert made.op.name in str(caught.value)
        if backend == "cpu":
            assert re.match(rf"indices\[{position}\] (=|has) {value}\b", str(caught.value))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_variable_is_not_touched_by_a_scatter_that_fails(threads):
    options = tf.ConfigProto(intra_op_parallelism_threads=threads)
    with tf.Graph().as_default(), tf.Session(config=options) as session:
        v = tf.Variable(tf.ones([50, 400]))
        i = tf.placeholder(tf.int32, [3])
        added = tf.scatter_add(v, i, tf.ones([3, 400]))
        session.run(tf.global_variables_initializer())
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"indices\[2\] = 50") as caught:
            session.run(added, {i: [1, 2, 50]})
        assert "ScatterAdd" in str(caught.value) and "test_scatter.py" in str(caught.value)
        assert (session.run(v) == 1).all()
        session.run(added, {i: [1, 2, 49]})
        assert session.run(v).sum() == 50 * 400 + 3 * 400
