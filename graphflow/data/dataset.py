"""Datasets: recipes for iterators.  Each class is one way to make elements, written as a Python generator."""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from graphflow import nest
from graphflow.data.function import Function, as_tensors
from graphflow.data.structure import (
    Spec,
    as_element,
    components,
    from_types,
    require_same_structure,
    shapes_like,
    spec_of,
)
from graphflow.dtypes import DType, bool_, int64, string
from graphflow.errors import DTypeError, GraphError, GraphflowError, InvalidArgumentError, ShapeError
from graphflow.operation import Tensor
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.seeds import get_seed, key_of
from graphflow.ops.sparse.tensor import SparseTensor
from graphflow.ops.static import static_value
from graphflow.ops.values import as_array
from graphflow.shape import Dims, as_dims, compatible, merge, show
from graphflow.store import Store

Parts = list[np.ndarray]  # one element: the values of its tensors
ALL = -1


class Run:
    """What datasets need to make elements: the session's store, and the values of their tensors."""

    def __init__(self, store: Store, values: dict[Tensor, np.ndarray], shared: dict[Any, Any] | None = None) -> None:
        self.store = store
        self.values = values
        self.shared = {} if shared is None else shared  # what datasets keep from one pass over the elements to the next

    def inside(self, tensors: Sequence[Tensor], values: Sequence[np.ndarray]) -> Run:
        """The same with values of more tensors."""
        return Run(self.store, {**self.values, **dict(zip(tensors, values, strict=True))}, {})

    def of(self, tensors: Sequence[Tensor]) -> list[np.ndarray]:
        return [self.values[t] for t in tensors]


class Rows:
    """Elements that are rows of arrays, through functions that work on many rows as on one."""

    def __init__(self, arrays: Parts, functions: tuple[Callable[[Parts], Parts], ...] = ()) -> None:
        self.arrays = arrays
        self.functions = functions

    def take(self, indices: Sequence[int]) -> Parts:
        """Several elements, put together."""
        parts = [a.take(indices, axis=0) for a in self.arrays]
        for function in self.functions:
            parts = function(parts)
        return parts


class Base(ABC):
    """A dataset.

    specs    a nest of Specs: what the elements look like
    inputs   the datasets that it takes elements from
    """

    specs: Any
    inputs: tuple[Base, ...] = ()

    def own_tensors(self) -> list[Tensor]:
        """The tensors whose values an iterator needs before it begins."""
        return []

    def tensors(self) -> list[Tensor]:
        """Those of this dataset and of all that it is made of."""
        found = dict.fromkeys(self.own_tensors())
        for dataset in self.inputs:
            found.update(dict.fromkeys(dataset.tensors()))
        return list(found)

    @abstractmethod
    def elements(self, run: Run) -> Iterator[Parts]:
        """The elements, once."""

    def rows(self, run: Run) -> tuple[Rows, Iterator[int]] | None:
        """The elements as rows and the order in which they come, where they are that."""
        return None

    def cardinality(self, run: Run) -> int | None:
        """How many elements there are, if that is known before they are made: -1 for no end."""
        return None


def in_order(dataset: Base, run: Run) -> Iterator[Parts]:
    """The elements of a dataset that can give rows."""
    found = dataset.rows(run)
    if found is None:
        return dataset.elements(run)
    rows, order = found

    def row(index: int) -> Parts:
        return [part[0, ...] for part in rows.take([index])]

    return map(row, order)  # which goes on after an error


def base_of(dataset: Any) -> Base:
    """What a public Dataset stands for.   Raises: TypeError for anything else."""
    found = getattr(dataset, "_base", None)
    if not isinstance(found, Base):
        raise TypeError(f"a dataset is expected, not {dataset!r}")
    return found


def number(value: Any, dtype: DType = int64, name: str = "count") -> Tensor:
    """A scalar tensor of a whole number."""
    tensor = convert_to_tensor(value, dtype, name)
    merge(tensor.dims, ())
    return tensor


# -- sources -----------------------------------------------------------------------------------------------------------
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


