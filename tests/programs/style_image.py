"""An image as the variable: content and style losses from fixed filters, Gram matrices, total variation."""
import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
size = 12
content_image = rng.rand(1, size, size, 3).astype(np.float32)
style_image = rng.rand(1, size, size, 3).astype(np.float32)
filters = tf.constant(0.3 * rng.randn(3, 3, 3, 4), dtype=tf.float32)


def features(image):
    return tf.nn.relu(tf.nn.conv2d(image, filters, [1, 1, 1, 1], "SAME"))


def gram_matrix(F):
    n = int(F.shape[1]) * int(F.shape[2])
    F = tf.reshape(F, (n, int(F.shape[3])))
    return tf.matmul(tf.transpose(F), F) / n


with tf.Session() as sess:
    content, style = sess.run([features(tf.constant(content_image)), gram_matrix(features(tf.constant(style_image)))])

with tf.variable_scope("input") as scope:
    input_image = tf.Variable(np.zeros([1, size, size, 3]), dtype=tf.float32)
now = features(input_image)
content_loss = tf.reduce_sum((now - content) ** 2) / content.size
style_loss = tf.reduce_sum((gram_matrix(now) - style) ** 2)
tv = tf.reduce_mean(tf.abs(input_image[:, 1:] - input_image[:, :-1]))
total_loss = content_loss + 0.1 * style_loss + 0.01 * tv
opt = tf.train.AdamOptimizer(0.05).minimize(total_loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    sess.run(input_image.assign(0.5 * content_image + 0.5 * rng.rand(*content_image.shape)))
    first = sess.run(total_loss)
    for index in range(40):
        sess.run(opt)
    gen_image, last = sess.run([input_image, total_loss])
    print("loss: %.4f -> %.4f" % (first, last))
    assert last < 0.3 * first and gen_image.shape == content_image.shape
