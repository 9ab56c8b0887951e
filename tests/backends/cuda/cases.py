"""Small programs that together need every kind of kernel that the CUDA backend has: name -> (fetches, feeds)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import graphflow as tf
from graphflow import train
from graphflow.operation import Tensor

Case = Callable[[np.random.Generator], tuple[list[Tensor], dict[Tensor, np.ndarray]]]
CASES: dict[str, Case] = {}


def _fed(rng: np.random.Generator, shapes: Any, dtype: str = "float32") -> dict[Tensor, np.ndarray]:
    feeds = {}
    for shape in shapes:
        value = rng.integers(-5, 6, shape) if dtype[0] in "iu" else rng.uniform(-2, 2, shape)
        feeds[tf.placeholder(dtype, shape)] = value.astype(dtype)
    return feeds


def case(name: str, function: Callable, *shapes: tuple[int, ...], dtype: str = "float32") -> None:
    """A function of tensors of these shapes."""

    def make(rng: np.random.Generator) -> tuple[list[Tensor], dict[Tensor, np.ndarray]]:
        feeds = _fed(rng, shapes, dtype)
        made = function(*feeds)
        return list(made) if isinstance(made, (list, tuple)) else [made], feeds

    assert name not in CASES
    CASES[name] = make


def gradient(name: str, function: Callable, *shapes: tuple[int, ...]) -> None:
    """A function's gradients, weighted unevenly."""

    def grads(*xs: Tensor) -> list[Tensor]:
        y = function(*xs)
        weights = tf.reshape(tf.range(tf.size(y), dtype=tf.int32), tf.shape(y))
        found = tf.gradients(y, list(xs), grad_ys=[tf.cast(weights, y.dtype) * 0.1 + 1.0])
        return [tf.convert_to_tensor(g) for g in found]

    case(name, grads, *shapes)


# -- regions -----------------------------------------------------------------------------------------------------------
case("a + b", lambda a, b: a + b, (3, 5), (5,))
case("broadcast both ways", lambda a, b: tf.exp(-a * a) + b * 2, (3, 1), (1, 7))
case("rows and columns", lambda a, b, c: a * b + c, (2, 3, 5), (3, 1), (2, 1, 5))
case("scalars", lambda a: tf.sqrt(tf.abs(a)) + 1, ())
case("empty", lambda a: tf.nn.relu(a), (0, 3))
case("float64", lambda a: tf.tanh(a) * tf.sigmoid(a), (2, 3), dtype="float64")
for shapes in (((8,),), ((13,), ()), ((3, 8), (8,)), ((3, 8), (3, 1)), ((5, 6), (6,)), ((2, 3, 4), (3, 1)),
               ((2, 2, 3, 8), (2, 1, 1, 8), (2, 3, 1))):  # fmt: skip
    case(f"neighbours of {shapes}", lambda *xs: [tf.sigmoid(tf.add_n(list(xs[:1])) * 3.0) + sum(xs), xs[0] > xs[-1]],
         *shapes)  # fmt: skip
case("neighbours of several sizes", lambda a: [tf.cast(a > 3, tf.float64), tf.cast(a, tf.float32) / 3, -a, a > 0],
     (27,), dtype="int8")  # fmt: skip
