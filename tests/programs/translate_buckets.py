# Translation with buckets: attention over the encoder's outputs, sampled softmax, one set of variables.
import random, numpy as np, tensorflow as tf
PAD, GO, EOS = 0, 1, 2
buckets = [(4, 5), (6, 7)]
vocab, size, batch_size, num_samples = 12, 8, 4, 5
class Seq2SeqModel(object):
    def __init__(self, forward_only):
        self.global_step = tf.Variable(0, trainable=False)
        self.learning_rate = tf.Variable(0.5, trainable=False)
        self.learning_rate_decay_op = self.learning_rate.assign(self.learning_rate * 0.99)
        w_t = tf.get_variable("proj_w", [vocab, size]); w = tf.transpose(w_t); b = tf.get_variable("proj_b", [vocab])
        output_projection = (w, b)
        def sampled_loss(labels, logits):
            labels = tf.reshape(labels, [-1, 1])
            return tf.nn.sampled_softmax_loss(weights=w_t, biases=b, labels=labels, inputs=logits, num_sampled=num_samples, num_classes=vocab)
        cell = tf.contrib.rnn.GRUCell(size)
        def seq2seq_f(encoder_inputs, decoder_inputs, do_decode):
            return tf.contrib.legacy_seq2seq.embedding_attention_seq2seq(encoder_inputs, decoder_inputs, cell, num_encoder_symbols=vocab, num_decoder_symbols=vocab, embedding_size=size, output_projection=output_projection, feed_previous=do_decode, dtype=tf.float32)
        self.encoder_inputs = [tf.placeholder(tf.int32, shape=[None], name="encoder{0}".format(i)) for i in range(buckets[-1][0])]
        self.decoder_inputs = [tf.placeholder(tf.int32, shape=[None], name="decoder{0}".format(i)) for i in range(buckets[-1][1] + 1)]
        self.target_weights = [tf.placeholder(tf.float32, shape=[None], name="weight{0}".format(i)) for i in range(buckets[-1][1] + 1)]
        targets = [self.decoder_inputs[i + 1] for i in range(len(self.decoder_inputs) - 1)]
        self.outputs, self.losses = tf.contrib.legacy_seq2seq.model_with_buckets(self.encoder_inputs, self.decoder_inputs, targets, self.target_weights, buckets, lambda x, y: seq2seq_f(x, y, forward_only), softmax_loss_function=sampled_loss)
        params = tf.trainable_variables()
        self.gradient_norms = []; self.updates = []
        opt = tf.train.GradientDescentOptimizer(self.learning_rate)
        for i in range(len(buckets)):
            gradients = tf.gradients(self.losses[i], params)
            clipped_gradients, norm = tf.clip_by_global_norm(gradients, 5.0)
            self.gradient_norms.append(norm)
            self.updates.append(opt.apply_gradients(zip(clipped_gradients, params), global_step=self.global_step))
        self.saver = tf.train.Saver(tf.global_variables())
m = Seq2SeqModel(False)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(20):
        b = step % 2; n, k = buckets[b]
        feed = {}
        x = np.random.randint(3, vocab, (n, batch_size))
        for i in range(n): feed[m.encoder_inputs[i].name] = x[i]
        for i in range(k): feed[m.decoder_inputs[i].name] = np.random.randint(3, vocab, batch_size); feed[m.target_weights[i].name] = np.ones(batch_size)
        feed[m.decoder_inputs[k].name] = np.zeros([batch_size], np.int32)
        out = sess.run([m.updates[b], m.gradient_norms[b], m.losses[b]], feed)
    print(out[1:], [v.name for v in tf.trainable_variables()])
