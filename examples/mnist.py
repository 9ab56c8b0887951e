"""The MNIST series: nine classifiers of handwritten digits, each a little better than the one before.

    python examples/mnist.py --model convnet [--steps 10000] [--seed 0] [--out pictures]

The networks and their learning rates are those of Martin Görner's course "TensorFlow and deep learning, without a PhD",
and so are the published accuracies: the best, or typical ones, of 10,000 steps with batches of 100.
`python -m examples.results` trains them all.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import gallery
import numpy as np

import graphflow as tf
from graphflow.datasets import mnist

BATCH = 100


# -- layers ----------------------------------------------------------------------------------------------------------
# All variables are made by get_variable, so that a second call of a network finds those of the first.
def weights(shape: list[int], scale: float = 0.1):
    return tf.get_variable("W", shape, initializer=tf.truncated_normal_initializer(stddev=scale))


def bias(size: int, start: float):
    return tf.get_variable("b", [size], initializer=tf.constant_initializer(start))


def dense(name: str, h, units: int, start: float = 0.1, scale: float = 0.1):
    with tf.variable_scope(name):
        return tf.matmul(h, weights([h.shape.as_list()[1], units], scale)) + bias(units, start)


def conv(name: str, h, size: int, channels: int, stride: int):
    with tf.variable_scope(name):
        filters = weights([size, size, h.shape.as_list()[3], channels])
        return tf.nn.conv2d(h, filters, [1, stride, stride, 1], "SAME") + bias(channels, 0.1)


def batch_norm(name: str, h, training: bool, decay: float = 0.99):
    """Mean 0 and variance 1 for each channel: of the batch in training, of many batches, averaged, afterwards."""
    with tf.variable_scope(name):
        shape = h.shape.as_list()[-1:]
        offset = tf.get_variable("offset", shape, initializer=tf.constant_initializer(0.01))
        kept_mean = tf.get_variable("mean", shape, initializer=tf.zeros_initializer(), trainable=False)
        kept_variance = tf.get_variable("variance", shape, initializer=tf.ones_initializer(), trainable=False)
        if not training:
            return tf.nn.batch_normalization(h, kept_mean, kept_variance, offset, None, 1e-5)
        mean, variance = tf.nn.moments(h, list(range(h.shape.ndims - 1)))
        for kept, now in ((kept_mean, mean), (kept_variance, variance)):
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.assign_sub(kept, (1 - decay) * (kept - now)))
        return tf.nn.batch_normalization(h, mean, variance, offset, None, 1e-5)


# -- networks: images [n, 28, 28, 1] -> logits [n, 10] ---------------------------------------------------------------
def softmax(x, training: bool):
    return dense("out", tf.reshape(x, [-1, 784]), 10, start=0.0, scale=0.0)


def five_layers(activation: Callable, start: float, keep: float = 1.0, normalize: bool = False) -> Callable:
    def network(x, training: bool):
        h = tf.reshape(x, [-1, 784])
        for i, units in enumerate([200, 100, 60, 30], start=1):
            h = dense(f"layer{i}", h, units, start)
            h = activation(batch_norm(f"norm{i}", h, training) if normalize else h)
            h = tf.nn.dropout(h, keep_prob=keep) if training and keep < 1 else h
        return dense("out", h, 10, start=0.0)

    return network


def convnet(layers: Sequence[tuple[int, int, int]], keep: float = 1.0, normalize: bool = False) -> Callable:
    """Convolutions (size of the filters, channels, stride), then a layer of 200, then the ten classes."""

    def network(x, training: bool):
        h = x
        for i, (size, channels, stride) in enumerate(layers, start=1):
            h = conv(f"conv{i}", h, size, channels, stride)
            h = tf.nn.relu(batch_norm(f"norm{i}", h, training) if normalize else h)
        h = dense("full", tf.reshape(h, [-1, 7 * 7 * layers[-1][1]]), 200)
        h = tf.nn.relu(batch_norm("norm", h, training) if normalize else h)
        return dense("out", tf.nn.dropout(h, keep_prob=keep) if training and keep < 1 else h, 10)

    return network


class Model(NamedTuple):
    """The learning rate falls from `rate` to `rate_end`: by e in every 1 / `decay` of the steps."""

    network: Callable
    published: float
    rate: float
    rate_end: float | None = None
    decay: float = 5.0
    optimizer: str = "AdamOptimizer"
    steps: int = 2000  # unless --steps says otherwise; the published ones have made 10,000


MODELS = {
    "softmax": Model(softmax, 0.9268, 0.005, optimizer="GradientDescentOptimizer"),
    "sigmoid": Model(five_layers(tf.nn.sigmoid, 0.0), 0.9788, 0.003),
    "relu": Model(five_layers(tf.nn.relu, 0.1), 0.9825, 0.003),
    "decay": Model(five_layers(tf.nn.relu, 0.1), 0.9824, 0.003, 0.0001),
    "dropout": Model(five_layers(tf.nn.relu, 0.1, keep=0.75), 0.9817, 0.003, 0.0001),
    "batchnorm": Model(five_layers(tf.nn.relu, 0.1, normalize=True), 0.985, 0.03, 0.0001, 10),
    "convnet": Model(convnet([(5, 4, 1), (5, 8, 2), (4, 12, 2)]), 0.989, 0.003, 0.0001),
    "convnet-dropout": Model(convnet([(6, 6, 1), (5, 12, 2), (4, 24, 2)], keep=0.75), 0.9931, 0.003, 0.0001),
    "convnet-batchnorm": Model(convnet([(6, 24, 1), (5, 48, 2), (4, 64, 2)], keep=0.5, normalize=True),
                               0.995, 0.02, 0.0001, 6, steps=1000),
}  # fmt: skip


def build(model: Model):
    """The graph: (images, labels and learning rate to feed, the training step, the answers [n] for images)."""
    x = tf.placeholder(tf.float32, [None, 28, 28, 1])
    y = tf.placeholder(tf.int64, [None])
    rate = tf.placeholder(tf.float32, [])
    with tf.variable_scope("net"):
        logits = model.network(x, training=True)
    with tf.variable_scope("net", reuse=True):  # the same variables, without dropout
        answers = tf.argmax(model.network(x, training=False), 1)
    loss = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        train = getattr(tf.train, model.optimizer)(rate).minimize(loss)
    return x, y, rate, train, answers


def main(arguments: Sequence[str] | None = None) -> float:
    """Train one of the networks, draw how it went; gives the best accuracy on the test images."""
    parser = gallery.parser(__doc__, data=True)
    parser.add_argument("--model", choices=list(MODELS), default="convnet", help="default: convnet")
    parser.add_argument("--steps", type=gallery.positive, help="default: 2000, and 1000 for convnet-batchnorm")
    parser.add_argument("--test-every", type=gallery.positive, default=100, metavar="STEPS", help="default: 100")
    options = parser.parse_args(arguments)
    model = MODELS[options.model]
    steps = options.steps or model.steps

    data = mnist.load(options.data)
    images, test_images = (np.float32(split.images) / 255 for split in (data.train, data.test))
    start = time.perf_counter()
    tf.set_random_seed(options.seed)
    x, y, rate, train, answers = build(model)

    accuracies = {}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        batches = mnist.batches((images, data.train.labels), BATCH, seed=options.seed)
        for step in gallery.progress(steps):
            now = model.rate
            if model.rate_end is not None:
                now = model.rate_end + (now - model.rate_end) * math.exp(-model.decay * step / steps)
            some, their = next(batches)
            session.run(train, {x: some, y: their, rate: now})
            if step % options.test_every == 0 or step == steps:
                found = np.concatenate([session.run(answers, {x: part}) for part in np.split(test_images, 10)])
                accuracies[step] = float(np.mean(found == data.test.labels))
    seconds = time.perf_counter() - start

    best = max(accuracies.values())
    print(f"{options.model}: test accuracy {accuracies[steps]:.4f} (best {best:.4f}, published "
          f"{model.published:.4f}) after {steps} steps and {seconds:.1f} s")  # fmt: skip
    result = {"model": options.model, "seed": options.seed, "steps": steps, "published": model.published,
              "best": best, "final": accuracies[steps], "seconds": seconds}  # fmt: skip
    (options.out / f"mnist-{options.model}-{options.seed}.json").write_text(json.dumps(result), encoding="utf-8")
    wrong = np.flatnonzero(found != data.test.labels)[:40]
    gallery.picture(options.out / f"mnist-{options.model}.png", draw, options.model, accuracies,
                    test_images[wrong, :, :, 0], data.test.labels[wrong], found[wrong], size=(10, 4))  # fmt: skip
    return best


def draw(figure, name: str, accuracies: dict, wrong, labels, answers) -> None:
    curve, examples = figure.subplots(1, 2)
    curve.plot(list(accuracies), list(accuracies.values()), "o-", markersize=3)
    curve.axhline(MODELS[name].published, color="grey", linestyle="--")
    curve.annotate("published", (0, MODELS[name].published), color="grey", va="top")
    curve.set(title=f"{name}: {max(accuracies.values()):.2%} of the test images", xlabel="step", ylabel="accuracy",
              xlim=(0, None))  # fmt: skip
    examples.imshow(gallery.mosaic(1 - wrong, 8, gap=0.7), cmap="gray")
    for i, (label, answer) in enumerate(zip(labels, answers, strict=True)):
        examples.text(i % 8 * 29 + 2, i // 8 * 29 + 2, f"{label}→{answer}", color="crimson", fontsize=8, va="top")
    examples.set(title="wrong ones: what it is → the answer")
    examples.axis("off")


if __name__ == "__main__":
    main()
