"""Files as tensors, and their contents as numbers: whole files, raw numbers, lines of CSV."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.dtypes import DType, as_dtype, float32, float64, int32, int64, string
from graphflow.errors import GraphError, InvalidArgumentError, NotFoundError, PermissionDeniedError, UnknownError
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import NO_GRADIENT, convert_to_tensor, define


def _refused(path: str, error: OSError) -> Exception:
    kinds = {FileNotFoundError: NotFoundError, PermissionError: PermissionDeniedError}
    return kinds.get(type(error), UnknownError).because(f"{path}: {error.strerror}")


def _read(filename: np.ndarray) -> np.ndarray:
    path = os.fsdecode(filename.item())
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise _refused(path, error) from None
    out = np.empty((), object)
    out[()] = content
    return out


READ_FILE = define("ReadFile", "filename:string", lambda filename: ((), string), _read, vjp=NO_GRADIENT, stateful=True)


def _write(filename: np.ndarray, contents: np.ndarray) -> tuple:
    path = os.fsdecode(filename.item())
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "wb") as file:
            file.write(contents.item())
    except OSError as error:
        raise _refused(path, error) from None
    return ()


WRITE_FILE = define(
    "WriteFile", "filename:string contents:string", lambda *_: [], _write, vjp=NO_GRADIENT, stateful=True
)


def _matching(pattern: np.ndarray) -> np.ndarray:
    found = {path for one in pattern.reshape(-1).tolist() for path in glob.glob(one)}
    out = np.empty(len(found), object)
    out[:] = sorted(found)
    return out


MATCHING_FILES = define(
    "MatchingFiles", "pattern:string", lambda pattern: ((None,), string), _matching, vjp=NO_GRADIENT, stateful=True
)


def read_file(filename: Any, name: str | None = None) -> Tensor:
    """The contents of a file: a string.   Raises: NotFoundError when run and there is no such file."""
    return READ_FILE(filename, name=name)


def write_file(filename: Any, contents: Any, name: str | None = None) -> Operation:
    """Write a string to a file when run; folders that are missing are made."""
    return WRITE_FILE(filename, contents, name=name)


def matching_files(pattern: Any, name: str | None = None) -> Tensor:
    """The files that a pattern, or one of several, fits: sorted paths [n]."""
    return MATCHING_FILES(pattern, name=name)


# -- raw numbers -------------------------------------------------------------------------------------------------------
def _raw(bytes: np.ndarray, out_type: DType, little_endian: bool) -> np.ndarray:
    lengths = {len(text) for text in bytes.flat}
    if len(lengths) > 1:
        raise InvalidArgumentError.because(f"the strings have different lengths: {sorted(lengths)[:5]}")
    length = lengths.pop() if lengths else 0
    if length % out_type.size:
        raise InvalidArgumentError.because(f"{length} bytes are no whole number of {out_type.name}")
    flat = np.frombuffer(b"".join(bytes.flat), out_type.dtype.newbyteorder("<" if little_endian else ">"))
    return flat.reshape(*bytes.shape, length // out_type.size if bytes.size else 0)


DECODE_RAW = define(
    "DecodeRaw", "bytes:string",
    infer=lambda bytes, out_type, **_: (None if bytes.dims is None else (*bytes.dims, None), out_type),
    reference=_raw,
    vjp=NO_GRADIENT,
    rows=lambda op: True,
)  # fmt: skip


def decode_raw(
    input_bytes: Any = None, out_type: Any = None, little_endian: bool = True, name: str | None = None,
    bytes: Any = None,
) -> Tensor:  # fmt: skip
    """Strings of equal length as numbers: [...] -> [..., length / size of one number].

    Raises: InvalidArgumentError when run for strings of different or odd lengths.
    """
    text = bytes if input_bytes is None else input_bytes
    dtype = as_dtype(out_type)
    if dtype is string:
        raise TypeError("decode_raw makes numbers, not strings")
    return DECODE_RAW(text, out_type=dtype, little_endian=little_endian, name=name)


# -- CSV ---------------------------------------------------------------------------------------------------------------
def _fields(line: bytes, delimiter: bytes, quoted: bool, record: int) -> list[bytes]:
    """The fields of a line; a quoted one may hold delimiters, line ends and doubled quotes."""
    if b"\n" not in line and b"\r" not in line and (not quoted or b'"' not in line):
        return line.split(delimiter) if line else []
    found, at, end = [], 0, len(line)
    while True:
        at += len(line[at:]) - len(line[at:].lstrip(b"\r\n"))
        if quoted and line[at : at + 1] == b'"':
            text, at = b"", at + 1
            while True:
                stop = line.find(b'"', at)
                if stop < 0:
                    raise InvalidArgumentError.because(f"record {record}: a quoted field does not end: {line!r}")
                text += line[at:stop]
                at = stop + 1
                if line[at : at + 1] != b'"':
                    break
                text, at = text + b'"', at + 1
            if at < end and line[at : at + 1] != delimiter:
                raise InvalidArgumentError.because(f"record {record}: a quoted field goes on after its quote: {line!r}")
            found.append(text)
        else:
            stop = line.find(delimiter, at, end)
            text = line[at : end if stop < 0 else stop]
            if quoted and b'"' in text or b"\n" in text or b"\r" in text:
                raise InvalidArgumentError.because(
                    f"record {record}: a field that is not quoted has a quote or a line end: {line!r}"
                )
            found.append(text)
            at += len(text)
        if at >= end:
            return found
        at += 1


_NUMBERS: dict[DType, Any] = {int32: int, int64: int, float32: float, float64: float}


def _csv(
    records: np.ndarray, *record_defaults: np.ndarray, field_delim: str, use_quote_delim: bool, na_value: str,
    select_cols: tuple[int, ...],
) -> list[np.ndarray]:  # fmt: skip
    columns = [np.empty(records.size, default.dtype) for default in record_defaults]
    delimiter, missing = field_delim.encode(), {b"", na_value.encode()}
    for i, line in enumerate(records.flat):
        found = _fields(line, delimiter, use_quote_delim, i)
        if select_cols:
            if len(found) <= select_cols[-1]:
                raise InvalidArgumentError.because(f"record {i} has {len(found)} fields: no {select_cols[-1]}")
            found = [found[c] for c in select_cols]
        if len(found) != len(columns):
            raise InvalidArgumentError.because(f"record {i} has {len(found)} fields, and {len(columns)} are expected")
        for f, (text, column, default) in enumerate(zip(found, columns, record_defaults, strict=True)):
            if text in missing:
                if not default.size:
                    raise InvalidArgumentError.because(f"field {f} of record {i} is required, and is empty")
                column[i] = default.item()
            else:
                column[i] = text if column.dtype == object else _number(text, as_dtype(column.dtype), f, i)
    return [column.reshape(records.shape) for column in columns]


def _number(text: bytes, dtype: DType, field: int, record: int) -> Any:
    try:
        value = _NUMBERS[dtype](text)
    except ValueError:
        value = None
    outside = value is not None and dtype.is_integer and not dtype.min <= value <= dtype.max
    if value is None or outside or b"_" in text:
        raise InvalidArgumentError.because(f"field {field} of record {record} is no {dtype.name}: {text!r}")
    return value


DECODE_CSV = define(
    "DecodeCSV", "records:string *record_defaults:any",
    infer=lambda records, *defaults, **_: [(records.dims, d.dtype) for d in defaults],
    reference=_csv,
    vjp=NO_GRADIENT,
    rows=lambda op: True,
)  # fmt: skip


def decode_csv(
    records: Any, record_defaults: Sequence[Any], field_delim: str = ",", use_quote_delim: bool = True,
    name: str | None = None, na_value: str = "", select_cols: Sequence[int] | None = None,
) -> list[Tensor]:  # fmt: skip
    """The columns of lines of CSV, each with the shape of `records`.

    record_defaults   for each column [value], which gives the dtype and stands for an empty field; an empty list or
                      tensor makes the field required
    select_cols       the columns to take, in increasing order
    Raises: InvalidArgumentError when run for a line that does not fit.
    """
    defaults = [convert_to_tensor(default) for default in record_defaults]
    for default in defaults:
        if default.dtype is not string and default.dtype not in _NUMBERS:
            raise TypeError(f"columns are int32, int64, float32, float64 or string, not {default.dtype.name}")
        if default.dims is not None and default.dims not in ((), (0,), (1,), (None,)):
            raise GraphError(f"a default is one value or none, not {default!r}")
    if len(field_delim) != 1:
        raise GraphError(f"the delimiter is one character, not {field_delim!r}")
    columns = tuple(select_cols or ())
    if list(columns) != sorted(set(columns)) or columns and (len(columns) != len(defaults) or columns[0] < 0):
        raise GraphError(f"select_cols must be increasing, one for each default, not {columns}")
    made = DECODE_CSV(records, *defaults, field_delim=field_delim, use_quote_delim=use_quote_delim, na_value=na_value,
                      select_cols=columns, name=name)  # fmt: skip
    return made if isinstance(made, list) else [made]