case("int32", lambda a, b: [a + b * 3, a // 3, a % 4, tf.abs(a), a - b], (7,), (7,), dtype="int32")
case("int64 by a number", lambda a: [a // -3, a % -3, a * a], (40,), dtype="int64")
case("uint8", lambda a: [a + a, tf.cast(a, tf.float32) / 2], (9,), dtype="uint8")
case("casts", lambda a: [tf.cast(a, d) for d in (tf.float64, tf.int32, tf.bool, tf.int8)], (9,))
case("compared", lambda a, b: [a < b, tf.equal(a, b), tf.where(a > b, a, b), (a > 0) & (b > 0)], (4, 3), (4, 3))
case("functions", lambda a: [
    tf.sin(a), tf.cos(a), tf.tan(a / 2), tf.atan(a), tf.sinh(a), tf.cosh(a), tf.erf(a), tf.erfc(a), tf.expm1(a),
    tf.log1p(tf.abs(a)), tf.floor(a), tf.ceil(a), tf.round(a), tf.rsqrt(tf.abs(a) + 1), tf.sign(a), tf.asinh(a),
    tf.acosh(tf.abs(a) + 1), tf.atanh(a / 3), tf.asin(a / 3), tf.acos(a / 3), tf.nn.softplus(a), tf.nn.elu(a),
    tf.nn.selu(a), tf.nn.relu6(a * 4), tf.nn.softsign(a), tf.log(tf.abs(a) + 0.1),
], (5,))  # fmt: skip
case("powers", lambda a, b: [tf.pow(tf.abs(a), b), tf.floormod(a, b), tf.atan2(a, b), tf.maximum(a, b),
                             tf.minimum(a, b), tf.squared_difference(a, b)], (6,), (6,))  # fmt: skip
case("bits", lambda a, b: [tf.bitwise.bitwise_and(a, b), tf.bitwise.bitwise_xor(a, b), tf.bitwise.invert(a)],
     (6,), (6,), dtype="int32")  # fmt: skip
case("random", lambda: [
    tf.random_uniform((3, 5), -1, 2, seed=1), tf.random_normal((3, 5), seed=2), tf.truncated_normal((7,), seed=3),
    tf.random_normal((4,), dtype=tf.float64, seed=5),
    tf.nn.dropout(tf.ones((4, 5)), 0.5, seed=6),
])  # fmt: skip

# -- reductions --------------------------------------------------------------------------------------------------------
case("sum of rows", lambda a: tf.reduce_sum(a, 1), (3, 7))
case("sum of columns", lambda a: tf.reduce_sum(a, 0), (37, 3))
case("sum of all", lambda a: tf.reduce_sum(a), (17, 13))
case("sum of inner and outer axes", lambda a: tf.reduce_sum(a, [0, 2]), (3, 4, 5))
case("mean of images", lambda a: tf.reduce_mean(a, [0, 1, 2], keepdims=True), (2, 3, 4, 5))
case("extremes", lambda a: [tf.reduce_max(a, 1), tf.reduce_min(a, 0), tf.reduce_prod(a)], (5, 9))
case("any and all", lambda a: [tf.reduce_any(a > 1, 0), tf.reduce_all(a < 1, 1)], (5, 3))
case("of integers", lambda a: [tf.reduce_sum(a, 1), tf.reduce_max(a)], (5, 9), dtype="int32")
case("neighbours in rows", lambda a: [tf.reduce_sum(tf.tanh(a), 1), tf.reduce_max(a, 1), tf.reduce_all(a < 1, 1)],
     (3, 20))  # fmt: skip
case("neighbours in images", lambda a, b: [tf.reduce_mean(a * b, [1, 3]), tf.reduce_sum(a, [0, 2, 3])],
     (2, 3, 2, 8), (3, 1, 8))  # fmt: skip
case("neighbours in a large sum", lambda a, b: [tf.reduce_sum(tf.exp(a) - b), tf.reduce_mean(a * a, [0, 1])],
     (16, 18), (18,))  # fmt: skip
case("softmax of neighbours", lambda a: [tf.nn.softmax(a), tf.nn.log_softmax(a * 2)], (3, 12))
case("moments of neighbours", lambda a: tf.nn.moments(a, [1], keep_dims=True), (3, 64))
gradient("softmax's gradient of neighbours", tf.nn.softmax, (5, 12))
case("of nothing", lambda a: [tf.reduce_sum(a, 0), tf.reduce_max(a, 0)], (0, 3))
case("l2_loss", tf.nn.l2_loss, (19,))
case("softmax", tf.nn.softmax, (5, 11))
case("softmax of columns", lambda a: tf.nn.softmax(a, axis=0), (29, 3))
case("log softmax", tf.nn.log_softmax, (3, 4))
gradient("softmax's gradient", tf.nn.softmax, (5, 11))
case("cross entropy", lambda a, b: tf.nn.softmax_cross_entropy_with_logits(labels=tf.nn.softmax(b), logits=a),
     (5, 7), (5, 7))  # fmt: skip
case("sparse cross entropy", lambda a: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[1, 0, 6], logits=a),
     (3, 7))  # fmt: skip
case("moments", lambda a: tf.nn.moments(a, [0, 1, 2]), (2, 3, 3, 4))
case("batch norm", lambda a: tf.nn.fused_batch_norm(a, tf.ones(3), tf.zeros(3))[0], (4, 2, 2, 3))
gradient("bias and its gradient", lambda a, b: tf.nn.relu(a + b), (9, 4), (4,))

# -- products ----------------------------------------------------------------------------------------------------------
for flip_a in (False, True):
    for flip_b in (False, True):
        case(f"matmul {flip_a} {flip_b}",
             lambda a, b, fa=flip_a, fb=flip_b: tf.matmul(a, b, transpose_a=fa, transpose_b=fb),
             (5, 7) if flip_a else (7, 5), (3, 5) if flip_b else (5, 3))  # fmt: skip
case("matmul in parts", lambda a, b: tf.nn.relu(tf.matmul(a, b) + 0.5), (3, 300), (300, 2))
case("matmul larger", lambda a, b: tf.matmul(a, b), (33, 40), (40, 17))
case("matmul of 24 columns", lambda a, b: tf.matmul(a, b), (9, 10), (10, 24))
case("matmul of 12 columns", lambda a, b: tf.matmul(a, b), (3, 4), (4, 12))
case("matmul of no rows", lambda a, b, c: tf.nn.relu(tf.matmul(a, b) + c), (0, 3), (3, 2), (2,))
case("matmul of nothing in batches", lambda a, b: tf.matmul(a, b), (0, 2, 3), (3, 2))
case("losses of nothing", lambda a: tf.nn.softmax_cross_entropy_with_logits_v2(labels=a, logits=a), (0, 4))
case("layer", lambda a, b, c: tf.nn.relu(tf.matmul(a, b) + c), (6, 4), (4, 5), (5,))
case("matmul in batches", lambda a, b: [tf.matmul(a, b), tf.matmul(a, b[0])], (3, 2, 4), (3, 4, 2))
case("matmul of float64", lambda a, b: tf.matmul(a, b), (3, 4), (4, 2), dtype="float64")
case("matmul of float64 in parts", lambda a, b: tf.matmul(a, b, transpose_b=True), (3, 40), (2, 40), dtype="float64")
case("conv2d of float64", lambda x, f: tf.nn.conv2d(x, f, [1, 2, 2, 1], "SAME"), (1, 5, 5, 2), (3, 3, 2, 2),
     dtype="float64")  # fmt: skip
case("matmul of int32", lambda a, b: tf.matmul(a, b), (3, 4), (4, 2), dtype="int32")
case("einsum", lambda a, b: tf.einsum("ij,jk->ik", a, b), (3, 4), (4, 2))

# -- images ------------------------------------------------------------------------------------------------------------
for name, x, f, strides, padding, rates in (
    ("same", (2, 5, 6, 2), (3, 3, 2, 3), 1, "SAME", 1), ("valid", (1, 5, 5, 3), (2, 3, 3, 2), 1, "VALID", 1),
    ("strided", (2, 7, 6, 2), (3, 2, 2, 2), 2, "SAME", 1), ("dilated", (1, 7, 7, 1), (2, 2, 1, 2), 1, "SAME", 2),
    ("strided 5x5 same", (1, 7, 5, 4), (5, 5, 4, 3), 2, "SAME", 1),
    ("strided 5x5 valid", (1, 8, 7, 1), (5, 5, 1, 4), 2, "VALID", 1),
    ("strided 4x4 same", (1, 7, 6, 3), (4, 4, 3, 4), 2, "SAME", 1),
    ("strided 4x4 valid", (1, 9, 6, 2), (4, 4, 2, 2), 2, "VALID", 1),
    ("1x1", (1, 3, 4, 4), (1, 1, 4, 24), 1, "SAME", 1),
    ("1x1 of every third", (1, 5, 7, 3), (1, 1, 3, 4), 3, "SAME", 1),
    ("of fewer than the stride", (1, 8, 7, 2), (2, 1, 2, 4), 3, "VALID", 1),
):  # fmt: skip
    convolve = lambda x, f, s=strides, p=padding, d=rates: tf.nn.relu(
        tf.nn.conv2d(x, f, [1, s, s, 1], p, dilations=[1, d, d, 1]) + 0.1
    )
    case(f"conv2d {name}", convolve, x, f)
    gradient(f"conv2d {name}'s gradients", convolve, x, f)
for kind in (tf.nn.max_pool, tf.nn.avg_pool):
    for size, stride, padding in ((2, 2, "VALID"), (3, 2, "SAME"), (2, 1, "SAME")):
        pool = lambda x, kind=kind, k=size, s=stride, p=padding: kind(x, [1, k, k, 1], [1, s, s, 1], p) * 2
        case(f"{kind.__name__} {size} {stride} {padding}", pool, (2, 5, 4, 3))
        gradient(f"{kind.__name__} {size} {stride} {padding}'s gradient", pool, (2, 5, 4, 3))
for q, stride in ((1, 1), (2, 2)):
    deep = lambda x, f, s=stride: tf.nn.depthwise_conv2d(x, f, [1, s, s, 1], "SAME")
    case(f"depthwise {q} {stride}", deep, (2, 4, 5, 3), (3, 2, 3, q))
    gradient(f"depthwise {q} {stride}'s gradients", deep, (2, 4, 5, 3), (3, 2, 3, q))

# -- moving, picking, sorting ------------------------------------------------------------------------------------------
case("transpose", lambda a: [tf.transpose(a), tf.transpose(a, [1, 0, 2])], (2, 3, 4))
case("slices", lambda a: [a[1:, ::2], a[:, -1], a[::-1], tf.slice(a, [1, 0], [2, 3])], (4, 5))
case("slices from tensors", lambda a, b: [a[tf.cast(b[0] * 0 + 2, tf.int32)],
                                          tf.slice(a, [tf.cast(b[0] * 0 + 1, tf.int32), 0], [2, 2])],
     (4, 5), (1,))  # fmt: skip
case("reverse and tile", lambda a: [tf.reverse(a, [0]), tf.tile(a, [2, 3])], (2, 3))
case("pad", lambda a: [tf.pad(a, [[1, 0], [0, 2]]), tf.pad(a, [[1, 1], [2, 1]], "REFLECT"),
                       tf.pad(a, [[1, 1], [2, 1]], "SYMMETRIC"), tf.pad(a, [[1, 0], [0, 2]], constant_values=3)],
     (3, 4))  # fmt: skip
case("join", lambda a, b: [tf.concat([a, b, a], 1), tf.stack([a, b], 1)], (2, 3), (2, 3))
case("part", lambda a: [*tf.split(a, 3, 1), *tf.unstack(a), *tf.split(a, [1, 5], 1)], (2, 6))
gradient("slices' gradient", lambda a: a[1:, ::2], (4, 5))
gradient("moving slices' gradient", lambda a: a[tf.cast(a[0, 0] * 0.0, tf.int32) - 1, ::2], (4, 5))
case("arg extremes", lambda a: [tf.argmax(a, 1), tf.argmin(a, 0)], (4, 5))
case("one_hot and range", lambda a: [tf.one_hot(tf.argmax(a, 1), 5), tf.range(1, 12, 3),
                                     tf.one_hot([[1, 3]], 4, axis=0)], (3, 5))  # fmt: skip
case("gather", lambda a: [tf.gather(a, [2, 0, 2]), tf.gather(a, [1, 0], axis=1), tf.gather_nd(a, [[1, 2], [0, 0]])],
     (3, 4))  # fmt: skip
gradient("gather's gradient", lambda a: tf.gather(a, [2, 0, 2, 2]), (3, 4))
case("scatter", lambda a: [tf.scatter_nd([[3], [1], [3]], a, [5, 2]),
                           tf.tensor_scatter_update(tf.ones((4, 2)), [[0], [2], [0]], a),
                           tf.tensor_scatter_add(tf.ones((4, 2)), [[0], [2], [0]], a)], (3, 2))  # fmt: skip
case("segments", lambda a: [tf.unsorted_segment_sum(a, [0, 0, 1, 3], 4), tf.unsorted_segment_max(a, [1, 0, 1, -1], 3),
                            tf.unsorted_segment_prod(a, [1, 0, 1, 1], 2)], (4, 3))  # fmt: skip
case("sort", lambda a: [tf.sort(a), tf.argsort(a, direction="DESCENDING"), *tf.nn.top_k(a, 3)], (2, 7))
case("sort integers", lambda a: [tf.sort(a, direction="DESCENDING"), tf.argsort(a, stable=True)], (11,), dtype="int32")
gradient("top_k's gradient", lambda a: tf.nn.top_k(a, 2)[0], (3, 5))
case("in_top_k", lambda a: tf.nn.in_top_k(a, [0, 4, 2], 2), (3, 5))
case("running", lambda a: [tf.cumsum(a, 1), tf.cumprod(a, 0), tf.cumsum(a, 0, exclusive=True, reverse=True)], (3, 4))


# -- loops -------------------------------------------------------------------------------------------------------------
def _steps(a: Tensor, b: Tensor) -> list[Tensor]:
    return tf.while_loop(
        lambda i, s, x: (i < 30) & (s < 4.0),
        lambda i, s, x: (i + 1, s * 1.1, tf.tanh(x) * b + tf.cast(i, tf.float32) * s), [0, tf.constant(1.0), a],
    )  # fmt: skip


case("a loop at every point", _steps, (3, 5), (5,))
case("rows of a loop", lambda a, b: tf.scan(lambda x, r: x * 0.9 + tf.sin(r) * b, a), (12, 3, 5), (3, 1))
case("rows in reverse", lambda a: tf.scan(lambda x, r: x - r, a, reverse=True), (12, 5), dtype="int32")
gradient("through rows of a loop", lambda a: tf.scan(lambda x, r: tf.sin(x) + r * r, a), (12, 5))


# -- variables ---------------------------------------------------------------------------------------------------------
def _rows(how: str) -> Callable[[Tensor], list[Tensor]]:
    def rows(a: Tensor) -> list[Tensor]:
        v = tf.Variable(np.arange(8, dtype=np.float32).reshape(4, 2) + 1)
        with tf.control_dependencies([v.initializer]):
            return [getattr(tf, f"scatter_{how}")(v, [2, 0, 2], a)]

    return rows


for how in ("update", "add", "sub", "mul", "div", "max", "min"):
    case(f"scatter_{how}", _rows(how), (3, 2))


def _trained(optimizer: Callable[[], Any]) -> Callable[[Tensor], list[Tensor]]:
    def trained(x: Tensor) -> list[Tensor]:
        w, b = tf.Variable(tf.ones((3, 2)) / 3), tf.Variable(tf.zeros(2))
        loss = tf.reduce_mean(tf.square(tf.matmul(x, w) + b - 1))
        made = optimizer()
        grads = made.compute_gradients(loss, [w, b])
        step = made.apply_gradients(grads)
        with tf.control_dependencies([step]):
            return [w.read_value(), b.read_value()]

    return trained


for name, optimizer in {
    "sgd": lambda: train.GradientDescentOptimizer(0.1), "momentum": lambda: train.MomentumOptimizer(0.1, 0.9),
    "adam": lambda: train.AdamOptimizer(0.1), "adagrad": lambda: train.AdagradOptimizer(0.1),
    "rmsprop": lambda: train.RMSPropOptimizer(0.1), "adadelta": lambda: train.AdadeltaOptimizer(0.1),
    "ftrl": lambda: train.FtrlOptimizer(0.1),
}.items():  # fmt: skip
    case(name, _trained(optimizer), (4, 3))


def _many(a: Tensor) -> list[Tensor]:
    variables = [tf.Variable(tf.ones((1 + k % 3,)) / (k + 1)) for k in range(70)]
    loss = tf.add_n([tf.reduce_sum(tf.square(v) * a) for v in variables])
    with tf.control_dependencies([train.AdamOptimizer(0.1).minimize(loss)]):
        return [tf.concat([v.read_value() for v in variables], 0)]


case("more variables than a kernel has parameters for", _many, (1,))
