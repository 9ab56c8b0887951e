"""What a convolutional network has learned to see: its filters, what they answer, and the images that excite them.

    python examples/feature_visualization.py [--steps 1000] [--seed 0] [--out pictures]

The exciting images are found by gradient ascent: they start as noise, and each step makes them a little more of what
their channel, or their class, answers to.
"""

from __future__ import annotations

from collections.abc import Sequence

import gallery
import numpy as np

import graphflow as tf
from graphflow.datasets import mnist

CHANNELS = (8, 16)  # of the two convolutions


def network(x):
    small = tf.random_normal_initializer(stddev=0.03)  # so that what a filter has learned outweighs how it started
    first = tf.layers.conv2d(x, CHANNELS[0], 7, padding="same", activation=tf.nn.relu, name="first",
                             kernel_initializer=small)  # fmt: skip
    second = tf.layers.conv2d(first, CHANNELS[1], 5, strides=2, padding="same", activation=tf.nn.relu, name="second")
    third = tf.layers.conv2d(second, 24, 5, strides=2, padding="same", activation=tf.nn.relu, name="third")
    return first, second, tf.layers.dense(tf.layers.flatten(third), 10, name="classes")


def excite(session, x, scores, gradient, rng, rounds: int) -> np.ndarray:
    """Images [n, 28, 28]: number i is changed, step by step, so that the score i of it becomes large."""
    images = rng.normal(0.3, 0.05, [scores.shape.as_list()[1], 28, 28, 1])
    for _ in range(rounds):
        slope = session.run(gradient, {x: images})
        slope /= np.sqrt(np.mean(slope**2, axis=(1, 2, 3), keepdims=True)) + 1e-8
        near = sum(np.roll(images, shift, axis) for shift in (-1, 1) for axis in (1, 2)) / 4
        smooth = 0.7 * images + 0.3 * near  # neighbours stay alike: without, the images become noise again
        images = np.clip(0.93 * smooth + 0.05 * slope, 0, 1)  # and ink that does not help fades
    return images[:, :, :, 0]


def main(arguments: Sequence[str] | None = None) -> np.ndarray:
    """Train, look inside, draw; gives the network's probability of class i for the image that excites class i."""
    options = gallery.parser(__doc__, steps=1000, data=True).parse_args(arguments)
    data = mnist.load(options.data)

    tf.set_random_seed(options.seed)
    x = tf.placeholder(tf.float32, [None, 28, 28, 1])
    y = tf.placeholder(tf.int64, [None])
    first, second, logits = network(x)
    train = tf.train.AdamOptimizer(0.002).minimize(tf.losses.sparse_softmax_cross_entropy(y, logits))

    # Score i of image i: the mean of a channel, or the logit of a class.
    channels = tf.reduce_mean(second, axis=[1, 2])
    slopes = {scores: tf.gradients(tf.trace(scores), x)[0] for scores in (channels, logits)}
    filters = tf.get_default_graph().get_tensor_by_name("first/kernel:0")

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        batches = mnist.batches((np.float32(data.train.images) / 255, data.train.labels), 100, seed=options.seed)
        for _ in gallery.progress(options.steps):
            images, labels = next(batches)
            session.run(train, {x: images, y: labels})

        digit = np.float32(data.test.images[:1]) / 255
        seen = session.run([filters, first, second], {x: digit})
        rng = np.random.default_rng(options.seed)
        exciting = [excite(session, x, scores, gradient, rng, 100) for scores, gradient in slopes.items()]
        certainty = np.diag(session.run(tf.nn.softmax(logits), {x: exciting[1][..., None]}))

    for i, p in enumerate(certainty):
        print(f"the image that excites class {i} is a {i} with probability {p:.4f}")
    gallery.picture(
        options.out / "feature_visualization.png", draw, digit[0, :, :, 0], *seen, *exciting, size=(11, 6.5)
    )
    return certainty


def draw(figure, digit, filters, first, second, channels, classes) -> None:
    def panel(axes, image, title: str, **limits) -> None:
        axes.imshow(image, cmap="gray_r", **limits)
        axes.set_title(title)
        axes.axis("off")

    def tiles(stack: np.ndarray, columns: int, gap: float = 0.4) -> np.ndarray:
        return gallery.mosaic(stack / np.abs(stack).max(), columns, gap)

    (a, b, c), (d, e, f) = figure.subplots(2, 3)
    panel(a, digit, "an image")
    panel(b, tiles(np.moveaxis(filters[:, :, 0], -1, 0), 4, 0), "the 8 filters of the first layer", vmin=-1, vmax=1)
    panel(c, tiles(np.moveaxis(first[0], -1, 0), 4), "what they answer to the image")
    panel(d, tiles(np.moveaxis(second[0], -1, 0), 4), "what the second layer answers")
    panel(e, tiles(channels, 4), "images that excite its 16 channels")
    panel(f, tiles(classes, 5), "images that excite the classes 0 to 9")


if __name__ == "__main__":
    main()
