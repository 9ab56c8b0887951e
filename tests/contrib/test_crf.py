"""Conditional random fields against the sum and the best of all sequences of tags."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import graphflow as tf

crf = tf.contrib.crf
RNG = np.random.default_rng(3)
INPUTS = RNG.normal(size=(3, 4, 3)).astype(np.float32)
TRANSITIONS = RNG.normal(size=(3, 3)).astype(np.float32)
LENGTHS = [4, 1, 2]
TAGS = np.array([[0, 2, 1, 1], [2, 0, 0, 0], [1, 1, 2, 2]], np.int32)


def score(b, tags):
    unary = sum(INPUTS[b, t, tag] for t, tag in enumerate(tags))
    return unary + sum(TRANSITIONS[i, j] for i, j in itertools.pairwise(tags))


def every(b):
    return list(itertools.product(range(3), repeat=LENGTHS[b]))


def run(fetches):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches)


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default():
        yield


def test_scores_and_the_norm():
    scores, norms = run([crf.crf_sequence_score(INPUTS, TAGS, LENGTHS, TRANSITIONS),
                         crf.crf_log_norm(INPUTS, LENGTHS, TRANSITIONS)])  # fmt: skip
    np.testing.assert_allclose(scores, [score(b, TAGS[b, : LENGTHS[b]]) for b in range(3)], rtol=1e-5)
    np.testing.assert_allclose(
        norms, [np.log(sum(np.exp(score(b, tags)) for tags in every(b))) for b in range(3)], rtol=1e-5
    )


def test_scores_of_several_tags():
    bitmap = RNG.random((3, 4, 3)) < 0.7
    bitmap[:, :, 0] = True
    got = run(crf.crf_multitag_sequence_score(INPUTS, bitmap, LENGTHS, TRANSITIONS))
    for b in range(3):
        allowed = [tags for tags in every(b) if all(bitmap[b, t, tag] for t, tag in enumerate(tags))]
        np.testing.assert_allclose(got[b], np.log(sum(np.exp(score(b, tags)) for tags in allowed)), rtol=1e-5)


def test_an_empty_sequence_scores_nothing():
    lengths = [0, 1, 0]
    scores = run([crf.crf_sequence_score(INPUTS, TAGS, lengths, TRANSITIONS),
                  crf.crf_log_norm(INPUTS, lengths, TRANSITIONS)])  # fmt: skip
    assert [s[0] for s in scores] == [0, 0] and [s[2] for s in scores] == [0, 0]


def test_decoding_finds_the_best_tags():
    tags, best = run(crf.crf_decode(tf.constant(INPUTS), tf.constant(TRANSITIONS), LENGTHS))
    for b in range(3):
        want = max(every(b), key=lambda t, b=b: score(b, t))
        assert tuple(tags[b, : LENGTHS[b]]) == want
        np.testing.assert_allclose(best[b], score(b, want), rtol=1e-5)
        assert crf.viterbi_decode(INPUTS[b, : LENGTHS[b]], TRANSITIONS)[0] == list(want)
    assert tags.dtype == np.int32 and not tags[1, 1:].any()


def test_training_makes_the_given_tags_the_best():
    x = tf.placeholder(tf.float32, [None, None, 3])
    likelihood, transitions = crf.crf_log_likelihood(x, TAGS, LENGTHS)
    assert transitions.name == "transitions:0" and transitions.shape.as_list() == [3, 3]
    scores = tf.layers.dense(x, 3)
    likelihood, transitions = crf.crf_log_likelihood(scores, TAGS, LENGTHS, transitions)
    train = tf.train.AdamOptimizer(0.3).minimize(-tf.reduce_mean(likelihood))
    decoded, _ = crf.crf_decode(scores, transitions, LENGTHS)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(60):
            session.run(train, {x: INPUTS})
        got, p = session.run([decoded, likelihood], {x: INPUTS})
    assert all((got[b, :n] == TAGS[b, :n]).all() for b, n in enumerate(LENGTHS)) and (p > -0.5).all()
