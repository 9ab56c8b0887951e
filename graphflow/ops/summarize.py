"""The first elements of an array as TensorFlow's Print and Assert show them: `[[1 2][3...]...]`."""

from __future__ import annotations

from typing import Any

import numpy as np


def summarized(array: np.ndarray, limit: int) -> str:
    """At most `limit` elements (all for a negative limit) in brackets, `...` where some are left out."""
    most = array.size if limit < 0 else limit
    rows = "".join(_rows(array, [_element(v) for v in array.reshape(-1)[:most]], 0)[0])
    return f"[{rows}...]" if array.size > most else f"[{rows}]"


def _rows(array: np.ndarray, texts: list[str], start: int) -> tuple[list[str], int]:
    """(the text of a part of an array whose first element is number `start`, the number of the one after it)."""
    if array.ndim == 0:
        return texts[start : start + 1], start + 1
    if array.ndim == 1:
        shown = texts[start : start + array.size]
        return [" ".join(shown)], start + array.size
    parts: list[str] = []
    for row in array:
        if start >= len(texts) and array.size:
            break
        inner, after = _rows(row, texts, start)
        cut = "..." if row.ndim == 1 and after > len(texts) else ""
        parts += ["[", *inner, cut, "]"]
        start = after
    return parts, start


def _element(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    if isinstance(value, np.complexfloating):
        return f"({_element(value.real)},{_element(value.imag)})"
    if isinstance(value, np.floating):  # as few digits as give the number back, of two precisions
        few, many = (15, 17) if value.dtype == np.float64 else (6, 9)
        text = f"{float(value):.{few}g}"
        return text if type(value)(text) == value or value != value else f"{float(value):.{many}g}"
    return str(value)
