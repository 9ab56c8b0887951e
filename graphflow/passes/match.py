"""Patterns and what rules are made of.  No rules here.

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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphflow.dtypes import as_dtype, string
from graphflow.operation import Operation, Tensor
from graphflow.ops.basic import ONES_LIKE, ZEROS_LIKE
from graphflow.ops.define import CONST, OpDef
from graphflow.ops.fill import FILL
from graphflow.ops.shape_ops import BROADCAST_TO
from graphflow.program import FromSizes

_SPLAT_LIMIT = 1 << 16  # elements that are compared to find out that they are all the same


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


class Uses(Counter[Tensor]):
    """How many operations and fetches take each tensor.

    refused   whether a pattern has been refused for a tensor that more of them take than it says
    """

    refused = False


class Fired(Counter[str]):
    """How often each rule has fired.

    at   the names of those that fired at an operation, by its place in the graph
    """

    def __init__(self) -> None:
        super().__init__()
        self.at: dict[int, list[str]] = {}

    def update(self, more: Any = (), /, **counts: Any) -> None:
        super().update(more, **counts)
        for place, names in getattr(more, "at", {}).items():
            self.at.setdefault(place, []).extend(names)


def any_(name: str) -> Any_:
    """Any tensor: the rule gets the Tensor."""
    return Any_(name)


def const(value: Any = None, name: str | None = None) -> Const:
    """A tensor that is full of `value`: the rule gets the number.  Without a value any constant, as an array.

    Floats that come from the sizes of what is fed (FromSizes) are not constants to a rule that looks at their values.
    """
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


def _matches(pattern: Pattern, t: Tensor, bound: dict[str, Any], uses: Uses) -> bool:
    """Whether the tensor fits; fills `bound`.  As deep as the pattern is, however deep the program."""
    if isinstance(pattern, Any_):
        return bound.setdefault(pattern.name, t) is t
    if isinstance(pattern, Const):
        return _is_const(pattern, t, bound)
    found = t.op
    if found.definition not in pattern.records or len(found.outputs) != 1 or len(found.inputs) != len(pattern.inputs):
        return False
    if pattern.uses is not None and uses.get(t, 0) != pattern.uses:
        uses.refused = True
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
            if t.dtype.is_floating and isinstance(t.op.attrs, FromSizes):
                return False
            bound[pattern.name] = t.op.attrs["value"]
        return True
    if t.dtype is string:
        return False
    number = splat(t)
    if number is None or number != pattern.value or (t.dtype.is_floating and isinstance(_source(t).attrs, FromSizes)):
        return False
    if pattern.name is not None:
        bound[pattern.name] = number
    return True


def _source(t: Tensor) -> Operation:
    """What makes the numbers that a tensor repeats."""
    while t.op.definition is FILL or t.op.definition is BROADCAST_TO:
        t = t.op.inputs[1 if t.op.definition is FILL else 0]
    return t.op


def splat(t: Tensor) -> Any:
    """The one number that a tensor is full of, as a NumPy scalar; None when there is none, or it is not known.

    Zeros of both signs are different numbers.
    """
    source = _source(t)
    record = source.definition
    if record is ZEROS_LIKE or record is ONES_LIKE:
        return None if t.dtype is string else t.dtype.dtype.type(record is ONES_LIKE)
    if record is not CONST:
        return None
    value = source.attrs["value"]
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

    `makers` says of each pattern which (input, records) are asked for: what most operations fail.
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

    def narrowed(self, inputs: Sequence[OpDef]) -> Rule | None:
        """The rule with those of its patterns that may fit where operations of these records make the inputs."""
        fit = [
            pattern
            for pattern, makers in zip(self.patterns, self.makers, strict=True)
            if len(pattern.inputs) == len(inputs) and all(inputs[i] in may for i, may in makers)
        ]
        return replace(self, patterns=tuple(fit), makers=((),) * len(fit)) if fit else None

    def __call__(self, root: Operation, uses: Uses) -> Tensor | Operation | None:
        """The replacement for an operation, None when the rule has nothing to say about it."""
        for pattern in self.patterns:
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


def constant(like: Operation, value: Any, kind: type[dict] = dict) -> Tensor:
    """A constant that is made for the operation `like`; `kind` FromSizes for one that another batch size changes."""
    array = np.array(value, order="C")
    array.flags.writeable = False
    attrs = kind(value=array, dtype=as_dtype(array.dtype))
    return _made(like, CONST, (), attrs, [(array.shape, attrs["dtype"])]).outputs[0]


def same_type(root: Operation, t: Tensor) -> Tensor | None:
    """The tensor, if it can stand for the root's output: of the same shape and dtype.  None if not."""
    out = root.outputs[0]
    return t if t.dims == out.dims and t.dtype is out.dtype else None


def _made(like: Operation, record: OpDef, inputs: tuple[Tensor, ...], attrs: dict, outputs: Sequence) -> Operation:
    return Operation(record, like.name, inputs, attrs, outputs, (), like.graph, like.id, like.site, like.device)
