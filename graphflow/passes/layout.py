"""Layout assignment: images of few channels lie side by side in vectors, from one convolution to the next.

A convolution whose channels do not fill vectors fills them with images, which its kernel has to turn on their way in
and out.  Here chains of such convolutions, and the elementwise operations between them, take and give images that are
turned already; they are turned where a chain begins and ends, if the backend's figures say that this pays.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphflow.operation import Operation, Tensor
from graphflow.ops.conv import CONV2D, CONV2D_BACKPROP_FILTER, CONV2D_BACKPROP_INPUT
from graphflow.ops.infer import static_axes
from graphflow.ops.lanes import (
    FROM_LANES,
    LANES_CONV2D,
    LANES_CONV2D_BACKPROP_FILTER,
    LANES_CONV2D_BACKPROP_INPUT,
    TO_LANES,
)
from graphflow.ops.lowering import Elementwise
from graphflow.ops.reduce import SUM
from graphflow.ops.shape_ops import BROADCAST_TO, RESHAPE
from graphflow.passes.engine import Substitution
from graphflow.passes.match import build, constant
from graphflow.passes.panels import Panels, pack_panels
from graphflow.passes.prune import drop_dead
from graphflow.program import Program
from graphflow.shape import known, sizes

# How many images a vector may hold, 0 where this does not do, and the cycles, about, as it is and with images in lanes.
ImageLanes = Callable[[Operation], tuple[int, float, float]]

TURN = 0.7  # cycles, about, for a number that is turned by itself: it goes through memory

_CONVOLUTIONS = {CONV2D, CONV2D_BACKPROP_INPUT, CONV2D_BACKPROP_FILTER}


@dataclass(frozen=True)
class Layouts:
    """What a backend says of the layouts that its kernels know."""

    image_lanes: ImageLanes
    panels: Panels


def assign_layouts(program: Program, fired: Counter[str] | None = None, layouts: Layouts | None = None) -> Program:
    """Images in lanes of convolutions, and matrices in panels for loops, where a backend knows these and they pay."""
    if layouts is None:
        return program
    counts: Counter[str] = Counter() if fired is None else fired
    return pack_panels(_in_lanes(program, counts, layouts.image_lanes), counts, layouts.panels)


def _in_lanes(program: Program, fired: Counter[str], image_lanes: ImageLanes) -> Program:
    """Convolutions with images in lanes, if that pays."""
    saved, lanes_of = 0.0, {}
    for op in program.ops:
        if op.definition in _CONVOLUTIONS and all(known(t.dims) for t in (*op.inputs, *op.outputs)):
            lanes, before, after = image_lanes(op)
            if lanes:
                lanes_of[op] = lanes
                saved += before - after
    if saved <= 0:
        return program
    made = drop_dead(_Layouts(program, lanes_of).made())
    moved = [op.output.dims for op in made.ops if op.definition in (TO_LANES, FROM_LANES)]
    if TURN * sum(math.prod(sizes(dims)) for dims in moved) >= saved:
        return program
    fired["in_lanes"] += len(lanes_of)
    return made


class _Layouts:
    """The program with these convolutions in lanes.

    turned    for tensors of the new program the same images in lanes, and how many lanes
    filters   the gradients of filters by the tensor that comes back
    """

    def __init__(self, program: Program, lanes_of: dict[Operation, int]) -> None:
        self.program, self.lanes_of = program, lanes_of
        self.copy = Substitution(program)
        self.turned: dict[Tensor, tuple[Tensor, int]] = {}
        self.filters = {op.inputs[2]: op for op in lanes_of if op.definition is CONV2D_BACKPROP_FILTER}
        self.gradients: dict[Operation, Operation] = {}
        self.spread: dict[tuple[Tensor, int], Tensor] = {}
        self.waiting = set(program.ops)  # those that have no place yet

    def made(self) -> Program:
        for old in self.program.ops:
            op = self.copy.updated(old)
            outputs = self.outputs(old, op)
            if outputs is None:
                self.copy.put(old, op)
            else:
                self.copy.replace(old, outputs)
            self.waiting.discard(old)
        return self.copy.finish()

    def outputs(self, old: Operation, op: Operation) -> list[Tensor] | None:
        """What stands for the outputs of an operation, None where it stays."""
        record, lanes = op.definition, self.lanes_of.get(old, 0)
        if lanes and record is CONV2D:
            x, f = op.inputs
            return [self.back(op, self.build(op, LANES_CONV2D, self.lane(op, x, lanes), f, lanes=lanes, **op.attrs))]
        if lanes and record is CONV2D_BACKPROP_INPUT:
            _, f, dy = op.inputs
            made = self.build(op, LANES_CONV2D_BACKPROP_INPUT, f, self.lane(op, dy, lanes), lanes=lanes,
                              size=sizes(op.output.dims)[1:3], **op.attrs)  # fmt: skip
            return [self.back(op, made)]
        if lanes and record is CONV2D_BACKPROP_FILTER:
            return [self.gradient(old, op).outputs[0]]
        if record is SUM and old.inputs[0] in self.filters:
            return self.bias(old)
        return self.elementwise(op)

    def build(self, like: Operation, record: Any, *inputs: Tensor, **attrs: Any) -> Tensor:
        t = build(like, record, *inputs, **attrs)
        self.copy.ops.append(t.op)
        return t

    def lane(self, like: Operation, t: Tensor, lanes: int) -> Tensor:
        """The images in lanes."""
        found = self.turned.get(t)
        if found is None or found[1] != lanes:
            found = self.turned[t] = self.build(like, TO_LANES, t, lanes=lanes), lanes
        return found[0]

    def back(self, op: Operation, made: Tensor) -> Tensor:
        """The images as others want them; nobody may."""
        lanes = sizes(made.dims)[-1] // sizes(op.output.dims)[-1]
        t = self.build(op, FROM_LANES, made, images=sizes(op.output.dims)[0], lanes=lanes)
        self.turned[t] = made, lanes
        return t

    def gradient(self, old: Operation, op: Operation) -> Operation:
        """The gradient of a filter, and of the bias that was added to its images."""
        found = self.gradients.get(old)
        if found is None:
            x, _, dy = op.inputs
            lanes = self.lanes_of[old]
            found = self.gradients[old] = self.build(
                op, LANES_CONV2D_BACKPROP_FILTER, self.lane(op, x, lanes), self.lane(op, dy, lanes), lanes=lanes,
                window=sizes(op.output.dims)[:2], images=sizes(x.dims)[0], **op.attrs,
            ).op  # fmt: skip
        return found

    def bias(self, old: Operation) -> list[Tensor] | None:
        """The sum over images and pixels of what comes back to a filter too."""
        images, axes = old.inputs
        partner = self.filters[images]
        over = static_axes(axes, 4)
        if over is None or sorted(over) != [0, 1, 2] or old.output.dims != sizes(images.dims)[-1:]:
            return None
        if partner.inputs[0].op in self.waiting:
            return None
        return [self.gradient(partner, self.copy.updated(partner)).outputs[1]]

    def elementwise(self, op: Operation) -> list[Tensor] | None:
        """An elementwise operation over images in lanes, numbers, and vectors of channels."""
        if not any(t in self.turned for t in op.inputs):
            return None
        kind = op.definition.lower(op)
        if not isinstance(kind, Elementwise) or kind.operands is not None or len(op.outputs) != 1:
            return None
        first, lanes = next(self.turned[t] for t in op.inputs if t in self.turned)
        if not known(op.output.dims) or op.output.dtype is not first.dtype:
            return None
        inputs = []
        for t in op.inputs:
            if not known(t.dims):
                return None
            turned, dims = self.turned.get(t), sizes(t.dims)
            long = [i for i, d in enumerate(dims) if d != 1]
            if turned is not None and turned[1] == lanes and t.dims == op.output.dims:
                inputs.append(turned[0])
            elif dims and long in ([], [len(dims) - 1]) and dims[-1] == sizes(op.output.dims)[-1]:
                inputs.append(self.channels(op, t, lanes))
            elif not long:
                inputs.append(t)
            else:
                return None
        if not any(t.dims == first.dims for t in inputs):
            return None
        return [self.back(op, self.build(op, op.definition, *inputs, **op.attrs))]

    def channels(self, like: Operation, t: Tensor, lanes: int) -> Tensor:
        """A number for each channel, in every lane."""
        found = self.spread.get((t, lanes))
        if found is None:
            c = sizes(t.dims)[-1]
            column = self.shaped(like, RESHAPE, t, [c, 1])
            found = self.shaped(like, RESHAPE, self.shaped(like, BROADCAST_TO, column, [c, lanes]), [c * lanes])
            self.spread[t, lanes] = found
        return found

    def shaped(self, like: Operation, record: Any, t: Tensor, dims: list[int]) -> Tensor:
        shape = constant(like, np.array(dims, np.int32))
        self.copy.ops.append(shape.op)
        return self.build(like, record, t, shape)
