"""tf.contrib.losses.metric_learning: losses and gradients of embeddings."""

import numpy as np


def _embeddings(tf, n=6, seed=0):
    return tf.constant(np.random.RandomState(seed).uniform(-1, 1, [n, 4]).astype(np.float32))


def _loss(tf, loss, *embeddings):
    return [loss, tf.gradients(loss, list(embeddings))]


def contrastive(tf):
    a, b = _embeddings(tf), _embeddings(tf, seed=1)
    m = tf.contrib.losses.metric_learning
    return _loss(tf, m.contrastive_loss(tf.constant([1, 0, 1, 1, 0, 0]), a, b, margin=2.0), a, b)


def triplet(tf):
    e = _embeddings(tf)
    m = tf.contrib.losses.metric_learning
    labels = tf.constant([1, 2, 1, 3, 2, 2])
    return [_loss(tf, m.triplet_semihard_loss(labels, e), e), _loss(tf, m.triplet_semihard_loss(labels, e, 0.1), e)]


def lifted(tf):
    e = _embeddings(tf)
    m = tf.contrib.losses.metric_learning
    return _loss(tf, m.lifted_struct_loss(tf.constant([1, 2, 1, 3, 2, 2]), e), e)


def npairs(tf):
    a, b = _embeddings(tf, 4), _embeddings(tf, 4, seed=1)
    m = tf.contrib.losses.metric_learning
    return _loss(tf, m.npairs_loss(tf.constant([1, 2, 3, 2]), a, b, 0.1), a, b)


def npairs_multilabel(tf):
    a, b = _embeddings(tf, 3), _embeddings(tf, 3, seed=1)
    m = tf.contrib.losses.metric_learning
    labels = [tf.SparseTensor([[i] for i in on], [1] * len(on), [4]) for on in ([0, 1], [1, 3], [2])]
    return _loss(tf, m.npairs_loss_multilabel(labels, a, b), a, b)
