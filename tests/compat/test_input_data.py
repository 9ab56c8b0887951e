"""The tutorials' MNIST reader: which files it takes, and what it says of others."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

import graphflow as tf
from graphflow import errors
from graphflow.compat import input_data

NAMES = input_data._NAMES


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def folder(tmp_path) -> Path:
    """Twelve training and three test images of 2 x 2; image i is full of i."""
    place = tmp_path / "data"
    place.mkdir()
    for name, n in zip(NAMES, (12, 12, 3, 3), strict=True):
        values = np.arange(n, dtype=np.uint8)
        content = idx(np.repeat(values, 4).reshape(n, 2, 2) if "images" in name else values % 10)
        (place / name).write_bytes(content)
    return place


def read(folder, **options):
    return input_data.read_data_sets(folder, **{"validation_size": 2, **options})


def test_plain_and_packed_files(folder):
    plain = read(str(folder), dtype=tf.uint8)
    for name in NAMES:
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
        (folder / name).unlink()
    packed = read(folder, dtype="uint8")
    for one, two in zip(plain, packed, strict=True):
        assert np.array_equal(one.images, two.images) and np.array_equal(one.labels, two.labels)
    assert plain.validation.images.tolist() == [[0] * 4, [1] * 4] and plain.train.num_examples == 10
    with gzip.open(folder / f"{NAMES[0]}.gz") as _, open(folder / f"{NAMES[0]}.gz", "rb") as file:
        assert input_data.extract_images(file).shape == (12, 2, 2, 1)
    with open(folder / f"{NAMES[1]}.gz", "rb") as file:
        assert input_data.extract_labels(file, one_hot=True).argmax(1).tolist() == [*range(10), 0, 1]


def test_the_files_are_named_as_they_are_read(folder, capsys):
    read(f"{folder}/")
    assert capsys.readouterr().out.splitlines() == [f"Extracting {folder}/{name}.gz" for name in NAMES]


def test_batches_across_epochs(folder):
    train = read(folder, dtype=tf.uint8, seed=3).train
    epochs = np.concatenate([train.next_batch(4)[0][:, 0] for _ in range(5)])
    assert train.epochs_completed == 1 and train._index_in_epoch == 10
    first, second = epochs[:10], epochs[10:]
    assert sorted(first) == sorted(second) == list(range(2, 12)) and not np.array_equal(first, second)
    np.random.seed(3)
    order = np.arange(10)
    np.random.shuffle(order)
    assert np.array_equal(first, np.arange(2, 12)[order])  # the generator starts from the seed
    images, labels = train.next_batch(3)
    assert np.array_equal(images[:, 0] % 10, labels)


def test_without_a_seed_the_generator_goes_on(folder):
    np.random.seed(5)
    one = read(folder).train.next_batch(10)[1]
    np.random.seed(5)
    two = read(folder).train.next_batch(10)[1]
    assert np.array_equal(one, two)
    with tf.Graph().as_default():
        tf.set_random_seed(9)
        three, four = (read(folder).train.next_batch(10)[1] for _ in range(2))
    assert np.array_equal(three, four)


def test_scaling_and_shapes(folder):
    flat, image = read(folder).test, read(folder, reshape=False, one_hot=True).test
    assert flat.images.dtype == np.float32 and np.allclose(flat.images[2], 2 / 255)
    assert image.images.shape == (3, 2, 2, 1) and image.labels.tolist() == np.eye(10)[:3].tolist()
    assert input_data.dense_to_one_hot(np.array([1]), 3).tolist() == [[0, 1, 0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: b"html" + data[4:], "at byte 0: this is no idx file of 3 dimensions"),
        (lambda data: data[:-1], "at byte 16: 47 bytes follow, and shape \\(12, 2, 2\\) needs 48"),
        (lambda data: b"", "this is no idx file"),
    ],
)
def test_damaged_files(change, message, folder):
    path = folder / NAMES[0]
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(errors.DataLossError, match=message) as caught:
        read(folder)
    assert str(path) in str(caught.value)


def test_wrong_arguments(folder):
    with pytest.raises(ValueError, match="between 0 and 12, not 13"):
        read(folder, validation_size=13)
    with pytest.raises(TypeError, match="uint8 or float32, not int32"):
        read(folder, dtype=tf.int32)
    with pytest.raises(ValueError, match="2 images and 3 labels"):
        input_data.DataSet(np.zeros((2, 1, 1, 1)), np.zeros(3))


def test_what_graphflow_keeps_stands_in(folder, monkeypatch, tmp_path):
    monkeypatch.delenv("GRAPHFLOW_MNIST_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (folder / NAMES[3]).unlink()
    data = input_data.read_data_sets(folder)  # the clone's copy
    assert [part.num_examples for part in data] == [55_000, 5_000, 10_000]
    monkeypatch.setattr(input_data, "_CLONE", tmp_path / "nowhere")
    with pytest.raises(
        FileNotFoundError, match=f"{folder} does not have the files .*\n.*MNIST was not found"
    ) as caught:
        input_data.read_data_sets(folder)
    assert "name their folder in GRAPHFLOW_MNIST_DIR" in str(caught.value)


def test_data_sets_by_name(monkeypatch, tmp_path):
    datasets = tf.contrib.learn.datasets
    monkeypatch.chdir(tmp_path)
    mnist = datasets.load_dataset("mnist")  # what the clone carries
    assert mnist.train.images.shape == (55000, 784) and mnist.test.labels.shape == (10000,)
    with pytest.raises(NotImplementedError, match=r"test_input_data.py:\d+: the data set 'iris' is not in graphflow"):
        datasets.load_dataset("iris")
    with pytest.raises(ValueError, match="no data set 'x'"):
        datasets.load_dataset("x")
