"""`tensorflow.examples.tutorials.mnist.input_data`: MNIST in batches, as the tutorials take it.

`read_data_sets` reads the four files of the folder it is given, which may be those of another data set in the same
format, and the real MNIST from where graphflow keeps it when the folder does not have them.  It downloads nothing.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from graphflow import dtypes
from graphflow.compat.lookup import user_line
from graphflow.datasets import mnist
from graphflow.errors import DataLossError, UnsupportedError
from graphflow.ops.seeds import get_seed

CLASSES = 10
_DATA_SETS = ("boston", "iris", "dbpedia", "mnist")
SOURCE_URL = DEFAULT_SOURCE_URL = "https://storage.googleapis.com/cvdf-datasets/mnist/"
_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_CLONE = Path(__file__).resolve().parents[2] / "examples" / "data" / "mnist"  # when run from a clone


class Datasets(NamedTuple):
    """The three parts of a data set."""

    train: Any
    validation: Any
    test: Any


class DataSet:
    """Images and labels in one order, given in batches.

    images   [n, h, w, 1]; `reshape` makes them [n, h * w], and float32 as dtype scales 0..255 to 0..1
    labels   [n], or [n, classes] where they are one-hot
    seed     with a seed, here or of the graph, NumPy's global generator starts from it; else it goes on as it is
    Raises: TypeError for a dtype that is neither uint8 nor float32; ValueError when the lengths differ.
    """

    def __init__(
        self, images: Any, labels: Any, fake_data: bool = False, one_hot: bool = False, dtype: Any = dtypes.float32,
        reshape: bool = True, seed: int | None = None,
    ) -> None:  # fmt: skip
        graph_seed, op_seed = get_seed(seed)
        start = graph_seed if seed is None else op_seed
        if start is not None:
            np.random.seed(start % 2**32)
        kind = dtypes.as_dtype(dtype)
        if kind not in (dtypes.uint8, dtypes.float32):
            raise TypeError(f"the dtype of images is uint8 or float32, not {kind.name}")
        self.one_hot = one_hot
        self._fake = fake_data
        if fake_data:
            self._num_examples = 10_000
            self._images = self._labels = np.empty(0)
        else:
            if len(images) != len(labels):
                raise ValueError(f"there are {len(images)} images and {len(labels)} labels")
            self._num_examples = len(images)
            rows = images.reshape(len(images), -1) if reshape else images
            self._images = rows.astype(np.float32) / np.float32(255) if kind is dtypes.float32 else rows
            self._labels = labels
        self._epochs_completed = 0
        self._index_in_epoch = 0

    @property
    def images(self) -> np.ndarray:
        """All images, in the order of this epoch."""
        return self._images

    @property
    def labels(self) -> np.ndarray:
        """All labels, in the order of this epoch."""
        return self._labels

    @property
    def num_examples(self) -> int:
        return self._num_examples

    @property
    def epochs_completed(self) -> int:
        """How often the end of the data has been passed."""
        return self._epochs_completed

    def next_batch(self, batch_size: int, fake_data: bool = False, shuffle: bool = True) -> tuple[Any, Any]:
        """The next `batch_size` (images, labels); with `shuffle` in a new order every epoch.

        A batch may begin in one epoch and end in the next, which is shuffled then.
        """
        if fake_data or self._fake:
            label: Any = [1] + [0] * (CLASSES - 1) if self.one_hot else 0
            return [[1] * 784 for _ in range(batch_size)], [label for _ in range(batch_size)]
        start = self._index_in_epoch
        if shuffle and start == 0 and self._epochs_completed == 0:
            self._shuffle()
        self._index_in_epoch = end = start + batch_size
        if end <= self._num_examples:
            return self._images[start:end], self._labels[start:end]
        self._epochs_completed += 1
        last = self._images[start:], self._labels[start:]
        if shuffle:
            self._shuffle()
        self._index_in_epoch = end = end - self._num_examples
        return np.concatenate([last[0], self._images[:end]]), np.concatenate([last[1], self._labels[:end]])

    def _shuffle(self) -> None:
        order = np.arange(self._num_examples)
        np.random.shuffle(order)
        self._images, self._labels = self._images[order], self._labels[order]


def read_data_sets(
    train_dir: Any, fake_data: bool = False, one_hot: bool = False, dtype: Any = dtypes.float32, reshape: bool = True,
    validation_size: int = 5000, seed: int | None = None, source_url: str = DEFAULT_SOURCE_URL,
) -> Datasets:  # fmt: skip
    """The data sets train, validation (the first `validation_size` training images) and test.

    train_dir   a folder with the four idx files, gzipped or not
    Raises: FileNotFoundError, naming the folders, when neither this nor graphflow's own has them; ValueError for a
            file that is no idx file and for a validation_size that is larger than the training set.
    """
    options = {"one_hot": one_hot, "dtype": dtype, "reshape": reshape, "seed": seed}
    if fake_data:
        return Datasets(*[DataSet([], [], fake_data=True, **options) for _ in range(3)])
    folder = os.fsdecode(train_dir)
    images, labels, test_images, test_labels = _files(Path(folder))
    for name in _NAMES:
        print("Extracting", os.path.join(folder, f"{name}.gz"))  # as TensorFlow's reader says
    if not 0 <= validation_size <= len(images):
        raise ValueError(f"validation_size must be between 0 and {len(images)}, not {validation_size}")
    if one_hot:
        labels, test_labels = dense_to_one_hot(labels), dense_to_one_hot(test_labels)
    n = validation_size
    return Datasets(
        train=DataSet(images[n:], labels[n:], **options),
        validation=DataSet(images[:n], labels[:n], **options),
        test=DataSet(test_images, test_labels, **options),
    )


def load_mnist(train_dir: Any = "MNIST-data") -> Datasets:
    """The data sets with labels as numbers."""
    return read_data_sets(train_dir)


def load_dataset(name: str, size: str = "small", test_with_fake_data: bool = False) -> Datasets:
    """The data set of this name, which is "mnist".   Raises: NotImplementedError for the others of TensorFlow's."""
    if name not in _DATA_SETS:
        raise ValueError(f"there is no data set {name!r}; there are {_DATA_SETS}")
    if name != "mnist":
        raise UnsupportedError(f"{user_line()}: the data set {name!r} is not in graphflow: use NumPy to read your own")
    return load_mnist()


