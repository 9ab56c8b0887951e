"""Lookup tables from keys to values: fixed ones with an initializer, and ones that runs insert into."""

from __future__ import annotations

from typing import Any

from graphflow.default import name_scope
from graphflow.dtypes import DType, as_dtype, int64, string
from graphflow.errors import GraphError
from graphflow.graph import get_default_graph
from graphflow.names import GraphKeys
from graphflow.operation import Operation, Tensor
from graphflow.ops import tables
from graphflow.ops.basic import cast, group, no_op
from graphflow.ops.compare import not_equal
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.fill import range as range_
from graphflow.ops.select import where_v2
from graphflow.ops.shape_ops import size
from graphflow.ops.sparse.tensor import SparseTensor
from graphflow.ops.string_numbers import as_string
from graphflow.ops.strings import string_to_hash_bucket_fast


class TextFileIndex:
    """What of a text file TextFileInitializer takes, besides the number of a column."""

    WHOLE_LINE = tables.WHOLE_LINE
    LINE_NUMBER = tables.LINE_NUMBER


class KeyValueTensorInitializer:
    """Fills a table with tensors of keys and values of one shape."""

    def __init__(
        self, keys: Any, values: Any, key_dtype: Any = None, value_dtype: Any = None, name: str | None = None
    ) -> None:
        with name_scope(name, "key_value_init", [keys, values]):
            self.keys = convert_to_tensor(keys, None if key_dtype is None else as_dtype(key_dtype), name="keys")
            self.values = convert_to_tensor(values, None if value_dtype is None else as_dtype(value_dtype),
                                            name="values")  # fmt: skip
        self.key_dtype: DType = self.keys.dtype
        self.value_dtype: DType = self.values.dtype

    def initialize(self, table: Tensor) -> Operation:
        """An operation that fills a table."""
        return tables.TABLE_INITIALIZE(table, self.keys, self.values, name="table_init").op


class TextFileInitializer:
    """Fills a table from the lines of a text file.

    key_index, value_index   the number of a column, or one of TextFileIndex
    vocab_size               how many lines to take, all by default
    """

    def __init__(
        self, filename: Any, key_dtype: Any, key_index: int, value_dtype: Any, value_index: int,
        vocab_size: int | None = None, delimiter: str = "\t", name: str | None = None,
    ) -> None:  # fmt: skip
        self.key_dtype, self.value_dtype = as_dtype(key_dtype), as_dtype(value_dtype)
        for dtype, index in ((self.key_dtype, key_index), (self.value_dtype, value_index)):
            wanted = {TextFileIndex.LINE_NUMBER: int64, TextFileIndex.WHOLE_LINE: string}.get(index)
            if wanted is not None and dtype is not wanted:
                raise GraphError(f"column {index} of a file is {wanted.name}, not {dtype.name}")
            if index < TextFileIndex.WHOLE_LINE:
                raise GraphError(f"there is no column {index}")
        self._read: dict[str, Any] = {
            "key_index": key_index, "value_index": value_index, "delimiter": delimiter, "offset": 0,
            "vocab_size": -1 if vocab_size is None else vocab_size, "key_dtype": self.key_dtype,
            "value_dtype": self.value_dtype,
        }  # fmt: skip
        self._filename, self._name = filename, name

    def initialize(self, table: Tensor) -> Operation:
        """An operation that fills a table.  The name of the file goes to ASSET_FILEPATHS."""
        with name_scope(self._name, "text_file_init", [self._filename]):
            filename = convert_to_tensor(self._filename, string, name="asset_filepath")
            made = tables.TABLE_FROM_FILE(table, filename, **self._read, name="InitializeTableFromTextFileV2").op
        made.graph.add_to_collection(GraphKeys.ASSET_FILEPATHS, filename)
        return made


