"""A small vocabulary for kernels in LLVM IR: numbers and vectors with operators, pointers, loops.

A kernel is written as a Python function over a `Code`; it reads like the loop that it emits:

    def scale(code, x, y, n, factor):
        with code.loop(0, n, code.lanes) as i:
            inside = code.lanes_below(n - i)
            y.store(i, x.load(i, code.lanes, inside) * factor, inside)

Values know their dtype; a scalar meets a vector by being repeated.  Loops may be left to LLVM to unroll, never to
vectorise: lanes are explicit, so the code is the same whatever width LLVM prefers on a CPU.
"""

from __future__ import annotations

import functools
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir

from graphflow.config import current

_I64, _I32, _I1, _I8 = ir.IntType(64), ir.IntType(32), ir.IntType(1), ir.IntType(8)
_TYPES = {
    "float32": ir.FloatType(), "float64": ir.DoubleType(), "bool": _I1,
    **{f"{sign}int{bits}": ir.IntType(bits) for sign in ("", "u") for bits in (8, 16, 32, 64)},
}  # fmt: skip
DTYPES = tuple(_TYPES)


def vector_bytes() -> int:
    """The width of a vector register: that of the CPU, or what the switch `vector_bytes` says."""
    return current().vector_bytes or _own_bytes()


@functools.cache
def _own_bytes() -> int:
    features = llvm.get_host_cpu_features()
    return 64 if features.get("avx512f") else 32 if features.get("avx2") else 16


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
        one = builder.insert_element(undefined, self.value, _I32(0))
        spread = builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(_I32, lanes), [0] * lanes))
        return Value(self.code, spread, self.dtype, lanes)

    def cast(self, dtype: str) -> Value:
        """The nearest value of another dtype, as in C; a bool becomes 0 or 1, and anything but 0 is true."""
        if dtype == self.dtype:
            return self
        if dtype == "bool":
            return self != self.code.number(0, self.dtype)
        builder, kind = self.code.builder, _type(dtype, self.lanes)
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
        wide = builder.fptosi(self.value, _type("int64" if size_of(dtype) == 8 else "int32", self.lanes))
        return wide if wide.type == kind else builder.trunc(wide, kind)

    def view(self, dtype: str) -> Value:
        """The same bits read as another dtype of this size."""
        made = self.code.builder.bitcast(self.value, _type(dtype, self.lanes))
        return Value(self.code, made, dtype, self.lanes)

    def lane(self, i: int) -> Value:
        """One number of a vector."""
        return Value(self.code, self.code.builder.extract_element(self.value, _I32(i)), self.dtype)


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
        kind = _I8 if dtype == "bool" else _TYPES[dtype]
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
        else:
            name = f"llvm.masked.load.{_suffix(kind)}.p0"
            arguments = [place, _I32(size_of(self.dtype)), mask.value, ir.Constant(kind, None)]
            found = code.intrinsic(name, kind, arguments)
        if self.dtype == "bool":
            found = builder.icmp_unsigned("!=", found, ir.Constant(found.type, None))
        return Value(code, found, self.dtype, lanes)

    def store(self, index: Any, value: Any, mask: Value | None = None) -> None:
        """Write one element, or as many neighbours as the value has lanes and the mask lets through."""
        code, builder = self.code, self.code.builder
        value = code.value(value, self.dtype)
        written = value.value
        if self.dtype == "bool":
            written = builder.zext(written, ir.VectorType(_I8, value.lanes) if value.lanes else _I8)
        place = self.at(index).address
        if value.lanes:
            place = builder.bitcast(place, written.type.as_pointer())
        if mask is None:
            builder.store(written, place).align = size_of(self.dtype)
        else:
            arguments = [written, place, _I32(size_of(self.dtype)), mask.value]
            code.intrinsic(f"llvm.masked.store.{_suffix(written.type)}.p0", ir.VoidType(), arguments)

    def prefetch(self, index: Any) -> None:
        """Fetch the cache line of an element that will be written."""
        builder = self.code.builder
        place = builder.bitcast(self.at(index).address, _I8.as_pointer())
        self.code.intrinsic("llvm.prefetch.p0", ir.VoidType(), [place, _I32(1), _I32(3), _I32(1)])


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


