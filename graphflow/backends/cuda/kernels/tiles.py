"""The text of kernels that are products of two matrices, whatever these are made from.

A block makes a tile of the result, strip by strip of k: it loads a strip of either operand to registers, computes with
the strips before, which are in shared memory, and saves those that it has loaded beside them.  Every thread keeps the
sums of a small tile in registers; its rows and columns lie in groups, which are read from shared memory together.
Every element is summed in the order of k.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

from graphflow.backends.base import Call
from graphflow.backends.cuda import shim
from graphflow.backends.cuda.launch import Launch, Pointer, Room, blocks_for, call
from graphflow.backends.cuda.regions import Epilogue, Source, storing
from graphflow.backends.cuda.vectors import ACCESS, GROUP, group_of
from graphflow.dtypes import as_dtype

# What `choose` reckons with: an H100, in cycles.
_PROCESSORS = 132
_REGISTERS, _SHARED = 2**16, 227 * 1024  # of a processor; bytes of shared memory
_LATENCY = 700  # from a load to what is computed with it
_BLOCK = 2500  # for a block to begin and to store its numbers
_MERGE = 4000  # for another launch and its first loads
_BYTES = 2000  # that go to partial sums in a cycle
_COPY = 20  # instructions for a group of neighbours
_PARTS = 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256
_MERGERS = 8  # threads, at most, that add the parts of one number


@dataclass(frozen=True)
class Tile:
    """Of a block: rows, columns, and how deep a strip is; of a thread: rows and columns."""

    m: int
    n: int
    k: int
    rows: int
    columns: int

    @property
    def threads(self) -> int:
        return self.m // self.rows * (self.n // self.columns)

    def fits(self, size: int) -> bool:
        """Whether a thread's sums fit its registers."""
        return self.rows * self.columns * size <= 256

    def resident(self, size: int) -> int:
        """How many blocks a processor has at a time, about."""
        loaded = self.k * (self.m + self.n) / self.threads
        registers = 34 + (1.25 * self.rows * self.columns + loaded) * size / 4
        shared = 2 * self.k * (self.m + self.n + 2 * GROUP) * size
        return min(int(_REGISTERS / (registers * self.threads)), _SHARED // shared, 2048 // self.threads)

    def strip(self, size: int, lanes: tuple[int, int]) -> float:
        """Cycles of a processor for a strip of a block."""
        reads = self.rows // group_of(self.rows) + self.columns // group_of(self.columns)
        sums = self.rows * self.columns * size / 4
        each = max((sums + reads) / 4, 1.5 * reads) * self.k
        copies = sum(-(-wide * self.k // (n * self.threads)) for wide, n in zip((self.m, self.n), lanes, strict=True))
        return self.threads / 32 * (each + copies * _COPY / 4)


TILES = (
    Tile(128, 128, 8, 8, 8), Tile(128, 64, 8, 8, 4), Tile(64, 64, 16, 4, 4), Tile(32, 32, 16, 2, 2),
    Tile(16, 16, 32, 1, 1), Tile(128, 48, 16, 8, 6), Tile(64, 48, 16, 4, 6), Tile(128, 24, 16, 8, 3),
    Tile(128, 24, 16, 4, 3), Tile(32, 24, 16, 2, 3), Tile(128, 16, 16, 4, 4), Tile(128, 12, 16, 4, 3),
    Tile(256, 8, 8, 4, 4), Tile(128, 8, 16, 4, 2), Tile(32, 8, 32, 2, 1), Tile(256, 4, 8, 4, 2),
)  # fmt: skip
SIMULATED_TILES = Tile(4, 4, 4, 2, 2), Tile(8, 12, 8, 8, 3), Tile(32, 16, 16, 16, 8)  # of few threads


class Operand(Hashable, Protocol):
    """Where the elements of an operand come from: those of row or column i at depth p.   Texts of functions.

    name        of its pointer, and of its shared memory
    along_k     neighbouring threads load neighbours in k
    lanes       how many neighbours lie together everywhere, aligned: they are loaded in one access
    needs       what else of the kernel the functions use
    values      what the first function finds out about i, for the second
    """

    @property
    def name(self) -> str: ...

    @property
    def along_k(self) -> bool: ...

    @property
    def lanes(self) -> int: ...

    @property
    def needs(self) -> tuple[str, ...]: ...

    @property
    def values(self) -> tuple[str, ...]: ...

    def row(self, source: Source) -> None:
        """Lines that compute the values."""

    def element(self, source: Source) -> tuple[str, str]:
        """(a condition for there being an element, where it is), after lines."""


class Rows(Hashable, Protocol):
    """Where the rows of a product lie in the result.   needs: what this depends on, besides m."""

    @property
    def needs(self) -> tuple[str, ...]: ...

    def place(self, source: Source, i: str) -> tuple[str, str]:
        """(the row of the result, a condition for there being one), after lines for row i of the product."""


@dataclass(frozen=True)
class InOrder:
    """Those of one matrix after those of the other."""

    needs: tuple[str, ...] = ("image",)

    def place(self, source: Source, i: str) -> tuple[str, str]:
        return f"image * m + {i}", f"{i} < m"


@functools.lru_cache(1024)
def product(
    tile: Tile, dtype: str, a: Operand, b: Operand, rows: Rows, parameters: tuple[str, ...], after: Epilogue | None,
    opening: tuple[str, ...],
) -> str:  # fmt: skip
    """(a, b, *pointers of the epilogue or one of partial sums, m, n, k, batch, parts, count, *parameters).

    The grid is (tiles, batch * parts); a part of k makes partial sums [parts, count, n] where there is no epilogue.
    """
    finish = storing(dtype) if after is None else after
    source = Source(["a", "b", *finish.pointers(), "m", "n", "k", "batch", "parts", "count", *parameters])
    strips = _Strip(tile, a, tile.m, "top", "m"), _Strip(tile, b, tile.n, "left", "n")
    align = f", alignment={ACCESS}" if not shim.SIMULATED else ""
    for strip in strips:
        source.add(f"s{strip.name} = cuda.shared.array({2 * strip.size}, {dtype}{align})")
    source.add(
        "t = cuda.threadIdx.x",
        f"tx = mod32(t, {tile.n // tile.columns})",
        f"ty = div32(t, {tile.n // tile.columns})",
        f"across = div32(n + {tile.n - 1}, {tile.n})",
        f"top = div32(cuda.blockIdx.x, across) * {tile.m}",
        f"left = mod32(cuda.blockIdx.x, across) * {tile.n}",
        "image = div32(cuda.blockIdx.y, parts)",
        "share = mod32(cuda.blockIdx.y, parts)",
        f"depth = div32(k + {tile.k} * parts - 1, {tile.k} * parts) * {tile.k}",
        "first = share * depth",
        "last = min(k, first + depth)",
        f"zero = {dtype}(0)",
        f"c = zeros(zero, {tile.rows * tile.columns})",
        "odd = int32(0)",  # which half of shared memory has the strip before
        *opening,
    )
    for strip in strips:
        strip.begin(source)
    source.open(f"for start in range(first, last + {tile.k}, {tile.k}):")
    for strip in strips:
        strip.load(source)
    source.open("if start > first:")
    where = [
        f"s{strip.name}, odd * {strip.size} + {thread} * {group_of(mine)}, {strip.stride}, {strip.wide}"
        for strip, thread, mine in zip(strips, ("ty", "tx"), (tile.rows, tile.columns), strict=True)
    ]
    source.add(f"c = contracted(c, {tile.rows}, {', '.join(where)}, {tile.k})")
    source.close()
    source.add("odd = int32(1 - odd)")
    for strip in strips:
        strip.save(source)
    source.add("cuda.syncthreads()")
    source.close()
    source.add("before = share * count" if after is None else "before = 0")
    given = ", ".join(["before", "left", "tx", "m", "n", *rows.needs, *finish.pointers()])
    for r in range(tile.rows):
        mine = f"piece(c, {r * tile.columns}, {tile.columns})"
        source.add(f"finish_row({mine}, top + {_place('ty', r, tile.rows, tile.m)}, {given})")
    functions = _row(a) + _load(a) + _row(b) + _load(b) + finish.define() + _finish_row(tile, rows, finish, given)
    return functions + str(source)


def _row(operand: Operand) -> str:
    """A function for what is known of row or column i."""
    source = Source(["i", *operand.needs], f"row_{operand.name}")
    operand.row(source)
    source.add(f"return {', '.join(operand.values)},")
    return str(source)


def _load(operand: Operand) -> str:
    """A function for neighbours from row or column i, of which `row` is known, and depth p < end on; else zeros."""
    source = Source(["array", "row", "p", "end", "zero", *operand.needs], f"load_{operand.name}")
    source.add(f"{', '.join(operand.values)}, = row")
    more, index = operand.element(source)
    source.add(f"return taken(array, {index}, {operand.lanes}, (p < end){more and ' & ' + more}, zero)")
    return str(source)


def _finish_row(tile: Tile, rows: Rows, finish: Epilogue, given: str) -> str:
    """A function for the numbers of row i that a thread has."""
    source = Source(["c", "i", given], "finish_row")
    row, inside = rows.place(source, "i")
    source.add(f"row = before + {row}", f"inside = {inside}", f"{''.join(f'c{q}, ' for q in range(tile.columns))} = c")
    for q in range(tile.columns):
        source.add(f"at = left + {_place('tx', q, tile.columns, tile.n)}")
        source.add(finish.call(f"c{q}", "row", "at", "n", "inside & (at < n)"))
    return str(source)


def _place(thread: str, number: int, count: int, size: int) -> str:
    """Row or column `number` of a thread within the tile: groups, those of the threads side by side."""
    group = group_of(count)
    return f"{number // group * group * (size // count)} + {thread} * {group} + {number % group}"


class _Strip:
    """What a thread copies of one operand's strips, to either half of its memory by turns.

    It copies groups of neighbours, which are loaded together.  Where the threads are a multiple of a line of groups,
    all groups of a thread have one place along the line.
    """

    def __init__(self, tile: Tile, operand: Operand, wide: int, begin: str, end: str) -> None:
        self.operand, self.tile, self.wide, self.top, self.end = operand, tile, wide, begin, end
        self.name, self.lanes = operand.name, operand.lanes
        assert wide % self.lanes == 0 and tile.k % self.lanes == 0, "groups of neighbours do not fill the tile"
        self.stride = wide + (GROUP if operand.along_k else 0)  # neighbours in k are stored to different banks
        self.size = tile.k * self.stride
        self.line = (tile.k if operand.along_k else wide) // self.lanes
        self.groups = wide * tile.k // self.lanes
        self.count = -(-self.groups // tile.threads)
        self.step = tile.threads // self.line  # from one group of a thread to its next, in lines
        self.one = tile.threads % self.line == 0

    def _at(self, q: int) -> tuple[str, str]:
        """Row and depth, in the strip, of group q of a thread."""
        own, more = (0, f" + {q * self.step}") if self.one else (q, "")
        along, across = f"{self.name}along{own}", f"{self.name}across{own}{more}"
        return (across, along) if self.operand.along_k else (along, across)

    def begin(self, source: Source) -> None:
        """What stays the same: places in the strip, and all that depends on rows alone.

        Rows beyond the end are copies of the last ones: their sums are not stored.
        """
        name, last = self.name, 1 if self.operand.along_k else self.lanes
        for q in range(self.count):
            if not q or not self.one:
                e = f"t + {q * self.tile.threads}"
                source.add(f"{name}along{q} = mod32({e}, {self.line}) * {self.lanes}")
                source.add(f"{name}across{q} = div32({e}, {self.line})")
            if not q or not self.one or self.operand.along_k:
                row = ", ".join([f"min({self.top} + {self._at(q)[0]}, {self.end} - {last})", *self.operand.needs])
                source.add(f"{name}row{q} = row_{name}({row})")
        if self.uneven:
            source.add(f"{name}last = where({self.uneven}, last, 0)")

    @property
    def uneven(self) -> str:
        """The condition for a thread's last group, where not all have one."""
        rest = self.groups - (self.count - 1) * self.tile.threads
        return f"t < {rest}" if rest < self.tile.threads else ""

    def load(self, source: Source) -> None:
        """To registers; zeros where the operand ends.   LLVM sees what is the same for several groups."""
        name = self.name
        for q in range(self.count):
            row = q if self.operand.along_k or not self.one else 0
            last = f"{name}last" if self.uneven and q == self.count - 1 else "last"
            given = [name, f"{name}row{row}", f"start + {self._at(q)[1]}", last, "zero", *self.operand.needs]
            source.add(f"{name}v{q} = load_{name}({', '.join(given)})")

    def save(self, source: Source) -> None:
        """To shared memory."""
        step = self.stride if self.operand.along_k else 1
        for q in range(self.count):
            row, depth = self._at(q)
            where = f"odd * {self.size} + ({depth}) * {self.stride} + {row}"
            line = f"put(s{self.name}, {where}, {step}, {self.name}v{q})"
            if self.uneven and q == self.count - 1:
                source.open(f"if {self.uneven}:")
                source.add(line)
                source.close()
            else:
                source.add(line)


def together(length: int, size: int) -> int:
    """How many elements of so many bytes can be loaded at once where neighbours lie in lines of this length."""
    return math.gcd(length, ACCESS // size)


@functools.lru_cache(1024)
def merge(dtype: str, after: Epilogue, mergers: int) -> str:
    """(partial sums [parts, count], *pointers of the epilogue, count, columns, parts): their sums.

    Each of `mergers` threads adds every so-manieth part, and one of them what these have.
    """
    source = Source(["part", *after.pointers(), "count", "columns", "parts"])
    side = shim.THREADS // mergers
    source.add(f"s = cuda.shared.array({shim.THREADS}, {dtype})", "t = cuda.threadIdx.x")
    source.add(f"lane = mod32(t, {side})", f"mine = div32(t, {side})")
    source.open(f"for first in range(cuda.blockIdx.x * {side}, count, cuda.gridDim.x * {side}):")
    source.add("i = first + lane", f"total = {dtype}(0)")
    source.open("if i < count:")
    source.open(f"for q in range(mine, parts, {mergers}):")
    source.add(f"total = {dtype}(total + part[q * count + i])")
    source.close()
    source.close()
    source.add("s[t] = total", "cuda.syncthreads()")
    source.open(f"if t < min(count - first, {side}):")
    for q in range(1, mergers):
        source.add(f"total = {dtype}(total + s[t + {q * side}])")
    source.add("at = i // columns", after.call("total", "at", "i - at * columns", "columns"))
    source.close()
    source.add("cuda.syncthreads()")
    return after.define() + str(source)


def choose(m: int, n: int, k: int, batch: int, dtype: str, lanes: tuple[int, int]) -> tuple[Tile, int]:
    """(the tile, the parts of k) that take the least time, about; lanes: of both operands."""
    size = as_dtype(dtype).size
    if shim.SIMULATED:
        tile = SIMULATED_TILES[2 if m * n * k * batch > 1000 else n % 3 == 0]
        return tile, 2 if m <= tile.m and n <= tile.n and batch == 1 and k > 4 * tile.k else 1
    best: tuple[float, Tile, int] | None = None
    for tile in TILES:
        if not tile.fits(size):
            continue
        blocks, strips, resident = -(-m // tile.m) * -(-n // tile.n) * batch, -(-k // tile.k), tile.resident(size)
        work = tile.strip(size, lanes)
        for parts in _PARTS:
            if parts > 1 and (2 * parts > strips or batch * parts >= 2**16):
                break
            deep, mine = -(-strips // parts), -(-blocks * parts // _PROCESSORS)
            rounds = -(-mine // resident)
            cost = max(mine * deep * work, rounds * deep * max(_LATENCY, work)) + rounds * _BLOCK
            if parts > 1:
                cost += _MERGE + parts / _MERGERS * _LATENCY / 4 + 2 * parts * m * n * batch * size / _BYTES
            if best is None or cost < best[0]:
                best = cost, tile, -(-strips // deep) if deep else 1
    assert best is not None
    return best[1], best[2]


def multiplied(
    dtype: str, a: Operand, b: Operand, pointers: Sequence[Pointer], shape: tuple[int, int, int, int],
    parameters: Sequence[tuple[str, int]], after: Epilogue, finished: tuple[Pointer, ...],
    opening: tuple[str, ...] = (), rows: Rows = InOrder(), count: int = 0,
) -> Call | None:  # fmt: skip
    """The launches of a product.

    shape       (m, n, k, batch)
    parameters  names and values of further sizes, which the texts of the operands use
    finished    the epilogue's pointers
    opening     lines before all others
    rows        where the product's rows lie among the `count` rows of the result
    """
    m, n, k, batch = shape
    if 0 in (m, n, batch) or batch >= 2**16:
        return None
    tile, parts = choose(m, n, k, batch, dtype, (a.lanes, b.lanes))
    names, values = tuple(name for name, _ in parameters), tuple(value for _, value in parameters)
    grid = (-(-m // tile.m) * -(-n // tile.n), batch * parts)
    count = count or m * batch
    sizes = (m, n, k, batch, parts, count, *values)
    if parts == 1:
        text = product(tile, dtype, a, b, rows, names, after, opening)
        return call([Launch(text, (*pointers, *finished), sizes, grid, tile.threads)])
    room = Room()
    part = room.take(dtype, parts * count * n, as_dtype(dtype).size)
    text = product(tile, dtype, a, b, rows, names, None, opening)
    mergers = min(_MERGERS, shim.THREADS // 2, 2 ** (parts.bit_length() - 1))
    blocks = blocks_for(count * n, shim.THREADS // mergers)
    return call(
        [
            Launch(text, (*pointers, part), sizes, grid, tile.threads),
            Launch(merge(dtype, after, mergers), (part, *finished), (count * n, n, parts), (blocks, 1)),
        ],
        room.nbytes,
    )
