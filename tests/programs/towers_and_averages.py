"""Two towers that share variables, moving averages inside a condition, gradients overridden, penalties on gradients."""
import tensorflow as tf, numpy as np
# multi tower
def average_gradients(tower_grads):
    average_grads = []
    for gv in zip(*tower_grads):
        grads = []
        for g, _ in gv:
            grads.append(tf.expand_dims(g, 0))
        grad = tf.reduce_mean(tf.concat(axis=0, values=grads), 0)
        average_grads.append((grad, gv[0][1]))
    return average_grads
def _variable_on_cpu(name, shape, initializer):
    with tf.device('/cpu:0'):
        return tf.get_variable(name, shape, initializer=initializer, dtype=tf.float32)
def _variable_with_weight_decay(name, shape, stddev, wd):
    var = _variable_on_cpu(name, shape, tf.truncated_normal_initializer(stddev=stddev, dtype=tf.float32))
    if wd is not None:
        tf.add_to_collection('losses', tf.multiply(tf.nn.l2_loss(var), wd, name='weight_loss'))
    return var
def inference(images):
    with tf.variable_scope('conv1') as scope:
        kernel = _variable_with_weight_decay('weights', [5, 5, 3, 8], 5e-2, None)
        conv = tf.nn.conv2d(images, kernel, [1, 1, 1, 1], padding='SAME')
        conv1 = tf.nn.relu(tf.nn.bias_add(conv, _variable_on_cpu('biases', [8], tf.constant_initializer(0.0))), name=scope.name)
    pool1 = tf.nn.max_pool(conv1, ksize=[1, 3, 3, 1], strides=[1, 2, 2, 1], padding='SAME', name='pool1')
    norm1 = tf.nn.lrn(pool1, 4, bias=1.0, alpha=0.001 / 9.0, beta=0.75, name='norm1')
    with tf.variable_scope('local3') as scope:
        reshape = tf.reshape(norm1, [images.get_shape().as_list()[0], -1]); dim = reshape.get_shape()[1].value
        local3 = tf.nn.relu(tf.matmul(reshape, _variable_with_weight_decay('weights', [dim, 16], 0.04, 0.004)) + _variable_on_cpu('biases', [16], tf.constant_initializer(0.1)), name=scope.name)
    with tf.variable_scope('softmax_linear') as scope:
        return tf.add(tf.matmul(local3, _variable_with_weight_decay('weights', [16, 10], 1/16., None)), _variable_on_cpu('biases', [10], tf.constant_initializer(0.0)), name=scope.name)
def tower_loss(scope, images, labels):
    logits = inference(images)
    ce = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.cast(labels, tf.int64), logits=logits, name='cross_entropy_per_example')
    tf.add_to_collection('losses', tf.reduce_mean(ce, name='cross_entropy'))
    losses = tf.get_collection('losses', scope)
    total_loss = tf.add_n(losses, name='total_loss')
    return total_loss
with tf.Graph().as_default(), tf.device('/cpu:0'):
    global_step = tf.get_variable('global_step', [], initializer=tf.constant_initializer(0), trainable=False)
    lr = tf.train.exponential_decay(0.1, global_step, 350, 0.1, staircase=True)
    opt = tf.train.GradientDescentOptimizer(lr)
    images = tf.random_uniform([4, 12, 12, 3]); labels = tf.constant([1, 2, 3, 4])
    tower_grads = []
    with tf.variable_scope(tf.get_variable_scope()):
        for i in range(2):
            with tf.device('/gpu:%d' % i):
                with tf.name_scope('%s_%d' % ('tower', i)) as scope:
                    loss = tower_loss(scope, images, labels)
                    tf.get_variable_scope().reuse_variables()
                    grads = opt.compute_gradients(loss)
                    tower_grads.append(grads)
    grads = average_gradients(tower_grads)
    apply_gradient_op = opt.apply_gradients(grads, global_step=global_step)
    variable_averages = tf.train.ExponentialMovingAverage(0.9999, global_step)
    variables_averages_op = variable_averages.apply(tf.trainable_variables())
    train_op = tf.group(apply_gradient_op, variables_averages_op)
    with tf.control_dependencies([apply_gradient_op, variables_averages_op]):
        train_op2 = tf.no_op(name='train')
    loss_averages = tf.train.ExponentialMovingAverage(0.9, name='avg')
    la = loss_averages.apply(tf.get_collection('losses') + [loss])
    assert loss_averages.average(loss).name == "tower_1/total_loss/avg:0" and len(tf.get_collection("losses")) == 4
    sess = tf.Session(config=tf.ConfigProto(allow_soft_placement=True, log_device_placement=False))
    sess.run(tf.global_variables_initializer())
    for _ in range(3): _, l = sess.run([train_op, loss]); sess.run([train_op2, la])
    assert sess.run(global_step) == 6 and "conv1/biases/ExponentialMovingAverage" in variable_averages.variables_to_restore()
