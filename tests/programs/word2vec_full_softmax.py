"""Skip-gram over a toy corpus: embedding_lookup, full softmax, cosine similarity of the normalized embeddings."""
import collections

import numpy as np
import tensorflow as tf

sentences = "the king loves the queen . the queen loves the king . the dog chases the cat . the cat fears the dog ."
words = sentences.split() * 3
count = collections.Counter(words).most_common()
dictionary = {word: i for i, (word, _) in enumerate(count)}
reverse_dictionary = dict(zip(dictionary.values(), dictionary.keys()))
data = [dictionary[word] for word in words]
vocabulary_size, embedding_size, batch_size = len(dictionary), 8, 16
pairs = [(data[i], data[j]) for i in range(len(data)) for j in (i - 1, i + 1) if 0 <= j < len(data)]
rng = np.random.RandomState(0)

graph = tf.Graph()
with graph.as_default():
    tf.set_random_seed(1)
    train_inputs = tf.placeholder(tf.int32, shape=[batch_size])
    train_labels = tf.placeholder(tf.int32, shape=[batch_size])
    with tf.device("/cpu:0"):
        embeddings = tf.Variable(tf.random_uniform([vocabulary_size, embedding_size], -1.0, 1.0))
        embed = tf.nn.embedding_lookup(embeddings, train_inputs)
    out_w = tf.Variable(tf.truncated_normal([vocabulary_size, embedding_size], stddev=0.3))
    out_b = tf.Variable(tf.zeros([vocabulary_size]))
    logits = tf.matmul(embed, out_w, transpose_b=True) + out_b
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=train_labels, logits=logits))
    optimizer = tf.train.AdagradOptimizer(1.0).minimize(loss)
    norm = tf.sqrt(tf.reduce_sum(tf.square(embeddings), 1, keep_dims=True))
    normalized_embeddings = embeddings / norm
    similarity = tf.matmul(normalized_embeddings, normalized_embeddings, transpose_b=True)
    init = tf.global_variables_initializer()

with tf.Session(graph=graph) as session:
    init.run()
    history = []
    for step in range(60):
        chosen = [pairs[i] for i in rng.randint(len(pairs), size=batch_size)]
        feed_dict = {train_inputs: [a for a, _ in chosen], train_labels: [b for _, b in chosen]}
        _, loss_val = session.run([optimizer, loss], feed_dict=feed_dict)
        history.append(loss_val)
    sim = similarity.eval()
    print("Average loss", np.mean(history[:10]), "->", np.mean(history[-10:]))
    nearest = (-sim[dictionary["king"], :]).argsort()[1:4]
    print("Nearest to king:", ", ".join(reverse_dictionary[k] for k in nearest))
    assert np.mean(history[-10:]) < 0.9 * np.mean(history[:10])
    assert np.allclose(np.diag(sim), 1, atol=1e-5)
