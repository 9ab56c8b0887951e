"""`tf.custom_gradient`: functions that bring their own gradient."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from graphflow.dtypes import DType
from graphflow.errors import GraphError
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import convert_to_tensor, define
from graphflow.ops.lowering import View
from graphflow.shape import Dims
from graphflow.variables import Variable, trainable_variables


def _infer(*values: Tensor, results: int, pull_back: Callable) -> list[tuple[Dims, DType]]:
    return [(t.dims, t.dtype) for t in values[:results]]


def _pulled_back(op: Operation, *dys: Tensor) -> list[Any]:
    """Nothing for the results, so that their own gradient is cut off; the user's for what they were made of."""
    return [None] * op.attrs["results"] + op.attrs["pull_back"](*dys)


CUSTOM_GRADIENT = define(
    "CustomGradient", "*values:any",
    infer=_infer,
    reference=lambda *values, results, pull_back: values[:results],
    vjp=_pulled_back,
    lowering=lambda op: View() if op.attrs["results"] == 1 else None,
)  # fmt: skip


def custom_gradient(f: Callable) -> Callable:
    """A function of tensors with the gradient that `f` gives beside its result.

    f   (*tensors) -> (result or a list of results, grad_fn); grad_fn(*dys) gives a gradient for each tensor.  If f
        uses trainable variables, grad_fn(*dys, variables=[...]) also gives a list of gradients for these.
    Raises: TypeError when f uses variables and its grad_fn does not take them, ValueError for another number of
            gradients than of tensors.
    """

    @functools.wraps(f)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        inputs = [convert_to_tensor(x) for x in args]
        result, grad_fn = f(*inputs, **kwargs)
        several = isinstance(result, (list, tuple))
        results = [convert_to_tensor(t) for t in (result if several else [result])]
        variables = _variables_between(inputs, results)
        if variables and "variables" not in inspect.signature(grad_fn).parameters:
            raise TypeError(f"{f.__name__} uses the variables {[v.name for v in variables]}, so its gradient function "
                            "must take the argument `variables`")  # fmt: skip

        def pull_back(*dys: Tensor) -> list[Any]:
            given = grad_fn(*dys, variables=variables) if variables else grad_fn(*dys)
            own, of_variables = given if variables else (given, [])
            gradients = list(own) if isinstance(own, (list, tuple)) else [own]
            if len(gradients) != len(inputs) or len(of_variables) != len(variables):
                raise GraphError(f"{f.__name__} has {len(inputs)} tensors and {len(variables)} variables, and its "
                                 f"gradient function gives {len(gradients)} and {len(of_variables)}")  # fmt: skip
            return [*gradients, *of_variables]

        made = CUSTOM_GRADIENT(*results, *inputs, *[v._as_graph_element() for v in variables], results=len(results),
                               pull_back=pull_back, name=f"{results[0].op.name.rpartition('/')[2]}_custom")  # fmt: skip
        outputs = made if isinstance(made, list) else [made]
        return type(result)(outputs) if several else outputs[0]

    return decorated


def _variables_between(inputs: Sequence[Tensor], results: Sequence[Tensor]) -> list[Variable]:
    """The trainable variables that the results use on other ways than through the inputs."""
    seen: set[Operation] = {t.op for t in inputs}
    stack = [t.op for t in results if t.op not in seen]
    found: set[Operation] = set()
    while stack:
        op = stack.pop()
        if op not in seen:
            seen.add(op)
            if op.definition.variable:
                found.add(op)
            stack.extend(t.op for t in op.inputs)
    return [v for v in trainable_variables() if v.op in found]
