"""`tf.contrib.opt`: optimizers outside the graph, which ask a session for losses and gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow import logging
from graphflow.default_session import get_default_session
from graphflow.errors import GraphError
from graphflow.gradients import gradients
from graphflow.operation import Tensor
from graphflow.ops.basic import zeros_like
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.join import concat
from graphflow.ops.shape_ops import reshape
from graphflow.variables import trainable_variables

Function = Callable[[np.ndarray], Any]


class ExternalOptimizerInterface:
    """The base of such optimizers: a subclass defines `_minimize`.

    loss            a scalar tensor
    var_list        the variables to change; the trainable ones by default
    equalities      tensors that are to be 0 at the end
    inequalities    tensors that are to be at least 0 at the end
    var_to_bounds   {variable: (lowest, highest)}, each a number or an array of the variable's shape
    """

    def __init__(
        self, loss: Any, var_list: Sequence[Any] | None = None, equalities: Sequence[Any] | None = None,
        inequalities: Sequence[Any] | None = None, var_to_bounds: dict[Any, Any] | None = None,
        **optimizer_kwargs: Any,
    ) -> None:  # fmt: skip
        self._loss = convert_to_tensor(loss)
        self._vars = trainable_variables() if var_list is None else list(var_list)
        if not self._vars:
            raise GraphError("there are no variables to optimize")
        self._shapes = [tuple(map(int, v.shape)) for v in self._vars]
        self._equalities, self._inequalities = list(equalities or ()), list(inequalities or ())
        self._bounds = None if var_to_bounds is None else self._packed_bounds(var_to_bounds)
        self._gradient = self._packed_gradient(self._loss)
        self._equality_gradients = [self._packed_gradient(t) for t in self._equalities]
        self._inequality_gradients = [self._packed_gradient(t) for t in self._inequalities]
        self.optimizer_kwargs = optimizer_kwargs

    def minimize(
        self, session: Any = None, feed_dict: dict[Any, Any] | None = None, fetches: Sequence[Any] | None = None,
        step_callback: Callable | None = None, loss_callback: Callable | None = None, **run_kwargs: Any,
    ) -> None:  # fmt: skip
        """Change the variables so that the loss is least, with the other tensors as they are fed.

        fetches         what loss_callback gets the values of, whenever the loss has been computed
        step_callback   gets the flat vector of all variables after each step
        """
        session = session or get_default_session()
        if session is None:
            raise GraphError("minimize needs a session, or a default session")
        wanted = list(fetches or ())

        def values(tensors: list[Any], x: np.ndarray) -> list[Any]:
            feeds = {**(feed_dict or {}), **self._unpacked(x)}
            return session.run(tensors, feed_dict=feeds, **run_kwargs)

        def loss_and_gradient(x: np.ndarray) -> tuple[Any, np.ndarray]:
            loss, gradient, *fetched = values([self._loss, self._gradient, *wanted], x)
            if loss_callback is not None:
                loss_callback(*fetched)
            return float(loss), gradient.astype(np.float64)

        def function_of(t: Any) -> Function:
            return lambda x: np.asarray(values([t], x)[0], np.float64)

        initial = np.concatenate([np.ravel(v) for v in session.run(self._vars, feed_dict)]).astype(np.float64)
        best = self._minimize(
            initial_val=initial,
            loss_grad_func=loss_and_gradient,
            equality_funcs=[function_of(t) for t in self._equalities],
            equality_grad_funcs=[function_of(t) for t in self._equality_gradients],
            inequality_funcs=[function_of(t) for t in self._inequalities],
            inequality_grad_funcs=[function_of(t) for t in self._inequality_gradients],
            packed_bounds=self._bounds,
            step_callback=step_callback,
            optimizer_kwargs=self.optimizer_kwargs,
        )
        for variable, value in self._unpacked(best).items():
            variable.load(value, session)

    def _minimize(
        self, initial_val: np.ndarray, loss_grad_func: Function, equality_funcs: list[Function],
        equality_grad_funcs: list[Function], inequality_funcs: list[Function],
        inequality_grad_funcs: list[Function], packed_bounds: list[tuple] | None, step_callback: Callable | None,
        optimizer_kwargs: dict[str, Any],
    ) -> np.ndarray:  # fmt: skip
        """The best vector of all variables.   Raises: NotImplementedError unless a subclass has it."""
        raise NotImplementedError(f"{type(self).__name__} must define _minimize")

    def _packed_gradient(self, t: Any) -> Tensor:
        found = gradients(t, self._vars)
        parts = [zeros_like(v) if g is None else convert_to_tensor(g) for g, v in zip(found, self._vars, strict=True)]
        return concat([reshape(p, [-1]) for p in parts], 0)

    def _unpacked(self, x: np.ndarray) -> dict[Any, np.ndarray]:
        """The values of the variables in one flat vector."""
        parts = np.split(x, np.cumsum([math.prod(shape) for shape in self._shapes])[:-1])
        return {v: p.reshape(shape).astype(v.dtype.base_dtype.as_numpy_dtype)
                for v, p, shape in zip(self._vars, parts, self._shapes, strict=True)}  # fmt: skip

    def _packed_bounds(self, bounds: dict[Any, Any]) -> list[tuple]:
        packed: list[tuple] = []
        for variable, shape in zip(self._vars, self._shapes, strict=True):
            low, high = bounds.get(variable, (-np.inf, np.inf))
            packed += zip(np.broadcast_to(low, shape).ravel(), np.broadcast_to(high, shape).ravel(), strict=True)
        return packed


class ScipyOptimizerInterface(ExternalOptimizerInterface):
    """scipy.optimize.minimize: `method` ("L-BFGS-B", or "SLSQP" with constraints) and `options` go there.

    Raises: ImportError, when minimizing, where SciPy is not installed.
    """

    def _minimize(
        self, initial_val: np.ndarray, loss_grad_func: Function, equality_funcs: list[Function],
        equality_grad_funcs: list[Function], inequality_funcs: list[Function],
        inequality_grad_funcs: list[Function], packed_bounds: list[tuple] | None, step_callback: Callable | None,
        optimizer_kwargs: dict[str, Any],
    ) -> np.ndarray:  # fmt: skip
        try:
            from scipy.optimize import minimize
        except ImportError:
            raise ImportError("ScipyOptimizerInterface needs SciPy: pip install 'graphflow[scipy]'") from None
        kinds = (("eq", equality_funcs, equality_grad_funcs), ("ineq", inequality_funcs, inequality_grad_funcs))
        constraints = [
            {"type": kind, "fun": function, "jac": gradient}
            for kind, functions, of_them in kinds
            for function, gradient in zip(functions, of_them, strict=True)
        ]
        given = {"method": "SLSQP" if constraints else "L-BFGS-B", **optimizer_kwargs}
        result = minimize(
            loss_grad_func, initial_val, jac=True, bounds=packed_bounds, constraints=constraints,
            callback=step_callback, **given,
        )  # fmt: skip
        logging.info("Optimization terminated with:\n  Message: %s\n  Objective function value: %f\n"
                     "  Number of iterations: %s\n  Number of functions evaluations: %s",
                     result.message, result.fun, result.get("nit"), result.get("nfev"))  # fmt: skip
        return result.x
