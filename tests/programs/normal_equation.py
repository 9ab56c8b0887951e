"""Least squares in closed form and by gradient descent: both find the same weights."""
import numpy as np
import tensorflow as tf

np.random.seed(42)
m, n = 200, 8
features = np.random.randn(m, n)
true_theta = np.arange(n + 1).reshape(-1, 1)
data_plus_bias = np.c_[np.ones((m, 1)), features]
target = data_plus_bias.dot(true_theta) + 0.01 * np.random.randn(m, 1)

X = tf.constant(data_plus_bias, dtype=tf.float32, name="X")
y = tf.constant(target, dtype=tf.float32, name="y")
XT = tf.transpose(X)
theta = tf.matmul(tf.matmul(tf.matrix_inverse(tf.matmul(XT, X)), XT), y)

with tf.Session() as sess:
    theta_value = theta.eval()
assert np.allclose(theta_value, true_theta, atol=0.01)

theta2 = tf.Variable(tf.random_uniform([n + 1, 1], -1.0, 1.0, seed=42), name="theta")
y_pred = tf.matmul(X, theta2, name="predictions")
error = y_pred - y
mse = tf.reduce_mean(tf.square(error), name="mse")
gradients = 2 / m * tf.matmul(tf.transpose(X), error)
training_op = tf.assign(theta2, theta2 - 0.1 * gradients)
autodiff = tf.gradients(mse, [theta2])[0]

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    assert np.allclose(*sess.run([gradients, autodiff]), rtol=1e-4, atol=1e-4)
    for epoch in range(101):
        if epoch % 50 == 0:
            print("Epoch", epoch, "MSE =", mse.eval())
        sess.run(training_op)
    best_theta = theta2.eval()
assert np.allclose(best_theta, theta_value, atol=0.01)
