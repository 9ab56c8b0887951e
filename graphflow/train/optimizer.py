"""The base of all optimizers: gradients of a loss, slots, and one update operation for each variable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from graphflow.default import name_scope
from graphflow.dtypes import FLOATING
from graphflow.errors import GraphError
from graphflow.gradients import gradients
from graphflow.graph import Graph
from graphflow.names import GraphKeys
from graphflow.operation import Operation, Tensor, created
from graphflow.ops.basic import group, tuple_
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.indexed_slices import IndexedSlices, values_of
from graphflow.ops.state import assign_add
from graphflow.ops.training import SUM_DUPLICATES
from graphflow.train import slots
from graphflow.variables import Variable, trainable_variables

GATE_NONE, GATE_OP, GATE_GRAPH = 0, 1, 2


class Optimizer:
    """Adds the operations that train variables to the graph.

    A subclass defines `_apply_dense(grad, var)`, which gives the operation that updates one variable, and
    `_apply_sparse(grad, var)` for gradients that are IndexedSlices (their indices are unique by then).  It may define
    `_prepare()`, where hyperparameters become tensors, `_create_slots(var_list)`, and `_finish(update_ops, name)`.
    """

    GATE_NONE, GATE_OP, GATE_GRAPH = GATE_NONE, GATE_OP, GATE_GRAPH

    def __init__(self, use_locking: bool, name: str) -> None:
        if not name:
            raise GraphError("an optimizer needs a name")
        self._use_locking = use_locking
        self._name = name
        self._slots: dict[str, dict[Any, Variable]] = {}
        self._non_slot_dict: dict[tuple[str, Graph], Variable] = {}

    def get_name(self) -> str:
        """The name, under which the update operations stand in the graph."""
        return self._name

    # -- the three steps ---------------------------------------------------------------------------------------------
    def minimize(
        self,
        loss: Any,
        global_step: Any = None,
        var_list: Sequence[Any] | None = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Any = None,
    ) -> Operation:
        """An operation that changes the variables so that the loss gets smaller, and then adds 1 to global_step.

        var_list    the trainable variables of the graph by default
        Raises: ValueError when there are no variables, or none of them has a gradient.
        """
        pairs = self.compute_gradients(
            loss, var_list, gate_gradients, aggregation_method, colocate_gradients_with_ops, grad_loss
        )
        if all(g is None for g, _ in pairs):
            raise GraphError(
                f"the loss {loss!r} has no gradient for any of the variables {[v.name for _, v in pairs]}",
                hint="the loss must depend on a variable, through operations that have gradients",
            ).note(*created(repr(loss), loss.op.site))
        return self.apply_gradients(pairs, global_step, name)

    def compute_gradients(
        self,
        loss: Any,
        var_list: Sequence[Any] | None = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Any = None,
    ) -> list[tuple[Any, Any]]:
        """(gradient, variable) for each variable; the gradient is a Tensor, IndexedSlices, or None.

        gate_gradients  GATE_GRAPH: no gradient is available before all are; the others make no difference here
        Raises: ValueError when there are no variables, or one that gets a gradient is not floating.
        """
        if gate_gradients not in (GATE_NONE, GATE_OP, GATE_GRAPH):
            raise GraphError(f"gate_gradients must be GATE_NONE, GATE_OP or GATE_GRAPH, not {gate_gradients!r}")
        if callable(loss):
            loss = loss()
        self._assert_valid_dtypes([loss] if grad_loss is None else [loss, grad_loss])
        variables = trainable_variables() if var_list is None else _flat(var_list)
        if not variables:
            raise GraphError("there are no variables to optimize")
        for v in variables:
            if not isinstance(v, (Variable, Tensor)):
                raise NotImplementedError(f"an optimizer cannot train a {type(v).__name__}: {v!r}")
        grads = gradients(loss, variables, grad_loss, gate_gradients=gate_gradients == GATE_OP)
        if gate_gradients == GATE_GRAPH:
            grads = _gated(grads)
        pairs = list(zip(grads, variables, strict=True))
        self._assert_valid_dtypes([v for g, v in pairs if g is not None])
        return pairs

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[Any, Any]], global_step: Any = None, name: str | None = None
    ) -> Operation:
        """An operation that updates the variables by these gradients, and then adds 1 to global_step.

        grads_and_vars  pairs as compute_gradients gives them; those whose gradient is None are left out
        Raises: ValueError when nothing is left, TypeError for a gradient that cannot be a tensor.
        """
        pairs = [(_as_gradient(g), v) for g, v in grads_and_vars]
        if not pairs:
            raise GraphError("there are no variables to apply gradients to")
        wanted = [(g, v) for g, v in pairs if g is not None]
        if not wanted:
            raise GraphError(f"no gradient is given for any of the variables {[v.name for _, v in pairs]}")
        for _, v in wanted:
            if not isinstance(v, Variable):
                raise NotImplementedError(f"only variables can be updated, not {v!r}")
        graph = wanted[0][1].graph
        with graph.as_default():
            with graph.control_dependencies(None):
                self._create_slots([v for _, v in wanted])
            with name_scope(name, self._name) as scope:
                self._prepare()
                updates = []
                for g, v in wanted:
                    with graph.name_scope("update_" + v.op.name):
                        updates.append(self._update(g, v))
                train_op = self._counted(updates, global_step, scope)
            collection = graph.get_collection_ref(GraphKeys.TRAIN_OP)
            if train_op not in collection:
                collection.append(train_op)
        return train_op

    def _counted(self, updates: list[Any], global_step: Any, scope: str) -> Operation:
        """The operation that finishes the updates, and counts the step when there is a counter."""
        if global_step is None:
            return _operation(self._finish(updates, scope))
        done = self._finish(updates, "update")
        with global_step.graph.control_dependencies([done]):
            return assign_add(global_step, 1, name=scope).op

    def _update(self, grad: Any, var: Variable) -> Any:
        """The operation that updates one variable; a constraint is applied after it."""
        if isinstance(grad, IndexedSlices):
            if var.constraint is not None:
                raise RuntimeError(f"{var!r} has a constraint, which a sparse gradient cannot keep")
            return self._apply_sparse_duplicate_indices(grad, var)
        update = self._apply_dense(grad, var)
        if var.constraint is None:
            return update
        with var.graph.control_dependencies([update]):
            return var.assign(var.constraint(var.read_value()))

    # -- for subclasses ----------------------------------------------------------------------------------------------
    def _valid_dtypes(self) -> Iterable[Any]:
        """The dtypes that loss and variables may have."""
        return FLOATING

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        """Make the slots of these variables."""

    def _prepare(self) -> None:
        """Make tensors of the hyperparameters."""

    def _apply_dense(self, grad: Tensor, var: Variable) -> Any:
        """The operation that updates a variable by a dense gradient."""
        return self._resource_apply_dense(grad, var)

    def _resource_apply_dense(self, grad: Tensor, handle: Variable) -> Any:
        """As `_apply_dense`, for subclasses written for resource variables: there is one kind of variable here."""
        raise NotImplementedError(f"{type(self).__name__} must define _apply_dense")

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Variable) -> Any:
        """As `_apply_sparse`, for indices that may repeat: adds up the rows that belong together."""
        values, indices = SUM_DUPLICATES(grad.values, grad.indices)
        return self._apply_sparse(IndexedSlices(values, indices, grad.dense_shape), var)

    def _apply_sparse(self, grad: IndexedSlices, var: Variable) -> Any:
        """The operation that updates some rows of a variable."""
        return self._resource_apply_sparse(grad.values, var, grad.indices)

    def _resource_apply_sparse(self, grad: Tensor, handle: Variable, indices: Tensor) -> Any:
        """As `_apply_sparse`, for subclasses written for resource variables."""
        raise NotImplementedError(f"{type(self).__name__} must define _apply_sparse")

    def _finish(self, update_ops: Sequence[Any], name_scope: str) -> Any:
        """The operation that is done when all updates are."""
        return group(*update_ops, name=name_scope)

    @staticmethod
    def _call_if_callable(param: Any) -> Any:
        """A hyperparameter may be given as a function."""
        return param() if callable(param) and not isinstance(param, (Tensor, Variable)) else param

    def _tensor(self, value: Any, name: str) -> Tensor:
        """A hyperparameter as a tensor; a number is float32, and `_cast` brings it to the variable's dtype."""
        return convert_to_tensor(self._call_if_callable(value), name=name)

    def _assert_valid_dtypes(self, tensors: Iterable[Any]) -> None:
        valid = tuple(self._valid_dtypes())
        for t in tensors:
            if t.dtype not in valid:
                raise GraphError(f"{t!r} has dtype {t.dtype.name}; an optimizer works on "
                                 f"{', '.join(d.name for d in valid)}")  # fmt: skip

    # -- slots and other variables -----------------------------------------------------------------------------------
    def get_slot_names(self) -> list[str]:
        """The kinds of slots, sorted."""
        return sorted(self._slots)

    def get_slot(self, var: Any, name: str) -> Variable | None:
        """The slot of this kind for a variable, None when there is none."""
        return self._slots.get(name, {}).get(_key(var))

    def variables(self) -> list[Variable]:
        """All variables that the optimizer made in the current graph, by name."""
        made = [*self._non_slot_dict.values(), *(s for kind in self._slots.values() for s in kind.values())]
        return sorted(made, key=lambda v: v.name)

    def _slot_dict(self, slot_name: str) -> dict[Any, Variable]:
        return self._slots.setdefault(slot_name, {})

    def _made(self, var: Variable, slot_name: str, make: Callable[[], Variable]) -> Variable:
        named = self._slot_dict(slot_name)
        if _key(var) not in named:
            named[_key(var)] = make()
        return named[_key(var)]

    def _get_or_make_slot(self, var: Variable, val: Any, slot_name: str, op_name: str) -> Variable:
        """The slot, made with this initial value if there is none; `op_name` becomes part of its name."""
        return self._made(var, slot_name, lambda: slots.create_slot(var, val, op_name))

    def _get_or_make_slot_with_initializer(
        self, var: Variable, initializer: Any, shape: Any, dtype: Any, slot_name: str, op_name: str
    ) -> Variable:
        """The slot, made by this initializer if there is none."""
        return self._made(
            var, slot_name, lambda: slots.create_slot_with_initializer(var, initializer, shape, dtype, op_name)
        )

    def _zeros_slot(self, var: Variable, slot_name: str, op_name: str) -> Variable:
        """The slot, made with zeros if there is none."""
        return self._made(var, slot_name, lambda: slots.create_zeros_slot(var, op_name))

    def _create_non_slot_variable(self, initial_value: Any, name: str, colocate_with: Any) -> Variable:
        """A variable of the whole optimizer, one in each graph."""
        key = (name, colocate_with.graph)
        if key not in self._non_slot_dict:
            self._non_slot_dict[key] = Variable(initial_value, name=name, trainable=False)
        return self._non_slot_dict[key]

    def _get_non_slot_variable(self, name: str, graph: Graph | None = None) -> Any:
        return self._non_slot_dict.get((name, graph))  # type: ignore[arg-type]

    def _non_slot_variables(self) -> Iterable[Variable]:
        return self._non_slot_dict.values()


