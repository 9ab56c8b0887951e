"""The text of kernels that are products of two matrices, whatever these are made from.

A block makes a tile of the result.  It copies a strip of either operand to shared memory and, while it computes with
them, loads the next strips to registers.  Every thread keeps the sums of a small tile in registers; its rows and
columns lie in groups of four, which are read from shared memory together.  Every element is summed in the order of k.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

from graphflow.backends.base import Call
from graphflow.backends.cuda import shim
from graphflow.backends.cuda.launch import Launch, Pointer, Room, call, each_element
from graphflow.backends.cuda.regions import Epilogue, Source, storing
from graphflow.dtypes import as_dtype

_PROCESSORS = 132  # of an H100; smaller GPUs have fewer, and then more waves of blocks
_DEEP = 8  # strips, at least, of a part of k
_PARTS = 64
_GROUP = 4


@dataclass(frozen=True)
class Tile:
    """Of a block: rows, columns, and how deep a strip is; of a thread: rows and columns.   speed: against others."""

    m: int
    n: int
    k: int
    rows: int
    columns: int
    speed: float

    @property
    def threads(self) -> int:
        return self.m // self.rows * (self.n // self.columns)


TILES = (
    Tile(128, 128, 8, 8, 8, 1.0), Tile(128, 64, 8, 8, 4, 0.85), Tile(64, 64, 16, 4, 4, 0.7),
    Tile(32, 32, 16, 2, 2, 0.4), Tile(128, 16, 16, 8, 1, 0.4), Tile(64, 16, 16, 4, 1, 0.3), Tile(16, 16, 16, 1, 1, 0.2),
)  # fmt: skip
WIDE_TILES = (Tile(64, 64, 8, 4, 4, 1.0), Tile(32, 32, 8, 2, 2, 0.6), Tile(64, 16, 8, 4, 1, 0.5),
              Tile(16, 16, 8, 1, 1, 0.3))  # fmt: skip
SIMULATED_TILES = Tile(4, 4, 4, 2, 2, 1.0), Tile(32, 16, 16, 16, 8, 1.0)  # of few threads


class Operand(Hashable, Protocol):
    """Where the elements of an operand come from: those of row or column `i` at depth `p`.   Texts of a kernel.

    name        of its pointer, and of its shared memory
    along_k     neighbours in memory are neighbours in k
    """

    @property
    def name(self) -> str: ...

    @property
    def along_k(self) -> bool: ...

    def fixed(self, source: Source, i: str, mark: str) -> None:
        """Lines before the loop over k, for a row or column; `mark` makes names unique."""

    def element(self, source: Source, i: str, p: str, mark: str) -> tuple[str, str]:
        """(a condition besides i and p being inside, where the element is), after lines for depth p."""


@functools.lru_cache(1024)
def product(
    tile: Tile, dtype: str, a: Operand, b: Operand, parameters: tuple[str, ...], after: Epilogue | None,
    opening: tuple[str, ...],
) -> str:  # fmt: skip
    """(a, b, *pointers of the epilogue or one of partial sums, m, n, k, batch, parts, *parameters).

    The grid is (tiles, batch * parts); a part of k makes partial sums [parts, batch, m, n] where there is no epilogue.
    """
    finish = storing(dtype) if after is None else after
    source = Source(["a", "b", *finish.pointers(), "m", "n", "k", "batch", "parts", *parameters])
    size = as_dtype(dtype).size
    align = ", alignment=16" if size * _GROUP >= 16 and not shim.SIMULATED else ""
    source.add(
        f"sa = cuda.shared.array({tile.k * tile.m}, {dtype}{align})",
        f"sb = cuda.shared.array({tile.k * tile.n}, {dtype}{align})",
        "t = cuda.threadIdx.x",
        f"tx = t % {tile.n // tile.columns}",
        f"ty = t // {tile.n // tile.columns}",
        f"across = (n + {tile.n - 1}) // {tile.n}",
        f"top = cuda.blockIdx.x // across * {tile.m}",
        f"left = cuda.blockIdx.x % across * {tile.n}",
        "image = cuda.blockIdx.y // parts",
        f"depth = (k + {tile.k} * parts - 1) // ({tile.k} * parts) * {tile.k}",
        "first = (cuda.blockIdx.y % parts) * depth",
        "last = min(k, first + depth)",
        *opening,
    )
    strips = _Strip(source, tile, a, tile.m, "top", "m"), _Strip(source, tile, b, tile.n, "left", "n")
    for r in range(tile.rows):
        for q in range(tile.columns):
            source.add(f"c{r}_{q} = {dtype}(0)")
    for strip in strips:
        strip.load(source, "first")
    source.open(f"for start in range(first, last, {tile.k}):")
    for strip in strips:
        strip.save(source)
    source.add("cuda.syncthreads()")
    source.open(f"if start + {tile.k} < last:")
    for strip in strips:
        strip.load(source, f"start + {tile.k}")
    source.close()
    source.open(f"for p in range({tile.k}):")
    for r in range(tile.rows):
        source.add(f"x{r} = sa[p * {tile.m} + {_place('ty', r, tile.rows, tile.m)}]")
    for q in range(tile.columns):
        source.add(f"y{q} = sb[p * {tile.n} + {_place('tx', q, tile.columns, tile.n)}]")
    for r in range(tile.rows):
        for q in range(tile.columns):
            source.add(f"c{r}_{q} = {_sum(dtype, f'c{r}_{q}', f'x{r}', f'y{q}')}")
    source.close()
    source.add("cuda.syncthreads()")
    source.close()
    for r in range(tile.rows):
        source.add(f"row{r} = top + {_place('ty', r, tile.rows, tile.m)}")
    for q in range(tile.columns):
        source.add(f"column{q} = left + {_place('tx', q, tile.columns, tile.n)}")
    rows = "cuda.blockIdx.y % parts * batch * m + image * m" if after is None else "image * m"
    source.add(f"before = {rows}")
    for r in range(tile.rows):
        for q in range(tile.columns):
            inside = f"(row{r} < m) & (column{q} < n)"
            source.add(finish.call(f"c{r}_{q}", f"before + row{r}", f"column{q}", "n", inside))
    return finish.define() + str(source)


def _sum(dtype: str, c: str, x: str, y: str) -> str:
    return f"{c} + {x} * {y}" if dtype[0] == "f" else f"{dtype}({c} + {x} * {y})"


def _place(thread: str, number: int, count: int, size: int) -> str:
    """Row or column `number` of a thread within the tile: groups of four, those of the threads side by side."""
    group = min(_GROUP, count)
    threads = size // count
    return f"{number // group * group * threads} + {thread} * {group} + {number % group}"


class _Strip:
    """The elements of one operand's strip that a thread copies."""

    def __init__(self, source: Source, tile: Tile, operand: Operand, wide: int, begin: str, end: str) -> None:
        self.operand, self.tile, self.wide, self.end = operand, tile, wide, end
        self.count = -(-wide * tile.k // tile.threads)
        self.even = self.count * tile.threads == wide * tile.k
        name = operand.name
        for q in range(self.count):
            e = f"(t + {q * tile.threads})"
            across, deep = (f"{e} // {tile.k}", f"{e} % {tile.k}") if operand.along_k else (
                f"{e} % {wide}", f"{e} // {wide}")  # fmt: skip
            source.add(f"{name}w{q} = {across}", f"{name}d{q} = {deep}", f"{name}i{q} = {begin} + {name}w{q}")
            operand.fixed(source, f"{name}i{q}", f"{name}{q}")

    def load(self, source: Source, start: str) -> None:
        """To registers; zeros where the operand ends."""
        name = self.operand.name
        for q in range(self.count):
            p = f"{name}p{q}"
            source.add(f"{p} = {start} + {name}d{q}")
            more, index = self.operand.element(source, f"{name}i{q}", p, f"{name}{q}")
            inside = f"({name}i{q} < {self.end}) & ({p} < last)" + (f" & {more}" if more else "")
            if not self.even:
                inside += f" & (t + {q * self.tile.threads} < {self.wide * self.tile.k})"
            source.add(f"{name}v{q} = fetch({name}, {index}, {inside}, zero)")

    def save(self, source: Source) -> None:
        """To shared memory."""
        name = self.operand.name
        for q in range(self.count):
            line = f"s{name}[{name}d{q} * {self.wide} + {name}w{q}] = {name}v{q}"
            if self.even:
                source.add(line)
            else:
                source.open(f"if t + {q * self.tile.threads} < {self.wide * self.tile.k}:")
                source.add(line)
                source.close()


@functools.lru_cache(1024)
def merge(dtype: str, after: Epilogue) -> str:
    """(partial sums [parts, count], *pointers of the epilogue, count, columns, parts): their sums, in order."""
    source = Source(["part", *after.pointers(), "count", "columns", "parts"])
    source.open("for i in range(cuda.grid(1), count, cuda.gridsize(1)):")
    source.add("total = part[i]")
    source.open("for q in range(1, parts):")
    source.add(f"total = {dtype}(total + part[q * count + i])")
    source.close()
    source.add("at = i // columns", after.call("total", "at", "i - at * columns", "columns"))
    return after.define() + str(source)


def choose(m: int, n: int, k: int, batch: int, dtype: str) -> tuple[Tile, int]:
    """(the tile, the parts of k) that take the least time, about."""
    if shim.SIMULATED:
        tile = SIMULATED_TILES[m * n * k * batch > 1000]
        return tile, 2 if m <= tile.m and n <= tile.n and batch == 1 and k > 4 * tile.k else 1
    tiles = TILES if as_dtype(dtype).size == 4 else WIDE_TILES
    best: tuple[float, Tile, int] | None = None
    for tile in tiles:
        blocks = -(-m // tile.m) * -(-n // tile.n) * batch
        parts = max(1, min(2 * _PROCESSORS // blocks, k // (tile.k * _DEEP), _PARTS))
        waves = -(-blocks * parts // _PROCESSORS)
        cost = waves * tile.m * tile.n * (k / parts + 64) / tile.speed + parts * m * n * batch / _PROCESSORS
        if best is None or cost < best[0]:
            best = cost, tile, parts
    assert best is not None
    return best[1], best[2]


def multiplied(
    dtype: str, a: Operand, b: Operand, pointers: Sequence[Pointer], shape: tuple[int, int, int, int],
    parameters: Sequence[tuple[str, int]], opening: Sequence[str], after: Epilogue, finished: tuple[Pointer, ...],
) -> Call | None:  # fmt: skip
    """The launches of a product.

    shape       (m, n, k, batch)
    parameters  names and values of further sizes, which the texts of the operands use
    finished    the epilogue's pointers
    """
    m, n, k, batch = shape
    if 0 in (m, n, batch) or batch * _PARTS >= 2**16:
        return None
    tile, parts = choose(m, n, k, batch, dtype)
    names, values = tuple(name for name, _ in parameters), tuple(value for _, value in parameters)
    opening = (*opening, f"zero = {dtype}(0)")
    grid = (-(-m // tile.m) * -(-n // tile.n), batch * parts)
    sizes = (m, n, k, batch, parts, *values)
    if parts == 1:
        text = product(tile, dtype, a, b, names, after, opening)
        return call([Launch(text, (*pointers, *finished), sizes, grid, tile.threads)])
    room = Room()
    count = m * n * batch
    part = room.take(dtype, parts * count, as_dtype(dtype).size)
    text = product(tile, dtype, a, b, names, None, opening)
    return call(
        [
            Launch(text, (*pointers, part), sizes, grid, tile.threads),
            each_element(merge(dtype, after), (part, *finished), (count, n, parts), count),
        ],
        room.nbytes,
    )
