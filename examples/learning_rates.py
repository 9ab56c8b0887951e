"""Learning rates: too small, about right, too large, and one that falls; and the schedules of tf.train.

    python examples/learning_rates.py [--steps 1000] [--seed 0] [--out pictures]

Five copies of one network, with the same initial weights, learn the same batches in the same runs.
"""

from __future__ import annotations

from collections.abc import Sequence

import gallery
import numpy as np

import graphflow as tf
from graphflow.datasets import mnist


def network(x, seed: int):
    for i, units in enumerate((100, 60, 10)):
        start = tf.glorot_uniform_initializer(seed=seed + i)
        x = tf.layers.dense(x, units, tf.nn.relu if units > 10 else None, kernel_initializer=start)
    return x


def schedules(step, steps: int) -> dict:
    """How a rate of 1 falls; tf.train has these, and all of them are tensors."""
    return {
        "exponential": tf.train.exponential_decay(1.0, step, steps // 5, 0.4),
        "in stairs": tf.train.exponential_decay(1.0, step, steps // 5, 0.4, staircase=True),
        "inverse time": tf.train.inverse_time_decay(1.0, step, steps // 5, 1.0),
        "polynomial": tf.train.polynomial_decay(1.0, step, steps, 0.0, power=1.0),
        "cosine": tf.train.cosine_decay(1.0, step, steps),
        "cosine, restarts": tf.train.cosine_decay_restarts(1.0, step, steps // 4, m_mul=0.7),
        "piecewise": tf.train.piecewise_constant(step, [steps // 2, steps * 3 // 4], [1.0, 0.3, 0.1]),
    }


def main(arguments: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Train, print, draw; gives the loss on the test images for each rate."""
    options = gallery.parser(__doc__, steps=1000, data=True).parse_args(arguments)
    data = mnist.load(options.data)

    tf.set_random_seed(options.seed)
    x = tf.placeholder(tf.float32, [None, 784])
    y = tf.placeholder(tf.int64, [None])
    step = tf.placeholder(tf.int32, [])
    decays = schedules(step, max(options.steps, 5))
    rates = {"0.001": 0.001, "0.05": 0.05, "0.5": 0.5, "1.5": 1.5, "0.5, falling": 0.5 * decays["exponential"]}
    losses, trains = {}, []
    for name, rate in rates.items():
        losses[name] = tf.losses.sparse_softmax_cross_entropy(y, network(x, options.seed))
        trains.append(tf.train.GradientDescentOptimizer(rate).minimize(losses[name]))

    steps, curves, rate_curves = [], {name: [] for name in rates}, {name: [] for name in decays}
    test = {x: mnist.flatten(data.test.images[:2000]), y: data.test.labels[:2000]}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        batches = mnist.batches((mnist.flatten(data.train.images), data.train.labels), 50, seed=options.seed)
        for now in gallery.progress(options.steps):
            images, labels = next(batches)
            session.run(trains, {x: images, y: labels, step: now})
            if now % 20 == 0 or now == options.steps:
                steps.append(now)
                for name, loss in session.run(losses, test).items():
                    curves[name].append(loss)
                for name, rate in session.run(decays, {step: now}).items():
                    rate_curves[name].append(rate)

    for name, curve in curves.items():
        print(f"rate {name:13} loss {curve[-1]:.4f}")
    gallery.picture(options.out / "learning_rates.png", draw, steps, curves, rate_curves, size=(11, 4.2))
    return {name: np.array(curve) for name, curve in curves.items()}


def draw(figure, steps: list[int], curves: dict, rate_curves: dict) -> None:
    losses, rates = figure.subplots(1, 2)
    for name, curve in curves.items():
        losses.plot(steps, curve, label=name)
    for name, curve in rate_curves.items():
        rates.plot(steps, curve, label=name)
    losses.set(title="loss on the test images, by learning rate", xlabel="step", ylim=(0, 3))
    rates.set(title="schedules: the share of the first rate", xlabel="step")
    losses.legend(loc=(0.7, 0.2))
    rates.legend()


if __name__ == "__main__":
    main()
