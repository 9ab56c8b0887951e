"""Rules about shapes, layouts and dtypes: what only passes elements on, and what others can do on the way."""

from __future__ import annotations

import numpy as np

from graphflow import dtypes
from graphflow.dtypes import DType
from graphflow.operation import Operation, Tensor
from graphflow.ops.arithmetic import ADD, MAXIMUM, MINIMUM, MUL, SQUARED_DIFFERENCE, SUB
from graphflow.ops.arrange import TILE, TRANSPOSE
from graphflow.ops.basic import CAST, IDENTITY, STOP_GRADIENT
from graphflow.ops.compare import EQUAL, GREATER, GREATER_EQUAL, LESS, LESS_EQUAL, NOT_EQUAL
from graphflow.ops.define import CONST
from graphflow.ops.division import REAL_DIV
from graphflow.ops.fill import FILL
from graphflow.ops.join import CONCAT
from graphflow.ops.linalg import BATCH_MATMUL, MATMUL
from graphflow.ops.pad import PAD
from graphflow.ops.placeholder import PLACEHOLDER_WITH_DEFAULT
from graphflow.ops.products import PROD
from graphflow.ops.reduce import ALL, ANY, MAX, MEAN, MIN, SUM
from graphflow.ops.shape_ops import BROADCAST_TO, EXPAND_DIMS, RESHAPE, SQUEEZE, SUM_TO
from graphflow.ops.slicing import SLICE
from graphflow.passes.match import any_, build, const, constant, op, rewrite, same_type, splat
from graphflow.shape import broadcast, count, sizes


def _reshaped(root: Operation, x: Tensor) -> Tensor:
    """x under the shape of the root's output."""
    dims = sizes(root.output.dims)
    if x.dims == dims:
        return x
    dtype = np.int32 if max(dims, default=0) < 2**31 else np.int64
    return build(root, RESHAPE, x, constant(root, np.array(dims, dtype)))


# -- nothing moves -------------------------------------------------------------------------------------------------
@rewrite(op((IDENTITY, STOP_GRADIENT, PLACEHOLDER_WITH_DEFAULT), any_("x")))
def pass_on(root: Operation, x: Tensor) -> Tensor | None:
    """An identity matters while gradients are made and operations wait for each other; the order is settled now."""
    return same_type(root, x)


@rewrite(op((BROADCAST_TO, SUM_TO, TILE, PAD), any_("x"), const()))
def same_size(root: Operation, x: Tensor) -> Tensor | None:
    """To a shape that it has already, a tensor is not repeated, summed or padded."""
    return same_type(root, x)


@rewrite(op(SUM_TO, any_("x"), const()))
def sum_to_known(root: Operation, x: Tensor) -> Tensor:
    """The opposite of a broadcast between known shapes is an ordinary sum, which others can join."""
    dims, target = sizes(x.dims), sizes(root.output.dims)
    wide = (1,) * (len(dims) - len(target)) + target
    axes = [i for i, (a, b) in enumerate(zip(dims, wide, strict=True)) if a != b]
    total = build(root, SUM, x, constant(root, np.array(axes, np.int32)), keep_dims=False)
    return _reshaped(root, total)


@rewrite(op(SLICE, any_("x"), const(), const()))
def whole_slice(root: Operation, x: Tensor) -> Tensor | None:
    """A slice as large as the tensor is the tensor."""
    return same_type(root, x)


@rewrite(op(CONCAT, any_("x"), const()))
def concat_of_one(root: Operation, x: Tensor) -> Tensor | None:
    """One tensor alone has nothing to be joined to."""
    return same_type(root, x)


# -- dtypes --------------------------------------------------------------------------------------------------------
@rewrite(op(CAST, any_("x")))
def cast_to_same(root: Operation, x: Tensor) -> Tensor | None:
    """A cast to the dtype that x has."""
    return same_type(root, x)


@rewrite(op(CAST, op(CAST, any_("x"), name="inner")))
def cast_of_cast(root: Operation, inner: Operation, x: Tensor) -> Tensor | None:
    """One cast for two where the first loses nothing.

    Floats to integers stay: numbers out of range wrap as the wider dtype does.
    """
    dtype = root.output.dtype
    if not _holds(inner.output.dtype, x.dtype) or (x.dtype.is_floating and dtype.is_integer):
        return None
    return x if dtype is x.dtype else build(root, CAST, x, dtype=dtype)


_BITS = {dtypes.float16: 11, dtypes.float32: 24, dtypes.float64: 53}


def _holds(wide: DType, narrow: DType) -> bool:
    """Whether a dtype has every value of another one."""
    if wide.is_complex or narrow.is_complex or wide.is_bool:
        return wide is narrow
    if wide.is_floating and narrow.is_integer:
        return np.iinfo(narrow.dtype).bits <= _BITS[wide] and wide is not dtypes.float16
    return np.can_cast(narrow.dtype, wide.dtype, "safe")


# -- transpose -----------------------------------------------------------------------------------------------------
def _order(perm: np.ndarray) -> tuple[int, ...]:
    return tuple([int(i) % perm.size for i in perm])


@rewrite(op(TRANSPOSE, any_("x"), const(name="perm")))
def transpose_moves_nothing(root: Operation, x: Tensor, perm: np.ndarray) -> Tensor | None:
    """Where only axes of size 1 change places the elements stay in order: a reshape, which costs nothing."""
    moved = [i for i in _order(perm) if sizes(x.dims)[i] != 1]
    return _reshaped(root, x) if moved == sorted(moved) else None


