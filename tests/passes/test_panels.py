"""Matrices that many products share: the programs, and values against products with the matrices as they are."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

import graphflow as tf
from graphflow.ops.fused import members
from graphflow.ops.panels import panels_of


def planned(fetches, feeds):
    """How many operations of each type the plan has, those in regions and loops too."""
    found, programs = Counter(), [tf.plan(fetches, feeds).program]
    while programs:
        for op in programs.pop().ops:
            found.update(m.type for m in members(op))
            programs += [call.program for call in op.attrs.get("bodies", ())]
    return found


def looped(x, w):
    return tf.scan(lambda h, r: tf.tanh(tf.matmul(h, w) + tf.matmul(tf.matmul(h, w, transpose_b=True), w) * r), x)


def unrolled(x, w):
    h = x[0]
    for _ in range(5):
        h = tf.tanh(tf.matmul(h, w))
    return h


@pytest.mark.parametrize("make, taken, made", [(looped, 3, 2), (unrolled, 5, 1)])
def test_values_and_what_becomes_of_products(make, taken, made):
    value, weights = np.random.default_rng(0).normal(size=(12, 20, 40)), np.random.default_rng(1).normal(size=(40, 40))
    found = []
    for skip in ("", "assign_layouts"):
        with tf.Graph().as_default(), tf.config(check=1, skip=skip), tf.Session(backend="cpu") as session:
            x, w = tf.placeholder(tf.float32, [12, 20, 40]), tf.Variable((weights * 0.1).astype(np.float32))
            y = make(x, w)
            session.run(w.initializer)
            types = planned([y], {x: value})
            assert (types["PanelsMatMul"], types["ToPanels"]) == ((0, 0) if skip else (taken, made))
            gradients = tf.gradients(tf.reduce_sum(y), [x, w])
            found.append(session.run([y, *gradients], {x: value}))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_the_matrix_of_the_run_counts():
    """Panels are made anew in every run, after what has written the variable."""
    with tf.Graph().as_default(), tf.Session(backend="cpu") as session:
        w = tf.Variable(np.eye(40, dtype=np.float32))
        x = tf.ones([12, 20, 40])
        before = unrolled(x, w)
        with tf.control_dependencies([before, w.assign(w * 0.5)]):
            after = unrolled(x, w.read_value())
        session.run(w.initializer)
        for scale in (1.0, 0.5):
            got = session.run([before, after])
            for value, factor in zip(got, (scale, scale / 2), strict=True):
                want = np.ones((20, 40))
                for _ in range(5):
                    want = np.tanh(want * factor)
                np.testing.assert_allclose(value, want, rtol=1e-5)


@pytest.mark.parametrize("n", [1, 7, 8, 9, 24, 25, 100, 512])
@pytest.mark.parametrize("lanes, vectors", [(8, 3), (16, 3), (4, 1)])
def test_panels_cover_all_columns(n, lanes, vectors):
    panels = panels_of(n, lanes, vectors)
    assert panels[0][0] == 0 and n <= panels[-1][1] < n + lanes
    assert all(a[1] == b[0] for a, b in pairwise(panels))
    assert all(0 < right - left <= lanes * vectors for left, right in panels)
