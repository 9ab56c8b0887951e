"""Feature columns: values and names of variables are those of TensorFlow."""

import numpy as np
import pytest

import graphflow as tf
from graphflow import errors

fc = tf.feature_column


def features():
    return {
        "x": tf.constant([[1.0], [5.0], [9.0]]), "y": tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
        "s": tf.constant([["a"], ["b"], ["q"]]), "i": tf.constant([[0], [3], [2]]), "v": tf.constant(["c", "a", ""]),
        "t": tf.SparseTensor([[0, 0], [1, 0], [1, 1]], ["a", "b", "zz"], [3, 2]),
        "w": tf.SparseTensor([[0, 0], [1, 0], [1, 1]], [2.0, 3.0, 4.0], [3, 2]),
    }  # fmt: skip


def words(key="s", **more):
    return fc.categorical_column_with_vocabulary_list(key, ["a", "b", "c"], **more)


def evaluated(build, start=0.0):
    """The value of what `build` makes of the features, when variables count up in sevenths; shapes by their names."""
    with tf.Graph().as_default(), tf.Session() as sess:
        out = build(features())
        sess.run([tf.global_variables_initializer(), tf.tables_initializer()])
        variables = tf.global_variables()
        for v in variables:
            v.load(np.arange(np.prod(v.shape.as_list()), dtype=np.float32).reshape(v.shape.as_list()) / 7 + start, sess)
        return np.asarray(sess.run(out)), {v.op.name: v.shape.as_list() for v in variables}


def hot(*places, width):
    return [[float(k in row) for k in range(width)] for row in places]


NUMBER = fc.numeric_column("x")


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ([fc.numeric_column("y", shape=2, normalizer_fn=lambda v: v * 2), NUMBER], [[1, 2, 4], [5, 6, 8], [9, 10, 12]]),
        ([fc.bucketized_column(NUMBER, [2, 5, 9])], hot([0], [2], [3], width=4)),
        ([fc.bucketized_column(fc.numeric_column("y", 2), [2.0, 4.0])], hot([0, 4], [1, 5], [2, 5], width=6)),
        ([fc.indicator_column(words())], hot([0], [1], [], width=3)),
        ([fc.indicator_column(words(num_oov_buckets=2))], hot([0], [1], [4], width=5)),
        ([fc.indicator_column(words(default_value=0))], hot([0], [1], [0], width=3)),
        ([fc.indicator_column(words("v"))], hot([2], [0], [], width=3)),
        ([fc.indicator_column(words("t"))], hot([0], [1], [], width=3)),
        ([fc.indicator_column(fc.weighted_categorical_column(words("t"), "w"))], [[2, 0, 0], [0, 3, 0], [0, 0, 0]]),
        ([fc.indicator_column(fc.categorical_column_with_identity("i", 4))], hot([0], [3], [2], width=4)),
        ([fc.indicator_column(fc.categorical_column_with_identity("i", 3, 1))], hot([0], [1], [2], width=3)),
        ([fc.indicator_column(fc.categorical_column_with_hash_bucket("s", 7))], hot([5], [2], [1], width=7)),
        ([fc.indicator_column(fc.categorical_column_with_hash_bucket("i", 7, tf.int64))], hot([2], [2], [5], width=7)),
        ([fc.indicator_column(fc.crossed_column(["s", fc.bucketized_column(NUMBER, [2, 5])], 10))],
         hot([5], [9], [5], width=10)),
        ([fc.indicator_column(fc.crossed_column(["s", "t"], 20, hash_key=3))], hot([5], [0, 5], [], width=20)),
        ([fc.indicator_column(fc.crossed_column([words(), fc.categorical_column_with_identity("i", 4)], 11))],
         hot([2], [1], [7], width=11)),
    ],
)  # fmt: skip
def test_columns_without_variables(columns, wanted):
    value, variables = evaluated(lambda given: fc.input_layer(given, columns))
    np.testing.assert_array_equal(value, np.array(wanted, np.float32))
    assert not variables


