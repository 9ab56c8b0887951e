"""Sums of products over named axes: tensordot and einsum, made of transpose, reshape and matmul."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.dtypes import int32
from graphflow.errors import GraphError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.arrange import transpose
from graphflow.ops.basic import identity
from graphflow.ops.compare import less
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.fill import range as range_
from graphflow.ops.indexing import gather
from graphflow.ops.infer import whole_numbers
from graphflow.ops.join import concat, stack
from graphflow.ops.linalg import matmul
from graphflow.ops.products import reduce_prod
from graphflow.ops.reduce import reduce_sum
from graphflow.ops.select import where_v2
from graphflow.ops.sets import setdiff1d
from graphflow.ops.shape_checks import ensure_shape
from graphflow.ops.shape_ops import rank as rank_of
from graphflow.ops.shape_ops import reshape, shape
from graphflow.ops.static import static_value
from graphflow.shape import show

Labels = list[Hashable]  # one for each axis of a tensor


def _arranged(t: Tensor, order: Sequence[int]) -> Tensor:
    return t if list(order) == sorted(order) else transpose(t, list(order))


def _size(t: Tensor, axes: Sequence[int]) -> Any:
    """The product of some sizes: an int, or a scalar tensor."""
    dims = [t.dims[a] for a in axes]  # type: ignore[index]
    if None not in dims:
        return math.prod(dims)
    sizes = shape(t)
    product = sizes[axes[0]]
    for a in axes[1:]:
        product = product * sizes[a]
    return product


def _sizes(t: Tensor, axes: Sequence[int]) -> list[Any]:
    return [_size(t, [a]) for a in axes]


def _product(a: Tensor, a_labels: Labels, b: Tensor, b_labels: Labels, out: set) -> tuple[Tensor, Labels]:
    """The product of two tensors, summed over the labels that both have and `out` does not."""
    shared = [x for x in a_labels if x in b_labels]
    batch = [x for x in shared if x in out]
    summed = [x for x in shared if x not in out]
    only_a = [x for x in a_labels if x not in shared]
    only_b = [x for x in b_labels if x not in shared]
    for x in shared:
        sizes = {t.dims[ls.index(x)] for t, ls in ((a, a_labels), (b, b_labels))}  # type: ignore[index]
        if len(sizes - {None}) > 1:
            raise ShapeError(f"an axis that is one in both tensors has sizes {sorted(sizes - {None})}")  # type: ignore
    a = _arranged(a, [a_labels.index(x) for x in batch + only_a + summed])
    b = _arranged(b, [b_labels.index(x) for x in batch + summed + only_b])
    nb, na, ns = len(batch), len(only_a), len(summed)
    batch_axes, a_axes, b_axes = range(nb), range(nb, nb + na), range(nb + ns, nb + ns + len(only_b))
    left, right = _sizes(a, a_axes), _sizes(b, b_axes)
    outer = _sizes(a, batch_axes)
    if not summed:  # nothing to add up: they only broadcast
        product = reshape(a, [*outer, *left, *[1] * len(right)]) * reshape(b, [*outer, *[1] * len(left), *right])
        return product, batch + only_a + only_b
    rows = reshape(a, [*outer, _size(a, a_axes) if na else 1, _size(a, range(nb + na, nb + na + ns))])
    columns = reshape(b, [*outer, _size(b, range(nb, nb + ns)), _size(b, b_axes) if only_b else 1])
    return reshape(matmul(rows, columns), [*outer, *left, *right]), batch + only_a + only_b


def _listed_axes(axes: Any, ranks: tuple[int | None, int | None]) -> tuple[list[int], list[int]]:
    """The axes to sum over, of a and of b, counted from 0 where the rank is known."""
    if isinstance(axes, Tensor):
        value = static_value(axes)
        if value is None:
            raise GraphError("the axes of a tensordot must be known when it is made")
        axes = value.tolist()
    if not hasattr(axes, "__len__") or isinstance(axes, np.ndarray) and axes.ndim == 0:
        n = int(axes)
        if n < 0 or any(rank is not None and n > rank for rank in ranks):
            raise GraphError(f"axes={n} is more than the ranks {ranks} have")
        return list(range(-n, 0)), list(range(n))
    if len(axes) != 2:
        raise GraphError(f"axes is a number, or a list for a and one for b; not {axes!r}")
    first, second = (whole_numbers(side, "axes") for side in axes)
    if len(first) != len(second) or len(set(first)) != len(first) or len(set(second)) != len(second):
        raise GraphError(f"as many different axes of a as of b are needed, not {axes!r}")
    return first, second


def _counted(axes: list[int], rank: int) -> list[int]:
    """The axes counted from 0."""
    if any(not -rank <= i < rank for i in axes):
        raise GraphError(f"axes {axes} are out of range for rank {rank}")
    return [i % rank for i in axes]


def _as_matrix(t: Tensor, axes: list[int], summed_last: bool) -> tuple[Tensor, Tensor]:
    """(t of any rank as a matrix whose columns, or rows, are the given axes; the sizes of its other axes)."""
    n, sizes = rank_of(t), shape(t)
    named = convert_to_tensor(axes, int32)
    places = where_v2(less(named, 0), named + n, named)
    others = setdiff1d(range_(n), places)[0]
    kept, summed = gather(sizes, others), gather(sizes, places)
    order, parts = [others, places], [reduce_prod(kept), reduce_prod(summed)]
    if not summed_last:
        order, parts = order[::-1], parts[::-1]
    return reshape(transpose(t, concat(order, 0)), stack(parts)), kept


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Tensor:
    """The sum of products over axes of a and of b: the last and the first `axes` ones, or two lists of axes.

    Shapes:   the other axes of a, then the other axes of b.
    Dtype:    what matmul takes, one for both.   Gradient: both.
    Raises:   ValueError, or InvalidArgumentError when run, for sizes that differ and axes out of range.
    """
    with name_scope(name, "Tensordot", [a, b]) as scope:
        a = convert_to_tensor(a, name="a")
        b = convert_to_tensor(b, a.dtype, name="b")
        of_a, of_b = _listed_axes(axes, (a.shape.ndims, b.shape.ndims))
        if a.dims is None or b.dims is None:
            rows, left = _as_matrix(a, of_a, summed_last=True)
            columns, right = _as_matrix(b, of_b, summed_last=False)
            return reshape(matmul(rows, columns), concat([left, right], 0), name=scope)
        a_labels: Labels = [("a", i) for i in range(len(a.dims))]
        b_labels: Labels = [("b", i) for i in range(len(b.dims))]
        for i, j in zip(_counted(of_a, len(a_labels)), _counted(of_b, len(b_labels)), strict=True):
            b_labels[j] = a_labels[i]
        out = {x for x in a_labels + b_labels if not (x in a_labels and x in b_labels)}
        return identity(_product(a, a_labels, b, b_labels, out)[0], name=scope)


_ELLIPSIS = 0xE000  # of the characters for private use, from here on: one for each axis that `...` stands for
_LABELS = f"[a-zA-Z{chr(_ELLIPSIS)}-{chr(_ELLIPSIS + 255)}]*"


def _without_ellipsis(equation: str, tensors: Sequence[Tensor]) -> str:
    """The equation with a label for each axis that `...` stands for: the same ones, from the last, in all tensors."""
    if "..." not in equation:
        return equation
    left, arrow, right = equation.replace(" ", "").partition("->")
    inputs = left.split(",")
    if any(t.dims is None for t in tensors):
        raise ShapeError(f"`...` needs tensors of known rank, not {list(tensors)}", hint="set_shape tells the rank")
    ranks = [len(t.dims or ()) for t in tensors]
    counts = [rank - len(text) + 3 for text, rank in zip(inputs, ranks, strict=False) if "..." in text]
    most = max(counts, default=0)
    if min(counts, default=0) < 0 or any(text.count("...") > 1 for text in (*inputs, right)):
        raise ShapeError(f"the equation {equation!r} does not describe tensors of the ranks {ranks}")
    if most and arrow and "..." not in right:
        raise GraphError(f"the result of {equation!r} must have the axes of `...` too")
    every = "".join(chr(_ELLIPSIS + i) for i in range(most))
    of = iter(counts)
    inputs = [text.replace("...", every[most - next(of) :]) if "..." in text else text for text in inputs]
    if not arrow:
        once = "".join(sorted(x for x in set("".join(inputs)) - set(every) if "".join(inputs).count(x) == 1))
        return f"{','.join(inputs)}->{every}{once}"
    return f"{','.join(inputs)}->{right.replace('...', every)}"


def _parsed(equation: str, operands: int) -> tuple[list[str], str]:
    """(labels of each operand, labels of the result); without `->` those that occur once, in alphabetical order."""
    text = equation.replace(" ", "")
    match = re.fullmatch(rf"({_LABELS}(?:,{_LABELS})*)(?:->({_LABELS}))?", text)
    if match is None:
        raise GraphError(f"cannot read the equation {equation!r}; an example of one is 'ij,jk->ik'")
    inputs = match[1].split(",")
    if len(inputs) != operands:
        raise GraphError(f"the equation {equation!r} is about {len(inputs)} tensors, and {operands} are given")
    for labels in inputs:
        if len(set(labels)) != len(labels):
            raise GraphError(f"an index stands twice in {labels!r}: subscripts of one tensor must differ")
    everything = "".join(inputs)
    out = match[2]
    if out is None:
        out = "".join(sorted(x for x in set(everything) if everything.count(x) == 1))
    if len(set(out)) != len(out) or not set(out) <= set(everything):
        raise GraphError(f"the result {out!r} of {equation!r} must be made of different indices of the operands")
    return inputs, out


def einsum(equation: str, *inputs: Any, **kwargs: Any) -> Tensor:
    """The sum of products that an equation like 'bij,bjk->bik' describes; indices that the result lacks are summed.

    Without `->` the result has the indices that occur once, in alphabetical order.  `...` stands for further axes.
    Dtype:    what matmul takes, one for all.   Gradient: all inputs.   kwargs: `name`.
    Raises:   ValueError for an equation that does not fit, an index twice in one operand, sizes that differ.
    """
    name = kwargs.pop("name", None)
    if kwargs:
        raise TypeError(f"einsum takes name= beside the tensors, not {sorted(kwargs)}")
    with name_scope(name, "einsum", list(inputs)) as scope:
        tensors = [convert_to_tensor(t) for t in inputs[:1]]
        tensors += [convert_to_tensor(t, tensors[0].dtype) for t in inputs[1:]]
        texts, out = _parsed(_without_ellipsis(equation, tensors), len(inputs))
        for i, (t, labels) in enumerate(zip(tensors, texts, strict=True)):
            if t.dims is None:
                tensors[i] = ensure_shape(t, [None] * len(labels))
            elif len(t.dims) != len(labels):
                raise ShapeError(f"{labels!r} does not describe a tensor of shape {show(t.dims)}")
        every: list[Labels] = [list(text) for text in texts]
        result, have = _alone(tensors[0], every[0], set("".join(texts[1:]) + out))
        for i in range(1, len(tensors)):
            needed = set("".join(texts[i + 1 :]) + out)
            t, own = _alone(tensors[i], every[i], needed | set(have))
            result, have = _product(result, have, t, own, needed)
            result, have = _alone(result, have, needed)
        return identity(_arranged(result, [have.index(x) for x in out]), name=scope)


def _alone(t: Tensor, labels: Labels, needed: set) -> tuple[Tensor, Labels]:
    """The tensor summed over the labels that nobody else needs."""
    axes = [i for i, x in enumerate(labels) if x not in needed]
    if not axes:
        return t, labels
    return reduce_sum(t, axes), [x for x in labels if x in needed]
