"""Datasets that are made of no other: tensors, numbers, generators, files."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphflow import nest
from graphflow.data.base import Base, Run, base_of, number
from graphflow.data.blocks import Block, InSome, Parts, of_range
from graphflow.data.structure import (
    Spec,
    as_element,
    components,
    from_types,
    shapes_like,
    spec_of,
    types_of,
)
from graphflow.dtypes import int64, string
from graphflow.errors import GraphError, GraphflowError, InvalidArgumentError, ShapeError
from graphflow.graph import Graph
from graphflow.operation import Program, Tensor
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.host import failed
from graphflow.ops.indexing import gather
from graphflow.ops.placeholder import placeholder
from graphflow.ops.values import as_array
from graphflow.program import prune
from graphflow.shape import Dims, compatible, merge, show


class Tensors(Base):
    """One element."""

    def __init__(self, tensors: Any) -> None:
        element = as_element(tensors)
        self.specs = nest.map_structure(spec_of, element)
        self._parts = components(element)

    def own_tensors(self) -> list[Tensor]:
        return self._parts

    def elements(self, run: Run) -> Iterator[Parts]:
        yield run.of(self._parts)

    def cardinality(self, run: Run) -> int:
        return 1


class Slices(Base):
    """The rows of tensors."""

    def __init__(self, tensors: Any) -> None:
        element = as_element(tensors)
        self._parts = components(element)
        if not self._parts:
            raise GraphError("from_tensor_slices needs at least one tensor")
        self._whole = nest.map_structure(spec_of, element)
        size: Dims = (None,)
        for spec in nest.flatten(self._whole):
            if spec.dims == ():
                raise ShapeError(f"from_tensor_slices takes the rows of tensors, and {element!r} has a scalar")
            size = merge(size, None if spec.dims is None else spec.dims[:1])
        self.specs = nest.map_structure(
            lambda s: Spec(None if s.dims is None else s.dims[1:], s.dtype, s.sparse), self._whole
        )

    def own_tensors(self) -> list[Tensor]:
        return self._parts

    def _columns(self, run: Run) -> tuple[int, list[Any]]:
        """How many rows there are, and the arrays and sparse rows."""
        values = iter(run.of(self._parts))
        columns = [SparseRows(next(values), next(values), next(values)) if spec.sparse else next(values)
                   for spec in nest.flatten(self._whole)]  # fmt: skip
        lengths = [len(column) for column in columns]
        if len(set(lengths)) > 1:
            raise InvalidArgumentError.because(f"the tensors have {lengths} rows")
        return lengths[0], columns

    def elements(self, run: Run) -> Iterator[Parts]:
        return self.after(run, 0)

    def after(self, run: Run, count: int) -> Iterator[Parts]:
        size, columns = self._columns(run)
        return (
            [part for c in columns for part in (c.row(i) if isinstance(c, SparseRows) else [c[i, ...]])]
            for i in range(count, size)
        )

    @functools.cached_property
    def rows(self) -> Program | None:
        if any(spec.sparse for spec in nest.flatten(self._whole)):
            return None
        with Graph().as_default():
            indices = placeholder(int64, (None,))
            columns = [placeholder(dtype, dims) for dims, dtype in types_of(self._whole)]
            return prune([gather(column, indices) for column in columns], (), [indices, *columns])

    def row_values(self, run: Run) -> list[np.ndarray]:
        return [np.ascontiguousarray(column) for column in self._columns(run)[1]]

    def blocks(self, run: Run) -> Iterator[Block]:
        return super().blocks(run) if self.rows is None else of_range(range(self._columns(run)[0]))

    def cardinality(self, run: Run) -> int:
        return self._columns(run)[0]


class SparseRows:
    """The rows of a sparse tensor."""

    def __init__(self, indices: np.ndarray, values: np.ndarray, shape: np.ndarray) -> None:
        order = np.argsort(indices[:, 0], kind="stable")
        self._indices, self._values, self._shape = indices[order], values[order], shape
        self._starts = np.searchsorted(self._indices[:, 0], np.arange(len(self) + 1))

    def __len__(self) -> int:
        return int(self._shape[0])

    def row(self, i: int) -> Parts:
        """indices, values and dense_shape of one row."""
        place = slice(self._starts[i], self._starts[i + 1])
        return [self._indices[place, 1:], self._values[place], self._shape[1:]]


class Range(Base):
    """Whole numbers."""

    def __init__(self, *args: Any) -> None:
        if not 1 <= len(args) <= 3:
            raise GraphError(f"range takes one to three numbers, not {len(args)}")
        start, stop, step = (0, args[0], 1) if len(args) == 1 else (*args, 1)[:3]
        self._parts = [number(v, name=n) for v, n in ((start, "start"), (stop, "stop"), (step, "step"))]
        self.specs = Spec((), int64)

    def own_tensors(self) -> list[Tensor]:
        return self._parts

    def _range(self, run: Run) -> range:
        start, stop, step = map(int, run.of(self._parts))
        if not step:
            raise InvalidArgumentError.because("the step of a range cannot be 0")
        return range(start, stop, step)

    def elements(self, run: Run) -> Iterator[Parts]:
        return self.after(run, 0)

    def after(self, run: Run, count: int) -> Iterator[Parts]:
        return ([np.asarray(value, np.int64)] for value in self._range(run)[count:])

    @functools.cached_property
    def rows(self) -> Program | None:
        with Graph().as_default():
            numbers = placeholder(int64, (None,))
            return prune([numbers], (), [numbers])

    def blocks(self, run: Run) -> Iterator[Block]:
        return of_range(self._range(run))

    def cardinality(self, run: Run) -> int:
        return len(self._range(run))


class Generator(Base):
    """What a Python generator yields."""

    def __init__(self, generator: Callable, output_types: Any, output_shapes: Any, args: Any) -> None:
        if not callable(generator):
            raise TypeError("the generator must be a function that gives an iterator")
        self.specs = from_types(output_types, output_shapes)
        self._generator = generator
        self._args = [convert_to_tensor(a) for a in args or ()]

    def own_tensors(self) -> list[Tensor]:
        return self._args

    def elements(self, run: Run) -> Iterator[Parts]:
        flat = nest.flatten(self.specs)
        alone = not nest.is_nested(self.specs)
        try:
            source = iter(self._generator(*[a if a.ndim else a[()] for a in run.of(self._args)]))
            for value in source:
                parts = [value] if alone else self._flat(value)
                if len(parts) != len(flat):
                    raise TypeError(f"the generator gave {value!r}, and {len(flat)} values are expected")
                yield [self._part(part, spec) for part, spec in zip(parts, flat, strict=True)]
        except (GraphflowError, GeneratorExit):
            raise
        except Exception as error:
            raise failed(error, "the generator") from error

    def _flat(self, value: Any) -> list:
        """The parts of a value that has the structure; what stands for a tensor may be a list."""
        if not isinstance(value, dict) and not isinstance(value, (tuple, list)):
            raise TypeError(f"the generator gave {value!r}, and not a {type(self.specs).__name__}")
        return shapes_like(self.specs, value)

    @staticmethod
    def _part(value: Any, spec: Spec) -> np.ndarray:
        try:
            array = as_array(value, string) if spec.dtype is string else np.array(value, spec.dtype.dtype)
        except (TypeError, ValueError):
            raise TypeError(f"the generator gave {value!r}, and {spec.dtype.name} is expected") from None
        if not compatible(array.shape, spec.dims):
            raise ValueError(f"the generator gave the shape {show(array.shape)}, and {show(spec.dims)} is expected")
        return array


class Files(Base):
    """What a function reads of each of several files."""

    def __init__(self, filenames: Any, read: Callable[..., Iterator[bytes]], *options: Tensor) -> None:
        self._dataset: Base | None = base_of(filenames) if hasattr(filenames, "_base") else None
        self.inputs = () if self._dataset is None else (self._dataset,)
        self._names = [] if self._dataset is not None else [convert_to_tensor(filenames, string, "filenames")]
        self._read = read
        self._options = list(options)
        self.specs = Spec((), string)

    def own_tensors(self) -> list[Tensor]:
        return [*self._names, *self._options]

    def _all(self, run: Run) -> Iterator[bytes]:
        options = [v.item() for v in run.of(self._options)]
        if self._dataset is not None:
            names: Iterator[Any] = (parts[0].item() for parts in self._dataset.elements(run))
        else:
            names = iter(run.values[self._names[0]].reshape(-1).tolist())
        return itertools.chain.from_iterable(self._read(name, *options) for name in names)

    def elements(self, run: Run) -> Iterator[Parts]:
        return map(_boxed, self._all(run))

    def blocks(self, run: Run) -> Iterator[Block]:
        return InSome(self._all(run))

    def joined(self, several: Block) -> Parts:
        return [_column(several)]


def _boxed(record: bytes) -> Parts:
    part = np.empty((), object)
    part[()] = record
    return [part]


def _column(records: list[bytes]) -> np.ndarray:
    column = np.empty(len(records), object)
    column[:] = records
    return column
