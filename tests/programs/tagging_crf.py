# Tagging of words: a bidirectional LSTM below a conditional random field.
import numpy as np
import tensorflow as tf
from tensorflow.contrib.crf import crf_log_likelihood, viterbi_decode

tf.set_random_seed(1)
rng = np.random.RandomState(0)
num_tags, num_words, max_length = 3, 12, 6


def batch(n):
    lengths = rng.randint(2, max_length + 1, n)
    words = rng.randint(1, num_words, (n, max_length))
    tags = np.where(words % 2 == 0, 1, 0)
    tags[:, 1:][words[:, :-1] % 3 == 0] = 2  # what follows a multiple of three
    return words, tags, lengths


words = tf.placeholder(tf.int32, [None, None], name="words")
labels = tf.placeholder(tf.int32, [None, None], name="labels")
lengths = tf.placeholder(tf.int32, [None], name="lengths")
with tf.variable_scope("words"):
    table = tf.get_variable("embeddings", [num_words, 8])
    embedded = tf.nn.embedding_lookup(table, words, name="word_embeddings")
with tf.variable_scope("bi-lstm"):
    forward, backward = tf.contrib.rnn.LSTMCell(8), tf.contrib.rnn.LSTMCell(8)
    (out_fw, out_bw), _ = tf.nn.bidirectional_dynamic_rnn(
        forward, backward, embedded, sequence_length=lengths, dtype=tf.float32)
    output = tf.nn.dropout(tf.concat([out_fw, out_bw], axis=-1), 1.0)
with tf.variable_scope("proj"):
    W = tf.get_variable("W", dtype=tf.float32, shape=[16, num_tags])
    b = tf.get_variable("b", shape=[num_tags], dtype=tf.float32, initializer=tf.zeros_initializer())
    steps = tf.shape(output)[1]
    logits = tf.reshape(tf.matmul(tf.reshape(output, [-1, 16]), W) + b, [-1, steps, num_tags])
likelihood, transitions = crf_log_likelihood(logits, labels, lengths)
loss = tf.reduce_mean(-likelihood)
shown = tf.print("lengths", lengths, summarize=2)
train_op = tf.train.AdamOptimizer(0.05).minimize(loss)
decoded, _ = tf.contrib.crf.crf_decode(logits, transitions, lengths)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(120):
        x, y, n = batch(16)
        value, _ = sess.run([loss, train_op], {words: x, labels: y, lengths: n})
    x, y, n = batch(50)
    sess.run(shown, {lengths: n})
    scores, params, tags = sess.run([logits, transitions, decoded], {words: x, lengths: n})
    right = total = 0
    for i in range(50):
        best, _ = viterbi_decode(scores[i][:n[i]], params)
        assert list(tags[i][:n[i]]) == list(best)
        right += (np.array(best) == y[i][:n[i]]).sum()
        total += n[i]
    print("accuracy %.2f loss %.3f" % (right / float(total), value))
    assert right > 0.9 * total
    print([v.name for v in tf.trainable_variables()])
