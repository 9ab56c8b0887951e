"""A generative adversarial network: one network forges digits, another tells them from real ones; both learn.

    python examples/gan.py [--steps 2000] [--seed 0] [--out pictures]

Each step trains both: the discriminator to answer 1 to images of MNIST and 0 to forged ones, the generator to be
answered 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import gallery
import numpy as np

import graphflow as tf
from graphflow.datasets import mnist

NOISE, BATCH = 64, 64


def generator(z, training: bool):
    """Noise [n, NOISE] -> images [n, 28, 28, 1] between -1 and 1."""
    with tf.variable_scope("generator", reuse=tf.AUTO_REUSE):
        h = tf.layers.dense(z, 7 * 7 * 48, name="full")
        h = tf.nn.relu(tf.layers.batch_normalization(h, training=training, name="norm1"))
        h = tf.layers.conv2d_transpose(tf.reshape(h, [-1, 7, 7, 48]), 24, 5, 2, "same", name="up1")
        h = tf.nn.relu(tf.layers.batch_normalization(h, training=training, name="norm2"))
        return tf.layers.conv2d_transpose(h, 1, 5, 2, "same", activation=tf.tanh, name="up2")


def discriminator(x):
    """Images -> logits [n, 1]: how real they look."""
    with tf.variable_scope("discriminator", reuse=tf.AUTO_REUSE):
        h = tf.nn.leaky_relu(tf.layers.conv2d(x, 24, 5, 2, "same", name="down1"))
        h = tf.nn.leaky_relu(tf.layers.conv2d(h, 48, 5, 2, "same", name="down2"))
        return tf.layers.dense(tf.layers.dropout(tf.layers.flatten(h), 0.3, training=True), 1, name="out")


def main(arguments: Sequence[str] | None = None) -> np.ndarray:
    """Train, print the losses, draw; gives the last forged images [n, 28, 28], between -1 and 1."""
    options = gallery.parser(__doc__, steps=2000, data=True).parse_args(arguments)
    images = np.float32(mnist.load(options.data).train.images) / 127.5 - 1

    tf.set_random_seed(options.seed)
    x = tf.placeholder(tf.float32, [BATCH, 28, 28, 1])
    z = tf.placeholder(tf.float32, [None, NOISE])
    real, fake = discriminator(x), discriminator(generator(z, training=True))
    forged = generator(z, training=False)

    cross_entropy = tf.losses.sigmoid_cross_entropy
    d_loss = cross_entropy(tf.fill([BATCH, 1], 0.9), real) + cross_entropy(tf.zeros_like(fake), fake)
    g_loss = cross_entropy(tf.ones_like(fake), fake)
    steps = []
    for loss, scope in ((d_loss, "discriminator"), (g_loss, "generator")):
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS) if scope == "generator" else []):
            mine = tf.trainable_variables(scope)
            steps.append(tf.train.AdamOptimizer(0.0004, beta1=0.5).minimize(loss, var_list=mine))

    rng = np.random.default_rng(options.seed)
    same = rng.normal(size=[40, NOISE])  # the same noise each time, to see it become digits
    shown, losses = {}, []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        batches = mnist.batches((images,), BATCH, seed=options.seed)
        for step in gallery.progress(options.steps):
            feed = {x: next(batches)[0], z: rng.normal(size=[BATCH, NOISE])}
            losses.append(session.run([d_loss, g_loss, steps], feed)[:2])
            if step in (options.steps // 20, options.steps // 4, options.steps):
                shown[step] = session.run(forged, {z: same})[..., 0]

    last = np.mean(losses[-100:], axis=0)
    print(f"discriminator loss {last[0]:.3f}, generator loss {last[1]:.3f}")
    gallery.picture(options.out / "gan.png", draw, shown, size=(12, 2.8))
    return shown[options.steps]


def draw(figure, shown: dict[int, np.ndarray]) -> None:
    for axes, (step, images) in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown.items(), strict=True):
        axes.imshow(gallery.mosaic(-images, 8), cmap="gray")
        axes.set_title(f"after {step} steps")
        axes.axis("off")


if __name__ == "__main__":
    main()
