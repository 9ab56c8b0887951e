"""Patterns, and the engine that rewrites a program by rules.  No rules here.

A pattern says what to look for:

    op(ADD, op(MUL, any_("x"), const(2), uses=1), any_("y"))

and a rule is a function of what the pattern names, with its reason as its docstring.  It gives a replacement, or None
to leave the program as it is.  The engine checks the replacement's types, counts what fires, and walks the program in
order with a loop, so that the depth of a program costs nothing.
"""

from __future__ import annotations

import inspect
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphflow.dtypes import as_dtype, string
from graphflow.errors import GraphflowError, InternalError
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import ONES_LIKE, ZEROS_LIKE
from graphflow.ops.define import CONST, OpDef
from graphflow.ops.fill import FILL
from graphflow.ops.shape_ops import BROADCAST_TO
from graphflow.passes.prune import drop_dead
from graphflow.program import Program
from graphflow.shape import show

_SPLAT_LIMIT = 1 << 16  # elements that are compared to find out that they are all the same
_PER_OPERATION = 100  # firings at one operation, after which a rule list will not settle
_SWEEPS = 100


# -- patterns ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Any_:
    """Any tensor; the same one wherever the name stands again."""

    name: str


@dataclass(frozen=True)
class Const:
    """A tensor full of one number (`value`), or the output of any Const operation (`value` None)."""

    value: Any
    name: str | None


@dataclass(frozen=True)
class Op:
    """The only output of an operation of one of these records, over inputs that match."""

    records: tuple[OpDef, ...]
    inputs: tuple[Pattern, ...]
    name: str | None
    uses: int | None


Pattern = Any_ | Const | Op


def any_(name: str) -> Any_:
    """Any tensor: the rule gets the Tensor."""
    return Any_(name)


def const(value: Any = None, name: str | None = None) -> Const:
    """A tensor that is full of `value`: the rule gets the number.  Without a value any constant, as an array."""
    return Const(value, name)


def op(records: OpDef | tuple[OpDef, ...], *inputs: Pattern, name: str | None = None, uses: int | None = None) -> Op:
    """An operation of this record, or of one of these; the rule gets the Operation.

    uses   how many operations and fetches take its output: uses=1 says that nobody else does
    Inputs of a commutative record match in both orders.
    """
    return Op(records if isinstance(records, tuple) else (records,), inputs, name, uses)


def _orders(pattern: Pattern) -> list[Pattern]:
    """The pattern with the inputs of its commutative records in every order."""
    if not isinstance(pattern, Op):
        return [pattern]
    found: list[Pattern] = []
    for inputs in itertools.product(*map(_orders, pattern.inputs)):
        found.append(replace(pattern, inputs=inputs))
        if len(inputs) == 2 and all(r.commutative for r in pattern.records) and inputs[0] != inputs[1]:
            found.append(replace(pattern, inputs=inputs[::-1]))
    return list(dict.fromkeys(found))


def _names(pattern: Pattern) -> Iterator[str]:
    if pattern.name is not None:
        yield pattern.name
    if isinstance(pattern, Op):
        for inner in pattern.inputs:
            yield from _names(inner)


def _matches(pattern: Pattern, t: Tensor, bound: dict[str, Any], uses: Mapping[Tensor, int]) -> bool:
    """Whether the tensor fits; fills `bound`.  As deep as the pattern is, however deep the program."""
    if isinstance(pattern, Any_):
        return bound.setdefault(pattern.name, t) is t
    if isinstance(pattern, Const):
        return _is_const(pattern, t, bound)
    found = t.op
    if found.definition not in pattern.records or len(found.outputs) != 1 or len(found.inputs) != len(pattern.inputs):
        return False
    if pattern.uses is not None and uses.get(t, 0) != pattern.uses:
        return False
    if pattern.name is not None:
        bound[pattern.name] = found
    for inner, u in zip(pattern.inputs, found.inputs, strict=True):  # noqa: SIM110 (all() would cost half the time)
        if not _matches(inner, u, bound, uses):
            return False
    return True


