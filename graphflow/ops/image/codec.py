"""Images in files: JPEG, PNG, BMP and GIF, by Pillow, which is asked for when a run first needs it."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import DType, as_dtype, string, uint8, uint16
from graphflow.errors import DTypeError, GraphError, InvalidArgumentError, UnimplementedError
from graphflow.operation import Tensor
from graphflow.ops.define import NO_GRADIENT, OpDef, convert_to_tensor, define
from graphflow.ops.image.color import convert_image_dtype
from graphflow.ops.infer import require_rank
from graphflow.shape import Dims, show

_FORMATS = ("JPEG", "PNG", "GIF", "BMP")
_DENSEST = 10_000  # pixels in a byte: no format packs more, PNG with one bit each comes close
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise UnimplementedError.because("images in files need Pillow", hint="pip install graphflow[image]") from None
    return Image


@contextmanager
def _opened(contents: np.ndarray) -> Iterator[Any]:
    """The picture in the bytes, for a block in which it is decoded."""
    image, data = _pillow(), contents.item()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # large pictures are not wrong
            opened = image.open(io.BytesIO(data))
            width, height = opened.size
            if width * height > _DENSEST * len(data):
                raise ValueError(f"{len(data)} bytes cannot be {width} x {height} pixels")
            yield opened
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        IndexError,
        struct.error,
        image.DecompressionBombError,
    ) as error:
        # what Pillow raises for data that is no image
        raise InvalidArgumentError.because(f"these bytes are no image: {error}") from None


def _as_array(picture: Any, channels: int) -> np.ndarray:
    """uint8 or uint16 [h, w, channels]; the picture's own number of channels for 0."""
    if picture.mode.startswith("I"):  # 16 bits of grey
        grey = np.asarray(picture).astype(np.uint16)[:, :, None]
        return np.repeat(grey, 3, axis=2) if channels == 3 else grey
    mode = _MODES.get(channels) or {"1": "L", "CMYK": "RGB", "YCbCr": "RGB"}.get(picture.mode, picture.mode)
    if mode == "P":
        mode = "RGBA" if "transparency" in picture.info else "RGB"
    if mode == "L" and picture.format == "PNG" and picture.mode not in ("1", "L", "LA"):
        return _grey(np.asarray(picture.convert("RGB")))
    array = np.asarray(picture if picture.mode == mode else picture.convert(mode))
    return array.reshape(*array.shape[:2], -1)


def _grey(colors: np.ndarray) -> np.ndarray:
    """[h, w, 3] -> [h, w, 1] with libpng's weights, rounded down as it does."""
    red, green, blue = np.moveaxis(colors.astype(np.int32), 2, 0)
    return (9798 * red + 19235 * green + 3735 * blue >> 15).astype(np.uint8)[:, :, None]


def _in_dtype(array: np.ndarray, dtype: DType) -> np.ndarray:
    """8 bits are repeated to make 16, and the upper 8 of 16 are taken to make 8."""
    if array.dtype == dtype.dtype:
        return array
    return array.astype(np.uint16) * np.uint16(257) if dtype is uint16 else (array >> 8).astype(np.uint8)


def _decoded(contents: np.ndarray, channels: int, dtype: DType, formats: tuple[str, ...] = _FORMATS) -> np.ndarray:
    with _opened(contents) as picture:
        kind = picture.format
        if kind not in formats:
            raise ValueError(f"they are {kind}, and {' or '.join(formats)} is expected")
        if kind == "GIF" and channels not in (0, 3) or kind == "BMP" and channels == 1:
            raise ValueError(f"{kind} images do not have {channels} channels")
        if kind == "JPEG" and channels == 1:
            picture.draft("L", picture.size)  # the brightness that is in the file
        picture.load()
        return _in_dtype(_as_array(picture, channels), dtype)


def _frames(contents: np.ndarray) -> np.ndarray:
    """uint8 [frames, h, w, 3]."""
    with _opened(contents) as picture:
        if picture.format == "BMP" or picture.format not in _FORMATS:
            raise ValueError(f"they are {picture.format}, and GIF is expected")
        frames = []
        for i in range(getattr(picture, "n_frames", 1)):
            picture.seek(i)
            frames.append(np.asarray(picture.convert("RGB")))
        return np.stack(frames)


