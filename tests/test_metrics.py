"""tf.metrics: values after batches, against the same numbers of all batches at once; names, variables, collections."""

import numpy as np
import pytest

import graphflow as tf

rng = np.random.default_rng(11)
BATCHES = [(rng.integers(0, 2, n).astype(np.float32), rng.random(n).astype(np.float32),
            rng.random(n).astype(np.float32)) for n in (4, 3, 1)]  # fmt: skip
Y, P, W = (np.concatenate(parts).astype(float) for parts in zip(*BATCHES, strict=True))
HIT = (P > 0.5) == (Y > 0)


def streamed(make, backend="cpu"):
    """(the value at the start, what the last update gave, the value at the end)."""
    with tf.Graph().as_default():
        y, p, w = (tf.placeholder(tf.float32, [None]) for _ in range(3))
        value, update = make(y, p, w)
        with tf.Session(backend=backend) as session:
            session.run(tf.local_variables_initializer())
            start = session.run(value)
            for batch in BATCHES:
                last = session.run(update, dict(zip((y, p, w), batch, strict=True)))
            return start, last, session.run(value)


def over(hits, misses, weights=1.0):
    return (hits * weights).sum() / ((hits + misses) * weights).sum()


def ints(t):
    return tf.cast(t > 0.5, tf.int64)


LABEL, GUESS = Y > 0, P > 0.5
TP, FP, TN, FN = LABEL & GUESS, ~LABEL & GUESS, ~LABEL & ~GUESS, LABEL & ~GUESS
M = tf.metrics
SCALARS = {
    "mean": (lambda y, p, w: M.mean(p), P.mean()),
    "mean, weighted": (lambda y, p, w: M.mean(p, w), (P * W).sum() / W.sum()),
    "mean, one weight": (lambda y, p, w: M.mean(p, 3.0), P.mean()),
    "accuracy": (lambda y, p, w: M.accuracy(ints(y), ints(p)), HIT.mean()),
    "accuracy, weighted": (lambda y, p, w: M.accuracy(ints(y), ints(p), w), (HIT * W).sum() / W.sum()),
    "accuracy, an axis more": (lambda y, p, w: M.accuracy(ints(y)[:, None], ints(p), w[:, None]), HIT @ W / W.sum()),
    "mean_squared_error": (lambda y, p, w: M.mean_squared_error(y, p, w), ((Y - P) ** 2 * W).sum() / W.sum()),
    "root_mean_squared_error": (lambda y, p, w: M.root_mean_squared_error(y, p), np.sqrt(((Y - P) ** 2).mean())),
    "mean_absolute_error": (lambda y, p, w: M.mean_absolute_error(y, p), abs(Y - P).mean()),
    "mean_relative_error": (lambda y, p, w: M.mean_relative_error(y, p, y), np.where(Y > 0, abs(Y - P), 0).mean()),
    "percentage_below": (lambda y, p, w: M.percentage_below(p, 0.3), (P < 0.3).mean()),
    "precision": (lambda y, p, w: M.precision(ints(y), ints(p)), over(TP, FP)),
    "recall, weighted": (lambda y, p, w: M.recall(ints(y), ints(p), w), over(TP, FN, W)),
    "true_positives": (lambda y, p, w: M.true_positives(ints(y), ints(p)), TP.sum()),
    "false_positives": (lambda y, p, w: M.false_positives(ints(y), ints(p), w), (FP * W).sum()),
    "true_negatives": (lambda y, p, w: M.true_negatives(ints(y), ints(p)), TN.sum()),
    "false_negatives": (lambda y, p, w: M.false_negatives(ints(y), ints(p), 2.0), 2 * FN.sum()),
}  # fmt: skip


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("case", SCALARS)
def test_scalars(case, backend):
    make, want = SCALARS[case]
    start, last, end = streamed(make, backend)
    assert start == 0
    np.testing.assert_allclose([last, end], [want, want], rtol=1e-5)


def test_cosine_distance():
    def make(y, p, w):
        unit = tf.stack([tf.sqrt(p), tf.sqrt(1 - p)], 1)
        return M.mean_cosine_distance(unit, unit[:, ::-1], 1)

    np.testing.assert_allclose(streamed(make)[1:], 1 - 2 * np.sqrt(P * (1 - P)).mean(), rtol=1e-5)


def test_mean_tensor():
    _, last, end = streamed(lambda y, p, w: M.mean_tensor(tf.stack([tf.reduce_sum(p), tf.reduce_max(p)])))
    want = np.mean([[p.sum(), p.max()] for _, p, _ in BATCHES], axis=0)
    np.testing.assert_allclose([last, end], [want, want], rtol=1e-5)
    with tf.Graph().as_default(), pytest.raises(ValueError):
        M.mean_tensor(tf.placeholder(tf.float32, [None]))


