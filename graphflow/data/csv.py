"""Datasets of CSV files."""

from __future__ import annotations

import csv
import glob
import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphflow.data.batches import Lenient
from graphflow.data.files import compression_of
from graphflow.data.public import Dataset
from graphflow.data.sources import Files
from graphflow.dtypes import DType, as_dtype, bool_, float32, float64, int32, int64, string
from graphflow.errors import GraphError
from graphflow.io.records import Stream, TFRecordOptions
from graphflow.operation import Tensor
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.files import decode_csv

_INFERRED = (int32, int64, float32, float64, string)


def _rows(name: bytes, compression: bytes, header: bool, quoted: bool) -> Iterator[bytes]:
    """The rows of a file; one goes on in the next line while a quote is open."""
    lines = Stream(name, compression.decode()).lines()
    for line in itertools.islice(_whole(lines) if quoted else lines, int(header), None):
        if line:
            yield line


def _whole(lines: Iterator[bytes]) -> Iterator[bytes]:
    for line in lines:
        while line.count(b'"') % 2:
            more = next(lines, None)
            if more is None:
                break
            line += b"\n" + more
        yield line


def _default(value: Any) -> Tensor:
    """A default of decode_csv; a dtype makes the column required."""
    if isinstance(value, (DType, type, str)) and not isinstance(value, bytes):
        try:
            return convert_to_tensor(np.empty(0, as_dtype(value).dtype), as_dtype(value))
        except TypeError:
            pass
    return convert_to_tensor(value)


class CsvDataset(Dataset):
    """The rows of CSV files: a tuple with a scalar for each column.

    record_defaults   for each column a dtype, which makes it required, or the value of an empty field
    Raises: InvalidArgumentError when run for a row that does not fit.
    """

    def __init__(
        self, filenames: Any, record_defaults: Sequence[Any], compression_type: Any = None, buffer_size: Any = None,
        header: Any = False, field_delim: str = ",", use_quote_delim: bool = True, na_value: str = "",
        select_cols: Sequence[int] | None = None,
    ) -> None:  # fmt: skip
        defaults = [_default(value) for value in record_defaults]
        options = compression_of(compression_type), convert_to_tensor(header, bool_), convert_to_tensor(use_quote_delim)
        rows = Dataset(Files(filenames, _rows, *options))
        columns = rows.map(lambda row: tuple(
            decode_csv(row, defaults, field_delim, use_quote_delim, na_value=na_value, select_cols=select_cols)
        ))  # fmt: skip
        super().__init__(columns._base)


