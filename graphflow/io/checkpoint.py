"""Checkpoints: a prefix, of which `prefix.index` says in which file of tensors the values are.

A save writes the tensors to a new file and then replaces the index, so that at every moment the index names a whole
file.  Checkpoints of TensorFlow's own format are read and written by the same calls.
"""

from __future__ import annotations

import difflib
import glob
import itertools
import json
import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, BinaryIO, Protocol

import numpy as np

from graphflow.dtypes import DType
from graphflow.errors import DataLossError, NotFoundError, OpError
from graphflow.io import safetensors, tensor_bundle
from graphflow.io.atomic import TEMPORARY, own_ending, replacing, translated

_FORMAT = "graphflow checkpoint 1"
_DATA = ".data-{}.safetensors"


class CheckpointReader(Protocol):
    """A checkpoint that is open for reading."""

    def get_variable_to_shape_map(self) -> dict[str, list[int]]: ...

    def get_variable_to_dtype_map(self) -> dict[str, DType]: ...

    def has_tensor(self, tensor_str: str) -> bool: ...

    def get_tensor(self, tensor_str: str) -> np.ndarray: ...

    def verify(self, names: Sequence[str]) -> None: ...

    def has_file(self, path: str) -> bool: ...


class _Reader:
    """The values under one prefix, read when asked for."""

    def __init__(self, prefix: str, index: bytes) -> None:
        self._path = f"{prefix}.index"
        self._sound: set[str] = set()  # whose bytes have been compared with their sums
        try:
            found = json.loads(index)
            name, self._sums = found["data"], {key: int(value) for key, value in found["crc32"].items()}
            fits = found["format"] == _FORMAT and name == os.path.basename(name)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            fits = False
        if not fits:
            raise DataLossError.because(f"{self._path}: at byte 0: this is no index of a checkpoint")
        self._data = os.path.join(os.path.dirname(prefix), _suffix_of(name, found.get("prefix"), prefix))
        try:
            with open(self._data, "rb") as file:
                self._entries = safetensors.read_header(file, self._data)
        except OSError as error:
            raise translated(error, self._data) from None
        if self._entries.keys() != self._sums.keys():
            raise DataLossError.because(f"{self._data}: it does not have the tensors that {self._path} names")

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """The shape of each tensor, by name."""
        return {name: list(entry.shape) for name, entry in self._entries.items()}

    def get_variable_to_dtype_map(self) -> dict[str, DType]:
        """The dtype of each tensor, by name."""
        return {name: entry.dtype for name, entry in self._entries.items()}

    def has_tensor(self, tensor_str: str) -> bool:
        return tensor_str in self._entries

    def get_tensor(self, tensor_str: str) -> np.ndarray:
        """The value of a tensor.   Raises: NotFoundError for another name, DataLossError for damaged bytes."""
        if tensor_str not in self._entries:
            raise missing(tensor_str, self._entries, self._path)
        self.verify([tensor_str])
        with open(self._data, "rb") as file:
            return safetensors.read_tensor(file, self._entries[tensor_str], self._data)

    def verify(self, names: Sequence[str]) -> None:
        """DataLossError when the bytes of one of these are not those that were saved."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._verify, set(names) - self._sound))

    def _verify(self, name: str) -> None:
        entry = self._entries[name]
        with open(self._data, "rb") as file:
            if safetensors.checksum(file, entry) != self._sums[name]:
                raise DataLossError.because(f"{self._data}: at byte {entry.start}: the data of {name!r} are damaged")
        self._sound.add(name)

    def has_file(self, path: str) -> bool:
        """Whether a file of data belongs to this checkpoint."""
        return path == self._data


def _suffix_of(name: str, saved_as: Any, prefix: str) -> str:
    """The name of the data file; it follows the prefix when a checkpoint's files were renamed together."""
    return os.path.basename(prefix) + name.removeprefix(saved_as) if isinstance(saved_as, str) else name


