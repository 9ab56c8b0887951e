"""Logic gates as networks of sigmoid neurons: with weights that are given, and with weights that are learned.

    python examples/logic_gates.py [--steps 1000] [--seed 0] [--out pictures]

One neuron draws one straight line, which is enough for NOT, OR and AND.  No line has (0, 0) and (1, 1) on one side and
(0, 1) and (1, 0) on the other: XOR and XNOR need a second layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import gallery
import numpy as np

import graphflow as tf

# Layers of neurons; each neuron has its bias, and its weights for x1 and x2, or for the neurons of the layer before.
AND, OR, NEITHER = [-30, 20, 20], [-10, 20, 20], [10, -20, -20]
ONLY_SECOND, ONLY_FIRST = [-10, -20, 20], [-10, 20, -20]
GATES = {
    "NOT x1": [[[10, -20, 0]]],
    "x1 OR x2": [[OR]],
    "x1 AND x2": [[AND]],
    "(NOT x1) AND x2": [[ONLY_SECOND]],
    "x1 XNOR x2": [[AND, NEITHER], [OR]],
    "x1 XOR x2": [[ONLY_SECOND, ONLY_FIRST], [OR]],
}
INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
TRUTH = {"NOT x1": [1, 1, 0, 0], "x1 OR x2": [0, 1, 1, 1], "x1 AND x2": [0, 0, 0, 1],
         "(NOT x1) AND x2": [0, 1, 0, 0], "x1 XNOR x2": [1, 0, 0, 1], "x1 XOR x2": [0, 1, 1, 0]}  # fmt: skip


def given(x, layers: list):
    """Inputs [n, 2] -> logits [n] of a gate whose weights are constants."""
    for layer in layers:
        neurons = tf.transpose(tf.constant(layer, tf.float32))
        logits = tf.matmul(x, neurons[1:]) + neurons[0]
        x = tf.sigmoid(logits)
    return logits[:, 0]


def learned(x, hidden: int):
    """The same with variables; a hidden layer where asked for."""
    if hidden:
        x = tf.layers.dense(x, hidden, tf.sigmoid, kernel_initializer=tf.random_normal_initializer(stddev=2.0))
    return tf.layers.dense(x, 1)[:, 0]


def main(arguments: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Print the truth tables and draw the decision regions; gives the outputs of the learned gates."""
    options = gallery.parser(__doc__, steps=1000).parse_args(arguments)

    tf.set_random_seed(options.seed)
    x = tf.placeholder(tf.float32, [None, 2])
    fixed = {name: given(x, layers) for name, layers in GATES.items()}
    trained = {name: learned(x, 4 if len(layers) > 1 else 0) for name, layers in GATES.items()}
    loss = tf.add_n([
        tf.losses.sigmoid_cross_entropy(TRUTH[name], logits) for name, logits in trained.items()
    ])  # fmt: skip
    train = tf.train.AdamOptimizer(0.1).minimize(loss)

    def outputs(logits: dict) -> dict:
        return {name: tf.sigmoid(value) for name, value in logits.items()}

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in gallery.progress(options.steps):
            session.run(train, {x: INPUTS})
        nets = {"given": outputs(fixed), "learned": outputs(trained)}
        found = session.run(nets, {x: INPUTS})
        line = np.linspace(-0.5, 1.5, 101, dtype=np.float32)
        plane = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
        regions = session.run(nets, {x: plane})

    print("x1 x2" + "".join(f"{name:>18}" for name in GATES))
    for kind in nets:
        print(f"{kind}:")
        for i, (x1, x2) in enumerate(INPUTS):
            print(f" {x1:.0f}  {x2:.0f}" + "".join(f"{found[kind][name][i]:18.3f}" for name in GATES))
    gallery.picture(options.out / "logic_gates.png", draw, line, regions, size=(13, 4.6))
    return found["learned"]


def draw(figure, line: np.ndarray, regions: dict) -> None:
    axes = figure.subplots(2, len(GATES), sharex=True, sharey=True)
    for row, kind in zip(axes, regions, strict=True):
        row[0].set_ylabel(f"{kind}\nx2")
        for panel, name in zip(row, GATES, strict=True):
            mesh = panel.pcolormesh(line, line, regions[kind][name].reshape(101, 101), cmap="RdYlBu", vmin=0, vmax=1)
            for (x1, x2), truth in zip(INPUTS, TRUTH[name], strict=True):
                panel.plot(x1, x2, "o", color="white" if truth else "black", markeredgecolor="black")
            panel.set_title(name if kind == "given" else "")
            panel.set_aspect("equal")
    for panel in axes[1]:
        panel.set_xlabel("x1")
    figure.colorbar(mesh, ax=axes, label="output (points: white 1, black 0)")


if __name__ == "__main__":
    main()
