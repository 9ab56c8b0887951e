"""The checker of finished plans: whether each step finds in the arena what was put there for it."""

from __future__ import annotations

from graphflow.arena import Slot, largest_live, padded
from graphflow.errors import InternalError
from graphflow.operation import Tensor, variable_of
from graphflow.plan import Buffer, Plan, Step

_Range = tuple[int, int]


def check_plan(plan: Plan) -> int:
    """Bytes of the largest set of values that live in the arena at one step; bytes that two values share count once.

    Works from the steps alone: a value is what a step writes, and lives until the last step that reads it.
    Raises: InternalError when a step writes over a value that is read later, over what it needs itself, if its kernel
            is not made for that, or outside the arena.
    """
    owner: dict[_Range, Tensor] = {}  # whose value is in these bytes: ranges that do not overlap
    lives: dict[Tensor, list[int]] = {}  # the first and the last step of each value
    places: dict[Tensor, _Range] = {}
    slots: list[Slot] = []
    for number, step in enumerate(plan.steps):
        taken = []
        for t, buffer in _in_arena(_operands(step)):
            while t not in lives:  # a view
                t = t.op.inputs[0]
            taken.append(_range(buffer))
            if owner.get(taken[-1]) is not t:
                raise _fault(plan, number, f"reads {t.name!r} after something else was written there")
            lives[t][1] = number
        written: list[tuple[Tensor | None, Buffer]] = [*_in_arena(_results(step))]
        if step.scratch is not None:
            written.append((None, step.scratch))
            slots.append((padded(step.scratch.nbytes), number, number))
        for made, buffer in written:
            place = _range(buffer)
            over = made is not None and step.call is not None and step.call.pointwise
            if any(_overlap(place, other) and not (over and place == other) for other in taken):
                raise _fault(plan, number, f"writes {buffer} over what it needs itself")
            if place[1] > plan.arena_bytes:
                raise _fault(plan, number, f"writes {buffer} outside the arena")
            for other in [r for r in owner if _overlap(place, r)]:
                del owner[other]
            taken.append(place)
            if made is not None:
                owner[place], places[made], lives[made] = made, place, [number, number]
    return largest_live(slots + _slots(lives, places))


def _slots(lives: dict[Tensor, list[int]], places: dict[Tensor, _Range]) -> list[Slot]:
    """Values that follow one another in the same bytes, one read by the step that makes the next, share a slot."""
    done: list[Slot] = []
    going: dict[_Range, tuple[int, int]] = {}
    for t, (birth, death) in lives.items():
        place = places[t]
        since, until = going.get(place, (birth, birth))
        if until != birth:
            done.append((padded(place[1] - place[0]), since, until))
            since = birth
        going[place] = since, death
    return done + [(padded(end - start), since, until) for (start, end), (since, until) in going.items()]


def _operands(step: Step) -> list[tuple[Tensor, Buffer]]:
    return [] if step.copy else list(zip(step.op.inputs, step.inputs, strict=True))  # a copy takes a variable's value


def _results(step: Step) -> list[tuple[Tensor, Buffer]]:
    op = step.op
    if not step.copy:
        return list(zip(op.outputs, step.outputs, strict=True))
    source = step.inputs[0].index
    written = [t for i, t in zip(op.definition.writes, op.outputs, strict=False)
               if variable_of(op.inputs[i]).id == source]  # fmt: skip
    return [((written or op.outputs)[0], step.outputs[0])]


def _in_arena(values: list[tuple[Tensor, Buffer]]) -> list[tuple[Tensor, Buffer]]:
    return [(t, buffer) for t, buffer in values if buffer.kind == "arena" and buffer.nbytes]


def _range(buffer: Buffer) -> _Range:
    return buffer.index, buffer.index + buffer.nbytes


def _overlap(a: _Range, b: _Range) -> bool:
    return a[0] < b[1] and b[0] < a[1]


def _fault(plan: Plan, number: int, what: str) -> InternalError:  # type: ignore[valid-type]
    op = plan.steps[number].op
    return InternalError.because(f"step {number} of the plan {what}", op).note(*op.where())
