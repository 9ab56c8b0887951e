"""How kernels report an index that is out of range: the first position wins, whatever thread is first.

The word has the position in its upper half and the index in the lower one.
"""

from __future__ import annotations


def bad_index(position: str, value: str) -> str:
    """The line that reports it in `status`."""
    return f"cuda.atomic.min(status, 0, ({position} << 32) | (max(min({value}, 2147483647), -2147483648) & 4294967295))"
