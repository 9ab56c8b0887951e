"""Columns of numbers, and those that make numbers of categories."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphflow.dtypes import DType, float32, int64
from graphflow.errors import GraphError
from graphflow.feature_column.base import (
    CategoricalColumn,
    DenseColumn,
    Features,
    OfCategories,
    OfNumbers,
    Weights,
    checked_numbers,
)
from graphflow.graph import get_default_graph
from graphflow.initializers import truncated_normal_initializer
from graphflow.io.parsing import FixedLenFeature
from graphflow.operation import Tensor
from graphflow.ops.arrange import tile
from graphflow.ops.basic import cast
from graphflow.ops.embedding import safe_embedding_lookup_sparse
from graphflow.ops.fill import one_hot
from graphflow.ops.fill import range as range_
from graphflow.ops.histogram import bucketize
from graphflow.ops.indexing import scatter_nd
from graphflow.ops.join import concat, stack
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.shape_ops import expand_dims, reshape, shape
from graphflow.ops.sparse.arrange import sparse_retain
from graphflow.ops.sparse.tensor import SparseTensor, sparse_tensor_to_dense
from graphflow.train.checkpoint_utils import init_from_checkpoint


@dataclass(frozen=True)
class NumericColumn(OfNumbers, DenseColumn):  # type: ignore[override]  # its width is worked out
    key: str
    shape: tuple[int, ...]
    default: Any
    dtype: DType
    normalizer: Callable | None

    @property
    def parse_example_spec(self) -> dict[str, Any]:  # type: ignore[override]
        return {self.key: FixedLenFeature(self.shape, self.dtype, self.default)}

    def transform(self, features: Features) -> Tensor:
        found = features[self.key]
        if isinstance(found, SparseTensor):
            raise GraphError(f"the feature {self.key!r} of a numeric column is a SparseTensor; a dense one is needed")
        return cast(found if self.normalizer is None else self.normalizer(found), float32)

    def dense(self, features: Features, weights: Weights) -> Tensor:
        return features.of(self)


@dataclass(frozen=True)
class BucketizedColumn(DenseColumn, CategoricalColumn):
    source: NumericColumn
    boundaries: tuple[float, ...]

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"{self.source.name}_bucketized"

    @property
    def width(self) -> int:  # type: ignore[override]
        return (len(self.boundaries) + 1) * self.source.width

    buckets = width

    @property
    def parse_example_spec(self) -> dict[str, Any]:  # type: ignore[override]
        return self.source.parse_example_spec

    def transform(self, features: Features) -> Tensor:
        return bucketize(features.of(self.source), self.boundaries)

    def dense(self, features: Features, weights: Weights) -> Tensor:
        return one_hot(features.of(self), len(self.boundaries) + 1)

    def ids(self, features: Features) -> SparseTensor:
        """One id for each number of the source, in buckets of its own."""
        found = features.of(self)
        batch, width = shape(found, out_type=int64)[0], self.source.width
        place = tile(range_(width), [batch])
        row = reshape(tile(expand_dims(range_(batch), 1), [1, width]), [-1])
        values = cast(reshape(found, [-1]) + (len(self.boundaries) + 1) * place, int64)
        return SparseTensor(stack([row, cast(place, int64)], 1), values, stack([batch, np.int64(width)]))


@dataclass(frozen=True)
class IndicatorColumn(OfCategories, DenseColumn):
    categories: CategoricalColumn

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"{self.categories.name}_indicator"

    @property
    def width(self) -> int:  # type: ignore[override]
        return self.categories.buckets

    def transform(self, features: Features) -> Tensor:
        ids, weights = self.categories.ids(features), self.categories.weights(features)
        if weights is None:
            return reduce_sum(one_hot(sparse_tensor_to_dense(ids, -1), self.width), -2)
        wanted = ids.values >= 0
        ids, weights = sparse_retain(ids, wanted), sparse_retain(weights, wanted)
        places = concat([ids.indices[:, :-1], expand_dims(cast(ids.values, int64), 1)], 1)
        return scatter_nd(places, weights.values, concat([ids.dense_shape[:-1], [self.width]], 0))

    def dense(self, features: Features, weights: Weights) -> Tensor:
        return features.of(self)


@dataclass(frozen=True)
class EmbeddingColumn(OfCategories, DenseColumn):
    """Rows of a table, combined; `table` names a table that other columns share."""

    categories: CategoricalColumn
    width: int
    combiner: str
    initializer: Any
    checkpoint: str | None
    checkpoint_name: str | None
    max_norm: float | None
    trainable: bool
    table: str | None = field(default=None)

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"{self.categories.name}_{'shared_' if self.table else ''}embedding"

    @property
    def scope(self) -> str:
        return self.table or self.name

    def dense(self, features: Features, weights: Weights) -> Tensor:
        ids, of_ids = self.categories.ids(features), self.categories.weights(features)
        return safe_embedding_lookup_sparse(self._table(weights), ids, of_ids, self.combiner, max_norm=self.max_norm)

    def _table(self, weights: Weights) -> Any:
        shared = get_default_graph().get_collection(self.table) if self.table else []
        if shared:
            return shared[0]
        dims = [self.categories.buckets, self.width]
        made = weights.variable("embedding_weights", dims, self.initializer, self.trainable)
        if self.table:
            get_default_graph().add_to_collection(self.table, made)
        if self.checkpoint is not None:
            init_from_checkpoint(self.checkpoint, {self.checkpoint_name: made})
        return made


# -- the functions -----------------------------------------------------------------------------------------------------
def numeric_column(
    key: str, shape: Any = (1,), default_value: Any = None, dtype: Any = float32, normalizer_fn: Callable | None = None
) -> DenseColumn:
    """A feature's numbers as they are, or as normalizer_fn makes them, in float32.

    shape          of one example
    default_value  for Examples without the feature
    """
    if not isinstance(key, str):
        raise GraphError(f"the key of a column is the name of a feature, not {key!r}")
    dims, found = checked_numbers(key, shape, dtype, normalizer_fn)
    if default_value is not None:
        filled: np.ndarray = np.broadcast_to(np.array(default_value, found.as_numpy_dtype), dims)
        default_value = _as_tuple(filled.tolist())
    return NumericColumn(key, dims, default_value, found, normalizer_fn)


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value


def bucketized_column(source_column: Any, boundaries: Sequence[float]) -> BucketizedColumn:
    """A numeric column of rank 1 as buckets between boundaries: (-inf, b[0]), [b[0], b[1]), ..., [b[-1], inf)."""
    if not isinstance(source_column, NumericColumn) or len(source_column.shape) > 1:
        raise GraphError(f"what is put into buckets is a numeric column of rank 1, not {source_column!r}")
    given = list(boundaries) if isinstance(boundaries, (list, tuple)) else None
    if not given or given != sorted(set(given)):
        raise GraphError(f"boundaries must be a list of growing numbers, not {boundaries!r}")
    return BucketizedColumn(source_column, tuple(given))


def indicator_column(categorical_column: CategoricalColumn) -> DenseColumn:
    """How often each category occurs in an example, or the sum of its weights."""
    return IndicatorColumn(_categories(categorical_column))


def _categories(column: Any) -> CategoricalColumn:
    if not isinstance(column, CategoricalColumn):
        raise GraphError(f"a column of categories is needed, not {column!r}")
    return column


def embedding_column(
    categorical_column: CategoricalColumn, dimension: int, combiner: str = "mean", initializer: Any = None,
    ckpt_to_load_from: str | None = None, tensor_name_in_ckpt: str | None = None, max_norm: float | None = None,
    trainable: bool = True, use_safe_embedding_lookup: bool = True,
) -> DenseColumn:  # fmt: skip
    """A vector for each category from a table that is learned; those of one example are combined.

    combiner      "mean", "sqrtn" or "sum", as in tf.nn.embedding_lookup_sparse
    initializer   a truncated normal distribution of deviation dimension ** -0.5 by default
    ckpt_to_load_from, tensor_name_in_ckpt   give the table its first values
    """
    return _embedding(_categories(categorical_column), dimension, combiner, initializer, ckpt_to_load_from,
                      tensor_name_in_ckpt, max_norm, trainable)  # fmt: skip


def _embedding(
    column: CategoricalColumn, dimension: int, combiner: str, initializer: Any, checkpoint: str | None,
    name: str | None, max_norm: float | None, trainable: bool, table: str | None = None,
) -> DenseColumn:  # fmt: skip
    if dimension is None or dimension < 1:
        raise GraphError(f"the dimension of an embedding must be at least 1, not {dimension}")
    if (checkpoint is None) != (name is None):
        raise GraphError("give both of ckpt_to_load_from and tensor_name_in_ckpt, or neither")
    if initializer is not None and not callable(initializer):
        raise GraphError(f"the initializer of an embedding must be callable, not {initializer!r}")
    made = initializer or truncated_normal_initializer(0.0, 1 / math.sqrt(dimension))
    return EmbeddingColumn(column, int(dimension), combiner, made, checkpoint, name, max_norm, trainable, table)


def shared_embedding_columns(
    categorical_columns: Sequence[CategoricalColumn], dimension: int, combiner: str = "mean", initializer: Any = None,
    shared_embedding_collection_name: str | None = None, ckpt_to_load_from: str | None = None,
    tensor_name_in_ckpt: str | None = None, max_norm: float | None = None, trainable: bool = True,
    use_safe_embedding_lookup: bool = True,
) -> list[DenseColumn]:  # fmt: skip
    """embedding_column of each of these, with one table; they must have as many categories."""
    columns = [_categories(c) for c in categorical_columns]
    if len({c.buckets for c in columns}) != 1:
        raise GraphError(f"columns with {[c.buckets for c in columns]} categories cannot share a table")
    name = shared_embedding_collection_name or "_".join(sorted(c.name for c in columns)) + "_shared_embedding"
    initializer = initializer or truncated_normal_initializer(0.0, 1 / math.sqrt(dimension))
    return [
        _embedding(
            c, dimension, combiner, initializer, ckpt_to_load_from, tensor_name_in_ckpt, max_norm, trainable, name
        )
        for c in columns
    ]
