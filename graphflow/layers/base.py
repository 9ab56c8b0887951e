"""Layer: a function of tensors together with the variables that it makes at its first call.

The variables are made by `get_variable` in a variable scope of the layer's own, so that scopes can share them.
"""

from __future__ import annotations

import copy
import functools
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from graphflow.dtypes import as_dtype, float32
from graphflow.errors import GraphError
from graphflow.graph import Graph, get_default_graph
from graphflow.names import GraphKeys
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import cast
from graphflow.ops.define import convert_to_tensor, graph_of
from graphflow.ops.shape_ops import shape
from graphflow.shape import TensorShape
from graphflow.shared_variables import get_variable
from graphflow.variable_scope import VariableScope, variable_scope
from graphflow.variables import Variable

_made: WeakKeyDictionary[Graph, dict[str, int]] = WeakKeyDictionary()  # how many layers a graph has of each class


class Layer:
    """The base of all layers.  A subclass defines `call(inputs, ...)`, and `build(input_shape)` to make its variables.

    trainable   False: its variables are not trainable
    name        the name of the variable scope, made unique; by default the class's name in snake case
    dtype       of the variables; by default that of the first inputs
    """

    def __init__(self, trainable: bool = True, name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        scope, self._reuse = kwargs.pop("_scope", None), kwargs.pop("_reuse", None)
        self._activity_regularizer = kwargs.pop("activity_regularizer", None)
        if kwargs:
            raise TypeError(f"{type(self).__name__} takes no argument {next(iter(kwargs))!r}")
        self.trainable = trainable
        self.built = False
        self.input_spec: Any = None
        self._dtype = None if dtype is None else as_dtype(dtype)
        self._trainable_weights: list[Variable] = []
        self._non_trainable_weights: list[Variable] = []
        self._losses: list[Any] = []
        self._updates: list[Operation] = []
        self._graph: Graph | None = None
        self._base_name = name or snake_case(type(self).__name__)
        self._name = name or self._numbered(self._base_name)
        self._scope: VariableScope | None = None
        if scope is not None:
            with variable_scope(scope) as self._scope:
                pass

    def __deepcopy__(self, memo: dict[int, Any]) -> Layer:
        """A layer as this one was before its first call, which makes variables of its own."""
        made = memo[id(self)] = object.__new__(type(self))
        before: dict[str, Any] = {
            "built": False, "_graph": None, "_scope": None, "_current": None, "_losses": [], "_updates": [],
            "_trainable_weights": [], "_non_trainable_weights": [],
        }  # fmt: skip
        for name, value in vars(self).items():
            belongs_to_graph = isinstance(value, (Variable, Tensor))  # stays until `build` makes another
            copied = before[name] if name in before else value if belongs_to_graph else copy.deepcopy(value, memo)
            setattr(made, name, copied)
        return made

    def _numbered(self, name: str) -> str:
        """The layer's own name, which counts from 1; its variables follow the scope instead."""
        return f"{name}_{count_layer(name)}"

    # -- for subclasses ----------------------------------------------------------------------------------------------
    def build(self, input_shape: Any) -> None:
        """Make the variables; `input_shape` is a TensorShape, or a nest of them as the inputs are."""
        self.built = True

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The outputs."""
        return inputs

    def add_weight(
        self, name: str, shape: Any = None, dtype: Any = None, initializer: Any = None,
        regularizer: Callable | None = None, trainable: bool | None = None, constraint: Callable | None = None,
        use_resource: bool | None = None, synchronization: Any = None, aggregation: Any = None,
        partitioner: Any = None, **kwargs: Any,
    ) -> Any:  # fmt: skip
        """A variable of this layer; its regularizer's result is one of the layer's losses."""
        wanted = as_dtype(dtype) if dtype is not None else self._dtype or float32
        trainable = trainable is None or trainable
        variable = self._variable(
            name, shape, wanted, initializer, regularizer, trainable and self.trainable, constraint
        )
        (self._trainable_weights if trainable else self._non_trainable_weights).append(variable)
        return variable

    add_variable = add_weight

    def _variable(
        self, name: str, shape: Any, dtype: Any, initializer: Any, regularizer: Callable | None, trainable: bool,
        constraint: Callable | None,
    ) -> Any:  # fmt: skip
        """Find or make a variable; a new one's regularization is noted."""
        rule: Any = regularizer or self._current.regularizer

        def regularization(variable: Any) -> Any:
            with get_default_graph().name_scope(f"{self.scope_name}/{name}/Regularizer/"):
                loss = rule(variable)
            self._losses += [] if loss is None else [loss]
            return loss

        return get_variable(name, shape, dtype, initializer, regularization if rule else None, trainable,
                            constraint=constraint)  # fmt: skip

    def add_loss(self, losses: Any, inputs: Any = None) -> None:
        """Losses of this layer, also in REGULARIZATION_LOSSES."""
        for loss in losses if isinstance(losses, (list, tuple)) else [losses]:
            value = loss() if callable(loss) else loss
            if value is not None:
                self._losses.append(value)
                self._collect(GraphKeys.REGULARIZATION_LOSSES, value)

    def add_update(self, updates: Any, inputs: Any = None) -> None:
        """Operations to run in each step of training, also in UPDATE_OPS."""
        for update in updates if isinstance(updates, (list, tuple)) else [updates]:
            op = update.op if isinstance(update, Tensor) else update
            self._updates.append(op)
            self._collect(GraphKeys.UPDATE_OPS, op)

    def _collect(self, key: str, value: Any) -> None:
        get_default_graph().add_to_collection(key, value)

    # -- calling -----------------------------------------------------------------------------------------------------
    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The outputs of `call`; the first call builds.   Raises: ValueError for inputs that do not fit."""
        leaves: list[Any] = []
        mapped(inputs, leaves.append)
        graph = graph_of(leaves)
        with graph.as_default(), self._entered(kwargs.pop("scope", None)):
            inputs = mapped(inputs, _tensor)
            self._prepare(inputs)
            if takes_scope(type(self).call):
                kwargs["scope"] = self._current
            outputs = self.call(inputs, *args, **kwargs)
            if self._activity_regularizer is not None:
                self._regularize(outputs)
        return outputs

    def apply(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The same as calling the layer."""
        return self(inputs, *args, **kwargs)

    def _prepare(self, inputs: Any) -> None:
        """Check the inputs, and build at the first call."""
        self._check(inputs)
        if self.built:
            return
        self._graph = get_default_graph()
        leaves: list[Any] = []
        mapped(inputs, leaves.append)
        if self._dtype is None and leaves and isinstance(leaves[0], Tensor):
            self._dtype = leaves[0].dtype
        self.build(mapped(inputs, lambda t: getattr(t, "shape", TensorShape(None))))
        self._check(inputs)  # what build found out
        self.built = True

    def _check(self, inputs: Any) -> None:
        if self.input_spec is None:
            return
        tensors = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        specs = self.input_spec if isinstance(self.input_spec, (list, tuple)) else [self.input_spec]
        if len(tensors) != len(specs):
            raise GraphError(f"layer {self.name!r} takes {len(specs)} inputs, not {len(tensors)}")
        for spec, tensor in zip(specs, tensors, strict=True):
            spec.check(tensor, self.name)

    @contextmanager
    def _entered(self, scope: Any) -> Iterator[None]:
        """Variables and operations inside belong to the layer; variables are only found from the second call on."""
        if self._scope is None:  # decided where the layer is first called
            name = scope if scope is not None else self._base_name if self._reuse else None
            with variable_scope(name, self._base_name) as self._scope:
                pass
        reuse = True if self.built else self._reuse
        names = get_default_graph().name_scope(self._scope.original_name_scope)
        with variable_scope(self._scope, reuse=reuse, auxiliary_name_scope=False) as self._current, names:
            yield

    def _regularize(self, outputs: Any) -> None:
        """Losses on the outputs, per example."""
        with get_default_graph().name_scope("ActivityRegularizer"):
            for output in outputs if isinstance(outputs, (list, tuple)) else [outputs]:
                loss = self._activity_regularizer(output)
                if loss is not None:
                    self.add_loss(loss / cast(shape(output)[0], loss.dtype))

    # -- what it is --------------------------------------------------------------------------------------------------
    @property
    def name(self) -> str:
        return self._name

    @property
    def scope_name(self) -> str:
        """The name of the variable scope; ValueError before the first call."""
        if self._scope is None:
            raise GraphError(f"layer {self.name!r} has no variable scope before its first call")
        return self._scope.name

    @property
    def dtype(self) -> Any:
        return self._dtype

    @property
    def graph(self) -> Graph | None:
        """The graph that it was built in."""
        return self._graph

    @property
    def trainable_weights(self) -> list[Variable]:
        return list(self._trainable_weights) if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Variable]:
        if self.trainable:
            return list(self._non_trainable_weights)
        return self._trainable_weights + self._non_trainable_weights

    @property
    def weights(self) -> list[Variable]:
        """All variables, the trainable ones first."""
        return self.trainable_weights + self.non_trainable_weights

    trainable_variables, non_trainable_variables, variables = trainable_weights, non_trainable_weights, weights

    @property
    def losses(self) -> list[Any]:
        return list(self._losses)

    @property
    def updates(self) -> list[Operation]:
        return list(self._updates)

    def count_params(self) -> int:
        """The number of numbers in the variables.   Raises: ValueError before the first call."""
        if not self.built:
            raise GraphError(f"layer {self.name!r} has no variables before its first call")
        return sum(v.shape.num_elements() or 0 for v in self.weights)


