"""Loops and branches as native code: kernels that walk the kernels of bodies.

A loop walks its body again and again.  Loop variables live in two places that take turns: an iteration reads one and
writes the other.  Rows that are taken and stacked are read and written where they are.  Before each iteration the
kernel puts these addresses where the kernels of the body look for them.
"""

from __future__ import annotations

import ctypes

from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.emitted import Emitted
from graphflow.backends.cpu.values import Pointer, Value

# Words of a loop.
(
    _LIMIT, _REVERSE, START, PAUSED, _MOVES, _MOVE_COUNT, _TEST, _FLAG, _BODY, _BEFORE, _BEFORE_COUNT, _AFTER,
    _AFTER_COUNT, _ROUNDS, _MEMCPY, _TEAM, _WALK, _STATUS, _BUDGET,
) = range(19)  # fmt: skip
AT, READ, WRITE = 0, 1, 2  # which place a move names: the row of the iteration, what it reads, what it writes
BUDGET = 10**8  # cycles after which a loop comes back to Python for a moment, which may have been interrupted

# Words of a branch.
_INDEX, _IS_BOOL, _COUNT, _RUNS, _BRANCH_WALK = range(5)

LINE = 64  # bytes of a line of the cache

MEMCPY = ctypes.cast(ctypes.CDLL(None).memcpy, ctypes.c_void_p).value or 0
MEMSET = ctypes.cast(ctypes.CDLL(None).memset, ctypes.c_void_p).value or 0


def loop(code: Code, words: Pointer, tid: Value, nthreads: Value) -> None:
    """Run a body until its test says no, the limit is reached, or the time is up.

    limit   the address of an int32; negative: none
    moves   [count, 4]: the address of a word, and the base, stride and kind of what is put there
    before  [count, 3]: what is copied before the first iteration: to, from, bytes
    after   [count, 4]: what is copied after the last: to, the base and stride of the two places, bytes
    """
    status, team = (code.pointer(words.load(word), "int64") for word in (_STATUS, _TEAM))
    limit = code.pointer(words.load(_LIMIT), "int32").load(0).cast("int64")
    start = words.load(START)
    i, going, finished = code.cell(start), code.cell(1), code.cell(0)
    begin, budget, walk = code.cycles(), words.load(_BUDGET), words.load(_WALK)
    with code.when((tid == 0) & (i.get() == 0)):
        _copy_all(code, words)
    with code.as_long_as(lambda: going.get() != 0):
        with code.when(tid == 0):
            at = code.select(words.load(_REVERSE) != 0, limit - 1 - i.get(), i.get())
            _move_all(code, words, at, i.get())
            late = (budget != 0) & (i.get() > start) & (code.cycles() - begin > budget)
            words.store(PAUSED, code.select(late, code.value(1), code.value(0)))
        code.barrier(team, tid, nthreads)
        over = ((limit >= 0) & (i.get() >= limit)) | (status.load(0) != 0)
        paused = words.load(PAUSED) != 0
        finished.set(code.select(over, code.value(1), code.value(0)))
        with code.when(~over & ~paused & (words.load(_TEST) != 0)):
            code.call(walk, words.load(_TEST), tid, nthreads)
            code.barrier(team, tid, nthreads)
            no = code.pointer(words.load(_FLAG), "uint8").load(0).cast("int64") == 0
            finished.set(code.select(no, code.value(1), code.value(0)))
        with code.either(paused | (finished.get() != 0)) as (stop, on):
            with stop:
                going.set(code.value(0))
            with on:
                code.call(walk, words.load(_BODY), tid, nthreads)
                code.barrier(team, tid, nthreads)
                i.set(i.get() + 1)
    with code.when(tid == 0), code.either(finished.get() != 0) as (done, later):
        with done:
            _copy_last(code, words, i.get())
            code.pointer(words.load(_ROUNDS), "int32").store(0, i.get().cast("int32"))
            words.store(START, code.value(0))
            words.store(PAUSED, code.value(0))
        with later:
            words.store(START, i.get())


def _move_all(code: Code, words: Pointer, at: Value, i: Value) -> None:
    table = code.pointer(words.load(_MOVES), "int64")
    with code.loop(0, words.load(_MOVE_COUNT)) as n:
        entry = table.at(4 * n)
        kind = entry.load(3)
        index = code.select(kind == AT, at, (i + code.select(kind == WRITE, code.value(1), code.value(0))) & 1)
        code.pointer(entry.load(0), "int64").store(0, entry.load(1) + index * entry.load(2))


def _copy_all(code: Code, words: Pointer) -> None:
    table = code.pointer(words.load(_BEFORE), "int64")
    with code.loop(0, words.load(_BEFORE_COUNT)) as n:
        entry = table.at(3 * n)
        code.call(words.load(_MEMCPY), entry.load(0), entry.load(1), entry.load(2))


def _copy_last(code: Code, words: Pointer, i: Value) -> None:
    table = code.pointer(words.load(_AFTER), "int64")
    with code.loop(0, words.load(_AFTER_COUNT)) as n:
        entry = table.at(4 * n)
        code.call(words.load(_MEMCPY), entry.load(0), entry.load(1) + (i & 1) * entry.load(2), entry.load(3))


def copy(code: Code, words: Pointer, tid: Value, nthreads: Value) -> None:
    """Copy bytes: to, from, how many, and the address of memcpy.   Threads share the lines of the cache."""
    to, source, n = words.load(0), words.load(1), words.load(2)
    first, last = (code.minimum(line * LINE, n) for line in code.share((n + (LINE - 1)) // LINE, tid, nthreads))
    with code.when(first < last):
        code.call(words.load(3), to + first, source + first, last - first)


def clear(code: Code, words: Pointer, tid: Value, nthreads: Value) -> None:
    """Fill bytes with zero: where, how many, and the address of memset."""
    code.call(words.load(2), words.load(0), code.value(0), words.load(1))


def branch(code: Code, words: Pointer, tid: Value, nthreads: Value) -> None:
    """Walk one of several runs.

    index   the address of a bool or an int32; out of range stands for the last run
    runs    [count]: the addresses of runs
    """
    address, count = words.load(_INDEX), words.load(_COUNT)
    number = code.cell(0)
    with code.either(words.load(_IS_BOOL) != 0) as (flag, integer):
        with flag:
            number.set(code.pointer(address, "uint8").load(0).cast("int64"))
        with integer:
            given = code.pointer(address, "int32").load(0).cast("int64")
            number.set(code.select((given >= 0) & (given < count), given, count - 1))
    runs = code.pointer(words.load(_RUNS), "int64")
    code.call(words.load(_BRANCH_WALK), runs.load(number.get()), tid, nthreads)


LOOP, COPY, CLEAR, BRANCH = (Emitted(f, raw=True) for f in (loop, copy, clear, branch))
