"""Summaries: values with a tag, as the bytes of a Summary message.  They run on the reference."""

from __future__ import annotations

import functools
import io
import itertools
import wave
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.dtypes import REAL, DType, float16, float32, float64, string, uint8
from graphflow.errors import InvalidArgumentError
from graphflow.io.wire import FIXED32, block, key
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import CAST
from graphflow.ops.define import CONST, NO_GRADIENT, OpDef, define
from graphflow.ops.image.codec import ENCODE_PNG
from graphflow.ops.infer import require_rank
from graphflow.ops.join import PACK
from graphflow.shape import Dims, merge, show
from graphflow.summary_protos import HistogramProto, Summary, SummaryMetadata
from graphflow.tensor_proto import make_tensor_proto

_LARGEST = float(np.finfo(np.float64).max)


def _bytes(summary: Summary) -> np.ndarray:
    return np.array(summary.SerializeToString(), object)


def _one(*_: Tensor, **__: object) -> tuple[Dims, DType]:
    return (), string


def _text(tag: np.ndarray) -> str:
    if tag.size != 1:
        raise InvalidArgumentError.because(f"the tag must be one string, not {show(tag.shape)} of them")
    return tag.item().decode()


# -- scalars -----------------------------------------------------------------------------------------------------------
def _scalar_infer(tags: Tensor, values: Tensor) -> tuple[Dims, DType]:
    merge(tags.dims, values.dims)
    return (), string


def _scalars(tags: np.ndarray, values: np.ndarray) -> np.ndarray:
    numbers = values.astype("<f4").tobytes()  # infer has compared the shapes
    # As the bytes of Summary(value=[Summary.Value(tag=tag, simple_value=value), ...]), in a tenth of the time.
    found = [_head(tag) + numbers[4 * i : 4 * i + 4] for i, tag in enumerate(tags.reshape(-1).tolist())]
    return np.array(b"".join(found), object)


@functools.lru_cache(4096)
def _head(tag: bytes) -> bytes:
    """What stands in front of a number with this tag."""
    return block(1, block(1, tag) + key(2, FIXED32) + bytes(4))[:-4]


SCALAR_SUMMARY = define("ScalarSummary", "tags:string values", _scalar_infer, _scalars, vjp=NO_GRADIENT, types=REAL)


# -- histograms --------------------------------------------------------------------------------------------------------
def _limits() -> np.ndarray:
    """TensorFlow's: growing by 10 % from 1e-12 to 1e20, the same below zero, and 0."""
    growing, value = [], 1e-12
    while value < 1e20:
        growing.append(value)
        value *= 1.1
    upper = np.array([*growing, _LARGEST])
    return np.concatenate([-upper[::-1], [0.0], upper])


_LIMITS = _limits()


def histogram(values: np.ndarray) -> HistogramProto:
    """The histogram of finite values; of a run of empty buckets, only the last is kept."""
    x = values.reshape(-1).astype(np.float64)
    places = np.minimum(np.searchsorted(_LIMITS, x, "right"), len(_LIMITS) - 1)
    counts = np.bincount(places, minlength=len(_LIMITS))
    kept = (counts > 0) | np.append(counts[1:] > 0, True)
    return HistogramProto(
        min=x.min(initial=_LARGEST), max=x.max(initial=-_LARGEST), num=x.size, sum=x.sum(), sum_squares=x @ x,
        bucket_limit=_LIMITS[kept].tolist(), bucket=counts[kept].astype(np.float64).tolist(),
    )  # fmt: skip


def _histograms(tag: np.ndarray, values: np.ndarray) -> np.ndarray:
    name = _text(tag)
    if not np.isfinite(values).all():
        what = "Nan" if np.isnan(values).any() else "Infinity"
        raise InvalidArgumentError.because(
            f"{what} in summary histogram for: {name}",
            hint="tf.ConfigProto(check_numerics=True) stops at the operation that makes the first one",
        )
    return _bytes(Summary(value=[Summary.Value(tag=name, histo=histogram(values))]))


HISTOGRAM_SUMMARY = define("HistogramSummary", "tag:string values", _one, _histograms, vjp=NO_GRADIENT, types=REAL)


# -- images ------------------------------------------------------------------------------------------------------------
def _image_infer(tag: Tensor, tensor: Tensor, max_images: int, bad_color: tuple[int, ...]) -> tuple[Dims, DType]:
    require_rank(tensor, 4, "the tensor of images")
    return (), string


def as_pixels(image: np.ndarray, bad_color: tuple[int, ...]) -> np.ndarray:
    """uint8 [h, w, c] for floating values.

    Without negative values, the largest becomes 255; else 0 becomes 128 and the largest magnitude reaches 1 or 255.
    Pixels with a value that is not finite get the bad color.
    """
    x = image.astype(np.float32)
    fine = np.asarray(np.isfinite(x).all(axis=-1))
    low, high = (float(x[fine].min()), float(x[fine].max())) if fine.any() and x.size else (0.0, 0.0)
    signed = low < 0
    largest = max(abs(low), abs(high)) if signed else high
    scale = np.float32(0.0 if largest < 1e-6 else (127.0 if signed else 255.0) / largest)
    pixels = np.where(fine[..., None], x * scale + np.float32(128.0 if signed else 0.0), 0).astype(np.uint8)
    pixels[~fine] = bad_color[: x.shape[-1]]
    return pixels


