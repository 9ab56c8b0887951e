"""Deep Q-learning twice: nets in collections with tf.assign, and double dueling nets with moving averages."""
import numpy as np, tensorflow as tf, random
from collections import deque
np.random.seed(1); tf.set_random_seed(1)
class DeepQNetwork:
    def __init__(self, n_actions, n_features, learning_rate=0.01, reward_decay=0.9, replace_target_iter=5, memory_size=50, batch_size=8, output_graph=False):
        self.n_actions, self.n_features, self.lr, self.gamma = n_actions, n_features, learning_rate, reward_decay
        self.learn_step_counter = 0; self.memory = np.zeros((memory_size, n_features * 2 + 2)); self.memory_counter = 0
        self.memory_size, self.batch_size, self.replace_target_iter = memory_size, batch_size, replace_target_iter
        self._build_net()
        t_params = tf.get_collection('target_net_params'); e_params = tf.get_collection('eval_net_params')
        self.replace_target_op = [tf.assign(t, e) for t, e in zip(t_params, e_params)]
        self.sess = tf.Session()
        self.sess.run(tf.global_variables_initializer())
        self.cost_his = []
    def _build_net(self):
        self.s = tf.placeholder(tf.float32, [None, self.n_features], name='s')
        self.q_target = tf.placeholder(tf.float32, [None, self.n_actions], name='Q_target')
        with tf.variable_scope('eval_net'):
            c_names, n_l1, w_initializer, b_initializer = ['eval_net_params', tf.GraphKeys.GLOBAL_VARIABLES], 10, tf.random_normal_initializer(0., 0.3), tf.constant_initializer(0.1)
            with tf.variable_scope('l1'):
                w1 = tf.get_variable('w1', [self.n_features, n_l1], initializer=w_initializer, collections=c_names)
                b1 = tf.get_variable('b1', [1, n_l1], initializer=b_initializer, collections=c_names)
                l1 = tf.nn.relu(tf.matmul(self.s, w1) + b1)
            with tf.variable_scope('l2'):
                w2 = tf.get_variable('w2', [n_l1, self.n_actions], initializer=w_initializer, collections=c_names)
                b2 = tf.get_variable('b2', [1, self.n_actions], initializer=b_initializer, collections=c_names)
                self.q_eval = tf.matmul(l1, w2) + b2
        with tf.variable_scope('loss'):
            self.loss = tf.reduce_mean(tf.squared_difference(self.q_target, self.q_eval))
        with tf.variable_scope('train'):
            self._train_op = tf.train.RMSPropOptimizer(self.lr).minimize(self.loss)
        self.s_ = tf.placeholder(tf.float32, [None, self.n_features], name='s_')
        with tf.variable_scope('target_net'):
            c_names = ['target_net_params', tf.GraphKeys.GLOBAL_VARIABLES]
            with tf.variable_scope('l1'):
                w1 = tf.get_variable('w1', [self.n_features, n_l1], initializer=w_initializer, collections=c_names)
                b1 = tf.get_variable('b1', [1, n_l1], initializer=b_initializer, collections=c_names)
                l1 = tf.nn.relu(tf.matmul(self.s_, w1) + b1)
            with tf.variable_scope('l2'):
                w2 = tf.get_variable('w2', [n_l1, self.n_actions], initializer=w_initializer, collections=c_names)
                b2 = tf.get_variable('b2', [1, self.n_actions], initializer=b_initializer, collections=c_names)
                self.q_next = tf.matmul(l1, w2) + b2
    def store(self, s, a, r, s_):
        self.memory[self.memory_counter % self.memory_size, :] = np.hstack((s, [a, r], s_)); self.memory_counter += 1
    def learn(self):
        if self.learn_step_counter % self.replace_target_iter == 0:
            self.sess.run(self.replace_target_op)
        bm = self.memory[np.random.choice(self.memory_size, size=self.batch_size), :]
        q_next, q_eval = self.sess.run([self.q_next, self.q_eval], feed_dict={self.s_: bm[:, -self.n_features:], self.s: bm[:, :self.n_features]})
        q_target = q_eval.copy()
        q_target[np.arange(self.batch_size), bm[:, self.n_features].astype(int)] = bm[:, self.n_features + 1] + self.gamma * np.max(q_next, axis=1)
        _, self.cost = self.sess.run([self._train_op, self.loss], feed_dict={self.s: bm[:, :self.n_features], self.q_target: q_target})
        self.cost_his.append(self.cost); self.learn_step_counter += 1
