"""The lecture's introduction: a graph, a session, what a tensor is and what it is not."""
import numpy as np
import tensorflow as tf

a = np.zeros((2, 2))
ta = tf.zeros((2, 2))
print(a)
print(ta)
assert str(ta) == 'Tensor("zeros:0", shape=(2, 2), dtype=float32)'
with tf.Session() as sess:
    print(sess.run(ta))
    assert np.array_equal(sess.run(ta), a)

W1 = tf.ones((2, 2))
W2 = tf.Variable(tf.zeros((2, 2)), name="weights")
with tf.Session() as sess:
    print(sess.run(W1))
    sess.run(tf.global_variables_initializer())
    assert np.array_equal(sess.run(W2), np.zeros((2, 2)))

state = tf.Variable(0, name="counter")
new_value = tf.add(state, tf.constant(1))
update = tf.assign(state, new_value)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    seen = [sess.run(state)]
    for _ in range(3):
        sess.run(update)
        seen.append(sess.run(state))
print(seen)
assert seen == [0, 1, 2, 3]

input1 = tf.constant(3.0)
input2 = tf.constant(2.0)
input3 = tf.constant(5.0)
intermed = tf.add(input2, input3)
mul = tf.multiply(input1, intermed)
with tf.Session() as sess:
    assert sess.run([mul, intermed]) == [21.0, 7.0]

ta2 = tf.convert_to_tensor(np.zeros((3, 3)))
with tf.Session() as sess:
    assert sess.run(ta2).dtype == np.float64

try:
    if tf.constant(1) > 0:
        raise SystemExit("a tensor was taken for a truth value")
except TypeError as error:
    print("TypeError:", str(error)[:60])
