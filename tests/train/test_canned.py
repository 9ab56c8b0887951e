"""Canned estimators on a small table, warm starts, and evaluation while training."""

import glob
import os

import numpy as np
import pytest

import graphflow as tf

fc, est = tf.feature_column, tf.estimator
RNG = np.random.default_rng(0)
AGE, JOB = RNG.random(90, np.float32), RNG.choice(["a", "b", "c"], 90)
CLASS = (AGE + (JOB == "b") > 0.8).astype(int)
LEVEL = np.digitize(AGE, [0.33, 0.66])
NUMBER = fc.numeric_column("age")
WORDS = fc.categorical_column_with_vocabulary_list("job", ["a", "b", "c"])
CROSS = fc.crossed_column([fc.bucketized_column(NUMBER, [0.3, 0.6]), "job"], 20)


def table(labels, endless=True):
    def input_fn():
        data = tf.data.Dataset.from_tensor_slices(({"age": AGE, "job": JOB}, labels))
        return data.repeat().batch(30) if endless else data.batch(30)

    return input_fn


def trained(model, labels, steps=150):
    model.train(table(labels), steps=steps)
    return model.evaluate(table(labels, endless=False)), next(model.predict(table(labels, endless=False)))


def test_a_linear_classifier():
    model = est.LinearClassifier([NUMBER, WORDS, CROSS], config=est.RunConfig(tf_random_seed=1))
    metrics, first = trained(model, CLASS)
    assert metrics["accuracy"] > 0.9 and metrics["auc"] > 0.95 and metrics["global_step"] == 150
    assert metrics["loss"] == pytest.approx(30 * metrics["average_loss"], rel=1e-5)
    assert metrics["accuracy_baseline"] == pytest.approx(max(CLASS.mean(), 1 - CLASS.mean()))
    assert first["class_ids"].tolist() == [CLASS[0]] and first["classes"].tolist() == [b"%d" % CLASS[0]]
    assert first["probabilities"].sum() == pytest.approx(1) and first["logistic"][0] == first["probabilities"][1]
    names = ["age", "age_bucketized_X_job", "job"]
    weights = [f"linear/linear_model/{n}/weights" for n in names] + ["linear/linear_model/bias_weights"]
    assert model.get_variable_names() == sorted(
        ["global_step", *(w + more for w in weights for more in ("", "/Ftrl", "/Ftrl_1"))]
    )


def test_words_as_labels_of_a_network():
    columns = [NUMBER, fc.embedding_column(WORDS, 2)]
    model = est.DNNClassifier(
        [8], columns, n_classes=3, label_vocabulary=["lo", "mid", "hi"], optimizer=tf.train.AdamOptimizer(0.05),
        config=est.RunConfig(tf_random_seed=1),
    )  # fmt: skip
    metrics, first = trained(model, np.array(["lo", "mid", "hi"])[LEVEL])
    assert metrics["accuracy"] > 0.8 and set(metrics) == {"accuracy", "average_loss", "loss", "global_step"}
    assert first["all_classes"].tolist() == [b"lo", b"mid", b"hi"]
    names = set(model.get_variable_names())
    assert "dnn/input_from_feature_columns/input_layer/job_embedding/embedding_weights" in names
    assert {"dnn/hiddenlayer_0/kernel", "dnn/hiddenlayer_0/bias", "dnn/logits/kernel"} < names
    normalized = est.DNNClassifier([8], [NUMBER], batch_norm=True, dropout=0.1)
    normalized.train(table(CLASS), steps=2)
    assert normalized.get_variable_value("dnn/batchnorm_0/moving_variance").max() < 1  # the updates ran


