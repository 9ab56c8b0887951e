"""Several elements as one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphflow import nest
from graphflow.data.base import Base, Parts, Run, Unary, number
from graphflow.data.structure import (
    Spec,
    shapes_like,
)
from graphflow.dtypes import bool_, string
from graphflow.errors import GraphError, InvalidArgumentError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.static import static_value
from graphflow.ops.values import padded
from graphflow.shape import Dims, as_dims, show


class Batch(Unary):
    """Several elements as one."""

    def __init__(self, dataset: Base, batch_size: Any, drop_remainder: Any) -> None:
        super().__init__(dataset)
        self._parts = [number(batch_size, name="batch_size"), convert_to_tensor(drop_remainder, bool_)]
        size, drop = (static_value(t) for t in self._parts)
        if size is not None and size < 1:
            raise GraphError(f"a batch has at least one element, not {size}")
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
        size, drop = self._settings(run)
        found = self.source.rows(run)
        if found is not None:
            rows, order = found
            for indices in groups(order, size, drop):
                yield rows.take(indices)
            return
        for several in groups(self.source.elements(run), size, drop):
            yield self.joined(several, run)

    def joined(self, several: list[Parts], run: Run) -> Parts:
        """One element of several."""
        columns = iter(zip(*several, strict=True))
        out: Parts = []
        for spec in nest.flatten(self.source.specs):
            out += _stacked_sparse(columns) if spec.sparse else [stacked(next(columns))]
        return out


def groups(items: Iterator[Any], size: int, drop: bool) -> Iterator[list]:
    """Items in lists of this length; the last one may be shorter unless it is dropped."""
    while group := list(itertools.islice(items, size)):
        if len(group) == size or not drop:
            yield group


def stacked(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Arrays of one shape put together."""
    shapes = {p.shape for p in parts}
    if len(shapes) > 1:
        raise InvalidArgumentError.because(f"elements of shapes {sorted(shapes)} cannot be batched: see padded_batch")
    return np.stack(parts)


def _stacked_sparse(columns: Iterator[Sequence[np.ndarray]]) -> Parts:
    indices, values, shapes = next(columns), next(columns), next(columns)
    rows = [np.insert(found, 0, i, axis=1) for i, found in enumerate(indices)]
    largest = np.max(np.stack(shapes), axis=0)
    return [np.concatenate(rows), np.concatenate(values), np.array([len(rows), *largest], np.int64)]


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

    def elements(self, run: Run) -> Iterator[Parts]:
        size, drop = self._settings(run)
        for several in groups(self.source.elements(run), size, drop):
            yield self.joined(several, run)

    def joined(self, several: list[Parts], run: Run) -> Parts:
        columns, out = zip(*several, strict=True), []
        for column, shape, value in zip(columns, run.of(self._shapes), run.of(self._values), strict=True):
            if any(p.ndim != len(shape) for p in column):
                raise InvalidArgumentError.because(f"elements of other ranks cannot be padded to {shape.tolist()}")
            largest = np.max([p.shape for p in column], axis=0) if len(shape) else shape
            wanted = np.where(shape < 0, largest, shape).astype(int)
            if (largest > wanted).any():
                raise InvalidArgumentError.because(f"an element is larger than the padded shape {shape.tolist()}")
            out.append(padded(column, wanted, value))
        return out


def _shape_tensor(shape: Any) -> Tensor:
    if isinstance(shape, Tensor):
        return shape
    dims = as_dims(shape)
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
