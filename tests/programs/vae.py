"""A variational autoencoder as a class: reparameterisation, encoder and decoder as dicts of variables."""
from __future__ import absolute_import, division, print_function
import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data
tf.set_random_seed(0)
mnist = input_data.read_data_sets("MNIST_data/", one_hot=True)
n_samples = mnist.train.num_examples
def xavier_init(fan_in, fan_out, constant=1):
    low = -constant * np.sqrt(6.0 / (fan_in + fan_out))
    high = constant * np.sqrt(6.0 / (fan_in + fan_out))
    return tf.random_uniform((fan_in, fan_out), minval=low, maxval=high, dtype=tf.float32)
class VariationalAutoencoder(object):
    def __init__(self, arch, transfer_fct=tf.nn.softplus, learning_rate=0.001, batch_size=100):
        self.arch = arch; self.transfer_fct = transfer_fct
        self.learning_rate = learning_rate; self.batch_size = batch_size
        self.x = tf.placeholder(tf.float32, [None, arch["n_input"]])
        self._create_network(); self._create_loss_optimizer()
        init = tf.global_variables_initializer()
        self.sess = tf.InteractiveSession()
        self.sess.run(init)
    def _create_network(self):
        w = self._initialize_weights(**self.arch)
        self.z_mean, self.z_log_sigma_sq = self._recognition_network(w["weights_recog"], w["biases_recog"])
        n_z = self.arch["n_z"]
        eps = tf.random_normal((self.batch_size, n_z), 0, 1, dtype=tf.float32)
        self.z = tf.add(self.z_mean, tf.multiply(tf.sqrt(tf.exp(self.z_log_sigma_sq)), eps))
        self.x_reconstr_mean = self._generator_network(w["weights_gener"], w["biases_gener"])
    def _initialize_weights(self, n_h, n_input, n_z):
        a = dict()
        a['weights_recog'] = {'h1': tf.Variable(xavier_init(n_input, n_h)), 'out_mean': tf.Variable(xavier_init(n_h, n_z)), 'out_log_sigma': tf.Variable(xavier_init(n_h, n_z))}
        a['biases_recog'] = {'b1': tf.Variable(tf.zeros([n_h], dtype=tf.float32)), 'out_mean': tf.Variable(tf.zeros([n_z])), 'out_log_sigma': tf.Variable(tf.zeros([n_z]))}
        a['weights_gener'] = {'h1': tf.Variable(xavier_init(n_z, n_h)), 'out_mean': tf.Variable(xavier_init(n_h, n_input))}
        a['biases_gener'] = {'b1': tf.Variable(tf.zeros([n_h])), 'out_mean': tf.Variable(tf.zeros([n_input]))}
        return a
    def _recognition_network(self, weights, biases):
        layer_1 = self.transfer_fct(tf.add(tf.matmul(self.x, weights['h1']), biases['b1']))
        return (tf.add(tf.matmul(layer_1, weights['out_mean']), biases['out_mean']), tf.add(tf.matmul(layer_1, weights['out_log_sigma']), biases['out_log_sigma']))
    def _generator_network(self, weights, biases):
        layer_1 = self.transfer_fct(tf.add(tf.matmul(self.z, weights['h1']), biases['b1']))
        return tf.nn.sigmoid(tf.add(tf.matmul(layer_1, weights['out_mean']), biases['out_mean']))
    def _create_loss_optimizer(self):
        reconstr_loss = -tf.reduce_sum(self.x * tf.log(1e-10 + self.x_reconstr_mean) + (1-self.x) * tf.log(1e-10 + 1 - self.x_reconstr_mean), 1)
        latent_loss = -0.5 * tf.reduce_sum(1 + self.z_log_sigma_sq - tf.square(self.z_mean) - tf.exp(self.z_log_sigma_sq), 1)
        self.cost = tf.reduce_mean(reconstr_loss + latent_loss)
        self.optimizer = tf.train.AdamOptimizer(learning_rate=self.learning_rate).minimize(self.cost)
    def partial_fit(self, X):
        opt, cost = self.sess.run((self.optimizer, self.cost), feed_dict={self.x: X})
        return cost
    def transform(self, X): return self.sess.run(self.z_mean, feed_dict={self.x: X})
    def generate(self, z_mu=None):
        if z_mu is None: z_mu = np.random.normal(size=self.arch["n_z"])
        return self.sess.run(self.x_reconstr_mean, feed_dict={self.z: z_mu})
    def reconstruct(self, X): return self.sess.run(self.x_reconstr_mean, feed_dict={self.x: X})
vae = VariationalAutoencoder(dict(n_h=32, n_input=784, n_z=2))
costs = [vae.partial_fit(mnist.train.next_batch(100)[0]) for i in range(50)]
print("cost=", "{:.9f}".format(costs[-1]), costs[0] > costs[-1])
assert costs[-1] < costs[0]
assert vae.transform(mnist.test.next_batch(100)[0]).shape == (100, 2) and vae.generate(np.zeros((100, 2))).shape == (100, 784)
assert vae.reconstruct(mnist.test.images[:100]).shape == (100, 784)
vae.sess.close()
