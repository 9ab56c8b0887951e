"""Several elements as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphflow import nest
from graphflow.data.base import Base, Run, Unary, number
from graphflow.data.blocks import Block, Parts, Some, in_ones, together
from graphflow.data.structure import (
    Spec,
    shapes_like,
)
from graphflow.dtypes import bool_, string
from graphflow.errors import DataLossError, GraphflowError, InvalidArgumentError, OpError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.static import static_value
from graphflow.ops.values import padded
from graphflow.shape import Dims, TensorShape, as_dims, show


class Batch(Unary):
    """Several elements as one."""

    def __init__(self, dataset: Base, batch_size: Any, drop_remainder: Any) -> None:
        super().__init__(dataset)
        self._parts = [number(batch_size, name="batch_size"), convert_to_tensor(drop_remainder, bool_)]
        size, drop = (static_value(t) for t in self._parts)
        first = None if size is None or not drop else int(size)
        self.specs = nest.map_structure(
            lambda s: Spec(None if s.dims is None else (first, *s.dims), s.dtype, s.sparse), dataset.specs
        )

    def own_tensors(self) -> list[Tensor]:
        return self._parts

    def _settings(self, run: Run) -> tuple[int, bool]:
        size, drop = run.of(self._parts)
        if size < 1:
            raise InvalidArgumentError.because(f"a batch has at least one element, not {size}")
        return int(size), bool(drop)

    def elements(self, run: Run) -> Iterator[Parts]:
        return self.after(run, 0)

    def after(self, run: Run, count: int) -> Iterator[Parts]:
        size, drop = self._settings(run)
        blocks = self.source.blocks(run)
        return Groups(Some(blocks, count * size) if count else blocks, size, drop, self.source.joining(run))

    def cardinality(self, run: Run) -> int:
        size, drop = self._settings(run)
        count = self.source.cardinality(run)
        return count if count < 0 else count // size if drop else -(-count // size)


class Groups(Iterator):
    """Items in groups of one size, each made one element; the last may be smaller, or is dropped."""

    def __init__(self, blocks: Iterator[Block], size: int, drop: bool, joining: Callable[[Block], Parts]) -> None:
        self._blocks, self._size, self._drop, self._joining = blocks, size, drop, joining
        self._rest: Block = ()  # of the last block

    def __next__(self) -> Parts:
        pieces, missing = list[Block](), self._size
        while missing:
            block, self._rest = self._rest, ()
            if not len(block):
                block = next(self._blocks, None)
                if block is None:
                    break
            if len(block) > missing:
                block, self._rest = block[:missing], block[missing:]
            pieces.append(block)
            missing -= len(block)
        group = together(pieces)
        if not len(group) or self._drop and missing:
            raise StopIteration
        try:
            return self._joining(group)
        except GraphflowError as error:
            return self._one_by_one(group, error)

    def _one_by_one(self, group: Block, error: GraphflowError) -> Parts:
        """The error of the first item that fails alone, with which the group ends, as in TensorFlow.

        Where none fails, their elements, if they have one shape.
        """
        made = []
        for i in range(len(group)):
            try:
                made.append(self._joining(group[i : i + 1]))
            except GraphflowError:
                self._rest = together([group[i + 1 :], self._rest]) if len(self._rest) else group[i + 1 :]
                raise
        columns = list(zip(*made, strict=True))
        if any(len({part.shape for part in column}) > 1 for column in columns):
            raise error
        return [np.concatenate(column) for column in columns]


class PaddedBatch(Batch):
    """Several elements as one, filled up to one shape."""

    def __init__(
        self, dataset: Base, batch_size: Any, padded_shapes: Any, padding_values: Any, drop_remainder: Any
    ) -> None:
        super().__init__(dataset, batch_size, drop_remainder)
        flat = nest.flatten(dataset.specs)
        if any(s.sparse for s in flat):
            raise TypeError("sparse tensors cannot be padded")
        self._shapes = [_shape_tensor(s) for s in shapes_like(dataset.specs, padded_shapes)]
        if padding_values is None:
            given: list[Any] = [None] * len(flat)
        elif nest.is_nested(dataset.specs):
            given = shapes_like(dataset.specs, padding_values)
        else:
            given = [padding_values]
        self._values = [
            convert_to_tensor(
                (b"" if s.dtype is string else False if s.dtype is bool_ else 0) if v is None else v, s.dtype
            )
            for v, s in zip(given, flat, strict=True)
        ]
        dims = [_padded_dims(t, s.dims) for t, s in zip(self._shapes, flat, strict=True)]
        first = [s.dims[:1] if s.dims else (None,) for s in nest.flatten(self.specs)]
        made = [Spec((*f, *d), s.dtype) for f, d, s in zip(first, dims, flat, strict=True)]
        self.specs = nest.pack_sequence_as(dataset.specs, made)

    def own_tensors(self) -> list[Tensor]:
        return [*super().own_tensors(), *self._shapes, *self._values]

    def after(self, run: Run, count: int) -> Iterator[Parts]:
        size, drop = self._settings(run)
        elements = in_ones(self.source.after(run, count * size))
        return Groups(elements, size, drop, lambda several: self._filled(several, run))

    def _filled(self, several: Block, run: Run) -> Parts:
        columns, out = zip(*several, strict=True), []
        for column, shape, value in zip(columns, run.of(self._shapes), run.of(self._values), strict=True):
            if any(p.ndim != len(shape) for p in column):
                raise InvalidArgumentError.because(f"elements of other ranks cannot be padded to {shape.tolist()}")
            largest = np.max([p.shape for p in column], axis=0) if len(shape) else shape
            wanted = np.where(shape < 0, largest, shape).astype(int)
            if (largest > wanted).any():
                raise DataLossError.because(f"an element is larger than the padded shape {shape.tolist()}")
            out.append(padded(column, wanted, value))
        return out


def _shape_tensor(shape: Any) -> Tensor:
    if isinstance(shape, Tensor):
        return shape
    dims = as_dims(shape if isinstance(shape, TensorShape) else [None if d == -1 else d for d in shape])
    if dims is None:
        raise ShapeError("padded shapes have a rank")
    return convert_to_tensor(np.array([-1 if d is None else d for d in dims], np.int64))


def _padded_dims(shape: Tensor, dims: Dims) -> tuple[int | None, ...]:
    value = static_value(shape)
    if value is None:
        return (None,) * (0 if dims is None else len(dims))
    found = tuple(None if d < 0 else int(d) for d in value)
    if dims is not None and len(dims) != len(found):
        raise ShapeError(f"elements of shape {show(dims)} cannot be padded to {show(found)}")
    return found


class Unbatched(Unary):
    """The rows of each element."""

    def __init__(self, dataset: Base) -> None:
        super().__init__(dataset)
        flat = nest.flatten(dataset.specs)
        if any(s.sparse or s.dims == () for s in flat):
            raise ShapeError("only tensors with a first dimension are taken apart")
        self.specs = nest.map_structure(lambda s: Spec(None if s.dims is None else s.dims[1:], s.dtype), dataset.specs)

    def elements(self, run: Run) -> Iterator[Parts]:
        for parts in self.source.elements(run):
            if len({len(p) for p in parts}) > 1:
                raise InvalidArgumentError.because(f"the parts of an element have {[len(p) for p in parts]} rows")
            for i in range(len(parts[0])):
                yield [p[i, ...] for p in parts]


class Lenient(Unary):
    """Without the elements that fail."""

    def elements(self, run: Run) -> Iterator[Parts]:
        source = self.source.elements(run)
        while True:
            try:
                yield next(source)
            except StopIteration:
                return
            except OpError:
                continue
