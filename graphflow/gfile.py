"""`tf.gfile`: files and folders of this machine, with TensorFlow's errors."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any

from graphflow.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    OpError,
    PermissionDeniedError,
    UnknownError,
)

_MODES = ("r", "rb", "r+", "w", "wb", "w+", "a", "ab", "a+")


@contextmanager
def _translated(path: str) -> Iterator[None]:
    """The operating system's errors as TensorFlow's."""
    try:
        yield
    except OSError as error:
        kinds: tuple[tuple[type, type[OpError]], ...] = (
            (FileNotFoundError, NotFoundError),
            (FileExistsError, AlreadyExistsError),
            (PermissionError, PermissionDeniedError),
            (IsADirectoryError, FailedPreconditionError),
            (NotADirectoryError, FailedPreconditionError),
        )
        kind = next((ours for theirs, ours in kinds if isinstance(error, theirs)), UnknownError)
        raise kind.because(f"{path}: {error.strerror}") from None


class GFile:
    """A local file, opened when it is first read or written.

    mode   r, w or a, with + for both and with b for bytes
    Raises: NotFoundError, PermissionDeniedError and the like when it is used; InvalidArgumentError for another mode.
    """

    def __init__(self, name: Any, mode: str = "r") -> None:
        self._opened: IO[Any] | None = None
        if mode not in _MODES:
            raise InvalidArgumentError.because(f"the mode of a file is one of {', '.join(_MODES)}, not {mode!r}")
        self._name = os.fsdecode(name)
        self._mode = mode

    @property
    def name(self) -> str:
        return self._name

    @property
    def mode(self) -> str:
        return self._mode

    @property
    def _file(self) -> IO[Any]:
        if self._opened is None:
            encoding = None if "b" in self._mode else "utf-8"
            with _translated(self._name):
                self._opened = open(self._name, self._mode, encoding=encoding)  # noqa: SIM115
        return self._opened

    def _allowed(self, letters: str, what: str) -> IO[Any]:
        if not any(letter in self._mode for letter in letters):
            raise PermissionDeniedError.because(f"{self._name} was not opened for {what}: its mode is {self._mode!r}")
        return self._file

    def read(self, n: int = -1) -> Any:
        """The next `n` characters or bytes; all the rest by default."""
        return self._allowed("r+", "reading").read(n)

    def readline(self) -> Any:
        """The next line with its line end; empty at the end."""
        return self._allowed("r+", "reading").readline()

    def readlines(self) -> list:
        """All remaining lines."""
        return self._allowed("r+", "reading").readlines()

    def write(self, file_content: Any) -> None:
        """Write text, or bytes in a mode with b."""
        file = self._allowed("wa+", "writing")
        binary = "b" in self._mode
        if binary and isinstance(file_content, str):
            file_content = file_content.encode()
        file.write(file_content if binary or isinstance(file_content, str) else os.fsdecode(file_content))

    def seek(self, offset: int = 0, whence: int = 0) -> None:
        self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def size(self) -> int:
        """Bytes of the file."""
        self.flush()
        return Stat(self._name).length

    def flush(self) -> None:
        if self._opened is not None and not self._mode.startswith("r"):
            self._opened.flush()

    def close(self) -> None:
        if "w" in self._mode or "a" in self._mode:
            self._file.close()  # a file that nothing was written to exists too
        elif self._opened is not None:
            self._opened.close()
        self._opened = None

    def __del__(self) -> None:
        if self._opened is not None:  # programs read files without closing them
            self._opened.close()

    def __enter__(self) -> GFile:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        line = self.readline()
        if not line:
            raise StopIteration
        return line


FastGFile = Open = GFile


@dataclass(frozen=True)
class FileStatistics:
    """What Stat gives."""

    length: int
    mtime_nsec: int
    is_directory: bool


def Exists(filename: Any) -> bool:
    """Whether there is such a file or folder."""
    return os.path.exists(filename)


def IsDirectory(dirname: Any) -> bool:
    """Whether there is such a folder."""
    return os.path.isdir(dirname)


def Stat(filename: Any) -> FileStatistics:
    """Size in bytes, time of the last change, and whether it is a folder."""
    with _translated(os.fsdecode(filename)):
        found = os.stat(filename)
    return FileStatistics(found.st_size, found.st_mtime_ns, os.path.isdir(filename))


def ListDirectory(dirname: Any) -> list[str]:
    """The names in a folder."""
    if not os.path.isdir(dirname):
        raise NotFoundError.because(f"{os.fsdecode(dirname)}: no such folder")
    return sorted(os.listdir(os.fsdecode(dirname)))


def Glob(filename: Any) -> list[str]:
    """The paths that a pattern, or any of a list of patterns, fits."""
    patterns = [filename] if isinstance(filename, (str, bytes, os.PathLike)) else filename
    return [path for pattern in patterns for path in sorted(glob.glob(os.fsdecode(pattern)))]


def MkDir(dirname: Any) -> None:
    """Make a folder in one that exists; one that is there already is left alone."""
    if not os.path.isdir(dirname):
        _do(os.mkdir, dirname)


def MakeDirs(dirname: Any) -> None:
    """Make a folder and those above it; one that exists is left alone."""
    if os.path.isfile(dirname):
        raise FailedPreconditionError.because(f"{os.fsdecode(dirname)}: there is a file of this name")
    with _translated(os.fsdecode(dirname)):
        os.makedirs(dirname, exist_ok=True)


def Remove(filename: Any) -> None:
    """Delete a file."""
    _do(os.remove, filename)


def DeleteRecursively(dirname: Any) -> None:
    """Delete a folder with all that is in it, or a file."""
    _do(os.remove if os.path.isfile(dirname) else shutil.rmtree, dirname)


def Copy(oldpath: Any, newpath: Any, overwrite: bool = False) -> None:
    """Copy a file; AlreadyExistsError when the new one exists, unless `overwrite`."""
    _refuse_existing(newpath, overwrite)
    _do(shutil.copyfile, oldpath, newpath)


def Rename(oldname: Any, newname: Any, overwrite: bool = False) -> None:
    """Rename or move a file; AlreadyExistsError when the new one exists, unless `overwrite`."""
    _refuse_existing(newname, overwrite)
    _do(os.replace, oldname, newname)


def Walk(top: Any, in_order: bool = True) -> Iterator[tuple[str, list[str], list[str]]]:
    """(folder, its folders, its files) for a folder and all below, before (`in_order`) or after what is in it."""
    return os.walk(os.fsdecode(top), topdown=in_order)


def _do(function: Callable, *paths: Any) -> None:
    with _translated(os.fsdecode(paths[0])):
        function(*paths)


def _refuse_existing(path: Any, overwrite: bool) -> None:
    if os.path.exists(path) and not overwrite:
        raise AlreadyExistsError.because(f"{os.fsdecode(path)} exists already; overwrite=True replaces it")
