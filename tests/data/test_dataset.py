"""Datasets and iterators, against elements worked out in Python."""

import gc
import threading

import numpy as np
import pytest

import graphflow as tf
from graphflow import errors

D = tf.data.Dataset
E = tf.data.experimental


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def drain(dataset, limit=100):
    """The elements of one pass, as nested lists."""
    element = dataset.make_one_shot_iterator().get_next()
    found = []
    with tf.Session() as sess:
        while len(found) < limit:
            try:
                found.append(tf.nest.map_structure(lambda a: np.asarray(a).tolist(), sess.run(element)))
            except tf.errors.OutOfRangeError:
                break
    return found


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: D.range(3).concatenate(D.range(5, 7)), [0, 1, 2, 5, 6]),
        (lambda: D.zip((D.range(3), D.range(10, 20))), [(0, 10), (1, 11), (2, 12)]),
        (lambda: D.range(10).skip(7).take(2).repeat(2), [7, 8, 7, 8]),
        (lambda: D.range(7).shard(3, 1), [1, 4]),
        (lambda: D.range(2).enumerate(5), [(5, 0), (6, 1)]),
        (lambda: D.from_tensor_slices([[1, 2], [3, 4]]).map(lambda x: x * 2).batch(2), [[[2, 4], [6, 8]]]),
        (lambda: D.from_tensor_slices(["b", "a"]).map(lambda s: tf.string_join([s, "!"])), [b"b!", b"a!"]),
        (lambda: D.from_tensors({"a": [1, 2], "b": (3, "x")}), [{"a": [1, 2], "b": (3, b"x")}]),
        (lambda: D.zip({"x": D.range(2), "y": D.range(3).map(lambda n: [n, n])}),
         [{"x": 0, "y": ([0, 0][0], 0)}, {"x": 1, "y": (1, 1)}]),
        (lambda: D.range(4).flat_map(lambda n: D.from_tensors(n).repeat(n)), [1, 2, 2, 3, 3, 3]),
        (lambda: D.range(3).interleave(lambda n: D.range(n * 10, n * 10 + 3), cycle_length=2, block_length=2),
         [0, 1, 10, 11, 2, 12, 20, 21, 22]),
        (lambda: D.range(1, 5).map(lambda n: tf.fill([n], n)).padded_batch(2, [None], tf.constant(-1, tf.int64)),
         [[[1, -1], [2, 2]], [[3, 3, 3, -1], [4, 4, 4, 4]]]),
        (lambda: D.range(3).map(lambda n: (n, tf.fill([n], "s"))).padded_batch(3, ([], [3])),
         [([0, 1, 2], [[b"", b"", b""], [b"s", b"", b""], [b"s", b"s", b""]])]),
        (lambda: D.range(5).prefetch(2).cache().filter(lambda n: n > 2), [3, 4]),
        (lambda: D.range(0), []),
        (lambda: D.range(5).batch(2).unbatch().with_options(D.range(1).options()), [0, 1, 2, 3, 4]),
        (lambda: D.range(2).apply(E.parallel_interleave(lambda n: D.range(n * 10, n * 10 + 3), 2, sloppy=True)),
         [0, 10, 1, 11, 2, 12]),
        (lambda: D.range(2).apply(E.enumerate_dataset(5)), [(5, 0), (6, 1)]),
        (lambda: D.range(9).apply(E.take_while(lambda n: n < 3)), [0, 1, 2]),
        (lambda: D.range(9).map(lambda n: n % 3).apply(E.unique()), [0, 1, 2]),
        (lambda: D.from_tensor_slices(["a", "b", "a"]).apply(E.unique()), [b"a", b"b"]),
        (lambda: E.Counter(2, 3).take(3), [2, 5, 8]),
        (lambda: E.Counter(2, dtype=tf.int32).take(1), [2]),
        (lambda: E.choose_from_datasets([D.range(2), D.range(5, 9)], D.from_tensor_slices(np.array([0, 1, 0, 0, 1]))),
         [0, 5, 1, 6]),
        (lambda: E.choose_from_datasets([D.range(2)], D.range(1).repeat()), [0, 1]),
        (lambda: E.sample_from_datasets([D.range(2), D.range(5)], [1.0, 0.0]).take(2), [0, 1]),
        (lambda: D.range(5).apply(E.batch_and_drop_remainder(2)), [[0, 1], [2, 3]]),
        (lambda: D.range(1, 4).map(lambda n: tf.fill([n], n)).apply(E.padded_batch_and_drop_remainder(2, [3])),
         [[[1, 0, 0], [2, 2, 0]]]),
        (lambda: D.range(5).window(2).flat_map(lambda w: w.batch(2)), [[0, 1], [2, 3], [4]]),
        (lambda: D.range(9).window(2, 3, 2, True).flat_map(lambda w: w.batch(2)), [[0, 2], [3, 5], [6, 8]]),
        (lambda: D.from_tensor_slices({"a": [1, 2, 3]}).window(2).flat_map(lambda d: d["a"].batch(2)), [[1, 2], [3]]),
        (lambda: D.from_tensor_slices(tf.SparseTensor([[2, 1], [0, 0]], [5, 4], [3, 2])).map(tf.sparse_tensor_to_dense),
         [[4, 0], [0, 0], [0, 5]]),
        (lambda: D.from_generator(lambda n: range(n), tf.int32, [], args=[3]), [0, 1, 2]),
    ],
)  # fmt: skip
def test_elements(make, expected):
    assert drain(make()) == expected


