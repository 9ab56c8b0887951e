"""Loops and branches as native code: kernels that walk the kernels of bodies.

A loop walks its body again and again.  Loop variables live in two places that take turns: an iteration reads one and
writes the other.  Lists stay where they are.  Rows that are taken and stacked are read and written where they are; in
cells that grow, where nobody knows how many there will be.  Before each iteration the kernel puts these addresses where
the kernels of the body look for them.
"""

from __future__ import annotations

from llvmlite import ir

from graphflow.backends.cpu.cells import COUNT, DATA, clear, move, reserve
from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.emitted import Emitted
from graphflow.backends.cpu.values import I64, Pointer, Value

# Words of a loop.
(
    _LIMIT, _REVERSE, _OVER, _MOVES, _MOVE_COUNT, _TEST, _FLAG, _BODY, _BEFORE, _BEFORE_COUNT, _AFTER, _AFTER_COUNT,
    _ROWS, _ROWS_COUNT, _ROUNDS, _TEAM, _WALK, _STATUS, _BUDGET,
) = range(19)  # fmt: skip
AT, READ, WRITE = 0, 1, 2  # which place a move names: the row of the iteration, what it reads, what it writes
IN_CELL = 4  # the base of the move is where the cell says that its items are
BUDGET = 10**8  # cycles after which a loop asks whether it was interrupted
INTERRUPTED = 3  # what the first word of the status is then
THREAD = 4  # word of the status: the thread of Python that runs this, while it has let the GIL go

# Words of a branch.
_INDEX, _IS_BOOL, _COUNT, _RUNS, _BRANCH_WALK = range(5)

LINE = 64  # bytes of a line of the cache


def loop(code: Code, words: Pointer, tid: Value, nthreads: Value) -> None:
    """Run a body until its test says no, the limit is reached, or something went wrong.

    limit   the address of an int32; negative: none
    moves   [count, 4]: the address of a word, and the base, stride and kind of what is put there
    before  [count, 3]: what is copied before the first iteration: to, from, bytes
    after   [count, 4]: what is copied after the last: to, the base and stride of the two places, bytes
    rows    [count, 2]: cells that get an item in each iteration, and the bytes of it
    """
    status, team = (code.pointer(words.load(word), "int64") for word in (_STATUS, _TEAM))
    limit = code.pointer(words.load(_LIMIT), "int32").load(0).cast("int64")
    i, going, asked = code.cell(0), code.cell(1), code.cell(code.cycles())
    budget, walk = words.load(_BUDGET), words.load(_WALK)
    with code.when(tid == 0):
        _copy_all(code, words)
    with code.as_long_as(lambda: going.get() != 0):
        with code.when(tid == 0):
            with code.when((code.cycles() - asked.get() > budget) & (status.load(0) == 0)):
                look(code, status)
                asked.set(code.cycles())
            over = (limit >= 0) & (i.get() >= limit)
            reverse = words.load(_REVERSE) != 0
            with code.when(~over):
                _make_room(code, words, code.select(reverse, limit, i.get() + 1), status)
                _move_all(code, words, code.select(reverse, limit - 1 - i.get(), i.get()), i.get())
            words.store(_OVER, (over | (status.load(0) != 0)).cast("int64"))
        code.barrier(team, tid, nthreads)
        going.set(1 - words.load(_OVER))
        with code.when((going.get() != 0) & (words.load(_TEST) != 0)):
            code.call(walk, words.load(_TEST), tid, nthreads)
            code.barrier(team, tid, nthreads)
            going.set(code.pointer(words.load(_FLAG), "uint8").load(0).cast("int64"))
        with code.when(going.get() != 0):
            code.call(walk, words.load(_BODY), tid, nthreads)
            code.barrier(team, tid, nthreads)
            i.set(i.get() + 1)
    with code.when(tid == 0):
        _copy_last(code, words, i.get())
        code.pointer(words.load(_ROUNDS), "int32").store(0, i.get().cast("int32"))
        _close_rows(code, words, i.get())


