"""Fourier transforms against NumPy's, gradients by differences; complex numbers on the way."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op, run_on

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(2, 3, 4)) + 1j * RNG.normal(size=(2, 3, 4))


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_values(dtype):
    z = Z.astype(dtype)
    cases = [(tf.fft, np.fft.fft), (tf.ifft, np.fft.ifft), (tf.fft2d, np.fft.fft2), (tf.ifft2d, np.fft.ifft2)]
    for function, reference in cases:
        got = run_on("cpu", function(z))
        assert got.dtype == dtype
        np.testing.assert_allclose(got, reference(Z), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("length", [None, 3, 6])
def test_real_signals(length):
    x, n = RNG.normal(size=(2, 4)), None if length is None else [length]
    np.testing.assert_allclose(run_on("cpu", tf.spectral.rfft(x, n)), np.fft.rfft(x, length))
    np.testing.assert_allclose(run_on("cpu", tf.spectral.irfft(Z[0], n)), np.fft.irfft(Z[0], length))
    named = tf.spectral.rfft(input_tensor=x, fft_length=n)
    np.testing.assert_allclose(run_on("cpu", named), np.fft.rfft(x, length))


def test_shapes():
    x, z = tf.placeholder(tf.float32, [None, 8]), tf.placeholder(tf.complex64, [None, 5])
    assert tf.spectral.rfft(x).shape.as_list() == [None, 5]
    assert tf.spectral.rfft(x, [5]).shape.as_list() == [None, 3]
    assert tf.spectral.irfft(z).shape.as_list() == [None, 8]
    assert tf.fft(z).shape.as_list() == [None, 5]
    with pytest.raises(ValueError):
        tf.fft2d(tf.placeholder(tf.complex64, [3]))
    with pytest.raises(ValueError):
        tf.spectral.rfft(x, [1, 2])


@pytest.mark.parametrize(
    "function",
    [
        lambda a, b: tf.abs(tf.fft(tf.complex(a, b))),
        lambda a, b: tf.imag(tf.ifft(tf.conj(tf.complex(a, b)))),
        lambda a, b: tf.real(tf.fft2d(tf.complex(a, b)) * tf.complex(b, a)),
        lambda a, b: tf.angle(tf.complex(a, b) / tf.complex(b, a * a)),
        lambda a, b: tf.abs(tf.spectral.rfft(a) * tf.spectral.rfft(b)),
        lambda a, b: tf.real(tf.spectral.rfft(a, [6]) + tf.exp(tf.spectral.rfft(b, [6]))),
        lambda a, b: tf.abs(tf.spectral.rfft(a, [3])) * tf.imag(tf.square(tf.spectral.rfft(b, [3]))),
        lambda a, b: tf.spectral.irfft(tf.complex(a, b)),
        lambda a, b: tf.spectral.irfft(tf.complex(a, b), [3]),
        lambda a, b: tf.spectral.irfft(tf.complex(a, b), [8]),
    ],
)
def test_gradients(function):
    check_op(function, (2, 4), (2, 4), dtypes=(), domain=(0.3, 2))


def test_the_gradient_of_a_size_is_0_at_0():
    x = tf.constant(0.0)
    assert run_on("cpu", tf.gradients(tf.abs(tf.complex(x, x)), x)[0]) == 0
