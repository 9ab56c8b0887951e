"""Which operation made the first NaN or infinity.

A checked run looks at what each step makes.  When that is not finite though the step's inputs are, everything that the
run has written is taken back, and the run is repeated on the reference, operation by operation and kernels taken apart,
to find the first operation in the order of the program that is to blame.  A program that cannot be repeated, because it
takes from queues or prints, is searched within the step only.

What a kernel computes on its way to a finite result is not looked at, unless something else makes a search necessary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphflow.backends.base import Executable
from graphflow.backends.reference import evaluate
from graphflow.errors import InvalidArgumentError
from graphflow.operation import Operation, Tensor, origin, variable_of
from graphflow.ops.define import CONST
from graphflow.ops.fused import unfolded
from graphflow.ops.placeholder import PLACEHOLDER
from graphflow.plan import Buffer, Plan, Step
from graphflow.program import Program
from graphflow.shape import show
from graphflow.store import Store

Arrays = Callable[[Buffer], np.ndarray]  # what a buffer holds now

_HINTS = {
    "Log": "the logarithm of 0 is infinite, and that of a negative number NaN: keep the input away from 0, or use a "
           "loss that takes logits, such as tf.nn.softmax_cross_entropy_with_logits",
    "RealDiv": "tf.div_no_nan gives 0 where the divisor is 0",
    "Reciprocal": "tf.div_no_nan(1.0, x) gives 0 where x is 0",
    "Sqrt": "the square root of a negative number is NaN",
    "Rsqrt": "the square root of 0 has no reciprocal: add a small number first",
    "SqrtGrad": "the derivative of a square root is infinite at 0: add a small number first",
    "Exp": "exp of more than 88 is too large for float32: subtract the maximum first, as tf.nn.softmax does",
    "Pow": "a negative base with a broken exponent is NaN, and 0 with a negative one infinite",
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """An operation with finite inputs and an output that is not, with their values, None for what nobody reads.

    What a run is given, a feed or a variable, has no inputs.
    """

    op: Operation
    inputs: Sequence[Any]
    outputs: Sequence[Any]


class _Found(Exception):
    """A step went wrong; what is to blame, as far as the step alone shows."""

    def __init__(self, finding: Finding) -> None:
        super().__init__()
        self.finding = finding


def finite(value: Any) -> bool:
    """Whether an array has neither NaN nor infinity; True for what is no floating array."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fc":
        return True
    if value.dtype.kind == "f":
        flat = value.reshape(-1)
        if math.isfinite(flat.dot(flat)):  # the quickest pass over numbers; it may overflow, but then one looks closely
            return True
    return bool(np.isfinite(value).all())


