"""Emitted kernels of regions: vectors of every width, shares of threads, every dtype, edges of memory."""

import ctypes
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native import isolated, run, walled

import graphflow as tf
from graphflow.backends import get_backend
from graphflow.backends.base import Call
from graphflow.backends.cpu.emitted import Emitted
from graphflow.backends.cpu.regions import elementwise
from graphflow.backends.cpu.values import DTYPES
from graphflow.backends.space import Body, Member
from graphflow.config import config
from graphflow.passes.fuse import fuse_regions
from graphflow.program import prune, specialize
from graphflow.testing import BACKENDS, assert_close, run_on

WIDTHS = (16, 32, 64)
_BLOCK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_int64] * 4)


def draw(*dims, seed=0, dtype="float32"):
    return np.random.default_rng(seed + sum(dims)).normal(size=dims).astype(dtype)


def chain(x, c, r):
    return [tf.nn.relu(x * c + 1.0) - r, x * r > c]


def softmax(x, c, r):
    e = tf.exp(x - tf.reduce_max(x, 1, keepdims=True))
    return [e / tf.reduce_sum(e, 1, keepdims=True) * c]


def normal(x, c, r):
    mean, variance = tf.nn.moments(x, [0])
    return [(x - mean) * tf.rsqrt(variance + 1e-3) * c, tf.sqrt(variance), mean]


def whole(x, c, r):
    mean = tf.reduce_mean(x * x)
    return [mean, tf.reduce_max(x - mean)]


def fused(make, values):
    """(each region of what `make` builds of these values, all values); the values of its outputs among them."""
    with tf.Graph().as_default():
        feeds = {tf.placeholder(v.dtype.name, v.shape): v for v in values}
        program = specialize(prune(make(*feeds), [], list(feeds)), [v.shape for v in values], lambda op: None).program
        program = fuse_regions(program)
        known = dict(zip(program.feeds, values, strict=True))
        for op in program.ops:
            known.update(zip(op.outputs, op.definition.compute(op, [known[t] for t in op.inputs]), strict=True))
    return [op for op in program.ops if "region" in op.attrs], known


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("make", ["chain", "softmax", "normal", "whole"])
@isolated
def test_threads_share_a_region_within_its_memory(make, width):
    for rows, columns in [(7, 5), (3, 64), (2, 70), (33, 1), (1, 33), (4000, 5), (300, 70)]:
        found, known = fused(globals()[make], [draw(rows, columns), draw(columns, seed=1), draw(rows, 1, seed=2)])
        assert found
        for op in found:
            with config(vector_bytes=width):
                call = get_backend("cpu").lower(op)
            first = None
            for nthreads, at_end in itertools.product((1, 2, 3), (True, False)):
                arrays = {t: walled(known[t], at_end) for t in op.inputs}
                arrays |= {t: walled(np.full(t.dims, 99, t.dtype.dtype), at_end) for t in op.outputs}
                run(call, arrays, nthreads)
                got = [arrays[t] for t in op.outputs]
                for t, g in zip(op.outputs, got, strict=True):
                    assert_close(g.reshape(t.dims), known[t], f"{rows}x{columns}, {nthreads} threads")
                first = first or [g.tobytes() for g in got]
                assert [g.tobytes() for g in got] == first, (rows, columns, nthreads)


def gates(z, c, e):
    i, j, f = tf.split(z, 3, -1)
    c = c * tf.sigmoid(f) + i * tf.tanh(j)
    return [tf.concat([c, e, j, c], -1), c, i]


@pytest.mark.parametrize("width", WIDTHS)
@isolated
def test_columns_are_read_and_written_where_they_are(width):
    for dims in [(7, 2), (3, 64), (1, 5), (5, 33), (4000, 3), (2, 3, 16), (3, 1, 9), (0, 4)]:
        values = [draw(*dims[:-1], 3 * dims[-1]), draw(*dims, seed=1), draw(*dims, seed=2)]
        (op,), known = fused(gates, values)
        assert {"Split", "ConcatV2"} <= {m.type for m in op.attrs["region"].members}
        with config(vector_bytes=width):
            call = get_backend("cpu").lower(op)
        for nthreads, at_end in itertools.product((1, 2, 3), (True, False)):
            arrays = {t: walled(known[t], at_end) for t in op.inputs}
            arrays |= {t: walled(np.full(t.dims, 99, t.dtype.dtype), at_end) for t in op.outputs}
            run(call, arrays, nthreads)
            for t in op.outputs:
                assert_close(arrays[t].reshape(t.dims), known[t], f"{dims}, {nthreads} threads")