def _is_const(pattern: Const, t: Tensor, bound: dict[str, Any]) -> bool:
    if pattern.value is None:
        if t.op.definition is not CONST:
            return False
        if pattern.name is not None:
            bound[pattern.name] = t.op.attrs["value"]
        return True
    if t.dtype is string:
        return False
    number = splat(t)
    if number is None or number != pattern.value:
        return False
    if pattern.name is not None:
        bound[pattern.name] = number
    return True


def splat(t: Tensor) -> Any:
    """The one number that a tensor is full of, as a NumPy scalar; None when there is none, or it is not known.

    Zeros of both signs are different numbers.
    """
    while t.op.definition is FILL or t.op.definition is BROADCAST_TO:
        t = t.op.inputs[1 if t.op.definition is FILL else 0]
    record = t.op.definition
    if record is ZEROS_LIKE or record is ONES_LIKE:
        return None if t.dtype is string else t.dtype.dtype.type(record is ONES_LIKE)
    if record is not CONST:
        return None
    value = t.op.attrs["value"]
    if not value.ndim:
        return value[()]
    if not 0 < value.size <= _SPLAT_LIMIT:
        return None
    first = value.flat[0]
    if not (value == first).all():
        return None
    if not first and value.dtype.kind == "f" and len(set(np.signbit(value).flat)) > 1:
        return None
    return first


# -- rules ---------------------------------------------------------------------------------------------------------
_SPLAT = frozenset((CONST, ZEROS_LIKE, ONES_LIKE, FILL, BROADCAST_TO))


def _makers(pattern: Pattern) -> frozenset[OpDef] | None:
    """The records of operations that can make a tensor that fits, None for any."""
    if isinstance(pattern, Any_):
        return None
    if isinstance(pattern, Op):
        return frozenset(pattern.records)
    return _SPLAT if pattern.value is not None else frozenset((CONST,))


@dataclass(frozen=True, eq=False)
class Rule:
    """A named rewrite: patterns (one for each order of commutative inputs), what to call, why.

    `makers` says of each pattern which (input, records) are asked for: most operations fail that, and fail it fast.
    """

    name: str
    patterns: tuple[Op, ...]
    makers: tuple[tuple[tuple[int, frozenset[OpDef]], ...], ...]
    function: Callable[..., Tensor | Operation | None]
    wanted: tuple[str, ...]
    reason: str

    @property
    def records(self) -> tuple[OpDef, ...]:
        """The records of the operations that the rule can replace."""
        return self.patterns[0].records

    def __call__(self, root: Operation, uses: Mapping[Tensor, int]) -> Tensor | Operation | None:
        """The replacement for an operation, None when the rule has nothing to say about it."""
        inputs = root.inputs
        for pattern, makers in zip(self.patterns, self.makers, strict=True):
            if len(inputs) != len(pattern.inputs):
                continue
            for i, may in makers:
                if inputs[i].op.definition not in may:
                    break
            else:
                bound: dict[str, Any] = {}
                if _matches(pattern, root.outputs[0], bound, uses):
                    bound["root"] = root
                    replacement = self.function(*[bound[name] for name in self.wanted])
                    if replacement is not None:
                        return replacement
        return None


def rewrite(pattern: Op) -> Callable[[Callable[..., Any]], Rule]:
    """Make a function a rule.  Its arguments are names of the pattern, and `root`, the operation that is replaced.

    Raises: ValueError when it has no reason (docstring), or asks for a name that the pattern does not have.
    """

    def make(function: Callable[..., Any]) -> Rule:
        reason, wanted = inspect.getdoc(function), tuple(inspect.signature(function).parameters)
        name = function.__name__.strip("_")
        if not reason:
            raise ValueError(f"the rule {name} has no docstring to say why it is right")
        unknown = set(wanted) - {*_names(pattern), "root"}
        if unknown:
            raise ValueError(f"the rule {name} asks for {sorted(unknown)}, which its pattern does not name")
        if any(r.stateful for r in pattern.records):
            raise ValueError(f"the rule {name} would replace a stateful operation, which has to keep its place")
        orders = tuple([p for p in _orders(pattern) if isinstance(p, Op)])
        makers = tuple([tuple([(i, may) for i, p in enumerate(order.inputs) if (may := _makers(p)) is not None])
                        for order in orders])  # fmt: skip
        return Rule(name, orders, makers, function, wanted, reason)

    return make


