"""Threads that stop together."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from graphflow.errors import OutOfRangeError


class Coordinator:
    """Lets threads ask each other to stop, and carries the first error of one to who joins them.

    clean_stop_exception_types   exceptions that stop the threads and are no errors; OutOfRangeError by default
    """

    def __init__(self, clean_stop_exception_types: tuple[type[BaseException], ...] | None = None) -> None:
        self._clean = (OutOfRangeError,) if clean_stop_exception_types is None else tuple(clean_stop_exception_types)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._error: tuple[type[BaseException], BaseException, TracebackType | None] | None = None
        self._threads: set[threading.Thread] = set()
        self._joined = False

    def request_stop(self, ex: Any = None) -> None:
        """Ask all threads to stop.

        ex   an exception, or what sys.exc_info() gives: join() raises the first one that is an error
        """
        with self._lock:
            error = (type(ex), ex, ex.__traceback__) if isinstance(ex, BaseException) else ex
            if error is not None and self._joined:
                raise error[1].with_traceback(error[2])
            if not self._stop.is_set():
                if error is not None and not isinstance(error[1], self._clean):
                    self._error = error
                self._stop.set()

    def clear_stop(self) -> None:
        """Forget that threads were asked to stop."""
        with self._lock:
            self._joined = False
            self._error = None
            self._stop.clear()

    def should_stop(self) -> bool:
        """Whether threads were asked to stop."""
        return self._stop.is_set()

    @contextmanager
    def stop_on_exception(self) -> Iterator[None]:
        """An exception inside the block asks all threads to stop; join() raises it."""
        try:
            yield
        except BaseException:
            self.request_stop(sys.exc_info())

    def wait_for_stop(self, timeout: float | None = None) -> bool:
        """Wait until threads are asked to stop, `timeout` seconds at most; whether they are."""
        return self._stop.wait(timeout)

    def register_thread(self, thread: threading.Thread) -> None:
        """Let join() wait for this thread too."""
        with self._lock:
            self._threads.add(thread)

    def join(
        self, threads: Sequence[threading.Thread] | None = None, stop_grace_period_secs: float = 120,
        ignore_live_threads: bool = False,
    ) -> None:  # fmt: skip
        """Wait until the threads have ended; once they were asked to stop, for the grace period at most.

        Raises: the error that stopped the threads; RuntimeError when one goes on.
        """
        with self._lock:
            every = self._threads | set(threads or ())
        while any(t.is_alive() for t in every) and not self._stop.wait(0.05):
            pass
        end = time.monotonic() + stop_grace_period_secs
        for thread in every:
            thread.join(max(0.0, end - time.monotonic()))
        alive = [thread.name for thread in every if thread.is_alive()]
        with self._lock:
            self._joined = True
            self._threads = set()
            error = self._error
        if error is not None:
            raise error[1].with_traceback(error[2])
        if alive and not ignore_live_threads:
            raise RuntimeError(f"the coordinator stopped, and these threads still run: {', '.join(alive)}")

    @property
    def joined(self) -> bool:
        return self._joined

    def raise_requested_exception(self) -> None:
        """Raise the error that stopped the threads, if one did."""
        if self._error is not None:
            raise self._error[1].with_traceback(self._error[2])


class LooperThread(threading.Thread):
    """A thread that calls a function again and again until its coordinator stops.

    timer_interval_secs   seconds from one call to the next; None for no pause
    """

    def __init__(
        self, coord: Coordinator, timer_interval_secs: float | None, target: Callable | None = None, args: Any = None,
        kwargs: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(daemon=True)
        self._coord = coord
        self._interval = timer_interval_secs
        self._call = target
        self._with = (args or (), kwargs or {})
        coord.register_thread(self)

    @staticmethod
    def loop(
        coord: Coordinator, timer_interval_secs: float | None, target: Callable, args: Any = None, kwargs: Any = None
    ) -> LooperThread:
        """A thread that is running already."""
        thread = LooperThread(coord, timer_interval_secs, target, args, kwargs)
        thread.start()
        return thread

    def run(self) -> None:
        with self._coord.stop_on_exception():
            self.start_loop()
            next_time = time.monotonic()
            while not self._coord.wait_for_stop(max(0.0, next_time - time.monotonic()) if self._interval else 0):
                next_time += self._interval or 0
                self.run_loop()
            self.stop_loop()

    def start_loop(self) -> None:
        """Called before the first call."""

    def stop_loop(self) -> None:
        """Called after the last call."""

    def run_loop(self) -> None:
        """One call."""
        if self._call is not None:
            args, kwargs = self._with
            self._call(*args, **kwargs)
