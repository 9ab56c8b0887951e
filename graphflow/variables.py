"""Variables: tensors that keep their value in a session from run to run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import DType
from graphflow.errors import GraphError, ShapeError
from graphflow.graph import Graph, get_default_graph
from graphflow.names import GraphKeys
from graphflow.operation import Operation, Tensor
from graphflow.ops import scatter, state
from graphflow.ops.basic import group, identity, no_op
from graphflow.ops.compare import logical_not
from graphflow.ops.define import convert_to_tensor, register_tensor_conversion_function, require_dtype
from graphflow.ops.indexing import boolean_mask
from graphflow.ops.join import stack
from graphflow.protos import VariableDef
from graphflow.shape import TensorShape, as_dims, known, merge


class Variable:
    """A value that lives in a session, is set by its initializer and changed by assignments and optimizers.

    initial_value   a tensor or anything that becomes one, or a function without arguments that gives one
    trainable       whether optimizers change it by default; adds it to TRAINABLE_VARIABLES (default True)
    collections     where to register it, [GLOBAL_VARIABLES] by default
    validate_shape  False allows an initial value of unknown shape, and other shapes later
    Raises: ValueError when there is no initial value, or its shape is unknown and validate_shape is True.
    """

    __array_priority__ = 100

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        collections: Sequence[Any] | None = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        expected_shape: Any = None,
        import_scope: Any = None,
        constraint: Any = None,
        use_resource: Any = None,
        synchronization: Any = None,
        aggregation: Any = None,
        shape: Any = None,
    ) -> None:
        graph = get_default_graph()
        if variable_def is not None:
            if initial_value is not None:
                raise GraphError("a Variable has an initial_value or a variable_def, not both")
            self._find(graph, variable_def, f"{import_scope}/" if import_scope else "")
            return
        if initial_value is None:
            raise GraphError("a Variable needs an initial_value")
        self.trainable = trainable is None or bool(trainable)
        self.constraint = constraint
        with graph.control_dependencies(None), graph.name_scope(name or "Variable") as scope:
            if callable(initial_value):
                with graph.name_scope("Initializer"):
                    initial_value = initial_value()
            wanted = None if dtype is None else dtypes.as_dtype(dtype)
            self.initial_value = convert_to_tensor(initial_value, wanted, name="initial_value")
            dims = merge(self.initial_value.dims, as_dims(shape))
            if validate_shape and not known(dims):
                raise ShapeError(f"the initial value of variable {scope[:-1]!r} must have a known shape, not "
                                 f"{self.initial_value.shape}; validate_shape=False lifts this")  # fmt: skip
            self._ref: Tensor = state.VARIABLE(
                name=scope, shape=dims if validate_shape else None, dtype=self.initial_value.dtype
            )
            self.initializer: Operation = state.assign(
                self._ref, self.initial_value, validate_shape=validate_shape, name="Assign"
            ).op
            self._snapshot: Tensor = identity(self._ref, name="read")
        keys = list(collections) if collections is not None else [GraphKeys.GLOBAL_VARIABLES]
        if self.trainable and GraphKeys.TRAINABLE_VARIABLES not in keys:
            keys.append(GraphKeys.TRAINABLE_VARIABLES)
        graph.add_to_collections(keys, self)

    def _find(self, graph: Graph, found: VariableDef, scope: str) -> None:
        """Become the variable that a definition names."""
        self.trainable, self.constraint = found.trainable, None
        self._ref = graph.get_tensor_by_name(scope + found.variable_name)
        self.initial_value = graph.get_tensor_by_name(scope + found.initial_value_name)
        self.initializer = graph.get_operation_by_name(scope + found.initializer_name)
        self._snapshot = graph.get_tensor_by_name(scope + found.snapshot_name)

    def to_proto(self, export_scope: str | None = None) -> VariableDef | None:
        """The names of its parts, without `export_scope`; None when the variable is outside that scope."""
        scope = f"{export_scope}/" if export_scope else ""
        if not self.name.startswith(scope):
            return None
        parts = {
            "variable_name": self.name, "initial_value_name": self.initial_value.name,
            "initializer_name": self.initializer.name, "snapshot_name": self._snapshot.name,
        }  # fmt: skip
        return VariableDef(trainable=self.trainable, **{key: name.removeprefix(scope) for key, name in parts.items()})

    @staticmethod
    def from_proto(variable_def: VariableDef, import_scope: str | None = None) -> Variable:
        """The variable of the default graph that `to_proto` has described.   Raises: KeyError when it is not there."""
        return Variable(variable_def=variable_def, import_scope=import_scope)

    # -- what it is ----------------------------------------------------------------------------------------------
    @property
    def op(self) -> Operation:
        return self._ref.op

    @property
    def name(self) -> str:
        return self._ref.name

    @property
    def _shared_name(self) -> str:
        return self._ref.op.name

    @property
    def dtype(self) -> DType:
        return self._ref.dtype

    @property
    def shape(self) -> TensorShape:
        return self._ref.shape

    def get_shape(self) -> TensorShape:
        """The static shape."""
        return self._ref.shape

    def set_shape(self, shape: Any) -> None:
        """Add knowledge about the static shape."""
        self._ref.set_shape(shape)
        self._snapshot.set_shape(shape)

    @property
    def graph(self) -> Graph:
        return self._ref.graph

    @property
    def device(self) -> str:
        return self._ref.device

    # -- reading -------------------------------------------------------------------------------------------------
    def value(self) -> Tensor:
        """The value at the start of the run, or, under control dependencies, the value after these."""
        return self.read_value() if self.graph.has_control_dependencies else self._snapshot

    def read_value(self) -> Tensor:
        """A new read: it sees the assignments created before it, and waits for the control dependencies in force."""
        return state.READ(self._ref, name="read")

    def initialized_value(self) -> Tensor:
        """The value if there is one yet, else the initial value: for initial values that depend on this variable."""
        return state.INITIALIZED_VALUE(self._ref, self.initial_value, name="initialized_value")

    def eval(self, session: Any = None) -> np.ndarray:
        """The value in this session, or in the default one."""
        return self._ref.eval(session=session)  # type: ignore[attr-defined]

    def _as_graph_element(self) -> Tensor:
        return self._ref

    # -- writing -------------------------------------------------------------------------------------------------
    def assign(self, value: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True) -> Any:
        """Set the value when run; gives the new value (the operation when read_value is False)."""
        return _result(state.assign(self, value, name=name), read_value)

    def assign_add(
        self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Any:
        """Add to the value when run; gives the new value."""
        return _result(state.assign_add(self, delta, name=name), read_value)

    def assign_sub(
        self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Any:
        """Subtract from the value when run; gives the new value."""
        return _result(state.assign_sub(self, delta, name=name), read_value)

    def scatter_add(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
        """Add an IndexedSlices to rows."""
        return state.scatter_add(self, sparse_delta.indices, sparse_delta.values, name=name)

    def scatter_sub(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
        """Subtract an IndexedSlices from rows."""
        return state.scatter_sub(self, sparse_delta.indices, sparse_delta.values, name=name)

    def scatter_update(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
        """Set rows to those of an IndexedSlices."""
        return state.scatter_update(self, sparse_delta.indices, sparse_delta.values, name=name)

    def scatter_nd_add(self, indices: Any, updates: Any, name: str | None = None) -> Tensor:
        """Add to elements at coordinates."""
        return scatter.scatter_nd_add(self, indices, updates, name=name)

    def scatter_nd_sub(self, indices: Any, updates: Any, name: str | None = None) -> Tensor:
        """Subtract from elements at coordinates."""
        return scatter.scatter_nd_sub(self, indices, updates, name=name)

    def scatter_nd_update(self, indices: Any, updates: Any, name: str | None = None) -> Tensor:
        """Set elements at coordinates."""
        return scatter.scatter_nd_update(self, indices, updates, name=name)

    def count_up_to(self, limit: int) -> Tensor:
        """The value, which one is added to; OutOfRangeError when run, from `limit` on."""
        return state.count_up_to(self, limit)

    def load(self, value: Any, session: Any = None) -> None:
        """Set the value in this session (or the default one) at once, without adding to the graph."""
        self.initializer.run({self.initializer.inputs[1]: value}, session)  # type: ignore[attr-defined]

    # -- not a Python value --------------------------------------------------------------------------------------
    def __iter__(self) -> Iterator[Any]:
        raise TypeError(f"{self!r} is not iterable")

    def __repr__(self) -> str:
        return f"<tf.Variable {self.name!r} shape={self.shape} dtype={self.dtype.name}_ref>"  # as TensorFlow shows it


def _result(tensor: Tensor, read_value: bool) -> Any:
    return tensor if read_value else tensor.op


def _variable_as_tensor(value: Variable, dtype: Any = None, name: str | None = None, as_ref: bool = False) -> Tensor:
    return require_dtype(value.value(), dtype)


register_tensor_conversion_function(Variable, _variable_as_tensor)


def global_variables(scope: str | None = None) -> list[Variable]:
    """The variables of the default graph; `scope` is a regular expression for the start of their names."""
    return get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def trainable_variables(scope: str | None = None) -> list[Variable]:
    """The variables that optimizers change by default."""
    return get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


def local_variables(scope: str | None = None) -> list[Variable]:
    """Variables of this process only, such as counters of metrics."""
    return get_default_graph().get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def model_variables(scope: str | None = None) -> list[Variable]:
    """Variables that inference needs."""
    return get_default_graph().get_collection(GraphKeys.MODEL_VARIABLES, scope)


def moving_average_variables(scope: str | None = None) -> list[Variable]:
    """Variables of which moving averages are kept."""
    return get_default_graph().get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, scope)


def variables_initializer(var_list: Sequence[Variable], name: str = "init") -> Operation:
    """An operation that initializes these variables."""
    return group(*[v.initializer for v in var_list], name=name) if var_list else no_op(name=name)


def global_variables_initializer() -> Operation:
    """An operation that initializes the global variables that exist now."""
    return variables_initializer(global_variables())


def local_variables_initializer() -> Operation:
    """An operation that initializes the local variables that exist now."""
    return variables_initializer(local_variables())


def report_uninitialized_variables(
    var_list: Sequence[Variable] | None = None, name: str = "report_uninitialized_variables"
) -> Tensor:
    """The names of the variables (global and local ones by default) that have no value yet: strings [n]."""
    variables = global_variables() + local_variables() if var_list is None else list(var_list)
    graph = get_default_graph()
    with graph.name_scope(name):
        if not variables:
            return convert_to_tensor(np.empty((0,), object), dtypes.string)
        missing = logical_not(stack([is_variable_initialized(v) for v in variables]))
        return boolean_mask(convert_to_tensor([v.op.name for v in variables]), missing)


def is_variable_initialized(variable: Variable) -> Tensor:
    """Whether the variable has a value in the session."""
    return state.IS_INITIALIZED(variable._ref)


def assert_variables_initialized(var_list: Sequence[Variable] | None = None) -> Tensor | None:
    """A tensor that fails with FailedPreconditionError when one of the variables (all by default) has no value yet.

    None when there are none.
    """
    variables = global_variables() + local_variables() if var_list is None else list(var_list)
    return stack([state.REQUIRE_VALUE(v._ref) for v in variables]) if variables else None
