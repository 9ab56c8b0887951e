"""A linear support vector machine: hinge loss by tf.maximum, soft margin, decision function."""
import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
n = 80
x_vals = np.concatenate([rng.randn(n, 2) + [2, 2], rng.randn(n, 2) - [2, 2]])
y_vals = np.concatenate([np.ones(n), -np.ones(n)])
x_data = tf.placeholder(shape=[None, 2], dtype=tf.float32)
y_target = tf.placeholder(shape=[None, 1], dtype=tf.float32)
A = tf.Variable(tf.random_normal(shape=[2, 1], seed=3))
b = tf.Variable(tf.random_normal(shape=[1, 1], seed=4))
model_output = tf.subtract(tf.matmul(x_data, A), b)
l2_norm = tf.reduce_sum(tf.square(A))
alpha = tf.constant([0.01])
classification_term = tf.reduce_mean(tf.maximum(0.0, tf.subtract(1.0, tf.multiply(model_output, y_target))))
loss = tf.add(classification_term, tf.multiply(alpha, l2_norm))
prediction = tf.sign(model_output)
accuracy = tf.reduce_mean(tf.cast(tf.equal(prediction, y_target), tf.float32))
train_step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
sess = tf.Session()
sess.run(tf.global_variables_initializer())
for i in range(60):
    rand_index = rng.choice(len(x_vals), size=32)
    sess.run(train_step, feed_dict={x_data: x_vals[rand_index], y_target: np.transpose([y_vals[rand_index]])})
score = sess.run(accuracy, feed_dict={x_data: x_vals, y_target: y_vals[:, None]})
print("accuracy", score, "loss", sess.run(loss, feed_dict={x_data: x_vals, y_target: y_vals[:, None]}))
assert score > 0.95
