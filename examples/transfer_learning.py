"""Transfer learning: what a network has learned from the digits 0 to 4 helps it with 5 to 9, of which it sees few.

    python examples/transfer_learning.py [--steps 1000] [--seed 0] [--out pictures]

The first network is trained on all images of 0 to 4 and saved.  The second one restores its convolutions, which stay as
they are, and learns a new last layer; a third one, of the same shape, learns everything from the few images alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import gallery
import numpy as np

import graphflow as tf
from graphflow.datasets import mnist

BATCH = 50


def network(x):
    """Images -> logits of five classes; the scopes tell what can be reused from what cannot."""
    with tf.variable_scope("convolutions"):
        h = tf.layers.conv2d(x, 8, 5, padding="same", activation=tf.nn.relu)
        h = tf.layers.conv2d(h, 16, 5, strides=2, padding="same", activation=tf.nn.relu)
        h = tf.layers.conv2d(h, 24, 4, strides=2, padding="same", activation=tf.nn.relu)
    with tf.variable_scope("classes"):
        return tf.layers.dense(tf.layers.flatten(h), 5)


class Training:
    """A network of its own, in a graph of its own, with a session; `scope` names the variables that it trains."""

    def __init__(self, seed: int, scope: str | None = None) -> None:
        with tf.Graph().as_default():
            tf.set_random_seed(seed)
            self.x = tf.placeholder(tf.float32, [None, 28, 28, 1])
            self.y = tf.placeholder(tf.int64, [None])
            logits = network(self.x)
            loss = tf.losses.sparse_softmax_cross_entropy(self.y, logits)
            self.train = tf.train.AdamOptimizer(0.001).minimize(loss, var_list=tf.trainable_variables(scope))
            self.accuracy = tf.reduce_mean(tf.to_float(tf.equal(tf.argmax(logits, 1), self.y)))
            self.saver = tf.train.Saver(tf.trainable_variables("convolutions"))
            self.start = tf.global_variables_initializer()
            self.session = tf.Session()

    def learn(self, images, labels, steps, seed: int) -> None:
        batches = mnist.batches((images, labels), min(BATCH, len(images)), seed=seed)
        for _ in steps:
            self.session.run(self.train, dict(zip((self.x, self.y), next(batches), strict=True)))

    def score(self, images, labels) -> float:
        return float(self.session.run(self.accuracy, {self.x: images, self.y: labels}))


def main(arguments: Sequence[str] | None = None) -> dict[str, list[float]]:
    """Train, print and draw the accuracies; gives them, for each number of labels, with and without transfer."""
    parser = gallery.parser(__doc__, steps=1000, data=True)
    parser.add_argument("--few", type=int, nargs="+", default=[10, 20, 50, 100, 200, 500], metavar="IMAGES",
                        help="how many images of 5 to 9, all five together, to learn from")  # fmt: skip
    options = parser.parse_args(arguments)
    data = mnist.load(options.data)
    halves = {}
    for name, split in (("train", data.train), ("test", data.test)):
        images, high = np.float32(split.images) / 255, split.labels >= 5
        halves[name] = (images[~high], split.labels[~high]), (images[high], split.labels[high] - 5)
    (low, high), (low_test, high_test) = halves["train"], halves["test"]

    first = Training(options.seed)
    first.session.run(first.start)
    first.learn(*low, gallery.progress(options.steps), options.seed)
    print(f"digits 0 to 4, {len(low[0])} images: {first.score(*low_test):.2%} of the test images")

    again, alone = Training(options.seed + 1, scope="classes"), Training(options.seed + 1)
    found: dict[str, list[float]] = {"transferred": [], "from scratch": []}
    with tempfile.TemporaryDirectory() as folder:
        saved = first.saver.save(first.session, str(Path(folder, "digits")))
        for count in gallery.progress(options.few, unit="size"):
            few = high[0][:count], high[1][:count]
            for name, training in (("transferred", again), ("from scratch", alone)):
                training.session.run(training.start)
                if training is again:
                    training.saver.restore(training.session, saved)
                training.learn(*few, range(max(options.steps // 4, 1)), options.seed)
                found[name].append(training.score(*high_test))

    for i, count in enumerate(options.few):
        print(f"digits 5 to 9, {count:3} images: {found['transferred'][i]:.2%} with the convolutions of 0 to 4, "
              f"{found['from scratch'][i]:.2%} from scratch")  # fmt: skip
    gallery.picture(options.out / "transfer_learning.png", draw, options.few, found, high[0][:50], size=(10, 4))
    return found


def draw(figure, counts: list[int], found: dict[str, list[float]], images) -> None:
    curves, digits = figure.subplots(1, 2, width_ratios=[1.5, 1])
    for name, accuracies in found.items():
        curves.semilogx(counts, accuracies, "o-", label=name)
    curves.set(title="share of the test images of 5 to 9 that are known", xlabel="images to learn from", xticks=counts,
               xticklabels=counts)  # fmt: skip
    curves.minorticks_off()
    curves.legend()
    digits.imshow(gallery.mosaic(1 - images[..., 0], 10), cmap="gray")
    digits.set_title("50 images of 5 to 9")
    digits.axis("off")


if __name__ == "__main__":
    main()
