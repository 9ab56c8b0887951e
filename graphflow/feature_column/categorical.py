"""Columns of categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphflow.default import control_dependencies
from graphflow.dtypes import DType, as_dtype, float32, int64, string
from graphflow.errors import GraphError
from graphflow.feature_column.base import CategoricalColumn, Features, as_sparse
from graphflow.io.parsing import VarLenFeature
from graphflow.ops.assertions import assert_greater_equal, assert_less
from graphflow.ops.basic import cast, identity, ones_like
from graphflow.ops.compare import logical_or
from graphflow.ops.select import where_v2
from graphflow.ops.sparse.cross import sparse_cross_hashed
from graphflow.ops.sparse.tensor import SparseTensor
from graphflow.ops.string_numbers import as_string
from graphflow.ops.strings import string_to_hash_bucket_fast
from graphflow.tables import index_table_from_file, index_table_from_tensor


@dataclass(frozen=True)
class _Keyed(CategoricalColumn):
    """Categories of one feature."""

    key: str
    dtype: DType

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.key

    @property
    def parse_example_spec(self) -> dict[str, Any]:  # type: ignore[override]
        return {self.key: VarLenFeature(self.dtype)}

    def _values(self, features: Features) -> SparseTensor:
        found = as_sparse(features[self.key])
        if (found.dtype is string) != (self.dtype is string):
            raise GraphError(f"the feature {self.key!r} is {found.dtype.name}, and its column {self.dtype.name}")
        return found if found.dtype is string else found.with_values(cast(found.values, int64))


@dataclass(frozen=True)
class HashedColumn(_Keyed):
    buckets: int

    def transform(self, features: Features) -> SparseTensor:
        found = self._values(features)
        text = found.values if found.dtype is string else as_string(found.values)
        return found.with_values(string_to_hash_bucket_fast(text, self.buckets))


@dataclass(frozen=True)
class IdentityColumn(_Keyed):
    buckets: int
    default: int | None

    def transform(self, features: Features) -> SparseTensor:
        found = self._values(features)
        ids = found.values
        if self.default is not None:
            outside = logical_or(ids < 0, ids >= self.buckets)
            return found.with_values(where_v2(outside, ones_like(ids) * self.default, ids))
        checks = [assert_less(ids, np.int64(self.buckets)), assert_greater_equal(ids, np.int64(0))]
        with control_dependencies(checks):
            return found.with_values(identity(ids))


@dataclass(frozen=True)
class ListColumn(_Keyed):
    vocabulary: tuple[Any, ...]
    default: int
    extra: int

    @property
    def buckets(self) -> int:  # type: ignore[override]
        return len(self.vocabulary) + self.extra

    def transform(self, features: Features) -> SparseTensor:
        table = index_table_from_tensor(self.vocabulary, self.extra, self.default, dtype=self.dtype)
        return table.lookup(self._values(features))


@dataclass(frozen=True)
class FileColumn(_Keyed):
    file: str
    size: int
    default: int
    extra: int

    @property
    def buckets(self) -> int:  # type: ignore[override]
        return self.size + self.extra

    def transform(self, features: Features) -> SparseTensor:
        table = index_table_from_file(self.file, self.extra, self.size, self.default, key_dtype=self.dtype)
        return table.lookup(self._values(features))


@dataclass(frozen=True)
class WeightedColumn(CategoricalColumn):
    categories: CategoricalColumn
    key: str
    dtype: DType

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"{self.categories.name}_weighted_by_{self.key}"

    @property
    def buckets(self) -> int:  # type: ignore[override]
        return self.categories.buckets

    @property
    def parse_example_spec(self) -> dict[str, Any]:  # type: ignore[override]
        return {**self.categories.parse_example_spec, self.key: VarLenFeature(self.dtype)}

    def ids(self, features: Features) -> SparseTensor:
        return self.categories.ids(features)

    def weights(self, features: Features) -> SparseTensor:
        found = as_sparse(features[self.key], 0)
        return found.with_values(cast(found.values, float32))


@dataclass(frozen=True)
class CrossedColumn(CategoricalColumn):
    keys: tuple[Any, ...]
    buckets: int
    hash_key: int | None

    def _leaves(self) -> list[Any]:
        found: list[Any] = []
        for key in self.keys:
            found.extend(key._leaves() if isinstance(key, CrossedColumn) else [key])
        return found

    @property
    def name(self) -> str:  # type: ignore[override]
        return "_X_".join(sorted(k if isinstance(k, str) else k.name for k in self._leaves()))

    @property
    def parse_example_spec(self) -> dict[str, Any]:  # type: ignore[override]
        found: dict[str, Any] = {}
        for key in self.keys:
            found |= {key: VarLenFeature(string)} if isinstance(key, str) else key.parse_example_spec
        return found

    def transform(self, features: Features) -> SparseTensor:
        parts = [features[key] if isinstance(key, str) else key.ids(features) for key in self._leaves()]
        return sparse_cross_hashed(parts, self.buckets, self.hash_key)


# -- the functions -----------------------------------------------------------------------------------------------------
def _positive(number: Any, what: str) -> int:
    if number is None or number < 1:
        raise GraphError(f"{what} must be at least 1, not {number}")
    return int(number)


def _checked(key: Any, dtype: Any) -> DType:
    found = as_dtype(dtype)
    if not isinstance(key, str):
        raise GraphError(f"the key of a column is the name of a feature, not {key!r}")
    if found is not string and not found.is_integer:
        raise GraphError(f"categories are strings or integers, and the dtype of {key!r} is {found.name}")
    return found


def categorical_column_with_hash_bucket(key: str, hash_bucket_size: int, dtype: Any = string) -> CategoricalColumn:
    """Categories by the hash of the feature's strings or integers."""
    return HashedColumn(key, _checked(key, dtype), _positive(hash_bucket_size, "hash_bucket_size"))