class Code:
    """One function that is being emitted.   lanes: how many elements of its main dtype fill a vector register."""

    def __init__(self, builder: ir.IRBuilder, lanes: int) -> None:
        self.builder, self.lanes = builder, lanes

    # -- numbers -------------------------------------------------------------------------------------------------
    def number(self, n: Any, dtype: str = "int64", lanes: int = 0) -> Value:
        """A constant, in every lane."""
        kind = _TYPES[dtype]
        if dtype[0] == "f":
            constant = ir.Constant(kind, float(np.dtype(dtype).type(n)))
        else:
            constant = ir.Constant(kind, int(n))
        if lanes:
            constant = ir.Constant(ir.VectorType(kind, lanes), [constant] * lanes)
        return Value(self, constant, dtype, lanes)

    def value(self, n: Any, dtype: str = "int64") -> Value:
        """A value as it is; a Python number as a constant of this dtype."""
        return n if isinstance(n, Value) else self.number(n, dtype)

    def index(self, n: Any) -> Any:
        """A position as an i64 of LLVM."""
        return self.value(n).value

    def alike(self, a: Value, b: Any) -> tuple[Value, Value]:
        """Both in the dtype of the first, with as many lanes."""
        b = self.value(b, a.dtype)
        if a.dtype != b.dtype:
            raise TypeError(f"{a.dtype} meets {b.dtype}: cast one of them")
        lanes = max(a.lanes, b.lanes)
        return a.splat(lanes), b.splat(lanes)

    def steps(self, lanes: int, dtype: str = "int64") -> Value:
        """The vector 0, 1, 2, ..."""
        kind = _TYPES[dtype]
        return Value(self, ir.Constant(ir.VectorType(kind, lanes), [kind(i) for i in range(lanes)]), dtype, lanes)

    def lanes_below(self, n: Value, lanes: int = 0) -> Value:
        """The mask that lets the first n lanes through; n may exceed their number."""
        lanes = lanes or self.lanes
        few = self.minimum(n, lanes).cast("int32")
        return self.steps(lanes, "int32") < few

    def unrelated(self, n: Value) -> Value:
        """The same number, of which LLVM does not see what it was computed from."""
        place = self.builder.inttoptr(n.value, _I8.as_pointer())
        hidden = self.intrinsic("llvm.launder.invariant.group.p0", place.type, [place])
        return Value(self, self.builder.ptrtoint(hidden, _I64), n.dtype)

    # -- functions -----------------------------------------------------------------------------------------------
    def intrinsic(self, name: str, kind: Any, arguments: Sequence[Any], **flags: Any) -> Any:
        """A call of an LLVM intrinsic or a C function by its full name."""
        module = self.builder.module
        function = module.globals.get(name)
        if function is None:
            function = ir.Function(module, ir.FunctionType(kind, [a.type for a in arguments]), name)
        return self.builder.call(function, arguments, **flags)

    def apply(self, name: str, *values: Value) -> Value:
        """An LLVM intrinsic `llvm.<name>` of values of one type, which is also that of the result."""
        first = values[0]
        made = self.intrinsic(f"llvm.{name}.{_suffix(first.value.type)}", first.value.type, [v.value for v in values])
        return Value(self, made, first.dtype, first.lanes)

    def each_lane(self, name: str, *values: Value) -> Value:
        """A C function of the mathematics library, lane by lane; float32 takes the one that ends in f."""
        first = values[0]
        symbol = name + "f" if first.dtype == "float32" else name
        if not first.lanes:
            made = self.intrinsic(symbol, first.value.type, [v.value for v in values])
            return Value(self, made, first.dtype)
        places = [self.array(first.lanes, v.dtype) for v in values]
        for place, v in zip(places, values, strict=True):
            place.store(0, v)
        with self.loop(0, first.lanes) as i:
            places[0].store(i, self.each_lane(name, *[place.load(i) for place in places]))
        return places[0].load(0, first.lanes)

    def any_of(self, condition: Value) -> Value:
        """Whether it holds in any lane."""
        if not condition.lanes:
            return condition
        made = self.intrinsic(f"llvm.vector.reduce.or.{_suffix(condition.value.type)}", _I1, [condition.value])
        return Value(self, made, "bool")

    def fma(self, a: Value, b: Any, c: Any) -> Value:
        """a * b + c, rounded once."""
        lanes = max(v.lanes for v in (a, b, c) if isinstance(v, Value))
        return self.apply("fma", *[self.value(v, a.dtype).splat(lanes) for v in (a, b, c)])

    def select(self, condition: Value, a: Any, b: Any) -> Value:
        """a where the condition holds, else b."""
        if not isinstance(a, Value):
            a = self.value(a, b.dtype)
        a, b = self.alike(a, b)
        lanes = max(a.lanes, condition.lanes)
        a, b = a.splat(lanes), b.splat(lanes)
        made = self.builder.select(condition.splat(lanes if condition.lanes else 0).value, a.value, b.value)
        return Value(self, made, a.dtype, lanes)

    def choose(self, condition: Value, a: Pointer, b: Pointer) -> Pointer:
        """a if the condition holds, else b."""
        return Pointer(self, self.builder.select(condition.value, a.address, b.address), a.dtype)

    def maximum(self, a: Value, b: Any) -> Value:
        """The larger one; b where a is NaN."""
        a, b = self.alike(a, b)
        return self.select(a > b, a, b)

    def minimum(self, a: Value, b: Any) -> Value:
        """The smaller one; b where a is NaN."""
        a, b = self.alike(a, b)
        return self.select(a < b, a, b)

    def sum_of(self, v: Value) -> Value:
        """The sum of a vector's lanes, in pairs."""
        kind = v.value.type.element
        if v.is_float:
            zero = ir.Constant(kind, -0.0)
            made = self.intrinsic(
                f"llvm.vector.reduce.fadd.{_suffix(v.value.type)}", kind, [zero, v.value], fastmath=("reassoc",)
            )
        else:
            made = self.intrinsic(f"llvm.vector.reduce.add.{_suffix(v.value.type)}", kind, [v.value])
        return Value(self, made, v.dtype)

    def shuffle(self, a: Value, b: Value, lanes: Sequence[int]) -> Value:
        """A vector of chosen lanes, those of b counted on from those of a."""
        made = self.builder.shuffle_vector(a.value, b.value, ir.Constant(ir.VectorType(_I32, len(lanes)), list(lanes)))
        return Value(self, made, a.dtype, len(lanes))

    def fold_lanes(self, v: Value, merge: Callable[[Value, Value], Value]) -> Value:
        """All lanes of a vector in one number, halves with halves."""
        while v.lanes > 1:
            half = v.lanes // 2
            v = merge(self.shuffle(v, v, range(half)), self.shuffle(v, v, range(half, 2 * half)))
        return v.lane(0)

    # -- memory --------------------------------------------------------------------------------------------------
    def pointer(self, address: Value, dtype: str) -> Pointer:
        """The elements at an address."""
        kind = _I8 if dtype == "bool" else _TYPES[dtype]
        return Pointer(self, self.builder.inttoptr(address.value, kind.as_pointer()), dtype)

    def address(self, pointer: Pointer) -> Value:
        """Where it points to."""
        return Value(self, self.builder.ptrtoint(pointer.address, _I64), "int64")

    def array(self, n: int, dtype: str) -> Pointer:
        """n elements on the stack."""
        with self.builder.goto_entry_block():
            place = self.builder.alloca(_I8 if dtype == "bool" else _TYPES[dtype], n)
            place.align = 64
        return Pointer(self, place, dtype)

    # -- control -------------------------------------------------------------------------------------------------
    @contextmanager
    def loop(self, start: Any, stop: Any, step: Any = 1) -> Iterator[Value]:
        """for i in range(start, stop, step)"""
        builder = self.builder
        first, last, stride = (self.value(n) for n in (start, stop, step))
        before = builder.block
        head, body, done = (builder.append_basic_block(name) for name in ("head", "body", "done"))
        builder.branch(head)
        builder.position_at_end(head)
        i = builder.phi(_I64)
        i.add_incoming(first.value, before)
        builder.cbranch(builder.icmp_signed("<", i, last.value), body, done)
        builder.position_at_end(body)
        yield Value(self, i, "int64")
        following = builder.add(i, stride.value)
        i.add_incoming(following, builder.block)
        builder.branch(head)
        builder.position_at_end(done)

    def repeat(self, start: Any, stop: Any, values: Sequence[Any], body: Callable[..., Sequence[Any]]) -> list[Any]:
        """for i in range(start, stop): values = body(i, *values), of values and pointers that stay in registers.

        Returns those after the last round, which are the given ones when there is none.
        """
        builder = self.builder
        first, last = (self.value(n) for n in (start, stop))
        before = builder.block
        inside, done = (builder.append_basic_block(name) for name in ("repeat", "done"))
        builder.cbranch(builder.icmp_signed("<", first.value, last.value), inside, done)
        builder.position_at_end(inside)
        i = builder.phi(_I64)
        i.add_incoming(first.value, before)
        held = [v.of(self, builder.phi(v.raw.type)) for v in values]
        for one, v in zip(held, values, strict=True):
            one.raw.add_incoming(v.raw, before)
        made = body(Value(self, i, "int64"), *held)
        following = builder.add(i, _I64(1))
        end = builder.block
        i.add_incoming(following, end)
        for one, v in zip(held, made, strict=True):
            one.raw.add_incoming(v.raw, end)
        builder.cbranch(builder.icmp_signed("<", following, last.value), inside, done)
        builder.position_at_end(done)
        after = [v.of(self, builder.phi(v.raw.type)) for v in values]
        for one, v, new in zip(after, values, made, strict=True):
            one.raw.add_incoming(v.raw, before)
            one.raw.add_incoming(new.raw, end)
        return after

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """What follows happens only if the condition holds."""
        with self.builder.if_then(condition.value):
            yield

    def part(self, write: Callable[..., None], *like: Any) -> Callable[..., None]:
        """A function of its own that `write(code, *given)` emits, to be called with arguments like these."""
        kind = ir.FunctionType(ir.VoidType(), [v.raw.type for v in like])
        module = self.builder.module
        function = ir.Function(module, kind, module.get_unique_name(f"{self.builder.function.name}.part"))
        function.linkage = "internal"
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        code = Code(builder, self.lanes)
        write(code, *[v.of(code, a) for v, a in zip(like, function.args, strict=True)])
        builder.ret_void()
        return lambda *given: self.builder.call(function, [v.raw for v in given])

    def apart(self, write: Callable[..., None], *given: Any) -> None:
        """Call a part that is only for this: LLVM's time grows faster than a function."""
        self.part(write, *given)(*given)

    def finish(self, tail: Value, first: Any, last: Any, left: Any, right: Any) -> None:
        """Run the epilogue of this kernel, if there is one, on a block of its result: see compile.finish."""
        builder, numbers = self.builder, [self.index(n) for n in (tail, first, last, left, right)]
        with self.when(tail != 0):
            kind = ir.FunctionType(ir.VoidType(), [_I64] * 5).as_pointer()
            before = builder.inttoptr(builder.sub(numbers[0], _I64(8)), _I64.as_pointer())
            builder.call(builder.inttoptr(builder.load(before), kind), numbers)

    def barrier(self, team: Pointer, tid: Value, nthreads: Value) -> None:
        """Wait until every thread is here.   team: the pointer "team" of the call, whose first word says how."""
        with self.when(nthreads > 1):
            self.call(team.load(0), self.address(team), tid, nthreads)

    @contextmanager
    def as_long_as(self, going: Callable[[], Value]) -> Iterator[None]:
        """As long as `going()` gives true."""
        builder = self.builder
        head, body, done = (builder.append_basic_block(name) for name in ("head", "body", "done"))
        builder.branch(head)
        builder.position_at_end(head)
        builder.cbranch(going().value, body, done)
        builder.position_at_end(body)
        yield
        builder.branch(head)
        builder.position_at_end(done)

    def either(self, condition: Value) -> Any:
        """`with code.either(c) as (then, otherwise):`, then `with then:` and `with otherwise:`."""
        return self.builder.if_else(condition.value)

    def call(self, function: Value, args: Value, tid: Any, nthreads: Any) -> None:
        """Call the kernel at an address."""
        kind = ir.FunctionType(ir.VoidType(), [_I64] * 3).as_pointer()
        self.builder.call(self.builder.inttoptr(function.value, kind), [self.index(n) for n in (args, tid, nthreads)])

    def pause(self) -> None:
        """A moment of rest for a thread that waits for another."""
        if platform.machine() == "x86_64":
            self.intrinsic("llvm.x86.sse2.pause", ir.VoidType(), [])

    def cycles(self) -> Value:
        """The cycle counter of the CPU."""
        return Value(self, self.intrinsic("llvm.readcyclecounter", _I64, []), "int64")

    def cell(self, start: Any, dtype: str = "int64") -> Cell:
        """A new cell that holds `start`."""
        return Cell(self, self.value(start, dtype))

    def share(self, n: Any, tid: Value, nthreads: Value) -> tuple[Value, Value]:
        """[from, to) of n tasks for this thread."""
        n = self.value(n)
        return n * tid // nthreads, n * (tid + 1) // nthreads


