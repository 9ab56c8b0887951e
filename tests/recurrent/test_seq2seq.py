"""Decoders, helpers, attention, and losses of sequences."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf
from graphflow.backends.cpu import python_steps

seq2seq = tf.contrib.seq2seq
RNG = np.random.default_rng(1)


@pytest.fixture(params=["reference", "cpu"])
def session(request):
    with tf.Graph().as_default(), tf.Session(backend=request.param) as session:
        tf.set_random_seed(2)
        yield session


def test_sequence_loss(session):
    logits, targets = RNG.normal(size=(2, 3, 4)).astype(np.float32), RNG.integers(0, 4, (2, 3))
    weights = np.array([[1, 1, 0], [1, 0.5, 0]], np.float32)
    shifted = logits - logits.max(-1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(-1)) - np.take_along_axis(shifted, targets[..., None], -1)[..., 0]
    own = losses * weights
    ask = [
        seq2seq.sequence_loss(logits, targets, weights),
        seq2seq.sequence_loss(logits, targets, weights, False, False),
        seq2seq.sequence_loss(logits, targets, weights, True, False),
        seq2seq.sequence_loss(logits, targets, weights, False, False, True, True),
    ]
    want = [own.sum() / weights.sum(), own, own.sum(1) / weights.sum(1), own.sum() / 4]
    for got, expected in zip(session.run(ask), want, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5)
    columns = [list(np.swapaxes(v, 0, 1)) for v in (logits, targets, weights)]
    by_example = tf.contrib.legacy_seq2seq.sequence_loss_by_example(*columns)
    np.testing.assert_allclose(session.run(by_example), own.sum(1) / weights.sum(1), rtol=1e-5)
    with pytest.raises(ValueError):
        seq2seq.sequence_loss(logits[0], targets, weights)


def decode(helper, memory, lengths, kind, reuse=None, **options):
    with tf.variable_scope("decode", reuse=reuse):
        mechanism = kind(6, memory, memory_sequence_length=lengths)
        cell = seq2seq.AttentionWrapper(
            tf.nn.rnn_cell.BasicLSTMCell(6), mechanism, attention_layer_size=6, alignment_history=True
        )
        state = cell.zero_state(tf.shape(memory)[0], tf.float32)
        decoder = seq2seq.BasicDecoder(cell, helper, state, tf.layers.Dense(7, use_bias=False))
        return seq2seq.dynamic_decode(decoder, **options)


@pytest.mark.parametrize("kind", [seq2seq.LuongAttention, seq2seq.BahdanauAttention])
def test_a_translator_learns_to_copy(session, kind):
    ids, lengths = tf.placeholder(tf.int32, [None, 4]), tf.placeholder(tf.int32, [None])
    embedding = tf.get_variable("embedding", [7, 6])
    source = tf.nn.embedding_lookup(embedding, ids)
    memory, _ = tf.nn.dynamic_rnn(tf.nn.rnn_cell.GRUCell(6), source, lengths, dtype=tf.float32)
    outputs, state, found = decode(seq2seq.TrainingHelper(source, lengths), memory, lengths, kind, impute_finished=True)
    longest = tf.reduce_max(lengths)
    mask = tf.sequence_mask(lengths, longest, tf.float32)
    loss = seq2seq.sequence_loss(outputs.rnn_output, ids[:, :longest], mask)
    train = tf.train.AdamOptimizer(0.05).minimize(loss)
    greedy = seq2seq.GreedyEmbeddingHelper(embedding, tf.fill([tf.shape(ids)[0]], 2), 1)
    told, _, steps = decode(greedy, memory, lengths, kind, reuse=True, maximum_iterations=5)
    session.run(tf.global_variables_initializer())
    feed = {ids: [[2, 3, 4, 5], [6, 5, 0, 0], [4, 4, 2, 0]], lengths: [4, 2, 3]}
    first = session.run(loss, feed)
    for _ in range(40):
        session.run(train, feed)
    last, out, lens, weights = session.run([loss, outputs, found, state.alignment_history.stack()], feed)
    assert last < 0.3 * first and lens.tolist() == [4, 2, 3]
    assert out.rnn_output.shape == (3, 4, 7) and not out.rnn_output[1, 2:].any()
    assert out.sample_id[1, :2].tolist() == [6, 5]
    np.testing.assert_allclose(weights.sum(-1), np.ones((4, 3)), rtol=1e-5)
    assert not weights[:, 1, 2:].any()
    sample, count = session.run([told.sample_id, steps], feed)
    assert sample.shape[1] == count.max() <= 5
    names = {v.op.name for v in tf.trainable_variables()}
    assert {"decode/memory_layer/kernel", "decode/decoder/attention_wrapper/attention_layer/kernel"} <= names


def test_decoding_stops_at_the_end_token(session):
    embedding = tf.constant(np.eye(4, dtype=np.float32))
    following = tf.constant(np.roll(np.eye(4, dtype=np.float32), 1, 1) * 9.0)  # after k comes k + 1

    class Next(tf.nn.rnn_cell.RNNCell):
        state_size, output_size = 1, 4

        def call(self, inputs, state):
            return tf.matmul(inputs, following), state + 1.0

    for helper in (
        seq2seq.GreedyEmbeddingHelper(embedding, [0, 2, 1], 3),
        seq2seq.SampleEmbeddingHelper(embedding, [0, 2, 1], 3, softmax_temperature=0.01, seed=1),
    ):
        decoder = seq2seq.BasicDecoder(Next(), helper, tf.zeros([3, 1]))
        outputs, state, lengths = seq2seq.dynamic_decode(decoder, impute_finished=True, output_time_major=True)
        ids, state, lengths = session.run([outputs.sample_id, state, lengths])
        assert lengths.tolist() == [3, 1, 2] and state[:, 0].tolist() == [3.0, 1.0, 2.0]
        assert ids.T.tolist() == [[1, 2, 3], [3, 0, 0], [2, 3, 0]]


def test_tools(session):
    tiled = seq2seq.tile_batch(tf.constant([[1, 2], [3, 4]]), 2)
    assert session.run(tiled).tolist() == [[1, 2], [1, 2], [3, 4], [3, 4]] and tiled.shape.as_list() == [4, 2]
    assert session.run(seq2seq.hardmax(tf.constant([[1.0, 3.0, 2.0]]))).tolist() == [[0.0, 1.0, 0.0]]


def test_older_decoders(session):
    legacy, cell = tf.contrib.legacy_seq2seq, tf.nn.rnn_cell.GRUCell(3)
    steps = [tf.ones([2, 4]) * float(i) for i in range(3)]
    outputs, state = legacy.basic_rnn_seq2seq(steps, steps[:2], cell)
    fed, _ = legacy.rnn_decoder(
        [tf.ones([2, 3])] * 2, tf.zeros([2, 3]), tf.nn.rnn_cell.GRUCell(3), lambda p, i: p, scope="fed"
    )
    ids = [tf.constant([1, 2])] * 3
    told, _ = legacy.embedding_rnn_seq2seq(ids, ids, tf.nn.rnn_cell.BasicLSTMCell(3), 5, 6, 4, feed_previous=True)
    session.run(tf.global_variables_initializer())
    assert [v.shape for v in session.run(outputs)] == [(2, 3)] * 2 and session.run(state).shape == (2, 3)
    assert len(session.run(fed)) == 2 and [v.shape for v in session.run(told)] == [(2, 6)] * 3


def test_attention_over_a_sequence(session):
    legacy, sizes = tf.contrib.legacy_seq2seq, (2, 3, 4)
    states, given = RNG.normal(size=sizes).astype(np.float32), RNG.normal(size=(2, 2, 5)).astype(np.float32)
    cell = tf.nn.rnn_cell.BasicRNNCell(4)
    outputs, state = legacy.attention_decoder(list(given), tf.zeros([2, 4]), states, cell, initial_state_attention=True)
    session.run(tf.global_variables_initializer())
    (first, second), last = session.run([outputs, state])
    v = {k.name.removeprefix("attention_decoder/"): session.run(k) for k in tf.global_variables()}
    features = states @ v["AttnW_0:0"][0, 0]

    def attend(query):
        asked = query @ v["Attention_0/kernel:0"] + v["Attention_0/bias:0"]
        scores = (v["AttnV_0:0"] * np.tanh(features + asked[:, None])).sum(-1)
        weights = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        return (weights[..., None] * states).sum(1)

    h, mean = np.zeros((2, 4)), attend(np.zeros((2, 4)))
    for x, output in zip(given, (first, second), strict=True):
        x = np.concatenate([x, mean], 1) @ v["kernel:0"] + v["bias:0"]
        h = np.tanh(np.concatenate([x, h], 1) @ v["basic_rnn_cell/kernel:0"] + v["basic_rnn_cell/bias:0"])
        mean = attend(h)
        projection = v["AttnOutputProjection/kernel:0"], v["AttnOutputProjection/bias:0"]
        want = np.concatenate([h, mean], 1) @ projection[0] + projection[1]
        np.testing.assert_allclose(output, want, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(last, h, rtol=1e-4, atol=1e-5)


def test_buckets_share_one_model(session):
    legacy, cell = tf.contrib.legacy_seq2seq, tf.nn.rnn_cell.GRUCell(3)
    ids = [tf.constant([1, 2])] * 5
    weights = [tf.ones([2])] * 5

    def model(before, after):
        return legacy.embedding_attention_seq2seq(before, after, cell, 6, 7, 4, num_heads=2)

    outputs, losses = legacy.model_with_buckets(ids[:4], ids, ids[1:], weights, [(2, 3), (4, 4)], model)
    single, _ = legacy.model_with_buckets(ids, ids, ids, weights, [(2, 2)], lambda *i: (outputs[0][:2], None),
                                          per_example_loss=True)  # fmt: skip
    count = len(tf.trainable_variables())
    assert len({v.name for v in tf.trainable_variables()}) == count == 24
    session.run(tf.global_variables_initializer())
    assert [len(o) for o in session.run(outputs)] == [3, 4] and np.isfinite(session.run(losses)).all()
    assert session.run(single[0][0]).shape == (2, 7)
    with pytest.raises(ValueError, match="needs 4 encoder inputs, and there are 2"):
        legacy.model_with_buckets(ids[:2], ids, ids, weights, [(4, 4)], model)


@pytest.mark.parametrize("beam", [False, True])
def test_variables_have_tensorflows_names(beam):
    with tf.Graph().as_default():
        memory = tf.placeholder(tf.float32, [2, 5, 3])
        if beam:
            memory = seq2seq.tile_batch(memory, 4)
        mechanisms = [
            seq2seq.BahdanauAttention(6, memory, normalize=True),
            seq2seq.LuongAttention(6, memory, scale=True),
        ]
        cell = seq2seq.AttentionWrapper(tf.nn.rnn_cell.BasicLSTMCell(6), mechanisms, attention_layer_size=[4, 5])
        state = cell.zero_state(8 if beam else 2, tf.float32)
        embedding, layer = tf.zeros([7, 3]), tf.layers.Dense(7, use_bias=False)
        if beam:
            decoder = seq2seq.BeamSearchDecoder(cell, embedding, [1, 1], 0, state, 4, layer)
        else:
            helper = seq2seq.GreedyEmbeddingHelper(embedding, [1, 1], 0)
            decoder = seq2seq.BasicDecoder(cell, helper, state, layer)
        seq2seq.dynamic_decode(decoder, maximum_iterations=3)
        inside = "decoder/attention_wrapper/"
        assert sorted(v.op.name for v in tf.global_variables()) == sorted([
            "memory_layer/kernel", "memory_layer_1/kernel", f"{inside}basic_lstm_cell/kernel",
            f"{inside}basic_lstm_cell/bias", f"{inside}bahdanau_attention/query_layer/kernel",
            f"{inside}bahdanau_attention/attention_v", f"{inside}bahdanau_attention/attention_g",
            f"{inside}bahdanau_attention/attention_b", f"{inside}luong_attention/attention_g",
            f"{inside}attention_layer/kernel", f"{inside}attention_layer_1/kernel", "decoder/dense/kernel",
        ])  # fmt: skip


def test_attention_is_what_its_formulas_say(session):
    """One step of the wrapper against NumPy: scores, masked weights, context, layer, and the history."""
    memory, query = RNG.normal(size=(2, 4, 3)).astype(np.float32), RNG.normal(size=(2, 5)).astype(np.float32)
    mechanism = seq2seq.BahdanauAttention(6, memory, memory_sequence_length=[4, 2], normalize=True)
    cell = seq2seq.AttentionWrapper(tf.nn.rnn_cell.GRUCell(5), mechanism, 7, alignment_history=True)
    output, state = cell(query, cell.zero_state(2, tf.float32))
    session.run(tf.global_variables_initializer())
    values = {v.op.name.split("attention_wrapper/")[-1]: session.run(v) for v in tf.global_variables()}
    got, alignments, history, cell_output = session.run(
        [output, state.alignments, state.alignment_history.stack(), state.cell_state]
    )
    v = values["bahdanau_attention/attention_v"]
    v = values["bahdanau_attention/attention_g"] * v / np.sqrt((v**2).sum())
    masked = memory * (np.arange(4)[:, None] < np.array([4, 2])[:, None, None])
    hidden = masked @ values["memory_layer/kernel"] + values["bahdanau_attention/attention_b"]
    scores = np.tanh(hidden + (cell_output @ values["bahdanau_attention/query_layer/kernel"])[:, None]) @ v
    scores[1, 2:] = -np.inf
    weights = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    context = np.einsum("bt,btd->bd", weights, masked)
    want = np.concatenate([cell_output, context], 1) @ values["attention_layer/kernel"]
    for a, b in ((alignments, weights), (history, weights[None]), (got, want)):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


class Tanh(tf.nn.rnn_cell.RNNCell):
    """tanh([x, h] @ w)"""

    def __init__(self, w):
        super().__init__()
        self.w = w

    state_size = output_size = property(lambda self: self.w.shape[1])

    def call(self, x, h):
        h = tf.tanh(tf.matmul(tf.concat([x, h], 1), self.w))
        return h, h


def searched(h, w, table, out, width, penalty, steps):
    """Beam search for one example in plain words: (ids, log probability, length) of each beam."""
    beams = [([], 0.0, h, False, 0)] + [([], -np.inf, h, True, 0)] * (width - 1)
    for _ in range(steps):
        found = []
        for k, (ids, total, h, ended, n) in enumerate(beams):
            new = np.tanh(np.concatenate([table[ids[-1] if ids else 1], h]) @ w)
            logs = new @ out - np.log(np.exp(new @ out).sum())
            if ended:
                logs = np.where(np.arange(len(logs)) == 0, 0.0, np.finfo(np.float32).min)
            for i, log in enumerate(logs):
                length = n + (not ended and i != 0)
                found.append((-(total + log) / ((5 + length) / 6) ** penalty, k, i, total + log, new))
        beams = [
            ([*beams[k][0], i], total, new, beams[k][3] or i == 0, beams[k][4] + (not beams[k][3]))
            for _, k, i, total, new in sorted(found, key=lambda each: each[:3])[:width]
        ]
        if all(each[3] for each in beams):
            break
    return [(each[0], each[1], each[4]) for each in beams]


@pytest.mark.parametrize("penalty", [0.0, 0.7])
def test_beam_search(session, penalty):
    table, out = RNG.normal(size=(5, 4)).astype(np.float32), RNG.normal(size=(4, 5)).astype(np.float32) * 2
    w, first = RNG.normal(size=(8, 4)).astype(np.float32), RNG.normal(size=(3, 4)).astype(np.float32)
    h = tf.placeholder(tf.float32, [None, 4])
    decoder = seq2seq.BeamSearchDecoder(
        Tanh(w), table, tf.fill([tf.shape(h)[0]], 1), 0, seq2seq.tile_batch(h, 3), 3,
        output_layer=lambda x: tf.matmul(x, out), length_penalty_weight=penalty,
    )  # fmt: skip
    outputs, state, _ = seq2seq.dynamic_decode(decoder, maximum_iterations=7)
    ids, scores, logs, lengths = session.run(
        [outputs.predicted_ids, outputs.beam_search_decoder_output.scores, state.log_probs, state.lengths], {h: first}
    )
    assert ids.shape == scores.shape and ids.shape[::2] == (3, 3)
    for b in range(3):
        want = searched(first[b], w, table, out, 3, penalty, 7)
        assert [list(row)[: len(each[0])] for row, each in zip(ids[b].T, want, strict=True)] == [e[0] for e in want]
        np.testing.assert_allclose(logs[b], [each[1] for each in want], rtol=1e-4)
        assert lengths[b].tolist() == [each[2] for each in want]


def test_beams_with_attention(session):
    """Coverage counts, and the history of the weights follows the final beams, as in TensorFlow."""
    memory, embedding = RNG.normal(size=(2, 4, 3)).astype(np.float32), RNG.normal(size=(7, 3)).astype(np.float32)

    def decoded(width, reorders):
        rows = seq2seq.tile_batch(memory, width)
        with tf.variable_scope("decode", reuse=tf.AUTO_REUSE):
            cell = tf.nn.rnn_cell.GRUCell(6)
            cell = seq2seq.AttentionWrapper(cell, seq2seq.LuongAttention(6, rows), 5, alignment_history=True)
            decoder = seq2seq.BeamSearchDecoder(
                cell, embedding, [1, 2], 0, cell.zero_state(2 * width, tf.float32), width, tf.layers.Dense(7),
                coverage_penalty_weight=0.3, reorder_tensor_arrays=reorders,
            )  # fmt: skip
            outputs, state, _ = seq2seq.dynamic_decode(decoder, maximum_iterations=5)
        history = state.cell_state.alignment_history
        return [
            history if reorders else history.stack(), state.accumulated_attention_probs, state.lengths,
            outputs.beam_search_decoder_output.parent_ids,
        ]  # fmt: skip

    alone, beams, raw = decoded(1, False), decoded(3, True), decoded(3, False)
    session.run(tf.global_variables_initializer())
    history, sums, lengths, _ = session.run(alone)
    taken = np.arange(len(history))[:, None] < lengths[:, 0]
    np.testing.assert_allclose((history * taken[..., None]).sum(0), sums[:, 0], rtol=1e-5)
    (history, _, lengths, parents), unordered = session.run([beams, raw[0]])
    steps = len(history)
    for b in range(2):
        for k in range(3):
            beam = k
            for t in reversed(range(lengths[b].max())):
                row = beam if t < lengths[b, k] else k
                np.testing.assert_array_equal(
                    history.reshape(steps, 2, 3, 4)[t, b, k], unordered.reshape(steps, 2, 3, 4)[t, b, row]
                )
                beam = parents[b, t, beam]


def test_decoders_are_native(monkeypatch):
    """Nothing of a decoder, its attention, its beams and their gradients comes back to Python."""

    def refused(step, *_):
        raise AssertionError(f"{step.op!r} runs from Python")

    monkeypatch.setattr(python_steps, "calling", refused)
    memory, h = RNG.normal(size=(2, 5, 6)), RNG.normal(size=(2, 6))
    with tf.Graph().as_default(), tf.Session(backend="cpu") as session:
        ids, given = tf.placeholder(tf.int32, [None, 4]), tf.placeholder(tf.float32, [None, None, 6])
        start = tf.placeholder(tf.float32, [None, 6])
        table = tf.get_variable("table", [7, 6])
        helper = seq2seq.TrainingHelper(tf.nn.embedding_lookup(table, ids), [4, 2])
        outputs, state, _ = decode(helper, given, [5, 3], seq2seq.BahdanauAttention, impute_finished=True)
        loss = tf.reduce_sum(tf.square(outputs.rnn_output))
        gradients = list(map(tf.convert_to_tensor, tf.gradients(loss, tf.trainable_variables())))
        with tf.variable_scope("beams"):
            rows = seq2seq.tile_batch(start, 3)
            tokens = tf.fill([tf.shape(start)[0]], 1)
            decoder = seq2seq.BeamSearchDecoder(
                tf.nn.rnn_cell.GRUCell(6), table, tokens, 0, rows, 3, tf.layers.Dense(7)
            )
            beams, _, _ = seq2seq.dynamic_decode(decoder, maximum_iterations=8)
        session.run(tf.global_variables_initializer())
        feeds = {ids: RNG.integers(1, 7, (2, 4)), given: memory, start: h}
        fetches = [outputs.rnn_output, state.alignment_history.stack(), beams.predicted_ids, *gradients]
        got = session.run(fetches, feeds)
        assert got[0].shape == (2, 4, 7) and got[1].shape == (4, 2, 5) and got[2].shape[::2] == (2, 3)
        assert all(np.isfinite(g).all() for g in got)


def test_gather_tree(session):
    ids = [[[1, 2]], [[3, 4]], [[5, 9]], [[6, 7]]]
    parents = [[[0, 0]], [[1, 0]], [[0, 1]], [[1, 0]]]
    found = seq2seq.gather_tree(ids, parents, [4], 9)
    np.testing.assert_array_equal(session.run(found)[:, 0].T, [[1, 4, 9, 9], [2, 3, 5, 7]])
    np.testing.assert_array_equal(session.run(seq2seq.gather_tree(ids, parents, [2], 9))[:, 0, 0], [2, 3, 9, 9])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"not in \[0, 2\)"):
        session.run(seq2seq.gather_tree(ids, np.array(parents) + 1, [4], 9))


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_scheduled_helpers(session, chance):
    inputs = RNG.normal(size=(2, 3, 4)).astype(np.float32)
    more = RNG.normal(size=(2, 3, 1)).astype(np.float32)
    table = RNG.normal(size=(4, 4)).astype(np.float32)
    outputs = tf.constant(np.eye(4, dtype=np.float32)[[2, 3]] * 100.0)
    by_id = seq2seq.ScheduledEmbeddingTrainingHelper(inputs, [3, 2], table, chance)
    ids = by_id.sample(tf.constant(0), outputs)
    finished, following, _ = by_id.next_inputs(tf.constant(1), outputs, (), ids)
    by_output = seq2seq.ScheduledOutputTrainingHelper(inputs, [3, 2], chance, auxiliary_inputs=more)
    chosen = by_output.sample(tf.constant(0), outputs)
    _, joined, _ = by_output.next_inputs(tf.constant(1), outputs, (), chosen)
    got = session.run([ids, finished, following, chosen, joined, by_output.initialize()[1]])
    assert got[0].tolist() == ([2, 3] if chance else [-1, -1]) and got[1].tolist() == [False, True]
    np.testing.assert_array_equal(got[2], table[[2, 3]] if chance else inputs[:, 2])
    assert got[3].tolist() == [bool(chance)] * 2
    outer = np.eye(4, dtype=np.float32)[[2, 3]] * 100.0 if chance else inputs[:, 2]
    np.testing.assert_array_equal(got[4], np.concatenate([outer, more[:, 2]], 1))
    np.testing.assert_array_equal(got[5], np.concatenate([inputs[:, 0], more[:, 0]], 1))


def test_inference_of_numbers(session):
    helper = seq2seq.InferenceHelper(lambda x: x, [4], tf.float32, np.full((2, 4), 0.5, np.float32),
                                     lambda x: tf.reduce_max(x, 1) > 0.9)  # fmt: skip
    w = np.concatenate([np.eye(4) * 0.7, np.eye(4) * 0.7]).astype(np.float32)
    decoder = seq2seq.BasicDecoder(Tanh(w), helper, tf.zeros([2, 4]))
    outputs, state, lengths = seq2seq.dynamic_decode(decoder, maximum_iterations=6)
    got = session.run([outputs.rnn_output, outputs.sample_id, state, lengths])
    np.testing.assert_array_equal(got[0], got[1])
    np.testing.assert_array_equal(got[0][:, -1], got[2])
    assert (got[3] == got[0].shape[1]).all()