class _Table:
    """What all tables have: dtypes, a default value, a variable that holds the entries of a session."""

    _mutable = False

    def __init__(self, key_dtype: Any, value_dtype: Any, default_value: Any, name: str) -> None:
        self.key_dtype, self.value_dtype = as_dtype(key_dtype), as_dtype(value_dtype)
        with get_default_graph().control_dependencies(None):
            self.default_value = convert_to_tensor(default_value, self.value_dtype, name="default_value")
            record = tables.MUTABLE_TABLE if self._mutable else tables.TABLE
            self._ref: Tensor = record(key_dtype=self.key_dtype, value_dtype=self.value_dtype, name=name)

    @property
    def name(self) -> str:
        return self._ref.op.name

    @property
    def resource_handle(self) -> Tensor:
        return self._ref

    def size(self, name: str | None = None) -> Tensor:
        """The number of entries, int64."""
        return tables.TABLE_SIZE(self._ref, mutable=self._mutable, name=name)

    def lookup(self, keys: Any, name: str | None = None) -> Any:
        """The value of each key, the default value where there is none; a SparseTensor for a SparseTensor.

        Raises: TypeError for keys of another dtype.
        """
        if isinstance(keys, SparseTensor):
            return keys.with_values(self.lookup(keys.values, name))
        wanted = convert_to_tensor(keys, self.key_dtype if not isinstance(keys, Tensor) else None)
        if wanted.dtype is not self.key_dtype:
            raise TypeError(f"the keys of {self.name!r} are {self.key_dtype.name}, not {wanted.dtype.name}")
        return tables.TABLE_FIND(self._ref, wanted, self.default_value, mutable=self._mutable, name=name)

    def __getitem__(self, keys: Any) -> Any:
        return self.lookup(keys)

    def export(self, name: str | None = None) -> tuple[Tensor, Tensor]:
        """(keys, values) [n] of all entries."""
        keys, values = tables.TABLE_EXPORT(self._ref, mutable=self._mutable, key_dtype=self.key_dtype,
                                           value_dtype=self.value_dtype, name=name)  # fmt: skip
        return keys, values


class StaticHashTable(_Table):
    """A table whose entries an initializer gives.

    `initializer` is the operation that fills it; tf.tables_initializer() runs those of all tables of a graph.
    A lookup before that fails with FailedPreconditionError.
    """

    def __init__(self, initializer: Any, default_value: Any, name: str | None = None) -> None:
        with name_scope(name, "hash_table", []):
            super().__init__(initializer.key_dtype, initializer.value_dtype, default_value, "table")
            self.initializer: Operation = initializer.initialize(self._ref)
        self._ref.graph.add_to_collection(GraphKeys.TABLE_INITIALIZERS, self.initializer)

    @property
    def init(self) -> Operation:
        return self.initializer


class HashTable(StaticHashTable):
    """StaticHashTable with the arguments of tf.contrib.lookup; shared_name has no effect."""

    def __init__(
        self, initializer: Any, default_value: Any, shared_name: str | None = None, name: str | None = None
    ) -> None:
        super().__init__(initializer, default_value, name)


