"""Columns of sequences: for each example a row of steps, of its own length."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphflow.default import control_dependencies
from graphflow.dtypes import DType, float32, string
from graphflow.errors import GraphError
from graphflow.feature_column.base import CategoricalColumn, Features, OfCategories, OfNumbers, Weights, checked_numbers
from graphflow.feature_column.categorical import (
    categorical_column_with_hash_bucket,
    categorical_column_with_identity,
    categorical_column_with_vocabulary_file,
    categorical_column_with_vocabulary_list,
)
from graphflow.feature_column.dense import EmbeddingColumn, IndicatorColumn
from graphflow.feature_column.layers import sorted_columns
from graphflow.io.parsing import VarLenFeature
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import maximum
from graphflow.ops.assertions import assert_equal
from graphflow.ops.basic import cast, identity
from graphflow.ops.join import concat
from graphflow.ops.segments import unsorted_segment_max
from graphflow.ops.shape_ops import reshape, shape
from graphflow.ops.sparse.arrange import sparse_reshape
from graphflow.ops.sparse.tensor import SparseTensor, sparse_tensor_to_dense
from graphflow.variable_scope import variable_scope


@dataclass(frozen=True)
class SequenceCategories(OfCategories, CategoricalColumn):
    """The categories of each step, for an embedding or indicator column of sequences."""

    categories: CategoricalColumn
    sequential = True

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.categories.name

    @property
    def buckets(self) -> int:  # type: ignore[override]
        return self.categories.buckets

    def transform(self, features: Features) -> SparseTensor:
        """[batch, steps, categories of a step]."""
        found = self.categories.ids(features)
        return sparse_reshape(found, concat([found.dense_shape[:2], [-1]], 0))


@dataclass(frozen=True)
class SequenceNumbers(OfNumbers):
    """Numbers of each step."""

    key: str
    shape: tuple[int, ...]
    default: float
    dtype: DType
    normalizer: Callable | None
    sequential = True

    @property
    def parse_example_spec(self) -> dict[str, Any]:  # type: ignore[override]
        return {self.key: VarLenFeature(self.dtype)}

    def transform(self, features: Features) -> SparseTensor:
        found = features[self.key]
        if not isinstance(found, SparseTensor):
            raise TypeError(f"the feature {self.key!r} of a sequence is a SparseTensor, not {found!r}")
        return found if self.normalizer is None else self.normalizer(found)

    def sequence(self, features: Features) -> tuple[Tensor, Tensor]:
        """(numbers [batch, steps, *shape], steps of each example)."""
        found = features.of(self)
        filled = sparse_tensor_to_dense(found, self.default)
        numbers = reshape(filled, concat([shape(filled)[:1], [-1], list(self.shape)], 0))
        return cast(numbers, float32), _lengths(found, self.width if found.shape.ndims == 2 else 1)


def _lengths(found: SparseTensor, per_step: int = 1) -> Tensor:
    """How many steps each example has, int64, where a step takes so many columns."""
    columns = unsorted_segment_max(found.indices[:, 1] + 1, found.indices[:, 0], found.dense_shape[0])
    return (maximum(columns, 0) + (per_step - 1)) // per_step


def sequence_input_layer(
    features: Mapping[str, Any], feature_columns: Any, weight_collections: Any = None, trainable: bool = True
) -> tuple[Tensor, Tensor]:
    """What columns of sequences make of features, side by side in the order of the columns' names.

    features  SparseTensors by name: [batch, steps], or [batch, steps, ...]
    Returns:  (float32 [batch, steps, sum of widths], int64 [batch]: the steps of each example)
    Raises:   ValueError for other columns; InvalidArgumentError when run for columns with other numbers of steps.
    """
    found, weights = Features(features), Weights(tuple(weight_collections or ()), trainable)
    parts: list[Tensor] = []
    lengths: list[Tensor] = []
    with variable_scope(None, "sequence_input_layer"):
        for column in sorted_columns(feature_columns, sequential=True):
            with variable_scope(None, column.scope):
                if isinstance(column, SequenceNumbers):
                    numbers, length = column.sequence(found)
                elif isinstance(column, (EmbeddingColumn, IndicatorColumn)):
                    numbers, length = column.dense(found, weights), _lengths(column.categories.ids(found))
                else:
                    raise GraphError(f"{column!r} has categories: wrap it with embedding_column or indicator_column")
                sizes = shape(numbers)
                parts.append(reshape(numbers, concat([sizes[:2], [column.width]], 0)))
                lengths.append(length)
        checks = [assert_equal(lengths[0], other) for other in lengths[1:]]
        with control_dependencies(checks):
            return concat(parts, -1), identity(lengths[0])


# -- the columns -------------------------------------------------------------------------------------------------------
def sequence_categorical_column_with_identity(
    key: str, num_buckets: int, default_value: int | None = None
) -> CategoricalColumn:
    """categorical_column_with_identity of each step."""
    return SequenceCategories(categorical_column_with_identity(key, num_buckets, default_value))


def sequence_categorical_column_with_hash_bucket(
    key: str, hash_bucket_size: int, dtype: Any = string
) -> CategoricalColumn:
    """categorical_column_with_hash_bucket of each step."""
    return SequenceCategories(categorical_column_with_hash_bucket(key, hash_bucket_size, dtype))


def sequence_categorical_column_with_vocabulary_list(
    key: str, vocabulary_list: Sequence[Any], dtype: Any = None, default_value: int = -1, num_oov_buckets: int = 0
) -> CategoricalColumn:
    """categorical_column_with_vocabulary_list of each step."""
    made = categorical_column_with_vocabulary_list(key, vocabulary_list, dtype, default_value, num_oov_buckets)
    return SequenceCategories(made)


def sequence_categorical_column_with_vocabulary_file(
    key: str, vocabulary_file: str, vocabulary_size: int | None = None, num_oov_buckets: int = 0,
    default_value: int | None = None, dtype: Any = string,
) -> CategoricalColumn:  # fmt: skip
    """categorical_column_with_vocabulary_file of each step."""
    made = categorical_column_with_vocabulary_file(
        key, vocabulary_file, vocabulary_size, num_oov_buckets, default_value, dtype
    )
    return SequenceCategories(made)


def sequence_numeric_column(
    key: str, shape: Any = (1,), default_value: float = 0.0, dtype: Any = float32, normalizer_fn: Callable | None = None
) -> SequenceNumbers:
    """The numbers of each step of a feature.

    shape          of one step
    default_value  what stands behind the last step of shorter examples
    normalizer_fn  of the SparseTensor
    """
    dims, found = checked_numbers(key, shape, dtype, normalizer_fn)
    return SequenceNumbers(key, dims, default_value, found, normalizer_fn)
