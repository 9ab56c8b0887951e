"""A recurrent network unrolled in Python with shared variables; it learns to echo the last but one bit."""
import numpy as np
import tensorflow as tf

num_steps, state_size, batch_size, num_classes = 4, 8, 20, 2
rng = np.random.RandomState(0)
tf.set_random_seed(0)
x = tf.placeholder(tf.int32, [batch_size, num_steps], name="input_placeholder")
y = tf.placeholder(tf.int32, [batch_size, num_steps], name="labels_placeholder")
init_state = tf.zeros([batch_size, state_size])
rnn_inputs = tf.unstack(tf.one_hot(x, num_classes), axis=1)
with tf.variable_scope("rnn_cell"):
    W = tf.get_variable("W", [num_classes + state_size, state_size])
    b = tf.get_variable("b", [state_size], initializer=tf.constant_initializer(0.0))


def rnn_cell(rnn_input, state):
    with tf.variable_scope("rnn_cell", reuse=True):
        W = tf.get_variable("W", [num_classes + state_size, state_size])
        b = tf.get_variable("b", [state_size], initializer=tf.constant_initializer(0.0))
    return tf.tanh(tf.matmul(tf.concat([rnn_input, state], 1), W) + b)


state = init_state
rnn_outputs = []
for rnn_input in rnn_inputs:
    state = rnn_cell(rnn_input, state)
    rnn_outputs.append(state)
final_state = rnn_outputs[-1]
with tf.variable_scope("softmax"):
    V = tf.get_variable("W", [state_size, num_classes])
    c = tf.get_variable("b", [num_classes], initializer=tf.constant_initializer(0.0))
logits = [tf.matmul(rnn_output, V) + c for rnn_output in rnn_outputs]
labels = tf.unstack(y, num=num_steps, axis=1)
losses = [
    tf.nn.sparse_softmax_cross_entropy_with_logits(labels=label, logits=logit) for logit, label in zip(logits, labels)
]
total_loss = tf.reduce_mean(losses)
train_step = tf.train.AdagradOptimizer(0.4).minimize(total_loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    training_losses = []
    training_state = np.zeros((batch_size, state_size))
    for step in range(120):
        X = rng.randint(0, 2, (batch_size, num_steps))
        Y = np.concatenate([np.zeros((batch_size, 1), int), X[:, :-1]], 1)
        loss, training_state, _ = sess.run([total_loss, final_state, train_step], {x: X, y: Y})
        training_losses.append(loss)
    print("loss %.3f -> %.3f" % (np.mean(training_losses[:5]), np.mean(training_losses[-5:])))
    assert np.mean(training_losses[-5:]) < 0.5 * np.mean(training_losses[:5])
    assert training_state.shape == (batch_size, state_size)
assert len(tf.trainable_variables()) == 4