def test_numbers_with_weights():
    labels = (3 * AGE + 1).astype(np.float32)
    seeded = est.RunConfig(tf_random_seed=1)  # of other seeds some give units that never answer
    adam = lambda: tf.train.AdamOptimizer(0.02)
    for model in (
        est.LinearRegressor([NUMBER], weight_column="age"),
        est.DNNRegressor([6], [NUMBER], optimizer=adam, dropout=0.01, config=seeded),
        est.DNNLinearCombinedRegressor(
            None, [NUMBER], dnn_feature_columns=[NUMBER], dnn_hidden_units=[4], config=seeded
        ),
    ):
        metrics, first = trained(model, labels)
        assert metrics["average_loss"] < 0.5 * labels.var() and first["predictions"].shape == (1,)
        weights = AGE if isinstance(model, est.LinearRegressor) else np.ones_like(AGE)
        assert metrics["label/mean"] == pytest.approx(np.average(labels, weights=weights), rel=1e-5)


def test_one_step_of_a_linear_model_by_hand():
    def once():
        return {"age": tf.constant([[1.0], [3.0]])}, tf.constant([[2.0], [5.0]])

    model = est.LinearRegressor([NUMBER], optimizer=tf.train.GradientDescentOptimizer(0.1))
    model.train(once, steps=1)
    assert model.get_variable_value("linear/linear_model/age/weights").tolist() == [[pytest.approx(0.2 * (2 + 15))]]
    assert model.get_variable_value("linear/linear_model/bias_weights").tolist() == [pytest.approx(0.2 * 7)]


def test_warm_starts(tmp_path):
    first = est.LinearClassifier([NUMBER, WORDS], str(tmp_path / "a"))
    first.train(table(CLASS), steps=20)
    still = tf.train.GradientDescentOptimizer(0.0)
    warm = est.LinearClassifier([NUMBER, WORDS], optimizer=still, warm_start_from=first.model_dir)
    warm.train(table(CLASS), steps=1)
    some = est.WarmStartSettings(first.model_dir, vars_to_warm_start=".*job.*")
    part = est.LinearClassifier([NUMBER, WORDS], optimizer=still, warm_start_from=some)
    part.train(table(CLASS), steps=1)
    for name in ("age", "job"):
        key = f"linear/linear_model/{name}/weights"
        value = first.get_variable_value(key)
        assert value.any() and (warm.get_variable_value(key) == value).all()
        assert (part.get_variable_value(key) == (value if name == "job" else 0)).all()


def test_evaluation_while_training(tmp_path):
    model = est.LinearClassifier([NUMBER], str(tmp_path), config=est.RunConfig(save_checkpoints_steps=10))
    train, evaluate = est.TrainSpec(table(CLASS), max_steps=30), est.EvalSpec(table(CLASS), steps=2, throttle_secs=0)
    metrics, exports = est.train_and_evaluate(model, train, evaluate)
    assert metrics["global_step"] == 30 and exports == []
    written = [e for f in glob.glob(os.path.join(tmp_path, "eval", "*")) for e in tf.train.summary_iterator(f)]
    assert sorted(e.step for e in written if e.summary.value) == [10, 20, 30]
    trained = [e for f in glob.glob(os.path.join(tmp_path, "events*")) for e in tf.train.summary_iterator(f)]
    assert "loss" in {v.tag for e in trained for v in e.summary.value}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: est.LinearClassifier([NUMBER], n_classes=1), "at least 2"),
        (lambda: est.LinearClassifier([NUMBER], label_vocabulary=["x"]), "1 words for 2"),
        (lambda: est.LinearClassifier([NUMBER], optimizer="Best").train(table(CLASS), steps=1), "no optimizer 'Best'"),
        (lambda: est.LinearClassifier([NUMBER]).train(lambda: (tf.ones([2, 1]), tf.ones([2])), steps=1), "dict"),
        (lambda: est.DNNClassifier([2], [WORDS]).train(table(CLASS), steps=1), "wrap it"),
        (lambda: est.DNNLinearCombinedClassifier(), "or both"),
        (lambda: est.LinearClassifier([NUMBER]).train(table(CLASS + 1), steps=1), "x < y"),
    ],
)
def test_misuse(make, message):
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=message):
        make()
