"""Several layers in a row, and the embedding of sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow.contrib.framework.variables import model_variable
from graphflow.default import add_to_collections
from graphflow.errors import DTypeError, GraphError
from graphflow.operation import Tensor
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.embedding import embedding_lookup
from graphflow.ops.indexing import gather
from graphflow.ops.sets import unique as distinct
from graphflow.ops.shape_ops import reshape, shape
from graphflow.variable_scope import variable_scope


def _name_of(layer: Any, scope: str | None) -> str:
    """What the layers in a row are called: after their scope, or else after their function."""
    if scope:
        return scope
    function = getattr(layer, "func", layer)  # what a functools.partial wraps
    return getattr(function, "__name__", "stack")


def stack(inputs: Any, layer: Callable, stack_args: Sequence[Any], **kwargs: Any) -> Any:
    """layer(layer(inputs, *stack_args[0]), *stack_args[1]) ...; the scopes are `scope/scope_1`, `scope/scope_2`, ...

    Raises: ValueError unless stack_args is a list or tuple.
    """
    scope, reuse, collections = (kwargs.pop(key, None) for key in ("scope", "reuse", "outputs_collections"))
    if not isinstance(stack_args, (list, tuple)):
        raise GraphError(f"stack_args must be a list of arguments, not {stack_args!r}")
    with variable_scope(scope, "Stack", [inputs], reuse=reuse):
        outputs, name = inputs, _name_of(layer, scope)
        for i, arguments in enumerate(stack_args):
            listed = arguments if isinstance(arguments, (list, tuple)) else [arguments]
            outputs = layer(outputs, *listed, scope=f"{name}_{i + 1}", **kwargs)
        add_to_collections(collections or (), outputs)
        return outputs


def repeat(inputs: Any, repetitions: int, layer: Callable, *args: Any, **kwargs: Any) -> Any:
    """The layer applied `repetitions` times; the scopes are `scope/scope_1`, `scope/scope_2`, ..."""
    scope = kwargs.pop("scope", None)
    with variable_scope(scope, "Repeat", [inputs]):
        outputs, name = inputs, _name_of(layer, scope)
        for i in range(repetitions):
            outputs = layer(outputs, *args, **{**kwargs, "scope": f"{name}_{i + 1}"})
        return outputs


def embed_sequence(
    ids: Any, vocab_size: int | None = None, embed_dim: int | None = None, unique: bool = False,
    initializer: Any = None, regularizer: Callable | None = None, trainable: bool = True, scope: Any = None,
    reuse: Any = None,
) -> Tensor:  # fmt: skip
    """The rows of a table `embeddings` for ids.

    unique  every row is looked up once, however often its id occurs
    Shapes: ids [n, length] -> [n, length, embed_dim]; embeddings [vocab_size, embed_dim].
    Raises: ValueError when vocab_size or embed_dim is missing and the table is not reused.
    """
    if not (reuse or vocab_size and embed_dim):
        raise GraphError(f"embed_sequence needs vocab_size and embed_dim, which are {vocab_size} and {embed_dim}")
    with variable_scope(scope, "EmbedSequence", [ids], reuse=reuse):
        ids = convert_to_tensor(ids)
        if not ids.dtype.is_integer:
            raise DTypeError(f"ids are integers, and {ids!r} has dtype {ids.dtype.name}")
        sizes = [vocab_size, embed_dim] if vocab_size and embed_dim else None
        table = model_variable("embeddings", sizes, None, initializer, regularizer, trainable)
        if not unique:
            return embedding_lookup(table, ids)
        values, positions = distinct(reshape(ids, [-1]))
        rows = gather(embedding_lookup(table, values), reshape(positions, shape(ids)))
        rows.set_shape((*ids.dims, *table.shape.as_list()[1:]) if ids.dims is not None else None)
        return rows