def test_iou_and_accuracy_by_class():
    y, g = Y.astype(int), (P > 0.5).astype(int)
    matrix = np.zeros((3, 3))
    np.add.at(matrix, (y, g), W)
    hits = np.diag(matrix)
    iou = (hits / np.maximum(matrix.sum(0) + matrix.sum(1) - hits, 1e-9))[:2].mean()
    _, last, end = streamed(lambda y, p, w: M.mean_iou(ints(y), ints(p), 3, w))
    np.testing.assert_allclose(last, matrix, rtol=1e-5)
    np.testing.assert_allclose(end, iou, rtol=1e-5)
    _, last, end = streamed(lambda y, p, w: M.mean_per_class_accuracy(ints(y), ints(p), 3, w))
    want = np.append(hits[:2] / matrix.sum(1)[:2], 0)
    np.testing.assert_allclose(last, want, rtol=1e-5)
    np.testing.assert_allclose(end, want.mean(), rtol=1e-5)
    with pytest.raises(tf.errors.InvalidArgumentError):
        streamed(lambda y, p, w: M.mean_iou(ints(y) + 2, ints(p), 2))


@pytest.mark.parametrize("weighted", [False, True])
def test_thresholds(weighted):
    limits = [0.2, 0.7]
    w = W if weighted else np.ones_like(W)
    guess = P[None] > np.array(limits)[:, None]
    hits, wrong, missed = ((m * w).sum(1) for m in (guess & LABEL, guess & ~LABEL, ~guess & LABEL))
    cases = [
        (M.precision_at_thresholds, hits / (hits + wrong)),
        (M.recall_at_thresholds, hits / (hits + missed)),
        (M.true_positives_at_thresholds, hits),
        (M.false_positives_at_thresholds, wrong),
        (M.false_negatives_at_thresholds, missed),
        (M.true_negatives_at_thresholds, (~guess & ~LABEL) @ w),
    ]
    for metric, want in cases:
        _, last, end = streamed(lambda y, p, w, metric=metric: metric(y, p, limits, w if weighted else None))
        np.testing.assert_allclose([last, end], [want, want], rtol=1e-4)


def test_auc_is_the_probability_of_the_right_order():
    labels = rng.integers(0, 2, 400)
    guesses = np.clip(0.3 * labels + rng.random(400) * 0.7, 0, 1).astype(np.float32)
    ahead = (guesses[labels == 1][:, None] > guesses[labels == 0]).mean()
    with tf.Graph().as_default():
        made = [M.auc(labels, guesses), M.auc(labels, guesses, summation_method="minoring"),
                M.auc(labels, guesses, summation_method="majoring"), M.auc(labels, guesses, curve="PR"),
                M.auc(labels, guesses, curve="PR", summation_method="careful_interpolation"),
                M.auc(labels, guesses, thresholds=np.linspace(0, 1, 500).tolist())]  # fmt: skip
        with tf.Session() as session:
            session.run(tf.local_variables_initializer())
            session.run([update for _, update in made])
            roc, low, high, rough, careful, fine = session.run([value for value, _ in made])
        order = np.argsort(-guesses)
        precision = np.cumsum(labels[order]) / np.arange(1, 401)
        average = precision[labels[order] == 1].mean()
        assert abs(roc - ahead) < 0.01 and abs(fine - ahead) < 0.005 and low <= roc <= high
        assert abs(careful - average) < 0.02 and abs(rough - average) < 0.05
        for bad in ({"curve": "XY"}, {"summation_method": "best"}):
            with pytest.raises(ValueError):
                M.auc(labels, guesses, **bad)
        outside = M.auc(labels, guesses + 1)[1]
        with tf.Session() as session, pytest.raises(tf.errors.InvalidArgumentError):
            session.run(tf.local_variables_initializer())
            session.run(outside)


@pytest.mark.parametrize("class_id", [None, 3])
@pytest.mark.parametrize("weights", [None, [1.0, 0.0, 2.0, 0.5]])
def test_at_k(class_id, weights):
    scores, labels = rng.random((4, 6)).astype(np.float32), np.array([[1, 2], [3, 3], [0, 3], [4, 5]])
    best = np.argsort(-scores, axis=1)[:, :3]
    tp, fp, fn = np.zeros(4), np.zeros(4), np.zeros(4)
    for i in range(4):
        guess, truth = ({c for c in row if class_id in (None, c)} for row in (best[i], labels[i]))
        tp[i], fp[i], fn[i] = len(guess & truth), len(guess - truth), len(truth - guess)
    w = np.ones(4) if weights is None else np.array(weights)
    with tf.Graph().as_default():
        at = [[i, j] for i in range(4) for j in range(2)]
        for given in (labels, tf.SparseTensor(at, tf.constant(labels.ravel()), [4, 3])):
            made = [f(given, scores, 3, class_id, weights) for f in (M.precision_at_k, M.recall_at_k)]
            with tf.Session() as session:
                session.run(tf.local_variables_initializer())
                got = session.run([update for _, update in made])
                with np.errstate(invalid="ignore"):
                    np.testing.assert_allclose(got, [over(tp, fp, w), over(tp, fn, w)])
                np.testing.assert_allclose(session.run([value for value, _ in made]), got)


