"""Over-fitting, and dropout against it: two networks learn 1,000 digits, one with half of its neurons at a time.

    python examples/dropout.py [--steps 1000] [--seed 0] [--out pictures]

Both soon know their digits by heart.  From then on the loss on digits that they have not seen rises: with dropout
later, and less, and more of these digits are known.  regularization.py does the same with weights that are kept small.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import gallery

import graphflow as tf
from graphflow.datasets import mnist

BATCH, LEARNED, UNSEEN = 100, 1000, 5000
Network = Callable[..., tuple]  # (x, training) -> (logits, what is added to the loss in training)
Curves = dict[str, dict[str, list[float]]]


def layers(x, keep: float, regularizer=None):
    """784 -> 300 -> 100 -> 10 with relu; a neuron is kept with the probability `keep`, a pixel more often."""
    x = tf.nn.dropout(x, keep_prob=0.6 + 0.4 * keep)
    for i, units in enumerate((300, 100)):
        h = tf.layers.dense(x, units, tf.nn.relu, kernel_regularizer=regularizer, name=f"layer{i}")
        x = tf.nn.dropout(h, keep_prob=keep)
    return tf.layers.dense(x, 10, kernel_regularizer=regularizer, name="out")


def plain(x, training: bool):
    return layers(x, keep=1.0), 0.0


def with_dropout(x, training: bool):
    return layers(x, keep=0.5 if training else 1.0), 0.0


def compare(options, networks: dict[str, Network]) -> tuple[list[int], Curves]:
    """Trains the networks side by side: (steps, for each of them the losses and accuracies at these steps)."""
    data = mnist.load(options.data)
    images, labels = mnist.flatten(data.train.images[:LEARNED]), data.train.labels[:LEARNED]
    unseen = mnist.flatten(data.test.images[:UNSEEN]), data.test.labels[:UNSEEN]

    tf.set_random_seed(options.seed)
    x = tf.placeholder(tf.float32, [None, 784])
    y = tf.placeholder(tf.int64, [None])
    trains, measures = [], {}
    for i, (name, network) in enumerate(networks.items()):
        with tf.variable_scope(f"net{i}"):
            logits, penalty = network(x, training=True)
        with tf.variable_scope(f"net{i}", reuse=True):
            answers, _ = network(x, training=False)
        loss = tf.losses.sparse_softmax_cross_entropy(y, logits) + penalty
        trains.append(tf.train.AdamOptimizer(0.001).minimize(loss))
        measures[name] = (
            tf.losses.sparse_softmax_cross_entropy(y, answers),
            tf.reduce_mean(tf.to_float(tf.equal(tf.argmax(answers, 1), y))),
        )

    steps: list[int] = []
    curves: Curves = {name: {"learned": [], "unseen": [], "accuracy": []} for name in networks}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        batches = mnist.batches((images, labels), BATCH, seed=options.seed)
        for step in gallery.progress(options.steps):
            some, their = next(batches)
            session.run(trains, {x: some, y: their})
            if step % 50 == 0 or step == options.steps:
                steps.append(step)
                known, new = (session.run(measures, {x: a, y: b}) for a, b in ((images, labels), unseen))
                for name, curve in curves.items():
                    curve["learned"].append(known[name][0])
                    curve["unseen"].append(new[name][0])
                    curve["accuracy"].append(new[name][1])

    for name, curve in curves.items():
        print(f"{name:16} loss {curve['learned'][-1]:.4f} on what it has learned, {curve['unseen'][-1]:.4f} on what it "
              f"has not seen, of which it knows {curve['accuracy'][-1]:.2%}")  # fmt: skip
    return steps, curves


def draw(figure, steps: list[int], curves: Curves) -> None:
    losses, accuracy = figure.subplots(1, 2)
    for name, curve in curves.items():
        (line,) = losses.plot(steps, curve["unseen"], label=f"{name}: not seen")
        losses.plot(steps, curve["learned"], "--", color=line.get_color(), label=f"{name}: learned")
        accuracy.plot(steps, curve["accuracy"], label=name)
    losses.set(title="loss", xlabel="step", ylim=(0, 1.2))
    accuracy.set(title="share of unseen digits that are known", xlabel="step", ylim=(0.8, 0.92))
    losses.legend(loc="upper right")
    accuracy.legend(loc="lower right")


def main(arguments: Sequence[str] | None = None) -> Curves:
    """Train, print, draw; gives the curves."""
    options = gallery.parser(__doc__, steps=1000, data=True).parse_args(arguments)
    steps, curves = compare(options, {"without": plain, "with dropout": with_dropout})
    gallery.picture(options.out / "dropout.png", draw, steps, curves, size=(10, 4))
    return curves


if __name__ == "__main__":
    main()
