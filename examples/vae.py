"""A variational autoencoder: its code is a normal distribution, so that any code at all can be drawn, and decoded.

    python examples/vae.py [--steps 4000] [--seed 0] [--out pictures]

The encoder gives a mean and a variance for each image; a code is drawn from them, and decoded.  The loss is that of the
pixels, plus the Kullback-Leibler divergence of the code's distribution from the standard normal one.
"""

from __future__ import annotations

from collections.abc import Sequence

import gallery
import numpy as np

import graphflow as tf
from graphflow.datasets import mnist

CODE = 2  # numbers: few enough to draw all there is


def encoder(x):
    """Images [n, 784] -> means and logarithms of the variances of the codes, [n, CODE] each."""
    h = tf.layers.dense(tf.layers.dense(x, 400, tf.nn.relu), 200, tf.nn.relu)
    return tf.layers.dense(h, CODE), tf.layers.dense(h, CODE)


def decoder(z):
    """Codes [n, CODE] -> logits of the pixels [n, 784]."""
    h = tf.layers.dense(tf.layers.dense(z, 200, tf.nn.relu, name="h1"), 400, tf.nn.relu, name="h2")
    return tf.layers.dense(h, 784, name="pixels")


def main(arguments: Sequence[str] | None = None) -> float:
    """Train, print the bound, draw; gives the bound, nats for an image of the test set."""
    options = gallery.parser(__doc__, steps=4000, data=True).parse_args(arguments)
    data = mnist.load(options.data)
    images, test = mnist.flatten(data.train.images), mnist.flatten(data.test.images)

    tf.set_random_seed(options.seed)
    x = tf.placeholder(tf.float32, [None, 784])
    mean, log_variance = encoder(x)
    z = mean + tf.exp(log_variance / 2) * tf.random_normal(tf.shape(mean))
    with tf.variable_scope("decoder"):
        logits = decoder(z)
    pixels = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=logits), 1)
    divergence = tf.reduce_sum(tf.square(mean) + tf.exp(log_variance) - log_variance - 1, 1) / 2
    bound = tf.reduce_mean(pixels + divergence)
    train = tf.train.AdamOptimizer(0.001).minimize(bound)

    codes = tf.placeholder(tf.float32, [None, CODE])
    with tf.variable_scope("decoder", reuse=True):
        decoded = tf.sigmoid(decoder(codes))

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        batches = mnist.batches((images,), 100, seed=options.seed)
        for _ in gallery.progress(options.steps):
            session.run(train, {x: next(batches)[0]})
        reached, places = session.run([bound, mean], {x: test})
        line = np.linspace(-2, 2, 20)
        grid = np.stack(np.meshgrid(line, -line), axis=-1).reshape(-1, CODE)
        digits = session.run(decoded, {codes: grid})

    print(f"bound: {reached:.2f} nats for an image of the test set")
    gallery.picture(options.out / "vae.png", draw, digits, places[:4000], data.test.labels[:4000], size=(12, 6))
    return float(reached)


def draw(figure, digits, places, labels) -> None:
    left, right = figure.subplots(1, 2)
    left.imshow(gallery.mosaic(1 - digits.reshape(-1, 28, 28), 20), cmap="gray", extent=(-2, 2, -2, 2))
    left.set(title="codes, decoded", xlabel="first number", ylabel="second number")
    for digit in range(10):
        right.scatter(*places[labels == digit].T, s=4, color=f"C{digit}", label=str(digit))
    right.set(title="test images, encoded", xlabel="first number", ylabel="second number", xlim=(-3.5, 3.5),
              ylim=(-3.5, 3.5), aspect="equal")  # fmt: skip
    right.legend(markerscale=4, loc="center left", bbox_to_anchor=(1, 0.5))


if __name__ == "__main__":
    main()
