"""tf.contrib.image: transforms and warps, with gradients."""

import numpy as np


def _image(shape, dtype=np.float32, seed=0):
    return (np.random.RandomState(seed).uniform(0, 1, shape) * (200 if dtype != np.float32 else 1)).astype(dtype)


def _with_gradient(tf, y, x):
    return [y, tf.gradients(tf.reduce_sum(y * tf.cos(tf.cast(tf.range(tf.size(y)), tf.float32))[0]), x)]


def rotate(tf):
    x = tf.constant(_image([2, 5, 4, 3]))
    made = [tf.contrib.image.rotate(x, 0.5), tf.contrib.image.rotate(x, [0.3, -1.2], interpolation="BILINEAR")]
    return [_with_gradient(tf, y, x) for y in made]


def rotate_one(tf):
    i = tf.contrib.image
    return [
        i.rotate(tf.constant(_image([5, 4, 1])), np.pi / 2),
        i.rotate(tf.constant(_image([5, 5])), 1.0),
        i.rotate(tf.constant(_image([5, 5, 3], np.uint8)), 0.7, "BILINEAR"),
        i.rotate(tf.constant(_image([5, 5, 3], np.int32)), -1.0),
    ]


def translate(tf):
    x = tf.constant(_image([2, 5, 4, 3]))
    moved = tf.contrib.image.translate(x, [[1.0, 2.0], [-0.5, 0.25]], "BILINEAR")
    return [_with_gradient(tf, moved, x), tf.contrib.image.translate(x, [1.5, -0.5])]


def transform(tf):
    x = tf.constant(_image([2, 5, 4, 3]))
    a = [1.1, 0.2, -0.3, 0.1, 0.9, 0.4, 0.02, -0.03]
    i = tf.contrib.image
    return [
        _with_gradient(tf, i.transform(x, a), x),
        i.transform(x, [a, a[::-1]], "BILINEAR", output_shape=[3, 6]),
        i.compose_transforms(a, i.translations_to_projective_transforms([1.0, 2.0])),
        i.matrices_to_flat_transforms(i.flat_transforms_to_matrices(a)),
        i.angles_to_projective_transforms(0.3, 5.0, 4.0),
    ]


def dense_warp(tf):
    x = tf.constant(_image([2, 5, 4, 3]))
    flow = tf.constant(_image([2, 5, 4, 2], seed=1) * 3.0 - 1.5)
    y = tf.contrib.image.dense_image_warp(x, flow)
    return [y, tf.gradients(tf.reduce_sum(tf.square(y)), [x, flow])]


def splines(tf):
    points, values = tf.constant(_image([2, 6, 2])), tf.constant(_image([2, 6, 3], seed=1))
    queries = tf.constant(_image([2, 4, 2], seed=2))
    made = [tf.contrib.image.interpolate_spline(points, values, queries, order) for order in (1, 2, 3)]
    smooth = tf.contrib.image.interpolate_spline(points, values, queries, 2, regularization_weight=0.1)
    return [*made, smooth, tf.gradients(tf.reduce_sum(smooth), [points, values])]


splines.tolerance = 2e-3


def sparse_warp(tf):
    x = tf.constant(_image([1, 6, 6, 2]))
    source = tf.constant([[[1.0, 1.0], [3.0, 4.0], [4.0, 2.0]]])
    moved = tf.constant([[[1.5, 1.0], [3.0, 3.5], [4.5, 2.5]]])
    return [tf.contrib.image.sparse_image_warp(x, source, moved, num_boundary_points=n) for n in (0, 2)]


sparse_warp.tolerance = 2e-3
