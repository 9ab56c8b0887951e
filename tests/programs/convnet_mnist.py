"""The convolutional network of the experts' tutorial, smaller, with labels as numbers."""
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data


def weight_variable(shape):
    initial = tf.truncated_normal(shape, stddev=0.1, seed=1)
    return tf.Variable(initial)


def bias_variable(shape):
    return tf.Variable(tf.constant(0.1, shape=shape))


def conv2d(x, W):
    return tf.nn.conv2d(x, W, strides=[1, 1, 1, 1], padding="SAME")


def max_pool_2x2(x):
    return tf.nn.max_pool(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")


mnist = input_data.read_data_sets("MNIST_data", one_hot=False, reshape=False, validation_size=5000, seed=1)
assert mnist.train.images.shape[1:] == (28, 28, 1)

x_image = tf.placeholder(tf.float32, [None, 28, 28, 1])
y_ = tf.placeholder(tf.int64, [None])
h_pool1 = max_pool_2x2(tf.nn.relu(conv2d(x_image, weight_variable([5, 5, 1, 4])) + bias_variable([4])))
h_pool2 = max_pool_2x2(tf.nn.relu(conv2d(h_pool1, weight_variable([5, 5, 4, 8])) + bias_variable([8])))
assert h_pool2.get_shape().as_list() == [None, 7, 7, 8]
h_flat = tf.reshape(h_pool2, [-1, 7 * 7 * 8])
h_fc1 = tf.nn.relu(tf.matmul(h_flat, weight_variable([7 * 7 * 8, 32])) + bias_variable([32]))
keep_prob = tf.placeholder(tf.float32)
h_fc1_drop = tf.nn.dropout(h_fc1, keep_prob)
y_conv = tf.matmul(h_fc1_drop, weight_variable([32, 10])) + bias_variable([10])

cross_entropy = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y_, logits=y_conv))
train_step = tf.train.AdamOptimizer(1e-2).minimize(cross_entropy)
accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(y_conv, 1), y_), tf.float32))

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(20):
        batch = mnist.train.next_batch(25)
        if i % 10 == 0:
            print("step %d, training accuracy %g" % (i, accuracy.eval({x_image: batch[0], y_: batch[1], keep_prob: 1.0})))
        train_step.run(feed_dict={x_image: batch[0], y_: batch[1], keep_prob: 0.9})
    score = accuracy.eval({x_image: mnist.test.images[:100], y_: mnist.test.labels[:100], keep_prob: 1.0})
    print("test accuracy %g" % score)
    assert score > 0.7
