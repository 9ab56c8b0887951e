"""Assertions: operations that fail unless a condition holds, and questions that are answered while building."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import NUMERIC, DType, as_dtype, float32, int32
from graphflow.errors import DTypeError, GraphError, InvalidArgumentError, ShapeError
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import no_op
from graphflow.ops.compare import equal, greater, greater_equal, less, less_equal, logical_or, not_equal
from graphflow.ops.define import convert_to_tensor, define
from graphflow.ops.math import abs
from graphflow.ops.reduce import reduce_all
from graphflow.ops.shape_ops import rank, reshape
from graphflow.ops.static import static_value
from graphflow.ops.summarize import summarized

# What `tf` has of these.
__all__ = [
    "Assert", "assert_equal", "assert_greater", "assert_greater_equal", "assert_integer", "assert_less",
    "assert_less_equal", "assert_near", "assert_negative", "assert_non_negative", "assert_non_positive",
    "assert_none_equal", "assert_positive", "assert_proper_iterable", "assert_rank", "assert_rank_at_least",
    "assert_rank_in", "assert_same_float_dtype", "assert_scalar", "assert_type", "is_non_decreasing",
    "is_numeric_tensor", "is_strictly_increasing",
]  # fmt: skip


def _assert(condition: np.ndarray, *data: np.ndarray, summarize: int) -> tuple:
    if not condition.all():
        raise InvalidArgumentError.because("assertion failed: " + " ".join(summarized(d, summarize) for d in data))
    return ()


ASSERT = define(
    "Assert", "condition:bool *data:any",
    infer=lambda condition, *data, summarize: [],
    reference=_assert,
    stateful=True,
)  # fmt: skip


def Assert(condition: Any, data: Sequence[Any], summarize: int | None = None, name: str | None = None) -> Operation:
    """An operation that fails with InvalidArgumentError, which shows the data, when the condition is False.

    Only what waits for it is kept from running: use it in tf.control_dependencies.
    summarize   how many elements of each tensor are shown: 3 by default
    """
    if not data:
        raise GraphError("an assertion shows at least one tensor when it fails, and data is empty")
    with name_scope(name, "Assert", [condition]):
        return ASSERT(condition, *data, summarize=3 if summarize is None else int(summarize))


def _asserted(
    condition: Tensor, says: str, data: Sequence[Any] | None, shown: dict[str, Tensor], message: str | None,
    summarize: int | None,
) -> Operation:  # fmt: skip
    """Assert that all of a condition holds; InvalidArgumentError now, if it is known now not to."""
    everywhere = reduce_all(condition)
    value = static_value(everywhere)
    if value is not None and not value:
        values = [
            f"{label} is {known.tolist()}" for label, t in shown.items() if (known := static_value(t)) is not None
        ]
        raise InvalidArgumentError.because(f"{message or ''} {says}: {', '.join(values)}".lstrip())
    return Assert(everywhere, _shown(says, data, shown, message), summarize)


def _shown(says: str, data: Sequence[Any] | None, tensors: dict[str, Tensor], message: str | None) -> Sequence[Any]:
    """What a failing assertion shows: the message, and `data`, or else the tensors."""
    if data is None:
        data = [says, *(text for label, t in tensors.items() for text in (f"{label} ({t.name}) = ", t))]
    return [message, *data] if message else data


def _binary(opname: str, sign: str, compare: Callable) -> Callable:
    def check(
        x: Any, y: Any, data: Sequence[Any] | None = None, summarize: int | None = None, message: str | None = None,
        name: str | None = None,
    ) -> Operation:  # fmt: skip
        with name_scope(name, opname, [x, y]):
            x = convert_to_tensor(x, name="x")
            y = convert_to_tensor(y, x.dtype, name="y")
            says = f"x {sign} y does not hold for every element"
            return _asserted(compare(x, y), says, data, {"x": x, "y": y}, message, summarize)

    check.__name__ = check.__qualname__ = opname
    check.__doc__ = f"""An operation that fails unless x {sign} y for every element; x and y broadcast.

    data, summarize   what a failure shows, as for tf.Assert   message   is put before it
    Raises: InvalidArgumentError, while building where the values are known, else when run.
    """
    return check


assert_equal = _binary("assert_equal", "==", equal)
assert_none_equal = _binary("assert_none_equal", "!=", not_equal)
assert_less = _binary("assert_less", "<", less)
assert_less_equal = _binary("assert_less_equal", "<=", less_equal)
assert_greater = _binary("assert_greater", ">", greater)
assert_greater_equal = _binary("assert_greater_equal", ">=", greater_equal)


def _with_zero(opname: str, sign: str, compare: Callable) -> Callable:
    def check(
        x: Any, data: Sequence[Any] | None = None, summarize: int | None = None, message: str | None = None,
        name: str | None = None,
    ) -> Operation:  # fmt: skip
        with name_scope(name, opname, [x]):
            x = convert_to_tensor(x, name="x")
            says = f"x {sign} 0 does not hold for every element"
            return _asserted(compare(x, convert_to_tensor(0, x.dtype)), says, data, {"x": x}, message, summarize)

    check.__name__ = check.__qualname__ = opname
    check.__doc__ = f"""An operation that fails unless x {sign} 0 for every element; arguments as for assert_equal."""
    return check


assert_positive = _with_zero("assert_positive", ">", greater)
assert_negative = _with_zero("assert_negative", "<", less)
assert_non_negative = _with_zero("assert_non_negative", ">=", greater_equal)
assert_non_positive = _with_zero("assert_non_positive", "<=", less_equal)


def assert_near(
    x: Any, y: Any, rtol: Any = None, atol: Any = None, data: Sequence[Any] | None = None,
    summarize: int | None = None, message: str | None = None, name: str | None = None,
) -> Operation:  # fmt: skip
    """An operation that fails unless |x - y| <= atol + rtol |y| for every element; both 10 epsilons by default."""
    with name_scope(name, "assert_near", [x, y]):
        x = convert_to_tensor(x, name="x")
        y = convert_to_tensor(y, x.dtype, name="y")
        real = x.dtype.real_dtype
        default = 10 * float(np.finfo(real.dtype).eps) if real.is_floating else 0
        relative = convert_to_tensor(default if rtol is None else rtol, real)
        absolute = convert_to_tensor(default if atol is None else atol, real)
        close = reduce_all(less_equal(abs(x - y), absolute + relative * abs(y)))
        shown = _shown("x and y are not near for every element", data, {"x": x, "y": y}, message)
        return Assert(close, shown, summarize)


# -- ranks and dtypes ----------------------------------------------------------------------------------------------
def _rank_asserted(
    x: Tensor, given: Sequence[Any], compare: Callable, says: str, data: Sequence[Any] | None,
    summarize: int | None, message: str | None,
) -> Operation:  # fmt: skip
    """Assert that the rank of x compares with one of the ranks given; ValueError now, if it is known now."""
    ranks = [convert_to_tensor(r, name="rank") for r in given]
    for r in ranks:
        if r.dtype is not int32:
            raise DTypeError(f"a rank must be int32, not {r.dtype.name}")
        if r.dims:
            raise ShapeError(f"a rank must be a scalar, and has shape {r.shape}")
    conditions = [compare(rank(x), r) for r in ranks]
    holds = conditions[0]
    for condition in conditions[1:]:
        holds = logical_or(holds, condition)
    value = static_value(holds)
    if value is None:
        shown = [text for r in ranks for text in ("rank: ", r)]
        return Assert(holds, data or [message or "", f"{x.name} {says}", *shown, "shape: ", rank(x)], summarize)
    if not value:
        wanted = [int(known) for r in ranks if (known := static_value(r)) is not None]
        raise ShapeError(f"{message or ''} {x!r} {says} {', '.join(map(str, wanted))}".lstrip())
    return no_op("static_checks_determined_all_ok")


def assert_rank(
    x: Any, rank: Any, data: Sequence[Any] | None = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """An operation that fails unless x has this rank.   Raises: ValueError where the rank of x is known now."""
    with name_scope(name, "assert_rank", [x]):
        t = convert_to_tensor(x, name="x")
        return _rank_asserted(t, [rank], equal, "must have rank", data, summarize, message)


def assert_rank_at_least(
    x: Any, rank: Any, data: Sequence[Any] | None = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """An operation that fails unless x has this rank or a higher one; errors as for assert_rank."""
    with name_scope(name, "assert_rank_at_least", [x]):
        t = convert_to_tensor(x, name="x")
        return _rank_asserted(t, [rank], greater_equal, "must at least have rank", data, summarize, message)


def assert_rank_in(
    x: Any, ranks: Sequence[Any], data: Sequence[Any] | None = None, summarize: int | None = None,
    message: str | None = None, name: str | None = None,
) -> Operation:  # fmt: skip
    """An operation that fails unless x has one of these ranks; errors as for assert_rank."""
    with name_scope(name, "assert_rank_in", [x]):
        t = convert_to_tensor(x, name="x")
        return _rank_asserted(t, list(ranks), equal, "must have one of the ranks", data, summarize, message)


def assert_type(tensor: Any, tf_type: Any, message: str | None = None, name: str | None = None) -> Operation:
    """TypeError unless the tensor has this dtype; gives an operation that does nothing."""
    wanted = as_dtype(tf_type)
    with name_scope(name, "assert_type", [tensor]):
        t = tensor if hasattr(tensor, "dtype") else convert_to_tensor(tensor)
        if as_dtype(t.dtype) is not wanted:
            raise DTypeError(f"{message or ''} {t!r} must have dtype {wanted.name}".lstrip())
        return no_op("statically_determined_correct_type")


def assert_integer(x: Any, message: str | None = None, name: str | None = None) -> Operation:
    """TypeError unless x has an integer dtype; gives an operation that does nothing."""
    with name_scope(name, "assert_integer", [x]):
        t = convert_to_tensor(x, name="x")
        if not t.dtype.is_integer:
            raise DTypeError(f"{message or ''} {t!r} must have an integer dtype".lstrip())
        return no_op("statically_determined_was_integer")


def assert_scalar(tensor: Any, name: str | None = None, message: str | None = None) -> Tensor:
    """The tensor, which is known to be a scalar from then on.   Raises: ValueError where it is known not to be one."""
    with name_scope(name, "assert_scalar", [tensor]) as scope:
        t = convert_to_tensor(tensor, name=scope)
        if t.dims:
            raise ShapeError(f"{message or ''} a scalar is needed, and {t!r} has shape {t.shape}".lstrip())
        return t if t.dims == () else reshape(t, [])


def assert_same_float_dtype(tensors: Sequence[Any] | None = None, dtype: Any = None) -> DType:
    """The floating dtype that all tensors have, float32 for none; ValueError for several dtypes or another kind."""
    expected = None if dtype is None else as_dtype(dtype)
    for t in tensors or ():
        if t is not None:
            found = as_dtype(t.dtype)
            if expected is not None and found is not expected:
                raise GraphError(f"{t!r} has dtype {found.name}, and {expected.name} is expected")
            expected = found
    expected = expected or float32
    if not expected.is_floating:
        raise GraphError(f"a floating dtype is expected, not {expected.name}")
    return expected


def assert_proper_iterable(values: Any) -> None:
    """TypeError for a tensor, an array, text, or anything else that is no list of values."""
    if isinstance(values, (Tensor, np.ndarray, str, bytes)) or hasattr(values, "fetch_components"):
        raise TypeError(f"a list or tuple of values is expected, not a {type(values).__name__}")
    if not isinstance(values, Iterable):
        raise TypeError(f"a list or tuple of values is expected, and a {type(values).__name__} cannot be iterated")


# -- questions -----------------------------------------------------------------------------------------------------
def is_numeric_tensor(tensor: Any) -> bool:
    """Whether this is a tensor of numbers (bool and strings are none)."""
    return isinstance(tensor, Tensor) and tensor.dtype in NUMERIC


def is_non_decreasing(x: Any, name: str | None = None) -> Tensor:
    """Whether no element, in row-major order, is less than the one before it: a scalar, bool."""
    with name_scope(name, "is_non_decreasing", [x]):
        flat = reshape(convert_to_tensor(x, name="x"), [-1])
        return reduce_all(greater_equal(flat[1:], flat[:-1]))


def is_strictly_increasing(x: Any, name: str | None = None) -> Tensor:
    """Whether every element, in row-major order, is greater than the one before it: a scalar, bool."""
    with name_scope(name, "is_strictly_increasing", [x]):
        flat = reshape(convert_to_tensor(x, name="x"), [-1])
        return reduce_all(greater(flat[1:], flat[:-1]))
