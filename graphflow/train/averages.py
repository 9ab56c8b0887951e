"""Moving averages of variables and tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.default import name_scope
from graphflow.dtypes import FLOATING, float32
from graphflow.graph import get_default_graph
from graphflow.initializers import zeros_initializer
from graphflow.names import GraphKeys
from graphflow.operation import Operation, Tensor
from graphflow.ops.arithmetic import minimum, pow
from graphflow.ops.basic import cast, group
from graphflow.ops.define import convert_to_tensor
from graphflow.shared_variables import get_variable
from graphflow.train.slots import create_slot, create_zeros_slot
from graphflow.variable_scope import AUTO_REUSE, variable_scope
from graphflow.variables import Variable, global_variables, moving_average_variables, trainable_variables


def assign_moving_average(
    variable: Variable, value: Any, decay: Any, zero_debias: bool = True, name: str | None = None
) -> Tensor:
    """variable -= (1 - decay) * (variable - value); the result is the new average.

    zero_debias   the average starts at 0, which counts for nothing: divide by 1 - decay^n, as Adam does
    """
    with name_scope(name, "AssignMovingAvg", [variable, value, decay]) as scope:
        rate = cast(1.0 - convert_to_tensor(decay, name="decay"), variable.dtype)
        if zero_debias:
            return _debiased(variable, value, rate)
        return variable.assign_sub((variable - value) * rate, name=scope)


def _debiased(average: Variable, value: Any, rate: Tensor) -> Tensor:
    """The plain average, and the number of updates, are variables of their own."""
    with variable_scope(average.op.name, reuse=AUTO_REUSE):
        zeros = zeros_initializer()
        biased: Any = get_variable("biased", average.shape, average.dtype, zeros, trainable=False)
        count: Any = get_variable("local_step", [], average.dtype, zeros, trainable=False)
    updates = [biased.assign_sub((biased - value) * rate), count.assign_add(1)]
    with average.graph.control_dependencies(updates):
        return average.assign(biased.read_value() / (1 - pow(1 - rate, count.read_value())))


class ExponentialMovingAverage:
    """Keeps shadows: shadow = decay * shadow + (1 - decay) * value, each time the operation of `apply` runs.

    num_updates   a count of updates: while it is low, decay is (1 + n) / (10 + n) if that is less
    zero_debias   for tensors, whose shadows start at 0: see assign_moving_average
    """

    def __init__(
        self, decay: Any, num_updates: Any = None, zero_debias: bool = False, name: str = "ExponentialMovingAverage"
    ) -> None:
        self._decay = decay
        self._num_updates = num_updates
        self._zero_debias = zero_debias
        self._name = name
        self._averages: dict[Any, Variable] = {}

    @property
    def name(self) -> str:
        return self._name

    def apply(self, var_list: Sequence[Any] | None = None) -> Operation:
        """The operation that updates the shadows of these variables and tensors, of all trainable ones by default.

        The shadow `<name>/ExponentialMovingAverage` of a variable starts at the variable's initial value.
        Raises: TypeError for what is not floating.
        """
        averaged = trainable_variables() if var_list is None else list(var_list)
        with get_default_graph().control_dependencies(None):
            for v in averaged:
                if v.dtype not in FLOATING:
                    raise TypeError(f"only floating values have moving averages, and {v!r} has dtype {v.dtype.name}")
                if v not in self._averages:
                    self._averages[v] = self._shadow(v)
        with name_scope(self._name) as scope:
            decay = convert_to_tensor(self._decay, float32, name="decay")
            if self._num_updates is not None:
                n: Any = cast(self._num_updates, float32, name="num_updates")
                decay = minimum(decay, (1.0 + n) / (10.0 + n))
            updates = [
                assign_moving_average(self._averages[v], v, decay, self._zero_debias and not isinstance(v, Variable))
                for v in averaged
            ]
            return group(*updates, name=scope)

    def _shadow(self, value: Any) -> Variable:
        if not isinstance(value, Variable):
            return create_zeros_slot(value, self._name)
        get_default_graph().add_to_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, value)
        return create_slot(value, value.initialized_value(), self._name)

    def average(self, var: Any) -> Variable | None:
        """The shadow of a variable or tensor, None when it has none."""
        return self._averages.get(var)

    def average_name(self, var: Any) -> str:
        """The name that the shadow has, or would have, without `:0`: the key under which savers store it."""
        shadow = self._averages.get(var)
        if shadow is not None:
            return shadow.op.name
        graph = get_default_graph()
        with graph.name_scope(None):
            return graph.unique_name(f"{var.op.name}/{self._name}", mark_as_used=False)

    def variables_to_restore(self, moving_avg_variables: Sequence[Any] | None = None) -> dict[str, Any]:
        """For a Saver that loads averages in place of values: {name of the shadow, else of the variable: variable}."""
        if moving_avg_variables is None:
            moving_avg_variables = trainable_variables() + moving_average_variables()
        averaged = dict.fromkeys(moving_avg_variables)
        found = {self.average_name(v): v for v in averaged}
        for v in global_variables():
            if v not in averaged:
                found.setdefault(v.op.name, v)
        return found
