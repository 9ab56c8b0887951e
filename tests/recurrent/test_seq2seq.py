"""Decoders, helpers, attention, and losses of sequences."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf

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
