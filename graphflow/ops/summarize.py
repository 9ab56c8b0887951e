"""Arrays as text: `[[1 2][3...]...]` as Print and Assert show them, `[[0 1 2 ... 7 8 9]]` as print does."""

from __future__ import annotations

from typing import Any

import numpy as np


def summarized(array: np.ndarray, limit: int) -> str:
    """At most `limit` elements (all for a negative limit) in brackets, `...` where some are left out."""
    most = array.size if limit < 0 else limit
    rows = "".join(_rows(array, [_element(v) for v in array.reshape(-1)[:most]], 0)[0])
    return f"[{rows}...]" if array.size > most else f"[{rows}]"


def shortened(array: np.ndarray, edge: int) -> str:
    """Nested as NumPy writes arrays; of each axis the first and the last `edge` items, all for a negative number."""
    return _nested(array, edge, array.ndim)


def _nested(array: np.ndarray, edge: int, rank: int) -> str:
    if array.ndim == 0:
        value = array.item() if array.dtype == object else array[()]
        return f'"{_element(value)}"' if rank and isinstance(value, bytes) else _element(value)
    if array.size == 0:
        return "[]"
    n = len(array)
    cut = 0 <= 2 * edge < n
    shown = [_nested(array[i, ...], edge, rank) for i in (range(n) if not cut else [*range(edge), *range(n - edge, n)])]
    if cut:
        shown.insert(edge, "...")
    between = " " if array.ndim == 1 else "\n" * (array.ndim - 1) + " " * (rank - array.ndim + 1)
    return "[" + between.join(shown) + "]"


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
