"""How long a step of each network of mnist.py takes: here, and in TensorFlow, PyTorch and JAX.

    python examples/peers.py torch [--models convnet relu]

TensorFlow runs the graph that mnist.py builds.  For PyTorch (eager) and JAX (jit) the networks are written down once
more, as lists of layers.  Steps run on all CPUs; images go in as NumPy arrays.  What is printed is JSON: milliseconds.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Step = Callable[[np.ndarray, np.ndarray], Any]
RATE, SECONDS, FEWEST = 0.001, 0.5, 5  # for so many seconds, and at least so many steps


# -- the networks: ("dense", units), ("conv", size, channels, stride), ("keep", share), or one of the names below -----
NORM, RELU = ("norm",), ("relu",)


def five_layers(*after: tuple) -> list[tuple]:
    return [layer for units in (200, 100, 60, 30) for layer in (("dense", units), *after)] + [("dense", 10)]


def convnet(*sizes: tuple, norm: Sequence[tuple] = (), keep: Sequence[tuple] = ()) -> list[tuple]:
    convolutions = [layer for size in sizes for layer in (("conv", *size), *norm, RELU)]
    return [*convolutions, ("dense", 200), *norm, RELU, *keep, ("dense", 10)]


NETWORKS = {
    "softmax": [("dense", 10)],
    "sigmoid": five_layers(("sigmoid",)),
    "relu": five_layers(RELU),
    "decay": five_layers(RELU),
    "dropout": five_layers(RELU, ("keep", 0.75)),
    "batchnorm": five_layers(NORM, RELU),
    "convnet": convnet((5, 4, 1), (5, 8, 2), (4, 12, 2)),
    "convnet-dropout": convnet((6, 6, 1), (5, 12, 2), (4, 24, 2), keep=[("keep", 0.75)]),
    "convnet-batchnorm": convnet((6, 24, 1), (5, 48, 2), (4, 64, 2), norm=[NORM], keep=[("keep", 0.5)]),
}


# -- graphflow and TensorFlow: one program ----------------------------------------------------------------------------
def in_graphflow(name: str) -> Step:
    import mnist

    tf = mnist.tf
    with tf.Graph().as_default():
        x, y, rate, train, _ = mnist.build(mnist.MODELS[name])
        session = tf.Session()
        session.run(tf.global_variables_initializer())
    return lambda images, labels: session.run(train, {x: images, y: labels, rate: RATE})


def in_tensorflow(name: str) -> Step:
    import tensorflow.compat.v1 as tf

    import graphflow.datasets.mnist  # noqa: F401  (mnist.py gets its reader of images from graphflow)

    tf.disable_v2_behavior()
    sys.modules["graphflow"] = tf  # and everything else from TensorFlow
    return in_graphflow(name)


# -- PyTorch ----------------------------------------------------------------------------------------------------------
def torch_network(layers: list[tuple]) -> Any:
    """The same as modules; images are [n, 1, 28, 28]."""
    from torch import nn

    modules, shape = [], (1, 28, 28)
    for kind, *numbers in layers:
        if kind == "dense":
            modules += [nn.Flatten(), nn.Linear(math.prod(shape), numbers[0])]
            shape = (numbers[0],)
        elif kind == "conv":
            size, channels, stride = numbers
            before = (size - stride) // 2  # SAME: an odd line goes to the right and to the bottom
            after = size - stride - before
            modules += [nn.ZeroPad2d((before, after, before, after)), nn.Conv2d(shape[0], channels, size, stride)]
            shape = (channels, shape[1] // stride, shape[2] // stride)
        elif kind == "norm":
            modules.append((nn.BatchNorm1d if len(shape) == 1 else nn.BatchNorm2d)(shape[0], momentum=0.01))
            modules[-1].weight.requires_grad_(False)  # no scale: the next layer has one
        elif kind == "keep":
            modules.append(nn.Dropout(1 - numbers[0]))
        else:
            modules.append({"relu": nn.ReLU, "sigmoid": nn.Sigmoid}[kind]())
    return nn.Sequential(*modules)


def in_torch(name: str) -> Step:
    import torch
    from torch.nn.functional import cross_entropy

    torch.set_num_threads(os.cpu_count())
    network = torch_network(NETWORKS[name])
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimizer = (torch.optim.SGD if name == "softmax" else torch.optim.Adam)(parameters, lr=RATE)

    def step(images: np.ndarray, labels: np.ndarray) -> None:
        x = torch.from_numpy(images.reshape(-1, 1, 28, 28))
        optimizer.zero_grad()
        cross_entropy(network(x), torch.from_numpy(labels), reduction="sum").backward()
        optimizer.step()

    return step


# -- JAX --------------------------------------------------------------------------------------------------------------
def jax_weights(layers: list[tuple]) -> list[dict[str, np.ndarray]]:
    """Initial weights of each layer; images are [n, 28, 28, 1]."""
    rng, weights, shape = np.random.default_rng(0), [], (28, 28, 1)
    for kind, *numbers in layers:
        made = {}
        if kind == "norm":
            made = {"offset": np.zeros(shape[-1])}
        elif kind in ("dense", "conv"):
            units = numbers[0] if kind == "dense" else numbers[1]
            rows = (math.prod(shape),) if kind == "dense" else (numbers[0], numbers[0], shape[2])
            made = {"w": rng.normal(0, 0.1, (*rows, units)), "b": np.zeros(units)}
            shape = (units,) if kind == "dense" else (shape[0] // numbers[2], shape[1] // numbers[2], units)
        weights.append({key: np.float32(value) for key, value in made.items()})
    return weights


def in_jax(name: str) -> Step:
    import jax
    import jax.numpy as jnp
    from jax import lax

    layers, tree = NETWORKS[name], jax.tree_util.tree_map

    def forward(weights: list, h: Any, key: Any) -> tuple[Any, list]:
        moments = []
        for i, ((kind, *numbers), own) in enumerate(zip(layers, weights, strict=True)):
            if kind == "dense":
                h = h.reshape(h.shape[0], -1) @ own["w"] + own["b"]
            elif kind == "conv":
                h = lax.conv_general_dilated(h, own["w"], (numbers[2],) * 2, "SAME",
                                             dimension_numbers=("NHWC", "HWIO", "NHWC")) + own["b"]  # fmt: skip
            elif kind == "norm":
                axes = tuple(range(h.ndim - 1))
                moments.append((h.mean(axes), h.var(axes)))
                h = (h - moments[-1][0]) * lax.rsqrt(moments[-1][1] + 1e-5) + own["offset"]
            elif kind == "keep":
                kept = jax.random.bernoulli(jax.random.fold_in(key, i), numbers[0], h.shape)
                h = jnp.where(kept, h / numbers[0], 0)
            else:
                h = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}[kind](h)
        return h, moments

    def loss(weights: list, x: Any, y: Any, key: Any) -> tuple[Any, list]:
        logits, moments = forward(weights, x, key)
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1).sum(), moments

    def descend(state: dict, x: Any, y: Any) -> dict:
        key, drawn = jax.random.split(state["key"])
        slopes, moments = jax.grad(loss, has_aux=True)(state["weights"], x, y, drawn)
        averages = tree(lambda kept, now: 0.99 * kept + 0.01 * now, state["averages"], moments)
        if name == "softmax":
            m, v, t, steps = state["m"], state["v"], state["t"], tree(lambda g: RATE * g, slopes)
        else:  # Adam
            t = state["t"] + 1
            m = tree(lambda a, g: 0.9 * a + 0.1 * g, state["m"], slopes)
            v = tree(lambda a, g: 0.999 * a + 0.001 * g * g, state["v"], slopes)
            rate = RATE * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            steps = tree(lambda a, b: rate * a / (jnp.sqrt(b) + 1e-8), m, v)
        weights = tree(lambda w, change: w - change, state["weights"], steps)
        return {"weights": weights, "averages": averages, "m": m, "v": v, "t": t, "key": key}

    weights = jax_weights(layers)
    channels = [own["offset"] for own in weights if "offset" in own]
    state = {"weights": weights, "averages": [(c, c + 1) for c in channels], "m": tree(np.zeros_like, weights),
             "v": tree(np.zeros_like, weights), "t": np.float32(0), "key": jax.random.PRNGKey(0)}  # fmt: skip
    compiled = jax.jit(descend, donate_argnums=0)

    def step(images: np.ndarray, labels: np.ndarray) -> None:
        nonlocal state
        state = jax.block_until_ready(compiled(state, images, labels))

    return step


# -- the clock --------------------------------------------------------------------------------------------------------
FRAMEWORKS = {"graphflow": in_graphflow, "tensorflow": in_tensorflow, "torch": in_torch, "jax": in_jax}


def milliseconds(step: Step) -> float:
    """The median time of a step with a batch of 100 images, after two that warm up."""
    rng = np.random.default_rng(0)
    images, labels = rng.random((100, 28, 28, 1), np.float32), rng.integers(0, 10, 100)
    times: list[float] = []
    for _ in range(2):
        step(images, labels)
    while sum(times) < SECONDS or len(times) < FEWEST:
        start = time.perf_counter()
        step(images, labels)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("framework", choices=FRAMEWORKS)
    parser.add_argument("--models", nargs="+", choices=NETWORKS, default=list(NETWORKS), metavar="MODEL")
    options = parser.parse_args(arguments)
    make = FRAMEWORKS[options.framework]
    print(json.dumps({name: milliseconds(make(name)) for name in options.models}))


if __name__ == "__main__":
    main()
