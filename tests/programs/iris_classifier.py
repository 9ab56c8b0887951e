"""A classifier with tf.nn.in_top_k, a global step, minibatches of a shuffled order and early stopping."""
import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
centers = rng.randn(3, 4) * 2
labels = np.arange(150) % 3
points = centers[labels] + 0.5 * rng.randn(150, 4)
train_x, train_y, test_x, test_y = points[:120], labels[:120], points[120:], labels[120:]

tf.set_random_seed(2)
X = tf.placeholder(tf.float32, shape=(None, 4), name="X")
y = tf.placeholder(tf.int64, shape=(None), name="y")


def neuron_layer(X, n_neurons, name, activation_fn=None):
    with tf.name_scope(name):
        n_inputs = int(X.get_shape()[1])
        stddev = 2 / np.sqrt(n_inputs)
        init = tf.truncated_normal((n_inputs, n_neurons), stddev=stddev)
        W = tf.Variable(init, name="kernel")
        b = tf.Variable(tf.zeros([n_neurons]), name="bias")
        Z = tf.matmul(X, W) + b
        return activation_fn(Z) if activation_fn is not None else Z


with tf.name_scope("dnn"):
    hidden1 = neuron_layer(X, 10, name="hidden1", activation_fn=tf.nn.elu)
    logits = neuron_layer(hidden1, 3, name="outputs")
with tf.name_scope("loss"):
    xentropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
    loss = tf.reduce_mean(xentropy, name="loss")
with tf.name_scope("train"):
    training_op = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
with tf.name_scope("eval"):
    correct = tf.nn.in_top_k(logits, y, 1)
    accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))

assert tf.trainable_variables()[0].name == "dnn/hidden1/kernel:0"
init = tf.global_variables_initializer()
best, checks = np.inf, 0
with tf.Session() as sess:
    init.run()
    for epoch in range(40):
        for rows in np.array_split(rng.permutation(120), 6):
            sess.run(training_op, feed_dict={X: train_x[rows], y: train_y[rows]})
        value = loss.eval(feed_dict={X: test_x, y: test_y})
        best, checks = (value, 0) if value < best else (best, checks + 1)
        if checks > 3:
            break
    acc = accuracy.eval(feed_dict={X: test_x, y: test_y})
    print("epoch", epoch, "loss", value, "accuracy", acc)
    assert acc > 0.9
