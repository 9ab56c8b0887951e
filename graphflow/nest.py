"""`tf.nest`: nests of lists, tuples, named tuples and dicts, taken apart and put together.

Dicts are taken in the order of their sorted keys.  Anything else is a leaf, tensors and arrays included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any


def is_nested(seq: Any) -> bool:
    """Whether this is a list, tuple or dict."""
    return isinstance(seq, (list, tuple, Mapping))


is_sequence = is_nested


def flatten(structure: Any, expand_composites: bool = False) -> list:
    """The leaves of a nest, in order; [structure] for a leaf."""
    leaves: list = []
    stack = [structure]
    while stack:
        item = stack.pop()
        if is_nested(item):
            stack.extend(reversed(_children(item)))
        else:
            leaves.append(item)
    return leaves


def pack_sequence_as(structure: Any, flat_sequence: Iterable[Any], expand_composites: bool = False) -> Any:
    """A nest like `structure` with these leaves; ValueError when their number differs."""
    leaves = list(flat_sequence)
    wanted = len(flatten(structure))
    if len(leaves) != wanted:
        raise ValueError(f"the structure has {wanted} leaves and there are {len(leaves)} values: {structure!r}")
    return _packed(structure, iter(leaves))


def map_structure(func: Callable, *structure: Any, **kwargs: Any) -> Any:
    """A nest like the first with `func(leaf, leaf_of_second, ...)` for each leaf; all nests have the same structure.

    Raises: ValueError and TypeError as assert_same_structure; TypeError when `func` cannot be called.
    """
    check_types = kwargs.pop("check_types", True)
    kwargs.pop("expand_composites", None)
    if kwargs:
        raise ValueError(f"map_structure takes check_types, not {', '.join(kwargs)}")
    if not callable(func):
        raise TypeError(f"func must be callable, not {func!r}")
    if not structure:
        raise ValueError("map_structure needs at least one structure")
    for other in structure[1:]:
        assert_same_structure(structure[0], other, check_types)
    return pack_sequence_as(structure[0], [func(*leaves) for leaves in zip(*map(flatten, structure), strict=True)])


def assert_same_structure(nest1: Any, nest2: Any, check_types: bool = True, expand_composites: bool = False) -> None:
    """ValueError when two nests differ in structure, TypeError when (and `check_types`) in the types of their parts."""
    stack = [(nest1, nest2)]
    while stack:
        a, b = stack.pop()
        if is_nested(a) != is_nested(b):
            raise ValueError(f"the structures differ: {nest1!r} and {nest2!r}")
        if not is_nested(a):
            continue
        if check_types and type(a) is not type(b) and not (isinstance(a, Mapping) and isinstance(b, Mapping)):
            raise TypeError(f"the structures differ in type: {type(a).__name__} and {type(b).__name__}")
        if isinstance(a, Mapping) and isinstance(b, Mapping) and set(a) != set(b):
            raise ValueError(f"the dicts have different keys: {sorted(a)} and {sorted(b)}")
        if len(a) != len(b):
            raise ValueError(f"the structures differ: {nest1!r} and {nest2!r}")
        stack.extend(zip(_children(a), _children(b), strict=True))


def _children(item: Any) -> Sequence[Any]:
    return [item[key] for key in sorted(item)] if isinstance(item, Mapping) else item


def _packed(structure: Any, leaves: Any) -> Any:
    if not is_nested(structure):
        return next(leaves)
    parts = [_packed(part, leaves) for part in _children(structure)]
    kind: Any = type(structure)
    if isinstance(structure, Mapping):
        found = dict(zip(sorted(structure), parts, strict=True))
        return kind((key, found[key]) for key in structure)
    return kind(*parts) if hasattr(kind, "_fields") else kind(parts)
