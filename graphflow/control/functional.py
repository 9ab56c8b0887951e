"""`map_fn`, `scan`, `foldl`, `foldr`: a function over the rows of tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

from graphflow import dtypes, nest
from graphflow.control.iterate import iterate
from graphflow.control.loop import stacked_result
from graphflow.control.values import taken_apart
from graphflow.control.while_loop import require_same_type
from graphflow.errors import DTypeError, GraphError, ShapeError
from graphflow.graph import get_default_graph
from graphflow.operation import Tensor
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.join import concat
from graphflow.ops.shape_ops import expand_dims
from graphflow.shape import merge


def map_fn(
    fn: Callable[[Any], Any],
    elems: Any,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    name: str | None = None,
) -> Any:
    """fn of each row, stacked: [fn(elems[0]), fn(elems[1]), ...].

    elems  a tensor or a nest of tensors, whose first sizes are equal
    dtype  the dtypes of fn's results, in their structure, where these are not those of elems
    Shapes: [n, ...] -> [n, ...].   Gradient: to elems and to what fn takes from outside.
    Raises: TypeError for what is no function; ValueError for scalars, and for results of other structure or dtype.
    """
    _check_function(fn)
    with _scope(name, "map"):
        elems = _one_tensor(elems)
        rows, pack = _rows_of(elems)
        wanted = nest.flatten(elems if dtype is None else dtype)
        types = [r.dtype for r in rows] if dtype is None else [dtypes.as_dtype(d) for d in wanted]

        def body(before: list[Tensor], items: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
            result = fn(pack(items))
            nest.assert_same_structure(elems if dtype is None else dtype, result, check_types=False)
            made = taken_apart(result)[0]
            for t, expected in zip(made, types, strict=True):
                if t.dtype is not expected:
                    raise DTypeError(f"fn gives {t.dtype.name} where {expected.name} is expected: {t!r}",
                                     hint="dtype says what the results have")  # fmt: skip
            return [], made

        _, stacked = iterate(body, [], rows, back_prop=back_prop)
        return nest.pack_sequence_as(elems if dtype is None else dtype, stacked)


def scan(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """All values of a = fn(a, row) over the rows, stacked.

    initializer  the first a, in the structure of fn's results; without it the first row, which then comes first
    reverse      from the last row to the first; results stand where their rows do
    Shapes: [n, ...] -> [n, *a].   Gradient: to elems, initializer and what fn takes from outside.
    Raises: TypeError for what is no function; ValueError for scalars, and where fn gives another type than a.
    """
    _check_function(fn)
    with _scope(name, "scan"):
        elems = _one_tensor(elems)
        rows, pack = _rows_of(elems)
        start, rest, initial, repack = _begin(elems, rows, initializer, reverse)

        def body(a: list[Tensor], items: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
            made = _accumulated(fn, repack(a), pack(items), a)
            return made, made

        _, stacked = iterate(body, initial, rest, reverse=reverse, back_prop=back_prop, before=1, complete=not start)
        if start:
            firsts = [expand_dims(t, 0) for t in start]
            pairs = zip(firsts, stacked, strict=True)
            joined = [concat([s, f] if reverse else [f, s], 0, name="while/concat") for f, s in pairs]
            stacked = [stacked_result(t, back_prop) for t in joined]
        return repack(stacked)


def foldl(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """The last value of a = fn(a, row) over the rows from the first to the last; see `scan`."""
    return _fold(fn, elems, initializer, back_prop, name or "foldl", reverse=False)


def foldr(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """The last value of a = fn(a, row) over the rows from the last to the first; see `scan`."""
    return _fold(fn, elems, initializer, back_prop, name or "foldr", reverse=True)


def _fold(fn: Callable, elems: Any, initializer: Any, back_prop: bool, name: str, reverse: bool) -> Any:
    _check_function(fn)
    with _scope(name, name):
        elems = _one_tensor(elems)
        rows, pack = _rows_of(elems)
        _, rest, initial, repack = _begin(elems, rows, initializer, reverse)

        def body(a: list[Tensor], items: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
            return _accumulated(fn, repack(a), pack(items), a), []

        final, _ = iterate(body, initial, rest, reverse=reverse, back_prop=back_prop, before=2)
        return repack(final)


# -- parts -----------------------------------------------------------------------------------------------------------
def _check_function(fn: Any) -> None:
    if not callable(fn):
        raise TypeError(f"fn must be callable, not {fn!r}")


@contextmanager
def _scope(name: str | None, default: str) -> Any:
    with get_default_graph().name_scope(name or default):
        yield


def _one_tensor(elems: Any) -> Any:
    """A list of numbers is one tensor, not many scalars."""
    plain = isinstance(elems, list) and all(isinstance(x, (int, float, complex, str)) for x in nest.flatten(elems))
    return convert_to_tensor(elems, name="elems") if plain and elems else elems


def _rows_of(elems: Any) -> tuple[list[Tensor], Callable[[Sequence[Tensor]], Any]]:
    """The tensors whose rows are taken, and their nest for other tensors."""
    rows = [convert_to_tensor(leaf, name="elems") for leaf in nest.flatten(elems)]
    if not rows:
        raise GraphError("elems holds no tensor")
    first: tuple = (None,)
    for t in rows:
        if t.dims == ():
            raise ShapeError(f"elems must have rows, and {t!r} is a scalar")
        first = merge(first, None if t.dims is None else t.dims[:1]) or first
    return rows, lambda items: nest.pack_sequence_as(elems, items)


def _begin(
    elems: Any, rows: Sequence[Tensor], initializer: Any, reverse: bool
) -> tuple[list[Tensor], list[Tensor], list[Tensor], Callable]:
    """(the row that is the first value, where it is one; the rows to go over; the first values; how to pack values)."""
    if initializer is not None:
        initial, repack = taken_apart(initializer)
        return [], list(rows), initial, repack
    start = [t[-1] if reverse else t[0] for t in rows]
    rest = [t[:-1] if reverse else t[1:] for t in rows]
    return start, rest, start, lambda values: nest.pack_sequence_as(elems, values)


def _accumulated(fn: Callable, a: Any, row: Any, feeds: Sequence[Tensor]) -> list[Tensor]:
    result = fn(a, row)
    nest.assert_same_structure(a, result, check_types=False)
    made, _ = taken_apart(result)
    for t, feed in zip(made, feeds, strict=True):
        require_same_type(t, feed)
    return made