def _images(tag: np.ndarray, tensor: np.ndarray, max_images: int, bad_color: tuple[int, ...]) -> np.ndarray:
    if tensor.ndim != 4 or tensor.shape[3] not in (1, 3, 4):
        raise InvalidArgumentError.because(f"images are [batch, height, width, 1, 3 or 4], not {show(tensor.shape)}")
    name, summary = _text(tag), Summary()
    height, width, channels = tensor.shape[1:]
    for i, image in enumerate(tensor[:max_images]):
        pixels = image if image.dtype == np.uint8 else as_pixels(image, bad_color)
        png = ENCODE_PNG.reference(pixels, compression=-1).item()  # type: ignore[misc]
        picture = Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=png)
        summary.value.add(tag=f"{name}/image" if max_images == 1 else f"{name}/image/{i}", image=picture)
    return _bytes(summary)


IMAGE_SUMMARY = define(
    "ImageSummary", "tag:string tensor", _image_infer, _images, vjp=NO_GRADIENT,
    types=(uint8, float16, float32, float64),
)  # fmt: skip


# -- sounds ------------------------------------------------------------------------------------------------------------
def _wav(sound: np.ndarray, rate: float) -> bytes:
    """The bytes of a WAV file with 16 bits for [frames, channels] of values from -1 to 1."""
    samples = np.clip(np.round(sound.astype(np.float64) * 32768), -32768, 32767).astype("<i2")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(sound.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return out.getvalue()


def _sounds(tag: np.ndarray, tensor: np.ndarray, sample_rate: np.ndarray, max_outputs: int) -> np.ndarray:
    if tensor.ndim not in (2, 3):
        raise InvalidArgumentError.because(f"sounds are [batch, frames] or [batch, frames, channels], not "
                                           f"{show(tensor.shape)}")  # fmt: skip
    name, rate, summary = _text(tag), sample_rate.item(), Summary()
    for i, sound in enumerate(tensor[:max_outputs]):
        frames = sound.reshape(len(sound), -1)
        audio = Summary.Audio(
            sample_rate=rate, num_channels=frames.shape[1], length_frames=frames.shape[0], content_type="audio/wav",
            encoded_audio_string=_wav(frames, rate),
        )  # fmt: skip
        summary.value.add(tag=f"{name}/audio" if max_outputs == 1 else f"{name}/audio/{i}", audio=audio)
    return _bytes(summary)


AUDIO_SUMMARY = define(
    "AudioSummaryV2", "tag:string tensor:float32 sample_rate:float32", _one, _sounds, vjp=NO_GRADIENT
)


# -- tensors, and several summaries ------------------------------------------------------------------------------------
def _tensors(tag: np.ndarray, tensor: np.ndarray, serialized_summary_metadata: np.ndarray) -> np.ndarray:
    metadata = SummaryMetadata.FromString(serialized_summary_metadata.item())
    return _bytes(Summary(value=[Summary.Value(tag=_text(tag), tensor=make_tensor_proto(tensor), metadata=metadata)]))


TENSOR_SUMMARY = define(
    "TensorSummaryV2", "tag:string tensor serialized_summary_metadata:string", _one, _tensors, vjp=NO_GRADIENT
)


def _merged(*inputs: np.ndarray) -> np.ndarray:
    merged, seen = Summary(), set()
    for data in (text for array in inputs for text in array.reshape(-1).tolist()):
        for value in Summary.FromString(data).value:
            if value.tag in seen:
                raise InvalidArgumentError.because(f"Duplicate tag {value.tag} found in summary inputs")
            seen.add(value.tag)
            merged.value.append(value)
    return _bytes(merged)


def _is_scalar(t: Tensor) -> bool:
    """Whether it is the summary of one number with a tag that is known."""
    op = t.op
    return op.definition is SCALAR_SUMMARY and op.inputs[0].op.definition is CONST and op.inputs[0].dims == ()


def _merge_expand(op: Operation, make: Any) -> Sequence[Tensor] | None:
    """Scalars that stand together become one ScalarSummary with a vector of tags, and nothing is left to merge."""
    groups = [(scalars, list(group)) for scalars, group in itertools.groupby(op.inputs, _is_scalar)]
    tags = [t.op.inputs[0].op.attrs["value"].item() for scalars, group in groups if scalars for t in group]
    if len(set(tags)) < len(tags) or len(groups) > 1 and len(groups) == len(op.inputs) or not tags:
        return None
    parts: list[Tensor] = []
    for scalars, group in groups:
        if not scalars or len(group) == 1:
            parts += group
            continue
        values = [t.op.inputs[1] for t in group]
        numbers = [v if v.dtype is float32 else make(CAST, v, dtype=float32) for v in values]
        names = np.array([t.op.inputs[0].op.attrs["value"].item() for t in group], object)
        parts.append(make(SCALAR_SUMMARY, make.constant(names), make(PACK, *numbers, axis=0)))
    return parts if len(parts) == 1 else [make(MERGE_SUMMARY, *parts)]


MERGE_SUMMARY: OpDef = define("MergeSummary", "*inputs:string", _one, _merged, vjp=NO_GRADIENT, expand=_merge_expand)
