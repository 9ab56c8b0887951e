"""A compiled run as plain data, for the page that shows it: operations through the passes, plan, arena, times.

Operations are rows of one table, in which every stage has its share: what a pass leaves alone is in it once.
"""

from __future__ import annotations

import inspect
import linecache
import statistics
from collections.abc import Sequence
from types import FunctionType
from typing import Any

from graphflow.backends.base import Call
from graphflow.cost import flops
from graphflow.debug import Profile
from graphflow.operation import Operation, Program, Tensor, origin, variable_of
from graphflow.ops.define import CONST
from graphflow.ops.fused import members, names_of, type_of, unfolded
from graphflow.passes import PIPELINE
from graphflow.pictures.looks import KERNEL_LOOK, LOOKS, look_of, short_value
from graphflow.pictures.program import MADE, changes_of
from graphflow.plan import Buffer, Plan, Step
from graphflow.progress import progress
from graphflow.shape import count, known, show
from graphflow.text import value_text

_AROUND = 3  # lines of source before and after the one that made an operation
_ATTRIBUTE = 200  # characters of the text of an attribute
_HIDDEN = {"value", "region", "updates", "bodies", "source", "types", "dtype"}  # attributes that are shown otherwise

Row = dict[str, Any]


def page_data(title: str, asked: Program, profiles: Sequence[Profile], note: str = "") -> dict[str, Any]:
    """What the page needs to know.

    asked     what the run asks for, as the user made it
    profiles  its plans in the order in which they run, with what the passes did for each, and with times if measured
    note      what the reader should know
    """
    table = _Table()
    stages = [table.stage("graph", "as the program made it", asked)]
    for number, profile in enumerate(profiles):
        part = f" {number + 1}" if len(profiles) > 1 else ""
        stages += _compiled(table, profile, part)
    bodies = table.bodies(asked)
    plans = [profile.plan for profile in profiles]
    steps = [_step(step, part) for part, plan in enumerate(plans) for step in plan.steps]
    for step, times in zip(steps, [t for profile in profiles for t in _times(profile)], strict=True):
        step |= times
    return {
        "title": title,
        "note": note,
        "looks": [[look.word, look.shape, look.fill, look.line] for look in LOOKS],
        "rows": table.rows,
        "stages": stages + bodies,
        "passes": len(stages),
        "files": [{"name": name, "lines": lines} for name, lines in table.files.items()],
        "steps": steps,
        "runs": max((profile.clock.runs for profile in profiles if profile.clock is not None), default=0),
        "arenas": [{"bytes": plan.arena_bytes, "buffers": _buffers(plan)} for plan in plans],
    }


def _compiled(table: _Table, profile: Profile, part: str) -> list[dict[str, Any]]:
    """The stages of one plan."""
    what = {apply.__name__: (inspect.getdoc(apply) or "").partition("\n")[0] for apply in PIPELINE}
    found: list[dict[str, Any]] = []
    passes = list(profile.report.passes.items())
    for name, change in progress(passes, "gathering the passes"):
        if not found:
            found.append(table.stage(f"specialize{part}", "every shape is known", change.before))
        stage = table.stage(f"{name}{part}", what.get(name, ""), change.after, change.before)
        stage["fired"] = dict(sorted(change.fired.items()))
        stage["rules"] = dict(change.fired.at)
        found.append(stage)
    return found


