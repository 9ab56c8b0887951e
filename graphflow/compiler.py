"""From a program to an executable: specialized, optimized, planned, compiled; in stages where shapes come out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from graphflow.backends.base import Backend, Executable
from graphflow.backends.calls import callers
from graphflow.backends.clock import Clock
from graphflow.backends.finite import Watch, checked
from graphflow.config import current
from graphflow.debug import Profile, report_compile
from graphflow.dtypes import DType, ListType, as_dtype
from graphflow.passes import Report, collector_paused, optimize
from graphflow.plan import Plan, holds_items, make_plan
from graphflow.plan_check import check_plan
from graphflow.program import Program, specialize
from graphflow.shape import Dims, known, show
from graphflow.store import Store


class Compiler:
    """Makes executables of programs, for one backend and the variables of one store.

    threads  how many run a plan together; 0 for the backend's own number
    """

    def __init__(self, backend: Backend, store: Store, threads: int, check_numerics: bool) -> None:
        self.backend = backend
        self.threads = threads
        self._store = store
        self._check_numerics = check_numerics
        self._compiling = threading.RLock()

    @property
    def checks_numbers(self) -> bool:
        return self._check_numerics or current().finite

    def compile(
        self,
        program: Program,
        dims: Sequence[Dims],
        why: str = "",
        profiles: list[Profile] | None = None,
        given: Sequence[DType | None] = (),
        threads: int | None = None,
    ) -> Executable:
        """The executable for these shapes of the feeds.

        why       what GRAPHFLOW_DEBUG is to tell as the reason
        given     arrays of which dtypes come for feeds that are lists, see `specialize`
        profiles  when given, runs are measured: a profile for each stage is added
        threads   how many may run it together; the compiler's number when None
        """
        start = time.perf_counter()
        debug, report, clock = current().debug, Report(), None
        threads = self.threads if threads is None else threads
        with self._compiling, collector_paused():
            plan, rest = self.planned(program, dims, report if debug or profiles is not None else None, given)
            if profiles is not None:
                clock = Clock()
                profiles.append(Profile(report, plan, clock))
            bodies = _Bodies(self)
            watch = Watch(plan, self._store) if self.checks_numbers else None
            executable = self.backend.compile(plan, self._store, clock, threads, bodies, watch)
            if watch is not None:
                executable = checked(executable, watch, partial(callers, plan.program, self._store, bodies))
        if debug:
            report_compile(plan, report, time.perf_counter() - start, why)
        return executable if rest is None else self._staged(executable, rest, profiles, threads)

    def planned(
        self,
        program: Program,
        dims: Sequence[Dims],
        report: Report | None,
        given: Sequence[DType | None] = (),
        donated: Collection[int] | None = None,
    ) -> tuple[Plan, Program | None]:
        """The plan for these shapes of the feeds, and what is left for later because its shapes depend on values."""
        stage = specialize(program, dims, self._store.dims, given)
        layouts = None if self.checks_numbers else self.backend.layouts  # what fills lanes up need not be finite
        short = self.backend.short
        if short is not None and self.checks_numbers:
            short = replace(short, together=0)  # what a round makes is looked at
        program = optimize(stage.program, report, layouts, short, self.backend.epilogues)
        plan = make_plan(program, self.backend.lower, donated, self.backend.lists)
        if current().verifies:
            check_plan(plan)
        return plan, stage.rest

    def _staged(self, first: Executable, rest: Program, profiles: list[Profile] | None, threads: int) -> Executable:
        """The first stage, then the rest, compiled for the shapes that came out."""
        then = self.function(rest, profiles, threads)
        return lambda feeds: then(first(feeds))

    def function(
        self, program: Program, profiles: list[Profile] | None = None, threads: int | None = None
    ) -> Executable:
        """A program for feeds of any shapes: compiled for those that come."""
        known: dict[Any, Executable] = {}
        lists = [i for i, t in enumerate(program.feeds) if isinstance(t.dtype, ListType)]

        def run(values: list[np.ndarray]) -> list[np.ndarray]:
            dims = [v.shape for v in values]
            for i in lists:
                if values[i].dtype.hasobject:
                    dims[i] = (None,)
            key = (tuple(dims), self._store.epoch, tuple([values[i].dtype for i in lists]))
            executable = known.get(key)
            if executable is None:
                came = ", ".join(f"{t.name} {show(v.shape)}" for t, v in zip(program.feeds, values, strict=True))
                given: list[Any] = [None] * len(values)
                for i in lists:
                    given[i] = None if values[i].dtype.hasobject else as_dtype(values[i].dtype)
                executable = known[key] = self.compile(
                    program, key[0], f"shapes that came out: {came}", profiles, given, threads
                )
            return executable(values)

        return run


def one_each(compile: Callable[[], Executable]) -> Executable:
    """An executable for each of the runs that are under way at a time.

    For programs that let the session's lock go while they wait: another run of the same program may begin then.
    """
    free: list[Executable] = []

    def run(feeds: list[np.ndarray]) -> list[np.ndarray]:
        executable = free.pop() if free else compile()
        try:
            return executable(feeds)
        finally:
            free.append(executable)

    return run


class _Bodies:
    """What a backend asks for the bodies of branches and loops."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler

    def __call__(self, program: Program) -> Executable:
        """What runs a body, for feeds of any shapes."""
        return self._compiler.function(program)

    def plan(self, program: Program, donated: Collection[int]) -> Plan | None:
        """The plan of a body whose shapes are all known; None where they are not.   donated: see `make_plan`."""
        if not all(holds_items(t) if isinstance(t.dtype, ListType) else known(t.dims) for t in program.feeds):
            return None
        types = [t.dtype for t in program.feeds]
        plan, rest = self._compiler.planned(program, [t.dims for t in program.feeds], None, types, donated)
        return plan if rest is None else None
