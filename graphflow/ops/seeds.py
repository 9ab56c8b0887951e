"""Seeds: what fixes the numbers of a random operation."""

from __future__ import annotations

from typing import Any

from graphflow.graph import get_default_graph

DEFAULT_GRAPH_SEED = 87654321
_LARGEST = 2**31 - 1


def set_random_seed(seed: int | None) -> None:
    """Set the seed of the default graph: operations made from now on repeat their numbers in every new session."""
    get_default_graph().seed = seed


def get_seed(op_seed: int | None) -> tuple[int | None, int | None]:
    """The pair (graph seed, op seed) for an operation made now; (None, None) when neither is set.

    With only a graph seed the op seed is the number of operations so far; with only an op seed the graph seed is
    87654321.
    """
    graph = get_default_graph()
    if graph.seed is None and op_seed is None:
        return None, None
    first = DEFAULT_GRAPH_SEED if graph.seed is None else graph.seed
    second = graph.version if op_seed is None else op_seed
    seeds = int(first) % _LARGEST, int(second) % _LARGEST
    return (0, _LARGEST) if seeds == (0, 0) else seeds  # (0, 0) in an operation means "different each time"


def seed_attrs(op_seed: int | None) -> dict[str, Any]:
    """The attributes `seed` and `seed2` of a random operation made now."""
    first, second = get_seed(op_seed)
    return {"seed": first or 0, "seed2": second or 0}


def key_of(seed: int, seed2: int) -> int:
    """The 64-bit Philox key of a pair of seeds: different for different pairs of 32-bit numbers."""
    return (seed & 0xFFFFFFFF) | (seed2 & 0xFFFFFFFF) << 32
