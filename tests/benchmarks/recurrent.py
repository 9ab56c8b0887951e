"""Loops and recurrent networks: what is measured, and its builders for each framework."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

RATE = 1e-3
UNITS = 128
Step = Callable[[], Any]


@dataclass(frozen=True)
class Recurrent:
    """LSTM layers of 128 units, a classifier, Adam: of the last step of rows of numbers, or of each of some characters.

    depth  numbers a step; for characters how many an embedding has
    """

    layers: int
    batch: int
    steps: int
    depth: int
    classes: int
    characters: bool

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(3)
        if self.characters:
            return tuple(rng.integers(0, self.classes, (self.batch, self.steps)) for _ in range(2))  # type: ignore[return-value]
        rows = rng.random((self.batch, self.steps, self.depth), np.float32)
        return rows, rng.integers(0, self.classes, self.batch)

    def weights(self) -> dict[str, np.ndarray]:
        """Kernels `0`, `1` ([inputs + units, 4 * units], gates i, j, f, o), `out` and `table`."""
        rng = np.random.default_rng(7)
        depths = [self.depth] + [UNITS] * (self.layers - 1)
        made = {str(i): rng.standard_normal((d + UNITS, 4 * UNITS)) * 0.08 for i, d in enumerate(depths)}
        made["out"] = rng.standard_normal((UNITS, self.classes)) * 0.1
        if self.characters:
            made["table"] = rng.standard_normal((self.classes, self.depth)) * 0.1
        return {name: value.astype(np.float32) for name, value in made.items()}

    def flop(self) -> int:
        """Multiplications and additions of the products of one step; nothing flows back into rows of numbers."""
        total = 0
        for i in range(self.layers):
            depth = self.depth if i == 0 else UNITS
            total += 2 * 4 * UNITS * ((3 if i or self.characters else 2) * depth + 3 * UNITS) * self.steps
        return self.batch * (total + 6 * UNITS * self.classes * (self.steps if self.characters else 1))


@dataclass(frozen=True)
class Counting:
    """A while_loop that adds 1 so many times."""

    rounds: int

    def flop(self) -> int:
        return 0


RECURRENT: dict[str, Any] = {
    "lstm rows": Recurrent(1, 128, 28, 28, 10, False),
    "lstm characters": Recurrent(2, 64, 50, 128, 64, True),
    "while 10000": Counting(10_000),
}


# -- graphflow and TensorFlow ------------------------------------------------------------------------------------------
class _Cell:
    """BasicLSTMCell: TensorFlow 2 has dynamic_rnn, and no cells without Keras 2."""

    state_size, output_size = (UNITS, UNITS), UNITS

    def __init__(self, tf: Any, kernel: np.ndarray) -> None:
        self.tf, self.kernel, self.bias = tf, tf.Variable(kernel), tf.Variable(np.zeros(4 * UNITS, np.float32))

    def __call__(self, x: Any, state: Any, scope: Any = None) -> Any:
        tf, (c, h) = self.tf, state
        z = tf.nn.bias_add(tf.matmul(tf.concat([x, h], 1), self.kernel), self.bias)
        i, j, f, o = tf.split(z, 4, 1)
        c = c * tf.sigmoid(f + 1.0) + tf.sigmoid(i) * tf.tanh(j)
        h = tf.tanh(c) * tf.sigmoid(o)
        return h, (c, h)

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        return self.tf.zeros([batch_size, UNITS]), self.tf.zeros([batch_size, UNITS])

    def get_initial_state(self, inputs: Any = None, batch_size: Any = None, dtype: Any = None) -> Any:
        return self.zero_state(batch_size, dtype)


def tensorflow_like(tf: Any, work: Any) -> tuple[Any, dict]:
    """(fetches, feeds) in the default graph."""
    if isinstance(work, Counting):
        n = tf.placeholder(tf.int32, [])
        return tf.while_loop(lambda i: i < n, lambda i: i + 1, [tf.constant(0)]), {n: work.rounds}
    (x0, y0), start = work.data(), work.weights()
    y = tf.placeholder(tf.int64, [None] * y0.ndim)
    if work.characters:
        x = tf.placeholder(tf.int32, [None, work.steps])
        h = tf.nn.embedding_lookup(tf.Variable(start["table"]), tf.transpose(x))
    else:
        x = tf.placeholder(tf.float32, [None, work.steps, work.depth])
        h = tf.transpose(x, [1, 0, 2])
    for i in range(work.layers):
        h, _ = tf.nn.dynamic_rnn(_Cell(tf, start[str(i)]), h, dtype=tf.float32, time_major=True)
    labels = tf.reshape(tf.transpose(y), [-1]) if work.characters else y
    h = tf.reshape(h, [-1, UNITS]) if work.characters else h[-1]
    logits = tf.matmul(h, tf.Variable(start["out"])) + tf.Variable(np.zeros(work.classes, np.float32))
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    return (loss, tf.train.AdamOptimizer(RATE).minimize(loss)), {x: x0, y: y0}


# -- PyTorch -----------------------------------------------------------------------------------------------------------
def torch(work: Any, device: str = "cpu") -> Step:
    import torch
    import torch.nn.functional as F

    if isinstance(work, Counting):

        def count() -> int:
            i = torch.tensor(0)
            while i < work.rounds:
                i = i + 1
            return int(i)

        return count
    (x0, y0), start = work.data(), work.weights()
    lstm = torch.nn.LSTM(work.depth, UNITS, work.layers)
    order = np.concatenate([np.arange(k * UNITS, (k + 1) * UNITS) for k in (0, 2, 1, 3)])  # torch has i, f, j, o
    with torch.no_grad():
        for i in range(work.layers):
            kernel = start[str(i)][:, order]
            getattr(lstm, f"weight_ih_l{i}").copy_(torch.from_numpy(kernel[:-UNITS].T.copy()))
            getattr(lstm, f"weight_hh_l{i}").copy_(torch.from_numpy(kernel[-UNITS:].T.copy()))
            getattr(lstm, f"bias_ih_l{i}").zero_()[UNITS : 2 * UNITS] = 1.0
            getattr(lstm, f"bias_hh_l{i}").zero_().requires_grad_(False)  # one bias is enough
    lstm = lstm.to(device)
    taken = {k: torch.from_numpy(v.copy()) for k, v in start.items() if k in ("out", "table")}
    own = {k: v.to(device).requires_grad_() for k, v in taken.items()}
    bias = torch.zeros(work.classes, device=device, requires_grad=True)
    parameters = [*[p for p in lstm.parameters() if p.requires_grad], *own.values(), bias]
    optimizer = torch.optim.Adam(parameters, lr=RATE)

    def step() -> Any:
        optimizer.zero_grad(set_to_none=True)
        x, y = torch.from_numpy(x0).to(device).transpose(0, 1), torch.from_numpy(y0).to(device)
        h, _ = lstm(F.embedding(x, own["table"]) if work.characters else x)
        h = h.reshape(-1, UNITS) if work.characters else h[-1]
        loss = F.cross_entropy(h @ own["out"] + bias, y.transpose(0, -1).reshape(-1) if work.characters else y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


# -- JAX ---------------------------------------------------------------------------------------------------------------
def jax(work: Any) -> Step:
    import jax
    import jax.numpy as jnp

    if isinstance(work, Counting):
        counted = jax.jit(lambda n: jax.lax.while_loop(lambda i: i < n, lambda i: i + 1, 0))
        return lambda: int(counted(work.rounds))
    (x0, y0), start = work.data(), work.weights()
    weights = {k: jnp.asarray(v) for k, v in start.items()} | {"bias": jnp.zeros(work.classes)}
    weights |= {f"b{i}": jnp.zeros(4 * UNITS) for i in range(work.layers)}

    def layer(kernel: Any, bias: Any, h: Any) -> Any:
        def cell(state: Any, zx: Any) -> Any:
            c, h = state
            i, j, f, o = jnp.split(zx + h @ kernel[-UNITS:], 4, 1)
            c = c * jax.nn.sigmoid(f + 1) + jax.nn.sigmoid(i) * jnp.tanh(j)
            h = jnp.tanh(c) * jax.nn.sigmoid(o)
            return (c, h), h

        zero = jnp.zeros((h.shape[1], UNITS))
        return jax.lax.scan(cell, (zero, zero), h @ kernel[:-UNITS] + bias)[1]

    def loss_of(w: Any, x: Any, y: Any) -> Any:
        h = w["table"][x.T] if work.characters else jnp.transpose(x, (1, 0, 2))
        for i in range(work.layers):
            h = layer(w[str(i)], w[f"b{i}"], h)
        h = h.reshape(-1, UNITS) if work.characters else h[-1]
        labels = y.T.reshape(-1) if work.characters else y
        scores = jax.nn.log_softmax(h @ w["out"] + w["bias"])
        return -jnp.take_along_axis(scores, labels[:, None], 1).mean()

    def update(state: Any, x: Any, y: Any) -> Any:
        w, m, v, t = state
        loss, grads = jax.value_and_grad(loss_of)(w, x, y)
        t, tree = t + 1, jax.tree_util.tree_map
        m = tree(lambda a, g: 0.9 * a + 0.1 * g, m, grads)
        v = tree(lambda a, g: 0.999 * a + 0.001 * g * g, v, grads)
        rate = RATE * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        return (tree(lambda w, a, b: w - rate * a / (jnp.sqrt(b) + 1e-8), w, m, v), m, v, t), loss

    zeros = jax.tree_util.tree_map(jnp.zeros_like, weights)
    state = [(weights, zeros, jax.tree_util.tree_map(jnp.zeros_like, zeros), jnp.float32(0))]
    jitted = jax.jit(update, donate_argnums=0)

    def step() -> Any:
        state[0], loss = jitted(state[0], x0, y0)
        return float(loss)

    return step
