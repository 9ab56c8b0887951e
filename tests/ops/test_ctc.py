"""CTC: the loss against a sum over all paths, its gradient, greedy decoding."""

import itertools

import numpy as np
import pytest

import graphflow as tf
from graphflow.testing import check_vjp, run_on

rng = np.random.default_rng(10)
X = rng.normal(size=(5, 2, 4))
LABELS = [[0, 1, 2], [1, 1]]
LENGTHS = [5, 4]


def sparse(rows):
    at = [(b, i) for b, row in enumerate(rows) for i in range(len(row))]
    return tf.SparseTensor(at, tf.constant([v for row in rows for v in row], tf.int32), [len(rows), 3])


def spelled(path, merge):
    kept = [c for i, c in enumerate(path) if not (merge and i and path[i - 1] == c)]
    return [c for c in kept if c != 3]


def by_paths(x, labels, merge=True):
    y = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    paths = itertools.product(range(4), repeat=len(x))
    return -np.log(sum(np.prod([y[t, c] for t, c in enumerate(p)]) for p in paths if spelled(p, merge) == labels))


@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize("collapse", [True, False])
def test_loss_is_the_sum_over_all_paths(merge, collapse):
    wanted = [[0, 1, 2], [1]] if collapse else LABELS
    want = [by_paths(X[:n, b], wanted[b], merge) for b, n in enumerate(LENGTHS)]
    with tf.Graph().as_default():
        options = {"preprocess_collapse_repeated": collapse, "ctc_merge_repeated": merge}
        loss = tf.nn.ctc_loss(sparse(LABELS), X, LENGTHS, **options)
        swapped = tf.nn.ctc_loss(
            sparse(LABELS), logits=X.transpose(1, 0, 2), sequence_length=LENGTHS, time_major=False, **options
        )
        np.testing.assert_allclose(run_on("cpu", [loss, swapped]), [want, want], rtol=1e-10)
        assert (loss.name, loss.shape.as_list(), loss.dtype) == ("CTCLoss:0", [2], tf.float64)


@pytest.mark.parametrize("merge", [True, False])
def test_gradient(merge):
    check_vjp(lambda x: tf.nn.ctc_loss(sparse(LABELS), x, LENGTHS, ctc_merge_repeated=merge), [X], "full", False, rng)
    with tf.Graph().as_default():
        x = tf.constant(X)
        (dx,) = tf.gradients(tf.nn.ctc_loss(sparse(LABELS), x, LENGTHS), x)
        assert (run_on("cpu", dx)[4, 1] == 0).all()  # beyond the end of the second sequence
        with pytest.raises(LookupError):
            tf.gradients(dx, x)


def test_labels_that_do_not_fit():
    with tf.Graph().as_default():
        short = [(LABELS, [2, 4]), (LABELS, [5, 2]), (LABELS, [6, 4])]
        for labels, lengths in (*short, ([[0]], LENGTHS), ([[4], [0]], LENGTHS), ([[0, 3, 1], [0]], LENGTHS)):
            with pytest.raises(tf.errors.InvalidArgumentError):
                run_on("cpu", tf.nn.ctc_loss(sparse(labels), X, lengths))
        x = tf.constant(X)
        loss = tf.nn.ctc_loss(sparse(LABELS), x, [2, 4], ignore_longer_outputs_than_inputs=True)
        value, dx = run_on("cpu", [loss, tf.gradients(loss, x)[0]])
        assert value[0] == 0 and value[1] > 0 and (dx[:, 0] == 0).all() and (dx[:4, 1] != 0).all()
        with pytest.raises(TypeError):
            tf.nn.ctc_loss(np.zeros((2, 2), np.int32), X, LENGTHS)