def _any_format(contents: np.ndarray, channels: int, dtype: DType, animated: bool) -> np.ndarray:
    if contents.item()[:3] == b"GIF" and channels in (0, 3):
        frames = _in_dtype(_frames(contents), dtype)
        return frames if animated else frames[0]
    return _decoded(contents, channels, dtype)


def _decoder_infer(contents: Tensor, channels: int, dtype: DType) -> tuple[Dims, DType]:
    require_rank(contents, 0, "contents")
    return (None, None, channels or None), dtype


def _gif_infer(contents: Tensor) -> tuple[Dims, DType]:
    require_rank(contents, 0, "contents")
    return (None, None, None, 3), uint8


def _decoder(name: str, *formats: str) -> OpDef:
    def reference(contents: np.ndarray, channels: int, dtype: DType) -> np.ndarray:
        return _decoded(contents, channels, dtype, formats)

    return define(name, "contents:string", _decoder_infer, reference, vjp=NO_GRADIENT)


DECODE_JPEG, DECODE_PNG = (_decoder(name, "JPEG", "PNG", "GIF") for name in ("DecodeJpeg", "DecodePng"))
DECODE_BMP = _decoder("DecodeBmp", "BMP")

DECODE_GIF = define(
    "DecodeGif", "contents:string",
    infer=_gif_infer,
    reference=_frames,
    vjp=NO_GRADIENT,
)  # fmt: skip

DECODE_IMAGE = define(
    "DecodeImage", "contents:string",
    infer=lambda contents, channels, dtype, animated: (None if animated else (None, None, channels or None), dtype),
    reference=_any_format,
    vjp=NO_GRADIENT,
)  # fmt: skip


def _channels(channels: int | None, allowed: tuple[int, ...]) -> int:
    n = int(channels or 0)
    if n not in allowed:
        raise GraphError(f"channels must be one of {allowed}, not {n}")
    return n


