"""Checkpoints that another program writes, one after another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from graphflow import logging
from graphflow.train.checkpoint_state import latest_checkpoint


def wait_for_new_checkpoint(
    checkpoint_dir: Any, last_checkpoint: str | None = None, seconds_to_sleep: float = 1, timeout: float | None = None
) -> str | None:
    """The latest checkpoint of a folder, once it is another than last_checkpoint; None after `timeout` seconds."""
    until = None if timeout is None else time.time() + timeout
    while True:
        found = latest_checkpoint(checkpoint_dir)
        if found is not None and found != last_checkpoint:
            return found
        if until is not None and time.time() + seconds_to_sleep > until:
            return None
        time.sleep(seconds_to_sleep)


def checkpoints_iterator(
    checkpoint_dir: Any, min_interval_secs: float = 0, timeout: float | None = None,
    timeout_fn: Callable[[], bool] | None = None,
) -> Iterator[str]:  # fmt: skip
    """Each new checkpoint of a folder, as it comes.

    min_interval_secs   the least time between two
    timeout             after so many seconds without one it ends, unless timeout_fn says False
    """
    path = None
    while True:
        new = wait_for_new_checkpoint(checkpoint_dir, path, timeout=timeout)
        if new is None:
            if timeout_fn is None or timeout_fn():
                logging.info("no new checkpoint in %s for %s seconds", checkpoint_dir, timeout)
                return
            continue
        path, start = new, time.time()
        yield path
        time.sleep(max(0.0, start + min_interval_secs - time.time()))
