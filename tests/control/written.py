"""Programs with branches and loops, for tests of the GraphDefs that they are written to, and random ones."""

from __future__ import annotations

import numpy as np

import graphflow as tf

X = np.array([[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0]], np.float32)


def _x(rows=3):
    return tf.placeholder(tf.float32, [rows, 2], name="x")


def branches():
    """Results, constants and captured tensors of branches in branches; gradients through them."""
    x, b = _x(), tf.placeholder(tf.bool, [], name="b")
    inner = lambda a, c: lambda: tf.cond(b, lambda: x * a, lambda: tf.sin(x) + c)
    y, z = tf.cond(tf.reduce_sum(x) > 0, lambda: (inner(2.0, 1.0)(), x - 1.0), lambda: (inner(3.0, 5.0)(), x))
    return [y, z, *tf.gradients([y * z], x)], [{"x": s * X, "b": b} for s in (1, -1) for b in (True, False)]


def choices():
    """tf.case, and tf.switch_case also out of range."""
    i, x = tf.placeholder(tf.int32, [], name="i"), tf.constant(2.0)
    first = tf.case([(tf.equal(i, 0), lambda: x * 2), (tf.equal(i, 1), lambda: x + 10)], default=lambda: -x)
    second = tf.switch_case(i, [lambda: x * 3, lambda: tf.constant(7.0), lambda: -x])
    return [first, second, tf.switch_case(i, [lambda: x])], [{"i": k} for k in (0, 1, 2, 5)]


def loops():
    """Counters, limits, a shape that changes, and gradients."""
    x, n = _x(), tf.placeholder(tf.int32, [], name="n")
    w = tf.constant(1.5)
    i, y = tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, tf.tanh(a) * w + x), [0, x])
    z = tf.while_loop(lambda a: tf.reduce_sum(a) < 100, lambda a: a * 2.0, [x], maximum_iterations=n)
    grown = tf.while_loop(
        lambda a: tf.shape(a)[0] < 3 * n,
        lambda a: tf.concat([a, a], 0),
        [x],
        shape_invariants=[tf.TensorShape([None, 2])],
    )
    return [i, y, z, grown, *tf.gradients(y * z, [x, w])], [{"x": X, "n": k} for k in (0, 1, 5)]


def nested():
    """A loop and a branch in a loop, with the values that gradients keep."""
    x, n = _x(), tf.placeholder(tf.int32, [], name="n")

    def body(i, a):
        b = tf.while_loop(lambda j, b: j < i, lambda j, b: (j + 1, tf.sin(b) * x), [0, a])[1]
        return i + 1, tf.cond(tf.equal(i % 2, 0), lambda: b * a, lambda: tf.cos(b) + x)

    y = tf.while_loop(lambda i, a: i < n, body, [0, x])[1]
    return [y, *tf.gradients(y, x)], [{"x": X, "n": k} for k in (0, 1, 4)]


def functions():
    """map_fn, scan, foldl, foldr, and their gradients."""
    x = _x(None)
    found = [
        tf.map_fn(lambda r: r * r, x), tf.scan(lambda a, r: a * 0.5 + r, x), tf.foldl(lambda a, r: a + r * r, x),
        tf.scan(lambda a, r: a * 0.5 + r, x, initializer=tf.zeros([2]), reverse=True), tf.foldr(lambda a, r: a * r, x),
        *tf.map_fn(lambda r: (r[0] * 2.0, r[1]), (x, x), dtype=(tf.float32, tf.float32)),
    ]  # fmt: skip
    return [*found, *tf.gradients([t * t for t in found], x)], [{"x": X}, {"x": X[:1]}]


def arrays():
    """TensorArrays that loops write and read, and those of gradients."""
    x, n = _x(), tf.placeholder(tf.int32, [], name="n")
    grown = tf.TensorArray(tf.float32, size=0, dynamic_size=True)
    _, grown = tf.while_loop(
        lambda i, t: i < n, lambda i, t: (i + 1, t.write(i, x * tf.cast(i, tf.float32))), [0, grown]
    )
    rows, out = tf.TensorArray(tf.float32, size=3).unstack(x), tf.TensorArray(tf.float32, size=3)
    _, out = tf.while_loop(
        lambda i, t: i < 3, lambda i, t: (i + 1, t.write(i, rows.read(i) * rows.read(2 - i))), [0, out]
    )
    placed = tf.TensorArray(tf.float32, size=3).scatter([2, 0, 1], x)
    parts = tf.TensorArray(tf.float32, size=2, infer_shape=False).split(x, [1, 2])
    found = [grown.stack(), grown.concat(), out.stack(), placed.gather([0, 0, 2]), parts.read(1), parts.concat()]
    return [*found, grown.size(), *tf.gradients([t * t for t in found], x)], [{"x": X, "n": k} for k in (2, 5)]


