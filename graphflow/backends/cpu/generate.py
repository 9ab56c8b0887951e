"""Calls of generated kernels: elementwise loops, reductions, random draws.  All shapes are known here."""

from __future__ import annotations

import functools
import math

from graphflow.backends import codegen
from graphflow.backends.base import Call
from graphflow.operation import Operation, Tensor
from graphflow.ops.fused import Region
from graphflow.ops.infer import static_axes
from graphflow.ops.lowering import Elementwise, Random, Reduce
from graphflow.shape import sizes


def elementwise(op: Operation, kind: Elementwise) -> Call:
    """One loop nest over the output's shape."""
    names = tuple(argument.name for argument in op.definition.args)
    inputs = tuple((sizes(t.dims), t.dtype.name) for t in op.inputs)
    source = _elementwise(kind, names, inputs, sizes(op.output.dims), tuple(t.dtype.name for t in op.outputs))
    return Call(source.text, (*op.inputs, *op.outputs), source.sizes, source=source.text)


def together(op: Operation, region: Region) -> Call:
    """One loop nest for all members of a region."""
    number = {t: i for i, t in enumerate(region.inputs)}
    members = []
    for member in region.members:
        kind = member.definition.lower(member)
        names = tuple(argument.name for argument in member.definition.args)
        operands = tuple(number[t] for t in member.inputs)
        for t, expression in zip(member.outputs, kind.expressions, strict=True):  # type: ignore[union-attr]
            number[t] = len(number)
            members.append(codegen.Member(expression, names, operands, t.dtype.name))
    inputs = tuple((sizes(t.dims), t.dtype.name) for t in region.inputs)
    outputs = tuple(number[t] for t in region.outputs)
    source = _together(tuple(members), inputs, sizes(op.output.dims), outputs)
    return Call(source.text, (*op.inputs, *op.outputs), source.sizes, source=source.text)


def reduction(op: Operation, kind: Reduce) -> Call | None:
    """A loop nest that folds the axes in the second input, all axes when there is none."""
    x = op.inputs[0]
    rank = len(sizes(x.dims))
    axes = tuple(range(rank)) if len(op.inputs) == 1 else static_axes(op.inputs[1], rank)
    return None if axes is None else fold(kind, x, op.output, axes)


def fold(kind: Reduce, x: Tensor, out: Tensor, axes: tuple[int, ...]) -> Call:
    """The call that folds these axes of x into out."""
    source = _reduction(kind, sizes(x.dims), axes, x.dtype.name, out.dtype.name)
    return Call(source.text, (x, out), source.sizes, source=source.text)


def random(op: Operation, kind: Random) -> Call:
    """One draw for each element of the output."""
    out, scalars = op.output, op.inputs[1:]
    names = tuple(argument.name for argument in op.definition.args)[1:]
    text = codegen.random(kind.expression, names, out.dtype.name)
    return Call(text, ("draws", *scalars, out), (math.prod(sizes(out.dims)),), source=text)


@functools.lru_cache(4096)
def _elementwise(
    kind: Elementwise, names: tuple, inputs: tuple, out: tuple[int, ...], dtypes: tuple[str, ...]
) -> codegen.Source:
    return codegen.elementwise(kind, names, inputs, out, dtypes)


@functools.lru_cache(4096)
def _together(members: tuple, inputs: tuple, out: tuple[int, ...], outputs: tuple[int, ...]) -> codegen.Source:
    return codegen.region(members, inputs, out, outputs)


@functools.lru_cache(4096)
def _reduction(kind: Reduce, x: tuple[int, ...], axes: tuple, dtype: str, out_dtype: str) -> codegen.Source:
    return codegen.reduction(kind, "x", x, axes, dtype, out_dtype)
