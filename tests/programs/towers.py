"""Two towers that share their variables, as for two GPUs: gradients averaged by hand."""
import numpy as np
import tensorflow as tf


def average_gradients(tower_grads):
    average_grads = []
    for grad_and_vars in zip(*tower_grads):
        grads = [tf.expand_dims(g, 0) for g, _ in grad_and_vars]
        grad = tf.reduce_mean(tf.concat(axis=0, values=grads), 0)
        average_grads.append((grad, grad_and_vars[0][1]))
    return average_grads


with tf.Graph().as_default(), tf.device("/cpu:0"):
    global_step = tf.get_variable("global_step", [], initializer=tf.constant_initializer(0), trainable=False)
    opt = tf.train.GradientDescentOptimizer(0.1)
    x = tf.placeholder(tf.float32, [8, 3])
    y = tf.placeholder(tf.float32, [8, 1])
    tower_grads, losses = [], []
    with tf.variable_scope(tf.get_variable_scope()):
        for i, (xs, ys) in enumerate(zip(tf.split(x, 2), tf.split(y, 2))):
            with tf.device("/gpu:%d" % i), tf.name_scope("%s_%d" % ("tower", i)) as scope:
                w = tf.get_variable("w", [3, 1], initializer=tf.zeros_initializer())
                loss = tf.reduce_mean(tf.square(tf.matmul(xs, w) - ys))
                losses.append(loss)
                tf.get_variable_scope().reuse_variables()
                tower_grads.append(opt.compute_gradients(loss))
    train_op = opt.apply_gradients(average_gradients(tower_grads), global_step=global_step)
    assert len(tf.trainable_variables()) == 1 and losses[1].op.name.startswith("tower_1/")
    config = tf.ConfigProto(allow_soft_placement=True, log_device_placement=False, device_count={"GPU": 0})
    sess = tf.Session(config=config)
    sess.run(tf.global_variables_initializer())
    rng = np.random.RandomState(0)
    data = rng.randn(8, 3)
    feed = {x: data, y: data.dot([[1.0], [2.0], [3.0]])}
    for _ in range(150):
        sess.run(train_op, feed)
    print(sess.run(w).ravel(), sess.run(global_step))
    assert np.allclose(sess.run(w).ravel(), [1, 2, 3], atol=0.05) and sess.run(global_step) == 150
    sess.close()