def test_columns_stay_out_of_sums_and_products():
    z, w = draw(6, 8), draw(4, 4)
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, z.shape)
        a, b = tf.split(x, 2, 1)
        fetches = [tf.reduce_sum(a * b), tf.nn.relu(tf.matmul(a, w)) * b, tf.concat([tf.matmul(a, w) + b, a], 1)]
        want, got = (run_on(backend, fetches, {x: z}) for backend in ("reference", "cpu"))
    for g, expected in zip(got, want, strict=True):
        np.testing.assert_allclose(g, expected, rtol=1e-5, atol=1e-6)


def epilogue(a, w, c, r, e):
    y = tf.matmul(a, w)
    return [tf.nn.relu(y + c) * r - e, y > 0.5]


@pytest.mark.parametrize("width", WIDTHS)
@isolated
def test_an_epilogue_finishes_each_block_within_its_memory(width):
    for m, n in [(1, 1), (5, 3), (1, 9), (9, 1), (6, 17), (3, 64), (4, 70), (99, 3)]:
        values = [draw(m, 2), draw(2, n), draw(n), draw(m, 1), draw(m, n, seed=1)]
        (op,), known = fused(epilogue, values)
        with config(vector_bytes=width):
            tail = get_backend("cpu").lower(op).tail
        for at_end, rows, columns in itertools.product((True, False), (m, 2), (n, 16)):
            if n < 64 and columns < n:
                continue  # short rows are joined: blocks are of whole rows
            region = op.attrs["region"]
            arrays = {t: walled(v, at_end) for t, v in known.items()}
            arrays |= {t: walled(np.full(t.dims, 99, t.dtype.dtype), at_end) for t in op.outputs}
            raw = op.outputs[region.outputs.index(region.raw_place)]
            arrays[raw][...] = values[0] @ values[1]
            arrays[region.raw_place] = arrays[region.anchor.output] = arrays[raw]
            passed = [arrays[p] for p in tail.pointers]
            block = np.array([*(a.ctypes.data for a in passed), *tail.sizes], np.int64)
            kernels = get_backend("cpu").kernels
            kernel = _BLOCK(kernels.address(tail.function, tuple(a.dtype.name for a in passed), len(tail.sizes)))
            for i, j in itertools.product(range(0, m, rows), range(0, n, columns)):
                kernel(block.ctypes.data, i, min(i + rows, m), j, min(j + columns, n))
            for t in op.outputs:
                assert_close(arrays[t].reshape(t.dims), known[t], f"{m}x{n}")


@pytest.mark.parametrize("m, n", [(1, 1), (1, 2), (2, 1)])
def test_a_product_that_is_wanted_too(m, n):
    a, w = draw(m, 3), draw(3, n)
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, a.shape)
        y = tf.matmul(x, w)
        for fetches, want in (([y, tf.nn.relu(y)], [a @ w, np.maximum(a @ w, 0)]), ([y > 0.5], [a @ w > 0.5])):
            assert "MatMul+" in tf.explain(fetches, {x: a})
            for got, expected in zip(run_on("cpu", fetches, {x: a}), want, strict=True):
                np.testing.assert_allclose(got, expected, rtol=1e-6)


sizes = st.one_of(st.integers(0, 5), st.sampled_from([16, 17, 33, 64, 70]))


@st.composite
def broadcasts(draw):
    """Three shapes that broadcast with each other."""
    dims = draw(st.lists(sizes, max_size=4).filter(lambda dims: np.prod(dims, dtype=int) < 20000))
    shapes = []
    for _ in range(3):
        kept = [d if draw(st.booleans()) else 1 for d in dims]
        shapes.append(tuple(kept[draw(st.integers(0, len(dims))) if draw(st.booleans()) else 0 :]))
    return shapes


@settings(max_examples=60, deadline=None)
@given(broadcasts(), st.sampled_from(WIDTHS))
def test_broadcasting(shapes, width):
    a, b, c = (draw(*s, seed=i) for i, s in enumerate(shapes))
    with tf.Graph().as_default(), config(vector_bytes=width):
        x, y, z = (tf.placeholder(tf.float32, s) for s in shapes)
        inner = tf.maximum(x, y)
        got = run_on("cpu", [inner, inner - z], {x: a, y: b, z: c})
    np.testing.assert_array_equal(got[0], np.maximum(a, b))
    np.testing.assert_array_equal(got[1], np.maximum(a, b) - c)


