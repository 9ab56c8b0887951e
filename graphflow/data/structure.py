"""What the elements of a dataset look like: nests of tensors, and of sparse tensors as three each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from graphflow import nest
from graphflow.dtypes import DType, as_dtype, int64
from graphflow.errors import DTypeError, GraphError
from graphflow.operation import Tensor
from graphflow.ops.define import convert_to_tensor
from graphflow.ops.sparse.tensor import SparseTensor, SparseTensorValue
from graphflow.ops.static import static_dims
from graphflow.shape import Dims, TensorShape, as_dims, compatible, merge, show


@dataclass(frozen=True)
class Spec:
    """One component: its shape and dtype, and whether it is a SparseTensor."""

    dims: Dims
    dtype: DType
    sparse: bool = False

    @property
    def types(self) -> list[tuple[Dims, DType]]:
        """Those of the tensors that it is made of."""
        if not self.sparse:
            return [(self.dims, self.dtype)]
        rank = None if self.dims is None else len(self.dims)
        return [((None, rank), int64), ((None,), self.dtype), ((rank,), int64)]

    def value(self, tensors: Iterator[Tensor]) -> Any:
        """What a function gets for this component; takes its tensors."""
        if not self.sparse:
            return next(tensors)
        return SparseTensor(next(tensors), next(tensors), next(tensors))

    def wider(self, other: Spec, what: str) -> Spec:
        """What both are; TypeError when their dtypes differ."""
        if self.dtype is not other.dtype or self.sparse != other.sparse:
            raise DTypeError(f"{what} have {self.dtype.name} and {other.dtype.name}")
        return Spec(common(self.dims, other.dims), self.dtype, self.sparse)


def common(a: Dims, b: Dims) -> Dims:
    """The shape that two shapes have in common, with None where they differ."""
    if a is None or b is None or len(a) != len(b):
        return None
    return tuple(x if x == y else None for x, y in zip(a, b, strict=True))


def as_element(value: Any) -> Any:
    """A nest of tensors; a list becomes one tensor, as in TensorFlow, and tuples and dicts are the nest."""
    if isinstance(value, dict):
        return type(value)((key, as_element(item)) for key, item in value.items())
    if isinstance(value, tuple) and not isinstance(value, SparseTensorValue):
        parts = [as_element(item) for item in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, SparseTensorValue):
        return SparseTensor.from_value(value)
    return value if isinstance(value, SparseTensor) else convert_to_tensor(value)


def spec_of(value: Any) -> Spec:
    """The Spec of a tensor or a sparse tensor."""
    if isinstance(value, SparseTensor):
        return Spec(static_dims(value.dense_shape), value.dtype, sparse=True)
    return Spec(value.dims, value.dtype)


def components(element: Any) -> list[Tensor]:
    """The tensors of an element, in order."""
    flat: list[Tensor] = []
    for part in nest.flatten(element):
        flat += part.feed_components() if isinstance(part, SparseTensor) else [part]
    return flat


def packed(specs: Any, tensors: Sequence[Tensor]) -> Any:
    """The element of these tensors; the inverse of `components`."""
    rest = iter(tensors)
    return nest.pack_sequence_as(specs, [spec.value(rest) for spec in nest.flatten(specs)])


def types_of(specs: Any) -> list[tuple[Dims, DType]]:
    """Shapes and dtypes of the tensors of an element."""
    return [found for spec in nest.flatten(specs) for found in spec.types]


def from_types(types: Any, shapes: Any, classes: Any = None) -> Any:
    """A nest of Specs from nests of dtypes and of shapes; unknown shapes when there are none."""
    flat = [as_dtype(t) for t in nest.flatten(types)]
    dims: list[Dims] = [None] * len(flat)
    if shapes is not None:
        dims = [as_dims(s) for s in shapes_like(types, shapes)]
    if len(dims) != len(flat):
        raise GraphError(f"shapes {shapes!r} do not go with the types {types!r}")
    sparse = [c is SparseTensor for c in nest.flatten(classes)] if classes is not None else [False] * len(flat)
    return nest.pack_sequence_as(types, [Spec(*found) for found in zip(dims, flat, sparse, strict=True)])


def shapes_like(like: Any, shapes: Any) -> list[Any]:
    """The shapes of a nest that is as `like`; lists in its leaves are shapes."""
    return list(_shapes(like, shapes))


def _shapes(like: Any, shapes: Any) -> Iterator[Any]:
    if isinstance(like, dict):
        for name in sorted(like):
            yield from _shapes(like[name], shapes[name])
    elif isinstance(like, (tuple, list)):
        if not isinstance(shapes, (tuple, list)) or len(shapes) != len(like):
            raise GraphError(f"the shapes {shapes!r} do not have the structure of {like!r}")
        for part, shape in zip(like, shapes, strict=True):
            yield from _shapes(part, shape)
    else:
        yield shapes


def nests(specs: Any) -> tuple[Any, Any, Any]:
    """(dtypes, TensorShapes, classes), as the properties of datasets give them."""
    return (
        nest.map_structure(lambda s: s.dtype, specs),
        nest.map_structure(lambda s: TensorShape(s.dims), specs),
        nest.map_structure(lambda s: SparseTensor if s.sparse else Tensor, specs),
    )


def require_same_structure(specs: Any, wanted: Any) -> None:
    """TypeError unless two nests have one structure."""
    try:
        nest.assert_same_structure(specs, wanted, check_types=False)
    except ValueError as error:
        raise DTypeError(f"elements differ: {error}") from None


def require_compatible(specs: Any, wanted: Any) -> None:
    """TypeError unless elements of the one are elements of the other."""
    require_same_structure(specs, wanted)
    for spec, other in zip(nest.flatten(specs), nest.flatten(wanted), strict=True):
        if spec.dtype is not other.dtype or spec.sparse != other.sparse or not compatible(spec.dims, other.dims):
            raise DTypeError(f"elements are {spec.dtype.name}{show(spec.dims)}, and must be "
                             f"{other.dtype.name}{show(other.dims)}")  # fmt: skip


def merged(specs: Any, shapes: Any) -> Any:
    """The Specs with what other shapes add."""
    flat = nest.flatten(specs)
    wanted = [as_dims(s) for s in shapes_like(specs, shapes)]
    parts = [Spec(merge(s.dims, d), s.dtype, s.sparse) for s, d in zip(flat, wanted, strict=True)]
    return nest.pack_sequence_as(specs, parts)
