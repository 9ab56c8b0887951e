"""The passes, in the order in which they run.  A pass takes a program whose shapes are known and gives another one."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from graphflow.config import current
from graphflow.errors import GraphError
from graphflow.passes.cse import merge_common
from graphflow.passes.fold import fold_constants
from graphflow.passes.fuse import fuse_elementwise
from graphflow.passes.prune import drop_dead
from graphflow.passes.simplify import simplify
from graphflow.passes.verify import verify
from graphflow.program import Program
from graphflow.text import program_text

Pass = Callable[[Program, Counter[str] | None], Program]

PIPELINE: tuple[Pass, ...] = (
    drop_dead,  # first, so that nobody works on what no fetch needs
    fold_constants,  # before the rules, which know constants when they see them
    simplify,
    merge_common,  # after simplify: equal things look equal now
    fuse_elementwise,  # last, over operations that are all needed and all different; rules do not look into regions
)


@dataclass
class Report:
    """What the passes did: for each, which rules fired how often, and how many operations it left."""

    operations: int = 0
    passes: dict[str, tuple[Counter[str], int]] = field(default_factory=dict)

    def __str__(self) -> str:
        """A line a pass."""
        lines = [f"specialized: {self.operations} operations"]
        for name, (fired, left) in self.passes.items():
            what = ", ".join(f"{rule} {times}" for rule, times in sorted(fired.items())) or "nothing to do"
            lines.append(f"{name}: {left} operations; {what}")
        return "\n".join(lines) + "\n"


def optimize(program: Program, report: Report | None = None) -> Program:
    """Every pass of PIPELINE that GRAPHFLOW_SKIP does not name, verified and written out where the switches say so.

    Raises: ValueError for an unknown name in GRAPHFLOW_SKIP; InternalError for a pass that goes wrong.
    """
    switches, skipped = current(), _skipped()
    folder = _dump_folder(Path(switches.dump)) if switches.dump else None
    if switches.check:
        verify(program, after="specialize")
    if report is not None:
        report.operations = len(program.ops)
    _dump(folder, 0, "specialize", program)
    for number, apply in enumerate(PIPELINE, 1):
        name, before = apply.__name__, program
        if name in skipped:
            continue
        fired: Counter[str] = Counter()
        with collector_paused():
            program = apply(program, fired)
        if switches.check:
            verify(program, before, name)
        if report is not None:
            report.passes[name] = fired, len(program.ops)
        _dump(folder, number, name, program)
    return program


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


def _dump(folder: Path | None, number: int, name: str, program: Program) -> None:
    if folder is not None:
        (folder / f"{number:02d}-{name}.txt").write_text(program_text(program), encoding="utf-8")