def make_csv_dataset(
    file_pattern: Any, batch_size: int, column_names: Sequence[str] | None = None,
    column_defaults: Sequence[Any] | None = None, label_name: str | None = None,
    select_columns: Sequence[Any] | None = None, field_delim: str = ",", use_quote_delim: bool = True,
    na_value: str = "", header: bool = True, num_epochs: int | None = None, shuffle: bool = True,
    shuffle_buffer_size: int = 10000, shuffle_seed: int | None = None, prefetch_buffer_size: int | None = None,
    num_parallel_reads: int | None = None, sloppy: bool = False, num_rows_for_inference: int | None = 100,
    compression_type: Any = None, ignore_errors: bool = False,
) -> Dataset:  # fmt: skip
    """Batches of the rows of CSV files: dicts of columns by name, or (dict, label column).

    column_defaults   for each column that is selected, as for CsvDataset; from the first rows when None
    Raises: ValueError for files that are missing, and for columns that are not there.
    """
    names = _files(file_pattern)
    if column_names is None:
        if not header:
            raise GraphError("files without a header need column_names")
        column_names = next(_parsed(names[0], compression_type, field_delim, use_quote_delim))
    columns = list(column_names)
    if len(set(columns)) != len(columns):
        raise GraphError(f"column names occur twice: {columns}")
    chosen = sorted(_positions(select_columns, columns)) if select_columns is not None else list(range(len(columns)))
    if column_defaults is None:
        rows = itertools.chain.from_iterable(
            itertools.islice(_parsed(name, compression_type, field_delim, use_quote_delim), int(header), None)
            for name in names
        )
        column_defaults = _inferred(itertools.islice(rows, num_rows_for_inference), len(columns), chosen, na_value)
    if len(column_defaults) != len(chosen):
        raise GraphError(f"{len(column_defaults)} defaults do not go with {len(chosen)} columns")
    chosen_names = [columns[i] for i in chosen]
    if label_name is not None and label_name not in chosen_names:
        raise GraphError(f"the label {label_name!r} is none of the columns {chosen_names}")
    order = Dataset.from_tensor_slices(names)
    if shuffle:
        order = order.shuffle(len(names), shuffle_seed)
    data: Dataset = CsvDataset(order, column_defaults, compression_type, None, header, field_delim, use_quote_delim,
                               na_value, chosen if len(chosen) < len(columns) else None)  # fmt: skip
    if ignore_errors:
        data = Dataset(Lenient(data._base))
    if shuffle:
        data = data.shuffle(shuffle_buffer_size, shuffle_seed)
    if num_epochs != 1:
        data = data.repeat(num_epochs)

    def named(*values: Tensor) -> Any:
        features = dict(zip(chosen_names, values, strict=True))
        return features if label_name is None else (features, features.pop(label_name))

    batches = data.batch(batch_size, drop_remainder=num_epochs is None).map(named)
    return batches.prefetch(1 if prefetch_buffer_size is None else prefetch_buffer_size)


def _files(patterns: Any) -> list[str]:
    several = [patterns] if isinstance(patterns, (str, bytes, os.PathLike)) else patterns
    found = [path for pattern in several for path in glob.glob(os.fsdecode(pattern))]
    if not found:
        raise GraphError(f"no files fit {patterns!r}")
    return sorted(found)


def _parsed(name: str, compression: Any, delimiter: str, quoted: bool) -> Iterator[list[str]]:
    kind = TFRecordOptions.get_compression_type_string(compression)
    lines = _whole(Stream(name, kind).lines()) if quoted else Stream(name, kind).lines()
    quoting: Any = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    return csv.reader((line.decode() for line in lines if line), delimiter=delimiter, quoting=quoting)


def _positions(select: Sequence[Any], columns: list[str]) -> list[int]:
    """The numbers of columns that are given by name or number."""
    found = []
    for one in select:
        if isinstance(one, str) and one not in columns or not isinstance(one, str) and not 0 <= one < len(columns):
            raise GraphError(f"there is no column {one!r} among {columns}")
        found.append(columns.index(one) if isinstance(one, str) else int(one))
    if len(set(found)) != len(found):
        raise GraphError(f"columns are selected twice: {list(select)}")
    return found


def _inferred(rows: Iterator[list[str]], width: int, chosen: list[int], na_value: str) -> list[Tensor]:
    """For each column zero or an empty string, of the narrowest dtype that its first rows fit."""
    best = [0] * len(chosen)
    for row in rows:
        if len(row) != width:
            raise GraphError(f"a row has {len(row)} fields, and {width} are expected: {row}")
        for i, column in enumerate(chosen):
            while row[column] not in ("", na_value) and not _fits(row[column], _INFERRED[best[i]]):
                best[i] += 1
    dtypes = [_INFERRED[kind] for kind in best]
    return [convert_to_tensor([b"" if dtype is string else 0], dtype) for dtype in dtypes]


def _fits(text: str, dtype: DType) -> bool:
    if dtype is string:
        return True
    try:
        if dtype.is_integer:
            return int(dtype.min) <= int(text) <= int(dtype.max)
        value = float(text)
    except ValueError:
        return False
    return dtype is float64 or not np.isinf(np.float32(value)) or np.isinf(value)
