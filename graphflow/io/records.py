"""TFRecord files: a length, its checksum, the data, their checksum, again and again."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, BinaryIO, ClassVar

import numpy as np

from graphflow.backends import called_alone
from graphflow.errors import DataLossError, FailedPreconditionError, InvalidArgumentError
from graphflow.io.atomic import translated
from graphflow.io.crc32c import extended, masked, tables

_CHUNK = 1 << 20
_BATCH = 4096


class TFRecordCompressionType:
    """How a file is compressed."""

    NONE, ZLIB, GZIP = 0, 1, 2


class TFRecordOptions:
    """How a file is compressed: "", "GZIP" or "ZLIB", a TFRecordCompressionType, or other options."""

    compression_type_map: ClassVar = {0: "", 1: "ZLIB", 2: "GZIP"}

    def __init__(
        self, compression_type: Any = None, flush_mode: Any = None, input_buffer_size: Any = None,
        output_buffer_size: Any = None, window_bits: Any = None, compression_level: Any = None,
        compression_method: Any = None, mem_level: Any = None, compression_strategy: Any = None,
    ) -> None:  # fmt: skip
        self.get_compression_type_string(compression_type)
        self.compression_type = compression_type
        self.compression_level = compression_level

    @classmethod
    def get_compression_type_string(cls, options: Any) -> str:
        """The name of the compression.   Raises: ValueError for what is none."""
        if isinstance(options, TFRecordOptions):
            return cls.get_compression_type_string(options.compression_type)
        if options is None:
            return ""
        name = cls.compression_type_map.get(options, options) if isinstance(options, int) else options
        if name not in ("", "GZIP", "ZLIB"):
            raise ValueError(f"the compression of a file is '', 'GZIP' or 'ZLIB', not {options!r}")
        return name


class TFRecordWriter:
    """Writes records to a file."""

    def __init__(self, path: Any, options: Any = None) -> None:
        kind = TFRecordOptions.get_compression_type_string(options)
        level = getattr(options, "compression_level", None)
        self._path = os.fsdecode(path)
        try:
            self._file: BinaryIO | None = open(self._path, "wb")  # noqa: SIM115
        except OSError as error:
            raise translated(error, self._path) from None
        self._packed = None
        if kind:
            self._packed = zlib.compressobj(-1 if level is None else level, wbits=31 if kind == "GZIP" else 15)

    def write(self, record: Any) -> None:
        """Add a record: bytes, or text as UTF-8."""
        self.write_all([record.encode() if isinstance(record, str) else bytes(record)])

    def write_all(self, records: Sequence[bytes]) -> None:
        """Add some records."""
        if self._file is None:
            raise FailedPreconditionError.because(f"{self._path} is closed")
        data = framed(records)
        try:
            self._file.write(self._packed.compress(data) if self._packed else data)
        except OSError as error:
            raise translated(error, self._path) from None

    def flush(self) -> None:
        """Hand over to the system what has been written."""
        if self._file is not None:
            try:
                if self._packed:
                    self._file.write(self._packed.flush(zlib.Z_SYNC_FLUSH))
                self._file.flush()
            except OSError as error:
                raise translated(error, self._path) from None

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            file, self._file = self._file, None
            try:
                with file:
                    if self._packed:
                        file.write(self._packed.flush())
            except OSError as error:
                raise translated(error, self._path) from None

    def __enter__(self) -> TFRecordWriter:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_file", None) is not None:
            self.close()


def put_number(out, at, size, value):  # type: ignore
    """Write the lowest bytes of a number, the lowest one first."""
    for i in range(size):
        out[at + i] = value >> np.int64(8 * i) & 0xFF


def frame_records(data, table, stops, out, n, tid, nthreads):  # type: ignore
    """Write n records as files have them; each begins in the data where the one before stops."""
    at: Any = 0
    start: Any = 0
    for k in range(n):
        stop = stops[k]
        put_number(out, at, 8, stop - start)
        put_number(out, at + 8, 4, masked(extended(out, table, 0, at, at + 8)))
        at += 12
        for i in range(start, stop):
            out[at + i - start] = data[i]
        at += stop - start
        put_number(out, at, 4, masked(extended(data, table, 0, start, stop)))
        at += 4
        start = stop


def framed(records: Sequence[bytes]) -> bytes:
    """Records as files have them."""
    data = np.frombuffer(b"".join(records), np.uint8)
    out = np.empty(len(data) + 16 * len(records), np.uint8)
    stops = np.cumsum([len(record) for record in records], dtype=np.int64)
    frame = called_alone(frame_records, ("uint8", "int64", "int64", "uint8"), 1)
    frame((data, tables(), stops, out), len(records))
    return out.tobytes()


# -- reading -----------------------------------------------------------------------------------------------------------
class Stream:
    """The decompressed bytes of a file, in order.   Raises: NotFoundError; DataLossError for damaged compression."""

    def __init__(self, path: Any, compression: str = "") -> None:
        self.path = os.fsdecode(path)
        if compression not in ("", "GZIP", "ZLIB"):
            raise InvalidArgumentError.because(f"a file is compressed by '', 'GZIP' or 'ZLIB', not {compression!r}")
        try:
            self._file: Any = gzip.open(path, "rb") if compression == "GZIP" else open(path, "rb")  # noqa: SIM115
        except OSError as error:
            raise translated(error, self.path) from None
        self._inflate = zlib.decompressobj() if compression == "ZLIB" else None
        self._left = b""
        self.position = 0

    def read(self, size: int) -> bytes:
        """The next bytes, fewer at the end."""
        parts = [self._left[:size]]
        self._left = self._left[size:]
        have = len(parts[0])
        while have < size:
            more = self._more(min(size - have, _CHUNK))  # a claimed length is no reason to ask for memory
            if not more:
                break
            parts.append(more[: size - have])
            self._left = more[size - have :]
            have += len(parts[-1])
        self.position += have
        return b"".join(parts)

    def _more(self, size: int) -> bytes:
        try:
            if self._inflate is None:
                return self._file.read(size)
            while not self._inflate.eof:
                data = self._inflate.unconsumed_tail or self._file.read(size)
                made = self._inflate.decompress(data, _CHUNK)
                if made:
                    return made
                if not data:
                    raise zlib.error("the stream is cut off")
            return b""
        except IsADirectoryError as error:
            raise FailedPreconditionError.because(f"{self.path}: {error.strerror}") from None
        except (zlib.error, EOFError, OSError) as error:
            raise DataLossError.because(f"{self.path}: after byte {self.position}: {error}") from None

    def lines(self) -> Iterator[bytes]:
        """The lines, without their ends and without carriage returns."""
        rest = b""
        with closing(self):
            while data := self.read(_CHUNK):
                *whole, rest = (rest + data).split(b"\n")
                for line in whole:
                    yield line.replace(b"\r", b"")
            if rest:
                yield rest.replace(b"\r", b"")

    def close(self) -> None:
        self._file.close()


def little_endian(data, at, size):  # type: ignore
    """The number in data[at:at + size], lowest byte first."""
    value = np.int64(0)
    for i in range(size):
        value |= np.int64(data[at + i]) << np.int64(8 * i)
    return value


def find_records(data, table, starts, stops, state, size, limit, tid, nthreads):  # type: ignore
    """Where the whole records in data[:size] begin and end, `limit` at most.

    state   how many there are, where the next one starts, and then what is wrong: 1 a length, 2 the data
    """
    count = 0
    at: Any = 0
    state[2] = 0
    while count < limit and at + 12 <= size:
        length = little_endian(data, at, 8)
        if little_endian(data, at + 8, 4) != masked(extended(data, table, 0, at, at + 8)) or length < 0:
            state[2] = 1
            break
        if length > size - at - 16:
            break
        start = at + 12
        stop = start + length
        if little_endian(data, stop, 4) != masked(extended(data, table, 0, start, stop)):
            state[2] = 2
            break
        starts[count] = start
        stops[count] = stop
        count += 1
        at = stop + 4
    state[0] = count
    state[1] = at


def records(path: Any, compression: str = "") -> Iterator[bytes]:
    """The records of a file.

    Raises: NotFoundError when there is none; DataLossError, with the byte, for a damaged or cut record, after those
            before it.
    """
    stream = Stream(path, compression)
    find = called_alone(find_records, ("uint8", "int64", "int64", "int64", "int64"), 2)
    starts, stops, state = np.empty(_BATCH, np.int64), np.empty(_BATCH, np.int64), np.zeros(3, np.int64)
    try:
        data, offset = b"", 0
        while True:
            more = stream.read(_CHUNK)
            data += more
            found = _BATCH
            while found == _BATCH:
                array = np.frombuffer(data, np.uint8)
                find((array, tables(), starts, stops, state), len(data), _BATCH)
                found, at, wrong = state.tolist()
                for start, stop in zip(starts[:found].tolist(), stops[:found].tolist(), strict=True):
                    yield data[start:stop]
                data, offset = data[at:], offset + at
            if wrong:
                what = "the length" if wrong == 1 else "the data"
                raise DataLossError.because(f"{stream.path}: at byte {offset}: {what} of a record are damaged")
            if not more:
                if data:
                    raise DataLossError.because(f"{stream.path}: at byte {offset}: the file ends within a record")
                return
    finally:
        stream.close()


def fixed_records(
    name: Any, size: int, header: int, footer: int, hop: int, compression: str = "", whole: bool = True
) -> Iterator[bytes]:
    """Records of a fixed size between a header and a footer; each starts `hop` bytes after the one before.

    whole   a rest that is no record is an error; readers leave it out
    """
    data = Stream(name, compression)
    with closing(data):
        content = bytearray(data.read(header))
        if len(content) < header:
            raise InvalidArgumentError.because(f"{data.path}: the file is shorter than its header of {header} bytes")
        window, number = b"", 0
        while True:
            window += data.read(size + footer - len(window))
            if len(window) < size + footer:
                break
            yield window[:size]
            number += 1
            skipped = data.read(hop - len(window)) if hop > len(window) else b""
            if hop > len(window) and len(skipped) < hop - len(window):
                return
            window = window[hop:]
        rest = len(window) - footer
        if whole and (rest > 0 and hop == size or rest < 0):
            raise InvalidArgumentError.because(f"{data.path}: after {number} records of {size} bytes {rest} are left")


def tf_record_iterator(path: Any, options: Any = None) -> Iterator[bytes]:
    """The records of a file, which is opened at once.   Raises: NotFoundError, DataLossError."""
    kind = TFRecordOptions.get_compression_type_string(options)
    Stream(path, kind).close()
    return records(path, kind)
