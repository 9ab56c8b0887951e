"""Sequence to sequence with attention: dynamic_decode for training and greedily, clipped gradients, fetches by name."""
import tensorflow as tf, numpy as np
from tensorflow.python.layers.core import Dense
V, E, H, B = 10, 8, 12, 4
PAD, EOS, GO = 0, 1, 2
graph = tf.Graph()
with graph.as_default():
    inputs = tf.placeholder(tf.int32, [None, None], name='inputs'); targets = tf.placeholder(tf.int32, [None, None], name='targets')
    source_len = tf.placeholder(tf.int32, (None,), name='source_len'); target_len = tf.placeholder(tf.int32, (None,), name='target_len')
    keep_prob = tf.placeholder_with_default(1.0, shape=())
    max_target = tf.reduce_max(target_len, name='max_target_len')
    batch = tf.shape(inputs)[0]
    def make_cell(n):
        return tf.contrib.rnn.DropoutWrapper(tf.contrib.rnn.LSTMCell(n, initializer=tf.random_uniform_initializer(-0.1, 0.1, seed=2)), output_keep_prob=keep_prob)
    with tf.variable_scope('encoder'):
        enc_embed = tf.contrib.layers.embed_sequence(inputs, V, E)
        enc_out, enc_state = tf.nn.dynamic_rnn(tf.contrib.rnn.MultiRNNCell([make_cell(H) for _ in range(2)]), enc_embed, sequence_length=source_len, dtype=tf.float32)
    ending = tf.strided_slice(targets, [0, 0], [batch, -1], [1, 1])
    dec_input = tf.concat([tf.fill([batch, 1], GO), ending], 1)
    dec_embeddings = tf.Variable(tf.random_uniform([V, E]))
    dec_embed = tf.nn.embedding_lookup(dec_embeddings, dec_input)
    output_layer = Dense(V, kernel_initializer=tf.truncated_normal_initializer(mean=0.0, stddev=0.1))
    attn = tf.contrib.seq2seq.BahdanauAttention(H, enc_out, memory_sequence_length=source_len)
    cell = tf.contrib.rnn.MultiRNNCell([make_cell(H) for _ in range(2)])
    attn_cell = tf.contrib.seq2seq.AttentionWrapper(cell, attn, attention_layer_size=H)
    init_state = attn_cell.zero_state(batch, tf.float32).clone(cell_state=enc_state)
    with tf.variable_scope("decode"):
        helper = tf.contrib.seq2seq.TrainingHelper(inputs=dec_embed, sequence_length=target_len, time_major=False)
        dec = tf.contrib.seq2seq.BasicDecoder(attn_cell, helper, init_state, output_layer)
        train_out = tf.contrib.seq2seq.dynamic_decode(dec, impute_finished=True, maximum_iterations=max_target)[0]
    with tf.variable_scope("decode", reuse=True):
        start = tf.tile(tf.constant([GO], dtype=tf.int32), [batch], name='start_tokens')
        ih = tf.contrib.seq2seq.GreedyEmbeddingHelper(dec_embeddings, start, EOS)
        idec = tf.contrib.seq2seq.BasicDecoder(attn_cell, ih, init_state, output_layer)
        inf_out = tf.contrib.seq2seq.dynamic_decode(idec, impute_finished=True, maximum_iterations=max_target)[0]
    logits = tf.identity(train_out.rnn_output, 'logits')
    predictions = tf.identity(inf_out.sample_id, name='predictions')
    masks = tf.sequence_mask(target_len, max_target, dtype=tf.float32, name='masks')
    with tf.name_scope("optimization"):
        cost = tf.contrib.seq2seq.sequence_loss(logits, targets, masks)
        optimizer = tf.train.AdamOptimizer(0.01)
        gradients = optimizer.compute_gradients(cost)
        capped = [(tf.clip_by_value(grad, -5., 5.), var) for grad, var in gradients if grad is not None]
        train_op = optimizer.apply_gradients(capped)
rng = np.random.RandomState(0)
with tf.Session(graph=graph) as sess:
    sess.run(tf.global_variables_initializer())
    losses = []
    for i in range(8):
        x = rng.randint(3, V, (B, 6)); y = np.concatenate([x[:, ::-1], np.full((B, 1), EOS)], 1)
        _, l = sess.run([train_op, cost], {inputs: x, targets: y, source_len: [6]*B, target_len: [7]*B, keep_prob: 0.9})
        losses.append(l)
    assert losses[0] > losses[-1]
    loaded = sess.graph.get_tensor_by_name('predictions:0')
    assert sess.run(loaded, {inputs: x, target_len: [7]*B, source_len: [6]*B}).shape[0] == B
    assert str(logits) == 'Tensor("logits:0", shape=(?, ?, 10), dtype=float32)'
