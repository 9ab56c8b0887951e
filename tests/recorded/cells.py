"""Cells of tf.contrib.rnn: two steps, and gradients of the variables."""

import numpy as np


def _numbers(shape, seed=0):
    return np.random.RandomState(seed).uniform(-1.0, 1.0, shape).astype(np.float32)


def _stepped(tf, cell, size=4, state_size=None):
    """Outputs, states and gradients of two steps of a batch of 3."""
    x, y = _numbers([3, size]), _numbers([3, size], 1)
    return _steps(tf, cell, tf.constant(x), tf.constant(y), state_size)


def _steps(tf, cell, x, y, state_size=None):
    sizes = cell.state_size if state_size is None else state_size
    flat = list(sizes) if isinstance(sizes, tuple) else [sizes]
    parts = [tf.constant(_numbers([3, n], 2 + k)) for k, n in enumerate(flat)]
    state = parts[0] if not isinstance(sizes, tuple) else type(sizes)(*parts)
    first, state = cell(x, state)
    second, state = cell(y, state)
    total = tf.reduce_sum(tf.cos(second))
    names = tf.constant([v.name for v in tf.trainable_variables()])
    return [first, second, state, tf.gradients(total, tf.trainable_variables()), names]


def independent(tf):
    rnn = tf.contrib.rnn
    return [_steps(tf, c, tf.constant(_numbers([3, 2])), tf.constant(_numbers([3, 2], 1)))[:3]
            for c in (rnn.IndRNNCell(4), rnn.IndyGRUCell(4), rnn.IndyLSTMCell(3, forget_bias=0.5))]  # fmt: skip


def ind_rnn(tf):
    return _stepped(tf, tf.contrib.rnn.IndRNNCell(5, activation=tf.nn.relu))


def indy_gru(tf):
    return _stepped(tf, tf.contrib.rnn.IndyGRUCell(5))


def indy_lstm(tf):
    return _stepped(tf, tf.contrib.rnn.IndyLSTMCell(5))


def glstm(tf):
    return _stepped(tf, tf.contrib.rnn.GLSTMCell(6, number_of_groups=2))


def glstm_projected(tf):
    return _stepped(tf, tf.contrib.rnn.GLSTMCell(6, num_proj=4, number_of_groups=2, activation=tf.nn.relu))


def intersection(tf):
    return _stepped(tf, tf.contrib.rnn.IntersectionRNNCell(4))


def intersection_projected(tf):
    return _stepped(tf, tf.contrib.rnn.IntersectionRNNCell(3, num_in_proj=3, y_activation=tf.tanh))


def _phased(tf, peepholes):
    cell = tf.contrib.rnn.PhasedLSTMCell(4, use_peepholes=peepholes, period_init_max=10.0)
    times = tf.constant([[0.5], [1.0], [7.5]]), tf.constant([[1.5], [1.1], [9.0]])
    return _steps(tf, cell, (times[0], tf.constant(_numbers([3, 2]))), (times[1], tf.constant(_numbers([3, 2], 1))))


def phased(tf):
    return _phased(tf, False)


def phased_peepholes(tf):
    return _phased(tf, True)


def time_frequency(tf):
    cell = tf.contrib.rnn.TimeFreqLSTMCell(2, feature_size=2, frequency_skip=1)
    return _stepped(tf, cell, 4, 12)


def time_frequency_peepholes(tf):
    cell = tf.contrib.rnn.TimeFreqLSTMCell(2, use_peepholes=True, cell_clip=0.5, feature_size=2, frequency_skip=2)
    return _stepped(tf, cell, 4, 8)


def grid(tf):
    return _stepped(tf, tf.contrib.rnn.GridLSTMCell(2, feature_size=2, frequency_skip=1, num_frequency_blocks=[3]))


def grid_peepholes(tf):
    return _stepped(tf, tf.contrib.rnn.GridLSTMCell(
        2, use_peepholes=True, cell_clip=0.4, feature_size=2, frequency_skip=1, num_frequency_blocks=[1, 2],
        start_freqindex_list=[0, 1], end_freqindex_list=[2, 4], couple_input_forget_gates=True))  # fmt: skip


def grid_shared(tf):
    return _stepped(tf, tf.contrib.rnn.GridLSTMCell(
        2, use_peepholes=True, share_time_frequency_weights=True, feature_size=2, frequency_skip=2,
        num_frequency_blocks=[2]))  # fmt: skip


def grid_bidirectional(tf):
    return _stepped(tf, tf.contrib.rnn.BidirectionalGridLSTMCell(
        2, feature_size=2, frequency_skip=1, num_frequency_blocks=[3], backward_slice_offset=1))  # fmt: skip