@pytest.mark.parametrize("make", [D.range, lambda n: D.from_tensor_slices(np.arange(n))], ids=["elements", "rows"])
def test_shuffling(make):
    def passes(dataset):
        found = drain(dataset.batch(20))
        assert all(sorted(one) == list(range(20)) for one in found)
        return found

    first = passes(make(20).shuffle(100, seed=3).repeat(3))
    assert first == passes(make(20).shuffle(100, seed=3).repeat(3)) and first[0] != first[1]
    same = passes(make(20).shuffle(100, seed=3, reshuffle_each_iteration=False).repeat(2))
    assert same[0] == same[1] and passes(make(20).shuffle(100, seed=4)) != first[:1]
    window = drain(make(20).shuffle(3, seed=1))
    assert sorted(window) == list(range(20)) and all(at >= value - 2 for at, value in enumerate(window))


def test_the_graph_seed_fixes_the_order():
    orders = []
    for _ in range(2):
        with tf.Graph().as_default():
            tf.set_random_seed(7)
            orders.append(drain(D.range(30).shuffle(30)))
    assert orders[0] == orders[1] != list(range(30))


def test_rows_are_gathered_and_mapped_in_batches():
    pixels, labels = np.arange(60, dtype=np.uint8).reshape(20, 3), np.arange(20)
    data = D.from_tensor_slices((pixels, labels))
    mapped = data.map(lambda x, y: (tf.cast(x, tf.float32) / 255.0, y + 1)).shuffle(20, seed=1).batch(8)
    assert mapped._base.source.source._function.works_on_rows
    found = drain(mapped)
    assert [len(y) for _, y in found] == [8, 8, 4]
    x, y = (np.concatenate(parts) for parts in zip(*found, strict=True))
    assert sorted(y) == list(range(1, 21)) and np.allclose(x, pixels[y - 1].astype(np.float32) / 255)
    mixed = data.map(lambda x, y: tf.cast(x, tf.int64) + y).batch(20)  # of other ranks: one element after the other
    assert drain(mixed)[0] == (pixels + labels[:, None]).tolist()
    sums = data.map(lambda x, y: tf.reduce_sum(tf.cast(x, tf.int32))).batch(20)
    assert drain(sums)[0] == pixels.sum(1).tolist()


