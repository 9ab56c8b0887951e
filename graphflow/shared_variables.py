"""`get_variable`: finds or makes variables by name, so that parts of a model can share them.

The name of a shared variable depends on variable scopes only, never on name scopes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from graphflow.dtypes import DType, as_dtype, float32
from graphflow.dtypes import string as string_dtype
from graphflow.errors import GraphError, ShapeError
from graphflow.graph import get_default_graph
from graphflow.initializers import glorot_uniform_initializer, zeros_initializer
from graphflow.names import GraphKeys
from graphflow.operation import created
from graphflow.ops.values import as_array
from graphflow.shape import Dims, as_dims, compatible, known, show
from graphflow.variable_scope import VariableScope, get_variable_scope, join_names, nested_getters, store_of
from graphflow.variables import Variable


def get_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Callable | None = None,
    trainable: bool | None = None,
    collections: Sequence[Any] | None = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    custom_getter: Callable | None = None,
    constraint: Callable | None = None,
    synchronization: Any = None,
    aggregation: Any = None,
) -> Any:
    """The variable of this name in the current variable scope, found or made, as the scope's `reuse` says.

    initializer   an initializer (class or object), or a value, which then decides shape and dtype;
                  by default the scope's, else Glorot's uniform for floating dtypes and zeros for integers and bools
    regularizer   a function of the variable; its result goes to REGULARIZATION_LOSSES, once, when the variable is made
    Raises: ValueError when the variable exists and is not to be reused, or is to be reused and does not exist, or
            has another shape or dtype, or when a new one has no fully known shape.
    """
    return _get_variable(
        get_variable_scope(), name, shape, dtype, initializer, regularizer, None, trainable, collections,
        caching_device, partitioner, validate_shape, use_resource, custom_getter, constraint,
    )  # fmt: skip


def get_local_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Callable | None = None,
    trainable: bool | None = False,
    collections: Sequence[Any] | None = None,
    **others: Any,
) -> Any:
    """As `get_variable`, for LOCAL_VARIABLES instead of GLOBAL_VARIABLES; not trainable."""
    keys = [*(collections or ()), GraphKeys.LOCAL_VARIABLES]
    return get_variable(name, shape, dtype, initializer, regularizer, trainable, keys, **others)


def _get_variable(
    scope: VariableScope,
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Callable | None = None,
    reuse: Any = None,
    trainable: bool | None = None,
    collections: Sequence[Any] | None = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    custom_getter: Callable | None = None,
    constraint: Callable | None = None,
    synchronization: Any = None,
    aggregation: Any = None,
) -> Any:
    """Fill in the scope's defaults and ask its custom getter, if it has one, else the graph's store."""
    wanted = None if dtype is None else as_dtype(dtype)
    if initializer is None:
        initializer = scope.initializer
    elif not callable(initializer):
        has_dtype = hasattr(initializer, "dtype")
        given = as_dtype(initializer.dtype if has_dtype else wanted or as_array(initializer, None).dtype)
        if wanted is not None and given is not wanted:
            raise GraphError(f"the initializer of {name!r} has dtype {given.name}, and dtype is {wanted.name}")
        wanted = given
    arguments = {
        "shape": shape, "dtype": wanted or scope.dtype, "initializer": initializer,
        "regularizer": scope.regularizer if regularizer is None else regularizer,
        "reuse": scope.reuse if reuse is None else reuse, "trainable": trainable, "collections": collections,
        "caching_device": caching_device, "partitioner": partitioner, "validate_shape": validate_shape,
        "use_resource": use_resource, "constraint": scope.constraint if constraint is None else constraint,
    }  # fmt: skip
    getter = nested_getters(custom_getter, scope.custom_getter)
    if name == "":
        raise GraphError("a variable of get_variable needs a name")
    full_name = join_names(scope.name, name)
    with get_default_graph().name_scope(None):
        if getter is None:
            return _find_or_make(full_name, **arguments)
        return getter(_find_or_make, name=full_name, **arguments)


def _find_or_make(
    name: str,
    shape: Any = None,
    dtype: Any = float32,
    initializer: Any = None,
    regularizer: Callable | None = None,
    reuse: Any = None,
    trainable: bool | None = None,
    collections: Sequence[Any] | None = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    constraint: Callable | None = None,
    **_: Any,
) -> Variable:
    """The store's own rule, by absolute name; what custom getters get as `getter`."""
    graph = get_default_graph()
    variables = store_of(graph).variables
    dims, dtype = as_dims(shape), as_dtype(dtype)
    found = variables.get(name)
    if found is not None:
        return _checked(found, name, dims, dtype, reuse)
    if reuse is True:
        raise GraphError(
            f"there is no variable {name!r} to reuse: it was not made by get_variable",
            hint="reuse=tf.AUTO_REUSE makes variables that do not exist yet",
        )
    value, dtype_of_new = _initial_value(name, dims, dtype, initializer)
    variable = Variable(
        value, trainable=trainable, collections=collections, validate_shape=validate_shape, name=name,
        dtype=dtype_of_new, constraint=constraint,
    )  # fmt: skip
    variables[name] = variable
    if regularizer is not None:
        with graph.name_scope(name + "/Regularizer/"):
            loss = regularizer(variable)
        if loss is not None:
            graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)
    return variable


def _checked(found: Variable, name: str, dims: Dims, dtype: DType, reuse: Any) -> Variable:
    if not reuse:
        raise GraphError(
            f"variable {name!r} exists already", hint="reuse=True or reuse=tf.AUTO_REUSE in variable_scope shares it"
        ).note(*created(repr(found), found.op.site))
    if not compatible(dims, found._ref.dims):
        raise ShapeError(f"variable {name!r} has shape {found.shape}, and {show(dims)} is asked for")
    if found.dtype is not dtype:
        raise GraphError(f"variable {name!r} has dtype {found.dtype.name}, and {dtype.name} is asked for")
    return found


def _initial_value(name: str, dims: Dims, dtype: DType, initializer: Any) -> tuple[Any, DType | None]:
    """An initial value for Variable, and the dtype that it is to have."""
    if initializer is not None and not callable(initializer):
        if dims is not None:
            raise GraphError(f"the initializer of {name!r} is a value, which has a shape: give no other")
        return initializer, dtype
    if initializer is None:
        initializer = _default_initializer(name, dtype)
    elif inspect.isclass(initializer):
        initializer = initializer()
    parameters = inspect.signature(initializer).parameters
    if dims is None and all(p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
                            for p in parameters.values()):  # fmt: skip
        return initializer, None  # a function that makes the value without being told a shape
    if dims is None or not known(dims):
        raise ShapeError(f"a new variable needs a fully known shape, and that of {name!r} is {show(dims)}")
    extra = {"partition_info": None} if "partition_info" in parameters else {}
    sizes = list(dims)
    return lambda: initializer(sizes, dtype=dtype, **extra), dtype


def _default_initializer(name: str, dtype: DType) -> Any:
    if dtype.is_floating:
        return glorot_uniform_initializer()
    if dtype.is_integer or dtype.is_bool or dtype is string_dtype:
        return zeros_initializer()
    raise GraphError(f"variable {name!r} has dtype {dtype.name} and needs an initializer")
