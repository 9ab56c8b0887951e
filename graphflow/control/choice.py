"""The operation If: one of several branches runs, the others do not."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphflow.control.bodies import Body, Call, add, feed_of, make_body, twin, united
from graphflow.dtypes import list_of
from graphflow.gradients import flow_back, no_gradient
from graphflow.graph import get_default_graph
from graphflow.operation import Frame, Operation, Tensor
from graphflow.ops.basic import identity
from graphflow.ops.define import OpDef, Outputs, convert_to_tensor, define
from graphflow.shape import Dims, common


@dataclass(frozen=True, eq=False)
class Branch:
    """One way to go: what it gives, and for a gradient which values of another branch it takes.

    lists  pairs of a list outside, which has one item if this branch runs, and the tensor that stands for the item
    """

    frame: Frame
    fetches: tuple[Tensor, ...]
    lists: tuple[tuple[Tensor, Tensor], ...] = ()


@dataclass(frozen=True, eq=False)
class Choice:
    """What an If was made of.

    index  a bool (branches are those for False and True) or int32 scalar; out of range means the last branch
    saved  (number of the branch, tensor inside) for each list that the operation gives besides the results
    listed which results are lists of one item, made when the branch runs: gradients for lists
    """

    index: Tensor
    branches: tuple[Branch, ...]
    saved: tuple[tuple[int, Tensor], ...] = ()
    root: Operation | None = None

    def with_saved(self, saved: Sequence[Any], root: Operation) -> Choice:
        return replace(self, saved=tuple(saved), root=root)

    def parts(self) -> tuple[OpDef, tuple[Tensor, ...], dict[str, Any], Outputs, tuple[Operation, ...]]:
        bodies = self.bodies()
        lists = [t for branch in self.branches for t, _ in branch.lists]
        captured = united([*[b.captured for b in bodies], *[b.constants for b in bodies]])
        refs, writes = united(b.refs for b in bodies), united(b.writes for b in bodies)
        inputs = (self.index, *lists, *captured, *[v.output for v in refs])
        position = {t: 1 + len(lists) + i for i, t in enumerate(captured)}
        calls, before = [], 1
        for branch, body in zip(self.branches, bodies, strict=True):
            own = range(before, before + len(branch.lists))
            calls.append(Call(body.program, (*own, *[position[t] for t in body.captured])))
            before += len(branch.lists)
        count = len(self.branches[0].fetches)
        types: Outputs = [(v.output.dims, v.output.dtype) for v in writes]
        types += [_common([b.fetches[i] for b in self.branches]) for i in range(count)]
        types += [((None,), list_of(t.dtype)) for _, t in self.saved]
        first = 1 + len(lists) + len(captured)
        at = [first + refs.index(v) for v in writes]
        record = specialized_record(IF, range(first, first + len(refs)), at, bodies)
        attrs = {"bodies": tuple(calls), "source": self, "types": tuple(types)}
        return record, inputs, attrs, types, united(b.waits for b in bodies)

    def bodies(self) -> list[Body]:
        """The branches as programs: their results, then what is kept of them."""
        made = []
        for number, branch in enumerate(self.branches):
            kept = [t for n, t in self.saved if n == number]
            made.append(make_body(branch.frame, [t for _, t in branch.lists], [*branch.fetches, *kept]))
        return made


def _common(results: Sequence[Tensor]) -> tuple[Dims, Any]:
    """The type of a result: what is known in every branch."""
    return functools.reduce(common, [t.dims for t in results]), results[0].dtype


def _types(*inputs: Tensor, types: Any, source: Any, bodies: Any, **_: Any) -> Outputs:
    """What the operation was made with."""
    return list(types)


def define_control(name: str, first: str, vjp: Any) -> OpDef:
    """The record of If or While."""
    args = f"{first}:at *inputs:any"
    return define(name, args, _types, None, vjp=vjp, reads=False, calls=True)


def specialized_record(record: OpDef, refs: Sequence[int], writes: Sequence[int], bodies: Sequence[Body]) -> OpDef:
    """The record for one operation: which inputs name variables depends on what its bodies do."""
    acts = any(op.definition.stateful for body in bodies for op in body.program.ops if not op.definition.variable)
    infer = lambda *_, types, **__: list(types)
    return replace(record, infer=infer, stateful=acts, refs=tuple(refs), writes=tuple(writes))


def choice_of(index: Tensor, branches: Sequence[Branch], name: str) -> Operation:
    """An If."""
    return add(Choice(index, tuple(branches)), name)


def choose(index: Tensor, branches: Sequence[Branch], name: str) -> list[Tensor]:
    """Results of the branch that the index names."""
    op = choice_of(index, branches, name)
    return list(op.outputs[len(op.definition.writes) :])


def taking(branches: Sequence[Branch], owners: Mapping[Frame | None, tuple[Operation, int]]) -> list[Branch]:
    """The branches with the values that they take of branches that ran before.

    owners  for each frame of those: the If, and which of its branches was made there
    """
    foreign: dict[Operation, list[tuple[int, Tensor]]] = {}
    for branch in branches:
        for t in make_body(branch.frame, [], branch.fetches).captured:
            if t.op.frame in owners:
                op, number = owners[t.op.frame]
                foreign.setdefault(op, []).append((number, t))
    lists = {n: [] for n in range(len(branches))}  # type: dict[int, list[tuple[Tensor, Tensor]]]
    for op, kept in foreign.items():
        for (number, t), value in zip(kept, twin(op, kept), strict=True):
            lists[number].append((value, t))
    return [replace(branch, lists=(*branch.lists, *lists[n])) for n, branch in enumerate(branches)]


def merged(results: Sequence[Tensor]) -> list[Tensor]:
    """Results of an If under the names that TensorFlow's Merges have: `Merge`, `Merge_1`, ..."""
    return [identity(t, name="Merge") for t in results]


