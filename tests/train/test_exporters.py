"""Models of estimators as SavedModels, and who exports them; the baselines, whose numbers are TensorFlow's."""

import os

import numpy as np
import pytest

import graphflow as tf

est = tf.estimator
RNG = np.random.RandomState(0)
AGE, WEIGHT = RNG.rand(40).astype("f"), RNG.rand(40).astype("f")
RNG.randint(0, 4, 40)
LEVEL, OLD, LINE = RNG.randint(0, 3, 40), (AGE > 0.6).astype("i8"), (AGE * 3 + 1).astype("f")
WORDS = ["lo", "mid", "hi"]


def inputs(labels, epochs=None):
    return est.inputs.numpy_input_fn({"age": AGE, "w": WEIGHT}, labels, batch_size=8, num_epochs=epochs, shuffle=False)


def receiver():
    age = tf.placeholder(tf.float32, [None], name="age")
    return est.export.ServingInputReceiver({"age": age}, {"years": age})


EXAMPLES = est.export.build_parsing_serving_input_receiver_fn({"age": tf.FixedLenFeature([], tf.float32)})


@pytest.mark.parametrize(("make", "labels", "bias", "wanted"), [
    (lambda d: est.BaselineClassifier(d, n_classes=3, label_vocabulary=WORDS), np.array(WORDS)[LEVEL],
     [0.26173171, -0.09723087, -0.27009490], {"accuracy": 0.42500001, "average_loss": 1.07207143, "loss": 8.57657146}),
    (lambda d: est.BaselineClassifier(d, weight_column="w"), OLD, [-0.40652439],
     {"accuracy": 0.62207687, "accuracy_baseline": 0.62207687, "auc": 0.5, "auc_precision_recall": 0.68896145,
      "average_loss": 0.66403699, "label/mean": 0.37792310, "loss": 2.13834929, "precision": 0, "recall": 0,
      "prediction/mean": 0.39974585}),
    (lambda d: est.BaselineRegressor(d, weight_column="w"), LINE, [1.40065420],
     {"average_loss": 1.85330796, "label/mean": 2.51921558, "loss": 5.96807098, "prediction/mean": 1.40065420}),
])  # fmt: skip
def test_baselines(make, labels, bias, wanted, tmp_path):
    model = make(str(tmp_path)).train(inputs(labels), steps=12)
    assert model.get_variable_names() == ["baseline/bias", "baseline/bias/Ftrl", "baseline/bias/Ftrl_1", "global_step"]
    np.testing.assert_allclose(model.get_variable_value("baseline/bias"), bias, rtol=1e-5)
    assert model.evaluate(inputs(labels, 1)) == pytest.approx({**wanted, "global_step": 12}, rel=1e-5)


def test_a_model_is_exported(tmp_path):
    model = est.BaselineClassifier(str(tmp_path / "m"), n_classes=3, label_vocabulary=WORDS)
    base = str(tmp_path / "out")
    with pytest.raises(ValueError, match="train first"):
        model.export_saved_model(base, receiver)
    model.train(inputs(np.array(WORDS)[LEVEL]), steps=2)
    (tmp_path / "note.txt").write_text("hello")
    paths = [model.export_saved_model(base, EXAMPLES, {"notes/a.txt": str(tmp_path / "note.txt")}),
             model.export_savedmodel(base, receiver)]  # fmt: skip
    assert sorted(os.listdir(base), key=int) == [os.path.basename(p.decode()) for p in paths]
    with open(os.path.join(paths[0].decode(), "assets.extra", "notes", "a.txt")) as file:
        assert file.read() == "hello"
    wanted = next(model.predict(inputs(None, 1)))
    for path, names in zip(paths, (["classification", "predict", "serving_default"], ["predict"]), strict=True):
        with tf.Graph().as_default(), tf.Session() as sess:
            signatures = tf.saved_model.loader.load(sess, ["serve"], path.decode()).signature_def
            assert sorted(signatures) == names
            asked, given = signatures["predict"].inputs, signatures["predict"].outputs
            if "years" in asked:
                feed = {asked["years"].name: [0.5]}
            else:
                example = tf.train.Example()
                example.features.feature["age"].float_list.value.append(0.5)
                feed = {asked["examples"].name: [example.SerializeToString()]}
            found = sess.run({key: info.name for key, info in given.items()}, feed)
            assert found["classes"][0].tolist() == wanted["classes"].tolist()
            np.testing.assert_array_equal(found["probabilities"][0], wanted["probabilities"])