class Slices(Base):
    """The rows of tensors."""

    def __init__(self, tensors: Any) -> None:
        element = as_element(tensors)
        if any(isinstance(part, SparseTensor) for part in nest.flatten(element)):
            raise GraphError("rows of sparse tensors are not supported: use from_tensors")
        self._parts = components(element)
        if not self._parts:
            raise GraphError("from_tensor_slices needs at least one tensor")
        size: Dims = (None,)
        for part in self._parts:
            if part.dims == ():
                raise ShapeError(f"from_tensor_slices takes the rows of tensors, and {part!r} has none")
            size = merge(size, None if part.dims is None else part.dims[:1])
        self.specs = nest.map_structure(lambda t: Spec(None if t.dims is None else t.dims[1:], t.dtype), element)

    def own_tensors(self) -> list[Tensor]:
        return self._parts

    def rows(self, run: Run) -> tuple[Rows, Iterator[int]]:
        arrays = run.of(self._parts)
        if len({len(a) for a in arrays}) > 1:
            raise InvalidArgumentError.because(f"the tensors have {[len(a) for a in arrays]} rows")
        return Rows(arrays), iter(range(len(arrays[0])))

    def elements(self, run: Run) -> Iterator[Parts]:
        return in_order(self, run)


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

    def elements(self, run: Run) -> Iterator[Parts]:
        start, stop, step = map(int, run.of(self._parts))
        if not step:
            raise InvalidArgumentError.because("the step of a range cannot be 0")
        for value in range(start, stop, step):
            yield [np.asarray(value, np.int64)]


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
            raise InvalidArgumentError.because(f"{type(error).__name__} in the generator: {error}") from error

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

    def elements(self, run: Run) -> Iterator[Parts]:
        options = [v.item() for v in run.of(self._options)]
        if self._dataset is not None:
            names: Iterator[Any] = (parts[0].item() for parts in self._dataset.elements(run))
        else:
            names = iter(run.values[self._names[0]].reshape(-1).tolist())
        for name in names:
            for record in self._read(name, *options):
                part = np.empty((), object)
                part[()] = record
                yield [part]


# -- of other datasets -------------------------------------------------------------------------------------------------
class Zip(Base):
    """Elements of several datasets side by side."""

    def __init__(self, datasets: Any) -> None:
        flat = nest.flatten(datasets)
        self.inputs = tuple(map(base_of, flat))
        self.specs = nest.pack_sequence_as(datasets, [d.specs for d in self.inputs])

    def elements(self, run: Run) -> Iterator[Parts]:
        for several in zip(*[dataset.elements(run) for dataset in self.inputs], strict=False):
            yield [part for parts in several for part in parts]


class Concatenate(Base):
    """One dataset after another."""

    def __init__(self, first: Base, second: Base) -> None:
        self.inputs = (first, second)
        require_same_structure(first.specs, second.specs)
        self.specs = nest.map_structure(lambda a, b: a.wider(b, "concatenated datasets"), first.specs, second.specs)

    def elements(self, run: Run) -> Iterator[Parts]:
        for dataset in self.inputs:
            yield from dataset.elements(run)


class Unary(Base):
    """A dataset that changes the order or number of the elements of another."""

    def __init__(self, dataset: Base) -> None:
        self.inputs = (dataset,)
        self.specs = dataset.specs

    @property
    def source(self) -> Base:
        return self.inputs[0]


class Ordered(Unary):
    """A dataset of which the elements are some of another's, in some order: it works on rows too."""

    @abstractmethod
    def arranged(self, items: Callable[[], Iterator[Any]], run: Run) -> Iterator[Any]:
        """The items that are kept; `items` gives those of one pass."""

    def elements(self, run: Run) -> Iterator[Parts]:
        return self.arranged(lambda: self.source.elements(run), run)

    def rows(self, run: Run) -> tuple[Rows, Iterator[int]] | None:
        found = self.source.rows(run)
        if found is None:
            return None
        first: list[Any] = [found]

        def items() -> Iterator[int]:
            again = first.pop() if first else self.source.rows(run)
            assert again is not None
            return again[1]

        return found[0], self.arranged(items, run)


class Counted(Ordered):
    """One that takes a number."""

    def __init__(self, dataset: Base, count: Any) -> None:
        super().__init__(dataset)
        self._count = number(count)

    def own_tensors(self) -> list[Tensor]:
        return [self._count]

    def count(self, run: Run) -> int:
        return int(run.values[self._count])


class Repeat(Counted):
    """Again and again."""

    def arranged(self, items: Callable[[], Iterator[Any]], run: Run) -> Iterator[Any]:
        count = self.count(run)
        for _ in itertools.count() if count < 0 else range(count):
            empty = True
            for item in items():
                empty = False
                yield item
            if empty and count < 0:
                return


class Take(Counted):
    """The first ones."""

    def arranged(self, items: Callable[[], Iterator[Any]], run: Run) -> Iterator[Any]:
        count = self.count(run)
        return items() if count < 0 else itertools.islice(items(), count)


class Skip(Counted):
    """All but the first ones."""

    def arranged(self, items: Callable[[], Iterator[Any]], run: Run) -> Iterator[Any]:
        count = self.count(run)
        return iter(()) if count < 0 else itertools.islice(items(), count, None)


