"""Recurrent nets in both directions: static and dynamic, lengths, masks, attention, peepholes and projections."""
import tensorflow as tf, numpy as np
from tensorflow.contrib import rnn
x = tf.placeholder("float", [None, 5, 4]); lens = tf.placeholder(tf.int32, [None]); y = tf.placeholder("float", [None, 3])
weights = {'out': tf.Variable(tf.random_normal([2*6, 3]))}; biases = {'out': tf.Variable(tf.random_normal([3]))}
def BiRNN(x, weights, biases):
    x = tf.unstack(x, 5, 1)
    fw = rnn.BasicLSTMCell(6, forget_bias=1.0); bw = rnn.BasicLSTMCell(6, forget_bias=1.0)
    try: outputs, _, _ = rnn.static_bidirectional_rnn(fw, bw, x, dtype=tf.float32)
    except Exception: outputs = rnn.static_bidirectional_rnn(fw, bw, x, dtype=tf.float32)
    return tf.matmul(outputs[-1], weights['out']) + biases['out']
logits = BiRNN(x, weights, biases)
with tf.variable_scope('dyn'):
    (of, ob), (sf, sb) = tf.nn.bidirectional_dynamic_rnn(tf.nn.rnn_cell.GRUCell(6), tf.nn.rnn_cell.GRUCell(6), x, sequence_length=lens, dtype=tf.float32)
    out = tf.concat([of, ob], 2)
    crf_in = tf.layers.dense(out, 3)
    last = tf.gather_nd(out, tf.stack([tf.range(tf.shape(x)[0]), lens - 1], 1))
    mask = tf.sequence_mask(lens, 5); masked = tf.boolean_mask(crf_in, mask)
    attn = tf.nn.softmax(tf.squeeze(tf.layers.dense(out, 1, activation=tf.tanh, use_bias=False), -1) + (1. - tf.cast(mask, tf.float32)) * -1e9)
    ctx = tf.reduce_sum(out * tf.expand_dims(attn, -1), 1)
loss_op = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(logits=logits + tf.layers.dense(ctx, 3) + tf.layers.dense(last, 3), labels=y))
train_op = tf.train.GradientDescentOptimizer(learning_rate=0.1).minimize(loss_op)
cell = tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.LSTMCell(6, use_peepholes=True, num_proj=4, cell_clip=3.) for _ in range(2)])
with tf.variable_scope('m'): o2, s2 = tf.nn.dynamic_rnn(cell, tf.transpose(x, [1, 0, 2]), time_major=True, dtype=tf.float32)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    f = {x: np.random.rand(7, 5, 4), lens: [1, 2, 3, 4, 5, 1, 2], y: np.eye(3)[np.arange(7) % 3]}
    ls = [sess.run([train_op, loss_op], f)[1] for _ in range(10)]
    assert ls[0] > ls[-1] and sess.run([masked, attn, s2], f)[2][0].h.shape == (7, 4) and sess.run(masked, f).shape == (18, 3)
    np.testing.assert_allclose(sess.run(attn, f)[0], [1, 0, 0, 0, 0])
    assert tf.trainable_variables()[2].name == "bidirectional_rnn/fw/basic_lstm_cell/kernel:0"
