"""Lookup tables: ops on a variable whose value is a Python dictionary, in a 0-d object array.

Names and inputs are TensorFlow's.  The dtypes of keys and values, and whether a table starts empty or has to be
initialized, stand with the table; the others ask there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from graphflow.dtypes import DType, as_dtype, int64, string
from graphflow.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError
from graphflow.ops.define import NO_GRADIENT, OpDef, define
from graphflow.shape import merge

WHOLE_LINE, LINE_NUMBER = -2, -1


def _table(name: str) -> OpDef:
    return define(name, "", infer=lambda **_: ((), string), reference=None, stateful=True, variable=True)


TABLE = _table("HashTableV2")
MUTABLE_TABLE = _table("MutableHashTableV2")


def _boxed(table: dict) -> np.ndarray:
    box = np.empty((), object)
    box[()] = table
    return box


def _opened(ref: np.ndarray | None, mutable: bool = True) -> dict:
    """The dictionary; a mutable table starts empty, another one must have been initialized."""
    if ref is not None:
        return ref.item()
    if mutable:
        return {}
    raise FailedPreconditionError.because("the table is used before it is initialized",
                                          hint="run tf.tables_initializer() first")  # fmt: skip


def _as_array(values: list, dtype: DType) -> np.ndarray:
    out = np.empty(len(values), dtype.dtype)
    out[:] = values
    return out


def _initialized(ref: np.ndarray | None, keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    if keys.shape != values.shape:
        raise InvalidArgumentError.because(f"{keys.size} keys do not go with {values.size} values")
    table: dict = {}
    for key, value in zip(keys.reshape(-1).tolist(), values.reshape(-1).tolist(), strict=True):
        if table.setdefault(key, value) != value:
            raise FailedPreconditionError.because(f"the key {key!r} has two values, {table[key]!r} and {value!r}")
    return _boxed(table)


TABLE_INITIALIZE = define(
    "InitializeTableV2", "ref:string keys:K values:V",
    infer=lambda ref, keys, values: ((), string),
    reference=_initialized,
    vjp=NO_GRADIENT,
    stateful=True,
    writes=(0,),
    reads=False,
)  # fmt: skip


def _inserted(ref: np.ndarray | None, keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    added = zip(keys.reshape(-1).tolist(), values.reshape(-1).tolist(), strict=True)
    return _boxed({**_opened(ref), **dict(added)})


TABLE_INSERT = define(
    "LookupTableInsertV2", "ref:string keys:K values:V",
    infer=lambda ref, keys, values: (merge(keys.dims, values.dims) and (), string),
    reference=_inserted,
    vjp=NO_GRADIENT,
    stateful=True,
    writes=(0,),
    reads=False,
)  # fmt: skip


def _removed(ref: np.ndarray | None, keys: np.ndarray) -> np.ndarray:
    gone = set(keys.reshape(-1).tolist())
    return _boxed({key: value for key, value in _opened(ref).items() if key not in gone})


TABLE_REMOVE = define(
    "LookupTableRemoveV2", "ref:string keys",
    infer=lambda ref, keys: ((), string),
    reference=_removed,
    vjp=NO_GRADIENT,
    stateful=True,
    writes=(0,),
    reads=False,
)  # fmt: skip


def _found(ref: np.ndarray | None, keys: np.ndarray, default: np.ndarray, mutable: bool) -> np.ndarray:
    table, missing = _opened(ref, mutable), default.item()
    found = [table.get(key, missing) for key in keys.reshape(-1).tolist()]
    return _as_array(found, as_dtype(default.dtype)).reshape(keys.shape)


TABLE_FIND = define(
    "LookupTableFindV2", "ref:string keys:K default_value:V",
    infer=lambda ref, keys, default_value, mutable: (keys.dims, default_value.dtype),
    reference=_found,
    vjp=NO_GRADIENT,
    stateful=True,
    refs=(0,),
    reads=False,
)  # fmt: skip

TABLE_SIZE = define(
    "LookupTableSizeV2", "ref:string",
    infer=lambda ref, mutable: ((), int64),
    reference=lambda ref, mutable: len(_opened(ref, mutable)),
    vjp=NO_GRADIENT,
    stateful=True,
    refs=(0,),
    reads=False,
)  # fmt: skip


def _exported(ref: np.ndarray | None, mutable: bool, key_dtype: DType, value_dtype: DType) -> list[np.ndarray]:
    table = _opened(ref, mutable)
    return [_as_array(list(table), key_dtype), _as_array(list(table.values()), value_dtype)]


TABLE_EXPORT = define(
    "LookupTableExportV2", "ref:string",
    infer=lambda ref, mutable, key_dtype, value_dtype: [((None,), key_dtype), ((None,), value_dtype)],
    reference=_exported,
    vjp=NO_GRADIENT,
    stateful=True,
    refs=(0,),
    reads=False,
)  # fmt: skip


# -- files ---------------------------------------------------------------------------------------------------------
def _column(line: bytes, number: int, index: int, dtype: DType, delimiter: bytes) -> Any:
    if index == LINE_NUMBER:
        return number
    parts = [line] if index == WHOLE_LINE else line.split(delimiter)
    column = 0 if index == WHOLE_LINE else index
    if column >= len(parts):
        raise InvalidArgumentError.because(f"line {number} has no column {index}: {line!r}")
    try:
        return parts[column] if dtype is string else dtype.dtype.type(parts[column])
    except ValueError:
        raise InvalidArgumentError.because(f"{parts[column]!r} in line {number} is no {dtype.name}") from None


def _from_file(
    ref: np.ndarray | None, filename: np.ndarray, key_index: int, value_index: int, vocab_size: int, delimiter: str,
    offset: int, key_dtype: DType, value_dtype: DType,
) -> np.ndarray:  # fmt: skip
    path = Path(filename.item().decode())
    if not path.is_file():
        raise NotFoundError.because(f"there is no file {str(path)!r}")
    lines = path.read_bytes().splitlines()
    if vocab_size >= 0:
        if len(lines) < vocab_size:
            raise InvalidArgumentError.because(f"{str(path)!r} has {len(lines)} lines, and {vocab_size} are expected")
        lines = lines[:vocab_size]
    keys, values = (
        _as_array([_column(line, i + offset, index, dtype, delimiter.encode()) for i, line in enumerate(lines)], dtype)
        for index, dtype in ((key_index, key_dtype), (value_index, value_dtype))
    )
    return _initialized(ref, keys, values)


TABLE_FROM_FILE = define(
    "InitializeTableFromTextFileV2", "ref:string filename:string",
    infer=lambda ref, filename, **_: ((), string),
    reference=_from_file,
    vjp=NO_GRADIENT,
    stateful=True,
    writes=(0,),
    reads=False,
)  # fmt: skip