def decode_jpeg(
    contents: Any, channels: int = 0, ratio: int = 1, fancy_upscaling: bool = True,
    try_recover_truncated: bool = False, acceptable_fraction: float = 1, dct_method: str = "",
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """The image in the bytes of a JPEG file.

    channels   0 as in the file, 1 grey, 3 RGB.   ratio   take every ratio-th pixel only
    dct_method no effect: pixels are those of TensorFlow's "INTEGER_ACCURATE", which is what Pillow's libjpeg computes;
               its default, "INTEGER_FAST", is less exact, and differs from them by a few levels
    Shapes:    [] -> [h, w, channels].   Dtype: string -> uint8.   No gradient.
    Raises:    InvalidArgumentError when run for other bytes; UnimplementedError without Pillow.
    """
    image = DECODE_JPEG(contents, channels=_channels(channels, (0, 1, 3)), dtype=uint8, name=name)
    return image if ratio == 1 else image[::ratio, ::ratio]


def decode_png(contents: Any, channels: int = 0, dtype: Any = uint8, name: str | None = None) -> Tensor:
    """The image in the bytes of a PNG file, uint8 or uint16; channels 0, 1, 3 or 4, else as decode_jpeg."""
    wanted = as_dtype(dtype)
    if wanted not in (uint8, uint16):
        raise GraphError(f"a PNG image can be uint8 or uint16, not {wanted.name}")
    return DECODE_PNG(contents, channels=_channels(channels, (0, 1, 3, 4)), dtype=wanted, name=name)


def decode_bmp(contents: Any, channels: int = 0, name: str | None = None) -> Tensor:
    """The image in the bytes of a BMP file; channels 0, 1, 3 or 4, else as decode_jpeg."""
    return DECODE_BMP(contents, channels=_channels(channels, (0, 1, 3, 4)), dtype=uint8, name=name)


def decode_gif(contents: Any, name: str | None = None) -> Tensor:
    """The pictures in the bytes of a GIF file: [] -> [frames, h, w, 3], uint8."""
    return DECODE_GIF(contents, name=name)


def decode_image(
    contents: Any, channels: int | None = None, dtype: Any = uint8, name: str | None = None,
    expand_animations: bool = True,
) -> Tensor:  # fmt: skip
    """The image in the bytes of a JPEG, PNG, BMP or GIF file.

    Shapes: [] -> [h, w, channels], [frames, h, w, 3] for GIF files unless expand_animations is False.
    Dtype:  uint8, uint16, or a floating one with values from 0 to 1.
    """
    wanted = as_dtype(dtype)
    with name_scope(name, "decode_image", [contents]):
        read = uint16 if wanted is uint16 else uint8
        image = DECODE_IMAGE(contents, channels=_channels(channels, (0, 1, 3, 4)), dtype=read,
                             animated=bool(expand_animations))  # fmt: skip
        return image if wanted is read else convert_image_dtype(image, wanted)


# -- encoding ------------------------------------------------------------------------------------------------------
def _picture(array: np.ndarray, allowed: tuple[int, ...]) -> Any:
    if array.ndim != 3 or array.shape[2] not in allowed or 0 in array.shape:
        raise InvalidArgumentError.because(f"an image is [height, width, one of {allowed}], not {show(array.shape)}")
    plane = array[:, :, 0] if array.shape[2] == 1 else array
    if array.dtype == np.uint16 and array.shape[2] != 1:
        raise UnimplementedError.because("PNG files with 16 bits have one channel here")
    return _pillow().fromarray(np.ascontiguousarray(plane))


def _saved(picture: Any, kind: str, **options: Any) -> np.ndarray:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return np.array(file.getvalue(), object)


def _png(image: np.ndarray, compression: int) -> np.ndarray:
    """One file for each image of a batch."""
    if image.ndim > 3:
        made = [_png(one, compression) for one in image.reshape(-1, *image.shape[-3:])]
        out = np.empty(len(made), object)
        out[:] = [m.item() for m in made]
        return out.reshape(image.shape[:-3])
    return _saved(_picture(image, (1, 2, 3, 4)), "PNG", compress_level=6 if compression < 0 else compression)


def _jpeg(image: np.ndarray, **options: Any) -> np.ndarray:
    return _saved(_picture(image, (1, 3)), "JPEG", **options)


ENCODE_PNG = define(
    "EncodePng", "image",
    infer=lambda image, compression: (None if image.dims is None else image.dims[:-3], string),
    reference=_png,
    vjp=NO_GRADIENT,
    types=(uint8, uint16),
)  # fmt: skip

ENCODE_JPEG = define(
    "EncodeJpeg", "image:uint8",
    infer=lambda image, **_: ((), string),
    reference=_jpeg,
    vjp=NO_GRADIENT,
)  # fmt: skip


def encode_png(image: Any, compression: int = -1, name: str | None = None) -> Tensor:
    """The bytes of a PNG file for each image: [..., h, w, 1 to 4] -> [...], uint8 or uint16 (one channel)."""
    return ENCODE_PNG(convert_to_tensor(image, name="image"), compression=int(compression), name=name)


def encode_jpeg(
    image: Any, format: str = "", quality: int = 95, progressive: bool = False, optimize_size: bool = False,
    chroma_downsampling: bool = True, density_unit: str = "in", x_density: int = 300, y_density: int = 300,
    xmp_metadata: str = "", name: str | None = None,
) -> Tensor:  # fmt: skip
    """The bytes of a JPEG file: [h, w, 1 or 3], uint8 -> [].   Quality from 0 to 100.   No gradient.

    Raises: ValueError for a format other than "", "grayscale" and "rgb".
    """
    t = convert_to_tensor(image, dtype_hint=uint8, name="image")
    if t.dtype is not uint8:
        raise DTypeError(f"a JPEG is made of uint8, not of {t!r}")
    expected = {"": None, "grayscale": 1, "rgb": 3}
    if format not in expected:
        raise GraphError(f"format must be grayscale, rgb or empty, not {format!r}")
    channels = require_rank(t, 3, "the image")[2]
    if expected[format] is not None and channels not in (None, expected[format]):
        raise GraphError(f"a {format} image does not have {channels} channels")
    per_inch = 1.0 if density_unit == "in" else 2.54
    return ENCODE_JPEG(t, quality=int(quality), progressive=bool(progressive), optimize=bool(optimize_size),
                       subsampling=2 if chroma_downsampling else 0, dpi=(x_density * per_inch, y_density * per_inch),
                       name=name)  # fmt: skip
