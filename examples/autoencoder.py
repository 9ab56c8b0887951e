"""An autoencoder: 784 pixels through a waist of a few numbers, and back to 784 pixels.

    python examples/autoencoder.py [--code 16] [--steps 3000] [--seed 0] [--out pictures]

What comes out is what the few numbers know about a digit.  A second one, with a code of two numbers, gives a map of the
test images: nobody has told it which digit is which.
"""

from __future__ import annotations

from collections.abc import Sequence

import gallery
import numpy as np

import graphflow as tf
from graphflow.datasets import mnist


def autoencoder(x, code_size: int):
    """Images [n, 784] -> (codes [n, code_size], logits of the pixels [n, 784])."""
    h = tf.layers.dense(tf.layers.dense(x, 256, tf.nn.relu), 64, tf.nn.relu)
    code = tf.layers.dense(h, code_size)
    h = tf.layers.dense(tf.layers.dense(code, 64, tf.nn.relu), 256, tf.nn.relu)
    return code, tf.layers.dense(h, 784)


def main(arguments: Sequence[str] | None = None) -> float:
    """Train, print the error, draw; gives the mean squared error of a pixel of the test images."""
    parser = gallery.parser(__doc__, steps=3000, data=True)
    parser.add_argument("--code", type=int, default=16, help="numbers in the waist (default: 16)")
    options = parser.parse_args(arguments)
    data = mnist.load(options.data)
    images, test = mnist.flatten(data.train.images), mnist.flatten(data.test.images)

    tf.set_random_seed(options.seed)
    x = tf.placeholder(tf.float32, [None, 784])
    (_, wide), (place, flat) = autoencoder(x, options.code), autoencoder(x, 2)
    loss = tf.losses.sigmoid_cross_entropy(x, wide) + tf.losses.sigmoid_cross_entropy(x, flat)
    train = tf.train.AdamOptimizer(0.002).minimize(loss)
    again, again_flat = tf.sigmoid(wide), tf.sigmoid(flat)
    errors = [tf.reduce_mean(tf.square(image - x)) for image in (again, again_flat)]

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        batches = mnist.batches((images,), 100, seed=options.seed)
        for _ in gallery.progress(options.steps):
            session.run(train, {x: next(batches)[0]})
        (error, flat_error), places = session.run([errors, place], {x: test})
        shown = test[[np.flatnonzero(data.test.labels == digit)[i] for i in range(2) for digit in range(10)]]
        rebuilt = session.run([again, again_flat], {x: shown})

    print(f"mean squared error of a pixel: {error:.4f} with {options.code} numbers, {flat_error:.4f} with 2")
    gallery.picture(options.out / "autoencoder.png", draw, shown, rebuilt, options.code, places[:4000],
                    data.test.labels[:4000], size=(12, 5))  # fmt: skip
    return float(error)


def draw(figure, shown, rebuilt, code: int, places, labels) -> None:
    left, right = figure.subplots(1, 2, width_ratios=[1.3, 1])
    rows = [part.reshape(-1, 28, 28) for part in (shown, *rebuilt)]
    left.imshow(gallery.mosaic(1 - np.concatenate([row[i : i + 10] for i in (0, 10) for row in rows]), 10), cmap="gray")
    left.set_yticks([15 + 29 * i for i in range(6)], ["image", f"from {code} numbers", "from 2 numbers"] * 2)
    left.set_xticks([])
    for digit in range(10):
        right.scatter(*places[labels == digit].T, s=4, color=f"C{digit}", label=str(digit))
    low, high = np.percentile(places, [0.5, 99.5], axis=0)  # a few lie far out
    right.set(title="test images by their two numbers", xticks=[], yticks=[], xlim=(low[0], high[0]),
              ylim=(low[1], high[1]))  # fmt: skip
    right.legend(markerscale=4, loc="center left", bbox_to_anchor=(1, 0.5))


if __name__ == "__main__":
    main()