class Shard(Ordered):
    """Every n-th one."""

    def __init__(self, dataset: Base, num_shards: Any, index: Any) -> None:
        super().__init__(dataset)
        self._parts = [number(num_shards), number(index)]
        shards, at = (static_value(t) for t in self._parts)
        if shards is not None and shards < 1 or shards is not None and at is not None and not 0 <= at < shards:
            raise InvalidArgumentError.because(f"there is no shard {at} of {shards}")

    def own_tensors(self) -> list[Tensor]:
        return self._parts

    def arranged(self, items: Callable[[], Iterator[Any]], run: Run) -> Iterator[Any]:
        shards, index = map(int, run.of(self._parts))
        if not 0 <= index < shards:
            raise InvalidArgumentError.because(f"there is no shard {index} of {shards}")
        return itertools.islice(items(), index, None, shards)


class Shuffle(Ordered):
    """In random order: each element is drawn from a buffer that is kept full."""

    def __init__(self, dataset: Base, buffer_size: Any, seed: Any, again: bool | None) -> None:
        super().__init__(dataset)
        self._size = number(buffer_size)
        self._seeds = (None, None) if isinstance(seed, Tensor) else get_seed(seed)
        self._again = again is None or bool(again)

    def own_tensors(self) -> list[Tensor]:
        return [self._size]

    def arranged(self, items: Callable[[], Iterator[Any]], run: Run) -> Iterator[Any]:
        size = int(run.values[self._size])
        if size < 1:
            raise InvalidArgumentError.because(f"the buffer of a shuffle has at least one element, not {size}")
        first, second = self._seeds
        key, passes = run.shared.setdefault(
            self, [int.from_bytes(os.urandom(8), "little") if first is None else key_of(first, second or 0), 0]
        )
        if self._again:
            run.shared[self][1] += 1
        random = np.random.Generator(np.random.Philox(key=[key, passes]))
        source, buffer = items(), []
        for item in source:
            buffer.append(item)
            if len(buffer) < size:
                continue
            yield _drawn(buffer, random)
        if size > len(buffer) and buffer:  # all of them: one permutation
            for at in random.permutation(len(buffer)).tolist():
                yield buffer[at]
            return
        while buffer:
            yield _drawn(buffer, random)


def _drawn(buffer: list, random: np.random.Generator) -> Any:
    at = int(random.integers(len(buffer)))
    buffer[at], buffer[-1] = buffer[-1], buffer[at]
    return buffer.pop()


class Map(Unary):
    """A function of each element."""

    def __init__(self, dataset: Base, function: Callable) -> None:
        super().__init__(dataset)
        self._function = Function(function, dataset.specs, as_tensors(_result))
        self.specs = nest.map_structure(spec_of, self._function.result)
        self._rows: bool | None = None

    def own_tensors(self) -> list[Tensor]:
        return self._function.captured

    def _bound(self, run: Run) -> Callable[[Sequence[np.ndarray]], Parts]:
        return self._function.bind(run.store, run.of(self._function.captured))

    def elements(self, run: Run) -> Iterator[Parts]:
        return map(self._bound(run), self.source.elements(run))  # which goes on after an error

    def rows(self, run: Run) -> tuple[Rows, Iterator[int]] | None:
        found = self.source.rows(run)
        if found is None:
            return None
        if self._rows is None:
            self._rows = self._function.works_on_rows
        if not self._rows:
            return None
        rows, order = found
        return Rows(rows.arrays, (*rows.functions, self._bound(run))), order


def _result(value: Any) -> Any:
    """What a function of the user's returned, as an element: a list is a tuple of tensors."""
    if hasattr(value, "_base"):
        raise TypeError("a function of map returns tensors; flat_map takes one that returns a dataset")
    if value is None:
        raise TypeError("the function of a dataset returned None")
    return as_element(tuple(value) if isinstance(value, list) else value)


class Filter(Unary):
    """The elements for which a function is True."""

    def __init__(self, dataset: Base, predicate: Callable) -> None:
        super().__init__(dataset)
        self._function = Function(predicate, dataset.specs, as_tensors(_result))
        outputs = self._function.outputs
        if len(outputs) != 1 or outputs[0].dtype is not bool_ or not compatible(outputs[0].dims, ()):
            raise DTypeError("a predicate gives one bool")

    def own_tensors(self) -> list[Tensor]:
        return self._function.captured

    def elements(self, run: Run) -> Iterator[Parts]:
        call = self._function.bind(run.store, run.of(self._function.captured))
        return filter(lambda parts: bool(call(parts)[0]), self.source.elements(run))


class Inner(Unary):
    """A dataset of the datasets that a function makes of elements."""

    def __init__(self, dataset: Base, function: Callable) -> None:
        super().__init__(dataset)
        self.function = Function(function, dataset.specs, _inner_dataset)
        self.inner: Base = self.function.result
        self.specs = self.inner.specs

    def own_tensors(self) -> list[Tensor]:
        return self.function.captured

    def opened(self, run: Run) -> Iterator[Iterator[Parts]]:
        """The iterators of the datasets, one after the other."""
        call = self.function.bind(run.store, run.of(self.function.captured))
        needed = self.function.outputs
        for parts in self.source.elements(run):
            yield self.inner.elements(run.inside(needed, call(parts) if needed else []))


