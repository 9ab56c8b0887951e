"""The first program of every TensorFlow 1 course: one layer, built as a graph, then run in a session.

    python examples/first_graph.py [--dot [FILE]]

With --dot it also writes the graph for Graphviz, by default to first_graph.dot.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import graphflow as tf


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="One layer, relu(x W + b), on random numbers.")
    parser.add_argument("--dot", nargs="?", const="first_graph.dot", metavar="FILE", type=Path,
                        help="also write the graph for Graphviz (default: first_graph.dot)")  # fmt: skip
    options = parser.parse_args(arguments)

    b = tf.Variable(tf.zeros((100,)))
    W = tf.Variable(tf.random_uniform((784, 100), -1, 1))
    x = tf.placeholder(tf.float32, (100, 784))
    h = tf.nn.relu(tf.matmul(x, W) + b)

    sess = tf.Session()
    sess.run(tf.initialize_all_variables())
    out = sess.run(h, {x: np.random.random((100, 784))})

    print(h)
    print(f"{out.dtype} {out.shape}: mean {out.mean():.4f}, highest {out.max():.4f}, {np.mean(out == 0):.0%} zeros")
    if options.dot:
        options.dot.write_text(tf.to_dot(h), encoding="utf-8")
        print(f"wrote {options.dot}; a picture of it: dot -Tsvg {options.dot} -o first_graph.svg")


if __name__ == "__main__":
    main()
