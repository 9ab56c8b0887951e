"""Static shapes: what is known of a tensor's shape before any value exists.

Inside graphflow a shape is a tuple of sizes, None for each unknown size, or None altogether when not even the rank is
known (`Dims`).  Users see the same thing as TensorShape and Dimension, which behave as in TensorFlow 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from graphflow.errors import ShapeError

Dims = tuple[int | None, ...] | None


def show(dims: Dims) -> str:
    """`(?, 784)`, `(3,)`, `<unknown>`."""
    if dims is None:
        return "<unknown>"
    inner = ", ".join("?" if d is None else str(d) for d in dims)
    return f"({inner},)" if len(dims) == 1 else f"({inner})"


def merge(a: Dims, b: Dims) -> Dims:
    """What is known when both hold; ShapeError when they contradict each other."""
    if a is None or b is None or a == b:
        return b if a is None else a
    if len(a) != len(b) or any(x is not None and y is not None and x != y for x, y in zip(a, b, strict=True)):
        raise ShapeError(f"shapes {show(a)} and {show(b)} are not compatible")
    return tuple(y if x is None else x for x, y in zip(a, b, strict=True))


def common(a: Dims, b: Dims) -> Dims:
    """What two shapes have in common."""
    if a is None or b is None or len(a) != len(b):
        return None
    return tuple(x if x == y else None for x, y in zip(a, b, strict=True))


def compatible(a: Dims, b: Dims) -> bool:
    """Whether one tensor can have both shapes."""
    if a is None or b is None or a == b:
        return True
    return len(a) == len(b) and all(x is None or y is None or x == y for x, y in zip(a, b, strict=True))


def broadcast(a: Dims, b: Dims) -> Dims:
    """NumPy's broadcasting on what is known: None with 1 is None, None with n > 1 is n."""
    if a == b:
        return a if a is None or None not in a else tuple(a)
    if a is None or b is None:
        return None
    rank = max(len(a), len(b))
    left, right = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    out: list[int | None] = []
    for x, y in zip(left, right, strict=True):
        if x == y or y == 1:
            out.append(x)
        elif x == 1:
            out.append(y)
        elif x is None or y is None:
            out.append(y if x is None else x)
        else:
            raise ShapeError(f"shapes {show(a)} and {show(b)} do not broadcast: {x} is not {y}")
    return tuple(out)


def known(dims: Dims) -> bool:
    """Whether every size is known."""
    return dims is not None and None not in dims


def sizes(dims: Dims) -> tuple[int, ...]:
    """The sizes of a shape of which every size is known."""
    assert dims is not None and None not in dims, f"the shape {show(dims)} is not known"
    return dims  # type: ignore[return-value]


def elements(dims: Dims) -> int:
    """The number of elements of a shape of which every size is known."""
    return math.prod(sizes(dims))


def count(dims: Dims) -> int | None:
    """The number of elements, None when unknown."""
    if dims is None or None in dims:
        return 0 if dims is not None and 0 in dims else None
    n = 1
    for d in dims:
        n *= d  # type: ignore[operator]
    return n


def as_dims(shape: Any) -> Dims:
    """Dims from a TensorShape, a sequence of ints, Dimensions and Nones, one int, or None."""
    if shape is None:
        return None
    if isinstance(shape, TensorShape):
        return shape._dims
    if isinstance(shape, str):
        raise TypeError(f"a shape is made of numbers, not {shape!r}")
    if isinstance(shape, Dimension) or hasattr(shape, "__index__") and not getattr(shape, "shape", ()):
        return (_size(shape),)
    return tuple(_size(d) for d in shape)


def _size(value: Any) -> int | None:
    if isinstance(value, Dimension):
        return value.value
    if hasattr(value, "item") and getattr(value, "size", 1) == 1:
        value = value.item()
    if value is None:
        return None
    size = value.__index__() if hasattr(value, "__index__") else int(value)
    if isinstance(value, float) and size != value:
        raise ShapeError(f"Ambiguous dimension: {value!r} is no whole number")
    if size < 0:
        raise ShapeError(f"a dimension must be at least 0, not {size}")
    return size


