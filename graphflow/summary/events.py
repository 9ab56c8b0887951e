"""Event files: events in TFRecord framing, a record each."""

from __future__ import annotations

import itertools
import os
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from graphflow.errors import DataLossError
from graphflow.io.atomic import translated
from graphflow.io.crc32c import crc32c, masked
from graphflow.summary_protos import Event

_VERSION = "brain.Event:2"
_numbers = itertools.count()


def _checked(data: bytes) -> bytes:
    return data + masked(crc32c(data)).to_bytes(4, "little")


def framed(record: bytes) -> bytes:
    """A record as the file has it: its length and itself, each with a checksum behind it."""
    return _checked(len(record).to_bytes(8, "little")) + _checked(record)


class EventsWriter:
    """A new event file in a folder, `events.out.tfevents.*`.

    max_queue, flush_secs  what is written reaches the file when so many events wait, or when so long after the last
                           time another comes
    """

    def __init__(self, folder: str, max_queue: int, flush_secs: float, suffix: str) -> None:
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_numbers)}"
        self.path = os.path.join(folder, name + suffix)
        try:
            os.makedirs(folder, exist_ok=True)
            self._file = open(self.path, "xb")  # noqa: SIM115
        except OSError as error:
            raise translated(error, self.path) from None
        self._close = weakref.finalize(self, self._file.close)  # also at the end of the process
        self._max_queue, self._flush_secs = max_queue, flush_secs
        self._waiting, self._next_flush = 0, time.monotonic() + flush_secs
        self._lock = threading.Lock()
        self.write(Event(wall_time=time.time(), file_version=_VERSION))
        self.flush()

    def write(self, event: Event) -> None:
        """Add an event at the end."""
        data = framed(event.SerializeToString())
        with self._lock:
            self._do(lambda: self._file.write(data))
            self._waiting += 1
            due = self._waiting > self._max_queue or time.monotonic() > self._next_flush
        if due:
            self.flush()

    def flush(self) -> None:
        """Let the file have everything."""
        with self._lock:
            self._do(self._file.flush)
            self._waiting, self._next_flush = 0, time.monotonic() + self._flush_secs

    def close(self) -> None:
        """Let the file have everything, and close it."""
        self.flush()
        self._close()

    def _do(self, part: Callable[[], object]) -> None:
        try:
            part()
        except OSError as error:
            raise translated(error, self.path) from None


def summary_iterator(path: Any) -> Iterator[Event]:
    """The events of a file, one after the other.

    Raises: NotFoundError and the like for a file that cannot be read, DataLossError where it is damaged or cut off.
    """
    name = os.fsdecode(path)
    try:
        file = open(name, "rb")  # noqa: SIM115
    except OSError as error:
        raise translated(error, name) from None
    with file:
        at = 0
        while head := file.read(12):
            size = int.from_bytes(head[:8], "little")
            if len(head) < 12 or _checked(head[:8]) != head:
                raise DataLossError.because(f"{name}: at byte {at}: the length of a record is damaged or cut off")
            data = file.read(size + 4)
            if len(data) < size + 4 or _checked(data[:-4]) != data:
                raise DataLossError.because(f"{name}: at byte {at}: the data of a record are damaged or cut off")
            yield Event.FromString(data[:-4])
            at += 16 + size