def test_static_types():
    data = D.from_tensor_slices((np.zeros((4, 3), np.float32), np.zeros(4, np.int64)))
    assert data.output_types == (tf.float32, tf.int64) and data.batch(2, True).output_shapes[0].as_list() == [2, 3]
    assert data.batch(2).output_shapes[0].as_list() == [None, 3]
    x, y = data.repeat().batch(2).make_one_shot_iterator().get_next()
    assert x.shape.as_list() == [None, 3] and y.dtype is tf.int64
    assert D.range(3).concatenate(D.range(2)).batch(3).output_shapes.as_list() == [None]
    with pytest.raises(TypeError):
        data.concatenate(D.range(3))
    for wrong in (lambda: D.from_tensor_slices(1), lambda: D.range(), lambda: iter(data)):
        with pytest.raises((ValueError, RuntimeError)):
            wrong()
    with pytest.raises(ValueError, match="one bool"):
        data.filter(lambda x, y: y)


def test_iterators():
    n = tf.placeholder(tf.int64, [])
    iterator = D.range(n).map(lambda k: k + n).make_initializable_iterator()
    following = iterator.get_next()
    with pytest.raises(ValueError, match="make_initializable_iterator"):
        D.range(n).make_one_shot_iterator()
    again = tf.data.Iterator.from_structure(tf.int64, [])
    train, test = again.make_initializer(D.range(2)), again.make_initializer(D.range(5, 6))
    value = again.get_next()
    with pytest.raises(TypeError):
        again.make_initializer(D.from_tensors(1.0))
    with tf.Session() as sess:
        with pytest.raises(errors.FailedPreconditionError, match="initializer"):
            sess.run(following)
        sess.run(iterator.initializer, {n: 2})
        assert [sess.run(following), sess.run(following)] == [2, 3]
        for _ in range(2):
            with pytest.raises(errors.OutOfRangeError):
                sess.run(following)
        sess.run(train)
        assert sess.run([value, value + 1]) == [0, 1] and sess.run(value) == 1
        sess.run(test)
        assert sess.run(value) == 5
    handle = tf.placeholder(tf.string, [])
    fed = tf.data.Iterator.from_string_handle(handle, tf.int64, []).get_next()
    a, b = D.range(9).make_one_shot_iterator(), D.range(50, 60).make_one_shot_iterator()
    with tf.Session() as sess:
        ha, hb = sess.run([a.string_handle(), b.string_handle()])
        assert [sess.run(fed, {handle: h}) for h in (ha, hb, ha)] == [0, 50, 1]
        with pytest.raises(errors.InvalidArgumentError, match="not the handle"):
            sess.run(fed, {handle: b"none"})


def test_functions_see_tables_and_variables():
    table = tf.contrib.lookup.HashTable(tf.contrib.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2]), -1)
    scale = tf.Variable(10, dtype=tf.int32)
    iterator = D.from_tensor_slices(["b", "c"]).map(lambda s: table.lookup(s) * scale).make_initializable_iterator()
    value = iterator.get_next()
    with tf.Session() as sess:
        sess.run([tf.tables_initializer(), scale.initializer])
        sess.run(iterator.initializer)
        assert [sess.run(value), sess.run(value)] == [20, -10]


def test_errors_of_elements():
    bad = D.from_tensor_slices(["1", "x", "3"]).map(lambda s: tf.string_to_number(s, tf.int32))
    value = bad.make_one_shot_iterator().get_next()
    with tf.Session() as sess:
        assert sess.run(value) == 1
        with pytest.raises(errors.InvalidArgumentError):
            sess.run(value)
        assert sess.run(value) == 3  # the next element, as in TensorFlow
    ragged = D.range(3).map(lambda n: tf.fill([n], n)).batch(2).make_one_shot_iterator().get_next()
    wrong = D.from_generator(lambda: ["x"], tf.int32).make_one_shot_iterator().get_next()
    with tf.Session() as sess:
        with pytest.raises(errors.InvalidArgumentError, match="padded_batch"):
            sess.run(ragged)
        with pytest.raises(errors.InvalidArgumentError, match="int32 is expected"):
            sess.run(wrong)


