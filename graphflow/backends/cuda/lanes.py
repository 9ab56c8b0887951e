"""The text of what a thread does with neighbours in memory: accesses of 16 bytes, and a body for each of them.

The body is a function: numba types it once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from graphflow.backends.cuda.regions import Point, Source
from graphflow.backends.cuda.vectors import ACCESS, GROUP
from graphflow.backends.space import Body
from graphflow.dtypes import as_dtype


def lanes_of(body: Body) -> int:
    """How many neighbours of what a body loads and stores go in one access; 1 where they need not lie together.

    Random draws and loops compute for longer than memory takes, and would be written out for each of the neighbours.
    """
    if body.columns or body.draws or body.again is not None:
        return 1
    first = len(body.inputs)
    moving = [dtype for mask, dtype in body.inputs if mask[-1]]
    moving += [body.dtypes[i] for i in body.outputs if i < first or not body.members[i - first].outer]
    return min(GROUP, ACCESS // max([as_dtype(dtype).size for dtype in moving], default=ACCESS))


class Group:
    """A body at `lanes` neighbours; at a single point it is written out instead of being called.

    made    the members that it computes, in order
    wanted  those of its values that are needed outside
    """

    def __init__(self, point: Point, name: str, made: Sequence[int], wanted: Iterable[int], lanes: int) -> None:
        self.point, self.name, self.made, self.lanes = point, name, made, lanes
        first = len(point.body.inputs)
        operands = {o for i in made for o in point.body.members[i - first].operands}
        self.taken = sorted(operands - set(made))
        self.wanted = [i for i in dict.fromkeys(wanted) if i in made]

    def define(self) -> str:
        """The function of one point: (*values that it takes) -> values that are wanted."""
        if self.lanes == 1 or not self.wanted:
            return ""
        source = Source([f"v{i}" for i in self.taken], self.name)
        for i in self.made:
            self.point.compute(source, i, "")
        source.add(f"return {', '.join(f'v{i}' for i in self.wanted)},")
        return str(source)

    def load(self, source: Source, k: int, whole: str, lanes: int) -> list[str]:
        """The texts of an input at each of the neighbours from `whole` on, after lines."""
        mask = self.point.body.inputs[k][0]
        if lanes > 1 and mask[-1]:
            return self.taken_from(source, k, f"a{k}", self.point.index(mask, whole), lanes)
        self.point.load(source, k, whole)
        return [f"v{k}"] * lanes

    @staticmethod
    def taken_from(source: Source, number: int, array: str, index: str, lanes: int) -> list[str]:
        """The texts of a value at each of the neighbours, after the line that loads them."""
        if lanes == 1:
            source.add(f"v{number} = {array}[{index}]")
            return [f"v{number}"]
        names = [f"v{number}_{q}" for q in range(lanes)]
        source.add(f"{', '.join(names)}, = neighbours({array}, {index}, {lanes})")
        return names

    def compute(self, source: Source, given: Mapping[int, list[str]], whole: str, lanes: int) -> dict[int, list[str]]:
        """The texts of what is given and wanted, after lines; what is not given has the same value everywhere."""
        if self.lanes == 1:
            for i in self.made:
                self.point.compute(source, i, whole)
            return {**given, **{i: [f"v{i}"] for i in self.wanted}}
        for q in range(lanes if self.wanted else 0):
            values = ", ".join(given[i][q] if i in given else f"v{i}" for i in self.taken)
            source.add(f"{''.join(f'v{i}_{q}, ' for i in self.wanted)}= {self.name}({values})")
        return {**given, **{i: [f"v{i}_{q}" for q in range(lanes)] for i in self.wanted}}

    def store(self, source: Source, texts: Mapping[int, list[str]], numbers: Iterable[int], whole: str) -> None:
        """Put those of the values where they are wanted outside."""
        for i, number in enumerate(self.point.body.outputs):
            if number in numbers and len(texts[number]) == 1:
                at = self.point.place(len(self.point.body.inputs) + i, whole)
                source.add(f"o{i}[{at}] = {texts[number][0]}")
            elif number in numbers:
                source.add(f"put(o{i}, {whole}, 1, ({', '.join(texts[number])}))")


def elementwise(body: Body, depth: int, bits: str, lanes: int) -> str:
    """(*pointers, *sizes of the loops): a thread `lanes` neighbours, which are all in one row of the last loop.

    Of a single loop a few at the end may be left: these have a thread each.
    """
    point, first = Point(body, bits), len(body.inputs)
    group = Group(point, "point", range(first, len(body.dtypes)), body.outputs, lanes)
    names = [f"n{d}" for d in range(depth)]
    source = Source([*point.pointers(), *names, *point.columns()])
    source.add(f"count = {' * '.join(names)}")
    if body.again is not None:
        return point.repeated(source, body.again, depth)
    steady = [k for k, (mask, _) in enumerate(body.inputs) if not any(mask) and k not in body.columns]
    for k in steady:
        point.load(source, k, "0")

    def at(lanes: int) -> None:
        point.coordinates(source, "i", range(depth), point.partial(range(depth)))
        given = {k: [f"v{k}"] * lanes if k in steady else group.load(source, k, "i", lanes) for k in range(first)}
        group.store(source, group.compute(source, given, "i", lanes), body.outputs, "i")

    each = f" * {lanes}" if lanes > 1 else ""
    last = f"count - {lanes - 1}" if lanes > 1 else "count"
    source.open(f"for i in range(cuda.grid(1){each}, {last}, cuda.gridsize(1){each}):")
    at(lanes)
    source.close()
    if depth == 1 and lanes > 1:
        source.add(f"i = (count & -{lanes}) + cuda.grid(1)")
        source.open("if i < count:")
        at(1)
        source.close()
    return f"{group.define()}{source}"
