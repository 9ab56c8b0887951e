"""Saving and restoring the variables of a session."""

import os

import numpy as np
import pytest

import graphflow as tf
from graphflow import errors
from graphflow.train import SaverDef


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def model():
    w = tf.Variable(np.arange(6, dtype=np.float32).reshape(2, 3), name="layer/w")
    return w, tf.Variable(7, name="step", trainable=False), tf.Variable(["a", "bc"], name="words")


@pytest.mark.parametrize("version", [None, SaverDef.V2])
def test_values_return_without_an_initializer(tmp_path, version):
    w, step, words = model()
    saver = tf.train.Saver(write_version=version)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        prefix = saver.save(sess, str(tmp_path / "m"), global_step=step)
        assert (
            prefix == str(tmp_path / "m-7") and os.path.exists(prefix + ".index") and os.path.exists(prefix + ".meta")
        )
    with tf.Session() as sess:
        saver.restore(sess, prefix)
        got = sess.run([w, step, words])
    assert got[0].tolist() == [[0, 1, 2], [3, 4, 5]] and got[1] == 7 and got[2].tolist() == [b"a", b"bc"]
    reader = tf.train.NewCheckpointReader(prefix)
    assert reader.get_variable_to_shape_map() == {"layer/w": [2, 3], "step": [], "words": [2]}
    assert reader.get_variable_to_dtype_map()["step"] is tf.int32 and not reader.has_tensor("w")
    assert tf.train.list_variables(str(tmp_path)) == [("layer/w", [2, 3]), ("step", []), ("words", [2])]
    assert tf.train.load_variable(str(tmp_path), "layer/w:0")[1, 2] == 5


def test_the_last_ones_are_kept_and_listed(tmp_path):
    step = tf.Variable(0, name="step")
    saver = tf.train.Saver(max_to_keep=2)
    with tf.Session() as sess:
        sess.run(step.initializer)
        for number in range(4):
            saver.save(sess, str(tmp_path / "m"), global_step=number)
    kept = [str(tmp_path / f"m-{number}") for number in (2, 3)]
    assert saver.last_checkpoints == kept and tf.train.latest_checkpoint(str(tmp_path)) == kept[1]
    state = tf.train.get_checkpoint_state(str(tmp_path))
    assert state.model_checkpoint_path == kept[1] and state.all_model_checkpoint_paths == kept
    assert {name.partition(".")[0] for name in os.listdir(tmp_path)} == {"checkpoint", "m-2", "m-3"}
    other = tf.train.Saver(max_to_keep=2)
    other.recover_last_checkpoints([*kept, "gone"])
    assert other.last_checkpoints == kept


def test_overwriting_leaves_one_file_of_tensors(tmp_path):
    v = tf.Variable(1.0, name="v")
    saver = tf.train.Saver()
    with tf.Session() as sess:
        for value in (1.0, 2.0, 3.0):
            v.load(value, sess)
            saver.save(sess, str(tmp_path / "m"))
        v.load(9.0, sess)
        saver.restore(sess, str(tmp_path / "m"))
        assert sess.run(v) == 3
    assert len([name for name in os.listdir(tmp_path) if name.endswith(".safetensors")]) == 1


def test_names_can_differ(tmp_path):
    a, b = tf.Variable(1.0, name="a"), tf.Variable(2.0, name="b")
    with tf.Session() as sess:
        sess.run([a.initializer, b.initializer])
        prefix = tf.train.Saver({"x": a, "y": b}).save(sess, str(tmp_path / "m"))
        tf.train.Saver({"y": a}).restore(sess, prefix)
        assert sess.run([a, b]) == [2, 2]


def test_what_does_not_fit_is_named_and_nothing_changes(tmp_path):
    w = tf.Variable([1.0, 2.0], name="weights")
    with tf.Session() as sess:
        sess.run(w.initializer)
        prefix = tf.train.Saver({"weight": w, "other": w}).save(sess, str(tmp_path / "m"))
    with tf.Graph().as_default():
        v, wide = tf.Variable([5.0, 5.0], name="weights"), tf.Variable([5.0], name="other")
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            with pytest.raises(errors.NotFoundError, match=r"'weights' \(it has 'weight'\); 'other' has shape \(1,\)"):
                tf.train.Saver().restore(sess, prefix)
            with pytest.raises(errors.InvalidArgumentError, match="'other' has shape"):
                tf.train.Saver({"weight": v, "other": wide}).restore(sess, prefix)
            assert sess.run(v).tolist() == [5, 5]
        ints = tf.Variable([1, 2], name="ints")
        with tf.Session() as sess, pytest.raises(errors.InvalidArgumentError, match="is int32, and float32"):
            tf.train.Saver({"weight": ints}).restore(sess, prefix)
        column = tf.Variable([[0.0], [0.0]], name="column")
        with tf.Session() as sess:
            tf.train.Saver({"weight": column}, reshape=True).restore(sess, prefix)
            assert sess.run(column).tolist() == [[1], [2]]


def test_misuse(tmp_path):
    with pytest.raises(ValueError, match="no variables to save"):
        tf.train.Saver()
    assert tf.train.Saver(allow_empty=True).save(tf.Session(), str(tmp_path / "m")) is None
    v = tf.Variable(1.0, name="v")
    saver = tf.train.Saver([v])
    with pytest.raises(TypeError, match="only variables"):
        tf.train.Saver([tf.constant(1.0)])
    with tf.Session() as sess:
        with pytest.raises(errors.FailedPreconditionError, match="'v'"):
            saver.save(sess, str(tmp_path / "m"))
        assert not os.listdir(tmp_path)
        sess.run(v.initializer)
        with pytest.raises(ValueError, match="does not exist"):
            saver.save(sess, str(tmp_path / "none" / "m"))
        for path in (None, str(tmp_path / "none")):
            with pytest.raises(ValueError):
                saver.restore(sess, path)
    assert tf.train.latest_checkpoint(str(tmp_path)) is None and tf.train.get_checkpoint_state("none") is None


