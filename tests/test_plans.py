"""The plans of known programs, kept as text in tests/plans: what changes there is to be seen in review.

`python tests/test_plans.py` writes them anew, with PYTHONPATH=. where graphflow is not installed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

import graphflow as tf
from graphflow.config import config

PLANS = Path(__file__).parent / "plans"
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


class Explaining(tf.Session):
    """A session that also keeps what explain says of each run."""

    said: list[str]

    def run(self, fetches, feed_dict=None, options=None, run_metadata=None):
        self.said.append(self.explain(fetches, feed_dict))
        return super().run(fetches, feed_dict)


def explained(program: Callable[[], None]) -> list[str]:
    """What explain says of each run in a program."""
    plain = config(
        backend="cpu", skip="", debug=0, dump="", vector_bytes=64, threads=2
    )  # scratch memory depends on these
    with mock.patch.object(tf, "Session", Explaining), tf.Graph().as_default(), plain:
        Explaining.said = []
        program()
        return Explaining.said


def main_of(example: str, *arguments: str) -> Callable[[], None]:
    def run() -> None:
        spec = importlib.util.spec_from_file_location(f"explained_{example}", EXAMPLES / f"{example}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.main(arguments)

    return run


def convnet() -> None:
    """Three convolutions with 4, 8 and 12 filters, a hidden layer of 200, Adam."""
    images, labels = tf.placeholder(tf.float32, [None, 28, 28, 1]), tf.placeholder(tf.float32, [None, 10])

    def weights(*shape):
        return tf.Variable(tf.truncated_normal(shape, stddev=0.1)), tf.Variable(tf.ones(shape[-1:]) / 10)

    h = images
    for size, stride, filters, before in [(5, 1, 4, 1), (5, 2, 8, 4), (4, 2, 12, 8)]:
        w, b = weights(size, size, before, filters)
        h = tf.nn.relu(tf.nn.conv2d(h, w, [1, stride, stride, 1], "SAME") + b)
    w, b = weights(7 * 7 * 12, 200)
    h = tf.nn.relu(tf.matmul(tf.reshape(h, [-1, 7 * 7 * 12]), w) + b)
    w, b = weights(200, 10)
    losses = tf.nn.softmax_cross_entropy_with_logits(logits=tf.matmul(h, w) + b, labels=labels)
    train_step = tf.train.AdamOptimizer(0.003).minimize(tf.reduce_mean(losses) * 100)
    feeds = {images: np.zeros((100, 28, 28, 1)), labels: np.zeros((100, 10))}
    Explaining.said.append(tf.Session().explain(train_step, feeds))


PROGRAMS: dict[str, Callable[[], str]] = {
    "first_graph": lambda: explained(main_of("first_graph"))[1],
    "mnist_softmax_train": lambda: explained(main_of("mnist_softmax", "--steps", "1"))[1],
    "mnist_softmax_accuracy": lambda: explained(main_of("mnist_softmax", "--steps", "1"))[2],
    "convnet_adam": lambda: explained(convnet)[0],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_plan_is_as_it_was(name):
    assert PROGRAMS[name]() == (PLANS / f"{name}.txt").read_text(encoding="utf-8"), "see the docstring of this file"


def test_every_plan_has_a_program():
    assert {path.stem for path in PLANS.iterdir()} == set(PROGRAMS)


if __name__ == "__main__":
    PLANS.mkdir(exist_ok=True)
    for name, text in PROGRAMS.items():
        (PLANS / f"{name}.txt").write_text(text(), encoding="utf-8")
