"""`tf.signal` and `tf.contrib.signal`: frames, windows, short-time Fourier transforms, mel scales."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import as_dtype, float32, float64, int32
from graphflow.errors import GraphError
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import maximum
from graphflow.ops.arrange import transpose
from graphflow.ops.basic import cast
from graphflow.ops.contraction import tensordot
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.fill import constant, ones
from graphflow.ops.fill import range as range_
from graphflow.ops.fourier import fft, fft2d, ifft, ifft2d, irfft, rfft
from graphflow.ops.indexing import gather
from graphflow.ops.join import concat, stack
from graphflow.ops.math import sqrt
from graphflow.ops.pad import pad
from graphflow.ops.segments import unsorted_segment_sum
from graphflow.ops.shape_ops import axis_size, expand_dims, reshape, shape
from graphflow.ops.static import static_value
from graphflow.ops.trigonometry import cos

__all__ = [
    "fft", "fft2d", "frame", "hamming_window", "hann_window", "ifft", "ifft2d", "inverse_stft", "irfft",
    "linear_to_mel_weight_matrix", "mfccs_from_log_mel_spectrograms", "overlap_and_add", "rfft", "stft",
]  # fmt: skip

Window = Callable[..., Tensor]


def _positions(frames: Any, length: Any, step: Any) -> Tensor:
    """Where the elements of frames stand: [frames, length], int32."""
    return reshape(range_(frames) * step, [-1, 1]) + reshape(range_(length), [1, -1])


def frame(
    signal: Any, frame_length: Any, frame_step: Any, pad_end: bool = False, pad_value: Any = 0, axis: int = -1,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Pieces of `frame_length` elements along an axis, each beginning `frame_step` after the one before.

    pad_end   the last frames reach beyond the end, where pad_value stands; without, what fills no frame is left out
    Shapes:   [..., n, ...] -> [..., frames, frame_length, ...].   Gradient: signal.
    Raises:   ValueError for a signal of unknown rank.
    """
    with name_scope(name, "frame", [signal, frame_length, frame_step]):
        signal = convert_to_tensor(signal, name="signal")
        if signal.dims is None:
            raise GraphError("frame needs a signal of known rank")
        rank = len(signal.dims)
        axis = axis % rank
        size = axis_size(signal, axis)
        if pad_end:
            frames = -(-size // frame_step)
            missing = maximum(0, frame_length + frame_step * (frames - 1) - size)
            edges = [[0, missing if i == axis else 0] for i in range(rank)]
            signal = pad(signal, stack([stack(edge) for edge in edges]), constant_values=pad_value)
        else:
            frames = 1 + (size - frame_length) // frame_step
            frames = maximum(0, frames) if isinstance(frames, Tensor) else max(0, frames)
            signal = signal[(*[slice(None)] * axis, slice((frames - 1) * frame_step + frame_length))]
        return gather(signal, _positions(frames, frame_length, frame_step), axis=axis)


def overlap_and_add(signal: Any, frame_step: Any, name: str | None = None) -> Tensor:
    """The sum of frames, each laid `frame_step` after the one before.

    Shapes:   [..., frames, frame_length] -> [..., (frames - 1) * frame_step + frame_length].   Gradient: signal.
    """
    with name_scope(name, "overlap_and_add", [signal, frame_step]):
        signal = convert_to_tensor(signal, name="signal")
        frames, length = axis_size(signal, -2), axis_size(signal, -1)
        total = (frames - 1) * frame_step + length
        columns = transpose(reshape(signal, [-1, frames * length]))
        added = unsorted_segment_sum(columns, reshape(_positions(frames, length, frame_step), [-1]), total)
        return reshape(transpose(added), concat([shape(signal)[:-2], reshape(total, [1])], 0))


def _raised_cosine(
    name: str | None, default: str, length: Any, periodic: Any, dtype: Any, a: float, b: float
) -> Tensor:
    with name_scope(name, default, [length, periodic]):
        kind, known = as_dtype(dtype), static_value(convert_to_tensor(length, int32))
        if known is not None and int(known) == 1:
            return ones([1], kind)
        n = cast(convert_to_tensor(length, int32), kind)
        even = 1.0 - cast(convert_to_tensor(length, int32) % 2, kind)
        period = n + (even if periodic else 0.0) - 1.0
        return a - b * cos(2 * math.pi * cast(range_(length), kind) / period)


def hann_window(window_length: Any, periodic: Any = True, dtype: Any = float32, name: str | None = None) -> Tensor:
    """0.5 - 0.5 * cos of one turn over window_length elements; periodic: over one more, where that is even."""
    return _raised_cosine(name, "hann_window", window_length, periodic, dtype, 0.5, 0.5)


def hamming_window(window_length: Any, periodic: Any = True, dtype: Any = float32, name: str | None = None) -> Tensor:
    """0.54 - 0.46 * cos, as hann_window."""
    return _raised_cosine(name, "hamming_window", window_length, periodic, dtype, 0.54, 0.46)


def _enclosing_power_of_two(n: Any) -> int:
    known = static_value(convert_to_tensor(n, int32))
    if known is None:
        raise GraphError("fft_length must be given where frame_length is not known")
    return 1 << max(int(known) - 1, 0).bit_length()


def stft(
    signals: Any, frame_length: Any, frame_step: Any, fft_length: Any = None, window_fn: Window | None = hann_window,
    pad_end: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """The Fourier transforms of frames, each multiplied by a window.

    fft_length   the power of two that is not below frame_length, by default
    Shapes:      signals [..., n] -> [..., frames, fft_length // 2 + 1].   Dtype: float32 -> complex64.
    """
    with name_scope(name, "stft", [signals, frame_length, frame_step]):
        signals = convert_to_tensor(signals, name="signals")
        size = _enclosing_power_of_two(frame_length) if fft_length is None else fft_length
        frames = frame(signals, frame_length, frame_step, pad_end=pad_end)
        if window_fn is not None:
            frames = frames * window_fn(frame_length, dtype=frames.dtype)
        return rfft(frames, [size])


def inverse_stft(
    stfts: Any, frame_length: Any, frame_step: Any, fft_length: Any = None, window_fn: Window | None = hann_window,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """The frames of which these are the transforms, each multiplied by a window, laid over each other and added.

    Shapes: stfts [..., frames, fft_length // 2 + 1] -> [..., samples].   Dtype: complex64 -> float32.
    """
    with name_scope(name, "inverse_stft", [stfts]):
        stfts = convert_to_tensor(stfts, name="stfts")
        size = _enclosing_power_of_two(frame_length) if fft_length is None else fft_length
        frames = irfft(stfts, [size])[..., :frame_length]
        if window_fn is not None:
            frames = frames * window_fn(frame_length, dtype=frames.dtype)
        return overlap_and_add(frames, frame_step)


def _mel(hertz: Any) -> Any:
    return 1127.0 * np.log1p(np.asarray(hertz, np.float64) / 700.0)


def linear_to_mel_weight_matrix(
    num_mel_bins: int = 20, num_spectrogram_bins: int = 129, sample_rate: float = 8000,
    lower_edge_hertz: float = 125.0, upper_edge_hertz: float = 3800.0, dtype: Any = float32, name: str | None = None,
) -> Tensor:  # fmt: skip
    """The matrix [num_spectrogram_bins, num_mel_bins] that turns a spectrogram into triangular bands of the mel scale.

    Raises: ValueError for edges that are not in order, or above half the sample rate.
    Source: the scale of the HTK Book, mel = 1127 ln(1 + hertz / 700).
    """
    if num_mel_bins <= 0 or not 0.0 <= lower_edge_hertz < upper_edge_hertz <= sample_rate / 2:
        raise GraphError(f"a mel scale needs bins, and edges in order up to {sample_rate / 2}, not {num_mel_bins} bins "
                         f"from {lower_edge_hertz} to {upper_edge_hertz}")  # fmt: skip
    bins = _mel(np.linspace(0.0, sample_rate / 2, num_spectrogram_bins)[1:])[:, None]
    edges = np.linspace(_mel(lower_edge_hertz), _mel(upper_edge_hertz), num_mel_bins + 2)
    low, center, high = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0.0, np.minimum((bins - low) / (center - low), (high - bins) / (high - center)))
    rows: np.ndarray = np.pad(weights, ((1, 0), (0, 0))).astype(as_dtype(dtype).as_numpy_dtype)
    return constant(rows, name=name or "linear_to_mel_weight_matrix")


def mfccs_from_log_mel_spectrograms(log_mel_spectrograms: Any, name: str | None = None) -> Tensor:
    """The cosine transform of the last axis, orthogonal but for its first element: [..., bins] -> [..., bins]."""
    with name_scope(name, "mfccs_from_log_mel_spectrograms", [log_mel_spectrograms]):
        x = convert_to_tensor(log_mel_spectrograms, name="log_mel_spectrograms")
        bins = axis_size(x, -1)
        n, k = cast(bins, float64), cast(range_(bins), float64)
        waves = 2.0 * cos((expand_dims(k, 1) + 0.5) * k * (math.pi / n)) / sqrt(2.0 * n)
        return tensordot(x, cast(waves, x.dtype), 1)
