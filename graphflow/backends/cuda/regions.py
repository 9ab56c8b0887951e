"""The text of kernels for regions: what a body computes at a point, and the loops of bodies that reduce nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphflow.backends.cuda.expression import Text, evaluate
from graphflow.backends.space import Again, Body, Mask


class Source:
    """Lines of a kernel."""

    def __init__(self, parameters: Sequence[str], name: str = "kernel") -> None:
        self.lines = [f"def {name}({', '.join(parameters)}):"]
        self.depth = 1

    def add(self, *lines: str) -> None:
        self.lines += ["    " * self.depth + line for line in lines]

    def open(self, line: str) -> None:
        """A line whose block follows."""
        self.add(line)
        self.depth += 1

    def close(self) -> None:
        self.depth -= 1

    def __str__(self) -> str:
        return "\n".join(self.lines) + "\n"


class Point:
    """What a body computes at one point: texts of its values by their number.

    bits   of positions, see launch.division
    The pointers of inputs, outputs and draws are a0, o0, d0; the sizes of the loops n0.
    """

    def __init__(self, body: Body, bits: str) -> None:
        self.body, self.bits = body, bits

    def pointers(self) -> list[str]:
        return [
            *[f"a{k}" for k in range(len(self.body.inputs))], *[f"o{i}" for i in range(len(self.body.outputs))],
            *[f"d{i}" for i in range(self.body.draws)],
        ]  # fmt: skip

    def coordinates(self, source: Source, position: str, loops: Sequence[int], wanted: set[int]) -> None:
        """c0, c1, ... of those loops that are wanted, from a position among all points of `loops`, in C order."""
        rest = position
        for place, d in reversed(list(enumerate(loops))):
            outer = wanted & set(loops[:place])
            if not place:
                if d in wanted:
                    source.add(f"c{d} = {rest}")
                return
            if d in wanted:
                source.add(f"c{d} = mod{self.bits}({rest}, n{d})")
            if not outer:
                return
            source.add(f"r{place} = div{self.bits}({rest}, n{d})")
            rest = f"r{place}"

    def partial(self, loops: Sequence[int]) -> set[int]:
        """Those of the loops whose coordinates are needed: of inputs that move along some of them only."""
        found: set[int] = set()
        for mask, _ in self.body.inputs:
            moves = {d for d in range(len(mask)) if mask[d]}
            if moves and len(moves) < len(mask):
                found |= moves & set(loops)
        return found

    @staticmethod
    def index(mask: Mask, whole: str) -> str:
        """Which element of an input is at c0, c1, ...; `whole` is the position in the space."""
        if all(mask):
            return whole
        index = ""
        for d, moves in enumerate(mask):
            if moves:
                index = f"c{d}" if not index else f"({index}) * n{d} + c{d}"
        return index or "0"

    def columns(self) -> list[str]:
        """The parameters after the sizes: of each pointer to columns of wider rows the first one, and their length."""
        return [f"{letter}{pointer}" for pointer in self.body.columns for letter in ("s", "w")]

    def place(self, pointer: int, index: str) -> str:
        """Which element of what a pointer is to, an input or an output, is at `index` of the space."""
        if pointer not in self.body.columns:
            return index
        n = f"n{len(self.body.inputs[0][0]) - 1}"
        return f"s{pointer} + div{self.bits}({index}, {n}) * w{pointer} + mod{self.bits}({index}, {n})"

    def load(self, source: Source, k: int, whole: str) -> None:
        source.add(f"v{k} = a{k}[{self.place(k, self.index(self.body.inputs[k][0], whole))}]")

    def compute(self, source: Source, number: int, whole: str) -> None:
        """Value `number`, a member that is no reduction."""
        member = self.body.members[number - len(self.body.inputs)]
        names = {n: self.text(i) for n, i in zip(member.names, member.operands, strict=True)}
        if member.draws is not None:
            source.add(f"w{number}a, w{number}b = philox_pair(d{member.draws}[0], d{member.draws}[1], uint64({whole}))")
            names |= {"a": Text(f"w{number}a", "uint64"), "b": Text(f"w{number}b", "uint64")}
        source.add(f"v{number} = {evaluate(member.expression, names, member.dtype)}")

    def text(self, number: int) -> Text:
        return Text(f"v{number}", self.body.dtypes[number])

    def store(self, source: Source, number: int, index: str) -> None:
        """Where the value is wanted outside."""
        for i, wanted in enumerate(self.body.outputs):
            if wanted == number:
                source.add(f"o{i}[{self.place(len(self.body.inputs) + i, index)}] = v{number}")

    def repeated(self, source: Source, again: Again, depth: int) -> str:
        """The text of a kernel in which each thread has a loop at a point."""
        body, first = self.body, len(self.body.inputs)

        def row(mask: Mask) -> str:
            size = " * ".join(f"n{d}" for d, moves in enumerate(mask) if moves) or "1"
            return f"int64(v{again.index}) * ({size})"

        source.open("for i in range(cuda.grid(1), count, cuda.gridsize(1)):")
        self.coordinates(source, "i", range(depth), self.partial(range(depth)))
        for k in range(first):
            if k not in again.items:
                self.load(source, k, "i")
        source.open("while True:")
        for number in range(first, first + again.tested):
            self.compute(source, number, "i")
        source.add(f"if not v{again.test}:", "    break")
        for k in again.items:
            source.add(f"v{k} = a{k}[{row(body.inputs[k][0])} + {self.index(body.inputs[k][0], 'i')}]")
        for number in range(first + again.tested, len(body.dtypes)):
            self.compute(source, number, "i")
        for i in again.stacked:
            source.add(f"o{i}[{row((True,) * depth)} + i] = v{body.outputs[i]}")
        names, following = (", ".join(f"v{pair[j]}" for pair in again.state) for j in (0, 1))
        source.add(f"{names} = {following}")
        source.close()
        for i, number in enumerate(body.outputs):
            if i not in again.stacked:
                source.add(f"o{i}[i] = v{number}")
        source.close()
        return str(source)

    def every_member(self, source: Source, whole: str, given: Mapping[int, str] | None = None) -> None:
        """Load, compute and store everything; `given` has texts for inputs that are no loads."""
        given = given or {}
        for k in range(len(self.body.inputs)):
            if k in given:
                source.add(f"v{k} = {given[k]}")
            else:
                self.load(source, k, whole)
            self.store(source, k, whole)
        for number in range(len(self.body.inputs), len(self.body.dtypes)):
            self.compute(source, number, whole)
        for number in range(len(self.body.inputs), len(self.body.dtypes)):
            self.store(source, number, whole)


def side_by_side(body: Body, count: int, common: tuple[int, ...]) -> str:
    """A body over each of `count` sets of arrays, a thread a point; each set has whole blocks.

    (*common inputs, *the other pointers of each set, their lengths, and the block behind their last)
    """
    point = Point(body, "64")
    own = Source(["i", *point.pointers()], "update")
    point.every_member(own, "i")
    same = [f"a{k}" for k in common]
    sets = [[name if name in same else f"{name}_{j}" for name in point.pointers()] for j in range(count)]
    lengths, ends = ([f"{letter}{j}" for j in range(count)] for letter in "ne")
    source = Source([*same, *[name for names in sets for name in names if name not in same], *lengths, *ends])
    source.add("block = cuda.blockIdx.x", "first = 0")
    for j, names in enumerate(sets):
        source.open(f"if (first <= block) & (block < e{j}):")
        source.add("i = (block - first) * cuda.blockDim.x + cuda.threadIdx.x")
        source.open(f"if i < n{j}:")
        source.add(f"update({', '.join(['i', *names])})")
        source.close()
        source.close()
        source.add(f"first = e{j}")
    return f"{own}{source}"


class Epilogue:
    """What a kernel does with each number of its result, a matrix of `columns` columns: a body over rows and columns.

    raw   which inputs of the body are the number itself
    """

    def __init__(self, body: Body, raw: frozenset[int]) -> None:
        self.body, self.raw = body, raw
        self.key = (body, raw)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Epilogue) and self.key == other.key

    def pointers(self) -> list[str]:
        """The names of its pointers, inputs first; those of the numbers themselves are left out."""
        inputs = [f"a{k}" for k in range(len(self.body.inputs)) if k not in self.raw]
        return [*inputs, *[f"o{i}" for i in range(len(self.body.outputs))]]

    def define(self) -> str:
        """A function `finish(value, row, column, columns, inside, *pointers)` for one number.

        A function, since numba takes long for a kernel with as many branches as a thread has numbers.
        """
        source = Source(["value", "c0", "c1", "columns", "inside", *self.pointers()], "finish")
        source.open("if inside:")
        source.add("whole = c0 * columns + c1")
        Point(self.body, "64").every_member(source, "whole", dict.fromkeys(self.raw, "value"))
        return str(source)

    def call(self, value: str, row: str, column: str, columns: str, inside: str = "True") -> str:
        """The line for one number."""
        return f"finish({', '.join([value, row, column, columns, inside, *self.pointers()])})"


def storing(dtype: str) -> Epilogue:
    """The epilogue that only stores the number."""
    return Epilogue(Body((((True, True), dtype),), (), (0,)), frozenset({0}))
