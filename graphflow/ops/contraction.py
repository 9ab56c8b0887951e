"""Sums of products over named axes: tensordot and einsum, made of transpose, reshape and matmul."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from graphflow.default import name_scope
from graphflow.errors import GraphError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.arrange import transpose
from graphflow.ops.basic import identity
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.linalg import matmul
from graphflow.ops.reduce import reduce_sum
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


def _rank_known(t: Tensor, what: str) -> int:
    if t.dims is None:
        raise ShapeError(f"{what} needs tensors of known rank, and {t!r} has none", hint="set_shape tells the rank")
    return len(t.dims)


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


def _listed_axes(axes: Any, ranks: tuple[int, int]) -> tuple[list[int], list[int]]:
    """The axes to sum over, of a and of b, counted from 0."""
    if isinstance(axes, Tensor):
        value = static_value(axes)
        if value is None:
            raise GraphError("the axes of a tensordot must be known when it is made")
        axes = value.tolist()
    if np.ndim(axes) == 0:
        n = int(axes)
        if not 0 <= n <= min(ranks):
            raise GraphError(f"axes={n} is more than the ranks {ranks} have")
        return list(range(ranks[0] - n, ranks[0])), list(range(n))
    if len(axes) != 2:
        raise GraphError(f"axes is a number, or a list for a and one for b; not {axes!r}")
    pair = [[int(i) for i in np.atleast_1d(side)] for side in axes]
    if len(pair[0]) != len(pair[1]):
        raise GraphError(f"as many axes of a as of b are needed, not {axes!r}")
    for side, rank in zip(pair, ranks, strict=True):
        if any(not -rank <= i < rank for i in side):
            raise GraphError(f"axes {side} are out of range for rank {rank}")
    first, second = ([i % rank for i in side] for side, rank in zip(pair, ranks, strict=True))
    return first, second


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Tensor:
    """The sum of products over axes of a and of b: the last and the first `axes` ones, or two lists of axes.

    Shapes:   the other axes of a, then the other axes of b.
    Dtype:    what matmul takes, one for both.   Gradient: both.
    Raises:   ValueError for sizes that differ, axes out of range, unknown ranks.
    """
    with name_scope(name, "Tensordot", [a, b]) as scope:
        a = convert_to_tensor(a, name="a")
        b = convert_to_tensor(b, a.dtype, name="b")
        ranks = _rank_known(a, "tensordot"), _rank_known(b, "tensordot")
        of_a, of_b = _listed_axes(axes, ranks)
        a_labels: Labels = [("a", i) for i in range(ranks[0])]
        b_labels: Labels = [("b", i) for i in range(ranks[1])]
        for i, j in zip(of_a, of_b, strict=True):
            b_labels[j] = a_labels[i]
        out = {x for x in a_labels + b_labels if not (x in a_labels and x in b_labels)}
        return identity(_product(a, a_labels, b, b_labels, out)[0], name=scope)


_ELLIPSIS = 0xE000  # of the characters for private use, from here on: one for each axis that `...` stands for
_LABELS = f"[a-zA-Z{chr(_ELLIPSIS)}-{chr(_ELLIPSIS + 255)}]*"


def _without_ellipsis(equation: str, ranks: Sequence[int]) -> str:
    """The equation with a label for each axis that `...` stands for: the same ones, from the last, in all tensors."""
    if "..." not in equation:
        return equation
    left, arrow, right = equation.replace(" ", "").partition("->")
    inputs = left.split(",")
    counts = [rank - len(text) + 3 for text, rank in zip(inputs, ranks, strict=False) if "..." in text]
    most = max(counts, default=0)
    if min(counts, default=0) < 0 or any(text.count("...") > 1 for text in (*inputs, right)):
        raise ShapeError(f"the equation {equation!r} does not describe tensors of the ranks {list(ranks)}")
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
        ranks = [_rank_known(t, "einsum") for t in tensors]
        texts, out = _parsed(_without_ellipsis(equation, ranks), len(inputs))
        for t, rank, labels in zip(tensors, ranks, texts, strict=True):
            if rank != len(labels):
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