RL = DeepQNetwork(3, 4)
for i in range(60): RL.store(np.random.randn(4), np.random.randint(3), 1.0, np.random.randn(4))
for i in range(20): RL.learn()
assert len(RL.cost_his) == 20 and RL.cost_his[-1] < 2
print(np.argmax(RL.sess.run(RL.q_eval, {RL.s: np.ones(4)[np.newaxis, :]})))
# second style: one graph, gather_nd / one_hot / soft update
tf.reset_default_graph()
S = tf.placeholder(tf.float32, [None, 4]); A = tf.placeholder(tf.int32, [None], 'a'); R = tf.placeholder(tf.float32, [None, ], name='r'); S_ = tf.placeholder(tf.float32, [None, 4]); done = tf.placeholder(tf.bool, [None])
def net(s, scope, reuse=None, custom_getter=None):
    with tf.variable_scope(scope, reuse=reuse, custom_getter=custom_getter):
        h = tf.layers.dense(s, 16, tf.nn.relu, name='h')
        v = tf.layers.dense(h, 1); adv = tf.layers.dense(h, 3)
        return v + (adv - tf.reduce_mean(adv, axis=1, keep_dims=True))
q = net(S, 'online'); qt = net(S_, 'target'); q2 = net(S_, 'online', reuse=True)
best = tf.argmax(q2, 1, output_type=tf.int32)
double_q = tf.gather_nd(qt, tf.stack([tf.range(tf.shape(best)[0]), best], axis=1))
y = tf.stop_gradient(R + 0.9 * tf.where(done, tf.zeros_like(double_q), double_q))
qa = tf.reduce_sum(q * tf.one_hot(A, 3), axis=1)
td = y - qa
loss = tf.reduce_mean(tf.where(tf.abs(td) < 1.0, tf.square(td) * 0.5, tf.abs(td) - 0.5))
opt = tf.train.AdamOptimizer(1e-2)
gv = opt.compute_gradients(loss, var_list=tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope='online'))
for i, (grad, var) in enumerate(gv):
    if grad is not None: gv[i] = (tf.clip_by_norm(grad, 10), var)
train = opt.apply_gradients(gv)
soft = tf.group(*[t.assign(0.9 * t + 0.1 * e) for t, e in zip(tf.global_variables('target'), tf.trainable_variables('online'))], name='soft')
ema = tf.train.ExponentialMovingAverage(decay=0.99)
def ema_getter(getter, name, *args, **kwargs): return ema.average(getter(name, *args, **kwargs))
upd = ema.apply(tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope='online'))
q_ema = net(S_, 'online', reuse=True, custom_getter=ema_getter)
with tf.control_dependencies([train]):
    both = tf.group(upd, soft)
eps = tf.Variable(1.0, trainable=False); decay = tf.assign(eps, tf.maximum(0.1, eps * 0.5))
act = tf.cond(tf.random_uniform([]) < eps, lambda: tf.random_uniform([tf.shape(S)[0]], 0, 3, tf.int64), lambda: tf.argmax(q, 1))
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(10):
        f = {S: np.random.randn(6, 4), A: np.random.randint(0, 3, 6), R: np.ones(6), S_: np.random.randn(6, 4), done: np.random.rand(6) < .2}
        _, l = sess.run([both, loss], f); sess.run(decay)
    assert sess.run(act, f).dtype == np.int64 and sess.run(q_ema, f).shape == (6, 3)
    assert (both.name, upd.name, soft.name) == ("group_deps", "ExponentialMovingAverage", "soft") and abs(eps.eval() - 0.1) < 1e-6
