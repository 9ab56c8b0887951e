"""Actor and critic, policy gradients over placeholders for gradients, and a clipped surrogate with distributions."""
import tensorflow as tf, numpy as np
np.random.seed(0)
class ActorCritic:
    def __init__(self, sess, nf=4, na=2):
        self.sess = sess
        self.s = tf.placeholder(tf.float32, [1, nf], "state"); self.a = tf.placeholder(tf.int32, None, "act"); self.td_error = tf.placeholder(tf.float32, None, "td_error")
        with tf.variable_scope('Actor'):
            l1 = tf.layers.dense(inputs=self.s, units=20, activation=tf.nn.relu, kernel_initializer=tf.random_normal_initializer(0., .1), bias_initializer=tf.constant_initializer(0.1), name='l1')
            self.acts_prob = tf.layers.dense(inputs=l1, units=na, activation=tf.nn.softmax, name='acts_prob')
        with tf.variable_scope('exp_v'):
            log_prob = tf.log(self.acts_prob[0, self.a])
            self.exp_v = tf.reduce_mean(log_prob * self.td_error)
        with tf.variable_scope('train'):
            self.train_op = tf.train.AdamOptimizer(0.001).minimize(-self.exp_v)
        self.v_ = tf.placeholder(tf.float32, [1, 1], "v_next"); self.r = tf.placeholder(tf.float32, None, 'r')
        with tf.variable_scope('Critic'):
            self.v = tf.layers.dense(tf.layers.dense(self.s, 20, tf.nn.relu), 1)
        with tf.variable_scope('squared_TD_error'):
            self.td = self.r + 0.9 * self.v_ - self.v
            self.loss = tf.square(self.td)
        self.ctrain = tf.train.AdamOptimizer(0.01).minimize(self.loss)
    def choose(self, s):
        probs = self.sess.run(self.acts_prob, {self.s: s[np.newaxis, :]})
        return np.random.choice(np.arange(probs.shape[1]), p=probs.ravel())
sess = tf.Session(); ac = ActorCritic(sess); sess.run(tf.global_variables_initializer())
s = np.random.randn(4)
for t in range(20):
    a = ac.choose(s); s_ = np.random.randn(4); r = float(a)
    v_ = sess.run(ac.v, {ac.s: s_[None]})
    td, _ = sess.run([ac.td, ac.ctrain], {ac.s: s[None], ac.v_: v_, ac.r: r})
    _, ev = sess.run([ac.train_op, ac.exp_v], {ac.s: s[None], ac.a: a, ac.td_error: td})
    s = s_
assert ev.shape == () and td.shape == (1, 1)
# PG with accumulated gradients
tf.reset_default_graph()
import tensorflow.contrib.slim as slim
class agent():
    def __init__(self, lr, s_size, a_size, h_size):
        self.state_in = tf.placeholder(shape=[None, s_size], dtype=tf.float32)
        hidden = slim.fully_connected(self.state_in, h_size, biases_initializer=None, activation_fn=tf.nn.relu)
        self.output = slim.fully_connected(hidden, a_size, activation_fn=tf.nn.softmax, biases_initializer=None)
        self.chosen_action = tf.argmax(self.output, 1)
        self.reward_holder = tf.placeholder(shape=[None], dtype=tf.float32); self.action_holder = tf.placeholder(shape=[None], dtype=tf.int32)
        self.indexes = tf.range(0, tf.shape(self.output)[0]) * tf.shape(self.output)[1] + self.action_holder
        self.responsible_outputs = tf.gather(tf.reshape(self.output, [-1]), self.indexes)
        self.loss = -tf.reduce_mean(tf.log(self.responsible_outputs) * self.reward_holder)
        tvars = tf.trainable_variables()
        self.gradient_holders = []
        for idx, var in enumerate(tvars):
            self.gradient_holders.append(tf.placeholder(tf.float32, name=str(idx) + '_holder'))
        self.gradients = tf.gradients(self.loss, tvars)
        self.update_batch = tf.train.AdamOptimizer(learning_rate=lr).apply_gradients(zip(self.gradient_holders, tvars))
my = agent(1e-2, 4, 2, 8)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    gradBuffer = sess.run(tf.trainable_variables())
    for ix, grad in enumerate(gradBuffer): gradBuffer[ix] = grad * 0
    for ep in range(6):
        hist = np.array([[np.random.randn(4), np.random.randint(2), 1.0, 0] for _ in range(5)], dtype=object)
        feed = {my.reward_holder: hist[:, 2], my.action_holder: hist[:, 1], my.state_in: np.vstack(hist[:, 0])}
        grads = sess.run(my.gradients, feed_dict=feed)
        for idx, grad in enumerate(grads): gradBuffer[idx] += grad
        if ep % 5 == 0 and ep != 0:
            sess.run(my.update_batch, feed_dict=dict(zip(my.gradient_holders, gradBuffer)))
    assert [v.name for v in tf.trainable_variables()] == ["fully_connected/weights:0", "fully_connected_1/weights:0"]
# PPO gaussian
tf.reset_default_graph(); tf.set_random_seed(1); np.random.seed(1)
s = tf.placeholder(tf.float32, [None, 3], 's'); adv = tf.placeholder(tf.float32, [None, 1]); act = tf.placeholder(tf.float32, [None, 1])
def anet(name, trainable):
    with tf.variable_scope(name):
        l1 = tf.layers.dense(s, 10, tf.nn.relu, trainable=trainable)
        mu = 2 * tf.layers.dense(l1, 1, tf.nn.tanh, trainable=trainable); sigma = tf.layers.dense(l1, 1, tf.nn.softplus, trainable=trainable)
        nd = tf.distributions.Normal(loc=mu, scale=sigma)
    return nd, tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES, scope=name)
pi, pp = anet('pi', True); oldpi, op_ = anet('oldpi', False)
sample = tf.squeeze(pi.sample(1), axis=0)
update = [o.assign(p) for p, o in zip(pp, op_)]
ratio = pi.prob(act) / (oldpi.prob(act) + 1e-5)
surr = ratio * adv
aloss = -tf.reduce_mean(tf.minimum(surr, tf.clip_by_value(ratio, 1. - 0.2, 1. + 0.2) * adv)) - 0.01 * tf.reduce_mean(pi.entropy())
kl = tf.reduce_mean(tf.distributions.kl_divergence(oldpi, pi))
at = tf.train.AdamOptimizer(1e-3).minimize(aloss)
gn = tf.global_norm(tf.gradients(aloss, tf.trainable_variables()))
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer()); sess.run(update)
    f = {s: np.random.randn(5, 3), adv: np.ones((5, 1)), act: np.random.randn(5, 1)}
    r, p, _ = sess.run([ratio, oldpi.prob(act), kl], f); np.testing.assert_allclose(r, p / (p + 1e-5), rtol=1e-4); [sess.run(at, f) for _ in range(3)]
    assert sess.run(sample, {s: np.ones((1, 3))})[0].shape == (1,) and sess.run(gn, f) > 0
    a_cat = tf.multinomial(tf.log([[0.2, 0.8]]), 3); print(sess.run(a_cat).shape, a_cat)
assert tf.contrib.distributions.Normal is tf.distributions.Normal
tfd = tf.contrib.distributions
with tf.Session() as sess:
    np.testing.assert_allclose(sess.run(tfd.kl_divergence(tfd.Normal(0.0, 1.0), tfd.Normal(1.0, 1.0))), 0.5, rtol=1e-6)
