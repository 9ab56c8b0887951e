"""A siamese network with contrastive loss; factors of a matrix by five optimizers with sparse gradients."""
import tensorflow as tf, numpy as np
class siamese:
    def __init__(self):
        self.x1 = tf.placeholder(tf.float32, [None, 20]); self.x2 = tf.placeholder(tf.float32, [None, 20])
        with tf.variable_scope("siamese") as scope:
            self.o1 = self.network(self.x1); scope.reuse_variables(); self.o2 = self.network(self.x2)
        self.y_ = tf.placeholder(tf.float32, [None]); self.loss = self.loss_with_spring()
    def network(self, x):
        ac1 = tf.nn.relu(self.fc_layer(x, 16, "fc1")); return self.fc_layer(ac1, 2, "fc2")
    def fc_layer(self, bottom, n_weight, name):
        assert len(bottom.get_shape()) == 2
        n_prev_weight = bottom.get_shape()[1]
        W = tf.get_variable(name+'W', dtype=tf.float32, shape=[n_prev_weight, n_weight], initializer=tf.truncated_normal_initializer(stddev=0.01))
        b = tf.get_variable(name+'b', dtype=tf.float32, initializer=tf.constant(0.01, shape=[n_weight], dtype=tf.float32))
        return tf.nn.bias_add(tf.matmul(bottom, W), b)
    def loss_with_spring(self):
        margin = 5.0; labels_t = self.y_; labels_f = tf.subtract(1.0, self.y_, name="1-yi")
        eucd2 = tf.reduce_sum(tf.pow(tf.subtract(self.o1, self.o2), 2), 1)
        eucd = tf.sqrt(eucd2+1e-6, name="eucd"); C = tf.constant(margin, name="C")
        pos = tf.multiply(labels_t, eucd2, name="yi_x_eucd2")
        neg = tf.multiply(labels_f, tf.pow(tf.maximum(tf.subtract(C, eucd), 0), 2), name="Nyi_x_C-eucd_xx_2")
        return tf.reduce_mean(tf.add(pos, neg, name="losses"), name="loss")
try:
    s = siamese()
except ValueError as e:
    print("ValueError", str(e)[:60])
    raise
train_step = tf.train.GradientDescentOptimizer(0.01).minimize(s.loss)
sess = tf.InteractiveSession(); tf.global_variables_initializer().run()
for step in range(10):
    _, l = sess.run([train_step, s.loss], {s.x1: np.random.rand(8, 20), s.x2: np.random.rand(8, 20), s.y_: (np.random.rand(8) > .5).astype('float')})
    if np.isnan(l): quit()
assert s.o1.eval({s.x1: np.ones((3, 20))}).shape == (3, 2)
# matrix factorisation
tf.reset_default_graph(); sess.close()
U, I, D = 12, 9, 4
user_batch = tf.placeholder(tf.int32, [None], 'id_user'); item_batch = tf.placeholder(tf.int32, [None], 'id_item'); rate = tf.placeholder(tf.float32, [None])
with tf.device("/cpu:0"):
    bias_global = tf.get_variable("bias_global", shape=[])
    w_bias_user = tf.get_variable("embd_bias_user", shape=[U]); w_bias_item = tf.get_variable("embd_bias_item", shape=[I])
    bias_user = tf.nn.embedding_lookup(w_bias_user, user_batch, name="bias_user"); bias_item = tf.nn.embedding_lookup(w_bias_item, item_batch)
    w_user = tf.get_variable("embd_user", shape=[U, D], initializer=tf.truncated_normal_initializer(stddev=0.02)); w_item = tf.get_variable("embd_item", shape=[I, D], initializer=tf.truncated_normal_initializer(stddev=0.02))
    eu = tf.nn.embedding_lookup(w_user, user_batch); ei = tf.nn.embedding_lookup(w_item, item_batch)
with tf.device("/gpu:0"):
    infer = tf.reduce_sum(tf.multiply(eu, ei), 1); infer = tf.add(infer, bias_global); infer = tf.add(infer, bias_user); infer = tf.add(infer, bias_item, name="svd_inference")
    regularizer = tf.add(tf.nn.l2_loss(eu), tf.nn.l2_loss(ei), name="svd_regularizer")
global_step = tf.train.get_global_step(); assert global_step is None
global_step = tf.contrib.framework.get_or_create_global_step()
cost_l2 = tf.nn.l2_loss(tf.subtract(infer, rate)); penalty = tf.constant(0.1, dtype=tf.float32, shape=[], name="l2")
cost = tf.add(cost_l2, tf.multiply(regularizer, penalty))
ops = [o.minimize(cost, global_step=global_step) for o in (tf.train.FtrlOptimizer(0.1), tf.train.AdamOptimizer(.01), tf.train.MomentumOptimizer(.01, .9, use_nesterov=True), tf.train.AdadeltaOptimizer(1.0), tf.train.ProximalGradientDescentOptimizer(.01), tf.train.RMSPropOptimizer(.01, momentum=.9, centered=True))]
with tf.Session(config=tf.ConfigProto(allow_soft_placement=True)) as sess:
    sess.run(tf.global_variables_initializer())
    f = {user_batch: [0, 1, 1, 5], item_batch: [2, 2, 8, 0], rate: [1., 2., 3., 4.]}
    for o in ops:
        for _ in range(3): sess.run(o, f)
    assert sess.run(global_step, f) == 18 and isinstance(tf.gradients(cost, w_user)[0], tf.IndexedSlices)