# -- what rules build with -----------------------------------------------------------------------------------------
def build(like: Operation, record: OpDef, *inputs: Tensor, **attrs: Any) -> Tensor:
    """The output of a new operation, which takes name, line and place in the order from `like`."""
    return _made(like, record, inputs, attrs, record.outputs(inputs, attrs, like.name, like.site)).outputs[0]


def constant(like: Operation, value: Any) -> Tensor:
    """A constant that is made for the operation `like`."""
    array = np.array(value, order="C")
    array.flags.writeable = False
    attrs = {"value": array, "dtype": as_dtype(array.dtype)}
    return _made(like, CONST, (), attrs, [(array.shape, attrs["dtype"])]).outputs[0]


def same_type(root: Operation, t: Tensor) -> Tensor | None:
    """The tensor, if it can stand for the root's output: of the same shape and dtype.  None if not."""
    out = root.outputs[0]
    return t if t.dims == out.dims and t.dtype is out.dtype else None


def _made(like: Operation, record: OpDef, inputs: tuple[Tensor, ...], attrs: dict, outputs: Sequence) -> Operation:
    return Operation(record, like.name, inputs, attrs, outputs, (), like.graph, like.id, like.site, like.device)


# -- the engine ----------------------------------------------------------------------------------------------------
class Substitution:
    """A program that is copied, operation by operation, while tensors give way to others.

    Operations whose inputs stay the same are shared with the old program.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self.ops: list[Operation] = []
        self._new: dict[Tensor, Tensor] = {}
        self._refs: dict[Tensor, Tensor] = {}  # what names a variable, though its value may be another tensor's
        self._made: dict[Operation, Operation] = {}

    def updated(self, old: Operation) -> Operation:
        """The operation over the new inputs."""
        new, refs = self._new, old.definition.refs
        if refs:
            inputs = tuple([(self._refs if i in refs else new).get(t, t) for i, t in enumerate(old.inputs)])
        else:
            inputs = tuple([new.get(t, t) for t in old.inputs])
        return old if inputs == old.inputs else old.rebuild(inputs, [(t.dims, t.dtype) for t in old.outputs])

    def put(self, old: Operation, made: Operation) -> None:
        """`made` stands where `old` stood."""
        self.ops.append(made)
        if made is not old:
            self._made[old] = made
            for t, u in zip(old.outputs, made.outputs, strict=True):
                self._new[t] = self._refs[t] = u

    def replace(self, old: Operation, outputs: Sequence[Tensor]) -> None:
        """Tensors of the new program take the place of the outputs of a pure operation."""
        self._made[old] = outputs[0].op
        self._new.update(zip(old.outputs, outputs, strict=True))

    def finish(self) -> Program:
        """The new program; a target that was replaced is the operation that makes its value now."""
        old, new = self._program, self._new
        fetches = tuple([new.get(t, t) for t in old.fetches])
        return Program(old.feeds, fetches, tuple([self._made.get(t, t) for t in old.targets]), tuple(self.ops))


def rewrite_program(program: Program, rules: Iterable[Rule], fired: Counter[str] | None = None) -> Program:
    """Apply rules until none fires; where several fit, the first of them.  Counts firings by the rule's name.

    Raises: InternalError, with the rule's name, the operation's name and the user's line, when a rule raises, changes
            a shape or dtype, or keeps firing.
    """
    index: dict[OpDef, list[Rule]] = {}
    for rule in rules:
        for record in rule.records:
            index.setdefault(record, []).append(rule)
    program = drop_dead(program)
    for _ in range(_SWEEPS):
        sweep = _Sweep(program, index)
        program = sweep.run()
        if not sweep.fired:
            return program
        if fired is not None:
            fired.update(sweep.fired)
    raise InternalError.because(f"the rules {', '.join(sorted(sweep.fired))} keep firing: their list does not settle")


class _Sweep:
    """One walk over a program in order.  Each operation is rewritten until no rule fires there."""

    def __init__(self, program: Program, index: Mapping[OpDef, list[Rule]]) -> None:
        self.fired: Counter[str] = Counter()
        self._program = program
        self._index = index
        self._copy = Substitution(program)
        self._placed = set(program.feeds)
        self._uses: dict[Tensor, int] = {}
        for t in itertools.chain(program.fetches, *[target.outputs for target in program.targets]):
            self._use(t)
        for found in program.ops:
            for t in found.inputs:
                self._use(t)

    def run(self) -> Program:
        """The rewritten program; the same one when nothing fired."""
        copy, uses = self._copy, self._uses
        for old in self._program.ops:
            found = copy.updated(old)
            if found is not old:
                for t, u in zip(old.outputs, found.outputs, strict=True):
                    uses[u] = uses.get(t, 0)
            settled = self._settled(found) if found.definition in self._index else None
            if settled is None:
                copy.put(old, found)
                self._placed.update(found.outputs)
            else:
                copy.replace(old, (settled,))
        return drop_dead(copy.finish()) if self.fired else self._program

    def _use(self, t: Tensor) -> None:
        self._uses[t] = self._uses.get(t, 0) + 1

    def _settled(self, root: Operation) -> Tensor | None:
        """What stands for the root's output in the end, None for the root itself."""
        here: Counter[str] = Counter()
        while True:
            replacement = self._applied(root, here)
            if replacement is None:  # the root is as it should be
                if not here:
                    return None
                self.fired.update(here)
                self._place(root)
                return root.outputs[0]
            if sum(here.values()) > _PER_OPERATION:
                raise InternalError.because(
                    f"the rules {', '.join(sorted(here))} keep firing: their list does not settle"
                ).note(*root.where())
            self._uses[replacement] = self._uses.get(replacement, 0) + self._uses.get(root.outputs[0], 0)
            fresh = self._fresh(replacement)
            for made in fresh:
                for t in made.inputs:
                    self._use(t)
            self._release(root)
            if not fresh:
                self.fired.update(here)
                return replacement
            for made in fresh[:-1]:
                self._place(made)
            root = fresh[-1]

    def _applied(self, root: Operation, here: Counter[str]) -> Tensor | None:
        for rule in self._index.get(root.definition, ()):
            try:
                found = rule(root, self._uses)
            except Exception as error:
                what = error.message if isinstance(error, GraphflowError) else f"{type(error).__name__}: {error}"
                raise InternalError.because(f"the rule {rule.name} failed: {what}", root).note(*root.where()) from error
            if found is not None:
                replacement, was = found.outputs[0] if isinstance(found, Operation) else found, root.outputs[0]
                if replacement.dims != was.dims or replacement.dtype is not was.dtype:
                    raise InternalError.because(
                        f"the rule {rule.name} changes {was.dtype.name}{show(was.dims)} to "
                        f"{replacement.dtype.name}{show(replacement.dims)}", root
                    ).note(*root.where())  # fmt: skip
                here[rule.name] += 1
                return replacement
        return None

    def _place(self, made: Operation) -> None:
        self._copy.ops.append(made)
        self._placed.update(made.outputs)

    def _fresh(self, t: Tensor) -> list[Operation]:
        """The operations that a rule has made for this tensor, in an order in which they can run."""
        order: dict[Operation, None] = {}
        stack = [] if t in self._placed else [t.op]
        while stack:
            top = stack[-1]
            waiting = [u.op for u in top.inputs if u not in self._placed and u.op not in order]
            if waiting:
                stack.extend(waiting)
            else:
                order[stack.pop()] = None
        return list(order)

    def _release(self, root: Operation) -> None:
        """The operation is gone: it uses its inputs no more, nor do those that nobody uses now."""
        stack = [root]
        while stack:
            gone = stack.pop()
            for t in gone.inputs:
                self._uses[t] = left = self._uses[t] - 1
                if not left and not t.op.definition.stateful and not any(self._uses.get(u) for u in t.op.outputs):
                    stack.append(t.op)
