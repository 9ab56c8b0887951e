"""The executor: kernels that run the kernels of a plan, one after the other, alone or with a team of threads.

All threads of a team walk the same steps, each doing its share, and wait for each other where the plan says so.
Threads that have nothing to do spin for a while, in case that the next run follows soon, and then sleep in the system.
"""

from __future__ import annotations

import platform
import sys
from typing import Any

from llvmlite import ir

from graphflow.backends.cpu.code import Code
from graphflow.backends.cpu.emitted import Emitted
from graphflow.backends.cpu.values import Pointer, Value

ROW = 4  # words for a step: the address of its kernel, that of its arguments, flags, a number other than 0
ALONE = 1  # flag: the first thread runs the step by itself
MEET = 2  # flag: threads wait for each other after the step

# Words that the threads of a team share (int64); those that one thread writes while others look are on lines of their
# own.  The first is where kernels find how to wait.
_WAIT, _ARRIVED, _ROUND, _DOZING, JOB, _ARGUMENTS, _PLACE, _SLEEPING, BUSY, _STOP, READY, MEMBERS, CALLERS = (
    0, 8, 16, 24, 32, 40, 41, 48, 56, 64, 72, 80, 88,
)  # fmt: skip
TEAM_WORDS = 96

# Words of a run, which `launch` and `walk` are called with.
_ROWS, _STATUS, _COUNT, _TEAM, _WALK, _STAMPS, _RUNS, _ALONE, _TOGETHER, _MODE, _LEFT = range(11)

_SPINS = 4000  # pauses before a thread goes to sleep
_TRIALS = 6  # runs at first, alone and together in turn
_BURST = 3  # runs that try what seems to be slower: the first of them may have to wake the team
_OFTEN, _RARE = 64, 512  # runs between bursts, and where one thread has been slower by a quarter or more
_SHORT = 300_000  # a run of fewer cycles is done before a thread that sleeps has woken up
_SETS = 16  # words of a set of CPUs
_FUTEX = {"x86_64": 202, "aarch64": 98}.get(platform.machine())
HAS_TEAMS = sys.platform == "linux" and _FUTEX is not None  # elsewhere plans run on one thread


def run_words(rows: int, status: int, count: int, team: int, walk: int, stamps: int = 0) -> list[int]:
    """The words of a run: the addresses of rows, status, team (0: one thread), the walk, and its stamps."""
    return [rows, status, count, team, walk, stamps, 0, 0, 0, 0, 0]


def walk(code: Code, run: Pointer, tid: Value, nthreads: Value, timed: bool = False) -> None:
    """Call the kernels of a run.

    rows    [count, ROW]
    status  int64[4]: a kernel that meets a bad value sets the first word; no step is begun then, and the last word
            has the number of the one in which it happened
    stamps  [nthreads, count, 2]: where a timed walk notes when each thread began and ended each kernel
    """
    rows, status = (code.pointer(run.load(word), "int64") for word in (_ROWS, _STATUS))
    team = code.pointer(run.load(_TEAM), "int64")
    count = run.load(_COUNT)
    stamps = code.pointer(run.load(_STAMPS), "int64").at(2 * tid * count) if timed else None
    with code.loop(0, count) as i:
        row = rows.at(i * ROW)
        flags = row.load(2)
        alone = (flags & ALONE) != 0
        with code.when((status.load(0) == 0) & (~alone | (tid == 0))):
            if stamps is not None:
                stamps.store(2 * i, code.nanoseconds())
            code.call(row.load(0), row.load(1), tid, code.select(alone, code.value(1), nthreads))
            if stamps is not None:
                stamps.store(2 * i + 1, code.nanoseconds())
            with code.when((status.load(0) != 0) & (status.load(3) == 0)):
                status.store(3, row.load(3))
        with code.when((flags & MEET) != 0):
            code.barrier(team, tid, nthreads)


def relocate(code: Code, table: Pointer, arrays: Pointer, n: Value, head: Value, tid: Value, nthreads: Value) -> None:
    """Write the data addresses of arrays that are new in every run to where kernels look for them.

    table   [n, 2]: the address of an argument, and which array it is
    arrays  [1]: the address of the Python list of these arrays
    head    the words before an object's own fields.  The first field of an array is its data address, by NumPy's C
            interface; those of a list are its length and the address of its items
    """
    items = code.pointer(code.pointer(arrays.load(0), "int64").load(head + 1), "int64")
    with code.loop(0, n) as i:
        array = code.pointer(items.load(table.load(2 * i + 1)), "int64")
        code.pointer(table.load(2 * i), "int64").store(0, array.load(head))