def test_damage_is_found(tmp_path):
    v = tf.Variable(np.arange(100.0), name="v")
    saver = tf.train.Saver()
    with tf.Session() as sess:
        sess.run(v.initializer)
        prefix = saver.save(sess, str(tmp_path / "m"))
        data = next(tmp_path.glob("*.safetensors"))
        whole = data.read_bytes()
        for damaged in (whole[:-1], whole[:-9] + b"x" + whole[-8:], b"\xff" * 8 + whole[8:], whole[:4], b""):
            data.write_bytes(damaged)
            with pytest.raises(errors.DataLossError, match="at byte"):
                saver.restore(sess, prefix)
        (tmp_path / "m.index").write_text("{}")
        with pytest.raises(errors.DataLossError, match="no index"):
            saver.restore(sess, prefix)


def test_a_save_that_fails_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    v = tf.Variable(1.0, name="v")
    saver = tf.train.Saver()
    with tf.Session() as sess:
        sess.run(v.initializer)
        prefix = saver.save(sess, str(tmp_path / "m"))
        before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
        v.load(2.0, sess)
        replace = os.replace
        for failing in (".safetensors", ".index"):

            def full(source, target, failing=failing):
                if target.endswith(failing):
                    raise OSError(28, "No space left on device")
                replace(source, target)

            monkeypatch.setattr(os, "replace", full)
            with pytest.raises(errors.ResourceExhaustedError, match="No space left"):
                saver.save(sess, prefix)
            assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
        monkeypatch.setattr(os, "replace", replace)
        (tmp_path / "m-9.data-0.safetensors").write_bytes(b"left by a killed save")
        (tmp_path / "m-9.index.tmp-1").write_bytes(b"")
        saver.save(sess, prefix, global_step=10)
        assert not list(tmp_path.glob("m-9*"))


def test_init_from_checkpoint(tmp_path):
    a, b = tf.Variable(3.0, name="old/a"), tf.Variable([4.0, 5.0], name="old/b")
    with tf.Session() as sess:
        sess.run([a.initializer, b.initializer])
        prefix = tf.train.Saver().save(sess, str(tmp_path / "m"))
    with tf.Graph().as_default():
        with tf.variable_scope("new"):
            a, b = tf.get_variable("a", []), tf.get_variable("b", [2])
        tf.train.init_from_checkpoint(prefix, {"old/": "new/"})
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            assert sess.run(a) == 3 and sess.run(b).tolist() == [4, 5]
        for wrong in ({"old/c": "new/a"}, {"old/b": "new/a"}, {"old/a": "new/c"}, {"old/": "none/"}):
            with pytest.raises(ValueError):
                tf.train.init_from_checkpoint(prefix, wrong)


def test_a_graph_returns_from_its_file(tmp_path):
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    w = tf.get_variable("w", [2, 3], initializer=tf.ones_initializer())
    tf.add_to_collection("results", tf.nn.softmax(x @ w, name="y"))
    tf.py_func(lambda: 1, [], tf.int64, name="function")
    with tf.Session() as sess:
        sess.run(w.initializer)
        prefix = tf.train.Saver(max_to_keep=3).save(sess, str(tmp_path / "m"))
    with tf.Graph().as_default():
        saver = tf.train.import_meta_graph(prefix + ".meta", import_scope="again")
        assert [v.name for v in tf.trainable_variables()] == ["again/w:0"]
        assert tf.global_variables()[0] is tf.trainable_variables()[0]
        with tf.Session() as sess:
            saver.restore(sess, prefix)
            y = sess.run(tf.get_collection("results")[0], {"again/x:0": np.ones((1, 2))})
            with pytest.raises(errors.UnimplementedError, match="a function"):
                sess.run("again/function:0")
        assert np.allclose(y, 1 / 3)
    with pytest.raises(OSError, match="does not exist"):
        tf.train.import_meta_graph("none.meta")
    (tmp_path / "bad.meta").write_bytes(b"\x0a\xff")
    with pytest.raises(OSError, match=r"bad\.meta is not a MetaGraphDef, or damaged"):
        tf.train.import_meta_graph(str(tmp_path / "bad.meta"))


@pytest.mark.parametrize("sparse", [False, True])
def test_an_imported_graph_trains_on(tmp_path, sparse):
    with tf.Graph().as_default(), tf.Session() as session:
        w = tf.get_variable("w", initializer=[1.0, 2.0])
        loss = tf.reduce_sum(tf.square(tf.gather(w, [0, 1]) if sparse else w))
        for optimizer in (tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True), tf.train.AdamOptimizer(0.1)):
            tf.add_to_collection("train", optimizer.minimize(loss))
        session.run(tf.global_variables_initializer())
        path = tf.train.Saver().save(session, str(tmp_path / "model"))
        for op in tf.get_collection("train"):
            session.run(op)
        want = session.run("w:0").tolist()
    with tf.Graph().as_default(), tf.Session() as session:
        tf.train.import_meta_graph(path + ".meta").restore(session, path)
        for op in tf.get_collection("train"):
            session.run(op)
        assert session.run("w:0").tolist() == want
