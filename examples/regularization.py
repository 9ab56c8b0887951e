"""Over-fitting, and L2 regularization against it: large weights cost something, so that only useful ones grow.

    python examples/regularization.py [--steps 1000] [--seed 0] [--out pictures]

The same comparison as in dropout.py: two networks learn 1,000 digits.  One adds scale / 2 times the sum of its squared
weights to its loss.
"""

from __future__ import annotations

from collections.abc import Sequence

import dropout
import gallery

import graphflow as tf


def l2(scale: float) -> dropout.Network:
    def network(x, training: bool):
        logits = dropout.layers(x, keep=1.0, regularizer=tf.contrib.layers.l2_regularizer(scale))
        return logits, tf.losses.get_regularization_loss(scope=tf.get_variable_scope().name)

    return network


def main(arguments: Sequence[str] | None = None) -> dropout.Curves:
    """Train, print, draw; gives the curves."""
    options = gallery.parser(__doc__, steps=1000, data=True).parse_args(arguments)
    networks = {"without": dropout.plain, "L2, 0.001": l2(0.001), "L2, 0.01": l2(0.01)}
    steps, curves = dropout.compare(options, networks)
    gallery.picture(options.out / "regularization.png", dropout.draw, steps, curves, size=(10, 4))
    return curves


if __name__ == "__main__":
    main()
