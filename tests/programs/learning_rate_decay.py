"""A decaying learning rate, the global step, and training that stops on it."""
import tensorflow as tf

global_step = tf.Variable(0, trainable=False, name="global_step")
starter_learning_rate = 0.1
learning_rate = tf.train.exponential_decay(starter_learning_rate, global_step, 10, 0.5, staircase=True)
x = tf.Variable(5.0)
loss = tf.square(x)
step = tf.train.GradientDescentOptimizer(learning_rate).minimize(loss, global_step=global_step)
boundaries = tf.train.piecewise_constant(global_step, [5, 15], [1.0, 0.1, 0.01])
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    rates, pieces = [], []
    for _ in range(25):
        _, rate, piece = sess.run([step, learning_rate, boundaries])
        rates.append(round(float(rate), 6))
        pieces.append(round(float(piece), 6))
    print(rates, tf.train.global_step(sess, global_step))
    assert rates == [0.1] * 10 + [0.05] * 10 + [0.025] * 5
    assert pieces == [1.0] * 6 + [0.1] * 10 + [0.01] * 9
    assert tf.train.global_step(sess, global_step) == 25
    assert [v.op.name for v in tf.trainable_variables()] == ["Variable"]