def test_prefetching_threads_end():
    before = threading.active_count()
    value = D.range(10**9).map(lambda n: n + 1).prefetch(3).make_one_shot_iterator().get_next()
    with tf.Session() as sess:
        assert [sess.run(value) for _ in range(5)] == [1, 2, 3, 4, 5]
    gc.collect()
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and thread.daemon:
            thread.join(2)
    assert threading.active_count() <= before


def test_a_generator_may_run_the_session():
    x = tf.constant(4)
    sess = tf.Session()
    data = D.from_generator(lambda: (sess.run(x) + i for i in range(2)), tf.int32, []).prefetch(1)
    value = data.make_one_shot_iterator().get_next()
    with sess:
        assert [sess.run(value), sess.run(value)] == [4, 5]


def test_sparse_elements():
    sparse = tf.SparseTensor([[0, 1], [1, 0]], [5, 6], [2, 3])
    batch = D.from_tensors(sparse).repeat(2).batch(2).make_one_shot_iterator().get_next()
    with tf.Session() as sess:
        value = sess.run(batch)
    assert value.dense_shape.tolist() == [2, 2, 3] and value.indices.tolist() == [
        [0, 0, 1], [0, 1, 0], [1, 0, 1], [1, 1, 0],
    ]  # fmt: skip