@rewrite(op(TRANSPOSE, op(TRANSPOSE, any_("x"), const(name="first")), const(name="second")))
def transpose_of_transpose(root: Operation, x: Tensor, first: np.ndarray, second: np.ndarray) -> Tensor:
    """Two permutations are one."""
    inner = _order(first)
    return build(root, TRANSPOSE, x, constant(root, np.array([inner[i] for i in _order(second)], np.int32)))


def _swaps_last(perm: np.ndarray) -> bool:
    rank = perm.size
    return rank >= 2 and _order(perm) == (*range(rank - 2), rank - 1, rank - 2)


@rewrite(op((MATMUL, BATCH_MATMUL), op(TRANSPOSE, any_("a"), const(name="perm")), any_("b")))
def transpose_into_matmul_left(root: Operation, a: Tensor, perm: np.ndarray, b: Tensor) -> Tensor | None:
    """The product reads a transposed factor as it lies."""
    return _flipped(root, a, b, perm, 0)


@rewrite(op((MATMUL, BATCH_MATMUL), any_("a"), op(TRANSPOSE, any_("b"), const(name="perm"))))
def transpose_into_matmul_right(root: Operation, a: Tensor, b: Tensor, perm: np.ndarray) -> Tensor | None:
    """The product reads a transposed factor as it lies."""
    return _flipped(root, a, b, perm, 1)


def _flipped(root: Operation, a: Tensor, b: Tensor, perm: np.ndarray, side: int) -> Tensor | None:
    """The same product with the flag of one side turned; the flags of stacks would conjugate complex numbers."""
    if not _swaps_last(perm) or (root.definition is BATCH_MATMUL and a.dtype.is_complex):
        return None
    flag = (("transpose_a", "transpose_b") if root.definition is MATMUL else ("adj_x", "adj_y"))[side]
    return build(root, root.definition, a, b, **{**root.attrs, flag: not root.attrs[flag]})


# -- reshape -------------------------------------------------------------------------------------------------------
_RESHAPES = (RESHAPE, EXPAND_DIMS)


@rewrite(op(_RESHAPES, any_("x"), const()))
def reshape_to_same(root: Operation, x: Tensor) -> Tensor | None:
    """A reshape to the shape that x has."""
    return same_type(root, x)


@rewrite(op(SQUEEZE, any_("x")))
def squeeze_nothing(root: Operation, x: Tensor) -> Tensor | None:
    """There is no axis of size 1."""
    return same_type(root, x)


@rewrite(op(_RESHAPES, op(_RESHAPES, any_("x"), const()), const()))
def reshape_of_reshape(root: Operation, x: Tensor) -> Tensor:
    """Only the last shape counts."""
    return _reshaped(root, x)


@rewrite(op(_RESHAPES, op(SQUEEZE, any_("x")), const()))
def reshape_of_squeeze(root: Operation, x: Tensor) -> Tensor:
    """Only the last shape counts."""
    return _reshaped(root, x)


@rewrite(op(SQUEEZE, op(_RESHAPES, any_("x"), const())))
def squeeze_of_reshape(root: Operation, x: Tensor) -> Tensor:
    """Only the last shape counts."""
    return _reshaped(root, x)


@rewrite(op(SQUEEZE, op(SQUEEZE, any_("x"))))
def squeeze_of_squeeze(root: Operation, x: Tensor) -> Tensor:
    """Only the last shape counts."""
    return _reshaped(root, x)


@rewrite(op((SUM, MEAN, PROD, MAX, MIN, ANY, ALL), any_("x"), const()))
def reduce_one_element(root: Operation, x: Tensor) -> Tensor | None:
    """Over axes of size 1 each result is one element: a reshape.  (A sum that starts from 0.0 would lose -0.0.)"""
    return _reshaped(root, x) if count(x.dims) == count(root.output.dims) and count(x.dims) else None


# -- broadcasting --------------------------------------------------------------------------------------------------
@rewrite(op(BROADCAST_TO, op(BROADCAST_TO, any_("x"), const()), const(), name="outer"))
def broadcast_of_broadcast(root: Operation, outer: Operation, x: Tensor) -> Tensor:
    """Repeating what is repeated is repeating."""
    return build(root, BROADCAST_TO, x, outer.inputs[1])


_BROADCASTING = (
    ADD, SUB, MUL, REAL_DIV, MAXIMUM, MINIMUM, SQUARED_DIFFERENCE, EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER,
    GREATER_EQUAL,
)  # fmt: skip


@rewrite(op(_BROADCASTING, any_("x"), any_("y")))
def broadcast_on_the_way(root: Operation, x: Tensor, y: Tensor) -> Tensor | None:
    """These broadcast by themselves: no need to write the repeated tensor first."""
    narrow_x, narrow_y = _narrow(root, x), _narrow(root, y)
    for a, b in ((narrow_x, narrow_y), (narrow_x, y), (x, narrow_y)):
        if (a is not x or b is not y) and broadcast(a.dims, b.dims) == root.output.dims:
            return build(root, root.definition, a, b)
    return None


def _narrow(root: Operation, t: Tensor) -> Tensor:
    """What a tensor repeats."""
    source = t.op
    if source.definition is CONST and t.dims:
        number = splat(t)
        return t if number is None or t.dtype is dtypes.string else constant(root, number, type(source.attrs))
    if source.definition is BROADCAST_TO and source.inputs[1].op.definition is CONST:
        return source.inputs[0]
    if source.definition is FILL and source.inputs[0].op.definition is CONST:
        return source.inputs[1]
    return t
