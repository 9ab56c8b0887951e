"""Readers: records of the files whose names come from a queue."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphflow.dtypes import int64, string
from graphflow.errors import GraphError, InvalidArgumentError
from graphflow.io.atomic import translated
from graphflow.io.records import Stream, TFRecordOptions, fixed_records, records
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import NO_GRADIENT, OpDef, define
from graphflow.queues.queues import QueueBase, boxed
from graphflow.store import Store

Records = Iterator[tuple[bytes, bytes]]  # keys and values


class Reading:
    """What a reader has open in a session."""

    def __init__(self, store: Store, open_: Callable[[bytes], Records]) -> None:
        self._open = open_
        self._turn = threading.Condition(store.lock)
        self._busy = False
        self._records: Records | None = None
        self.produced = self.completed = 0

    def read(self, queue: Any) -> tuple[bytes, bytes]:
        """(key, value) of the next record; the next file's name is taken from the queue when one has ended."""
        while self._busy:  # another run waits for a name
            self._turn.wait()
        self._busy = True
        try:
            while True:
                if self._records is None:
                    name = queue.dequeue(1)[0][0].item()
                    self._records = self._open(name)
                found = next(self._records, None)
                if found is not None:
                    self.produced += 1
                    return found
                self._records = None
                self.completed += 1
        except BaseException:
            self._records = None
            raise
        finally:
            self._busy = False
            self._turn.notify_all()

    def read_up_to(self, queue: Any, count: int) -> list[tuple[bytes, bytes]]:
        """Records of one file, at least one."""
        found = [self.read(queue)]
        while len(found) < count and self._records is not None:
            more = next(self._records, None)
            if more is None:
                self._records = None
                self.completed += 1
                break
            self.produced += 1
            found.append(more)
        return found

    def reset(self) -> None:
        """Start again with a new file."""
        self._records = None
        self.produced = self.completed = 0

    def cancel(self) -> None:
        self._turn.notify_all()


# -- what is in a file -------------------------------------------------------------------------------------------------
def _lines(name: bytes, skip: int) -> Records:
    for number, line in enumerate(Stream(name).lines(), 1):
        if number > skip:
            yield name + b":%d" % number, line


def _whole(name: bytes) -> Records:
    try:
        with open(name, "rb") as file:
            yield name, file.read()
    except OSError as error:
        raise translated(error, os.fsdecode(name)) from None


def _records(name: bytes, compression: str) -> Records:
    at = 0
    for record in records(name, compression):
        yield name + b":%d" % at, record
        at += len(record) + 16  # two checksums and a length around it


def _fixed(name: bytes, size: int, header: int, footer: int, hop: int, compression: str) -> Records:
    for number, record in enumerate(fixed_records(name, size, header, footer, hop, compression, whole=False)):
        yield name + b":%d" % number, record


def _identity(name: bytes) -> Records:
    yield name, name


def _kind(name: str, make: Callable[..., Callable[[bytes], Records]]) -> OpDef:
    return define(
        name, "", lambda **_: ((), string), lambda held, **_: boxed(held), stateful=True,
        holds=lambda store, **attrs: Reading(store, make(**attrs)),
    )  # fmt: skip


TEXT_LINES = _kind("TextLineReaderV2", lambda skip: lambda name: _lines(name, skip))
WHOLE_FILES = _kind("WholeFileReaderV2", lambda: _whole)
TF_RECORDS = _kind("TFRecordReaderV2", lambda compression: lambda name: _records(name, compression))
FIXED_LENGTH = _kind("FixedLengthRecordReaderV2", lambda **how: lambda name: _fixed(name, **how))
IDENTITIES = _kind("IdentityReaderV2", lambda: _identity)


def _read(handle: np.ndarray, queue: np.ndarray) -> list[np.ndarray]:
    return [boxed(part) for part in handle.item().read(queue.item())]


def _read_up_to(handle: np.ndarray, queue: np.ndarray, count: np.ndarray) -> list[np.ndarray]:
    if count <= 0:
        raise InvalidArgumentError.because(f"{count} records cannot be read")
    found = handle.item().read_up_to(queue.item(), int(count))
    columns = []
    for part in (0, 1):
        column = np.empty(len(found), object)
        column[:] = [record[part] for record in found]
        columns.append(column)
    return columns


