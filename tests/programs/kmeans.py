"""K-means written out: expand_dims, argmin, gather and where."""
import numpy as np
import tensorflow as tf

num_points, num_clusters = 150, 3
rng = np.random.RandomState(0)
centers = np.array([[0, 0], [5, 5], [0, 6]])
vectors_set = (centers[np.arange(num_points) % 3] + 0.4 * rng.randn(num_points, 2)).astype(np.float32)

vectors = tf.constant(vectors_set)
centroides = tf.Variable(tf.slice(vectors, [0, 0], [num_clusters, -1]))
expanded_vectors = tf.expand_dims(vectors, 0)
expanded_centroides = tf.expand_dims(centroides, 1)
assignments = tf.argmin(tf.reduce_sum(tf.square(tf.subtract(expanded_vectors, expanded_centroides)), 2), 0)
means = tf.concat(
    [
        tf.reduce_mean(
            tf.gather(vectors, tf.reshape(tf.where(tf.equal(assignments, c)), [1, -1])), reduction_indices=[1]
        )
        for c in range(num_clusters)
    ],
    0,
)
update_centroides = tf.assign(centroides, means)

sess = tf.Session()
sess.run(tf.global_variables_initializer())
for step in range(6):
    _, centroid_values, assignment_values = sess.run([update_centroides, centroides, assignments])
print("centroids", sess.run(centroides))
assert np.allclose(sess.run(centroides), centers, atol=0.3)
assert np.array_equal(assignment_values, np.arange(num_points) % 3)
