"""A GAN of tf.layers: UPDATE_OPS by scope, optimizers by collections, a generator made again after training."""
import tensorflow as tf, numpy as np
def generator(z, out_channel_dim, is_train=True):
    with tf.variable_scope('generator', reuse=(not is_train)):
        x1 = tf.layers.dense(z, 4*4*16)
        x1 = tf.reshape(x1, (-1, 4, 4, 16))
        x1 = tf.layers.batch_normalization(x1, training=is_train)
        x1 = tf.maximum(0.2 * x1, x1)
        x2 = tf.layers.conv2d_transpose(x1, 8, 5, strides=2, padding='same', kernel_initializer=tf.random_normal_initializer(stddev=0.02))
        x2 = tf.layers.batch_normalization(x2, training=is_train)
        x2 = tf.nn.leaky_relu(x2, alpha=0.2)
        logits = tf.layers.conv2d_transpose(x2, out_channel_dim, 5, strides=2, padding='same')
        return tf.tanh(logits)
def discriminator(images, reuse=False):
    with tf.variable_scope('discriminator', reuse=reuse):
        x = tf.layers.conv2d(images, 8, 5, strides=2, padding='same', activation=tf.nn.leaky_relu)
        x = tf.layers.conv2d(x, 16, 5, strides=2, padding='same', kernel_initializer=tf.contrib.layers.xavier_initializer())
        bn = tf.layers.batch_normalization(x, training=True)
        x = tf.layers.dropout(tf.nn.leaky_relu(bn), rate=0.3, training=True)
        flat = tf.layers.flatten(x)
        logits = tf.layers.dense(flat, 1)
        return tf.sigmoid(logits), logits
def model_inputs(w, h, c, z):
    return (tf.placeholder(tf.float32, shape=(None, w, h, c), name='input_real'), tf.placeholder(tf.float32, (None, z), name='input_z'), tf.placeholder(tf.float32, name='learning_rate'))
tf.reset_default_graph()
input_real, input_z, lr = model_inputs(16, 16, 3, 10)
g_model = generator(input_z, 3)
d_model_real, d_logits_real = discriminator(input_real)
d_model_fake, d_logits_fake = discriminator(g_model, reuse=True)
smooth = 0.1
d_loss_real = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(logits=d_logits_real, labels=tf.ones_like(d_model_real) * (1 - smooth)))
d_loss_fake = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(logits=d_logits_fake, labels=tf.zeros_like(d_model_fake)))
g_loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(logits=d_logits_fake, labels=tf.ones_like(d_model_fake)))
d_loss = d_loss_real + d_loss_fake
d_vars = tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope='discriminator')
g_vars = tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope='generator')
all_update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
assert (len(d_vars), len(g_vars), len(all_update_ops)) == (8, 10, 8)
g_update_ops = [var for var in all_update_ops if var.name.startswith('generator')]
d_update_ops = [var for var in all_update_ops if var.name.startswith('discriminator')]
with tf.control_dependencies(d_update_ops):
    d_train_opt = tf.train.AdamOptimizer(lr, beta1=0.5).minimize(d_loss, var_list=d_vars)
with tf.control_dependencies(g_update_ops):
    g_train_opt = tf.train.AdamOptimizer(lr, beta1=0.5).minimize(g_loss, var_list=g_vars)
def show(sess, n):
    z_dim = input_z.get_shape().as_list()[-1]
    return sess.run(generator(input_z, 3, False), feed_dict={input_z: np.random.uniform(-1, 1, size=[n, z_dim])})
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    mm0 = sess.run([v for v in tf.global_variables() if 'moving_mean' in v.name][0])
    for i in range(3):
        x = np.random.uniform(-1, 1, (8, 16, 16, 3)); z = np.random.uniform(-1, 1, (8, 10))
        _ = sess.run(d_train_opt, feed_dict={input_real: x, input_z: z, lr: 2e-4})
        _ = sess.run(g_train_opt, feed_dict={input_real: x, input_z: z, lr: 2e-4})
        print("D {:.4f} G {:.4f}".format(d_loss.eval({input_z: z, input_real: x}), g_loss.eval({input_z: z})))
    mm1 = sess.run([v for v in tf.global_variables() if 'moving_mean' in v.name][0])
    assert np.abs(mm1 - mm0).sum() > 0 and show(sess, 4).shape == (4, 16, 16, 3)
