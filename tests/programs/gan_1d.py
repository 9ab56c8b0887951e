"""Two networks against each other on points of a line: variables chosen by their scope, two optimizers."""
import numpy as np
import tensorflow as tf

tf.set_random_seed(4)
rng = np.random.RandomState(4)


def dense(x, units, name, activation=None):
    with tf.variable_scope(name):
        w = tf.get_variable("w", [x.shape[1], units], initializer=tf.contrib.layers.xavier_initializer(seed=1))
        b = tf.get_variable("b", [units], initializer=tf.constant_initializer(0.0))
        z = tf.nn.bias_add(tf.matmul(x, w), b)
        return z if activation is None else activation(z)


def generator(z):
    with tf.variable_scope("G"):
        return dense(dense(z, 8, "h", tf.nn.softplus), 1, "out")


def discriminator(x, reuse=False):
    with tf.variable_scope("D", reuse=reuse):
        return dense(dense(x, 8, "h", tf.nn.leaky_relu), 1, "out")


z = tf.placeholder(tf.float32, [None, 1])
x = tf.placeholder(tf.float32, [None, 1])
fake = generator(z)
d_real, d_fake = discriminator(x), discriminator(fake, reuse=True)
ce = tf.nn.sigmoid_cross_entropy_with_logits
d_loss = tf.reduce_mean(ce(logits=d_real, labels=tf.ones_like(d_real)) + ce(logits=d_fake, labels=tf.zeros_like(d_fake)))
g_loss = tf.reduce_mean(ce(logits=d_fake, labels=tf.ones_like(d_fake)))
t_vars = tf.trainable_variables()
d_vars = [var for var in t_vars if var.name.startswith("D/")]
g_vars = [var for var in t_vars if "G/" in var.name]
assert len(d_vars) == len(g_vars) == 4
d_step = tf.train.AdamOptimizer(0.02, beta1=0.5).minimize(d_loss, var_list=d_vars)
g_step = tf.train.AdamOptimizer(0.02, beta1=0.5).minimize(g_loss, var_list=g_vars)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    before = sess.run(fake, {z: np.linspace(-1, 1, 50)[:, None]}).mean()
    for it in range(150):
        noise = rng.uniform(-1, 1, (32, 1))
        _, dl = sess.run([d_step, d_loss], {x: 3 + 0.3 * rng.randn(32, 1), z: noise})
        _, gl = sess.run([g_step, g_loss], {z: noise})
    after = sess.run(fake, {z: np.linspace(-1, 1, 50)[:, None]}).mean()
    print("mean of the samples %.3f -> %.3f, losses %.3f %.3f" % (before, after, dl, gl))
    assert abs(after - 3) < abs(before - 3)
    assert np.isfinite([dl, gl]).all()