@pytest.mark.parametrize(
    ("combiner", "second"),
    [("mean", [6 / 7, 1, 8 / 7]), ("sum", [12 / 7, 2, 16 / 7]), ("sqrtn", [1.2122, 1.4142, 1.6162])],
)
def test_embeddings(combiner, second):
    column = fc.embedding_column(words("t", num_oov_buckets=2), 3, combiner=combiner)
    value, variables = evaluated(lambda given: fc.input_layer(given, [column]))
    np.testing.assert_allclose(value, [[0, 1 / 7, 2 / 7], second, [0, 0, 0]], rtol=1e-4)
    assert variables == {"input_layer/t_embedding/embedding_weights": [5, 3]}


def test_embeddings_that_are_shared_limited_or_weighted():
    shared = fc.shared_embedding_columns([words("s"), words("t")], 2)
    value, variables = evaluated(lambda given: fc.input_layer(given, shared))
    np.testing.assert_allclose(value, [[0, 1 / 7] * 2, [2 / 7, 3 / 7] * 2, [0] * 4], rtol=1e-6)
    assert variables == {"input_layer/s_t_shared_embedding/embedding_weights": [3, 2]}
    limited = fc.embedding_column(words("t"), 2, max_norm=0.5)
    value, _ = evaluated(lambda given: fc.input_layer(given, [limited]))
    np.testing.assert_allclose(value, [[0, 0.1429], [0.2774, 0.4160], [0, 0]], atol=1e-4)
    weighted = fc.embedding_column(fc.weighted_categorical_column(words("t", num_oov_buckets=1), "w"), 2)
    value, variables = evaluated(lambda given: fc.input_layer(given, [weighted]))
    np.testing.assert_allclose(value[1], [(3 * 2 + 4 * 6) / 49, (3 * 3 + 4 * 7) / 49], rtol=1e-6)
    assert list(variables) == ["input_layer/t_weighted_by_w_embedding/embedding_weights"]


def test_columns_stand_in_the_order_of_their_names():
    columns = [NUMBER, fc.embedding_column(words(), 2), fc.indicator_column(words()), fc.bucketized_column(NUMBER, [3])]
    of: dict = {}
    value, _ = evaluated(lambda given: fc.input_layer(given, columns, cols_to_vars=of))
    assert value[0].tolist() == pytest.approx([0, 1 / 7, 1, 0, 0, 1, 1, 0])
    assert [len(of[column]) for column in columns] == [0, 1, 0, 0]


def test_linear_models():
    columns = [NUMBER, words(), fc.bucketized_column(NUMBER, [3, 6]), words("t")]
    value, variables = evaluated(lambda given: fc.linear_model(given, columns), 0.5)
    np.testing.assert_allclose(value, [[2.5], [4.9286], [5.7857]], atol=1e-4)
    names = ["s", "t", "x", "x_bucketized"]
    assert list(variables) == [*(f"linear_model/{n}/weights" for n in names), "linear_model/bias_weights"]
    columns = [fc.numeric_column("y", 2), fc.crossed_column(["s", "t"], 6)]
    value, variables = evaluated(lambda given: fc.linear_model(given, columns, 2, "mean"), 0.5)
    np.testing.assert_allclose(value, [[3.3571, 4.0714], [6.0714, 7.3571], [7.7143, 9.4286]], atol=1e-4)
    weighted = fc.weighted_categorical_column(words("t"), "w")
    value, _ = evaluated(lambda given: fc.linear_model(given, [weighted]), 0.5)
    np.testing.assert_allclose(value, [[1.5], [2.4286], [0.5]], atol=1e-4)


def test_vocabularies_in_files(tmp_path):
    file = tmp_path / "words"
    file.write_text("a\nb\nc\nd\n")
    whole = fc.categorical_column_with_vocabulary_file("s", str(file), num_oov_buckets=2)
    value, _ = evaluated(lambda given: fc.input_layer(given, fc.indicator_column(whole)))
    assert value.tolist() == hot([0], [1], [5], width=6)
    part = fc.categorical_column_with_vocabulary_file("s", str(file), 1)
    value, _ = evaluated(lambda given: fc.input_layer(given, fc.indicator_column(part)))
    assert value.tolist() == hot([0], [], [], width=1)
    with pytest.raises(ValueError, match="nowhere"):
        fc.categorical_column_with_vocabulary_file("s", "nowhere")