class Watch:
    """What a checked executable calls: when a run begins, and before and after each step."""

    def __init__(self, plan: Plan, store: Store) -> None:
        self.program = plan.program
        self._store = store
        self._variables = {v.id: v for op in plan.program.ops for v in _referred(op)}
        self._alone = not any(op.definition.blocks for p in _programs(plan.program) for op in p.ops)
        self._random = [op for p in _programs(plan.program) for op in _operations(p) if op.definition.draws]
        self._written: dict[int, np.ndarray | None] = {}  # values from before the run, by the id of the variable
        self._draws: dict[Operation, np.ndarray] = {}  # states from before the run
        self._over: dict[int, np.ndarray | None] = {}  # inputs that the step at hand writes over, by position
        self._copies: dict[Any, np.ndarray] = {}  # memory for these, which is used again: new memory is slow

    def begin(self) -> None:
        """A run begins."""
        self._written.clear()
        self._draws = {op: self._store.draws(op).copy() for op in self._random}

    def keep_all(self) -> None:
        """Remember the values of all variables that the run may write."""
        for number, variable in self._variables.items():
            self._keep(number, variable)

    def _keep(self, number: int, variable: Operation) -> bool:
        """Whether the value had not been remembered yet."""
        if number in self._written:
            return False
        value = self._store.value(variable)
        self._written[number] = None if value is None else self._copy(number, value)
        return True

    def _copy(self, what: Any, value: np.ndarray) -> np.ndarray:
        found = self._copies.get(what)
        if found is None or found.shape != value.shape or found.dtype is not value.dtype:
            found = self._copies[what] = np.empty_like(value)
        np.copyto(found, value)
        return found

    def take_back(self) -> None:
        """Variables and random numbers as they were when the run began; not where other runs may have gone on."""
        if not self._alone:
            return
        for number, value in self._written.items():
            if value is None:
                self._store.forget(self._variables[number])
            else:
                self._store.write(self._variables[number], value)
        for op, state in self._draws.items():
            self._store.draws(op)[:] = state

    def before(self, step: Step, array: Arrays) -> None:
        """Remember what the step will write over."""
        self._over.clear()
        places = {(b.kind, b.index) for b in step.outputs}
        new = {n for kind, n in places if kind == "state" and self._keep(n, self._variables[n])}
        for i, buffer in enumerate(step.inputs):
            if (buffer.kind, buffer.index) in places:
                known = buffer.kind == "state" and buffer.index in new
                self._over[i] = self._written[buffer.index] if known else self._copy((i, buffer), array(buffer))

    def after(self, step: Step, array: Arrays) -> None:
        """Look at what the step has made."""
        outputs = [array(b) for b in step.outputs]
        if not all(map(finite, outputs)):
            inputs = [self._over[i] if i in self._over else array(b) for i, b in enumerate(step.inputs)]
            self.look(step.op, inputs, outputs)

    def look(self, op: Operation, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Stop the run when the operation, or a member of it, is to blame for an output that is not finite."""
        finding = next(self._findings(op, inputs, outputs), None)
        if finding is not None:
            raise _Found(finding)

    def _findings(self, op: Operation, inputs: Sequence[Any], outputs: Sequence[Any]) -> Iterator[Finding]:
        """Those of the members that are to blame.  A NaN that the run is given counts too, an infinity does not: that
        is how masks and bounds are written."""
        if all(map(finite, outputs)):
            return
        innocent = True
        for member, given, made in self._members(op, inputs, outputs):
            guilty = all(map(finite, given)) and not all(map(finite, made))
            if guilty and (given or member.definition.draws or any(map(_has_nan, made))):
                innocent = False
                yield Finding(member, given, made)
        for t, value in zip(op.inputs, inputs, strict=True):
            if _has_nan(value) and (t.op.definition.variable or t.op.definition in (PLACEHOLDER, CONST)):
                innocent = False
                yield Finding(t.op, (), [value])
        if innocent and op.inputs and all(map(finite, inputs)):  # the kernel computes what the reference does not
            yield Finding(op, inputs, outputs)

    def _members(
        self, op: Operation, inputs: Sequence[Any], outputs: Sequence[Any]
    ) -> Iterator[tuple[Operation, list[Any], Sequence[Any]]]:
        """The operation, or its members one after the other by their references: with inputs and outputs."""
        parts = unfolded(op)
        if len(parts) == 1:
            unread = () if op.definition.reads else op.definition.refs
            yield op, [None if i in unread else value for i, value in enumerate(inputs)], outputs
            return
        values: dict[Tensor, Any] = dict(zip(op.inputs, inputs, strict=True))
        for member, tensors in parts:
            given = [values[t] for t in tensors]
            made = member.definition.compute(member, given, **self._drawn(member))
            values.update(zip(member.outputs, made, strict=True))
            yield member, given, made

    def _drawn(self, op: Operation) -> dict[str, Any]:
        """The key and the number of the draw that this run has made."""
        if not op.definition.draws:
            return {}
        key, number = self._draws[op].tolist()
        return {"key": key, "draw": number}

    # -- the first of all ----------------------------------------------------------------------------------------
    def error(self, feeds: Sequence[np.ndarray], finding: Finding, calls: Mapping[Operation, Callable]) -> Exception:
        """The error for the first operation that is to blame, after a search of the whole run if it can be repeated.

        calls   what runs branches and loops, with checks of their own
        """
        if all(_repeatable(op) for p in _programs(self.program) for op in p.ops):
            found: list[Finding] = []
            self.begin()
            self.keep_all()
            try:
                evaluate(self.program, feeds, self._store, calls, lambda *seen: found.extend(self._findings(*seen)))
            except InvalidArgumentError as inside:  # a branch or loop has found it
                if not found:
                    return inside
            finally:
                self.take_back()
            finding = min(found, key=lambda f: f.op.id, default=finding)
        return _error(finding)


def checked(executable: Executable, watch: Watch, calls: Callable[[], Mapping[Operation, Callable]]) -> Executable:
    """The executable, with the error of `Watch.error` for a run that goes wrong; such a run leaves nothing behind."""

    def run(feeds: list[np.ndarray]) -> list[np.ndarray]:
        with np.errstate(all="ignore"):
            try:
                return executable(feeds)
            except _Found as found:
                watch.take_back()
                raise watch.error(feeds, found.finding, calls()) from None
            except BaseException:
                watch.take_back()
                raise

    return run


def _programs(program: Program) -> Iterator[Program]:
    """The program, and those of its branches and loops."""
    stack = [program]
    while stack:
        top = stack.pop()
        yield top
        stack += [call.program for op in top.ops if op.definition.calls for call in op.attrs["bodies"]]


def _operations(program: Program) -> Iterator[Operation]:
    for op in program.ops:
        yield from (member for member, _ in unfolded(op))


def _referred(op: Operation) -> list[Operation]:
    return [variable_of(op.inputs[i]) for i in op.definition.refs]


def _repeatable(op: Operation) -> bool:
    """Whether running it again, with the same variables and random numbers, does nothing else than the first time."""
    record = op.definition
    kept = not record.stateful or record.draws or record.variable or bool(record.refs) or record.calls
    return kept and record.holds is None and not record.blocks


# -- the message -----------------------------------------------------------------------------------------------------
def _has_nan(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "fc" and bool(np.isnan(value).any())


def _error(finding: Finding) -> Exception:
    op, bad = finding.op, next(v for v in finding.outputs if not finite(v))
    flat = bad.reshape(-1)
    first = np.unravel_index(int(np.argmin(np.isfinite(flat))), bad.shape)
    place = f", the first at {list(map(int, first))}" if bad.ndim else ""
    count = f"{np.isnan(bad).sum()} NaN and {np.isinf(bad).sum()} infinite of {bad.size} values{place}"
    if not finding.inputs and not op.definition.draws:
        what = {PLACEHOLDER: f"the value fed for {op.name!r}", CONST: f"the constant {op.name!r}"}
        text = f"{what.get(op.definition, f'the variable {op.name!r}')} is not finite: {count}"
    else:
        text = f"the result is not finite, though every input is: {count}"
    error = InvalidArgumentError.because(text, op, _HINTS.get(op.type))
    last = unfolded(op)[-1][0]
    error.note(*last.where())
    labelled = zip(op.inputs, finding.inputs, strict=False)
    error.note(
        *[
            f"  values of {origin(t).name!r}: {_statistics(v)}"
            for t, v in labelled
            if v is not None and v.dtype.kind in "fciub"
        ]
    )
    return error


def _statistics(value: np.ndarray) -> str:
    """`float32(2, 3), from -1 to 4, mean 0.5, 2 zeros`."""
    what = f"{value.dtype.name}{show(value.shape)}"
    if not value.size or value.dtype.kind == "c":
        return what
    mean = np.mean(value, dtype=np.float64)
    zeros = int(value.size - np.count_nonzero(value))
    return f"{what}, from {value.min():.6g} to {value.max():.6g}, mean {mean:.6g}, {zeros} zeros"
