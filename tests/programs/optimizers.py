"""Each optimizer on the same bowl: all of them go down."""
import numpy as np
import tensorflow as tf

optimizers = {
    "sgd": lambda: tf.train.GradientDescentOptimizer(0.1),
    "momentum": lambda: tf.train.MomentumOptimizer(0.05, momentum=0.9),
    "nesterov": lambda: tf.train.MomentumOptimizer(0.05, 0.9, use_nesterov=True),
    "adagrad": lambda: tf.train.AdagradOptimizer(0.5),
    "adadelta": lambda: tf.train.AdadeltaOptimizer(200.0),
    "rmsprop": lambda: tf.train.RMSPropOptimizer(0.05, decay=0.9, momentum=0.1),
    "adam": lambda: tf.train.AdamOptimizer(0.2),
    "ftrl": lambda: tf.train.FtrlOptimizer(0.5),
    "proximal": lambda: tf.train.ProximalGradientDescentOptimizer(0.1),
}
for name, make in sorted(optimizers.items()):
    tf.reset_default_graph()
    w = tf.Variable([3.0, -2.0], name="w")
    loss = tf.reduce_sum(tf.square(w - tf.constant([1.0, 1.0])) * [1.0, 3.0], name="loss")
    opt = make()
    train = opt.minimize(loss)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        before = sess.run(loss)
        for _ in range(40):
            sess.run(train)
        after = sess.run(loss)
        print("%-10s %8.4f -> %8.4f  slots: %s" % (name, before, after, opt.get_slot_names()))
        assert after < 0.5 * before, name
        assert np.all(np.isfinite(sess.run(w)))