def recurrent():
    """An LSTM over sequences of several lengths, and its gradient."""
    x, n = tf.placeholder(tf.float32, [None, 4, 3], name="x"), tf.placeholder(tf.int32, [None], name="n")
    cell = tf.nn.rnn_cell.LSTMCell(2, initializer=tf.constant_initializer(0.1))
    y, state = tf.nn.dynamic_rnn(cell, x, sequence_length=n, dtype=tf.float32)
    loss = tf.reduce_sum(y * y)
    feeds = {"x": np.linspace(-1, 1, 24, dtype=np.float32).reshape(2, 4, 3), "n": [4, 2]}
    return [y, *state, *tf.gradients(loss, [x, *tf.trainable_variables()])], [feeds]


def variables():
    """Reads and writes in branches and loops."""
    v, w = tf.Variable(1.0, name="v"), tf.Variable(0.5, name="w")
    b = tf.placeholder(tf.bool, [], name="b")
    y = tf.cond(b, lambda: tf.assign_add(v, w), lambda: tf.identity(v) * 10.0)

    def body(i):
        with tf.control_dependencies([tf.assign_add(w, 1.0)]):
            return i + 1

    with tf.control_dependencies([y]):
        i = tf.while_loop(lambda i: i < 3, body, [0])
    return [y, i], [{"b": True}, {"b": True}, {"b": False}]


def texts():
    """Strings, which no gradient keeps."""
    b = tf.placeholder(tf.bool, [], name="b")
    y = tf.cond(b, lambda: tf.constant("a"), lambda: tf.constant("b"))
    return [y, tf.map_fn(lambda s: tf.string_join([s, y]), tf.constant(["p", "q"]))], [{"b": True}, {"b": False}]


PROGRAMS = {
    f.__name__: f
    for f in (branches, choices, loops, nested, functions, arrays, recurrent, variables, texts)
}  # fmt: skip


# -- random programs ---------------------------------------------------------------------------------------------------
class _Random:
    """Programs over vectors x [3] and a counter n, made of a seed."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def program(self):
        x, n = tf.placeholder(tf.float32, [3], name="x"), tf.placeholder(tf.int32, [], name="n")
        y = self.value([x, x * 0.5], n, 3)
        gradients = [g for g in tf.gradients(y, x) if g is not None] if self.rng.integers(2) else []
        return [y, *gradients], [{"x": np.array([0.25, -0.5, 1.0], np.float32), "n": k} for k in (0, 1, 3)]

    def value(self, known, n, depth):
        """A vector made of known ones."""
        kind = self.rng.integers(7) if depth else self.rng.integers(3)
        a, b = (known[self.rng.integers(len(known))] for _ in range(2))
        if kind == 0:
            return tf.sin(a) + b
        if kind == 1:
            return a * tf.constant(self.rng.normal(size=3).astype(np.float32))
        if kind == 2:
            return tf.tanh(a - b)
        if kind in (3, 4):
            pred = tf.reduce_sum(a) > float(self.rng.normal()) if kind == 3 else tf.equal(n % 2, 0)
            inner = lambda: self.value([*known, a + 1.0], n, depth - 1)
            return tf.cond(pred, inner, inner)
        if kind == 5:
            most = int(self.rng.integers(1, 3))
            going = lambda i, *_: i < (n if self.rng.integers(2) else most)
            body = lambda i, c, d: (i + 1, self.value([c, d, *known], i, depth - 1), tf.tanh(c))
            return tf.while_loop(going, body, [0, a, b])[1 + self.rng.integers(2)]
        return tf.scan(lambda c, r: self.value([c, *known], n, depth - 1) * r, a, initializer=b)[-1]


def random_program(seed):
    return _Random(seed).program