def test_files(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo\nthree")
    (tmp_path / "b.bin").write_bytes(b"HHabcdefF")
    name = str(tmp_path / "a.txt")
    assert drain(tf.data.TextLineDataset([name, name]).skip(2)) == [b"three", b"one", b"two", b"three"]
    assert drain(D.from_tensors(name).flat_map(lambda f: tf.data.TextLineDataset(f).take(1))) == [b"one"]
    assert drain(tf.data.FixedLengthRecordDataset(str(tmp_path / "b.bin"), 3, 2, 1)) == [b"abc", b"def"]
    assert drain(D.list_files(str(tmp_path / "*.txt"))) == [name.encode()]
    for wrong, kind in ((tf.data.TextLineDataset("none"), errors.NotFoundError),
                        (tf.data.FixedLengthRecordDataset(name, 4), errors.InvalidArgumentError),
                        (tf.data.TFRecordDataset(name), errors.DataLossError)):  # fmt: skip
        value = wrong.make_one_shot_iterator().get_next()
        with tf.Session() as sess, pytest.raises(kind):
            for _ in range(9):
                sess.run(value)


def test_experimental():
    ex = tf.data.experimental
    assert drain(D.range(6).batch(4).apply(ex.unbatch())) == list(range(6))
    assert sorted(drain(D.range(3).apply(ex.shuffle_and_repeat(3, 2)))) == [0, 0, 1, 1, 2, 2]
    assert drain(D.range(3).apply(ex.map_and_batch(lambda n: n * 2, 2, drop_remainder=True))) == [[0, 2]]
    bad = D.from_generator(lambda: ["1", "x", "3"], tf.string, []).map(lambda s: tf.string_to_number(s, tf.int32))
    assert drain(bad.apply(ex.ignore_errors()).prefetch(ex.AUTOTUNE)) == [1, 3]
    with pytest.raises(ValueError):
        D.range(3).apply(ex.unbatch())


def test_groups_and_buckets():
    ex = tf.data.experimental
    pairs = D.range(7).apply(ex.group_by_window(lambda n: n % 2, lambda key, some: some.batch(9), window_size=3))
    assert drain(pairs) == [[0, 2, 4], [1, 3, 5], [6]]
    rows = D.range(1, 7).map(lambda n: tf.fill([n], n))
    buckets = rows.apply(ex.bucket_by_sequence_length(tf.size, [3, 5], [2, 2, 1], padded_shapes=[None]))
    assert drain(buckets) == [[[1, 0], [2, 2]], [[3, 3, 3, 0], [4, 4, 4, 4]], [[5] * 5], [[6] * 6]]
    with pytest.raises(errors.InvalidArgumentError, match="as long as the last boundary"):
        drain(rows.apply(ex.bucket_by_sequence_length(tf.size, [3, 5], [2, 2, 1], pad_to_bucket_boundary=True)))


def test_whole_datasets():
    pairs = D.zip((D.range(5), D.range(5)))
    total, last = pairs.reduce((np.int64(0), 0.0), lambda s, x: (s[0] + x[0] * x[1], s[1] + 1))
    grown = D.range(3).reduce(np.zeros(0, np.int64), lambda s, x: tf.concat([s, [x]], 0))
    several = D.range(7).batch(2), D.range(7).batch(2, True), D.range(3).repeat(), D.range(9).filter(lambda n: n > 1)
    sizes = [tf.data.experimental.cardinality(d) for d in several]
    with tf.Session() as sess:
        assert sess.run([total, last]) == [30, 5] and sess.run(grown).tolist() == [0, 1, 2]
        assert sess.run(sizes) == [4, 3, -1, -2]
    with pytest.raises(TypeError):
        D.range(3).reduce(np.int64(0), lambda s, x: tf.cast(x, tf.float32))


def test_a_cache_in_a_file(tmp_path):
    calls = []
    data = D.range(3).map(lambda n: (tf.py_func(lambda v: calls.append(v) or v, [n], tf.int64), tf.as_string(n)))
    wanted = [(0, b"0"), (1, b"1"), (2, b"2")]
    cached = data.cache(str(tmp_path / "c"))
    assert drain(cached.take(2)) == wanted[:2] and not list(tmp_path.iterdir())  # only whole passes count
    assert drain(cached.repeat(2)) == wanted * 2 and drain(cached) == wanted and len(calls) == 5


def test_csv_files(tmp_path):
    (tmp_path / "a.csv").write_text('n,x,s\n1,2.5,"a\nb"\n2,,c\n')
    name = str(tmp_path / "a.csv")
    ex = tf.data.experimental
    rows = ex.CsvDataset(name, [tf.int32, [7.0], tf.string], header=True)
    assert drain(rows) == [(1, 2.5, b"a\nb"), (2, 7, b"c")]
    with pytest.raises(errors.InvalidArgumentError, match="required"):
        drain(ex.CsvDataset(name, [tf.int32, tf.float32, tf.string], header=True))
    batches = ex.make_csv_dataset(name, 2, label_name="n", num_epochs=1, shuffle=False)
    assert batches.output_types == ({"x": tf.float32, "s": tf.string}, tf.int32)
    assert drain(batches) == [({"x": [2.5, 0], "s": [b"a\nb", b"c"]}, [1, 2])]


def test_errors_in_batches_of_mapped_records():
    lines = D.from_tensor_slices(["1", "x", "3", "4"]).map(lambda s: tf.decode_csv(s, [[0]])[0]).batch(2)
    value = lines.make_one_shot_iterator().get_next()
    assert lines._base.source._function.works_on_rows
    with tf.Session() as sess:
        with pytest.raises(errors.InvalidArgumentError, match="'x'"):
            sess.run(value)
        assert sess.run(value).tolist() == [3, 4]  # the group ends with what failed, as in TensorFlow
    ragged = D.range(4).map(lambda n: (tf.fill([n], n), n)).map(lambda rows, n: n * 2).batch(4)
    assert drain(ragged) == [[0, 2, 4, 6]]


def test_each_element_has_its_own_random_numbers():
    drawn = drain(D.from_tensor_slices(np.zeros(50, np.float32)).map(lambda x: x + tf.random_uniform([])).batch(50))[0]
    assert len(set(drawn)) == 50


PIPELINES = {
    "rows": lambda: D.from_tensor_slices(np.arange(50)).shuffle(50).repeat().map(lambda n: n * 2).batch(7),
    "elements": lambda: D.range(50).filter(lambda n: n % 3 > 0).shuffle(9).repeat(4).batch(3).prefetch(2),
    "random": lambda: D.range(20).map(lambda n: tf.cast(n, tf.float32) + tf.random_uniform([])).repeat().batch(4),
    "nested": lambda: D.range(9).flat_map(lambda n: D.range(n).shuffle(9)).repeat().padded_batch(3, []),
    "generator": lambda: D.from_generator(lambda: iter(range(30)), tf.int64, []).shuffle(4).repeat().take(90),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_an_iterator_goes_on_from_a_checkpoint(name, tmp_path):
    def build():
        iterator = PIPELINES[name]().make_initializable_iterator()
        saveable = tf.data.experimental.make_saveable_from_iterator(iterator)
        tf.add_to_collection(tf.GraphKeys.SAVEABLE_OBJECTS, saveable)
        return iterator, [iterator.get_next(), tf.random_normal([2])], tf.train.Saver()

    iterator, fetches, saver = build()
    with tf.Session() as sess:
        sess.run(iterator.initializer)
        for _ in range(11):
            sess.run(fetches)
        prefix = saver.save(sess, str(tmp_path / "m"))
        wanted = [sess.run(fetches) for _ in range(9)]
    for order in ("initialize, restore", "restore, initialize"):
        with tf.Graph().as_default():
            iterator, fetches, saver = build()
            with tf.Session() as sess:
                for step in order.split(", "):
                    sess.run(iterator.initializer) if step == "initialize" else saver.restore(sess, prefix)
                found = [sess.run(fetches) for _ in range(9)]
                sess.run(iterator.initializer)  # elements have been taken: it begins anew
                sess.run(fetches)
        for a, b in zip(found, wanted, strict=True):
            assert (a[0] == b[0]).all() and (a[1] == b[1]).all()


def test_samples_of_datasets_come_with_their_weights():
    found = drain(
        E.sample_from_datasets([D.range(1).repeat(), D.range(1, 2).repeat()], [0.2, 0.8], seed=1).take(400), 400
    )
    assert 280 < sum(found) < 360
    assert sorted(drain(E.sample_from_datasets([D.range(3), D.range(3, 5)]))) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: E.choose_from_datasets([], D.range(2)), ValueError, "at least one dataset"),
        (lambda: E.choose_from_datasets([D.range(2)], D.from_tensors(1.0)), TypeError, "int64 scalars"),
        (lambda: E.choose_from_datasets([D.range(2), D.from_tensors(1.0)], D.range(2)), TypeError, "chosen datasets"),
        (
            lambda: E.sample_from_datasets([D.range(2)], [0.5, 0.5]),
            ValueError,
            "1 datasets need as many weights, not 2",
        ),
        (lambda: D.from_tensors(1.0).apply(E.unique()), TypeError, "one int32, int64 or string"),
        (lambda: D.range(2).apply(E.take_while(lambda n: n)), ValueError, "one bool"),
    ],
)
def test_choices_that_do_not_fit(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_a_choice_of_no_dataset():
    with pytest.raises(errors.InvalidArgumentError, match="no dataset 1: there are 1"):
        drain(E.choose_from_datasets([D.range(9)], D.range(5)))


def test_names_of_initializers():
    iterator = D.range(3).make_initializable_iterator()
    assert (iterator.initializer.name, iterator.initializer.type) == ("MakeIterator", "MakeIterator")
    structure = tf.data.Iterator.from_structure(tf.int64, [])
    assert structure.make_initializer(D.range(3)).name == "make_initializer"