READ = define(
    "ReaderReadV2", "reader:string queue:string", lambda *_: [((), string), ((), string)], _read,
    vjp=NO_GRADIENT, stateful=True, blocks=True,
)  # fmt: skip
READ_UP_TO = define(
    "ReaderReadUpToV2", "reader:string queue:string count:int64", lambda *_: [((None,), string), ((None,), string)],
    _read_up_to, vjp=NO_GRADIENT, stateful=True, blocks=True,
)  # fmt: skip


def _reset(reader: np.ndarray) -> tuple:
    reader.item().reset()
    return ()


RESET = define("ReaderResetV2", "reader:string", lambda reader: [], _reset, stateful=True)
PRODUCED = define("ReaderNumRecordsProducedV2", "reader:string", lambda reader: ((), int64),
                  lambda reader: reader.item().produced, stateful=True)  # fmt: skip
COMPLETED = define("ReaderNumWorkUnitsCompletedV2", "reader:string", lambda reader: ((), int64),
                   lambda reader: reader.item().completed, stateful=True)  # fmt: skip


class ReaderBase:
    """What all readers can do.  `queue` has the names of the files."""

    def __init__(self, reader_ref: Tensor, supports_serialize: bool = False) -> None:
        self._reader_ref = reader_ref
        self.supports_serialize = supports_serialize

    @property
    def reader_ref(self) -> Tensor:
        return self._reader_ref

    def read(self, queue: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
        """(key, value) of the next record; waits for the name of a file.

        Raises: OutOfRangeError when run and the queue is closed and empty, NotFoundError for a file that is missing.
        """
        key, value = READ(self._reader_ref, _ref(queue), name=name)
        return key, value

    def read_up_to(self, queue: Any, num_records: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
        """Keys and values [n] of the next records, `num_records` at most, all of one file."""
        keys, values = READ_UP_TO(self._reader_ref, _ref(queue), num_records, name=name)
        return keys, values

    def num_records_produced(self, name: str | None = None) -> Tensor:
        return PRODUCED(self._reader_ref, name=name)

    def num_work_units_completed(self, name: str | None = None) -> Tensor:
        """How many files have been read to their end."""
        return COMPLETED(self._reader_ref, name=name)

    def reset(self, name: str | None = None) -> Operation:
        """Forget the file that is open."""
        return RESET(self._reader_ref, name=name)


def _ref(queue: Any) -> Any:
    return queue.queue_ref if isinstance(queue, QueueBase) else queue


class TextLineReader(ReaderBase):
    """Lines without their ends; the key is `file:line`, counted from 1."""

    def __init__(self, skip_header_lines: int | None = None, name: str | None = None) -> None:
        super().__init__(TEXT_LINES(skip=int(skip_header_lines or 0), name=name))


class WholeFileReader(ReaderBase):
    """Whole files; the key is the name."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(WHOLE_FILES(name=name), supports_serialize=True)


class IdentityReader(ReaderBase):
    """The names themselves, as keys and as values."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(IDENTITIES(name=name), supports_serialize=True)


class TFRecordReader(ReaderBase):
    """The records of TFRecord files; the key is `file:byte`."""

    def __init__(self, name: str | None = None, options: Any = None) -> None:
        compression = TFRecordOptions.get_compression_type_string(options)
        super().__init__(TF_RECORDS(compression=compression, name=name))


class FixedLengthRecordReader(ReaderBase):
    """Records of one size, between a header and a footer; `hop_bytes` from the start of one to that of the next."""

    def __init__(
        self, record_bytes: int, header_bytes: int | None = None, footer_bytes: int | None = None,
        hop_bytes: int | None = None, name: str | None = None, encoding: str | None = None,
    ) -> None:  # fmt: skip
        if record_bytes <= 0 or min(header_bytes or 0, footer_bytes or 0, hop_bytes or 0) < 0:
            raise GraphError("records have at least one byte, and nothing around them has less than none")
        how = {"size": record_bytes, "header": header_bytes or 0, "footer": footer_bytes or 0,
               "hop": hop_bytes or record_bytes, "compression": (encoding or "").upper()}  # fmt: skip
        super().__init__(FIXED_LENGTH(name=name, **how))
