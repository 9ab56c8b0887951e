"""Files that are there whole or not at all, whenever the machine stops."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from graphflow.errors import (
    FailedPreconditionError,
    NotFoundError,
    OpError,
    PermissionDeniedError,
    ResourceExhaustedError,
    UnknownError,
)

TEMPORARY = ".tmp-"
_STRETCH = 1 << 23  # bytes that are handed to the disk together
_TOKEN = secrets.token_hex(4)


def own_ending() -> str:
    """What the names of this process's temporary files end in; a number of a process comes again, this does not."""
    return f"{TEMPORARY}{os.getpid()}-{_TOKEN}"


@contextmanager
def replacing(path: str) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of `path` when the block ends; nothing changes when the block fails.

    Raises: ResourceExhaustedError when the disk is full, other OpErrors for what else the system refuses.
    """
    temporary = path + own_ending()
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(os.path.dirname(path) or ".")
    except BaseException as error:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise translated(error, path) from error
        raise


def write_on(file: BinaryIO, data: Any) -> None:
    """Write bytes to a file from `replacing`; the disk begins with them while the next ones are copied.

    Otherwise the system may wait with all of them for the fsync, and the disk is idle until then.
    """
    view = memoryview(data)
    for start in range(0, len(view), _STRETCH):
        before = file.tell() // _STRETCH * _STRETCH
        file.write(view[start : start + _STRETCH])
        filled = file.tell() // _STRETCH * _STRETCH - before
        if filled and hasattr(os, "posix_fadvise"):
            file.flush()
            os.posix_fadvise(file.fileno(), before, filled, os.POSIX_FADV_DONTNEED)  # which starts to write them


def sync_folder(folder: str) -> None:
    """Make renames in a folder last; a system that cannot open folders does so by itself."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(path: str) -> None:
    """Make a folder, with those it is in, unless it is there.   Raises: OpError that says what is in the way."""
    try:
        os.makedirs(path, exist_ok=True)
    except FileExistsError:
        raise FailedPreconditionError.because(f"the folder {path!r} cannot be made: a file has its name") from None
    except OSError as error:
        raise translated(error, f"the folder {path!r} cannot be made") from None


def translated(error: OSError, path: str) -> OpError:
    """The operating system's error as TensorFlow's."""
    kinds: dict[int | None, type[OpError]] = {
        errno.ENOENT: NotFoundError, errno.EACCES: PermissionDeniedError, errno.EPERM: PermissionDeniedError,
        errno.ENOTDIR: FailedPreconditionError, errno.EISDIR: FailedPreconditionError,
        errno.ENOSPC: ResourceExhaustedError, errno.EDQUOT: ResourceExhaustedError, errno.EFBIG: ResourceExhaustedError,
    }  # fmt: skip
    return kinds.get(error.errno, UnknownError).because(f"{path}: {error.strerror or error}")