def numbers(dtype):
    """Numbers of a dtype, its bounds among them; as many as fill no vector evenly."""
    if dtype == "bool":
        return np.arange(37) % 3 == 0
    if dtype[0] == "f":
        special = [0, -0.0, np.inf, -np.inf, np.nan, 1e-30, 1e30]
        return np.concatenate([special, np.linspace(-3, 3, 30)]).astype(dtype)
    bounds = np.iinfo(dtype)
    special = np.array([bounds.min, bounds.max, 0, 1, bounds.max - 1], dtype)
    return np.concatenate([special, (np.arange(32) - (16 if dtype[0] == "i" else 0)).astype(dtype)])


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_operators_of_every_dtype(dtype, width):
    a = numbers(dtype)
    b = np.roll(a, 5)
    with tf.Graph().as_default(), config(vector_bytes=width), np.errstate(all="ignore"):
        x, y = tf.placeholder(dtype, a.shape), tf.placeholder(dtype, a.shape)
        if dtype == "bool":
            made = {tf.logical_and: a & b, tf.logical_or: a | b, tf.logical_xor: a ^ b, tf.equal: a == b}
        else:
            made = {
                tf.add: a + b, tf.subtract: a - b, tf.multiply: a * b, tf.less: a < b, tf.greater_equal: a >= b,
                tf.equal: a == b, tf.not_equal: a != b, tf.maximum: np.maximum(a, b), tf.minimum: np.minimum(a, b),
            }  # fmt: skip
        fetches = [f(x, y) for f in made] + [tf.where_v2(tf.equal(x, y), x, y), tf.cast(x, tf.bool)]
        want = [*made.values(), np.where(a == b, a, b), a.astype(bool)]
        for f, g, w in zip(fetches, run_on("cpu", fetches, {x: a, y: b}), want, strict=True):
            np.testing.assert_array_equal(g, w, err_msg=f.op.type)


@pytest.mark.parametrize("dtype", [d for d in DTYPES if "int" in d])
def test_integers_over_zero_and_over_minus_one(dtype):
    a = np.repeat(numbers(dtype), 9)
    b = np.tile(np.array([0, 1, 2, 3, 7, *([-1, -2, -3, -7] if dtype[0] == "i" else [5, 6, 8, 9])], dtype), 37)
    members = tuple(Member(f"x {sign} y", ("x", "y"), (0, 1), dtype) for sign in ("//", "%"))
    body = Body((((True,), dtype),) * 2, members, (2, 3))
    kernel = Emitted(elementwise, (("body", body), ("depth", 1)), body.wide)
    arrays = {"x": a, "y": b, "quotient": np.empty_like(a), "remainder": np.empty_like(a)}
    run(Call(kernel, tuple(arrays), (len(a),)), arrays)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(arrays["quotient"], np.floor_divide(a, b))
        np.testing.assert_array_equal(arrays["remainder"], np.mod(a, b))


@pytest.mark.parametrize("source", DTYPES)
def test_casts_between_all_dtypes(source):
    a = numbers(source)
    inside = np.isfinite(a) & (np.abs(a.astype("float64")) < 100)
    with tf.Graph().as_default(), np.errstate(all="ignore"):
        x = tf.placeholder(source, a.shape)
        fetches = [tf.cast(x, d) for d in DTYPES if d != source]
        for t, got in zip(fetches, run_on("cpu", fetches, {x: a}), strict=True):
            want = a.astype(t.dtype.dtype)
            assert got.dtype == want.dtype
            if source[0] != "f":
                np.testing.assert_array_equal(got, want)
            else:  # what no integer can be is not defined, but nothing breaks
                sure = inside & ((a > -1) if t.dtype.name[0] == "u" else True)
                np.testing.assert_array_equal(got[sure], want[sure])


def test_not_a_number_is_neither_above_nor_below():
    values = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0], np.float32)
    a, b = (v.reshape(-1) for v in np.meshgrid(values, values))
    with tf.Graph().as_default():
        x, y = tf.placeholder(tf.float32, a.shape), tf.placeholder(tf.float32, a.shape)
        fetches = [f(x, y) for f in (tf.maximum, tf.minimum, tf.less, tf.equal, tf.not_equal, tf.floormod)]
        fetches += [f(x) for f in (tf.nn.relu, tf.nn.relu6, tf.abs, tf.sign, tf.nn.leaky_relu)]
        got, want = (run_on(backend, fetches, {x: a, y: b}) for backend in reversed(BACKENDS))
        for t, g, w in zip(fetches, got, want, strict=True):
            np.testing.assert_array_equal(g, w, err_msg=t.op.type)
        assert np.isnan(got[0][np.isnan(a) | np.isnan(b)]).all() and np.isnan(got[6][np.isnan(a)]).all()
