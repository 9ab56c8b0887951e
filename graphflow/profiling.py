"""Where the time of a session's runs goes: by kernel, by operation of the program, and as a trace.

    with tf.profile(session) as found:
        for _ in range(100):
            session.run(step, feeds)
    print(found)
    found.write_trace("trace.json")  # for Perfetto, or chrome://tracing

Threads note when they begin and end each step of the runs in the block, which costs a tenth of a microsecond a step.
Outside of it nothing is measured, and runs are what they were.
"""

from __future__ import annotations

import json
import os
import threading
from bisect import bisect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from graphflow.backends import kernel_counts, measured_peak
from graphflow.backends.clock import CALLER
from graphflow.cost import divided
from graphflow.default_session import get_default_session
from graphflow.errors import GraphError
from graphflow.io.atomic import replacing
from graphflow.ops.fused import names_of, type_of
from graphflow.plan import Step
from graphflow.recording import Recorded
from graphflow.session import Session


@dataclass(frozen=True)
class Timed:
    """A kernel, or an operation of the program: how often it ran, and how long in all.

    names    the operations of the program in it
    flops    FLOPs of one run, None where they are not known
    nbytes   bytes of inputs and outputs of one run; of an operation within a kernel None
    """

    type: str
    names: tuple[str, ...]
    runs: int
    seconds: float
    flops: int | None
    nbytes: int | None

    @property
    def gflops(self) -> float | None:
        """GFLOP/s."""
        return None if self.flops is None or not self.seconds else 1e-9 * self.flops * self.runs / self.seconds

    @property
    def gbytes(self) -> float | None:
        """GB/s."""
        return None if self.nbytes is None or not self.seconds else 1e-9 * self.nbytes * self.runs / self.seconds


