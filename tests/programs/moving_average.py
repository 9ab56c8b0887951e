"""An exponential moving average of the weights, kept by the train op, evaluated in place of the weights."""
import tensorflow as tf

w = tf.Variable(0.0, name="w")
target = tf.placeholder(tf.float32, [])
loss = tf.square(w - target)
opt_op = tf.train.GradientDescentOptimizer(0.5).minimize(loss)
ema = tf.train.ExponentialMovingAverage(decay=0.9)
with tf.control_dependencies([opt_op]):
    training_op = ema.apply([w])
average = ema.average(w)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    expected = 0.0
    for value in (1.0, 2.0, 3.0, 4.0):
        sess.run(training_op, {target: value})
        expected = 0.9 * expected + 0.1 * value
        print(sess.run([w, average]))
    assert abs(sess.run(average) - expected) < 1e-5
    assert average.op.name == "w/ExponentialMovingAverage" == ema.average_name(w)
    assert w in tf.moving_average_variables()
