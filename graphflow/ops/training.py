"""The update rules of optimizers, each one op: it takes a variable, its slots and a gradient, and changes the former.

The formulas are those of TensorFlow 1, in the variable's dtype.  An op writes its first inputs; output i is the new
value of input i.  Each `SparseApply...` is the same rule for a few rows, which `indices` names.  Rows of the gradient
with one index are summed first, inside the op, so that its shapes do not depend on values.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from graphflow.dtypes import FLOATING, NUMERIC, DType
from graphflow.errors import InvalidArgumentError
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import NO_GRADIENT, OpDef, define
from graphflow.ops.infer import require_rank
from graphflow.ops.lowering import Elementwise
from graphflow.shape import Dims, merge, show


def sum_duplicates(values: np.ndarray, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(sums, rows): the rows of `values` that have one index added up, and these indices, sorted."""
    if len(values) != len(indices):
        raise InvalidArgumentError.because(f"there are {len(indices)} indices and {len(values)} rows")
    order = np.argsort(indices, kind="stable")
    rows, starts = np.unique(indices[order], return_index=True)
    return np.add.reduceat(values[order], starts, axis=0), rows


def _infer_sums(values: Tensor, indices: Tensor) -> list[tuple[Dims, DType]]:
    require_rank(indices, 1, "the indices")
    return [(None if values.dims is None else (None, *values.dims[1:]), values.dtype), ((None,), indices.dtype)]


SUM_DUPLICATES = define("SumDuplicates", "values indices:I", _infer_sums, sum_duplicates, NUMERIC)


def _parts(args: str, arrays: int) -> tuple[list[str], tuple[int, ...], int]:
    """(the names of a rule's arguments, which of them are written, which one is the gradient)."""
    names = [word.partition(":")[0] for word in args.split()]
    return names, tuple(range(arrays)), names.index("grad" if "grad" in names else "delta")


def _rule(name: str, args: str, arrays: int, reference: Callable, lowering: Any) -> tuple[OpDef, OpDef]:
    """The records of a dense rule and of its sparse form.

    `arrays` inputs come first and are written; `grad` or `delta` has their shape; all other inputs are scalars.
    """
    return _dense_rule(name, args, arrays, reference, lowering), _sparse_rule(name, args, arrays, reference)


def _dense_rule(name: str, args: str, arrays: int, reference: Callable, lowering: Any) -> OpDef:
    names, written, at = _parts(args, arrays)

    def infer(*inputs: Tensor, **_: Any) -> list[tuple[Dims, DType]]:
        dims = inputs[at].dims
        for i in written:
            dims = merge(dims, inputs[i].dims)
        _require_scalars(inputs, names, {*written, at})
        return [(dims, inputs[i].dtype) for i in written]

    @wraps(reference)  # whose signature tells which attributes the rule has
    def checked(*values: np.ndarray, **attrs: Any) -> tuple[np.ndarray, ...]:
        for i in (*written, at):
            if values[i].shape != values[0].shape:
                raise InvalidArgumentError.because(
                    f"{names[i]} has shape {show(values[i].shape)}, and the variable {show(values[0].shape)}"
                )
        return reference(*values, **attrs)

    return define(f"Apply{name}", args, infer, checked, FLOATING, vjp=NO_GRADIENT, lowering=lowering, stateful=True,
                  writes=written)  # fmt: skip


