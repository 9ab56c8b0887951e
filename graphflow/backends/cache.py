"""Compiled kernels on disk: one file a kernel, named by the hash of what it is.

Files are written beside their place and renamed, so readers see a whole file or none, however many processes write.
The files end in a digest of their content: a damaged one is a miss.  A folder that cannot be written is one warning.
Only the user's own files and root's are believed, and only while nobody else can write them.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path

from graphflow.config import current

_DIGEST = 32
_BETWEEN_TRIMS = 256  # files that a process writes


class Cache:
    """Blobs by key, in the folder that the configuration names; nothing is kept when it says so."""

    def __init__(self) -> None:
        self._warned = False
        self._saved = 0

    def _path(self, key: str) -> Path | None:
        config = current()
        return config.cache_folder() / key[:2] / key if config.cache else None

    def load(self, key: str) -> bytes | None:
        """The blob, None when there is none or it is damaged."""
        path = self._path(key)
        if path is None:
            return None
        try:
            with path.open("rb") as file:
                content = file.read() if _private(os.fstat(file.fileno())) else b""
        except OSError:
            return None
        blob, digest = content[:-_DIGEST], content[-_DIGEST:]
        if hashlib.sha256(blob).digest() != digest:
            return None
        with suppress(OSError):  # a folder that may only be read
            os.utime(path)
        return blob

    def save(self, key: str, blob: bytes) -> None:
        """Keep a blob; a folder that cannot be written is reported once."""
        path = self._path(key)
        if path is None:
            return
        try:
            path.parent.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.parent.mkdir(exist_ok=True, mode=0o700)
            handle, temporary = tempfile.mkstemp(dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(blob + hashlib.sha256(blob).digest())
                os.replace(temporary, path)
            except OSError:
                os.unlink(temporary)
                raise
            if self._saved % _BETWEEN_TRIMS == 0:
                trim(path.parent.parent, current().cache_megabytes << 20)
            self._saved += 1
        except OSError as error:
            if not self._warned:
                self._warned = True
                warnings.warn(
                    f"compiled kernels cannot be kept in {path.parent}: {error}", RuntimeWarning, stacklevel=2
                )


def _private(status: os.stat_result) -> bool:
    """Whether nobody but root and this user can have written the file.  Windows' folders of a user are his alone."""
    if os.name != "posix":
        return True
    return status.st_uid in (0, os.getuid()) and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def trim(folder: Path, limit: int) -> None:
    """When the kernels in a folder take more than `limit` bytes, drop those unused for longest, down to 3/4 of it."""
    files = []
    for path in folder.glob("??/*"):
        with suppress(FileNotFoundError):  # another process was quicker
            status = path.stat()
            files.append((status.st_mtime_ns, status.st_size, path))
    total = sum(size for _, size, _ in files)
    if total <= limit:
        return
    for _, size, path in sorted(files):
        if total <= limit * 3 // 4:
            break
        path.unlink(missing_ok=True)
        total -= size
