"""Text and bytes, and sizes, under the names of `tf.compat`."""

from __future__ import annotations

import os
from typing import Any

from graphflow.shape import Dimension

bytes_or_text_types = (bytes, str)


def as_bytes(bytes_or_text: Any, encoding: str = "utf-8") -> bytes:
    """Bytes for text, encoded, and for bytes; TypeError for anything else."""
    if isinstance(bytes_or_text, str):
        return bytes_or_text.encode(encoding)
    if isinstance(bytes_or_text, (bytes, bytearray)):
        return bytes(bytes_or_text)
    raise TypeError(f"expected bytes or text, not {bytes_or_text!r}")


def as_text(bytes_or_text: Any, encoding: str = "utf-8") -> str:
    """Text for bytes, decoded, and for text; TypeError for anything else."""
    if isinstance(bytes_or_text, str):
        return bytes_or_text
    if isinstance(bytes_or_text, bytes):
        return bytes_or_text.decode(encoding)
    raise TypeError(f"expected bytes or text, not {bytes_or_text!r}")


as_str = as_text


def as_str_any(value: Any) -> str:
    """Text for bytes, else `str(value)`."""
    return as_str(value) if isinstance(value, bytes) else str(value)


def path_to_str(path: Any) -> Any:
    """A path object as text; anything else as it is."""
    return os.fspath(path) if hasattr(path, "__fspath__") else path


def dimension_value(dimension: Any) -> int | None:
    """The size of a Dimension, None where it is unknown; a number as it is."""
    return dimension.value if isinstance(dimension, Dimension) else dimension