def _sparse_rule(name: str, args: str, arrays: int, reference: Callable) -> OpDef:
    """As the dense rule, with one more input after the gradient: the rows that it is for."""
    names, written, at = _parts(args, arrays)

    def infer(*inputs: Tensor, **_: Any) -> list[tuple[Dims, DType]]:
        grad, indices, dims = inputs[at], inputs[at + 1], inputs[0].dims
        require_rank(indices, 1, "the indices")
        for i in written:
            dims = merge(dims, inputs[i].dims)
        if dims is not None and indices.dims is not None:
            merge(grad.dims, indices.dims + dims[1:])
        _require_scalars([*inputs[: at + 1], *inputs[at + 2 :]], names, {*written, at})
        return [(dims, inputs[i].dtype) for i in written]

    def in_place(*values: np.ndarray, **attrs: Any) -> tuple[np.ndarray, ...]:
        n = len(values[0])
        if any(values[i].shape != values[0].shape for i in written):
            raise InvalidArgumentError.because(f"the slots of a variable of shape {show(values[0].shape)} have another")
        sums, rows = sum_duplicates(values[at], values[at + 1])
        if rows.size and not (rows[0] >= 0 and rows[-1] < n):
            raise InvalidArgumentError.because(f"the indices {rows.tolist()} are not all in [0, {n})")
        inputs = [*values[:at], sums, *values[at + 2 :]]
        for i in written:
            inputs[i] = values[i][rows]
        for i, new in zip(written, reference(*inputs, **attrs), strict=True):
            values[i][rows] = new
        return values[:arrays]

    @wraps(reference)
    def apply(*values: np.ndarray, **attrs: Any) -> tuple[np.ndarray, ...]:
        return in_place(*[v.copy() for v in values[:arrays]], *values[arrays:], **attrs)

    given = args.split()
    given[at] += " indices:I"
    return define(f"SparseApply{name}", " ".join(given), infer, apply, FLOATING, vjp=NO_GRADIENT, stateful=True,
                  writes=written, in_place=in_place)  # fmt: skip


def _require_scalars(inputs: Any, names: list[str], others: set[int]) -> None:
    for i, (t, name) in enumerate(zip(inputs, names, strict=True)):
        if i not in others:
            require_rank(t, 0, name)


def _nesterov(plain: Elementwise, nesterov: Elementwise) -> Callable[[Operation], Elementwise]:
    return lambda op: nesterov if op.attrs["use_nesterov"] else plain


# -- gradient descent and momentum -------------------------------------------------------------------------------------
APPLY_GRADIENT_DESCENT, SPARSE_APPLY_GRADIENT_DESCENT = _rule(
    "GradientDescent", "var alpha delta", 1,
    lambda var, alpha, delta: (var - alpha * delta,),
    Elementwise("var - alpha * delta"),
)  # fmt: skip


def _momentum(var: Any, accum: Any, lr: Any, grad: Any, momentum: Any, use_nesterov: bool) -> Any:
    accum = accum * momentum + grad
    return var - lr * (grad + momentum * accum if use_nesterov else accum), accum


_ACCUM = "(accum * momentum + grad)"
APPLY_MOMENTUM, SPARSE_APPLY_MOMENTUM = _rule(
    "Momentum", "var accum lr grad momentum", 2, _momentum,
    _nesterov(Elementwise(f"var - lr * {_ACCUM}", _ACCUM),
              Elementwise(f"var - lr * (grad + momentum * {_ACCUM})", _ACCUM)),
)  # fmt: skip


# -- Adam --------------------------------------------------------------------------------------------------------------
def _adam(
    var: Any, m: Any, v: Any, beta1_power: Any, beta2_power: Any, lr: Any, beta1: Any, beta2: Any, epsilon: Any,
    grad: Any, use_nesterov: bool,
) -> Any:  # fmt: skip
    alpha = lr * np.sqrt(1 - beta2_power) / (1 - beta1_power)
    m = m + (grad - m) * (1 - beta1)
    v = v + (grad * grad - v) * (1 - beta2)
    step = grad * (1 - beta1) + beta1 * m if use_nesterov else m
    return var - step * alpha / (np.sqrt(v) + epsilon), m, v


_M, _V = "(m + (grad - m) * (1 - beta1))", "(v + (grad * grad - v) * (1 - beta2))"
_ALPHA = "(lr * sqrt(1 - beta2_power) / (1 - beta1_power))"
APPLY_ADAM = _dense_rule(
    "Adam", "var m v beta1_power beta2_power lr beta1 beta2 epsilon grad", 3, _adam,
    _nesterov(
        Elementwise(f"var - {_M} * {_ALPHA} / (sqrt({_V}) + epsilon)", _M, _V),
        Elementwise(f"var - (grad * (1 - beta1) + beta1 * {_M}) * {_ALPHA} / (sqrt({_V}) + epsilon)", _M, _V),
    ),
)  # fmt: skip