def dense_to_one_hot(labels_dense: np.ndarray, num_classes: int = CLASSES) -> np.ndarray:
    """Labels [n] -> float64 [n, classes]: 1 at the label, 0 elsewhere."""
    return np.eye(num_classes)[labels_dense]


def extract_images(f: Any) -> np.ndarray:
    """The images of an opened, gzipped idx file: uint8 [n, h, w, 1]."""
    return _idx(_unpacked(f.read(), f.name), 3, f.name)[..., np.newaxis]


def extract_labels(f: Any, one_hot: bool = False, num_classes: int = CLASSES) -> np.ndarray:
    """The labels of an opened, gzipped idx file: uint8 [n], or one-hot."""
    labels = _idx(_unpacked(f.read(), f.name), 1, f.name)
    return dense_to_one_hot(labels, num_classes) if one_hot else labels


# -- the files -------------------------------------------------------------------------------------------------------
def _files(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    found = [_find(folder, name) for name in _NAMES]
    if None in found:
        data = _own(folder)
        return data.train.images, data.train.labels, data.test.images, data.test.labels
    images, labels, test_images, test_labels = (
        _idx(_content(path), 3 if "images" in path.name else 1, str(path)) for path in found if path
    )
    return images[..., np.newaxis], labels, test_images[..., np.newaxis], test_labels


def _own(folder: Path) -> mnist.Mnist:
    """The real MNIST, from where graphflow keeps it; `folder` is the one that does not have the files."""
    try:
        return mnist.load()
    except FileNotFoundError as error:
        if _CLONE.is_dir():
            return mnist.load(_CLONE)
        raise FileNotFoundError(f"{folder} does not have the files of a data set like MNIST\n{error}") from None


def _find(folder: Path, name: str) -> Path | None:
    candidates = (folder / f"{name}.gz", folder / name)
    return next((path for path in candidates if path.is_file()), None)


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    return _unpacked(data, str(path)) if path.suffix == ".gz" else data


def _unpacked(data: bytes, name: str) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DataLossError.because(f"{name}: at byte 0: this is no sound gzip file: {error}") from None


def _idx(data: bytes, rank: int, name: str) -> np.ndarray:
    """The bytes of an idx file in their shape.   Raises: DataLossError when they are none."""
    header = 4 * (1 + rank)
    if data[:4] != bytes((0, 0, 8, rank)) or len(data) < header:
        raise DataLossError.because(f"{name}: at byte 0: this is no idx file of {rank} dimension{'s' * (rank > 1)}")
    shape = struct.unpack(f">{rank}I", data[4:header])
    if len(data) != header + math.prod(shape):
        raise DataLossError.because(
            f"{name}: at byte {header}: {len(data) - header} bytes follow, and shape {shape} needs {math.prod(shape)}"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)
