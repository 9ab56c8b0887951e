"""tf.losses with its collection, and tf.metrics with local variables, over the batches of an epoch."""
import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
X = rng.randn(120, 4).astype(np.float32)
Y = (X @ rng.randn(4, 3)).argmax(1)
features = tf.placeholder(tf.float32, [None, 4])
labels = tf.placeholder(tf.int64, [None])
tf.set_random_seed(0)
with tf.variable_scope("model", regularizer=lambda w: 1e-4 * tf.nn.l2_loss(w)):
    w = tf.get_variable("w", [4, 3])
    logits = tf.matmul(features, w)
cross_entropy = tf.losses.sparse_softmax_cross_entropy(labels=labels, logits=logits)
total_loss = tf.losses.get_total_loss()
assert tf.losses.get_losses() == [cross_entropy] and len(tf.losses.get_regularization_losses()) == 1
global_step = tf.train.get_or_create_global_step()
train_op = tf.train.AdamOptimizer(0.1).minimize(total_loss, global_step=global_step)
predictions = tf.argmax(logits, 1)
accuracy, update_accuracy = tf.metrics.accuracy(labels, predictions, name="accuracy")
mean_loss, update_loss = tf.metrics.mean(cross_entropy)
reset = tf.variables_initializer(tf.get_collection(tf.GraphKeys.LOCAL_VARIABLES))
with tf.Session() as sess:
    sess.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
    history = []
    for epoch in range(8):
        sess.run(reset)
        for rows in np.array_split(rng.permutation(120), 5):
            sess.run([train_op, update_accuracy, update_loss], {features: X[rows], labels: Y[rows]})
        history.append(sess.run([accuracy, mean_loss]))
    print(history[0], history[-1], sess.run(global_step))
    sess.run(reset)
    value = sess.run(update_accuracy, {features: X, labels: Y})
    assert np.isclose(value, np.mean(sess.run(predictions, {features: X}) == Y)) and value > 0.9
    assert history[-1][1] < 0.5 * history[0][1] and sess.run(global_step) == 40
