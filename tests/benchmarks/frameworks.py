"""The workloads built on each framework.  A builder gives a function that does one step and returns a number or array.

Feeds go in and results come out as NumPy arrays where a program would do so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks import recurrent
from tests.benchmarks.recurrent import Counting, Recurrent
from tests.benchmarks.workloads import RATE, Conv, Layer, Network, Pool, Product

Step = Callable[[], Any]


# -- graphflow and TensorFlow: one program ---------------------------------------------------------------------------
def _tensorflow_like(tf: Any, work: Any, threads: int, **session: Any) -> Step:
    graph = tf.Graph()
    with graph.as_default():
        if isinstance(work, Network):
            images, labels = work.data()
            x = tf.placeholder(tf.float32, [None, *work.image])
            y = tf.placeholder(tf.float32, [None, 10])
            fetches = _network(tf, work, x, y)
            feeds = {x: images, y: labels} if work.optimizer else {x: images}
        elif isinstance(work, (Recurrent, Counting)):
            fetches, feeds = recurrent.tensorflow_like(tf, work)
        else:
            arrays = work.arrays()
            holders = [tf.placeholder(tf.float32, a.shape) for a in arrays]
            feeds = dict(zip(holders, arrays, strict=True))
            if isinstance(work, Layer):
                w, b = (tf.Variable(v) for v in arrays[1:])
                feeds = {holders[0]: arrays[0]}
                fetches = tf.nn.relu(tf.matmul(holders[0], w) + b)
            elif isinstance(work, Product):
                variables = [tf.Variable(v) for v in arrays]
                feeds, fetches = {}, tf.matmul(*variables)
                fetches = fetches if work.fetched else fetches.op
            else:
                z = tf.Variable(arrays[0])
                feeds = {}
                fetches = tf.reduce_sum(tf.tanh(z) * tf.sigmoid(z) + 2.0 * tf.exp(-tf.square(z)) - z)
        start = tf.global_variables_initializer()
    config = tf.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads)
    session = tf.Session(graph=graph, config=config, **session)
    session.run(start)
    if isinstance(fetches, tuple):
        return lambda: session.run(fetches, feeds)[0]
    if not getattr(work, "fetched", True):
        return lambda: session.run(fetches) or work.size**2
    return lambda: session.run(fetches, feeds)


def _network(tf: Any, work: Network, x: Any, y: Any) -> Any:
    h = x
    for layer, start in zip(work.layers, work.weights(), strict=True):
        if isinstance(layer, Pool):
            h = tf.nn.max_pool(h, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
            continue
        w, b = tf.Variable(start["w"]), tf.Variable(start["b"])
        if isinstance(layer, Conv):
            h = tf.nn.conv2d(h, w, [1, layer.stride, layer.stride, 1], "SAME")
            if layer.normalized:
                mean, variance = tf.nn.moments(h, [0, 1, 2])
                h = tf.nn.batch_normalization(h, mean, variance, b, tf.Variable(start["g"]), 1e-3)
            else:
                h = h + b
            h = tf.nn.relu(h)
        else:
            rank = len(h.shape)
            h = h if rank == 2 else tf.reshape(h, [-1, start["w"].shape[0]])
            h = tf.matmul(h, w) + b
            h = h if layer is work.layers[-1] else tf.nn.relu(h)
    if not work.optimizer:
        return tf.argmax(h, 1)
    loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(logits=h, labels=tf.stop_gradient(y)))
    optimizers = {"sgd": tf.train.GradientDescentOptimizer, "adam": tf.train.AdamOptimizer}
    return loss, optimizers[work.optimizer](RATE).minimize(loss)


def graphflow(work: Any, threads: int) -> Step:
    import graphflow as tf

    return _tensorflow_like(tf, work, threads)


def graphflow_cuda(work: Any, threads: int) -> Step:
    import graphflow as tf

    return _tensorflow_like(tf, work, threads, backend="cuda")


def tensorflow(work: Any, threads: int) -> Step:
    import tensorflow.compat.v1 as tf

    tf.disable_v2_behavior()
    return _tensorflow_like(tf, work, threads)


# -- PyTorch -----------------------------------------------------------------------------------------------------------
def torch_eager(work: Any, threads: int, compiled: bool = False, device: str = "cpu") -> Step:
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(threads)
    if isinstance(work, (Recurrent, Counting)):
        return recurrent.torch(work, device)
    wrap = torch.compile if compiled else lambda f: f
    if not isinstance(work, Network):
        arrays = [torch.from_numpy(a).to(device) for a in work.arrays()]
        if isinstance(work, Layer):
            call = wrap(lambda x, w, b: torch.relu(x @ w + b))
        elif isinstance(work, Product):
            call = wrap(lambda a, b: a @ b)
        else:
            call = wrap(lambda z: (torch.tanh(z) * torch.sigmoid(z) + 2 * torch.exp(-z * z) - z).sum())

        def run() -> Any:
            with torch.no_grad():
                made = call(*arrays)
                if getattr(work, "fetched", True):
                    return made.cpu().numpy()
                torch.cuda.synchronize()
                return made.numel()

        return run
    images, labels = work.data()
    weights: list[dict[str, Any]] = []
    for start in work.weights():
        turned = {k: v.transpose(3, 2, 0, 1).copy() if v.ndim == 4 else v for k, v in start.items()}
        weights.append({k: torch.tensor(v, device=device) for k, v in turned.items()})
    used = [w for layer, w in zip(work.layers, weights, strict=True) if not isinstance(layer, Pool)]
    parameters = [w[k] for w, layer in zip(used, [c for c in work.layers if not isinstance(c, Pool)], strict=True)
                  for k in ("w", "b", "g") if k != "g" or getattr(layer, "normalized", False)]  # fmt: skip

    def forward(x: Any) -> Any:
        h = x
        for layer, w in zip(work.layers, weights, strict=True):
            if isinstance(layer, Pool):
                h = F.max_pool2d(h, 2, ceil_mode=True)
            elif isinstance(layer, Conv):
                total = max((-(-h.shape[2] // layer.stride) - 1) * layer.stride + layer.size - h.shape[2], 0)
                low, high = total // 2, total - total // 2
                h = F.conv2d(
                    F.pad(h, (low, high, low, high)), w["w"], None if layer.normalized else w["b"], layer.stride
                )
                if layer.normalized:
                    h = F.batch_norm(h, None, None, w["g"], w["b"], training=True, eps=1e-3)
                h = torch.relu(h)
            else:
                if h.ndim == 4:
                    h = h.permute(0, 2, 3, 1).reshape(h.shape[0], -1)
                h = h @ w["w"] + w["b"]
                h = h if layer is work.layers[-1] else torch.relu(h)
        return h

    forward = wrap(forward)

    def fed(a: np.ndarray) -> Any:
        t = torch.from_numpy(a).to(device)
        return t.permute(0, 3, 1, 2).contiguous() if t.ndim == 4 else t

    if not work.optimizer:

        def infer() -> Any:
            with torch.no_grad():
                return forward(fed(images)).argmax(1).cpu().numpy()

        return infer
    for p in parameters:
        p.requires_grad_()
    kinds = {"sgd": lambda p: torch.optim.SGD(p, lr=RATE), "adam": lambda p: torch.optim.Adam(p, lr=RATE)}
    optimizer = kinds[work.optimizer](parameters)

    def step() -> Any:
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(forward(fed(images)), torch.from_numpy(labels).to(device))
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def torch_compile(work: Any, threads: int) -> Step:
    return torch_eager(work, threads, compiled=True)


def torch_cuda(work: Any, threads: int) -> Step:
    """In float32 as everywhere: convolutions in TF32 are torch's default."""
    import torch

    torch.backends.cudnn.allow_tf32 = False
    return torch_eager(work, threads, device="cuda")


