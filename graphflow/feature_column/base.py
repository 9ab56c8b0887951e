"""What a feature column is: how features by name become a dense matrix, or ids of categories."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphflow.dtypes import DType, as_dtype, float32, int64, string
from graphflow.errors import GraphError
from graphflow.names import GraphKeys
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import maximum
from graphflow.ops.compare import not_equal
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.fill import ones
from graphflow.ops.indexing import gather_nd
from graphflow.ops.join import concat
from graphflow.ops.select import where
from graphflow.ops.shape_ops import expand_dims, rank, reshape, shape
from graphflow.ops.sparse.arrange import sparse_reshape
from graphflow.ops.sparse.tensor import SparseTensor
from graphflow.shared_variables import get_variable


class Features:
    """The features of a batch by name, and what columns have made of them, each once."""

    def __init__(self, features: Mapping[str, Any]) -> None:
        self._given = features
        self._made: dict[Any, Any] = {}

    def __getitem__(self, key: str) -> Any:
        """A feature as it is given, of rank 2 at least.   Raises: ValueError for one that is not there or a scalar."""
        if key not in self._made:
            self._made[key] = _with_columns(key, self._found(key))
        return self._made[key]

    def _found(self, key: str) -> Any:
        if key not in self._given:
            raise GraphError(f"there is no feature {key!r}; there are {', '.join(sorted(map(repr, self._given)))}")
        value = self._given[key]
        return value if isinstance(value, SparseTensor) else convert_to_tensor(value)

    def of(self, column: FeatureColumn) -> Any:
        """What a column makes of them."""
        if column not in self._made:
            self._made[column] = column.transform(self)
        return self._made[column]


def _with_columns(key: str, value: Any) -> Any:
    known = value.shape.ndims
    if known == 0:
        raise GraphError(f"the feature {key!r} is a scalar: a batch of them is needed")
    if isinstance(value, SparseTensor):
        return sparse_reshape(value, concat([value.dense_shape, [1]], 0)) if known == 1 else value
    if known is None:
        return reshape(
            value, concat([shape(value), ones([maximum(2 - rank(value), 0)], value.dtype.as_numpy_dtype)], 0)
        )
    return expand_dims(value, -1) if known == 1 else value


def as_sparse(value: Any, ignored: Any = None) -> SparseTensor:
    """A SparseTensor of the elements that are not `ignored`: by default "" and -1, which stand for nothing."""
    if isinstance(value, SparseTensor):
        return value
    if ignored is None:
        ignored = "" if value.dtype is string else -1
    places = where(not_equal(value, convert_to_tensor(ignored, value.dtype)))
    return SparseTensor(places, gather_nd(value, places), shape(value, out_type=int64))


@dataclass(frozen=True)
class Weights:
    """How variables of columns are made."""

    collections: tuple[Any, ...] = ()
    trainable: bool = True

    def variable(self, name: str, dims: Sequence[int], initializer: Any, trainable: bool = True) -> Any:
        """A variable of the scope, float32."""
        return get_variable(
            name, dims, float32, initializer, trainable=self.trainable and trainable,
            collections=[*self.collections, GraphKeys.GLOBAL_VARIABLES, GraphKeys.MODEL_VARIABLES],
        )  # fmt: skip


class FeatureColumn:
    """A column: its name, the features of Examples that it needs, and what it makes of features.

    sequential   whether it makes something of each step of a sequence
    """

    name: str
    parse_example_spec: dict[str, Any]
    sequential = False

    @property
    def scope(self) -> str:
        """The name of the scope of its variables."""
        return self.name

    def transform(self, features: Features) -> Any:
        raise NotImplementedError


class OfCategories(FeatureColumn):
    """A column that is made of the categories of another one: of its features, and of sequences where that is."""

    categories: CategoricalColumn

    @property
    def sequential(self) -> bool:  # type: ignore[override]
        return self.categories.sequential

    @property
    def parse_example_spec(self) -> dict[str, Any]:  # type: ignore[override]
        return self.categories.parse_example_spec


class OfNumbers(FeatureColumn):
    """A column of the numbers of one feature, in a shape."""

    key: str
    shape: tuple[int, ...]

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.key

    @property
    def width(self) -> int:
        return math.prod(self.shape)


def checked_numbers(key: str, shape: Any, dtype: Any, normalizer_fn: Any) -> tuple[tuple[int, ...], DType]:
    """The shape and dtype of a column of numbers.   Raises: ValueError and TypeError for what cannot be one."""
    dims = tuple(int(n) for n in (shape if isinstance(shape, Sequence) else [shape]))
    if min(dims, default=1) < 1:
        raise GraphError(f"the sizes of {key!r} must be at least 1, and its shape is {dims}")
    found = as_dtype(dtype)
    if not (found.is_integer or found.is_floating):
        raise GraphError(f"a numeric column has numbers, and the dtype of {key!r} is {found.name}")
    if normalizer_fn is not None and not callable(normalizer_fn):
        raise TypeError(f"normalizer_fn must be a function, not {normalizer_fn!r}")
    return dims, found


class DenseColumn(FeatureColumn):
    """A column that gives numbers."""

    width: int

    def dense(self, features: Features, weights: Weights) -> Tensor:
        """[batch, ...] with `width` numbers for each example."""
        raise NotImplementedError


class CategoricalColumn(FeatureColumn):
    """A column that gives ids in [0, buckets)."""

    buckets: int

    def ids(self, features: Features) -> SparseTensor:
        """The ids of each example."""
        return features.of(self)

    def weights(self, features: Features) -> SparseTensor | None:
        """A weight for each id, if there are any."""
        return None
