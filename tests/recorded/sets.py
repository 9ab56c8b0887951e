"""tf.sets: dense and sparse sets."""


def _sparse(tf, rows):
    indices = [[i, j] for i, row in enumerate(rows) for j in range(len(row))]
    return tf.SparseTensor(indices, tf.constant([x for row in rows for x in row]), [len(rows), 5])


def dense(tf):
    a, b = tf.constant([[1, 2, 2], [9, 3, 1]]), tf.constant([[2, 3, 4, 4], [5, 5, 1, 1]])
    return [tf.sets.intersection(a, b), tf.sets.union(a, b), tf.sets.difference(a, b),
            tf.sets.set_difference(a, b, aminusb=False)]  # fmt: skip


def sparse(tf):
    a, b = _sparse(tf, [[3, 1, 1], [], [7]]), _sparse(tf, [[1], [2, 5], [8, 7]])
    return [tf.sets.set_size(a), tf.sets.union(a, b), tf.sets.intersection(a, b), tf.sets.difference(b, a)]


def mixed(tf):
    a, b = tf.constant([["x", "y"], ["z", "z"]]), _sparse(tf, [["y", "w"], ["a"]])
    return [tf.sets.set_intersection(a, b), tf.sets.union(b, a), tf.sets.difference(b, a), tf.sets.difference(a, b)]


def three_axes(tf):
    a, b = tf.constant([[[1, 2], [3, 4]], [[5, 5], [6, 7]]]), tf.constant([[[1], [4]], [[5], [8]]])
    return [tf.sets.intersection(a, b), tf.contrib.metrics.set_union(a, b)]
