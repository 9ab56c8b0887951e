"""A line through points, one sample a step, as in the first example of many collections."""
import numpy
import tensorflow as tf

rng = numpy.random.RandomState(1)
learning_rate = 0.02
training_epochs = 60

train_X = numpy.asarray([3.1, 4.5, 5.6, 6.9, 7.2, 4.3, 9.8, 6.1, 7.7, 2.1, 7.0, 10.8, 5.4, 8.1, 5.7, 9.4, 3.3])
train_Y = 0.25 * train_X + 0.8 + 0.05 * rng.randn(17)
n_samples = train_X.shape[0]

X = tf.placeholder("float")
Y = tf.placeholder("float")
W = tf.Variable(rng.randn(), name="weight")
b = tf.Variable(rng.randn(), name="bias")

pred = tf.add(tf.multiply(X, W), b)
cost = tf.reduce_sum(tf.pow(pred - Y, 2)) / (2 * n_samples)
optimizer = tf.train.GradientDescentOptimizer(learning_rate).minimize(cost)
init = tf.global_variables_initializer()

with tf.Session() as sess:
    sess.run(init)
    first = sess.run(cost, feed_dict={X: train_X, Y: train_Y})
    for epoch in range(training_epochs):
        for (x, y) in zip(train_X, train_Y):
            sess.run(optimizer, feed_dict={X: x, Y: y})
        if (epoch + 1) % 20 == 0:
            c = sess.run(cost, feed_dict={X: train_X, Y: train_Y})
            print("Epoch:", "%04d" % (epoch + 1), "cost=", "{:.9f}".format(c), "W=", sess.run(W), "b=", sess.run(b))
    assert c < first / 10
    assert W.name == "weight:0" and b.op.name == "bias"
