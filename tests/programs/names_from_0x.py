"""Names and argument orders of TensorFlow 0.x."""
import numpy as np
import tensorflow as tf

a = tf.constant([[1.0, 2.0], [3.0, 4.0]])
b = tf.constant([[5.0, 6.0], [7.0, 8.0]])
ops = {
    "mul": (tf.mul(a, b), [[5, 12], [21, 32]]),
    "sub": (tf.sub(a, b), -4 * np.ones((2, 2))),
    "neg": (tf.neg(a), [[-1, -2], [-3, -4]]),
    "inv": (tf.inv(a), [[1, 0.5], [1 / 3, 0.25]]),
    "pack": (tf.pack([a, b]).get_shape().as_list(), [2, 2, 2]),
    "unpack": (tf.unpack(a)[1], [3, 4]),
    "concat": (tf.concat(1, [a, b]), [[1, 2, 5, 6], [3, 4, 7, 8]]),
    "concat_dim": (tf.concat(concat_dim=0, values=[a, b])[3], [7, 8]),
    "concat_new": (tf.concat([a, b], 0)[2], [5, 6]),
    "split": (tf.split(1, 2, a)[1], [[2], [4]]),
    "split_dim": (tf.split(split_dim=0, num_split=2, value=a)[0], [[1, 2]]),
    "split_new": (tf.split(a, 2, 1)[0], [[1], [3]]),
    "split_sizes": (tf.split(a, [1, 1], axis=0)[1], [[3, 4]]),
    "select": (tf.select(a > 2, a, b), [[5, 6], [3, 4]]),
    "batch_matmul": (tf.batch_matmul(tf.pack([a, b]), tf.pack([b, a]), adj_y=True)[0], [[17, 23], [39, 53]]),
    "reverse": (tf.reverse(a, [True, False]), [[3, 4], [1, 2]]),
    "reverse_new": (tf.reverse(a, [1]), [[2, 1], [4, 3]]),
    "complex_abs": (tf.complex_abs(tf.constant(3 + 4j)), 5),
    "listdiff": (tf.listdiff([1, 2, 3], [2])[0], [1, 3]),
    "reduction": (tf.reduce_sum(a, reduction_indices=[1], keep_dims=True), [[3], [7]]),
    "expand": (tf.expand_dims(a, dim=0).get_shape().as_list(), [1, 2, 2]),
    "squeeze": (tf.squeeze(tf.ones([1, 2, 1]), squeeze_dims=[0]).get_shape().as_list(), [2, 1]),
    "argmax": (tf.argmax(a, dimension=1), [1, 1]),
    "softmax": (tf.reduce_sum(tf.nn.softmax(a, dim=1)), 2),
    "entropy": (tf.nn.softmax_cross_entropy_with_logits(tf.zeros([2, 4]), tf.one_hot([1, 2], 4)), [np.log(4)] * 2),
    "sparse_entropy": (tf.nn.sparse_softmax_cross_entropy_with_logits(tf.zeros([2, 4]), [1, 2]), [np.log(4)] * 2),
    "sigmoid_entropy": (tf.nn.sigmoid_cross_entropy_with_logits(tf.zeros([2]), targets=tf.ones([2])), [np.log(2)] * 2),
    "new_entropy": (tf.nn.sigmoid_cross_entropy_with_logits(logits=tf.zeros([2]), labels=tf.ones([2])), [np.log(2)] * 2),
    "op_scope": (tf.op_scope([a], "s").__class__.__name__, "_GeneratorContextManager"),
}
v = tf.Variable(tf.zeros([2]))
assert tf.all_variables() == [v]
init = tf.initialize_variables([v])
with tf.Session() as sess:
    sess.run(tf.initialize_all_variables())
    for name, (got, want) in ops.items():
        value = sess.run(got) if isinstance(got, tf.Tensor) else got
        print(name, value if np.ndim(value) == 0 else np.asarray(value).tolist())
        if isinstance(want, str):
            assert value == want
        else:
            np.testing.assert_allclose(value, want, rtol=1e-6)