# -- JAX ---------------------------------------------------------------------------------------------------------------
def jax(work: Any, threads: int) -> Step:
    import jax
    import jax.numpy as jnp
    from jax import lax

    if isinstance(work, (Recurrent, Counting)):
        return recurrent.jax(work)
    if not isinstance(work, Network):
        arrays = [jnp.asarray(a) for a in work.arrays()]
        if isinstance(work, Layer):
            call = jax.jit(lambda x, w, b: jax.nn.relu(x @ w + b))
            image = work.arrays()[0]
            return lambda: np.asarray(call(image, *arrays[1:]))
        if isinstance(work, Product):
            call = jax.jit(lambda a, b: a @ b)
        else:
            call = jax.jit(lambda z: (jnp.tanh(z) * jax.nn.sigmoid(z) + 2 * jnp.exp(-z * z) - z).sum())
        if not getattr(work, "fetched", True):
            return lambda: call(*arrays).block_until_ready().size
        return lambda: np.asarray(call(*arrays))
    images, labels = work.data()
    parameters = [{k: jnp.asarray(v) for k, v in start.items()} for start in work.weights()]

    def forward(weights: Any, x: Any) -> Any:
        h = x
        for layer, w in zip(work.layers, weights, strict=True):
            if isinstance(layer, Pool):
                h = lax.reduce_window(h, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "SAME")
            elif isinstance(layer, Conv):
                h = lax.conv_general_dilated(h, w["w"], (layer.stride,) * 2, "SAME",
                                             dimension_numbers=("NHWC", "HWIO", "NHWC"))  # fmt: skip
                if layer.normalized:
                    mean, variance = h.mean((0, 1, 2)), h.var((0, 1, 2))
                    h = (h - mean) * lax.rsqrt(variance + 1e-3) * w["g"] + w["b"]
                else:
                    h = h + w["b"]
                h = jax.nn.relu(h)
            else:
                h = h.reshape(h.shape[0], -1) @ w["w"] + w["b"]
                h = h if layer is work.layers[-1] else jax.nn.relu(h)
        return h

    if not work.optimizer:
        infer = jax.jit(lambda weights, x: forward(weights, x).argmax(1))
        return lambda: np.asarray(infer(parameters, images))

    def loss_of(weights: Any, x: Any, y: Any) -> Any:
        return -(y * jax.nn.log_softmax(forward(weights, x))).sum(1).mean()

    def update(state: Any, x: Any, y: Any) -> Any:
        weights, m, v, t = state
        loss, grads = jax.value_and_grad(loss_of)(weights, x, y)
        tree = jax.tree_util.tree_map
        if work.optimizer == "sgd":
            return (tree(lambda w, g: w - RATE * g, weights, grads), m, v, t), loss
        t = t + 1
        m = tree(lambda a, g: 0.9 * a + 0.1 * g, m, grads)
        v = tree(lambda a, g: 0.999 * a + 0.001 * g * g, v, grads)
        rate = RATE * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        return (tree(lambda w, a, b: w - rate * a / (jnp.sqrt(b) + 1e-8), weights, m, v), m, v, t), loss

    zeros = jax.tree_util.tree_map(jnp.zeros_like, parameters)
    state = [(parameters, zeros, jax.tree_util.tree_map(jnp.zeros_like, zeros), jnp.float32(0))]
    jitted = jax.jit(update, donate_argnums=0)

    def step() -> Any:
        state[0], loss = jitted(state[0], images, labels)
        return float(loss)

    return step


def jax_cuda(work: Any, threads: int) -> Step:
    """In float32 as everywhere: TF32 is JAX's default."""
    import jax as module

    module.config.update("jax_default_matmul_precision", "highest")
    return jax(work, threads)


FRAMEWORKS: dict[str, Callable[[Any, int], Step]] = {
    "graphflow": graphflow, "tensorflow": tensorflow, "torch": torch_eager, "torch.compile": torch_compile, "jax": jax,
    "graphflow-cuda": graphflow_cuda, "torch-cuda": torch_cuda, "jax-cuda": jax_cuda,
}  # fmt: skip