# -- the gradient ----------------------------------------------------------------------------------------------------
def _vjp(op: Operation, dys: Sequence[Any], wanted: set[int]) -> list[Any]:
    """An If over the gradients of the branches, which takes what these have computed."""
    source: Choice = op.attrs["source"]
    graph = get_default_graph()
    wanted = {op.inputs.index(op.inputs[i]) for i in wanted}  # a variable may stand twice: as a value, to be read
    skip = len(op.definition.writes)
    count = len(source.branches[0].fetches)
    gradients: list[list[Any]] = []
    frames: list[Frame] = []
    lists: list[list[tuple[Tensor, Tensor]]] = []
    for number, branch in enumerate(source.branches):
        frame = Frame(graph.frame, reads=branch.frame)
        sources = {i: _inside(source, op, number, i) for i in wanted}
        given = []
        with graph.inside(frame):
            seeds = [(t, dy) for t, dy in zip(branch.fetches, dys[skip:], strict=False) if dy is not None]
            for (n, t), dy in zip(source.saved, dys[skip + count :], strict=True):
                if n == number and dy is not None:
                    item = feed_of(t.dims, t.dtype, "item")
                    given.append((dy, item))
                    seeds.append((t, item))
            inner = [x for x in sources.values() if x is not None]
            found = dict(zip(inner, flow_back(seeds, inner, branch.frame), strict=True))
        frames.append(frame)
        lists.append(given)
        gradients.append([None if (x := sources[i]) is None else found[x] for i in sorted(wanted)])
    order = [i for k, i in enumerate(sorted(wanted)) if any(g[k] is not None for g in gradients)]
    if not order:
        return [None] * len(op.inputs)
    column = {i: k for k, i in enumerate(sorted(wanted))}
    dense = [i for i in order if not _is_list(op, i)]
    branches, saved, places = [], [], []
    for number, frame in enumerate(frames):
        with graph.inside(frame):
            fetches = [_or_zeros(gradients[number][column[i]], op.inputs[i]) for i in dense]
        branches.append(Branch(frame, tuple(fetches), tuple(lists[number])))
        for i in order:
            if _is_list(op, i) and gradients[number][column[i]] is not None:
                saved.append((number, gradients[number][column[i]]))
                places.append(i)
    branches = _with_values(op, branches, [t for _, t in saved], saved)
    made = add(Choice(source.index, tuple(branches), tuple(saved)), "If")
    outputs = made.outputs[len(made.definition.writes) :]
    outputs = (*merged(outputs[: len(dense)]), *outputs[len(dense) :])
    results: list[Any] = [None] * len(op.inputs)
    for i, t in zip((*dense, *places), outputs, strict=True):
        results[i] = t
    return results


def _inside(source: Choice, op: Operation, number: int, i: int) -> Tensor | None:
    """What an input is called in a branch: itself, the item of a list, or nothing when the list is another branch's."""
    before = 1
    for n, branch in enumerate(source.branches):
        if before <= i < before + len(branch.lists):
            return branch.lists[i - before][1] if n == number else None
        before += len(branch.lists)
    return op.inputs[i]


def _is_list(op: Operation, i: int) -> bool:
    return 1 <= i <= sum(len(b.lists) for b in op.attrs["source"].branches)


def _or_zeros(gradient: Any, t: Tensor) -> Tensor:
    return no_gradient(t) if gradient is None else convert_to_tensor(gradient)


def _with_values(op: Operation, branches: Sequence[Branch], extra: Any, saved: Sequence[tuple[int, Tensor]]) -> list:
    """The branches of a gradient with the values that they take of the branches that ran before."""
    source: Choice = op.attrs["source"]
    foreign: list[tuple[int, Tensor]] = []
    for number, branch in enumerate(branches):
        kept = [t for n, t in saved if n == number]
        body = make_body(branch.frame, [t for _, t in branch.lists], [*branch.fetches, *kept])
        ran = source.branches[number]
        given = {t for _, t in ran.lists}  # of a gradient's gradient: what the gradient itself took
        foreign += [(number, t) for t in body.captured if t.op.frame is ran.frame or t in given]
    values = dict(zip(foreign, twin(op, foreign), strict=True))
    return [
        replace(branch, lists=(*branch.lists, *[(v, t) for (n, t), v in values.items() if n == number]))
        for number, branch in enumerate(branches)
    ]


IF = define_control("If", "index", _vjp)
