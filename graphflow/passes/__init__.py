"""The passes, in the order in which they run.  A pass takes a program whose shapes are known and gives another one."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from graphflow.config import current
from graphflow.errors import GraphError
from graphflow.ops.fused import type_of
from graphflow.passes.cse import merge_common
from graphflow.passes.epilogues import Epilogues, extend_epilogues
from graphflow.passes.expand import expand_composites
from graphflow.passes.fold import fold_constants
from graphflow.passes.fuse import fuse_regions
from graphflow.passes.layout import Layouts, assign_layouts
from graphflow.passes.loops import improve_loops
from graphflow.passes.loops.unroll import Short
from graphflow.passes.match import Fired
from graphflow.passes.prune import drop_dead
from graphflow.passes.rows import multiply_rows_once
from graphflow.passes.simplify import simplify
from graphflow.passes.updates import merge_updates
from graphflow.passes.verify import verify
from graphflow.pictures.program import program_dot
from graphflow.program import Program
from graphflow.progress import progress
from graphflow.text import program_text

Pass = Callable[..., Program]  # of a program, and of a counter of the rules that fire

PIPELINE: tuple[Pass, ...] = (
    drop_dead,  # first, so that nobody works on what no fetch needs
    fold_constants,  # before the rules, which know constants when they see them
    simplify,
    expand_composites,  # after simplify, whose rules know composites: log(softmax)
    merge_common,  # after both: equal things look equal now
    improve_loops,  # over simple bodies; what it moves out of them fuses with what is around
    multiply_rows_once,  # after the loops, of whose inputs there are now whole products
    assign_layouts,  # before fusion, which finds the operations between convolutions in their layout
    fuse_regions,  # over operations that are all needed and all different; rules do not look into regions
    extend_epilogues,  # after fusion, which says what else a product's kernel would do
    merge_updates,  # last: what makes a gradient has found its place
)


@dataclass(frozen=True)
class Change:
    """What a pass did: which rules fired how often, and the program before and after it."""

    fired: Fired
    before: Program
    after: Program

    def __str__(self) -> str:
        before, after = _census(self.before), _census(self.after)
        what = [("", self.fired), ("gone ", before - after), ("made ", after - before)]
        texts = [word + ", ".join(f"{k} {n}" for k, n in sorted(counts.items())) for word, counts in what if counts]
        return f"{after.total()} operations; {'; '.join(texts) or 'nothing to do'}"


@dataclass
class Report:
    """What is fetched and run, and what the passes did to the program for it."""

    asked: tuple[str, ...] = ()
    operations: int = 0
    passes: dict[str, Change] = field(default_factory=dict)

    def wanted(self) -> str:
        """The names of the fetches and targets."""
        return ", ".join(self.asked) or "nothing"

    def __str__(self) -> str:
        """A line a pass."""
        lines = [f"specialized: {self.operations} operations for {self.wanted()}"]
        lines += [f"{name}: {change}" for name, change in self.passes.items()]
        return "\n".join(lines) + "\n"


def optimize(
    program: Program,
    report: Report | None = None,
    layouts: Layouts | None = None,
    short: Short | None = None,
    epilogues: Epilogues | None = None,
) -> Program:
    """Every pass of PIPELINE that GRAPHFLOW_SKIP does not name, verified and written out where the switches say so.

    layouts   what the backend says of those of its kernels, None where there is one of each thing
    short     which loops it would rather have laid out
    epilogues which products it would rather have with a second output

    Raises: ValueError for an unknown name in GRAPHFLOW_SKIP; InternalError for a pass that goes wrong.
    """
    switches, skipped = current(), _skipped()
    folder = _dump_folder(Path(switches.dump)) if switches.dump else None
    if switches.verifies:
        verify(program, after="specialize")
    if report is not None:
        report.asked = (*(t.name for t in program.fetches), *(op.name for op in program.targets))
        report.operations = len(program.ops)
    _dump(folder, 0, "specialize", program)
    told: dict[Any, tuple] = {assign_layouts: (layouts,), improve_loops: (short,), extend_epilogues: (epilogues,)}
    for number, apply in enumerate(progress(PIPELINE, "optimizing"), 1):
        name, before = apply.__name__, program
        if name in skipped:
            continue
        fired = Fired()
        with collector_paused():
            program = apply(program, fired, *told.get(apply, ()))
        if switches.verifies:
            verify(program, before, name)
        if report is not None:
            report.passes[name] = Change(fired, before, program)
        _dump(folder, number, name, program, before)
    return program


def _census(program: Program) -> Counter[str]:
    """How many operations there are of each type; a region's type is that of its members."""
    return Counter(type_of(op) for op in program.ops)


@contextmanager
def collector_paused() -> Iterator[None]:
    """A compile makes many objects and drops few before its end: looking for cycles meanwhile would double its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _skipped() -> set[str]:
    asked = {word.strip() for word in current().skip.split(",")} - {""}
    names = [apply.__name__ for apply in PIPELINE]
    unknown = sorted(asked - set(names))
    if unknown:
        raise GraphError(f"GRAPHFLOW_SKIP names no pass by {', '.join(unknown)}; the passes are {', '.join(names)}")
    return asked


def _dump_folder(parent: Path) -> Path:
    """A new folder for this compile, `0001` and so on, also with other processes at work."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        taken = [int(p.name) for p in parent.iterdir() if p.name.isdecimal()]
        for number in count(max(taken, default=0) + 1):
            folder = parent / f"{number:04d}"
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        raise GraphError(f"GRAPHFLOW_DUMP: cannot write to {str(parent)!r}: {error.strerror}") from error
    raise AssertionError("count() ends never")


def _dump(folder: Path | None, number: int, name: str, program: Program, before: Program | None = None) -> None:
    """The program as text and as a picture, in which what the pass has changed is coloured."""
    if folder is not None:
        (folder / f"{number:02d}-{name}.txt").write_text(program_text(program), encoding="utf-8")
        title = f"after {name}: {len(program.ops)} operations"
        (folder / f"{number:02d}-{name}.dot").write_text(program_dot(program, before, title), encoding="utf-8")
