"""Datasets of what is in files."""

from __future__ import annotations

from typing import Any

from graphflow.data.base import number
from graphflow.data.public import Dataset
from graphflow.data.sources import Files
from graphflow.dtypes import string
from graphflow.errors import GraphError
from graphflow.io.records import Stream, TFRecordOptions, fixed_records, records
from graphflow.operation import Tensor
from graphflow.ops.define import convert_to_tensor


def compression_of(value: Any) -> Tensor:
    """The name of a compression as a tensor."""
    if isinstance(value, TFRecordOptions):
        value = TFRecordOptions.get_compression_type_string(value)
    return convert_to_tensor("" if value is None else value, string)


class TextLineDataset(Dataset):
    """The lines of text files, without their ends.   compression_type: "", "GZIP" or "ZLIB"."""

    def __init__(
        self, filenames: Any, compression_type: Any = None, buffer_size: Any = None, num_parallel_reads: Any = None
    ) -> None:
        super().__init__(Files(filenames, _lines, compression_of(compression_type)))


def _lines(name: bytes, compression: bytes) -> Any:
    return Stream(name, compression.decode()).lines()


class TFRecordDataset(Dataset):
    """The records of TFRecord files.   Raises: DataLossError when run and a file is damaged."""

    def __init__(
        self, filenames: Any, compression_type: Any = None, buffer_size: Any = None, num_parallel_reads: Any = None
    ) -> None:
        super().__init__(Files(filenames, _records, compression_of(compression_type)))


def _records(name: bytes, compression: bytes) -> Any:
    return records(name, compression.decode())


class FixedLengthRecordDataset(Dataset):
    """Records of one size, between a header and a footer of each file."""

    def __init__(
        self, filenames: Any, record_bytes: Any, header_bytes: Any = None, footer_bytes: Any = None,
        buffer_size: Any = None, compression_type: Any = None, num_parallel_reads: Any = None,
    ) -> None:  # fmt: skip
        sizes = [number(v or 0) if isinstance(v, (int, type(None))) else v
                 for v in (record_bytes, header_bytes, footer_bytes)]  # fmt: skip
        super().__init__(Files(filenames, _fixed, *sizes, compression_of(compression_type)))


def _fixed(name: bytes, size: int, header: int, footer: int, compression: bytes) -> Any:
    if size < 1 or header < 0 or footer < 0:
        raise GraphError(f"a record has at least one byte, not {size}")
    return fixed_records(name, size, header, footer, size, compression.decode())
