"""A character RNN for training and for sampling: states as keys of feed_dict, layer by layer and whole."""
import tensorflow as tf, numpy as np
from tensorflow.contrib import rnn
from tensorflow.contrib import legacy_seq2seq
data = "hello world of characters " * 40
chars = sorted(set(data)); vocab = {c: i for i, c in enumerate(chars)}
ids = np.array([vocab[c] for c in data])
class Model():
    def __init__(self, rnn_size=16, num_layers=2, batch_size=4, seq_length=10, vocab_size=len(chars), training=True):
        if not training: batch_size = seq_length = 1
        cell_fn = rnn.BasicLSTMCell
        cells = []
        for _ in range(num_layers):
            cell = cell_fn(rnn_size)
            if training: cell = rnn.DropoutWrapper(cell, input_keep_prob=0.9, output_keep_prob=0.9)
            cells.append(cell)
        self.cell = cell = rnn.MultiRNNCell(cells, state_is_tuple=True)
        self.input_data = tf.placeholder(tf.int32, [batch_size, seq_length])
        self.targets = tf.placeholder(tf.int32, [batch_size, seq_length])
        self.initial_state = cell.zero_state(batch_size, tf.float32)
        with tf.variable_scope('rnnlm'):
            softmax_w = tf.get_variable("softmax_w", [rnn_size, vocab_size])
            softmax_b = tf.get_variable("softmax_b", [vocab_size])
        embedding = tf.get_variable("embedding", [vocab_size, rnn_size])
        inputs = tf.nn.embedding_lookup(embedding, self.input_data)
        if training: inputs = tf.nn.dropout(inputs, 0.9)
        inputs = tf.split(inputs, seq_length, 1)
        inputs = [tf.squeeze(input_, [1]) for input_ in inputs]
        def loop(prev, _):
            prev = tf.matmul(prev, softmax_w) + softmax_b
            prev_symbol = tf.stop_gradient(tf.argmax(prev, 1))
            return tf.nn.embedding_lookup(embedding, prev_symbol)
        outputs, last_state = legacy_seq2seq.rnn_decoder(inputs, self.initial_state, cell, loop_function=loop if not training else None, scope='rnnlm')
        output = tf.reshape(tf.concat(outputs, 1), [-1, rnn_size])
        self.logits = tf.matmul(output, softmax_w) + softmax_b
        self.probs = tf.nn.softmax(self.logits)
        loss = legacy_seq2seq.sequence_loss_by_example([self.logits], [tf.reshape(self.targets, [-1])], [tf.ones([batch_size * seq_length])])
        with tf.name_scope('cost'):
            self.cost = tf.reduce_sum(loss) / batch_size / seq_length
        self.final_state = last_state
        self.lr = tf.Variable(0.0, trainable=False)
        tvars = tf.trainable_variables()
        grads, _ = tf.clip_by_global_norm(tf.gradients(self.cost, tvars), 5.0)
        with tf.name_scope('optimizer'):
            optimizer = tf.train.AdamOptimizer(self.lr)
        self.train_op = optimizer.apply_gradients(zip(grads, tvars))
    def sample(self, sess, num=20, prime='hello '):
        state = sess.run(self.cell.zero_state(1, tf.float32))
        for char in prime[:-1]:
            x = np.zeros((1, 1)); x[0, 0] = vocab[char]
            [state] = sess.run([self.final_state], {self.input_data: x, self.initial_state: state})
        ret, char = prime, prime[-1]
        for n in range(num):
            x = np.zeros((1, 1)); x[0, 0] = vocab[char]
            [probs, state] = sess.run([self.probs, self.final_state], {self.input_data: x, self.initial_state: state})
            char = chars[np.argmax(probs[0])]; ret += char
        return ret
model = Model()
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for e in range(2):
        sess.run(tf.assign(model.lr, 0.02 * (0.97 ** e)))
        state = sess.run(model.initial_state)
        for b in range(5):
            x = ids[b*40:b*40+40].reshape(4, 10); y = ids[b*40+1:b*40+41].reshape(4, 10)
            feed = {model.input_data: x, model.targets: y}
            for i, (c, h) in enumerate(model.initial_state):
                feed[c] = state[i].c; feed[h] = state[i].h
            train_loss, state, _ = sess.run([model.cost, model.final_state, model.train_op], feed)
        print("loss %.3f" % train_loss)
    assert tf.trainable_variables()[3].op.name == "rnnlm/multi_rnn_cell/cell_0/basic_lstm_cell/kernel"
tf.reset_default_graph()
m = Model(training=False)
with tf.Session() as sess:
    tf.global_variables_initializer().run()
    assert len(m.sample(sess)) == 26