class _Table:
    """Rows of operations, and the lines of the program that made them."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.files: dict[str, dict[int, str]] = {}
        self._row: dict[Any, int] = {}  # of an operation, of a variable by its id
        self._place: dict[Tensor, tuple[int, int]] = {}  # which output of which row a tensor is

    def stage(self, name: str, what: str, program: Program, before: Program | None = None) -> dict[str, Any]:
        """The rows of a program; beside one that was before it also what has changed."""
        rows = [self._operation(t.op) for t in program.feeds]
        rows += [self._operation(op) for op in program.ops]
        inside = [k for r in rows for k in self.rows[r].get("m", ())]
        changed = {} if before is None else changes_of(program, before)
        return {
            "name": name,
            "what": what,
            "rows": list(dict.fromkeys(rows + inside)),
            "fetches": [self._source(t) for t in program.fetches],
            "targets": [self._row[op] for op in program.targets if op in self._row],
            "made": [self._row[op] for op, look in changed.items() if look is MADE],
            "rewired": [self._row[op] for op, look in changed.items() if look is not MADE],
        }

    def bodies(self, program: Program) -> list[dict[str, Any]]:
        """A stage for each body of the branches and loops of a program."""
        found, waiting = [], [op for op in program.ops if op.definition.calls]
        while waiting:
            op = waiting.pop(0)
            for number, call in enumerate(op.attrs["bodies"]):
                stage = self.stage(f"{op.name}, body {number}", f"what {op.type} {op.name} runs", call.program)
                found.append(stage | {"of": self._row[op]})
                waiting += [inner for inner in call.program.ops if inner.definition.calls]
        return found

    def _operation(self, op: Operation) -> int:
        key: Any = op.id if op.definition.variable else op
        if key not in self._row:
            parts = unfolded(op)
            if len(parts) == 1:
                self._row[key] = self._add(*parts[0])
            else:
                number = self._row[key] = self._add(op, op.inputs)
                self.rows[number] |= {"t": type_of(op), "k": LOOKS.index(KERNEL_LOOK)}
                self.rows[number]["m"] = [self._add(m, inputs) for m, inputs in parts]
                for k in self.rows[number]["m"]:
                    self.rows[k]["p"] = number
                for k, t in enumerate(op.outputs):
                    self._place[t] = self._place.get(origin(t), (number, k))
            self._row[op] = self._row[key]
        elif op not in self._row:  # a variable, seen again
            self._row[op] = self._row[key]
            self._place[op.output] = self._row[key], 0
        return self._row[key]

    def _add(self, op: Operation, inputs: Sequence[Tensor]) -> int:
        number = len(self.rows)
        row: Row = {"n": op.name, "t": op.type, "k": LOOKS.index(look_of(op)), "id": op.id, "s": self._site(op.site)}
        self.rows.append(row)
        self._place.update((t, (number, k)) for k, t in enumerate(op.outputs))
        refs = op.definition.refs
        taken = [variable_of(t).output if i in refs else t for i, t in enumerate(inputs)]
        lists = {
            "i": [self._source(t) for t in taken],
            "o": [[t.dtype.name, show(t.dims), _nbytes(t)] for t in op.outputs],
            "c": [self._operation(control) for control in op.control_inputs],
            "w": list(op.definition.writes),
            "a": [[name, value_text(value)[:_ATTRIBUTE]] for name, value in op.attrs.items() if name not in _HIDDEN],
        }
        row |= {name: items for name, items in lists.items() if items}
        cost = flops(op)
        if cost:
            row["f"] = cost
        if op.definition is CONST:
            row["v"] = short_value(op.attrs["value"])
        return number

    def _source(self, t: Tensor) -> tuple[int, int]:
        if t not in self._place:
            self._operation(t.op)
        return self._place[t]

    def _site(self, site: tuple[str, int]) -> list[Any]:
        """[number of the file, line]; the lines around it are kept."""
        name, line = site
        lines = self.files.setdefault(name, {})
        for near in range(max(1, line - _AROUND), line + _AROUND + 1):
            if near not in lines:
                text = linecache.getline(name, near)
                if text:
                    lines[near] = text.rstrip("\n")
        return [list(self.files).index(name), line]


def _nbytes(t: Tensor) -> int | None:
    size = count(t.dims) if known(t.dims) else None
    return None if size is None or t.dtype.dtype.hasobject else size * t.dtype.size


# -- the plan --------------------------------------------------------------------------------------------------------
def _step(step: Step, part: int) -> dict[str, Any]:
    return {
        "part": part,
        "type": ("copy of " if step.copy else "") + type_of(step.op),
        "names": list(names_of(step.op)),
        "ids": [op.id for op in members(step.op)],
        "by": "copy" if step.copy else "reference" if step.call is None else "kernel",
        "kernel": _kernel(step.call),
        "in": [_buffer(b) for b in step.inputs],
        "out": [_buffer(b) for b in step.outputs],
        "flops": step.flops,
        "bytes": step.nbytes,
    }


def _buffer(buffer: Buffer) -> str:
    return f"{buffer} {buffer.dtype.name} {show(buffer.dims)}"


def _kernel(call: Call | None) -> str:
    """The name of a kernel that is written by hand, else what is generated."""
    if call is None:
        return ""
    name = call.function.__name__ if isinstance(call.function, FunctionType) else ""
    parts = [name or call.source, *([_kernel(call.tail)] if call.tail is not None else [])]
    return "\n\n".join(filter(None, parts))


def _times(profile: Profile) -> list[dict[str, Any]]:
    """For each step its median time, and begin and duration in the last run, in microseconds."""
    if profile.clock is None:
        return [{} for _ in profile.plan.steps]
    times: list[dict[str, Any]] = [{} for _ in profile.plan.steps]
    for number, spans in profile.clock.spans().items():
        (begin, took), median = spans[-1], statistics.median(spent for _, spent in spans)
        times[number] = {"us": 1e-3 * median, "begin": 1e-3 * begin, "took": 1e-3 * took}
    return times


def _buffers(plan: Plan) -> list[list[Any]]:
    """[offset, bytes, first step, last step, name] of what lives in the arena, in the order of the first steps."""
    found: list[list[Any]] = []
    live: dict[int, list[Any]] = {}  # by offset
    for number, step in enumerate(plan.steps):
        for buffer in step.inputs:
            if buffer.kind == "arena" and buffer.index in live:
                live[buffer.index][3] = number
        made = [(b, origin(t).name) for b, t in zip(step.outputs, step.op.outputs, strict=False)]
        for buffer, name in [*made, *([(step.scratch, "scratch")] if step.scratch else [])]:
            if buffer.kind == "arena":
                live[buffer.index] = [buffer.index, buffer.nbytes, number, number, name]
                found.append(live[buffer.index])
    return found
