"""MNIST: 70,000 images of handwritten digits, read from its four idx files, gzipped or not.

Every file is checked against the SHA-256 recorded here, so what `load` gives is the data set itself or an error.

    mnist = load("some/folder")
    for x, y in batches((flatten(mnist.train.images), one_hot(mnist.train.labels)), 100, seed=0):
        ...
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graphflow.config import user_cache

CLASSES = 10


@dataclass(frozen=True, eq=False)
class Split:
    """`images` uint8 [n, 28, 28, 1], 0 is paper and 255 ink; `labels` uint8 [n].  Both arrays are read-only."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True, eq=False)
class Mnist:
    """The 60,000 training and 10,000 test examples, in the order of the files."""

    train: Split
    test: Split


@dataclass(frozen=True)
class _File:
    """One idx file: shape of its bytes, SHA-256 of the content, and of the gzip files that carry it.

    Two packings are about, of one content: the original one, and one that is compressed harder.
    """

    name: str
    shape: tuple[int, ...]
    content: str
    packed: tuple[str, ...]

    @property
    def header(self) -> bytes:
        """The magic number (0, 0, 8 for bytes, the rank) and the sizes, all big-endian."""
        return struct.pack(f">BBBB{len(self.shape)}I", 0, 0, 8, len(self.shape), *self.shape)

    @property
    def size(self) -> int:
        """Bytes of the content."""
        return len(self.header) + int(np.prod(self.shape))


_TRAIN_IMAGES = _File(
    "train-images-idx3-ubyte",
    (60_000, 28, 28),
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    (
        "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
)
_TRAIN_LABELS = _File(
    "train-labels-idx1-ubyte",
    (60_000,),
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    (
        "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
)
_TEST_IMAGES = _File(
    "t10k-images-idx3-ubyte",
    (10_000, 28, 28),
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    (
        "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
)
_TEST_LABELS = _File(
    "t10k-labels-idx1-ubyte",
    (10_000,),
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    (
        "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
)
_FILES = (_TRAIN_IMAGES, _TRAIN_LABELS, _TEST_IMAGES, _TEST_LABELS)


def load(path: str | os.PathLike[str] | None = None) -> Mnist:
    """The data set from the folder `path`, from the one that GRAPHFLOW_MNIST_DIR names, or from the user's cache.

    With `path` only that folder counts.  Without, the first folder that has all four files; the cache is
    graphflow/mnist in XDG_CACHE_HOME (default: ~/.cache).

    Raises: FileNotFoundError, naming files and folders; ValueError for a file that is not the one published.
    """
    folders = [Path(path)] if path is not None else _usual_folders()
    for folder in folders:
        found = [_find(folder, file) for file in _FILES]
        if None not in found:
            train_images, train_labels, test_images, test_labels = (
                _read(place, file) for place, file in zip(found, _FILES, strict=True) if place
            )
            return Mnist(
                Split(train_images[..., np.newaxis], train_labels), Split(test_images[..., np.newaxis], test_labels)
            )
    raise FileNotFoundError(_nothing_found(folders, asked=path is not None))


def flatten(images: np.ndarray) -> np.ndarray:
    """Images as rows: uint8 [n, 28, 28, 1] -> float32 [n, 784] between 0 and 1."""
    return images.reshape(len(images), 28 * 28).astype(np.float32) / np.float32(255)


def one_hot(labels: np.ndarray, classes: int = CLASSES) -> np.ndarray:
    """Labels [n] -> float32 [n, classes]: 1 at the label, 0 elsewhere."""
    return np.eye(classes, dtype=np.float32)[labels]


def batches(
    arrays: Sequence[np.ndarray], size: int, seed: int = 0, epochs: int | None = None
) -> Iterator[tuple[np.ndarray, ...]]:
    """Rows of all `arrays` together, `size` at a time, shuffled anew in every epoch; endless unless `epochs` is given.

    The seed decides every order.  Rows that do not fill a batch are left to the next epoch's shuffle, so that all
    batches have one shape.

    Raises: ValueError when the arrays differ in length or `size` is not in [1, that length].
    """
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1:
        raise ValueError(f"batches needs arrays of one length, got {[len(array) for array in arrays]}")
    (n,) = lengths
    if not 1 <= size <= n:
        raise ValueError(f"the batch size must be between 1 and {n}, not {size}")
    return _shuffled(arrays, n, size, seed, epochs)


def _shuffled(
    arrays: Sequence[np.ndarray], n: int, size: int, seed: int, epochs: int | None
) -> Iterator[tuple[np.ndarray, ...]]:
    rng = np.random.default_rng(seed)
    epoch = 0
    while epochs is None or epoch < epochs:
        order = rng.permutation(n)
        for start in range(0, n - size + 1, size):
            rows = order[start : start + size]
            yield tuple(array[rows] for array in arrays)
        epoch += 1


# -- finding and checking the files --------------------------------------------------------------------------------
def _usual_folders() -> list[Path]:
    named = os.environ.get("GRAPHFLOW_MNIST_DIR")
    cache = user_cache() / "mnist"
    return [Path(named), cache] if named else [cache]


def _find(folder: Path, file: _File) -> Path | None:
    """The gzipped file, or the plain one, in a folder."""
    for name in (f"{file.name}.gz", file.name):
        if (folder / name).is_file():
            return folder / name
    return None


def _nothing_found(folders: Sequence[Path], asked: bool) -> str:
    lines = ["MNIST was not found; it needs these four files (gzipped or not) in one folder:"]
    lines += [f"  {file.name}.gz" for file in _FILES]
    lines.append("looked at:")
    for folder in folders:
        missing = [f"{file.name}.gz" for file in _FILES if _find(folder, file) is None]
        state = "no such folder" if not folder.is_dir() else "lacks " + ", ".join(missing)
        lines.append(f"  {folder}: {state}")
    others = "" if asked else ", name their folder in GRAPHFLOW_MNIST_DIR, or call load(folder)"
    lines.append(f"put the files there{others}")
    return "\n".join(lines)


def _read(path: Path, file: _File) -> np.ndarray:
    """The file's bytes in its shape, read-only; ValueError, with the path, unless they are the published ones."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        content = _unpack(path, data, file)
        _require_known(path, data, file.packed)
    else:
        content = data
    if not content.startswith(file.header):
        raise ValueError(
            f"{path} is not the MNIST file {file.name}: expected an idx header {file.header.hex(' ', 4)} "
            f"(bytes of shape {file.shape}), found {content[: len(file.header)].hex(' ', 4) or 'nothing'}"
        )
    if len(content) != file.size:
        raise ValueError(f"{path} is damaged: expected {file.size} bytes of content, found {len(content)}")
    _require_known(path, content, (file.content,))
    return np.frombuffer(content, np.uint8, offset=len(file.header)).reshape(file.shape)


def _unpack(path: Path, data: bytes, file: _File) -> bytes:
    """The content of a gzip file, of which no more is unpacked than the real one has."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        content = unpacker.decompress(data, file.size + 1)
    except zlib.error as error:
        raise ValueError(
            f"{path} is not a sound gzip file ({error}): expected one with sha256 {' or '.join(file.packed)}"
        ) from None
    if not unpacker.eof and len(content) <= file.size:
        raise ValueError(
            f"{path} is cut short: expected {file.size} bytes of content, found {len(content)} "
            f"in the {len(data)} bytes of the file"
        )
    return content


def _require_known(path: Path, data: bytes, known: Sequence[str]) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found not in known:
        raise ValueError(f"{path} was altered: expected sha256 {' or '.join(known)}, found {found}")