class Profiled:
    """What `profile` has measured.  It can be asked when its block has ended.

    compiled, loaded   kernels that were compiled meanwhile, and that were found on disk
    """

    def __init__(self, session: Session) -> None:
        self._threads = session._compiler.threads
        self._records: list[Recorded] = []
        self.compiled = self.loaded = 0

    @property
    def runs(self) -> int:
        """How many runs there were."""
        return sum(r.runs for r in self._records)

    @property
    def seconds(self) -> float:
        """How long they took, without what Session.run does before and after."""
        return sum(r.seconds for r in self._records)

    @property
    def compiling(self) -> float:
        """Seconds in which plans were made and kernels compiled."""
        return sum(r.compiling for r in self._records)

    def kernels(self) -> list[Timed]:
        """Every step of every plan, the one that took longest first."""
        found = [_timed(step, spans) for step, spans in self._steps()]
        return sorted(found, key=lambda t: -t.seconds)

    def operations(self) -> list[Timed]:
        """Every operation of the program, the one that took longest first.

        What a kernel took is divided among its operations by their FLOPs, or evenly where these are not known.
        """
        sums: dict[str, Timed] = {}
        for step, spans in self._steps():
            whole = _timed(step, spans)
            inside = divided(step.op)
            for op, cost, share in inside:
                before = sums.get(op.name)
                sums[op.name] = Timed(
                    op.type, (op.name,), whole.runs + (before.runs if before else 0),
                    share * whole.seconds + (before.seconds if before else 0.0), cost,
                    whole.nbytes if len(inside) == 1 else None,
                )  # fmt: skip
        return sorted(sums.values(), key=lambda t: -t.seconds)

    def _steps(self) -> Iterator[tuple[Step, list[tuple[int, int]]]]:
        for record in self._records:
            for p in record.profiles:
                for number, spans in p.clock.spans().items() if p.clock is not None else ():
                    yield p.plan.steps[number], spans

    # -- as text -----------------------------------------------------------------------------------------------------
    def table(self, rows: Sequence[Timed], count: int = 20) -> str:
        """The first rows as text, with their share of the time, and of what this machine can do at most."""
        best = 1e-9 * measured_peak(self._threads)[1]
        total = sum(t.seconds for t in rows) or 1.0
        lines = [("share", "ms", "runs", "us each", "GFLOP/s", "of peak", "GB/s", "")]
        for t in rows[:count]:
            rate, moved = t.gflops, t.gbytes
            lines.append((
                f"{100 * t.seconds / total:.1f} %", f"{1e3 * t.seconds:.2f}", str(t.runs),
                f"{1e6 * t.seconds / t.runs:.1f}",
                "-" if rate is None else f"{rate:.2f}", "-" if rate is None else f"{100 * rate / best:.1f} %",
                "-" if moved is None else f"{moved:.2f}", f"{t.type} {'+'.join(t.names)}",
            ))  # fmt: skip
        widths = [max(map(len, column)) for column in zip(*(line[:-1] for line in lines), strict=True)]
        text = ["  ".join([*map(str.rjust, line[:-1], widths), line[-1]]).rstrip() for line in lines]
        return "\n".join([*text, *([f"and {len(rows) - count} more"] if len(rows) > count else [])]) + "\n"

    def __str__(self) -> str:
        threads, best = measured_peak(self._threads)
        each, plans = 1e3 * self.seconds / max(1, self.runs), len(self._records)
        head = (
            f"{self.runs} runs of {each:.3f} ms, {self.runs - plans} of them found their plan\n"
            f"compiling {1e3 * self.compiling:.1f} ms: {plans} plans, {self.compiled} kernels compiled and "
            f"{self.loaded} from disk\n"
            f"peak of {threads} thread{'s' * (threads > 1)}: {1e-9 * best:.1f} GFLOP/s in float32\n"
        )
        return f"{head}\nkernels\n{self.table(self.kernels())}\noperations\n{self.table(self.operations())}"

    # -- as a trace --------------------------------------------------------------------------------------------------
    def trace(self) -> dict[str, Any]:
        """The last runs in the trace event format, times in microseconds.

        There is a lane for each thread that has made some, or that belongs to the team: its runs, its share of every
        step, named by the types of its operations, and where it waited for the others.
        """
        events: list[dict[str, Any]] = [
            {"name": "process_name", "ph": "M", "pid": 1, "args": {"name": "graphflow"}},
        ]
        for record in self._records:
            runs = sorted(record.spans)
            for begin, spent, thread in runs:
                events.append(_event(record.name[:80], "run", begin, spent, thread, {"runs": record.runs}))

            def lane(thread: int, at: int, runs: Sequence[tuple[int, int, int]] = runs) -> int:
                return runs[bisect(runs, at, key=itemgetter(0)) - 1][2] if thread == CALLER else thread

            for plan, clock in [(p.plan, p.clock) for p in record.profiles if p.clock is not None]:
                for number, times in clock.shares().items():
                    step = plan.steps[number]
                    args = {"operations": names_of(step.op), "step": number, "FLOP": step.flops, "bytes": step.nbytes}
                    for thread, (begin, spent) in [share for run in times for share in run.items()]:
                        events.append(_event(type_of(step.op), "step", begin, spent, lane(thread, begin), args))
                for thread, begin, spent in clock.waits():
                    events.append(_event("wait", "wait", begin, spent, lane(thread, begin), {}))
        names = {t.native_id: t.name for t in threading.enumerate()}
        for tid in dict.fromkeys(event["tid"] for event in events[1:]):
            name = names.get(tid, f"thread {tid}")
            events.append({"name": "thread_name", "ph": "M", "pid": 1, "tid": tid, "args": {"name": name}})
        return {"traceEvents": events, "displayTimeUnit": "ms"}

    def write_trace(self, path: Any) -> str:
        """Write the trace as JSON; gives the path."""
        name = os.fsdecode(path)
        with replacing(name) as file:
            file.write(json.dumps(self.trace()).encode())
        return name


def _timed(step: Step, spans: Sequence[tuple[int, int]]) -> Timed:
    return Timed(
        type_of(step.op), names_of(step.op), len(spans), 1e-9 * sum(s for _, s in spans), step.flops, step.nbytes
    )


def _event(name: str, category: str, begin: int, spent: int, thread: int, args: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "cat": category, "ph": "X", "pid": 1, "tid": thread, "ts": begin / 1000, "dur": spent / 1000,
            "args": args}  # fmt: skip


@contextmanager
def profile(session: Session | None = None) -> Iterator[Profiled]:
    """Measure what a session, the default one if none is given, runs in the block; see the module.

    A run of something new is compiled, measured, in the block; plans that the session had wait until it ends.
    Raises: ValueError without a session.
    """
    chosen = session or get_default_session()
    if chosen is None:
        raise GraphError("profile() needs a session: pass one, or use `with tf.Session():`")
    found = Profiled(chosen)
    before = kernel_counts()
    with chosen._recording() as records:
        yield found
    after = kernel_counts()
    found.compiled, found.loaded = (after[key] - before[key] for key in ("compiled", "loaded"))
    found._records = [r for r in records if r.profiles and all(op.graph is chosen.graph for op in r.asked.ops)]
