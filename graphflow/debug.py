"""What GRAPHFLOW_DEBUG and explain tell: why something was compiled, what came of it, and how fast it runs."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from graphflow.backends.base import Executable
from graphflow.backends.clock import Clock
from graphflow.config import current
from graphflow.operation import Operation, Tensor
from graphflow.passes import Report
from graphflow.plan import Plan
from graphflow.plan_text import plan_text
from graphflow.protos import NodeExecStats, StepStats
from graphflow.shape import Dims, show

log = logging.getLogger("graphflow")

Asks = tuple[tuple[Tensor, ...], tuple[Operation, ...], tuple[Tensor, ...]]  # fetches, targets, feeds
Key = tuple[Asks, int, tuple[Dims, ...] | None]  # with the epoch of the store and the shapes of the feeds


@dataclass(frozen=True)
class Profile:
    """One compiled plan: what the passes did, and, in measured runs, the time of its steps."""

    report: Report
    plan: Plan
    clock: Clock | None = None

    @cached_property
    def labels(self) -> list[dict[str, str]]:
        """What each step is called in the StepStats of a run."""
        return [
            {"node_name": op.name,
             "timeline_label": f"{op.name} = {op.type}({', '.join(t.op.name for t in op.inputs)})"}
            for op in (step.op for step in self.plan.steps)
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.report}{self.plan_text()}"

    def plan_text(self) -> str:
        """The plan, with times where there is a clock."""
        return plan_text(self.plan, None if self.clock is None else self.clock.seconds())


def step_stats(profiles: Sequence[Profile], begin: int, wall: int, into: StepStats) -> None:
    """Add what the clocks say of the run that began at `begin`, of perf_counter_ns, which was `wall` of time_ns."""
    device = into.dev_stats.add(device="/job:localhost/replica:0/task:0/device:CPU:0")
    found = []
    for profile in profiles:
        times = profile.clock.last() if profile.clock is not None else []
        for named, time in zip(profile.labels, times, strict=True):
            if time is not None and time[0] >= begin:
                start, spent = time[0] - begin + wall, time[1]
                stats = NodeExecStats()
                vars(stats).update(  # every run has these, so they are not checked one by one
                    named, all_start_micros=start // 1000, scheduled_micros=start // 1000,
                    op_end_rel_micros=spent // 1000, all_end_rel_micros=spent // 1000,
                    all_start_nanos=start, op_end_rel_nanos=spent, all_end_rel_nanos=spent,
                )  # fmt: skip
                found.append(stats)
    list.extend(device.node_stats, found)


def reason(key: Key, earlier: Iterable[Key], reshaped: Operation | None) -> str:
    """Why none of the keys of what was compiled earlier fits.

    reshaped   the last variable whose value got another shape
    """
    (fetches, targets, feeds), epoch, dims = key
    same = [k for k in earlier if k[0][:2] == (fetches, targets)]
    if not same:
        return "new fetches"
    same = [k for k in same if k[0][2] == feeds]
    if not same:
        return f"new feeds: {', '.join(t.name for t in feeds) or 'nothing'}"
    before = [k[2] for k in same if k[1] == epoch]
    if before and dims is not None and before[-1] is not None:
        changed = [f"{t.name} {show(new)} after {show(old)}"
                   for t, new, old in zip(feeds, dims, before[-1], strict=True) if new != old]  # fmt: skip
        return f"new shapes: {', '.join(changed)}"
    assert reshaped is not None, "nothing else is in a key"
    return f"a variable with another shape: {reshaped.name}"


def report_compile(plan: Plan, report: Report, seconds: float, why: str) -> None:
    """1: a line; 2: what the passes did; 3: the plan; 4: the source of generated kernels."""
    debug = current().debug
    without = ", ".join(sorted({step.op.type for step in plan.steps if step.call is None and not step.copy}))
    log.warning(
        "compiled %d steps in %.1f ms for %s, because of %s%s",
        len(plan.steps), 1e3 * seconds, report.wanted(), why, f"; on the reference: {without}" if without else "",
    )  # fmt: skip
    if debug >= 2:
        log.warning("%s", report)
    if debug >= 3:
        log.warning("%s", plan)
    if debug >= 4:
        calls = [step.call for step in plan.steps if step.call is not None]
        calls += [call.tail for call in calls if call.tail is not None]
        for source in dict.fromkeys(call.source for call in calls if call.source):
            log.warning("%s", source)


def reporting(executable: Executable, profiles: Sequence[Profile]) -> Executable:
    """The executable, which logs the times of its steps after 1, 10, 100, ... runs."""
    runs, next_at = 0, 1

    def run(feeds: list[np.ndarray]) -> list[np.ndarray]:
        nonlocal runs, next_at
        results = executable(feeds)
        runs += 1
        if runs == next_at:
            next_at *= 10
            for profile in profiles:
                log.warning("median times of %d runs\n%s", runs, profile.plan_text())
        return results

    return run
