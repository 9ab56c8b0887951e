"""An autoencoder with sigmoids and RMSProp; the reconstruction error falls."""
import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets("MNIST_data", one_hot=True)
tf.set_random_seed(0)
num_input, num_hidden_1, num_hidden_2 = 784, 32, 8
X = tf.placeholder("float", [None, num_input])


def layer(x, n_in, n_out, name):
    with tf.name_scope(name):
        w = tf.Variable(tf.random_normal([n_in, n_out], stddev=0.3), name="w")
        b = tf.Variable(tf.zeros([n_out]), name="b")
        return tf.nn.sigmoid(tf.add(tf.matmul(x, w), b), name="activation")


code = layer(layer(X, num_input, num_hidden_1, "encoder_1"), num_hidden_1, num_hidden_2, "encoder_2")
decoded = layer(layer(code, num_hidden_2, num_hidden_1, "decoder_1"), num_hidden_1, num_input, "decoder_2")
assert decoded.name == "decoder_2/activation:0"
loss = tf.reduce_mean(tf.reduce_sum(tf.pow(X - decoded, 2), 1))
optimizer = tf.train.RMSPropOptimizer(0.01).minimize(loss)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    losses = []
    for i in range(1, 41):
        batch_x, _ = mnist.train.next_batch(64)
        _, l = sess.run([optimizer, loss], feed_dict={X: batch_x})
        losses.append(l)
    print("Minibatch Loss: %f -> %f" % (losses[0], losses[-1]))
    assert losses[-1] < 0.5 * losses[0]
    g = sess.run(decoded, feed_dict={X: mnist.test.images[:4]})
    assert g.shape == (4, 784) and np.all((g >= 0) & (g <= 1))
