"""A small vocabulary for kernels in LLVM IR: functions of values, memory, loops and branches.

A kernel is written as a Python function over a `Code`; it reads like the loop that it emits:

    def scale(code, x, y, n, factor):
        with code.loop(0, n, code.lanes) as i:
            inside = code.lanes_below(n - i)
            y.store(i, x.load(i, code.lanes, inside) * factor, inside)

Loops may be left to LLVM to unroll, never to vectorise: lanes are explicit, so the code is the same whatever width LLVM
prefers on a CPU.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from llvmlite import ir

from graphflow.backends.cpu.values import I1, I8, I32, I64, TYPES, Cell, Pointer, Value, suffix


class Code:
    """One function that is being emitted.   lanes: how many elements of its main dtype fill a vector register."""

    def __init__(self, builder: ir.IRBuilder, lanes: int) -> None:
        self.builder, self.lanes = builder, lanes

    # -- numbers -------------------------------------------------------------------------------------------------
    def number(self, n: Any, dtype: str = "int64", lanes: int = 0) -> Value:
        """A constant, in every lane."""
        kind = TYPES[dtype]
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
        kind = TYPES[dtype]
        return Value(self, ir.Constant(ir.VectorType(kind, lanes), [kind(i) for i in range(lanes)]), dtype, lanes)

    def lanes_below(self, n: Value, lanes: int = 0) -> Value:
        """The mask that lets the first n lanes through; n may exceed their number."""
        lanes = lanes or self.lanes
        few = self.minimum(n, lanes).cast("int32")
        return self.steps(lanes, "int32") < few

    def unrelated(self, n: Value) -> Value:
        """The same number, of which LLVM does not see what it was computed from."""
        place = self.builder.inttoptr(n.value, I8.as_pointer())
        hidden = self.intrinsic("llvm.launder.invariant.group.p0", place.type, [place])
        return Value(self, self.builder.ptrtoint(hidden, I64), n.dtype)

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
        made = self.intrinsic(f"llvm.{name}.{suffix(first.value.type)}", first.value.type, [v.value for v in values])
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
        made = self.intrinsic(f"llvm.vector.reduce.or.{suffix(condition.value.type)}", I1, [condition.value])
        return Value(self, made, "bool")

    def all_of(self, condition: Value) -> Value:
        """Whether it holds in every lane."""
        if not condition.lanes:
            return condition
        made = self.intrinsic(f"llvm.vector.reduce.and.{suffix(condition.value.type)}", I1, [condition.value])
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
                f"llvm.vector.reduce.fadd.{suffix(v.value.type)}", kind, [zero, v.value], fastmath=("reassoc",)
            )
        else:
            made = self.intrinsic(f"llvm.vector.reduce.add.{suffix(v.value.type)}", kind, [v.value])
        return Value(self, made, v.dtype)

    def shuffle(self, a: Value, b: Value, lanes: Sequence[int]) -> Value:
        """A vector of chosen lanes, those of b counted on from those of a."""
        made = self.builder.shuffle_vector(a.value, b.value, ir.Constant(ir.VectorType(I32, len(lanes)), list(lanes)))
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
        kind = I8 if dtype == "bool" else TYPES[dtype]
        return Pointer(self, self.builder.inttoptr(address.value, kind.as_pointer()), dtype)

    def address(self, pointer: Pointer) -> Value:
        """Where it points to."""
        return Value(self, self.builder.ptrtoint(pointer.address, I64), "int64")

    def array(self, n: int, dtype: str) -> Pointer:
        """n elements on the stack."""
        with self.builder.goto_entry_block():
            place = self.builder.alloca(I8 if dtype == "bool" else TYPES[dtype], n)
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
        i = builder.phi(I64)
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
        i = builder.phi(I64)
        i.add_incoming(first.value, before)
        held = [v.of(self, builder.phi(v.raw.type)) for v in values]
        for one, v in zip(held, values, strict=True):
            one.raw.add_incoming(v.raw, before)
        made = body(Value(self, i, "int64"), *held)
        following = builder.add(i, I64(1))
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
            kind = ir.FunctionType(ir.VoidType(), [I64] * 5).as_pointer()
            before = builder.inttoptr(builder.sub(numbers[0], I64(8)), I64.as_pointer())
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
        kind = ir.FunctionType(ir.VoidType(), [I64] * 3).as_pointer()
        self.builder.call(self.builder.inttoptr(function.value, kind), [self.index(n) for n in (args, tid, nthreads)])

    def pause(self) -> None:
        """A moment of rest for a thread that waits for another."""
        if platform.machine() == "x86_64":
            self.intrinsic("llvm.x86.sse2.pause", ir.VoidType(), [])

    def cycles(self) -> Value:
        """The cycle counter of the CPU."""
        return Value(self, self.intrinsic("llvm.readcyclecounter", I64, []), "int64")

    def nanoseconds(self) -> Value:
        """The clock of time.perf_counter_ns."""
        now = self.array(2, "int64")
        self.intrinsic("clock_gettime", I32, [I32(time.CLOCK_MONOTONIC), now.address])
        return now.load(0) * 1_000_000_000 + now.load(1)

    def cell(self, start: Any, dtype: str = "int64") -> Cell:
        """A new cell that holds `start`."""
        return Cell(self, self.value(start, dtype))

    def share(self, n: Any, tid: Value, nthreads: Value) -> tuple[Value, Value]:
        """[from, to) of n tasks for this thread."""
        n = self.value(n)
        return n * tid // nthreads, n * (tid + 1) // nthreads
