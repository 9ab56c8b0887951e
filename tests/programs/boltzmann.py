"""A restricted Boltzmann machine: contrastive divergence with assignments, no optimizer."""
import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
tf.set_random_seed(0)
n_visible, n_hidden = 12, 6
patterns = np.repeat(np.eye(3, dtype=np.float32), 4, axis=1)
trX = patterns[rng.randint(0, 3, 300)]


def sample_prob(probs):
    return tf.nn.relu(tf.sign(probs - tf.random_uniform(tf.shape(probs))))


X = tf.placeholder("float", [None, n_visible])
rbm_w = tf.Variable(0.1 * tf.random_normal([n_visible, n_hidden], seed=2))
rbm_vb = tf.Variable(tf.zeros([n_visible]))
rbm_hb = tf.Variable(tf.zeros([n_hidden]))
h0 = sample_prob(tf.nn.sigmoid(tf.matmul(X, rbm_w) + rbm_hb))
v1 = sample_prob(tf.nn.sigmoid(tf.matmul(h0, tf.transpose(rbm_w)) + rbm_vb))
h1 = tf.nn.sigmoid(tf.matmul(v1, rbm_w) + rbm_hb)
w_positive_grad = tf.matmul(tf.transpose(X), h0)
w_negative_grad = tf.matmul(tf.transpose(v1), h1)
alpha = 0.5
update_w = rbm_w.assign_add(alpha * (w_positive_grad - w_negative_grad) / tf.to_float(tf.shape(X)[0]))
update_vb = rbm_vb.assign_add(alpha * tf.reduce_mean(X - v1, 0))
update_hb = rbm_hb.assign_add(alpha * tf.reduce_mean(h0 - h1, 0))
err = tf.reduce_mean(tf.square(X - tf.nn.sigmoid(tf.matmul(tf.nn.sigmoid(tf.matmul(X, rbm_w) + rbm_hb), tf.transpose(rbm_w)) + rbm_vb)))
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    first = sess.run(err, {X: trX})
    for epoch in range(12):
        for start in range(0, 300, 50):
            sess.run([update_w, update_vb, update_hb], feed_dict={X: trX[start : start + 50]})
    last = sess.run(err, {X: trX})
    print("reconstruction error", first, "->", last)
    assert last < 0.4 * first
