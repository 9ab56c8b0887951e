"""What steers a run with loops and branches: the numbers that the host asks for, and the lines of bodies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow.backends.cuda.bodies import Body
from graphflow.backends.cuda.buffers import GOOD, Buffers
from graphflow.backends.cuda.inner import side
from graphflow.backends.cuda.launch import draws_of
from graphflow.backends.cuda.lines import Binder, Line, Queued
from graphflow.backends.cuda.loops import Branch, Loop
from graphflow.backends.cuda.places import Memory
from graphflow.backends.cuda.rounds import COUNT, LATCH, Piece, moved
from graphflow.control.rounds import counter_of
from graphflow.operation import Tensor
from graphflow.ops.static import static_value
from graphflow.plan import Buffer, Step


class Steering:
    """Puts loops and branches into the lines of one executable."""

    def __init__(self, root: Buffers, binder: Binder) -> None:
        self.root, self.binder = root, binder

    def line(self, step: Step, bodies: Sequence[Body], memory: Memory) -> Line:
        """A loop or branch, after what asks for the number that it needs first."""
        if "variables" not in step.op.attrs:
            asks, index = self.asked(memory, step, [("first", step.op.inputs[0], step.inputs[0])])
            return [*asks, Branch(self, step, bodies, memory, index)]
        asks, limit, tests = self._limit(step, memory)
        return [*asks, Loop(self, step, bodies if tests else bodies[:1], memory, limit)]

    def body(self, body: Body, memory: Memory) -> Line:
        """The steps of a body.   What draws there draws again in the next round; what went wrong first is kept."""
        made: Line = []
        for number, step in enumerate(body.plan.steps):
            if number in body.inner:
                made += self.line(step, body.inner[number], memory)
                continue
            made += self.binder.step(step, memory)
            made += [Queued(self.binder.kernel(COUNT, [memory.draws(op)], [])) for op in draws_of([step])]
        checked = [s for s in body.plan.steps if self.root.checks(s)]
        if checked:
            words = self.root.statuses
            made.append(Queued(self.binder.kernel(LATCH, [words], [words.size - 2, int(GOOD)])))
        return made

    def _limit(self, step: Step, memory: Memory) -> tuple[Line, Callable[[], int], bool]:
        """(what asks for how many rounds there may be, what knows it then, whether a test must say so before each).

        None of a test that compares a counter with what is there before the loop.
        """
        op, (body, *tests) = step.op, step.op.attrs["bodies"]
        questions = [("first", op.inputs[0], step.inputs[0])]
        counter = counter_of(op.attrs["variables"], body.program, tests[0].program) if tests else None
        if counter is None:
            asks, limit = self.asked(memory, step, questions)
            return asks, lambda: limit()[0], bool(tests)
        bound: Any = static_value(counter.bound)
        places = [1 + counter.variable]
        if bound is None:
            places.append(tests[0].takes[tests[0].program.feeds.index(counter.bound)])
        for what, i in zip(("start", "bound"), places, strict=False):
            questions.append((what, op.inputs[i], step.inputs[i]))
        asks, answers = self.asked(memory, step, questions)

        def counted() -> int:
            most, start, *last = answers()
            rounds = counter.rounds(start, last[0] if last else int(bound))
            return rounds if most < 0 else min(rounds, most)

        return asks, counted, False

    def asked(
        self, memory: Memory, step: Step, questions: Sequence[tuple[str, Tensor, Buffer]]
    ) -> tuple[Line, Callable[[], list[int]]]:
        """(what sends numbers to the host, what waits for them); nothing is sent that the host knows."""
        answers: list[Callable[[], Any]] = []
        pieces, open_ = [], False
        for what, t, buffer in questions:
            known = memory.on_host(t, buffer)
            if known is None:
                open_ = True
                to, source = self.root.question(what, step), memory.place(buffer)
                if to[0] is not source[0] or to[1] != source[1]:
                    pieces.append(Piece(side(to, buffer), side(source, buffer), buffer.nbytes))
                known = self.root.answer(what, step, buffer.dtype.dtype)
            answers.append(known)

        def waited() -> list[int]:
            if open_:
                self.root.wait()
            return [int(answer()) for answer in answers]

        return ([*moved(self.binder, pieces), *map(Queued, self.root.news())] if open_ else []), waited
