"""The names of TensorFlow 1.15 as data: symbols.csv, read when it is first needed.

A row is (symbol, tier, area, instead, signature).  Tier A is what most programs use, B what some do, C what graphflow
leaves out: `instead` then says what to use.  A symbol that ends in * stands for every name that starts so.
"""

from __future__ import annotations

import csv
import functools
from pathlib import Path
from typing import NamedTuple


class Symbol(NamedTuple):
    """One row of the list."""

    symbol: str
    tier: str
    area: str
    instead: str
    signature: str


@functools.cache
def listed() -> dict[str, Symbol]:
    """All rows by symbol, in the order of the file."""
    with Path(__file__).with_name("symbols.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return {row[0]: Symbol(*row) for row in rows}


def find(symbol: str) -> Symbol | None:
    """The row of a symbol, or else the longest one with a * that covers it or the module that it belongs to."""
    rows = listed()
    if symbol in rows:
        return rows[symbol]
    covering = [name for name in rows if name.endswith("*") and f"{symbol}.".startswith(name[:-1])]
    return rows[max(covering, key=len)] if covering else None


def is_namespace(symbol: str) -> bool:
    """Whether listed symbols that may exist stand below this one."""
    return any(name.startswith(f"{symbol}.") and row.tier != "C" for name, row in listed().items())