# EMA batch norm with cond
tf.reset_default_graph()
def batch_norm(x, n_out, phase_train, scope='bn'):
    with tf.variable_scope(scope):
        beta = tf.Variable(tf.constant(0.0, shape=[n_out]), name='beta', trainable=True); gamma = tf.Variable(tf.constant(1.0, shape=[n_out]), name='gamma', trainable=True)
        batch_mean, batch_var = tf.nn.moments(x, [0, 1, 2], name='moments')
        ema = tf.train.ExponentialMovingAverage(decay=0.5)
        def mean_var_with_update():
            ema_apply_op = ema.apply([batch_mean, batch_var])
            with tf.control_dependencies([ema_apply_op]):
                return tf.identity(batch_mean), tf.identity(batch_var)
        mean, var = tf.cond(phase_train, mean_var_with_update, lambda: (ema.average(batch_mean), ema.average(batch_var)))
        return tf.nn.batch_normalization(x, mean, var, beta, gamma, 1e-3)
ph = tf.placeholder(tf.bool, name='phase_train'); im = tf.placeholder(tf.float32, [None, 4, 4, 3])
out = batch_norm(im, 3, ph); cost = tf.reduce_mean(tf.square(out - 1.0)); tr = tf.train.MomentumOptimizer(.1, .9).minimize(cost)
drop = tf.cond(ph, lambda: tf.nn.dropout(out, 0.5), lambda: out)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    X = np.random.randn(6, 4, 4, 3) * 2 + 5
    for _ in range(5): sess.run(tr, {im: X, ph: True})
    a, b, d = sess.run([out, cost, drop], {im: X, ph: False})
    assert abs(a.mean()) < 3 and d.shape == (6, 4, 4, 3)
# tf.flags-less CLI, custom gradient, Defun-ish
@tf.RegisterGradient("GuidedRelu")
def _GuidedReluGrad(op, grad): return tf.where(0. < grad, grad * tf.cast(op.outputs[0] > 0, tf.float32), tf.zeros(tf.shape(grad)))
g = tf.get_default_graph()
with g.gradient_override_map({'Relu': 'GuidedRelu'}): r = tf.nn.relu(tf.constant([1., -1., 2.]) * tf.Variable([1., 1., 1.], name='gv'))
guided = tf.gradients(r, tf.trainable_variables()[-1], grad_ys=tf.constant([1., 1., -1.]))[0]
@tf.custom_gradient
def clip_grad(x): return tf.identity(x), lambda dy: tf.clip_by_value(dy, -.1, .1)
xx = tf.constant(2.); gg = tf.gradients(clip_grad(xx) * 3., xx)[0]
# WGAN-GP
def critic(x, reuse=None):
    with tf.variable_scope('critic', reuse=reuse): return tf.layers.dense(tf.layers.dense(x, 8, tf.nn.leaky_relu), 1)
real = tf.random_normal([5, 2]); fake = tf.layers.dense(tf.random_normal([5, 3]), 2, name='gen')
eps = tf.random_uniform([5, 1]); inter = eps * real + (1 - eps) * fake
dr, df, di = critic(real), critic(fake, True), critic(inter, True)
gp = tf.reduce_mean((tf.sqrt(tf.reduce_sum(tf.gradients(di, [inter])[0] ** 2, reduction_indices=[1])) - 1.) ** 2)
dloss = tf.reduce_mean(df) - tf.reduce_mean(dr) + 10 * gp
dopt = tf.train.AdamOptimizer(1e-4, beta1=0., beta2=.9).minimize(dloss, var_list=tf.trainable_variables('critic'))
clip = [p.assign(tf.clip_by_value(p, -0.01, 0.01)) for p in tf.trainable_variables() if p.name.startswith('critic')]
hess = tf.hessians(xx ** 3, xx)
# tf.contrib bits
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer()); assert sess.run(guided).tolist() == [1, 0, 0] and sess.run(hess) == [12]
    np.testing.assert_allclose(gg.eval(), .1); assert sess.run([dopt, dloss, clip])[1].shape == ()
    run_options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE); md = tf.RunMetadata(); sess.run(dloss, options=run_options, run_metadata=md)
    assert np.sum([np.prod(v.get_shape().as_list()) for v in tf.trainable_variables()]) == sum(int(np.prod(v.shape)) for v in tf.trainable_variables()) == 50
with tf.Graph().as_default() as g1:
    a = tf.constant(1.0, name='in'); b = tf.multiply(a, 2, name='out'); gd = g1.as_graph_def()
with tf.Graph().as_default():
    o, = tf.import_graph_def(gd, input_map={'in:0': tf.constant(4.0)}, return_elements=['out:0'], name=''); assert tf.Session().run(o) == 8
