"""For those who come from PyTorch: its four pieces, in 70 lines of NumPy, each beside its counterpart in graphflow.

    python examples/mini_torch.py [--steps 1000] [--seed 0] [--out pictures]

    tensors    values at once             |  tensors of a graph: values when a session runs
    autograd   loss.backward(), x.grad    |  tf.gradients(loss, x): more of the graph
    nn         modules that own weights   |  functions that make variables: tf.layers, tf.get_variable
    optim      zero_grad(), step()        |  tf.train: minimize(loss) is an operation, a run of it is a step

Both sides start from the same weights and learn the same two moons; the losses agree to the last digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import gallery
import numpy as np

import graphflow as tf


# -- tensors and autograd: a value, and how to hand its gradient on --------------------------------------------------
class Tensor:
    def __init__(self, data, parents: Sequence[Tensor] = (), backward: Callable | None = None) -> None:
        self.data, self.grad = np.asarray(data, float), 0.0
        self.parents, self.hand_on = parents, backward  # hand_on: our gradient -> those of the parents

    def __matmul__(self, other: Tensor) -> Tensor:
        return Tensor(self.data @ other.data, (self, other), lambda g: (g @ other.data.T, self.data.T @ g))

    def __add__(self, other: Tensor) -> Tensor:
        return Tensor(self.data + other.data, (self, other), lambda g: (g, g.sum(0)))  # other: a bias

    def tanh(self) -> Tensor:
        out = np.tanh(self.data)
        return Tensor(out, (self,), lambda g: (g * (1 - out**2),))

    def squared_error(self, target: np.ndarray) -> Tensor:
        gap = self.data - target
        return Tensor(np.mean(gap**2), (self,), lambda g: (g * 2 * gap / gap.size,))

    def backward(self) -> None:
        """Adds the gradient of this number to the `grad` of all that it was made from, last made first."""
        order: list[Tensor] = []

        def visit(tensor: Tensor) -> None:
            if tensor not in order:
                for parent in tensor.parents:
                    visit(parent)
                order.append(tensor)

        visit(self)
        self.grad = 1.0
        for tensor in reversed(order):
            if tensor.hand_on:
                for parent, part in zip(tensor.parents, tensor.hand_on(tensor.grad), strict=True):
                    parent.grad = parent.grad + part


# -- nn: a module knows its parameters -------------------------------------------------------------------------------
class Linear:
    def __init__(self, weights: np.ndarray) -> None:
        self.W, self.b = Tensor(weights), Tensor(np.zeros(weights.shape[1]))

    def __call__(self, x: Tensor) -> Tensor:
        return x @ self.W + self.b

    def parameters(self) -> Iterator[Tensor]:
        yield from (self.W, self.b)


# -- optim: it changes parameters by their gradients -----------------------------------------------------------------
class SGD:
    def __init__(self, parameters: Sequence[Tensor], lr: float) -> None:
        self.parameters, self.lr = parameters, lr

    def zero_grad(self) -> None:
        for p in self.parameters:
            p.grad = 0.0

    def step(self) -> None:
        for p in self.parameters:
            p.data = p.data - self.lr * p.grad


# -- the same training, twice ----------------------------------------------------------------------------------------
RATE = 0.0625  # the same number in float32, which is what optimizers keep it in


def in_mini_torch(points, sides, weights, rate: float, steps: int) -> list[float]:
    layers = [Linear(w) for w in weights]
    optimizer = SGD([p for layer in layers for p in layer.parameters()], lr=rate)
    losses = []
    for _ in range(steps):
        h = Tensor(points)
        for layer in layers[:-1]:
            h = layer(h).tanh()
        loss = layers[-1](h).squared_error(sides)  # a value, at once
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.data))
    return losses


def in_graphflow(points, sides, weights, rate: float, steps: int, plane) -> tuple[list[float], np.ndarray]:
    x = tf.placeholder(tf.float64, [None, 2])
    y = tf.placeholder(tf.float64, [None, 1])
    h = x
    for w in weights[:-1]:
        h = tf.layers.dense(h, w.shape[1], tf.tanh, kernel_initializer=tf.constant_initializer(w))
    out = tf.layers.dense(h, 1, kernel_initializer=tf.constant_initializer(weights[-1]))
    loss = tf.reduce_mean(tf.square(out - y))  # no value yet: a tensor of the graph
    train = tf.train.GradientDescentOptimizer(rate).minimize(loss)  # gradients and updates: operations, too
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        losses = [session.run([loss, train], {x: points, y: sides})[0] for _ in gallery.progress(range(steps))]
        return losses, session.run(out, {x: plane})


def two_moons(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points [200, 2], and on which of two interlocking arcs they lie, -1 or 1, [200, 1]."""
    angle, side = rng.uniform(0, np.pi, 200), np.repeat([-1.0, 1.0], 100)
    arcs = np.stack([np.cos(angle) * side + (side + 1) / 2, np.sin(angle) * side + (side + 1) / -4], axis=1)
    return arcs * [-1, 1] + rng.normal(0, 0.1, [200, 2]), side[:, None]


def main(arguments: Sequence[str] | None = None) -> tuple[list[float], list[float]]:
    """Train twice, print and draw; gives the losses of both."""
    options = gallery.parser(__doc__, steps=1000).parse_args(arguments)
    rng = np.random.default_rng(options.seed)
    points, sides = two_moons(rng)
    weights = [rng.normal(0, shape[0] ** -0.5, shape) for shape in ((2, 16), (16, 16), (16, 1))]
    line = np.linspace(-3, 3, 100)
    plane = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)

    mini = in_mini_torch(points, sides, weights, RATE, options.steps)
    graph, answers = in_graphflow(points, sides, weights, RATE, options.steps, plane)
    print(f"{'step':>6}{'mini torch':>22}{'graphflow':>22}")
    for step in sorted({0, 1, 9, 99, options.steps - 1} & set(range(options.steps))):
        print(f"{step + 1:6}{mini[step]:22.15f}{graph[step]:22.15f}")
    gallery.picture(options.out / "mini_torch.png", draw, points, sides, line, answers, mini, graph, size=(10, 4))
    return mini, graph


def draw(figure, points, sides, line, answers, mini, graph) -> None:
    plane, curves = figure.subplots(1, 2)
    plane.contourf(
        line, line, answers.reshape(100, 100), levels=np.linspace(-1.6, 1.6, 17), cmap="RdBu", extend="both", alpha=0.5
    )
    plane.scatter(*points.T, c=sides[:, 0], cmap="RdBu", vmin=-1.6, vmax=1.6, edgecolors="black", s=20)
    plane.set(title="two moons, and what the network says", xlim=(-2.4, 1.6), ylim=(-2, 1.6))
    curves.semilogy(mini, linewidth=4, alpha=0.4, label="mini torch")
    curves.semilogy(graph, "--", label="graphflow")
    curves.set(title="loss", xlabel="step")
    curves.legend()


if __name__ == "__main__":
    main()