def categorical_column_with_identity(
    key: str, num_buckets: int, default_value: int | None = None
) -> CategoricalColumn:  # fmt: skip
    """Categories that are the feature's integers; others are default_value, or an error when run without one."""
    _checked(key, int64)
    buckets = _positive(num_buckets, "num_buckets")
    if default_value is not None and not 0 <= default_value < buckets:
        raise GraphError(f"default_value {default_value} is not in [0, {buckets})")
    return IdentityColumn(key, int64, buckets, default_value)


def categorical_column_with_vocabulary_list(
    key: str, vocabulary_list: Sequence[Any], dtype: Any = None, default_value: int = -1, num_oov_buckets: int = 0
) -> CategoricalColumn:
    """Categories that are the places in a list; others share num_oov_buckets ids behind these, or are default_value.

    The default -1 stands for no category.
    """
    words = tuple(vocabulary_list or ())
    if not words:
        raise GraphError(f"the vocabulary of {key!r} is empty")
    if len(set(words)) < len(words):
        raise GraphError(f"the vocabulary of {key!r} has {next(w for w in words if words.count(w) > 1)!r} twice")
    of = as_dtype(np.array(words).dtype)
    wanted = _checked(key, of if dtype is None else dtype)
    if (wanted is string) != (of is string):
        raise GraphError(f"the dtype of {key!r} is {wanted.name}, and its vocabulary is {of.name}")
    _one_of(default_value, num_oov_buckets)
    return ListColumn(key, wanted, words, default_value, num_oov_buckets)


def categorical_column_with_vocabulary_file(
    key: str, vocabulary_file: str, vocabulary_size: int | None = None, num_oov_buckets: int = 0,
    default_value: int | None = None, dtype: Any = string,
) -> CategoricalColumn:  # fmt: skip
    """Categories that are numbers of lines of a file, as many as it has by default; others as in the list's column."""
    wanted = _checked(key, dtype)
    if not vocabulary_file:
        raise GraphError(f"the vocabulary file of {key!r} has no name")
    if vocabulary_size is None:
        try:
            with open(vocabulary_file, "rb") as file:
                vocabulary_size = sum(1 for _ in file)
        except OSError as error:
            raise GraphError(f"the vocabulary file {vocabulary_file!r} of {key!r}: {error.strerror}") from None
    default = -1 if default_value is None else default_value
    _one_of(default, num_oov_buckets)
    size = _positive(vocabulary_size, "vocabulary_size")
    return FileColumn(key, wanted, vocabulary_file, size, default, num_oov_buckets)


def _one_of(default_value: int, num_oov_buckets: int) -> None:
    if num_oov_buckets < 0:
        raise GraphError(f"num_oov_buckets must be at least 0, not {num_oov_buckets}")
    if num_oov_buckets and default_value != -1:
        raise GraphError(f"give either num_oov_buckets ({num_oov_buckets}) or default_value ({default_value})")


def weighted_categorical_column(
    categorical_column: CategoricalColumn, weight_feature_key: str, dtype: Any = float32
) -> CategoricalColumn:
    """Another column's categories, with a weight for each from a second feature."""
    found = as_dtype(dtype)
    if not (found.is_integer or found.is_floating):
        raise GraphError(f"weights are numbers, not {found.name}")
    return WeightedColumn(categorical_column, weight_feature_key, found)


def crossed_column(keys: Sequence[Any], hash_bucket_size: int, hash_key: int | None = None) -> CategoricalColumn:
    """Categories by the hash of all combinations of what the keys give in an example.

    keys   at least two names of features with strings, or columns of categories other than hashed ones
    """
    if not keys or len(keys) < 2:
        raise GraphError(f"a cross needs at least two keys, not {keys!r}")
    for key in keys:
        if not isinstance(key, (str, CategoricalColumn)) or isinstance(key, HashedColumn):
            hint = ": give the name of its feature" if isinstance(key, HashedColumn) else ""
            raise GraphError(f"what is crossed are names of features and columns of categories, not {key!r}{hint}")
    return CrossedColumn(tuple(keys), _positive(hash_bucket_size, "hash_bucket_size"), hash_key)
