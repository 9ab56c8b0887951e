"""What GRAPHFLOW_DEBUG and explain tell: why something was compiled, what came of it, and how fast it runs."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from graphflow.backends.base import Executable
from graphflow.backends.clock import CALLER, Clock
from graphflow.config import current
from graphflow.cost import divided
from graphflow.operation import Operation, Tensor
from graphflow.ops.fused import names_of, type_of
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

    def __str__(self) -> str:
        return f"{self.report}{self.plan_text()}"

    def plan_text(self) -> str:
        """The plan, with times where there is a clock."""
        return plan_text(self.plan, None if self.clock is None else self.clock.seconds())


_DEVICE = "/job:localhost/replica:0/task:0/device:{}:0"


def step_stats(measured: Sequence[tuple[Plan, Clock]], begin: int, wall: int, device: str, into: StepStats) -> None:
    """Add what the clocks say of the run that began at `begin`, of perf_counter_ns, which was `wall` of time_ns.

    device   where the kernels ran, "CPU" or "GPU"; steps without a kernel run on the CPU
    Each device has every operation that it ran: what a kernel took is divided among its operations by their FLOPs, one
    after the other.  Then there is a device for each thread, with its share of every kernel, and where it waited.
    """
    operations: dict[str, list[NodeExecStats]] = {device: []}
    lanes: dict[int, list[NodeExecStats]] = {CALLER: []}
    for plan, clock in measured:
        spans = clock.spans()
        for number, (shares,) in clock.shares().items():
            ((start, spent),) = spans[number]
            if start < begin:
                continue  # of an earlier run
            op, at = plan.steps[number].op, float(start)
            on_host = plan.steps[number].call is None and not plan.steps[number].copy
            ran_on = operations.setdefault("CPU" if on_host else device, [])
            for member, _, part in divided(op):
                ran_on.append(_node(member.name, member.type, member.inputs, int(at), int(part * spent)))
                at += part * spent
            for thread, share in shares.items():
                found = _node("+".join(names_of(op)), type_of(op), op.inputs, *share)
                lanes.setdefault(thread, []).append(found)
        for thread, start, spent in clock.waits():
            if start >= begin:
                lanes[thread].append(_node("wait", "Wait", (), start, spent))
    for name, nodes in operations.items():
        into.dev_stats.add(device=_DEVICE.format(name), node_stats=nodes)
    for number, nodes in enumerate(lanes.values()):
        into.dev_stats.add(device=f"{_DEVICE.format(device)}/thread:{number}", node_stats=nodes)
    for each in into.dev_stats:
        each.node_stats.sort(key=lambda stats: stats.all_start_nanos)
        for stats in each.node_stats:
            stats.all_start_nanos += wall - begin
            stats.all_start_micros = stats.scheduled_micros = stats.all_start_nanos // 1000


def _node(name: str, kind: str, inputs: Sequence[Tensor], start: int, spent: int) -> NodeExecStats:
    return NodeExecStats(
        node_name=name, timeline_label=f"{name} = {kind}({', '.join([t.op.name for t in inputs])})",
        all_start_nanos=start, op_end_rel_nanos=spent, all_end_rel_nanos=spent,
        op_end_rel_micros=spent // 1000, all_end_rel_micros=spent // 1000,
    )  # fmt: skip


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