# -- Adagrad, Adadelta, RMSProp ----------------------------------------------------------------------------------------
def _adagrad(var: Any, accum: Any, lr: Any, grad: Any) -> Any:
    accum = accum + grad * grad
    return var - lr * grad / np.sqrt(accum), accum


APPLY_ADAGRAD, SPARSE_APPLY_ADAGRAD = _rule(
    "Adagrad", "var accum lr grad", 2, _adagrad,
    Elementwise("var - lr * grad / sqrt(accum + grad * grad)", "accum + grad * grad"),
)  # fmt: skip


def _adadelta(var: Any, accum: Any, accum_update: Any, lr: Any, rho: Any, epsilon: Any, grad: Any) -> Any:
    accum = accum * rho + grad * grad * (1 - rho)
    update = np.sqrt(accum_update + epsilon) / np.sqrt(accum + epsilon) * grad
    return var - lr * update, accum, accum_update * rho + update * update * (1 - rho)


_SQUARES = "(accum * rho + grad * grad * (1 - rho))"
_UPDATE = f"(sqrt(accum_update + epsilon) / sqrt({_SQUARES} + epsilon) * grad)"
APPLY_ADADELTA, SPARSE_APPLY_ADADELTA = _rule(
    "Adadelta", "var accum accum_update lr rho epsilon grad", 3, _adadelta,
    Elementwise(f"var - lr * {_UPDATE}", _SQUARES, f"accum_update * rho + {_UPDATE} * {_UPDATE} * (1 - rho)"),
)  # fmt: skip


def _rms_prop(
    var: Any, ms: Any, mom: Any, lr: Any, rho: Any, momentum: Any, epsilon: Any, grad: Any
) -> Any:  # fmt: skip
    ms = ms + (grad * grad - ms) * (1 - rho)
    mom = mom * momentum + lr * grad / np.sqrt(ms + epsilon)
    return var - mom, ms, mom


_MS = "(ms + (grad * grad - ms) * (1 - rho))"
_MOM = f"(mom * momentum + lr * grad / sqrt({_MS} + epsilon))"
APPLY_RMS_PROP, SPARSE_APPLY_RMS_PROP = _rule(
    "RMSProp", "var ms mom lr rho momentum epsilon grad", 3, _rms_prop,
    Elementwise(f"var - {_MOM}", _MS, _MOM),
)  # fmt: skip


def _centered_rms_prop(
    var: Any, mg: Any, ms: Any, mom: Any, lr: Any, rho: Any, momentum: Any, epsilon: Any, grad: Any
) -> Any:
    ms = ms + (grad * grad - ms) * (1 - rho)
    mg = mg + (grad - mg) * (1 - rho)
    mom = mom * momentum + lr * grad / np.sqrt(ms - mg * mg + epsilon)
    return var - mom, mg, ms, mom


_MG = "(mg + (grad - mg) * (1 - rho))"
_CENTERED = f"(mom * momentum + lr * grad / sqrt({_MS} - {_MG} * {_MG} + epsilon))"
APPLY_CENTERED_RMS_PROP, SPARSE_APPLY_CENTERED_RMS_PROP = _rule(
    "CenteredRMSProp", "var mg ms mom lr rho momentum epsilon grad", 4, _centered_rms_prop,
    Elementwise(f"var - {_CENTERED}", _MG, _MS, _CENTERED),
)  # fmt: skip


# -- Ftrl --------------------------------------------------------------------------------------------------------------
def _ftrl(
    var: Any, accum: Any, linear: Any, grad: Any, lr: Any, l1: Any, l2: Any, l2_shrinkage: Any, lr_power: Any
) -> Any:
    new = accum + grad * grad
    linear = linear + grad + 2 * l2_shrinkage * var - (new**-lr_power - accum**-lr_power) / lr * var
    quadratic = new**-lr_power / lr + 2 * l2
    shrunk = (np.sign(linear) * l1 - linear) / quadratic
    return np.where(np.abs(linear) > l1, shrunk, np.zeros_like(shrunk)), new, linear


