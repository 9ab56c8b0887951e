"""tf.signal: frames, windows and transforms against NumPy and numbers that TensorFlow 1.15 gave."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import run_on

X = np.sin(1 + 1.3 * np.arange(42)).reshape(2, 21).astype(np.float32)


def frames(x, length, step, pad_end=False, value=0.0):
    n = len(x)
    count = -(-n // step) if pad_end else max(0, 1 + (n - length) // step)
    x = np.concatenate([x, np.full(max(0, length + step * (count - 1) - n), value)])
    return np.array([x[i * step : i * step + length] for i in range(count)]).reshape(count, length)


@pytest.mark.parametrize(
    "length, step, pad_end, value", [(4, 2, False, 0), (4, 3, True, 0), (5, 7, True, 9), (30, 2, False, 0)]
)
def test_frame(length, step, pad_end, value):
    want = np.stack([frames(row, length, step, pad_end, value) for row in X])
    fed = tf.placeholder(tf.float32, [None, None])
    made = [tf.signal.frame(x, length, step, pad_end, float(value)) for x in (tf.constant(X), fed)]
    assert made[0].dims == want.shape
    for got in run_on("cpu", made, {fed: X}):
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_frames_along_another_axis():
    got = run_on("cpu", tf.signal.frame(X.T, 4, 2, axis=0))
    np.testing.assert_allclose(got, np.moveaxis(np.stack([frames(row, 4, 2) for row in X]), 0, -1), rtol=1e-6)
    with pytest.raises(ValueError, match="known rank"):
        tf.signal.frame(tf.placeholder(tf.float32), 4, 2)


def test_windows():
    made = [tf.signal.hann_window(5), tf.signal.hann_window(6), tf.signal.hann_window(6, periodic=False),
            tf.signal.hann_window(1), tf.signal.hamming_window(4),
            tf.signal.hann_window(tf.placeholder_with_default(4, []))]  # fmt: skip
    hann5, hann6, closed, one, hamming, fed = run_on("cpu", made)
    np.testing.assert_allclose(hann5, np.hanning(5), atol=1e-6)
    np.testing.assert_allclose(hann6, np.hanning(7)[:6], atol=1e-6)
    np.testing.assert_allclose(closed, np.hanning(6), atol=1e-6)
    assert one.tolist() == [1.0]
    np.testing.assert_allclose(hamming, np.hamming(5)[:4], atol=1e-6)
    np.testing.assert_allclose(fed, np.hanning(5)[:4], atol=1e-6)


@pytest.mark.parametrize("step", [2, 4, 5])
def test_overlap_and_add(step):
    pieces = X[:, :20].reshape(2, 5, 4)
    want = np.zeros((2, 4 * step + 4), np.float32)
    for i in range(5):
        want[:, i * step : i * step + 4] += pieces[:, i]
    fed = tf.placeholder(tf.float32, [None, None, None])
    made = [tf.signal.overlap_and_add(tf.constant(pieces), step), tf.signal.overlap_and_add(fed, step)]
    for got in run_on("cpu", made, {fed: pieces}):
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_stft_and_back():
    made = tf.signal.stft(X, 6, 3, pad_end=True)
    want = np.fft.rfft(np.stack([frames(row, 6, 3, True) for row in X]) * np.hanning(7)[:6], 8)
    np.testing.assert_allclose(run_on("cpu", made), want, atol=1e-5)
    plain = tf.signal.stft(X, 5, 5, window_fn=None)
    back = tf.signal.inverse_stft(plain, 5, 5, window_fn=None)
    np.testing.assert_allclose(run_on("cpu", back), X[:, :20], atol=1e-5)
    seen = tf.signal.inverse_stft(tf.signal.stft(X, 4, 2), 4, 2)
    assert run_on("cpu", seen).shape == (2, 20)
    with pytest.raises(ValueError, match="fft_length must be given"):
        tf.signal.stft(X, tf.placeholder(tf.int32, []), 2)


def test_mel_scale():
    weights = run_on("cpu", tf.signal.linear_to_mel_weight_matrix(4, 9))
    assert weights.shape == (9, 4) and (weights[0] == 0).all() and (weights >= 0).all() and weights.max() <= 1
    mel = 1127 * np.log1p(np.linspace(0, 4000, 9) / 700)
    edges = np.linspace(*(1127 * np.log1p(np.array([125.0, 3800.0]) / 700)), 6)
    at = np.interp(mel, edges[1:4], [0, 1, 0])  # the second band, where its bins are
    np.testing.assert_allclose(weights[:, 1], at, atol=1e-5)
    for wrong in ({"upper_edge_hertz": 5000.0}, {"lower_edge_hertz": 3900.0}, {"num_mel_bins": 0}):
        with pytest.raises(ValueError, match="mel scale"):
            tf.signal.linear_to_mel_weight_matrix(**wrong)


def test_mfccs():
    n = X.shape[1]
    basis = 2 * np.cos(np.pi / n * np.outer(np.arange(n) + 0.5, np.arange(n))) / np.sqrt(2 * n)
    np.testing.assert_allclose(run_on("cpu", tf.signal.mfccs_from_log_mel_spectrograms(X)), X @ basis, atol=1e-5)
    fed = tf.placeholder(tf.float32, [2, None])
    np.testing.assert_allclose(
        run_on("cpu", tf.signal.mfccs_from_log_mel_spectrograms(fed), {fed: X}), X @ basis, atol=1e-5
    )
