"""The Optimizer class: names, slots, what is trained, errors, and what subclasses may do."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import BACKENDS


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def names(items):
    return [i.name for i in items]


def run(train, *fetches, steps=1, backend=None):
    with tf.Session(backend=backend) as s:
        s.run(tf.global_variables_initializer())
        for _ in range(steps):
            s.run(train)
        return s.run(list(fetches))


def test_names_of_operations(graph):
    with tf.variable_scope("net"):
        w = tf.get_variable("w", initializer=1.0)
    train = tf.train.GradientDescentOptimizer(0.1).minimize(w * w)
    again = tf.train.GradientDescentOptimizer(0.1).minimize(w * w, name="mine")
    counted = tf.train.AdamOptimizer().minimize(w * w, tf.train.get_or_create_global_step())
    assert train.name == "GradientDescent" and train.type == "NoOp" and again.name == "mine"
    assert counted.name == "Adam" and counted.type == "AssignAdd"
    found = {op.name: op.type for op in graph.get_operations()}
    assert found["GradientDescent/update_net/w/ApplyGradientDescent"] == "ApplyGradientDescent"
    assert found["GradientDescent/learning_rate"] == "Const" and found["Adam/beta1"] == "Const"
    assert found["Adam/update_net/w/ApplyAdam"] == "ApplyAdam" and found["Adam/update"] == "NoOp"
    assert tf.get_collection(tf.GraphKeys.TRAIN_OP) == [train, again, counted]


def test_names_of_slots():
    v = tf.Variable(1.0, name="v")
    with tf.variable_scope("net"):
        w = tf.get_variable("w", initializer=1.0)
    loss = v * w
    for opt in [tf.train.AdamOptimizer(), tf.train.AdamOptimizer(), tf.train.RMSPropOptimizer(0.1, centered=True)]:
        opt.minimize(loss)
    with tf.name_scope("scope"):
        tf.train.AdamOptimizer(name="Other").minimize(loss)
    assert names(tf.global_variables())[2:] == [
        "beta1_power:0", "beta2_power:0", "v/Adam:0", "v/Adam_1:0", "net/w/Adam:0", "net/w/Adam_1:0",
        "beta1_power_1:0", "beta2_power_1:0", "v/Adam_2:0", "v/Adam_3:0", "net/w/Adam_2:0", "net/w/Adam_3:0",
        "v/RMSProp:0", "v/RMSProp_1:0", "v/RMSProp_2:0", "net/w/RMSProp:0", "net/w/RMSProp_1:0", "net/w/RMSProp_2:0",
        "scope/beta1_power:0", "scope/beta2_power:0",
        "v/Other:0", "v/Other_1:0", "net/w/Other:0", "net/w/Other_1:0",
    ]  # fmt: skip
    assert names(tf.trainable_variables()) == ["v:0", "net/w:0"]
    assert names([opt.get_slot(v, n) for n in ("rms", "mg", "momentum")]) == [
        "v/RMSProp:0", "v/RMSProp_1:0", "v/RMSProp_2:0",
    ]  # fmt: skip
    assert opt.get_slot_names() == ["mg", "momentum", "rms"] and len(opt.variables()) == 6
    assert opt.get_slot(v, "other") is None and opt.get_slot(loss, "rms") is None and opt.get_name() == "RMSProp"


def test_slots_are_made_once():
    v, w = tf.Variable(1.0), tf.Variable(2.0)
    opt = tf.train.AdamOptimizer()
    opt.minimize(v * v)
    opt.minimize(v * w)
    assert len(opt.variables()) == 6


def test_slots_start_again_with_the_variable():
    v = tf.Variable([3.0, 4.0])
    opt = tf.train.AdagradOptimizer(0.1, initial_accumulator_value=0.5)
    opt.minimize(tf.reduce_sum(v))
    slot = opt.get_slot(v, "accumulator")
    assert run([], slot)[0].tolist() == [0.5, 0.5]


def test_slots_of_variables_of_unknown_shape():
    x = tf.placeholder_with_default([1.0, 2.0], None)
    v = tf.Variable(x, validate_shape=False)
    train = tf.train.MomentumOptimizer(1.0, 0.5).minimize(tf.reduce_sum(v * v))
    assert run(train, v, steps=1)[0].tolist() == [-1.0, -2.0]
    assert run(train, v, steps=2)[0].tolist() == [0.0, 0.0]


def test_what_is_trained():
    v, u = tf.Variable(1.0), tf.Variable(2.0)
    fixed = tf.Variable(3.0, trainable=False)
    loss = v * u * fixed
    opt = tf.train.GradientDescentOptimizer(0.1)
    assert [x for _, x in opt.compute_gradients(loss)] == [v, u]
    pairs = opt.compute_gradients(loss, var_list={"a": [fixed], "b": (v,)})
    assert [x for _, x in pairs] == [fixed, v]
    np.testing.assert_allclose(run(opt.minimize(loss, var_list=[v]), v, u, fixed), [0.4, 2, 3], rtol=1e-6)


def test_unconnected_variables_are_left_out():
    v, z = tf.Variable(1.0, name="v"), tf.Variable(7.0, name="z")
    opt = tf.train.MomentumOptimizer(0.1, 0.9)
    pairs = opt.compute_gradients(v * v)
    assert [g is None for g, _ in pairs] == [False, True]
    opt.apply_gradients(pairs)
    assert names(opt.variables()) == ["v/Momentum:0"] and opt.get_slot(z, "momentum") is None


def test_value_errors():
    v = tf.Variable(1.0)
    opt = tf.train.GradientDescentOptimizer(0.1)
    fails = [
        lambda: opt.minimize(tf.constant(1.0)),
        lambda: opt.apply_gradients([]),
        lambda: opt.apply_gradients([(None, v)]),
        lambda: opt.compute_gradients(v, var_list=[]),
        lambda: opt.compute_gradients(v, gate_gradients=3),
        lambda: opt.compute_gradients(tf.cast(v, tf.int32)),
    ]
    for fail in fails:
        with pytest.raises(ValueError):
            fail()
    with pytest.raises(TypeError):
        opt.apply_gradients([(object(), v)])
    with pytest.raises(NotImplementedError):
        opt.apply_gradients([(tf.constant(1.0), tf.constant(1.0))])
    with pytest.raises(NotImplementedError):
        opt.compute_gradients(v, var_list=["v"])
    with tf.Graph().as_default(), pytest.raises(ValueError, match="no variables"):
        opt.minimize(tf.constant(1.0))


def test_gradients_may_be_changed_on_the_way():
    v = tf.Variable([1.0, 2.0])
    opt = tf.train.GradientDescentOptimizer(1.0)
    train = opt.apply_gradients((tf.clip_by_value(g, -1.0, 1.0), x) for g, x in opt.compute_gradients(3.0 * v))
    assert run(train, v)[0].tolist() == [0.0, 1.0]
    assert run(opt.apply_gradients([([0.5, 0.5], v)]), v)[0].tolist() == [0.5, 1.5]


def test_grad_loss_and_gates():
    v, w = tf.Variable([1.0, 2.0]), tf.Variable(3.0)
    opt = tf.train.GradientDescentOptimizer(1.0)
    for gate in (opt.GATE_NONE, opt.GATE_OP, opt.GATE_GRAPH):
        pairs = opt.compute_gradients(v * v, [v, w], gate_gradients=gate, grad_loss=tf.constant([1.0, 10.0]))
        assert pairs[1][0] is None and run([], pairs[0][0])[0].tolist() == [2.0, 40.0]


def test_a_vector_loss_counts_as_its_sum():
    v = tf.Variable([1.0, 2.0])
    assert run(tf.train.GradientDescentOptimizer(0.25).minimize(v * v), v)[0].tolist() == [0.5, 1.0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_rate_may_be_a_tensor_or_a_function(backend):
    v, rate = tf.Variable(1.0), tf.Variable(0.5, trainable=False)
    first = tf.train.GradientDescentOptimizer(rate).minimize(2.0 * v)
    second = tf.train.GradientDescentOptimizer(lambda: rate * 2.0).minimize(2.0 * v)
    fed = tf.placeholder(tf.float32, [])
    third = tf.train.GradientDescentOptimizer(fed).minimize(2.0 * v)
    with tf.Session(backend=backend) as s:
        s.run(tf.global_variables_initializer())
        got = [s.run(v)]
        for train in (first, second):
            s.run(train)
            got.append(s.run(v))
        s.run(third, {fed: 4.0})
        assert [*got, s.run(v)] == [1.0, 0.0, -2.0, -10.0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_loss_is_from_before_and_the_step_from_after_the_update(backend):
    v = tf.Variable(4.0)
    step = tf.train.get_or_create_global_step()
    loss = v * v
    train = tf.train.AdamOptimizer(1.0).minimize(loss, step)
    with tf.control_dependencies([train]):
        after = tf.identity(v.read_value())
    with tf.Session(backend=backend) as s:
        s.run(tf.global_variables_initializer())
        before, _, new = s.run([loss, train, after])
        assert before == 16.0 and abs(new - 3.0) < 1e-5 and tf.train.global_step(s, step) == 1


def test_constraints():
    v = tf.Variable([1.0, 2.0], constraint=lambda x: tf.clip_by_value(x, 0.5, 9.0))
    train = tf.train.GradientDescentOptimizer(1.0).minimize(tf.reduce_sum(v) * 0.75)
    assert run(train, v)[0].tolist() == [0.5, 1.25]
    with pytest.raises(RuntimeError, match="constraint"):
        tf.train.GradientDescentOptimizer(1.0).minimize(tf.gather(v, [0]))


class Signed(tf.train.Optimizer):
    """var -= rate * sign(gradient), at most as often as it counts."""

    def __init__(self, rate):
        super().__init__(False, "Signed")
        self._rate = rate

    def _prepare(self):
        self._rate_t = tf.convert_to_tensor(self._rate, name="rate")

    def _create_slots(self, var_list):
        for v in var_list:
            self._zeros_slot(v, "count", self._name)

    def _apply_dense(self, grad, var):
        count = self.get_slot(var, "count")
        return tf.group(tf.assign_sub(var, self._rate_t * tf.sign(grad)), tf.assign_add(count, tf.ones_like(count)))

    def _apply_sparse(self, grad, var):
        return tf.scatter_sub(var, grad.indices, self._rate_t * grad.values)


class Handled(tf.train.Optimizer):
    """As code for resource variables is written."""

    def __init__(self):
        super().__init__(False, "Handled")

    def _resource_apply_dense(self, grad, handle):
        return handle.assign_sub(grad)

    def _resource_apply_sparse(self, grad, handle, indices):
        return handle.scatter_sub(tf.IndexedSlices(grad, indices))


def test_subclasses():
    v = tf.Variable([[3.0], [-2.0]], name="v")
    opt = Signed(0.5)
    train = opt.minimize(tf.reduce_sum(v * v), tf.train.get_or_create_global_step())
    value, count = run(train, v, opt.get_slot(v, "count"), steps=2)
    assert value.tolist() == [[2.0], [-1.0]] and count.tolist() == [[2.0], [2.0]]
    assert opt.get_slot(v, "count").name == "v/Signed:0"
    rows = tf.gather(v, [1, 1, 0])
    assert run(opt.minimize(tf.reduce_sum(rows)), v)[0].tolist() == [[2.5], [-3.0]]
    assert run(Handled().minimize(tf.reduce_sum(rows)), v)[0].tolist() == [[2.0], [-4.0]]
    assert run(Handled().minimize(tf.reduce_sum(v)), v)[0].tolist() == [[2.0], [-3.0]]
    with pytest.raises(NotImplementedError, match="_apply_dense"):
        tf.train.Optimizer(False, "None").minimize(tf.reduce_sum(v))
    with pytest.raises(NotImplementedError, match="_apply_sparse"):
        tf.train.Optimizer(False, "None").minimize(rows)


def test_training_converges_on_every_backend():
    x = np.linspace(-1, 1, 50).astype(np.float32)
    w, b = tf.Variable(0.0), tf.Variable(0.0)
    loss = tf.reduce_mean(tf.square(w * x + b - (2.0 * x - 1.0)))
    train = tf.train.AdamOptimizer(0.1).minimize(loss)
    results = [run(train, w, b, loss, steps=200, backend=backend) for backend in BACKENDS]
    for got in results:
        np.testing.assert_allclose(got, [2, -1, 0], atol=1e-2)


# -- the global step ---------------------------------------------------------------------------------------------------
def test_global_step(graph):
    assert tf.train.get_global_step() is None
    step = tf.train.create_global_step()
    assert step.name == "global_step:0" and step.dtype is tf.int64 and not step.trainable
    assert tf.train.get_global_step() is tf.train.get_or_create_global_step(graph) is step
    assert tf.global_variables() == [step] and tf.trainable_variables() == []
    with pytest.raises(ValueError):
        tf.train.create_global_step()


def test_a_variable_named_global_step_is_the_global_step():
    step = tf.Variable(5, name="global_step", trainable=False)
    assert tf.train.get_or_create_global_step() is step
    with tf.Session() as s:
        s.run(step.initializer)
        assert tf.train.global_step(s, step) == 5


def test_what_cannot_be_a_global_step():
    for wrong in (3, tf.Variable(1.0), tf.Variable([1])):
        with pytest.raises(TypeError):
            tf.train.assert_global_step(wrong)