@dataclass(frozen=True)
class Emitted:
    """A kernel that `write(code, *pointers, *sizes, tid, nthreads, **spec)` emits.

    spec    the keyword arguments: what the kernel is specialised on
    dtype   the dtype of which `code.lanes` elements fill a vector register
    block   whether it is an epilogue, which takes (first, last, left, right) instead of (tid, nthreads)
    raw     whether it reads its arguments by itself: `write(code, words, tid, nthreads, **spec)`; sizes come first then
    """

    write: Callable
    spec: tuple[tuple[str, Any], ...] = ()
    dtype: str = "float32"
    block: bool = False
    raw: bool = False
    vector_bytes: int = field(default_factory=vector_bytes)

    @functools.cached_property
    def _hash(self) -> int:
        return hash((self.write, self.spec, self.dtype, self.vector_bytes))

    def __hash__(self) -> int:
        """Worked out once: every plan looks its kernels up."""
        return self._hash

    @property
    def identity(self) -> tuple:
        """What decides about its code, besides the source of the emitters."""
        name = f"{self.write.__module__}.{self.write.__qualname__}"
        return name, self.spec, self.dtype, self.block, self.raw, self.vector_bytes

    def __str__(self) -> str:
        return f"{self.write.__qualname__}\n" + "".join(f"{name}: {value}\n" for name, value in self.spec)

    def into(self, module: ir.Module, name: str, elements: Sequence[str], sizes: int) -> None:
        """Add the kernel to a module: pointers to `elements`, then sizes, are read from its first argument."""
        own = 4 if self.block else 2
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [_I64] * (1 + own)), name)
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        code = Code(builder, self.vector_bytes // size_of(self.dtype))
        words = Pointer(code, builder.inttoptr(function.args[0], _I64.as_pointer()), "int64")
        told = [Value(code, n, "int64") for n in function.args[1:]]
        if self.raw:
            self.write(code, words, *told, **dict(self.spec))
        else:
            given = [words.load(i) for i in range(len(elements) + sizes)]
            pointers = [code.pointer(word, e) for word, e in zip(given, elements, strict=False)]
            self.write(code, *pointers, *given[len(elements) :], *told, **dict(self.spec))
        builder.ret_void()


def _type(dtype: str, lanes: int) -> Any:
    return ir.VectorType(_TYPES[dtype], lanes) if lanes else _TYPES[dtype]


def _suffix(kind: Any) -> str:
    if isinstance(kind, ir.VectorType):
        return f"v{kind.count}{_suffix(kind.element)}"
    return {"float": "f32", "double": "f64"}.get(str(kind), str(kind))
