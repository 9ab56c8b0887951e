"""tf.contrib.opt: two steps of each optimizer, of a dense and of a sparse gradient."""


def _trained(tf, optimizer, **kwargs):
    w = tf.get_variable("w", [3, 2], initializer=tf.ones_initializer())
    e = tf.get_variable("e", [5, 2], initializer=tf.ones_initializer())
    step = tf.train.get_or_create_global_step()
    x = tf.constant([[1.0, -2.0, 0.5], [0.3, 0.2, -1.0]])
    rows = tf.nn.embedding_lookup(e, [1, 3, 1])
    loss = tf.reduce_sum(tf.square(tf.matmul(x, w) - 0.3)) + tf.reduce_sum(rows * rows * [1.0, 2.0])
    train = optimizer.minimize(loss, global_step=step, **kwargs)
    with tf.control_dependencies([train]):
        return [v.read_value() for v in sorted(tf.global_variables(), key=lambda v: v.name)]


def _decayed(tf, optimizer, **kwargs):
    """Of constant gradients: in TensorFlow, weights may shrink before gradients are computed, or after."""
    w, e = (
        tf.get_variable("w", [3, 2], initializer=tf.ones_initializer()),
        tf.get_variable("e", [5, 2], initializer=tf.ones_initializer()),
    )
    dense = tf.constant([[0.3, -0.2], [0.1, 0.0], [-0.5, 1.0]])
    sparse = tf.IndexedSlices(
        tf.constant([[0.3, -0.2], [0.1, 0.4], [1.0, 1.0]]), tf.constant([1, 3, 1]), tf.constant([5, 2])
    )
    train = optimizer.apply_gradients([(dense, w), (sparse, e)], **kwargs)
    with tf.control_dependencies([train]):
        return [v.read_value() for v in sorted(tf.global_variables(), key=lambda v: v.name)]


def adamw(tf):
    return _decayed(tf, tf.contrib.opt.AdamWOptimizer(0.05, learning_rate=0.1))


def adamw_of_some(tf):
    with tf.variable_scope("", reuse=tf.AUTO_REUSE):
        e = tf.get_variable("e", [5, 2], initializer=tf.ones_initializer())
        return _decayed(tf, tf.contrib.opt.AdamWOptimizer(0.05, 0.1), decay_var_list=[e])


def adamw_minimize(tf):
    """minimize forgets the list: all variables shrink."""
    w = tf.get_variable("w", [3], initializer=tf.ones_initializer())
    train = tf.contrib.opt.AdamWOptimizer(0.05).minimize(tf.reduce_sum(w), decay_var_list=[tf.constant(0)])
    with tf.control_dependencies([train]):
        return w.read_value()


def momentumw(tf):
    return _decayed(tf, tf.contrib.opt.MomentumWOptimizer(0.05, 0.1, 0.9, use_nesterov=True))


def extended(tf):
    made = tf.contrib.opt.extend_with_decoupled_weight_decay(tf.train.AdagradOptimizer)
    return _decayed(tf, made(weight_decay=0.01, learning_rate=0.1))


def lazy_adam(tf):
    return _trained(tf, tf.contrib.opt.LazyAdamOptimizer(0.1))


def nadam(tf):
    return _trained(tf, tf.contrib.opt.NadamOptimizer(0.1, name="Nadam"))


def adamax(tf):
    return _trained(tf, tf.contrib.opt.AdaMaxOptimizer(0.1))


def add_sign(tf):
    return _trained(tf, tf.contrib.opt.AddSignOptimizer(0.1, alpha=1.5, sign_decay_fn=lambda step: 0.5))


def power_sign(tf):
    return _trained(tf, tf.contrib.opt.PowerSignOptimizer(0.1, base=2.0))


def lars(tf):
    return _trained(tf, tf.contrib.opt.LARSOptimizer(0.1, skip_list=["e"]))


def lars_all(tf):
    return _trained(tf, tf.contrib.opt.LARSOptimizer(0.1, eeta=0.1, use_nesterov=True))


def moving_average(tf):
    return _trained(tf, tf.contrib.opt.MovingAverageOptimizer(tf.train.GradientDescentOptimizer(0.05), 0.7))


def variable_clipping(tf):
    with tf.variable_scope("", reuse=tf.AUTO_REUSE):
        axes = {
            tf.get_variable("w", [3, 2], initializer=tf.ones_initializer()): [0],
            tf.get_variable("e", [5, 2], initializer=tf.ones_initializer()): [1],
        }
        return _trained(
            tf, tf.contrib.opt.VariableClippingOptimizer(tf.train.GradientDescentOptimizer(0.05), axes, 0.5)
        )


def multitask(tf):
    w, on = tf.get_variable("w", [2], initializer=tf.ones_initializer()), tf.Variable(1.0, trainable=False)
    optimizer = tf.contrib.opt.MultitaskOptimizerWrapper(tf.train.MomentumOptimizer(0.1, 0.9))
    gradient = optimizer.compute_gradients(tf.reduce_sum(tf.square(w)) * on)
    clipped, norm = tf.contrib.opt.clip_gradients_by_global_norm(gradient, 0.5)
    train = optimizer.apply_gradients(clipped)
    with tf.control_dependencies([train]):
        off = on.assign(0.0)
    with tf.control_dependencies([off]):
        return [w.read_value(), norm]


for _case in list(vars().values()):
    if callable(_case):
        _case.steps = 3
