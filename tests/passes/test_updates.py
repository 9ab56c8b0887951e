"""Updates of many variables in one kernel: what is merged, what is kept apart, and that values stay the same."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.backends import get_backend
from graphflow.config import config
from graphflow.ops.fused import type_of
from graphflow.passes import optimize
from graphflow.plan import make_plan
from graphflow.program import prune, specialize

SHAPES = [(3, 5), (), (7,), (1,), (100,), (2, 3, 4)]


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default():
        yield


def variables(dtype="float32"):
    rng = np.random.default_rng(0)
    return [tf.Variable(rng.normal(size=s).astype(dtype)) for s in SHAPES]


def steps(fetches, targets=()):
    program = specialize(prune(fetches, targets, []), [], lambda op: op.output.dims).program
    return [type_of(s.op) for s in make_plan(optimize(program), get_backend("cpu").lower).steps if not s.copy]


def same(make, runs=2):
    """What `make` fetches, and all variables afterwards: merged or not, compiled and on the reference."""
    results = []
    for backend, skip in (("reference", "merge_updates"), ("cpu", "merge_updates"), ("reference", ""), ("cpu", "")):
        with tf.Graph().as_default(), config(skip=skip, check=1), tf.Session(backend=backend) as session:
            fetches = make()
            session.run(tf.global_variables_initializer())
            got = [session.run(fetches) for _ in range(runs)]
            results.append([*got, session.run(tf.global_variables())])
    for result in results[1:]:
        for got, want in zip(result, results[0], strict=True):
            for a, b in zip(got, want, strict=True):
                if b is not None:
                    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    for got, want in zip(results[3], results[1], strict=True):  # the same kernel's arithmetic, in another loop
        for a, b in zip(got, want, strict=True):
            np.testing.assert_array_equal(a, b)


OPTIMIZERS = {
    "descent": lambda: tf.train.GradientDescentOptimizer(0.1),
    "momentum": lambda: tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
    "adam": lambda: tf.train.AdamOptimizer(0.01),
    "rmsprop": lambda: tf.train.RMSPropOptimizer(0.01, momentum=0.5, centered=True),
    "adagrad": lambda: tf.train.AdagradOptimizer(0.1),
    "adadelta": lambda: tf.train.AdadeltaOptimizer(0.1),
    "ftrl": lambda: tf.train.FtrlOptimizer(0.1, l1_regularization_strength=0.01),
}


def trained(optimizer, dtype="float32", clip=None):
    def make():
        vs = variables(dtype)
        loss = tf.add_n([tf.reduce_sum(tf.square(v - 0.5) * (i + 1.0)) for i, v in enumerate(vs)])
        opt = OPTIMIZERS[optimizer]()
        grads = tf.gradients(loss, vs)
        if clip:
            grads, _ = tf.clip_by_global_norm(grads, clip)
        return [loss, opt.apply_gradients(zip(grads, vs, strict=True))]

    return make


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizers(optimizer):
    same(trained(optimizer), runs=3)
    merged = steps([], [trained(optimizer)()[1]])
    assert len([s for s in merged if " x Apply" in s]) == 1  # what has no dimensions stays alone


def test_other_dtypes_and_clipped_gradients():
    same(trained("adam", "float64"))
    same(trained("momentum", clip=1.0))


def test_adam_of_a_network_is_one_kernel():
    vs = [tf.Variable(np.zeros(s, np.float32)) for s in (
        (5, 5, 1, 4), (4,), (5, 5, 4, 8), (8,), (4, 4, 8, 12), (12,), (588, 200), (200,), (200, 10), (10,),
    )]  # fmt: skip
    train = tf.train.AdamOptimizer().apply_gradients([(tf.ones_like(v), v) for v in vs])
    assert [s for s in steps([], [train]) if "ApplyAdam" in s] == ["10 x ApplyAdam"]


def test_numbers_may_differ_and_dtypes_keep_apart():
    a, b = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0, 5.0])
    c = tf.Variable(np.ones(2), dtype=tf.float64)
    rates = [tf.train.GradientDescentOptimizer(r).apply_gradients([(tf.ones_like(v), v)])
             for r, v in ((0.1, a), (0.01, b), (0.5, c))]  # fmt: skip
    assert sorted(steps([], rates)) == ["2 x ApplyGradientDescent", "ApplyGradientDescent"]
    with tf.Session(backend="cpu") as session:
        session.run(tf.global_variables_initializer())
        session.run(rates)
        np.testing.assert_allclose(session.run(a), [0.9, 1.9], rtol=1e-6)
        np.testing.assert_allclose(session.run(b), [2.99, 3.99, 4.99], rtol=1e-6)
        np.testing.assert_allclose(session.run(c), [0.5, 0.5])


def test_one_variable_twice_is_not_merged():
    def make():
        a, b = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0])
        return [v.assign_add(x) for v, x in ((a, [1.0, 1.0]), (b, [2.0, 2.0]), (a, [4.0, 4.0]))]

    assert steps(make()) == ["2 x AssignAdd", "AssignAdd"]
    same(make)


def test_a_read_in_between_keeps_updates_apart():
    def make(read):
        a, b = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0])
        first = a.assign_add([1.0, 1.0])
        with tf.control_dependencies([first]):
            seen = read(a, b)
        with tf.control_dependencies([seen]):
            last = b.assign_add([5.0, 5.0])
        return [seen, last]

    assert "2 x AssignAdd" not in steps(make(lambda a, b: a.read_value() + 0.0))
    same(lambda: make(lambda a, b: a.read_value() + 0.0))
    same(lambda: make(lambda a, b: b.read_value() + 0.0))
    same(lambda: make(lambda a, b: a.assign_add([8.0, 8.0])))
    same(lambda: make(lambda a, b: b.assign([8.0, 8.0])))


@pytest.mark.parametrize("through", [lambda v: v.value(), lambda v: v.read_value(),
                                     lambda v: tf.reshape(tf.reshape(v, [1, -1]), [-1])])  # fmt: skip
def test_variables_that_take_each_others_values(through):
    def make():
        vs = [tf.Variable(np.arange(500, dtype=np.float32) * (i + 1)) for i in range(3)]
        old = [through(v) for v in vs]
        moved = [v.assign(x) for v, x in zip(vs, [*old[1:], old[0]], strict=True)]
        with tf.control_dependencies(moved):
            return [*moved, *[v.assign_add(x) for v, x in zip(vs, [*old[1:], old[0]], strict=True)]]

    same(make)


def test_results_that_are_fetched_or_taken():
    def make():
        a, b, c = (tf.Variable(np.full(3, x, np.float32)) for x in (1, 2, 3))
        made = [v.assign_add([1.0, 2.0, 3.0]) for v in (a, b, c)]
        return [*made, made[1] * 2.0, tf.identity(made[0])]

    same(make)
    with tf.Session(backend="cpu") as session:
        fetches = make()
        session.run(tf.global_variables_initializer())
        first = session.run(fetches)
        np.testing.assert_array_equal(first[2], [4, 5, 6])
        session.run(fetches)
        np.testing.assert_array_equal(first[2], [4, 5, 6])  # the caller's own


def test_initializers_of_one_kind_are_one_kernel():
    vs = [tf.Variable(np.full(s, 2, np.float32)) for s in ((3,), (2, 4), (0, 2), (70,))]
    assert steps([], [tf.variables_initializer(vs)]) == ["4 x Assign"]
    same(lambda: [v.assign(tf.zeros_like(v) + 3.0) for v in variables()])
