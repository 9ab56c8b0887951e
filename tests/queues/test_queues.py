"""Queues, readers and the pipelines of the first years."""

import threading
import time

import numpy as np
import pytest

import graphflow as tf
from graphflow import errors


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def test_first_in_first_out():
    queue = tf.FIFOQueue(10, [tf.int32, tf.float32], shapes=[[], [2]], names=["n", "x"])
    add = queue.enqueue({"n": 1, "x": [1.0, 2.0]})
    many = queue.enqueue_many({"n": [2, 3], "x": np.ones((2, 2), np.float32)})
    one, two = queue.dequeue(), queue.dequeue_many(2)
    assert two["x"].shape.as_list() == [2, 2] and one["n"].dtype is tf.int32
    with tf.Session() as sess:
        sess.run(add)
        sess.run(many)
        assert sess.run(queue.size()) == 3 and not sess.run(queue.is_closed())
        assert sess.run(one)["n"] == 1 and sess.run(two)["n"].tolist() == [2, 3]
        with tf.Session() as other:
            assert other.run(queue.size()) == 0
    with pytest.raises(ValueError):
        queue.enqueue({"n": 1})
    with pytest.raises(ValueError):
        tf.FIFOQueue(1, tf.int32).dequeue_many(2)
    with pytest.raises(ValueError):
        tf.FIFOQueue(1, tf.int32, [[]]).enqueue([[1, 2]])


def test_the_end_of_a_queue():
    queue = tf.FIFOQueue(10, tf.int32, [[]])
    with tf.Session() as sess:
        sess.run(queue.enqueue_many([[1, 2, 3]]))
        sess.run(queue.close())
        with pytest.raises(errors.CancelledError, match="closed"):
            sess.run(queue.enqueue(4))
        with pytest.raises(errors.OutOfRangeError, match="3 elements, and 5"):
            sess.run(queue.dequeue_many(5))
        assert sess.run(queue.dequeue_up_to(2)).tolist() == [1, 2] and sess.run(queue.dequeue_up_to(5)).tolist() == [3]
        for taken in (queue.dequeue(), queue.dequeue_up_to(1)):
            with pytest.raises(errors.OutOfRangeError):
                sess.run(taken)


def test_runs_wait_for_each_other():
    queue = tf.FIFOQueue(1, tf.int32, [[]])
    x = tf.placeholder(tf.int32, [])
    add, squared = queue.enqueue(x), tf.square(queue.dequeue())
    found = []
    with tf.Session() as sess:
        takers = [threading.Thread(target=lambda: found.append(int(sess.run(squared)))) for _ in range(8)]
        for thread in takers:
            thread.start()
        for value in range(8):
            sess.run(add, {x: value})
        for thread in takers:
            thread.join(10)
        assert sorted(found) == [v * v for v in range(8)]
        sess.run(add, {x: 0})
        waiting = []

        def late():
            try:
                sess.run(add, {x: 1})
            except errors.CancelledError as error:
                waiting.append(error)

        thread = threading.Thread(target=late)
        thread.start()
        time.sleep(0.05)
        sess.run(queue.close(cancel_pending_enqueues=True))
        thread.join(10)
        assert len(waiting) == 1 and sess.run(queue.size()) == 1


def test_closing_the_session_wakes_who_waits():
    value, caught = tf.FIFOQueue(1, tf.int32).dequeue(), []
    sess = tf.Session()

    def wait():
        try:
            sess.run(value)
        except errors.CancelledError as error:
            caught.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.05)
    sess.close()
    thread.join(10)
    assert len(caught) == 1


def test_other_orders():
    shuffled = tf.RandomShuffleQueue(100, 10, tf.int32, [[]], seed=3)
    padded = tf.PaddingFIFOQueue(10, tf.int32, [[None]])
    urgent = tf.PriorityQueue(10, tf.string, [[]])
    with tf.Session() as sess:
        sess.run(shuffled.enqueue_many([np.arange(30)]))
        first = sess.run(shuffled.dequeue_many(20)).tolist()
        sess.run(shuffled.close())
        rest = sess.run(shuffled.dequeue_many(10)).tolist()
        assert sorted(first + rest) == list(range(30)) and first != sorted(first)
        for n in (1, 3):
            sess.run(padded.enqueue([[n] * n]))
        assert sess.run(padded.dequeue_many(2)).tolist() == [[1, 0, 0], [3, 3, 3]]
        sess.run(urgent.enqueue_many([[5, 1, 5], ["c", "a", "d"]]))
        assert sess.run(urgent.dequeue_many(3)[1]).tolist() == [b"a", b"c", b"d"]
    with pytest.raises(ValueError):
        tf.RandomShuffleQueue(10, 10, tf.int32)


def run_pipeline(fetch, steps=100):
    """What runs give until the end, with queue runners at work."""
    found, coord = [], tf.train.Coordinator()
    with tf.Session() as sess:
        sess.run(tf.local_variables_initializer())
        threads = tf.train.start_queue_runners(sess, coord)
        try:
            for _ in range(steps):
                found.append(sess.run(fetch))
        except tf.errors.OutOfRangeError:
            pass
        coord.request_stop()
        coord.join(threads, stop_grace_period_secs=10)
    return found