class Dimension:
    """One size of a TensorShape; `value` is an int or None.  Arithmetic with an unknown size gives an unknown one."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = _size(value)

    @property
    def value(self) -> int | None:
        return self._value

    def is_compatible_with(self, other: Any) -> bool:
        return compatible((self._value,), (_size(other),))

    def merge_with(self, other: Any) -> Dimension:
        merged = merge((self._value,), (_size(other),))
        return Dimension(merged[0] if merged else None)

    def assert_is_compatible_with(self, other: Any) -> None:
        self.merge_with(other)

    def _with(self, other: Any, operation: Any) -> Any:
        right = _size(other)
        return None if self._value is None or right is None else operation(self._value, right)

    def _size_with(self, other: Any, operation: Any) -> Any:
        """A new Dimension; NotImplemented where the other side is no size, so that it may know what to do."""
        try:
            right = Dimension(other)
        except (TypeError, ValueError):
            return NotImplemented
        return Dimension(self._with(right, operation))

    def __add__(self, other: Any) -> Dimension:
        return self._size_with(other, lambda a, b: a + b)

    def __sub__(self, other: Any) -> Dimension:
        return self._size_with(other, lambda a, b: a - b)

    def __mul__(self, other: Any) -> Dimension:
        return self._size_with(other, lambda a, b: a * b)

    def __floordiv__(self, other: Any) -> Dimension:
        return self._size_with(other, lambda a, b: a // b)

    def __mod__(self, other: Any) -> Dimension:
        return self._size_with(other, lambda a, b: a % b)

    def __radd__(self, other: Any) -> Dimension:
        return self._size_with(other, lambda a, b: b + a)

    def __rsub__(self, other: Any) -> Dimension:
        return self._size_with(other, lambda a, b: b - a)

    def __rmul__(self, other: Any) -> Dimension:
        return self._size_with(other, lambda a, b: b * a)

    def __rfloordiv__(self, other: Any) -> Dimension:
        return self._size_with(other, lambda a, b: b // a)

    def __rmod__(self, other: Any) -> Dimension:
        return self._size_with(other, lambda a, b: b % a)

    __div__ = __floordiv__

    def __lt__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a < b)

    def __le__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a <= b)

    def __gt__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a > b)

    def __ge__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a >= b)

    def __eq__(self, other: object) -> Any:
        try:
            right = _size(other)
        except (TypeError, ValueError):
            return NotImplemented
        return None if self._value is None or right is None else self._value == right

    def __ne__(self, other: object) -> Any:
        equal = self.__eq__(other)
        return equal if equal is NotImplemented or equal is None else not equal

    def __hash__(self) -> int:
        return hash(self._value)

    def __int__(self) -> int:
        return self.__index__()

    def __index__(self) -> int:
        if self._value is None:
            raise TypeError("an unknown Dimension has no number")
        return self._value

    def __str__(self) -> str:
        return "?" if self._value is None else str(self._value)

    def __repr__(self) -> str:
        return f"Dimension({self._value})"


class TensorShape:
    """A static shape: sizes that may be unknown, or an unknown rank (`TensorShape(None)`)."""

    __slots__ = ("_dims",)

    def __init__(self, dims: Any) -> None:
        self._dims = as_dims(dims)

    @property
    def dims(self) -> list[Dimension] | None:
        return None if self._dims is None else [Dimension(d) for d in self._dims]

    @property
    def ndims(self) -> int | None:
        return None if self._dims is None else len(self._dims)

    rank = ndims

    def as_list(self) -> list[int | None]:
        """Sizes as ints and Nones; ValueError when the rank is unknown."""
        return list(self._require_rank())

    def num_elements(self) -> int | None:
        return count(self._dims) if known(self._dims) else None

    def is_fully_defined(self) -> bool:
        return known(self._dims)

    def assert_is_fully_defined(self) -> None:
        if not known(self._dims):
            raise ShapeError(f"shape {self} is not fully defined")

    def is_compatible_with(self, other: Any) -> bool:
        return compatible(self._dims, as_dims(other))

    def assert_is_compatible_with(self, other: Any) -> None:
        merge(self._dims, as_dims(other))

    def assert_same_rank(self, other: Any) -> None:
        rank = as_shape(other).ndims
        if rank is not None and self.ndims is not None and rank != self.ndims:
            raise ShapeError(f"shapes {self} and {other} must have the same rank")

    def assert_has_rank(self, rank: int) -> None:
        self.with_rank(rank)

    def merge_with(self, other: Any) -> TensorShape:
        return TensorShape(merge(self._dims, as_dims(other)))

    def concatenate(self, other: Any) -> TensorShape:
        right = as_dims(other)
        return TensorShape(None if self._dims is None or right is None else self._dims + right)

    def with_rank(self, rank: int) -> TensorShape:
        if self._dims is not None and len(self._dims) != rank:
            raise ShapeError(f"shape {self} must have rank {rank}")
        return self if self._dims is not None else unknown_shape(rank)

    def with_rank_at_least(self, rank: int) -> TensorShape:
        if self._dims is not None and len(self._dims) < rank:
            raise ShapeError(f"shape {self} must have rank at least {rank}")
        return self

    def with_rank_at_most(self, rank: int) -> TensorShape:
        if self._dims is not None and len(self._dims) > rank:
            raise ShapeError(f"shape {self} must have rank at most {rank}")
        return self

    def _require_rank(self) -> Sequence[int | None]:
        if self._dims is None:
            raise ShapeError("the shape has an unknown rank")
        return self._dims

    def __len__(self) -> int:
        return len(self._require_rank())

    def __bool__(self) -> bool:
        return self._dims is not None

    def __iter__(self) -> Iterator[Dimension]:
        return iter([Dimension(d) for d in self._require_rank()])

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return TensorShape(None if self._dims is None else self._dims[key])
        return Dimension(None if self._dims is None else self._dims[key])

    def __eq__(self, other: object) -> bool:
        try:
            return self._dims == as_dims(other)
        except (TypeError, ValueError):
            return NotImplemented

    def __hash__(self) -> int:
        return hash(self._dims)

    def __str__(self) -> str:
        return show(self._dims)

    def __repr__(self) -> str:
        return f"TensorShape({None if self._dims is None else [Dimension(d) for d in self._dims]})"

    def __reduce__(self) -> tuple:
        return TensorShape, (self._dims,)


def as_shape(shape: Any) -> TensorShape:
    """A TensorShape from anything that describes one."""
    return shape if isinstance(shape, TensorShape) else TensorShape(shape)


def unknown_shape(rank: int | None = None) -> TensorShape:
    """A shape of which only the rank is known, or nothing."""
    return TensorShape(None if rank is None else [None] * rank)


def broadcast_static_shape(shape_x: Any, shape_y: Any) -> TensorShape:
    """The shape that `x + y` has."""
    return TensorShape(broadcast(as_dims(shape_x), as_dims(shape_y)))
