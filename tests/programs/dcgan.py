"""DCGAN with layers by hand: reuse_variables, contrib batch_norm, two optimizers by the names of variables."""
import tensorflow as tf, numpy as np
class batch_norm(object):
    def __init__(self, epsilon=1e-5, momentum=0.9, name="batch_norm"):
        with tf.variable_scope(name):
            self.epsilon, self.momentum, self.name = epsilon, momentum, name
    def __call__(self, x, train=True):
        return tf.contrib.layers.batch_norm(x, decay=self.momentum, updates_collections=None, epsilon=self.epsilon, scale=True, is_training=train, scope=self.name)
def conv2d(input_, output_dim, k_h=5, k_w=5, d_h=2, d_w=2, stddev=0.02, name="conv2d"):
    with tf.variable_scope(name):
        w = tf.get_variable('w', [k_h, k_w, input_.get_shape()[-1], output_dim], initializer=tf.truncated_normal_initializer(stddev=stddev))
        conv = tf.nn.conv2d(input_, w, strides=[1, d_h, d_w, 1], padding='SAME')
        biases = tf.get_variable('biases', [output_dim], initializer=tf.constant_initializer(0.0))
        return tf.reshape(tf.nn.bias_add(conv, biases), conv.get_shape())
def deconv2d(input_, output_shape, k_h=5, k_w=5, d_h=2, d_w=2, stddev=0.02, name="deconv2d", with_w=False):
    with tf.variable_scope(name):
        w = tf.get_variable('w', [k_h, k_w, output_shape[-1], input_.get_shape()[-1]], initializer=tf.random_normal_initializer(stddev=stddev))
        try:
            deconv = tf.nn.conv2d_transpose(input_, w, output_shape=output_shape, strides=[1, d_h, d_w, 1])
        except AttributeError:
            deconv = tf.nn.deconv2d(input_, w, output_shape=output_shape, strides=[1, d_h, d_w, 1])
        biases = tf.get_variable('biases', [output_shape[-1]], initializer=tf.constant_initializer(0.0))
        deconv = tf.reshape(tf.nn.bias_add(deconv, biases), deconv.get_shape())
        return (deconv, w, biases) if with_w else deconv
def lrelu(x, leak=0.2, name="lrelu"): return tf.maximum(x, leak*x)
def linear(input_, output_size, scope=None, stddev=0.02, bias_start=0.0, with_w=False):
    shape = input_.get_shape().as_list()
    with tf.variable_scope(scope or "Linear"):
        matrix = tf.get_variable("Matrix", [shape[1], output_size], tf.float32, tf.random_normal_initializer(stddev=stddev))
        bias = tf.get_variable("bias", [output_size], initializer=tf.constant_initializer(bias_start))
        return (tf.matmul(input_, matrix) + bias, matrix, bias) if with_w else tf.matmul(input_, matrix) + bias
B, Z = 8, 10
class DCGAN(object):
    def __init__(self, sess):
        self.sess = sess
        self.d_bn1 = batch_norm(name='d_bn1'); self.g_bn0 = batch_norm(name='g_bn0'); self.g_bn1 = batch_norm(name='g_bn1')
        self.images = tf.placeholder(tf.float32, [B, 16, 16, 1], name='real_images')
        self.z = tf.placeholder(tf.float32, [None, Z], name='z')
        self.G = self.generator(self.z)
        self.D, self.D_logits = self.discriminator(self.images)
        self.sampler_ = self.sampler(self.z)
        self.D_, self.D_logits_ = self.discriminator(self.G, reuse=True)
        def sce(x, y):
            try: return tf.nn.sigmoid_cross_entropy_with_logits(logits=x, labels=y)
            except: return tf.nn.sigmoid_cross_entropy_with_logits(logits=x, targets=y)
        self.d_loss_real = tf.reduce_mean(sce(self.D_logits, tf.ones_like(self.D)))
        self.d_loss_fake = tf.reduce_mean(sce(self.D_logits_, tf.zeros_like(self.D_)))
        self.g_loss = tf.reduce_mean(sce(self.D_logits_, tf.ones_like(self.D_)))
        self.d_loss = self.d_loss_real + self.d_loss_fake
        t_vars = tf.trainable_variables()
        self.d_vars = [v for v in t_vars if 'd_' in v.name]
        self.g_vars = [v for v in t_vars if 'g_' in v.name]
    def discriminator(self, image, reuse=False):
        with tf.variable_scope("discriminator") as scope:
            if reuse: scope.reuse_variables()
            h0 = lrelu(conv2d(image, 4, name='d_h0_conv'))
            h1 = lrelu(self.d_bn1(conv2d(h0, 8, name='d_h1_conv')))
            h2 = linear(tf.reshape(h1, [B, -1]), 1, 'd_h2_lin')
            return tf.nn.sigmoid(h2), h2
    def _gen(self, z, train):
        z_, self.h0_w, self.h0_b = linear(z, 8*4*4, 'g_h0_lin', with_w=True)
        h0 = tf.nn.relu(self.g_bn0(tf.reshape(z_, [-1, 4, 4, 8]), train=train))
        h1, w, b = deconv2d(h0, [B, 8, 8, 4], name='g_h1', with_w=True)
        h1 = tf.nn.relu(self.g_bn1(h1, train=train))
        return tf.nn.tanh(deconv2d(h1, [B, 16, 16, 1], name='g_h2'))
    def generator(self, z):
        with tf.variable_scope("generator") as scope: return self._gen(z, True)
    def sampler(self, z):
        with tf.variable_scope("generator") as scope:
            scope.reuse_variables()
            return self._gen(z, False)
    def train(self):
        d_optim = tf.train.AdamOptimizer(0.0002, beta1=0.5).minimize(self.d_loss, var_list=self.d_vars)
        g_optim = tf.train.AdamOptimizer(0.0002, beta1=0.5).minimize(self.g_loss, var_list=self.g_vars)
        try: tf.global_variables_initializer().run()
        except: tf.initialize_all_variables().run()
        for i in range(3):
            x = np.random.uniform(-1, 1, [B, 16, 16, 1]).astype(np.float32); z = np.random.uniform(-1, 1, [B, Z]).astype(np.float32)
            self.sess.run(d_optim, feed_dict={self.images: x, self.z: z})
            self.sess.run(g_optim, feed_dict={self.z: z}); self.sess.run(g_optim, feed_dict={self.z: z})
            errD = self.d_loss_fake.eval({self.z: z}) + self.d_loss_real.eval({self.images: x})
            print("d_loss: %.8f, g_loss: %.8f" % (errD, self.g_loss.eval({self.z: z})))
        assert self.sess.run(self.sampler_, feed_dict={self.z: z}).shape == (8, 16, 16, 1)
        assert len(self.d_vars) == 8 and len(self.g_vars) == 10 and self.g_vars[0].name == "generator/g_h0_lin/Matrix:0"
run_config = tf.ConfigProto(); run_config.gpu_options.allow_growth = True
with tf.Session(config=run_config) as sess:
    g = DCGAN(sess); g.train()
    import tensorflow.contrib.slim as slim
    assert slim.model_analyzer.analyze_vars(tf.trainable_variables(), print_info=True) == (3394, 13576)
