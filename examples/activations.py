"""Activation functions and their gradients: what they let through, forward and backward.

    python examples/activations.py [--out pictures]

The sigmoid's gradient is at most 1/4, so that it fades in deep networks; tanh's reaches 1, ReLU's is 1 wherever it is
not 0.  The gradients are made by tf.gradients, not by formulas.
"""

from __future__ import annotations

from collections.abc import Sequence

import gallery
import numpy as np

import graphflow as tf

ACTIVATIONS = {"sigmoid": tf.nn.sigmoid, "tanh": tf.nn.tanh, "relu": tf.nn.relu, "leaky_relu": tf.nn.leaky_relu,
               "elu": tf.nn.elu, "softplus": tf.nn.softplus}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Print a table and draw the curves; gives the values and the gradients of each function between -5 and 5."""
    options = gallery.parser(__doc__).parse_args(arguments)

    x = tf.placeholder(tf.float32, [None])
    outputs = {name: activation(x) for name, activation in ACTIVATIONS.items()}
    gradients = {name: tf.gradients(y, x)[0] for name, y in outputs.items()}

    points = np.linspace(-5, 5, 201, dtype=np.float32)
    with tf.Session() as session:
        values, slopes = session.run([outputs, gradients], {x: points})

    print("            " + "".join(f"{'x = ' + format(points[i], 'g'):>14}" for i in range(0, 201, 50)))
    for name in ACTIVATIONS:
        print(f"{name:12}" + "".join(f"{values[name][i]:14.4f}" for i in range(0, 201, 50)))
        print("    gradient" + "".join(f"{slopes[name][i]:14.4f}" for i in range(0, 201, 50)))
    gallery.picture(options.out / "activations.png", draw, points, values, slopes, size=(9, 5))
    return {name: (values[name], slopes[name]) for name in ACTIVATIONS}


def draw(figure, points: np.ndarray, values: dict, slopes: dict) -> None:
    for axes, name in zip(figure.subplots(2, 3, sharex=True).flat, values, strict=True):
        axes.axhline(0, color="lightgrey")
        axes.axvline(0, color="lightgrey")
        axes.plot(points, values[name], label="value")
        axes.plot(points, slopes[name], "--", label="gradient")
        axes.set(title=name, xlabel="x", ylim=(-1.3, 2.3))
        axes.label_outer()
    axes.legend(loc="upper left")


if __name__ == "__main__":
    main()
