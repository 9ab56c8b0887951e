"""Backpropagation in a network of five neurons: by hand, by tf.gradients, and by finite differences.

    python examples/backpropagation.py [--out pictures]

    h = tanh(x W1 + b1)      y = h W2 + b2      loss = (y - target)^2 / 2

It also writes the graph before tf.gradients and after it, as DOT and, where pygraphviz is installed, as SVG.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import gallery
import numpy as np

import graphflow as tf

X, TARGET = np.array([[0.5, -1.0]]), np.array([[0.7]])
START = {
    "W1": np.array([[0.1, -0.4], [0.6, 0.3]]),
    "b1": np.array([0.05, -0.2]),
    "W2": np.array([[0.8], [-0.5]]),
    "b2": np.array([0.1]),
}


def forward(p: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, float]:
    h = np.tanh(X @ p["W1"] + p["b1"])
    y = h @ p["W2"] + p["b2"]
    return h, y, float(np.sum((y - TARGET) ** 2) / 2)


def by_hand(p: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The chain rule, from the loss back to the weights; dy is the gradient of the loss for y, and so on."""
    h, y, _ = forward(p)
    dy = y - TARGET
    dh = dy @ p["W2"].T
    da = dh * (1 - h**2)  # the gradient of tanh is 1 - tanh^2
    return {"W1": X.T @ da, "b1": da.sum(0), "W2": h.T @ dy, "b2": dy.sum(0)}


def by_differences(p: dict[str, np.ndarray], step: float = 1e-5) -> dict[str, np.ndarray]:
    """How much the loss changes when one weight does: two forward passes for each weight."""
    slopes = {name: np.zeros_like(value) for name, value in p.items()}
    for name, value in p.items():
        for i in np.ndindex(value.shape):
            above, below = ({**p, name: value.copy()} for _ in range(2))
            above[name][i] += step
            below[name][i] -= step
            slopes[name][i] = (forward(above)[2] - forward(below)[2]) / (2 * step)
    return slopes


def write_graph(path: Path, what) -> None:
    path.write_text(tf.to_dot(what), encoding="utf-8")
    print(f"wrote {path}")
    drawn = path.with_suffix(".svg")
    try:
        drawn.write_text(tf.to_svg(what), encoding="utf-8")
        print(f"wrote {drawn}")
    except ImportError as missing:
        print(f"{drawn} was not drawn: {missing}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> float:
    """Print the three gradients and write the two graphs; gives the largest difference."""
    options = gallery.parser(__doc__).parse_args(arguments)

    W1, b1, W2, b2 = variables = [tf.Variable(value, name=name) for name, value in START.items()]
    x = tf.placeholder(tf.float64, [1, 2], name="x")
    with tf.name_scope("hidden"):
        h = tf.tanh(tf.matmul(x, W1) + b1)
    with tf.name_scope("out"):
        y = tf.matmul(h, W2) + b2
    with tf.name_scope("loss"):
        loss = tf.reduce_sum(tf.square(y - TARGET)) / 2
    write_graph(options.out / "backpropagation-forward.dot", loss)
    gradients = tf.gradients(loss, variables)
    write_graph(options.out / "backpropagation-gradients.dot", [loss, gradients])

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        graph = dict(zip(START, session.run(gradients, {x: X}), strict=True))
    hand, differences = by_hand(START), by_differences(START)

    print(f"{'':10}{'by hand':>16}{'tf.gradients':>16}{'differences':>16}")
    for name in START:
        for i in np.ndindex(START[name].shape):
            where = name + str(list(i))
            print(f"{where:10}{hand[name][i]:16.10f}{graph[name][i]:16.10f}{differences[name][i]:16.10f}")
    worst = max(float(np.abs(other[name] - graph[name]).max()) for other in (hand, differences) for name in START)
    print(f"largest difference: {worst:.1e}")
    return worst


if __name__ == "__main__":
    main()
