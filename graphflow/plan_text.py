"""A plan as text: stable, a line a step, with what it costs and, when it was measured, how fast it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from graphflow.operation import Tensor, origin
from graphflow.ops.fused import names_of, type_of
from graphflow.shape import show

if TYPE_CHECKING:
    from graphflow.plan import Buffer, Plan, Step

_COSTS = ("FLOP", "bytes")
_SPEEDS = ("us", "GFLOP/s", "GB/s")


def plan_text(plan: Plan, seconds: Mapping[int, float] | None = None) -> str:
    """What is fed and fetched, a line a step, and a line for all of them.

    seconds   how long the steps that were measured take, by their numbers
    A step shows the types of its operations, the user's names for them, and the buffers it reads and writes.  A dash
    stands for what is not known, and a sum without the unknown starts with `>`.
    """
    feeds = " ".join(map(_named, plan.program.feeds)) or "-"
    fetches = " ".join(map(_named, plan.program.fetches)) or "-"
    head = f"plan   feeds {feeds}   fetches {fetches}   steps {len(plan.steps)}   arena {plan.arena_bytes} B"
    rows = plan_rows(plan, seconds)
    widths = [max(map(len, column)) for column in zip(*(row[:-1] for row in rows), strict=True)]
    widths[0] = max(widths[0], 4)
    lines = ["  ".join([*map(str.rjust, row[:-1], widths), row[-1]]).rstrip() for row in rows]
    return "\n".join([head, *lines]) + "\n"


def plan_rows(plan: Plan, seconds: Mapping[int, float] | None = None) -> list[tuple[str, ...]]:
    """The words of the table: a head, a row a step, a row of sums."""
    rows: list[tuple[str, ...]] = [("", *_COSTS, *(() if seconds is None else _SPEEDS), "")]
    for number, step in enumerate(plan.steps):
        time = () if seconds is None else _speed(step.flops, step.nbytes, seconds.get(number))
        rows.append((str(number), _number(step.flops), _number(step.nbytes), *time, _step(step)))
    return [*rows, _total(plan, seconds)]


def _named(t: Tensor) -> str:
    return f"{origin(t).name} {t.dtype.name}{show(t.dims)}"


def _step(step: Step) -> str:
    kind = "copy of " if step.copy else "" if step.call is not None else "reference: "
    return f"{kind}{type_of(step.op)} {'+'.join(names_of(step.op))}   {_places(step.inputs)} -> {_places(step.outputs)}"


def _places(buffers: Sequence[Buffer]) -> str:
    return " ".join(f"{b} {b.dtype.name}{show(b.dims)}" for b in buffers)


def _number(cost: int | None) -> str:
    return "-" if cost is None else str(cost)


def _speed(flops: int | None, nbytes: int | None, seconds: float | None) -> tuple[str, ...]:
    """Microseconds, GFLOP/s and GB/s."""
    if not seconds:
        return "-", "-", "-"
    rates = ["-" if cost is None else f"{1e-9 * cost / seconds:.2f}" for cost in (flops, nbytes)]
    us = 1e6 * seconds
    return f"{us:.1f}" if us >= 1 else f"{us:.3f}", *rates


def _total(plan: Plan, seconds: Mapping[int, float] | None) -> tuple[str, ...]:
    costs = [[step.flops for step in plan.steps], [step.nbytes for step in plan.steps]]
    texts = [f"{'>' * (None in some)}{sum(filter(None, some))}" for some in costs]
    if seconds is None:
        return "all", *texts, ""
    flops, nbytes = (None if None in some else sum(filter(None, some)) for some in costs)
    return "all", *texts, *_speed(flops, nbytes, sum(seconds.values()) or None), ""
