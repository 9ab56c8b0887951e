"""Conditional accumulators, in runs after one another."""


def dense(tf):
    a = tf.ConditionalAccumulator(tf.float32, shape=[2])
    first = a.apply_grad([1.0, 2.0], local_step=0)
    with tf.control_dependencies([first]):
        second = a.apply_grad(tf.constant([3.0, 5.0]), local_step=tf.constant(0, tf.int64))
    with tf.control_dependencies([second]):
        count = a.num_accumulated()
    with tf.control_dependencies([count]):
        mean = a.take_grad(2)
    with tf.control_dependencies([mean]):
        late = a.apply_grad([9.0, 9.0], local_step=0)
    with tf.control_dependencies([late]):
        left = a.num_accumulated(), tf.constant(a.name)
    return [count, mean, left]


def dense_sum(tf):
    a = tf.ConditionalAccumulator(tf.float64, name="mine", reduction_type="SUM")
    added = [a.apply_grad(tf.constant([1.0, 2.0], tf.float64) * float(i)) for i in range(3)]
    with tf.control_dependencies(added):
        taken = a.take_grad(1)
    with tf.control_dependencies([taken]):
        ready = a.set_global_step(7)
    with tf.control_dependencies([ready]):
        late = a.apply_grad(tf.constant([1.0], tf.float64), local_step=6)
    with tf.control_dependencies([late]):
        return [taken, a.num_accumulated(), tf.constant(a.name)]


def sparse(tf):
    a = tf.SparseConditionalAccumulator(tf.float32, shape=[None, 2])
    first = a.apply_grad([1, 3], [[1.0, 2.0], [3.0, 4.0]], [5, 2])
    with tf.control_dependencies([first]):
        rows = tf.IndexedSlices(tf.constant([[10.0, 20.0], [5.0, 5.0]]), tf.constant([3, 4], tf.int64))
        second = a.apply_indexed_slices_grad(rows)
    with tf.control_dependencies([second]):
        taken = a.take_indexed_slices_grad(2)
    return [taken.indices, taken.values]


def sparse_sum(tf):
    a = tf.SparseConditionalAccumulator(tf.float32, reduction_type="SUM")
    added = [a.apply_grad([1, i], [[1.0], [2.0]]) for i in (2, 3)]
    with tf.control_dependencies(added):
        indices, values, _ = a.take_grad(2)
    return [indices, values]
