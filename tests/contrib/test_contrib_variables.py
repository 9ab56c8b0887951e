"""contrib.framework: variables with the collections of models, found again by name."""

import pytest

import graphflow as tf

framework = tf.contrib.framework


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


@pytest.fixture
def made():
    a = framework.model_variable("a", [2], regularizer=tf.contrib.layers.l2_regularizer(0.1))
    with tf.variable_scope("s") as scope:
        b = framework.variable("b", [3], trainable=False, collections=["own", tf.GraphKeys.GLOBAL_VARIABLES])
    return a, b, framework.local_variable(0.0, name="c"), scope


def test_collections(made):
    a, b, c, _ = made
    assert tf.global_variables() == framework.get_variables() == [a, b]
    assert tf.model_variables() == framework.get_model_variables() == [a]
    assert tf.trainable_variables() == framework.get_trainable_variables() == [a]
    assert tf.local_variables() == framework.get_local_variables() == [c] and tf.get_collection("own") == [b]
    assert [v.name for v in tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)] == ["a/Regularizer/l2_regularizer:0"]
    framework.add_model_variable(b)
    framework.add_model_variable(b)
    assert tf.model_variables() == [a, b]


def test_finding_by_name(made):
    a, b, _, scope = made
    find = framework.get_variables
    assert (
        find("s") == find(scope) == find(suffix="b") == find("s", "b") == framework.get_variables_by_suffix("b") == [b]
    )
    assert framework.get_variables_by_name("b") == [b] and framework.get_variables_by_name("a") == [a]
    assert framework.get_variables_by_name("b", "other") == []
    assert framework.get_unique_variable("s/b") is b and framework.get_variable_full_name(b) == "s/b"
    with pytest.raises(ValueError, match="no variable 's'"):
        framework.get_unique_variable("s")


def test_what_to_restore(made):
    a, b, _, _ = made
    wanted = framework.get_variables_to_restore
    assert wanted() == [a, b] and wanted(include=["s"]) == [b] and wanted(exclude=["s"]) == [a]
    assert wanted(include=["s", "a", "s"]) == [b, a] and wanted(["a"], ["a"]) == []
    with pytest.raises(TypeError, match="lists of scopes"):
        wanted(include="s")
    choose = framework.filter_variables
    assert choose([a, b], ["b$"]) == [b] and choose([a, b], exclude_patterns=["^s/"]) == [a]
    assert choose([a, b], ["b"], reg_search=False) == [] and choose([a, b]) == [a, b]


def test_global_step():
    step = framework.get_or_create_global_step()
    assert framework.get_global_step() is step is framework.get_or_create_global_step()
    framework.assert_global_step(step)
    with pytest.raises(ValueError, match="already"):
        framework.create_global_step()


# -- values from elsewhere -----------------------------------------------------------------------------------------
def test_values_from_arrays(made):
    assign = framework.assign_from_values_fn({"a": [1.0, 2.0], "s/b": [3.0, 4.0, 5.0]})
    with tf.Session() as session:
        assign(session)
        a, b = session.run(made[:2])
    assert a.tolist() == [1, 2] and b.tolist() == [3, 4, 5]


def test_values_from_a_checkpoint(made, tmp_path):
    a, b, _, _ = made
    with tf.Session() as session:
        a.load([1.0, 2.0], session)
        b.load([3.0, 4.0, 5.0], session)
        path = tf.train.Saver([a, b]).save(session, str(tmp_path / "model"))
    other, row = tf.get_variable("other", [3]), tf.get_variable("row", [1, 2])
    with tf.Session() as session:
        framework.assign_from_checkpoint_fn(path, {"s/b": other})(session)
        framework.assign_from_checkpoint_fn(path, {"a": row}, reshape_variables=True)(session)
        assert session.run(other).tolist() == [3, 4, 5] and session.run(row).tolist() == [[1, 2]]
        operation, feeds = framework.assign_from_checkpoint(path, [a])
        session.run(operation, feeds)
        assert session.run(a).tolist() == [1, 2]
    with pytest.raises(ValueError, match="no variable 'row'"):
        framework.assign_from_checkpoint(path, [row])
    with pytest.raises(ValueError, match="shape"):
        framework.assign_from_checkpoint(path, {"a": row})
    assert framework.assign_from_checkpoint_fn(path, [row], ignore_missing_vars=True) is None


def test_summaries_of_tensors(made):
    layers = tf.contrib.layers
    activation = tf.nn.relu(made[0], name="act")
    tf.add_to_collection(tf.GraphKeys.ACTIVATIONS, activation)
    tf.add_to_collection("other", tf.constant(1.0, name="one"))
    summaries = [*layers.summarize_activations(), *layers.summarize_collection("other", "on"),
                 layers.summarize_tensor(activation, "named"), *layers.summarize_collection("other", "x")]  # fmt: skip
    assert [s.op.type for s in summaries] == ["HistogramSummary", "ScalarSummary", "HistogramSummary"]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        tags = [v.tag for v in tf.Summary.FromString(session.run(tf.summary.merge_all())).value]
    assert tags == ["act/zeros", "act/activation", "one_summary", "named"]