class MutableHashTable(_Table):
    """A table that starts empty, and into which runs insert."""

    _mutable = True

    def __init__(
        self, key_dtype: Any, value_dtype: Any, default_value: Any, shared_name: str | None = None,
        name: str = "MutableHashTable", checkpoint: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(key_dtype, value_dtype, default_value, name)

    def insert(self, keys: Any, values: Any, name: str | None = None) -> Operation:
        """An operation that gives keys new values."""
        return tables.TABLE_INSERT(self._ref, convert_to_tensor(keys, self.key_dtype),
                                   convert_to_tensor(values, self.value_dtype), name=name).op  # fmt: skip

    def remove(self, keys: Any, name: str | None = None) -> Operation:
        """An operation that takes keys out."""
        return tables.TABLE_REMOVE(self._ref, convert_to_tensor(keys, self.key_dtype), name=name).op


class IdTableWithHashBuckets:
    """Ids from a table, and for keys that it does not have a bucket behind its ids, chosen by the key's fingerprint."""

    def __init__(self, table: StaticHashTable, num_oov_buckets: int, key_dtype: DType) -> None:
        self._table, self._buckets = table, num_oov_buckets
        self.key_dtype, self.value_dtype = key_dtype, int64

    @property
    def initializer(self) -> Operation:
        return self._table.initializer

    init = initializer

    def size(self, name: str | None = None) -> Tensor:
        """The number of ids, buckets included."""
        return self._table.size(name) + self._buckets

    def lookup(self, keys: Any, name: str | None = None) -> Any:
        """The id of each key."""
        if isinstance(keys, SparseTensor):
            return keys.with_values(self.lookup(keys.values, name))
        with name_scope(name, "hash_table_Lookup", [keys]):
            wanted = convert_to_tensor(keys, self.key_dtype if not isinstance(keys, Tensor) else None)
            text = wanted if wanted.dtype is string else as_string(wanted)
            given = wanted if wanted.dtype is self._table.key_dtype else cast(wanted, self._table.key_dtype)
            ids = self._table.lookup(given)
            bucket = string_to_hash_bucket_fast(text, self._buckets) + self._table.size()
            return where_v2(not_equal(ids, self._table.default_value), ids, bucket)


def _with_buckets(initializer: Any, default_value: int, num_oov_buckets: int, dtype: DType, name: str | None) -> Any:
    if num_oov_buckets < 0:
        raise GraphError(f"num_oov_buckets must be at least 0, not {num_oov_buckets}")
    table = StaticHashTable(initializer, default_value, name)
    return IdTableWithHashBuckets(table, num_oov_buckets, dtype) if num_oov_buckets else table


def _places(vector: Tensor) -> Tensor:
    return range_(size(vector, out_type=int64))


def index_table_from_tensor(
    mapping: Any, num_oov_buckets: int = 0, default_value: int = -1, hasher_spec: Any = None, dtype: Any = string,
    name: str | None = None,
) -> Any:  # fmt: skip
    """A table from the elements of a vector to their places, int64.

    num_oov_buckets   how many ids behind these other elements share; without any they get default_value
    """
    wanted = as_dtype(dtype)
    with name_scope(name, "string_to_index", []):
        keys = convert_to_tensor(mapping, name="mapping")
        keys = cast(keys, int64) if keys.dtype.is_integer else keys
        return _with_buckets(KeyValueTensorInitializer(keys, _places(keys)), default_value, num_oov_buckets, wanted,
                             None)  # fmt: skip


def index_table_from_file(
    vocabulary_file: Any = None, num_oov_buckets: int = 0, vocab_size: int | None = None, default_value: int = -1,
    hasher_spec: Any = None, key_dtype: Any = string, name: str | None = None,
    key_column_index: int = TextFileIndex.WHOLE_LINE, value_column_index: int = TextFileIndex.LINE_NUMBER,
    delimiter: str = "\t",
) -> Any:  # fmt: skip
    """A table from the lines of a text file to their numbers, int64; buckets as in index_table_from_tensor."""
    if vocabulary_file is None or (isinstance(vocabulary_file, str) and not vocabulary_file):
        raise GraphError("vocabulary_file must be the name of a file")
    with name_scope(name, "string_to_index", []):
        source = TextFileInitializer(vocabulary_file, key_dtype, key_column_index, int64, value_column_index,
                                     vocab_size, delimiter)  # fmt: skip
        return _with_buckets(source, default_value, num_oov_buckets, as_dtype(key_dtype), None)


def index_to_string_table_from_tensor(
    mapping: Any, default_value: str = "UNK", name: str | None = None
) -> StaticHashTable:
    """A table from places, int64, to the strings of a vector."""
    with name_scope(name, "index_to_string", []):
        values = convert_to_tensor(mapping, string, name="mapping")
        return StaticHashTable(KeyValueTensorInitializer(_places(values), values), default_value)


def index_to_string_table_from_file(
    vocabulary_file: Any, vocab_size: int | None = None, default_value: str = "UNK", name: str | None = None
) -> StaticHashTable:
    """A table from numbers, int64, to the lines of a text file."""
    with name_scope(name, "index_to_string", []):
        source = TextFileInitializer(vocabulary_file, int64, TextFileIndex.LINE_NUMBER, string,
                                     TextFileIndex.WHOLE_LINE, vocab_size)  # fmt: skip
        return StaticHashTable(source, default_value)


def tables_initializer(name: str = "init_all_tables") -> Operation:
    """An operation that initializes all tables of the default graph that exist now."""
    initializers = get_default_graph().get_collection(GraphKeys.TABLE_INITIALIZERS)
    return group(*initializers, name=name) if initializers else no_op(name=name)
