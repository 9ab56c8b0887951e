"""The feeding tutorial's network, from the module that its script imports."""

import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import mnist

images = tf.placeholder(tf.float32, [50, mnist.IMAGE_PIXELS])
labels = tf.placeholder(tf.int32, [50])
logits = mnist.inference(images, 32, 16)
loss = mnist.loss(logits, labels)
train_op = mnist.training(loss, 0.1)
correct = mnist.evaluation(logits, labels)
names = [v.op.name for v in tf.trainable_variables()]
assert names[:2] == ["hidden1/weights", "hidden1/biases"] and names[-1] == "softmax_linear/biases", names

rng = np.random.RandomState(0)
classes = rng.randint(0, 10, 50)
feeds = {images: 0.1 * rng.rand(50, 784) + (np.arange(784) % 10 == classes[:, None]), labels: classes}
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(150):
        sess.run(train_op, feed_dict=feeds)
    assert sess.run(correct, feed_dict=feeds) >= 45
    assert tf.train.global_step(sess, [v for v in tf.global_variables() if v.op.name == "global_step"][0]) == 150
    assert b"loss" in sess.run(tf.summary.merge_all(), feed_dict=feeds)
print("done")
