"""Items in blocks, against the same choice made item by item; and who gathers the rows of arrays."""

import itertools
import threading

import numpy as np
import pytest

import graphflow as tf
from graphflow.backends import get_backend
from graphflow.data.blocks import InSome, Shuffled, Singly, Some, in_ones, of_range, together

D = tf.data.Dataset


def blocks(count, size):
    """The numbers below `count` as blocks: of one item each in lists, or arrays of at most `size`."""
    return (
        in_ones(iter(range(count)))
        if size == 1
        else (np.arange(i, min(i + size, count)) for i in range(0, count, size))
    )


def flat(found):
    return [int(item) for block in found for item in block]


@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize("choice", [(0, 5, 1), (4, None, 1), (2, 17, 3), (9, 9, 1), (1, None, 4), (30, None, 1)])
def test_some(size, choice):
    assert flat(Some(blocks(20, size), *choice)) == list(itertools.islice(range(20), *choice))


def shuffled(items, size, random):
    """One after the other: what is drawn gives its place to the next item."""
    buffer = items[:size]
    places = itertools.chain.from_iterable(random.integers(size, size=256).tolist() for _ in itertools.count())
    for item, at in zip(items[size:], places, strict=False):
        yield buffer[at]
        buffer[at] = item
    yield from [buffer[at] for at in random.permutation(len(buffer)).tolist()]


@pytest.mark.parametrize("size", [1, 5, 64])
@pytest.mark.parametrize("buffer", [1, 3, 40, 299, 300, 10**9])
def test_shuffled(size, buffer):
    found = flat(Shuffled(blocks(300, size), buffer, np.random.default_rng(4)))
    assert found == list(shuffled(list(range(300)), buffer, np.random.default_rng(4)))


def test_ranges_and_single_items():
    for numbers in (range(0), range(10**4), range(9, -9, -4)):
        assert flat(of_range(numbers)) == list(numbers)
        assert all(len(one) == 1 for one in Singly(of_range(numbers[:9])))
        assert flat(Singly(of_range(numbers[:9]))) == list(numbers[:9])
    assert next(of_range(range(10**18)))[-1] < 10**6
    assert together([[1], [2, 3]]) == [1, 2, 3] and together([]) == []


def test_an_error_waits_for_the_items_before_it():
    def items():
        yield from range(150)
        raise ValueError("here")

    found, blocks_ = [], InSome(items())
    with pytest.raises(ValueError, match="here"):
        for block in blocks_:
            found += block
    assert found == list(range(150)) and list(blocks_) == []
    assert [len(block) for block in InSome(iter(range(130)))] == [64, 64, 2]


def test_choices_go_on_after_an_error():
    lines = D.from_tensor_slices(["0", "x", "2", "3", "y", "5"]).map(
        lambda s: tf.decode_csv(tf.strings.join([s]), [[0]])[0]
    )
    for chosen, wanted in ((lines.take(5), [0, "-", 2, 3, "-"]), (lines.skip(1), ["-", 2, 3, "-", 5]),
                           (lines.shard(2, 1), ["-", 2, "-", 5]), (lines.repeat(2).take(8), [0, "-", 2, 3, "-", 5, 0]),
                           (lines.shuffle(1), ["-", 0, 2, "-", 3, 5])):  # fmt: skip
        value, found = chosen.make_one_shot_iterator().get_next(), []
        with tf.Session() as sess:
            for _ in wanted:
                try:
                    found.append(int(sess.run(value)))
                except tf.errors.InvalidArgumentError:
                    found.append("-")
        assert found[: len(wanted)] == wanted


@pytest.mark.parametrize("make", [
    lambda data: data.batch(4),
    lambda data: data.batch(4).map(lambda x, y: (x * 2, y)),
    lambda data: data.shuffle(50, seed=2).repeat(2).batch(4).prefetch(1),
    lambda data: data.map(lambda x, y: (tf.cast(x, tf.float32) + 1, y)).cache().shuffle(5, seed=2).shard(2, 1).batch(3),
])  # fmt: skip
def test_rows_are_the_same_ahead_and_not(make, monkeypatch):
    """A thread gathers rows ahead where a CPU is left for it, and the run itself where there is none."""
    found, threads = {}, {}
    for spare in (True, False):
        backend = type(get_backend("cpu"))
        monkeypatch.setattr(backend, "spares", lambda self, threads, spare=spare: spare)
        with tf.Graph().as_default(), tf.Session() as sess:
            data = D.from_tensor_slices((np.arange(60, dtype=np.uint8).reshape(20, 3), np.arange(20)))
            value = make(data).make_one_shot_iterator().get_next()
            before, found[spare] = threading.active_count(), []
            with pytest.raises(tf.errors.OutOfRangeError):
                for step in range(30):
                    found[spare].append([part.tolist() for part in sess.run(value)])
                    threads[spare] = threading.active_count() - before if step == 0 else threads[spare]
    assert found[True] == found[False] and len(found[True]) in (4, 5, 10)
    assert threads == {True: 1, False: 0}
