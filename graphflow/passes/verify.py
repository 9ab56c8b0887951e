"""The checker that stands between passes when asked: whether a program is one, and still does what it did."""

from __future__ import annotations

from graphflow.errors import GraphflowError, InternalError
from graphflow.operation import Operation, Tensor, variable_of
from graphflow.ops.define import CONST
from graphflow.ops.fused import members
from graphflow.passes.prune import acts
from graphflow.program import Program
from graphflow.shape import compatible, known, show


def verify(program: Program, before: Program | None = None, after: str = "") -> None:
    """Check order, types, fetches and, against the program `before` a pass, what happens to variables.

    Raises: InternalError, with the operation and the user's line; `after` is the name of the pass.
    """
    try:
        made = _check_order(program)
        for op in program.ops:
            _check_types(op)
        for t in program.fetches:
            if t not in made:
                raise InternalError.because(f"the fetch {t.name!r} is never computed").note(*t.op.where())
        if before is not None:
            _check_same_face(program, before)
            _check_effects(program, before)
    except InternalError as error:
        if after:
            error.note(f"found by the verifier after {after}")
        raise


def _check_order(program: Program) -> set[Tensor]:
    made = set(program.feeds)
    seen: set[Operation] = set()
    for op in program.ops:
        if op in seen:
            raise _fault(op, "stands twice in the program")
        seen.add(op)
        for i, t in enumerate(op.inputs):
            if i in op.definition.refs:
                _check_reference(op, t)
            elif t not in made:
                raise _fault(op, f"takes {t.name!r}, which is not made before it")
        made.update(op.outputs)
    return made


def _check_reference(op: Operation, ref: Tensor) -> None:
    while not ref.op.definition.variable:
        if not ref.op.definition.refs:
            raise _fault(op, f"takes {ref.name!r} for a variable")
        ref = ref.op.inputs[ref.op.definition.refs[0]]


def _check_types(op: Operation) -> None:
    record = op.definition
    if record.variable:
        return
    if record is CONST:
        value, t = op.attrs["value"], op.output
        if value.shape != t.dims or value.dtype != t.dtype.dtype:
            raise _fault(op, f"holds {value.dtype}{value.shape} and says {t.dtype.name}{show(t.dims)}")
        return
    try:
        inferred = record.outputs(op.inputs, op.attrs, op.name, op.site)
    except GraphflowError as error:
        raise _fault(op, f"has inputs that do not fit: {error.message}") from error
    if len(inferred) != len(op.outputs):
        raise _fault(op, f"has {len(op.outputs)} outputs instead of {len(inferred)}")
    for (dims, dtype), t in zip(inferred, op.outputs, strict=True):
        if dtype is not t.dtype or not compatible(dims, t.dims) or (known(dims) and dims != t.dims):
            raise _fault(op, f"says {t.dtype.name}{show(t.dims)}, inference {dtype.name}{show(dims)}")


def _check_same_face(program: Program, before: Program) -> None:
    """The caller sees the same feeds and fetches."""
    if program.feeds != before.feeds:
        raise InternalError.because("the feeds are not those from before")
    if [(t.dims, t.dtype) for t in program.fetches] != [(t.dims, t.dtype) for t in before.fetches]:
        raise InternalError.because("the fetches have not the types from before")


def _check_effects(program: Program, before: Program) -> None:
    """Writes and draws are all there; for each variable writes and the reads that are left keep their order."""
    was, now = _effects(before), _effects(program)
    for variable in {**was, **now}:
        old, new = was.get(variable, []), now.get(variable, [])
        rest = iter(old)
        misplaced = next((op for op in new if not any(_same(op, earlier) for earlier in rest)), None)
        if misplaced is not None:
            raise _fault(misplaced, "reads or writes a variable, or draws, out of its order")
        if len([op for op in new if acts(op)]) != len([op for op in old if acts(op)]):
            lost = next(op for op in old if acts(op) and not any(_same(op, other) for other in new))
            raise _fault(lost, "writes a variable or draws, and is gone")


def _effects(program: Program) -> dict[int, list[Operation]]:
    """Reads and writes of each variable in order, by its id; each random operation under its own id."""
    effects: dict[int, list[Operation]] = {}
    for op in [part for fused in program.ops for part in members(fused)]:
        touched = set()
        for i in op.definition.refs:
            touched.add(variable_of(op.inputs[i]).id)
        if not touched and acts(op):
            touched.add(op.id)
        for variable in touched:
            effects.setdefault(variable, []).append(op)
    return effects


def _same(a: Operation, b: Operation) -> bool:
    return a.id == b.id and a.type == b.type


def _fault(op: Operation, what: str) -> InternalError:  # type: ignore[valid-type]
    return InternalError.because(f"{op.type} {op.name!r} {what}", op).note(*op.where())
