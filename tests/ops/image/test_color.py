"""Colours against colorsys and formulas written out."""

import colorsys

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op, run_on

RNG = np.random.default_rng(0)
RGB = RNG.random((2, 4, 3)).astype(np.float32)
BYTES = np.array([[[100, 250, 3], [0, 9, 7]]], np.uint8)


def by_pixel(function, image):
    return np.array([function(*p) for p in image.reshape(-1, 3)]).reshape(image.shape)


def test_hsv():
    hsv = by_pixel(colorsys.rgb_to_hsv, RGB)
    np.testing.assert_allclose(run_on("cpu", tf.image.rgb_to_hsv(RGB)), hsv, atol=1e-6)
    np.testing.assert_allclose(run_on("cpu", tf.image.hsv_to_rgb(hsv.astype(np.float32))), RGB, atol=1e-6)
    grey = run_on("cpu", tf.image.rgb_to_hsv([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]))
    np.testing.assert_array_equal(grey, [[0, 0, 0], [0, 0, 1]])
    check_op(tf.image.rgb_to_hsv, (2, 5, 3), domain=(0.05, 1))
    with pytest.raises(ValueError):
        tf.image.rgb_to_hsv(np.zeros((2, 2), np.float32))


def test_dtypes():
    cases = [
        (np.array([100, 255], np.uint8), tf.float32, [100 / 255, 1]),
        (np.array([0, 0.5, 1, 0.999], np.float32), tf.uint8, [0, 127, 255, 255]),
        (np.array([100, 255], np.uint8), tf.int16, [12800, 32640]),
        (np.array([30000, 255], np.int16), tf.uint8, [234, 1]),
        (np.array([0.25], np.float32), tf.float64, [0.25]),
    ]
    for image, dtype, want in cases:
        made = run_on("cpu", tf.image.convert_image_dtype(image, dtype))
        assert made.dtype == dtype.dtype
        np.testing.assert_allclose(made, want, rtol=1e-6)
    saturated = tf.image.convert_image_dtype(np.array([1.5, -0.2], np.float32), tf.uint8, saturate=True)
    assert run_on("cpu", saturated).tolist() == [255, 0]


def test_grey():
    want = RGB @ np.array([0.2989, 0.587, 0.114], np.float32)
    np.testing.assert_allclose(run_on("cpu", tf.image.rgb_to_grayscale(RGB))[..., 0], want, rtol=1e-5)
    assert run_on("cpu", tf.image.rgb_to_grayscale(BYTES)).reshape(-1).tolist() == [177, 6]
    y = tf.image.grayscale_to_rgb(tf.placeholder(tf.float32, [None, None, 1]))
    assert y.shape.as_list() == [None, None, 3]
    x = tf.placeholder(tf.float32)
    assert run_on("cpu", tf.image.grayscale_to_rgb(x), {x: [[[2.0]]]}).tolist() == [[[2, 2, 2]]]
    check_op(tf.image.rgb_to_grayscale, (2, 3, 3), dtypes=("float32",), grad=False)
    with pytest.raises(ValueError):
        tf.image.grayscale_to_rgb(RGB)


def test_adjustments_of_floats():
    near = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(run_on("cpu", tf.image.adjust_brightness(RGB, 0.1)), RGB + 0.1, **near)
    mean = RGB.mean(axis=(0, 1))
    np.testing.assert_allclose(run_on("cpu", tf.image.adjust_contrast(RGB, 2.0)), 2 * (RGB - mean) + mean, **near)
    np.testing.assert_allclose(run_on("cpu", tf.image.adjust_gamma(RGB, 2.0, 1.5)), 1.5 * RGB**2, **near)

    def turned(h, s, v):
        return colorsys.hsv_to_rgb((h + 0.3) % 1, s, v)

    def duller(h, s, v):
        return colorsys.hsv_to_rgb(h, min(0.5 * s, 1), v)

    hsv = by_pixel(colorsys.rgb_to_hsv, RGB)
    np.testing.assert_allclose(run_on("cpu", tf.image.adjust_hue(RGB, 0.3)), by_pixel(turned, hsv), **near)
    np.testing.assert_allclose(run_on("cpu", tf.image.adjust_saturation(RGB, 0.5)), by_pixel(duller, hsv), **near)


def test_adjustments_of_bytes_saturate():
    assert run_on("cpu", tf.image.adjust_brightness(BYTES, 0.1)).tolist() == [[[125, 255, 28], [25, 34, 32]]]
    assert run_on("cpu", tf.image.adjust_contrast(BYTES, 2.0)).tolist() == [[[150, 255, 1], [0, 0, 9]]]
    assert run_on("cpu", tf.image.adjust_gamma(BYTES, 2.0, 1.5))[0, 0].tolist() == [58, 255, 0]


def test_random_adjustments():
    with tf.Session() as session:
        for made in (
            tf.image.random_brightness(RGB, 0.2, seed=1),
            tf.image.random_contrast(RGB, 0.5, 1.5, seed=1),
            tf.image.random_saturation(RGB, 0.5, 1.5, seed=1),
            tf.image.random_hue(RGB, 0.2, seed=1),
        ):
            first, second = session.run(made), session.run(made)
            assert first.shape == RGB.shape and not np.array_equal(first, second)
    for wrong in (
        lambda: tf.image.random_brightness(RGB, -1),
        lambda: tf.image.random_contrast(RGB, 1, 0),
        lambda: tf.image.random_saturation(RGB, -1, 1),
        lambda: tf.image.random_hue(RGB, 0.6),
        lambda: tf.image.adjust_gamma(RGB, -1),
    ):
        with pytest.raises(ValueError):
            wrong()


def test_standardization():
    images = RNG.normal(size=(2, 3, 4, 2)).astype(np.float32)
    axes = (1, 2, 3)
    want = (images - images.mean(axes, keepdims=True)) / images.std(axes, keepdims=True)
    np.testing.assert_allclose(run_on("cpu", tf.image.per_image_standardization(images)), want, rtol=1e-4, atol=1e-6)
    flat = run_on("cpu", tf.image.per_image_standardization(np.full((2, 2, 3), 7, np.uint8)))
    assert (flat.dtype, flat.any()) == (np.float32, False)