def count_draw(code: Code, draws: Pointer, tid: Value, nthreads: Value) -> None:
    """A random op has drawn: uint64[2] of Store.draws."""
    draws.store(1, draws.load(1) + 1)


# -- teams ---------------------------------------------------------------------------------------------------------
def launch(code: Code, run: Pointer, tid: Value, nthreads: Value) -> None:
    """A run alone or with the team, whichever has been faster so far.

    One run at a time has the team; others that come meanwhile go alone, and so does a short one while the team sleeps.
    Where as many callers come as the team has members, each keeps a CPU busy, and all go alone.
    """
    team = code.pointer(run.load(_TEAM), "int64")
    number, cycles_alone, left, mode = (run.load(word) for word in (_RUNS, _ALONE, _LEFT, _MODE))
    trial = number < _TRIALS
    probing = ~trial & (left < _BURST)
    wanted = code.select(trial, number % 2 == 0, (mode != 0) ^ probing)
    short = (cycles_alone != 0) & (cycles_alone < _SHORT)
    tried, wanted = wanted, wanted & (_add(code, team, CALLERS, 1) + 1 < team.load(MEMBERS))
    asleep = _now(code, team, _SLEEPING) != 0
    with code.when(wanted & asleep):
        _wake(code, team, JOB)
    together = code.cell(code.number(0, "bool"))
    with code.when(wanted & ~(asleep & short)):
        together.set(_taken(code, team))
    begin = code.cycles()
    with code.either(together.get()) as (with_team, without):
        with with_team:
            members = team.load(MEMBERS)
            team.store(_ARGUMENTS, code.address(run))
            team.store(_PLACE, _cpu(code))
            _add(code, team, JOB, 1)
            with code.when(_now(code, team, _SLEEPING) != 0):
                _wake(code, team, JOB)
            code.call(run.load(_WALK), code.address(run), code.value(0), members)
            code.barrier(team, code.value(0), members)
            _add(code, team, BUSY, -1)
        with without:
            code.call(run.load(_WALK), code.address(run), code.value(0), code.value(1))
    _add(code, team, CALLERS, -1)
    went = together.get()
    word = code.select(went, code.value(_TOGETHER), code.value(_ALONE))
    before, took = run.load(word), code.cycles() - begin
    # Of trials and bursts, the shortest; then an average that forgets.  A run that took far longer was interrupted, and
    # counts for little; one that took less says more about what is possible.
    longer = code.minimum(took, before * 2)
    average = before + (longer - before) // code.select(took < before, code.value(4), code.value(8))
    average = code.select(trial | probing, code.minimum(before, took), average)
    first = probing & (left == _BURST - 1) & (went == tried)
    run.store(word, code.select((before == 0) | first, took, average))
    cycles_alone, cycles_together = run.load(_ALONE), run.load(_TOGETHER)
    clear = cycles_alone > cycles_together + cycles_together // 4
    pause = code.select(clear, code.value(_RARE), code.value(_OFTEN))
    with code.when(~probing | (left == 0)):
        run.store(_MODE, (cycles_together <= cycles_alone).cast("int64"))
    run.store(_LEFT, code.select(left == 0, pause + _BURST, left - 1))
    run.store(_RUNS, number + trial.cast("int64"))


def work(code: Code, team: Pointer, tid: Value, nthreads: Value) -> None:
    """What a thread of the team does until it is told to stop: its share of every run."""
    seen, going = code.cell(_now(code, team, JOB)), code.cell(1)
    _add(code, team, READY, 1)
    with code.as_long_as(lambda: going.get() != 0):
        _await(code, team, JOB, seen.get(), _SLEEPING)
        seen.set(_now(code, team, JOB))
        with code.either(_now(code, team, _STOP) != 0) as (stopped, on):
            with stopped:
                going.set(code.value(0))
            with on:
                run = team.load(_ARGUMENTS)
                _move(code, team.load(_PLACE))
                code.call(code.pointer(run, "int64").load(_WALK), run, tid, team.load(MEMBERS))
                code.barrier(team, tid, team.load(MEMBERS))


