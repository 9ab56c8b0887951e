"""The MNIST loader: the real files, the places it looks at, and what it refuses."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from graphflow.datasets import mnist

DATA = Path(__file__).resolve().parents[2] / "examples" / "data" / "mnist"
NAMES = sorted(path.name for path in DATA.iterdir())
LABELS = "t10k-labels-idx1-ubyte"


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GRAPHFLOW_MNIST_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose files link to the real ones; a test replaces one of them."""
    place = tmp_path / "data"
    link_all(place)
    return place


def link_all(place: Path) -> None:
    place.mkdir(parents=True)
    for name in NAMES:
        (place / name).symlink_to(DATA / name)


def replace(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def refused(folder: Path, name: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected) as caught:
        mnist.load(folder)
    assert str(folder / name) in str(caught.value)


def test_the_real_files():
    data = mnist.load(DATA)
    assert data.train.images.shape == (60_000, 28, 28, 1) and data.test.images.shape == (10_000, 28, 28, 1)
    assert data.train.labels.shape == (60_000,) and data.test.labels.shape == (10_000,)
    arrays = (data.train.images, data.train.labels, data.test.images, data.test.labels)
    assert all(a.dtype == np.uint8 and not a.flags.writeable for a in arrays)
    assert data.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert np.bincount(data.train.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert data.train.images.mean() == pytest.approx(33.318421, abs=1e-5)
    assert data.train.images.min() == 0 and data.train.images.max() == 255


def test_plain_files_are_read_and_checked_too(folder):
    content = gzip.decompress((DATA / f"{LABELS}.gz").read_bytes())
    (folder / f"{LABELS}.gz").unlink()
    replace(folder / LABELS, content)
    assert np.array_equal(mnist.load(folder).test.labels, mnist.load(DATA).test.labels)
    replace(folder / LABELS, content[:-1] + bytes([content[-1] ^ 1]))
    refused(folder, LABELS, "sha256")
    replace(folder / LABELS, content[:-1])
    refused(folder, LABELS, "expected 10008 bytes of content, found 10007")
    replace(folder / LABELS, b"\0\0\x08\x03" + content[4:])
    refused(folder, LABELS, "expected an idx header 00000801")
    replace(folder / LABELS, b"")
    refused(folder, LABELS, "found nothing")


@pytest.mark.parametrize("at", [4, 12, 300, -6, -1], ids=["header", "start", "middle", "crc", "size"])
def test_an_altered_byte_is_refused(folder, at):
    name = f"{LABELS}.gz"
    data = bytearray((DATA / name).read_bytes())
    data[at] ^= 1
    replace(folder / name, bytes(data))
    refused(folder, name, "sha256")


@pytest.mark.parametrize("keep", [0, 5, 1000, -1])
def test_a_truncated_file_is_refused(folder, keep):
    name = f"{LABELS}.gz"
    replace(folder / name, (DATA / name).read_bytes()[:keep])
    refused(folder, name, "is cut short: expected 10008 bytes of content")


def test_other_content_is_refused(folder):
    name = f"{LABELS}.gz"
    replace(folder / name, b"<html>404 Not Found</html>")
    refused(folder, name, "is not a sound gzip file .* sha256")
    replace(folder / name, gzip.compress(b"not idx"))
    refused(folder, name, "was altered: expected sha256")
    replace(folder / name, (DATA / "train-labels-idx1-ubyte.gz").read_bytes())
    refused(folder, name, "was altered: expected sha256")


def test_a_gzip_bomb_is_not_unpacked(folder):
    name = f"{LABELS}.gz"
    replace(folder / name, gzip.compress(bytes(50_000_000)))
    refused(folder, name, "was altered")


def test_a_folder_given_is_the_only_one(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHFLOW_MNIST_DIR", str(DATA))
    with pytest.raises(FileNotFoundError) as caught:
        mnist.load(tmp_path / "nowhere")
    message = str(caught.value)
    assert all(name in message for name in NAMES)
    assert f"{tmp_path / 'nowhere'}: no such folder" in message and str(DATA) not in message


def test_one_missing_file_is_named(folder):
    (folder / f"{LABELS}.gz").unlink()
    with pytest.raises(FileNotFoundError, match=f"{folder}: lacks {LABELS}.gz\n"):
        mnist.load(str(folder))


def test_the_environment_and_the_cache(tmp_path, monkeypatch):
    cache = tmp_path / "cache" / "graphflow" / "mnist"
    with pytest.raises(FileNotFoundError, match="GRAPHFLOW_MNIST_DIR") as caught:
        mnist.load()
    assert str(cache) in str(caught.value)
    monkeypatch.setenv("GRAPHFLOW_MNIST_DIR", str(tmp_path / "typo"))
    with pytest.raises(FileNotFoundError) as caught:
        mnist.load()
    assert str(cache) in str(caught.value) and str(tmp_path / "typo") in str(caught.value)
    link_all(cache)
    assert len(mnist.load().test.labels) == 10_000
    monkeypatch.setenv("GRAPHFLOW_MNIST_DIR", str(DATA))
    (cache / NAMES[0]).unlink()
    assert len(mnist.load().test.labels) == 10_000


def test_the_home_folder_holds_the_cache_by_default(tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError) as caught:
        mnist.load()
    assert str(tmp_path / ".cache" / "graphflow" / "mnist") in str(caught.value)


def test_the_recorded_hashes_are_those_of_the_files():
    for file in mnist._FILES:
        data = (DATA / f"{file.name}.gz").read_bytes()
        assert hashlib.sha256(data).hexdigest() in file.packed
        assert hashlib.sha256(gzip.decompress(data)).hexdigest() == file.content


def test_flatten_and_one_hot():
    images = (np.arange(2 * 28 * 28) % 256).astype(np.uint8).reshape(2, 28, 28, 1)
    flat = mnist.flatten(images)
    assert flat.dtype == np.float32 and flat.shape == (2, 784)
    np.testing.assert_array_equal(flat, (images.reshape(2, 784) / 255).astype(np.float32))
    assert flat.max() == 1
    np.testing.assert_array_equal(mnist.one_hot(np.array([2, 0]), 3), np.array([[0, 0, 1], [1, 0, 0]], np.float32))
    assert mnist.one_hot(np.array([9], np.uint8)).shape == (1, 10)
    assert mnist.flatten(images[:0]).shape == (0, 784)


def test_batches_cover_each_epoch_in_another_order():
    x = np.arange(10)
    got = list(mnist.batches((x, x * 2), 3, seed=1, epochs=3))
    assert len(got) == 9 and all(a.shape == (3,) and np.array_equal(b, 2 * a) for a, b in got)
    epochs = [np.concatenate([a for a, _ in got[i : i + 3]]).tolist() for i in (0, 3, 6)]
    assert all(len(set(epoch)) == 9 for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_batches_depend_on_the_seed_alone():
    x = np.arange(100)
    first, again, other = (
        [a.tolist() for a, _ in zip((b[0] for b in mnist.batches((x,), 10, seed)), range(25), strict=False)]
        for seed in (3, 3, 4)
    )
    assert first == again != other and len(first) == 25


@pytest.mark.parametrize("size", [0, -1, 11])
def test_batches_refuse_bad_arguments_at_once(size):
    with pytest.raises(ValueError, match="between 1 and 10"):
        mnist.batches((np.arange(10),), size)
    with pytest.raises(ValueError, match="one length"):
        mnist.batches((np.arange(10), np.arange(9)), 2)
    with pytest.raises(ValueError, match="one length"):
        mnist.batches((), 2)
