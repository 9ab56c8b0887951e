"""Cells against NumPy, and what runs them over sequences; on both backends."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_op

cells = tf.nn.rnn_cell
RNG = np.random.default_rng(7)
X = RNG.normal(size=(2, 4, 3)).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.fixture(params=["reference", "cpu"])
def session(request):
    with tf.Graph().as_default(), tf.Session(backend=request.param) as session:
        yield session


def values(session, scale=0.4):
    """Numbers for all variables, by name."""
    session.run(tf.global_variables_initializer())
    found = {}
    for v in tf.global_variables():
        found[v.op.name] = (scale * RNG.normal(size=v.shape.as_list())).astype(np.float32)
        v.load(found[v.op.name], session)
    return found


def run_lstm(w, x, units, forget=1.0, peep=None, clip=None, projection=None, proj_clip=None, lengths=None):
    n, steps, _ = x.shape
    c, h = np.zeros((n, units)), np.zeros((n, units if projection is None else projection.shape[1]))
    outputs = []
    for t in range(steps):
        i, j, f, o = np.split(np.concatenate([x[:, t], h], 1) @ w["kernel"] + w["bias"], 4, 1)
        fg, ig = f + forget, i
        if peep:
            fg, ig = fg + peep["f"] * c, ig + peep["i"] * c
        new = sigmoid(fg) * c + sigmoid(ig) * np.tanh(j)
        new = new if clip is None else np.clip(new, -clip, clip)
        out = sigmoid(o + peep["o"] * new if peep else o) * np.tanh(new)
        if projection is not None:
            out = out @ projection
            out = out if proj_clip is None else np.clip(out, -proj_clip, proj_clip)
        live = np.ones((n, 1), bool) if lengths is None else (t < np.asarray(lengths))[:, None]
        c, h = np.where(live, new, c), np.where(live, out, h)
        outputs.append(np.where(live, out, 0))
    return np.stack(outputs, 1), c, h


def close(got, want):
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_lstm_with_lengths(session):
    x, n = tf.placeholder(tf.float32, [None, None, 3]), tf.placeholder(tf.int32, [None])
    y, state = tf.nn.dynamic_rnn(cells.BasicLSTMCell(5, forget_bias=0.5), x, sequence_length=n, dtype=tf.float32)
    assert y.shape.as_list() == [None, None, 5] and isinstance(state, cells.LSTMStateTuple)
    w = {k.rpartition("/")[2]: v for k, v in values(session).items()}
    for lengths in ([4, 2], [0, 3]):
        got = session.run([y, state.c, state.h], {x: X, n: lengths})
        for a, b in zip(got, run_lstm(w, X, 5, 0.5, lengths=lengths), strict=True):
            close(a, b)


def test_lstm_with_peepholes_clipping_and_projection(session):
    cell = cells.LSTMCell(5, use_peepholes=True, cell_clip=0.3, num_proj=2, proj_clip=0.2)
    y, state = tf.nn.dynamic_rnn(cell, tf.constant(X), dtype=tf.float32)
    w = {k.removeprefix("rnn/lstm_cell/"): v for k, v in values(session, 1.0).items()}
    assert list(w) == ["kernel", "bias", "w_f_diag", "w_i_diag", "w_o_diag", "projection/kernel"]
    peep = {g: w[f"w_{g}_diag"] for g in "fio"}
    want = run_lstm(w, X, 5, 1.0, peep, 0.3, w["projection/kernel"], 0.2)
    for a, b in zip(session.run([y, state.c, state.h]), want, strict=True):
        close(a, b)


def test_gru_and_plain(session):
    gru, plain = cells.GRUCell(3), cells.BasicRNNCell(4, activation="relu")
    h0, p0 = tf.ones([2, 3]), tf.ones([2, 4])
    _, h = gru(tf.constant(X[:, 0]), h0)
    _, p = plain(tf.constant(X[:, 0]), p0)
    w = values(session)
    r, u = np.split(sigmoid(np.concatenate([X[:, 0], np.ones((2, 3))], 1) @ w["gru_cell/gates/kernel"]
                            + w["gru_cell/gates/bias"]), 2, 1)  # fmt: skip
    c = np.tanh(np.concatenate([X[:, 0], r], 1) @ w["gru_cell/candidate/kernel"] + w["gru_cell/candidate/bias"])
    close(session.run(h), u + (1 - u) * c)
    close(
        session.run(p),
        np.maximum(
            np.concatenate([X[:, 0], np.ones((2, 4))], 1) @ w["basic_rnn_cell/kernel"] + w["basic_rnn_cell/bias"], 0
        ),
    )


def test_packed_states_are_the_same(session):
    stacked = cells.MultiRNNCell([cells.BasicLSTMCell(3, state_is_tuple=False) for _ in range(2)], state_is_tuple=False)
    y, state = tf.nn.dynamic_rnn(stacked, tf.constant(X), dtype=tf.float32)
    with tf.variable_scope("", reuse=True):
        plain = cells.MultiRNNCell([cells.BasicLSTMCell(3) for _ in range(2)])
        z, parts = tf.nn.dynamic_rnn(plain, tf.constant(X), dtype=tf.float32)
    values(session)
    assert stacked.state_size == 12 and state.shape.as_list() == [2, 12]
    a, b, c, d = session.run([y, z, state, [t for part in parts for t in part]])
    close(a, b)
    close(c, np.concatenate(d, 1))


def test_every_way_over_a_sequence_gives_the_same(session):
    cell = cells.GRUCell(3)
    x, lengths = tf.constant(X), [4, 2]
    dynamic, last = tf.nn.dynamic_rnn(cell, x, lengths, dtype=tf.float32)
    major, _ = tf.nn.dynamic_rnn(cell, tf.transpose(x, [1, 0, 2]), lengths, dtype=tf.float32, time_major=True)
    static, state = tf.nn.static_rnn(cell, tf.unstack(x, axis=1), dtype=tf.float32, sequence_length=lengths)

    def loop_fn(time, output, state, loop_state):
        following = cell.zero_state(2, tf.float32) if output is None else state
        finished = time >= tf.constant(lengths)
        row = tf.cond(tf.reduce_all(finished), lambda: tf.zeros([2, 3]), lambda: x[:, tf.minimum(time, 3)])
        return finished, row, following, output, loop_state

    raw, final, _ = tf.nn.raw_rnn(cell, loop_fn)
    values(session)
    a, b, c, d = session.run([dynamic, major, static, raw.stack()])
    close(a, np.transpose(b, [1, 0, 2]))
    close(a, np.stack(c, 1))
    close(a, np.transpose(d, [1, 0, 2]))
    close(*session.run([last, state]))
    close(*session.run([last, final]))
    assert not a[1, 2:].any()


def test_both_directions(session):
    fw, bw = cells.GRUCell(3), cells.GRUCell(2)
    x = tf.constant(X)
    (a, b), states = tf.nn.bidirectional_dynamic_rnn(fw, bw, x, [4, 2], dtype=tf.float32)
    names = [v.op.name for v in tf.trainable_variables()]
    assert names[0] == "bidirectional_rnn/fw/gru_cell/gates/kernel" and names[-1].startswith("bidirectional_rnn/bw/")
    with tf.variable_scope("", reuse=True):
        steps, *same = tf.nn.static_bidirectional_rnn(
            cells.GRUCell(3), cells.GRUCell(2), tf.unstack(x, axis=1), dtype=tf.float32, sequence_length=[4, 2]
        )
    values(session)
    a, b, steps = session.run([a, b, steps])
    close(np.concatenate([a, b], 2), np.stack(steps, 1))
    for own, other in zip(session.run(list(states)), session.run(same), strict=True):
        close(own, other)
    layers, _, _ = tf.contrib.rnn.stack_bidirectional_dynamic_rnn(
        [cells.GRUCell(2)] * 1, [cells.GRUCell(2)], x, dtype=tf.float32
    )
    assert layers.shape.as_list() == [2, 4, 4]


def test_wrappers(session):
    x, state = tf.ones([3, 4]), tf.zeros([3, 4])
    cell = cells.GRUCell(4)
    plain, _ = cell(x, state)
    residual, _ = cells.ResidualWrapper(cell)(x, state)
    placed, _ = cells.DeviceWrapper(cell, "/cpu:0")(x, state)
    dropped, kept = cells.DropoutWrapper(cell, output_keep_prob=0.5, seed=1)(x, state)
    noisy = cells.DropoutWrapper(cell, 1.0, 0.5, 0.5, variational_recurrent=True, dtype=tf.float32)
    steps, _ = tf.nn.static_rnn(noisy, [x] * 3, dtype=tf.float32)
    projected = tf.contrib.rnn.OutputProjectionWrapper(tf.contrib.rnn.InputProjectionWrapper(cells.GRUCell(2), 3), 5)
    wide, _ = projected(x, tf.zeros([3, 2]))
    embedded, _ = tf.contrib.rnn.EmbeddingWrapper(cells.GRUCell(2), 7, 3)(tf.constant([1, 2, 6]), tf.zeros([3, 2]))
    values(session)
    a, b, c, d, e, steps = session.run([plain, residual, placed, dropped, kept, steps])
    close(b, a + 1.0)
    close(c, a)
    close(e, a)
    assert np.all((d == 0) | np.isclose(d, 2 * a, rtol=1e-4))
    zero = [step[0] == 0 for step in steps]
    assert all((z == zero[0]).all() for z in zero)
    assert session.run(wide).shape == (3, 5) and session.run(embedded).shape == (3, 2)
    with pytest.raises(ValueError):
        cells.DropoutWrapper(cell, input_keep_prob=1.5)


def test_block_and_fused_cells_compute_what_the_plain_one_does(session):
    x = tf.constant(X)
    y, _ = tf.nn.dynamic_rnn(cells.LSTMCell(3), x, dtype=tf.float32)
    with tf.variable_scope("", reuse=True):
        z, _ = tf.nn.dynamic_rnn(tf.contrib.rnn.LSTMBlockCell(3), x, dtype=tf.float32)
    fused = tf.contrib.rnn.LSTMBlockFusedCell(3)
    rows = tf.transpose(x, [1, 0, 2])
    f, (_c, h) = fused(rows, dtype=tf.float32)
    back, _ = tf.contrib.rnn.TimeReversedFusedRNN(fused)(rows[::-1], dtype=tf.float32)
    w = values(session)
    for name in ("kernel", "bias"):
        fused_one = next(v for v in tf.global_variables() if v.op.name == f"lstm_fused_cell/{name}")
        fused_one.load(w[f"rnn/lstm_cell/{name}"], session)
    a, b, d, e = session.run([y, z, f, back])
    close(a, b)
    close(a, np.transpose(d, [1, 0, 2]))
    close(d, e[::-1])
    close(session.run(h), a[:, -1])


def test_layer_norm(session):
    cell = tf.contrib.rnn.LayerNormBasicLSTMCell(4)
    y, _ = cell(tf.constant(X[:, 0]), cell.zero_state(2, tf.float32))
    session.run(tf.global_variables_initializer())
    names = {v.op.name.rpartition("cell/")[2] for v in tf.global_variables()}
    assert {"kernel", "input/gamma", "state/beta"} <= names
    kernel = session.run(next(v for v in tf.global_variables() if v.op.name.endswith("kernel")))

    def norm(v):
        return (v - v.mean(1, keepdims=True)) / np.sqrt(v.var(1, keepdims=True) + 1e-12)

    i, j, _, o = (norm(v) for v in np.split(np.concatenate([X[:, 0], np.zeros((2, 4))], 1) @ kernel, 4, 1))
    close(session.run(y), np.tanh(norm(sigmoid(i) * np.tanh(j))) * sigmoid(o))


def test_cells_of_users(session):
    class Counter(cells.RNNCell):
        state_size, output_size = (1, tf.TensorShape([2, 2])), 3

        def call(self, inputs, state):
            w = tf.get_variable("w", [3, 3], initializer=tf.ones_initializer())
            return tf.matmul(inputs, w), (state[0] + 1.0, state[1] * 2.0 + 1.0)

    y, (count, table) = tf.nn.dynamic_rnn(Counter(), tf.constant(X), dtype=tf.float32)
    assert [v.name for v in tf.trainable_variables()] == ["rnn/counter/w:0"]
    session.run(tf.global_variables_initializer())
    close(session.run(y), np.repeat(X.sum(2, keepdims=True), 3, 2))
    assert session.run(count).tolist() == [[4.0], [4.0]] and session.run(table).shape == (2, 2, 2)


def lstm(x, kernel):
    """A loop over a cell whose weights are an input, for gradients."""
    with tf.variable_scope(
        "lstm", custom_getter=lambda getter, name, *a, **k: kernel if "kernel" in name else tf.zeros([8], x.dtype)
    ):
        y, state = tf.nn.dynamic_rnn(cells.BasicLSTMCell(2), x, sequence_length=[3, 1], dtype=x.dtype)
    return [y, state.c]


def test_gradients():
    check_op(lambda x, k: lstm(tf.reshape(x, [2, 3, 2]), tf.reshape(k, [4, 8])), (2, 3, 2), (4, 8), second=True)


@pytest.mark.parametrize(
    "make, error",
    [
        (lambda: tf.nn.dynamic_rnn("cell", tf.zeros([2, 3, 4]), dtype=tf.float32), TypeError),
        (lambda: tf.nn.dynamic_rnn(cells.GRUCell(2), tf.zeros([2, 3, 4])), ValueError),
        (lambda: tf.nn.dynamic_rnn(cells.GRUCell(2), tf.zeros([3]), dtype=tf.float32), ValueError),
        (lambda: tf.nn.dynamic_rnn(cells.GRUCell(2), tf.zeros([2, 3, 4]), [[1]], dtype=tf.float32), ValueError),
        (lambda: tf.nn.static_rnn(cells.GRUCell(2), tf.zeros([2, 3]), dtype=tf.float32), TypeError),
        (lambda: tf.nn.static_rnn(cells.GRUCell(2), [], dtype=tf.float32), ValueError),
        (lambda: cells.MultiRNNCell([]), ValueError),
        (lambda: cells.GRUCell(2)(tf.placeholder(tf.float32, [2, None]), tf.zeros([2, 2])), ValueError),
    ],
)
def test_bad_arguments(make, error):
    with tf.Graph().as_default(), pytest.raises(error):
        make()


def test_a_probability_may_be_a_variable():
    keep = tf.Variable(1.0, trainable=False)
    cell = tf.nn.rnn_cell.DropoutWrapper(tf.nn.rnn_cell.GRUCell(3), keep, keep, keep)
    y, _ = tf.nn.dynamic_rnn(cell, tf.ones([2, 3, 4]), dtype=tf.float32)
    x = tf.nn.dropout(tf.ones([50, 50]), keep)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert (session.run(y) != 0).all() and (session.run(x) == 1).all()
        session.run(keep.assign(0.5))
        assert (session.run(y) == 0).any() and 0.4 < (session.run(x) == 2).mean() < 0.6
