"""The engine that rewrites a program by rules, and the substitution that passes share."""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from graphflow.errors import GraphflowError, InternalError
from graphflow.operation import Operation, Tensor
from graphflow.ops.define import OpDef
from graphflow.passes.match import Fired, Rule, Uses
from graphflow.passes.prune import drop_dead
from graphflow.program import Program
from graphflow.shape import show

_PER_OPERATION = 100  # firings at one operation, after which a rule list will not settle
_SWEEPS = 100


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
        new = self._new
        if new.keys().isdisjoint(old.inputs):
            return old
        refs = old.definition.refs
        if refs:
            inputs = tuple([(self._refs if i in refs else new).get(t, t) for i, t in enumerate(old.inputs)])
            if inputs == old.inputs:
                return old
        else:
            inputs = tuple([new.get(t, t) for t in old.inputs])
        return old.rebuild(inputs, [(t.dims, t.dtype) for t in old.outputs])

    def put(self, old: Operation, made: Operation) -> None:
        """`made` stands where `old` stood."""
        self.ops.append(made)
        if made is not old:
            self._made[old] = made
            for t, u in zip(old.outputs, made.outputs, strict=True):
                self._new[t] = self._refs[t] = u

    def put_together(self, many: Sequence[Operation], made: Operation) -> None:
        """`made` stands for all of these, its outputs for theirs in turn."""
        self.ops.append(made)
        outputs = iter(made.outputs)
        for old in many:
            self._made[old] = made
            for t in old.outputs:
                self._new[t] = self._refs[t] = next(outputs)

    def put_parts(
        self, old: Operation, made: Operation, ops: Sequence[Operation], outputs: Mapping[Tensor, Tensor]
    ) -> None:
        """These operations, `made` and what is around it, stand where `old` stood; tensors for its outputs."""
        self.ops += ops
        self._made[old] = made
        self._new.update(outputs)
        self._refs.update(outputs)

    def replace(self, old: Operation, outputs: Sequence[Tensor]) -> None:
        """Tensors of the new program take the place of the outputs of a pure operation."""
        self._made[old] = outputs[0].op
        self._new.update(zip(old.outputs, outputs, strict=True))

    def finish(self) -> Program:
        """The new program; a target that was replaced is the operation that makes its value now."""
        old, new = self._program, self._new
        fetches = tuple([new.get(t, t) for t in old.fetches])
        targets = dict.fromkeys(self._made.get(t, t) for t in old.targets)
        return Program(old.feeds, fetches, tuple(targets), tuple(self.ops))


def rewrite_program(program: Program, rules: Iterable[Rule], fired: Counter[str] | None = None) -> Program:
    """Apply rules until none fires; where several fit, the first of them.  Counts firings by the rule's name.

    Raises: InternalError, with the rule's name, the operation's name and the user's line, when a rule raises, changes
            a shape or dtype, or keeps firing.
    """
    index = _index(tuple(rules))
    program = drop_dead(program)
    for _ in range(_SWEEPS):
        sweep = _Sweep(program, index)
        program = sweep.run()
        if fired is not None:
            fired.update(sweep.fired)
        if not sweep.unsettled:
            return program
    raise InternalError.because(f"the rules {', '.join(sorted(sweep.fired))} keep firing: their list does not settle")


@functools.lru_cache(64)
def _index(rules: tuple[Rule, ...]) -> _Index:
    return _Index(rules)