def dismiss(code: Code, team: Pointer, tid: Value, nthreads: Value) -> None:
    """Tell the threads of a team to stop."""
    _add(code, team, _STOP, 1)
    _add(code, team, JOB, 1)
    _wake(code, team, JOB)


def wait(code: Code, team: Pointer, tid: Value, nthreads: Value) -> None:
    """The barrier: the last one to arrive lets all others go on."""
    current = _now(code, team, _ROUND)
    with code.either(_add(code, team, _ARRIVED, 1) == nthreads - 1) as (last, others):
        with last:
            _add(code, team, _ARRIVED, -nthreads)
            _add(code, team, _ROUND, 1)
            with code.when(_now(code, team, _DOZING) != 0):
                _wake(code, team, _ROUND)
        with others:
            _await(code, team, _ROUND, current, _DOZING)


def _await(code: Code, team: Pointer, word: int, value: Value, sleepers: int) -> None:
    """Until the word is another than `value`: spin, then sleep."""
    spins = code.cell(0)
    with code.as_long_as(lambda: _now(code, team, word) == value):
        code.pause()
        spins.set(spins.get() + 1)
        with code.when(spins.get() > _SPINS):
            _add(code, team, sleepers, 1)
            _system(code, team, word, 128, value)  # FUTEX_WAIT, private to the process
            _add(code, team, sleepers, -1)
            spins.set(code.value(0))


def _wake(code: Code, team: Pointer, word: int) -> None:
    _system(code, team, word, 129, code.value(2**30))  # FUTEX_WAKE, private, all


def _cpu(code: Code) -> Value:
    """The CPU that this thread is on."""
    return Value(code, code.intrinsic("sched_getcpu", ir.IntType(32), []), "int32").cast("int64")


def _move(code: Code, place: Value) -> None:
    """Away from this CPU, to any other that the thread may use.

    Threads that take turns on one CPU are slower than one of them, and the system may leave them there for long.
    """
    with code.when(_cpu(code) == place):
        cpus = code.array(_SETS, "int64")
        word, bit = place // 64, code.value(1) << (place % 64)
        arguments = [ir.IntType(32)(0), code.index(8 * _SETS), cpus.address]  # of this thread
        known = code.intrinsic("sched_getaffinity", ir.IntType(32), arguments)
        with code.when(Value(code, known, "int32") == 0):
            cpus.store(word, cpus.load(word) - bit)
            code.intrinsic("sched_setaffinity", ir.IntType(32), arguments)
            cpus.store(word, cpus.load(word) + bit)
            code.intrinsic("sched_setaffinity", ir.IntType(32), arguments)


def _system(code: Code, team: Pointer, word: int, what: int, value: Value) -> None:
    """The system call of a futex, which is the low half of the word."""
    zero = code.value(0)
    arguments = [
        code.value(_FUTEX),
        code.address(team.at(word)),
        code.value(what),
        value & 0xFFFFFFFF,
        zero,
        zero,
        zero,
    ]
    code.intrinsic("syscall", ir.IntType(64), [a.value for a in arguments])


def _now(code: Code, team: Pointer, word: int) -> Value:
    return Value(code, code.builder.load_atomic(team.at(word).address, "seq_cst", 8), "int64")


def _add(code: Code, team: Pointer, word: int, n: Any) -> Value:
    """Add to a word; gives what it was before."""
    made = code.builder.atomic_rmw("add", team.at(word).address, code.index(n), "seq_cst")
    return Value(code, made, "int64")


def _taken(code: Code, team: Pointer) -> Value:
    """Whether the team was free; it is this run's now."""
    place, zero, one = team.at(BUSY).address, code.index(0), code.index(1)
    pair = code.builder.cmpxchg(place, zero, one, "seq_cst", "seq_cst")
    return Value(code, code.builder.extract_value(pair, 1), "bool")


EXECUTOR = WALK, LAUNCH, WORK, DISMISS, WAIT = tuple(
    [Emitted(f, raw=True) for f in (walk, launch, work, dismiss, wait)]
)
TIMED_WALK = Emitted(walk, spec=(("timed", True),), raw=True)
RELOCATE, COUNT_DRAW = Emitted(relocate), Emitted(count_draw)