def _inner_dataset(result: Any) -> tuple[Base, list[Tensor]]:
    dataset = base_of(result)
    return dataset, dataset.tensors()


class FlatMap(Inner):
    """The datasets one after the other."""

    def elements(self, run: Run) -> Iterator[Parts]:
        return itertools.chain.from_iterable(self.opened(run))


class Interleave(Inner):
    """Several of the datasets in turns."""

    def __init__(self, dataset: Base, function: Callable, cycle_length: Any, block_length: Any) -> None:
        super().__init__(dataset, function)
        self._parts = [number(cycle_length), number(block_length)]

    def own_tensors(self) -> list[Tensor]:
        return [*super().own_tensors(), *self._parts]

    def elements(self, run: Run) -> Iterator[Parts]:
        cycle, block = map(int, run.of(self._parts))
        if cycle < 1 or block < 1:
            raise InvalidArgumentError.because(f"a cycle of {cycle} blocks of {block} has no elements")
        source = self.opened(run)
        active: list[Iterator[Parts] | None] = list(itertools.islice(source, cycle))
        while any(one is not None for one in active):
            for i, one in enumerate(active):
                if one is None:
                    continue
                taken = 0
                for parts in itertools.islice(one, block):
                    taken += 1
                    yield parts
                if taken < block:
                    active[i] = next(source, None)


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
            made = np.empty((len(column), *wanted), column[0].dtype)
            made[...] = value
            for i, part in enumerate(column):
                place: tuple[Any, ...] = (i, *map(slice, part.shape))
                made[place] = part
            out.append(made)
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


class Cache(Unary):
    """What the first pass has made, kept for later ones."""

    def __init__(self, dataset: Base, filename: Any) -> None:
        super().__init__(dataset)
        if filename not in ("", b""):
            raise NotImplementedError(
                "Dataset.cache keeps elements in memory; write them to a TFRecord file for a file"
            )

    def elements(self, run: Run) -> Iterator[Parts]:
        kept = run.shared.get(self)
        if kept is not None:
            yield from kept
            return
        kept = []
        for parts in self.source.elements(run):
            kept.append(parts)
            yield parts
        run.shared[self] = kept

    def rows(self, run: Run) -> tuple[Rows, Iterator[int]] | None:
        found = self.source.rows(run)  # rows are in memory already; an order that is drawn anew must not be
        return found if isinstance(self.source, (Slices, Map)) else None


class Prefetch(Unary):
    """Elements made ahead of their use, in a thread of their own."""

    def __init__(self, dataset: Base, buffer_size: Any) -> None:
        super().__init__(dataset)
        self._size = number(0 if buffer_size is None else buffer_size)

    def own_tensors(self) -> list[Tensor]:
        return [self._size]

    def elements(self, run: Run) -> Iterator[Parts]:
        size = int(run.values[self._size])
        return Ahead(self.source.elements(run), run.store, 2 if size < 1 else size)

    def rows(self, run: Run) -> tuple[Rows, Iterator[int]] | None:
        return self.source.rows(run)


class Ahead(Iterator):
    """An iterator whose items a thread makes ahead; it ends with the iterator."""

    def __init__(self, source: Iterator[Any], store: Store, size: int) -> None:
        self._store = store
        self._items: deque = deque()
        self._size = size
        self._changed = threading.Condition()
        self._source: Iterator[Any] | None = source
        self._thread: threading.Thread | None = None

    def __next__(self) -> Any:
        if self._thread is None:
            self._thread = threading.Thread(
                target=_fill, args=(self._source, self._items, self._changed, self._size, _Alive(self)), daemon=True
            )
            self._source = None
            self._thread.start()
        if not self._items:
            with self._store.released(), self._changed:
                while not self._items:
                    self._changed.wait()
        with self._changed:
            kind, item = self._items[0]
            if kind != "end":
                self._items.popleft()
                self._changed.notify_all()
        if kind == "item":
            return item
        raise StopIteration if kind == "end" else item


class _Alive:
    """Whether somebody still wants the items: the thread must not keep its iterator alive."""

    def __init__(self, owner: Any) -> None:
        self._owner = weakref.ref(owner)

    def __bool__(self) -> bool:
        return self._owner() is not None


def _fill(source: Iterator[Any], items: deque, changed: threading.Condition, size: int, alive: _Alive) -> None:
    kind = "item"
    while kind != "end":
        try:
            kind, item = "item", next(source)
        except StopIteration:
            kind, item = "end", None
        except Exception as error:
            kind, item = "error", error
        with changed:
            while len(items) >= size and alive:
                changed.wait(0.2)
            if not alive:
                return
            items.append((kind, item))
            changed.notify_all()
