"""Variables: initial values that depend on others, sessions, assignments, and what depends on order."""
import numpy as np
import tensorflow as tf

W = tf.Variable(tf.truncated_normal([70, 10]))
W.assign(tf.constant(100.0, shape=[70, 10]))
U = tf.Variable(2 * W.initialized_value())
with tf.Session() as sess:
    sess.run(tf.variables_initializer([W, U]))
    w, u = sess.run([W, U])
    assert np.allclose(2 * w, u) and abs(w).max() < 2
    assert W.eval().shape == (70, 10)
    assert sess.run(tf.report_uninitialized_variables()).size == 0

my_var = tf.Variable(2, name="my_var")
my_var_times_two = my_var.assign(2 * my_var)
with tf.Session() as sess:
    sess.run(my_var.initializer)
    assert [sess.run(my_var_times_two) for _ in range(3)] == [4, 8, 16]
    sess.run(my_var.assign_add(10))
    sess.run(my_var.assign_sub(2))
    assert my_var.eval() == 24 and my_var.read_value().eval() == 24 and my_var.value().eval() == 24
    print(sess.run(tf.report_uninitialized_variables()))
    assert set(sess.run(tf.report_uninitialized_variables())) == {b"Variable", b"Variable_1"}

counter = tf.get_variable("counter", shape=[], dtype=tf.int32, initializer=tf.zeros_initializer(), trainable=False)
s = tf.get_variable("scalar", initializer=tf.constant(2.0))
m = tf.get_variable("matrix", initializer=np.array([[0, 1], [2, 3]], np.float32))
assert counter not in tf.trainable_variables() and counter in tf.global_variables()
assert (s.dtype.base_dtype, m.get_shape().as_list(), s.op.type) == (tf.float32, [2, 2], "VariableV2")
assert s.graph is tf.get_default_graph() and m.initial_value.shape == (2, 2) and s.device == ""
rows = tf.scatter_update(m, [1], [[9.0, 9.0]])
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    assert not sess.run(tf.is_variable_initialized(counter)) == 0
    assert sess.run(rows).tolist() == [[0, 1], [9, 9]]
    m.load(np.zeros((2, 2)), sess)
    assert sess.run(m[0, :] + s).tolist() == [2, 2]
print([v.name for v in tf.global_variables()])