@functools.cache
def takes_scope(call: Callable) -> bool:
    """Whether a layer's `call` wants to know the variable scope."""
    return "scope" in inspect.signature(call).parameters


def snake_case(name: str) -> str:
    """`conv2d_transpose` for Conv2DTranspose, `my_layer` for MyLayer."""
    words = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    words = re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
    return "private" + words if words.startswith("_") else words


def count_layer(name: str) -> int:
    """How many layers of this name the default graph has, this one included."""
    counts = _made.setdefault(get_default_graph(), {})
    counts[name] = counts.get(name, 0) + 1
    return counts[name]


def mapped(nest: Any, function: Callable) -> Any:
    """The same lists, tuples, named tuples and dicts with function(leaf) for each leaf."""
    if isinstance(nest, dict):
        return {key: mapped(value, function) for key, value in nest.items()}
    if isinstance(nest, (list, tuple)):
        parts: Sequence[Any] = [mapped(value, function) for value in nest]
        return type(nest)(*parts) if hasattr(nest, "_fields") else type(nest)(parts)
    return function(nest)


def _tensor(value: Any) -> Any:
    return convert_to_tensor(value) if isinstance(value, (Variable, np.ndarray, np.generic, int, float)) else value


def functional(layer: type[Layer], *, reuse: bool = True) -> Callable[..., Any]:
    """The function that makes such a layer and calls it: the arguments of the class after `inputs`, then `reuse`.

    A call with a `name` makes or finds the variables in the scope of this name, one without takes a new scope.
    """
    own = inspect.signature(layer.__init__).parameters.values()
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter("inputs", kind)]
    parameters += [p for p in list(own)[1:] if p.kind is kind]
    if reuse:
        parameters.append(inspect.Parameter("reuse", kind, default=None))
    signature = inspect.Signature(parameters)

    def function(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        values = bound.arguments
        inputs, found = values.pop("inputs"), values.pop("reuse", None)
        return layer(**values, _scope=values.get("name"), _reuse=found)(inputs)

    function.__name__ = function.__qualname__ = snake_case(layer.__name__)
    function.__doc__ = f"A {layer.__name__} layer, called once.\n\n    {layer.__doc__}"
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function