class _Index:
    """Which of some rules to try at an operation, by the records of it and of those that make its inputs."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules: dict[OpDef, list[Rule]] = {}
        for rule in rules:
            for record in rule.records:
                self._rules.setdefault(record, []).append(rule)
        self._arity = max((len(p.inputs) for rule in rules for p in rule.patterns), default=0)
        self._found: dict[tuple[OpDef, ...], tuple[Rule, ...]] = {}

    def at(self, op: Operation) -> tuple[Rule, ...]:
        """The rules that may fire, in their order."""
        record, inputs = op.definition, op.inputs
        if record not in self._rules or len(inputs) > self._arity:
            return ()
        if len(inputs) == 2:  # the most frequent cases without a comprehension
            key: tuple[OpDef, ...] = (record, inputs[0].op.definition, inputs[1].op.definition)
        elif len(inputs) == 1:
            key = (record, inputs[0].op.definition)
        else:
            key = (record, *[t.op.definition for t in inputs])
        found = self._found.get(key)
        if found is None:
            narrowed = [rule.narrowed(key[1:]) for rule in self._rules[record]]
            found = self._found[key] = tuple([rule for rule in narrowed if rule is not None])
        return found


class _Sweep:
    """One walk over a program in order.  Each operation is rewritten until no rule fires there.

    What rules look at lies before an operation, and does not change after it, but for two things that another walk
    has to look at: operations that a rule made on the way to its result, and uses that have gone.
    """

    def __init__(self, program: Program, index: _Index) -> None:
        self.fired = Fired()
        self._made_more = False
        self._program = program
        self._index = index
        self._copy = Substitution(program)
        self._placed = set(program.feeds)
        taken = [op.inputs for op in program.ops]
        taken += [program.fetches, *[target.outputs for target in program.targets]]
        self._uses = Uses(itertools.chain.from_iterable(taken))

    @property
    def unsettled(self) -> bool:
        """Whether another walk may find more to do."""
        return bool(self.fired) and (self._made_more or self._uses.refused)

    def run(self) -> Program:
        """The rewritten program; the same one when nothing fired."""
        copy, uses = self._copy, self._uses
        for old in self._program.ops:
            found = copy.updated(old)
            if found is not old:
                for t, u in zip(old.outputs, found.outputs, strict=True):
                    uses[u] = uses.get(t, 0)
            rules = self._index.at(found)
            settled = self._settled(found, rules) if rules else None
            if settled is None:
                copy.put(old, found)
                self._placed.update(found.outputs)
            else:
                copy.replace(old, (settled,))
        return drop_dead(copy.finish()) if self.fired else self._program

    def _use(self, t: Tensor) -> None:
        self._uses[t] = self._uses.get(t, 0) + 1

    def _settled(self, root: Operation, rules: Sequence[Rule]) -> Tensor | None:
        """What stands for the root's output in the end, None for the root itself."""
        here: list[str] = []
        while True:
            replacement = self._applied(root, rules, here)
            if replacement is None:  # the root is as it should be
                if not here:
                    return None
                self._count(here, root)
                self._place(root)
                return root.outputs[0]
            if len(here) > _PER_OPERATION:
                raise InternalError.because(
                    f"the rules {', '.join(sorted(set(here)))} keep firing: their list does not settle"
                ).note(*root.where())
            self._uses[replacement] = self._uses.get(replacement, 0) + self._uses.get(root.outputs[0], 0)
            fresh = self._fresh(replacement)
            for made in fresh:
                for t in made.inputs:
                    self._use(t)
            self._release(root)
            if not fresh:
                self._count(here, root)
                return replacement
            for made in fresh[:-1]:
                self._place(made)
                self._made_more = self._made_more or bool(self._index.at(made))
            root = fresh[-1]
            rules = self._index.at(root)

    def _count(self, names: Sequence[str], root: Operation) -> None:
        for name in names:
            self.fired[name] += 1
        self.fired.at.setdefault(root.id, []).extend(names)

    def _applied(self, root: Operation, rules: Sequence[Rule], here: list[str]) -> Tensor | None:
        for rule in rules:
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
                here.append(rule.name)
                return replacement
        return None

    def _place(self, made: Operation) -> None:
        self._copy.ops.append(made)
        self._placed.update(made.outputs)

    def _fresh(self, t: Tensor) -> list[Operation]:
        """The operations that a rule has made for this tensor, in an order in which they can run."""
        if t in self._placed:
            return []
        order: dict[Operation, None] = {}
        stack = [t.op]
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
