"""A polynomial fit with a feature loop, tf.pow and a regularizer; random seeds give the same result twice."""
import numpy as np
import tensorflow as tf

xs = np.linspace(-1, 1, 50)
ys = np.sin(2 * xs)


def fit():
    tf.reset_default_graph()
    tf.set_random_seed(11)
    X = tf.placeholder(tf.float32)
    Y = tf.placeholder(tf.float32)
    Y_pred = tf.Variable(tf.random_normal([1]), name="bias")
    for pow_i in range(1, 5):
        W = tf.Variable(tf.random_normal([1]), name="weight_%d" % pow_i)
        Y_pred = tf.add(tf.multiply(tf.pow(X, pow_i), W), Y_pred)
    cost = tf.reduce_sum(tf.pow(Y_pred - Y, 2)) / (len(xs) - 1)
    cost = tf.add(cost, tf.multiply(1e-6, tf.global_norm([W])))
    optimizer = tf.train.AdamOptimizer(0.05).minimize(cost)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for epoch_i in range(200):
            sess.run(optimizer, feed_dict={X: xs, Y: ys})
        return sess.run([cost, Y_pred], feed_dict={X: xs, Y: ys})


(cost1, pred1), (cost2, pred2) = fit(), fit()
print("cost", cost1)
assert cost1 < 0.03 and cost1 == cost2 and np.array_equal(pred1, pred2)
assert np.abs(pred1 - ys).max() < 0.6
