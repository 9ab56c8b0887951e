"""Which lists of a graph are TensorFlow's TensorArrays, and which are its lists that are values.

A TensorArray is made once and written in place, so it can stand for lists that all go back to one maker and are only
written and read.  What a loop keeps for its gradient, lists of lists, and the lists that gradients add and write again
are values: TensorFlow's TensorLists.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from graphflow.dtypes import ListType
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import IDENTITY, STOP_GRADIENT
from graphflow.ops.lists import GATHER, LIST, READ_ITEM, SCATTER, SIZE, STACK, UNSTACK, WRITE
from graphflow.ops.ragged_lists import CONCAT, LENGTHS, SPLIT
from graphflow.shape import Dims

_MAKERS = (LIST, UNSTACK, SPLIT)
_OF_ARRAYS = (
    *_MAKERS, WRITE, SCATTER, READ_ITEM, GATHER, STACK, SIZE, CONCAT, LENGTHS, IDENTITY, STOP_GRADIENT,
)  # fmt: skip


@dataclass(eq=False)
class Lists:
    """The tensors that are one list at different times.

    makers      the operations that begin it
    is_value    whether it has to be a value, and not a TensorArray
    grows       whether writes may make it longer
    dims        what is known of the shape of its items
    """

    makers: list[Operation] = field(default_factory=list)
    is_value: bool = False
    grows: bool = False
    dims: Dims = None

    @property
    def is_array(self) -> bool:
        return len(self.makers) == 1 and not self.is_value


def is_list(t: Tensor) -> bool:
    return isinstance(t.dtype, ListType)


def find_lists(ops: Iterable[Operation]) -> dict[Tensor, Lists]:
    """The list that each tensor of these operations is, those in branches and loops included."""
    found = _Finder()
    found.look(ops)
    return {t: found.lists[found.root(t)] for t in found.parents}


class _Finder:
    """Joins tensors that are one list."""

    def __init__(self) -> None:
        self.parents: dict[Tensor, Tensor] = {}
        self.lists: dict[Tensor, Lists] = {}

    def root(self, t: Tensor) -> Tensor:
        while t in self.parents and (up := self.parents[t]) is not t:
            self.parents[t] = self.parents[up]
            t = up
        if t not in self.parents:
            self.parents[t] = t
            self.lists[t] = Lists()
        return t

    def of(self, t: Tensor) -> Lists:
        return self.lists[self.root(t)]

    def join(self, *tensors: Tensor) -> None:
        same = [self.root(t) for t in tensors if is_list(t)]
        for other in same[1:]:
            first, other = self.root(same[0]), self.root(other)
            if other is not first:
                self.parents[other] = first
                a, b = self.lists[first], self.lists.pop(other)
                a.makers += b.makers
                a.is_value |= b.is_value
                a.grows |= b.grows
                a.dims = b.dims if a.dims is None else a.dims

    def value(self, *tensors: Tensor) -> None:
        for t in tensors:
            if is_list(t):
                self.of(t).is_value = True

    def look(self, ops: Iterable[Operation]) -> None:
        for op in ops:
            if op.definition.calls:
                self._calls(op)
            elif any(map(is_list, (*op.inputs, *op.outputs))):
                self._plain(op)

    def _plain(self, op: Operation) -> None:
        here = [t for t in (*op.inputs, *op.outputs) if is_list(t)]
        self.join(*here)
        if op.definition not in _OF_ARRAYS:
            self.value(*here)
            return
        found = self.of(here[0])
        if op.definition in _MAKERS:
            found.makers.append(op)
        found.grows |= bool(op.attrs.get("grows"))
        found.dims = op.attrs.get("dims") or found.dims

    def _calls(self, op: Operation) -> None:
        source, skip = op.attrs["source"], len(op.definition.writes)
        saved = op.outputs[len(op.outputs) - len(source.saved) :]
        self.value(*saved)
        loop = "variables" in op.attrs
        count = op.attrs["variables"] if loop else len(source.branches[0].fetches)
        results = op.outputs[skip : skip + count]
        for number, call in enumerate(op.attrs["bodies"]):
            program = call.program
            for t, i in zip(program.feeds, call.takes, strict=True):
                if i >= 0 and is_list(op.inputs[i]) and op.inputs[i].dtype.element is t.dtype:
                    self.value(op.inputs[i], t)  # the item of a list
                elif i >= 0:
                    self.join(op.inputs[i], t)
            if loop:
                own = program.feeds[:count]
                for variable in zip(op.inputs[1:], own, results, strict=False):
                    self.join(*variable)
                if number == 0:
                    items = program.feeds[count : count + op.attrs["sequences"]]
                    self.value(*items)
                    for pair in zip(own, program.fetches, strict=False):
                        self.join(*pair)
                    self.value(*program.fetches[len(program.fetches) - len(source.saved) :])
            else:
                for pair in zip(results, program.fetches, strict=False):
                    self.join(*pair)
                self.value(*program.fetches[count:])
            self.look(program.ops)
