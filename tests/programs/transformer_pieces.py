"""A class with named scopes, a line fitted point by point, and attention of many heads with masks."""
import tensorflow as tf, numpy as np, time, random, collections
# generic "Layer" class w/ dicts, CS20 style
class Word2Vec:
    def __init__(self, V=20, E=4, B=6):
        self.V, self.E, self.B = V, E, B
        self.global_step = tf.Variable(0, dtype=tf.int32, trainable=False, name='global_step')
    def build(self):
        with tf.name_scope('data'):
            self.center = tf.placeholder(tf.int32, shape=[self.B], name='center'); self.target = tf.placeholder(tf.int32, [self.B, 1], name='target')
        with tf.device('/cpu:0'):
            with tf.name_scope('embed'): self.em = tf.get_variable('embed_matrix', shape=[self.V, self.E], initializer=tf.random_uniform_initializer())
        with tf.name_scope('loss'):
            e = tf.nn.embedding_lookup(self.em, self.center, name='embed')
            self.loss = tf.reduce_mean(tf.nn.nce_loss(weights=tf.get_variable('nce_weight', shape=[self.V, self.E], initializer=tf.truncated_normal_initializer(stddev=1.0 / (self.E ** 0.5))), biases=tf.get_variable('nce_bias', initializer=tf.zeros([self.V])), labels=self.target, inputs=e, num_sampled=3, num_classes=self.V), name='loss')
        self.opt = tf.train.GradientDescentOptimizer(0.1).minimize(self.loss, global_step=self.global_step)
m = Word2Vec(); m.build()
with tf.Session(config=tf.ConfigProto(gpu_options=tf.GPUOptions(per_process_gpu_memory_fraction=0.3), inter_op_parallelism_threads=1, intra_op_parallelism_threads=1, device_count={'GPU': 0})) as sess:
    sess.run(tf.global_variables_initializer()); sess.graph.finalize()
    for i in range(3): l, _ = sess.run([m.loss, m.opt], {m.center: np.arange(6), m.target: np.arange(6).reshape(-1, 1)})
    assert m.global_step.eval() == tf.train.global_step(sess, m.global_step) == 3 and sess.graph is tf.get_default_graph()
tf.reset_default_graph()
# autodiff / logistic regression numpy mixing
rng = np.random
train_X = np.asarray([3.3, 4.4, 5.5]); train_Y = np.asarray([1.7, 2.76, 2.09])
X = tf.placeholder("float"); Y = tf.placeholder("float"); W = tf.Variable(rng.randn(), name="weight"); b = tf.Variable(rng.randn(), name="bias")
pred = tf.add(tf.multiply(X, W), b); cost = tf.reduce_sum(tf.pow(pred - Y, 2)) / (2 * train_X.shape[0]); opt = tf.train.GradientDescentOptimizer(0.01).minimize(cost)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for epoch in range(20):
        for (x, y) in zip(train_X, train_Y): sess.run(opt, feed_dict={X: x, Y: y})
        if (epoch + 1) % 10 == 0:
            c = sess.run(cost, feed_dict={X: train_X, Y: train_Y}); print("Epoch:", '%04d' % (epoch + 1), "cost=", "{:.3f}".format(c) if c < 9 else 'big', "W=", type(sess.run(W)).__name__)
    assert W.name == "weight:0" and opt.name == "GradientDescent"
# attention is all you need pieces
tf.reset_default_graph()
def normalize(inputs, epsilon=1e-8, scope="ln", reuse=None):
    with tf.variable_scope(scope, reuse=reuse):
        shape = inputs.get_shape(); params_shape = shape[-1:]
        mean, variance = tf.nn.moments(inputs, [-1], keep_dims=True)
        beta = tf.Variable(tf.zeros(params_shape)); gamma = tf.Variable(tf.ones(params_shape))
        return gamma * (inputs - mean) / ((variance + epsilon) ** .5) + beta
