"""Numbers and vectors with operators, pointers and cells: what kernels in LLVM IR compute with.

Values know their dtype; a scalar meets a vector by being repeated.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir

if TYPE_CHECKING:
    from graphflow.backends.cpu.code import Code

I64, I32, I1, I8 = ir.IntType(64), ir.IntType(32), ir.IntType(1), ir.IntType(8)
TYPES = {
    "float32": ir.FloatType(), "float64": ir.DoubleType(), "bool": I1,
    **{f"{sign}int{bits}": ir.IntType(bits) for sign in ("", "u") for bits in (8, 16, 32, 64)},
}  # fmt: skip
DTYPES = tuple(TYPES)


def type_of(dtype: str, lanes: int = 0) -> Any:
    """The type of a number or a vector in LLVM."""
    return ir.VectorType(TYPES[dtype], lanes) if lanes else TYPES[dtype]


def suffix(kind: Any) -> str:
    """What the names of intrinsics for a type end in."""
    if isinstance(kind, ir.VectorType):
        return f"v{kind.count}{suffix(kind.element)}"
    return {"float": "f32", "double": "f64"}.get(str(kind), str(kind))


@functools.cache
def has_masks() -> bool:
    """Whether a masked store costs no more than a plain one: before AVX-512 it is microcode, of ten cycles and more."""
    return bool(llvm.get_host_cpu_features().get("avx512vl"))


def size_of(dtype: str) -> int:
    """Bytes of an element in memory; a bool is a byte there."""
    return np.dtype(dtype).itemsize


def lowest(dtype: str) -> Any:
    """The lowest number of a dtype; minus infinity for floats."""
    return _bound(dtype, "min", -np.inf)


def highest(dtype: str) -> Any:
    """The highest number of a dtype; infinity for floats."""
    return _bound(dtype, "max", np.inf)


def _bound(dtype: str, which: str, infinite: float) -> Any:
    if dtype == "bool":
        return which == "max"
    return infinite if dtype[0] == "f" else getattr(np.iinfo(dtype), which)


class Value:
    """A number, or a vector of `lanes` numbers (0 for a scalar), of one dtype.

    Arithmetic wants two values of one dtype, or a plain number.  `//` and `%` are for sizes and positions, which are
    never negative.
    """

    __array_ufunc__ = None  # a NumPy scalar leaves its operators to this class

    def __init__(self, code: Code, value: Any, dtype: str, lanes: int = 0) -> None:
        self.code, self.value, self.dtype, self.lanes = code, value, dtype, lanes

    @property
    def raw(self) -> Any:
        """What LLVM knows it as."""
        return self.value

    def of(self, code: Code, raw: Any) -> Value:
        """Another value of this dtype and as many lanes."""
        return Value(code, raw, self.dtype, self.lanes)

    @property
    def is_float(self) -> bool:
        return self.dtype[0] == "f"

    @property
    def is_signed(self) -> bool:
        return self.dtype[0] == "i"

    def _binary(self, other: Any, on_float: str, on_int: str, swapped: bool = False) -> Value:
        a, b = self.code.alike(self, other)
        if swapped:
            a, b = b, a
        made = getattr(self.code.builder, on_float if a.is_float else on_int)(a.value, b.value)
        return Value(self.code, made, a.dtype, a.lanes)

    def __add__(self, other: Any) -> Value:
        return self._binary(other, "fadd", "add")

    def __sub__(self, other: Any) -> Value:
        return self._binary(other, "fsub", "sub")

    def __rsub__(self, other: Any) -> Value:
        return self._binary(other, "fsub", "sub", swapped=True)

    def __mul__(self, other: Any) -> Value:
        return self._binary(other, "fmul", "mul")

    __radd__, __rmul__ = __add__, __mul__

    def __truediv__(self, other: Any) -> Value:
        return self._binary(other, "fdiv", "sdiv")

    def __rtruediv__(self, other: Any) -> Value:
        return self._binary(other, "fdiv", "sdiv", swapped=True)

    def __floordiv__(self, other: Any) -> Value:
        return self._binary(other, "fdiv", "sdiv" if self.is_signed else "udiv")

    def __mod__(self, other: Any) -> Value:
        return self._binary(other, "frem", "srem" if self.is_signed else "urem")

    def __and__(self, other: Any) -> Value:
        return self._binary(other, "", "and_")

    def __or__(self, other: Any) -> Value:
        return self._binary(other, "", "or_")

    def __xor__(self, other: Any) -> Value:
        return self._binary(other, "", "xor")

    def __lshift__(self, other: Any) -> Value:
        return self._binary(other, "", "shl")

    def __rshift__(self, other: Any) -> Value:
        return self._binary(other, "", "ashr" if self.is_signed else "lshr")

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __neg__(self) -> Value:
        builder = self.code.builder
        return Value(self.code, (builder.fneg if self.is_float else builder.neg)(self.value), self.dtype, self.lanes)

    def __invert__(self) -> Value:
        return Value(self.code, self.code.builder.not_(self.value), self.dtype, self.lanes)

    def compare(self, how: str, other: Any) -> Value:
        """A bool: NaN is unequal to everything and neither above nor below."""
        a, b = self.code.alike(self, other)
        builder = self.code.builder
        if a.is_float:
            made = (builder.fcmp_unordered if how == "!=" else builder.fcmp_ordered)(how, a.value, b.value)
        else:
            made = (builder.icmp_signed if a.is_signed else builder.icmp_unsigned)(how, a.value, b.value)
        return Value(self.code, made, "bool", a.lanes)

    def __lt__(self, other: Any) -> Value:
        return self.compare("<", other)

    def __le__(self, other: Any) -> Value:
        return self.compare("<=", other)

    def __gt__(self, other: Any) -> Value:
        return self.compare(">", other)

    def __ge__(self, other: Any) -> Value:
        return self.compare(">=", other)

    def __eq__(self, other: Any) -> Value:  # type: ignore[override]
        return self.compare("==", other)

    def __ne__(self, other: Any) -> Value:  # type: ignore[override]
        return self.compare("!=", other)

    __hash__ = None  # type: ignore[assignment]

    def splat(self, lanes: int) -> Value:
        """The scalar in every lane; a vector as it is."""
        if self.lanes or not lanes:
            return self
        builder, kind = self.code.builder, ir.VectorType(self.value.type, lanes)
        if isinstance(self.value, ir.Constant):
            return Value(self.code, ir.Constant(kind, [self.value] * lanes), self.dtype, lanes)
        undefined = ir.Constant(kind, ir.Undefined)
        one = builder.insert_element(undefined, self.value, I32(0))
        spread = builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(I32, lanes), [0] * lanes))
        return Value(self.code, spread, self.dtype, lanes)

    def cast(self, dtype: str) -> Value:
        """The nearest value of another dtype, as in C; a bool becomes 0 or 1, and anything but 0 is true."""
        if dtype == self.dtype:
            return self
        if dtype == "bool":
            return self != self.code.number(0, self.dtype)
        builder, kind = self.code.builder, type_of(dtype, self.lanes)
        target = Value(self.code, None, dtype)
        if self.is_float and target.is_float:
            made = (builder.fpext if size_of(dtype) > size_of(self.dtype) else builder.fptrunc)(self.value, kind)
        elif self.is_float:
            made = self._truncated(dtype, kind)
        elif target.is_float:
            made = (builder.sitofp if self.is_signed else builder.uitofp)(self.value, kind)
        elif self.dtype != "bool" and size_of(dtype) <= size_of(self.dtype):
            made = self.value if size_of(dtype) == size_of(self.dtype) else builder.trunc(self.value, kind)
        else:
            made = (builder.sext if self.is_signed else builder.zext)(self.value, kind)
        return Value(self.code, made, dtype, self.lanes)

    def _truncated(self, dtype: str, kind: Any) -> Any:
        """A float as an integer: toward zero, through int64 so that small dtypes wrap around as in NumPy."""
        builder = self.code.builder
        if dtype == "uint64":
            return builder.fptoui(self.value, kind)
        wide = builder.fptosi(self.value, type_of("int64" if size_of(dtype) == 8 else "int32", self.lanes))
        return wide if wide.type == kind else builder.trunc(wide, kind)

    def view(self, dtype: str) -> Value:
        """The same bits read as another dtype of this size."""
        made = self.code.builder.bitcast(self.value, type_of(dtype, self.lanes))
        return Value(self.code, made, dtype, self.lanes)

    def lane(self, i: int) -> Value:
        """One number of a vector."""
        return Value(self.code, self.code.builder.extract_element(self.value, I32(i)), self.dtype)


class Pointer:
    """Elements of one dtype in memory, counted from here."""

    def __init__(self, code: Code, address: Any, dtype: str) -> None:
        self.code, self.address, self.dtype = code, address, dtype

    @property
    def raw(self) -> Any:
        """What LLVM knows it as."""
        return self.address

    def of(self, code: Code, raw: Any) -> Pointer:
        """Another pointer to elements of this dtype."""
        return Pointer(code, raw, self.dtype)

    def cast(self, dtype: str) -> Pointer:
        """The same memory as elements of another dtype."""
        kind = I8 if dtype == "bool" else TYPES[dtype]
        return Pointer(self.code, self.code.builder.bitcast(self.address, kind.as_pointer()), dtype)

    def at(self, index: Any) -> Pointer:
        """The pointer to the element with this index."""
        return Pointer(self.code, self.code.builder.gep(self.address, [self.code.index(index)]), self.dtype)

    def load(self, index: Any, lanes: int = 0, mask: Value | None = None) -> Value:
        """One element, or `lanes` neighbours; those that the mask leaves out are not read and count as 0."""
        code, builder = self.code, self.code.builder
        place = self.at(index).address
        if lanes:
            kind = ir.VectorType(place.type.pointee, lanes)
            place = builder.bitcast(place, kind.as_pointer())
        if mask is None:
            found = builder.load(place)
            found.align = size_of(self.dtype)
        elif size_of(self.dtype) >= 4 or has_masks():
            found = self._load_masked(kind, place, mask)
        else:  # one element after the other, each with a branch of its own
            with code.either(code.all_of(mask)) as (full, some):
                with full:
                    everything, end = builder.load(place), builder.block
                    everything.align = size_of(self.dtype)
                with some:
                    part, other_end = self._load_masked(kind, place, mask), builder.block
            found = builder.phi(kind)
            found.add_incoming(everything, end)
            found.add_incoming(part, other_end)
        if self.dtype == "bool":
            found = builder.icmp_unsigned("!=", found, ir.Constant(found.type, None))
        return Value(code, found, self.dtype, lanes)

    def _load_masked(self, kind: Any, place: Any, mask: Value) -> Any:
        arguments = [place, I32(size_of(self.dtype)), mask.value, ir.Constant(kind, None)]
        return self.code.intrinsic(f"llvm.masked.load.{suffix(kind)}.p0", kind, arguments)

    def store(self, index: Any, value: Any, mask: Value | None = None) -> None:
        """Write one element, or as many neighbours as the value has lanes and the mask lets through."""
        code, builder = self.code, self.code.builder
        value = code.value(value, self.dtype)
        written = value.value
        if self.dtype == "bool":
            written = builder.zext(written, ir.VectorType(I8, value.lanes) if value.lanes else I8)
        place = self.at(index).address
        if value.lanes:
            place = builder.bitcast(place, written.type.as_pointer())
        if mask is None:
            builder.store(written, place).align = size_of(self.dtype)
        elif has_masks():
            self._store_masked(written, place, mask)
        else:
            with code.either(code.all_of(mask)) as (full, some):
                with full:
                    builder.store(written, place).align = size_of(self.dtype)
                with some:
                    self._store_masked(written, place, mask)

    def _store_masked(self, written: Any, place: Any, mask: Value) -> None:
        arguments = [written, place, I32(size_of(self.dtype)), mask.value]
        self.code.intrinsic(f"llvm.masked.store.{suffix(written.type)}.p0", ir.VoidType(), arguments)

    def prefetch(self, index: Any, write: bool = True) -> None:
        """Fetch the cache line of an element that will be written, or read."""
        builder = self.code.builder
        place = builder.bitcast(self.at(index).address, I8.as_pointer())
        self.code.intrinsic("llvm.prefetch.p0", ir.VoidType(), [place, I32(int(write)), I32(3), I32(1)])


class Cell:
    """A value that changes, in a loop for example; LLVM keeps it in a register."""

    def __init__(self, code: Code, start: Value) -> None:
        with code.builder.goto_entry_block():
            self._place = code.builder.alloca(start.value.type)
        self._code, self._dtype, self._lanes = code, start.dtype, start.lanes
        self.set(start)

    def get(self) -> Value:
        return Value(self._code, self._code.builder.load(self._place), self._dtype, self._lanes)

    def set(self, value: Value) -> None:
        self._code.builder.store(value.splat(self._lanes).value, self._place)
