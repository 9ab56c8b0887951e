"""A bar for work that turns out to be long."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

_PATIENCE = 0.5  # seconds of work without a bar


def progress(items: Sequence[T], what: str) -> Iterator[T]:
    """The items.  After half a second of work on them, a terminal shows how many are done, where tqdm is installed."""
    begin, bar = time.perf_counter(), None
    try:
        for done, item in enumerate(items):
            if bar is not None:
                bar.update()
            elif done and time.perf_counter() - begin > _PATIENCE:
                bar, begin = _bar(len(items), done, what), float("inf")
            yield item
    finally:
        if bar is not None:
            bar.close()


def _bar(total: int, done: int, what: str) -> Any:
    if not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ImportError:  # the extra `progress`, which nothing but this needs
        return None
    return tqdm(total=total, initial=done, desc=f"graphflow: {what}", leave=False)