def _key(var: Any) -> tuple[Graph, str]:
    return var.graph, var.op.name


def _flat(items: Any) -> list[Any]:
    """The variables of a list, a tuple, a dict, or a nest of these."""
    if isinstance(items, dict):
        items = [items[k] for k in sorted(items)]
    if not isinstance(items, (list, tuple)) and not hasattr(items, "__next__"):
        return [items]
    return [v for item in items for v in _flat(item)]


def _as_gradient(grad: Any) -> Any:
    if grad is None or isinstance(grad, (Tensor, IndexedSlices)):
        return grad
    try:
        return convert_to_tensor(grad)
    except ValueError as error:
        raise TypeError(f"a gradient must be a tensor, IndexedSlices or None, not {grad!r}") from error


class OptimizerAround(Optimizer):
    """Does something around the steps of another optimizer, `_opt`, whose gradients and slots it has."""

    _opt: Optimizer

    def compute_gradients(self, *args: Any, **kwargs: Any) -> list[tuple[Any, Any]]:
        return self._opt.compute_gradients(*args, **kwargs)

    def get_slot(self, *args: Any, **kwargs: Any) -> Any:
        return self._opt.get_slot(*args, **kwargs)

    def get_slot_names(self, *args: Any, **kwargs: Any) -> list[str]:
        return self._opt.get_slot_names(*args, **kwargs)


def _gated(grads: Sequence[Any]) -> list[Any]:
    """The same gradients, none available before all are."""
    values = [values_of(g) for g in grads]
    if all(v is None for v in values):
        return list(grads)
    return [
        IndexedSlices(v, g.indices, g.dense_shape) if isinstance(g, IndexedSlices) else v
        for v, g in zip(tuple_(values), grads, strict=True)
    ]


def _operation(value: Any) -> Operation:
    return value.op if isinstance(value, Tensor) else value
