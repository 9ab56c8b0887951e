"""Datasets of datasets: windows of elements, and elements grouped by a key."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphflow import nest
from graphflow.data.base import Base, Run, Unary, number
from graphflow.data.blocks import Parts
from graphflow.data.function import Function, as_tensors
from graphflow.data.mapped import inner_dataset
from graphflow.data.structure import Spec
from graphflow.dtypes import bool_, int64, string
from graphflow.errors import DTypeError, InvalidArgumentError
from graphflow.operation import Tensor
from graphflow.ops.define import convert_to_tensor


@dataclass(frozen=True)
class Nested(Spec):
    """A component that is a dataset: the value of a string tensor that holds its elements.

    elements  the Specs of these
    make      from a Base to the dataset that functions get
    """

    elements: Any = None
    make: Callable[[Base], Any] = lambda base: base

    @staticmethod
    def of(elements: Any, make: Callable[[Base], Any]) -> Nested:
        return Nested((), string, False, elements, make)

    def value(self, tensors: Iterator[Tensor]) -> Any:
        return self.make(Held(next(tensors), self.elements))


class Several:
    """Elements as the value of a tensor."""

    def __init__(self, elements: list[Parts]) -> None:
        self.elements = elements

    def boxed(self) -> np.ndarray:
        box = np.empty((), object)
        box[()] = self
        return box


class Held(Base):
    """The elements that a tensor holds."""

    def __init__(self, tensor: Tensor, specs: Any) -> None:
        self._tensor = tensor
        self.specs = specs

    def own_tensors(self) -> list[Tensor]:
        return [self._tensor]

    def _several(self, run: Run) -> list[Parts]:
        return run.values[self._tensor].item().elements

    def elements(self, run: Run) -> Iterator[Parts]:
        return iter(self._several(run))

    def cardinality(self, run: Run) -> int:
        return len(self._several(run))


class Window(Unary):
    """Datasets of `size` elements each, one for each component; one begins `shift` elements after the other."""

    def __init__(
        self, dataset: Base, size: Any, shift: Any, stride: Any, drop: Any, make: Callable[[Base], Any]
    ) -> None:
        super().__init__(dataset)
        self._parts = [number(size), number(size if shift is None else shift), number(stride),
                       convert_to_tensor(drop, bool_)]  # fmt: skip
        self.specs = nest.map_structure(lambda spec: Nested.of(spec, make), dataset.specs)

    def own_tensors(self) -> list[Tensor]:
        return self._parts

    def elements(self, run: Run) -> Iterator[Parts]:
        size, shift, stride, drop = (v.item() for v in run.of(self._parts))
        if min(size, shift, stride) < 1:
            raise InvalidArgumentError.because(f"a window has no size {size}, shift {shift} and stride {stride}")
        source = self.source.elements(run)
        widths = [len(spec.types) for spec in nest.flatten(self.source.specs)]
        span, buffer = (size - 1) * stride + 1, list[Parts]()
        while True:
            buffer += itertools.islice(source, span - len(buffer))
            if not buffer or drop and len(buffer) < span:
                return
            yield [Several(column).boxed() for column in _columns(buffer[::stride], widths)]
            for _ in itertools.islice(source, max(shift - len(buffer), 0)):
                pass
            del buffer[:shift]


def _columns(elements: list[Parts], widths: list[int]) -> Iterator[list[Parts]]:
    """The elements of each component, which has so many tensors."""
    at = 0
    for width in widths:
        yield [parts[at : at + width] for parts in elements]
        at += width


class GroupByWindow(Unary):
    """What a function makes of the elements with one key, so many at a time."""

    def __init__(
        self, dataset: Base, key: Callable, reduce: Callable, window_size: Callable, make: Callable[[Base], Any]
    ) -> None:
        super().__init__(dataset)
        self._key = Function(key, dataset.specs, as_tensors(_whole))
        self._size = Function(window_size, Spec((), int64), as_tensors(_whole))
        self._reduce = Function(reduce, (Spec((), int64), Nested.of(dataset.specs, make)), inner_dataset)
        self._inner: Base = self._reduce.result
        self.specs = self._inner.specs

    def functions(self) -> list[Function]:
        return [self._key, self._size, self._reduce]

    def elements(self, run: Run) -> Iterator[Parts]:
        key, size, reduce = (f.bind(run) for f in self.functions())
        groups: dict[int, list[Parts]] = {}
        wanted: dict[int, int] = {}
        count = itertools.count()

        def made(name: int) -> Iterator[Parts]:
            values = reduce([np.asarray(name, np.int64), Several(groups.pop(name)).boxed()])
            return self._inner.elements(run.inside(self._reduce.outputs, values, next(count)))

        for parts in self.source.elements(run):
            name = int(key(parts)[0])
            if name not in groups:
                groups[name] = []
                wanted[name] = int(size([np.asarray(name, np.int64)])[0])
                if wanted[name] < 1:
                    raise InvalidArgumentError.because(f"a window has at least one element, not {wanted[name]}")
            groups[name].append(parts)
            if len(groups[name]) == wanted[name]:
                yield from made(name)
        for name in sorted(groups):
            yield from made(name)


def _whole(value: Any) -> Tensor:
    tensor = convert_to_tensor(value)
    if tensor.dtype is not int64 or tensor.dims not in ((), None):
        raise DTypeError(f"a key or a size is one int64, not {tensor!r}")
    return tensor
