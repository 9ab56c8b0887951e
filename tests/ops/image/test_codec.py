"""Images in files, there and back."""

import io

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import run_on

Image = pytest.importorskip("PIL.Image")
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png(channels):
    image = RNG.integers(0, 256, (4, 5, channels)).astype(np.uint8)
    file = tf.image.encode_png(image)
    assert file.shape == ()
    np.testing.assert_array_equal(run_on("cpu", tf.image.decode_png(file)), image)
    np.testing.assert_array_equal(run_on("cpu", tf.image.decode_image(file)), image)
    wide = run_on("cpu", tf.image.decode_png(file, dtype=tf.uint16))
    np.testing.assert_array_equal(wide, image.astype(np.uint16) * 257)


def test_png_channels_and_depths():
    image = RNG.integers(0, 256, (4, 5, 3)).astype(np.uint8)
    file = run_on("cpu", tf.image.encode_png(image))
    rgba = tf.image.decode_png(file, channels=4)
    assert rgba.shape.as_list() == [None, None, 4]
    np.testing.assert_array_equal(run_on("cpu", rgba), np.dstack([image, np.full((4, 5), 255)]))
    deep = RNG.integers(0, 1 << 16, (4, 5, 1)).astype(np.uint16)
    both = tf.image.encode_png(deep)
    np.testing.assert_array_equal(run_on("cpu", tf.image.decode_png(both, dtype=tf.uint16)), deep)
    np.testing.assert_array_equal(run_on("cpu", tf.image.decode_png(both)), deep >> 8)
    batch = tf.image.encode_png(np.stack([image, image]))
    assert batch.shape == (2,)
    assert run_on("cpu", batch).tolist() == [file, file]


def test_jpeg():
    image = np.tile(np.linspace(0, 255, 16).astype(np.uint8)[:, None, None], (1, 16, 3))
    file = tf.image.encode_jpeg(image)
    for channels, want in ((3, image), (1, image[..., :1]), (0, image)):
        got = run_on("cpu", tf.image.decode_jpeg(file, channels=channels))
        assert got.shape == want.shape
        assert np.abs(got.astype(int) - want).max() <= 6
    floats = run_on("cpu", tf.image.decode_image(file, dtype=tf.float32))
    assert floats.dtype == np.float32 and 0.9 < floats.max() <= 1
    assert run_on("cpu", tf.image.decode_jpeg(file, ratio=2)).shape == (8, 8, 3)


def test_bmp_and_gif():
    image = RNG.integers(0, 256, (4, 5, 3)).astype(np.uint8)
    bmp, gif = io.BytesIO(), io.BytesIO()
    Image.fromarray(image).save(bmp, "BMP")
    np.testing.assert_array_equal(run_on("cpu", tf.image.decode_bmp(bmp.getvalue())), image)
    frames = [Image.fromarray(np.full((4, 5), v, np.uint8)) for v in (0, 255)]
    frames[0].save(gif, "GIF", save_all=True, append_images=frames[1:])
    got = run_on("cpu", tf.image.decode_gif(gif.getvalue()))
    assert (got.shape, got[:, 0, 0, 0].tolist()) == ((2, 4, 5, 3), [0, 255])
    assert run_on("cpu", tf.image.decode_image(gif.getvalue(), expand_animations=False)).shape == (4, 5, 3)


def test_errors():
    with pytest.raises(tf.errors.InvalidArgumentError):
        run_on("cpu", tf.image.decode_png("no image"))
    with pytest.raises(tf.errors.InvalidArgumentError):
        run_on("cpu", tf.image.encode_jpeg(np.zeros((2, 2, 2), np.uint8)))
    for wrong in (
        lambda: tf.image.decode_jpeg("", channels=2),
        lambda: tf.image.decode_png(["a", "b"]),
        lambda: tf.image.encode_jpeg(np.zeros((2, 2, 3), np.uint8), format="grayscale"),
    ):
        with pytest.raises(ValueError):
            wrong()
