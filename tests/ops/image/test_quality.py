"""Measures of images against formulas written out with NumPy."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op, run_on

RNG = np.random.default_rng(0)
A, B = (RNG.random((2, 13, 14, 2)).astype(np.float32) for _ in range(2))


def test_psnr():
    want = -10 * np.log10(np.square(A - B).mean(axis=(1, 2, 3)))
    np.testing.assert_allclose(run_on("cpu", tf.image.psnr(A, B, 1.0)), want, rtol=1e-5)
    bytes_ = tf.image.psnr(np.full((1, 1, 1), 100, np.uint8), np.full((1, 1, 1), 90, np.uint8), 255)
    np.testing.assert_allclose(run_on("cpu", bytes_), 20 * np.log10(25.5), rtol=1e-5)
    with pytest.raises(ValueError):
        tf.image.psnr(A, B[:, 1:], 1.0)


def test_ssim():
    at = np.arange(5) - 2
    window = np.exp(-0.5 * (at / 1.5) ** 2)
    window = np.outer(window, window) / window.sum() ** 2

    def blurred(x):
        views = np.lib.stride_tricks.sliding_window_view(x, (5, 5), (1, 2))
        return np.einsum("nhwcij,ij->nhwc", views, window)

    a, b = A.astype(np.float64), B.astype(np.float64)
    ma, mb = blurred(a), blurred(b)
    va, vb, cov = blurred(a * a) - ma * ma, blurred(b * b) - mb * mb, blurred(a * b) - ma * mb
    c1, c2 = 0.01**2, 0.03**2
    want = (2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    got = run_on("cpu", tf.image.ssim(A, B, 1.0, filter_size=5))
    np.testing.assert_allclose(got, want.mean(axis=(1, 2, 3)), rtol=1e-3)
    np.testing.assert_allclose(run_on("cpu", tf.image.ssim(A, A, 1.0)), [1, 1], rtol=1e-5)


def test_variation():
    want = np.abs(np.diff(A, axis=1)).sum((1, 2, 3)) + np.abs(np.diff(A, axis=2)).sum((1, 2, 3))
    np.testing.assert_allclose(run_on("cpu", tf.image.total_variation(A)), want, rtol=1e-5)
    assert run_on("cpu", tf.image.total_variation(A[0])).shape == ()


def test_edges():
    dy, dx = run_on("cpu", list(tf.image.image_gradients(A)))
    np.testing.assert_allclose(dy[:, :-1], np.diff(A, axis=1), atol=1e-6)
    np.testing.assert_allclose(dx[:, :, :-1], np.diff(A, axis=2), atol=1e-6)
    assert not dy[:, -1].any() and not dx[:, :, -1].any()
    slope = np.broadcast_to(np.arange(5.0)[None, :, None, None], (1, 5, 4, 1))
    edges = run_on("cpu", tf.image.sobel_edges(slope))
    np.testing.assert_allclose(edges[0, 1:-1, :, 0], np.broadcast_to([8, 0], (3, 4, 2)))
    check_op(tf.image.sobel_edges, (1, 4, 5, 2))
    with pytest.raises(ValueError):
        tf.image.sobel_edges(A[0])