@pytest.mark.parametrize("merge", [True, False])
def test_greedy_decoder(merge):
    paths = np.array([[0, 0, 1, 3, 1, 1], [3, 0, 3, 0, 0, 2]])
    x = -np.ones((6, 2, 4), np.float32)
    for b, t in np.ndindex(2, 6):
        x[t, b, paths[b, t]] = t / 2
    with tf.Graph().as_default():
        (decoded,), score = tf.nn.ctc_greedy_decoder(x, [6, 5], merge_repeated=merge)
        assert (decoded.indices.shape.as_list(), score.shape.as_list()) == ([None, 2], [2, 1])
        with tf.Session() as session:
            found, value = session.run([decoded, score])
    np.testing.assert_array_equal(value, [[-7.5], [-5.0]])
    want = [spelled(list(paths[0]), merge), spelled(list(paths[1, :5]), merge)]
    assert found.values.tolist() == want[0] + want[1]
    assert found.indices.tolist() == [[b, i] for b in (0, 1) for i in range(len(want[b]))]
    assert found.dense_shape.tolist() == [2, max(map(len, want))]


def test_greedy_decoder_of_nothing():
    with tf.Graph().as_default():
        (decoded,), _ = tf.nn.ctc_greedy_decoder(np.tile([0.0, 1.0], (3, 2, 1)), [3, 0])
        with tf.Session() as session:
            found = session.run(decoded)
        assert found.values.size == 0 and found.dense_shape.tolist() == [2, 0]
        with pytest.raises(tf.errors.FailedPreconditionError):
            run_on("cpu", tf.nn.ctc_greedy_decoder(X, [6, 5])[1])


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_beam_search_finds_the_likeliest_labels(backend):
    """With room for all beginnings the search is a sum over all paths."""
    found = {}
    for b, n in enumerate(LENGTHS):
        y = np.exp(X[:n, b]) / np.exp(X[:n, b]).sum(1, keepdims=True)
        for path in itertools.product(range(4), repeat=n):
            labels = tuple(spelled(path, True))
            found[b, labels] = found.get((b, labels), 0) + np.prod([y[t, c] for t, c in enumerate(path)])
    with tf.Graph().as_default():
        decoded, logs = tf.nn.ctc_beam_search_decoder(X, LENGTHS, beam_width=2000, top_paths=3, merge_repeated=False)
        dense = [tf.sparse_tensor_to_dense(each, default_value=-1) for each in decoded]
        *rows, logs = run_on(backend, [*dense, logs], {})
    for b in range(2):
        best = sorted(((p, labels) for (of, labels), p in found.items() if of == b), reverse=True)[:3]
        np.testing.assert_allclose(logs[b], np.log([p for p, _ in best]), rtol=1e-6)
        assert [tuple(row[b][row[b] >= 0]) for row in rows] == [labels for _, labels in best]


def test_beam_search_with_few_beams():
    """What TensorFlow 2.21 gives; merge_repeated joins equal labels of what was found."""
    x = (np.sin(np.arange(21) * 1.7) * 2).reshape(7, 1, 3)
    wanted = {2: [-0.5326123431711628, -2.6297689410169456], 5: [-0.46317101907126446, -2.5623678447921607]}
    with tf.Graph().as_default(), tf.Session() as session:
        for width, logs in wanted.items():
            decoded, found = tf.nn.ctc_beam_search_decoder(x, [7], width, 2)
            rows = session.run([tf.sparse_tensor_to_dense(each) for each in decoded])
            assert [row.tolist() for row in rows] == [[[1, 0, 1]], [[1, 0]]]
            np.testing.assert_allclose(session.run(found), [logs], rtol=1e-6)
        twice = np.array([[[9.0, 0.0]], [[0.0, 9.0]], [[9.0, 0.0]]])
        for merge, labels in ((True, [[0]]), (False, [[0, 0]])):
            decoded, _ = tf.nn.ctc_beam_search_decoder(twice, [3], 4, 1, merge)
            assert session.run(tf.sparse_tensor_to_dense(decoded[0], default_value=-1)).tolist() == labels
        with pytest.raises(ValueError, match="top_paths"):
            tf.nn.ctc_beam_search_decoder(x, [7], 1, 2)
        with pytest.raises(tf.errors.InvalidArgumentError, match="top_paths is 8"):
            session.run(tf.nn.ctc_beam_search_decoder(x[:1], [1], 8, 8)[1])
