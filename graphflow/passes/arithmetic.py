"""Rules about numbers.

Each keeps every value to the last bit, signs of zeros, infinities and NaN included, or says in its reason what it
changes.  Left out because they change values:
    x + 0.0 and 0.0 - x          -0.0 would keep its sign (with -0.0 and x - 0.0 the rules below apply)
    x - x, x * 0, x / x          NaN where x is infinite or NaN; integers have rules
    (x + c) + d, (x * c) * d     rounded twice, may overflow between; integers and powers of two have rules
    x / c as x * (1 / c)         rounded twice; powers of two have a rule
    x ** 0.5, x ** 3             another sign at -0.0, another value at -inf; rounded twice
    log(exp(x))                  infinite where exp overflows or underflows
    1 * z for complex z          (inf + 0j) * (1 + 0j) is inf + nan j
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.operation import Operation, Tensor
from graphflow.ops.activations import RELU
from graphflow.ops.arithmetic import ADD, ADD_N, MUL, POW, SUB
from graphflow.ops.basic import ONES_LIKE, ZEROS_LIKE
from graphflow.ops.compare import GREATER_EQUAL, LESS, LOGICAL_NOT
from graphflow.ops.division import FLOOR_DIV, REAL_DIV, TRUNCATE_DIV
from graphflow.ops.fill import FILL
from graphflow.ops.math import ABS, CEIL, EXP, FLOOR, LOG, NEG, RECIPROCAL, RINT, ROUND, SIGMOID, SQUARE
from graphflow.ops.no_nan import DIV_NO_NAN
from graphflow.ops.random import RANDOM_UNIFORM
from graphflow.ops.select import SELECT, SELECT_V2
from graphflow.ops.softmax import LOG_SOFTMAX, SOFTMAX
from graphflow.passes.match import any_, build, const, constant, op, rewrite, same_type, splat
from graphflow.shape import broadcast, sizes


def _exact(t: Tensor) -> bool:
    return t.dtype.is_integer


def _real(t: Tensor) -> bool:
    return t.dtype.is_integer or t.dtype.is_floating


_NEVER_MINUS_ZERO = (RANDOM_UNIFORM, ABS, EXP, SIGMOID, SQUARE, SOFTMAX)


# -- neutral elements ----------------------------------------------------------------------------------------------
@rewrite(op(ADD, any_("x"), const(0, name="zero")))
def add_zero(root: Operation, x: Tensor, zero: Any) -> Tensor | None:
    """x + 0 is x for integers; for floats x + -0.0 is, and x + 0.0 where x cannot be -0.0."""
    neutral = _exact(x) or (x.dtype.is_floating and (np.signbit(zero) or x.op.definition in _NEVER_MINUS_ZERO))
    return same_type(root, x) if neutral else None


@rewrite(op(SUB, any_("x"), const(0, name="zero")))
def subtract_zero(root: Operation, x: Tensor, zero: Any) -> Tensor | None:
    """x - 0 is x; for floats x - 0.0, which keeps -0.0, but not x - -0.0."""
    return same_type(root, x) if _exact(x) or (x.dtype.is_floating and not np.signbit(zero)) else None


@rewrite(op(SUB, const(0, name="zero"), any_("x")))
def subtract_from_zero(root: Operation, zero: Any, x: Tensor) -> Tensor | None:
    """0 - x is -x for integers; for floats only -0.0 - x is, since 0.0 - 0.0 is 0.0."""
    if x.dims != root.output.dims or not (_exact(x) or (x.dtype.is_floating and np.signbit(zero))):
        return None
    return build(root, NEG, x)


@rewrite(op(MUL, any_("x"), const(1)))
def multiply_by_one(root: Operation, x: Tensor) -> Tensor | None:
    """x * 1 is x: exact for every real x, NaN and infinities too."""
    return same_type(root, x) if _real(x) else None


@rewrite(op((REAL_DIV, FLOOR_DIV, TRUNCATE_DIV, DIV_NO_NAN), any_("x"), const(1)))
def divide_by_one(root: Operation, x: Tensor) -> Tensor | None:
    """x / 1 is x; divisions that round do so to integers, so those keep their floats."""
    rounds = root.definition in (FLOOR_DIV, TRUNCATE_DIV)
    return same_type(root, x) if _exact(x) or (x.dtype.is_floating and not rounds) else None


@rewrite(op(REAL_DIV, any_("x"), const(-1)))
def divide_by_minus_one(root: Operation, x: Tensor) -> Tensor | None:
    """x / -1 only flips the sign: exact."""
    return build(root, NEG, x) if _real(x) and x.dims == root.output.dims else None


@rewrite(op(MUL, any_("x"), const(-1)))
def multiply_by_minus_one(root: Operation, x: Tensor) -> Tensor | None:
    """x * -1 only flips the sign: exact."""
    return build(root, NEG, x) if _real(x) and x.dims == root.output.dims else None


@rewrite(op(MUL, any_("x"), const(0)))
def integer_times_zero(root: Operation, x: Tensor) -> Tensor | None:
    """x * 0 is 0 for integers; floats may be infinite or NaN."""
    return build(root, ZEROS_LIKE, x) if _exact(x) and x.dims == root.output.dims else None


@rewrite(op(SUB, any_("x"), any_("x")))
def integer_less_itself(root: Operation, x: Tensor) -> Tensor | None:
    """x - x is 0 for integers; floats may be infinite or NaN."""
    return build(root, ZEROS_LIKE, x) if _exact(x) else None


# -- powers --------------------------------------------------------------------------------------------------------
@rewrite(op(POW, any_("x"), const(1)))
def power_of_one(root: Operation, x: Tensor) -> Tensor | None:
    """x ** 1 is x: exact."""
    return same_type(root, x) if _real(x) else None


@rewrite(op(POW, any_("x"), const(2)))
def power_of_two(root: Operation, x: Tensor) -> Tensor | None:
    """x ** 2 is one multiplication, rounded once as the power is, to within one unit in the last place."""
    return build(root, SQUARE, x) if _real(x) and x.dims == root.output.dims else None


@rewrite(op(POW, any_("x"), const(-1)))
def power_of_minus_one(root: Operation, x: Tensor) -> Tensor | None:
    """x ** -1 is 1 / x for floats, infinities and both zeros too; integers must raise."""
    return build(root, RECIPROCAL, x) if x.dtype.is_floating and x.dims == root.output.dims else None


@rewrite(op(POW, any_("x"), const(0)))
def power_of_zero(root: Operation, x: Tensor) -> Tensor | None:
    """x ** 0 is 1, also for NaN, by IEEE 754."""
    return build(root, ONES_LIKE, x) if _real(x) and x.dims == root.output.dims else None


# -- signs ---------------------------------------------------------------------------------------------------------
@rewrite(op(NEG, op(NEG, any_("x"))))
def negative_of_negative(x: Tensor) -> Tensor:
    """-(-x) is x: two flips of the sign."""
    return x


@rewrite(op(LOGICAL_NOT, op(LOGICAL_NOT, any_("x"))))
def not_of_not(x: Tensor) -> Tensor:
    """not not x is x."""
    return x


@rewrite(op(ADD, any_("x"), op(NEG, any_("y"))))
def add_negative(root: Operation, x: Tensor, y: Tensor) -> Tensor:
    """x + -y is x - y, which IEEE 754 defines by it."""
    return build(root, SUB, x, y)


@rewrite(op(SUB, any_("x"), op(NEG, any_("y"))))
def subtract_negative(root: Operation, x: Tensor, y: Tensor) -> Tensor:
    """x - -y is x + y: exact."""
    return build(root, ADD, x, y)


@rewrite(op((SQUARE, ABS), op((NEG, ABS), any_("x"))))
def sign_does_not_matter(root: Operation, x: Tensor) -> Tensor | None:
    """Squares and magnitudes do not depend on the sign."""
    return build(root, root.definition, x) if _real(x) else None


@rewrite(op(NEG, op(MUL, any_("x"), const(name="c"), name="product", uses=1)))
def negative_of_scaled(root: Operation, x: Tensor, c: np.ndarray) -> Tensor | None:
    """-(x * c) is x * -c: a sign commutes with a product; the constant takes it at compile time."""
    return build(root, MUL, x, constant(root, np.negative(c))) if _real(x) and c.dtype.kind != "u" else None


@rewrite(op((RELU, FLOOR, CEIL, RINT, ROUND), op((RELU, FLOOR, CEIL, RINT, ROUND), any_("x"), name="inner")))
def twice_is_once(root: Operation, inner: Operation) -> Tensor | None:
    """Rounding or cutting off a second time changes nothing."""
    return inner.output if inner.definition is root.definition else None


# -- constants meet ------------------------------------------------------------------------------------------------
@rewrite(op(MUL, op(MUL, any_("x"), const(name="c"), uses=1), const(name="d")))
def multiply_twice(root: Operation, x: Tensor, c: np.ndarray, d: np.ndarray) -> Tensor | None:
    """(x * c) * d is x * (c * d) for integers, and for powers of two that both grow or both shrink x.

    Then nothing is rounded but what is too small for a normal number, and x * c overflows only where all of it does.
    """
    if not (_exact(x) or (x.dtype.is_floating and _one_way(c, d))):
        return None
    with np.errstate(all="ignore"):
        product = np.multiply(c, d)
    if product.dtype.kind == "f" and not _normal(product):
        return None
    return build(root, MUL, x, constant(root, product)) if _still(root, x, product) else None


@rewrite(op(ADD, op(ADD, any_("x"), const(name="c"), uses=1), const(name="d")))
def add_twice(root: Operation, x: Tensor, c: np.ndarray, d: np.ndarray) -> Tensor | None:
    """(x + c) + d is x + (c + d) for integers, which wrap around either way."""
    if not _exact(x):
        return None
    with np.errstate(all="ignore"):
        total = np.add(c, d)
    return build(root, ADD, x, constant(root, total)) if _still(root, x, total) else None


@rewrite(op(REAL_DIV, any_("x"), const(name="c")))
def divide_by_power_of_two(root: Operation, x: Tensor, c: np.ndarray) -> Tensor | None:
    """x / c is x * (1 / c) where 1 / c is exact: both are the one rounding of the same number."""
    if not (x.dtype.is_floating and _powers_of_two(c)) or (np.abs(c) == 1).all():
        return None
    with np.errstate(all="ignore"):
        inverse = np.asarray(np.reciprocal(c))
    return build(root, MUL, x, constant(root, inverse)) if _normal(inverse) else None


def _powers_of_two(c: np.ndarray) -> bool:
    return bool(np.isfinite(c).all() and (np.abs(np.frexp(c)[0]) == 0.5).all())


def _one_way(c: np.ndarray, d: np.ndarray) -> bool:
    """Powers of two, all at least 1 or all at most 1 in magnitude."""
    if not (_powers_of_two(c) and _powers_of_two(d)):
        return False
    magnitudes = np.abs(np.concatenate([c.reshape(-1), d.reshape(-1)]))
    return bool((magnitudes >= 1).all() or (magnitudes <= 1).all())


def _normal(c: np.ndarray) -> bool:
    """Whether every element is finite and has all its bits."""
    return bool(np.isfinite(c).all() and (np.abs(c) >= np.finfo(c.dtype).tiny).all())


def _still(root: Operation, x: Tensor, c: np.ndarray) -> bool:
    return broadcast(x.dims, c.shape) == root.output.dims


# -- functions -----------------------------------------------------------------------------------------------------
@rewrite(op(LOG, op(SOFTMAX, any_("x"))))
def log_of_softmax(root: Operation, x: Tensor) -> Tensor:
    """log(softmax(x)) is log_softmax(x): finite where the softmax underflows and its logarithm would be -inf."""
    return build(root, LOG_SOFTMAX, x)


@rewrite(op(EXP, op(LOG, any_("x"))))
def exp_of_log(root: Operation, x: Tensor) -> Tensor | None:
    """exp(log(x)) is x, and NaN below 0: without the two roundings, which exp makes large far from 1."""
    if not x.dtype.is_floating:
        return None
    number = x.dtype.dtype.type
    inside = build(root, GREATER_EQUAL, x, constant(root, number(0)))
    return build(root, SELECT_V2, inside, build(root, ABS, x), constant(root, number(np.nan)))


@rewrite(op(ADD_N, any_("x"), any_("y")))
def sum_of_two(root: Operation, x: Tensor, y: Tensor) -> Tensor:
    """The sum of two tensors is an addition, which other rules know."""
    return build(root, ADD, x, y)


@rewrite(op(ADD_N, any_("x")))
def sum_of_one(x: Tensor) -> Tensor:
    """The sum of one tensor is that tensor."""
    return x


# -- choices -------------------------------------------------------------------------------------------------------
@rewrite(op((SELECT, SELECT_V2), const(True), any_("x"), any_("y")))
def select_always(root: Operation, x: Tensor) -> Tensor | None:
    """Where the condition always holds, only x counts."""
    return same_type(root, x)


@rewrite(op((SELECT, SELECT_V2), const(False), any_("x"), any_("y")))
def select_never(root: Operation, y: Tensor) -> Tensor | None:
    """Where the condition never holds, only y counts."""
    return same_type(root, y)


@rewrite(op(LESS, op(RANDOM_UNIFORM, any_("shape")), any_("limit")))
def uniform_is_below_one(root: Operation, limit: Tensor) -> Tensor | None:
    """Uniform numbers are below 1, so dropout that keeps everything need not compare.  The draw itself still counts."""
    number = splat(limit)
    if number is None or not number >= 1:
        return None
    return build(
        root, FILL, constant(root, np.array(sizes(root.output.dims), np.int32)), constant(root, np.bool_(True))
    )
