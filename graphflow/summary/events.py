"""Event files: TFRecord files of events."""

from __future__ import annotations

import itertools
import os
import socket
import struct
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

from graphflow.errors import DataLossError
from graphflow.io.atomic import translated
from graphflow.io.records import TFRecordWriter, tf_record_iterator
from graphflow.io.wire import FIXED64, VARINT, WireError, block, key, varint
from graphflow.summary_protos import Event

_VERSION = "brain.Event:2"
_WALL_TIME, _STEP = key(1, FIXED64), key(2, VARINT)
_numbers = itertools.count()
_Waiting = bytes | tuple[float, int, bytes]  # an event, or time, step and summary of one


class EventsWriter:
    """A new event file in a folder, `events.out.tfevents.*`.

    max_queue, flush_secs  what is written reaches the file when so many events wait, or when so long after the last
                           time another comes
    """

    def __init__(self, folder: str, max_queue: int, flush_secs: float, suffix: str) -> None:
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_numbers)}"
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise translated(error, folder) from None
        self._file, self._waiting = TFRecordWriter(os.path.join(folder, name + suffix)), list[_Waiting]()
        self.close = weakref.finalize(self, _finish, self._file, self._waiting)  # also at the end of the process
        self._max_queue, self._flush_secs = max_queue, flush_secs
        self._next_flush = 0.0  # so that the first event is written at once
        self._lock = threading.RLock()
        self.write(Event(wall_time=time.time(), file_version=_VERSION))

    def write(self, event: Event) -> None:
        """Add an event at the end."""
        self._write(event.SerializeToString())

    def append(self, wall_time: float, step: int, summary: bytes) -> None:
        """As write(Event(wall_time=..., step=..., summary=...)), for the bytes of a summary."""
        self._write((wall_time, int(step), summary))

    def _write(self, event: _Waiting) -> None:
        with self._lock:
            self._waiting.append(event)  # together they take a fifth of the time: caches have what writes them then
            if len(self._waiting) > self._max_queue or time.monotonic() > self._next_flush:
                self.flush()

    def flush(self) -> None:
        """Let the file have everything."""
        with self._lock:
            _put(self._file, self._waiting)
            self._file.flush()
            self._next_flush = time.monotonic() + self._flush_secs


def _put(file: TFRecordWriter, waiting: list[_Waiting]) -> None:
    file.write_all([event if isinstance(event, bytes) else _encoded(*event) for event in waiting])
    waiting.clear()


def _encoded(wall_time: float, step: int, summary: bytes) -> bytes:
    return _WALL_TIME + struct.pack("<d", wall_time) + _STEP + varint(step) + block(5, summary)


def _finish(file: TFRecordWriter, waiting: list[_Waiting]) -> None:
    try:
        _put(file, waiting)
    finally:
        file.close()


def summary_iterator(path: Any) -> Iterator[Event]:
    """The events of a file, one after the other.

    Raises: NotFoundError and the like for a file that cannot be read, DataLossError where it is damaged or cut off, or
            has a record that is no event.
    """
    records = tf_record_iterator(path)

    def event(number: int, record: bytes) -> Event:
        try:
            return Event.FromString(record)
        except WireError as error:
            raise DataLossError.because(f"{os.fsdecode(path)}: record {number}: {error}") from None

    return itertools.starmap(event, enumerate(records))
