"""Compiled kernels on disk: one file a kernel, named by the hash of what it is.

Files are written beside their place and renamed, so readers see a whole file or none, however many processes write.
The files end in a digest of their content: a damaged one is a miss.  A folder that cannot be written is one warning.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from pathlib import Path

from graphflow.config import current

_DIGEST = 32


class Cache:
    """Blobs by key, in the folder that the configuration names; nothing is kept when it says so."""

    def __init__(self) -> None:
        self._warned = False

    def _path(self, key: str) -> Path | None:
        config = current()
        return config.cache_folder() / key[:2] / key if config.cache else None

    def load(self, key: str) -> bytes | None:
        """The blob, None when there is none or it is damaged."""
        path = self._path(key)
        if path is None:
            return None
        try:
            content = path.read_bytes()
        except OSError:
            return None
        blob, digest = content[:-_DIGEST], content[-_DIGEST:]
        return blob if hashlib.sha256(blob).digest() == digest else None

    def save(self, key: str, blob: bytes) -> None:
        """Keep a blob; a folder that cannot be written is reported once."""
        path = self._path(key)
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, temporary = tempfile.mkstemp(dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(blob + hashlib.sha256(blob).digest())
                os.replace(temporary, path)
            except OSError:
                os.unlink(temporary)
                raise
        except OSError as error:
            if not self._warned:
                self._warned = True
                warnings.warn(
                    f"compiled kernels cannot be kept in {path.parent}: {error}", RuntimeWarning, stacklevel=2
                )
