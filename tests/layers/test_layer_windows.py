"""Convolution and pooling layers, against sums over windows written out."""

import itertools

import numpy as np
import pytest

import graphflow as tf


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def numbers(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def run(fetches, feed=None):
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        return s.run(fetches, feed)


def placed(size, k, stride, padding, gap=1):
    """(number of windows, padding before) along one axis."""
    reach = (k - 1) * gap + 1
    if padding == "valid":
        return -(-(size - reach + 1) // stride), 0
    count = -(-size // stride)
    return count, max((count - 1) * stride + reach - size, 0) // 2


def windows(x, sizes, strides, padding, gaps=None):
    """For each output position: (position, the pieces of x there as [n, *window, c], which of them are real)."""
    gaps = gaps or [1] * len(sizes)
    axes = [placed(n, k, s, padding, g) for n, k, s, g in zip(x.shape[1:-1], sizes, strides, gaps, strict=True)]
    for at in itertools.product(*[range(count) for count, _ in axes]):
        piece = np.zeros((x.shape[0], *sizes, x.shape[-1]))
        real = np.zeros(sizes, bool)
        for offset in itertools.product(*map(range, sizes)):
            place = [a * s + o * g - before for a, s, o, g, (_, before) in
                     zip(at, strides, offset, gaps, axes, strict=True)]  # fmt: skip
            if all(0 <= p < n for p, n in zip(place, x.shape[1:-1], strict=True)):
                piece[(slice(None), *offset)] = x[(slice(None), *place)]
                real[offset] = True
        yield at, piece, real


def convolved(x, kernel, strides, padding, gaps=None):
    rank = kernel.ndim - 2
    found = {at: np.tensordot(piece, kernel, rank + 1) for at, piece, _ in
             windows(x, kernel.shape[:-2], strides, padding, gaps)}  # fmt: skip
    out = np.zeros((x.shape[0], *(max(at[i] for at in found) + 1 for i in range(rank)), kernel.shape[-1]))
    for at, value in found.items():
        out[(slice(None), *at)] = value
    return out


SHAPES = {1: (2, 7, 2), 2: (2, 7, 6, 2), 3: (2, 5, 4, 6, 2)}
LAYERS = {1: tf.layers.conv1d, 2: tf.layers.conv2d, 3: tf.layers.conv3d}


@pytest.mark.parametrize("padding", ["valid", "SAME"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_convolutions(rank, stride, padding):
    value = numbers(*SHAPES[rank])
    x = tf.placeholder(tf.float32, [None, *value.shape[1:]])
    size = [3, 2, 2][:rank]
    y = LAYERS[rank](x, 4, size, stride, padding, bias_initializer="ones")
    kernel, bias = tf.trainable_variables()
    assert (kernel.name, kernel.shape.as_list()) == (f"conv{rank}d/kernel:0", [*size, 2, 4])
    assert (bias.name, bias.shape.as_list()) == (f"conv{rank}d/bias:0", [4])
    got, weights = run([y, kernel], {x: value})
    want = convolved(value, weights, [stride] * rank, padding.lower()) + 1
    assert y.shape.as_list() == [None, *want.shape[1:]]
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_dilation_and_causal_padding():
    value = numbers(2, 7, 6, 2)
    y = tf.layers.conv2d(value, 3, 3, dilation_rate=(2, 1), padding="same")
    got, kernel = run([y, tf.global_variables()[0]])
    np.testing.assert_allclose(got, convolved(value, kernel, [1, 1], "same", [2, 1]), rtol=1e-4, atol=1e-5)
    line = numbers(2, 7, 2)
    y = tf.layers.conv1d(line, 3, 3, dilation_rate=2, padding="causal")
    got, kernel = run([y, tf.global_variables()[2]])
    before = np.concatenate([np.zeros((2, 4, 2)), line], 1)
    np.testing.assert_allclose(got, convolved(before, kernel, [1], "valid", [2]), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="padding"):
        tf.layers.conv2d(value, 3, 3, padding="causal")


@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_a_transposed_convolution_is_the_gradient_of_a_convolution(stride, padding, rank):
    value = numbers(*(2, 3, 4, 2, 2)[:rank + 1], 2)  # fmt: skip
    x = tf.placeholder(tf.float32, [None] * (rank + 1) + [2])
    layer = {2: tf.layers.Conv2DTranspose, 3: tf.layers.Conv3DTranspose}[rank](3, 2, stride, padding)
    y = layer(x)
    assert y.shape.as_list() == [None] * (rank + 1) + [3] and layer.kernel.shape.as_list() == [2] * rank + [3, 2]
    got, kernel = run([y, layer.kernel], {x: value})
    extra = max(2 - stride, 0) if padding == "valid" else 0
    assert got.shape == (2, *[n * stride + extra for n in value.shape[1:-1]], 3)
    other = numbers(*got.shape)  # <transposed(x), other> = <x, convolved(other)>
    back = convolved(other, kernel, [stride] * rank, padding)
    np.testing.assert_allclose(np.vdot(got, other), np.vdot(value, back), rtol=1e-3)


@pytest.mark.parametrize("rank", [1, 2])
def test_separable_convolutions(rank):
    value = numbers(*SHAPES[rank])
    layer = {1: tf.layers.SeparableConv1D, 2: tf.layers.SeparableConv2D}[rank](5, 3, 2, "same", depth_multiplier=2)
    y = layer(value)
    assert [v.name.split("/")[1] for v in layer.weights] == ["depthwise_kernel:0", "pointwise_kernel:0", "bias:0"]
    assert layer.pointwise_kernel.shape.as_list() == [1] * rank + [4, 5]
    got, deep, wide = run([y, layer.depthwise_kernel, layer.pointwise_kernel])
    parts = [convolved(value[..., i : i + 1], deep[..., i : i + 1, :], [2] * rank, "same") for i in range(2)]
    np.testing.assert_allclose(got, np.concatenate(parts, -1) @ wide.reshape(4, 5), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_pools(rank, padding):
    value = numbers(*SHAPES[rank])
    functions = {1: (tf.layers.max_pooling1d, tf.layers.average_pooling1d),
                 2: (tf.layers.max_pooling2d, tf.layers.average_pooling2d),
                 3: (tf.layers.max_pooling3d, tf.layers.average_pooling3d)}[rank]  # fmt: skip
    size = [3, 2, 2][:rank]
    tops, means = run([f(value, size, 2, padding) for f in functions])
    assert not tf.global_variables()
    for at, piece, real in windows(value, size, [2] * rank, padding):
        inside = piece[:, real]
        np.testing.assert_allclose(tops[(slice(None), *at)], inside.max(1), rtol=1e-5)
        np.testing.assert_allclose(means[(slice(None), *at)], inside.mean(1), rtol=1e-4, atol=1e-6)


def test_names_of_pools():
    x = tf.placeholder(tf.float32, [None, 8, 8, 1])
    assert tf.layers.max_pooling2d(x, 2, 2).name == "max_pooling2d/MaxPool:0"
    assert tf.layers.average_pooling2d(x, 2, 2, name="p").name == "p/AvgPool:0"
    assert tf.layers.max_pooling1d(x[..., 0], 2, 2).name == "max_pooling1d/Squeeze:0"


@pytest.mark.parametrize(
    "layer",
    [
        lambda x, order: tf.layers.conv2d(x, 3, 3, strides=2, data_format=order, kernel_initializer="ones"),
        lambda x, order: tf.layers.conv2d_transpose(x, 3, 3, data_format=order, kernel_initializer="ones"),
        lambda x, order: tf.layers.max_pooling2d(x, 2, 2, data_format=order),
    ],
)
def test_channels_first(layer):
    value = numbers(2, 7, 6, 2)
    last, first = layer(value, "channels_last"), layer(value.transpose(0, 3, 1, 2), "channels_first")
    assert first.shape.as_list() == [last.shape.as_list()[i] for i in (0, 3, 1, 2)]
    a, b = run([last, first])
    np.testing.assert_allclose(a.transpose(0, 3, 1, 2), b, rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "arguments", "message"),
    [
        ([None, 8, 8, None], {}, "channels"), ([None, 8, 8], {}, "rank 4"), (None, {}, "rank"),
        ([1, 8, 8, 2], {"padding": "full"}, "padding"), ([1, 8, 8, 2], {"kernel_size": [3, 3, 3]}, "kernel_size"),
        ([1, 8, 8, 2], {"kernel_size": 0}, "kernel_size"), ([1, 8, 8, 2], {"strides": "2"}, "strides"),
        ([1, 8, 8, 2], {"strides": 2, "dilation_rate": 2}, "both"), ([1, 2, 2, 2], {}, "larger|window|VALID"),
        ([1, 8, 8, 2], {"data_format": "NHWC"}, "data_format"),
    ],
)  # fmt: skip
def test_what_conv2d_refuses(shape, arguments, message):
    with pytest.raises(ValueError, match=message):
        tf.layers.conv2d(tf.placeholder(tf.float32, shape), 4, **{"kernel_size": 3, **arguments})
