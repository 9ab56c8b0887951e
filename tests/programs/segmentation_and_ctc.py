"""An encoder and decoder for images of any size with metrics that reset; CTC over sparse labels."""
import tensorflow as tf, numpy as np
# U-net-ish, tf.layers, deconv crop concat, batch norm is_training placeholder, l2 regularizer collections
x = tf.placeholder(tf.float32, [None, None, None, 1], name='x'); y = tf.placeholder(tf.int64, [None, None, None]); train = tf.placeholder_with_default(False, (), 'training')
reg = tf.contrib.layers.l2_regularizer(scale=1e-3)
def block(t, f, name):
    with tf.variable_scope(name):
        t = tf.layers.conv2d(t, f, (3, 3), padding='same', kernel_regularizer=reg, name='c', kernel_initializer=tf.contrib.layers.variance_scaling_initializer())
        t = tf.layers.batch_normalization(t, training=train, name='bn'); return tf.nn.relu(t, name='r')
c1 = block(x, 4, 'b1'); p1 = tf.layers.max_pooling2d(c1, (2, 2), strides=(2, 2)); c2 = block(p1, 8, 'b2')
up = tf.layers.conv2d_transpose(c2, 4, 2, 2, name='up'); crop = c1[:, :tf.shape(up)[1], :tf.shape(up)[2], :]; up2 = tf.image.resize_nearest_neighbor(c2, tf.shape(c2)[1:3] * 2)
cat = tf.concat([up, crop, up2], axis=-1); out = tf.layers.conv2d(cat, 2, 1, name='out'); prob = tf.nn.softmax(out)
ce = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=out))
inter = tf.reduce_sum(prob[..., 1] * tf.cast(y, tf.float32)); dice = -2 * inter / (1e-5 + tf.reduce_sum(prob[..., 1]) + tf.reduce_sum(tf.to_float(y)))
loss = ce + dice + tf.losses.get_regularization_loss(); lr = tf.Variable(1e-2, trainable=False); new = tf.placeholder(tf.float32, []); setlr = lr.assign(new)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)): op = tf.train.AdamOptimizer(lr).minimize(loss, global_step=tf.train.get_or_create_global_step())
miou, upd = tf.metrics.mean_iou(y, tf.argmax(out, -1), 2); reset = tf.variables_initializer(tf.get_collection(tf.GraphKeys.METRIC_VARIABLES))
with tf.Session() as sess:
    sess.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
    X = np.random.rand(2, 8, 8, 1); Yv = (X[..., 0] > .5).astype(int)
    for i in range(10): sess.run([op, upd], {x: X, y: Yv, train: True})
    sess.run(setlr, {new: .1}); assert np.isclose(sess.run(lr), .1) and sess.run(miou) > 0; print(sess.run(loss, {x: X, y: Yv}).shape, sess.run(tf.shape(prob), {x: np.zeros((1, 6, 10, 1))})); sess.run(reset)
# decoding: beam-free CTC
tf.reset_default_graph()
inputs = tf.placeholder(tf.float32, [None, None, 5]); targets = tf.sparse_placeholder(tf.int32); seq_len = tf.placeholder(tf.int32, [None])
cell = tf.contrib.rnn.LSTMCell(6, state_is_tuple=True); stack = tf.contrib.rnn.MultiRNNCell([cell], state_is_tuple=True); outputs, _ = tf.nn.dynamic_rnn(stack, inputs, seq_len, dtype=tf.float32)
shape = tf.shape(inputs); bs, mt = shape[0], shape[1]; outputs = tf.reshape(outputs, [-1, 6]); W = tf.Variable(tf.truncated_normal([6, 4], stddev=0.1)); b = tf.Variable(tf.constant(0., shape=[4])); logits = tf.transpose(tf.reshape(tf.matmul(outputs, W) + b, [bs, -1, 4]), (1, 0, 2))
loss = tf.nn.ctc_loss(targets, logits, seq_len); cost = tf.reduce_mean(loss); opt = tf.train.MomentumOptimizer(1e-2, 0.9).minimize(cost)
decoded, lp = tf.nn.ctc_greedy_decoder(logits, seq_len); ler = tf.reduce_mean(tf.edit_distance(tf.cast(decoded[0], tf.int32), targets)); dense = tf.sparse_tensor_to_dense(decoded[0], default_value=-1)
def sparse_tuple_from(seqs, dtype=np.int32):
    ind = [];  val = []
    for n, s in enumerate(seqs): ind.extend(zip([n] * len(s), range(len(s)))); val.extend(s)
    ind = np.asarray(ind, dtype=np.int64); return ind, np.asarray(val, dtype=dtype), np.asarray([len(seqs), np.asarray(ind).max(0)[1] + 1], dtype=np.int64)
with tf.Session() as sess:
    tf.global_variables_initializer().run(); f = {inputs: np.random.randn(2, 7, 5), targets: sparse_tuple_from([[0, 1], [2]]), seq_len: [7, 6]}
    for _ in range(4): c, _ = sess.run([cost, opt], f)
    assert sess.run(ler, f) >= 0 and sess.run(dense, f).shape[0] == 2 == sess.run(decoded[0], f).dense_shape[0] and np.isfinite(c)
