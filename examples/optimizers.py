"""Nine optimizers on one surface, that of Beale: a flat valley that bends, with its minimum, 0, at (3, 0.5).

    python examples/optimizers.py [--steps 300] [--out pictures]

All nine are in one graph, each with a variable of its own, and one run makes a step of each.  Ftrl without penalties
walks where Adagrad walks: it differs where weights are to become 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import gallery
import numpy as np

import graphflow as tf

START, MINIMUM = (1.0, 1.5), (3.0, 0.5)
OPTIMIZERS = {
    "gradient descent": tf.train.GradientDescentOptimizer(0.01),
    "momentum": tf.train.MomentumOptimizer(0.003, 0.9),
    "Nesterov": tf.train.MomentumOptimizer(0.003, 0.9, use_nesterov=True),
    "Adagrad": tf.train.AdagradOptimizer(0.5),
    "Adadelta": tf.train.AdadeltaOptimizer(1.0, rho=0.9, epsilon=1e-4),
    "RMSProp": tf.train.RMSPropOptimizer(0.03),
    "RMSProp, centered": tf.train.RMSPropOptimizer(0.03, centered=True),
    "Adam": tf.train.AdamOptimizer(0.1),
    "Ftrl": tf.train.FtrlOptimizer(0.5),
}


def beale(x, y):
    """Works for tensors and for NumPy arrays."""
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def main(arguments: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Walk, print where each one ends, draw the paths; gives the paths [steps + 1, 2]."""
    options = gallery.parser(__doc__, steps=300).parse_args(arguments)

    places = {name: tf.Variable(START, name="place") for name in OPTIMIZERS}
    steps = [OPTIMIZERS[name].minimize(beale(place[0], place[1]), var_list=[place]) for name, place in places.items()]

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        paths = [session.run(places)]
        for _ in gallery.progress(options.steps):
            session.run(steps)
            paths.append(session.run(places))

    walks = {name: np.array([path[name] for path in paths]) for name in OPTIMIZERS}
    for name, walk in walks.items():
        near = np.linalg.norm(walk - MINIMUM, axis=1) < 0.1
        when = f"near the minimum after {np.argmax(near)} steps" if near.any() else ""
        print(f"{name:18} ends at ({walk[-1, 0]:.3f}, {walk[-1, 1]:.3f}), height {beale(*walk[-1]):.5f}  {when}")
    gallery.picture(options.out / "optimizers.png", draw, walks, size=(11, 5))
    return walks


def draw(figure, walks: dict[str, np.ndarray]) -> None:
    surface, heights = figure.subplots(1, 2, width_ratios=[3, 2])
    x, y = np.meshgrid(np.linspace(0, 4, 200), np.linspace(-1.7, 2, 200))
    surface.contourf(x, y, np.log10(beale(x, y) + 1e-3), levels=24, cmap="Greys_r", alpha=0.6)
    colors = ["C0", "C1", "C2", "C3", "C4", "C5", "black", "C6", "C8"]
    for (name, walk), color in zip(walks.items(), colors, strict=True):
        style = "--" if name == "Ftrl" else "-"
        surface.plot(walk[:, 0], walk[:, 1], style, color=color, linewidth=1.6, label=name)
        surface.plot(*walk[-1], "o", color=color, markersize=4)
        heights.semilogy(beale(walk[:, 0], walk[:, 1]) + 1e-9, style, color=color, label=name)
    surface.plot(*START, "ks")
    surface.plot(*MINIMUM, "w*", markersize=16, markeredgecolor="black")
    surface.set(title="paths from the square to the star", xlabel="x", ylabel="y", xlim=(0, 4), ylim=(-1.7, 2))
    heights.set(title="height", xlabel="step", ylim=(1e-7, 100))
    heights.legend(fontsize=8)


if __name__ == "__main__":
    main()
