"""Classifiers of MNIST that learn, as programs of each framework: (one step, the accuracy on some images).

A step takes images, one-hot labels and a learning rate.  All start from the same weights and use Adam; where units are
dropped (before the last layer) each framework draws its own random numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.workloads import Conv, Network

Train = Callable[[np.ndarray, np.ndarray, float], Any]
Accuracy = Callable[[np.ndarray, np.ndarray], float]
Program = Callable[[Network, float, int], tuple[Train, Accuracy]]


def _tensorflow_like(tf: Any, work: Network, keep: float, threads: int) -> tuple[Train, Accuracy]:
    x, y = tf.placeholder(tf.float32, [None, *work.image]), tf.placeholder(tf.float32, [None, 10])
    rate, kept = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    h = x
    for layer, start in zip(work.layers, work.weights(), strict=True):
        w, b = tf.Variable(start["w"]), tf.Variable(start["b"])
        if isinstance(layer, Conv):
            h = tf.nn.relu(tf.nn.conv2d(h, w, [1, layer.stride, layer.stride, 1], "SAME") + b)
            continue
        h = tf.reshape(h, [-1, start["w"].shape[0]])
        if layer is work.layers[-1]:
            h = tf.matmul(tf.nn.dropout(h, kept) if keep < 1 else h, w) + b
        else:
            h = tf.nn.relu(tf.matmul(h, w) + b)
    loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(logits=h, labels=y))
    update = tf.train.AdamOptimizer(rate).minimize(loss)
    right = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(h, 1), tf.argmax(y, 1)), tf.float32))
    config = tf.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads)
    session = tf.Session(config=config)
    session.run(tf.global_variables_initializer())

    def train(images: np.ndarray, labels: np.ndarray, now: float) -> None:
        session.run(update, {x: images, y: labels, rate: now, kept: keep})

    return train, lambda images, labels: session.run(right, {x: images, y: labels, kept: 1.0})


def graphflow(work: Network, keep: float, threads: int) -> tuple[Train, Accuracy]:
    import graphflow as tf

    return _tensorflow_like(tf, work, keep, threads)


def tensorflow(work: Network, keep: float, threads: int) -> tuple[Train, Accuracy]:
    import tensorflow.compat.v1 as tf

    tf.disable_v2_behavior()
    return _tensorflow_like(tf, work, keep, threads)


def torch(work: Network, keep: float, threads: int) -> tuple[Train, Accuracy]:
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(threads)
    weights = [tuple(torch.tensor(start[k].transpose(3, 2, 0, 1).copy() if start[k].ndim == 4 else start[k])
                     for k in "wb") for start in work.weights()]  # fmt: skip

    def forward(h: Any, training: bool) -> Any:
        for layer, (w, b) in zip(work.layers, weights, strict=True):
            if isinstance(layer, Conv):
                total = max((-(-h.shape[2] // layer.stride) - 1) * layer.stride + layer.size - h.shape[2], 0)
                sides = (total // 2, total - total // 2) * 2
                h = torch.relu(F.conv2d(F.pad(h, sides), w, b, layer.stride))
                continue
            h = h.permute(0, 2, 3, 1).flatten(1) if h.ndim == 4 else h
            if layer is work.layers[-1]:
                h = F.linear(F.dropout(h, 1 - keep, training), w.T, b)
            else:
                h = torch.relu(F.linear(h, w.T, b))
        return h

    def fed(images: np.ndarray) -> Any:
        x = torch.from_numpy(images)
        return x.permute(0, 3, 1, 2) if x.ndim == 4 else x

    parameters = [p.requires_grad_() for pair in weights for p in pair]
    optimizer = torch.optim.Adam(parameters, lr=1.0)

    def train(images: np.ndarray, labels: np.ndarray, now: float) -> None:
        optimizer.param_groups[0]["lr"] = now
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(forward(fed(images), True), torch.from_numpy(labels)).backward()
        optimizer.step()

    def accuracy(images: np.ndarray, labels: np.ndarray) -> float:
        with torch.no_grad():
            return float((forward(fed(images), False).argmax(1).numpy() == labels.argmax(1)).mean())

    return train, accuracy


def jax(work: Network, keep: float, threads: int) -> tuple[Train, Accuracy]:
    import jax
    import jax.numpy as jnp
    from jax import lax

    def forward(weights: Any, h: Any, key: Any = None) -> Any:
        for layer, (w, b) in zip(work.layers, weights, strict=True):
            if isinstance(layer, Conv):
                h = lax.conv_general_dilated(h, w, (layer.stride,) * 2, "SAME",
                                             dimension_numbers=("NHWC", "HWIO", "NHWC"))  # fmt: skip
                h = jax.nn.relu(h + b)
                continue
            h = h.reshape(h.shape[0], -1)
            if layer is work.layers[-1]:
                if key is not None and keep < 1:
                    h = jnp.where(jax.random.bernoulli(key, keep, h.shape), h / keep, 0)
                h = h @ w + b
            else:
                h = jax.nn.relu(h @ w + b)
        return h

    def loss_of(weights: Any, key: Any, x: Any, y: Any) -> Any:
        return -(y * jax.nn.log_softmax(forward(weights, x, key))).sum(1).mean()

    def update(state: Any, x: Any, y: Any, now: Any) -> Any:
        weights, m, v, t, key = state
        key, drawn = jax.random.split(key)
        grads = jax.grad(loss_of)(weights, drawn, x, y)
        tree, t = jax.tree_util.tree_map, t + 1
        m = tree(lambda a, g: 0.9 * a + 0.1 * g, m, grads)
        v = tree(lambda a, g: 0.999 * a + 0.001 * g * g, v, grads)
        now = now * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        return tree(lambda w, a, b: w - now * a / (jnp.sqrt(b) + 1e-8), weights, m, v), m, v, t, key

    weights = [tuple(jnp.asarray(start[k]) for k in "wb") for start in work.weights()]
    zeros = [jax.tree_util.tree_map(jnp.zeros_like, weights) for _ in range(2)]
    state = [(weights, *zeros, jnp.float32(0), jax.random.PRNGKey(0))]
    jitted = jax.jit(update, donate_argnums=0)
    right = jax.jit(lambda weights, x, y: (forward(weights, x).argmax(1) == y.argmax(1)).mean())

    def train(images: np.ndarray, labels: np.ndarray, now: float) -> None:
        state[0] = jitted(state[0], images, labels, np.float32(now))

    return train, lambda images, labels: float(right(state[0][0], images, labels))


PROGRAMS: dict[str, Program] = {"graphflow": graphflow, "tensorflow": tensorflow, "torch": torch, "jax": jax}
