"""Reshaping, slicing, gathering and joining, with static shapes that are known in part."""
import numpy as np
import tensorflow as tf

x = tf.placeholder(tf.float32, [None, 4], name="x")
batch = tf.shape(x)[0]
cube = tf.reshape(x, [-1, 2, 2])
flat = tf.reshape(cube, [batch, 4])
stacked = tf.stack([x, x * 2], axis=1)
print(x.get_shape(), cube.shape, flat.shape, stacked.shape)
assert str(x.get_shape()) == "(?, 4)" and cube.get_shape().as_list() == [None, 2, 2]
assert flat.shape[1].value == 4 and flat.shape[0].value is None and int(stacked.shape[1]) == 2
ops = [
    (x[:, 1:3], lambda a: a[:, 1:3]),
    (x[::-1, tf.newaxis, -1], lambda a: a[::-1, None, -1]),
    (tf.transpose(cube, [2, 0, 1]), lambda a: a.reshape(-1, 2, 2).transpose(2, 0, 1)),
    (tf.concat([x, x[:1]], 0), lambda a: np.concatenate([a, a[:1]])),
    (tf.gather(x, [2, 0]), lambda a: a[[2, 0]]),
    (tf.gather_nd(x, [[0, 1], [2, 3]]), lambda a: a[[0, 2], [1, 3]]),
    (tf.one_hot([1, 3], 4) * x[:2], lambda a: np.eye(4)[[1, 3]] * a[:2]),
    (tf.boolean_mask(x, x[:, 0] > 3), lambda a: a[a[:, 0] > 3]),
    (tf.tile(x[:1], [2, 2]), lambda a: np.tile(a[:1], (2, 2))),
    (tf.pad(x, [[1, 0], [0, 2]]), lambda a: np.pad(a, [(1, 0), (0, 2)])),
    (tf.squeeze(x[:1, :1]), lambda a: a[0, 0]),
    (tf.split(x, 2, axis=1)[1], lambda a: a[:, 2:]),
    (tf.unstack(x, axis=1)[3], lambda a: a[:, 3]),
    (tf.where(x > 5, x, tf.zeros_like(x)), lambda a: np.where(a > 5, a, 0)),
    (tf.reduce_max(x, axis=[0, 1]), lambda a: a.max()),
    (tf.cumsum(x, axis=1), lambda a: a.cumsum(1)),
    (tf.size(x), lambda a: a.size),
    (tf.range(batch) * 2, lambda a: np.arange(len(a)) * 2),
    (tf.nn.top_k(x, k=2).values, lambda a: np.sort(a, 1)[:, :1:-1]),
    (tf.sequence_mask([1, 3], 4), lambda a: np.arange(4) < [[1], [3]]),
    (tf.tensordot(x, x, [[0], [0]]), lambda a: a.T @ a),
    (tf.einsum("ij,kj->ik", x, x), lambda a: a @ a.T),
]
value = np.arange(12, dtype=np.float32).reshape(3, 4)
with tf.Session() as sess:
    for got, (_, want) in zip(sess.run([t for t, _ in ops], {x: value}), ops):
        np.testing.assert_allclose(got, want(value), rtol=1e-6)
    y = tf.placeholder(tf.float32)
    y.set_shape([None, 2])
    try:
        sess.run(y, {y: np.zeros((2, 3))})
    except ValueError as error:
        print("ValueError:", str(error).splitlines()[0])
    else:
        raise AssertionError("a value of the wrong shape was taken")
for wrong in (lambda: tf.reshape(tf.zeros([2, 3]), [4, 2]), lambda: tf.zeros([2]) + tf.zeros([3])):
    try:
        wrong()
    except ValueError as error:
        print("ValueError:", str(error).splitlines()[0])
    else:
        raise AssertionError(wrong)