def test_at_k_takes_one_label_without_its_axis():
    with tf.Graph().as_default():
        value, update = M.recall_at_k([1, 0], [[0.1, 0.8, 0.1], [0.1, 0.2, 0.7]], 2)
        with tf.Session() as session:
            session.run(tf.local_variables_initializer())
            assert np.isnan(session.run(value)) and session.run(update) == 0.5


def test_names_variables_and_collections():
    with tf.Graph().as_default() as graph:
        y, p = tf.placeholder(tf.int64, [None]), tf.placeholder(tf.int64, [None])
        value, update = M.accuracy(y, p, metrics_collections="values", updates_collections=["a", "b"])
        again, _ = M.accuracy(y, p)
        named = M.mean(p, name="loss")
        M.precision(y, p)
        assert (value.name, update.name, again.name) == (
            "accuracy/value:0",
            "accuracy/update_op:0",
            "accuracy_1/value:0",
        )
        assert named[0].name == "loss/value:0"
        assert graph.get_collection("values") == [value] and graph.get_collection("b") == [update]
        names = [v.op.name for v in tf.local_variables()]
        assert names[:2] == ["accuracy/total", "accuracy/count"]
        assert names[-2:] == ["precision/true_positives/count", "precision/false_positives/count"]
        assert graph.get_collection(tf.GraphKeys.METRIC_VARIABLES) == tf.local_variables()
        assert not tf.global_variables() and not tf.trainable_variables()


def test_counters_need_their_initializer_and_start_over_with_it():
    with tf.Graph().as_default():
        value, update = M.mean([2.0, 4.0])
        with tf.Session() as session:
            with pytest.raises(tf.errors.FailedPreconditionError):
                session.run(value)
            for _ in range(2):
                session.run(tf.local_variables_initializer())
                assert session.run(value) == 0 and session.run(update) == 3


def test_errors():
    with tf.Graph().as_default():
        y = tf.zeros([3], tf.int64)
        for make in (lambda: M.accuracy(y, tf.zeros([4], tf.int64)), lambda: M.mean(tf.zeros([3]), tf.ones([2])),
                     lambda: M.true_positives(y, tf.zeros([2])), lambda: M.mean_iou(y, y[:2], 2)):  # fmt: skip
            with pytest.raises(ValueError):
                make()


def test_contrib_names():
    with tf.Graph().as_default():
        contrib, y, g = tf.contrib.metrics, Y.astype(np.int64), (P > 0.5).astype(np.int64)
        made = [
            contrib.streaming_accuracy(g, y), contrib.streaming_precision(g, y), contrib.streaming_recall(g, y),
            contrib.streaming_mean(P), contrib.streaming_root_mean_squared_error(P, Y),
            contrib.streaming_mean_absolute_error(P, Y), contrib.streaming_true_positives(g, y),
            contrib.streaming_false_positives(g, y), contrib.streaming_false_negatives(g, y),
            contrib.streaming_true_negatives(g, y), contrib.streaming_percentage_less(P, 0.5),
            contrib.streaming_auc(P, y), contrib.streaming_mean_iou(g, y, 2),
        ]  # fmt: skip
        plain = [contrib.accuracy(g, y), contrib.accuracy(g, y, W)]
        with tf.Session() as session:
            session.run(tf.local_variables_initializer())
            got = session.run([update for _, update in made])
            wanted = [HIT.mean(), over(TP, FP), over(TP, FN), P.mean(), np.sqrt(((P - Y) ** 2).mean()),
                      abs(P - Y).mean(), TP.sum(), FP.sum(), FN.sum(), TN.sum(), (P < 0.5).mean()]  # fmt: skip
            np.testing.assert_allclose(got[: len(wanted)], wanted, rtol=1e-5)
            np.testing.assert_allclose(session.run(plain), [HIT.mean(), (HIT * W).sum() / W.sum()], rtol=1e-5)
        with pytest.raises(ValueError):
            contrib.accuracy(P, y)