def mha(queries, keys, num_units=8, num_heads=2, causality=False, scope="mha", is_training=True, reuse=None):
    with tf.variable_scope(scope, reuse=reuse):
        Q = tf.layers.dense(queries, num_units, activation=tf.nn.relu); K = tf.layers.dense(keys, num_units, activation=tf.nn.relu); V = tf.layers.dense(keys, num_units, activation=tf.nn.relu)
        Q_ = tf.concat(tf.split(Q, num_heads, axis=2), axis=0); K_ = tf.concat(tf.split(K, num_heads, axis=2), axis=0); V_ = tf.concat(tf.split(V, num_heads, axis=2), axis=0)
        o = tf.matmul(Q_, tf.transpose(K_, [0, 2, 1])); o = o / (K_.get_shape().as_list()[-1] ** 0.5)
        km = tf.sign(tf.abs(tf.reduce_sum(keys, axis=-1))); km = tf.tile(km, [num_heads, 1]); km = tf.tile(tf.expand_dims(km, 1), [1, tf.shape(queries)[1], 1])
        pad = tf.ones_like(o) * (-2 ** 32 + 1); o = tf.where(tf.equal(km, 0), pad, o)
        if causality:
            dv = tf.ones_like(o[0, :, :])
            try: tril = tf.contrib.linalg.LinearOperatorTriL(dv).to_dense()
            except Exception: tril = tf.linalg.LinearOperatorLowerTriangular(dv).to_dense() if hasattr(tf.linalg, 'LinearOperatorLowerTriangular') else tf.matrix_band_part(dv, -1, 0)
            masks = tf.tile(tf.expand_dims(tril, 0), [tf.shape(o)[0], 1, 1]); o = tf.where(tf.equal(masks, 0), tf.ones_like(masks) * (-2 ** 32 + 1), o)
        o = tf.nn.softmax(o); qm = tf.sign(tf.abs(tf.reduce_sum(queries, axis=-1))); o *= tf.tile(tf.expand_dims(tf.tile(qm, [num_heads, 1]), -1), [1, 1, tf.shape(keys)[1]])
        o = tf.layers.dropout(o, rate=0.1, training=tf.convert_to_tensor(is_training)); o = tf.matmul(o, V_)
        o = tf.concat(tf.split(o, num_heads, axis=0), axis=2); o += queries
        return normalize(o)
def ff(inputs, num_units=[16, 8], scope="ff"):
    with tf.variable_scope(scope):
        o = tf.layers.conv1d(**{"inputs": inputs, "filters": num_units[0], "kernel_size": 1, "activation": tf.nn.relu, "use_bias": True})
        o = tf.layers.conv1d(o, num_units[1], 1); return normalize(o + inputs)
def label_smoothing(inputs, epsilon=0.1):
    K = inputs.get_shape().as_list()[-1]; return ((1 - epsilon) * inputs) + (epsilon / K)
x = tf.placeholder(tf.int32, (None, 5)); y = tf.placeholder(tf.int32, (None, 5))
lut = tf.get_variable('lookup_table', [12, 8], initializer=tf.contrib.layers.xavier_initializer()); lut = tf.concat((tf.zeros(shape=[1, 8]), lut[1:, :]), 0)
enc = tf.nn.embedding_lookup(lut, x) * (8 ** 0.5); pos = tf.nn.embedding_lookup(tf.get_variable('pos', [5, 8]), tf.tile(tf.expand_dims(tf.range(tf.shape(x)[1]), 0), [tf.shape(x)[0], 1])); enc += pos; enc *= tf.expand_dims(tf.to_float(tf.not_equal(x, 0)), -1)
h = ff(mha(enc, enc, causality=True)); logits = tf.layers.dense(h, 12); preds = tf.to_int32(tf.arg_max(logits, dimension=-1)); istarget = tf.to_float(tf.not_equal(y, 0))
acc = tf.reduce_sum(tf.to_float(tf.equal(preds, y)) * istarget) / tf.reduce_sum(istarget)
loss = tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits(logits=logits, labels=label_smoothing(tf.one_hot(y, depth=12))) * istarget) / tf.reduce_sum(istarget)
gs = tf.Variable(0, name='global_step', trainable=False); train = tf.train.AdamOptimizer(1e-2, beta1=.9, beta2=.98, epsilon=1e-8).minimize(loss, global_step=gs)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer()); D = np.random.randint(0, 12, (7, 5)); D[:, 0] = 3
    ls = [sess.run([train, loss], {x: D, y: D})[1] for _ in range(15)]; assert ls[0] > ls[-1] and sess.run([acc, preds], {x: D, y: D})[1].shape == (7, 5)
