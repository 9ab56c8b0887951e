"""Skip-gram with noise-contrastive estimation, as in the tutorial, and sampled softmax beside it."""
import numpy as np
import tensorflow as tf

vocabulary_size, embedding_size, batch_size, num_sampled = 40, 16, 32, 8
rng = np.random.RandomState(0)


def generate_batch():
    centers = rng.randint(0, vocabulary_size, batch_size)
    return centers, ((centers + rng.choice([-1, 1], batch_size)) % vocabulary_size).reshape(-1, 1)


graph = tf.Graph()
with graph.as_default():
    tf.set_random_seed(1)
    train_inputs = tf.placeholder(tf.int32, shape=[batch_size])
    train_labels = tf.placeholder(tf.int32, shape=[batch_size, 1])
    with tf.device("/cpu:0"):
        embeddings = tf.Variable(tf.random_uniform([vocabulary_size, embedding_size], -1.0, 1.0))
        embed = tf.nn.embedding_lookup(embeddings, train_inputs)
        nce_weights = tf.Variable(tf.truncated_normal([vocabulary_size, embedding_size], stddev=1.0 / 4))
        nce_biases = tf.Variable(tf.zeros([vocabulary_size]))
    loss = tf.reduce_mean(
        tf.nn.nce_loss(weights=nce_weights, biases=nce_biases, labels=train_labels, inputs=embed,
                       num_sampled=num_sampled, num_classes=vocabulary_size)
    )
    sampled = tf.reduce_mean(
        tf.nn.sampled_softmax_loss(nce_weights, nce_biases, train_labels, embed, num_sampled, vocabulary_size)
    )
    optimizer = tf.train.GradientDescentOptimizer(1.0).minimize(loss)
    logits = tf.matmul(embeddings, nce_weights, transpose_b=True) + nce_biases
    _, predicted = tf.nn.top_k(logits, k=2)
    init = tf.global_variables_initializer()

with tf.Session(graph=graph) as session:
    init.run()
    losses = []
    for step in range(400):
        batch_inputs, batch_labels = generate_batch()
        feed_dict = {train_inputs: batch_inputs, train_labels: batch_labels}
        losses.append(session.run([optimizer, loss], feed_dict=feed_dict)[1])
    best = session.run(predicted)
    near = (best - np.arange(vocabulary_size)[:, None]) % vocabulary_size
    hits = np.mean(np.isin(near, [1, vocabulary_size - 1]))
    print("loss %.2f -> %.2f, neighbours found %.2f" % (np.mean(losses[:20]), np.mean(losses[-20:]), hits))
    assert np.mean(losses[-20:]) < 0.7 * np.mean(losses[:20]) and hits > 0.6
    assert np.isfinite(session.run(sampled, feed_dict))