def test_what_cannot_be_exported(tmp_path):
    def model_fn(features, labels, mode, params):
        w = tf.get_variable("w", [])
        train = tf.train.get_global_step().assign_add(1)
        spec = est.EstimatorSpec(mode, {"y": features["age"] * w}, w, train)
        return spec._replace(export_outputs=params.get("outputs", lambda y: None)(spec.predictions["y"]))

    base = est.Estimator(model_fn, str(tmp_path / "m")).train(inputs(LINE), steps=1)
    regression, predict = est.export.RegressionOutput, est.export.PredictOutput
    for outputs, kind, words in (
        (lambda y: {"a": predict(y), "b": predict(y)}, ValueError, "serving_default"),
        (lambda y: [predict(y)], TypeError, "dict of ExportOutputs"),
        (lambda y: {"a": y}, TypeError, "are ExportOutputs"),
        (lambda y: {"a": regression(y)}, ValueError, "one tensor of strings"),
    ):
        model = est.Estimator(model_fn, base.model_dir, params={"outputs": outputs})
        with pytest.raises(kind, match=words):
            model.export_saved_model(str(tmp_path / "out"), receiver)
    assert os.listdir(tmp_path / "out") == []  # nothing is left of those that failed
    with pytest.raises(NotImplementedError):
        base.export_saved_model(str(tmp_path), receiver, experimental_mode="eval")
    for wrong in (lambda: base.export_saved_model(str(tmp_path), None),
                  lambda: est.export.ServingInputReceiver(None, 1),
                  lambda: est.export.TensorServingInputReceiver({"a": tf.constant(1)}, tf.constant(1)),
                  lambda: est.LatestExporter("a", receiver, exports_to_keep=0),
                  lambda: est.BestExporter("a", receiver, compare_fn=lambda best, current_eval_result: True),
                  lambda: est.EvalSpec(None, exporters=[est.FinalExporter("a", receiver)] * 2)):  # fmt: skip
        with pytest.raises(ValueError):
            wrong()
    with pytest.raises(TypeError, match="Exporters"):
        est.EvalSpec(None, exporters=["final"])


def test_exporters_of_a_training(tmp_path):
    results = []

    class Watching(est.Exporter):
        name = "watching"

        def export(self, estimator, export_path, checkpoint_path, eval_result, is_the_final_export):
            results.append((os.path.basename(checkpoint_path), is_the_final_export, eval_result["loss"]))

    config = est.RunConfig(save_checkpoints_steps=4)
    model = est.BaselineRegressor(str(tmp_path), config=config)
    exporters = [est.LatestExporter("latest", receiver, exports_to_keep=2), est.FinalExporter("final", receiver),
                 est.BestExporter("best", receiver), Watching()]  # fmt: skip
    wanted = est.EvalSpec(inputs(LINE, 1), exporters=exporters, throttle_secs=0)
    metrics, made = est.train_and_evaluate(model, est.TrainSpec(inputs(LINE), max_steps=12), wanted)
    assert metrics["global_step"] == 12 and [m is None for m in made] == [False, False, False, True]
    assert [r[:2] for r in results] == [("model.ckpt-4", False), ("model.ckpt-8", False), ("model.ckpt-12", True)]
    kept = {name: len(os.listdir(tmp_path / "export" / name)) for name in ("latest", "final", "best")}
    losses = [loss for *_, loss in results]
    assert kept == {"latest": 2, "final": 1, "best": 3} and losses == sorted(losses, reverse=True)
    worse = {"loss": losses[-1] + 1, "global_step": 13}
    export = str(tmp_path / "export" / "best")
    for best, found in ((est.BestExporter("best", receiver), False), (est.BestExporter("best", receiver, None), True)):
        path = best.export(model, export, model.latest_checkpoint(), worse, False)  # what earlier runs left counts
        assert (path is not None) == found