def missing(name: str, names: Any, path: str) -> Exception:
    """The error for a tensor that a checkpoint does not have."""
    return NotFoundError.because(f"{name!r} is not in {path}{near(name, names)}")


def near(name: str, names: Any) -> str:
    """` (it has 'a', 'b')`: the names most like this one."""
    found = difflib.get_close_matches(name, list(names), 3, 0.4)
    return f" (it has {', '.join(map(repr, found))})" if found else ""


def open_checkpoint(prefix: Any) -> CheckpointReader:
    """The checkpoint under a prefix.   Raises: NotFoundError when there is none, DataLossError for a damaged one."""
    prefix = os.fsdecode(prefix)
    path = f"{prefix}.index"
    try:
        with open(path, "rb") as file:
            index = file.read()
    except OSError as error:
        raise translated(error, path) from None
    if tensor_bundle.is_table(index) or index[:1] != b"{":
        return tensor_bundle.BundleReader(prefix, index)
    return _Reader(prefix, index)


def write_checkpoint(prefix: str, arrays: Mapping[str, np.ndarray], bundle: bool = False) -> None:
    """Save arrays under a prefix, in the place of what was there; a crash at any moment leaves one of the two whole.

    bundle   in TensorFlow's own format
    Raises: ResourceExhaustedError when the disk is full.
    """
    old = _data_files(glob.escape(prefix))
    number = next(n for n in itertools.count(1) if prefix + _data_name(bundle, n) not in old)
    data = prefix + _data_name(bundle, number)
    with replacing(data) as file:
        index = tensor_bundle.write_bundle(file, arrays, number) if bundle else _written(file, arrays, data, prefix)
    try:
        with replacing(f"{prefix}.index") as file:
            file.write(index())
    except BaseException:
        os.unlink(data)
        raise
    for path in old:
        _remove(path)


def _data_name(bundle: bool, number: int) -> str:
    """What follows the prefix in the names of the files of data that the index may name; `number` tells them apart.

    TensorFlow takes from its index how many shards there are, and opens those that have tensors.
    """
    return tensor_bundle.SHARD.format(0, number) if bundle else _DATA.format(number)


def _written(file: BinaryIO, arrays: Mapping[str, np.ndarray], data: str, prefix: str) -> Callable[[], bytes]:
    """Write the tensors; what is given waits for the bytes of the index."""
    sums = safetensors.write(file, arrays)
    found = {"format": _FORMAT, "prefix": os.path.basename(prefix), "data": os.path.basename(data)}
    return lambda: json.dumps({**found, "crc32": sums()}).encode()


def delete_checkpoint(prefix: str) -> None:
    """Remove the files of a checkpoint, the index first: what has no index is no checkpoint."""
    for path in [f"{prefix}.index", *_data_files(glob.escape(prefix))]:
        _remove(path)


def sweep(start: str) -> None:
    """Remove what saves that were killed have left: temporary files, and tensors that no index names.

    start   what the prefixes of the checkpoints begin with
    """
    for path in glob.glob(f"{glob.escape(start)}*{TEMPORARY}*"):
        if not path.endswith(own_ending()):  # this process cleans up after itself
            _remove(path)
    files: dict[str, list[str]] = defaultdict(list)
    for path in _data_files(glob.escape(start) + "*"):
        files[path.rpartition(".data-")[0]].append(path)
    for prefix, paths in files.items():
        for path in _unnamed(prefix, paths):
            _remove(path)


def _unnamed(prefix: str, paths: list[str]) -> list[str]:
    """Which of the files of data under a prefix its index does not name; none when the index cannot be read."""
    if not os.path.exists(f"{prefix}.index"):
        return paths
    if len(paths) == 1:  # the one it names
        return []
    try:
        reader = open_checkpoint(prefix)
    except OpError:
        return []
    return [path for path in paths if not reader.has_file(path)]


def _data_files(pattern: str) -> list[str]:
    return [path for name in (_DATA.format("*"), ".data-?????-of-?????") for path in glob.glob(pattern + name)]


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)
