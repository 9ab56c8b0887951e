"""Columns of a batch as one matrix, or as a linear model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphflow.errors import GraphError
from graphflow.feature_column.base import CategoricalColumn, DenseColumn, FeatureColumn, Features, Weights
from graphflow.graph import get_default_graph
from graphflow.initializers import zeros_initializer
from graphflow.names import GraphKeys
from graphflow.operation import Tensor
from graphflow.ops.arithmetic import add_n
from graphflow.ops.bias import bias_add
from graphflow.ops.embedding import safe_embedding_lookup_sparse
from graphflow.ops.join import concat
from graphflow.ops.linalg import matmul
from graphflow.ops.shape_ops import reshape, shape
from graphflow.variable_scope import get_variable_scope, variable_scope


def sorted_columns(columns: Any, sequential: bool = False) -> list[FeatureColumn]:
    """Columns by their names.   Raises: ValueError for what is no column, or not one of sequences if it is to be."""
    if isinstance(columns, Mapping):
        raise GraphError("feature_columns is a list of columns, not a dict")
    listed = list(columns) if isinstance(columns, Iterable) else [columns]
    wrong = [c for c in listed if not isinstance(c, FeatureColumn)]
    if not listed or wrong:
        raise GraphError(f"feature_columns must be feature columns, not {wrong[0] if wrong else columns!r}")
    found: dict[str, FeatureColumn] = {}
    for column in listed:
        if column.sequential != sequential:
            other = "" if column.sequential else "no "
            raise GraphError(f"{column!r} is {other}column of sequences: those are for sequence_input_layer")
        if column.name in found:
            raise GraphError(f"two columns are called {column.name!r}: {found[column.name]!r} and {column!r}")
        found[column.name] = column
    return [found[name] for name in sorted(found)]


def _variables() -> list[Any]:
    return get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES, get_variable_scope().name + "/")


def _matrix(column: DenseColumn, features: Features, weights: Weights) -> Tensor:
    numbers = column.dense(features, weights)
    return reshape(numbers, [shape(numbers)[0], column.width])


def input_layer(
    features: Mapping[str, Any], feature_columns: Any, weight_collections: Any = None, trainable: bool = True,
    cols_to_vars: dict | None = None, cols_to_output_tensors: dict | None = None,
) -> Tensor:  # fmt: skip
    """What dense columns make of features, side by side in the order of the columns' names: [batch, sum of widths].

    features   tensors or SparseTensors by name, their first axis the batch
    cols_to_vars, cols_to_output_tensors   dicts that get each column's variables and matrix
    Raises:    ValueError for a column of categories (wrap it in an indicator or embedding column), two columns of one
               name, and a feature that is missing.
    """
    columns = sorted_columns(feature_columns)
    for column in columns:
        if not isinstance(column, DenseColumn):
            raise GraphError(f"{column!r} has categories: wrap it with embedding_column or indicator_column")
    found, weights, parts = Features(features), Weights(tuple(weight_collections or ()), trainable), []
    with variable_scope(None, "input_layer"):
        for column in columns:
            with variable_scope(None, column.scope):
                assert isinstance(column, DenseColumn)
                parts.append(_matrix(column, found, weights))
                if cols_to_vars is not None:
                    cols_to_vars[column] = _variables()
                if cols_to_output_tensors is not None:
                    cols_to_output_tensors[column] = parts[-1]
        return concat(parts, 1)


def linear_model(
    features: Mapping[str, Any], feature_columns: Any, units: int = 1, sparse_combiner: str = "sum",
    weight_collections: Any = None, trainable: bool = True, cols_to_vars: dict | None = None,
) -> Tensor:  # fmt: skip
    """The sum of weights times numbers, and of the weights of categories, and a bias: [batch, units].

    sparse_combiner   how the weights of several categories in an example are combined: "sum", "mean" or "sqrtn"
    """
    columns = sorted_columns(feature_columns)
    found, weights, sums = Features(features), Weights(tuple(weight_collections or ()), trainable), []
    zeros = zeros_initializer()
    with variable_scope(None, "linear_model"):
        for column in columns:
            with variable_scope(None, column.scope):
                if isinstance(column, CategoricalColumn):
                    table = weights.variable("weights", [column.buckets, units], zeros)
                    ids, of_ids = column.ids(found), column.weights(found)
                    sums.append(safe_embedding_lookup_sparse(table, ids, of_ids, sparse_combiner))
                else:
                    assert isinstance(column, DenseColumn)
                    factor = weights.variable("weights", [column.width, units], zeros)
                    sums.append(matmul(_matrix(column, found, weights), factor))
                if cols_to_vars is not None:
                    cols_to_vars[column] = _variables()
        bias = weights.variable("bias_weights", [units], zeros)
        if cols_to_vars is not None:
            cols_to_vars["bias"] = [bias]
        return bias_add(add_n(sums), bias)


def make_parse_example_spec(feature_columns: Iterable[FeatureColumn]) -> dict[str, Any]:
    """The features of Examples that columns need, for tf.parse_example.

    Raises: ValueError for a feature that two columns want in different ways.
    """
    found: dict[str, Any] = {}
    for column in feature_columns:
        if not isinstance(column, FeatureColumn):
            raise GraphError(f"feature_columns must be feature columns, not {column!r}")
        for key, feature in column.parse_example_spec.items():
            if found.setdefault(key, feature) != feature:
                raise GraphError(f"the feature {key!r} is wanted as {found[key]} and as {feature}")
    return found
