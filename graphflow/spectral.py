"""`tf.spectral`: re-exports and nothing else."""

from graphflow.ops.fourier import fft, fft2d, ifft, ifft2d, irfft, rfft