def look(code: Code, status: Pointer) -> None:
    """Let Python handle its signals; when that raises an exception, end the run, whose caller finds it."""
    thread = status.load(THREAD)
    with code.when(thread != 0):
        code.intrinsic("PyEval_RestoreThread", ir.VoidType(), [thread.value])
    failed = Value(code, code.intrinsic("PyErr_CheckSignals", ir.IntType(32), []), "int32")
    with code.when(failed != 0):
        status.store(0, INTERRUPTED)
    with code.when(thread != 0):
        status.store(THREAD, Value(code, code.intrinsic("PyEval_SaveThread", I64, []), "int64"))


def unlocked(code: Code, words: Pointer, tid: Value, nthreads: Value) -> None:
    """Run something without the GIL, which is taken back where signals are looked for.

    what, run, status   the address of a kernel, its arguments, the status of the run
    """
    status = code.pointer(words.load(2), "int64")
    status.store(THREAD, Value(code, code.intrinsic("PyEval_SaveThread", I64, []), "int64"))
    code.call(words.load(0), words.load(1), code.value(0), code.value(1))
    code.intrinsic("PyEval_RestoreThread", ir.VoidType(), [status.load(THREAD).value])
    status.store(THREAD, code.value(0))


def _make_room(code: Code, words: Pointer, count: Value, status: Pointer) -> None:
    table = code.pointer(words.load(_ROWS), "int64")
    with code.loop(0, words.load(_ROWS_COUNT)) as n:
        entry = table.at(2 * n)
        reserve(code, code.pointer(entry.load(0), "int64"), count * entry.load(1), status)


def _close_rows(code: Code, words: Pointer, count: Value) -> None:
    table = code.pointer(words.load(_ROWS), "int64")
    with code.loop(0, words.load(_ROWS_COUNT)) as n:
        code.pointer(table.load(2 * n), "int64").store(COUNT, count)


def _move_all(code: Code, words: Pointer, at: Value, i: Value) -> None:
    table = code.pointer(words.load(_MOVES), "int64")
    with code.loop(0, words.load(_MOVE_COUNT)) as n:
        entry = table.at(4 * n)
        kind = entry.load(3) & (IN_CELL - 1)
        index = code.select(kind == AT, at, (i + code.select(kind == WRITE, code.value(1), code.value(0))) & 1)
        base = code.cell(entry.load(1))
        with code.when((entry.load(3) & IN_CELL) != 0):
            base.set(code.pointer(base.get(), "int64").load(DATA))
        code.pointer(entry.load(0), "int64").store(0, base.get() + index * entry.load(2))


def _copy_all(code: Code, words: Pointer) -> None:
    table = code.pointer(words.load(_BEFORE), "int64")
    with code.loop(0, words.load(_BEFORE_COUNT)) as n:
        entry = table.at(3 * n)
        move(code, entry.load(0), entry.load(1), entry.load(2))


def _copy_last(code: Code, words: Pointer, i: Value) -> None:
    table = code.pointer(words.load(_AFTER), "int64")
    with code.loop(0, words.load(_AFTER_COUNT)) as n:
        entry = table.at(4 * n)
        move(code, entry.load(0), entry.load(1) + (i & 1) * entry.load(2), entry.load(3))


def copy(code: Code, words: Pointer, tid: Value, nthreads: Value) -> None:
    """Copy bytes: to, from, how many.   Threads share the lines of the cache."""
    to, source, n = words.load(0), words.load(1), words.load(2)
    first, last = (code.minimum(line * LINE, n) for line in code.share((n + (LINE - 1)) // LINE, tid, nthreads))
    with code.when(first < last):
        move(code, to + first, source + first, last - first)


def zero(code: Code, words: Pointer, tid: Value, nthreads: Value) -> None:
    """Fill bytes with zero: where, how many."""
    clear(code, words.load(0), words.load(1))


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


LOOP, COPY, CLEAR, BRANCH, UNLOCKED = (Emitted(f, raw=True) for f in (loop, copy, zero, branch, unlocked))