def test_batches_of_slices():
    x, y = tf.train.slice_input_producer([np.arange(10), np.arange(10) * 2], num_epochs=2, shuffle=True, seed=1)
    found = run_pipeline(tf.train.batch([x, y], 4, num_threads=3, allow_smaller_final_batch=True))
    numbers = np.concatenate([a for a, _ in found])
    assert sorted(numbers) == sorted([*range(10)] * 2) and [len(a) for a, _ in found] == [4] * 5
    assert all((b == 2 * a).all() for a, b in found)


def test_kinds_of_batches():
    number = tf.train.range_input_producer(12, num_epochs=1, shuffle=False).dequeue()
    even = tf.train.maybe_batch([number], tf.equal(number % 2, 0), 3)
    assert [a.tolist() for a in run_pipeline(even)] == [[0, 2, 4], [6, 8, 10]]
    wide = tf.train.batch({"r": tf.range(tf.train.range_input_producer(4, 1, False).dequeue())}, 4, shapes=[[None]],
                          dynamic_pad=True)  # fmt: skip
    assert run_pipeline(wide)[0]["r"].tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 1, 2]]
    rows = tf.train.shuffle_batch([tf.train.input_producer(np.arange(8), num_epochs=1).dequeue_many(4)], 4, 100, 2,
                                  enqueue_many=True, seed=1)  # fmt: skip
    assert sorted(np.concatenate(run_pipeline(rows))) == list(range(8))
    with pytest.raises(ValueError, match="must be known"):
        tf.train.batch([tf.placeholder(tf.float32)], 2)


def test_examples_of_several_shapes_are_padded_together():
    short, long = tf.ones([2, 1]), tf.ones([2, 3])
    assert tf.train.batch_join([[short], [long]], 4, dynamic_pad=True).shape.as_list() == [4, 2, None]
    with pytest.raises(ValueError, match=r"\(2, 1\) and \(2, 3\) are not compatible"):
        tf.train.batch_join([[short], [long]], 4)
    with pytest.raises(ValueError, match="must be known"):  # of one rank at least
        tf.train.batch_join([[short], [tf.ones([2])]], 4, dynamic_pad=True)


def test_an_error_of_a_runner_reaches_join():
    queue = tf.FIFOQueue(5, tf.float32, [[]])
    tf.train.add_queue_runner(tf.train.QueueRunner(queue, [queue.enqueue(tf.string_to_number("x"))]))
    coord = tf.train.Coordinator()
    with tf.Session() as sess:
        threads = tf.train.start_queue_runners(sess, coord)
        with pytest.raises(errors.InvalidArgumentError, match="x"):
            coord.join(threads, stop_grace_period_secs=10)
        with pytest.raises(errors.OutOfRangeError):  # the queue was closed
            sess.run([queue.close(), queue.dequeue()][1])


def test_coordinator():
    coord, count = tf.train.Coordinator(), []

    def work():
        while not coord.should_stop():
            count.append(1)
            if len(count) > 5:
                coord.request_stop()

    thread = threading.Thread(target=work)
    thread.start()
    coord.join([thread])
    assert len(count) == 6 and coord.joined and coord.wait_for_stop(0)
    clean = tf.train.Coordinator()
    clean.request_stop(errors.OutOfRangeError.because("the end"))
    clean.join()
    with pytest.raises(KeyError):
        failing = tf.train.Coordinator()
        with failing.stop_on_exception():
            raise KeyError("x")
        failing.join()
    stuck, end = tf.train.Coordinator(), threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    stuck.request_stop()
    with pytest.raises(RuntimeError, match="still run"):
        stuck.join([thread], stop_grace_period_secs=0.01)
    end.set()


def test_readers(tmp_path):
    (tmp_path / "a").write_bytes(b"head\n1,x\n2,\n")
    (tmp_path / "b").write_bytes(b"head\n3,z\n")
    names = [str(tmp_path / "a"), str(tmp_path / "b")]

    def files():
        return tf.train.string_input_producer(names, num_epochs=1, shuffle=False)

    reader = tf.TextLineReader(skip_header_lines=1)
    key, line = reader.read(files())
    number, text = tf.decode_csv(line, [[0], ["none"]])
    got = run_pipeline([key, number, text])
    assert [(k.decode().rpartition(":")[2], n, t) for k, n, t in got] == [
        ("2", 1, b"x"),
        ("3", 2, b"none"),
        ("2", 3, b"z"),
    ]
    assert [v for _, v in run_pipeline(tf.WholeFileReader().read(files()))] == [b"head\n1,x\n2,\n", b"head\n3,z\n"]
    assert run_pipeline(tf.IdentityReader().read(files()))[0] == (names[0].encode(),) * 2
    parts = run_pipeline(
        tf.FixedLengthRecordReader(2, header_bytes=5).read(tf.train.string_input_producer(names[1:], 1))
    )
    assert [v for _, v in parts] == [b"3,", b"z\n"]
    keys, lines = tf.TextLineReader().read_up_to(files(), 2)
    assert [v.tolist() for _, v in run_pipeline([keys, lines])] == [[b"head", b"1,x"], [b"2,"], [b"head", b"3,z"]]
    with tf.python_io.TFRecordWriter(names[0]) as writer:
        writer.write(b"r")
    assert run_pipeline(tf.TFRecordReader().read(tf.train.string_input_producer(names[:1], 1)))[0][1] == b"r"