_NEW = "(accum + grad * grad)"
_LINEAR = (f"(linear + grad + 2 * l2_shrinkage * var"
           f" - ({_NEW} ** (-lr_power) - accum ** (-lr_power)) / lr * var)")  # fmt: skip
_QUADRATIC = f"({_NEW} ** (-lr_power) / lr + 2 * l2)"
APPLY_FTRL, SPARSE_APPLY_FTRL = _rule(
    "FtrlV2", "var accum linear grad lr l1 l2 l2_shrinkage lr_power", 3, _ftrl,
    Elementwise(f"(l1 - {_LINEAR}) / {_QUADRATIC} if {_LINEAR} > l1 else "
                f"((-l1 - {_LINEAR}) / {_QUADRATIC} if {_LINEAR} < -l1 else T(0))", _NEW, _LINEAR),
)  # fmt: skip


# -- proximal ----------------------------------------------------------------------------------------------------------
def _proximal(point: Any, alpha: Any, l1: Any, l2: Any) -> Any:
    return np.sign(point) * np.maximum(np.abs(point) - alpha * l1, 0) / (1 + alpha * l2)


def _proximal_expression(point: str, alpha: str) -> str:
    return (f"({point} - {alpha} * l1) / (1 + {alpha} * l2) if {point} > {alpha} * l1 else "
            f"(({point} + {alpha} * l1) / (1 + {alpha} * l2) if {point} < -{alpha} * l1 else T(0))")  # fmt: skip


APPLY_PROXIMAL_GRADIENT_DESCENT, SPARSE_APPLY_PROXIMAL_GRADIENT_DESCENT = _rule(
    "ProximalGradientDescent", "var alpha l1 l2 delta", 1,
    lambda var, alpha, l1, l2, delta: (_proximal(var - alpha * delta, alpha, l1, l2),),
    Elementwise(_proximal_expression("(var - alpha * delta)", "alpha")),
)  # fmt: skip


def _proximal_adagrad(var: Any, accum: Any, lr: Any, l1: Any, l2: Any, grad: Any) -> Any:
    accum = accum + grad * grad
    rate = lr / np.sqrt(accum)
    return _proximal(var - rate * grad, rate, l1, l2), accum


_RATE = "(lr / sqrt(accum + grad * grad))"
APPLY_PROXIMAL_ADAGRAD, SPARSE_APPLY_PROXIMAL_ADAGRAD = _rule(
    "ProximalAdagrad", "var accum lr l1 l2 grad", 2, _proximal_adagrad,
    Elementwise(_proximal_expression(f"(var - {_RATE} * grad)", _RATE), "accum + grad * grad"),
)  # fmt: skip


def _adagrad_da(var: Any, gradients: Any, squares: Any, grad: Any, lr: Any, l1: Any, l2: Any, global_step: Any) -> Any:
    gradients, squares = gradients + grad, squares + grad * grad
    step = global_step.astype(var.dtype)
    shrunk = np.sign(gradients) * np.maximum(np.abs(gradients) - l1 * step, 0)
    return -lr * shrunk / (l2 * step * lr + np.sqrt(squares)), gradients, squares


_SUM, _SUM_SQUARES = "(gradients + grad)", "(squares + grad * grad)"
_BELOW = f"(l2 * T(global_step) * lr + sqrt{_SUM_SQUARES})"
APPLY_ADAGRAD_DA, SPARSE_APPLY_ADAGRAD_DA = _rule(
    "AdagradDA", "var gradients squares grad lr l1 l2 global_step:int64", 3, _adagrad_da,
    Elementwise(
        f"-lr * ({_SUM} - l1 * T(global_step)) / {_BELOW} if {_SUM} > l1 * T(global_step) else "
        f"(-lr * ({_SUM} + l1 * T(global_step)) / {_BELOW} if {_SUM} < -l1 * T(global_step) else T(0))",
        _SUM, _SUM_SQUARES,
    ),
)  # fmt: skip