def test_examples_for_columns():
    columns = [NUMBER, fc.numeric_column("y", 2, default_value=[1, 2]), fc.embedding_column(words(), 2),
               fc.crossed_column(["p", words()], 5), fc.weighted_categorical_column(words("t"), "w")]  # fmt: skip
    text, weight = tf.VarLenFeature(tf.string), tf.VarLenFeature(tf.float32)
    assert fc.make_parse_example_spec(columns) == {
        "x": tf.FixedLenFeature((1,), tf.float32), "y": tf.FixedLenFeature((2,), tf.float32, (1, 2)),
        "s": text, "p": text, "t": text, "w": weight,
    }  # fmt: skip
    assert [c.name for c in columns] == ["x", "y", "s_embedding", "p_X_s", "t_weighted_by_w"]
    feature = tf.train.Feature
    example = tf.train.Example(features=tf.train.Features(feature={
        "x": feature(float_list=tf.train.FloatList(value=[3.0])),
        "s": feature(bytes_list=tf.train.BytesList(value=[b"b", b"b"])),
    })).SerializeToString()  # fmt: skip
    wanted = [NUMBER, fc.indicator_column(words())]
    with tf.Graph().as_default(), tf.Session() as sess:
        parsed = tf.parse_example([example], fc.make_parse_example_spec(wanted))
        out = fc.input_layer(parsed, wanted)
        sess.run(tf.tables_initializer())
        assert sess.run(out).tolist() == [[0, 2, 0, 3]]


def test_a_table_from_a_checkpoint(tmp_path):
    with tf.Graph().as_default(), tf.Session() as sess:
        table = tf.get_variable("t", initializer=[[1.0], [2.0], [3.0]])
        sess.run(table.initializer)
        path = tf.train.Saver().save(sess, str(tmp_path / "m"))
    with tf.Graph().as_default(), tf.Session() as sess:
        column = fc.embedding_column(words(), 1, ckpt_to_load_from=path, tensor_name_in_ckpt="t", trainable=False)
        out = fc.input_layer(features(), [column])
        sess.run([tf.global_variables_initializer(), tf.tables_initializer()])
        assert sess.run(out).tolist() == [[1], [2], [0]] and not tf.trainable_variables()


def test_gradients_reach_weights():
    def slopes(given):
        columns = [NUMBER, words("t")]
        out = fc.linear_model(given, columns)
        return tf.convert_to_tensor(tf.gradients(out[1, 0], tf.trainable_variables()[0])[0])

    assert evaluated(slopes)[0].tolist() == [[0], [1], [0]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda given: fc.input_layer(given, [words()]), "wrap it with embedding_column or indicator_column"),
        (lambda given: fc.input_layer(given, [fc.numeric_column("z")]), "there is no feature 'z'"),
        (lambda given: fc.input_layer(given, [NUMBER, NUMBER]), "two columns are called 'x'"),
        (lambda given: fc.input_layer(given, [fc.numeric_column("t")]), "a SparseTensor; a dense one"),
        (lambda given: fc.input_layer(given, [fc.numeric_column("y", 3)]), "reshape"),
        (lambda given: fc.input_layer(given, [fc.indicator_column(words("i"))]), "is int32, and its column string"),
        (lambda given: fc.bucketized_column(NUMBER, [3, 1]), "growing numbers"),
        (lambda given: fc.crossed_column(["s"], 5), "at least two keys"),
        (lambda given: fc.crossed_column(["s", fc.categorical_column_with_hash_bucket("v", 3)], 5), "name of its"),
        (lambda given: fc.categorical_column_with_vocabulary_list("s", ["a", "a"]), "'a' twice"),
        (lambda given: words(num_oov_buckets=1, default_value=0), "either num_oov_buckets"),
        (lambda given: fc.embedding_column(NUMBER, 2), "categories is needed"),
        (lambda given: fc.shared_embedding_columns([words(), words("t", num_oov_buckets=1)], 2), "cannot share"),
        (lambda given: fc.numeric_column("x", default_value=[1, 2, 3]), "broadcast"),
    ],
)
def test_misuse(make, message):
    with tf.Graph().as_default(), pytest.raises(ValueError, match=message):
        make(features())


def test_identities_outside_of_their_range():
    column = fc.indicator_column(fc.categorical_column_with_identity("i", 3))
    with pytest.raises(errors.InvalidArgumentError, match="x < y"):
        evaluated(lambda given: fc.input_layer(given, [column]))
