"""DType objects: TensorFlow's names for NumPy's types.

A DType has a `.dtype`, so NumPy takes it wherever it takes a type: `np.zeros(3, tf.float32)`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphflow.errors import DTypeError

_STRING = np.dtype(object)


class DType:
    """One element type.  There is one object a type, so `is` compares; `==` also accepts NumPy types and names."""

    __slots__ = ("name", "dtype", "as_datatype_enum", "is_floating", "is_integer", "is_complex", "is_bool")

    def __init__(self, name: str, dtype: np.dtype, enum: int) -> None:
        self.name = name
        self.dtype = dtype
        self.as_datatype_enum = enum
        self.is_floating = dtype.kind == "f"
        self.is_integer = dtype.kind in "iu"
        self.is_complex = dtype.kind == "c"
        self.is_bool = dtype.kind == "b"

    @property
    def as_numpy_dtype(self) -> type:
        """The NumPy scalar type; `object` for strings."""
        return self.dtype.type if not self.dtype.hasobject else object

    @property
    def base_dtype(self) -> DType:
        """The type itself: variables have no separate reference types here."""
        return self

    @property
    def real_dtype(self) -> DType:
        """float32 for complex64, float64 for complex128, otherwise the type itself."""
        return {"complex64": float32, "complex128": float64}.get(self.name, self)

    @property
    def is_unsigned(self) -> bool:
        return self.dtype.kind == "u"

    @property
    def is_numpy_compatible(self) -> bool:
        return True

    @property
    def size(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    @property
    def min(self) -> Any:
        """The lowest number; TypeError where there is none."""
        return self._extreme(0)

    @property
    def max(self) -> Any:
        """The highest number; TypeError where there is none."""
        return self._extreme(1)

    def _extreme(self, end: int) -> Any:
        if self.is_bool:
            raise TypeError("bool has no smallest or largest number")
        return self.limits[end]

    @property
    def limits(self) -> tuple[Any, Any]:
        """(lowest, highest)."""
        if self.is_bool:
            return False, True
        if not (self.is_floating or self.is_integer):
            raise TypeError(f"{self.name} has no smallest or largest value")
        info: Any = np.finfo(self.dtype) if self.is_floating else np.iinfo(self.dtype)
        return info.min, info.max

    def is_compatible_with(self, other: Any) -> bool:
        return self is as_dtype(other)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DType):
            return self is other
        try:
            return other is not None and self is as_dtype(other)
        except TypeError:
            return False

    def __hash__(self) -> int:
        return self.as_datatype_enum

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: {self.name!r}>"

    def __reduce__(self) -> tuple:
        return as_dtype, (self.name,)

    @property
    def is_differentiable(self) -> bool:
        """Whether gradients flow through tensors of this type."""
        return self.is_floating or self.is_complex


class ListType(DType):
    """Lists of arrays of one element type: [n] with an array, or None, for each item.

    In a program whose shapes are known:
    item   the shape that every item has; None where it is not known, or where items have several shapes
    blank  nothing has been written yet, so that the first item decides
    """

    __slots__ = ("element", "item", "blank")

    def __init__(self, element: DType, item: tuple[int, ...] | None, blank: bool) -> None:
        known = "" if item is None else str(list(item))
        super().__init__(f"list({element.name}{known})", np.dtype(object), 21)
        self.element, self.item, self.blank = element, item, blank

    @property
    def is_differentiable(self) -> bool:
        return self.element.is_differentiable

    @property
    def item_bytes(self) -> int:
        """0 as long as there is none."""
        return 0 if self.item is None else math.prod(self.item) * self.element.size


_LISTS: dict[tuple, ListType] = {}


def list_of(element: DType, item: tuple[int, ...] | None = None, blank: bool = False) -> ListType:
    """The type of lists of such arrays, one object a type."""
    key = element, item, blank
    return _LISTS.get(key) or _LISTS.setdefault(key, ListType(element, item, blank))


def is_list_of(kind: DType, item: DType) -> bool:
    """Whether values of the first dtype are lists whose items are of the second, which may be lists themselves."""
    if not isinstance(kind, ListType):
        return False
    return kind.element is item or isinstance(item, ListType) and is_list_of(kind.element, item.element)


# The numbers are those of TensorFlow's types.proto.
float32 = DType("float32", np.dtype("float32"), 1)
float64 = double = DType("float64", np.dtype("float64"), 2)
int32 = DType("int32", np.dtype("int32"), 3)
uint8 = DType("uint8", np.dtype("uint8"), 4)
int16 = DType("int16", np.dtype("int16"), 5)
int8 = DType("int8", np.dtype("int8"), 6)
string = DType("string", _STRING, 7)
complex64 = DType("complex64", np.dtype("complex64"), 8)
int64 = DType("int64", np.dtype("int64"), 9)
bool_ = DType("bool", np.dtype("bool"), 10)
uint16 = DType("uint16", np.dtype("uint16"), 17)
complex128 = DType("complex128", np.dtype("complex128"), 18)
float16 = half = DType("float16", np.dtype("float16"), 19)
uint32 = DType("uint32", np.dtype("uint32"), 22)
uint64 = DType("uint64", np.dtype("uint64"), 23)

ALL = (
    float32, float64, int32, uint8, int16, int8, string, complex64, int64, bool_, uint16, complex128, float16, uint32,
    uint64,
)  # fmt: skip
FLOATING = (float16, float32, float64)
COMPLEX = (complex64, complex128)
INTEGER = (int8, int16, int32, int64, uint8, uint16, uint32, uint64)
SIGNED = (*FLOATING, int8, int16, int32, int64)
REAL = FLOATING + INTEGER
NUMERIC = REAL + COMPLEX
INDEX = (int32, int64)
WIDE = FLOATING + INDEX  # for ops that TensorFlow does not define for narrow and unsigned integers

_BY_NAME = {d.name: d for d in ALL} | {"double": float64, "half": float16, "float": float32, "str": string}
_BY_TYPE: dict[Any, DType] = {float: float32, bool: bool_, str: string, bytes: string, object: string}
_BY_NUMPY = {d.dtype: d for d in ALL}
_BY_NUMBER = {number: d for d in ALL for number in (d.as_datatype_enum, d.as_datatype_enum + 100)}  # +100: references


def as_dtype(type_value: Any) -> DType:
    """The DType for a DType, a name, a NumPy type, TensorFlow's number of it, or Python's float, bool and str.

    A Python `float` is float32 and `int` is refused, as in TensorFlow 1.   Raises: TypeError for anything else.
    """
    value = type_value
    if isinstance(value, DType):
        return value
    found = None
    if isinstance(value, type):
        found = _BY_TYPE.get(value)
    elif isinstance(value, str):
        found = list_of(as_dtype(value[5:-1])) if value.startswith("list(") else _BY_NAME.get(value)
    elif type(value) is int:
        found = _BY_NUMBER.get(value)
    if found is None and value is not int and value is not None:
        try:
            dtype = np.dtype(value)
        except TypeError:
            raise DTypeError(f"cannot convert {value!r} to a dtype") from None
        found = _BY_NUMPY.get(dtype) or (string if dtype.kind in "SU" else None)
    if found is None:
        raise TypeError(f"cannot convert {value!r} to a dtype")
    return found
