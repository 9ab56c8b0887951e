"""From a graph to what one run computes: prune, then specialize to the shapes that are fed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphflow.control.bodies import Call, merge_twins
from graphflow.control.loop import item_type
from graphflow.control.rounds import known_rounds
from graphflow.dtypes import DType, ListType, int32, is_list_of
from graphflow.errors import GraphError, GraphflowError, InvalidArgumentError, ShapeError
from graphflow.operation import Operation, Program, Tensor, variable_of
from graphflow.ops.basic import IDENTITY
from graphflow.ops.define import CONST
from graphflow.ops.list_types import joined
from graphflow.ops.lists import typed
from graphflow.ops.placeholder import PLACEHOLDER, PLACEHOLDER_WITH_DEFAULT
from graphflow.ops.static import static_value
from graphflow.shape import Dims, compatible, known, merge, show


class FromSizes(dict):
    """The attributes of a constant that another batch size would change.

    Passes do not look at such numbers where that would decide which kernels run: x / n * 100 does not lose its product
    because n happens to be 100, and other batch sizes find their kernels compiled.
    """


_TRIES = 4  # for the types of lists in loops: blank, then of known items, of any length, of any items


@dataclass(frozen=True)
class Stage:
    """A program in which every shape is known, and what is left to do afterwards.

    Where a shape depends on values (`tf.where`, a fed `tf.range` limit), the program is cut after that operation: the
    stage fetches what `rest` feeds, and the rest is specialized when the shapes have come out.
    """

    program: Program
    rest: Program | None


def prune(fetches: Sequence[Tensor], targets: Sequence[Operation], feeds: Sequence[Tensor]) -> Program:
    """The operations that these fetches and targets need, when these tensors are fed.

    Raises: InvalidArgumentError for a placeholder that is needed and not fed.
    """
    fed = set(feeds)
    needed = _reach([t.op for t in fetches if t not in fed] + list(targets), fed)
    for op in needed:
        if op.definition is PLACEHOLDER:
            raise _unfed(op, fetches, targets, fed)
        if op.frame is not None:
            raise GraphError(f"{op.name!r} exists only inside a branch or a loop body").note(*op.where())
    ops = tuple(sorted(needed, key=lambda op: op.id))
    return merge_twins(Program(tuple(feeds), tuple(fetches), tuple(targets), ops))


def _reach(starts: Iterable[Operation], fed: set[Tensor]) -> set[Operation]:
    needed: set[Operation] = set()
    stack = list(starts)
    while stack:
        op = stack.pop()
        if op not in needed:
            needed.add(op)
            stack.extend(t.op for i, t in enumerate(op.inputs) if t not in fed or i in op.definition.refs)
            stack.extend(c for c in op.control_inputs if not (c.outputs and fed.issuperset(c.outputs)))
    return needed


def _unfed(op: Operation, fetches: Sequence[Tensor], targets: Sequence[Operation], fed: set[Tensor]) -> GraphflowError:
    asked: list[Any] = [t for t in fetches if t not in fed and op in _reach([t.op], fed)]
    asked += [t for t in targets if op in _reach([t], fed)]
    tensor = op.output
    error = InvalidArgumentError.because(
        f"the placeholder {tensor.name!r} ({tensor.dtype.name}{show(tensor.dims)}) must be fed, and is not",
        op,
        hint=f"add it to the feed_dict: run({asked[0].name!r}, {{{op.name}: ...}})",
    )
    return error.note(*op.where(), f"needed by the fetch {asked[0].name!r}")


def specialize(
    program: Program,
    feed_dims: Sequence[Dims],
    variable_dims: Callable[[Operation], Dims],
    given: Sequence[Tensor | DType | None] = (),
) -> Stage:
    """The program with known shapes everywhere, up to the first operation whose shape depends on values.

    given   what stands for the feeds outside: a constant is known inside too, and an array may come for a list
    Raises: InvalidArgumentError when the fed shapes do not fit together.
    """
    new: dict[Tensor, Tensor] = {}  # for tensors that are another one in the new program
    refs: dict[Tensor, Tensor] = {}  # the same for what names a variable, though its value may be fed
    ops: list[Operation] = []
    feeds: list[Tensor] = []
    for t, dims, outer in itertools.zip_longest(program.feeds, feed_dims, given):
        op = t.op
        dtype = t.dtype if outer is None else outer.dtype if isinstance(outer, Tensor) else outer
        attrs = {"dtype": dtype, "shape": dims}
        fed = Operation(PLACEHOLDER, op.name, (), attrs, [(dims, dtype)], (), op.graph, op.id, op.site, op.device)
        new[t] = fed.output
        feeds.append(fed.output)
        if isinstance(outer, Tensor) and outer.op.definition is CONST:
            new[t] = outer
            if outer.op not in ops:
                ops.append(outer.op)
    changed: dict[Operation, Operation] = {}
    for i, op in enumerate(program.ops):
        made = _specialized(op, new, refs, variable_dims)
        ops.append(made)
        if made is not op:
            changed[op] = made
            for t, u in zip(op.outputs, made.outputs, strict=True):
                new.setdefault(t, u)  # a fed output keeps its feed
                refs[t] = u
        if not _settled(made) and not _only_walked(op, made, program, i):
            return _cut(program, i + 1, new, changed)
    targets = tuple([changed.get(op, op) for op in program.targets])
    fetches = tuple([new.get(t, t) for t in program.fetches])
    return Stage(Program(tuple(feeds), fetches, targets, tuple(ops)), None)


def _specialized(
    op: Operation, new: dict[Tensor, Tensor], refs: dict[Tensor, Tensor], variable_dims: Callable[[Operation], Dims]
) -> Operation:
    record, made, inputs = op.definition, op, op.inputs
    if not new.keys().isdisjoint(inputs):
        inputs = tuple([(refs if i in record.refs else new).get(t, t) for i, t in enumerate(inputs)])
    if record.calls:
        return specialized_call(op, inputs, variable_dims)
    begun = typed(op, inputs)
    if begun is not None:
        return begun
    if record is PLACEHOLDER_WITH_DEFAULT:  # not fed: the default it is
        outputs = [(inputs[0].dims, inputs[0].dtype)]
        made = Operation(IDENTITY, op.name, inputs, {}, outputs, (), op.graph, op.id, op.site, op.device)
    elif inputs != op.inputs or not _settled(op):
        if record.variable:
            made = op.rebuild((), [(variable_dims(op), op.output.dtype)])
        else:
            try:
                types = record.outputs(inputs, op.attrs, op.name, op.site)
            except ShapeError as error:
                raise InvalidArgumentError.because(error.message, op, error.hint).note(*error.notes) from None
            outputs = [
                (_merged(dims, t.dims), dtype if isinstance(dtype, ListType) else t.dtype)
                for (dims, dtype), t in zip(types, op.outputs, strict=True)
            ]
            made = op.rebuild(inputs, outputs)
    if record is not CONST and len(made.outputs) == 1 and not made.outputs[0].dtype.is_floating:
        value = static_value(made.outputs[0])
        if value is not None:
            dtype = made.outputs[0].dtype
            attrs = {"value": value, "dtype": dtype}
            if static_value(op.outputs[0]) is None:  # in the graph, where nothing is known of the feeds
                attrs = FromSizes(attrs)
            made = Operation(CONST, op.name, (), attrs, [(value.shape, dtype)], (), op.graph, op.id, op.site)
            made.outputs[0].static = value
    return made


def _settled(op: Operation) -> bool:
    """Whether all shapes of its outputs are known; lists have no shape that anybody needs."""
    for t in op.outputs:  # noqa: SIM110 (all() would cost twice the time)
        if (t.dims is None or None in t.dims) and not isinstance(t.dtype, ListType):
            return False
    return True


def _only_walked(op: Operation, made: Operation, program: Program, position: int) -> bool:
    """Whether an output is open only because nobody knows how many rounds a loop makes, and only loops go over it."""
    if "variables" not in op.attrs:
        return False
    open_, first = [], len(op.definition.writes) + op.attrs["variables"] + 1
    for i, (t, u) in enumerate(zip(op.outputs, made.outputs, strict=True)):
        if not known(u.dims) and not isinstance(u.dtype, ListType):
            if i < first or not u.dims or not known(u.dims[1:]) or u.dtype.dtype.hasobject:
                return False
            open_.append(t)
    if any(t in program.fetches for t in open_):
        return False
    for later in program.ops[position + 1 :]:
        for i, t in enumerate(later.inputs):
            if t in open_ and not _walks(later, i):
                return False
    return True


def _walks(op: Operation, i: int) -> bool:
    """Whether an input is a sequence that a loop goes over."""
    first = 1 + op.attrs.get("variables", 0)
    return "variables" in op.attrs and first <= i < first + op.attrs["sequences"]


def _merged(inferred: Dims, declared: Dims) -> Dims:
    """What inference says, and where it is silent what set_shape has promised."""
    if inferred is not None and None not in inferred:
        return inferred
    return merge(inferred, declared) if compatible(inferred, declared) else inferred


def _cut(program: Program, at: int, new: dict[Tensor, Tensor], changed: dict[Operation, Operation]) -> Stage:
    now, later = program.ops[:at], program.ops[at:]
    done = set(now)
    made = set(program.feeds).union(*(op.outputs for op in now))
    crossing: dict[Tensor, None] = {}
    constants: set[Operation] = set()
    for op in later:
        for i, t in enumerate(op.inputs):
            if t in made and i not in op.definition.refs:
                if t.op.definition is CONST and t not in program.feeds:
                    constants.add(t.op)
                else:
                    crossing[t] = None
    crossing.update((t, None) for t in program.fetches if t in made)
    across = tuple(crossing)
    first = Program(
        tuple(new[t] for t in program.feeds), tuple(new.get(t, t) for t in across),
        tuple(changed.get(op, op) for op in program.targets if op in done), tuple(changed.get(op, op) for op in now),
    )  # fmt: skip
    rest_ops = tuple(sorted([*constants, *later], key=lambda op: op.id))
    rest = Program(across, program.fetches, tuple(op for op in program.targets if op not in done), rest_ops)
    return Stage(first, rest)


# -- branches and loops ------------------------------------------------------------------------------------------------
def specialized_call(
    op: Operation, inputs: tuple[Tensor, ...], variable_dims: Callable[[Operation], Dims]
) -> Operation:
    """A branch or loop over these inputs, with bodies in which every shape is known, if that can be.

    Where it cannot (a loop variable that grows), the bodies stay as they are: the run specializes them by what comes.
    """
    attrs, skip, rounds = op.attrs, len(op.definition.writes), None
    types = [(t.dims, t.dtype) for t in op.outputs]
    for i, at in enumerate(op.definition.writes):
        types[i] = (variable_dims(variable_of(inputs[at])), types[i][1])
    stages = _specialized_bodies(op, inputs, variable_dims)
    if stages is not None:
        bodies = [Call(program, call.takes) for program, call in zip(stages, attrs["bodies"], strict=True)]
        if "variables" in attrs:
            test = stages[1] if len(stages) > 1 else None
            rounds = known_rounds(inputs[0], inputs[1 : 1 + attrs["variables"]], stages[0], test)
        results = _loop_types(op, inputs, stages[0], rounds) if "variables" in attrs else _branch_types(op, stages)
        if results is not None:
            types[skip:] = results
            attrs = {**attrs, "bodies": tuple(bodies)}
    attrs = {**attrs, "types": tuple(types)}
    made = Operation(
        op.definition, op.name, inputs, attrs, types, op.control_inputs, op.graph, op.id, op.site, op.device, op.frame
    )
    if rounds is not None:
        made.outputs[skip + attrs["variables"]].static = np.array(rounds, np.int32)
    return made


def _specialized_bodies(
    op: Operation, inputs: tuple[Tensor, ...], variable_dims: Callable[[Operation], Dims]
) -> list[Program] | None:
    if "variables" not in op.attrs:
        return _all_specialized(op, inputs, [], variable_dims)
    count, sequences = op.attrs["variables"], op.attrs["sequences"]
    held: list[Any] = [(t.dims, t.dtype) for t in inputs[1 : 1 + count]]
    items = [item_type(t) for t in inputs[1 + count : 1 + count + sequences]]
    for _ in range(_TRIES):
        bodies = _all_specialized(op, inputs, [*held, *items], variable_dims)
        if bodies is None:
            return None
        following = [(t.dims, t.dtype) for t in bodies[0].fetches[:count]]
        after = [joined(a, b) if isinstance(a[1], ListType) else a for a, b in zip(held, following, strict=True)]
        if after == held:
            return bodies
        held = after  # lists that hold other items, or more of them, after an iteration than before
    return None


def _all_specialized(
    op: Operation, inputs: tuple[Tensor, ...], types: Sequence[Any], variable_dims: Callable[[Operation], Dims]
) -> list[Program] | None:
    """The bodies, for loop variables and items of these types."""
    made = []
    for call in op.attrs["bodies"]:
        own = call.takes.count(-1)
        given: list[Any] = [inputs[i] for i in call.takes[own:]]
        dims = [d for d, _ in types[:own]] + [t.dims for t in given]
        given = [dtype for _, dtype in types[:own]] + given
        for i, t in enumerate(call.program.feeds):
            came = given[i].dtype if isinstance(given[i], Tensor) else given[i]
            if is_list_of(came, t.dtype):  # a branch gets the item
                dims[i], given[i] = None, t.dtype
        open_ = [d for d, given_as in zip(dims, given, strict=True) if not _is_list(given_as)]
        if any(d is None or None in d for d in open_):
            return None
        try:
            stage = specialize(call.program, dims, variable_dims, given)
        except InvalidArgumentError:  # a branch that does not fit may never be taken
            return None
        if stage.rest is not None:
            return None
        made.append(stage.program)
    return made


def _is_list(given: Tensor | DType) -> bool:
    return isinstance(given.dtype if isinstance(given, Tensor) else given, ListType)


def _branch_types(op: Operation, branches: Sequence[Program]) -> list[Any] | None:
    """The types of the results, None unless all branches agree; what is kept of a branch is an array by itself."""
    source = op.attrs["source"]
    count = len(source.branches[0].fetches)
    kept = [iter(branch.fetches[count:]) for branch in branches]
    types: list[Any] = [(t.dims, t.dtype) for t in branches[0].fetches[:count]]
    for branch in branches[1:]:
        for i, t in enumerate(branch.fetches[:count]):
            other: Any = (t.dims, t.dtype)
            if isinstance(t.dtype, ListType):
                types[i] = joined(types[i], other)
            elif types[i] != other:
                return None
    saved = [next(kept[number]) for number, _ in source.saved]
    return types + [(t.dims, t.dtype) for t in saved]


def _loop_types(op: Operation, inputs: tuple[Tensor, ...], body: Program, rounds: int | None) -> list[Any] | None:
    """The types of the results, None when an iteration changes the shape of a variable."""
    count = op.attrs["variables"]
    types = [(t.dims, t.dtype) for t in body.feeds[:count]]
    if types != [(t.dims, t.dtype) for t in body.fetches[:count]]:
        return None
    rows: list[Any] = []
    for t, row in zip(body.fetches[count:], op.outputs[len(op.definition.writes) + count + 1 :], strict=True):
        if isinstance(t.dtype, ListType):  # a list for each round: its items may be of several lengths
            rows.append((row.dims, row.dtype))
        else:
            rows.append((None if t.dims is None else (rounds, *t.dims), t.dtype))
    return [*types, ((), int32), *rows]
